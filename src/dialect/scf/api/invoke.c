/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invoke.c - Invoke and InvokeFunction: a function is run, or its event is accepted.
 *
 * A function that fails is an answer: its error result is RetMsg, the sentence in it ErrMsg, and its
 * number InvokeResult. Only what kept it from running is an error of the API. Of an asynchronous call
 * the answer means that the event is on disk; its Result has the id and nothing else.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "delivery/delivery.h"
#include "dialect/scf/api/function.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/page.h"
#include "dialect/scf/api/scf_api.h"
#include "dialect/shape.h"
#include "fn/fn.h"
#include "invoke/invoke.h"

enum {
    RUNNING_MAGIC = 0x53434652,
    RESULT_MAX = 64 << 20, /* 6 MB of control bytes, each written as six */
    FAILURE_MAX = 64 << 10,
    ROUTING_KEY_MAX = 1024,
};

struct running {
    uint32_t magic;
    struct call *call; /* borrowed; lives until its reply */
    bool tail;         /* the caller asked for the log */
};

/* ---- the answer ---- */

/* What the error result says for people, and its number. */
static void put_failure(struct jw *w, struct str body)
{
    cleanup_with(json_freep) struct cJSON *tree =
            body.n <= FAILURE_MAX ? json_parse(body, NULL) : NULL;
    struct str message = S("user code exception caught");
    int64_t status = 430;

    if (cJSON_IsObject(tree)) {
        (void)json_str(tree, "errorMessage", false, &message, NULL);
        (void)json_int(tree, "statusCode", false, 0, 999, &status, NULL);
    }
    jw_kstr(w, "ErrMsg", message);
    jw_kint(w, "InvokeResult", status);
}

static void put_result(struct jw *w, const struct invoke_result *res, bool tail)
{
    const struct run *run = &res->run;

    jw_key(w, "Result");
    jw_obj(w);
    jw_kstr(w, "Log", tail ? res->tail : S(""));
    jw_kstr(w, "RetMsg", res->body);
    if (run->outcome == OUTCOME_OK) {
        jw_kstrz(w, "ErrMsg", "");
        jw_kint(w, "InvokeResult", 0);
    } else {
        put_failure(w, res->body);
    }
    jw_kint(w, "MemUsage", (int64_t)run->memory_bytes);
    jw_key(w, "Duration");
    jw_fix(w, (run->duration_ns + 500) / 1000, 3);
    jw_kint(w, "BillDuration", (int64_t)res->billed_ms);
    jw_kstrz(w, "FunctionRequestId", run->request_id);
    jw_obj_end(w);
}

/* It never ran. */
static void fail_start(struct call *c, int r, const struct err *e)
{
    static const struct {
        int r;
        const char *code;
    } codes[] = {
            {-EMSGSIZE, "InvalidParameter.RequestTooLarge"},
            {-ENOEXEC, "InvalidParameterValue.Runtime"},
            {-ENODATA, "InvalidParameterValue.Code"},
            {-EAGAIN, "RequestLimitExceeded"},
            {-ENOBUFS, "RequestLimitExceeded"},
    };

    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].r == r) {
            call_fail(c, r == -EAGAIN ? 429 : 400, codes[i].code, "%s", e->msg);
            return;
        }
    call_fail(c, e->kind == ERR_LIMIT ? 429 : 500,
              e->kind == ERR_LIMIT ? "RequestLimitExceeded" : "FailedOperation.InvokeFunction",
              "%s", e->msg);
}

static void on_done(void *user, const struct invoke_result *res)
{
    struct running *run = OBJ(user, struct running, RUNNING_MAGIC);
    struct call *c = run->call;
    bool tail = run->tail;
    struct scf_answer a;

    run->magic = 0;
    free(run);
    if (res->refused) {
        fail_start(c, res->refused->code, res->refused);
        return;
    }
    scf_begin(&a, RESULT_MAX);
    put_result(&a.w, res, tail);
    scf_send(c, &a);
}

static void on_accepted(void *user, int r, const struct err *e)
{
    struct call *c = user;
    struct scf_answer a;

    if (r < 0 && r != -EEXIST) {
        fail_start(c, r, e);
        return;
    }
    scf_begin(&a, SCF_BODY_SMALL);
    jw_key(&a.w, "Result");
    jw_obj(&a.w);
    jw_kstrz(&a.w, "Log", "");
    jw_kstrz(&a.w, "RetMsg", "");
    jw_kstrz(&a.w, "ErrMsg", "");
    jw_kint(&a.w, "MemUsage", 0);
    jw_kint(&a.w, "Duration", 0);
    jw_kint(&a.w, "BillDuration", 0);
    jw_kint(&a.w, "InvokeResult", 0);
    jw_kstrz(&a.w, "FunctionRequestId", c->request_id);
    jw_obj_end(&a.w);
    scf_send(c, &a);
}

/* ---- the question ---- */

static struct str find_routing(void *user, enum alias_part part, struct str key)
{
    const struct cJSON *keys = user, *v;

