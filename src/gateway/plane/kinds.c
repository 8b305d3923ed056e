/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds.c - the kinds of objects of the gateway's control plane and their fields: one table.
 *
 * Sources: functiongraph.md 5.2 to 5.5 and 5.7; model documentation of huaweicloudsdkapig 3.1.219;
 * APIG API reference, CreateApiV2 (2024-11-11) and CreateCustomAuthorizerV2 (2025-12-26) at
 * support.huaweicloud.com. What one field says about another (func_info is needed for FUNCTION) is
 * in kinds_rules.c; the walk over this table is kinds_check.c.
 *
 * To add a field: one line here. What is not here is kept as it came and given back.
 */
#include "gateway/plane/kinds.h"

#include "base/obj.h"
#include "fn/resource.h"
#include "gateway/model/match.h"
#include "gateway/plane/kinds_rules.h"
#include "gateway/plane/kinds_text.h"

enum {
    ANY = INT32_MAX, /* no limit but that of the body */
    ID = 256,        /* of an object that a field names */
    REMARK = 255,
    URI = 512,
    ENDPOINT = 255,
    LONG_TIMEOUT_MS = 600000,
    PARAMS = 50,
    POLICIES = 5,
    IDENTITIES = 10,
    MAPPINGS = 3,
    TTL_S = 3600,
};

#define WORDS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define OF(table) .fields = (table), .nfields = ARRAY_LEN(table)

#define TEXT(key_, min_, max_, ...)                                                                \
    {                                                                                              \
        .key = key_, .type = GW_TEXT, .min = min_, .max = max_, __VA_ARGS__                        \
    }
#define WORD(key_, ...)                                                                            \
    {                                                                                              \
        .key = key_, .type = GW_TEXT, .max = ANY, .values = WORDS(__VA_ARGS__)                     \
    }
#define NEED(key_, ...)                                                                            \
    {                                                                                              \
        .key = key_, .type = GW_TEXT, .max = ANY, .required = true, .values = WORDS(__VA_ARGS__)   \
    }
#define WHOLE(key_, min_, max_, ...)                                                               \
    {                                                                                              \
        .key = key_, .type = GW_WHOLE, .min = min_, .max = max_, __VA_ARGS__                       \
    }
#define FLAG(key_)                                                                                 \
    {                                                                                              \
        .key = key_, .type = GW_BOOL                                                               \
    }
#define LIST(key_, max_, table, ...)                                                               \
    {                                                                                              \
        .key = key_, .type = GW_LIST, .max = max_, OF(table), __VA_ARGS__                          \
    }
#define OBJECT(key_, table)                                                                        \
    {                                                                                              \
        .key = key_, .type = GW_OBJECT, OF(table)                                                  \
    }

/* A rule and how it is told. */
#define TITLE                                                                                      \
    .rule = gw_is_title,                                                                           \
    .pattern = "letters, digits, ideographs and -_./:(), and begins with none of these marks"
#define NAME                                                                                       \
    .rule = gw_is_name,                                                                            \
    .pattern = "letters, digits, ideographs and _, and begins with a letter or an ideograph"
#define ENV_NAME                                                                                   \
    .rule = gw_is_env_name, .pattern = "letters, digits and _, and begins with a letter"
#define VARIABLE                                                                                   \
    .rule = gw_is_variable, .pattern = "letters, digits, _ and -, and begins with a letter"
#define PARAM                                                                                      \
    .rule = gw_is_param,                                                                           \
    .pattern = "letters, digits, '-', '_' and '.', begins with a letter, and not with x-apig- or " \
               "x-sdk-, nor is it x-stage"
#define FUNCTION                                                                                   \
    .rule = gw_is_function,                                                                        \
    .pattern = "urn:fss:REGION:PROJECT:function:PACKAGE:NAME or DIALECT/ACCOUNT/REGION/SPACE/NAME"
#define PATH      .rule = gw_is_path, .pattern = "a path that begins with '/', with parameters as {name}"
#define HOST_PORT .rule = gw_is_endpoint, .pattern = "HOST or HOST:PORT, without a scheme"
#define REQUIRED  .required = true

#define METHODS_ANY "GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "ANY"
#define PLACES      "PATH", "QUERY", "HEADER"

static const struct gw_field group_fields[] = {
        TEXT("name", 3, 255, REQUIRED, TITLE),
        TEXT("remark", 0, 1000),
};

static const struct gw_field env_fields[] = {
        TEXT("name", 3, 64, REQUIRED, ENV_NAME),
        TEXT("remark", 0, REMARK),
};

