/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorizer.c - asks a function of the user's whether a request may pass: first the API's own
 * authorizer, then that of its backend.
 *
 *   identities there and valid? --no--> IDENTITY_MISSING
 *        |
 *   answer remembered? --yes--> allow: on, with its context; deny: DENIED
 *        |
 *   is it asked just now for the same key? --yes--> wait for that
 *        |
 *   flight: event -> invoke() -> on_done -> parse, remember, tell all who wait
 *
 * What always holds:
 *   (1) a flight has at least one call that waits for it, or it is gone: when the last client goes
 *       away, nobody is interested in the answer. The function itself runs on to its end, unless it
 *       was a function that asked: an authorizer which asks its own API would keep itself alive for
 *       ever, each run beginning the next before its own time is over. So the end of one is the end
 *       of those behind it.
 *   (2) a flight is in guard->flights exactly if it has a key. Without one (ttl 0) each request is
 *       a question of its own.
 *   (3) only an answer in the right form is remembered, allow and deny alike; a failure is asked
 *       about again by the next request.
 *   (4) nobody waits longer than the API's backend may take, or WAIT_MS where that is less: the
 *       cloud documents no bound, and the function's own timeout may be hours.
 *   (5) a call's context lies in answers that it holds references to, until gw_authorize_done().
 *
 * From memory a request costs a look-up: no allocation beyond its arena, no copy of the context.
 *
 * What the authorizer did wrong goes to the log and not to the caller, who is nobody yet.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "catalog/versions.h"
#include "gateway/call.h"
#include "gateway/guard/authorizer_answer.h"
#include "gateway/guard/authorizer_cache.h"
#include "gateway/guard/authorizer_identity.h"
#include "gateway/guard/guard_parts.h"
#include "invoke/invoke.h"

enum which { FRONTEND, BACKEND };
static const char *const which_names[] = {
        [FRONTEND] = "frontend authorizer", [BACKEND] = "backend authorizer"};

enum { FLIGHT_MAGIC = 0x41464c54, WAIT_MS = 10000 };

struct flight {
    uint32_t magic;
    struct gw_guard *guard;
    const struct gw_authorizer *authorizer; /* referenced */
    struct str key;                         /* owned; p NULL: nobody may join */
    struct list waiting;                    /* struct waiter */
    struct invocation *run;                 /* NULL once it has ended */
    bool inside;                            /* a function asked */
};

struct waiter { /* lies in the call's arena; the call's state */
    struct list node;
    struct gw_call *call;
    struct flight *flight;
    enum which which;
    uint64_t began_ns;
};

static enum gw_step go_on_with(struct gw_call *c, enum which which);

static void flight_free(struct flight *f)
{
    if (f->run)
        invocation_forget(f->run);
    if (f->run && f->inside)
        invocation_cancel(f->run);
    if (f->key.p)
        (void)map_del(f->guard->flights, f->key);
    free((char *)f->key.p);
    gw_authorizer_unref(f->authorizer);
    f->magic = 0;
    free(f);
}

static void let_go(struct gw_call *c)
{
    struct waiter *w = c->state;
    struct flight *f = w->flight;

    c->state = NULL;
    c->cancel = NULL;
    list_remove(&w->node);
    if (list_empty(&f->waiting))
        flight_free(f);
}

static enum gw_step broken(struct gw_call *c, const struct gw_authorizer *a, enum which which,
                           const char *why)
{
    const struct log_cx cx = {.component = "gateway", .request_id = c->request_id};

    log_info(&cx, "authorizer '%s' of API '%s' failed: %s", a->id, c->api->id, why);
    gw_fail(c, GW_AUTHORIZER_BROKEN, "%s", which_names[which]);
    return GW_ENDED;
}

