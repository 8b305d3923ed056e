/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_file_api.c - one API of a gateway file: what it answers to, who may call it and how often,
 * what is behind it, what goes there, and where it is online.
 *
 * A line of the file becomes several objects: the API itself, in the cloud's form, and for each stage
 * the bindings of apps and of a throttle.
 */
#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/gateway.h"
#include "cli/gateway_file_parts.h"

enum { TIMEOUT_MS = 5000 };

static const char *const api_keys[] = {"path",       "method",
                                       "match",      "auth",
                                       "app_code",   "cors",
                                       "function",   "qualifier",
                                       "async",      "url",
                                       "mock",       "status",
                                       "timeout_ms", "base64",
                                       "params",     "send",
                                       "stages",     "throttle",
                                       "apps",       "response",
                                       "remark",     "backend_authorizer"};

static void put_auth(struct cJSON *body, const struct cJSON *api)
{
    static const char *const plain[] = {"none", "app", "iam"};
    struct str auth = gf_text(api, "auth");

    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (auth.n == 0 || str_eq(auth, str_of(plain[i]))) {
            gf_upper(body, "auth_type", auth, "NONE");
            return;
        }
    cJSON_AddStringToObject(body, "auth_type", "AUTHORIZER");
    gf_ref(body, "authorizer_id", "authorizer", "", auth);
}

static void put_timeout(struct cJSON *to, const struct cJSON *api)
{
    if (json_get(api, "timeout_ms"))
        gf_pass(to, "timeout", api, "timeout_ms");
    else
        cJSON_AddNumberToObject(to, "timeout", TIMEOUT_MS);
}

static int put_url(const struct gf_reader *rd, struct cJSON *web, const struct cJSON *api)
{
    struct str rest = gf_text(api, "url"), host;
    ptrdiff_t at = str_find(rest, S("://"));
    struct str scheme = {rest.p, at < 0 ? 0 : (size_t)at};

    if (!str_eq(scheme, S("http")) && !str_eq(scheme, S("https")))
        return gf_wrong(rd, "url", "must begin with http:// or https://");
    rest = str_from(rest, (size_t)at + 3);
    host = str_cut(&rest, '/');
    gf_upper(web, "req_protocol", scheme, "HTTP");
    gf_add(web, "url_domain", host);
    gf_upper(web, "req_method", gf_text(api, "method"), "ANY");
    if (rest.p) { /* with the '/' that was cut */
        rest.p--;
        rest.n++;
    }
    gf_add(web, "req_uri", rest.p ? rest : S("/"));
    put_timeout(web, api);
    return 0;
}

static int put_backend(const struct gf_reader *rd, struct cJSON *body, const struct cJSON *api)
{
    bool fn = json_get(api, "function"), web = json_get(api, "url"), mock = json_get(api, "mock");
    struct cJSON *info;
    int r = 0;

    if (fn + web + mock != 1)
        return gf_wrong(rd, NULL, "must have one of function, url and mock");
    cJSON_AddStringToObject(body, "backend_type", fn ? "FUNCTION" : web ? "HTTP" : "MOCK");
    info = cJSON_AddObjectToObject(body, fn ? "func_info" : web ? "backend_api" : "mock_info");
    if (fn) {
        r = gf_function(rd, info, "function_urn", gf_text(api, "function"));
        gf_pass(info, "version", api, "qualifier");
        cJSON_AddStringToObject(info, "invocation_type",
                                cJSON_IsTrue(json_get(api, "async")) ? "async" : "sync");
        cJSON_AddStringToObject(info, "network_type", "V2");
        put_timeout(info, api);
    } else if (web) {
        r = put_url(rd, info, api);
    } else {
        gf_pass(info, "result_content", api, "mock");
        gf_pass(info, "status_code", api, "status");
    }
    if (r == 0 && json_get(api, "backend_authorizer"))
        gf_ref(info, "authorizer_id", "authorizer", "", gf_text(api, "backend_authorizer"));
    return r;
}

/* params: [{name, in, type, required, default, enum, min, max, min_size, max_size, check}] */
static int put_params(struct gf_reader *rd, struct cJSON *body, const struct cJSON *api)
{
    static const char *const keys[] = {"name", "in",  "type",     "required", "default", "enum",
                                       "min",  "max", "min_size", "max_size", "check",   "pass"};
    const struct cJSON *p;
    struct cJSON *list;

    if (!json_get(api, "params"))
        return 0;
    list = cJSON_AddArrayToObject(body, "req_params");
    cJSON_ArrayForEach(p, json_get(api, "params"))
    {
        struct cJSON *one;
        int r;

        rd->path[rd->depth++] = "params";
        r = gf_keys(rd, p, keys, ARRAY_LEN(keys));
        rd->depth--;
        if (r < 0)
            return r;
        one = cJSON_CreateObject();
        cJSON_AddItemToArray(list, one);
        gf_pass(one, "name", p, "name");
        gf_upper(one, "type", gf_text(p, "type"), "STRING");
        gf_upper(one, "location", gf_text(p, "in"), "QUERY");
        cJSON_AddNumberToObject(
                one, "required",
                cJSON_IsTrue(json_get(p, "required")) || str_eq(gf_text(p, "in"), S("path")) ? 1
                                                                                             : 2);
        gf_pass(one, "default_value", p, "default");
        gf_pass(one, "enumerations", p, "enum");
        gf_pass(one, "min_num", p, "min");
        gf_pass(one, "max_num", p, "max");
        gf_pass(one, "min_size", p, "min_size");
        gf_pass(one, "max_size", p, "max_size");
        cJSON_AddNumberToObject(one, "valid_enable", cJSON_IsFalse(json_get(p, "check")) ? 2 : 1);
        cJSON_AddNumberToObject(one, "pass_through", cJSON_IsFalse(json_get(p, "pass")) ? 2 : 1);
    }
    return 0;
}

