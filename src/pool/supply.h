/* SPDX-License-Identifier: Apache-2.0 */
/* supply.h - the pool from inside, for pool.c and supply.c: its parts, and where starts come from.
 */
#ifndef EVOKE_POOL_SUPPLY_H
#define EVOKE_POOL_SUPPLY_H

#include "base/err.h"
#include "pool/group.h"
#include "pool/instance.h"

enum { POOL_MAGIC = 0x504f4f4c };

/* A job that ended without an instance, until the loop can tell it. */
struct told {
    struct list node; /* pool->told */
    struct job *job;
    struct err err;
};

struct pool {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    struct pool_conf conf;
    struct instance_env env;
    struct lines lines;
    struct list lru;  /* instance.lru_node: longest idle first */
    struct list told; /* told.node */
    struct loop_timer *keep_warm, *waited;
    uint32_t ninstances, ndying;
    uint64_t njobs; /* submitted and not ended */
    uint64_t starts;
    bool deferred, dead, draining;
    void (*on_drained)(void *user);
    void *on_drained_user;
};

/* Not now: the caller is still inside pool_submit(), pool_cancel() or a callback of its own. */
void pool_end_later(struct pool *p, struct job *job, const struct err *e);
void pool_next_turn(struct pool *p);

bool supply_may_start(const struct group *g);
/* Places of starts under way that no job has yet. */
uint32_t supply_coming(const struct group *g);
/* The job has its own start now, or is to be told why not. */
void supply_start(struct group *g, struct job *job);
/* Starts for whoever waits, as far as there is room; room for the others. */
void supply_feed(struct pool *p);
/* The place a new job gets: on an instance that is busy already, else on an idle one; or NULL. */
struct instance *supply_place(const struct group *g);
/* A start that nobody waits for and that may be given a job; or NULL. */
struct instance *supply_spare(const struct group *g);
/* The oldest job whose start has not begun to load, off that start: a free place is sooner. */
struct job *supply_unbegun(const struct group *g);

#endif
