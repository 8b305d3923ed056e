/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_authorizer.c - custom authorizers: which function is asked, by what identities its answers
 * are remembered, and for how long. FRONTEND ones guard APIs, BACKEND ones word what the backend is
 * given.
 */
#include <cjson/cJSON.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/apig_handlers.h"

static void adorn(const struct call *c, const struct resource *r, struct cJSON *object)
{
    (void)c;
    apig_set_time(object, "create_time", r->created_ms);
}

static const struct apig_default defaults[] = {{"identities", "[]"},
                                               {"ttl", "0"},
                                               {"user_data", "\"\""},
                                               {"need_body", "false"},
                                               {"network_type", "\"V1\""},
                                               {"ld_api_id", "\"\""},
                                               {NULL, NULL}};
const struct apig_kind apig_authorizers = {
        .name = "authorizer",
        .list = "authorizer_list",
        .what = "custom authorizer",
        .missing = "APIG.3081",
        .exists = "APIG.3211",
        .quota = "APIG.3116",
        .defaults = defaults,
        .adorn = adorn,
};

static bool functions_ok(struct call *c, const struct cJSON *body)
{
    return apig_function_ok(c, "authorizer_uri", apig_text(body, "authorizer_uri"),
                            apig_text(body, "authorizer_alias_uri"));
}

void apig_create_authorizer(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct resource *draft;

    if (!apig_enter(c) || !(body = apig_body(c)))
        return;
    draft = apig_draft(c, &apig_authorizers, S(""), S(""), body);
    if (!draft)
        return;
    if (functions_ok(c, body))
        apig_create(c, &apig_authorizers, draft);
    else
        resource_unref(draft);
}

struct listing {
    struct apig_list l;
    struct apig_match match;
    struct str type;
};

static bool list_one(void *user, const struct resource *r)
{
    struct listing *x = user;
    struct cJSON *one;

    if (!apig_matches(&x->match, r))
        return true;
    one = apig_object(x->l.c, &apig_authorizers, r);
    if ((x->type.n == 0 || str_eq(x->type, apig_text(one, "type"))) && apig_list_wants(&x->l))
        apig_list_add(&x->l, one);
    else
        json_free(one);
    return true;
}

void apig_list_authorizers(struct call *c)
{
    struct listing x = {.type = call_query(c, S("type"))};
    struct resource_filter filter = apig_filter(c, &apig_authorizers, S(""));

    apig_match_query(c, &x.match);
    if (!apig_enter(c) || !apig_list_begin(&x.l, c, apig_authorizers.list))
        return;
    catalog_each_resource(c->api->catalog, &filter, list_one, &x);
    apig_list_end(&x.l);
}

void apig_show_authorizer(struct call *c)
{
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find(c, &apig_authorizers, apig_path(c, 0))))
        apig_reply_resource(c, 200, &apig_authorizers, r);
}

void apig_update_authorizer(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *r;
    struct resource *draft;

    if (!apig_enter(c) || !(r = apig_find(c, &apig_authorizers, apig_path(c, 0))) ||
        !(body = apig_body(c)))
        return;
    draft = apig_redraft(c, &apig_authorizers, r, body);
    if (!draft)
        return;
    if (functions_ok(c, body))
        apig_update(c, &apig_authorizers, draft);
    else
        resource_unref(draft);
}

void apig_delete_authorizer(struct call *c)
{
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find(c, &apig_authorizers, apig_path(c, 0))) &&
        apig_unused(c, r, APIG_FIXED))
        apig_remove(c, &apig_authorizers, r);
}
