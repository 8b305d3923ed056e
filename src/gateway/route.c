/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.c - which API is meant: from host and path to group, stage and API.
 *
 *   Host: <id>.<domain>, or a custom domain      the group's; the path is the API's
 *   /apigw/<id>/...                               the same by path, where there are no host names
 *   /2016-08-15/proxy/<service>/<function>/...    FC's HTTP triggers (fc.c)
 *
 * The stage of a FunctionGraph group comes in the header X-Stage, RELEASE without it. A group of SCF
 * has it as the first segment of its paths, or by what its custom domain says of them. One of FC's API Gateway has it in X-Ca-Stage; routes of its
 * custom domains have none.
 *
 * Nothing is decoded here but the query; the route table decodes the path, once.
 */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/uri.h"
#include "gateway/call.h"
#include "gateway/internal.h"

enum { DETAIL = 300, PASSES = 10 };

#define BY_PATH "/apigw/"

/* For messages: a path or name as it came, cut. */
static int shown(struct str s)
{
    return (int)(s.n < DETAIL ? s.n : DETAIL);
}

/* ---- the query ---- */

/* What is no escape stays as it came: the function may know better. */
static bool decode(struct gw_call *c, struct str raw, struct str *ret)
{
    cleanup_with(buf_done) struct buf b = {0};
    char *copy;

    buf_init(&b, raw.n);
    *ret = raw;
    if (!str_has(raw, '%') && !str_has(raw, '+'))
        return true;
    if (uri_decode(raw, true, &b) < 0)
        return true;
    copy = buf_ok(&b) ? arena_strdup(c->arena, buf_str(&b)) : NULL;
    if (!copy)
        return false;
    *ret = (struct str){copy, b.n};
    return true;
}

static bool parse_query(struct gw_call *c, struct str query)
{
    struct str rest = query, name, value;
    size_t n = 0;

    while (uri_query_next(&rest, &name, &value))
        n++;
    c->query = arena_alloc(c->arena, (n + 1) * sizeof(*c->query));
    if (!c->query)
        return false;
    rest = query;
    while (uri_query_next(&rest, &name, &value)) {
        struct shape_pair *p = &c->query[c->nquery++];

        if (!decode(c, name, &p->name) || (value.p && !decode(c, value, &p->value)))
            return false;
    }
    return true;
}

/* ---- the group ---- */

static struct gw_group *group_by_id(const struct gw_call *c, struct str id)
{
    char room[2 * GW_HOST];
    size_t domain = strlen(c->gw->domain), n = 0;

    if (id.n + 1 + domain >= sizeof(room))
        return NULL;
    for (; n < id.n; n++)
        room[n] = str_lower(id.p[n]);
    room[n++] = '.';
    memcpy(room + n, c->gw->domain, domain);
    return gw_table_host(c->gw->table, (struct str){room, n + domain});
}

/* True: c->path is what the API sees. */
static bool find_group(struct gw_call *c)
{
    char room[GW_HOST];
    struct gw_group *group = gw_table_host(c->gw->table, gw_host_of(c->req->host, room));

    c->path = c->req->path;
    if (!group && str_starts(c->path, S(BY_PATH))) {
        struct str rest = str_from(c->path, sizeof(BY_PATH) - 1);
        struct str id = str_cut(&rest, '/');

        group = group_by_id(c, id);
        c->by_path = true;
        c->path = rest.p ? (struct str){rest.p - 1, rest.n + 1} : S("/");
    }
    if (group)
        c->group = gw_group_ref(group);
    return group != NULL;
}

/* ---- the stage ---- */

/* SCF: "/release/a/b" -> "release", "/a/b" */
static void cut_stage(struct gw_call *c)
{
    struct str rest = str_from(c->path, 1);

    c->stage = str_cut(&rest, '/');
    c->path = rest.p ? (struct str){rest.p - 1, rest.n + 1} : S("/");
}

static bool is_below(struct str path, struct str top)
{
    if (top.n <= 1)
        return true;
    return str_starts(path, top) && (path.n == top.n || path.p[top.n] == '/');
}

/* A custom domain may say that its paths are stages: "/try" is test, all else release. The longest of
 * them counts; where none does there is no stage. */
static void map_stage(struct gw_call *c)
{
    const struct gw_mapping *best = NULL;
    char room[GW_HOST];
    struct str host = gw_host_of(c->req->host, room);
    bool mapped = false;

    for (uint32_t i = 0; !c->by_path && i < c->group->nmappings; i++) {
        const struct gw_mapping *m = &c->group->mappings[i];

        if (!str_eq(host, str_of(m->host)))
            continue;
        mapped = true;
        if (is_below(c->path, str_of(m->path)) && (!best || strlen(m->path) > strlen(best->path)))
            best = m;
    }
    if (!mapped) {
        cut_stage(c);
        return;
    }
    c->stage = best ? str_of(best->stage) : S("");
    if (best && best->path[1])
        c->path = str_from(c->path, strlen(best->path));
    if (c->path.n == 0)
        c->path = S("/");
}

