/* SPDX-License-Identifier: Apache-2.0 */
/* devs.c - the s.yaml of Serverless Devs: its components fc (2.0), fc3 and fgs. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/foreign/tree.h"

/* ---- fc and fc3 ---- */

static int read_triggers(struct foreign *f, const char *path, const struct cJSON *triggers,
                         const char *name, const char *type, const char *config, struct cJSON *fn)
{
    int r = 0, i = 0;

    if (triggers && !cJSON_IsArray(triggers))
        return foreign_refuse(f, path, "must be a list");
    for (const struct cJSON *v = triggers ? triggers->child : NULL; v && r == 0; v = v->next) {
        const struct foreign_key keys[] = {{name, NULL, NULL},
                                           {type, NULL, NULL},
                                           {config, NULL, NULL},
                                           {"description", NULL, NULL}};
        char full[FOREIGN_PATH], number[16];

        (void)snprintf(number, sizeof(number), "%d", i++);
        foreign_path(full, path, number);
        r = foreign_walk(f, full, v, keys, ARRAY_LEN(keys), NULL);
        if (r == 0)
            r = foreign_fc_trigger(f, full, foreign_text(v, name), foreign_text(v, type),
                                   json_get(v, config), fn);
    }
    return r;
}

static int read_domains(struct foreign *f, const char *path, const struct cJSON *domains,
                        const char *space)
{
    int r = 0;

    for (const struct cJSON *v = domains ? domains->child : NULL; v && r == 0; v = v->next)
        r = foreign_fc_domain(f, path, foreign_text(v, "domainName"), foreign_text(v, "protocol"),
                              json_get(v, "routeConfigs"), space);
    return r;
}

static int read_fc(struct foreign *f, const char *path, const struct cJSON *props)
{
    static const struct foreign_key keys[] = {{"region", NULL, NULL},
                                              {"service", NULL, NULL},
                                              {"function", NULL, NULL},
                                              {"triggers", NULL, NULL},
                                              {"customDomains", NULL, NULL}};
    const char *space = foreign_text(json_get(props, "service"), "name");
    const struct cJSON *function = json_get(props, "function");
    const char *name = foreign_text(function, "name");
    char full[FOREIGN_PATH];
    struct cJSON *fn;
    int r = foreign_walk(f, path, props, keys, ARRAY_LEN(keys), NULL);

    if (r < 0)
        return r;
    if (!space || !*space || !name || !*name)
        return foreign_refuse(f, path, "must have service.name and function.name");
    fn = foreign_function(f, "fc", space, name);
    r = foreign_fc_service(f, foreign_path(full, path, "service"), json_get(props, "service"), fn);
    if (r == 0)
        r = foreign_fc_function(f, foreign_path(full, path, "function"), function, fn);
    if (r == 0)
        r = read_triggers(f, foreign_path(full, path, "triggers"), json_get(props, "triggers"),
                          "name", "type", "config", fn);
    return r < 0 ? r
                 : read_domains(f, foreign_path(full, path, "customDomains"),
                                json_get(props, "customDomains"), space);
}

/* A function of 3.0 has no service: it is in `default` (docs/compat/fc3.md). */
static int read_fc3(struct foreign *f, const char *path, const struct cJSON *props)
{
    const char *name = foreign_text(props, "functionName");
    const struct cJSON *domain = json_get(props, "customDomain");
    char full[FOREIGN_PATH];
    struct cJSON *fn;
    int r;

    if (!name || !*name)
        return foreign_refuse(f, path, "must have functionName");
    fn = foreign_function(f, "fc", "default", name);
    r = foreign_fc_function(f, path, props, fn);
    if (r == 0)
        r = read_triggers(f, foreign_path(full, path, "triggers"), json_get(props, "triggers"),
                          "triggerName", "triggerType", "triggerConfig", fn);
    if (r < 0 || !domain)
        return r;
    foreign_path(full, path, "customDomain");
    return foreign_fc_domain(f, full, foreign_text(domain, "domainName"),
                             foreign_text(domain, "protocol"),
                             json_get(json_get(domain, "routeConfig"), "routes"), "default");
}

/* ---- fgs ---- */

static int read_schedule(struct foreign *f, const char *path, const struct cJSON *data,
                         struct cJSON *fn)
{
    static const struct foreign_key keys[] = {{"name", NULL, NULL},
                                              {"schedule", NULL, NULL},
                                              {"scheduleType", NULL, NULL},
                                              {"userEvent", "payload", NULL}};
    const char *name = foreign_text(data, "name"), *type = foreign_text(data, "scheduleType");
    const char *schedule = foreign_text(data, "schedule");
    struct cJSON *trigger;

    if (!name || !*name || !type || !schedule)
        return foreign_refuse(f, path, "must have name, schedule and scheduleType");
    trigger = foreign_trigger(fn, name);
    foreign_put_text(trigger, strcmp(type, "Rate") == 0 ? "rate" : "cron", schedule);
    return foreign_walk(f, path, data, keys, ARRAY_LEN(keys), trigger);
}

