/* SPDX-License-Identifier: Apache-2.0 */
/*
 * function.c - the backend that is a function: the request as its dialect's event, one run, and its
 * answer as HTTP.
 *
 *   describe -> shape->http_event -> invoke() -> on_done -> shape->http_answer -> gw_reply()
 *                      \-> asynchronous: delivery_put() -> 202
 *
 * The event is written once, into the buffer that the run takes over. An API that allows less time than
 * its function answers 504 when its own is over; the run goes on to its end, as the clouds' do.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "catalog/versions.h"
#include "delivery/delivery.h"
#include "gateway/call.h"
#include "gateway/internal.h"
#include "invoke/invoke.h"
#include "observe/trace/trace.h"

/* Base64 is four for three, an escape up to six for one; headers come on top. */
enum { EVENT_ROOM = 512 << 10, USUAL = 3 << 10 };

struct work {
    struct gw_call *call;
    struct invocation *run; /* NULL: over */
};

/* ---- what came of it ---- */

static void fail_refused(struct gw_call *c, const struct err *e)
{
    if (e->code == -EMSGSIZE)
        gw_fail(c, GW_BODY_TOO_LARGE, "%s", e->msg);
    else
        gw_fail(c, e->kind == ERR_LIMIT ? GW_BACKEND_BUSY : GW_BACKEND_UNAVAILABLE, "%s", e->msg);
}

static void answer(struct gw_call *c, const struct invoke_result *res)
{
    const struct shape_ops *shape = shape_of(res->run.fn->dialect);
    struct shape_answer a = {0};
    struct err e = {0};

    if (shape->http_answer(res->body, c->api->fn.answer == GW_ANSWER_OBJECT, &a, &e) < 0) {
        gw_fail(c, GW_BAD_ANSWER, "%s", e.msg);
        return;
    }
    gw_reply(c, a.status, STR_NONE, (struct shape_list){a.headers, a.nheaders}, &a.body);
    shape_answer_done(&a);
}

/* SCF hands a failure on as it would any value, where it hands on values. */
static bool passes_failures(const struct gw_call *c)
{
    return c->api->fn.answer == GW_ANSWER_TEXT;
}

static void on_done(void *user, const struct invoke_result *res)
{
    struct work *w = user;
    struct gw_call *c = OBJ(w->call, struct gw_call, GW_CALL_MAGIC);

    w->run = NULL;
    c->cancel = NULL;
    c->backend_ns = clock_mono_ns() - c->backend_ns;
    if (res->refused) {
        fail_refused(c, res->refused);
        return;
    }
    switch (res->run.outcome) {
    case OUTCOME_OK:
        answer(c, res);
        return;
    case OUTCOME_TOO_LARGE:
        gw_fail(c, GW_ANSWER_TOO_LARGE, "6 MB");
        return;
    case OUTCOME_CANCELLED:
        gw_fail(c, GW_BACKEND_UNAVAILABLE, "the run was cancelled");
        return;
    case OUTCOME_ERROR:
    case OUTCOME_TIMEOUT:
    case OUTCOME_EXITED:
    case OUTCOME_MEMORY:
    case OUTCOME_PROTOCOL:
    case OUTCOME_INIT_ERROR:
    case OUTCOME_INIT_TIMEOUT:
    case OUTCOME_INIT_EXITED:
    case OUTCOMES:
        break;
    }
    if (passes_failures(c))
        answer(c, res);
    else
        gw_fail(c, GW_FUNCTION_FAILED, "%s", outcome_names[res->run.outcome]);
}

/* ---- its time is over, or nobody waits ---- */

static void let_go(struct gw_call *c)
{
    struct work *w = c->state;

    invocation_forget(w->run);
}

static void on_late(struct gw_call *c)
{
    c->backend_ns = clock_mono_ns() - c->backend_ns;
    let_go(c);
    c->cancel = NULL;
    gw_fail(c, GW_BACKEND_TIMEOUT, "%u ms", c->api->timeout_ms);
}

/* ---- asynchronous ---- */

