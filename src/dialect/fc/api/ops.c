/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops.c - the operations of Function Compute (API version 2016-08-15) that exist here, and the
 * steps they share.
 *
 * A slice of the dialect: services, functions, HTTP triggers, custom domains and the synchronous call. Every other path
 * answers 400 PathNotSupported, as the cloud does for paths it does not know. To add an operation:
 * a row here, a handler in the file of its object, a paragraph in docs/compat/fc-api.md.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "api/api.h"
#include "auth/auth.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/fc.h"

/* Above the 6 MB an event may have, so that a little too much still gets the cloud's own words. */
enum { INVOKE_BODY_MAX = 8 << 20 };

#define SERVICE  "/2016-08-15/services/{service}"
#define FUNCTION SERVICE "/functions/{function}"

static const struct api_op ops[] = {
        {{"POST", "/2016-08-15/services"},
         "CreateService",
         FC_SMALL_BODY_MAX,
         fc_service_create,
         .scope = KEY_DEPLOY},
        {{"GET", SERVICE}, "GetService", FC_SMALL_BODY_MAX, fc_service_get, .scope = KEY_READ},
        {{"DELETE", SERVICE},
         "DeleteService",
         FC_SMALL_BODY_MAX,
         fc_service_delete,
         .scope = KEY_DEPLOY},
        {{"POST", SERVICE "/functions"},
         "CreateFunction",
         FC_BODY_MAX,
         fc_function_create,
         .scope = KEY_DEPLOY,
         .json = true},
        {{"GET", FUNCTION},
         "GetFunction",
         FC_SMALL_BODY_MAX,
         fc_function_get,
         .scope = KEY_READ,
         .role = API_ROLE_ITSELF},
        {{"DELETE", FUNCTION},
         "DeleteFunction",
         FC_SMALL_BODY_MAX,
         fc_function_delete,
         .scope = KEY_DEPLOY},
        {{"PUT", FUNCTION "/provision-config"},
         "PutProvisionConfig",
         FC_SMALL_BODY_MAX,
         fc_provision_put,
         .scope = KEY_DEPLOY},
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
        {{"POST", FUNCTION "/triggers"},
         "CreateTrigger",
         FC_SMALL_BODY_MAX,
         fc_trigger_create,
         .scope = KEY_DEPLOY},
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
        {{"POST", FUNCTION "/invocations"},
         "InvokeFunction",
         INVOKE_BODY_MAX,
         fc_invoke,
         .scope = KEY_INVOKE,
         .role = API_ROLE_ACCOUNT},
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

const struct fn *fc_function(struct call *c, struct str segment, struct str name,
                             struct fn_key *ret)
{
    struct fn_key key = key_in(c, fc_parse_service_ref(segment).service);
    const struct fn *f;

    key.name = name;
    if (!call_permit(c, &key) || !fc_service_key(c, segment, &key))
        return NULL;
    key.name = name;
    f = catalog_find(c->api->catalog, &key);
    if (!f)
        call_fail(c, 404, "FunctionNotFound", "function '%.*s' does not exist in service '%.*s'",
                  STR_ARG(name), STR_ARG(key.space));
    *ret = key;
    return f;
}

bool fc_service_key(struct call *c, struct str segment, struct fn_key *ret)
{
    struct fc_service_ref ref = fc_parse_service_ref(segment);
    struct fn_key key = key_in(c, ref.service);

    if (!catalog_find_space(c->api->catalog, &key)) {
        call_fail(c, 404, "ServiceNotFound", "service '%.*s' does not exist", STR_ARG(ref.service));
        return false;
    }
    if (ref.qualifier.p && !str_eq(ref.qualifier, S("LATEST"))) {
        bool version = is_version(ref.qualifier);

        call_fail(c, 404, version ? "VersionNotFound" : "AliasNotFound",
                  "%s '%.*s' of service '%.*s' does not exist", version ? "version" : "alias",
                  STR_ARG(ref.qualifier), STR_ARG(ref.service));
        return false;
    }
    *ret = key;
    return true;
}
