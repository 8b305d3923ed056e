/* SPDX-License-Identifier: Apache-2.0 */
/* funcraft.c - Funcraft's template.yml: services with their functions, and custom domains. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/foreign/tree.h"

#define TYPE "Aliyun::Serverless::"

static bool is_type(const struct cJSON *resource, const char *type)
{
    const char *have = foreign_text(resource, "Type");

    return have && strncmp(have, TYPE, sizeof(TYPE) - 1) == 0 &&
           strcmp(have + sizeof(TYPE) - 1, type) == 0;
}

static int read_events(struct foreign *f, const char *path, const struct cJSON *events,
                       struct cJSON *fn)
{
    int r = 0;

    for (const struct cJSON *v = events ? events->child : NULL; v && r == 0; v = v->next) {
        char full[FOREIGN_PATH];

        r = foreign_fc_trigger(f, foreign_path(full, path, v->string), v->string,
                               foreign_text(v, "Type"), json_get(v, "Properties"), fn);
    }
    return r;
}

static int read_function(struct foreign *f, const char *path, const char *service,
                         const struct cJSON *item, const struct cJSON *shared)
{
    static const struct foreign_key keys[] = {
            {"Type", NULL, NULL}, {"Properties", NULL, NULL}, {"Events", NULL, NULL}};
    struct cJSON *fn = foreign_function(f, "fc", service, item->string);
    char full[FOREIGN_PATH];
    int r;

    for (const struct cJSON *v = shared->child; v; v = v->next)
        foreign_put(fn, v->string, cJSON_Duplicate(v, true));
    r = foreign_walk(f, path, item, keys, ARRAY_LEN(keys), fn);
    if (r == 0)
        r = foreign_fc_function(f, foreign_path(full, path, "Properties"),
                                json_get(item, "Properties"), fn);
    return r < 0 ? r
                 : read_events(f, foreign_path(full, path, "Events"), json_get(item, "Events"), fn);
}

static int read_service(struct foreign *f, const char *path, const struct cJSON *service)
{
    cleanup_with(json_freep) struct cJSON *shared = cJSON_CreateObject();
    char full[FOREIGN_PATH];
    int r = foreign_fc_service(f, foreign_path(full, path, "Properties"),
                               json_get(service, "Properties"), shared);

    for (const struct cJSON *v = service->child; v && r == 0; v = v->next) {
        if (strcmp(v->string, "Type") == 0 || strcmp(v->string, "Properties") == 0)
            continue;
        if (is_type(v, "Function"))
            r = read_function(f, foreign_path(full, path, v->string), service->string, v, shared);
        else
            foreign_unused(f, path, v->string, NULL);
    }
    return r;
}

static int read_domain(struct foreign *f, const char *path, const struct cJSON *resource)
{
    static const struct foreign_key keys[] = {
            {"DomainName", NULL, NULL}, {"Protocol", NULL, NULL}, {"RouteConfig", NULL, NULL}};
    const struct cJSON *p = json_get(resource, "Properties");
    const char *name = foreign_text(p, "DomainName");
    char full[FOREIGN_PATH];
    int r = foreign_walk(f, foreign_path(full, path, "Properties"), p, keys, ARRAY_LEN(keys), NULL);

    if (r < 0)
        return r;
    return foreign_fc_domain(f, full, name && *name ? name : resource->string,
                             foreign_text(p, "Protocol"),
                             json_geti(json_get(p, "RouteConfig"), "Routes"), NULL);
}

int foreign_funcraft(struct foreign *f)
{
    static const struct foreign_key top[] = {{"ROSTemplateFormatVersion", NULL, NULL},
                                             {"Transform", NULL, NULL},
                                             {"Resources", NULL, NULL}};
    const struct cJSON *resources = json_get(f->file, "Resources");
    int r = foreign_walk(f, "", f->file, top, ARRAY_LEN(top), f->out);

    if (r == 0 && !cJSON_IsObject(resources))
        return foreign_refuse(f, "Resources", "must be a map");
    for (const struct cJSON *v = r == 0 ? resources->child : NULL; v && r == 0; v = v->next) {
        char path[FOREIGN_PATH];

        foreign_path(path, "Resources", v->string);
        if (is_type(v, "Service"))
            r = read_service(f, path, v);
        else if (is_type(v, "CustomDomain"))
            r = read_domain(f, path, v);
        else
            foreign_unused(f, "Resources", v->string, NULL);
    }
    return r;
}
