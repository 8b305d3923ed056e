/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fc_routes.c - which function of Function Compute is meant: by service and function, or by the host
 * of a custom domain.
 *
 * A trigger of source "http" is made into a gw_api once, when it is written. A proxy URL has no
 * account in it and an anonymous request no header that names one, so triggers are found by
 * "service/function" alone, and the account decides only where several have the same.
 *
 * A custom domain knows its routes by path; whom they lead to is looked up with each request, and so is
 * the trigger, whose methods and authentication hold behind a domain too. So functions, triggers and
 * domains may be written in any order.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "catalog/triggers.h"
#include "fn/trigger.h"
#include "gateway/fc/fc.h"
#include "gateway/fc/fc_parts.h"
#include "gateway/fc/fc_rewrite.h"
#include "gateway/internal.h"
#include "gateway/model/binding.h"

enum { ROUTES_MAGIC = 0x46435254, KEY_MAX = 512 };

struct fc_routes {
    uint32_t magic;
    struct gateway *g;   /* borrowed */
    struct map *proxies; /* "service/function" -> struct list of struct proxy */
    struct map *domains; /* name -> struct domain */
};

struct proxy {
    struct list node;
    struct gw_api *api; /* owned reference; its id is the trigger's */
};

struct route {
    char *path; /* without its '*' */
    bool prefix;
    char *methods; /* "GET,POST"; "": all */
    char *service, *function, *qualifier;
    struct fc_rules *rules;
};

struct domain {
    struct gw_group *group; /* owned reference; its id is the name */
    struct route *routes;
    size_t nroutes;
};

static const struct log_cx cx = {.component = "gateway"};

/* ---- triggers ---- */

static struct str proxy_key(struct str service, struct str function, char room[KEY_MAX])
{
    int n = snprintf(room, KEY_MAX, "%.*s/%.*s", STR_ARG(service), STR_ARG(function));

    return n > 0 && n < KEY_MAX ? (struct str){room, (size_t)n} : STR_NONE;
}

static struct gw_api *api_of(const struct trigger *t, const struct binding *b)
{
    struct gw_group *group = gw_group_new(DIALECT_FC, t->id, t->space);
    struct fn_key key = trigger_key(t);
    struct gw_api *a = gw_api_new(group);

    gw_set(&group->account, key.account);
    gw_set(&group->region, key.region);
    gw_group_unref(group);
    gw_set(&a->id, str_of(t->id));
    gw_set(&a->name, str_of(t->name));
    gw_set(&a->method, S("ANY"));
    gw_set(&a->methods, buf_str(&b->methods));
    gw_set(&a->pattern, S("/"));
    a->prefix = true;
    a->auth = b->auth;
    a->public_off = !b->public;
    a->backend = GW_BACKEND_FUNCTION;
    gw_key_own(&a->fn.key, &key);
    gw_set(&a->fn.qualifier, str_of(t->qualifier));
    a->fn.answer = GW_ANSWER_HTTP;
    return a;
}

static void add_trigger(struct fc_routes *f, const struct trigger *t)
{
    char room[KEY_MAX];
    struct str key = proxy_key(str_of(t->space), str_of(t->function), room);
    struct proxy *p;
    struct binding b;
    struct list *all;
    struct err e = {0};

    if (!key.p || binding_parse(S("http"), str_of(t->config), &b, &e) < 0) {
        log_debug(&cx, "HTTP trigger '%s' cannot be called: %s", t->name, e.msg);
        return;
    }
    p = xnew(struct proxy);
    p->api = api_of(t, &b);
    binding_done(&b);
    all = map_get(f->proxies, key);
    if (!all) {
        all = xnew(struct list);
        list_init(all);
        (void)map_put(f->proxies, key, all);
    }
    list_push_back(all, &p->node);
}

static void drop_proxy(struct proxy *p)
{
    list_remove(&p->node);
    gw_api_unref(p->api);
    free(p);
}

