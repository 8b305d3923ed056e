/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - instances of functions: enough warm ones, and not one more. A job waits until an
 * instance of its function's revision is ready, runs on it, and hears what came back. The pool
 * knows frames and the launcher; it knows neither HTTP nor a cloud: what it sends a worker it gets
 * as text from the job.
 */
#ifndef EVOKE_POOL_POOL_H
#define EVOKE_POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/str.h"

struct buf;
struct err;
struct fn;
struct instance;
struct launch;
struct loop;
struct pool; /* every function's instances */

struct pool_conf {
    uint32_t instances;       /* of all functions at once. default 1000 */
    uint32_t keep_warm_ms;    /* how long an idle instance is kept. default 60000 */
    uint32_t memory_mb;       /* of all instances at once; 0: no bound. default 0 */
    uint32_t waiting;         /* jobs waiting per function. default 1000 */
    uint32_t wait_timeout_ms; /* how long a job waits for an instance at most. default 60000 */
    uint32_t freeze_after_ms; /* an idle instance is frozen; 0: never. default 300 */
    uint32_t boot_timeout_ms; /* START to the worker's first READY. default 20000 */
    uint32_t
            load_timeout_ms; /* to load the code; an initializer's own time on top. default 10000 */
};

/* How a job ended. */
enum job_end {
    JOB_DONE,  /* END from the worker; on_data has delivered the answer */
    JOB_ERROR, /* the same, flagged as error result */
    JOB_TIMEOUT,
    JOB_EXITED,
    JOB_MEMORY,
    JOB_PROTOCOL,
    JOB_TOO_LARGE,
    JOB_INIT_ERROR, /* on_data has delivered the error result */
    JOB_INIT_TIMEOUT,
    JOB_INIT_EXITED,
    JOB_NO_START, /* no instance could be made; err says why (ERR_HOST, ERR_LIMIT) */
};

struct job_report {
    enum job_end end;
    uint64_t duration_ns;  /* request handed over -> end; 0 if it never ran */
    uint64_t init_ns;      /* load + initialise of the instance, if this job waited for it */
    bool cold;             /* first job of its instance */
    bool handled;          /* JOB_ERROR: the worker says it was reported, not raised */
    uint64_t memory_bytes; /* peak of the instance so far, 0 = unknown */
    uint64_t cpu_ns;       /* CPU time of the run, as its worker tells it, 0 = unknown */
    int exit_code, signal;
    const struct err *err; /* JOB_NO_START, JOB_PROTOCOL */
    uint32_t
            failures; /* not 0: it was not tried. So many starts in a row failed, the last like this */
    uint64_t retry_ms; /* and the next is tried after this time */
};

/* What the pool cannot know of a function, because clouds differ in it. */
struct pool_make {
    uint8_t layout;      /* enum launch_layout */
    uint32_t cpu_millis; /* of a CPU: the quota where the function asks for one */
};
struct pool_shape {
    /* How an instance is made, and its ASSIGN document. */
    void (*make)(void *user, const struct fn *fn, const char *instance_id, struct pool_make *ret,
                 struct buf *assign);
    /* The OPEN document of a hook: "pre_stop", "pre_freeze". */
    void (*hook)(void *user, const struct fn *fn, const char *instance_id, const char *hook,
                 struct buf *open);
    /* Said while no job was there to hear it, by a hook (its name) or after an answer (NULL). May be
     * NULL. */
    void (*stray)(void *user, const struct fn *fn, const char *instance_id, const char *hook,
                  struct str text);
    /* Its code is not where it should be: get it there, then pool_keep() again. Or NULL. */
    void (*lost_code)(void *user, const struct fn *fn);
};

/* The load of the instance a job waits for. */
struct job_load {
    bool end;              /* false: it begins */
    uint64_t born_ns;      /* the instance was asked for, CLOCK_MONOTONIC */
    uint64_t took_ns;      /* of the load, at its end */
    uint64_t memory_bytes; /* 0: unknown */
};

struct job_ops {
    /* The OPEN document; asked when an instance is about to run this job. */
    void (*open)(void *user, const char *instance_id, struct buf *out);
    void (*on_start)(void *user, const char *instance_id,
                     bool cold); /* before any on_log, on_data of the run */
    /* cold: around load + initializer */
    void (*on_load)(void *user, const char *instance_id, const struct job_load *load);
    /* Of an HTTP handler's answer, before its first on_data: what HEAD says, unread. Needed where
     * job.http is set. */
    void (*on_head)(void *user, struct str json);
    void (*on_data)(void *user, struct str bytes);
    void (*on_log)(void *user, struct str text);
    void (*on_end)(void *user,
                   const struct job_report *report); /* last call; job may be freed in it */
};

