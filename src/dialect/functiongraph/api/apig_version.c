/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_version.c - what was published: where an API is online, its history, the way back to an older
 * version, and what a version says.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/apig_handlers.h"
#include "gateway/gateway.h"
#include "gateway/plane/objects.h"
#include "gateway/plane/publish.h"

const struct apig_kind apig_versions = {
        .name = "version",
        .list = "api_versions",
        .what = "API version",
        .missing = "APIG.3022",
        .exists = "APIG.3301",
        .quota = "APIG.3100",
};

/* ---- as APIs show it ---- */

struct places {
    const struct call *c;
    const struct resource *api;
    struct buf names, ids, publish_ids;
    int64_t latest_ms;
};

static void append(struct buf *to, struct str s)
{
    if (to->n > 0)
        buf_addc(to, '|');
    buf_adds(to, s);
}

static void add_place(struct places *p, struct str env, struct str name)
{
    const struct resource *release = gw_release_of(p->c->api->catalog, str_of(p->api->id), env);
    cleanup_with(json_freep) struct cJSON *body =
            release ? json_parse(str_of(release->body), NULL) : NULL;

    if (!release)
        return;
    append(&p->names, name);
    append(&p->ids, env);
    append(&p->publish_ids, apig_text(body, "publish_id"));
    if (release->modified_ms > p->latest_ms)
        p->latest_ms = release->modified_ms;
}

static bool add_env(void *user, const struct resource *env)
{
    add_place(user, str_of(env->id), str_of(env->name));
    return true;
}

void apig_add_releases(const struct call *c, const struct resource *api, struct cJSON *object)
{
    struct places p = {.c = c, .api = api};
    struct resource_filter envs = apig_filter(c, &apig_envs, S(""));

    buf_init(&p.names, RESOURCE_BODY);
    buf_init(&p.ids, RESOURCE_BODY);
    buf_init(&p.publish_ids, RESOURCE_BODY);
    add_place(&p, S(GW_RELEASE_ENV), S(GW_RELEASE_NAME));
    catalog_each_resource(c->api->catalog, &envs, add_env, &p);
    if (p.ids.n > 0) {
        apig_set_str(object, "run_env_name", buf_str(&p.names));
        apig_set_str(object, "run_env_id", buf_str(&p.ids));
        apig_set_str(object, "publish_id", buf_str(&p.publish_ids));
        apig_set_time(object, "publish_time", p.latest_ms);
    }
    buf_done(&p.names);
    buf_done(&p.ids);
    buf_done(&p.publish_ids);
}

/* ---- history ---- */

struct history {
    struct apig_list l;
    const struct call *c;
    const struct resource *api;
};

static bool list_version(void *user, const struct resource *version)
{
    struct history *h = user;
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(version->body), NULL);
    struct catalog *catalog = h->c->api->catalog;
    struct str env = apig_text(body, "env_id");
    const struct resource *release, *now;
    char text[CLOCK_TEXT];
    struct cJSON *one;

    if (!apig_list_wants(&h->l))
        return true;
    release = gw_release_of(catalog, str_of(h->api->id), env);
    now = release ? gw_version_of(catalog, release) : NULL;
    one = cJSON_CreateObject();
    apig_set_str(one, "version_id", str_of(version->id));
    /* the cloud numbers versions by their time */
    clock_iso_ms(version->created_ms, text);
    apig_set_str(one, "version_no", str_of(text));
    apig_set_str(one, "api_id", str_of(h->api->id));
    apig_set_str(one, "env_id", env);
    apig_set_str(one, "env_name", apig_env_name(h->c, env));
    apig_set_str(one, "remark", apig_text(body, "remark"));
    apig_set_time(one, "publish_time", version->created_ms);
    apig_set_int(one, "status", now && strcmp(now->id, version->id) == 0 ? 1 : 2);
    apig_list_add(&h->l, one);
    return true;
}

struct by_name {
    struct str name, id;
};

static bool find_env(void *user, const struct resource *env)
{
    struct by_name *x = user;

    x->id = str_of(env->id);
    return false;
}

/* The environment the query names by id or name; "" when by neither. False: it has replied. */
static bool env_of_query(struct call *c, struct str *ret)
{
    struct str name = call_query(c, S("env_name"));
    struct resource_filter filter = apig_filter(c, &apig_envs, S(""));
    struct by_name x = {.name = name};

    *ret = call_query(c, S("env_id"));
    if (ret->n > 0 || name.n == 0)
        return true;
    filter.name = name;
    if (str_eq(name, S(GW_RELEASE_NAME)))
        x.id = S(GW_RELEASE_ENV);
    else
        catalog_each_resource(c->api->catalog, &filter, find_env, &x);
    *ret = x.id;
    if (x.id.n == 0)
        apig_fail(c, APIG_NO_ENVIRONMENT, "%.*s", STR_ARG(name));
    return x.id.n > 0;
}

