/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds_rules.c - what the fields of one object say about each other. By now each of them is what the
 * table says it may be (kinds_check.c), so nothing here asks for types again.
 *
 * What this gateway has not (gRPC, VPC channels) is refused here, by name: an API that could never
 * answer is not taken.
 */
#include "gateway/plane/kinds_rules.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "gateway/model/match.h"
#include "gateway/plane/kinds.h"

enum { SHORT_TIMEOUT_MS = 60000, PATH_TEXT = 96 };

static struct str text(const struct cJSON *obj, const char *key)
{
    const struct cJSON *value = obj ? json_get(obj, key) : NULL;

    return value && cJSON_IsString(value) ? str_of(value->valuestring) : S("");
}

static bool is(const struct cJSON *obj, const char *key, const char *word)
{
    return str_eq(text(obj, key), str_of(word));
}

/* `missing`: where it is not there. */
static double number(const struct cJSON *obj, const char *key, double missing)
{
    const struct cJSON *value = obj ? json_get(obj, key) : NULL;

    return value && cJSON_IsNumber(value) ? value->valuedouble : missing;
}

/* ---- small ones ---- */

int gw_rules_env(const struct cJSON *body, const char **ret_path, struct err *e)
{
    if (str_ieq(text(body, "name"), S("RELEASE")))
        return gw_wrong(ret_path, e, "name", "'RELEASE' is there already, and always");
    return 0;
}

int gw_rules_authorizer(const struct cJSON *body, const char **ret_path, struct err *e)
{
    const struct cJSON *identities = json_get(body, "identities");

    /* The identities are the key of the cache. */
    if (number(body, "ttl", 0) > 0 && (!identities || !identities->child))
        return gw_wrong(ret_path, e, "identities",
                        "is missing: with a ttl, answers are kept by identity");
    return 0;
}

int gw_rules_response(const struct cJSON *body, const char **ret_path, struct err *e)
{
    const struct cJSON *responses = json_get(body, "responses"), *one;

    cJSON_ArrayForEach(one, responses) if (number(one, "status", 0) == 444)
    {
        char path[PATH_TEXT];

        (void)snprintf(path, sizeof(path), "responses.%.48s.status", one->string);
        return gw_wrong(ret_path, e, path, "may be 200 to 599, but not 444");
    }
    return 0;
}

int gw_rules_throttle(const struct cJSON *body, const char **ret_path, struct err *e)
{
    static const char *const below[] = {"user_call_limits", "ip_call_limits", "app_call_limits"};
    double api = number(body, "api_call_limits", 0), user = number(body, "user_call_limits", 0);

    for (size_t i = 0; i < ARRAY_LEN(below); i++)
        if (number(body, below[i], 0) > api)
            return gw_wrong(ret_path, e, below[i], "must not be above api_call_limits (%.0f)", api);
    if (user > 0 && number(body, "app_call_limits", 0) > user)
        return gw_wrong(ret_path, e, "app_call_limits", "must not be above user_call_limits (%.0f)",
                        user);
    return 0;
}

int gw_rules_throttle_bind(const struct cJSON *body, const char **ret_path, struct err *e)
{
    if (text(body, "publish_id").n > 0)
        return 0;
    if (text(body, "api_id").n == 0)
        return gw_wrong(ret_path, e, "publish_id", "is missing (or api_id with env_id)");
    if (text(body, "env_id").n == 0)
        return gw_wrong(ret_path, e, "env_id", "is missing");
    return 0;
}

/* ---- an API ---- */

/* Is "{name}" or "{name+}" in the path? */
static bool in_path(struct str uri, struct str name)
{
    while (uri.p) {
        struct str segment = str_cut(&uri, '/');

        if (segment.n > 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}') {
            struct str inner = {segment.p + 1, segment.n - 2};

            if (inner.n > 0 && inner.p[inner.n - 1] == '+')
                inner.n--;
            if (str_eq(inner, name))
                return true;
        }
    }
    return false;
}

/* Header names have no case. */
static bool same_place(const struct cJSON *a, const struct cJSON *b)
{
    struct str place = text(a, "location");

    return str_eq(place, text(b, "location")) &&
           (str_eq(place, S("HEADER")) ? str_ieq(text(a, "name"), text(b, "name"))
                                       : str_eq(text(a, "name"), text(b, "name")));
}

static bool is_twice(const struct cJSON *list, const struct cJSON *item)
{
    for (const struct cJSON *one = list->child; one != item; one = one->next)
        if (same_place(one, item))
            return true;
    return false;
}

static bool is_number(struct str s)
{
    char copy[64], *end;

    if (s.n == 0 || s.n >= sizeof(copy))
        return false;
    memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    (void)strtod(copy, &end);
    return *end == '\0' && copy[0] > ' ';
}

