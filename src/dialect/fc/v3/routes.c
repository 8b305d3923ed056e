/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.c - custom domains as 3.0 says them. A route names a function alone: one of the service "default",
 * or "svc$fn" of another. The record has both names, as 2016-08-15 and the gateway know them; what stands
 * around the routes is the same in both versions (fc/api/domain.c).
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/fc/v3/v3.h"

enum { BOTH_TEXT = 512 };

static void set_text(struct cJSON *object, const char *key, struct str value)
{
    char *text = str_dup(value);

    cJSON_DeleteItemFromObject(object, key);
    (void)cJSON_AddStringToObject(object, key, text);
    free(text);
}

static void split(struct cJSON *route)
{
    const struct cJSON *name = json_geti(route, "functionName");
    struct str text = cJSON_IsString(name) ? str_of(name->valuestring) : STR_NONE;
    char both[BOTH_TEXT];

    if (text.n == 0 || text.n >= sizeof(both))
        return; /* what is wrong with it, the parser says */
    (void)snprintf(both, sizeof(both), "%.*s", STR_ARG(text));
    text = str_of(both);
    if (str_has(text, '$')) {
        set_text(route, "serviceName", str_cut(&text, '$'));
        set_text(route, "functionName", text);
    } else {
        set_text(route, "serviceName", S("default"));
    }
}

static struct str text_in(const struct cJSON *config, const char *key)
{
    struct str text = STR_NONE;

    (void)json_str(config, key, true, &text, NULL);
    return text;
}

/* What a domain may have in the cloud, and cannot here. */
static const char *unsupported(const struct cJSON *body)
{
    const struct cJSON *auth = json_geti(body, "authConfig"), *cors = json_geti(body, "corsConfig"),
                       *waf = json_geti(body, "wafConfig");
    struct str type = auth ? text_in(auth, "authType") : STR_NONE;
    bool on = false;

    if (waf)
        (void)json_bool(waf, "enableWAF", true, &on, NULL);
    if (type.n && !str_eq(type, S("anonymous")))
        return "authConfig";
    if (cors && cJSON_GetArraySize(json_geti(cors, "allowOrigins")) > 0)
        return "corsConfig";
    return on ? "wafConfig" : NULL;
}

bool fc3_routes_in(struct call *c, struct cJSON *body)
{
    const struct cJSON *config = json_geti(body, "routeConfig"),
                       *routes = config ? json_geti(config, "routes") : NULL;
    const char *what = unsupported(body);

    if (what) {
        call_fail(c, 400, "InvalidArgument", "%s is not supported here", what);
        return false;
    }
    for (struct cJSON *route = routes && cJSON_IsArray(routes) ? routes->child : NULL; route;
         route = route->next)
        if (cJSON_IsObject(route))
            split(route);
    return true;
}

void fc3_routes_out(struct cJSON *body)
{
    const struct cJSON *config = body ? json_get(body, "routeConfig") : NULL,
                       *routes = config ? json_get(config, "routes") : NULL;

    for (struct cJSON *route = routes ? routes->child : NULL; route; route = route->next) {
        struct str service = text_in(route, "serviceName"), name = text_in(route, "functionName");
        char both[BOTH_TEXT];

        if (!str_eq(service, S("default"))) {
            (void)snprintf(both, sizeof(both), "%.*s$%.*s", STR_ARG(service), STR_ARG(name));
            set_text(route, "functionName", str_of(both));
        }
        cJSON_DeleteItemFromObject(route, "serviceName");
    }
}
