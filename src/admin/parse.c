/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.c - what a deploy request may say, whatever cloud the function speaks.
 *
 * One table of fields; what the clouds allow is another (rules.c). This API is ours alone, so it is
 * strict where the clouds' are patient: a key nobody knows is a mistake and is refused by its name.
 */
#include "admin/parse.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stddef.h>

#include "admin/async.h"
#include "admin/rules.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "fn/fn.h"
#include "runtime/runtime.h"

enum {
    MEMORY_MIN_MB = 128,
    MEMORY_STEP_MB = 64,
    HANDLER_MAX = 128,
    INIT_TIMEOUT_MAX_MS = 300000,
    HOOK_TIMEOUT_MAX_MS = 90000,
    ROLE_MAX = 1024,
};

const char *const admin_cpu_names[ADMIN_CPUS] = {"weight", "strict"};

struct target {
    struct fn *fn;
    struct admin_code *code;
    const struct rules *rule;
};

struct field;
/* value is not null; the setter checks and stores. */
typedef int setter(struct target *t, const struct field *f, const struct cJSON *value,
                   struct err *e);

struct field {
    const char *key;
    bool required;
    setter *set;
    /* of the setters that serve several fields */
    size_t at;                /* in struct fn */
    int64_t min, max;         /* of a number; of a text in bytes */
    int64_t step;             /* a number is a multiple of it */
    const char *const *words; /* max of them: the value is one's index */
};

static int get_text(const char *key, const struct cJSON *value, size_t min, size_t max,
                    struct str *ret, struct err *e)
{
    if (!cJSON_IsString(value))
        return err_set(e, ERR_CALLER, -EINVAL, "%s must be text", key);
    *ret = str_of(value->valuestring);
    if (ret->n < min || ret->n > max)
        return err_set(e, ERR_CALLER, -EINVAL, "%s must have %zu to %zu bytes, not %zu", key, min,
                       max, ret->n);
    return 0;
}

static int get_number(const char *key, const struct cJSON *value, int64_t min, int64_t max,
                      int64_t *ret, struct err *e)
{
    double v = value->valuedouble;

    if (!cJSON_IsNumber(value))
        return err_set(e, ERR_CALLER, -EINVAL, "%s must be a whole number", key);
    if (!(v >= (double)min && v <= (double)max))
        return err_set(e, ERR_CALLER, -EINVAL, "%s must be between %lld and %lld, not %.15g", key,
                       (long long)min, (long long)max, v);
    if (v != (double)(int64_t)v)
        return err_set(e, ERR_CALLER, -EINVAL, "%s must be a whole number, not %.15g", key, v);
    *ret = (int64_t)v;
    return 0;
}

static int set_runtime(struct target *t, const struct field *f, const struct cJSON *value,
                       struct err *e)
{
    struct str s = STR_NONE;
    int r = get_text(f->key, value, 1, 64, &s, e);

    if (r < 0)
        return r;
    if (!runtime_find(t->fn->dialect, s))
        return err_set(e, ERR_CALLER, -EINVAL, "%s '%.*s' is not a runtime of %s", f->key,
                       STR_ARG(s), dialect_names[t->fn->dialect]);
    fn_set(&t->fn->runtime, s);
    return 0;
}

static int set_handler(struct target *t, const struct field *f, const struct cJSON *value,
                       struct err *e)
{
    struct str s = STR_NONE;
    int r = get_text(f->key, value, t->rule->handler_min, HANDLER_MAX, &s, e);

    if (r >= 0)
        fn_set(&t->fn->handler, s);
    return r;
}

static int set_initializer(struct target *t, const struct field *f, const struct cJSON *value,
                           struct err *e)
{
    struct str s = STR_NONE;
    int r = get_text(f->key, value, 0, HANDLER_MAX, &s, e);

    if (r >= 0 && s.n)
        fn_set(&t->fn->initializer, s);
    return r;
}

static int set_description(struct target *t, const struct field *f, const struct cJSON *value,
                           struct err *e)
{
    struct str s = STR_NONE;
    int r = get_text(f->key, value, 0, t->rule->description_max, &s, e);

    if (r >= 0)
        fn_set(&t->fn->description, s);
    return r;
}

