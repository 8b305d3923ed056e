/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compile_change.c - what a change of a resource touches, one row per kind.
 *
 *   group, variable, response   the group, and with it all its routes; triggers that name it
 *   env                         releases in it
 *   authorizer                  routes that name it, and those that could not be made without it
 *   release                     its route
 *   throttle, throttle_bind     routes that it limits
 *   domain                      a host name of its group; SCF: which stage its paths are
 *   api, version                nothing: what is called is what a release names
 *
 * Apps and what belongs to them are the guard's (guard.h), which hears of everything.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "gateway/compile/compile_internal.h"
#include "gateway/fc/fc.h"
#include "gateway/guard/guard.h"
#include "gateway/internal.h"
#include "gateway/plane/objects.h"

/* ---- several routes again ---- */

/* Making one again may move or drop it, so who is meant is written down first. */
struct meant {
    char **keys;
    size_t n;
};

static void mean(struct meant *m, const char *key)
{
    m->keys = xrealloc(m->keys, m->n + 1, sizeof(char *));
    m->keys[m->n++] = xstrdup(key);
}

static void again(struct compiler *c, struct meant *m)
{
    for (size_t i = 0; i < m->n; i++) {
        compile_again(c, str_of(m->keys[i]));
        free(m->keys[i]);
    }
    free(m->keys);
}

static void again_if(struct compiler *c, bool (*touched)(const struct route *r, const void *by),
                     const void *by)
{
    struct meant m = {0};
    struct str key;
    void *value;

    for (size_t cursor = 0; map_next(c->routes, &cursor, &key, &value);)
        if (touched(value, by))
            mean(&m, ((struct route *)value)->key);
    again(c, &m);
}

static void again_in(struct compiler *c, struct place *p, char only)
{
    struct meant m = {0};

    list_each (node, &p->routes) {
        struct route *r = container_of(node, struct route, node);

        if (!only || r->key[0] == only)
            mean(&m, r->key);
    }
    again(c, &m);
}

/* ---- groups ---- */

static void refresh_group(struct compiler *c, const struct resource *group)
{
    struct place *p = compile_place_put(c, compile_group(c, group));

    p->recorded = true;
    again_in(c, p, 0);
}

/* Triggers name groups: the place they have now may not be where they belong any more. */
static void move_triggers(struct compiler *c, const struct resource *group)
{
    char id[GW_ID];
    struct place *p;

    gw_id_of((int)group->dialect, str_of(group->account), str_of(group->region),
             str_of(group->name), id);
    p = compile_place(c, str_of(id));
    if (p)
        again_in(c, p, 't');
}

static void on_group(struct compiler *c, const struct resource *before,
                     const struct resource *after)
{
    struct place *p;

    if (after) {
        refresh_group(c, after);
        move_triggers(c, after);
        return;
    }
    p = compile_place(c, str_of(before->id));
    if (!p)
        return;
    p->recorded = false;
    if (list_empty(&p->routes))
        compile_place_drop_unused(c, p);
    else
        again_in(c, p, 0); /* the last to move out takes the place with it */
}

static void on_part_of_group(struct compiler *c, const struct resource *before,
                             const struct resource *after)
{
    struct str id = str_of((after ? after : before)->parent);
    const struct resource *group = catalog_resource(c->catalog, S("group"), id);

    if (group)
        refresh_group(c, group);
}

/* ---- environments, authorizers ---- */

static bool is_in_env(const struct route *r, const void *by)
{
    return r->key[0] == 'r' && str_ends(str_of(r->key), str_of(by));
}

static void on_env(struct compiler *c, const struct resource *before, const struct resource *after)
{
    cleanup_free char *suffix = xasprintf(".%s", (after ? after : before)->id);

    again_if(c, is_in_env, suffix);
}

static bool needs_authorizer(const struct route *r, const void *by)
{
    const struct resource *a = by;
    const struct gw_group *group = r->place->group;

    if (strcmp(group->account, a->account) != 0 || strcmp(group->region, a->region) != 0)
        return false;
    return !r->api || r->api->authorizer || r->api->backend_authorizer;
}

static void on_authorizer(struct compiler *c, const struct resource *before,
                          const struct resource *after)
{
    again_if(c, needs_authorizer, after ? after : before);
}

/* ---- releases ---- */