struct lane;
struct job {             /* embedded in the caller's object */
    const struct fn *fn; /* referenced by the caller for the job's life */
    const struct job_ops *ops;
    void *user;
    struct str payload;  /* borrowed until on_end */
    uint64_t answer_max; /* bytes; more is JOB_TOO_LARGE */
    /* Runs nothing: JOB_DONE as soon as an instance is there that has loaded; on_start then only
     * says which, open is not asked. Several at once share a start. See load.c. */
    bool load_only;
    bool http;       /* its OPEN tells of an HTTP request, so HEAD may come */
    bool background; /* nobody waits for it: it runs where it is in nobody's way (supply.c) */
    /* the pool's */
    struct list node, wait_node;
    uint64_t wait_ns;          /* waits since */
    struct instance *instance; /* NULL while waiting */
    struct lane *lane;         /* NULL before it runs */
};

struct pool *pool_new(struct loop *l, struct launch *la, const struct pool_conf *conf);
/* Kills everything: running jobs end with JOB_EXITED, waiting ones with JOB_NO_START, inside this
 * call. Not from inside a callback of the pool. */
struct pool *pool_free(struct pool *p);
void pool_conf_default(struct pool_conf *conf);
/* From now on. What is over a lower limit goes as soon as it is idle; of running jobs and those that
 * wait already none is refused. */
void pool_configure(struct pool *p, const struct pool_conf *conf);
/* Before the first job. */
void pool_set_shape(struct pool *p, const struct pool_shape *shape, void *user);

/* 0: on_end will come, exactly once, never before this returns (open and on_start may: a warm
 * instance takes the job at once). -EAGAIN: the function's queue is full; -ESHUTDOWN: draining. */
int pool_submit(struct pool *p, struct job *job, struct err *e);
/* The caller no longer wants the answer: on_end comes soon. A job alone on its instance ends as
 * JOB_EXITED, with its instance; else as JOB_NO_START, and its instance ends with the others. */
void pool_cancel(struct pool *p, struct job *job);
/* The function changed or is gone: idle instances up to this revision end now, busy ones after
 * their job. A job of a newer revision does the same to the older ones. */
void pool_retire(struct pool *p, const struct fn *before);
/* From now on fn->reserved instances are kept ready, jobs or not, until the function changes. Its
 * code must be in place. */
void pool_keep(struct pool *p, const struct fn *fn);
/* One function more (1) or less (-1) of this runtime is known: for the launcher's spares. */
void pool_know(struct pool *p, const struct fn *fn, int change);
void pool_hello(struct pool *p); /* a new launcher: it is told what the old one knew */
/* The logs cannot keep up: while hushed, an instance that prints more than a little is not read, so
 * that it waits. Its deadlines stand; others are heard as ever. */
void pool_hush(struct pool *p, bool hushed);
/* Take no more jobs; on_drained when none is left and idle instances have
 * had their pre_stop hooks. */
void pool_drain(struct pool *p, void (*on_drained)(void *user), void *user);

/* Every instance may have a listening socket on its own loopback: the way to our endpoints. */
struct pool_endpoint_ops {
    /* listener is taken. What is returned is given back at the instance's end; NULL: nothing. */
    void *(*open)(void *user, const struct fn *fn, const char *instance_id, int listener);
    /* It is being killed: what it asked for is of no use to anybody. May be NULL; close() follows. */
    void (*shut)(void *user, void *handle);
    void (*close)(void *user, void *handle);
};
/* Before the first job. Without it these sockets are closed. */
void pool_serve_endpoints(struct pool *p, const struct pool_endpoint_ops *ops, void *user);

struct pool_stats {
    uint64_t starts, spares, forks, cold, runs, idle, busy, starting, waiting;
    uint64_t frozen, freezes;             /* frozen ones are idle too */
    uint64_t reserved;                    /* instances that functions have reserved */
    uint64_t failed_starts, backing_off;  /* starts; functions */
    uint64_t evictions;                   /* idle ones that made room for others */
    uint64_t memory_bytes, memory_budget; /* what instances count for; 0: no bound */
    uint64_t dropped_log_bytes;           /* printed while no run was there to hear it */
};
void pool_stats(const struct pool *p, struct pool_stats *ret);
/* Instances of a function that are there now, of whatever revision. */
uint32_t pool_ready(const struct pool *p, const struct fn *fn);
/* Ids of those that have loaded, of its version; borrowed. */
void pool_each_instance(const struct pool *p, const struct fn *fn,
                        void (*each)(void *user, const char *id), void *user);

#endif
