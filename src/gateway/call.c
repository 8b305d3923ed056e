/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c - the life of a call: which step follows which, and its one end.
 *
 *   head ---> match, cors ---> body ---> who, how often, with what ---> backend ---> answer
 *
 * A step that waits owns the call until it goes on, ends it, or is told to let go (c->cancel). What
 * needs no body runs at the head, so that a request for nothing, or for an API that does not exist,
 * is answered before its body is taken in.
 *
 * What always holds:
 *   (1) a call ends once, in finish(): by an answer, a fault, or because its client has gone.
 *   (2) c->req is NULL from the moment on when the request may not be touched any more.
 *   (3) after gateway_free() c->gw is NULL in what is left: calls whose step could not let go. They end
 *       when it comes back.
 *
 * A call and its arena go back to a short list, so that a warm one allocates nothing of its own.
 */
#include "gateway/call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "gateway/access.h"
#include "gateway/internal.h"
#include "loop/loop.h"

enum {
    SPARES = 64,
    SPARE_BYTES = 64 << 10, /* of an arena: one that has grown is not kept */
    GATHER_MAX = 64 << 20,
    COMMON_HEADERS = 2,
};

static const struct step {
    enum gw_step (*run)(struct gw_call *c);
    bool head; /* it looks at no body */
} steps[] = {
        {gw_match_step, true}, {gw_cors, true},     {gw_authenticate, false},
        {gw_throttle, false},  {gw_params, false},  {gw_authorize, false},
        {gw_map_out, false},   {gw_backend, false},
};

/* ---- birth and death ---- */

static void set_address(struct gw_call *c, struct str peer)
{
    size_t n = peer.n;

    while (n > 0 && peer.p[n - 1] != ':')
        n--;
    if (n == 0)
        return; /* "unix" */
    peer.n = n - 1;
    if (peer.n > 2 && peer.p[0] == '[') {
        peer.p++;
        peer.n -= 2;
    }
    (void)snprintf(c->source_ip, sizeof(c->source_ip), "%.*s", STR_ARG(peer));
}

static struct gw_call *call_get(struct gateway *g)
{
    struct list *node = list_pop_front(&g->spare);
    struct gw_call *c;

    if (node) {
        g->nspare--;
        return container_of(node, struct gw_call, node);
    }
    c = xnew(struct gw_call);
    c->arena = arena_new(GW_ARENA);
    return c;
}

static void call_free(struct gw_call *c)
{
    loop_timer_free(c->timer);
    arena_free(c->arena);
    free(c);
}

static void call_put(struct gateway *g, struct gw_call *c)
{
    c->magic = 0;
    if (!g || g->nspare == SPARES || arena_used(c->arena) > SPARE_BYTES) {
        call_free(c);
        return;
    }
    if (c->timer)
        loop_timer_stop(c->timer);
    arena_reset(c->arena);
    list_push_front(&g->spare, &c->node);
    g->nspare++;
}

void gw_spares_free(struct gateway *g)
{
    struct list *node;

    while ((node = list_pop_front(&g->spare)))
        call_free(container_of(node, struct gw_call, node));
    g->nspare = 0;
}

static struct str kept(struct gw_call *c, struct str s)
{
    const char *copy = arena_strdup(c->arena, s);

    return copy ? (struct str){copy, s.n} : STR_NONE;
}

static void remember(struct gw_call *c, const struct http_request *r)
{
    c->log.host = kept(c, r->host);
    c->log.method = kept(c, r->method);
    c->log.path = kept(c, r->path);
}

struct gw_call *gw_call_new(struct gateway *g, const struct http_request *r,
                            const struct gw_sink *sink, void *user)
{
    struct gw_call *c = call_get(g);
    struct loop_timer *timer = c->timer;
    struct arena *arena = c->arena;

    *c = (struct gw_call){.magic = GW_CALL_MAGIC,
                          .gw = g,
                          .guard = g->guard,
                          .req = r,
                          .sink = sink,
                          .sink_user = user,
                          .arena = arena,
                          .timer = timer,
                          .began_ns = clock_mono_ns(),
                          .fault = GW_FAULTS};
    uuid7(clock_wall_ms(), c->request_id);
    set_address(c, r->peer);
    if (g->access)
        remember(c, r);
    list_push_back(&g->calls, &c->node);
    g->stats.calls++;
    g->stats.open++;
    return c;
}

