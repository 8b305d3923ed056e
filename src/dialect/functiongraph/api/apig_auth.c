/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_auth.c - which app may call which API in which environment: authorise, take it back, and the
 * lists from both ends.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/apig_handlers.h"
#include "gateway/plane/publish.h"

enum { AUTHS_MAX = 1000 };

const struct apig_kind apig_app_auths = {
        .name = "app_auth",
        .list = "auths",
        .what = "app authorization record",
        .missing = "APIG.3009",
        .exists = "APIG.3301",
        .quota = "APIG.3100",
};

/* ---- authorise ---- */

static bool asks_app(const struct resource *api)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(api->body), NULL);

    return str_eq(apig_text(body, "auth_type"), S("APP"));
}

struct grant {
    struct call *c;
    struct apig_plan *plan;
    struct cJSON *auths; /* owned; what is answered */
    struct map *there;   /* of the app whose turn it is: API and environment -> authorisation */
    struct str env;
};

static void tell(struct grant *g, const struct resource *app, const struct resource *api,
                 struct str id, const char *status, enum apig_why why)
{
    struct cJSON *one = cJSON_CreateObject(), *result = cJSON_CreateObject();

    apig_set_str(one, "id", id);
    apig_set_str(one, "app_id", str_of(app->id));
    apig_set_str(one, "api_id", str_of(api->id));
    apig_set_str(one, "auth_role", S("PROVIDER"));
    apig_set_str(one, "auth_tunnel", S("NORMAL"));
    apig_set_time(one, "auth_time", clock_wall_ms());
    apig_set_str(result, "status", str_of(status));
    apig_set_str(result, "api_name", str_of(api->name));
    apig_set_str(result, "app_name", str_of(app->name));
    if (why != APIG_WHYS) {
        apig_set_str(result, "error_code", str_of(apig_said[why].code));
        apig_set_str(result, "error_msg", str_of(apig_said[why].message));
    }
    cJSON_AddItemToObject(one, "auth_result", result);
    cJSON_AddItemToArray(g->auths, one);
}

/* False: it has replied. */
static bool grant_one(struct grant *g, const struct resource *app, const struct resource *api)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *there = apig_indexed(g->there, str_of(api->id), g->env);
    struct resource *draft;

    if (there) {
        tell(g, app, api, str_of(there->id), "SKIPPED", APIG_WHYS);
        return true;
    }
    if (!asks_app(api)) {
        tell(g, app, api, S(""), "FAILED", APIG_NOT_APP_AUTH);
        return true;
    }
    body = cJSON_CreateObject();
    apig_set_str(body, "api_id", str_of(api->id));
    apig_set_str(body, "env_id", g->env);
    draft = apig_draft(g->c, &apig_app_auths, S(""), str_of(app->id), body);
    if (!draft)
        return false;
    tell(g, app, api, str_of(draft->id), "SUCCESS", APIG_WHYS);
    apig_plan_create(g->plan, draft);
    return true;
}

static void on_granted(struct call *c, int r, void *user)
{
    struct cJSON *auths = user, *answer;

    if (r < 0) {
        json_free(auths);
        apig_fail_catalog(c, &apig_app_auths, r);
        return;
    }
    answer = cJSON_CreateObject();
    cJSON_AddItemToObject(answer, "auths", auths);
    apig_reply(c, 201, answer);
}

/* A list of ids of one kind, all there. False: it has replied. */
static bool ids_ok(struct call *c, const struct apig_kind *k, const char *field,
                   const struct cJSON *list)
{
    const struct cJSON *one;

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) == 0 ||
        cJSON_GetArraySize(list) > AUTHS_MAX) {
        apig_fail_parameter(c, field, "it is not a list of 1 to %d ids", AUTHS_MAX);
        return false;
    }
    cJSON_ArrayForEach(one, list)
    {
        if (!apig_find(c, k, cJSON_IsString(one) ? str_of(one->valuestring) : S("")))
            return false;
    }
    return true;
}

static bool grant_all(struct grant *g, const struct cJSON *apps, const struct cJSON *apis)
{
    const struct cJSON *app, *api;
    bool ok = true;

    cJSON_ArrayForEach(app, apps)
    {
        struct str id = str_of(app->valuestring);

        g->there = apig_index(g->c, "app_auth", id, "api_id", "env_id");
        cJSON_ArrayForEach(api, apis) ok =
                ok && grant_one(g, apig_look(g->c, &apig_apps, id),
                                apig_look(g->c, &apig_apis, str_of(api->valuestring)));
        map_free(g->there);
    }
    return ok;
}

void apig_authorize_apps(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct cJSON *apps, *apis;
    struct grant g = {.c = c};

    if (!apig_enter(c) || !(body = apig_body(c)))
        return;
    g.env = apig_text(body, "env_id");
    apps = json_get(body, "app_ids");
    apis = json_get(body, "api_ids");
    if (!apig_env_name(c, g.env).p) {
        apig_fail(c, APIG_NO_ENVIRONMENT, "%.*s", STR_ARG(g.env));
        return;
    }
    if (!ids_ok(c, &apig_apps, "app_ids", apps) || !ids_ok(c, &apig_apis, "api_ids", apis))
        return;
    if (cJSON_GetArraySize(apps) * cJSON_GetArraySize(apis) > AUTHS_MAX) {
        apig_fail_parameter(c, "api_ids", "these are more than %d authorizations at once",
                            AUTHS_MAX);
        return;
    }
    g.auths = cJSON_CreateArray();
    g.plan = apig_plan_new(c);
    if (grant_all(&g, apps, apis)) {
        apig_plan_run(g.plan, on_granted, g.auths); /* -> on_granted */
        return;
    }
    apig_plan_drop(g.plan);
    json_free(g.auths);
}

