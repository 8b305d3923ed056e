/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compile.c - keeps the route table as the catalog says.
 *
 * What can be called comes from two sides: a release of an API (a resource), and a trigger of source
 * apig, apigw or http. Each is one route here, under its own key ("r/<release>", "t/<trigger>"), with
 * the gw_api that it has in the table. A change takes the old one out and puts a new one in, so a call
 * that is on its way keeps what it began with. What routes share is made anew with them: a change of a
 * group, its variables or its responses touches its routes; one of an authorizer those that name it.
 *
 * What always holds:
 *   (1) an API is in the table if and only if a route here has it and says so (routed). Of two that
 *       want the same path and method the first has it; when it goes, the other takes over.
 *   (2) a place is here as long as its resource, or a route in it, is; and so long its host name is
 *       in the table.
 *   (3) nothing here fails: what cannot be called (its group is gone, its definition was written by
 *       another version of evoke) is a route without an API, until something it needs changes.
 *
 * Read next: compile_api.c, compile_trigger.c: what one record means.
 */
#include "gateway/compile.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "catalog/triggers.h"
#include "gateway/compile_internal.h"
#include "gateway/guard.h"
#include "gateway/internal.h"

enum { KEY_MAX = 600, HOST_MAX = 600 };

static const struct log_cx cx = {.component = "gateway"};

/* ---- places ---- */

static void host_of(const struct compiler *c, const char *id, struct buf *out)
{
    buf_init(out, HOST_MAX);
    buf_addf(out, "%s.%s", id, c->g->domain);
}

/* taken: the group's reference */
static struct place *place_put(struct compiler *c, struct gw_group *group)
{
    struct place *p = map_get(c->places, str_of(group->id));
    struct buf host;

    if (!p) {
        p = xnew(struct place);
        list_init(&p->routes);
        (void)map_put(c->places, str_of(group->id), p);
    }
    gw_group_unref(p->group);
    p->group = group;
    host_of(c, group->id, &host);
    (void)gw_table_add_host(c->g->table, buf_str(&host), group);
    buf_done(&host);
    return p;
}

static void place_drop_unused(struct compiler *c, struct place *p)
{
    struct buf host;

    if (p->recorded || !list_empty(&p->routes))
        return;
    host_of(c, p->group->id, &host);
    gw_table_drop_host(c->g->table, buf_str(&host));
    buf_done(&host);
    (void)map_del(c->places, str_of(p->group->id));
    gw_group_unref(p->group);
    free(p);
}

/* ---- routes ---- */

static void enter(struct compiler *c, struct route *r)
{
    r->routed = r->api && gw_table_add(c->g->table, r->api) == 0;
}

static void leave(struct compiler *c, struct route *r)
{
    bool routed = r->routed;

    if (routed)
        gw_table_drop(c->g->table, r->api);
    r->routed = false;
    gw_api_unref(r->api);
    r->api = NULL;
}

/* A path and method are free again: for whoever came second. */
static void let_in(struct compiler *c, struct place *p)
{
    list_each (node, &p->routes) {
        struct route *r = container_of(node, struct route, node);

        if (r->api && !r->routed)
            enter(c, r);
    }
}

static struct route *route_get(struct compiler *c, struct str key, struct place *p)
{
    struct route *r = map_get(c->routes, key);

    if (!r) {
        r = xnew(struct route);
        r->key = str_dup(key);
        list_init(&r->node);
        (void)map_put(c->routes, key, r);
    }
    if (r->place != p) {
        struct place *before = r->place;

        list_remove(&r->node);
        r->place = p;
        list_push_back(&p->routes, &r->node);
        if (before)
            place_drop_unused(c, before);
    }
    return r;
}

static void route_drop(struct compiler *c, struct str key)
{
    struct route *r = map_del(c->routes, key);
    struct place *p;

    if (!r)
        return;
    p = r->place;
    leave(c, r);
    list_remove(&r->node);
    free(r->key);
    free(r);
    let_in(c, p);
    place_drop_unused(c, p);
}

