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
 * Read next: compile_change.c: what a change touches; compile_api.c, compile_trigger.c, ...: what one
 * record means.
 */
#include "gateway/compile/compile.h"

#include <assert.h>
#include <errno.h>
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
#include "fn/trigger.h"
#include "gateway/compile/compile_internal.h"
#include "gateway/internal.h"

enum { HOST_MAX = 600 };

static const struct log_cx cx = {.component = "gateway"};

/* ---- places ---- */

static void host_of(const struct compiler *c, const char *id, struct buf *out)
{
    buf_init(out, HOST_MAX);
    buf_addf(out, "%s.%s", id, c->g->domain);
}

struct place *compile_place(const struct compiler *c, struct str id)
{
    return map_get(c->places, id);
}

struct place *compile_place_put(struct compiler *c, struct gw_group *group)
{
    struct place *p = compile_place(c, str_of(group->id));
    struct buf host;

    if (!p) {
        p = xnew(struct place);
        list_init(&p->routes);
        (void)map_put(c->places, str_of(group->id), p);
    }
    gw_group_unref(p->group);
    p->group = group;
    host_of(c, group->id, &host);
    if (group->closed)
        gw_table_drop_host(c->g->table, buf_str(&host));
    else
        (void)gw_table_add_host(c->g->table, buf_str(&host), group);
    buf_done(&host);
    for (size_t i = 0; i < p->nhosts; i++)
        (void)gw_table_add_host(c->g->table, str_of(p->hosts[i]), group);
    return p;
}

static void place_free(struct place *p)
{
    for (size_t i = 0; i < p->nhosts; i++)
        free(p->hosts[i]);
    free(p->hosts);
    gw_group_unref(p->group);
    free(p);
}

void compile_place_drop_unused(struct compiler *c, struct place *p)
{
    struct buf host;

    if (p->recorded || p->nhosts > 0 || !list_empty(&p->routes))
        return;
    host_of(c, p->group->id, &host);
    gw_table_drop_host(c->g->table, buf_str(&host));
    buf_done(&host);
    (void)map_del(c->places, str_of(p->group->id));
    place_free(p);
}

/* ---- routes ---- */

static void enter(struct compiler *c, struct route *r)
{
    r->routed = r->api && gw_table_add(c->g->table, r->api) == 0;
}