/* The answer is there: from memory, or from the function. */
static enum gw_step decide(struct gw_call *c, enum which which, struct authorizer_answer *a)
{
    authorizer_answer_unref(c->answers[which]);
    c->answers[which] = authorizer_answer_ref(a);
    if (which == FRONTEND)
        c->context = a->context;
    else
        c->backend_context = a->context;
    if (a->allow)
        return which == FRONTEND ? go_on_with(c, BACKEND) : GW_GO_ON;
    gw_fail(c, GW_DENIED, "%s", which_names[which]);
    return GW_ENDED;
}

/* The others of its flight came later, or have more time. */
static void on_late(struct gw_call *c)
{
    const struct waiter *w = c->state;
    const struct gw_authorizer *a = gw_authorizer_ref(w->flight->authorizer);
    enum which which = w->which;

    c->authorizer_ns += clock_mono_ns() - w->began_ns;
    let_go(c);
    (void)broken(c, a, which, "its function did not answer in time");
    gw_authorizer_unref(a);
}

static enum gw_step wait_for(struct gw_call *c, enum which which, struct flight *f)
{
    struct waiter *w = arena_alloc(c->arena, sizeof(*w));

    if (!w) {
        if (list_empty(&f->waiting))
            flight_free(f);
        gw_fail(c, GW_INTERNAL, NULL);
        return GW_ENDED;
    }
    *w = (struct waiter){.call = c, .flight = f, .which = which, .began_ns = clock_mono_ns()};
    list_push_back(&f->waiting, &w->node);
    c->state = w;
    c->cancel = let_go;
    gw_deadline(c, c->api->timeout_ms > WAIT_MS ? c->api->timeout_ms : WAIT_MS, on_late);
    return GW_WAIT;
}

static void resume(struct waiter *w, struct authorizer_answer *answer, const char *why)
{
    struct gw_call *c = w->call;
    enum gw_step step;

    c->state = NULL;
    c->cancel = NULL;
    c->authorizer_ns += clock_mono_ns() - w->began_ns;
    if (answer)
        step = decide(c, w->which, answer);
    else
        step = broken(c, w->flight->authorizer, w->which, why);
    if (step == GW_GO_ON)
        gw_continue(c);
}

/* 0, or -EINVAL with what the function did instead of answering. */
static int read_result(const struct invoke_result *result, struct authorizer_answer **ret,
                       struct err *e)
{
    if (result->refused)
        return err_set(e, ERR_FUNCTION, -EINVAL, "its function did not run: %s",
                       result->refused->msg);
    if (result->run.outcome != OUTCOME_OK)
        return err_set(e, ERR_FUNCTION, -EINVAL, "its function ended with '%s'",
                       outcome_names[result->run.outcome]);
    return authorizer_answer_parse(result->body, ret, e);
}

static void on_done(void *user, const struct invoke_result *result)
{
    struct flight *f = OBJ(user, struct flight, FLIGHT_MAGIC);
    struct authorizer_answer *answer = NULL;
    struct err e = {0};

    f->run = NULL;
    if (f->key.p) /* who comes from now on finds the answer, or asks anew */
        (void)map_del(f->guard->flights, f->key);
    if (read_result(result, &answer, &e) == 0 && f->key.p)
        authorizer_cache_put(f->guard->answers, f->key, answer, clock_store_ms(),
                             (int64_t)f->authorizer->ttl_s * 1000);
    free((char *)f->key.p);
    f->key = STR_NONE;
    for (struct list *n; (n = list_pop_front(&f->waiting));)
        resume(container_of(n, struct waiter, node), answer, e.msg);
    authorizer_answer_unref(answer);
    flight_free(f);
}

