/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_response.c - gateway responses: how a group words the gateway's own refusals, by type of
 * error.
 *
 * Whatever a group says, the answer lists every type there is; those it does not word itself are
 * marked default and show what the gateway would say.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/apig_handlers.h"

#define BODY                                                                                       \
    "{\"error_code\":\"$context.error.code\",\"error_msg\":\"$context.error.message\","            \
    "\"request_id\":\"$context.requestId\"}"

/* The types, and the status each has by itself; 0: that of the error. */
static const struct {
    const char *name;
    int status;
} types[] = {
        {"ACCESS_DENIED", 403},
        {"AUTH_FAILURE", 401},
        {"AUTH_HEADER_MISSING", 401},
        {"AUTHORIZER_CONF_FAILURE", 500},
        {"AUTHORIZER_FAILURE", 500},
        {"AUTHORIZER_IDENTITIES_FAILURE", 401},
        {"BACKEND_TIMEOUT", 504},
        {"BACKEND_UNAVAILABLE", 502},
        {"DEFAULT_4XX", 0},
        {"DEFAULT_5XX", 0},
        {"NOT_FOUND", 404},
        {"REQUEST_PARAMETERS_FAILURE", 400},
        {"THIRD_AUTH_CONF_FAILURE", 500},
        {"THIRD_AUTH_FAILURE", 401},
        {"THIRD_AUTH_IDENTITIES_FAILURE", 401},
        {"THROTTLED", 429},
        {"UNAUTHORIZED", 401},
};

/* Its place in the table, or -1. */
static int type_of(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(name, str_of(types[i].name)))
            return (int)i;
    return -1;
}

/* How one type is worded: by the group, or by the gateway. */
static struct cJSON *wording(const struct cJSON *said, int type)
{
    const struct cJSON *own = json_get(said, types[type].name);
    struct cJSON *one = own ? cJSON_Duplicate(own, true) : cJSON_CreateObject();

    apig_set(one, "default", cJSON_CreateBool(!own));
    if (!json_get(one, "body"))
        apig_set_str(one, "body", S(BODY));
    if (!json_get(one, "status") && types[type].status != 0)
        apig_set_int(one, "status", types[type].status);
    return one;
}

static void adorn(const struct call *c, const struct resource *r, struct cJSON *object)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);
    const struct cJSON *said = json_get(body, "responses");
    struct cJSON *all = cJSON_CreateObject();

    (void)c;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        cJSON_AddItemToObject(all, types[i].name, wording(said, (int)i));
    apig_set(object, "responses", all);
    apig_set_time(object, "create_time", r->created_ms);
    apig_set_time(object, "update_time", r->modified_ms);
}

static const struct apig_default defaults[] = {{"default", "false"}, {NULL, NULL}};
const struct apig_kind apig_responses = {
        .name = "response",
        .list = "responses",
        .what = "group response",
        .missing = "APIG.3033",
        .exists = "APIG.2011",
        .quota = "APIG.3100",
        .defaults = defaults,
        .adorn = adorn,
};

void apig_create_response(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *group;
    struct resource *draft;

    if (!apig_enter(c) || !(group = apig_find(c, &apig_groups, apig_path(c, 0))) ||
        !(body = apig_body(c)))
        return;
    draft = apig_draft(c, &apig_responses, S(""), str_of(group->id), body);
    if (draft)
        apig_create(c, &apig_responses, draft);
}

void apig_list_responses(struct call *c)
{
    const struct resource *group;

    if (apig_enter(c) && (group = apig_find(c, &apig_groups, apig_path(c, 0))))
        apig_list_kind(c, &apig_responses, str_of(group->id));
}

/* The one the path names. NULL: it has replied. */
static const struct resource *response_of(struct call *c)
{
    if (!apig_enter(c) || !apig_find(c, &apig_groups, apig_path(c, 0)))
        return NULL;
    return apig_find_in(c, &apig_responses, apig_path(c, 1), apig_path(c, 0));
}

void apig_show_response(struct call *c)
{
    const struct resource *r = response_of(c);

    if (r)
        apig_reply_resource(c, 200, &apig_responses, r);
}

void apig_update_response(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *r = response_of(c);

    if (r && (body = apig_body(c)))
        apig_change(c, &apig_responses, r, body);
}

void apig_delete_response(struct call *c)
{
    const struct resource *r = response_of(c);

    if (r && apig_unused(c, r, APIG_FIXED))
        apig_remove(c, &apig_responses, r);
}

/* ---- one type of one ---- */

/* -1: it has replied. */
static int type_in_path(struct call *c)
{
    int type = type_of(apig_path(c, 2));

    if (type < 0)
        apig_fail_parameter(c, "response_type", "'%.*s' is no type of error",
                            STR_ARG(apig_path(c, 2)));
    return type;
}

/* {"<TYPE>":{...}} */
static void reply_type(struct call *c, const struct resource *r, int type)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);
    struct cJSON *answer = cJSON_CreateObject();

    apig_set(answer, types[type].name, wording(json_get(body, "responses"), type));
    apig_reply(c, 200, answer);
}

void apig_show_response_type(struct call *c)
{
    const struct resource *r = response_of(c);
    int type;

    if (r && (type = type_in_path(c)) >= 0)
        reply_type(c, r, type);
}

static void on_type_set(void *user, int r, const struct resource *res)
{
    struct call *c = user;

    if (r < 0)
        apig_fail_catalog(c, &apig_responses, r);
    else
        reply_type(c, res, (int)(intptr_t)c->state);
}

static void on_type_reset(void *user, int r, const struct resource *res)
{
    struct call *c = user;

    (void)res;
    if (r < 0)
        apig_fail_catalog(c, &apig_responses, r);
    else
        call_reply(c, 204, S(""), S(""));
}

/* wording NULL: the gateway's own again. Taken. */
static void set_type(struct call *c, const struct resource *r, int type, struct cJSON *wording,
                     catalog_resource_fn *fn)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);
    struct cJSON *said = cJSON_DetachItemFromObjectCaseSensitive(body, "responses");
    struct resource *draft;

    if (!said)
        said = cJSON_CreateObject();
    cJSON_DeleteItemFromObjectCaseSensitive(said, types[type].name);
    if (wording)
        cJSON_AddItemToObject(said, types[type].name, wording);
    cJSON_AddItemToObject(body, "responses", said);
    draft = apig_redraft(c, &apig_responses, r, body);
    c->state = (void *)(intptr_t)type;
    if (draft)
        catalog_update_resource(c->api->catalog, draft, fn, c);
}

void apig_update_response_type(struct call *c)
{
    const struct resource *r = response_of(c);
    struct cJSON *body;
    int type;

    if (!r || (type = type_in_path(c)) < 0 || !(body = apig_body(c)))
        return;
    set_type(c, r, type, body, on_type_set);
}

void apig_reset_response_type(struct call *c)
{
    const struct resource *r = response_of(c);
    int type;

    if (r && (type = type_in_path(c)) >= 0)
        set_type(c, r, type, NULL, on_type_reset);
}