static void leave(struct compiler *c, struct route *r)
{
    if (r->routed)
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

static void move_to(struct compiler *c, struct route *r, struct place *p)
{
    struct place *before = r->place;

    if (before == p)
        return;
    list_remove(&r->node);
    r->place = p;
    list_push_back(&p->routes, &r->node);
    if (!before)
        return;
    let_in(c, before);
    compile_place_drop_unused(c, before);
}

void compile_route_drop(struct compiler *c, struct str key)
{
    struct route *r = map_get(c->routes, key);
    struct place *p;

    if (!r)
        return;
    p = r->place;
    leave(c, r);
    list_remove(&r->node);
    (void)map_del(c->routes, key);
    free(r->key);
    free(r);
    let_in(c, p);
    compile_place_drop_unused(c, p);
}

void compile_route_set(struct compiler *c, struct str key, struct place *p, struct gw_api *api,
                       const struct err *e)
{
    struct route *r = map_get(c->routes, key);

    if (!r) {
        r = xnew(struct route);
        r->key = str_dup(key);
        list_init(&r->node);
        (void)map_put(c->routes, key, r);
    }
    leave(c, r);
    move_to(c, r, p);
    r->api = api;
    if (api)
        enter(c, r);
    else
        log_debug(&cx, "route %s cannot be called: %s", r->key, e->msg);
    let_in(c, p);
}

void compile_again(struct compiler *c, struct str key)
{
    struct str id = str_from(key, 2);
    const struct trigger *t = key.p[0] == 't' ? catalog_trigger(c->catalog, id) : NULL;
    const struct resource *release =
            key.p[0] == 'r' ? catalog_resource(c->catalog, S("release"), id) : NULL;

    if (t)
        compile_trigger_set(c, t);
    else if (release)
        compile_release_set(c, release);
    else
        compile_route_drop(c, key);
}

/* An API in the table is of a trigger, or is one: its id is theirs. */
static void name_owner(const struct compiler *c, const struct gw_api *a, struct buf *out)
{
    const struct trigger *t = catalog_trigger(c->catalog, str_of(a->id));
    struct fn_key key;

    if (!t) {
        buf_addf(out, "API %s of group %s", a->name, a->group->name);
        return;
    }
    key = trigger_key(t);
    buf_addf(out, "trigger %s of ", t->name);
    fn_key_path(&key, out);
}

int compiler_rival(const struct compiler *c, struct str key, struct buf *out)
{
    const struct route *r = map_get(c->routes, key);
    const struct gw_api *rival;

    if (!r || !r->api)
        return -ENOENT;
    if (r->routed)
        return 0;
    rival = gw_table_rival(c->g->table, r->api);
    if (rival)
        name_owner(c, rival, out);
    return rival ? -EEXIST : -ENOENT;
}

/* ---- triggers ---- */

static struct str trigger_key_of(const struct trigger *t, char room[ROUTE_KEY])
{
    int n = snprintf(room, ROUTE_KEY, "t/%s", t->id);

    return (struct str){room, (size_t)n};
}

/* The group of that name, if somebody made one; else the one that its name alone makes. */
static struct place *place_of_trigger(struct compiler *c, const struct trigger *t, struct str name)
{
    struct str account = str_of(t->account), region = str_of(t->region);
    const struct resource *r = compile_named(c, S("group"), (int)t->dialect, account, region, name);
    struct place *p = r ? compile_place(c, str_of(r->id)) : NULL;
    struct gw_group *group;
    cleanup_free char *text = str_dup(name);
    char id[GW_ID];

    gw_id_of((int)t->dialect, account, region, name, id);
    if (!p)
        p = compile_place(c, str_of(id));
    if (p)
        return p;
    group = gw_group_new(t->dialect, id, text);
    gw_set(&group->account, account);
    gw_set(&group->region, region);
    return compile_place_put(c, group);
}

void compile_trigger_set(struct compiler *c, const struct trigger *t)
{
    struct binding b;
    struct err e = {0};
    char room[ROUTE_KEY];
    struct str key = trigger_key_of(t, room);
    struct gw_api *api;
    struct place *p;

    if (!t->enabled || binding_parse(str_of(t->source), str_of(t->config), &b, &e) < 0) {
        compile_route_drop(c, key);
        return;
    }
    if (b.source != BINDING_HTTP) { /* that is fc_routes.c's */
        p = place_of_trigger(c, t, b.group);
        api = compile_trigger(c, t, &b, p->group, &e);
        compile_route_set(c, key, p, api, &e);
    }
    binding_done(&b);
}

static void on_trigger(void *user, const struct trigger *before, const struct trigger *after)
{
    struct compiler *c = OBJ(user, struct compiler, COMPILER_MAGIC);
    char room[ROUTE_KEY];

    if ((after ? after : before)->dialect == DIALECT_FC)
        return; /* fc_routes.c follows them itself */
    if (after)
        compile_trigger_set(c, after);
    else
        compile_route_drop(c, trigger_key_of(before, room));
}

/* ---- the face ---- */

struct compiler *compiler_new(struct gateway *g)
{
    struct compiler *c = xnew(struct compiler);

    c->magic = COMPILER_MAGIC;
    c->g = g;
    c->catalog = g->env.catalog;
    c->places = map_new();
    c->routes = map_new();
    c->binds = map_new();
    c->loading = true;
    catalog_watch_resources(c->catalog, compile_on_resource, c);
    compile_take_in(c);
    c->loading = false;
    catalog_watch_triggers(c->catalog, on_trigger, c);
    return c;
}

struct compiler *compiler_free(struct compiler *c)
{
    struct str key;
    void *value;
    size_t cursor = 0;

    if (!c)
        return NULL;
    catalog_unwatch_triggers(c->catalog, c);
    catalog_unwatch_resources(c->catalog, c);
    while (map_next(c->routes, &cursor, &key, &value)) {
        struct route *r = value;

        gw_api_unref(r->api);
        free(r->key);
        free(r);
    }
    for (cursor = 0; map_next(c->places, &cursor, &key, &value);)
        place_free(value);
    for (cursor = 0; map_next(c->binds, &cursor, &key, &value);)
        free(value);
    map_free(c->routes);
    map_free(c->places);
    map_free(c->binds);
    c->magic = 0;
    free(c);
    return NULL;
}
