/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_throttle.c - request throttling policies, and which published APIs they hold for. An API has
 * one policy per environment at most: binding another one takes its place.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/apig_handlers.h"
#include "gateway/plane/publish.h"

enum { BINDS_MAX = 1000 };

static size_t count_binds(const struct call *c, struct str throttle)
{
    struct resource_filter filter = apig_filter(c, &apig_throttle_binds, throttle);

    return catalog_count_resources(c->api->catalog, &filter);
}

static void adorn(const struct call *c, const struct resource *r, struct cJSON *object)
{
    apig_set_int(object, "bind_num", (int64_t)count_binds(c, str_of(r->id)));
    apig_set_int(object, "is_inclu_special_throttle", 2);
    apig_set_time(object, "create_time", r->created_ms);
}

static const struct apig_default defaults[] = {
        {"remark", "\"\""}, {"type", "1"}, {"enable_adaptive_control", "\"FALSE\""}, {NULL, NULL}};
const struct apig_kind apig_throttles = {
        .name = "throttle",
        .list = "throttles",
        .what = "request throttling policy",
        .missing = "APIG.3005",
        .exists = "APIG.3204",
        .quota = "APIG.3107",
        .defaults = defaults,
        .adorn = adorn,
};
const struct apig_kind apig_throttle_binds = {
        .name = "throttle_bind",
        .list = "throttle_applys",
        .what = "request throttling policy binding record",
        .missing = "APIG.3012",
        .exists = "APIG.3301",
        .quota = "APIG.3100",
};

void apig_create_throttle(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct resource *draft;

    if (!apig_enter(c) || !(body = apig_body(c)))
        return;
    draft = apig_draft(c, &apig_throttles, S(""), S(""), body);
    if (draft)
        apig_create(c, &apig_throttles, draft);
}

void apig_list_throttles(struct call *c)
{
    if (apig_enter(c))
        apig_list_kind(c, &apig_throttles, S(""));
}

void apig_show_throttle(struct call *c)
{
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find(c, &apig_throttles, apig_path(c, 0))))
        apig_reply_resource(c, 200, &apig_throttles, r);
}

void apig_update_throttle(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find(c, &apig_throttles, apig_path(c, 0))) &&
        (body = apig_body(c)))
        apig_change(c, &apig_throttles, r, body);
}

void apig_delete_throttle(struct call *c)
{
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find(c, &apig_throttles, apig_path(c, 0))))
        apig_remove(c, &apig_throttles, r);
}

/* ---- bind ---- */

struct binding {
    struct call *c;
    struct apig_plan *plan;
    struct cJSON *told; /* owned; what is answered */
    const struct resource *throttle;
    struct map *releases, *bound; /* publish id -> release, -> binding */
};

/* False: it has replied. */
static bool bind_one(struct binding *b, struct str publish_id)
{
    cleanup_with(json_freep) struct cJSON *body = cJSON_CreateObject(), *released = NULL;
    const struct resource *release = apig_indexed(b->releases, publish_id, S("")), *old;
    struct resource *draft;
    struct cJSON *one;

    if (!release) {
        apig_fail(b->c, APIG_NO_RELEASE, "%s", "");
        return false;
    }
    old = apig_indexed(b->bound, publish_id, S(""));
    if (old)
        apig_plan_delete(b->plan, old);
    released = json_parse(str_of(release->body), NULL);
    apig_set_str(body, "publish_id", publish_id);
    apig_set_str(body, "api_id", str_of(release->parent));
    apig_set_str(body, "env_id", apig_text(released, "env_id"));
    draft = apig_draft(b->c, &apig_throttle_binds, S(""), str_of(b->throttle->id), body);
    if (!draft)
        return false;
    one = cJSON_CreateObject();
    apig_set_str(one, "id", str_of(draft->id));
    apig_set_str(one, "publish_id", publish_id);
    apig_set_str(one, "strategy_id", str_of(b->throttle->id));
    apig_set_int(one, "scope", 1);
    apig_set_time(one, "apply_time", draft->created_ms);
    cJSON_AddItemToArray(b->told, one);
    apig_plan_create(b->plan, draft);
    return true;
}

static void on_bound(struct call *c, int r, void *user)
{
    struct cJSON *told = user, *answer;

    if (r < 0) {
        json_free(told);
        apig_fail_catalog(c, &apig_throttle_binds, r);
        return;
    }
    answer = cJSON_CreateObject();
    cJSON_AddItemToObject(answer, "throttle_applys", told);
    apig_reply(c, 201, answer);
}