static const struct gw_field variable_fields[] = {
        TEXT("group_id", 1, ID),
        TEXT("env_id", 1, ID, REQUIRED),
        TEXT("variable_name", 3, 32, REQUIRED, VARIABLE),
        TEXT("variable_value", 1, 255, REQUIRED, .rule = gw_is_variable_value,
             .pattern = "letters, digits and _-/.:"),
};

static const struct gw_field identity_fields[] = {
        TEXT("name", 1, 64, REQUIRED, .rule = gw_is_identity,
             .pattern = "the name of a header or query parameter"),
        NEED("location", "HEADER", "QUERY"),
        TEXT("validation", 0, 1024),
};

static const struct gw_field authorizer_fields[] = {
        TEXT("name", 3, 64, REQUIRED, NAME),
        NEED("type", "FRONTEND", "BACKEND"),
        NEED("authorizer_type", "FUNC"),
        TEXT("authorizer_uri", 1, 1024, REQUIRED, FUNCTION),
        WORD("network_type", "V1", "V2"),
        TEXT("authorizer_version", 0, 64),
        TEXT("authorizer_alias_uri", 0, 1024),
        LIST("identities", IDENTITIES, identity_fields),
        WHOLE("ttl", 0, TTL_S),
        TEXT("user_data", 0, 2048),
        FLAG("need_body"),
};

static const struct gw_field auth_opt_fields[] = {
        WORD("app_code_auth_type", "DISABLE", "HEADER"),
};

static const struct gw_field func_fields[] = {
        TEXT("function_urn", 1, 1024, REQUIRED, FUNCTION),
        NEED("invocation_type", "sync", "async"),
        WORD("network_type", "V1", "V2"),
        TEXT("version", 0, 64),
        TEXT("alias_urn", 0, 1024),
        WHOLE("timeout", 1, LONG_TIMEOUT_MS, REQUIRED),
        TEXT("authorizer_id", 0, ID),
        WORD("req_protocol", "HTTPS", "GRPCS"),
        TEXT("remark", 0, REMARK),
};

static const struct gw_field mock_fields[] = {
        TEXT("result_content", 0, 20480), WHOLE("status_code", 200, 599), TEXT("version", 0, 64),
        TEXT("authorizer_id", 0, ID),     TEXT("remark", 0, REMARK),
};

static const struct gw_field backend_fields[] = {
        TEXT("url_domain", 1, ENDPOINT, HOST_PORT),
        NEED("req_protocol", "HTTP", "HTTPS"),
        NEED("req_method", METHODS_ANY),
        TEXT("req_uri", 1, URI, REQUIRED, PATH),
        WHOLE("timeout", 1, LONG_TIMEOUT_MS, REQUIRED),
        TEXT("retry_count", 1, 2, .rule = gw_is_retry, .pattern = "a number from -1 to 10"),
        FLAG("enable_client_ssl"),
        WHOLE("vpc_channel_status", 1, 2),
        TEXT("authorizer_id", 0, ID),
        TEXT("version", 0, 16),
        TEXT("remark", 0, REMARK),
};

static const struct gw_field req_param_fields[] = {
        TEXT("name", 1, 32, REQUIRED, PARAM),
        NEED("type", "STRING", "NUMBER"),
        NEED("location", PLACES),
        WHOLE("required", 1, 2),
        TEXT("default_value", 0, 255),
        WHOLE("valid_enable", 1, 2),
        TEXT("enumerations", 0, 255),
        WHOLE("min_num", INT32_MIN, INT32_MAX),
        WHOLE("max_num", INT32_MIN, INT32_MAX),
        WHOLE("min_size", 0, INT32_MAX),
        WHOLE("max_size", 0, INT32_MAX),
        WHOLE("pass_through", 1, 2),
        TEXT("remark", 0, REMARK),
};

static const struct gw_field backend_param_fields[] = {
        NEED("origin", "REQUEST", "CONSTANT", "SYSTEM"),
        TEXT("name", 1, 32, REQUIRED, PARAM),
        NEED("location", PLACES),
        TEXT("value", 1, 255, REQUIRED),
        TEXT("remark", 0, REMARK),
};

static const struct gw_field condition_fields[] = {
        NEED("condition_origin", "param", "source", "system", "cookie", "frontend_authorizer"),
        WORD("condition_type", "exact", "enum", "pattern"),
        TEXT("condition_value", 1, 255, REQUIRED),
        TEXT("req_param_name", 0, 32),
        TEXT("sys_param_name", 0, 64),
        TEXT("cookie_param_name", 0, 64),
        TEXT("frontend_authorizer_param_name", 0, 128),
};

#define POLICY                                                                                     \
    TEXT("name", 3, 64, REQUIRED, NAME), NEED("effect_mode", "ALL", "ANY"),                        \
            LIST("conditions", 5, condition_fields, REQUIRED, .min = 1),                           \
            LIST("backend_params", PARAMS, backend_param_fields)