static void drop_trigger(struct fc_routes *f, const struct trigger *t)
{
    char room[KEY_MAX];
    struct str key = proxy_key(str_of(t->space), str_of(t->function), room);
    struct list *all = key.p ? map_get(f->proxies, key) : NULL;

    if (!all)
        return;
    list_each (it, all) {
        struct proxy *p = container_of(it, struct proxy, node);

        if (str_eq(str_of(p->api->id), str_of(t->id))) {
            drop_proxy(p);
            break;
        }
    }
    if (list_empty(all))
        free(map_del(f->proxies, key));
}

static bool is_http(const struct trigger *t)
{
    return t && t->dialect == DIALECT_FC && str_eq(str_of(t->source), S("http"));
}

static void on_trigger(void *user, const struct trigger *before, const struct trigger *after)
{
    struct fc_routes *f = OBJ(user, struct fc_routes, ROUTES_MAGIC);

    if (is_http(before))
        drop_trigger(f, before);
    if (is_http(after) && after->enabled)
        add_trigger(f, after);
}

static bool is_any_or(struct str want, struct str have)
{
    return want.n == 0 || str_eq(want, have);
}

static bool same_qualifier(struct str want, const char *have)
{
    if (want.n == 0)
        want = S("latest");
    return str_ieq(want, S("latest")) ? str_ieq(str_of(have), want) : str_eq(str_of(have), want);
}

int fc_routes_proxy(const struct fc_routes *f, const struct fn_key *key, struct str qualifier,
                    struct gw_api **ret)
{
    char room[KEY_MAX];
    struct str name = proxy_key(key->space, key->name, room);
    struct list *all = name.p ? map_get(f->proxies, name) : NULL;
    struct gw_api *found = NULL;

    if (!all)
        return -ENOENT;
    list_each (it, all) {
        struct gw_api *a = container_of(it, struct proxy, node)->api;

        if (!is_any_or(key->account, a->fn.key.account) ||
            !is_any_or(key->region, a->fn.key.region) ||
            !same_qualifier(qualifier, a->fn.qualifier))
            continue;
        if (found)
            return -ENOTUNIQ;
        found = a;
    }
    *ret = found;
    return found ? 0 : -ENOENT;
}

/* ---- custom domains ---- */

static struct domain *domain_free(struct domain *d)
{
    if (!d)
        return NULL;
    for (size_t i = 0; i < d->nroutes; i++) {
        struct route *r = &d->routes[i];

        free(r->path);
        free(r->methods);
        free(r->service);
        free(r->function);
        free(r->qualifier);
        fc_rules_free(r->rules);
    }
    free(d->routes);
    gw_group_unref(d->group);
    free(d);
    return NULL;
}

static void add_methods(const struct cJSON *list, struct route *to)
{
    cleanup_with(buf_done) struct buf all;

    buf_init(&all, 256);
    for (const struct cJSON *m = list ? list->child : NULL; m; m = m->next) {
        if (all.n > 0)
            buf_addc(&all, ',');
        buf_addz(&all, cJSON_IsString(m) ? m->valuestring : "");
    }
    to->methods = str_dup(buf_str(&all));
}

/* What domain.c has let in is whole. */
static int read_route(const struct cJSON *from, struct route *to, struct err *e)
{
    struct str path = S(""), service = S(""), function = S(""), qualifier = S("");

    if (json_str(from, "path", false, &path, e) < 0 ||
        json_str(from, "serviceName", false, &service, e) < 0 ||
        json_str(from, "functionName", false, &function, e) < 0 ||
        json_str(from, "qualifier", false, &qualifier, e) < 0)
        return -EINVAL;
    to->prefix = str_ends(path, S("*"));
    path.n -= to->prefix;
    to->path = str_dup(path);
    to->service = str_dup(service);
    to->function = str_dup(function);
    to->qualifier = str_dup(qualifier);
    add_methods(json_get(from, "methods"), to);
    return fc_rules_new(json_get(from, "rewriteConfig"), &to->rules, e);
}

