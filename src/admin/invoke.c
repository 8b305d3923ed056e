/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invoke.c - run a function and say everything about the run: the answer is the function's own
 * bytes, the rest stands in headers (X-Evoke-Outcome, -Duration-Ms, -Billed-Ms, -Init-Ms, -Cold,
 * -Queue-Ms, -Start-Ms, -Instance, -Memory-Mb, -Memory-Used-Mb, -Log as base64). Status 200 means
 * that it ran, not that it succeeded.
 */
#include "invoke/invoke.h"

#include <errno.h>
#include <stdlib.h>

#include "admin/handlers.h"
#include "admin/object.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "fn/fn.h"

enum { LOG_MAX = 24 << 10 };

static double ms_between(uint64_t from_ns, uint64_t to_ns)
{
    return from_ns && to_ns > from_ns ? (double)(to_ns - from_ns) / 1e6 : 0;
}

/* Where the time before the handler went: the line, the making of an instance, its load. Whoever
 * got an instance that somebody else was waiting for has only stood in line. */
static void add_waiting(struct call *c, const struct run_facts *f)
{
    uint64_t queued_to = f->start_ns ? f->start_ns : f->run_ns ? f->run_ns : f->end_ns;

    call_headerf(c, "X-Evoke-Queue-Ms", "%.3f", ms_between(f->accepted_ns, queued_to));
    call_headerf(c, "X-Evoke-Start-Ms", "%.3f", ms_between(f->start_ns, f->load_ns));
    if (f->instance_id[0])
        call_header(c, "X-Evoke-Instance", str_of(f->instance_id));
}

static void add_run_headers(struct call *c, const struct invoke_result *result)
{
    cleanup_with(buf_done) struct buf log;
    const struct run *run = &result->run;

    call_header(c, "X-Evoke-Outcome", str_of(outcome_names[run->outcome]));
    call_headerf(c, "X-Evoke-Duration-Ms", "%.3f", (double)run->duration_ns / 1e6);
    call_headerf(c, "X-Evoke-Billed-Ms", "%llu", (unsigned long long)result->billed_ms);
    call_headerf(c, "X-Evoke-Init-Ms", "%.3f", (double)run->init_ns / 1e6);
    add_waiting(c, result->facts);
    call_header(c, "X-Evoke-Cold", run->cold ? S("true") : S("false"));
    call_headerf(c, "X-Evoke-Memory-Mb", "%u", run->fn->memory_mb);
    call_headerf(c, "X-Evoke-Memory-Used-Mb", "%.2f", (double)run->memory_bytes / (1 << 20));
    call_headerf(c, "X-Evoke-Timeout-Ms", "%u", run->fn->timeout_ms);
    /* What a function answers is never a page of ours. */
    call_header(c, "Content-Security-Policy", S("sandbox"));
    buf_init(&log, LOG_MAX);
    base64_encode(result->tail, &log);
    if (buf_ok(&log) && log.n > 0)
        call_header(c, "X-Evoke-Log", buf_str(&log));
}

static void on_done(void *user, const struct invoke_result *result)
{
    struct call *c = user; /* checked by call_...() */

    if (result->refused) {
        call_fail_err(c, NULL, result->refused);
        return;
    }
    add_run_headers(c, result);
    call_reply(c, 200, S("application/octet-stream"), result->body);
}

void admin_fail_start(struct call *c, int r, const struct fn *f, const struct err *e)
{
    char state[ADMIN_STATE_TEXT];

    switch (r) {
    case -EMSGSIZE:
        call_fail(c, 413, NULL, "%s", e->msg);
        break;
    case -EAGAIN:
        call_fail(c, 429, NULL, "%s", e->msg);
        break;
    case -ENOEXEC:
    case -ENODATA:
        call_fail(c, 409, "not_ready", "%s", admin_object_state(c->api, f, state));
        break;
    default:
        call_fail_err(c, NULL, e);
        break;
    }
}

static void fail_unknown(struct call *c, const struct fn_key *key, struct str qualifier)
{
    call_fail(c, 404, NULL, "function '%.*s' has no version or alias '%.*s'", STR_ARG(key->name),
              (int)(qualifier.n < 128 ? qualifier.n : 128), qualifier.p);
}

void admin_invoke(struct call *c)
{
    struct invoke_spec spec = {0};
    struct invocation *in = NULL;
    struct run_trace trace;
    struct str qualifier = call_query(c, S("qualifier"));
    bool async = str_eq(call_query(c, S("async")), S("true"));
    struct fn_key key;
    struct err e = {0};
    int r;

    if (!admin_function(c, &key))
        return;
    spec.fn = async ? catalog_qualified(c->api->catalog, &key, qualifier)
                    : call_resolve(c, &key, qualifier);
    if (!spec.fn) {
        fail_unknown(c, &key, qualifier);
        return;
    }
    if (async) {
        admin_invoke_async(c, spec.fn, qualifier);
        return;
    }
    spec.payload = c->req->body;
    spec.request_id = c->request_id;
    spec.on_done = on_done;
    spec.user = c;
    call_trace(c, &spec, &trace);
    r = invoke(c->api->invoker, &spec, &in, &e);
    if (r < 0)
        admin_fail_start(c, r, spec.fn, &e);
    /* else -> on_done */
}
