/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.c - what 3.0 lets a client write about a function.
 *
 * Most of it is what 2016-08-15 takes, and goes the same way (fc/api/parse.c). Here is the difference: the
 * role and the like on the function itself, an initializer among the hooks, ports and commands in one
 * place, a ratio between CPU and memory. A row of the table is a field with its type and limits; what the
 * engine uses has a setter behind it.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/fc/api/field.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"

static const struct row {
    const char *name;
    enum field_type type;
    int64_t min, max;
} rows[] = {
        {"role", TEXT, 0, 256},
        {"internetAccess", BOOL, 0, 0},
        {"logConfig", OBJECT, 0, 0},
        {"vpcConfig", OBJECT, 0, 0},
        {"nasConfig", OBJECT, 0, 0},
        {"ossMountConfig", OBJECT, 0, 0},
        {"polarFsConfig", OBJECT, 0, 0},
        {"juiceFsConfig", OBJECT, 0, 0},
        {"tracingConfig", OBJECT, 0, 0},
        {"gpuConfig", OBJECT, 0, 0},
        {"customDNS", OBJECT, 0, 0},
        {"customRuntimeConfig", OBJECT, 0, 0},
        {"customContainerConfig", OBJECT, 0, 0},
        {"microSandboxConfig", OBJECT, 0, 0},
        {"disableOndemand", BOOL, 0, 0},
        {"enableLongLiving", BOOL, 0, 0},
        {"disableInjectCredentials", TEXT, 0, 64},
        {"idleTimeout", INT, 0, 86400},
        {"instanceIsolationMode", TEXT, 0, 64},
        {"sessionAffinity", TEXT, 0, 64},
        {"sessionAffinityConfig", TEXT, 0, 4096},
        {"resourceGroupId", TEXT, 0, 128},
        {"tags", LIST, 0, 0},
};

static int check_row(const struct cJSON *body, const struct row *f, struct err *e)
{
    const struct cJSON *value = json_geti(body, f->name);
    struct str text = STR_NONE;
    int64_t n = 0;
    bool b;

    if (!value)
        return 0;
    switch (f->type) {
    case TEXT:
        if (json_str(body, f->name, true, &text, e) < 0)
            return -EINVAL;
        if (f->max && (int64_t)text.n > f->max)
            return err_set(e, ERR_CALLER, -EINVAL,
                           "%s is set to an invalid value (allowed length: 0 to %lld, actual: %zu)",
                           f->name, (long long)f->max, text.n);
        return 0;
    case INT:
        return json_int(body, f->name, true, f->min, f->max, &n, e);
    case BOOL:
        return json_bool(body, f->name, true, &b, e);
    case OBJECT:
        return cJSON_IsObject(value)
                       ? 0
                       : err_set(e, ERR_CALLER, -EINVAL, "%s must be an object", f->name);
    case LIST:
        return cJSON_IsArray(value) ? 0
                                    : err_set(e, ERR_CALLER, -EINVAL, "%s must be a list", f->name);
    case NUMBER:
        break;
    }
    return 0;
}

/* ---- what has rules of its own ---- */

static int check_texts(const struct cJSON *list, const char *name, struct err *e)
{
    if (!list)
        return 0;
    for (const struct cJSON *item = list->child; item; item = item->next)
        if (!cJSON_IsString(item))
            return err_set(e, ERR_CALLER, -EINVAL, "%s must be a list of strings", name);
    return cJSON_IsArray(list)
                   ? 0
                   : err_set(e, ERR_CALLER, -EINVAL, "%s must be a list of strings", name);
}

