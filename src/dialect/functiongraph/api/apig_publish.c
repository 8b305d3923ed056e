/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_publish.c - publish and take offline, one API or many. The rules are gateway/plane/publish.h's; what
 * came of it is in apig_version.c.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/apig_handlers.h"
#include "gateway/plane/objects.h"
#include "gateway/plane/publish.h"

#define BATCH_MAGIC 0x41504241

enum { BATCH_MAX = 1000, REMARK_MAX = 1020 /* 255 characters */ };

/* What a publication is answered with. version NULL: taken offline. */
struct cJSON *apig_publication(struct str api_id, struct str api_name, struct str env_id,
                               const struct resource *version, const struct resource *release)
{
    cleanup_with(json_freep) struct cJSON *of_version =
            version ? json_parse(str_of(version->body), NULL) : NULL;
    cleanup_with(json_freep) struct cJSON *of_release =
            release ? json_parse(str_of(release->body), NULL) : NULL;
    struct cJSON *one = cJSON_CreateObject();

    apig_set_str(one, "publish_id", apig_text(of_release, "publish_id"));
    apig_set_str(one, "api_id", api_id);
    apig_set_str(one, "api_name", api_name);
    apig_set_str(one, "env_id", env_id);
    apig_set_str(one, "remark", apig_text(of_version, "remark"));
    apig_set_time(one, "publish_time", release ? release->modified_ms : clock_wall_ms());
    apig_set_str(one, "version_id", version ? str_of(version->id) : S(""));
    return one;
}

/* ---- online, offline ---- */

/* Some APIs, one after another; what one comes to does not keep the next from its turn. */
struct batch {
    uint32_t magic;
    struct call *c;
    struct {
        char *id, *name; /* owned */
    } * apis;            /* owned */
    size_t n, next;
    char *env, *remark; /* owned */
    bool online, single;
    struct cJSON *success, *failure; /* owned */
};

static struct batch *batch_free(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        free(b->apis[i].id);
        free(b->apis[i].name);
    }
    free(b->apis);
    free(b->env);
    free(b->remark);
    json_free(b->success);
    json_free(b->failure);
    b->magic = 0;
    free(b);
    return NULL;
}

static void batch_add(struct batch *b, const struct resource *api)
{
    b->apis = xrealloc(b->apis, b->n + 1, sizeof(*b->apis));
    b->apis[b->n].id = xstrdup(api->id);
    b->apis[b->n++].name = xstrdup(api->name);
}

enum apig_why apig_publish_why(int r)
{
    switch (r) {
    case -ENOENT:
        return APIG_NO_RELEASE;
    case -EEXIST:
        return APIG_SAME_API;
    case -EINVAL:
        return APIG_PARAMETER_ERROR;
    case -EAGAIN:
        return APIG_BUSY;
    default:
        return APIG_SYSTEM;
    }
}

static void note_failure(struct batch *b, int r, const struct err *e)
{
    struct cJSON *one = cJSON_CreateObject();

    apig_set_str(one, "api_id", str_of(b->apis[b->next - 1].id));
    apig_set_str(one, "api_name", str_of(b->apis[b->next - 1].name));
    apig_set_str(one, "error_code", str_of(apig_said[apig_publish_why(r)].code));
    apig_set_str(one, "error_msg", str_of(e->msg));
    cJSON_AddItemToArray(b->failure, one);
}

static void batch_end(struct batch *b)
{
    struct cJSON *answer;

    if (b->single) {
        apig_reply(b->c, 201, cJSON_DetachItemFromArray(b->success, 0));
    } else {
        answer = cJSON_CreateObject();
        cJSON_AddItemToObject(answer, "success", TAKE_PTR(b->success));
        cJSON_AddItemToObject(answer, "failure", TAKE_PTR(b->failure));
        apig_reply(b->c, 200, answer);
    }
    batch_free(b);
}

static void batch_next(struct batch *b);

