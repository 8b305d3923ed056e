/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fc_backend.c - an HTTP handler of Function Compute answers: the request goes to it as it came, and
 * its status, headers and body are the answer.
 *
 * Reserved headers (function-compute.md 6 of our reference, by the guide of 2020): none of them
 * reaches the function, or the client. What the platform has to say about the run goes beside what the
 * function said.
 *
 * By path every answer is a download (Content-Disposition: attachment), since all functions share that
 * origin; behind a domain of its own it is a page.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/uri.h"
#include "catalog/versions.h"
#include "delivery/delivery.h"
#include "dialect/shape.h"
#include "fn/fn.h"
#include "gateway/fc/fc_parts.h"
#include "gateway/internal.h"
#include "gateway/map/headers.h"
#include "invoke/invoke.h"
#include "observe/trace/trace.h"

enum {
    ANSWER_HEADERS = 4096, /* bytes, names and values */
    OURS = 8 + GW_FC_CORS,
    LOG_RESULT_MAX = 16 << 10,
    EVENT_HEAD = 128 << 10, /* what a request may have before its body, as JSON: 8 KiB, escaped */
};

struct work {
    struct gw_call *call;
    struct invocation *run; /* NULL: over */
    struct shape_pair cors[GW_FC_CORS];
    size_t ncors;
    bool tail;  /* its log is asked for, by somebody who may see it */
    bool event; /* the function is given an event, and answers one (FC 3.0) */
};

static const char *const reserved_in[] = {"accept-encoding",     "connection", "keep-alive",
                                          "proxy-authorization", "te",         "trailer",
                                          "transfer-encoding"};
/* Beside those that no gateway passes (headers.c). */
static const char *const reserved_out[] = {"content-encoding", "server"};

static bool is_in(struct str name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_ieq(name, str_of(list[i])))
            return true;
    return false;
}

static bool is_fc(struct str name)
{
    return name.n >= 5 && str_ieq((struct str){name.p, 5}, S("x-fc-"));
}

/* ---- the request ---- */

static struct str lower(struct arena *space, struct str s)
{
    char *kept = arena_alloc(space, s.n + 1);

    for (size_t i = 0; kept && i < s.n; i++)
        kept[i] = str_lower(s.p[i]);
    return (struct str){kept, kept ? s.n : 0};
}

static bool list_headers(struct gw_call *c, struct shape_list *ret)
{
    struct shape_pair *to = arena_alloc(c->arena, (c->req->nheaders + 1) * sizeof(*to));
    size_t n = 0;

    for (uint32_t i = 0; to && i < c->req->nheaders; i++) {
        struct str name = c->req->headers[i].name;

        if (is_fc(name) || is_in(name, reserved_in, ARRAY_LEN(reserved_in)))
            continue;
        name = lower(c->arena, name);
        if (!name.p)
            return false;
        to[n++] = (struct shape_pair){name, c->req->headers[i].value};
    }
    *ret = (struct shape_list){to, n};
    return to != NULL;
}

/* What is no escape stays as it came. */
static bool decoded(struct gw_call *c, struct str raw, struct str *ret)
{
    cleanup_with(buf_done) struct buf b = {0};
    char *kept;

    *ret = raw.p ? raw : S("");
    if (!str_has(raw, '%') && !str_has(raw, '+'))
        return true;
    buf_init(&b, raw.n);
    if (uri_decode(raw, true, &b) < 0)
        return true;
    kept = arena_strdup(c->arena, buf_str(&b));
    *ret = (struct str){kept, kept ? b.n : 0};
    return kept != NULL;
}

/* Of the URI as the function is to see it: a rule may have rewritten it. */
static bool list_query(struct gw_call *c, struct shape_list *ret)
{
    struct str query = c->target, rest, name, value;
    struct shape_pair *to;
    size_t n = 0;

    (void)str_cut(&query, '?');
    rest = query;
    while (uri_query_next(&rest, &name, &value))
        n++;
    to = arena_alloc(c->arena, (n + 1) * sizeof(*to));
    for (n = 0; to && uri_query_next(&query, &name, &value); n++)
        if (!decoded(c, name, &to[n].name) || !decoded(c, value, &to[n].value))
            return false;
    *ret = (struct shape_list){to, n};
    return to != NULL;
}

static bool describe(struct gw_call *c, struct shape_http *ret)
{
    *ret = (struct shape_http){.request_id = str_of(c->request_id),
                               .method = c->req->method,
                               .path = c->fc_path,
                               .target = c->target,
                               .host = c->req->host,
                               .body = c->req->body,
                               .now_ms = clock_wall_ms(),
                               .source_ip = str_of(c->source_ip)};
    return list_headers(c, &ret->headers) && list_query(c, &ret->query);
}

/* ---- the answer ---- */

