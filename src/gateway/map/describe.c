/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe.c - a call in the words that shapes and definitions use: the request as a function is to
 * see it, and the values behind "$context....".
 *
 * The lists are built in the call's arena: what the client sent, less what belongs to its connection
 * and less what the definition of the API puts in its place (params.c), and then that.
 */
#include "gateway/call.h"

#include <assert.h>
#include <errno.h>

#include "base/clock.h"
#include "base/uri.h"
#include "gateway/map/headers.h"

/* ---- the request ---- */

static bool is_replaced(struct shape_list by, struct str name, bool nocase)
{
    for (size_t i = 0; i < by.n; i++)
        if (nocase ? str_ieq(by.at[i].name, name) : str_eq(by.at[i].name, name))
            return true;
    return false;
}

static struct shape_pair *room(struct gw_call *c, size_t n)
{
    return arena_alloc(c->arena, (n + 1) * sizeof(struct shape_pair));
}

/* Those that have a value. */
static size_t append(struct shape_pair *to, size_t n, struct shape_list more)
{
    for (size_t i = 0; i < more.n; i++)
        if (more.at[i].value.p)
            to[n++] = more.at[i];
    return n;
}

/* How often the request has come through here, this time included: a function that calls its own
 * API and hands its headers on is stopped by it (route.c). */
static struct str passes(struct gw_call *c)
{
    struct str before = gw_header(c, S("x-apig-count"));
    char text[U64_TEXT], *kept;
    uint64_t n = 0;

    if (before.p && str_u64(before, 0, UINT32_MAX, &n) < 0)
        n = 0;
    kept = arena_strdup(c->arena, str_of_u64(n + 1, text));
    return kept ? str_of(kept) : S("1");
}

static int list_headers(struct gw_call *c, struct shape_list *ret)
{
    const struct http_request *r = c->req;
    struct shape_pair *to = room(c, r->nheaders + c->out_headers.n + 1);
    struct str connection = http_header(r, S("connection"));
    size_t n = 0;

    if (!to)
        return -ENOMEM;
    for (uint32_t i = 0; i < r->nheaders; i++) {
        struct str name = r->headers[i].name;

        if (gw_header_is_hop(name) || gw_header_is_named(connection, name) ||
            str_ieq(name, S("x-apig-count")) || is_replaced(c->out_headers, name, true))
            continue;
        to[n++] = (struct shape_pair){name, r->headers[i].value};
    }
    to[n++] = (struct shape_pair){S("x-apig-count"), passes(c)};
    *ret = (struct shape_list){to, append(to, n, c->out_headers)};
    return 0;
}

static int list_query(struct gw_call *c, struct shape_list *ret)
{
    struct shape_pair *to;
    size_t n = 0;

    *ret = (struct shape_list){c->query, c->nquery};
    if (c->out_query.n == 0)
        return 0;
    to = room(c, c->nquery + c->out_query.n);
    if (!to)
        return -ENOMEM;
    for (size_t i = 0; i < c->nquery; i++)
        if (!is_replaced(c->out_query, c->query[i].name, false))
            to[n++] = c->query[i];
    *ret = (struct shape_list){to, append(to, n, c->out_query)};
    return 0;
}

/* All that the pattern names; SCF shows only what the API declares besides. */
static int list_path_params(struct gw_call *c, struct shape_list *ret)
{
    const struct gw_match *m = &c->match;
    struct shape_pair *to;
    size_t n = 0;

    if (c->group->dialect == DIALECT_SCF && c->api->nparams > 0) {
        *ret = c->path_params;
        return 0;
    }
    to = room(c, m->ncaptures + c->out_path.n);
    if (!to)
        return -ENOMEM;
    for (size_t i = 0; i < m->ncaptures; i++)
        if (!is_replaced(c->out_path, m->captures[i].name, false))
            to[n++] = (struct shape_pair){m->captures[i].name, m->captures[i].value};
    *ret = (struct shape_list){to, append(to, n, c->out_path)};
    return 0;
}

static int list_variables(struct gw_call *c, struct shape_list *ret)
{
    const struct gw_group *g = c->group;
    struct shape_pair *to = room(c, g->nvariables);
    size_t n = 0;

    if (!to)
        return -ENOMEM;
    for (uint32_t i = 0; i < g->nvariables; i++)
        if (str_eq(str_of(g->variables[i].stage), str_of(c->api->stage)))
            to[n++] = (struct shape_pair){str_of(g->variables[i].name),
                                          str_of(g->variables[i].value)};
    *ret = (struct shape_list){to, n};
    return 0;
}

/* The match step has refused malformed escapes. */
static int decode_path(struct gw_call *c, struct str *ret)
{
    struct buf plain;
    char *kept = NULL;

    *ret = c->path;
    if (!str_has(c->path, '%'))
        return 0;
    buf_init(&plain, c->path.n);
    if (uri_decode(c->path, false, &plain) == 0) {
        kept = arena_strdup(c->arena, buf_str(&plain));
        *ret = (struct str){kept, plain.n};
    }
    buf_done(&plain);
    return kept || ret->p == c->path.p ? 0 : -ENOMEM;
}