/* taken: the API's reference; NULL: there is nothing to call, and e says why. */
static void route_set(struct compiler *c, struct route *r, struct gw_api *api, const struct err *e)
{
    leave(c, r);
    r->api = api;
    if (api)
        enter(c, r);
    else
        log_debug(&cx, "route %s cannot be called: %s", r->key, e->msg);
    let_in(c, r->place);
}

/* ---- triggers ---- */

static struct str trigger_route(const struct trigger *t, char room[KEY_MAX])
{
    int n = snprintf(room, KEY_MAX, "t/%s", t->id);

    return (struct str){room, (size_t)n};
}

struct by_name {
    struct str name;
    const struct resource *found;
};

static bool take_first(void *user, const struct resource *r)
{
    struct by_name *want = user;

    want->found = r;
    return false;
}

static const struct resource *find_named(struct compiler *c, struct str kind, int dialect,
                                         struct str account, struct str region, struct str name)
{
    struct by_name want = {.name = name};
    struct resource_filter filter = {
            .kind = kind, .dialect = dialect, .account = account, .region = region, .name = name};

    catalog_each_resource(c->g->env.catalog, &filter, take_first, &want);
    return want.found;
}

/* The group of that name, if somebody made one; else the one that its name alone makes. */
static struct place *place_of_trigger(struct compiler *c, const struct trigger *t, struct str name)
{
    struct str account = str_of(t->account), region = str_of(t->region);
    const struct resource *r = find_named(c, S("group"), (int)t->dialect, account, region, name);
    struct place *p = r ? map_get(c->places, str_of(r->id)) : NULL;
    struct gw_group *group;
    cleanup_free char *text = str_dup(name);
    char id[GW_ID];

    if (p)
        return p;
    gw_id_of((int)t->dialect, account, region, name, id);
    p = map_get(c->places, str_of(id));
    if (p)
        return p;
    group = gw_group_new(t->dialect, id, text);
    gw_set(&group->account, account);
    gw_set(&group->region, region);
    return place_put(c, group);
}

static void set_trigger(struct compiler *c, const struct trigger *t)
{
    struct binding b;
    struct err e = {0};
    char room[KEY_MAX];
    struct str key = trigger_route(t, room);
    struct gw_api *api;
    struct place *p;
    struct route *r;

    if (binding_parse(str_of(t->source), str_of(t->config), &b, &e) < 0) {
        route_drop(c, key);
        return;
    }
    p = place_of_trigger(c, t, b.group);
    r = route_get(c, key, p);
    api = compile_trigger(c, t, &b, p->group, &e);
    binding_done(&b);
    route_set(c, r, api, &e);
}

static void on_trigger(void *user, const struct trigger *before, const struct trigger *after)
{
    struct compiler *c = OBJ(user, struct compiler, COMPILER_MAGIC);
    char room[KEY_MAX];

    if (after && after->enabled)
        set_trigger(c, after);
    else if (before)
        route_drop(c, trigger_route(before, room));
}

/* ---- the face ---- */

struct compiler *compiler_new(struct gateway *g)
{
    struct compiler *c = xnew(struct compiler);

    c->magic = COMPILER_MAGIC;
    c->g = g;
    c->places = map_new();
    c->routes = map_new();
    catalog_watch_triggers(g->env.catalog, on_trigger, c);
    return c;
}

struct compiler *compiler_free(struct compiler *c)
{
    struct str key;
    void *value;
    size_t cursor = 0;

    if (!c)
        return NULL;
    catalog_unwatch_triggers(c->g->env.catalog, c);
    while (map_next(c->routes, &cursor, &key, &value)) {
        struct route *r = value;

        gw_api_unref(r->api);
        free(r->key);
        free(r);
    }
    cursor = 0;
    while (map_next(c->places, &cursor, &key, &value)) {
        struct place *p = value;

        gw_group_unref(p->group);
        free(p);
    }
    map_free(c->routes);
    map_free(c->places);
    c->magic = 0;
    free(c);
    return NULL;
}