/* {"status":200,"headers":[["name","value"],...]}; texts lie in the tree. */
static int read_head(const struct cJSON *tree, struct arena *space, int *ret_status,
                     struct shape_list *ret, struct err *e)
{
    const struct cJSON *list = json_get(tree, "headers"), *pair;
    struct shape_pair *to =
            arena_alloc(space, ((size_t)cJSON_GetArraySize(list) + 1) * sizeof(*to));
    size_t n = 0, bytes = 0;
    int64_t status = 0;

    if (!to)
        return err_set(e, ERR_HOST, -ENOMEM, "no memory for the headers");
    if (json_int(tree, "status", false, 200, 999, &status, e) < 0 || status == 0)
        return err_set(e, ERR_FUNCTION, -EINVAL, "the status is not a number from 200 to 999");
    for (pair = list ? list->child : NULL; pair; pair = pair->next) {
        const struct cJSON *name = pair->child, *value = name ? name->next : NULL;

        if (!name || !value || !cJSON_IsString(name) || !cJSON_IsString(value))
            return err_set(e, ERR_FUNCTION, -EINVAL, "a header is no pair of texts");
        to[n] = (struct shape_pair){str_of(name->valuestring), str_of(value->valuestring)};
        bytes += to[n].name.n + to[n].value.n;
        n++;
    }
    if (bytes > ANSWER_HEADERS)
        return err_set(e, ERR_FUNCTION, -EMSGSIZE, "its headers have more than %d bytes",
                       ANSWER_HEADERS);
    *ret_status = (int)status;
    *ret = (struct shape_list){to, n};
    return 0;
}

static struct str hundredths(struct gw_call *c, double value)
{
    char room[48], *kept;
    int n = snprintf(room, sizeof(room), "%.2f", value);

    kept = arena_strdup(c->arena, (struct str){room, (size_t)n});
    return kept ? (struct str){kept, (size_t)n} : S("0");
}

static struct str log_result(struct gw_call *c, struct str tail)
{
    cleanup_with(buf_done) struct buf text;
    char *kept;

    buf_init(&text, LOG_RESULT_MAX);
    base64_encode(tail, &text);
    kept = buf_ok(&text) ? arena_strdup(c->arena, buf_str(&text)) : NULL;
    return (struct str){kept, kept ? text.n : 0};
}

static size_t add_run(struct gw_call *c, const struct work *w, const struct invoke_result *res,
                      struct shape_pair *to)
{
    const struct run *run = &res->run;
    size_t n = 0;

    to[n++] = (struct shape_pair){S("X-Fc-Invocation-Duration"),
                                  hundredths(c, (double)run->duration_ns / 1e6)};
    to[n++] = (struct shape_pair){S("X-Fc-Max-Memory-Usage"),
                                  hundredths(c, (double)run->memory_bytes / (1 << 20))};
    to[n++] = (struct shape_pair){S("X-Fc-Code-Checksum"), str_of(run->fn->code.digest)};
    to[n++] = (struct shape_pair){S("X-Fc-Invocation-Service-Version"), S("LATEST")};
    to[n++] = (struct shape_pair){S("X-Fc-Invocation-Code-Version"), S("LATEST")};
    if (run->instance_id && run->instance_id[0])
        to[n++] = (struct shape_pair){S("X-Fc-Instance-Id"), str_of(run->instance_id)};
    if (w->tail)
        to[n++] = (struct shape_pair){S("X-Fc-Log-Result"), log_result(c, res->tail)};
    if (c->by_path)
        to[n++] = (struct shape_pair){S("Content-Disposition"), S("attachment")};
    return n;
}

static bool has_cors(struct shape_list headers)
{
    for (size_t i = 0; i < headers.n; i++)
        if (str_ieq(headers.at[i].name, S("access-control-allow-origin")))
            return true;
    return false;
}

/* What the function said and may say, then what we say. */
static struct shape_list join(struct gw_call *c, const struct work *w,
                              const struct invoke_result *res, struct shape_list own)
{
    struct shape_pair *all = arena_alloc(c->arena, (own.n + OURS) * sizeof(*all));
    size_t n = 0;

    for (size_t i = 0; all && i < own.n; i++)
        if (!is_in(own.at[i].name, reserved_out, ARRAY_LEN(reserved_out)) &&
            !(c->by_path && str_ieq(own.at[i].name, S("content-disposition"))))
            all[n++] = own.at[i];
    if (!all)
        return own;
    n += add_run(c, w, res, all + n);
    if (w->ncors > 0 && !has_cors(own)) {
        memcpy(all + n, w->cors, w->ncors * sizeof(*all));
        n += w->ncors;
    }
    return (struct shape_list){all, n};
}