/* send: {"header:X-User": "$context.authorizer.frontend.user", "query:id": "{id}"} */
static int put_send(struct gf_reader *rd, struct cJSON *body, const struct cJSON *api)
{
    const struct cJSON *s;
    struct cJSON *list;

    if (!json_get(api, "send"))
        return 0;
    list = cJSON_AddArrayToObject(body, "backend_params");
    cJSON_ArrayForEach(s, json_get(api, "send"))
    {
        struct str rest = str_of(s->string ? s->string : ""), place = str_cut(&rest, ':');
        struct str value = cJSON_IsString(s) ? str_of(s->valuestring) : S("");
        bool request = value.n > 2 && value.p[0] == '{' && value.p[value.n - 1] == '}';
        struct cJSON *one;

        if (rest.n == 0 || value.n == 0)
            return gf_wrong(rd, "send", "must be a map like header:X-User: $context.sourceIp");
        one = cJSON_CreateObject();
        cJSON_AddItemToArray(list, one);
        cJSON_AddStringToObject(one, "origin",
                                request                             ? "REQUEST"
                                : str_starts(value, S("$context.")) ? "SYSTEM"
                                                                    : "CONSTANT");
        gf_add(one, "name", rest);
        gf_upper(one, "location", place, "HEADER");
        gf_add(one, "value", request ? (struct str){value.p + 1, value.n - 2} : value);
    }
    return 0;
}

/* Who may, and how often: objects of their own. */
static int add_bindings(struct gf_reader *rd, const struct cJSON *api, const char *group,
                        struct str stage)
{
    const struct cJSON *app;

    cJSON_ArrayForEach(app, json_get(api, "apps"))
    {
        struct cJSON *body = cJSON_CreateObject(), *w;

        gf_ref(body, "api_id", "api", group, str_of(api->string));
        gf_env(body, stage);
        w = gf_wish(rd, "app_auth", api->string, "", body);
        gf_ref(w, "parent", "app", "", str_of(cJSON_IsString(app) ? app->valuestring : ""));
    }
    if (json_get(api, "throttle")) {
        struct cJSON *body = cJSON_CreateObject(), *w;

        gf_ref(body, "api_id", "api", group, str_of(api->string));
        gf_env(body, stage);
        w = gf_wish(rd, "throttle_bind", api->string, "", body);
        gf_ref(w, "parent", "throttle", "", gf_text(api, "throttle"));
    }
    return 0;
}

static int add_stages(struct gf_reader *rd, struct cJSON *w, const struct cJSON *api,
                      const char *group)
{
    struct cJSON *stages = json_get(api, "stages") ? cJSON_Duplicate(json_get(api, "stages"), true)
                                                   : cJSON_CreateArray();
    const struct cJSON *stage;

    cJSON_AddItemToObject(w, "stages", stages);
    if (!cJSON_IsArray(stages))
        return gf_wrong(rd, "stages", "must be a list of names");
    if (!json_get(api, "stages"))
        cJSON_AddItemToArray(stages, cJSON_CreateString("RELEASE"));
    cJSON_ArrayForEach(stage, stages)
    {
        if (!cJSON_IsString(stage))
            return gf_wrong(rd, "stages", "must be a list of names");
        (void)add_bindings(rd, api, group, str_of(stage->valuestring));
    }
    return 0;
}

int gf_api(struct gf_reader *rd, const struct cJSON *api, const void *group)
{
    struct cJSON *body, *w;
    int r = gf_keys(rd, api, api_keys, ARRAY_LEN(api_keys));

    if (r < 0)
        return r;
    body = cJSON_CreateObject();
    w = gf_wish(rd, "api", api->string, group, body);
    gf_ref(body, "group_id", "group", "", str_of(group));
    cJSON_AddStringToObject(body, "name", api->string);
    cJSON_AddNumberToObject(body, "type", 1);
    cJSON_AddStringToObject(body, "req_protocol", "BOTH");
    gf_upper(body, "req_method", gf_text(api, "method"), "ANY");
    gf_pass(body, "req_uri", api, "path");
    cJSON_AddStringToObject(body, "match_mode",
                            str_eq(gf_text(api, "match"), S("prefix")) ? "SWA" : "NORMAL");
    put_auth(body, api);
    if (cJSON_IsTrue(json_get(api, "app_code")))
        cJSON_AddStringToObject(cJSON_AddObjectToObject(body, "auth_opt"), "app_code_auth_type",
                                "HEADER");
    gf_pass(body, "cors", api, "cors");
    gf_pass(body, "remark", api, "remark");
    gf_pass(body, "is_send_fg_body_base64", api, "base64");
    if (json_get(api, "response"))
        gf_ref(body, "response_id", "response", group, gf_text(api, "response"));
    r = put_backend(rd, body, api);
    if (r == 0)
        r = put_params(rd, body, api);
    if (r == 0)
        r = put_send(rd, body, api);
    return r == 0 ? add_stages(rd, w, api, group) : r;
}
