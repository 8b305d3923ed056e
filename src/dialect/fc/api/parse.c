/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.c - what a client may write about a service or function, and how far.
 *
 * Each object has one table: a row is a field with its type and limits and, where the engine uses
 * the value, the setter that stores it. Rows without a setter are checked for type and kept;
 * fields in no table are kept unchecked (keep.c). Keys are found without case.
 *
 * Read next: object.c, the way back.
 */
#include "dialect/fc/api/parse.h"

#include <cjson/cJSON.h>
#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/fc/api/field.h"
#include "fn/fn.h"
#include "fn/space.h"
#include "runtime/runtime.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* --- setters --- */

static int set_runtime(struct target *t, const struct cJSON *value, struct err *e)
{
    struct str name = str_of(value->valuestring);

    if (!runtime_find(DIALECT_FC, name))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "runtime is set to an unknown value (actual: '%.64s')", value->valuestring);
    fn_set(&t->fn->runtime, name);
    return 0;
}

static int set_handler(struct target *t, const struct cJSON *value, struct err *e)
{
    (void)e;
    fn_set(&t->fn->handler, str_of(value->valuestring));
    return 0;
}

/* Funcraft sends "" for "none". */
static int set_initializer(struct target *t, const struct cJSON *value, struct err *e)
{
    struct str name = str_of(value->valuestring);

    (void)e;
    fn_set(&t->fn->initializer, name.n ? name : STR_NONE);
    return 0;
}

static int set_description(struct target *t, const struct cJSON *value, struct err *e)
{
    (void)e;
    fn_set(&t->fn->description, str_of(value->valuestring));
    return 0;
}

static int set_timeout(struct target *t, const struct cJSON *value, struct err *e)
{
    (void)e;
    t->fn->timeout_ms = (uint32_t)value->valuedouble * 1000;
    return 0;
}

static int set_init_timeout(struct target *t, const struct cJSON *value, struct err *e)
{
    (void)e;
    t->fn->init_timeout_ms = (uint32_t)value->valuedouble * 1000;
    return 0;
}

static int set_memory(struct target *t, const struct cJSON *value, struct err *e)
{
    (void)e;
    t->fn->memory_mb = (uint32_t)value->valuedouble;
    return 0;
}

static int set_concurrency(struct target *t, const struct cJSON *value, struct err *e)
{
    (void)e;
    t->fn->instance_concurrency = (uint32_t)value->valuedouble;
    return 0;
}

/* 512 or 10240; clients that send every field send 0 for "not said". */
static int set_disk(struct target *t, const struct cJSON *value, struct err *e)
{
    double mb = value->valuedouble;

    if (mb != 0 && mb != 512 && mb != 10240)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "diskSize is set to an invalid value (allowed: 512 | 10240, actual: %.0f)",
                       mb);
    if (mb != 0)
        t->fn->tmp_mb = (uint32_t)mb;
    return 0;
}

/* {"handler": text, "timeout": seconds}; an empty handler means none. */
static int read_hook(const struct cJSON *hooks, const char *name, char **handler,
                     uint32_t *timeout_ms, struct err *e)
{
    const struct cJSON *hook = json_geti(hooks, name);
    struct str text = STR_NONE;
    int64_t seconds = *timeout_ms / 1000;
    int r;

    if (!hook)
        return 0;
    if (!cJSON_IsObject(hook))
        return err_set(e, ERR_CALLER, -EINVAL, "%s must be an object", name);
    r = json_str(hook, "handler", true, &text, e);
    if (r >= 0)
        r = json_int(hook, "timeout", true, 1, FC_HOOK_TIMEOUT_MAX_S, &seconds, e);
    if (r < 0)
        return err_wrap(e, r, "%s", name);
    if (text.n > FC_HANDLER_MAX)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "%s.handler is set to an invalid value (allowed length: 0 to %d, actual: "
                       "%zu)",
                       name, FC_HANDLER_MAX, text.n);
    fn_set(handler, text.n ? text : STR_NONE);
    *timeout_ms = (uint32_t)seconds * 1000;
    return 0;
}