void apig_cancel_auth(struct call *c)
{
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find(c, &apig_app_auths, apig_path(c, 0))))
        apig_remove(c, &apig_app_auths, r);
}

/* ---- lists ---- */

struct listing {
    struct apig_list l;
    struct call *c;
    struct map *bound; /* API and environment -> authorisation */
    struct str app, api, env, app_name, api_name, group;
};

static void read_query(struct call *c, struct listing *x)
{
    x->c = c;
    x->app = call_query(c, S("app_id"));
    x->api = call_query(c, S("api_id"));
    x->env = call_query(c, S("env_id"));
    x->app_name = call_query(c, S("app_name"));
    x->api_name = call_query(c, S("api_name"));
    x->group = call_query(c, S("group_id"));
}

static void add_names(const struct call *c, struct cJSON *one, const struct resource *app,
                      const struct resource *api)
{
    cleanup_with(json_freep) struct cJSON *outline = apig_outline(c, api);
    cleanup_with(json_freep) struct cJSON *of_app = json_parse(str_of(app->body), NULL);
    const struct cJSON *type = json_get(outline, "type");

    apig_set_str(one, "api_name", str_of(api->name));
    apig_set_str(one, "group_id", apig_text(outline, "group_id"));
    apig_set_str(one, "group_name", apig_text(outline, "group_name"));
    apig_set_int(one, "api_type", type ? (int64_t)type->valuedouble : 1);
    apig_set_str(one, "api_remark", apig_text(outline, "remark"));
    apig_set_str(one, "publish_id", apig_text(outline, "publish_id"));
    apig_set_str(one, "app_id", str_of(app->id));
    apig_set_str(one, "app_name", str_of(app->name));
    apig_set_str(one, "app_remark", apig_text(of_app, "remark"));
    apig_set_str(one, "app_type", S("apig"));
    apig_set_str(one, "app_creator", S("USER"));
}

static bool list_auth(void *user, const struct resource *r)
{
    struct listing *x = user;
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);
    const struct resource *api = apig_look(x->c, &apig_apis, apig_text(body, "api_id"));
    const struct resource *app = apig_look(x->c, &apig_apps, str_of(r->parent));
    struct str env = apig_text(body, "env_id");
    struct cJSON *one;

    if (!api || !app || (x->api.n > 0 && !str_eq(x->api, str_of(api->id))) ||
        (x->env.n > 0 && !str_eq(x->env, env)) || !apig_has(str_of(app->name), x->app_name) ||
        !apig_has(str_of(api->name), x->api_name) ||
        (x->group.n > 0 && !str_eq(x->group, str_of(api->parent))) || !apig_list_wants(&x->l))
        return true;
    one = cJSON_CreateObject();
    apig_set_str(one, "id", str_of(r->id));
    apig_set_str(one, "api_id", str_of(api->id));
    apig_set_str(one, "env_id", env);
    apig_set_str(one, "env_name", apig_env_name(x->c, env));
    apig_set_str(one, "auth_role", S("PROVIDER"));
    apig_set_str(one, "auth_tunnel", S("NORMAL"));
    apig_set_time(one, "auth_time", r->created_ms);
    add_names(x->c, one, app, api);
    apig_list_add(&x->l, one);
    return true;
}

/* What the list is about must be there. */
static void list_auths(struct call *c, const char *needed)
{
    struct listing x = {.app = STR_NONE};
    struct resource_filter filter;

    if (!apig_enter(c))
        return;
    read_query(c, &x);
    if (call_query(c, str_of(needed)).n == 0) {
        apig_fail_parameter(c, needed, "it is missing");
        return;
    }
    if ((x.app.n > 0 && !apig_find(c, &apig_apps, x.app)) ||
        (x.api.n > 0 && !apig_find(c, &apig_apis, x.api)) ||
        !apig_list_begin(&x.l, c, apig_app_auths.list))
        return;
    filter = apig_filter(c, &apig_app_auths, x.app);
    catalog_each_resource(c->api->catalog, &filter, list_auth, &x);
    apig_list_end(&x.l);
}

void apig_list_apps_apis(struct call *c)
{
    list_auths(c, "app_id");
}

void apig_list_apis_apps(struct call *c)
{
    list_auths(c, "api_id");
}

static bool list_unbound(void *user, const struct resource *api)
{
    struct listing *x = user;

    if ((x->api.n == 0 || str_eq(x->api, str_of(api->id))) &&
        apig_has(str_of(api->name), x->api_name) && asks_app(api) &&
        gw_release_of(x->c->api->catalog, str_of(api->id), x->env) &&
        !apig_indexed(x->bound, str_of(api->id), x->env) && apig_list_wants(&x->l))
        apig_list_add(&x->l, apig_outline(x->c, api));
    return true;
}

/* APIs that are online there and ask for an app, but this one may not call. */
void apig_list_unbound_apis(struct call *c)
{
    struct listing x = {.app = STR_NONE};
    struct resource_filter filter;

    if (!apig_enter(c))
        return;
    read_query(c, &x);
    if (!apig_find(c, &apig_apps, x.app))
        return;
    if (!apig_env_name(c, x.env).p) {
        apig_fail(c, APIG_NO_ENVIRONMENT, "%.*s", STR_ARG(x.env));
        return;
    }
    if (!apig_list_begin(&x.l, c, apig_apis.list))
        return;
    x.bound = apig_index(c, "app_auth", x.app, "api_id", "env_id");
    filter = apig_filter(c, &apig_apis, x.group);
    catalog_each_resource(c->api->catalog, &filter, list_unbound, &x);
    map_free(x.bound);
    apig_list_end(&x.l);
}
