/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foreign.c - which tool's file is it, and the steps that all readers take.
 *
 * A reader makes a tree of evoke.yaml out of its file and nothing else: what is checked, sent and
 * shown is then the same for all. Each level of a file has a table of its keys; what stands in none
 * is told to the user, since a key that is dropped in silence is a fault that is found late.
 */
#include "cli/foreign/foreign.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/foreign/tree.h"

const char *const foreign_files[] = {
        "evoke.yaml",    "serverless.yml", "serverless.yaml", "template.yml",
        "template.yaml", "s.yaml",         "s.yml",           NULL};

/* ---- shared steps ---- */

const char *foreign_path(char out[FOREIGN_PATH], const char *path, const char *key)
{
    (void)snprintf(out, FOREIGN_PATH, "%.380s%s%.120s", path, *path ? "." : "", key);
    return out;
}

void foreign_unused(struct foreign *f, const char *path, const char *key, const char *why)
{
    char full[FOREIGN_PATH];

    buf_addf(f->unused, "%s%s%s\n", foreign_path(full, path, key), why ? ": " : "", why ? why : "");
}

int foreign_refuse(struct foreign *f, const char *path, const char *why)
{
    return err_set(f->e, ERR_CALLER, -EINVAL, "%.380s: %s", path, why);
}

/* Tools write these for "not configured". */
static bool is_unsaid(const struct cJSON *v)
{
    return cJSON_IsNull(v) || (cJSON_IsString(v) && !v->valuestring[0]);
}

/* Function Compute's keys begin with either case, by the tool. */
static bool is_key(const char *want, const char *key)
{
    return (want[0] | 0x20) == (key[0] | 0x20) && strcmp(want + 1, key + 1) == 0;
}

static const struct foreign_key *find(const struct foreign_key *keys, size_t n, const char *key)
{
    for (size_t i = 0; key[0] && i < n; i++)
        if (is_key(keys[i].key, key))
            return &keys[i];
    return NULL;
}

int foreign_walk(struct foreign *f, const char *path, const struct cJSON *from,
                 const struct foreign_key *keys, size_t n, struct cJSON *to)
{
    if (!cJSON_IsObject(from))
        return foreign_refuse(f, path, "must be a map");
    for (const struct cJSON *v = from->child; v; v = v->next) {
        const struct foreign_key *k = find(keys, n, v->string);
        char full[FOREIGN_PATH];
        int r = 0;

        if (!k)
            foreign_unused(f, path, v->string, NULL);
        else if (is_unsaid(v))
            continue;
        else if (k->read)
            r = k->read(f, foreign_path(full, path, v->string), v, to);
        else if (k->to)
            foreign_put(to, k->to, cJSON_Duplicate(v, true));
        if (r < 0)
            return r;
    }
    return 0;
}

const char *foreign_text(const struct cJSON *obj, const char *key)
{
    const struct cJSON *v = json_get(obj, key);

    return !v ? "" : cJSON_IsString(v) ? v->valuestring : NULL;
}

void foreign_put(struct cJSON *obj, const char *key, struct cJSON *value)
{
    if (cJSON_GetObjectItemCaseSensitive(obj, key))
        cJSON_ReplaceItemInObjectCaseSensitive(obj, key, value);
    else
        cJSON_AddItemToObject(obj, key, value);
}

void foreign_put_text(struct cJSON *obj, const char *key, const char *value)
{
    foreign_put(obj, key, cJSON_CreateString(value));
}

struct cJSON *foreign_map(struct cJSON *obj, const char *key)
{
    struct cJSON *map = cJSON_GetObjectItemCaseSensitive(obj, key);

    return map ? map : cJSON_AddObjectToObject(obj, key);
}

struct cJSON *foreign_function(struct foreign *f, const char *dialect, const char *space,
                               const char *name)
{
    struct cJSON *fn = cJSON_CreateObject();
    /* Funcraft and Serverless Devs know the account by the shell. */
    const char *account = strcmp(dialect, "fc") == 0 ? getenv("ACCOUNT_ID") : NULL;

    cJSON_AddStringToObject(fn, "dialect", dialect);
    if (account && *account)
        cJSON_AddStringToObject(fn, "account", account);
    cJSON_AddStringToObject(fn, "space", space);
    cJSON_AddItemToObject(f->functions, name, fn);
    return fn;
}

struct cJSON *foreign_trigger(struct cJSON *function, const char *name)
{
    struct cJSON *triggers = foreign_map(function, "triggers"), *t = cJSON_CreateObject();

    foreign_put(triggers, name, t);
    return t;
}

int foreign_environment(struct foreign *f, const char *path, const struct cJSON *value,
                        struct cJSON *to)
{
    struct cJSON *map = foreign_map(to, "environment");

    if (!cJSON_IsObject(value))
        return foreign_refuse(f, path, "must be a map of names and texts");
    for (const struct cJSON *v = value->child; v; v = v->next)
        foreign_put(map, v->string, cJSON_Duplicate(v, true));
    return 0;
}

/* ---- whose is it ---- */

static bool is_component(const struct cJSON *t)
{
    const char *component = foreign_text(t, "component");

    return component && *component && json_get(t, "inputs");
}

static bool is_serverless(const struct cJSON *t)
{
    return json_get(t, "service") && json_get(t, "provider");
}

static bool is_funcraft(const struct cJSON *t)
{
    return json_get(t, "ROSTemplateFormatVersion") || json_get(t, "Transform");
}

static bool is_devs(const struct cJSON *t)
{
    return json_get(t, "edition") && (json_get(t, "services") || json_get(t, "resources"));
}

static const struct {
    const char *tool;
    bool (*is)(const struct cJSON *tree);
    int (*read)(struct foreign *f);
    bool fills; /* its texts have variables */
} tools[] = {
        {"Serverless Components", is_component, foreign_component, true},
        {"Serverless Framework", is_serverless, foreign_serverless, true},
        {"Funcraft", is_funcraft, foreign_funcraft, false},
        {"Serverless Devs", is_devs, foreign_devs, true},
};

static int convert(size_t tool, struct cJSON **tree, struct buf *unused, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *out = cJSON_CreateObject(), *filled = NULL;
    struct foreign f = {.file = *tree,
                        .functions = cJSON_AddObjectToObject(out, "functions"),
                        .out = out,
                        .unused = unused,
                        .e = e};
    int r;

    if (tools[tool].fills) {
        filled = foreign_fill(&f);
        if (!filled)
            return -EINVAL;
        f.file = filled;
    }
    r = tools[tool].read(&f);
    if (r < 0)
        return r;
    json_free(*tree);
    *tree = TAKE_PTR(out);
    return 0;
}

const char *foreign_read(struct cJSON **tree, struct buf *unused, struct err *e)
{
    for (size_t i = 0; cJSON_IsObject(*tree) && i < ARRAY_LEN(tools); i++)
        if (tools[i].is(*tree))
            return convert(i, tree, unused, e) < 0 ? NULL : tools[i].tool;
    return NULL;
}