static int set_hooks(struct target *t, const struct cJSON *value, struct err *e)
{
    int r = read_hook(value, "preStop", &t->fn->pre_stop, &t->fn->pre_stop_timeout_ms, e);

    if (r >= 0)
        r = read_hook(value, "preFreeze", &t->fn->pre_freeze, &t->fn->pre_freeze_timeout_ms, e);
    return r < 0 ? err_wrap(e, r, "instanceLifecycleConfig") : 0;
}

/* Names the platform sets itself. */
static bool is_reserved_var(struct str name)
{
    static const char *const names[] = {
            "accessKeyID",
            "accessKeySecret",
            "securityToken",
            "topic",
            "ALIBABA_CLOUD_ACCESS_KEY_ID",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
            "ALIBABA_CLOUD_SECURITY_TOKEN",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(name, str_of(names[i])))
            return true;
    return str_starts(name, S("FC_"));
}

static int check_var_name(struct str name, struct err *e)
{
    bool good = name.n > 0 && is_letter(name.p[0]);

    for (size_t i = 0; i < name.n && good; i++)
        good = is_letter(name.p[i]) || is_digit(name.p[i]) || name.p[i] == '_';
    if (!good)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "environment variable name '%.*s' must match [A-Za-z][A-Za-z0-9_]*",
                       (int)(name.n < 64 ? name.n : 64), name.p ? name.p : "");
    if (is_reserved_var(name))
        return err_set(e, ERR_CALLER, -EINVAL, "environment variable name '%.*s' is reserved",
                       STR_ARG(name));
    return 0;
}

/* Node clients send numbers and booleans as they are: they become text. */
static int set_vars(struct target *t, const struct cJSON *value, struct err *e)
{
    size_t total = 0;

    fn_set_vars_done(t->fn);
    for (const struct cJSON *item = value->child; item; item = item->next) {
        cleanup_with(buf_done) struct buf text;
        struct str name = str_of(item->string);
        int r = check_var_name(name, e);

        buf_init(&text, FC_VARS_MAX + 1);
        if (r < 0)
            return r;
        if (cJSON_IsString(item))
            buf_addz(&text, item->valuestring);
        else if (cJSON_IsNumber(item) || cJSON_IsBool(item))
            json_print(item, &text);
        else
            return err_set(e, ERR_CALLER, -EINVAL, "environment variable '%s' must be a string",
                           item->string);
        total += name.n + text.n;
        if (!buf_ok(&text) || total > FC_VARS_MAX)
            return err_set(e, ERR_CALLER, -EINVAL,
                           "environmentVariables exceeds the maximum allowed size (%d bytes)",
                           FC_VARS_MAX);
        fn_add_var(t->fn, name, buf_str(&text));
    }
    return 0;
}

int fc_parse_zip(struct str base64, size_t max, struct buf *zip, struct err *e)
{
    int r = -EMSGSIZE;

    /* Size first, so that a package that is too large is told apart from broken base64. */
    if (base64.n / 4 * 3 <= max + 2) {
        buf_init(zip, max);
        r = base64_decode(base64, zip);
    }
    if (r == -EMSGSIZE)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "code size exceeds the maximum allowed size (%zu bytes)", max);
    if (r < 0)
        return err_set(e, ERR_CALLER, -EINVAL, "zipFile is not valid base64");
    if (zip->n == 0)
        return err_set(e, ERR_CALLER, -EINVAL, "zipFile is empty");
    return 0;
}

static int set_code(struct target *t, const struct cJSON *value, struct err *e)
{
    struct str zip = STR_NONE, bucket = STR_NONE, object = STR_NONE;
    int r;

    r = json_str(value, "zipFile", true, &zip, e);
    if (r >= 0)
        r = json_str(value, "ossBucketName", true, &bucket, e);
    if (r >= 0)
        r = json_str(value, "ossObjectName", true, &object, e);
    if (r < 0)
        return r;
    if (zip.n)
        return fc_parse_zip(zip, FC_ZIP_MAX, t->zip, e);
    if (bucket.n && object.n) /* fc_parse_code_object() */
        return 0;
    return err_set(e, ERR_CALLER, -EINVAL,
                   "Either ossBucketName/ossObjectName or zipFile must be set");
}