static int read_routes(const struct resource *r, struct domain *d, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), e);
    const struct cJSON *config = body ? json_get(body, "routeConfig") : NULL;
    const struct cJSON *list = config ? json_get(config, "routes") : NULL, *it;
    int n = cJSON_GetArraySize(list);

    d->routes = xcalloc((size_t)n + 1, sizeof(*d->routes));
    for (it = list ? list->child : NULL; it; it = it->next)
        if (read_route(it, &d->routes[d->nroutes++], e) < 0)
            return -EINVAL;
    return 0;
}

static void add_domain(struct fc_routes *f, const struct resource *r)
{
    struct domain *d = xnew(struct domain);
    struct err e = {0};

    d->group = gw_group_new(DIALECT_FC, r->id, r->id);
    gw_set(&d->group->account, str_of(r->account));
    gw_set(&d->group->region, str_of(r->region));
    if (read_routes(r, d, &e) < 0)
        log_debug(&cx, "custom domain '%s' has a route that cannot be used: %s", r->id, e.msg);
    (void)map_put(f->domains, str_of(r->id), d);
    (void)gw_table_add_host(f->g->table, str_of(r->id), d->group);
}

static void drop_domain(struct fc_routes *f, struct str name)
{
    struct domain *d = map_del(f->domains, name);

    if (!d)
        return;
    if (gw_table_host(f->g->table, name) == d->group) /* else somebody else's, who was first */
        gw_table_drop_host(f->g->table, name);
    domain_free(d);
}

void fc_routes_domain(struct fc_routes *f, const struct resource *before,
                      const struct resource *after)
{
    if (before)
        drop_domain(f, str_of(before->id));
    if (after)
        add_domain(f, after);
}

/* An exact path beats every prefix, a longer one a shorter. */
static bool is_better(const struct route *r, const struct route *than)
{
    if (!than)
        return true;
    if (r->prefix != than->prefix)
        return !r->prefix;
    return str_of(r->path).n > str_of(than->path).n;
}

int fc_routes_find(const struct fc_routes *f, struct str domain, struct str method, struct str path,
                   struct fc_route *ret)
{
    const struct domain *d = map_get(f->domains, domain);
    const struct route *best = NULL;
    bool seen = false;

    for (size_t i = 0; d && i < d->nroutes; i++) {
        const struct route *r = &d->routes[i];
        struct str own = str_of(r->path);

        if (r->prefix ? !str_starts(path, own) : !str_eq(path, own))
            continue;
        seen = true;
        if (gw_fc_has_method(r->methods, method) && is_better(r, best))
            best = r;
    }
    if (!best)
        return seen ? -EACCES : -ENOENT;
    ret->key = (struct fn_key){.dialect = DIALECT_FC,
                               .account = str_of(d->group->account),
                               .region = str_of(d->group->region),
                               .space = str_of(best->service),
                               .name = str_of(best->function)};
    ret->qualifier = str_of(best->qualifier);
    ret->rules = best->rules;
    return 0;
}

/* ---- birth and death ---- */

struct fc_routes *fc_routes_new(struct gateway *g)
{
    struct fc_routes *f = xnew(struct fc_routes);

    f->magic = ROUTES_MAGIC;
    f->g = g;
    f->proxies = map_new();
    f->domains = map_new();
    catalog_watch_triggers(g->env.catalog, on_trigger, f);
    return f;
}

static void drop_all(struct fc_routes *f)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    while (map_next(f->proxies, &cursor, &key, &value)) {
        struct list *all = value, *it;

        while ((it = list_first(all)) != NULL)
            drop_proxy(container_of(it, struct proxy, node));
        free(all);
    }
    for (cursor = 0; map_next(f->domains, &cursor, &key, &value);)
        domain_free(value);
}

struct fc_routes *fc_routes_free(struct fc_routes *f)
{
    if (!f)
        return NULL;
    catalog_unwatch_triggers(f->g->env.catalog, f);
    drop_all(f);
    map_free(f->proxies);
    map_free(f->domains);
    f->magic = 0;
    free(f);
    return NULL;
}
