/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fc.c - a request for an HTTP trigger of Function Compute, until it is known that it may go on.
 *
 *   /2016-08-15/proxy/<service>[.<qualifier>]/<function>/<path>   the function sees <path>, and the
 *                                                                 whole as the request's URI
 *   a custom domain                                               the route decides, its rules rewrite
 *
 * Limits (function-compute.md 6 of our reference): names and values of all headers 4 KB, path with
 * query 4 KB. The methods are the trigger's; a domain's route may leave some of them out.
 *
 * CORS, by path only: the cloud's own domains let every origin in, custom domains none but what the
 * function says itself. A preflight is answered here unless the trigger lists OPTIONS.
 */
#include "gateway/fc/fc.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/uri.h"
#include "catalog/catalog.h"
#include "fn/fn.h"
#include "gateway/fc/fc_parts.h"
#include "gateway/fc/fc_rewrite.h"
#include "gateway/internal.h"
#include "http/h1.h"

#define PROXY "/2016-08-15/proxy/"

enum {
    HEADERS_MAX = 4096,
    TARGET_MAX = 4096,
    PATH_MAX_BYTES = 2 * TARGET_MAX, /* rewritten */
    QUERY_MAX = 4 * TARGET_MAX,      /* the rule's and the request's */
    SHOWN = 200,
};

static int shown(struct str s)
{
    return (int)(s.n < SHOWN ? s.n : SHOWN);
}

/* ---- may it go on? ---- */

static bool is_preflight(const struct gw_call *c)
{
    return c->by_path && str_eq(c->req->method, S("OPTIONS")) && gw_header(c, S("origin")).n > 0 &&
           gw_header(c, S("access-control-request-method")).n > 0 &&
           !gw_fc_has_method(c->api->methods, S("OPTIONS"));
}

static size_t header_bytes(const struct http_request *r)
{
    size_t n = 0;

    for (uint32_t i = 0; i < r->nheaders; i++)
        n += r->headers[i].name.n + r->headers[i].value.n;
    return n;
}

/* What the function will be told as its path: text, so that nobody reads an overlong '.' into it. */
static bool is_path(struct str decoded)
{
    struct str rest = decoded, part;

    if (str_has(decoded, '\0') || !str_utf8(decoded))
        return false;
    while (rest.p) {
        part = str_cut(&rest, '/');
        if (str_eq(part, S(".")) || str_eq(part, S("..")))
            return false;
    }
    return true;
}

static bool decode_path(struct gw_call *c, struct str raw, struct str *ret)
{
    struct buf b;
    char *kept;

    buf_init(&b, raw.n);
    if (uri_decode(raw, false, &b) < 0 || !buf_ok(&b) || !is_path(buf_str(&b))) {
        buf_done(&b);
        gw_fail(c, GW_BAD_REQUEST,
                "the path has a malformed escape, or a segment no path may have");
        return false;
    }
    kept = arena_strdup(c->arena, buf_str(&b));
    *ret = (struct str){kept, kept ? b.n : 0};
    buf_done(&b);
    if (!kept)
        gw_fail(c, GW_INTERNAL, NULL);
    return kept != NULL;
}

static enum gw_step limits(struct gw_call *c)
{
    if (c->req->target.n > TARGET_MAX)
        gw_fail(c, GW_URI_TOO_LONG, "%d bytes", TARGET_MAX);
    else if (header_bytes(c->req) > HEADERS_MAX)
        gw_fail(c, GW_HEADERS_TOO_LARGE, "%d bytes", HEADERS_MAX);
    else
        return GW_GO_ON;
    return GW_ENDED;
}

static enum gw_step permit(struct gw_call *c)
{
    if (!gw_fc_has_method(c->api->methods, c->req->method) && !is_preflight(c))
        gw_fail(c, GW_NO_METHOD, "%.*s", shown(c->req->method), c->req->method.p);
    else if (c->api->public_off && c->by_path && c->outside)
        gw_fail(c, GW_ACCESS_DENIED, "the URL of this HTTP trigger is disabled");
    else
        return GW_GO_ON;
    return GW_ENDED;
}

