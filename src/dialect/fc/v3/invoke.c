/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invoke.c - InvokeFunction, synchronous and asynchronous.
 *
 * A function that fails still answers 200: X-Fc-Error-Type says so and the body is its error result.
 * Other statuses mean that the function never ran. An asynchronous call is answered once it is on disk
 * (202); its task id is the event's id.
 */
#include <errno.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "dialect/fc/v3/handlers.h"
#include "dialect/fc/v3/v3.h"
#include "dialect/shape.h"
#include "fn/fn.h"
#include "invoke/invoke.h"

struct running {
    uint32_t magic;
    struct call *call; /* borrowed; lives until its reply */
    bool tail;         /* the caller asked for the log */
};
enum { RUNNING_MAGIC = 0x46433352, LOG_RESULT_MAX = 16 << 10 };

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
    bool latest = str_ieq(str_of(run->fn->version), S("latest"));

    if (run->outcome == OUTCOME_ERROR && run->handled)
        call_header(c, "X-Fc-Error-Type", S("HandledInvocationError"));
    else if (run->outcome != OUTCOME_OK)
        call_header(c, "X-Fc-Error-Type", S("UnhandledInvocationError"));
    call_headerf(c, "X-Fc-Invocation-Duration", "%.2f", (double)run->duration_ns / 1e6);
    call_headerf(c, "X-Fc-Max-Memory-Usage", "%.2f", (double)run->memory_bytes / (1 << 20));
    call_header(c, "X-Fc-Code-Checksum", str_of(run->fn->code.digest));
    call_header(c, "X-Fc-Version-Id", latest ? S("LATEST") : str_of(run->fn->version));
    if (run->instance_id && run->instance_id[0])
        call_header(c, "X-Fc-Instance-Id", str_of(run->instance_id));
    /* What a function answers is never a page of ours. */
    call_header(c, "Content-Security-Policy", S("sandbox"));
    if (tail)
        add_log_result(c, result->tail);
}

static void fail_refused(struct call *c, const struct err *e)
{
    if (e->kind == ERR_LIMIT)
        call_fail(c, 429, "ResourceExhausted", "%s", e->msg);
    else
        call_fail(c, 500, "InternalServerError", "%s", e->msg);
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
    switch (r) {
    case -EMSGSIZE:
        call_fail(c, 400, "EntityTooLarge",
                  "payload size exceeds maximum allowed size (%llu bytes)",
                  (unsigned long long)shape_of(DIALECT_FC)->payload_max);
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

static void invoke_sync(struct call *c, const struct fn *f, bool tail)
{
    struct invocation *in = NULL;
    struct running *run = xnew(struct running);
    struct run_trace trace;
    struct err e = {0};
    struct invoke_spec spec = {.fn = f,
                               .payload = c->req->body,
                               .request_id = c->request_id,
                               .on_done = on_done,
                               .user = run};
    int r;

    *run = (struct running){.magic = RUNNING_MAGIC, .call = c, .tail = tail};
    call_trace(c, &spec, &trace);
    r = invoke(c->api->invoker, &spec, &in, &e);
    if (r < 0) {
        free(run);
        fail_start(c, r, &e);
    }
    /* else -> on_done */
}

/* "Sync" or nothing, "Async"; "None" or nothing, "Tail". False: it has replied. */
static bool read_headers(struct call *c, bool *ret_async, bool *ret_tail)
{
    struct str type = str_trim(http_header(c->req, S("X-Fc-Invocation-Type")));
    struct str log = str_trim(http_header(c->req, S("X-Fc-Log-Type")));
    bool async = str_eq(type, S("Async"));

    if (type.n && !async && !str_eq(type, S("Sync"))) {
        call_fail(c, 400, "InvalidArgument",
                  "InvocationType is set to an invalid value (allowed: Sync | Async, actual: "
                  "'%.*s')",
                  (int)(type.n < 64 ? type.n : 64), type.p);
        return false;
    }
    if (log.n && !str_eq(log, S("None")) && (async || !str_eq(log, S("Tail")))) {
        call_fail(c, 400, "InvalidArgument",
                  "LogType is set to an invalid value (allowed: %s, actual: '%.*s')",
                  async ? "None" : "Tail | None", (int)(log.n < 64 ? log.n : 64), log.p);
        return false;
    }
    *ret_async = async;
    *ret_tail = str_eq(log, S("Tail"));
    return true;
}

void fc3_invoke(struct call *c)
{
    bool async = false, tail = false;
    struct str qualifier = STR_NONE;
    struct fn_key key;
    const struct fn *f = fc3_qualified(c, &key, &qualifier);

    if (!f || !read_headers(c, &async, &tail) || !fc3_may_run(c, f))
        return;
    if (async)
        fc3_invoke_async(c, f, qualifier);
    else
        invoke_sync(c, f, tail);
}