static int read_fgs_trigger(struct foreign *f, const char *path, const struct cJSON *trigger,
                            struct cJSON *fn)
{
    static const struct foreign_key keys[] = {
            {"triggerTypeCode", NULL, NULL}, {"status", NULL, NULL}, {"eventData", NULL, NULL}};
    const char *type = foreign_text(trigger, "triggerTypeCode");
    char full[FOREIGN_PATH];
    int r = foreign_walk(f, path, trigger, keys, ARRAY_LEN(keys), NULL);

    if (r < 0)
        return r;
    if (type && strcmp(type, "TIMER") == 0)
        return read_schedule(f, foreign_path(full, path, "eventData"),
                             json_get(trigger, "eventData"), fn);
    foreign_unused(f, path, type ? type : "triggerTypeCode", "only TIMER is read from this file");
    return 0;
}

static int read_fgs_code(struct foreign *f, const char *path, const struct cJSON *value,
                         struct cJSON *to)
{
    static const struct foreign_key keys[] = {{"codeUri", "code", NULL}};

    return foreign_walk(f, path, value, keys, ARRAY_LEN(keys), to);
}

static int read_fgs(struct foreign *f, const char *path, const struct cJSON *props)
{
    static const struct foreign_key top[] = {{"region", NULL, NULL},
                                             {"function", NULL, NULL},
                                             {"trigger", NULL, NULL},
                                             {"triggers", NULL, NULL}};
    static const struct foreign_key keys[] = {
            {"functionName", NULL, NULL},
            {"package", "space", NULL},
            {"handler", "handler", NULL},
            {"runtime", "runtime", NULL},
            {"memorySize", "memory", NULL},
            {"timeout", "timeout", NULL},
            {"description", "description", NULL},
            {"agencyName", "role", NULL},
            {"environmentVariables", NULL, foreign_environment},
            {"concurrentNum", "instance_concurrency", NULL},
            {"initializerHandler", "initializer", NULL},
            {"initializerTimeout", "initializer_timeout", NULL},
            {"codeType", NULL, NULL},
            {"code", NULL, read_fgs_code},
    };
    const struct cJSON *function = json_get(props, "function");
    const struct cJSON *triggers = json_get(props, "triggers"), *one = json_get(props, "trigger");
    const char *name = foreign_text(function, "functionName");
    char full[FOREIGN_PATH];
    struct cJSON *fn;
    int r = foreign_walk(f, path, props, top, ARRAY_LEN(top), NULL);

    if (r < 0)
        return r;
    if (!name || !*name)
        return foreign_refuse(f, path, "must have function.functionName");
    fn = foreign_function(f, "functiongraph", "default", name);
    r = foreign_walk(f, foreign_path(full, path, "function"), function, keys, ARRAY_LEN(keys), fn);
    if (r == 0 && one)
        r = read_fgs_trigger(f, foreign_path(full, path, "trigger"), one, fn);
    for (const struct cJSON *v = triggers ? triggers->child : NULL; v && r == 0; v = v->next)
        r = read_fgs_trigger(f, foreign_path(full, path, "triggers"), v, fn);
    return r;
}

/* ---- the file ---- */

static const struct {
    const char *component; /* "devsapp/fc" and "fc@0.1.2" are it, too */
    int (*read)(struct foreign *f, const char *path, const struct cJSON *props);
} components[] = {{"fc", read_fc}, {"fc3", read_fc3}, {"fgs", read_fgs}};

static int read_resource(struct foreign *f, const char *path, const struct cJSON *resource)
{
    static const struct foreign_key keys[] = {
            {"component", NULL, NULL}, {"props", NULL, NULL}, {"access", NULL, NULL}};
    const char *name = foreign_text(resource, "component"),
               *slash = name ? strrchr(name, '/') : NULL;
    char full[FOREIGN_PATH];
    int r = foreign_walk(f, path, resource, keys, ARRAY_LEN(keys), NULL);

    if (r < 0)
        return r;
    name = slash ? slash + 1 : name;
    for (size_t i = 0; name && i < ARRAY_LEN(components); i++)
        if (strcspn(name, "@") == strlen(components[i].component) &&
            strncmp(name, components[i].component, strcspn(name, "@")) == 0)
            return components[i].read(f, foreign_path(full, path, "props"),
                                      json_get(resource, "props"));
    foreign_unused(f, path, "component", "only fc, fc3 and fgs are known here");
    return 0;
}

int foreign_devs(struct foreign *f)
{
    static const struct foreign_key top[] = {{"edition", NULL, NULL},  {"name", NULL, NULL},
                                             {"access", NULL, NULL},   {"vars", NULL, NULL},
                                             {"services", NULL, NULL}, {"resources", NULL, NULL}};
    const struct cJSON *resources = json_get(f->file, "resources");
    const char *key = resources ? "resources" : "services";
    int r = foreign_walk(f, "", f->file, top, ARRAY_LEN(top), NULL);

    if (!resources)
        resources = json_get(f->file, "services");
    for (const struct cJSON *v = r == 0 ? resources->child : NULL; v && r == 0; v = v->next) {
        char path[FOREIGN_PATH];

        r = read_resource(f, foreign_path(path, key, v->string), v);
    }
    return r;
}
