/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invoke.c - run a function and answer in one of two formats: v0, where the body is the function's
 * answer, or v1, an envelope around it.
 *
 * A function that fails is an answer, not a refusal: HTTP 200, X-Is-Func-Err true, and the failure
 * as the function's result. Only what kept it from running is an error of the API.
 */
#include "invoke/invoke.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/fg.h"

#define RUN_MAGIC 0x46475249

enum {
    ENVELOPE_MAX = 64 << 20, /* 6 MB of control bytes, each written as six */
    FAILURE_MAX = 4096,      /* a worker's own report is short; longer ones are the function's */
};

struct run_call {
    uint32_t magic;
    struct call *call;
    bool envelope; /* v1 */
    bool tail;     /* the caller wants the log */
};

/* X-Func-Err-Code and `status`: HTTP's own vocabulary, as the Go runtime has it (500, 507). */
static int status_of(enum outcome o)
{
    switch (o) {
    case OUTCOME_OK:
        return 200;
    case OUTCOME_ERROR:
    case OUTCOME_INIT_ERROR:
        return 500;
    case OUTCOME_TIMEOUT:
    case OUTCOME_INIT_TIMEOUT:
        return 408;
    case OUTCOME_TOO_LARGE:
        return 507;
    case OUTCOME_EXITED:
    case OUTCOME_MEMORY:
    case OUTCOME_PROTOCOL:
    case OUTCOME_INIT_EXITED:
    case OUTCOME_CANCELLED:
    case OUTCOMES:
        break;
    }
    return 502;
}

/* A worker sees too large an answer before we do and reports it as an error of this type. */
static bool says_too_large(struct str body)
{
    cleanup_with(json_freep) struct cJSON *tree =
            body.n <= FAILURE_MAX ? json_parse(body, NULL) : NULL;
    struct str type = STR_NONE;

    if (tree)
        (void)json_str(tree, "errorType", false, &type, NULL);
    return str_eq(type, S("FunctionResponseTooLarge"));
}

static int status_of_result(const struct invoke_result *res)
{
    if (res->run.outcome == OUTCOME_ERROR && says_too_large(res->body))
        return status_of(OUTCOME_TOO_LARGE);
    return status_of(res->run.outcome);
}

static void add_summary(struct call *c, const struct invoke_result *res)
{
    cleanup_with(buf_done) struct buf b;
    struct jw w;

    buf_init(&b, 512);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_key(&w, "duration");
    jw_fix(&w, (res->run.duration_ns + 500) / 1000, 3);
    jw_kint(&w, "billingDuration", (int64_t)res->billed_ms);
    jw_kint(&w, "memorySize", res->run.fn->memory_mb);
    jw_key(&w, "memoryUsed");
    jw_fix(&w, shape_memory(&res->run, 1000), 3);
    jw_obj_end(&w);
    call_header(c, "X-Cff-Invoke-Summary", buf_str(&b));
}

/* The last bytes, from a whole character on. */
static struct str last_of(struct str s, size_t n)
{
    if (s.n > n)
        s = str_from(s, s.n - n);
    while (s.n > 0 && ((unsigned char)s.p[0] & 0xc0) == 0x80)
        s = str_from(s, 1);
    return s;
}

static void add_headers(const struct run_call *rc, const struct invoke_result *res)
{
    struct call *c = rc->call;
    bool failed = res->run.outcome != OUTCOME_OK;
    char digits[U64_TEXT];

    call_header(c, "X-Cff-Request-Id", str_of(res->run.request_id));
    add_summary(c, res);
    call_header(c, "X-CFF-Billing-Duration", str_of_u64(res->billed_ms, digits));
    call_header(c, "X-Cff-Response-Version", rc->envelope ? S("v1") : S("v0"));
    call_header(c, "X-Func-Err-Code",
                str_of_u64(failed ? (uint64_t)status_of_result(res) : 0, digits));
    call_header(c, "X-Is-Func-Err", failed ? S("true") : S("false"));
    if (rc->tail) {
        cleanup_with(buf_done) struct buf b;

        buf_init(&b, FG_TAIL_BASE64);
        base64_encode(last_of(res->tail, FG_TAIL_HEADER), &b);
        call_header(c, "X-Cff-Function-Log", buf_str(&b));
    }
}

