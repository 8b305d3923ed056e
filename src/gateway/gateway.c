/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway.c - the gateway's face to the HTTP server, and to those who call it without one.
 *
 *   on_head     the steps that need no body (call.c); then how large it may be
 *   on_request  the others
 *   on_refuse   the server itself says no (body too large, too slow): worded like any fault
 *   on_cancel   the client has gone
 *
 * Read next: call.c, then route.c.
 */
#include "gateway/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "gateway/access.h"
#include "gateway/backend/fetch.h"
#include "gateway/compile/compile.h"
#include "gateway/fc/fc.h"
#include "gateway/guard/guard.h"
#include "gateway/internal.h"

/* Bytes of a request's body: APIG 12 MB (functiongraph.md 5.7 of our reference: "Notes and
 * constraints" of API Gateway), FC 6 MB, SCF 6 MB. A function takes what its own limit allows. */
static const uint64_t body_max[DIALECTS] = {
        [DIALECT_FUNCTIONGRAPH] = 12 << 20,
        [DIALECT_FC] = 6 << 20,
        [DIALECT_SCF] = 6 << 20,
};

static const char *or_else(const char *given, const char *preset)
{
    return given && given[0] ? given : preset;
}

struct gateway *gateway_new(const struct gateway_env *env, const struct gateway_conf *conf)
{
    struct gateway *g = xnew(struct gateway);

    g->magic = GATEWAY_MAGIC;
    g->env = *env;
    g->domain = xstrdup(or_else(conf->domain, "apigw.localhost"));
    g->region = xstrdup(or_else(conf->region, "local-1"));
    list_init(&g->calls);
    list_init(&g->spare);
    g->table = gw_table_new();
    g->fetcher = fetcher_new(env->loop);
    g->guard = gw_guard_new(env);
    g->access = access_log_new(env->loop, conf->access_log);
    g->fc = fc_routes_new(g);
    g->compiler = compiler_new(g);
    return g;
}

/* The server of those that came over HTTP has gone before and taken their requests along; who waits
 * otherwise is told. */
static void end_call(struct gw_call *c)
{
    const struct gw_sink *sink = c->req ? c->sink : NULL;
    void *user = c->sink_user;
    bool streamed = c->status != 0 && !c->gathered.on;
    struct buf none;

    gw_call_gone(c, true);
    buf_init(&none, 0);
    if (sink && streamed)
        sink->end(user, false);
    else if (sink)
        sink->reply(user, 503, STR_NONE, (struct shape_list){0}, &none);
}

struct gateway *gateway_free(struct gateway *g)
{
    struct list *node;

    if (!g)
        return NULL;
    while ((node = list_first(&g->calls)))
        end_call(container_of(node, struct gw_call, node));
    g->fetcher = fetcher_free(g->fetcher);
    g->compiler = compiler_free(g->compiler);
    g->fc = fc_routes_free(g->fc);
    g->guard = gw_guard_free(g->guard);
    g->table = gw_table_free(g->table);
    g->access = access_log_free(g->access);
    gw_spares_free(g);
    free(g->domain);
    free(g->region);
    g->magic = 0;
    free(g);
    return NULL;
}

/* ---- whose request is it? ---- */

struct str gw_host_of(struct str host, char room[GW_HOST])
{
    size_t n = 0;

    for (size_t i = 0; i < host.n && host.p[i] != ':'; i++) {
        if (n + 1 == GW_HOST)
            return S("");
        room[n++] = str_lower(host.p[i]);
    }
    if (n > 0 && room[n - 1] == '.') /* fully qualified: the same name */
        n--;
    return (struct str){room, n};
}

bool gateway_knows_host(const struct gateway *g, struct str host)
{
    struct str domain = str_of(g->domain);

    if (gw_table_host(g->table, host) || str_eq(host, domain))
        return true;
    return host.n > domain.n && str_ends(host, domain) && host.p[host.n - domain.n - 1] == '.';
}

const char *gateway_domain(const struct gateway *g)
{
    return g->domain;
}

int gateway_rival(const struct gateway *g, struct str key, struct buf *out)
{
    return compiler_rival(g->compiler, key, out);
}

bool gateway_named(const struct gateway *g, const struct http_request *r)
{
    char room[GW_HOST];

    return gateway_knows_host(g, gw_host_of(r->host, room));
}

bool gateway_has_path(struct str path)
{
    return str_starts(path, S("/apigw/")) || str_starts(path, S("/2016-08-15/proxy/"));
}

/* ---- over HTTP ---- */

static void add_headers(struct http_request *r, struct shape_list headers)
{
    for (size_t i = 0; i < headers.n; i++)
        (void)http_add_header_str(r, headers.at[i].name, headers.at[i].value);
}

static void on_reply(void *user, int status, struct str type, struct shape_list headers,
                     struct buf *body)
{
    struct http_request *r = user;

    r->app = NULL;
    add_headers(r, headers);
    http_reply_buf(r, status, type, body);
}

static void on_start(void *user, int status, struct str type, struct shape_list headers,
                     int64_t length)
{
    struct http_request *r = user;

    add_headers(r, headers);
    http_reply_start(r, status, type, length);
}