static void on_batch_step(void *user, int r, const struct resource *version,
                          const struct resource *release, const struct err *e)
{
    struct batch *b = OBJ(user, struct batch, BATCH_MAGIC);

    if (r < 0 && b->single) {
        apig_fail(b->c, apig_publish_why(r), "%s", e->msg);
        batch_free(b);
        return;
    }
    if (r < 0)
        note_failure(b, r, e);
    else
        cJSON_AddItemToArray(b->success, apig_publication(str_of(b->apis[b->next - 1].id),
                                                          str_of(b->apis[b->next - 1].name),
                                                          str_of(b->env), version, release));
    batch_next(b);
}

static void batch_next(struct batch *b)
{
    struct catalog *catalog = b->c->api->catalog;
    struct str id;

    if (b->next == b->n) {
        batch_end(b);
        return;
    }
    id = str_of(b->apis[b->next++].id);
    if (b->online)
        gw_publish(catalog, id, str_of(b->env), str_of(b->remark), on_batch_step, b);
    else
        gw_offline(catalog, id, str_of(b->env), on_batch_step, b);
}

/* Which way, where and with which words; the APIs follow. NULL: it has replied. */
static struct batch *batch_new(struct call *c, struct str action, const struct cJSON *body)
{
    struct str env = apig_text(body, "env_id"), remark = apig_text(body, "remark");
    struct batch *b;

    if (!str_eq(action, S("online")) && !str_eq(action, S("offline"))) {
        apig_fail_parameter(c, "action", "it is neither online nor offline");
        return NULL;
    }
    if (!apig_env_name(c, env).p) {
        apig_fail(c, APIG_NO_ENVIRONMENT, "%.*s", STR_ARG(env));
        return NULL;
    }
    if (remark.n > REMARK_MAX) {
        apig_fail_parameter(c, "remark", "it is longer than 255 characters");
        return NULL;
    }
    b = xnew(struct batch);
    b->magic = BATCH_MAGIC;
    b->c = c;
    b->online = str_eq(action, S("online"));
    b->env = str_dup(env);
    b->remark = str_dup(remark);
    b->success = cJSON_CreateArray();
    b->failure = cJSON_CreateArray();
    return b;
}

void apig_publish(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *api;
    struct str action;
    struct batch *b;

    if (!apig_enter(c) || !(body = apig_body(c)))
        return;
    action = apig_text(body, "action");
    api = apig_find(c, &apig_apis, apig_text(body, "api_id"));
    if (!api || !(b = batch_new(c, action.n > 0 ? action : S("online"), body)))
        return;
    b->single = true;
    batch_add(b, api);
    batch_next(b); /* -> on_batch_step */
}

static bool add_api(void *user, const struct resource *api)
{
    batch_add(user, api);
    return true;
}

/* Those the body lists. False: it has replied. */
static bool add_listed(struct call *c, struct batch *b, const struct cJSON *list)
{
    const struct cJSON *one;
    const struct resource *api;

    if (cJSON_GetArraySize(list) > BATCH_MAX) {
        apig_fail_parameter(c, "apis", "it lists more than %d", BATCH_MAX);
        return false;
    }
    cJSON_ArrayForEach(one, list)
    {
        api = apig_find(c, &apig_apis, cJSON_IsString(one) ? str_of(one->valuestring) : S(""));
        if (!api)
            return false;
        batch_add(b, api);
    }
    return true;
}

void apig_publish_many(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct cJSON *list;
    struct str action, group;
    struct resource_filter filter;
    struct batch *b;

    if (!apig_enter(c) || !(body = apig_body(c)))
        return;
    action = call_query(c, S("action"));
    list = json_get(body, "apis");
    group = apig_text(body, "group_id");
    if (!list && group.n == 0) {
        apig_fail_parameter(c, "apis", "it is missing, and so is group_id");
        return;
    }
    if (!list && !apig_find(c, &apig_groups, group))
        return;
    if (!(b = batch_new(c, action.n > 0 ? action : S("online"), body)))
        return;
    if (!list) {
        filter = apig_filter(c, &apig_apis, group);
        catalog_each_resource(c->api->catalog, &filter, add_api, b);
    } else if (!add_listed(c, b, list)) {
        batch_free(b);
        return;
    }
    batch_next(b); /* -> on_batch_step */
}
