/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops.c - the operations of Function Compute (API version 2016-08-15), and the steps they
 * share.
 *
 * A path that is in no row answers 400 PathNotSupported, as the cloud does for paths it does not know.
 * To add an operation: a row here, a handler in the file of its object, a paragraph in
 * docs/compat/fc-api.md.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "api/api.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/fc/api/alias.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/layer.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/api/tag.h"
#include "dialect/fc/api/version.h"
#include "dialect/fc/fc.h"

/* Above the 6 MB an event may have, so that a little too much still gets the cloud's own words. */
enum { INVOKE_BODY_MAX = 8 << 20 };

#define SERVICE  "/2016-08-15/services/{service}"
#define FUNCTION SERVICE "/functions/{function}"
#define LAYERS   "/2016-08-15/layers"
#define LAYER    LAYERS "/{layer}"

static const char of_alias[] = "a config of an alias is that of the version it points at now";

static const struct api_op ops[] = {
        {{"POST", "/2016-08-15/services"},
         "CreateService",
         FC_SMALL_BODY_MAX,
         fc_service_create,
         .scope = KEY_DEPLOY},
        {{"GET", "/2016-08-15/services"},
         "ListServices",
         FC_SMALL_BODY_MAX,
         fc_service_list,
         .scope = KEY_READ},
        {{"GET", SERVICE}, "GetService", FC_SMALL_BODY_MAX, fc_service_get, .scope = KEY_READ},
        {{"PUT", SERVICE},
         "UpdateService",
         FC_SMALL_BODY_MAX,
         fc_service_update,
         .scope = KEY_DEPLOY},
        {{"DELETE", SERVICE},
         "DeleteService",
         FC_SMALL_BODY_MAX,
         fc_service_delete,
         .scope = KEY_DEPLOY},
        {{"POST", SERVICE "/versions"},
         "PublishServiceVersion",
         FC_SMALL_BODY_MAX,
         fc_version_publish,
         .scope = KEY_DEPLOY},
        {{"GET", SERVICE "/versions"},
         "ListServiceVersions",
         FC_SMALL_BODY_MAX,
         fc_version_list,
         .scope = KEY_READ},
        {{"DELETE", SERVICE "/versions/{version}"},
         "DeleteServiceVersion",
         FC_SMALL_BODY_MAX,
         fc_version_delete,
         .scope = KEY_DEPLOY},
        {{"POST", SERVICE "/aliases"},
         "CreateAlias",
         FC_SMALL_BODY_MAX,
         fc_alias_create,
         .scope = KEY_DEPLOY},
        {{"GET", SERVICE "/aliases"},
         "ListAliases",
         FC_SMALL_BODY_MAX,
         fc_alias_list,
         .scope = KEY_READ},
        {{"GET", SERVICE "/aliases/{alias}"},
         "GetAlias",
         FC_SMALL_BODY_MAX,
         fc_alias_get,
         .scope = KEY_READ},
        {{"PUT", SERVICE "/aliases/{alias}"},
         "UpdateAlias",
         FC_SMALL_BODY_MAX,
         fc_alias_update,
         .scope = KEY_DEPLOY},
        {{"DELETE", SERVICE "/aliases/{alias}"},
         "DeleteAlias",
         FC_SMALL_BODY_MAX,
         fc_alias_delete,
         .scope = KEY_DEPLOY},
        {{"POST", SERVICE "/functions"},
         "CreateFunction",
         FC_BODY_MAX,
         fc_function_create,
         .scope = KEY_DEPLOY,
         .json = true},
        {{"GET", SERVICE "/functions"},
         "ListFunctions",
         FC_SMALL_BODY_MAX,
         fc_function_list,
         .scope = KEY_READ},
        {{"GET", FUNCTION},
         "GetFunction",
         FC_SMALL_BODY_MAX,
         fc_function_get,
         .scope = KEY_READ,
         .role = API_ROLE_ITSELF},
        {{"PUT", FUNCTION},
         "UpdateFunction",
         FC_BODY_MAX,
         fc_function_update,
         .scope = KEY_DEPLOY,
         .json = true},
        {{"DELETE", FUNCTION},
         "DeleteFunction",
         FC_SMALL_BODY_MAX,
         fc_function_delete,
         .scope = KEY_DEPLOY},
        {{"POST", FUNCTION "/invocations"},
         "InvokeFunction",
         INVOKE_BODY_MAX,
         fc_invoke,
         .scope = KEY_INVOKE,
         .role = API_ROLE_ACCOUNT},
        {{"PUT", FUNCTION "/async-invoke-config"},
         "PutFunctionAsyncInvokeConfig",
         FC_SMALL_BODY_MAX,
         fc_async_config_put,
         .scope = KEY_DEPLOY,
         .partly = of_alias},
        {{"GET", FUNCTION "/async-invoke-config"},
         "GetFunctionAsyncInvokeConfig",
         FC_SMALL_BODY_MAX,
         fc_async_config_get,
         .scope = KEY_READ},
        {{"DELETE", FUNCTION "/async-invoke-config"},
         "DeleteFunctionAsyncInvokeConfig",
         FC_SMALL_BODY_MAX,
         fc_async_config_delete,
         .scope = KEY_DEPLOY},
        {{"GET", FUNCTION "/async-invoke-configs"},
         "ListFunctionAsyncInvokeConfigs",
         FC_SMALL_BODY_MAX,
         fc_async_config_list,
         .scope = KEY_READ},
        {{"GET", FUNCTION "/stateful-async-invocations"},
         "ListStatefulAsyncInvocations",
         FC_SMALL_BODY_MAX,
         fc_stateful_list,
         .scope = KEY_READ},
        {{"GET", FUNCTION "/stateful-async-invocations/{id}"},
         "GetStatefulAsyncInvocation",
         FC_SMALL_BODY_MAX,
         fc_stateful_get,
         .scope = KEY_READ},
        {{"PUT", FUNCTION "/stateful-async-invocations/{id}"},
         "StopStatefulAsyncInvocation",
         FC_SMALL_BODY_MAX,
         fc_stateful_stop,
         .scope = KEY_INVOKE},
        {{"GET", "/2016-08-15/stateful-async-invocation-functions"},
         "ListStatefulAsyncInvocationFunctions",
         FC_SMALL_BODY_MAX,
         fc_async_functions,
         .scope = KEY_READ},
        {{"PUT", FUNCTION "/provision-config"},
         "PutProvisionConfig",
         FC_SMALL_BODY_MAX,
         fc_provision_put,
         .scope = KEY_DEPLOY,
         .partly = "scheduledActions and targetTrackingPolicies are refused; a config of an alias "
                   "is that of the "
                   "version it points at now"},
        {{"GET", FUNCTION "/provision-config"},
         "GetProvisionConfig",
         FC_SMALL_BODY_MAX,
         fc_provision_get,
         .scope = KEY_READ},
        {{"GET", "/2016-08-15/provision-configs"},
         "ListProvisionConfigs",
         FC_SMALL_BODY_MAX,
         fc_provision_list,
         .scope = KEY_READ},
        {{"PUT", FUNCTION "/on-demand-config"},
         "PutOnDemandConfig",
         FC_SMALL_BODY_MAX,
         fc_ondemand_put,
         .scope = KEY_DEPLOY,
         .partly = of_alias},
        {{"GET", FUNCTION "/on-demand-config"},
         "GetOnDemandConfig",
         FC_SMALL_BODY_MAX,
         fc_ondemand_get,
         .scope = KEY_READ},
        {{"DELETE", FUNCTION "/on-demand-config"},
         "DeleteOnDemandConfig",
         FC_SMALL_BODY_MAX,
         fc_ondemand_delete,
         .scope = KEY_DEPLOY},
        {{"GET", "/2016-08-15/on-demand-configs"},
         "ListOnDemandConfigs",
         FC_SMALL_BODY_MAX,
         fc_ondemand_list,
         .scope = KEY_READ},
        {{"GET", FUNCTION "/instances"},
         "ListInstances",
         FC_SMALL_BODY_MAX,
         fc_instances,
         .scope = KEY_READ},
        {{"GET", FUNCTION "/instances/{instance}/exec"},
         "InstanceExec",
         FC_SMALL_BODY_MAX,
         fc_absent,
         .scope = KEY_DEPLOY,
         .absent = "a shell in an instance is not offered: 400 PathNotSupported"},
        {{"POST", FUNCTION "/triggers"},
         "CreateTrigger",
         FC_SMALL_BODY_MAX,
         fc_trigger_create,
         .scope = KEY_DEPLOY,
         .partly = "stored and shown; types other than http and timer wait for their source"},
        {{"GET", FUNCTION "/triggers"},
         "ListTriggers",
         FC_SMALL_BODY_MAX,
         fc_trigger_list,
         .scope = KEY_READ},
        {{"GET", FUNCTION "/triggers/{trigger}"},
         "GetTrigger",
         FC_SMALL_BODY_MAX,
         fc_trigger_get,
         .scope = KEY_READ},
        {{"PUT", FUNCTION "/triggers/{trigger}"},
         "UpdateTrigger",
         FC_SMALL_BODY_MAX,
         fc_trigger_update,
         .scope = KEY_DEPLOY},
        {{"DELETE", FUNCTION "/triggers/{trigger}"},
         "DeleteTrigger",
         FC_SMALL_BODY_MAX,
         fc_trigger_delete,
         .scope = KEY_DEPLOY},
        {{"POST", "/2016-08-15/custom-domains"},
         "CreateCustomDomain",
         FC_SMALL_BODY_MAX,
         fc_domain_create,
         .scope = KEY_DEPLOY},
        {{"GET", "/2016-08-15/custom-domains"},
         "ListCustomDomains",
         FC_SMALL_BODY_MAX,
         fc_domain_list,
         .scope = KEY_READ},
        {{"GET", "/2016-08-15/custom-domains/{domain}"},
         "GetCustomDomain",
         FC_SMALL_BODY_MAX,
         fc_domain_get,
         .scope = KEY_READ},
        {{"PUT", "/2016-08-15/custom-domains/{domain}"},
         "UpdateCustomDomain",
         FC_SMALL_BODY_MAX,
         fc_domain_update,
         .scope = KEY_DEPLOY},
        {{"DELETE", "/2016-08-15/custom-domains/{domain}"},
         "DeleteCustomDomain",
         FC_SMALL_BODY_MAX,
         fc_domain_delete,
         .scope = KEY_DEPLOY},
        {{"POST", "/2016-08-15/tag"},
         "TagResource",
         FC_SMALL_BODY_MAX,
         fc_tag_put,
         .scope = KEY_DEPLOY},
        {{"GET", "/2016-08-15/tag"},
         "GetResourceTags",
         FC_SMALL_BODY_MAX,
         fc_tag_get,
         .scope = KEY_READ},
        {{"DELETE", "/2016-08-15/tag"},
         "UntagResource",
         FC_SMALL_BODY_MAX,
         fc_tag_remove,
         .scope = KEY_DEPLOY},
        {{"GET", "/2016-08-15/tags"},
         "ListTaggedResources",
         FC_SMALL_BODY_MAX,
         fc_tag_list,
         .scope = KEY_READ},
        {{"GET", "/2016-08-15/account-settings"},
         "GetAccountSettings",
         FC_SMALL_BODY_MAX,
         fc_account_settings,
         .scope = KEY_READ},
        {{"GET", "/2016-08-15/tempBucketToken"},
         "GetTempBucketToken",
         FC_SMALL_BODY_MAX,
         fc_temp_bucket_token,
         .scope = KEY_DEPLOY},
        {{"GET", "/2016-08-15/services/{service}/tempCodeBucketToken"},
         "GetTempCodeBucketToken",
         FC_SMALL_BODY_MAX,
         fc_temp_code_bucket_token,
         .scope = KEY_DEPLOY},
        {{"GET", "/2016-08-15/services/{service}/functions/{function}/code"},
         "GetFunctionCode",
         FC_SMALL_BODY_MAX,
         fc_function_code,
         .scope = KEY_READ},
        {{"GET", "/2016-08-15/accountConfigs"},
         "GetAccountConfigs",
         FC_SMALL_BODY_MAX,
         fc_account_configs,
         .scope = KEY_READ},
        {{"GET", "/2016-08-15/reservedCapacities"},
         "ListReservedCapacities",
         FC_SMALL_BODY_MAX,
         fc_reserved_capacities,
         .scope = KEY_READ,
         .partly = "always an empty list: capacity is not sold here"},
        {{"GET", SERVICE "/bindings"},
         "ListVpcBindings",
         FC_SMALL_BODY_MAX,
         fc_vpc_list,
         .scope = KEY_READ,
         .partly = "always an empty list: there are no VPCs here"},
        {{"POST", SERVICE "/bindings"},
         "CreateVpcBinding",
         FC_SMALL_BODY_MAX,
         fc_absent,
         .scope = KEY_DEPLOY,
         .absent = "there are no VPCs here: 400 PathNotSupported"},
        {{"DELETE", SERVICE "/bindings/{vpc}"},
         "DeleteVpcBinding",
         FC_SMALL_BODY_MAX,
         fc_absent,
         .scope = KEY_DEPLOY,
         .absent = "there are no VPCs here: 400 PathNotSupported"},
        {{"GET", LAYERS}, "ListLayers", FC_SMALL_BODY_MAX, fc_layer_list, .scope = KEY_READ},
        {{"POST", LAYER "/versions"},
         "CreateLayerVersion",
         FC_BODY_MAX,
         fc_layer_create,
         .scope = KEY_DEPLOY,
         .json = true},
        {{"GET", LAYER "/versions"},
         "ListLayerVersions",
         FC_SMALL_BODY_MAX,
         fc_layer_versions,
         .scope = KEY_READ},
        {{"GET", LAYER "/versions/{version}"},
         "GetLayerVersion",
         FC_SMALL_BODY_MAX,
         fc_layer_get,
         .scope = KEY_READ},
        {{"DELETE", LAYER "/versions/{version}"},
         "DeleteLayerVersion",
         FC_SMALL_BODY_MAX,
         fc_layer_delete,
         .scope = KEY_DEPLOY},
        {{"GET", "/2016-08-15/layerarn/{arn}"},
         "GetLayerVersionByArn",
         FC_SMALL_BODY_MAX,
         fc_layer_by_arn,
         .scope = KEY_READ},
        {{"PUT", LAYER "/acl"},
         "PutLayerACL",
         FC_SMALL_BODY_MAX,
         fc_layer_acl,
         .scope = KEY_DEPLOY},
};