static void fail_answer(struct gw_call *c, int r, const struct err *e)
{
    if (r == -EMSGSIZE)
        gw_fail(c, GW_ANSWER_TOO_LARGE, "%s", e->msg);
    else if (r == -ENOMEM)
        gw_fail(c, GW_INTERNAL, NULL);
    else
        gw_fail(c, GW_BAD_ANSWER, "%s", e->msg);
}

static void answer(struct gw_call *c, const struct work *w, const struct invoke_result *res)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    struct shape_list given = {0}, own = {0};
    struct str type = STR_NONE;
    struct buf body;
    struct err e = {0};
    int status = 0, r;

    if (!res->head.p) {
        gw_fail(c, GW_BAD_ANSWER, "the function's handler is not an HTTP handler");
        return;
    }
    tree = json_parse(res->head, &e);
    r = tree ? read_head(tree, c->arena, &status, &given, &e) : -EINVAL;
    if (r == 0)
        r = gw_headers_pass(given, c->arena, &own, &type, &e);
    if (r < 0) {
        fail_answer(c, r, &e);
        return;
    }
    buf_init(&body, res->body.n);
    if (status != 204 && status != 205 && status != 304)
        buf_adds(&body, res->body);
    if (!type.p && body.n > 0)
        type = S("application/octet-stream");
    gw_send(c, status, type, join(c, w, res, own), &body);
}

static struct shape_list arena_list(struct gw_call *c, const struct shape_answer *a)
{
    struct shape_pair *to = arena_alloc(c->arena, (a->nheaders + 1) * sizeof(*to));

    for (size_t i = 0; to && i < a->nheaders; i++)
        to[i] = a->headers[i];
    return (struct shape_list){to, to ? a->nheaders : 0};
}

static void answer_event(struct gw_call *c, const struct work *w, const struct invoke_result *res)
{
    struct shape_answer a = {0};
    struct shape_list own = {0};
    struct str type = STR_NONE;
    struct err e = {0};
    int r = shape_of(res->run.fn->dialect)->trigger_answer(res->body, &a, &e);

    if (r < 0) {
        gw_fail(c, GW_BAD_ANSWER, "%s", e.msg);
        return;
    }
    r = gw_headers_pass(arena_list(c, &a), c->arena, &own, &type, &e);
    if (r < 0) {
        fail_answer(c, r, &e);
    } else {
        if (!type.p && a.body.n > 0)
            type = S("application/json");
        if (a.status == 204 || a.status == 205 || a.status == 304)
            buf_reset(&a.body);
        gw_send(c, a.status, type, join(c, w, res, own), &a.body);
    }
    shape_answer_done(&a);
}

/* The function has run, or has tried to; its log says more than a stranger should read. */
static void fail_run(struct gw_call *c, enum outcome outcome)
{
    if (outcome == OUTCOME_TOO_LARGE)
        gw_fail(c, GW_ANSWER_TOO_LARGE, "6 MB");
    else
        gw_fail(c, GW_FUNCTION_FAILED, "the function failed (%s); the log of this request says why",
                outcome_names[outcome]);
}

static void fail_refused(struct gw_call *c, int r, const struct err *e)
{
    if (r == -EMSGSIZE)
        gw_fail(c, GW_BODY_TOO_LARGE, "6 MB");
    else if (r == -ENOEXEC || r == -ENODATA)
        gw_fail(c, GW_FUNCTION_FAILED, "the function cannot be started: %s", e->msg);
    else
        gw_fail(c, e->kind == ERR_LIMIT ? GW_BACKEND_BUSY : GW_BACKEND_UNAVAILABLE, "%s", e->msg);
}

static void on_done(void *user, const struct invoke_result *res)
{
    struct work *w = user;
    struct gw_call *c = OBJ(w->call, struct gw_call, GW_CALL_MAGIC);

    w->run = NULL;
    c->cancel = NULL;
    c->backend_ns = clock_mono_ns() - c->backend_ns;
    if (res->refused)
        fail_refused(c, res->refused->code, res->refused);
    else if (res->run.outcome != OUTCOME_OK)
        fail_run(c, res->run.outcome);
    else if (w->event)
        answer_event(c, w, res);
    else
        answer(c, w, res);
}

/* ---- a run ---- */

static void let_go(struct gw_call *c)
{
    struct work *w = c->state;

    invocation_forget(w->run);
}

/* The event of a request, for a function that takes one. */
static void make_event(const struct gw_call *c, const struct fn *f, const struct shape_http *http,
                       struct buf *out)
{
    buf_init(out, 6 * c->req->body.n + EVENT_HEAD);
    shape_of(f->dialect)->trigger_event(f, http, out);
}