void apig_list_versions(struct call *c)
{
    struct history h = {.c = c};
    struct str env;

    if (!apig_enter(c) || !(h.api = apig_find(c, &apig_apis, apig_path(c, 0))) ||
        !env_of_query(c, &env) || !apig_list_begin(&h.l, c, apig_versions.list))
        return;
    gw_each_version(c->api->catalog, str_of(h.api->id), env, list_version, &h);
    apig_list_end(&h.l);
}

static void on_switched(void *user, int r, const struct resource *version,
                        const struct resource *release, const struct err *e)
{
    struct call *c = user;
    const struct resource *api;

    if (r < 0) {
        apig_fail(c, apig_publish_why(r), "%s", e->msg);
        return;
    }
    if (!c->req) { /* what the path says has gone with the client */
        call_reply(c, 200, S(""), S(""));
        return;
    }
    api = apig_look(c, &apig_apis, str_of(version->parent));
    apig_reply(c, 200,
               apig_publication(str_of(version->parent), api ? str_of(api->name) : S(""),
                                str_from(str_of(release->id), strlen(version->parent) + 1), version,
                                release));
}

void apig_switch_version(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *api, *version;

    if (!apig_enter(c) || !(api = apig_find(c, &apig_apis, apig_path(c, 0))) ||
        !(body = apig_body(c)) ||
        !(version =
                  apig_find_in(c, &apig_versions, apig_text(body, "version_id"), str_of(api->id))))
        return;
    gw_switch(c->api->catalog, str_of(version->id), on_switched, c);
}

/* ---- one version ---- */

/* A published definition as an API; its release may be gone, and so may the group. */
static struct cJSON *frozen(const struct call *c, const struct resource *version)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(version->body), NULL);
    cleanup_with(buf_done) struct buf text;
    const struct resource *api = apig_look(c, &apig_apis, str_of(version->parent));
    struct cJSON *object, *sl = cJSON_CreateArray();
    struct str env = apig_text(body, "env_id");
    struct resource *copy = resource_copy(api ? api : version);

    buf_init(&text, RESOURCE_BODY + 1);
    json_print(json_get(body, "api"), &text);
    free(copy->body);
    copy->body = str_dup(buf_str(&text));
    object = apig_object(c, &apig_apis, copy);
    buf_reset(&text);
    buf_addf(&text, "%s.%s", copy->parent, gateway_domain(c->api->gateway));
    resource_unref(copy);
    apig_set_str(object, "run_env_id", env);
    apig_set_str(object, "run_env_name", apig_env_name(c, env));
    apig_set_time(object, "publish_time", version->created_ms);
    apig_set_str(object, "version_id", str_of(version->id));
    apig_set_str(object, "sl_domain", buf_str(&text));
    cJSON_AddItemToArray(sl, cJSON_CreateString(buf_str(&text).p));
    apig_set(object, "sl_domains", sl);
    return object;
}

void apig_show_version(struct call *c)
{
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find(c, &apig_versions, apig_path(c, 0))))
        apig_reply(c, 200, frozen(c, r));
}

/* What is called right now: the same, in one environment. */
void apig_show_runtime(struct call *c)
{
    struct str env = call_query(c, S("env_id"));
    const struct resource *api, *release, *version = NULL;
    struct cJSON *object;

    if (!apig_enter(c) || !(api = apig_find(c, &apig_apis, apig_path(c, 0))))
        return;
    release = gw_release_of(c->api->catalog, str_of(api->id), env);
    if (release)
        version = gw_version_of(c->api->catalog, release);
    if (!version) {
        apig_fail(c, APIG_NO_RELEASE, "%s", "");
        return;
    }
    object = frozen(c, version);
    cJSON_DeleteItemFromObjectCaseSensitive(object, "version_id");
    apig_reply(c, 200, object);
}

static void on_version_gone(void *user, int r, const struct resource *version,
                            const struct resource *release, const struct err *e)
{
    struct call *c = user;

    (void)version;
    (void)release;
    if (r < 0)
        apig_fail(c, apig_publish_why(r), "%s", e->msg);
    else
        call_reply(c, 204, S(""), S(""));
}

/* "Taking an API version offline": of the one that is called, that takes the API offline; of
 * another one the record goes. */
void apig_delete_version(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *r, *release, *now;
    struct str env;

    if (!apig_enter(c) || !(r = apig_find(c, &apig_versions, apig_path(c, 0))))
        return;
    body = json_parse(str_of(r->body), NULL);
    env = apig_text(body, "env_id");
    release = gw_release_of(c->api->catalog, str_of(r->parent), env);
    now = release ? gw_version_of(c->api->catalog, release) : NULL;
    if (now && strcmp(now->id, r->id) == 0)
        gw_offline(c->api->catalog, str_of(r->parent), env, on_version_gone, c);
    else
        apig_remove(c, &apig_versions, r);
}