static const struct gw_field policy_function_fields[] = {
        POLICY,
        TEXT("function_urn", 1, 1024, REQUIRED, FUNCTION),
        NEED("invocation_type", "sync", "async"),
        WHOLE("timeout", 1, LONG_TIMEOUT_MS, REQUIRED),
        WORD("network_type", "V1", "V2"),
};

static const struct gw_field policy_mock_fields[] = {
        POLICY,
        TEXT("result_content", 0, 20480),
};

static const struct gw_field policy_http_fields[] = {
        POLICY,
        TEXT("url_domain", 1, ENDPOINT, HOST_PORT),
        NEED("req_protocol", "HTTP", "HTTPS"),
        NEED("req_method", METHODS_ANY),
        TEXT("req_uri", 1, URI, REQUIRED, PATH),
        WHOLE("timeout", 1, LONG_TIMEOUT_MS, REQUIRED),
        TEXT("retry_count", 1, 2, .rule = gw_is_retry, .pattern = "a number from -1 to 10"),
};

static const struct gw_field api_fields[] = {
        TEXT("group_id", 1, ID, REQUIRED),
        TEXT("name", 3, 255, REQUIRED, TITLE),
        WHOLE("type", 1, 2, REQUIRED),
        NEED("req_protocol", "HTTP", "HTTPS", "BOTH", "GRPCS"),
        NEED("req_method", METHODS_ANY),
        TEXT("req_uri", 1, URI, REQUIRED, PATH),
        WORD("match_mode", "NORMAL", "SWA"),
        NEED("auth_type", "NONE", "APP", "IAM", "AUTHORIZER"),
        TEXT("authorizer_id", 0, ID),
        OBJECT("auth_opt", auth_opt_fields),
        FLAG("cors"),
        NEED("backend_type", "HTTP", "FUNCTION", "MOCK", "GRPC"),
        OBJECT("func_info", func_fields),
        OBJECT("mock_info", mock_fields),
        OBJECT("backend_api", backend_fields),
        LIST("req_params", PARAMS, req_param_fields),
        LIST("backend_params", PARAMS, backend_param_fields),
        LIST("policy_functions", POLICIES, policy_function_fields),
        LIST("policy_mocks", POLICIES, policy_mock_fields),
        LIST("policy_https", POLICIES, policy_http_fields),
        TEXT("version", 0, 16),
        TEXT("remark", 0, REMARK),
        TEXT("body_remark", 0, 20480),
        TEXT("result_normal_sample", 0, 20480),
        TEXT("result_failure_sample", 0, 20480),
        {.key = "tags",
         .type = GW_LIST,
         .max = 10,
         .rule = gw_is_tag,
         .pattern = "letters, digits, ideographs and -*#%.:_, and begins with a letter or an "
                    "ideograph"},
        TEXT("response_id", 0, ID),
        WORD("content_type", "application/json", "application/xml", "multipart/form-data",
             "text/plain", ""),
        FLAG("is_send_fg_body_base64"),
};

static const struct gw_field version_fields[] = {
        TEXT("env_id", 1, ID, REQUIRED),
        TEXT("remark", 0, REMARK),
        {.key = "api", .type = GW_OBJECT, .required = true, OF(api_fields)},
};

static const struct gw_field release_fields[] = {
        TEXT("env_id", 1, ID, REQUIRED),
        TEXT("version_id", 1, ID, REQUIRED),
        TEXT("publish_id", 1, ID),
};

static const struct gw_field header_fields[] = {
        TEXT("key", 1, 128, REQUIRED, .rule = gw_is_header_name,
             .pattern = "letters, digits and -"),
        TEXT("value", 1, 1024, REQUIRED, .rule = gw_is_header_value,
             .pattern = "text without control characters"),
};

static const struct gw_field response_type_fields[] = {
        WHOLE("status", 200, 599),
        TEXT("body", 0, 20480),
        LIST("headers", 10, header_fields),
};

static const struct gw_field response_fields[] = {
        TEXT("name", 1, 64, REQUIRED, .rule = gw_is_response_name,
             .pattern = "letters, digits, _ and -"),
        {.key = "responses",
         .type = GW_MAP,
         .max = ANY,
         .values = WORDS("ACCESS_DENIED", "AUTH_FAILURE", "AUTH_HEADER_MISSING",
                         "AUTHORIZER_FAILURE", "AUTHORIZER_CONF_FAILURE",
                         "AUTHORIZER_IDENTITIES_FAILURE", "BACKEND_TIMEOUT", "BACKEND_UNAVAILABLE",
                         "NOT_FOUND", "REQUEST_PARAMETERS_FAILURE", "THROTTLED", "UNAUTHORIZED",
                         "THIRD_AUTH_FAILURE", "THIRD_AUTH_IDENTITIES_FAILURE",
                         "THIRD_AUTH_CONF_FAILURE", "DEFAULT_4XX", "DEFAULT_5XX"),
         OF(response_type_fields)},
};

