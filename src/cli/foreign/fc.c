/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fc.c - Function Compute's two project files: Funcraft's template.yml and the s.yaml of
 * Serverless Devs, with its components fc and fc3; and its component fgs, for FunctionGraph.
 *
 * A function's fields are the same in all of FC's, but for the first letter (foreign_walk() takes
 * both). What is of a service (role, internetAccess) goes to each function: a service is made by
 * its first function here.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/foreign/tree.h"

static const char NO_SOURCE[] = "triggers of this type have no source yet";

/* ---- a function's fields ---- */

static int read_internet(struct foreign *f, const char *path, const struct cJSON *value,
                         struct cJSON *to)
{
    if (!cJSON_IsBool(value))
        return foreign_refuse(f, path, "must be true or false");
    if (cJSON_IsFalse(value))
        foreign_put_text(to, "network", "endpoint");
    return 0;
}

/* A role by its ARN; tools may also be told to make one. */
static int read_role(struct foreign *f, const char *path, const struct cJSON *value,
                     struct cJSON *to)
{
    (void)path;
    if (cJSON_IsString(value))
        foreign_put_text(to, "role", value->valuestring);
    else
        foreign_unused(f, path, "name", "roles are not made here; name one");
    return 0;
}

static int read_code(struct foreign *f, const char *path, const struct cJSON *value,
                     struct cJSON *to)
{
    static const struct foreign_key keys[] = {{"codeUri", "code", NULL}, {"src", "code", NULL}};

    if (cJSON_IsString(value)) {
        foreign_put_text(to, "code", value->valuestring);
        return 0;
    }
    if (json_get(value, "ossBucketName"))
        return foreign_refuse(f, path,
                              "code in a bucket is for the cloud's own tools; name a directory");
    return foreign_walk(f, path, value, keys, ARRAY_LEN(keys), to);
}

static int read_hook(struct foreign *f, const char *path, const struct cJSON *value,
                     struct cJSON *to)
{
    bool freeze = str_ends(str_of(path), S("reFreeze"));
    bool init = str_ends(str_of(path), S("nitializer"));
    const struct foreign_key keys[] = {
            {"handler",
             init     ? "initializer"
             : freeze ? "pre_freeze"
                      : "pre_stop",
             NULL},
            {"timeout",
             init     ? "initializer_timeout"
             : freeze ? "pre_freeze_timeout"
                      : "pre_stop_timeout",
             NULL},
    };

    return foreign_walk(f, path, value, keys, ARRAY_LEN(keys), to);
}

static int read_hooks(struct foreign *f, const char *path, const struct cJSON *value,
                      struct cJSON *to)
{
    static const struct foreign_key keys[] = {{"preFreeze", NULL, read_hook},
                                              {"preStop", NULL, read_hook},
                                              {"initializer", NULL, read_hook}};

    return foreign_walk(f, path, value, keys, ARRAY_LEN(keys), to);
}

/* "acs:fc:::services/a.prod/functions/b", "acs:fc:::functions/b" -> "a/b". */
static int read_destination(struct foreign *f, const char *path, const struct cJSON *value,
                            struct cJSON *to)
{
    const char *key = str_ends(str_of(path), S("uccess")) ? "on_success" : "on_failure";
    const char *arn =
            cJSON_IsString(value) ? value->valuestring : foreign_text(value, "destination");
    const char *fn = arn ? strstr(arn, "functions/") : NULL;
    const char *service = arn ? strstr(arn, "services/") : NULL;
    cleanup_free char *name = NULL;

    if (!arn || !*arn)
        return 0;
    if (!fn || strncmp(arn, "acs:fc:", 7) != 0) {
        foreign_unused(f, "", path, "only functions can be destinations");
        return 0;
    }
    if (service)
        service += strlen("services/");
    name = xasprintf("%.*s/%.*s", service ? (int)strcspn(service, "./") : 7,
                     service ? service : "default", (int)strcspn(fn + 10, "/"), fn + 10);
    foreign_put_text(to, key, name);
    return 0;
}

static int read_destinations(struct foreign *f, const char *path, const struct cJSON *value,
                             struct cJSON *to)
{
    static const struct foreign_key keys[] = {{"onSuccess", NULL, read_destination},
                                              {"onFailure", NULL, read_destination}};

    return foreign_walk(f, path, value, keys, ARRAY_LEN(keys), to);
}

static int read_async(struct foreign *f, const char *path, const struct cJSON *value,
                      struct cJSON *to)
{
    static const struct foreign_key keys[] = {
            {"maxAsyncEventAgeInSeconds", "max_age", NULL},
            {"maxAsyncRetryAttempts", "retries", NULL},
            {"destination", NULL, read_destinations},
            {"destinationConfig", NULL, read_destinations},
    };

    return foreign_walk(f, path, value, keys, ARRAY_LEN(keys), foreign_map(to, "async"));
}

int foreign_fc_function(struct foreign *f, const char *path, const struct cJSON *from,
                        struct cJSON *to)
{
    static const struct foreign_key keys[] = {
            {"handler", "handler", NULL},
            {"runtime", "runtime", NULL},
            {"codeUri", NULL, read_code},
            {"code", NULL, read_code},
            {"initializer", "initializer", NULL},
            {"description", "description", NULL},
            {"memorySize", "memory", NULL},
            {"timeout", "timeout", NULL},
            {"initializationTimeout", "initializer_timeout", NULL},
            {"environmentVariables", NULL, foreign_environment},
            {"instanceConcurrency", "instance_concurrency", NULL},
            {"diskSize", "tmp", NULL},
            {"instanceLifecycleConfig", NULL, read_hooks},
            {"asyncConfiguration", NULL, read_async},
            {"asyncInvokeConfig", NULL, read_async},
            {"role", NULL, read_role},
            {"internetAccess", NULL, read_internet},
            /* read by who knows the whole */
            {"name", NULL, NULL},
            {"functionName", NULL, NULL},
            {"triggers", NULL, NULL},
            {"customDomain", NULL, NULL},
            {"region", NULL, NULL},
    };

