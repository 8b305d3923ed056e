/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cors.c - requests from pages of another origin.
 *
 * A browser asks before it sends what a form could not (a preflight: OPTIONS with Origin and
 * Access-Control-Request-Method), without credentials, so it is answered before anybody is asked for
 * any. It is about the method it names: that API's setting counts. An API that takes OPTIONS itself is
 * left to do so where the method is its own (APIG's guide tells users to make one), not where ANY
 * happens to contain it.
 *
 * APIG: with "cors" every origin may, answers say "*" ("Enabling CORS", APIG User Guide); without it
 * nothing is said, and the browser refuses. SCF: with enableCORS the same; without it a request from
 * another origin is refused by the gateway, with 429 (scf.md 5). FC has rules of its own (fc.c).
 */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "gateway/fc/fc.h"
#include "gateway/internal.h"

/* 48 hours, as APIG's guide shows it; browsers cut it to what they like. */
#define MAX_AGE     "172800"
#define SCF_METHODS "GET, POST, PUT, DELETE, HEAD, OPTIONS, PATCH"

enum { HEADERS = 4, URI = 300 };

static bool is_preflight(const struct gw_call *c)
{
    return str_eq(c->req->method, S("OPTIONS")) && gw_header(c, S("origin")).n > 0 &&
           gw_header(c, S("access-control-request-method")).n > 0;
}

/* "https://a.example:1" asked of "a.example:1": its own page. A null origin is nobody's. */
static bool is_own_origin(const struct gw_call *c)
{
    struct str origin = gw_header(c, S("origin"));
    ptrdiff_t at = str_find(origin, S("://"));

    return at >= 0 && str_ieq(str_from(origin, (size_t)at + 3), c->req->host);
}

static void answer_preflight(struct gw_call *c)
{
    struct str method = gw_header(c, S("access-control-request-method"));
    struct str names = gw_header(c, S("access-control-request-headers"));
    struct shape_pair *to = arena_alloc(c->arena, HEADERS * sizeof(*to));
    size_t n = 0;

    if (!to) {
        gw_fail(c, GW_INTERNAL, NULL);
        return;
    }
    to[n++] = (struct shape_pair){S("Access-Control-Allow-Origin"), S("*")};
    to[n++] = (struct shape_pair){S("Access-Control-Allow-Methods"),
                                  c->group->dialect == DIALECT_SCF ? S(SCF_METHODS) : method};
    if (names.n > 0)
        to[n++] = (struct shape_pair){S("Access-Control-Allow-Headers"), names};
    to[n++] = (struct shape_pair){S("Access-Control-Max-Age"), S(MAX_AGE)};
    gw_send(c, 200, STR_NONE, (struct shape_list){to, n}, NULL);
}

bool gw_preflight(struct gw_call *c)
{
    struct gw_match asked;
    int r;

    if (!is_preflight(c))
        return false;
    if (c->api && strcmp(c->api->method, "OPTIONS") == 0)
        return false; /* it answers itself */
    r = gw_table_find(c->gw->table, c->group, c->stage,
                      gw_header(c, S("access-control-request-method")), c->path, c->arena, &asked);
    if (r < 0 || !asked.api->cors.on)
        return false;
    if (!c->api)
        c->api = gw_api_ref(asked.api);
    answer_preflight(c);
    return true;
}

static void allow_all(struct gw_call *c)
{
    struct shape_pair *one = arena_alloc(c->arena, sizeof(*one));

    if (!one)
        return; /* the browser will refuse what it got */
    *one = (struct shape_pair){S("Access-Control-Allow-Origin"), S("*")};
    c->besides = (struct shape_list){one, 1};
}

enum gw_step gw_cors(struct gw_call *c)
{
    if (c->group->dialect == DIALECT_FC)
        return gw_fc_cors(c);
    if (gw_header(c, S("origin")).n == 0)
        return GW_GO_ON;
    if (gw_preflight(c))
        return GW_ENDED;
    if (c->api->cors.on) {
        allow_all(c);
    } else if (c->group->dialect == DIALECT_SCF && !is_own_origin(c)) {
        gw_fail(c, GW_CROSS_ORIGIN, "%.*s", (int)(c->path.n < URI ? c->path.n : URI), c->path.p);
        return GW_ENDED;
    }
    return GW_GO_ON;
}
