/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supply.h - the pool from inside, for pool.c and its neighbours: its parts, what comes in
 * (submit.c), where starts come from (supply.c), which instances stay (keep.c), what is done about
 * starts that fail (sick.c), who only wants to see one load (load.c), which spares the launcher
 * should have (warm.c).
 */
#ifndef EVOKE_POOL_SUPPLY_H
#define EVOKE_POOL_SUPPLY_H

#include "base/err.h"
#include "pool/group.h"
#include "pool/instance.h"

enum { POOL_MAGIC = 0x504f4f4c, WARM_ROWS = 16 };

/* A job that ended without an instance, until the loop can tell it. */
struct told {
    struct list node; /* pool->told */
    struct job *job;
    struct job_report report; /* its err: below */
    struct err err;
    struct buf body; /* an error result */
};

/* Spares of one worker; see warm.c. */
struct warm {
    const char *worker;
    uint32_t functions, spares;
    uint64_t missed_ns;
};

struct pool {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    struct pool_conf conf;
    struct instance_env env;
    struct lines lines;
    struct list lru;     /* instance.lru_node: longest idle first; reserved ones are not in it */
    struct list told;    /* told.node */
    struct list kept;    /* group.kept_node: has reserved instances */
    struct list sick;    /* group.sick_node: the last start failed */
    struct list unused;  /* group.unused_node: perhaps; looked at in the next turn */
    struct map *records; /* record.c: struct record by path */
    struct list record_order;
    struct loop_timer *keep_warm, *waited, *wake;
    uint64_t wake_ns; /* while the timer runs */
    uint32_t ninstances, ndying;
    uint64_t used_bytes, dying_bytes; /* of conf.memory_mb: all; those that end anyway */
    uint64_t njobs;                   /* submitted and not ended */
    uint64_t starts, failed_starts, evictions;
    struct warm warm[WARM_ROWS];
    uint32_t nwarm;
    bool deferred, dead, draining;
    void (*on_drained)(void *user);
    void *on_drained_user;
};

/* Not now: the caller is still inside pool_submit(), pool_cancel() or a callback of its own. */
void pool_end_later(struct pool *p, struct job *job, const struct err *e);
void pool_tell_later(struct pool *p, struct job *job, const struct job_report *report,
                     const struct err *e, struct str body);
void pool_next_turn(struct pool *p);
/* A turn at this moment at the latest. */
void pool_wake_at(struct pool *p, uint64_t ns);
/* The group may be of no use any more: looked at in the next turn. */
void pool_check_group(struct group *g);

/* ---- tell.c ---- */

void tell_job(struct pool *p, struct job *job, const struct job_report *report);
void tell_all(struct pool *p);   /* what pool_tell_later() promised */
void tell_waits(struct pool *p); /* a job waits: not for ever */
void tell_on_timer(void *user);

/* ---- submit.c ---- */

void submit_run_on(struct instance *in, struct job *job); /* it has room */

/* ---- supply.c ---- */

/* Is there room, in the function's limit and in the whole? */
bool supply_may_start(const struct group *g);
/* The same for a job that nobody waits for: not the last room while others wait. */
bool supply_may_start_later(const struct group *g);
/* Would a job that has to wait be served sooner by a start of its own? *ret_when: ask again then,
 * if not. */
bool supply_pays(const struct group *g, uint32_t waiting, uint64_t now_ns, uint64_t *ret_when_ns);
/* Places of starts under way that no job has yet. */
uint32_t supply_coming(const struct group *g);
/* The job (or NULL) has a start now, or is to be told why not. */
void supply_start(struct group *g, struct job *job);
/* Starts for whoever waits and for what is reserved, as far as there is room; room for the others. */
void supply_feed(struct pool *p);
/* The place a new job gets: on an instance that is busy already, else on an idle one; or NULL. */
struct instance *supply_place(const struct group *g);
/* A start that nobody waits for and that may be given a job; or NULL. */
struct instance *supply_spare(const struct group *g);
/* For a job somebody waits for: a start that has not begun to load, of one in the background; or NULL. */
struct instance *supply_overtake(const struct group *g);
/* The oldest job whose start has not begun to load, off that start: a free place is sooner. */
struct job *supply_unbegun(const struct group *g);
/* A job of another revision has waited longer, and only an end of one of ours makes room for it. */
bool supply_owed_to_kin(const struct group *g);
uint64_t supply_limit_bytes(const struct fn *fn); /* what an instance may take */

/* ---- keep.c ---- */

/* Where its free places, if it has any, are found. */
void keep_file(struct instance *in);
void keep_unfile(struct instance *in);
void keep_forget(struct instance *in); /* gone: takes no memory */
void keep_doomed(struct instance *in);
void keep_reserve(struct group *g, uint32_t reserved);
/* Stop the longest idle one of all; false: there is none that may go. */
bool keep_evict(struct pool *p);
void keep_on_timer(void *user);

/* ---- sick.c ---- */

/* It ends; if it was of no use to anybody, the next one without a job has time. */
void sick_doomed(struct group *g, const struct instance *in);
/* It is gone: if that was a failed start, remember, and tell those who wait. */
void sick_note(struct group *g, struct instance *in);
void sick_cured(struct group *g);
/* Backing off: the job hears at once how the last start failed. */
bool sick_tell(struct group *g, struct job *job);
bool sick_backs_off(const struct group *g);
bool sick_holds_back(const struct group *g); /* one start is tried, and no other */
/* When the next start without a job may be made. */
uint64_t sick_retry_ns(const struct group *g);
void sick_turn(struct pool *p); /* forget what is long ago */

/* ---- load.c: jobs that only want to know whether an instance loads ---- */

/* One has loaded, or is starting: the job has its answer, or shares that start. False: neither. */
bool load_join(struct group *g, struct job *job);
void load_there(struct instance *in, struct job *job); /* here is one that has loaded */
void load_came(struct instance *in);                   /* to those who share starts */
void load_failed(struct group *g, const struct instance *in);
void load_end_all(struct group *g, const struct err *e);
/* False: it waits in the line, as others do. */
bool load_leave(const struct pool *p, struct job *job);

/* ---- warm.c ---- */

void warm_count(struct pool *p, const struct fn *fn, int change);
void warm_started(struct pool *p, const struct fn *fn, bool spare);
void warm_turn(struct pool *p);
void warm_say(struct pool *p);

#endif