    cJSON_ArrayForEach(v, keys)
    {
        if (part == ALIAS_ROUTING_KEY && str_eq(str_of(v->string), key))
            return cJSON_IsString(v) ? str_of(v->valuestring) : STR_NONE;
    }
    return STR_NONE;
}

/* The record to run: RoutingKey decides where an alias has rules. NULL: it has replied. */
static const struct fn *target(struct call *c, const struct cJSON *p, const struct fn_key *key,
                               struct str qualifier)
{
    struct str text = scf_text(p, "RoutingKey");
    cleanup_with(json_freep) struct cJSON *keys = NULL;
    const struct qualify_ask ask = {.find = find_routing};
    struct qualify_ask with;
    const struct fn *f;

    if (text.n && text.n <= ROUTING_KEY_MAX)
        keys = json_parse(text, NULL);
    if (text.n && !cJSON_IsObject(keys)) {
        scf_fail(c, "InvalidParameterValue.RoutingConfig",
                 "RoutingKey is a JSON object of texts with at most %d bytes.", ROUTING_KEY_MAX);
        return NULL;
    }
    with = ask;
    with.user = keys;
    f = catalog_resolve(c->api->catalog, key, qualifier, keys ? &with : NULL);
    if (!f)
        scf_fail(c, "ResourceNotFound.Qualifier", "There is no version or alias '%.*s'.",
                 (int)(qualifier.n < 64 ? qualifier.n : 64), qualifier.p);
    return f;
}

static bool check_event(struct call *c, struct str event, uint64_t max)
{
    if (event.n > max) {
        scf_fail(c, "InvalidParameter.RequestTooLarge",
                 "The event has %zu bytes, %llu are allowed.", event.n, (unsigned long long)max);
        return false;
    }
    if (event.n && !json_valid(event, NULL)) {
        scf_fail(c, "InvalidParameterValue.Param", "The event is not JSON.");
        return false;
    }
    return true;
}

static void run_now(struct call *c, const struct fn *f, struct str event, bool tail)
{
    struct running *run = xnew(struct running);
    struct invoke_spec spec = {.fn = f,
                               .payload = event.n ? event : S("{}"),
                               .request_id = c->request_id,
                               .on_done = on_done,
                               .user = run};
    struct invocation *in;
    struct run_trace trace;
    struct err e = {0};
    int r;

    *run = (struct running){.magic = RUNNING_MAGIC, .call = c, .tail = tail};
    call_trace(c, &spec, &trace);
    r = invoke(c->api->invoker, &spec, &in, &e); /* -> on_done */
    if (r < 0) {
        free(run);
        fail_start(c, r, &e);
    }
}

static void run_later(struct call *c, const struct fn *f, struct str qualifier, struct str event)
{
    struct invoke_spec spec = {.fn = f};
    struct run_trace trace;
    struct delivery_event ev = {.fn = f,
                                .qualifier = qualifier_is_latest(qualifier) ? STR_NONE : qualifier,
                                .trigger = RUN_OTHER,
                                .id = str_of(c->request_id),
                                .payload = event.n ? event : S("{}"),
                                .by = c->by.role ? str_of(c->by.role) : STR_NONE};
    struct err e = {0};
    int r;

    call_trace(c, &spec, &trace);
    ev.trace = spec.trace;
    r = delivery_put(c->api->delivery, &ev, on_accepted, c, &e); /* -> on_accepted */
    if (r < 0)
        fail_start(c, r, &e);
}

/* event: the parameter that has it. absent: the qualifier where none is named. */
static void run(struct call *c, const char *event_name, struct str absent)
{
    static const char *const logs[] = {"None", "Tail", NULL};
    static const char *const types[] = {"RequestResponse", "Event", NULL};
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct shape_ops *shape = shape_of(DIALECT_SCF);
    struct str event, qualifier;
    const struct fn *f = NULL;
    struct fn_key key;
    bool later;

    if (!p || !scf_one_of(c, p, "LogType", "InvalidParameterValue", logs) ||
        !scf_one_of(c, p, "InvocationType", "InvalidParameterValue", types) ||
        !scf_function(c, p, &key))
        return;
    later = str_eq(scf_text(p, "InvocationType"), S("Event"));
    event = scf_text(p, event_name);
    qualifier = scf_text(p, "Qualifier").n ? scf_text(p, "Qualifier") : absent;
    if (!check_event(c, event, later ? shape->async_max : shape->payload_max))
        return;
    f = target(c, p, &key, qualifier);
    if (!f)
        return;
    if (f->max_instances == 0) {
        call_fail(c, 429, "RequestLimitExceeded", "The function's reserved concurrency is 0.");
        return;
    }
    if (later)
        run_later(c, f, qualifier, event);
    else
        run_now(c, f, event, str_eq(scf_text(p, "LogType"), S("Tail")));
}

void scf_invoke(struct call *c)
{
    run(c, "ClientContext", S("$LATEST"));
}

void scf_invoke_function(struct call *c)
{
    run(c, "Event", S("$DEFAULT"));
}
