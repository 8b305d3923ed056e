/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serverless.c - Tencent's serverless.yml, in the two forms that exist: of the plugin
 * serverless-tencent-scf (`provider`, `functions`) and of the component (`component: scf`,
 * `inputs`).
 *
 * Names and defaults as those tools have them: a function is called <service>-<stage>-<key>, an
 * apigw event's path is its function's name, `enable` counts as false where it is not said, but not
 * for apigw, whose endpoint works whatever it says.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/foreign/tree.h"

static const char IGNORED_EVENT[] = "events of this kind have no source yet";

/* ---- environment ---- */

/* Only what is below `variables` counts, as in the plugin. */
static int read_environment(struct foreign *f, const char *path, const struct cJSON *value,
                            struct cJSON *to)
{
    static const struct foreign_key keys[] = {{"variables", NULL, foreign_environment}};

    return foreign_walk(f, path, value, keys, ARRAY_LEN(keys), to);
}

/* ---- events ---- */

static const char *text_or(const struct cJSON *obj, const char *key, const char *def)
{
    const char *s = foreign_text(obj, key);

    return s && *s ? s : def;
}

static int read_timer(struct foreign *f, const char *path, const struct cJSON *parameters,
                      struct cJSON *trigger)
{
    static const struct foreign_key keys[] = {{"cronExpression", "cron", NULL},
                                              {"argument", "payload", NULL},
                                              {"enable", "enabled", NULL}};

    foreign_put(trigger, "enabled", cJSON_CreateFalse());
    return foreign_walk(f, path, parameters, keys, ARRAY_LEN(keys), trigger);
}

/* "release" of the plugin, or what the component calls environment. */
static const struct foreign_key apigw_keys[] = {
        {"path", "path", NULL},
        {"httpMethod", "method", NULL},
        {"stageName", "stage", NULL},
        {"integratedResponse", "integrated", NULL},
        {"serviceTimeout", "timeout", NULL},
        {"enableCORS", "cors", NULL},
        {"enable", NULL, NULL},
};

static int read_apigw(struct foreign *f, const char *path, const struct cJSON *parameters,
                      const char *function, struct cJSON *trigger)
{
    struct cJSON *http = cJSON_AddObjectToObject(trigger, "apigw");
    cleanup_free char *own = xasprintf("/%s", function);

    foreign_put_text(http, "path", own);
    return parameters ? foreign_walk(f, path, parameters, apigw_keys, ARRAY_LEN(apigw_keys), http)
                      : 0;
}

static int read_event(struct foreign *f, const char *path, const struct cJSON *item,
                      const char *function, struct cJSON *fn)
{
    const struct cJSON *event = cJSON_IsObject(item) ? item->child : NULL;
    const struct cJSON *parameters;
    cleanup_free char *def = NULL;
    char full[FOREIGN_PATH];
    const char *name;

    if (!event || event->next)
        return foreign_refuse(f, path, "must be a map of one event");
    parameters = json_get(event, "parameters");
    def = xasprintf("%s_%s", function, event->string);
    name = text_or(event, "name", def);
    foreign_path(full, path, event->string);
    if (strcmp(event->string, "timer") == 0)
        return read_timer(f, full, parameters, foreign_trigger(fn, name));
    if (strcmp(event->string, "apigw") == 0)
        return read_apigw(f, full, parameters, function, foreign_trigger(fn, name));
    foreign_unused(f, path, event->string, IGNORED_EVENT);
    return 0;
}