static void reply_envelope(const struct run_call *rc, const struct invoke_result *res)
{
    struct buf body;
    struct jw w;

    buf_init(&body, ENVELOPE_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kstrz(&w, "request_id", res->run.request_id);
    jw_kstr(&w, "result", res->body);
    jw_kstr(&w, "log", rc->tail ? res->tail : S(""));
    jw_kint(&w, "status", status_of_result(res));
    jw_obj_end(&w);
    fg_reply_json(rc->call, 200, &body);
}

/* The answer's bytes tell its type: nothing else came with them. */
static struct str type_of(struct str body)
{
    if (body.n == 0)
        return S("");
    if (json_valid(body, NULL))
        return S("application/json");
    return str_utf8(body) ? S("text/plain; charset=utf-8") : S("application/octet-stream");
}

/* It never ran. */
static void fail_start(struct call *c, int r, const struct err *e)
{
    switch (r) {
    case -EMSGSIZE:
        call_fail(c, 413, "FSS.1201", "%s", e->msg);
        return;
    case -ENOEXEC:
        call_fail(c, 424, "FSS.0424", "%s", e->msg);
        return;
    case -ENODATA:
        call_fail(c, 400, "FSS.1012", "%s", e->msg);
        return;
    case -EAGAIN:
        call_fail(c, 429, "FSS.0429", "%s", e->msg);
        return;
    default:
        call_fail_err(c, e->kind == ERR_CALLER ? "FSS.0400" : "FSS.0503", e);
    }
}

static void on_done(void *user, const struct invoke_result *res)
{
    struct run_call *rc = OBJ(user, struct run_call, RUN_MAGIC);
    struct call *c = rc->call;

    if (res->refused) {
        fail_start(c, res->refused->code, res->refused);
    } else if (res->run.outcome == OUTCOME_CANCELLED) {
        call_fail(c, 503, "FSS.0503", "the invocation was cancelled");
    } else {
        add_headers(rc, res);
        if (rc->envelope)
            reply_envelope(rc, res);
        else
            call_reply(c, 200, type_of(res->body), res->body);
    }
    rc->magic = 0;
    free(rc);
}

/* Header X-CFF-Request-Version: absent, v0 or v1. */
static bool read_format(struct call *c, bool *ret_envelope)
{
    struct str v = http_header(c->req, S("x-cff-request-version"));

    *ret_envelope = str_ieq(v, S("v1"));
    if (*ret_envelope || v.n == 0 || str_ieq(v, S("v0")))
        return true;
    call_fail(c, 400, "FSS.0400", "X-CFF-Request-Version is '%.*s', not v0 or v1", STR_ARG(v));
    return false;
}

/* Only functions with dynamic memory would heed it; a size nobody sells is refused for all. */
bool fg_memory_header_ok(struct call *c)
{
    struct str v = http_header(c->req, S("x-cff-instance-memory"));
    uint64_t mb;

    if (v.n == 0 || (str_u64(v, 1, 1 << 20, &mb) == 0 && fg_memory_ok((double)mb)))
        return true;
    call_fail(c, 406, "FSS.0406", "X-Cff-Instance-Memory is '%.*s', no memory size", STR_ARG(v));
    return false;
}

bool fg_event_ok(struct call *c, uint64_t max)
{
    size_t offset = 0;

    /* the limit first: it is the cheaper question and the clearer answer */
    if (c->req->body.n > max) {
        call_fail(c, 413, "FSS.1201", "The event has %zu bytes, %llu are allowed", c->req->body.n,
                  (unsigned long long)max);
        return false;
    }
    if (c->req->body.n > 0 && !json_valid(c->req->body, &offset)) {
        call_fail(c, 400, "FSS.0400", "the event is not JSON, from byte %zu on", offset);
        return false;
    }
    return true;
}

bool fg_enabled(struct call *c, const struct fn *f)
{
    if (f->max_instances > 0)
        return true;
    call_fail(c, 400, "FSS.1026", "the function is disabled: its concurrency is 0");
    return false;
}

void fg_invoke(struct call *c)
{
    struct fg_urn urn;
    const struct fn *f = fg_invoked(c, &urn);
    struct invoke_spec spec = {.fn = f, .request_id = c->request_id, .on_done = on_done};
    struct invocation *in;
    struct run_call *rc;
    struct run_trace trace;
    struct err e = {0};
    bool envelope;
    int r;

    if (!f || !read_format(c, &envelope) || !fg_memory_header_ok(c) ||
        !fg_event_ok(c, shape_of(DIALECT_FUNCTIONGRAPH)->payload_max) || !fg_enabled(c, f))
        return;
    rc = xnew(struct run_call);
    rc->magic = RUN_MAGIC;
    rc->call = c;
    rc->envelope = envelope;
    rc->tail = str_ieq(http_header(c->req, S("x-cff-log-type")), S("tail"));
    spec.payload = c->req->body.n > 0 ? c->req->body : S("{}");
    spec.user = rc;
    call_trace(c, &spec, &trace);
    r = invoke(c->api->invoker, &spec, &in, &e);
    if (r < 0) {
        free(rc);
        fail_start(c, r, &e);
    }
}