static void on_put(void *user, int r, const struct err *e)
{
    struct gw_call *c = OBJ(user, struct gw_call, GW_CALL_MAGIC);
    struct buf body;
    struct jw w;

    if (!c->req) { /* nobody is there to hear it */
        gw_continue(c);
        return;
    }
    if (r < 0) {
        gw_fail(c, r == -ENOBUFS ? GW_BACKEND_BUSY : GW_BACKEND_UNAVAILABLE, "%s",
                e ? e->msg : "the event was not accepted");
        return;
    }
    buf_init(&body, 256);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kstrz(&w, "request_id", c->request_id);
    jw_obj_end(&w);
    gw_reply(c, 202, S("application/json"), (struct shape_list){0}, &body);
}

static enum gw_step put_event(struct gw_call *c, const struct fn *f, struct buf *event)
{
    struct delivery_event ev = {.fn = f,
                                .qualifier = str_of(c->api->fn.qualifier),
                                .source = str_of(c->api->id),
                                .trigger = RUN_HTTP,
                                .id = str_of(c->request_id),
                                .payload = buf_str(event)};
    struct err e = {0};
    int r = delivery_put(c->gw->env.delivery, &ev, on_put, c, &e);

    buf_done(event);
    if (r == 0)
        return GW_WAIT;
    fail_refused(c, &e);
    return GW_ENDED;
}

/* ---- a run ---- */

static enum gw_step run(struct gw_call *c, const struct fn *f, struct buf *event)
{
    struct work *w = arena_alloc(c->arena, sizeof(*w));
    struct run_trace trace;
    struct invoke_spec spec = {.fn = f,
                               .owned = event,
                               .request_id = c->request_id,
                               .trigger = RUN_HTTP,
                               .received_ns = c->req->received_ns,
                               .on_done = on_done,
                               .user = w};
    struct err e = {0};

    if (!w || !buf_ok(event)) {
        buf_done(event);
        gw_fail(c, GW_BODY_TOO_LARGE, "what the function takes");
        return GW_ENDED;
    }
    if (c->gw->env.tracer) {
        tracer_begin(c->gw->env.tracer, gw_header(c, S("traceparent")),
                     gw_header(c, S("tracestate")), f->tracing != NULL, &trace);
        spec.trace = &trace;
        spec.whole_ns = c->began_ns;
    }
    w->call = c;
    c->backend_ns = clock_mono_ns();
    if (invoke(c->gw->env.invoker, &spec, &w->run, &e) < 0) {
        buf_done(event);
        fail_refused(c, &e);
        return GW_ENDED;
    }
    c->state = w;
    c->cancel = let_go;
    if (c->api->timeout_ms > 0)
        gw_deadline(c, c->api->timeout_ms, on_late);
    return GW_WAIT;
}

enum gw_step gw_backend_function(struct gw_call *c)
{
    const struct gw_api *a = c->api;
    struct catalog *catalog = c->gw->env.catalog;
    const struct fn *f = a->fn.async
                                 ? catalog_qualified(catalog, &a->fn.key, str_of(a->fn.qualifier))
                                 : gw_resolve(c, catalog, &a->fn.key, a->fn.qualifier);
    const struct shape_ops *shape = f ? shape_of(f->dialect) : NULL;
    struct shape_http h = {0};
    struct buf event;

    if (!shape || !shape->http_event) {
        gw_fail(c, GW_BACKEND_UNAVAILABLE, "the function '%.*s' does not exist",
                STR_ARG(a->fn.key.name));
        return GW_ENDED;
    }
    if (f->max_instances == 0) {
        gw_fail(c, GW_BACKEND_UNAVAILABLE, "the function is disabled");
        return GW_ENDED;
    }
    buf_init(&event, 6 * c->req->body.n + EVENT_ROOM);
    if (gw_describe(c, STR_NONE, &h) < 0) {
        gw_fail(c, GW_HEADERS_TOO_LARGE, "what can be taken apart");
        return GW_ENDED;
    }
    (void)buf_room(&event, USUAL + c->req->body.n / 3 * 4); /* mostly it is all that is needed */
    shape->http_event(&h, &event);
    return a->fn.async ? put_event(c, f, &event) : run(c, f, &event);
}