static bool is_sold(const struct rules *rule, int64_t mb)
{
    if (!rule->memory_mb)
        return mb % MEMORY_STEP_MB == 0;
    for (const uint16_t *size = rule->memory_mb; *size; size++)
        if (*size == mb)
            return true;
    return false;
}

static int set_memory(struct target *t, const struct field *f, const struct cJSON *value,
                      struct err *e)
{
    int64_t v = 0;
    int r = get_number(f->key, value, MEMORY_MIN_MB, t->rule->memory_max_mb, &v, e);

    if (r >= 0 && !is_sold(t->rule, v))
        return err_set(e, ERR_CALLER, -EINVAL, "%s %lld is not one of the sizes of this cloud%s",
                       f->key, (long long)v,
                       t->rule->memory_mb ? " (128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, "
                                            "2560, 3072, 3584, 4096, 8192, 10240)"
                                          : " (multiples of 64)");
    if (r >= 0)
        t->fn->memory_mb = (uint32_t)v;
    return r;
}

static int set_timeout(struct target *t, const struct field *f, const struct cJSON *value,
                       struct err *e)
{
    int64_t v = 0;
    int r = get_number(f->key, value, t->rule->timeout_min_ms, t->rule->timeout_max_ms, &v, e);

    if (r >= 0 && v % 1000 != 0)
        return err_set(e, ERR_CALLER, -EINVAL, "%s must be whole seconds, not %lld", f->key,
                       (long long)v);
    if (r >= 0)
        t->fn->timeout_ms = (uint32_t)v;
    return r;
}

static int set_init_timeout(struct target *t, const struct field *f, const struct cJSON *value,
                            struct err *e)
{
    int64_t v = 0;
    int r = get_number(f->key, value, 1000, INIT_TIMEOUT_MAX_MS, &v, e);

    if (r >= 0 && v % 1000 != 0)
        return err_set(e, ERR_CALLER, -EINVAL, "%s must be whole seconds, not %lld", f->key,
                       (long long)v);
    if (r >= 0)
        t->fn->init_timeout_ms = (uint32_t)v;
    return r;
}

static int set_environment(struct target *t, const struct field *f, const struct cJSON *value,
                           struct err *e)
{
    size_t total = 0;

    if (!cJSON_IsObject(value))
        return err_set(e, ERR_CALLER, -EINVAL, "%s must be an object", f->key);
    for (const struct cJSON *item = value->child; item; item = item->next) {
        struct str name = str_of(item->string);
        int r = admin_check_var(t->rule, name, e);

        if (r < 0)
            return r;
        if (!cJSON_IsString(item))
            return err_set(e, ERR_CALLER, -EINVAL, "%s: '%s' must be text", f->key, item->string);
        total += name.n + strlen(item->valuestring);
        fn_add_var(t->fn, name, str_of(item->valuestring));
    }
    if (t->rule->vars && t->fn->nvars > t->rule->vars)
        return err_set(e, ERR_CALLER, -EINVAL, "%s has %u variables, the limit is %zu", f->key,
                       t->fn->nvars, t->rule->vars);
    if (total > t->rule->vars_max)
        return err_set(e, ERR_CALLER, -EINVAL, "%s has %zu bytes, the limit is %zu", f->key, total,
                       t->rule->vars_max);
    return 0;
}

static int set_zip(struct target *t, const struct field *f, const struct cJSON *value,
                   struct err *e)
{
    struct str s = STR_NONE;
    int r = get_text(f->key, value, 1, SIZE_MAX, &s, e);

    if (r < 0)
        return r;
    r = base64_decode(s, &t->code->zip);
    if (r == -EMSGSIZE)
        return err_set(e, ERR_CALLER, -EINVAL, "%s is larger than %zu bytes", f->key,
                       t->code->zip.max);
    if (r < 0)
        return err_set(e, ERR_CALLER, -EINVAL, "%s is not valid base64", f->key);
    return 0;
}

static int set_source(struct target *t, const struct field *f, const struct cJSON *value,
                      struct err *e)
{
    return get_text(f->key, value, 0, ADMIN_SOURCE_MAX, &t->code->source, e);
}

