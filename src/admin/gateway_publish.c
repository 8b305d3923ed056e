/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_publish.c - an API goes online, back to an older version, and offline. The rules are
 * gateway/plane/publish.h; here they are asked for and their outcome is told.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "admin/gateway.h"
#include "admin/handlers.h"
#include "api/api.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "gateway/plane/kinds.h"
#include "gateway/plane/objects.h"
#include "gateway/plane/publish.h"

enum { REMARK_MAX = 255 };

static void put_part(struct jw *w, const struct call *c, const char *key, const struct resource *r)
{
    jw_key(w, key);
    if (!r) {
        jw_null(w);
        return;
    }
    gate_put(w, c, r);
    jw_obj_end(w);
}

static void on_done(void *user, int r, const struct resource *version,
                    const struct resource *release, const struct err *e)
{
    struct call *c = user;
    struct buf body;
    struct jw w;

    if (r == -EINVAL || r == -E2BIG) {
        call_fail(c, 400, NULL, "%s", e->msg);
    } else if (r < 0) {
        call_fail(c, r == -ENOENT ? 404 : r == -EEXIST ? 409 : 503, NULL, "%s", e->msg);
    } else {
        buf_init(&body, 2ul * GATE_OBJECT);
        jw_init(&w, &body);
        jw_obj(&w);
        put_part(&w, c, "version", version);
        put_part(&w, c, "release", release);
        jw_obj_end(&w);
        call_reply_buf(c, 200, S("application/json"), &body);
    }
}

/* The API, and what the body says under one key; false: it has replied. */
static bool begin(struct call *c, const struct resource **ret_api, struct cJSON **ret_body)
{
    static const char *const keys[] = {"env", "remark", "version"};
    const struct cJSON *stranger;
    struct err e = {0};

    c->captures[1] = c->captures[0]; /* the path names the id only */
    *ret_body = NULL;
    *ret_api = gate_object(c, gw_kind_of(S("api")));
    if (!*ret_api)
        return false;
    *ret_body = call_json(c, &e);
    if (!*ret_body) {
        call_fail(c, 400, NULL, "body: %s", e.msg);
        return false;
    }
    stranger = cJSON_IsObject(*ret_body) ? json_stranger(*ret_body, keys, ARRAY_LEN(keys)) : NULL;
    if (cJSON_IsObject(*ret_body) && !stranger)
        return true;
    if (stranger)
        call_fail(c, 400, NULL, "unknown key '%.64s'", stranger->string);
    else
        call_fail(c, 400, NULL, "the body must be an object");
    return false;
}

/* ... and which environment that is; false: it has replied. */
static bool begin_in_env(struct call *c, const struct resource **ret_api, struct cJSON **ret_body,
                         struct str *ret_env)
{
    struct str text = STR_NONE;
    struct err e = {0};

    if (!begin(c, ret_api, ret_body))
        return false;
    if (json_str(*ret_body, "env", false, &text, &e) == 0 &&
        gate_env(c, *ret_api, text, ret_env, &e) == 0)
        return true;
    call_fail(c, e.code == -ENOENT ? 404 : 400, NULL, "%s", e.msg);
    return false;
}

void admin_gateway_publish(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *api;
    struct str env, remark = STR_NONE;
    struct err e = {0};

    if (!begin_in_env(c, &api, &body, &env))
        return;
    if (json_str(body, "remark", false, &remark, &e) < 0)
        call_fail(c, 400, NULL, "%s", e.msg);
    else if (remark.n > REMARK_MAX)
        call_fail(c, 400, NULL, "remark has %zu bytes, at most %d are allowed", remark.n,
                  REMARK_MAX);
    else
        gw_publish(c->api->catalog, str_of(api->id), env, remark, on_done, c); /* -> on_done */
}

void admin_gateway_offline(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *api;
    struct str env;

    if (begin_in_env(c, &api, &body, &env))
        gw_offline(c->api->catalog, str_of(api->id), env, on_done, c); /* -> on_done */
}

void admin_gateway_switch(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *api, *version;
    struct str id = STR_NONE;
    struct err e = {0};

    if (!begin(c, &api, &body))
        return;
    if (json_str(body, "version", false, &id, &e) < 0) {
        call_fail(c, 400, NULL, "%s", e.msg);
        return;
    }
    version = catalog_resource(c->api->catalog, S("version"), id);
    if (!version || strcmp(version->parent, api->id) != 0)
        call_fail(c, 404, NULL, "the api has no version '%.*s'", (int)(id.n < 64 ? id.n : 64),
                  id.p ? id.p : "");
    else
        gw_switch(c->api->catalog, id, on_done, c); /* -> on_done */
}
