/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_group.c - API groups: create, list, show, change, delete, check a name, close the name that
 * every group has of its own.
 *
 * The answer is at "<id>.<gateway domain>" (sl_domain) and at each domain that is bound to it
 * (apig_domain.c). There is no marketplace: on_sell_status is 2, not listed, for ever.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/apig_handlers.h"
#include "gateway/gateway.h"

static void add_domain_name(const struct call *c, const struct resource *r, struct cJSON *object)
{
    cleanup_with(buf_done) struct buf name;
    struct cJSON *all = cJSON_CreateArray();

    buf_init(&name, RESOURCE_ID + 256);
    buf_addf(&name, "%s.%s", r->id, gateway_domain(c->api->gateway));
    apig_set_str(object, "sl_domain", buf_str(&name));
    cJSON_AddItemToArray(all, cJSON_CreateString(buf_str(&name).p));
    apig_set(object, "sl_domains", all);
}

static void adorn(const struct call *c, const struct resource *r, struct cJSON *object)
{
    apig_set_int(object, "status", 1);
    apig_set_int(object, "on_sell_status", 2);
    apig_set_int(object, "is_default", 2);
    apig_set_str(object, "version", S("V1"));
    apig_set_time(object, "register_time", r->created_ms);
    apig_set_time(object, "update_time", r->modified_ms);
    add_domain_name(c, r, object);
    apig_set(object, "url_domains", apig_url_domains(c, str_of(r->id)));
}

static const struct apig_default defaults[] = {
        {"remark", "\"\""}, {"sl_domain_access_enabled", "true"}, {NULL, NULL}};
const struct apig_kind apig_groups = {
        .name = "group",
        .list = "groups",
        .what = "API group",
        .missing = "APIG.3001",
        .exists = "APIG.3201",
        .quota = "APIG.3101",
        .defaults = defaults,
        .adorn = adorn,
        .merge = true,
};

void apig_create_group(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct resource *draft;

    if (!apig_enter(c) || !(body = apig_body(c)))
        return;
    draft = apig_draft(c, &apig_groups, S(""), S(""), body);
    if (draft)
        apig_create(c, &apig_groups, draft);
}

struct listing {
    struct apig_list l;
    struct apig_match match;
    const struct apig_kind *kind;
};

static bool list_one(void *user, const struct resource *r)
{
    struct listing *x = user;

    if (apig_matches(&x->match, r) && apig_list_wants(&x->l))
        apig_list_add(&x->l, apig_object(x->l.c, x->kind, r));
    return true;
}

void apig_list_kind(struct call *c, const struct apig_kind *k, struct str parent)
{
    struct listing x = {.kind = k};
    struct resource_filter filter = apig_filter(c, k, parent);

    apig_match_query(c, &x.match);
    if (!apig_list_begin(&x.l, c, k->list))
        return;
    catalog_each_resource(c->api->catalog, &filter, list_one, &x);
    apig_list_end(&x.l);
}

void apig_list_groups(struct call *c)
{
    if (apig_enter(c))
        apig_list_kind(c, &apig_groups, S(""));
}

void apig_show_group(struct call *c)
{
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find(c, &apig_groups, apig_path(c, 0))))
        apig_reply_resource(c, 200, &apig_groups, r);
}

void apig_change(struct call *c, const struct apig_kind *k, const struct resource *r,
                 const struct cJSON *with)
{
    cleanup_with(json_freep) struct cJSON *body = apig_merge(k, r, with);
    struct resource *draft = apig_redraft(c, k, r, body);

    if (draft)
        apig_update(c, k, draft);
}

void apig_update_group(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *r;

    if (!apig_enter(c) || !(r = apig_find(c, &apig_groups, apig_path(c, 0))) ||
        !(body = apig_body(c)))
        return;
    apig_change(c, &apig_groups, r, body);
}

void apig_delete_group(struct call *c)
{
    struct resource_filter apis = apig_filter(c, &apig_apis, apig_path(c, 0));
    const struct resource *r;

    if (!apig_enter(c) || !(r = apig_find(c, &apig_groups, apig_path(c, 0))))
        return;
    if (catalog_count_resources(c->api->catalog, &apis) > 0)
        apig_fail(c, APIG_GROUP_FULL, "%s", "");
    else if (apig_unused(c, r, APIG_FIXED))
        apig_remove(c, &apig_groups, r);
}

void apig_check_group(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct resource_filter same;

    if (!apig_enter(c) || !(body = apig_body(c)))
        return;
    same = apig_filter(c, &apig_groups, S(""));
    same.name = apig_text(body, "group_name");
    if (same.name.n == 0)
        apig_fail_parameter(c, "group_name", "it is missing");
    else if (catalog_count_resources(c->api->catalog, &same) > 0)
        apig_fail_catalog(c, &apig_groups, -EEXIST);
    else
        call_reply(c, 204, S(""), S(""));
}

/* ---- the name it has of its own ---- */

static void on_access_set(void *user, int r, const struct resource *res)
{
    struct call *c = user;

    (void)res;
    if (r < 0)
        apig_fail_catalog(c, &apig_groups, r);
    else
        call_reply(c, 204, S(""), S(""));
}

void apig_set_sl_domain(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL, *only = NULL, *whole = NULL;
    const struct cJSON *on;
    const struct resource *r;
    struct resource *draft;

    if (!apig_enter(c) || !(r = apig_find(c, &apig_groups, apig_path(c, 0))) ||
        !(body = apig_body(c)))
        return;
    on = json_get(body, "sl_domain_access_enabled");
    if (!cJSON_IsBool(on)) {
        apig_fail_parameter(c, "sl_domain_access_enabled", "it is not true or false");
        return;
    }
    only = cJSON_CreateObject();
    apig_set(only, "sl_domain_access_enabled", cJSON_CreateBool(cJSON_IsTrue(on)));
    whole = apig_merge(&apig_groups, r, only);
    draft = apig_redraft(c, &apig_groups, r, whole);
    if (draft)
        catalog_update_resource(c->api->catalog, draft, on_access_set, c);
}