/* The trigger is the API of this call, and its group the one whose account counts. */
static void take_api(struct gw_call *c, struct gw_api *api)
{
    assert(api);
    gw_group_unref(c->group);
    c->group = gw_group_ref(api->group);
    c->api = gw_api_ref(api);
}

/* ---- by path ---- */

struct missed {
    struct str name;
    bool service, function; /* these are there */
};

static bool look(void *user, const struct fn *f)
{
    struct missed *m = user;

    m->service = true;
    m->function = str_eq(str_of(f->name), m->name);
    return !m->function;
}

/* Which of the three is missing? Where no account is named, any one's will do. Looks at every function:
 * for requests that lead nowhere. */
static void not_there(struct gw_call *c, const struct fn_key *key)
{
    struct catalog_filter filter = {.dialect = DIALECT_FC,
                                    .account = key->account,
                                    .region = key->region,
                                    .space = key->space};
    struct missed m = {.name = key->name};

    if (key->space.n > 0 && key->name.n > 0)
        catalog_each(c->gw->env.catalog, &filter, look, &m);
    if (m.function || key->space.n == 0 || key->name.n == 0)
        gw_fail(c, GW_NO_API, "%.*s", shown(c->req->path), c->req->path.p);
    else if (m.service || catalog_find_space(c->gw->env.catalog, key))
        gw_fail(c, GW_NO_FUNCTION, "'%.*s' does not exist in service '%.*s'", shown(key->name),
                key->name.p, shown(key->space), key->space.p);
    else
        gw_fail(c, GW_NO_SERVICE, "'%.*s'", shown(key->space), key->space.p);
}

static enum gw_step no_trigger(struct gw_call *c, const struct fn_key *key, int r)
{
    if (!c->group)
        c->group = gw_group_new(DIALECT_FC, "", ""); /* so that it is said in FC's words */
    if (r == -ENOTUNIQ)
        gw_fail(c, GW_BAD_REQUEST,
                "several accounts have such a function, the header X-Fc-Account-Id must name one");
    else
        not_there(c, key);
    return GW_ENDED;
}

static enum gw_step no_route(struct gw_call *c)
{
    gw_fail(c, GW_NO_API, "%.*s", shown(c->req->path), c->req->path.p);
    return GW_ENDED;
}

enum gw_step gw_fc_proxy(struct gw_call *c)
{
    struct str rest = str_from(c->req->path, sizeof(PROXY) - 1), qualifier = STR_NONE;
    struct fn_key key = {.dialect = DIALECT_FC, .account = gw_header(c, S("x-fc-account-id"))};
    struct gw_api *api = NULL;
    enum gw_step step;
    int r;

    c->by_path = true;
    qualifier = str_cut(&rest, '/');
    key.space = str_cut(&qualifier, '.');
    key.name = str_cut(&rest, '/');
    r = fc_routes_proxy(c->gw->fc, &key, qualifier, &api);
    if (r < 0)
        return no_trigger(c, &key, r);
    take_api(c, api);
    step = limits(c);
    if (step != GW_GO_ON)
        return step;
    c->path = rest.p ? (struct str){rest.p - 1, rest.n + 1} : S("/");
    c->target = c->req->target;
    if (!decode_path(c, c->path, &c->fc_path))
        return GW_ENDED;
    return permit(c);
}

/* ---- by host ---- */

static bool set_target(struct gw_call *c, struct str path, struct str query)
{
    size_t n = path.n + (query.n > 0) + query.n;
    char *at = arena_alloc(c->arena, n + 1);

    if (!at) {
        gw_fail(c, GW_INTERNAL, NULL);
        return false;
    }
    memcpy(at, path.p, path.n);
    c->path = (struct str){at, path.n};
    if (query.n > 0) {
        at[path.n] = '?';
        memcpy(at + path.n + 1, query.p, query.n);
    }
    c->target = (struct str){at, n};
    return true;
}