static const struct gw_field throttle_fields[] = {
        TEXT("name", 3, 64, REQUIRED, NAME),
        WHOLE("api_call_limits", 1, INT32_MAX, REQUIRED),
        WHOLE("app_call_limits", 0, INT32_MAX),
        WHOLE("user_call_limits", 0, INT32_MAX),
        WHOLE("ip_call_limits", 0, INT32_MAX),
        WHOLE("time_interval", 1, INT32_MAX, REQUIRED),
        NEED("time_unit", "SECOND", "MINUTE", "HOUR", "DAY"),
        WHOLE("type", 1, 2),
        TEXT("remark", 0, REMARK),
};

static const struct gw_field throttle_bind_fields[] = {
        TEXT("publish_id", 1, ID),
        TEXT("api_id", 1, ID),
        TEXT("env_id", 1, ID),
};

static const struct gw_field app_fields[] = {
        TEXT("name", 3, 64, REQUIRED, NAME),
        TEXT("remark", 0, REMARK),
        TEXT("app_key", 8, 200, .rule = gw_is_app_key,
             .pattern = "letters, digits, _ and -, and begins with a letter or a digit"),
        TEXT("app_secret", 8, 128, .rule = gw_is_app_secret,
             .pattern = "letters, digits and _-!@#$%, and begins with a letter or a digit"),
};

static const struct gw_field app_code_fields[] = {
        TEXT("app_code", 64, 180, REQUIRED, .rule = gw_is_app_code,
             .pattern =
                     "letters, digits and +_!@#$%-/=, and begins with a letter, a digit, + or /"),
};

static const struct gw_field app_auth_fields[] = {
        TEXT("api_id", 1, ID, REQUIRED),
        TEXT("env_id", 1, ID, REQUIRED),
};

/* SCF's PathMappingSet; without it the first segment of a path is the stage (IsDefaultMapping). */
static const struct gw_field mapping_fields[] = {
        TEXT("path", 1, URI, REQUIRED, .rule = gw_is_mapped_path,
             .pattern = "a path without parameters, like / or /try"),
        NEED("environment", "release", "prepub", "test"),
};

static const struct gw_field domain_fields[] = {
        TEXT("url_domain", 1, 255, REQUIRED, .rule = gw_is_host,
             .pattern = "a domain name, like api.example.com"),
        WORD("min_ssl_version", "TLSv1.1", "TLSv1.2"),
        FLAG("is_http_redirect_to_https"),
        LIST("path_mappings", MAPPINGS, mapping_fields),
};

static const struct gw_field fc_domain_fields[] = {
        {.key = "protocol",
         .type = GW_TEXT,
         .max = ANY,
         .values = WORDS("HTTP", "HTTPS", "HTTP,HTTPS")},
};

/* name, most, fields, named, rules between fields. Limits: functiongraph.md 5.7; policies, codes per
 * app and domains per group: "Notes and Constraints" of APIG's product description. */
#define KIND(name_, most_, named_, table, ...)                                                     \
    {                                                                                              \
        .name = name_, .most = most_, .named = named_, OF(table), __VA_ARGS__                      \
    }

const struct gw_kind gw_kinds[] = {
        KIND("group", 1500, true, group_fields),
        KIND("env", 10, true, env_fields, .rules = gw_rules_env),
        KIND("variable", 500, false, variable_fields),
        KIND("authorizer", 50, true, authorizer_fields, .rules = gw_rules_authorizer),
        KIND("api", 1000, true, api_fields, .rules = gw_rules_api),
        KIND("version", 0, false, version_fields),
        KIND("release", 0, false, release_fields),
        KIND("response", 4, true, response_fields, .rules = gw_rules_response),
        KIND("throttle", 300, true, throttle_fields, .rules = gw_rules_throttle),
        KIND("throttle_bind", 0, false, throttle_bind_fields, .rules = gw_rules_throttle_bind),
        KIND("app", 50, true, app_fields),
        KIND("app_code", 5, false, app_code_fields),
        KIND("app_auth", 0, false, app_auth_fields),
        KIND("domain", 5, false, domain_fields),
        KIND("fc_domain", 0, false, fc_domain_fields),
};
const uint32_t gw_nkinds = ARRAY_LEN(gw_kinds);

const struct gw_kind *gw_kind_of(struct str name)
{
    for (uint32_t i = 0; i < gw_nkinds; i++)
        if (str_eq(name, str_of(gw_kinds[i].name)))
            return &gw_kinds[i];
    return NULL;
}
