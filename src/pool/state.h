/* SPDX-License-Identifier: Apache-2.0 */
/* state.h - what a function's instances are doing, and how its last starts went: for those who
 * want to know why. Nothing here changes anything. */
#ifndef EVOKE_POOL_STATE_H
#define EVOKE_POOL_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "pool/pool.h"

enum { POOL_STARTS = 16 };

/* One start, ready or failed. */
struct pool_start {
    int64_t wall_ms;  /* asked for at */
    uint64_t took_ns; /* until it was ready, or given up */
    const char *how;  /* "spare": a process was ready; "zygote": one to fork from; "demand" */
    bool ok;
    enum job_end end; /* not ok: how a job that waited for it ended */
    int exit_code, signal;
    const char *message; /* not ok: a sentence, or the error result of the function; else NULL */
};

/* What a function takes now, of whatever version and revision. */
struct pool_use {
    uint32_t instances; /* that are there or come; dying ones are not counted */
    uint32_t busy, idle, starting;
    uint32_t running;      /* jobs */
    uint32_t waiting;      /* jobs without an instance that runs them */
    uint64_t memory_bytes; /* peaks of its instances, summed */
};

struct pool_state {
    struct pool_use use;
    uint32_t reserved;
    uint32_t failures; /* starts in a row; 0: the last one went well, or none was tried */
    uint64_t retry_ms; /* the next is tried after this time; 0: with the next job */
    uint64_t oldest_wait_ns;
    uint32_t nstarts;
    struct pool_start starts[POOL_STARTS]; /* newest first; messages: valid until the next turn */
};

struct pool_instance { /* views valid during the call */
    const char *id;
    const char *version; /* of the function: "latest" is one */
    const char *state;   /* "starting", "loading", "idle", "frozen", "busy", "ending" */
    uint64_t revision;
    uint64_t age_ns, idle_ns; /* idle_ns: 0 unless it is idle */
    uint64_t runs;
    uint32_t running;
    uint64_t memory_bytes; /* peak; 0: unknown */
};

/* path: fn_key_path(). All zero for a function that has nothing here. */
void pool_use(const struct pool *p, struct str path, struct pool_use *ret);
/* Everything, and each instance, youngest last (each may be NULL). */
void pool_state(const struct pool *p, struct str path, struct pool_state *ret,
                void (*each)(void *user, const struct pool_instance *in), void *user);
/* Every function that has an instance or a waiting job. */
void pool_each_use(const struct pool *p,
                   void (*each)(void *user, struct str path, const struct pool_use *use),
                   void *user);
/* The longest wait of all jobs that have no instance. */
uint64_t pool_oldest_wait_ns(const struct pool *p);
/* The function is gone for good: its starts are of no interest any more. */
void pool_forget(struct pool *p, const struct fn *fn);

#endif