const struct api_set fc_api = {
        .name = "fc",
        .prefix = "/2016-08-15/",
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .wrong_path = 400,
        .wrong_method = 400,
        .admit = fc_auth_admit,
        .verify = auth_fc_body,
        .refuse = fc_auth_refuse,
        .realm = fc_auth_realm,
        .too_large = fc_error_too_large,
        .error = fc_error_body,
        .headers = fc_error_headers,
};

struct cJSON *fc_body(struct call *c)
{
    struct err e = {0};
    struct cJSON *body = call_json(c, &e);

    if (body && cJSON_IsObject(body))
        return body;
    if (!body && e.code != -EINVAL)
        call_fail(c, 500, NULL, "%s", e.msg);
    else
        call_fail(c, 400, "InvalidArgument", "the request body must be a JSON object%s%s",
                  body ? "" : ": ", body ? "" : e.msg);
    json_free(body);
    return NULL;
}

bool fc_if_match(struct call *c, const char *etag)
{
    struct str want = str_trim(http_header(c->req, S("If-Match")));

    if (want.n >= 2 && want.p[0] == '"' && want.p[want.n - 1] == '"')
        want = (struct str){want.p + 1, want.n - 2};
    if (want.n == 0 || str_eq(want, S("*")) || str_eq(want, str_of(etag)))
        return true;
    call_fail(c, 412, "PreconditionFailed", "the resource being modified has been changed");
    return false;
}