bool fc_parse_code_object(const struct cJSON *body, struct str *bucket, struct str *object)
{
    const struct cJSON *code = json_geti(body, "code");
    struct str zip = STR_NONE;

    *bucket = *object = STR_NONE;
    (void)json_str(code, "zipFile", true, &zip, NULL);
    (void)json_str(code, "ossBucketName", true, bucket, NULL);
    (void)json_str(code, "ossObjectName", true, object, NULL);
    return zip.n == 0 && bucket->n > 0 && object->n > 0;
}

/* --- tables --- */

static const struct field service_fields[] = {
        {.name = "serviceName", .type = TEXT, .required = true, .min = 1, .max = FC_NAME_MAX},
        {.name = "description", .type = TEXT, .max = FC_DESCRIPTION_MAX},
        {.name = "role", .type = TEXT},
        {.name = "internetAccess", .type = BOOL},
        {.name = "logConfig", .type = OBJECT},
        {.name = "vpcConfig", .type = OBJECT},
        {.name = "nasConfig", .type = OBJECT},
        {.name = "ossMountConfig", .type = OBJECT},
        {.name = "tracingConfig", .type = OBJECT},
};

static const struct field function_fields[] = {
        {.name = "functionName", .type = TEXT, .required = true, .min = 1, .max = FC_NAME_MAX},
        {.name = "runtime",
         .type = TEXT,
         .required = true,
         .min = 1,
         .max = 64,
         .set = set_runtime},
        {.name = "handler",
         .type = TEXT,
         .required = true,
         .min = 1,
         .max = FC_HANDLER_MAX,
         .set = set_handler},
        {.name = "initializer", .type = TEXT, .max = FC_HANDLER_MAX, .set = set_initializer},
        {.name = "description", .type = TEXT, .max = FC_DESCRIPTION_MAX, .set = set_description},
        {.name = "timeout", .type = INT, .min = 1, .max = FC_TIMEOUT_MAX_S, .set = set_timeout},
        {.name = "initializationTimeout",
         .type = INT,
         .min = 1,
         .max = FC_INIT_TIMEOUT_MAX_S,
         .set = set_init_timeout},
        {.name = "memorySize",
         .type = INT,
         .min = FC_MEMORY_MIN_MB,
         .max = FC_MEMORY_MAX_MB,
         .step = FC_MEMORY_STEP_MB,
         .set = set_memory},
        {.name = "instanceConcurrency", .type = INT, .min = 1, .max = 200, .set = set_concurrency},
        {.name = "environmentVariables", .type = OBJECT, .set = set_vars},
        {.name = "code", .type = OBJECT, .set = set_code},
        {.name = "cpu", .type = NUMBER},
        {.name = "diskSize", .type = INT, .min = 0, .max = 10240, .set = set_disk},
        {.name = "caPort", .type = INT, .min = 0, .max = 65535},
        {.name = "instanceType", .type = TEXT},
        {.name = "customRuntimeConfig", .type = OBJECT},
        {.name = "customContainerConfig", .type = OBJECT},
        {.name = "customHealthCheckConfig", .type = OBJECT},
        {.name = "customDNS", .type = OBJECT},
        {.name = "layers", .type = LIST},
        {.name = "instanceLifecycleConfig", .type = OBJECT, .set = set_hooks},
};

/* --- walking them --- */

static int check_text(const struct field *f, const struct cJSON *value, struct err *e)
{
    size_t n;

    if (!cJSON_IsString(value))
        return err_set(e, ERR_CALLER, -EINVAL, "%s must be a string", f->name);
    n = strlen(value->valuestring);
    if ((int64_t)n < f->min || (f->max && (int64_t)n > f->max))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "%s is set to an invalid value (allowed length: %lld to %lld, actual: %zu)",
                       f->name, (long long)f->min, (long long)f->max, n);
    return 0;
}

static int check_int(const struct cJSON *body, const struct field *f, struct err *e)
{
    int64_t v = 0;
    int r = json_int(body, f->name, true, f->min, f->max, &v, e);

    if (r < 0)
        return r;
    if (f->step && v % f->step != 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "%s is set to an invalid value (allowed: multiples of %lld, actual: %lld)",
                       f->name, (long long)f->step, (long long)v);
    return 0;
}