/* A list of 1 to BINDS_MAX texts. False: it has replied. */
static bool list_ok(struct call *c, const char *field, const struct cJSON *list)
{
    const struct cJSON *one;
    bool ok = cJSON_IsArray(list) && cJSON_GetArraySize(list) > 0 &&
              cJSON_GetArraySize(list) <= BINDS_MAX;

    cJSON_ArrayForEach(one, list) ok = ok && cJSON_IsString(one);
    if (!ok)
        apig_fail_parameter(c, field, "it is not a list of 1 to %d ids", BINDS_MAX);
    return ok;
}

void apig_bind_throttle(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct cJSON *ids, *id;
    struct binding b = {.c = c};
    bool ok = true;

    if (!apig_enter(c) || !(body = apig_body(c)))
        return;
    ids = json_get(body, "publish_ids");
    b.throttle = apig_find(c, &apig_throttles, apig_text(body, "strategy_id"));
    if (!b.throttle || !list_ok(c, "publish_ids", ids))
        return;
    b.told = cJSON_CreateArray();
    b.plan = apig_plan_new(c);
    b.releases = apig_index(c, "release", S(""), "publish_id", NULL);
    b.bound = apig_index(c, "throttle_bind", S(""), "publish_id", NULL);
    cJSON_ArrayForEach(id, ids) ok = ok && bind_one(&b, str_of(id->valuestring));
    map_free(b.releases);
    map_free(b.bound);
    if (ok) {
        apig_plan_run(b.plan, on_bound, b.told); /* -> on_bound */
        return;
    }
    apig_plan_drop(b.plan);
    json_free(b.told);
}

void apig_unbind_throttle(struct call *c)
{
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find(c, &apig_throttle_binds, apig_path(c, 0))))
        apig_remove(c, &apig_throttle_binds, r);
}

static void on_unbound(struct call *c, int r, void *user)
{
    if (r < 0) {
        json_free(user);
        apig_fail_catalog(c, &apig_throttle_binds, r);
    } else {
        apig_reply(c, 200, user);
    }
}

static void add_unknown(struct cJSON *failure, const char *id)
{
    struct cJSON *one = cJSON_CreateObject();

    apig_set_str(one, "bind_id", str_of(id));
    apig_set_str(one, "error_code", str_of(apig_throttle_binds.missing));
    apig_set_str(one, "error_msg",
                 S("The request throttling policy binding record does not exist"));
    cJSON_AddItemToArray(failure, one);
}

/* PUT throttle-bindings?action=delete */
void apig_unbind_throttles(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct cJSON *answer, *failure;
    const struct cJSON *ids, *id;
    struct apig_plan *plan;
    int gone = 0;

    if (!apig_enter(c) || !(body = apig_body(c)))
        return;
    if (!str_eq(call_query(c, S("action")), S("delete"))) {
        apig_fail_parameter(c, "action", "it is not delete");
        return;
    }
    ids = json_get(body, "throttle_bindings");
    if (!list_ok(c, "throttle_bindings", ids))
        return;
    plan = apig_plan_new(c);
    failure = cJSON_CreateArray();
    cJSON_ArrayForEach(id, ids)
    {
        const struct resource *r = apig_look(c, &apig_throttle_binds, str_of(id->valuestring));

        if (r)
            apig_plan_delete(plan, r);
        else
            add_unknown(failure, id->valuestring);
        gone += r != NULL;
    }
    answer = cJSON_CreateObject();
    apig_set_int(answer, "success_count", gone);
    cJSON_AddItemToObject(answer, "failure", failure);
    apig_plan_run(plan, on_unbound, answer); /* -> on_unbound */
}

/* ---- lists ---- */

struct listing {
    struct apig_list l;
    struct call *c;
    const struct resource *throttle;
    struct map *bound; /* publish id -> binding */
    struct str api, env, group, name;
};

static void read_query(struct call *c, struct listing *x)
{
    x->c = c;
    x->api = call_query(c, S("api_id"));
    x->env = call_query(c, S("env_id"));
    x->group = call_query(c, S("group_id"));
    x->name = call_query(c, S("api_name"));
}