static bool on_more(void *user, struct str bytes)
{
    return http_reply_more(user, bytes);
}

static void on_end(void *user, bool whole)
{
    struct http_request *r = user;

    r->app = NULL;
    if (whole)
        http_reply_end(r);
    else
        http_reply_abort(r);
}

static const struct gw_sink http_sink = {
        .reply = on_reply,
        .start = on_start,
        .more = on_more,
        .end = on_end,
};

static void begin(struct http_request *r, bool outside, bool inside)
{
    struct gateway *g = OBJ(r->user, struct gateway, GATEWAY_MAGIC);
    struct gw_call *c = gw_call_new(g, r, &http_sink, r);

    c->outside = outside;
    c->inside = inside;
    r->app = c;
    if (gw_call_head(c))
        r->body_max = body_max[c->group->dialect];
}

static void on_head(struct http_request *r)
{
    begin(r, false, false);
}

static void on_public_head(struct http_request *r)
{
    begin(r, true, false);
}

static void on_inside_head(struct http_request *r)
{
    begin(r, false, true);
}

static void on_request(struct http_request *r)
{
    gw_call_body(OBJ(r->app, struct gw_call, GW_CALL_MAGIC));
}

static void on_cancel(struct http_request *r)
{
    struct gw_call *c = OBJ(r->app, struct gw_call, GW_CALL_MAGIC);

    r->app = NULL;
    gw_call_gone(c, false);
}

/* No head that could be understood, so no call: in the words of the cloud that is told of no other. */
static void refuse_unknown(struct http_refusal *x)
{
    char request_id[UUID_TEXT];
    struct jw w;

    uuid7(clock_wall_ms(), request_id);
    x->type = "application/json";
    jw_init(&w, x->body);
    jw_obj(&w);
    jw_kstrz(&w, "error_code", gw_faults[GW_BAD_REQUEST].by[DIALECT_FUNCTIONGRAPH].code);
    jw_kstrz(&w, "error_msg", x->why);
    jw_kstrz(&w, "request_id", request_id);
    jw_obj_end(&w);
}

static void refuse_call(struct gw_call *c, struct http_refusal *x)
{
    bool too_large = x->status == 413;
    struct gw_worded said = {0};
    char most[48];

    (void)snprintf(most, sizeof(most), "%llu bytes", (unsigned long long)x->req->body_max);
    gw_word(c, too_large ? GW_BODY_TOO_LARGE : GW_BAD_REQUEST, too_large ? most : x->why, &said);
    c->fault = too_large ? GW_BODY_TOO_LARGE : GW_BAD_REQUEST;
    if (too_large)
        x->status = said.status;
    c->status = x->status;
    add_headers(x->req, gw_with_common(c, said.headers));
    x->type = "application/json";
    buf_adds(x->body, buf_str(&said.body));
    buf_done(&said.body);
}

static void on_refuse(void *user, struct http_refusal *x)
{
    (void)user;
    if (x->req)
        refuse_call(OBJ(x->req->app, struct gw_call, GW_CALL_MAGIC), x);
    else
        refuse_unknown(x);
}

static void on_room(struct http_request *r)
{
    struct gw_call *c = OBJ(r->app, struct gw_call, GW_CALL_MAGIC);

    if (c->room)
        c->room(c);
}

const struct http_ops gateway_http_ops = {
        .on_head = on_head,
        .on_request = on_request,
        .on_cancel = on_cancel,
        .on_refuse = on_refuse,
        .on_room = on_room,
};

const struct http_ops gateway_public_ops = {
        .on_head = on_public_head,
        .on_request = on_request,
        .on_cancel = on_cancel,
        .on_refuse = on_refuse,
        .on_room = on_room,
};

const struct http_ops gateway_inside_ops = {
        .on_head = on_inside_head,
        .on_request = on_request,
        .on_cancel = on_cancel,
        .on_refuse = on_refuse,
        .on_room = on_room,
};

/* ---- without ---- */

void gateway_call(struct gateway *g, const struct http_request *r, const struct gw_sink *sink,
                  void *user)
{
    struct gw_call *c = gw_call_new(g, r, sink, user);

    c->debug = true;
    if (gw_call_head(c))
        gw_call_body(c);
}

void gateway_debug(struct gateway *g, struct str api_id, const struct http_request *r,
                   const struct gw_sink *sink, void *user)
{
    struct gw_call *c = gw_call_new(g, r, sink, user);
    struct err e = {0};

    c->debug = true;
    c->draft = compiler_draft(g->compiler, api_id, &e);
    if (!c->draft)
        gw_fail(c, GW_NO_API, "%s", e.msg);
    else if (gw_call_head(c))
        gw_call_body(c);
}

void gateway_stats(const struct gateway *g, struct gateway_stats *ret)
{
    struct gw_guard_stats guard;

    *ret = g->stats;
    gw_guard_stats(g->guard, &guard);
    ret->authorizer_calls = guard.authorizer_calls;
    ret->authorizer_cached = guard.authorizer_cached;
    ret->apis = gw_table_count(g->table);
    ret->log_dropped = access_log_dropped(g->access);
}
