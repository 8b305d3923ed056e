/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invoke.h - one run of one function: from an event's bytes to answer, summary and log tail. The
 * only place where engine (pool) and dialect shape meet.
 */
#ifndef EVOKE_INVOKE_INVOKE_H
#define EVOKE_INVOKE_INVOKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/str.h"
#include "dialect/shape.h"
#include "observe/run.h"

struct cJSON;
struct catalog;
struct err;
struct fn;
struct invocation; /* opaque */
struct invoker;    /* opaque: everything an invocation needs */
struct loop;
struct pool;
struct role_root;

struct invoker *invoker_new(struct loop *l, struct catalog *catalog, struct pool *pool);
/* Functions with a role are given keys from now on. */
void invoker_set_roles(struct invoker *iv, const struct role_root *root);
/* Runs under way end refused, or as the pool ends them; its memory goes with the last of them. To
 * be freed before the catalog; the pool may go before or after. */
struct invoker *invoker_free(struct invoker *iv);

/* Before the first run; at most RUN_WATCHES. */
void invoker_watch(struct invoker *iv, const struct run_watch *w, void *user);

/* The function has reserved instances: they are kept ready from now on, until it changes. */
void invoker_keep(struct invoker *iv, const struct fn *fn);

struct invoke_result {
    struct run run; /* outcome, durations, memory; views valid during on_done */
    uint64_t billed_ms;
    struct str body; /* the function's answer or the error result */
    struct str head; /* of an HTTP handler: {"status":200,"headers":[["name","value"],...]}; else
                        STR_NONE */
    struct str
            tail; /* the last bytes of its log, whole UTF-8 characters, at most shape->tail_bytes */
    const struct run_facts *facts; /* when what happened; instance */
    const struct err *refused; /* not NULL: it never ran (limit, host); run.outcome is CANCELLED */
    bool untried;      /* it never ran: starts fail, and the answer is that of the last one */
    uint64_t retry_ms; /* untried: the next start is tried after this time */
};

struct invoke_spec {
    const struct fn *fn;    /* referenced for the run */
    struct str payload;     /* copied unless `owned` */
    struct buf *owned;      /* taken instead of payload, or NULL; untouched on failure */
    const char *request_id; /* NULL: a new uuid */
    enum run_trigger trigger;
    uint64_t received_ns;          /* CLOCK_MONOTONIC; 0: not over HTTP */
    uint64_t whole_ns;             /* its body was complete; 0: likewise */
    const struct run_trace *trace; /* NULL: no trace context came with it */
    /* Runs nothing: OK as soon as an instance is there that has loaded. No watcher hears of it, but
     * of what is printed while it loads. */
    bool load_only;
    bool background; /* nobody waits for it: those for whom somebody does are run first */
    /* The function is an HTTP handler and payload the body: what OPEN tells of the request
     * (docs/protocol/frames.md). Copied. NULL: an event. */
    const struct shape_http *http;
    void (*on_done)(
            void *user,
            const struct invoke_result *result); /* exactly once, never before invoke() returns */
    void *user;
};

/* 0, or negative with e: -EMSGSIZE payload over the shape's limit, -ENOEXEC no worker for this
 * runtime, -ENODATA the function has no code, -EAGAIN queue full. on_done is not called then. */
int invoke(struct invoker *iv, const struct invoke_spec *spec, struct invocation **ret,
           struct err *e);
/* Runs of the function that are under way or wait for an instance, whoever asked for them. */
uint32_t invoker_runs_of(const struct invoker *iv, struct str path);
const char *invocation_id(const struct invocation *in);
/* The caller is gone: the run goes on to its end as the clouds do; on_done is not called any more.
 */
void invocation_forget(struct invocation *in);
/* It is to end now: on_done comes soon, unless it was forgotten. One that is alone on its instance ends
 * with it, as EXITED; else, and before it runs, it is refused with -ECANCELED. */
void invocation_cancel(struct invocation *in);

/* ---- HTTP handlers, where nobody waits: http.c ---- */

struct invoke_http { /* a request out of an event; texts lie in the event or in the tree */
    struct shape_http http;
    struct str body;
    struct cJSON *tree; /* owned */
};
/* What OPEN tells of the request, and its body, as one event's bytes. */
void invoke_http_pack(const struct shape_http *http, struct str body, struct buf *out);
/* 0; -ENOENT: it is an event like any other; -EINVAL: it is damaged. */
int invoke_http_unpack(struct str event, struct invoke_http *ret);
void invoke_http_done(struct invoke_http *h);

#endif
