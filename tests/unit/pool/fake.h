/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake.h - a launcher and workers played by the test, in the same loop as the pool under test.
 *
 * Only for what the real ones do not do on demand: a worker that lies, a launcher that dies. The
 * pool sees true sockets, pipes and messages.
 */
#ifndef EVOKE_TESTS_POOL_FAKE_H
#define EVOKE_TESTS_POOL_FAKE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "fn/fn.h"
#include "frame/frame.h"
#include "loop/loop.h"
#include "pool/launch.h"
#include "pool/pool.h"

struct world;

struct worker {
    struct world *world;
    struct list node; /* world->workers, in order of their START */
    struct launch_start want;
    int number;       /* 1, 2, ...: the how many-th of the world */
    bool started;     /* STARTED sent */
    bool alive;       /* EXITED not sent */
    bool killed;      /* KILL came */
    bool booted;      /* ASSIGN came */
    int chan, out;    /* owned */
    int peak;         /* owned; the file that tells memory */
    int freezer;      /* owned; the file that freezes */
    struct buf hooks; /* OPEN documents of its hooks */
    struct loop_io *io;
    struct buf in, to_host, assign, open, event;
    uint32_t stream; /* open now, 0: none; of several, the youngest */
    uint32_t opened, resets, last_reset;
    uint32_t send_left; /* credit for our DATA */
    uint64_t runs, credited;
    struct str answer; /* left to send within credit, then END */
    uint8_t answer_flags;
    struct str summary; /* payload of END */
    bool answering;
};

struct world {
    struct loop *loop;
    struct launch *launch;
    struct pool *pool;
    struct pool_conf conf;
    struct fn *fn; /* "hello", Python3.9 */
    int sock;      /* the launcher's end */
    struct loop_io *io;
    struct list workers;
    int nworkers;
    uint32_t kills;
    uint32_t spares; /* as the last WARM said */
    /* How launcher and workers behave. */
    bool refuse, silent_launcher, deaf; /* deaf: KILL is not answered by EXITED */
    int refuse_code;                    /* 0: -EAGAIN */
    int refuse_times;                   /* 0: always */
    bool no_boot, no_load, load_fails, no_credit;
    bool memory_peak, all_spare;
    uint8_t how;                          /* if not; enum launch_how */
    uint8_t freezer;                      /* enum launch_freezer; at the next launcher */
    void (*on_request)(struct worker *w); /* the host's END came; NULL: answer with the event */
    void (*on_assign)(struct worker *w);  /* NULL: READY, as the flags above say */
    void *user;
};

/* conf NULL: defaults. The launcher is connected and has said HELLO. */
struct world *world_new(const struct pool_conf *conf);
void world_free(struct world *w);
struct fn *world_fn(const char *name);
void world_turn(struct world *w); /* let everything that is ready happen */
void world_until(struct world *w, const bool *done);
/* Until the pool's figure is reached; fails the test when it is not, in due time. */
void world_until_idle(struct world *w, uint64_t n);
void world_until_workers(struct world *w, int started);
void world_until_gone(struct world *w);   /* no worker is alive */
void world_new_launcher(struct world *w); /* the old one is gone with all its workers */
struct worker *world_worker(struct world *w, int number);

void worker_start(struct worker *w); /* STARTED, for a silent launcher */
void worker_say(struct worker *w, enum frame_type type, uint8_t flags, uint32_t stream,
                struct str payload);
void worker_raw(struct worker *w, struct str bytes);
void worker_print(struct worker *w, const char *text); /* to the output pipe */
void worker_answer(struct worker *w, uint8_t flags, struct str answer, struct str summary);
void worker_exit(struct worker *w, int code, int signal, bool oom);
const char *worker_frozen(struct worker *w); /* what was written to its freezer last */
void worker_hang_up(struct worker *w);       /* closes its socket, EXITED does not come by itself */

/* A job that writes down what it hears. */
struct probe {
    struct job job;
    struct buf heard; /* "load loaded start end " */
    struct buf head, data, log;
    struct job_report report;
    struct err err;
    bool ended;
    int starts;
    char instance[64];
    struct str open;
    void (*on_log)(struct probe *p);
    void (*on_ended)(struct probe *p);
    struct world *world;
};

void probe_init(struct probe *p, struct world *w, const struct fn *fn, struct str payload);
void probe_done(struct probe *p);
void probe_submit(struct probe *p); /* must be accepted */
/* Submit and run to the end. */
void probe_run(struct probe *p, struct world *w, struct str payload);

#endif