static struct str release_key(struct str id, struct buf *room)
{
    buf_init(room, ROUTE_KEY);
    buf_adds(room, S("r/"));
    buf_adds(room, id);
    return buf_str(room);
}

static struct gw_api *make_release(struct compiler *c, const struct resource *release,
                                   struct place *p, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *said = json_parse(str_of(release->body), e);
    cleanup_with(json_freep) struct cJSON *frozen = NULL;
    const struct resource *version;

    if (!said)
        return NULL;
    version = catalog_resource(c->catalog, S("version"), compile_text(said, "version_id"));
    if (!version) {
        err_set(e, ERR_CALLER, -2, "its version is gone");
        return NULL;
    }
    frozen = json_parse(str_of(version->body), e);
    if (!frozen)
        return NULL;
    return compile_api(c, str_of(release->parent), json_get(frozen, "api"),
                       compile_text(said, "env_id"), p->group, e);
}

void compile_release_set(struct compiler *c, const struct resource *release)
{
    cleanup_with(buf_done) struct buf room;
    struct str key = release_key(str_of(release->id), &room);
    const struct resource *api = catalog_resource(c->catalog, S("api"), str_of(release->parent));
    struct place *p = api ? compile_place(c, str_of(api->parent)) : NULL;
    struct err e = {0};

    if (!p || !p->recorded)
        compile_route_drop(c, key);
    else
        compile_route_set(c, key, p, make_release(c, release, p, &e), &e);
}

static void on_release(struct compiler *c, const struct resource *before,
                       const struct resource *after)
{
    cleanup_with(buf_done) struct buf room;

    buf_init(&room, 1); /* release_key() makes it what it needs */
    if (after)
        compile_release_set(c, after);
    else
        compile_route_drop(c, release_key(str_of(before->id), &room));
}

struct gw_api *compiler_draft(struct compiler *c, struct str api_id, struct err *e)
{
    const struct resource *api = catalog_resource(c->catalog, S("api"), api_id);
    struct place *p = api ? compile_place(c, str_of(api->parent)) : NULL;
    cleanup_with(json_freep) struct cJSON *definition =
            api ? json_parse(str_of(api->body), e) : NULL;

    if (!p)
        err_set(e, ERR_CALLER, -2, "there is no API '%.*s'", STR_ARG(api_id));
    if (!p || !definition)
        return NULL;
    return compile_api(c, api_id, definition, S(GW_RELEASE_ENV), p->group, e);
}

/* ---- throttles ---- */

/* What a binding is about, as text of its own; NULL: nothing we know. */
static char *bound(const struct resource *bind)
{
    cleanup_with(json_freep) struct cJSON *said = json_parse(str_of(bind->body), NULL);
    struct str publish = said ? compile_text(said, "publish_id") : STR_NONE;
    struct str api = said ? compile_text(said, "api_id") : STR_NONE;
    struct str env = said ? compile_text(said, "env_id") : STR_NONE;

    if (api.n > 0)
        return xasprintf("%.*s.%.*s", STR_ARG(api), env.n > 0 ? (int)env.n : 30,
                         env.n > 0 ? env.p : GW_RELEASE_ENV);
    return publish.n > 0 ? str_dup(publish) : NULL;
}

struct release_search {
    struct str publish;
    char *key; /* owned */
};

static bool is_publication(void *user, const struct resource *release)
{
    struct release_search *s = user;
    cleanup_with(json_freep) struct cJSON *said = json_parse(str_of(release->body), NULL);

    if (!said || !str_eq(compile_text(said, "publish_id"), s->publish))
        return true;
    s->key = xasprintf("r/%s", release->id);
    return false;
}

static void again_bound(struct compiler *c, const char *what)
{
    struct release_search s = {.publish = str_of(what)};

    if (strchr(what, '.'))
        s.key = xasprintf("r/%s", what);
    else
        catalog_each_resource(c->catalog,
                              &(struct resource_filter){.kind = S("release"), .dialect = -1},
                              is_publication, &s);
    if (s.key && map_get(c->routes, str_of(s.key)))
        compile_again(c, str_of(s.key));
    free(s.key);
}

