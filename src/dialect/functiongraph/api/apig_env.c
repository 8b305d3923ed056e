/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_env.c - environments (stages) and the variables a group has in each. RELEASE is always there,
 * has an id of its own for all time and can neither be changed nor deleted.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/apig_handlers.h"
#include "gateway/plane/objects.h"
#include "gateway/plane/publish.h"

static void adorn_env(const struct call *c, const struct resource *r, struct cJSON *object)
{
    (void)c;
    apig_set_time(object, "create_time", r->created_ms);
}

static const struct apig_default env_defaults[] = {{"remark", "\"\""}, {NULL, NULL}};
const struct apig_kind apig_envs = {
        .name = "env",
        .list = "envs",
        .what = "environment",
        .missing = "APIG.3003",
        .exists = "APIG.3205",
        .quota = "APIG.3104",
        .defaults = env_defaults,
        .adorn = adorn_env,
        .merge = true,
};
const struct apig_kind apig_variables = {
        .name = "variable",
        .list = "variables",
        .what = "environment variable",
        .missing = "APIG.3011",
        .exists = "APIG.3303",
        .quota = "APIG.3106",
        .merge = true,
};

/* ---- environments ---- */

static struct cJSON *release_env(void)
{
    struct cJSON *one = cJSON_CreateObject();

    apig_set_str(one, "id", S(GW_RELEASE_ENV));
    apig_set_str(one, "name", S(GW_RELEASE_NAME));
    apig_set_str(one, "remark", S(""));
    apig_set_time(one, "create_time", 0);
    return one;
}

/* RELEASE has no record, so that nobody can take its name but here. */
static bool name_is_free(struct call *c, const struct cJSON *body)
{
    if (!str_eq(apig_text(body, "name"), S(GW_RELEASE_NAME)))
        return true;
    apig_fail_catalog(c, &apig_envs, -EEXIST);
    return false;
}

void apig_create_env(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct resource *draft;

    if (!apig_enter(c) || !(body = apig_body(c)) || !name_is_free(c, body))
        return;
    draft = apig_draft(c, &apig_envs, S(""), S(""), body);
    if (draft)
        apig_create(c, &apig_envs, draft);
}

struct listing {
    struct apig_list l;
    struct str name, env;
    bool precise;
};

static bool list_env(void *user, const struct resource *r)
{
    struct listing *x = user;

    if (apig_has(str_of(r->name), x->name) && apig_list_wants(&x->l))
        apig_list_add(&x->l, apig_object(x->l.c, &apig_envs, r));
    return true;
}

void apig_list_envs(struct call *c)
{
    struct listing x = {.name = call_query(c, S("name"))};
    struct resource_filter filter = apig_filter(c, &apig_envs, S(""));

    if (!apig_enter(c) || !apig_list_begin(&x.l, c, apig_envs.list))
        return;
    if (apig_has(S(GW_RELEASE_NAME), x.name) && apig_list_wants(&x.l))
        apig_list_add(&x.l, release_env());
    catalog_each_resource(c->api->catalog, &filter, list_env, &x);
    apig_list_end(&x.l);
}

/* One that can be changed. NULL: it has replied. */
static const struct resource *own_env(struct call *c)
{
    if (!apig_enter(c))
        return NULL;
    if (str_eq(apig_path(c, 0), S(GW_RELEASE_ENV))) {
        apig_fail(c, APIG_FIXED, "%s is always there", GW_RELEASE_NAME);
        return NULL;
    }
    return apig_find(c, &apig_envs, apig_path(c, 0));
}

void apig_update_env(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *r = own_env(c);

    if (r && (body = apig_body(c)) && name_is_free(c, body))
        apig_change(c, &apig_envs, r, body);
}

void apig_delete_env(struct call *c)
{
    const struct resource *r = own_env(c);

    if (r && apig_unused(c, r, APIG_ENV_PUBLISHED))
        apig_remove(c, &apig_envs, r);
}

/* ---- variables ---- */

struct twin {
    struct str env, name;
    size_t same;
};

static bool count_twin(void *user, const struct resource *r)
{
    struct twin *t = user;
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);

    t->same += str_eq(apig_text(body, "env_id"), t->env) &&
               str_eq(apig_text(body, "variable_name"), t->name);
    return true;
}

void apig_create_variable(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *group;
    struct resource_filter mine;
    struct resource *draft;
    struct twin twin = {.same = 0};

    if (!apig_enter(c) || !(body = apig_body(c)) ||
        !(group = apig_find(c, &apig_groups, apig_text(body, "group_id"))))
        return;
    twin.env = apig_text(body, "env_id");
    twin.name = apig_text(body, "variable_name");
    if (!apig_env_name(c, twin.env).p) {
        apig_fail(c, APIG_NO_ENVIRONMENT, "%.*s", STR_ARG(twin.env));
        return;
    }
    mine = apig_filter(c, &apig_variables, str_of(group->id));
    catalog_each_resource(c->api->catalog, &mine, count_twin, &twin);
    if (twin.same > 0) {
        apig_fail_catalog(c, &apig_variables, -EEXIST);
        return;
    }
    draft = apig_draft(c, &apig_variables, S(""), str_of(group->id), body);
    if (draft)
        apig_create(c, &apig_variables, draft);
}

static bool list_variable(void *user, const struct resource *r)
{
    struct listing *x = user;
    struct cJSON *one = apig_object(x->l.c, &apig_variables, r);
    struct str name = apig_text(one, "variable_name");

    if ((x->env.n == 0 || str_eq(x->env, apig_text(one, "env_id"))) &&
        (x->name.n == 0 || (x->precise ? str_eq(name, x->name) : apig_has(name, x->name))) &&
        apig_list_wants(&x->l))
        apig_list_add(&x->l, one);
    else
        json_free(one);
    return true;
}

void apig_list_variables(struct call *c)
{
    struct str precise = call_query(c, S("precise_search"));
    struct listing x = {.name = call_query(c, S("variable_name")),
                        .env = call_query(c, S("env_id")),
                        .precise = apig_has(precise, S("variable_name")) && precise.n > 0};
    struct resource_filter filter;

    if (!apig_enter(c) || !apig_list_begin(&x.l, c, apig_variables.list))
        return;
    filter = apig_filter(c, &apig_variables, call_query(c, S("group_id")));
    catalog_each_resource(c->api->catalog, &filter, list_variable, &x);
    apig_list_end(&x.l);
}

void apig_show_variable(struct call *c)
{
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find(c, &apig_variables, apig_path(c, 0))))
        apig_reply_resource(c, 200, &apig_variables, r);
}

void apig_update_variable(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL, *only = cJSON_CreateObject();
    const struct resource *r;

    if (!apig_enter(c) || !(r = apig_find(c, &apig_variables, apig_path(c, 0))) ||
        !(body = apig_body(c)))
        return;
    apig_set_str(only, "variable_value", apig_text(body, "variable_value"));
    apig_change(c, &apig_variables, r, only);
}

void apig_delete_variable(struct call *c)
{
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find(c, &apig_variables, apig_path(c, 0))))
        apig_remove(c, &apig_variables, r);
}