static int check_req_param(const struct cJSON *api, const struct cJSON *list, const struct cJSON *p,
                           int i, const char **ret_path, struct err *e)
{
    struct str preset = text(p, "default_value");
    char at[PATH_TEXT];

#define AT(key) ((void)snprintf(at, sizeof(at), "req_params[%d]." key, i), at)
    if (is_twice(list, p))
        return gw_wrong(ret_path, e, AT("name"), "is there twice");
    if (is(p, "location", "PATH") && !in_path(text(api, "req_uri"), text(p, "name")))
        return gw_wrong(ret_path, e, AT("name"), "is not in req_uri as {%.*s}",
                        STR_ARG(text(p, "name")));
    if (is(p, "location", "PATH") && number(p, "required", 1) != 1)
        return gw_wrong(ret_path, e, AT("required"), "must be 1: a path has it or is another");
    if (is(p, "type", "NUMBER") && preset.n > 0 && !is_number(preset))
        return gw_wrong(ret_path, e, AT("default_value"), "must be a number");
    if (number(p, "min_num", INT32_MIN) > number(p, "max_num", INT32_MAX))
        return gw_wrong(ret_path, e, AT("min_num"), "must not be above max_num");
    if (number(p, "max_size", 0) > 0 && number(p, "min_size", 0) > number(p, "max_size", 0))
        return gw_wrong(ret_path, e, AT("min_size"), "must not be above max_size");
#undef AT
    return 0;
}

static bool declares(const struct cJSON *api, struct str name)
{
    const struct cJSON *list = json_get(api, "req_params"), *p;

    cJSON_ArrayForEach(p, list) if (str_eq(text(p, "name"), name)) return true;
    return false;
}

static int check_out(const struct cJSON *api, const struct cJSON *list, const struct cJSON *p,
                     const char *prefix, int i, const char **ret_path, struct err *e)
{
    struct str value = text(p, "value");
    char at[PATH_TEXT];

#define AT(key) ((void)snprintf(at, sizeof(at), "%s[%d]." key, prefix, i), at)
    if (is_twice(list, p))
        return gw_wrong(ret_path, e, AT("name"), "is there twice");
    if (is(p, "origin", "REQUEST") && !declares(api, value))
        return gw_wrong(ret_path, e, AT("value"), "must be the name of a parameter of req_params");
    if (is(p, "origin", "SYSTEM") && !str_starts(value, S("$context.")))
        return gw_wrong(ret_path, e, AT("value"), "must begin with $context.");
#undef AT
    return 0;
}

static int check_params(const struct cJSON *api, const char **ret_path, struct err *e)
{
    const struct cJSON *in = json_get(api, "req_params"), *out = json_get(api, "backend_params"),
                       *p;
    int i = 0, r = 0;

    cJSON_ArrayForEach(p, in)
    {
        r = check_req_param(api, in, p, i++, ret_path, e);
        if (r < 0)
            return r;
    }
    i = 0;
    cJSON_ArrayForEach(p, out)
    {
        r = check_out(api, out, p, "backend_params", i++, ret_path, e);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_timeout(const struct cJSON *func, const char *path, const char **ret_path,
                         struct err *e)
{
    if (!is(func, "network_type", "V2") && number(func, "timeout", 0) > SHORT_TIMEOUT_MS)
        return gw_wrong(ret_path, e, path,
                        "must be at most %d with network_type V1 (V2: 600000), not %.0f",
                        SHORT_TIMEOUT_MS, number(func, "timeout", 0));
    return 0;
}

static int check_web(const struct cJSON *web, const char **ret_path, struct err *e)
{
    if (number(web, "vpc_channel_status", 2) == 1)
        return gw_wrong(ret_path, e, "backend_api.vpc_channel_status",
                        "must be 2: this gateway has no VPC channels");
    if (text(web, "url_domain").n == 0)
        return gw_wrong(ret_path, e, "backend_api.url_domain", "is missing");
    return 0;
}

static int check_backend(const struct cJSON *api, const char **ret_path, struct err *e)
{
    static const struct {
        const char *type, *key;
    } needs[] = {{"FUNCTION", "func_info"}, {"MOCK", "mock_info"}, {"HTTP", "backend_api"}};
    int r = 0;

    if (is(api, "backend_type", "GRPC"))
        return gw_wrong(ret_path, e, "backend_type", "must not be GRPC: this gateway has no gRPC");
    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        if (is(api, "backend_type", needs[i].type) && !json_get(api, needs[i].key))
            return gw_wrong(ret_path, e, needs[i].key, "is missing: backend_type is %s",
                            needs[i].type);
    if (is(api, "backend_type", "FUNCTION"))
        r = check_timeout(json_get(api, "func_info"), "func_info.timeout", ret_path, e);
    if (is(api, "backend_type", "HTTP"))
        r = check_web(json_get(api, "backend_api"), ret_path, e);
    return r;
}

int gw_rules_api(const struct cJSON *body, const char **ret_path, struct err *e)
{
    struct err why = {0};
    int r = gw_pattern_check(text(body, "req_uri"), &why);

    if (r < 0)
        return gw_wrong(ret_path, e, "req_uri", "is no path: %s", why.msg);
    if (is(body, "req_protocol", "GRPCS"))
        return gw_wrong(ret_path, e, "req_protocol",
                        "must be HTTP, HTTPS or BOTH: this gateway has no gRPC");
    if (is(body, "auth_type", "AUTHORIZER") && text(body, "authorizer_id").n == 0)
        return gw_wrong(ret_path, e, "authorizer_id", "is missing: auth_type is AUTHORIZER");
    r = check_backend(body, ret_path, e);
    return r < 0 ? r : check_params(body, ret_path, e);
}