static enum gw_step run(struct gw_call *c, const struct fn *f, struct work *w,
                        const struct shape_http *http)
{
    cleanup_with(buf_done) struct buf event = {0};
    struct run_trace trace;
    struct invoke_spec spec = {.fn = f,
                               .payload = c->req->body,
                               .request_id = c->request_id,
                               .trigger = RUN_HTTP,
                               .received_ns = c->req->received_ns,
                               .http = http,
                               .on_done = on_done,
                               .user = w};
    struct err e = {0};
    int r;

    if (w->event) {
        make_event(c, f, http, &event);
        if (!buf_ok(&event)) {
            gw_fail(c, GW_BODY_TOO_LARGE, "6 MB");
            return GW_ENDED;
        }
        spec.owned = &event;
        spec.http = NULL;
    }
    if (c->gw->env.tracer) {
        tracer_begin(c->gw->env.tracer, gw_header(c, S("traceparent")),
                     gw_header(c, S("tracestate")), f->tracing != NULL, &trace);
        spec.trace = &trace;
        spec.whole_ns = c->began_ns;
    }
    c->backend_ns = clock_mono_ns();
    r = invoke(c->gw->env.invoker, &spec, &w->run, &e);
    if (r < 0) {
        fail_refused(c, r, &e);
        return GW_ENDED;
    }
    c->state = w;
    c->cancel = let_go;
    return GW_WAIT;
}

/* ---- for whom nobody waits: 202 as soon as it is on disk, and its answer is discarded ---- */

static void on_put(void *user, int r, const struct err *e)
{
    struct gw_call *c = OBJ(user, struct gw_call, GW_CALL_MAGIC);

    if (r == 0)
        gw_send(c, 202, STR_NONE, (struct shape_list){0}, NULL);
    else
        gw_fail(c, r == -ENOBUFS ? GW_BACKEND_BUSY : GW_BACKEND_UNAVAILABLE, "%s",
                e ? e->msg : "the request was not accepted");
}

static enum gw_step put_event(struct gw_call *c, const struct fn *f, const struct shape_http *http,
                              bool as_event)
{
    cleanup_with(buf_done) struct buf event = {0};
    struct delivery_event ev = {.fn = f,
                                .qualifier = str_of(c->api->fn.qualifier),
                                .source = str_of(c->api->id),
                                .trigger = RUN_HTTP,
                                .id = str_of(c->request_id)};
    struct err e = {0};
    int r;

    if (as_event) {
        make_event(c, f, http, &event);
    } else {
        buf_init(&event, c->req->body.n + EVENT_HEAD);
        invoke_http_pack(http, c->req->body, &event);
    }
    ev.payload = buf_str(&event);
    r = delivery_put(c->gw->env.delivery, &ev, on_put, c, &e);
    if (r == 0)
        return GW_WAIT;
    if (r == -EMSGSIZE)
        gw_fail(c, GW_BODY_TOO_LARGE, "what an asynchronous call may have: %s", e.msg);
    else
        fail_refused(c, r, &e);
    return GW_ENDED;
}

/* False: it has failed. */
static bool read_kind(struct gw_call *c, struct work *w, bool *ret_async)
{
    struct str type = str_trim(gw_header(c, S("x-fc-invocation-type")));
    struct str log = str_trim(gw_header(c, S("x-fc-log-type")));

    w->tail = c->api->auth == GW_AUTH_FC && str_ieq(log, S("Tail"));
    *ret_async = str_ieq(type, S("Async"));
    if (type.n == 0 || *ret_async || str_ieq(type, S("Sync")))
        return true;
    gw_fail(c, GW_BAD_REQUEST,
            "InvocationType is set to an invalid value (allowed: Sync | Async, actual: '%.*s')",
            (int)(type.n < 80 ? type.n : 80), type.p);
    return false;
}

enum gw_step gw_backend_fc(struct gw_call *c)
{
    const struct fn *f = gw_resolve(c, c->gw->env.catalog, &c->api->fn.key, c->api->fn.qualifier);
    struct work *w = arena_alloc(c->arena, sizeof(*w));
    struct shape_http http;
    bool async;

    if (!f) {
        gw_fail(c, GW_NO_API, "%.*s", STR_ARG(c->api->fn.key.name));
        return GW_ENDED;
    }
    if (f->max_instances == 0) {
        gw_fail(c, GW_BACKEND_BUSY, "the function is disabled");
        return GW_ENDED;
    }
    if (!w || !describe(c, &http)) {
        gw_fail(c, GW_INTERNAL, NULL);
        return GW_ENDED;
    }
    w->call = c;
    w->event = shape_of(f->dialect)->trigger_as_event && shape_of(f->dialect)->trigger_as_event(f);
    if (!read_kind(c, w, &async))
        return GW_ENDED;
    if (async)
        return put_event(c, f, &http, w->event);
    w->ncors = gw_fc_cors_headers(c, w->cors);
    return run(c, f, w, &http);
}