static void on_throttle_bind(struct compiler *c, const struct resource *before,
                             const struct resource *after)
{
    cleanup_free char *was = before ? bound(before) : NULL;
    cleanup_free char *is = after ? bound(after) : NULL;

    if (was)
        free(map_del(c->binds, str_of(was)));
    if (is)
        free(map_put(c->binds, str_of(is), xstrdup(after->parent)));
    if (c->loading)
        return;
    if (was)
        again_bound(c, was);
    if (is && (!was || strcmp(is, was) != 0))
        again_bound(c, is);
}

static bool is_limited(const struct route *r, const void *by)
{
    (void)by;
    return r->api && r->api->limit.period_ms > 0;
}

static void on_throttle(struct compiler *c, const struct resource *before,
                        const struct resource *after)
{
    (void)before;
    again_if(c, is_limited, after);
}

/* ---- domains ---- */

static void forget_host(struct compiler *c, struct place *p, struct str host)
{
    for (size_t i = 0; i < p->nhosts; i++) {
        if (!str_eq(str_of(p->hosts[i]), host))
            continue;
        gw_table_drop_host(c->g->table, host);
        free(p->hosts[i]);
        p->hosts[i] = p->hosts[--p->nhosts];
        compile_place_drop_unused(c, p);
        return;
    }
}

static void bind_host(struct compiler *c, const struct resource *before,
                      const struct resource *after)
{
    struct place *was = before ? compile_place(c, str_of(before->parent)) : NULL;
    struct place *is = after ? compile_place(c, str_of(after->parent)) : NULL;

    if (was && (!after || was != is))
        forget_host(c, was, str_of(before->id));
    if (!is || was == is || gw_table_add_host(c->g->table, str_of(after->id), is->group) < 0)
        return;
    is->hosts = xrealloc(is->hosts, is->nhosts + 1, sizeof(char *));
    is->hosts[is->nhosts++] = xstrdup(after->id);
}

/* Which of its paths are which stage stands in its group. */
static void on_domain(struct compiler *c, const struct resource *before,
                      const struct resource *after)
{
    const struct resource *now = after ? after : before;

    bind_host(c, before, after);
    if (c->loading || !now || now->dialect != DIALECT_SCF)
        return; /* at first the group has read it */
    on_part_of_group(c, NULL, now);
    if (before && after && strcmp(before->parent, after->parent) != 0)
        on_part_of_group(c, NULL, before);
}

static void on_fc_domain(struct compiler *c, const struct resource *before,
                         const struct resource *after)
{
    fc_routes_domain(c->g->fc, before, after);
}

/* ---- the watch ---- */

static const struct {
    const char *kind;
    void (*changed)(struct compiler *c, const struct resource *before,
                    const struct resource *after);
} kinds[] = {
        {"group", on_group},
        {"variable", on_part_of_group},
        {"response", on_part_of_group},
        {"env", on_env},
        {"authorizer", on_authorizer},
        {"release", on_release},
        {"throttle", on_throttle},
        {"throttle_bind", on_throttle_bind},
        {"domain", on_domain},
        {"fc_domain", on_fc_domain},
};

void compile_on_resource(void *user, const struct resource *before, const struct resource *after)
{
    struct compiler *c = OBJ(user, struct compiler, COMPILER_MAGIC);
    const char *kind = (after ? after : before)->kind;

    gw_guard_change(c->g->guard, before, after);
    if (c->loading) {
        if (strcmp(kind, "throttle_bind") == 0)
            on_throttle_bind(c, before, after);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            kinds[i].changed(c, before, after);
}

/* ---- at first ---- */

static bool take_group(void *user, const struct resource *r)
{
    compile_place_put(user, compile_group(user, r))->recorded = true;
    return true;
}

static bool take_release(void *user, const struct resource *r)
{
    compile_release_set(user, r);
    return true;
}

static bool take_domain(void *user, const struct resource *r)
{
    on_domain(user, NULL, r);
    return true;
}

static bool take_fc_domain(void *user, const struct resource *r)
{
    on_fc_domain(user, NULL, r);
    return true;
}

void compile_take_in(struct compiler *c)
{
    static const struct {
        const char *kind;
        bool (*take)(void *user, const struct resource *r);
    } order[] = {{"group", take_group},
                 {"domain", take_domain},
                 {"fc_domain", take_fc_domain},
                 {"release", take_release}};

    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        catalog_each_resource(
                c->catalog, &(struct resource_filter){.kind = str_of(order[i].kind), .dialect = -1},
                order[i].take, c);
}