/* customRuntimeConfig and customContainerConfig. */
static int check_custom(const struct cJSON *body, const char *name, struct err *e)
{
    static const char *const lists[] = {"command", "args", "entrypoint"};
    static const struct {
        const char *key;
        int64_t min, max;
    } numbers[] = {{"initialDelaySeconds", 0, 120},
                   {"periodSeconds", 1, 120},
                   {"timeoutSeconds", 1, 3},
                   {"failureThreshold", 1, 120},
                   {"successThreshold", 1, 120}};
    const struct cJSON *config = json_geti(body, name),
                       *health = config ? json_geti(config, "healthCheckConfig") : NULL;
    int64_t n = 0;
    int r = 0;

    for (size_t i = 0; config && i < ARRAY_LEN(lists) && r >= 0; i++)
        r = check_texts(json_geti(config, lists[i]), lists[i], e);
    if (config && r >= 0)
        r = json_int(config, "port", true, 1, 65535, &n, e);
    for (size_t i = 0; health && i < ARRAY_LEN(numbers) && r >= 0; i++)
        r = json_int(health, numbers[i].key, true, numbers[i].min, numbers[i].max, &n, e);
    return r < 0 ? err_wrap(e, r, "%s", name) : 0;
}

/* In steps of 0.05 up to 16; one CPU for 1 to 4 GB. */
static int check_cpu(const struct cJSON *body, const struct fn *f, struct err *e)
{
    const struct cJSON *cpu = json_geti(body, "cpu");
    double steps, gb = f->memory_mb / 1024.0;

    if (!cpu || !cJSON_IsNumber(cpu))
        return 0; /* of another type: the shared table says so */
    steps = cpu->valuedouble * 20;
    if (cpu->valuedouble < 0.05 || cpu->valuedouble > 16 || fabs(steps - round(steps)) > 1e-6)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "cpu is set to an invalid value (allowed: multiples of 0.05 from 0.05 to "
                       "16, actual: %g)",
                       cpu->valuedouble);
    if (gb < cpu->valuedouble - 1e-9 || gb > 4 * cpu->valuedouble + 1e-9)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "the ratio of cpu to memorySize (in GB) must be from 1:1 to 1:4 (cpu: %g, "
                       "memorySize: %u)",
                       cpu->valuedouble, f->memory_mb);
    return 0;
}

/* CRC-64 in decimal, of what was sent. */
static int check_checksum(const struct cJSON *body, struct str zip, struct err *e)
{
    const struct cJSON *code = json_geti(body, "code");
    char actual[FC_CHECKSUM_TEXT];
    struct str want = STR_NONE;

    if (!code || json_str(code, "checksum", true, &want, e) < 0)
        return code ? -EINVAL : 0;
    if (want.n == 0 || zip.n == 0 || str_eq(want, str_of(fc_object_checksum(zip, actual))))
        return 0;
    return err_set(e, ERR_CALLER, -EINVAL,
                   "code checksum mismatch (code.checksum: '%.*s', actual: '%s')",
                   (int)(want.n < 32 ? want.n : 32), want.p, actual);
}

static int check_tags(const struct cJSON *body, struct err *e)
{
    const struct cJSON *list = json_geti(body, "tags");

    for (const struct cJSON *tag = list ? list->child : NULL; tag; tag = tag->next) {
        struct str key = STR_NONE, value = STR_NONE;

        if (!cJSON_IsObject(tag) || json_str(tag, "Key", true, &key, e) < 0 ||
            json_str(tag, "Value", true, &value, e) < 0 || key.n == 0)
            return err_set(e, ERR_CALLER, -EINVAL, "tags must be a list of {Key, Value}");
    }
    return 0;
}

/* ---- setters ---- */

