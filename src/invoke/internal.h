/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - the invoker from inside, for invoke.c and its neighbours. */
#ifndef EVOKE_INVOKE_INTERNAL_H
#define EVOKE_INVOKE_INTERNAL_H

#include "base/buf.h"
#include "base/crypto.h"
#include "base/err.h"
#include "invoke/invoke.h"
#include "invoke/tail.h"
#include "observe/run.h"
#include "observe/trace/trace.h"
#include "pool/pool.h"
#include "sign/role.h"

enum {
    INVOKER_MAGIC = 0x494e564b,
    INVOCATION_MAGIC = 0x494e564e,
    HEAD_MAX = 16 * 1024,  /* of an HTTP handler's answer: FRAME_MAX_HTTP_HEAD */
    LINES_MAX = 64 * 1024, /* the platform's own log lines at one point of a run */
};

struct invoker {
    uint32_t magic;
    struct loop *loop;       /* borrowed */
    struct catalog *catalog; /* borrowed */
    struct pool *pool;       /* borrowed */
    struct map *ready;       /* invoke_code_name() -> itself: its directories were seen */
    struct role_root roles;  /* what the keys of roles are derived from */
    bool has_roles;
    struct {
        const struct run_watch *ops; /* borrowed */
        void *user;
    } watches[RUN_WATCHES];
    uint32_t nwatches;
    size_t live; /* its owner and the invocations: each holds it */
    bool closing;
};

struct invocation {
    uint32_t magic;
    struct invoker *iv;
    const struct shape_ops *shape;
    const struct fn *fn; /* shared */
    char *request_id;    /* owned */
    char *tracestate;    /* owned; of the caller, or NULL */
    char traceparent[TRACE_PARENT];
    char instance_id[UUID_TEXT];
    struct buf payload, body, head;
    struct shape_http *http; /* owned; NULL: an event */
    struct tail tail;
    struct run run;
    struct run_facts facts;
    void *watched[RUN_WATCHES];
    struct role_keys *role; /* owned; NULL: the function has no role */
    struct shape_keys keys; /* views into it */
    struct job job;
    struct err refused;
    bool started, code_retried, load_only, background;
    bool submitted; /* the pool has the job, and has not ended it */
    bool cancelled;
    uint64_t untried_ms; /* starts fail: the next one comes after this time; 0: it was tried */
    void (*on_done)(void *user, const struct invoke_result *result); /* NULL: forgotten */
    void *user;
};

/* Keys of the function's role, derived into *role; views of them. NULL: it has none. */
const struct shape_keys *invoke_keys(const struct invoker *iv, const struct fn *fn,
                                     struct role_keys *role, struct shape_keys *ret);

/* ---- invoke.c: each ends the invocation, or sends it on its way; it may be gone then ---- */

void invocation_answer(struct invocation *in);
void invocation_refuse(struct invocation *in);     /* in->refused says why */
void invocation_ready_code(struct invocation *in); /* then to the pool */

/* In one piece of memory, with all that OPEN tells of it; to be freed. http.c */
struct shape_http *invoke_copy_http(const struct shape_http *http);

extern const struct job_ops invoke_job_ops; /* hear.c; user: the invocation */

/* ---- watch.c: each watcher in turn; watched[] is what their begin returned ---- */

void watch_begin(const struct invoker *iv, const struct run_facts *f, void *watched[RUN_WATCHES]);
void watch_log(const struct invoker *iv, const struct run_facts *f, void *const *watched,
               struct str text);
void watch_end(const struct invoker *iv, const struct run_facts *f, void *const *watched);
void watch_stray(const struct invoker *iv, const struct fn *fn, const char *instance_id,
                 const char *hook, struct str text);
/* What is known when it begins; request_id may be "". */
struct run_facts watch_facts(const struct invoke_spec *spec, const char *request_id);
/* f, ended as refused. */
const struct run_facts *watch_refusal(struct run_facts *f, const struct err *e);
/* Asked for and refused at once. */
void watch_refused(const struct invoker *iv, const struct invoke_spec *spec, const struct err *e);

void invoker_unhold(struct invoker *iv);
extern const struct pool_shape invoke_pool_shape; /* user: the invoker */

/* Names what has to be in the code cache for fn: its package, and the union of its layers. */
enum { INVOKE_CODE_NAME = 2 * SHA256_HEX };
struct str invoke_code_name(const struct fn *fn, char out[INVOKE_CODE_NAME]);

#endif