static int set_filename(struct target *t, const struct field *f, const struct cJSON *value,
                        struct err *e)
{
    return get_text(f->key, value, 1, 255, &t->code->filename, e);
}

static int set_sha(struct target *t, const struct field *f, const struct cJSON *value,
                   struct err *e)
{
    return get_text(f->key, value, 64, 64, &t->code->sha, e);
}

static int walk(const struct cJSON *body, const struct field *fields, size_t n, const char *prefix,
                struct target *t, struct err *e);

static const struct field code_fields[] = {
        {.key = "zip", .set = set_zip},
        {.key = "source", .set = set_source},
        {.key = "filename", .set = set_filename},
        {.key = "sha256", .set = set_sha},
};

static int set_code(struct target *t, const struct field *f, const struct cJSON *value,
                    struct err *e)
{
    int r;

    if (!cJSON_IsObject(value))
        return err_set(e, ERR_CALLER, -EINVAL, "%s must be an object", f->key);
    r = walk(value, code_fields, ARRAY_LEN(code_fields), "code.", t, e);
    if (r < 0)
        return r;
    if ((t->code->zip.n > 0) + (t->code->source.p != NULL) + (t->code->sha.p != NULL) != 1)
        return err_set(e, ERR_CALLER, -EINVAL, "code must hold one of zip, source and sha256");
    return 0;
}

/* --- settings that need no more than their limits --- */

static void *place(struct target *t, const struct field *f)
{
    return (char *)t->fn + f->at;
}

static int set_whole(struct target *t, const struct field *f, const struct cJSON *value,
                     struct err *e)
{
    int64_t v = 0;
    int r = get_number(f->key, value, f->min, f->max, &v, e);

    if (r >= 0 && f->step && v % f->step != 0)
        return err_set(e, ERR_CALLER, -EINVAL, "%s must be a multiple of %lld, not %lld", f->key,
                       (long long)f->step, (long long)v);
    if (r >= 0)
        *(uint32_t *)place(t, f) = (uint32_t)v;
    return r;
}

/* Empty is none. */
static int set_text(struct target *t, const struct field *f, const struct cJSON *value,
                    struct err *e)
{
    struct str s = STR_NONE;
    int r = get_text(f->key, value, 0, (size_t)f->max, &s, e);

    if (r >= 0)
        fn_set(place(t, f), s.n ? s : STR_NONE);
    return r;
}

static int set_word(struct target *t, const struct field *f, const struct cJSON *value,
                    struct err *e)
{
    cleanup_with(buf_done) struct buf list;

    buf_init(&list, 128);
    for (int64_t i = 0; i < f->max; i++) {
        if (cJSON_IsString(value) && strcmp(value->valuestring, f->words[i]) == 0) {
            *(uint32_t *)place(t, f) = (uint32_t)i;
            return 0;
        }
        buf_addf(&list, "%s%s", i ? ", " : "", f->words[i]);
    }
    return err_set(e, ERR_CALLER, -EINVAL, "%s must be one of %s", f->key, list.p);
}

static int set_concurrency(struct target *t, const struct field *f, const struct cJSON *value,
                           struct err *e)
{
    int64_t v = 0;
    int r = get_number(f->key, value, 1, t->rule->concurrency_max, &v, e);

    if (r >= 0)
        t->fn->instance_concurrency = (uint32_t)v;
    return r;
}

static int set_reserved(struct target *t, const struct field *f, const struct cJSON *value,
                        struct err *e)
{
    int64_t v = 0;
    int r = get_number(f->key, value, 0, t->fn->max_instances, &v, e);

    if (r >= 0)
        t->fn->reserved = (uint32_t)v;
    return r;
}

static int set_async(struct target *t, const struct field *f, const struct cJSON *value,
                     struct err *e)
{
    (void)f;
    return admin_parse_async(value, t->fn, e);
}

