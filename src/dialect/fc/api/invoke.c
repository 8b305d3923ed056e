/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invoke.c - InvokeFunction. Synchronous here; an asynchronous one is an event that is put on disk
 * (task.c).
 *
 * An alias that splits its calls picks a version for each of them; X-Fc-Invocation-Service-Version
 * says which one it was.
 *
 * A function that fails still answers 200: X-Fc-Error-Type says so and the body is its error
 * result. Other statuses mean that the function never ran. When the client goes away the run goes
 * on to its end, as it does in the cloud; its answer goes nowhere.
 */
#include <errno.h>
#include <stdio.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/stateful.h"
#include "fn/fn.h"
#include "invoke/invoke.h"

struct running {
    uint32_t magic;
    struct call *call; /* borrowed; lives until its reply */
    bool tail;         /* the caller asked for the log */
};
enum { RUNNING_MAGIC = 0x46435255, LOG_RESULT_MAX = 16 << 10 };

static void fail_refused(struct call *c, const struct err *e)
{
    if (e->kind == ERR_LIMIT)
        call_fail(c, 429, "ResourceExhausted", "%s", e->msg);
    else
        call_fail(c, 500, "InternalServerError", "%s", e->msg);
}

static void add_log_result(struct call *c, struct str tail)
{
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, LOG_RESULT_MAX);
    base64_encode(tail, &text);
    if (buf_ok(&text))
        call_header(c, "X-Fc-Log-Result", buf_str(&text));
}

static void add_run_headers(struct call *c, const struct invoke_result *result, bool tail)
{
    const struct run *run = &result->run;
    struct str version = str_of(run->fn->version);

    if (qualifier_is_latest(version))
        version = S("LATEST");
    if (run->outcome == OUTCOME_ERROR && run->handled)
        call_header(c, "X-Fc-Error-Type", S("HandledInvocationError"));
    else if (run->outcome != OUTCOME_OK)
        call_header(c, "X-Fc-Error-Type", S("UnhandledInvocationError"));
    call_headerf(c, "X-Fc-Invocation-Duration", "%.2f", (double)run->duration_ns / 1e6);
    call_headerf(c, "X-Fc-Max-Memory-Usage", "%.2f", (double)run->memory_bytes / (1 << 20));
    call_header(c, "X-Fc-Code-Checksum", str_of(run->fn->code.digest));
    call_header(c, "X-Fc-Invocation-Service-Version", version);
    call_header(c, "X-Fc-Invocation-Code-Version", version);
    if (run->instance_id && run->instance_id[0])
        call_header(c, "X-Fc-Instance-Id", str_of(run->instance_id));
    /* What a function answers is never a page of ours. */
    call_header(c, "Content-Security-Policy", S("sandbox"));
    if (tail)
        add_log_result(c, result->tail);
}

static void on_done(void *user, const struct invoke_result *result)
{
    struct running *run = OBJ(user, struct running, RUNNING_MAGIC);
    struct call *c = run->call;
    bool tail = run->tail;

    run->magic = 0;
    free(run);
    if (result->refused) {
        fail_refused(c, result->refused);
        return;
    }
    add_run_headers(c, result, tail);
    call_reply(c, 200, S("application/octet-stream"), result->body);
}

static void fail_start(struct call *c, int r, const struct err *e)
{
    const struct shape_ops *shape = shape_of(DIALECT_FC);

    switch (r) {
    case -EMSGSIZE:
        call_fail(c, 400, "EntityTooLarge",
                  "payload size exceeds maximum allowed size (%llu bytes)",
                  (unsigned long long)shape->payload_max);
        break;
    case -EAGAIN:
        call_fail(c, 429, "ResourceExhausted", "%s", e->msg);
        break;
    case -ENOEXEC:
    case -ENODATA:
        call_fail(c, 412, "CAExited", "The function cannot be started. %s", e->msg);
        break;
    default:
        call_fail(c, 500, "InternalServerError", "%s", e->msg);
        break;
    }
}

/* false: it has replied. */
static bool read_headers(struct call *c, bool *ret_async, bool *ret_tail)
{
    struct str type = str_trim(http_header(c->req, S("X-Fc-Invocation-Type")));
    struct str log = str_trim(http_header(c->req, S("X-Fc-Log-Type")));
    bool async = str_eq(type, S("Async"));

    if (type.n && !async && !str_eq(type, S("Sync"))) {
        call_fail(c, 400, "InvalidArgument",
                  "InvocationType is set to an invalid value (allowed: Sync | Async, actual: "
                  "'%.*s')",
                  STR_ARG(type));
        return false;
    }
    if (log.n && !str_eq(log, S("None")) && (async || !str_eq(log, S("Tail")))) {
        call_fail(c, 400, "InvalidArgument",
                  "LogType is set to an invalid value (allowed: %s, actual: '%.*s')",
                  async ? "None" : "Tail | None", STR_ARG(log));
        return false;
    }
    *ret_async = async;
    *ret_tail = str_eq(log, S("Tail"));
    return true;
}

/* ---- the call ---- */

static void run_now(struct call *c, const struct fn *f, bool tail)
{
    struct invocation *in = NULL;
    struct invoke_spec spec = {.fn = f};
    struct running *run = xnew(struct running);
    struct run_trace trace;
    struct err e = {0};
    int r;

    *run = (struct running){.magic = RUNNING_MAGIC, .call = c, .tail = tail};
    spec.payload = c->req->body;
    spec.request_id = c->request_id;
    spec.on_done = on_done;
    spec.user = run;
    call_trace(c, &spec, &trace);
    r = invoke(c->api->invoker, &spec, &in, &e);
    if (r < 0) {
        free(run);
        fail_start(c, r, &e);
    }
    /* else -> on_done */
}

void fc_invoke(struct call *c)
{
    struct str qualifier = fc_qualifier(c->captures[0]);
    bool async = false, tail = false;
    const struct fn *f;
    struct fn_key key;
    const char *http;

    f = fc_function(c, c->captures[0], c->captures[1], &key);
    if (!f || !read_headers(c, &async, &tail))
        return;
    http = fc_http_trigger(c, &key, qualifier);
    if (http) {
        call_fail(c, 400, "InvalidArgument",
                  "Function with http trigger(name: %s) can only be invoked with http trigger URL.",
                  http);
        return;
    }
    if (async) {
        fc_task_start(c, f, qualifier, &fc_stateful_words);
        return;
    }
    f = call_resolve(c, &key, qualifier);
    if (f)
        run_now(c, f, tail);
    else
        fc_fail_no_function(c, &key);
}
