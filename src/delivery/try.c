/* SPDX-License-Identifier: Apache-2.0 */
/*
 * try.c - one try of one event: at a function through the engine, or at an HTTP endpoint.
 *
 * Whatever is to be known of the function is looked up now, not when the event was put: it may have
 * changed, or be gone; and of an alias which version it is this time. An event older than its age
 * limit is not tried any more.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "delivery/internal.h"
#include "fn/fn.h"
#include "invoke/invoke.h"
#include "observe/trace/trace.h"

/* Nobody ran. */
static const struct tried untold = {.outcome = "refused", .of_run = OUTCOME_CANCELLED};

/* ---- what an ending means ---- */

/* Of an engine's refusal, in the words of states.c. */
static enum what refused(const struct err *e)
{
    switch (e->code) {
    case -ESHUTDOWN:
    case -ECANCELED:
        return RAN_STOPPED;
    case -EMSGSIZE:
        return RAN_REFUSED;
    case -EAGAIN:
    case -ENODATA:   /* no code yet */
    case -ENOEXEC:   /* no interpreter yet */
    case -ETIMEDOUT: /* no launcher for a while */
        return RAN_NOT_NOW;
    default: /* a limit may change; the host failed us */
        return e->kind == ERR_LIMIT ? RAN_NOT_NOW : RAN_UNABLE;
    }
}

/* By SIGKILL, or nobody could tell how: it was not its own doing. */
static bool was_killed(const struct run *run)
{
    return run->signal == SIGKILL || (run->signal == 0 && run->exit_code < 0);
}

static enum what what_of(const struct invoke_result *r)
{
    if (r->refused)
        return refused(r->refused);
    if (r->untried)
        return RAN_NOT_NOW;
    switch (r->run.outcome) {
    case OUTCOME_OK:
        return RAN_OK;
    case OUTCOME_EXITED:
    case OUTCOME_INIT_EXITED:
        return was_killed(&r->run) ? RAN_KILLED : RAN_FAILED;
    case OUTCOME_ERROR:
    case OUTCOME_TIMEOUT:
    case OUTCOME_MEMORY:
    case OUTCOME_TOO_LARGE:
    case OUTCOME_PROTOCOL:
    case OUTCOME_INIT_ERROR:
    case OUTCOME_INIT_TIMEOUT:
        return RAN_FAILED;
    case OUTCOME_CANCELLED:
    case OUTCOMES:
        break;
    }
    return RAN_STOPPED;
}

/* ---- at a function ---- */

static void on_done(void *user, const struct invoke_result *r)
{
    struct held *h = OBJ(user, struct held, HELD_MAGIC);
    enum what what = h->cancelled ? RAN_CANCELLED : what_of(r);
    struct tried t = {
            .outcome = h->cancelled ? "cancelled"
                       : r->refused ? "refused"
                                    : outcome_names[r->run.outcome],
            .of_run = r->run.outcome,
            .answer = r->body,
            .instance = str_of(r->run.instance_id),
            .rest_ms = r->retry_ms,
    };

    h->run = NULL;
    if (r->refused)
        t.error = str_of(r->refused->msg);
    else if (r->untried)
        t.error = S("its instances fail to start: not tried before the next start is");
    else if (what != RAN_OK)
        t.error = r->body;
    if (what != RAN_OK)
        t.tail = r->tail;
    settle(h, what, &t);
}

static void carry_trace(const struct held *h, const struct attributes *a, struct run_trace *ret)
{
    struct tracer *tracer = h->d->env.tracer;

    tracer_begin(tracer, a->trace, a->state, h->fn->tracing != NULL, ret);
}

/* From the function to the version that is meant. */
static bool qualify(struct held *h, struct str qualifier)
{
    struct fn_key key = fn_key_of(h->fn);
    const struct fn *f = catalog_resolve(h->d->env.catalog, &key, qualifier, NULL);

    if (f && f != h->fn) {
        fn_unref(h->fn);
        h->fn = fn_ref(f);
    }
    return f != NULL;
}

