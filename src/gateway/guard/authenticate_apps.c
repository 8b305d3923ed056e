/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticate_apps.c - the index of apps.
 *
 *   app        id -> app; key -> app
 *   app_code   code -> id of its app (its parent)
 *   app_auth   (app, API, environment) -> how many records say so
 *   env        (account, region, name) -> its id, because APIs know their stage by name
 *
 * Everything refers by id, as the records do: a code or an authorisation may come before its app
 * and may outlive it, and then says nothing. Of two apps with one key (their writers prevent it)
 * the first counts.
 */
#include "gateway/guard/authenticate_apps.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/map.h"
#include "base/obj.h"
#include "fn/resource.h"
#include "gateway/model/model.h"
#include "gateway/plane/objects.h"

enum { TUPLE_BYTES = 2048 };

struct gw_apps {
    struct map *by_id, *by_key; /* struct gw_app, owned by by_id */
    struct map *codes;          /* char *, owned: id of the app */
    struct map *auths;          /* struct count, owned */
    struct map *envs;           /* char *, owned: id */
};

struct count {
    uint32_t n;
};

struct gw_apps *gw_apps_new(void)
{
    struct gw_apps *a = xnew(struct gw_apps);

    a->by_id = map_new();
    a->by_key = map_new();
    a->codes = map_new();
    a->auths = map_new();
    a->envs = map_new();
    return a;
}

static void app_free(struct gw_app *app)
{
    if (!app)
        return;
    explicit_bzero(app->secret, strlen(app->secret));
    free(app->id);
    free(app->name);
    free(app->key);
    free(app->secret);
    free(app->account);
    free(app->region);
    free(app);
}

static struct map *free_values(struct map *m)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    while (map_next(m, &cursor, &key, &value))
        free(value);
    return map_free(m);
}

struct gw_apps *gw_apps_free(struct gw_apps *a)
{
    size_t cursor = 0;
    struct str key;
    void *app;

    if (!a)
        return NULL;
    while (map_next(a->by_id, &cursor, &key, &app))
        app_free(app);
    map_free(a->by_id);
    map_free(a->by_key);
    free_values(a->codes);
    free_values(a->auths);
    free_values(a->envs);
    free(a);
    return NULL;
}

/* Three texts as one key. */
static void tuple(struct str x, struct str y, struct str z, struct buf *out)
{
    buf_adds(out, x);
    buf_addc(out, '\0');
    buf_adds(out, y);
    buf_addc(out, '\0');
    buf_adds(out, z);
}

static struct str text_of(const struct cJSON *body, const char *key)
{
    struct str text = STR_NONE;

    (void)json_str(body, key, false, &text, NULL);
    return text;
}

static void drop_app(struct gw_apps *a, const struct resource *r, const struct cJSON *body)
{
    struct gw_app *app = map_del(a->by_id, str_of(r->id));

    (void)body;
    if (app && map_get(a->by_key, str_of(app->key)) == app)
        (void)map_del(a->by_key, str_of(app->key));
    app_free(app);
}

static void add_app(struct gw_apps *a, const struct resource *r, const struct cJSON *body)
{
    struct gw_app *app = xnew(struct gw_app);

    drop_app(a, r, body);
    *app = (struct gw_app){.id = xstrdup(r->id),
                           .name = xstrdup(r->name),
                           .key = str_dup(text_of(body, "app_key")),
                           .secret = str_dup(text_of(body, "app_secret")),
                           .dialect = (int)r->dialect,
                           .account = xstrdup(r->account),
                           .region = xstrdup(r->region)};
    (void)map_put(a->by_id, str_of(app->id), app);
    if (app->key[0] && app->secret[0] && !map_get(a->by_key, str_of(app->key)))
        (void)map_put(a->by_key, str_of(app->key), app);
}

static void drop_code(struct gw_apps *a, const struct resource *r, const struct cJSON *body)
{
    const char *owner = map_get(a->codes, text_of(body, "app_code"));

    if (owner && strcmp(owner, r->parent) == 0)
        free(map_del(a->codes, text_of(body, "app_code")));
}

static void add_code(struct gw_apps *a, const struct resource *r, const struct cJSON *body)
{
    struct str code = text_of(body, "app_code");

    if (code.n && !map_get(a->codes, code))
        (void)map_put(a->codes, code, xstrdup(r->parent));
}

static void drop_auth(struct gw_apps *a, const struct resource *r, const struct cJSON *body)
{
    cleanup_with(buf_done) struct buf key;
    struct count *count;

    buf_init(&key, TUPLE_BYTES);
    tuple(str_of(r->parent), text_of(body, "api_id"), text_of(body, "env_id"), &key);
    count = map_get(a->auths, buf_str(&key));
    if (count && --count->n == 0)
        free(map_del(a->auths, buf_str(&key)));
}

