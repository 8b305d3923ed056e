/* SPDX-License-Identifier: Apache-2.0 */
/* instance.h - the life of one instance, from START to the launcher's report of its end. */
#ifndef EVOKE_POOL_INSTANCE_H
#define EVOKE_POOL_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/list.h"
#include "pool/channel.h"
#include "pool/launch.h"
#include "pool/pool.h"

struct group;
struct instance;
struct loop_io;
struct loop_timer;

enum inst_state {
    INST_STARTING, /* START sent */
    INST_BOOTING,  /* the process is there, its worker has not spoken */
    INST_LOADING,  /* ASSIGN sent: the code, and the initializer of a worker that says no more */
    INST_INITIALISING, /* the code is loaded, its initializer runs */
    INST_IDLE,         /* no stream is open */
    INST_FREEZING,     /* its pre_freeze hook runs */
    INST_FROZEN,
    INST_BUSY,     /* streams are open; it takes more as long as it has places */
    INST_SPENT,    /* one job was given up: it takes no more and ends with its last one */
    INST_STOPPING, /* its pre_stop hook runs */
    INST_CLOSING,  /* its socket is closed: the process is ending by itself */
    INST_DYING,    /* KILL sent */
    INST_STATES,
};

/* What the pool hears. None of these may free the instance but on_gone. */
struct instance_ops {
    void (*on_free)(void *user, struct instance *in);   /* has a place: may be given jobs inside */
    void (*on_away)(void *user, struct instance *in);   /* for a moment it has none: a hook runs */
    void (*on_doomed)(void *user, struct instance *in); /* takes no more jobs; still takes room */
    void (*on_done)(void *user, struct instance *in, struct job *job,
                    const struct job_report *report); /* the job is no longer the instance's */
    void (*on_gone)(void *user, struct instance *in); /* last call: free it here */
};

/* What all instances of a pool share. */
struct instance_env {
    struct loop *loop;
    struct launch *launch;
    uint32_t boot_timeout_ms, load_timeout_ms, freeze_after_ms;
    uint32_t cpus; /* of this host: no run takes more of them */
    const struct instance_ops *ops;
    void *user;
    const struct pool_shape *shape;
    void *shape_user;
    const struct pool_endpoint_ops *endpoint; /* NULL: nobody serves them */
    void *endpoint_user;
    uint64_t runs, cold; /* cold: first of its instance */
    uint64_t spares;     /* starts that the launcher had ready */
    uint64_t forks;      /* and those it had a zygote for */
    uint64_t freezes;
    uint64_t dropped_log_bytes; /* said while no job was there to hear it */
    bool hushed;
    uint32_t hushes;    /* so far: names the one under way */
    struct list paused; /* instance->paused: not read until it is over */
};

/* One open stream: of a job, of a hook, or of a job that was answered before its worker. */
struct lane {
    struct list node;  /* instance->opening, ->running or ->reset; oldest first */
    struct list by_id; /* instance->ids[] */
    struct job *job;   /* NULL: a hook, or answered */
    struct stream stream;
    uint64_t start_ns; /* request handed over at; until then: begun at */
    uint64_t due_ns;
    uint64_t init_ns; /* its instance was made for it */
    bool cold;
    bool http, headed; /* HEAD may come; has come */
};

struct instance {
    uint32_t magic;
    enum inst_state state;
    struct instance_env *env; /* borrowed */
    const struct fn *fn;      /* borrowed from the group */
    char id[UUID_TEXT];
    uint32_t places; /* streams at once */

    struct job *job;  /* waits for this instance to become ready; or NULL */
    enum job_end end; /* CLOSING, DYING: how its jobs end */
    struct err err;
    struct launched *launched; /* NULL once refused or exited */
    struct channel *channel;   /* owned; NULL before STARTED and after the end of it */
    uint32_t last_stream;
    uint32_t prompt;        /* the stream whose answer was there when the turn began */
    uint64_t output_batch;  /* the output was read after this read of the channel */
    uint32_t nlanes, njobs; /* open streams; those with a job */
    struct list opening;    /* lane.node: not handed over whole */
    struct list running;    /* lane.node: handed over, in this order */
    struct list reset;      /* lane.node: answered before their worker */
    struct list *ids;       /* owned: lane.by_id, by stream & mask */
    uint32_t ids_mask;
    int output, memory_peak, freezer; /* owned */
    void *endpoint;                   /* what env->endpoint made of its listener; or NULL */
    struct loop_io *output_io;
    struct loop_timer *timer;
    uint64_t timer_ns;     /* when it fires, as long as lanes are open */
    struct buf assign;     /* until it is sent */
    struct buf init_error; /* the error result of a load that failed */

    uint64_t runs;       /* jobs it was given */
    bool ready;          /* was IDLE once */
    bool ran;            /* had a job: the next is not cold */
    bool doomed;         /* on_doomed was called */
    bool stop;           /* FREEZING: end it afterwards */
    bool settled;        /* its pre_freeze hook ran since its last job */
    bool exited;         /* the launcher said so */
    bool killed;         /* and that it was killed, not ended by itself */
    bool known;          /* the pool's: it was heard of as ready */
    bool prints;         /* has written to descriptors 1 and 2 */
    struct list paused;  /* in env->paused: it is not read */
    uint32_t hush;       /* the last one in which it spoke */
    uint64_t hush_bytes; /* and what it said then */
    enum launch_how how;
    int exit_code, signal;
    uint64_t born_ns; /* asked for at */
    uint64_t load_ns; /* ASSIGN sent at */
    uint64_t end_ns;  /* we gave it up */
    uint64_t init_ns; /* of its load; for the job that waited */
    uint64_t memory_bytes;
    uint64_t memory_ns, worker_peak; /* last asked for memory; what the worker said of its own */

    /* the pool's */
    struct group *group;
    struct list node;       /* group->instances */
    struct list free_node;  /* group->starting, ->idle or ->roomy */
    struct list lru_node;   /* pool->lru */
    uint64_t idle_ns;       /* idle since */
    uint64_t charged_bytes; /* of the pool's memory */
};

/* Ask the launcher for one. job: it runs once the instance is ready; NULL: made ahead of need.
 * -EMSGSIZE: its ASSIGN document is too large; -ENOEXEC: no worker for the runtime. */
int instance_new(struct instance_env *env, const struct fn *fn, struct job *job,
                 struct instance **ret, struct err *e);
struct instance *instance_free(struct instance *in); /* kills it; its jobs must be gone */
/* Has not begun to load: its job may be given to another instance, or one be attached. */
bool instance_is_early(const struct instance *in);
bool instance_is_idle(const struct instance *in); /* IDLE or FROZEN */
/* Jobs it can be given now. */
uint32_t instance_room(const struct instance *in);
struct job *instance_detach(struct instance *in);
void instance_attach(struct instance *in, struct job *job);
/* With room only. -EMSGSIZE: the OPEN document is too large; nothing has happened then. */
int instance_run(struct instance *in, struct job *job, struct err *e);
/* The job runs, or waits for a load: it is the caller's again, or (false) ends as JOB_EXITED when
 * its instance, which was its alone, is reported dead. */
bool instance_cancel(struct instance *in, struct job *job);
/* An idle one: its pre_stop hook, then its end. */
void instance_stop(struct instance *in);
/* End it now; jobs that run on it end as JOB_EXITED. Harmless when it is ending already. */
void instance_kill(struct instance *in);
/* While hushed, whoever prints much is not read. */
void instance_hush(struct instance_env *env, bool hushed);
/* Its jobs end now, with what is known: for the end of the pool. */
void instance_abandon(struct instance *in);

#endif
