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
    INST_LOADING,  /* ASSIGN sent: code and initializer */
    INST_IDLE,
    INST_BUSY,
    INST_CLOSING, /* its socket is closed: the process is ending by itself */
    INST_DYING,   /* KILL sent */
    INST_STATES,
};

/* What the pool hears. None of these may free the instance but on_gone. */
struct instance_ops {
    void (*on_idle)(void *user, struct instance *in);   /* may be given a job inside */
    void (*on_doomed)(void *user, struct instance *in); /* takes no more jobs; still takes room */
    void (*on_done)(void *user, struct instance *in, struct job *job,
                    const struct job_report *report); /* the job is no longer the instance's */
    void (*on_gone)(void *user, struct instance *in); /* last call: free it here */
};

/* What all instances of a pool share. */
struct instance_env {
    struct loop *loop;
    struct launch *launch;
    uint32_t boot_timeout_ms, load_timeout_ms;
    const struct instance_ops *ops;
    void *user;
    const struct pool_endpoint_ops *endpoint; /* NULL: nobody serves them */
    void *endpoint_user;
    uint64_t runs, cold;        /* cold: first of its instance */
    uint64_t spares;            /* starts that the launcher had ready */
    uint64_t dropped_log_bytes; /* said while no job was there to hear it */
};

struct instance {
    uint32_t magic;
    enum inst_state state;
    struct instance_env *env; /* borrowed */
    const struct fn *fn;      /* borrowed from the group */
    char id[UUID_TEXT];

    struct job *job;  /* it runs, or waits for this instance to become ready; or NULL */
    enum job_end end; /* CLOSING, DYING: how the job ends */
    struct err err;
    struct launched *launched; /* NULL once refused or exited */
    struct channel *channel;   /* owned; NULL before STARTED and after the end of it */
    struct stream stream;      /* BUSY */
    uint32_t last_stream;
    int output, memory_peak, freezer; /* owned */
    void *endpoint;                   /* what env->endpoint made of its listener; or NULL */
    struct loop_io *output_io;
    struct loop_timer *timer;
    struct buf assign; /* until it is sent */

    bool ran;    /* had a job: the next is not cold */
    bool sent;   /* BUSY: the request was handed over whole */
    bool exited; /* the launcher said so */
    int exit_code, signal;
    uint64_t load_ns;  /* ASSIGN sent at */
    uint64_t start_ns; /* BUSY: request handed over at; 0: it never ran */
    uint64_t end_ns;   /* the answer came, or we gave it up */
    uint64_t init_ns;  /* for the job that waited */
    uint64_t memory_bytes;

    /* the pool's */
    struct group *group;
    struct list node;      /* group->instances */
    struct list idle_node; /* group->idle */
    struct list lru_node;  /* pool->lru */
    uint64_t idle_ns;      /* idle since */
};

/* Ask the launcher for one. job is attached: it runs once the instance is ready. -EMSGSIZE: its
 * ASSIGN document is too large; -ENOEXEC: no worker for the runtime. */
int instance_new(struct instance_env *env, const struct fn *fn, struct job *job,
                 struct instance **ret, struct err *e);
struct instance *instance_free(struct instance *in); /* kills it; its job must be gone */
/* Has not begun to load: its job may be given to another instance, or one be attached. */
bool instance_is_early(const struct instance *in);
struct job *instance_detach(struct instance *in);
void instance_attach(struct instance *in, struct job *job);
/* IDLE only. -EMSGSIZE: the OPEN document is too large; nothing has happened then. */
int instance_run(struct instance *in, struct job *job, struct err *e);
/* End it now; a job that runs on it ends as JOB_EXITED. Harmless when it is ending already. */
void instance_kill(struct instance *in);
/* Its job ends now, with what is known: for the end of the pool. */
void instance_abandon(struct instance *in);

#endif