static void count(struct gateway *g, const struct gw_call *c)
{
    int class = c->status / 100;

    g->stats.open--;
    g->stats.answers[class >= 1 && class <= 5 ? class : 0]++;
    if (c->fault != GW_FAULTS)
        g->stats.faults[c->fault]++;
}

static void finish(struct gw_call *c)
{
    struct gateway *g = c->gw;

    list_remove(&c->node);
    if (g) {
        count(g, c);
        access_log_add(g->access, c);
    }
    if (c->gathered.on)
        buf_done(&c->gathered.body);
    gw_authorize_done(c);
    gw_api_unref(c->api);
    gw_api_unref(c->draft);
    gw_group_unref(c->group);
    call_put(g, c);
}

/* ---- from step to step ---- */

/* True: they all went on, up to the first that looks at the body (head), or there is none left. */
static bool run(struct gw_call *c, bool head)
{
    while (!head || steps[c->step].head) {
        assert(c->step < ARRAY_LEN(steps)); /* the last one goes on nowhere */
        if (steps[c->step].run(c) != GW_GO_ON)
            return false;
        c->step++;
    }
    return true;
}

bool gw_call_head(struct gw_call *c)
{
    assert(c->magic == GW_CALL_MAGIC);
    return run(c, true);
}

void gw_call_body(struct gw_call *c)
{
    assert(c->magic == GW_CALL_MAGIC);
    c->begun = true;
    (void)run(c, false);
}

void gw_continue(struct gw_call *c)
{
    assert(c->magic == GW_CALL_MAGIC);
    c->cancel = NULL;
    c->state = NULL;
    if (c->late)
        loop_timer_stop(c->timer);
    c->late = NULL;
    if (!c->req) {
        finish(c);
        return;
    }
    c->step++;
    (void)run(c, false);
}

static void on_late(void *user)
{
    struct gw_call *c = OBJ(user, struct gw_call, GW_CALL_MAGIC);
    void (*late)(struct gw_call *) = c->late;

    c->late = NULL;
    if (late)
        late(c);
}

void gw_deadline(struct gw_call *c, uint32_t ms, void (*late)(struct gw_call *c))
{
    if (!c->timer)
        c->timer = loop_timer_new(c->gw->env.loop, on_late, c);
    c->late = late;
    loop_timer_start(c->timer, ms);
}

void gw_call_gone(struct gw_call *c, bool last)
{
    assert(c->magic == GW_CALL_MAGIC);
    c->req = NULL;
    c->sink = NULL;
    c->room = NULL;
    if (c->fault == GW_FAULTS) {
        c->fault = GW_GONE;
        c->status = gw_faults[GW_GONE].by[DIALECT_FUNCTIONGRAPH].status;
    }
    if (c->cancel || !c->begun) {
        if (c->cancel)
            c->cancel(c);
        finish(c);
        return;
    }
    if (last) {
        list_remove(&c->node);
        c->gw = NULL;
        c->timer = loop_timer_free(c->timer);
    }
}

/* ---- the answer ---- */

static const char *const id_headers[DIALECTS] = {
        [DIALECT_FUNCTIONGRAPH] = "X-Request-Id",
        [DIALECT_FC] = "X-Fc-Request-Id",
        [DIALECT_SCF] = "X-Api-RequestId",
};

static bool says(struct shape_list headers, struct str name)
{
    for (size_t i = 0; i < headers.n; i++)
        if (str_ieq(headers.at[i].name, name))
            return true;
    return false;
}

/* What is given and what every answer carries. An arena that is full carries what is given. */
struct shape_list gw_with_common(struct gw_call *c, struct shape_list headers)
{
    enum dialect dialect = c->group ? c->group->dialect : DIALECT_FUNCTIONGRAPH;
    size_t most = headers.n + c->besides.n + COMMON_HEADERS;
    struct shape_pair *all = arena_alloc(c->arena, most * sizeof(*all));
    size_t n = 0;

