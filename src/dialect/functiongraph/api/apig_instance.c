/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_instance.c - what is said about the one gateway there is, and about what it has not.
 *
 * It was there before anybody asked and cannot be made, changed or deleted. Lists of things that
 * cannot exist here (plug-ins, certificates, VPC channels, ...) are empty, since that is true of
 * them; whoever wants to make one is told that it is not supported (apig_ops.c).
 */
#include <cjson/cJSON.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/apig_handlers.h"

/* ---- the instance ---- */

static struct cJSON *instance(const struct call *c)
{
    struct cJSON *one = cJSON_CreateObject();

    apig_set_str(one, "id", S(APIG_INSTANCE));
    apig_set_str(one, "project_id", apig_project(c));
    apig_set_str(one, "instance_name", S(APIG_INSTANCE));
    apig_set_str(one, "status", S("Running"));
    apig_set_int(one, "instance_status", 6);
    apig_set_str(one, "type", S("apig"));
    apig_set_str(one, "spec", S("BASIC"));
    apig_set_int(one, "create_time", 0);
    apig_set_str(one, "enterprise_project_id", S("0"));
    apig_set_int(one, "charging_mode", 0);
    apig_set_str(one, "loadbalancer_provider", S("lvs"));
    return one;
}

void apig_list_instances(struct call *c)
{
    struct str id = call_query(c, S("instance_id")), name = call_query(c, S("instance_name")),
               status = call_query(c, S("status"));
    struct apig_list l;

    if (!apig_enter(c) || !apig_list_begin(&l, c, "instances"))
        return;
    if ((id.n == 0 || str_eq(id, S(APIG_INSTANCE))) && apig_has(S(APIG_INSTANCE), name) &&
        (status.n == 0 || str_eq(status, S("Running"))) && apig_list_wants(&l))
        apig_list_add(&l, instance(c));
    apig_list_end(&l);
}

void apig_show_instance(struct call *c)
{
    struct cJSON *one;

    if (!apig_enter(c))
        return;
    one = instance(c);
    apig_set_str(one, "description", S("the gateway of this evoke"));
    apig_set(one, "supported_features", cJSON_CreateArray());
    apig_set(one, "is_releasable", cJSON_CreateBool(false));
    apig_reply(c, 200, one);
}

void apig_show_progress(struct call *c)
{
    struct cJSON *one;

    if (!apig_enter(c))
        return;
    one = cJSON_CreateObject();
    apig_set_int(one, "progress", 100);
    apig_set_str(one, "status", S("success"));
    apig_reply(c, 200, one);
}

/* ---- how many ---- */

static size_t count_of(const struct call *c, const struct apig_kind *k)
{
    struct resource_filter filter = apig_filter(c, k, S(""));

    return catalog_count_resources(c->api->catalog, &filter);
}

void apig_count_groups(struct call *c)
{
    struct cJSON *one;

    if (!apig_enter(c))
        return;
    one = cJSON_CreateObject();
    apig_set_int(one, "onsell_nums", 0);
    apig_set_int(one, "offsell_nums", (int64_t)count_of(c, &apig_groups));
    apig_reply(c, 200, one);
}

struct count {
    const struct call *c;
    int64_t some, none; /* that have one of a kind with them as parent, or have not */
    const char *kind;
};

static bool count_one(void *user, const struct resource *r)
{
    struct count *n = user;
    struct resource_filter filter = apig_filter(n->c, &apig_apis, str_of(r->id));

    filter.kind = str_of(n->kind);
    if (catalog_count_resources(n->c->api->catalog, &filter) > 0)
        n->some++;
    else
        n->none++;
    return true;
}

void apig_count_apis(struct call *c)
{
    struct resource_filter filter = apig_filter(c, &apig_apis, S(""));
    struct count n = {.c = c, .kind = "release"};
    struct cJSON *one;

    if (!apig_enter(c))
        return;
    catalog_each_resource(c->api->catalog, &filter, count_one, &n);
    one = cJSON_CreateObject();
    apig_set_int(one, "instance_num", n.some + n.none);
    apig_set_int(one, "nums_on_release", n.some);
    apig_set_int(one, "nums_off_release", n.none);
    apig_reply(c, 200, one);
}