/* instanceLifecycleConfig.initializer {handler, timeout}; an empty handler: none. */
static int set_initializer(const struct cJSON *body, struct fn *f, struct err *e)
{
    const struct cJSON *hooks = json_geti(body, "instanceLifecycleConfig"),
                       *hook = hooks ? json_geti(hooks, "initializer") : NULL;
    int64_t seconds = f->init_timeout_ms / 1000;
    struct str handler = STR_NONE;
    int r;

    if (!hook)
        return 0;
    if (!cJSON_IsObject(hook))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "instanceLifecycleConfig: initializer must be an object");
    if (json_geti(hook, "command") && cJSON_GetArraySize(json_geti(hook, "command")) > 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "instanceLifecycleConfig: initializer: command is not supported here, send "
                       "handler");
    r = json_str(hook, "handler", true, &handler, e);
    if (r >= 0)
        r = json_int(hook, "timeout", true, 1, FC_INIT_TIMEOUT_MAX_S, &seconds, e);
    if (r < 0)
        return err_wrap(e, r, "instanceLifecycleConfig: initializer");
    if (handler.n > FC_HANDLER_MAX)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "initializer.handler is set to an invalid value (allowed length: 0 to %d, "
                       "actual: %zu)",
                       FC_HANDLER_MAX, handler.n);
    fn_set(&f->initializer, handler.n ? handler : STR_NONE);
    f->init_timeout_ms = (uint32_t)seconds * 1000;
    return 0;
}

static void set_access(const struct cJSON *body, struct fn *f)
{
    struct str role = str_of(f->role ? f->role : "");
    bool internet = f->network != FN_NETWORK_ENDPOINT && f->network != FN_NETWORK_NONE;

    (void)json_str(body, "role", true, &role, NULL);
    (void)json_bool(body, "internetAccess", true, &internet, NULL);
    fn_set(&f->role, role.n ? role : STR_NONE);
    if (internet != (f->network != FN_NETWORK_ENDPOINT && f->network != FN_NETWORK_NONE))
        f->network = internet ? FN_NETWORK_DEFAULT : FN_NETWORK_ENDPOINT;
}

/* Whatever their case was. */
static void spell_tags(struct cJSON *extra, const struct cJSON *body)
{
    const struct cJSON *list = json_geti(body, "tags");
    struct cJSON *tags = cJSON_CreateArray();

    for (const struct cJSON *tag = list ? list->child : NULL; tag; tag = tag->next)
        fc3_tags_set(tags, json_geti(tag, "Key"), json_geti(tag, "Value"));
    cJSON_DeleteItemFromObject(extra, "tags");
    (void)cJSON_AddItemToObject(extra, "tags", tags);
}

/* How it was made decides what its HTTP triggers give it (fc/shape/). */
static int mark(struct fn *f, const struct cJSON *body, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(f->extra), NULL);
    cleanup_with(buf_done) struct buf text = {0};

    if (!extra)
        return err_set(e, ERR_HOST, -EIO, "the record's own settings do not parse");
    spell_tags(extra, body);
    (void)cJSON_AddStringToObject(extra, "fcVersion", "v3");
    buf_init(&text, FC_EXTRA_MAX);
    json_print(extra, &text);
    if (!buf_ok(&text))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "the request holds more optional settings than fit (%d bytes)",
                       FC_EXTRA_MAX);
    fn_set(&f->extra, buf_str(&text));
    return 0;
}

int fc3_parse_function(const struct cJSON *body, struct fn *draft, bool is_new, struct buf *zip,
                       struct err *e)
{
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows) && r >= 0; i++)
        r = check_row(body, &rows[i], e);
    if (r >= 0)
        r = check_custom(body, "customRuntimeConfig", e);
    if (r >= 0)
        r = check_custom(body, "customContainerConfig", e);
    if (r >= 0)
        r = check_tags(body, e);
    if (r >= 0)
        r = is_new ? fc_parse_function(body, draft, zip, e)
                   : fc_parse_function_update(body, draft, zip, e);
    if (r >= 0)
        r = check_cpu(body, draft, e);
    if (r >= 0)
        r = check_checksum(body, buf_str(zip), e);
    if (r >= 0)
        r = set_initializer(body, draft, e);
    if (r >= 0)
        set_access(body, draft);
    if (r >= 0 && is_new)
        r = mark(draft, body, e);
    return r;
}