static int read_events(struct foreign *f, const char *path, const struct cJSON *events,
                       const char *function, struct cJSON *fn)
{
    int i = 0;

    if (!cJSON_IsArray(events))
        return foreign_refuse(f, path, "must be a list");
    for (const struct cJSON *v = events->child; v; v = v->next) {
        char full[FOREIGN_PATH], number[16];
        int r;

        (void)snprintf(number, sizeof(number), "%d", i++);
        r = read_event(f, foreign_path(full, path, number), v, function, fn);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- the plugin's form ---- */

/* What provider and function have in common; the function's word counts. */
#define SHARED_KEYS                                                                                \
    {"runtime", "runtime", NULL}, {"memorySize", "memory", NULL}, {"timeout", "timeout", NULL},    \
            {"role", "role", NULL}, {"description", "description", NULL},                          \
    {                                                                                              \
        "environment", NULL, read_environment                                                      \
    }

static const struct foreign_key provider_keys[] = {
        SHARED_KEYS, {"name", NULL, NULL}, {"stage", NULL, NULL}};
/* events come when the function has its name */
static const struct foreign_key function_keys[] = {
        SHARED_KEYS, {"handler", "handler", NULL}, {"events", NULL, NULL}};

static int read_function(struct foreign *f, const struct cJSON *item, const struct cJSON *shared,
                         const char *prefix)
{
    cleanup_free char *name = xasprintf("%s-%s", prefix, item->string);
    struct cJSON *fn = foreign_function(f, "scf", "default", name);
    const struct cJSON *events = json_get(item, "events");
    char path[FOREIGN_PATH], inner[FOREIGN_PATH];
    int r;

    foreign_path(path, "functions", item->string);
    foreign_put_text(fn, "runtime", "Nodejs8.9");
    foreign_put_text(fn, "handler", "index.main_handler");
    for (const struct cJSON *v = shared->child; v; v = v->next)
        foreign_put(fn, v->string, cJSON_Duplicate(v, true));
    r = foreign_walk(f, path, item, function_keys, ARRAY_LEN(function_keys), fn);
    if (r == 0 && events)
        r = read_events(f, foreign_path(inner, path, "events"), events, name, fn);
    return r;
}

/* Nothing to say here: versions and names of the tool itself. */
static const struct foreign_key top_keys[] = {
        {"service", NULL, NULL},          {"provider", NULL, NULL}, {"functions", NULL, NULL},
        {"frameworkVersion", NULL, NULL}, {"plugins", NULL, NULL},  {"custom", NULL, NULL},
};

int foreign_serverless(struct foreign *f)
{
    cleanup_with(json_freep) struct cJSON *shared = cJSON_CreateObject();
    const struct cJSON *provider = json_get(f->file, "provider");
    const struct cJSON *service = json_get(f->file, "service");
    const struct cJSON *functions = json_get(f->file, "functions");
    const char *cloud = foreign_text(provider, "name");
    const char *name = cJSON_IsObject(service) ? foreign_text(service, "name")
                                               : foreign_text(f->file, "service");
    cleanup_free char *prefix = NULL;
    int r;

    if (!cloud || strcmp(cloud, "tencent") != 0)
        return foreign_refuse(f, "provider.name", "only 'tencent' is one of our clouds");
    if (!name || !*name)
        return foreign_refuse(f, "service", "must be a name");
    if (!cJSON_IsObject(functions) || !functions->child)
        return foreign_refuse(f, "functions", "must be a map with at least one function");
    prefix = xasprintf("%s-%s", name, text_or(provider, "stage", "dev"));

    r = foreign_walk(f, "", f->file, top_keys, ARRAY_LEN(top_keys), f->out);
    if (r == 0)
        r = foreign_walk(f, "provider", provider, provider_keys, ARRAY_LEN(provider_keys), shared);
    for (const struct cJSON *v = functions->child; v && r == 0; v = v->next)
        r = read_function(f, v, shared, prefix);
    return r;
}

/* ---- the component's form ---- */

static int read_src(struct foreign *f, const char *path, const struct cJSON *value,
                    struct cJSON *to)
{
    static const struct foreign_key keys[] = {{"src", "code", NULL}};

    if (cJSON_IsString(value)) {
        foreign_put_text(to, "code", value->valuestring);
        return 0;
    }
    if (json_get(value, "object"))
        return foreign_refuse(f, path,
                              "code in a bucket is for the cloud's own tools; name a directory");
    return foreign_walk(f, path, value, keys, ARRAY_LEN(keys), to);
}

static int read_type(struct foreign *f, const char *path, const struct cJSON *value,
                     struct cJSON *to)
{
    (void)to;
    return cJSON_IsString(value) && strcmp(value->valuestring, "event") == 0
                   ? 0
                   : foreign_refuse(f, path, "only functions of type 'event' run here");
}

static int read_is_integrated(struct foreign *f, const char *path, const struct cJSON *value,
                              struct cJSON *to)
{
    static const struct foreign_key keys[] = {{"isIntegratedResponse", "integrated", NULL}};

    return foreign_walk(f, path, value, keys, ARRAY_LEN(keys), to);
}

/* Each endpoint is a trigger of its own here. */
static int read_endpoints(struct foreign *f, const char *path, const struct cJSON *endpoints,
                          const struct cJSON *shared, const char *name, struct cJSON *fn)
{
    static const struct foreign_key keys[] = {
            {"path", "path", NULL},
            {"method", "method", NULL},
            {"serviceTimeout", "timeout", NULL},
            {"enableCORS", "cors", NULL},
            {"isBase64Encoded", "base64", NULL},
            {"function", NULL, read_is_integrated},
            {"description", NULL, NULL},
            {"apiName", NULL, NULL},
    };
    int i = 0;

    for (const struct cJSON *v = endpoints->child; v; v = v->next, i++) {
        cleanup_free char *each = i == 0 ? xstrdup(name) : xasprintf("%s-%d", name, i + 1);
        struct cJSON *trigger = foreign_trigger(fn, each), *http = cJSON_Duplicate(shared, true);
        char full[FOREIGN_PATH], number[16];
        int r;

        (void)snprintf(number, sizeof(number), "%d", i);
        cJSON_AddItemToObject(trigger, "apigw", http);
        r = foreign_walk(f, foreign_path(full, path, number), v, keys, ARRAY_LEN(keys), http);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_component_apigw(struct foreign *f, const char *path, const struct cJSON *event,
                                struct cJSON *fn, const char *name)
{
    static const struct foreign_key keys[] = {{"serviceName", "service", NULL},
                                              {"environment", "stage", NULL},
                                              {"endpoints", NULL, NULL},
                                              {"enable", NULL, NULL}};
    cleanup_with(json_freep) struct cJSON *shared = cJSON_CreateObject();
    const struct cJSON *parameters = json_get(event, "parameters");
    const struct cJSON *endpoints = json_get(parameters, "endpoints");
    char full[FOREIGN_PATH];
    int r;

    if (!cJSON_IsArray(endpoints) || !endpoints->child)
        return foreign_refuse(f, path, "its parameters must have a list of endpoints");
    r = foreign_walk(f, foreign_path(full, path, "parameters"), parameters, keys, ARRAY_LEN(keys),
                     shared);
    if (r < 0)
        return r;
    foreign_path(full, path, "parameters.endpoints");
    return read_endpoints(f, full, endpoints, shared, name, fn);
}

static int read_component_event(struct foreign *f, const char *path, const struct cJSON *item,
                                const char *function, struct cJSON *fn)
{
    const struct cJSON *event = cJSON_IsObject(item) ? item->child : NULL;
    cleanup_free char *def = NULL;
    char full[FOREIGN_PATH];

    if (!event || strcmp(event->string, "apigw") != 0)
        return read_event(f, path, item, function, fn);
    def = xasprintf("apigw-%s", function);
    return read_component_apigw(f, foreign_path(full, path, event->string), event, fn,
                                text_or(event, "name", def));
}

int foreign_component(struct foreign *f)
{
    static const struct foreign_key top[] = {
            {"component", NULL, NULL}, {"name", NULL, NULL},   {"app", NULL, NULL},
            {"stage", NULL, NULL},     {"inputs", NULL, NULL}, {"org", NULL, NULL},
    };
    static const struct foreign_key inputs[] = {
            {"name", NULL, NULL},
            {"namespace", NULL, NULL},
            {"events", NULL, NULL},
            {"src", NULL, read_src},
            {"type", NULL, read_type},
            {"handler", "handler", NULL},
            {"runtime", "runtime", NULL},
            {"memorySize", "memory", NULL},
            {"timeout", "timeout", NULL},
            {"initTimeout", "initializer_timeout", NULL},
            {"role", "role", NULL},
            {"description", "description", NULL},
            {"environment", NULL, read_environment},
    };
    const struct cJSON *in = json_get(f->file, "inputs"), *events = json_get(in, "events");
    const char *component = foreign_text(f->file, "component");
    cleanup_free char *def =
            xasprintf("%s-%s-%s", text_or(f->file, "name", "scf"), text_or(f->file, "stage", "dev"),
                      text_or(f->file, "app", text_or(f->file, "name", "scf")));
    const char *name = text_or(in, "name", def);
    struct cJSON *fn;
    int r, i = 0;

    if (!component || strcmp(component, "scf") != 0)
        return foreign_refuse(f, "component", "only 'scf' is known here");
    fn = foreign_function(f, "scf", text_or(in, "namespace", "default"), name);
    foreign_put_text(fn, "runtime", "Nodejs10.15");
    foreign_put_text(fn, "handler", "index.main_handler");
    r = foreign_walk(f, "", f->file, top, ARRAY_LEN(top), f->out);
    if (r == 0)
        r = foreign_walk(f, "inputs", in, inputs, ARRAY_LEN(inputs), fn);
    if (r == 0 && events && !cJSON_IsArray(events))
        r = foreign_refuse(f, "inputs.events", "must be a list");
    for (const struct cJSON *v = events ? events->child : NULL; v && r == 0; v = v->next) {
        char path[FOREIGN_PATH];

        (void)snprintf(path, sizeof(path), "inputs.events.%d", i++);
        r = read_component_event(f, path, v, name, fn);
    }
    return r;
}