static const struct field deploy_fields[] = {
        {.key = "runtime", .required = true, .set = set_runtime},
        {.key = "handler", .required = true, .set = set_handler},
        {.key = "initializer", .set = set_initializer},
        {.key = "description", .set = set_description},
        {.key = "memory_mb", .set = set_memory},
        {.key = "timeout_ms", .set = set_timeout},
        {.key = "init_timeout_ms", .set = set_init_timeout},
        {.key = "environment", .set = set_environment},
        {.key = "async", .set = set_async},
        {.key = "code", .set = set_code},
        {.key = "network",
         .set = set_word,
         .at = offsetof(struct fn, network),
         .words = fn_network_names,
         .max = FN_NETWORKS},
        {.key = "cpu",
         .set = set_word,
         .at = offsetof(struct fn, cpu_strict),
         .words = admin_cpu_names,
         .max = ADMIN_CPUS},
        {.key = "tmp_mb",
         .set = set_whole,
         .at = offsetof(struct fn, tmp_mb),
         .min = 512,
         .max = 10240},
        {.key = "role", .set = set_text, .at = offsetof(struct fn, role), .max = ROLE_MAX},
        {.key = "instance_concurrency", .set = set_concurrency},
        {.key = "reserved", .set = set_reserved},
        {.key = "pre_stop",
         .set = set_text,
         .at = offsetof(struct fn, pre_stop),
         .max = HANDLER_MAX},
        {.key = "pre_stop_timeout_ms",
         .set = set_whole,
         .at = offsetof(struct fn, pre_stop_timeout_ms),
         .min = 1000,
         .max = HOOK_TIMEOUT_MAX_MS,
         .step = 1000},
        {.key = "pre_freeze",
         .set = set_text,
         .at = offsetof(struct fn, pre_freeze),
         .max = HANDLER_MAX},
        {.key = "pre_freeze_timeout_ms",
         .set = set_whole,
         .at = offsetof(struct fn, pre_freeze_timeout_ms),
         .min = 1000,
         .max = HOOK_TIMEOUT_MAX_MS,
         .step = 1000},
};

static int walk(const struct cJSON *body, const struct field *fields, size_t n, const char *prefix,
                struct target *t, struct err *e)
{
    for (const struct cJSON *item = body->child; item; item = item->next) {
        size_t i = 0;

        while (i < n && strcmp(fields[i].key, item->string) != 0)
            i++;
        if (i == n)
            return err_set(e, ERR_CALLER, -EINVAL, "unknown key '%s%.64s'", prefix, item->string);
        if (json_get(body, item->string) != item && !cJSON_IsNull(item))
            return err_set(e, ERR_CALLER, -EINVAL, "key '%s%s' is there twice", prefix,
                           item->string);
    }
    for (size_t i = 0; i < n; i++) {
        const struct cJSON *value = json_get(body, fields[i].key);
        int r;

        if (!value && fields[i].required)
            return err_set(e, ERR_CALLER, -EINVAL, "%s%s is missing", prefix, fields[i].key);
        r = value ? fields[i].set(t, &fields[i], value, e) : 0;
        if (r < 0)
            return *prefix ? err_wrap(e, r, "code") : r;
    }
    return 0;
}

int admin_parse_deploy(const struct cJSON *body, struct fn *f, struct admin_code *code,
                       struct err *e)
{
    struct target t = {.fn = f, .code = code, .rule = &admin_rules[f->dialect]};

    if (!cJSON_IsObject(body))
        return err_set(e, ERR_CALLER, -EINVAL, "the body must be a JSON object");
    fn_set(&f->initializer, STR_NONE);
    fn_set(&f->description, S(""));
    fn_set_vars_done(f);
    f->memory_mb = MEMORY_MIN_MB;
    f->timeout_ms = 3000;
    f->init_timeout_ms = 30000;
    f->network = FN_NETWORK_DEFAULT;
    f->cpu_strict = 0;
    f->tmp_mb = 512;
    f->instance_concurrency = 1;
    f->reserved = 0;
    fn_set(&f->role, STR_NONE);
    fn_set(&f->pre_stop, STR_NONE);
    fn_set(&f->pre_freeze, STR_NONE);
    f->pre_stop_timeout_ms = f->pre_freeze_timeout_ms = 3000;
    if (!json_get(body, "async")) /* else it stays, to see whether it says the same */
        (void)admin_parse_async(NULL, f, e);
    return walk(body, deploy_fields, ARRAY_LEN(deploy_fields), "", &t, e);
}