static bool api_matches(const struct listing *x, const struct resource *api, struct str env)
{
    return (x->api.n == 0 || str_eq(x->api, str_of(api->id))) &&
           (x->env.n == 0 || str_eq(x->env, env)) &&
           (x->group.n == 0 || str_eq(x->group, str_of(api->parent))) &&
           apig_has(str_of(api->name), x->name);
}

static struct cJSON *api_row(const struct listing *x, const struct resource *api, struct str env,
                             struct str publish_id)
{
    struct cJSON *one = apig_outline(x->c, api);

    apig_set_str(one, "run_env_id", env);
    apig_set_str(one, "run_env_name", apig_env_name(x->c, env));
    apig_set_str(one, "publish_id", publish_id);
    return one;
}

static bool list_bound(void *user, const struct resource *r)
{
    struct listing *x = user;
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);
    const struct resource *api = apig_look(x->c, &apig_apis, apig_text(body, "api_id"));
    struct str env = apig_text(body, "env_id");
    struct cJSON *one;

    if (!api || !api_matches(x, api, env) || !apig_list_wants(&x->l))
        return true;
    one = api_row(x, api, env, apig_text(body, "publish_id"));
    apig_set_str(one, "throttle_apply_id", str_of(r->id));
    apig_set_str(one, "throttle_name", str_of(x->throttle->name));
    apig_set_time(one, "apply_time", r->created_ms);
    apig_list_add(&x->l, one);
    return true;
}

static bool list_unbound(void *user, const struct resource *release)
{
    struct listing *x = user;
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(release->body), NULL);
    const struct resource *api = apig_look(x->c, &apig_apis, str_of(release->parent));
    struct str env = apig_text(body, "env_id"), publish_id = apig_text(body, "publish_id");
    const struct resource *bound;

    if (!api || !api_matches(x, api, env))
        return true;
    bound = apig_indexed(x->bound, publish_id, S(""));
    if ((!bound || strcmp(bound->parent, x->throttle->id) != 0) && apig_list_wants(&x->l))
        apig_list_add(&x->l, api_row(x, api, env, publish_id));
    return true;
}

static void list_apis(struct call *c, bool bound)
{
    struct listing x = {.c = c};
    struct resource_filter filter;

    if (!apig_enter(c))
        return;
    read_query(c, &x);
    x.throttle = apig_find(c, &apig_throttles, call_query(c, S("throttle_id")));
    if (!x.throttle || !apig_list_begin(&x.l, c, "apis"))
        return;
    filter = apig_filter(c, &apig_throttle_binds, bound ? str_of(x.throttle->id) : S(""));
    if (!bound) {
        filter.kind = S("release");
        x.bound = apig_index(c, "throttle_bind", S(""), "publish_id", NULL);
    }
    catalog_each_resource(c->api->catalog, &filter, bound ? list_bound : list_unbound, &x);
    map_free(x.bound);
    apig_list_end(&x.l);
}

void apig_list_throttled_apis(struct call *c)
{
    list_apis(c, true);
}

void apig_list_unthrottled_apis(struct call *c)
{
    list_apis(c, false);
}

static bool list_policy(void *user, const struct resource *r)
{
    struct listing *x = user;
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);
    const struct resource *throttle = apig_look(x->c, &apig_throttles, str_of(r->parent));
    struct str env = apig_text(body, "env_id");
    struct cJSON *one;

    if (!throttle || !str_eq(apig_text(body, "api_id"), x->api) ||
        (x->env.n > 0 && !str_eq(x->env, env)) || !apig_list_wants(&x->l))
        return true;
    one = apig_object(x->c, &apig_throttles, throttle);
    apig_set_str(one, "env_name", apig_env_name(x->c, env));
    apig_set_str(one, "bind_id", str_of(r->id));
    apig_set_time(one, "bind_time", r->created_ms);
    apig_list_add(&x->l, one);
    return true;
}

void apig_list_api_throttles(struct call *c)
{
    struct listing x = {.c = c};
    struct resource_filter filter;

    if (!apig_enter(c))
        return;
    read_query(c, &x);
    if (!apig_find(c, &apig_apis, x.api) || !apig_list_begin(&x.l, c, apig_throttles.list))
        return;
    filter = apig_filter(c, &apig_throttle_binds, S(""));
    catalog_each_resource(c->api->catalog, &filter, list_policy, &x);
    apig_list_end(&x.l);
}