void fc_reply_object(struct call *c, const char *etag, struct buf *body)
{
    call_header(c, "Etag", str_of(etag));
    call_reply_buf(c, 200, S("application/json"), body);
}

static bool is_version(struct str s)
{
    uint64_t v;

    return str_u64(s, 0, UINT64_MAX, &v) != -EINVAL;
}

static struct fn_key key_in(struct call *c, struct str service)
{
    return (struct fn_key){.dialect = DIALECT_FC,
                           .account = fc_auth_account(c),
                           .region = str_of(c->api->region),
                           .space = service};
}

struct str fc_qualifier(struct str segment)
{
    struct str qualifier = fc_parse_service_ref(segment).qualifier;

    return qualifier.p ? qualifier : S("LATEST");
}

void fc_fail_no_function(struct call *c, const struct fn_key *key)
{
    call_fail(c, 404, "FunctionNotFound", "function '%.*s' does not exist in service '%.*s'",
              STR_ARG(key->name), STR_ARG(key->space));
}

/* Which of its versions? false: it has replied. */
static bool version_of(struct call *c, const struct fn_key *space, struct str qualifier,
                       struct str *ret)
{
    const struct alias *a;

    *ret = S("latest");
    if (qualifier_is_latest(qualifier))
        return true;
    if (is_version(qualifier)) {
        *ret = qualifier;
        if (fc_version_exists(c->api->catalog, space, qualifier))
            return true;
        call_fail(c, 404, "VersionNotFound", "version '%.*s' of service '%.*s' does not exist",
                  STR_ARG(qualifier), STR_ARG(space->space));
        return false;
    }
    a = catalog_alias(c->api->catalog, space, qualifier);
    if (a) {
        *ret = str_of(a->version);
        return true;
    }
    call_fail(c, 404, "AliasNotFound", "alias '%.*s' of service '%.*s' does not exist",
              STR_ARG(qualifier), STR_ARG(space->space));
    return false;
}

