/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig.h - delivery over a real queue on disk, with functions, an engine and a clock played by the test.
 *
 * Linked instead of the engine: invoke(), invocation_cancel(), catalog_find_path(), shape_of().
 */
#ifndef EVOKE_TESTS_DELIVERY_RIG_H
#define EVOKE_TESTS_DELIVERY_RIG_H

#include "base/buf.h"
#include "base/list.h"
#include "delivery/delivery.h"
#include "dialect/shape.h"
#include "fn/async.h"
#include "fn/fn.h"
#include "fn/trigger.h"
#include "invoke/invoke.h"
#include "loop/loop.h"
#include "store/queue.h"

struct rig;

struct invocation { /* a run the test ends */
    struct list node;
    struct rig *rig;
    const struct fn *fn;
    char *id, *payload; /* owned */
    void (*on_done)(void *user, const struct invoke_result *r);
    void *user;
    bool cancelled, ended;
    enum outcome outcome; /* how it will end */
    int refused;
    bool untried;
    int signal, exit_code;
};

struct rig {
    struct loop *loop;
    struct queue *queue;
    struct delivery *delivery;
    struct delivery_conf conf;
    uint32_t tidy_ms; /* as in struct delivery_env */
    char *dir;
    struct fn *fns[4];
    bool gone[4];
    struct trigger triggers[2]; /* of function 0, those with a bound */
    /* How runs go. */
    void (*on_run)(struct invocation *in); /* NULL: it ends well in the next turn */
    int refuse_at_once;                    /* invoke() itself says so */
    uint32_t runs, running, most_running, broken;
    uint32_t others;    /* runs of any function that somebody waits for */
    struct list open;   /* invocation.node: not ended */
    struct buf order;   /* the first letter of each function that ran */
    struct map *counts; /* id -> runs, as a number */
    /* The last answer of delivery_... */
    bool answered;
    int r;
    char why[256];
    /* The last event looked at. */
    enum q_state state;
    uint32_t attempt;
    struct delivery_told told;
    char payload[4096], reason[1200], cause[80];
};

extern struct shape_retry rig_retry;

/* faults: percent of each, as queue_faulty.h; NULL: none. */
struct rig *rig_new(const uint32_t *faults, unsigned seed);
struct rig *rig_free(struct rig *g);
void rig_stop_delivery(struct rig *g); /* as a daemon that ends */
void rig_start_delivery(struct rig *g);
struct fn *rig_fn(struct rig *g, int i); /* "a", "b", "c", "d" */
void rig_put(struct rig *g, int i, const char *id, const char *payload);
int rig_put_wait(struct rig *g, int i, const char *id, const char *payload);
void rig_turn(struct rig *g);
void rig_until(struct rig *g, bool (*done)(struct rig *g));
/* Until so many runs are open. */
void rig_until_open(struct rig *g, uint32_t n);
/* Until the ledger has so many in this state, and as many in all. */
void rig_until_state(struct rig *g, enum q_state state, uint64_t n);
void rig_end(struct rig *g, struct invocation *in); /* now, as it says */
struct invocation *rig_first(struct rig *g);
uint32_t rig_runs_of(const struct rig *g, const char *id);
void rig_look(struct rig *g, const char *id); /* fills state, attempt, told, ... */
void rig_jump(struct rig *g, int64_t ms);     /* the clock stands else */
void rig_on_answer(void *user, int r, const struct err *e);
void rig_wait_answer(struct rig *g);

#endif