static void add_auth(struct gw_apps *a, const struct resource *r, const struct cJSON *body)
{
    cleanup_with(buf_done) struct buf key;
    struct count *count;

    buf_init(&key, TUPLE_BYTES);
    tuple(str_of(r->parent), text_of(body, "api_id"), text_of(body, "env_id"), &key);
    if (!buf_ok(&key))
        return;
    count = map_get(a->auths, buf_str(&key));
    if (!count) {
        count = xnew(struct count);
        (void)map_put(a->auths, buf_str(&key), count);
    }
    count->n++;
}

static void drop_env(struct gw_apps *a, const struct resource *r, const struct cJSON *body)
{
    cleanup_with(buf_done) struct buf key;
    const char *id;

    (void)body;
    buf_init(&key, TUPLE_BYTES);
    tuple(str_of(r->account), str_of(r->region), str_of(r->name), &key);
    id = map_get(a->envs, buf_str(&key));
    if (id && strcmp(id, r->id) == 0)
        free(map_del(a->envs, buf_str(&key)));
}

static void add_env(struct gw_apps *a, const struct resource *r, const struct cJSON *body)
{
    cleanup_with(buf_done) struct buf key;

    (void)body;
    buf_init(&key, TUPLE_BYTES);
    tuple(str_of(r->account), str_of(r->region), str_of(r->name), &key);
    free(map_put(a->envs, buf_str(&key), xstrdup(r->id)));
}

typedef void index_fn(struct gw_apps *a, const struct resource *r, const struct cJSON *body);
static const struct {
    const char *kind;
    index_fn *add, *drop;
} kinds[] = {
        {"app", add_app, drop_app},
        {"app_code", add_code, drop_code},
        {"app_auth", add_auth, drop_auth},
        {"env", add_env, drop_env},
};

static void follow(struct gw_apps *a, const struct resource *r, bool add)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].kind, r->kind) == 0) {
            cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);

            (add ? kinds[i].add : kinds[i].drop)(a, r, body);
        }
}

void gw_apps_change(struct gw_apps *a, const struct resource *before, const struct resource *after)
{
    if (before)
        follow(a, before, false);
    if (after)
        follow(a, after, true);
}

const struct gw_app *gw_apps_by_key(const struct gw_apps *a, struct str key)
{
    return map_get(a->by_key, key);
}

const struct gw_app *gw_apps_by_code(const struct gw_apps *a, struct str code)
{
    const char *id = map_get(a->codes, code);

    return id ? map_get(a->by_id, str_of(id)) : NULL;
}

static bool is_bound(const struct gw_apps *a, const struct gw_app *app, const char *what,
                     struct str env)
{
    cleanup_with(buf_done) struct buf key;

    buf_init(&key, TUPLE_BYTES);
    tuple(str_of(app->id), str_of(what), env, &key);
    return buf_ok(&key) && map_get(a->auths, buf_str(&key));
}

/* The id of the API's stage. SCF's "release" is it too; with APIG that is another one. */
static struct str env_of(const struct gw_apps *a, const struct gw_api *api)
{
    cleanup_with(buf_done) struct buf key;
    struct str stage = str_of(api->stage);
    const char *id;

    buf_init(&key, TUPLE_BYTES);
    if (str_eq(stage, S(GW_RELEASE_NAME)) ||
        (api->group->dialect == DIALECT_SCF && str_eq(stage, S("release"))))
        return S(GW_RELEASE_ENV);
    tuple(str_of(api->group->account), str_of(api->group->region), stage, &key);
    id = map_get(a->envs, buf_str(&key));
    return id ? str_of(id) : STR_NONE;
}

/* For the API; a plan of SCF also for its service. */
static bool is_bound_in(const struct gw_apps *a, const struct gw_app *app, const struct gw_api *api,
                        struct str env)
{
    return env.n && (is_bound(a, app, api->id, env) ||
                     (api->group->dialect == DIALECT_SCF && is_bound(a, app, api->group->id, env)));
}

bool gw_apps_allowed(const struct gw_apps *a, const struct gw_app *app, const struct gw_api *api)
{
    if (is_bound_in(a, app, api, env_of(a, api)))
        return true;
    return api->group->dialect == DIALECT_SCF && is_bound_in(a, app, api, str_of(api->stage));
}

bool gw_app_is_neighbour(const struct gw_app *app, const struct gw_api *api)
{
    const struct gw_group *g = api->group;

    return app->dialect == (int)g->dialect && str_eq(str_of(app->account), str_of(g->account)) &&
           str_eq(str_of(app->region), str_of(g->region));
}