static void run(struct held *h)
{
    struct attributes a;
    struct cJSON *tree = attributes_read(h->attributes, &a);
    cleanup_free char *id = str_dup(h->id);
    struct run_trace trace;
    struct invoke_spec spec = {.payload = h->payload,
                               .request_id = id,
                               .trigger = a.trigger,
                               .background = true,
                               .on_done = on_done,
                               .user = h};
    struct invoke_http http = {0};
    struct err e = {0};
    int r;

    if (!qualify(h, a.qualifier)) {
        json_free(tree);
        settle(h, RAN_GONE, &untold);
        return;
    }
    spec.fn = h->fn;
    if (h->d->env.tracer) {
        carry_trace(h, &a, &trace);
        memcpy(h->span, trace.span_id, sizeof(h->span));
        spec.trace = &trace;
    }
    if (h->fn->dialect == DIALECT_FC && invoke_http_unpack(h->payload, &http) == 0) {
        spec.http = &http.http; /* of an HTTP trigger, called asynchronously */
        spec.payload = http.body;
    }
    r = invoke(h->d->env.invoker, &spec, &h->run, &e);
    invoke_http_done(&http);
    json_free(tree);
    if (r >= 0)
        return; /* -> on_done */
    settle(h, refused(&e),
           &(struct tried){
                   .outcome = "refused", .of_run = OUTCOME_CANCELLED, .error = str_of(e.msg)});
}

/* ---- at an endpoint ---- */

static enum what what_of_status(long status)
{
    if (status >= 200 && status < 300)
        return RAN_OK;
    if (status >= 400 && status < 500 && status != 408 && status != 429)
        return RAN_REFUSED;
    return RAN_FAILED; /* redirects too: they are not followed */
}

static void on_posted(void *user, const struct post_end *end)
{
    struct held *h = OBJ(user, struct held, HELD_MAGIC);
    enum what what = h->cancelled ? RAN_CANCELLED : what_of_status(end->status);
    char outcome[32] = "no answer";
    struct tried t = {.outcome = outcome, .of_run = OUTCOME_ERROR, .answer = end->answer};

    h->post = NULL;
    if (end->status > 0)
        (void)snprintf(outcome, sizeof(outcome), "http %ld", end->status);
    if (what != RAN_OK)
        t.error = end->status > 0 ? end->answer : str_of(end->error);
    settle(h, what, &t);
}

/* CloudEvents 1.0, HTTP binding, binary mode. */
static void write_headers(const struct held *h, const struct attributes *a, struct buf *out)
{
    char time[CLOCK_TEXT];

    buf_addf(out, "ce-specversion: 1.0\nce-id: %.*s\nce-source: %.*s\nce-type: %.*s\nce-time: %s\n",
             STR_ARG(h->id), STR_ARG(a->ce_source), STR_ARG(a->type),
             clock_iso_ms(h->created_ms, time));
    if (a->cause.n > 0)
        buf_addf(out, "ce-cause: %.*s\n", STR_ARG(a->cause));
    if (a->trace.n > 0)
        buf_addf(out, "traceparent: %.*s\n", STR_ARG(a->trace));
    buf_addz(out, "Content-Type: application/json\n");
}

static void post(struct held *h)
{
    struct delivery *d = h->d;
    struct str url = str_from(str_of(h->lane->name), 5); /* "http/" */
    cleanup_with(buf_done) struct buf headers;
    struct attributes a;
    struct cJSON *tree = attributes_read(h->attributes, &a);

    buf_init(&headers, (size_t)2 * Q_ATTRIBUTES);
    write_headers(h, &a, &headers);
    if (!d->poster)
        d->poster = poster_new(d->env.loop);
    if (d->poster)
        h->post = post_begin(d->poster, url, buf_str(&headers), h->payload, on_posted, h);
    json_free(tree);
    if (!h->post)
        settle(h, RAN_NOT_NOW, &untold);
}

/* ---- either ---- */

void try_begin(struct held *h)
{
    const struct fn *fn = NULL;

    h->start_ms = clock_store_ms();
    if (!h->lane->http) {
        fn = catalog_find_path(h->d->env.catalog, str_of(h->lane->name));
        h->fn = fn ? fn_ref(fn) : NULL;
    }
    if (h->d->draining)
        settle(h, RAN_STOPPED, &untold);
    else if (h->late || (h->expires_ms && h->expires_ms <= h->start_ms))
        settle(h, RAN_LATE, &untold);
    else if (h->lane->http)
        post(h);
    else if (!h->fn)
        settle(h, RAN_GONE, &untold);
    else
        run(h);
}

void try_end(struct held *h)
{
    if (h->run) {
        invocation_forget(h->run);
        invocation_cancel(h->run);
    }
    if (h->post)
        post_forget(h->post);
    h->run = NULL;
    h->post = NULL;
}