    if (!all)
        return headers;
    all[n++] = (struct shape_pair){str_of(id_headers[dialect]), str_of(c->request_id)};
    if (c->by_path) /* it shares its origin with everything else here: none of it is its own */
        all[n++] = (struct shape_pair){S("Content-Security-Policy"), S("sandbox")};
    for (size_t i = 0; i < c->besides.n; i++)
        if (!says(headers, c->besides.at[i].name))
            all[n++] = c->besides.at[i];
    if (headers.n > 0)
        memcpy(all + n, headers.at, headers.n * sizeof(*all));
    return (struct shape_list){all, n + headers.n};
}

static void tell(const struct gw_call *c)
{
    struct gw_told told = {
            .request_id = c->request_id,
            .fault = c->fault == GW_FAULTS ? "" : gw_faults[c->fault].name,
            .backend_ns = c->backend_ns,
            .authorizer_ns = c->authorizer_ns,
            .authorizer_cached = c->authorizer_cached,
    };

    c->sink->told(c->sink_user, &told);
}

void gw_send(struct gw_call *c, int status, struct str type, struct shape_list headers,
             struct buf *body)
{
    const struct gw_sink *sink = c->sink;
    struct buf none;

    assert(c->magic == GW_CALL_MAGIC);
    buf_init(&none, 0);
    if (!body)
        body = &none;
    if (c->req && sink) {
        c->status = status;
        c->sent = body->n;
        c->req = NULL;
        if (sink->told)
            tell(c);
        sink->reply(c->sink_user, status, type, gw_with_common(c, headers), body);
    }
    buf_done(body);
    finish(c);
}

void gw_send_start(struct gw_call *c, int status, struct str type, struct shape_list headers,
                   int64_t length)
{
    assert(c->magic == GW_CALL_MAGIC && !c->gathered.on);
    if (!c->req || !c->sink)
        return;
    c->status = status;
    if (c->sink->start) {
        c->sink->start(c->sink_user, status, type, gw_with_common(c, headers), length);
        return;
    }
    c->gathered.on = true;
    c->gathered.status = status;
    c->gathered.type = type;
    c->gathered.headers = headers;
    buf_init(&c->gathered.body, GATHER_MAX);
}

bool gw_send_more(struct gw_call *c, struct str bytes)
{
    c->sent += bytes.n;
    if (!c->req || !c->sink)
        return true; /* to nobody */
    if (!c->gathered.on)
        return c->sink->more(c->sink_user, bytes);
    buf_adds(&c->gathered.body, bytes);
    return true;
}

void gw_send_end(struct gw_call *c, bool whole)
{
    if (c->gathered.on && c->req && whole && buf_ok(&c->gathered.body)) {
        struct buf body;

        buf_move(&body, &c->gathered.body);
        c->gathered.on = false;
        gw_send(c, c->gathered.status, c->gathered.type, c->gathered.headers, &body);
        return;
    }
    if (c->gathered.on && c->req) {
        gw_fail(c, GW_ANSWER_TOO_LARGE, "64 MiB, or it was cut off");
        return;
    }
    if (c->req && c->sink) {
        const struct gw_sink *sink = c->sink;

        c->req = NULL;
        sink->end(c->sink_user, whole);
    }
    finish(c);
}

void gw_fail(struct gw_call *c, enum gw_fault why, const char *detail, ...)
{
    struct gw_worded said = {0};
    char text[512];

    assert(c->magic == GW_CALL_MAGIC && why < GW_FAULTS);
    if (!c->req) {
        finish(c);
        return;
    }
    c->fault = why;
    if (detail) {
        va_list ap;

        va_start(ap, detail);
        (void)vsnprintf(text, sizeof(text), detail, ap);
        va_end(ap);
    }
    gw_word(c, why, detail ? text : NULL, &said);
    gw_send(c, said.status, said.type, said.headers, &said.body);
}

struct str gw_header(const struct gw_call *c, struct str name)
{
    return c->req ? http_header(c->req, name) : STR_NONE;
}