/* By rule, where there are rules: one of them stands in Content-Type or Accept (scf.md 5). */
static bool wants_base64(const struct gw_call *c)
{
    struct str rules = str_of(c->api->fn.base64_types);
    struct str type = gw_header(c, S("content-type")), accept = gw_header(c, S("accept"));

    if (rules.n == 0)
        return c->api->fn.base64;
    while (rules.p) {
        struct str rule = str_cut(&rules, ',');

        if (str_find(type, rule) >= 0 || str_find(accept, rule) >= 0)
            return true;
    }
    return false;
}

int gw_describe(struct gw_call *c, struct str user_data, struct shape_http *ret)
{
    const struct gw_api *api = c->api;
    int r;

    assert(c->req && api && c->group);
    *ret = (struct shape_http){
            .request_id = str_of(c->request_id),
            .method = c->req->method,
            .api_method = str_of(api->method),
            .scheme = S("http"),
            .host = c->req->host,
            .raw_path = c->path,
            .target = c->target,
            .pattern = str_of(api->pattern),
            .header_params = c->header_params,
            .query_params = c->query_params,
            .body = c->req->body,
            .base64 = wants_base64(c),
            .group_id = str_of(c->group->id),
            .api_id = str_of(api->id),
            .stage = str_of(api->stage),
            .source_ip = str_of(c->source_ip),
            .qualifier = str_of(api->fn.qualifier),
            .secret_id = c->app_key,
            .user_data = user_data,
            .timeout_ms = api->timeout_ms,
            .now_ms = clock_wall_ms(),
    };
    r = decode_path(c, &ret->path);
    if (r == 0)
        r = list_headers(c, &ret->headers);
    if (r == 0)
        r = list_query(c, &ret->query);
    if (r == 0)
        r = list_path_params(c, &ret->path_params);
    if (r == 0)
        r = list_variables(c, &ret->variables);
    return r;
}

/* ---- $context ---- */

static struct str known(struct str s) /* there is such, though it may be empty */
{
    return s.p ? s : S("");
}

static struct str value_source_ip(struct gw_call *c)
{
    return str_of(c->source_ip);
}

static struct str value_stage(struct gw_call *c)
{
    return c->api ? str_of(c->api->stage) : known(c->stage);
}

static struct str value_api_id(struct gw_call *c)
{
    return c->api ? str_of(c->api->id) : S("");
}

static struct str value_api_name(struct gw_call *c)
{
    return c->api ? str_of(c->api->name) : S("");
}

static struct str value_app_id(struct gw_call *c)
{
    return known(c->app_id);
}

static struct str value_app_name(struct gw_call *c)
{
    return known(c->app_name);
}

static struct str value_request_id(struct gw_call *c)
{
    return str_of(c->request_id);
}

static struct str value_server_name(struct gw_call *c)
{
    return c->req ? known(c->req->host) : S("");
}

static struct str value_handle_time(struct gw_call *c)
{
    char text[CLOCK_TEXT], *kept;

    kept = arena_strdup(c->arena, str_of(clock_iso_ms(clock_wall_ms(), text)));
    return kept ? str_of(kept) : S("");
}

static struct str value_none(struct gw_call *c)
{
    (void)c;
    return S("");
}

static struct str value_path(struct gw_call *c)
{
    return known(c->path);
}

static struct str value_uri(struct gw_call *c)
{
    return c->req ? c->req->target : S("");
}

static struct str value_method(struct gw_call *c)
{
    return c->req ? c->req->method : S("");
}

static const struct {
    struct str name;
    struct str (*value)(struct gw_call *c);
} values[] = {
        {{"sourceIp", 8}, value_source_ip},
        {{"stage", 5}, value_stage},
        {{"apiId", 5}, value_api_id},
        {{"apiName", 7}, value_api_name},
        {{"appId", 5}, value_app_id},
        {{"appName", 7}, value_app_name},
        {{"requestId", 9}, value_request_id},
        {{"serverAddr", 10}, value_none}, /* one gateway, many addresses: it is not told */
        {{"serverName", 10}, value_server_name},
        {{"handleTime", 10}, value_handle_time},
        {{"providerAppId", 13}, value_none}, /* documented as unused */
        {{"reqPath", 7}, value_path},
        {{"reqUri", 6}, value_uri},
        {{"reqMethod", 9}, value_method},
};

static struct str context_value(struct shape_list context, struct str name)
{
    for (size_t i = 0; i < context.n; i++)
        if (str_eq(context.at[i].name, name))
            return known(context.at[i].value);
    return STR_NONE;
}

struct str gw_system_value(struct gw_call *c, struct str name)
{
    const struct str prefix = S("$context."), front = S("authorizer.frontend."),
                     back = S("authorizer.backend.");

    if (!str_starts(name, prefix))
        return STR_NONE;
    name = str_from(name, prefix.n);
    if (str_starts(name, front))
        return context_value(c->context, str_from(name, front.n));
    if (str_starts(name, back))
        return context_value(c->backend_context, str_from(name, back.n));
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        if (str_eq(name, values[i].name))
            return values[i].value(c);
    return STR_NONE;
}