/* The event into out. 0, or negative with e. */
static int word_event(struct gw_call *c, const struct gw_authorizer *a,
                      const struct shape_ops *shape, struct buf *out, struct err *e)
{
    struct shape_http what;

    if (!shape || !shape->http_event)
        return err_set(e, ERR_CALLER, -ENOTSUP, "its function's cloud knows no such events");
    if (gw_describe(c, str_of(a->user_data), &what) < 0)
        return err_set(e, ERR_LIMIT, -ENOMEM, "the request is too large");
    if (!a->need_body)
        what.body = STR_NONE;
    what.base64 = true;
    what.qualifier = str_of(a->qualifier);
    shape->http_event(&what, out);
    return buf_ok(out) ? 0 : err_set(e, ERR_LIMIT, -EMSGSIZE, "the request is too large");
}

static int ask(struct gw_call *c, struct flight *f, struct err *e)
{
    const struct gw_authorizer *a = f->authorizer;
    const struct fn *fn = gw_resolve(c, f->guard->env.catalog, &a->function, a->qualifier);
    const struct shape_ops *shape = fn ? shape_of(fn->dialect) : NULL;
    struct buf event;
    int r;

    if (!fn)
        return err_set(e, ERR_CALLER, -ENOENT, "there is no function '%.*s'",
                       STR_ARG(a->function.name));
    buf_init(&event, shape->payload_max);
    r = word_event(c, a, shape, &event, e);
    if (r == 0) {
        struct invoke_spec spec = {.fn = fn,
                                   .owned = &event,
                                   .trigger = RUN_HTTP,
                                   .received_ns = c->req->received_ns,
                                   .on_done = on_done,
                                   .user = f};

        r = invoke(f->guard->env.invoker, &spec, &f->run, e);
    }
    if (r < 0)
        buf_done(&event);
    return r;
}

static enum gw_step start(struct gw_call *c, enum which which, const struct gw_authorizer *a,
                          struct str key)
{
    struct flight *f = xnew(struct flight);
    struct err e = {0};

    *f = (struct flight){.magic = FLIGHT_MAGIC,
                         .guard = c->guard,
                         .authorizer = gw_authorizer_ref(a),
                         .inside = c->inside};
    list_init(&f->waiting);
    if (ask(c, f, &e) < 0) {
        enum gw_step step = broken(c, a, which, e.msg);

        flight_free(f);
        return step;
    }
    c->guard->stats.authorizer_calls++;
    if (key.p) {
        f->key = (struct str){str_dup(key), key.n};
        (void)map_put(c->guard->flights, f->key, f);
    }
    return wait_for(c, which, f);
}

static enum gw_step go_on_with(struct gw_call *c, enum which which)
{
    const struct gw_authorizer *a =
            which == FRONTEND ? c->api->authorizer : c->api->backend_authorizer;
    struct gw_identify what = {a, c->req, c->query, c->nquery};
    struct authorizer_answer *known;
    struct str key = STR_NONE;
    struct err e = {0};
    int r;

    if (!a)
        return which == FRONTEND ? go_on_with(c, BACKEND) : GW_GO_ON;
    r = gw_identify(&what, c->guard->patterns, c->arena, &key, &e);
    if (r == -ENOENT || r == -EACCES) {
        gw_fail(c, GW_IDENTITY_MISSING, "%s", which_names[which]);
        return GW_ENDED;
    }
    if (r < 0)
        return broken(c, a, which, e.msg);
    if (!key.p)
        return start(c, which, a, key);

    known = authorizer_cache_get(c->guard->answers, key, clock_store_ms());
    if (known) {
        c->guard->stats.authorizer_cached++;
        c->authorizer_cached = true;
        return decide(c, which, known);
    }
    if (map_get(c->guard->flights, key))
        return wait_for(c, which, map_get(c->guard->flights, key));
    return start(c, which, a, key);
}

enum gw_step gw_authorize(struct gw_call *c)
{
    return go_on_with(c, FRONTEND);
}

void gw_authorize_done(struct gw_call *c)
{
    for (size_t i = 0; i < 2; i++) {
        authorizer_answer_unref(c->answers[i]);
        c->answers[i] = NULL;
    }
    c->context = c->backend_context = (struct shape_list){0};
}