    return foreign_walk(f, path, from, keys, ARRAY_LEN(keys), to);
}

int foreign_fc_service(struct foreign *f, const char *path, const struct cJSON *from,
                       struct cJSON *to)
{
    static const struct foreign_key keys[] = {
            {"role", NULL, read_role},
            {"internetAccess", NULL, read_internet},
            {"name", NULL, NULL},
            {"description", NULL, NULL},
    };

    return from ? foreign_walk(f, path, from, keys, ARRAY_LEN(keys), to) : 0;
}

/* ---- triggers ---- */

static void put_cron(const char *expression, struct cJSON *trigger)
{
    static const char every[] = "@every ", zone[] = "CRON_TZ=";

    if (strncmp(expression, every, sizeof(every) - 1) == 0) {
        foreign_put_text(trigger, "every", expression + sizeof(every) - 1);
        return;
    }
    if (strncmp(expression, zone, sizeof(zone) - 1) == 0) {
        const char *name = expression + sizeof(zone) - 1;
        size_t n = strcspn(name, " ");
        cleanup_free char *text = xstrndup(name, n);

        foreign_put_text(trigger, "zone", text);
        expression = name + n + (name[n] != '\0');
    }
    foreign_put_text(trigger, "cron", expression);
}

static int read_cron(struct foreign *f, const char *path, const struct cJSON *value,
                     struct cJSON *to)
{
    if (!cJSON_IsString(value))
        return foreign_refuse(f, path, "must be text");
    put_cron(value->valuestring, to);
    return 0;
}

static int read_timer(struct foreign *f, const char *path, const struct cJSON *config,
                      struct cJSON *trigger)
{
    static const struct foreign_key keys[] = {{"cronExpression", NULL, read_cron},
                                              {"payload", "payload", NULL},
                                              {"enable", "enabled", NULL},
                                              {"qualifier", NULL, NULL}};

    return foreign_walk(f, path, config, keys, ARRAY_LEN(keys), trigger);
}

static int read_auth(struct foreign *f, const char *path, const struct cJSON *value,
                     struct cJSON *to)
{
    if (!cJSON_IsString(value))
        return foreign_refuse(f, path, "must be text");
    foreign_put_text(to, "auth",
                     strcasecmp(value->valuestring, "anonymous") == 0  ? "anonymous"
                     : strcasecmp(value->valuestring, "function") == 0 ? "function"
                                                                       : value->valuestring);
    return 0;
}

static int read_private(struct foreign *f, const char *path, const struct cJSON *value,
                        struct cJSON *to)
{
    if (!cJSON_IsBool(value))
        return foreign_refuse(f, path, "must be true or false");
    foreign_put(to, "public", cJSON_CreateBool(!cJSON_IsTrue(value)));
    return 0;
}

static int read_http(struct foreign *f, const char *path, const struct cJSON *config,
                     struct cJSON *trigger)
{
    static const struct foreign_key keys[] = {{"authType", NULL, read_auth},
                                              {"methods", "methods", NULL},
                                              {"disableURLInternet", NULL, read_private},
                                              {"qualifier", NULL, NULL}};

    return foreign_walk(f, path, config, keys, ARRAY_LEN(keys),
                        cJSON_AddObjectToObject(trigger, "http"));
}

int foreign_fc_trigger(struct foreign *f, const char *path, const char *name, const char *type,
                       const struct cJSON *config, struct cJSON *fn)
{
    if (!type || !name || !*name)
        return foreign_refuse(f, path, "must have a name and a type");
    if (strcasecmp(type, "timer") == 0)
        return read_timer(f, path, config, foreign_trigger(fn, name));
    if (strcasecmp(type, "http") == 0)
        return read_http(f, path, config, foreign_trigger(fn, name));
    foreign_unused(f, path, type, NO_SOURCE);
    return 0;
}

/* ---- custom domains ---- */

static void add_route(const struct cJSON *from, const char *path, const char *space,
                      struct cJSON *routes)
{
    static const char *const names[] = {"path",      "serviceName", "functionName",
                                        "qualifier", "methods",     "rewriteConfig"};
    struct cJSON *route = cJSON_CreateObject();

    if (path)
        cJSON_AddStringToObject(route, "path", path);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct cJSON *v = json_geti(from, names[i]);

        if (v)
            foreign_put(route, names[i], cJSON_Duplicate(v, true));
    }
    if (space && !json_get(route, "serviceName"))
        cJSON_AddStringToObject(route, "serviceName", space);
    cJSON_AddItemToArray(routes, route);
}

int foreign_fc_domain(struct foreign *f, const char *path, const char *name, const char *protocol,
                      const struct cJSON *routes, const char *space)
{
    struct cJSON *domain, *list;

    if (!name || !*name || strcasecmp(name, "auto") == 0)
        return foreign_refuse(f, path,
                              "a domain needs a name of its own here, 'auto' has none to give");
    if (!cJSON_IsObject(routes) && !cJSON_IsArray(routes))
        return foreign_refuse(f, path, "must have routes");
    domain = cJSON_CreateObject();
    foreign_put(foreign_map(f->out, "domains"), name, domain);
    cJSON_AddStringToObject(domain, "protocol", protocol && *protocol ? protocol : "HTTP");
    list = cJSON_AddArrayToObject(cJSON_AddObjectToObject(domain, "routeConfig"), "routes");
    for (const struct cJSON *v = routes->child; v; v = v->next)
        add_route(v, v->string, space, list);
    return 0;
}