static struct str said_stage(const struct gw_call *c, struct str header)
{
    struct str said = gw_header(c, header);

    return said.n > 0 ? said : S("RELEASE");
}

/* It is kept beyond the request: the access log tells of it at the end. */
static void find_stage(struct gw_call *c)
{
    const char *copy;

    switch (c->group->dialect) {
    case DIALECT_FUNCTIONGRAPH:
        c->stage = said_stage(c, S("x-stage"));
        break;
    case DIALECT_SCF:
        map_stage(c);
        break;
    case DIALECT_FC:
    case DIALECTS:
        c->stage = said_stage(c, S("x-ca-stage"));
        break;
    }
    copy = arena_strdup(c->arena, c->stage);
    c->stage = copy ? (struct str){copy, c->stage.n} : S("");
}

/* ---- the API ---- */

static enum gw_step not_found(struct gw_call *c, int r)
{
    struct str method = c->req->method;

    if ((r == -EACCES || r == -ENOENT) && !c->draft && gw_preflight(c))
        return GW_ENDED;
    if (r == -EINVAL)
        gw_fail(c, GW_BAD_REQUEST,
                "the path has a malformed escape, or a segment no path may have");
    else if (r == -ENOMEM)
        gw_fail(c, GW_URI_TOO_LONG, "what can be matched");
    else if (r == -EACCES)
        gw_fail(c, GW_NO_METHOD, "%.*s", shown(method), method.p);
    else
        gw_fail(c, GW_NO_API, "%.*s", shown(c->path), c->path.p);
    return GW_ENDED;
}

static bool join_target(struct gw_call *c)
{
    size_t n = c->path.n, q = c->req->query.n;
    char *target;

    c->target = c->path;
    if (q == 0)
        return true;
    target = arena_alloc(c->arena, n + 1 + q + 1);
    if (!target)
        return false;
    memcpy(target, c->path.p, n);
    target[n] = '?';
    memcpy(target + n + 1, c->req->query.p, q);
    c->target = (struct str){target, n + 1 + q};
    return true;
}

/* It went through a gateway so often already, each time into something that came back. APIG counts
 * in the same header and refuses with APIG.0612 (functiongraph.md 8.2). */
static bool goes_in_circles(const struct gw_call *c)
{
    struct str count = gw_header(c, S("x-apig-count"));
    uint64_t n = 0;

    return count.n > 0 && str_u64(count, 0, PASSES, &n) == -ERANGE;
}

/* A table for it alone: the path is matched as it would be. */
static int match_draft(struct gw_call *c)
{
    struct gw_table *alone = gw_table_new();
    int r = gw_table_add(alone, c->draft);

    c->group = gw_group_ref(c->draft->group);
    c->path = c->req->path;
    c->stage = str_of(c->draft->stage);
    if (r == 0)
        r = gw_table_find(alone, c->group, c->stage, c->req->method, c->path, c->arena, &c->match);
    gw_table_free(alone);
    return r;
}

/* One of FC's API Gateway, in this stage; else it is a custom domain with routes of its own. */
static bool has_apis(struct gw_call *c)
{
    find_stage(c);
    if (gw_table_has_stage(c->gw->table, c->group, c->stage))
        return true;
    c->stage = S("");
    return false;
}

static int match(struct gw_call *c)
{
    find_stage(c);
    return gw_table_find(c->gw->table, c->group, c->stage, c->req->method, c->path, c->arena,
                         &c->match);
}

static enum gw_step take(struct gw_call *c, int r)
{
    if (r < 0)
        return not_found(c, r);
    c->api = gw_api_ref(c->match.api);
    if (join_target(c))
        return GW_GO_ON;
    gw_fail(c, GW_URI_TOO_LONG, "what can be taken apart");
    return GW_ENDED;
}

enum gw_step gw_match_step(struct gw_call *c)
{
    if (goes_in_circles(c)) {
        gw_fail(c, GW_LOOP, NULL);
        return GW_ENDED;
    }
    if (!parse_query(c, c->req->query)) {
        gw_fail(c, GW_URI_TOO_LONG, "what can be taken apart");
        return GW_ENDED;
    }
    if (c->draft)
        return take(c, match_draft(c));
    if (!find_group(c)) {
        if (str_starts(c->req->path, S("/2016-08-15/proxy/")))
            return gw_fc_proxy(c);
        gw_fail(c, GW_NO_API, "%.*s", shown(c->req->path), c->req->path.p);
        return GW_ENDED;
    }
    if (c->group->dialect == DIALECT_FC && !has_apis(c))
        return gw_fc_routed(c);
    if (c->group->dialect == DIALECT_FUNCTIONGRAPH)
        c->debug = c->debug || str_ieq(gw_header(c, S("x-apig-mode")), S("debug"));
    return take(c, match(c));
}