/* A query of the rule comes first, then the request's. */
static bool rewrite(struct gw_call *c, const struct fc_rules *rules)
{
    struct str query = c->req->query, path, own;
    struct buf out, both;
    bool ok;

    buf_init(&out, PATH_MAX_BYTES);
    if (!fc_rules_apply(rules, c->req->path, &out)) {
        buf_done(&out);
        return set_target(c, c->req->path, query);
    }
    own = buf_str(&out);
    path = str_cut(&own, '?');
    buf_init(&both, QUERY_MAX);
    buf_adds(&both, own);
    if (own.n > 0 && query.n > 0)
        buf_addc(&both, '&');
    buf_adds(&both, query);
    ok = buf_ok(&out) && buf_ok(&both);
    if (ok)
        ok = set_target(c, path, buf_str(&both));
    else
        gw_fail(c, GW_URI_TOO_LONG, "what a rewritten path may have");
    buf_done(&both);
    buf_done(&out);
    return ok;
}

enum gw_step gw_fc_routed(struct gw_call *c)
{
    struct fc_route route;
    struct gw_api *api = NULL;
    struct str asked;
    enum gw_step step = limits(c);
    int r;

    if (step != GW_GO_ON || !decode_path(c, c->req->path, &asked))
        return GW_ENDED;
    r = fc_routes_find(c->gw->fc, str_of(c->group->id), c->req->method, asked, &route);
    if (r == -EACCES) {
        gw_fail(c, GW_NO_METHOD, "%.*s", shown(c->req->method), c->req->method.p);
        return GW_ENDED;
    }
    if (r < 0)
        return no_route(c);
    r = fc_routes_proxy(c->gw->fc, &route.key, route.qualifier, &api);
    if (r < 0)
        return no_trigger(c, &route.key, r);
    if (!rewrite(c, route.rules) || !decode_path(c, c->path, &c->fc_path))
        return GW_ENDED;
    take_api(c, api);
    return permit(c);
}

/* ---- CORS ---- */

static const struct str exposed = {
        "Date,X-Fc-Request-Id,X-Fc-Error-Type,X-Fc-Code-Checksum,X-Fc-Invocation-Duration,"
        "X-Fc-Max-Memory-Usage,X-Fc-Log-Result,X-Fc-Invocation-Code-Version",
        sizeof("Date,X-Fc-Request-Id,X-Fc-Error-Type,X-Fc-Code-Checksum,X-Fc-Invocation-Duration,"
               "X-Fc-Max-Memory-Usage,X-Fc-Log-Result,X-Fc-Invocation-Code-Version") -
                1};

static bool add(struct str name, struct str value, struct shape_pair *to, size_t *n)
{
    if (value.n == 0)
        return false;
    to[(*n)++] = (struct shape_pair){name, value};
    return true;
}

size_t gw_fc_cors_headers(const struct gw_call *c, struct shape_pair ret[GW_FC_CORS])
{
    size_t n = 0;

    if (!c->by_path || !add(S("Access-Control-Allow-Origin"), gw_header(c, S("origin")), ret, &n))
        return 0;
    (void)add(S("Access-Control-Allow-Methods"), gw_header(c, S("access-control-request-method")),
              ret, &n);
    (void)add(S("Access-Control-Allow-Headers"), gw_header(c, S("access-control-request-headers")),
              ret, &n);
    (void)add(S("Access-Control-Expose-Headers"), exposed, ret, &n);
    return n;
}

enum gw_step gw_fc_cors(struct gw_call *c)
{
    struct shape_pair *headers;
    size_t n;

    if (!is_preflight(c))
        return GW_GO_ON;
    headers = arena_alloc(c->arena, (GW_FC_CORS + 1) * sizeof(*headers));
    if (!headers) {
        gw_fail(c, GW_INTERNAL, NULL);
        return GW_ENDED;
    }
    n = gw_fc_cors_headers(c, headers);
    headers[n++] = (struct shape_pair){S("Access-Control-Max-Age"), S("3600")};
    gw_send(c, 200, STR_NONE, (struct shape_list){headers, n}, NULL);
    return GW_ENDED;
}