static int check_field(const struct cJSON *body, const struct field *f, const struct cJSON *value,
                       struct err *e)
{
    switch (f->type) {
    case TEXT:
        return check_text(f, value, e);
    case INT:
        return check_int(body, f, e);
    case NUMBER:
        return cJSON_IsNumber(value)
                       ? 0
                       : err_set(e, ERR_CALLER, -EINVAL, "%s must be a number", f->name);
    case BOOL:
        return cJSON_IsBool(value)
                       ? 0
                       : err_set(e, ERR_CALLER, -EINVAL, "%s must be true or false", f->name);
    case OBJECT:
        return cJSON_IsObject(value)
                       ? 0
                       : err_set(e, ERR_CALLER, -EINVAL, "%s must be an object", f->name);
    case LIST:
        return cJSON_IsArray(value) ? 0
                                    : err_set(e, ERR_CALLER, -EINVAL, "%s must be a list", f->name);
    }
    return 0;
}

/* is_new: what is required must be there. */
static int apply_fields(const struct cJSON *body, const struct field *fields, size_t n, bool is_new,
                        struct target *t, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        const struct field *f = &fields[i];
        const struct cJSON *value = json_geti(body, f->name);
        int r = 0;

        if (!value && f->required && is_new)
            return err_set(e, ERR_CALLER, -EINVAL, "%s is required", f->name);
        if (value)
            r = check_field(body, f, value, e);
        if (value && r >= 0 && f->set)
            r = f->set(t, value, e);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- whole requests --- */

static int must_be_object(const struct cJSON *body, struct err *e)
{
    if (cJSON_IsObject(body))
        return 0;
    return err_set(e, ERR_CALLER, -EINVAL, "the request body must be a JSON object");
}

int fc_parse_service(const struct cJSON *body, struct space *s, struct err *e)
{
    int r = must_be_object(body, e);

    if (r >= 0)
        r = apply_fields(body, service_fields, ARRAY_LEN(service_fields), true, NULL, e);
    if (r < 0)
        return r;
    return fc_keep(body, service_fields, ARRAY_LEN(service_fields), "serviceName", &s->extra, e);
}

int fc_parse_service_update(const struct cJSON *body, struct space *draft, struct err *e)
{
    int r = must_be_object(body, e);

    if (r >= 0)
        r = apply_fields(body, service_fields, ARRAY_LEN(service_fields), false, NULL, e);
    if (r < 0)
        return r;
    return fc_keep_over(body, service_fields, ARRAY_LEN(service_fields), "serviceName",
                        &draft->extra, e);
}

void fc_parse_inherit(const struct space *s, struct fn *f)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(s->extra), NULL);
    struct str role = STR_NONE;
    bool internet = true;

    (void)json_str(extra, "role", false, &role, NULL);
    (void)json_bool(extra, "internetAccess", false, &internet, NULL);
    fn_set(&f->role, role.n ? role : STR_NONE);
    f->network = internet ? FN_NETWORK_DEFAULT : FN_NETWORK_ENDPOINT;
}

int fc_parse_function(const struct cJSON *body, struct fn *f, struct buf *zip, struct err *e)
{
    struct target t = {.fn = f, .zip = zip};
    int r = must_be_object(body, e);

    if (r < 0)
        return r;
    /* What a request leaves out. memorySize has no documented default: the smallest size. */
    f->timeout_ms = 3000;
    f->init_timeout_ms = 3000;
    f->memory_mb = FC_MEMORY_MIN_MB;
    r = apply_fields(body, function_fields, ARRAY_LEN(function_fields), true, &t, e);
    if (r < 0)
        return r;
    if (!json_geti(body, "code") && !str_eq(str_of(f->runtime), S("custom-container")))
        return err_set(e, ERR_CALLER, -EINVAL, "code is required");
    return fc_keep(body, function_fields, ARRAY_LEN(function_fields), "functionName", &f->extra, e);
}

int fc_parse_function_update(const struct cJSON *body, struct fn *draft, struct buf *zip,
                             struct err *e)
{
    struct target t = {.fn = draft, .zip = zip};
    int r = must_be_object(body, e);

    if (r >= 0)
        r = apply_fields(body, function_fields, ARRAY_LEN(function_fields), false, &t, e);
    if (r < 0)
        return r;
    return fc_keep_over(body, function_fields, ARRAY_LEN(function_fields), "functionName",
                        &draft->extra, e);
}