bool fc_service_version(struct call *c, struct str segment, struct fn_key *ret,
                        struct str *ret_version)
{
    struct fc_service_ref ref = fc_parse_service_ref(segment);
    struct fn_key key = key_in(c, ref.service);

    if (!catalog_find_space(c->api->catalog, &key)) {
        call_fail(c, 404, "ServiceNotFound", "service '%.*s' does not exist", STR_ARG(ref.service));
        return false;
    }
    *ret = key;
    return version_of(c, &key, ref.qualifier, ret_version);
}

bool fc_service_key(struct call *c, struct str segment, struct fn_key *ret)
{
    struct str version;

    return fc_service_version(c, segment, ret, &version);
}

bool fc_latest_service(struct call *c, struct str segment, struct fn_key *ret)
{
    struct str qualifier = fc_parse_service_ref(segment).qualifier;

    if (!fc_service_key(c, segment, ret))
        return false;
    if (qualifier_is_latest(qualifier))
        return true;
    call_fail(c, 400, "InvalidArgument", "only LATEST can be changed, not '%.*s'",
              STR_ARG(qualifier));
    return false;
}

const struct fn *fc_function(struct call *c, struct str segment, struct str name,
                             struct fn_key *ret)
{
    struct fn_key key = key_in(c, fc_parse_service_ref(segment).service);
    struct str version;
    const struct fn *f;

    key.name = name;
    if (!call_permit(c, &key) || !fc_service_version(c, segment, &key, &version))
        return NULL;
    key.name = name;
    f = catalog_version(c->api->catalog, &key, version);
    if (!f)
        fc_fail_no_function(c, &key);
    *ret = key;
    return f;
}

const struct fn *fc_latest(struct call *c, struct str segment, struct str name, struct fn_key *ret)
{
    const struct fn *f = fc_function(c, segment, name, ret);

    if (!f || qualifier_is_latest(fc_parse_service_ref(segment).qualifier))
        return f;
    call_fail(c, 400, "InvalidArgument", "only LATEST can be changed, not '%.*s'",
              STR_ARG(fc_parse_service_ref(segment).qualifier));
    return NULL;
}

void fc_write_version(struct call *c, struct fn *draft, catalog_fn *fn, void *user)
{
    draft->modified_ms = clock_wall_ms();
    if (qualifier_is_latest(str_of(draft->version)))
        catalog_update(c->api->catalog, draft, fn, user);
    else
        catalog_update_version(c->api->catalog, draft, fn, user);
}