void apig_count_apps(struct call *c)
{
    struct resource_filter filter = apig_filter(c, &apig_apps, S(""));
    struct count n = {.c = c, .kind = "app_auth"};
    struct cJSON *one;

    if (!apig_enter(c))
        return;
    catalog_each_resource(c->api->catalog, &filter, count_one, &n);
    one = cJSON_CreateObject();
    apig_set_int(one, "authed_nums", n.some);
    apig_set_int(one, "unauthed_nums", n.none);
    apig_reply(c, 200, one);
}

/* ---- tags ---- */

static bool add_tags(void *user, const struct resource *api)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(api->body), NULL);
    const struct cJSON *tag;
    struct cJSON *all = user;

    cJSON_ArrayForEach(tag, json_get(body, "tags"))
    {
        const struct cJSON *there = NULL;

        cJSON_ArrayForEach(there, all) if (cJSON_IsString(tag) &&
                                           strcmp(there->valuestring, tag->valuestring) == 0) break;
        if (!there && cJSON_IsString(tag))
            cJSON_AddItemToArray(all, cJSON_CreateString(tag->valuestring));
    }
    return true;
}

void apig_list_tags(struct call *c)
{
    struct resource_filter filter = apig_filter(c, &apig_apis, S(""));
    cleanup_with(json_freep) struct cJSON *all = cJSON_CreateArray();
    struct apig_list l;
    struct cJSON *tag;

    if (!apig_enter(c) || !apig_list_begin(&l, c, "tags"))
        return;
    catalog_each_resource(c->api->catalog, &filter, add_tags, all);
    while ((tag = cJSON_DetachItemFromArray(all, 0))) {
        if (apig_list_wants(&l))
            apig_list_add(&l, tag);
        else
            json_free(tag);
    }
    apig_list_end(&l);
}

/* ---- what there is not ---- */

/* The key of the list each of these operations answers. */
static const struct {
    const char *op, *key;
} empties[] = {
        {"ListAclStrategiesV2", "acls"},
        {"ListAiApiKeys", "ai_api_keys"},
        {"ListApiAttachablePlugins", "plugins"},
        {"ListApiAttachedPlugins", "plugins"},
        {"ListAppQuotas", "quotas"},
        {"ListAvailableZonesV2", "available_zones"},
        {"ListCertificatesV2", "certs"},
        {"ListCustomIngressPorts", "ingress_port_infos"},
        {"ListEndpointConnections", "connections"},
        {"ListEndpointPermissions", "permissions"},
        {"ListFeaturesV2", "features"},
        {"ListInstanceConfigsV2", "configs"},
        {"ListInstanceFeatures", "features"},
        {"ListInstanceTags", "tags"},
        {"ListOrchestrations", "orchestrations"},
        {"ListPlugins", "plugins"},
        {"ListProjectCofigsV2", "configs"},
        {"ListProjectInstanceTags", "tags"},
        {"ListSignatureKeysBindedToApiV2", "bindings"},
        {"ListSignatureKeysV2", "signs"},
        {"ListSpecialThrottlingConfigurationsV2", "throttle_specials"},
        {"ListAclPolicyBindedToApiV2", "acls"},
        {"ListVpcChannelsV2", "vpc_channels"},
};

void apig_list_nothing(struct call *c)
{
    const char *key = "items";
    struct apig_list l;

    for (size_t i = 0; i < ARRAY_LEN(empties); i++)
        if (strcmp(empties[i].op, c->op->name) == 0)
            key = empties[i].key;
    if (apig_enter(c) && apig_list_begin(&l, c, key))
        apig_list_end(&l);
}

void apig_not_supported(struct call *c)
{
    apig_fail(c, APIG_UNSUPPORTED, "%s is", c->op->name);
}
