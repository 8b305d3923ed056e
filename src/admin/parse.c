/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.c - what a deploy request may say, whatever cloud the function speaks.
 *
 * One table of fields, one table of what the clouds allow. This API is ours alone, so it is strict
 * where the clouds' are patient: a key nobody knows is a mistake and is refused by its name.
 */
#include "admin/parse.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "fn/fn.h"
#include "runtime/runtime.h"

/* What a cloud allows. Source: docs/compat. */
struct rules {
    size_t name_max, space_max, description_max;
    bool underscore_first; /* a name may begin with '_', and end with anything in it */
    size_t handler_min;
    int64_t timeout_min_ms, timeout_max_ms;
    int64_t memory_max_mb, concurrency_max;
    const uint16_t *memory_mb; /* sizes the cloud sells, ended by 0; NULL: multiples of 64 */
    size_t vars;               /* how many; 0: no limit */
    size_t vars_max;           /* bytes of all names and values */
    const char *reserved;      /* prefix of variable names, or NULL */
};

static const uint16_t functiongraph_memory[] = {128,  256,  512,  768,  1024, 1280, 1536,  1792,
                                                2048, 2560, 3072, 3584, 4096, 8192, 10240, 0};

static const struct rules rules[DIALECTS] = {
        [DIALECT_FUNCTIONGRAPH] = {.name_max = 60,
                                   .space_max = 60,
                                   .description_max = 512,
                                   .handler_min = 3,
                                   .timeout_min_ms = 3000,
                                   .timeout_max_ms = 259200000,
                                   .memory_max_mb = 10240,
                                   .concurrency_max = 1000,
                                   .memory_mb = functiongraph_memory,
                                   .vars = 20,
                                   .vars_max = 4096},
        [DIALECT_FC] = {.name_max = 128,
                        .space_max = 128,
                        .description_max = 256,
                        .underscore_first = true,
                        .handler_min = 1,
                        .timeout_min_ms = 1000,
                        .timeout_max_ms = 86400000,
                        .memory_max_mb = 32768,
                        .concurrency_max = 200,
                        .vars_max = 4096,
                        .reserved = "FC_"},
        [DIALECT_SCF] = {.name_max = 60,
                         .space_max = 64,
                         .description_max = 1000,
                         .handler_min = 1,
                         .timeout_min_ms = 1000,
                         .timeout_max_ms = 86400000,
                         .memory_max_mb = 32768,
                         .concurrency_max = 100,
                         .vars_max = 4096,
                         .reserved = "SCF_"},
};

enum {
    ID_MAX = 64,
    MEMORY_MIN_MB = 128,
    MEMORY_STEP_MB = 64,
    HANDLER_MAX = 128,
    INIT_TIMEOUT_MAX_MS = 300000,
    HOOK_TIMEOUT_MAX_MS = 90000,
    ROLE_MAX = 1024,
};

const char *const admin_cpu_names[ADMIN_CPUS] = {"weight", "strict"};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool all_words(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_word(s.p[i]))
            return false;
    return true;
}

static int check_id(struct str s, const char *what, struct err *e)
{
    if (s.n < 1 || s.n > ID_MAX || !all_words(s))
        return err_set(e, ERR_CALLER, -EINVAL, "%s must have 1 to %d letters, digits, '-' or '_'",
                       what, ID_MAX);
    return 0;
}

static int check_name(struct str s, const char *what, size_t max, bool underscore_first,
                      struct err *e)
{
    char last = (char)(s.n ? s.p[s.n - 1] : 0);

    if (s.n < 1 || s.n > max)
        return err_set(e, ERR_CALLER, -EINVAL, "%s must have 1 to %zu characters, not %zu", what,
                       max, s.n);
    if (!all_words(s) || (!is_letter(s.p[0]) && !(underscore_first && s.p[0] == '_')))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "%s '%.*s' must begin with a letter%s and hold letters, digits, '-' and '_'",
                       what, STR_ARG(s), underscore_first ? " or '_'" : "");
    if (!underscore_first && (last == '-' || last == '_'))
        return err_set(e, ERR_CALLER, -EINVAL, "%s '%.*s' must end with a letter or digit", what,
                       STR_ARG(s));
    return 0;
}

int admin_parse_key(const struct str parts[5], struct fn_key *ret, struct err *e)
{
    struct fn_key key = {
            .account = parts[1], .region = parts[2], .space = parts[3], .name = parts[4]};
    const struct rules *rule;
    int r;

    r = dialect_of(parts[0], &key.dialect);
    if (r < 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "dialect '%.*s' is not one of functiongraph, fc, scf",
                       (int)(parts[0].n < 32 ? parts[0].n : 32), parts[0].p);
    rule = &rules[key.dialect];
    r = check_id(key.account, "account", e);
    if (r >= 0)
        r = check_id(key.region, "region", e);
    if (r >= 0)
        r = check_name(key.space, "space", rule->space_max, rule->underscore_first, e);
    if (r >= 0)
        r = check_name(key.name, "name", rule->name_max, rule->underscore_first, e);
    if (r < 0)
        return r;

    *ret = key;
    return 0;
}

/* --- fields of a deploy request --- */

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

static int check_var(const struct rules *rule, struct str name, struct err *e)
{
    bool good = name.n > 0 && is_letter(name.p[0]) && all_words(name) && !str_has(name, '-');

    if (!good)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "environment: name '%.*s' must match [A-Za-z][A-Za-z0-9_]*",
                       (int)(name.n < 64 ? name.n : 64), name.p ? name.p : "");
    if (rule->reserved && str_starts(name, str_of(rule->reserved)))
        return err_set(e, ERR_CALLER, -EINVAL, "environment: names that begin with %s are reserved",
                       rule->reserved);
    return 0;
}

static int set_environment(struct target *t, const struct field *f, const struct cJSON *value,
                           struct err *e)
{
    size_t total = 0;

    if (!cJSON_IsObject(value))
        return err_set(e, ERR_CALLER, -EINVAL, "%s must be an object", f->key);
    for (const struct cJSON *item = value->child; item; item = item->next) {
        struct str name = str_of(item->string);
        int r = check_var(t->rule, name, e);

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

static int walk(const struct cJSON *body, const struct field *fields, size_t n, const char *prefix,
                struct target *t, struct err *e);

static const struct field code_fields[] = {
        {.key = "zip", .set = set_zip},
        {.key = "source", .set = set_source},
        {.key = "filename", .set = set_filename},
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
    if ((t->code->zip.n > 0) == (t->code->source.p != NULL))
        return err_set(e, ERR_CALLER, -EINVAL, "code must hold one of zip and source");
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

static const struct field deploy_fields[] = {
        {.key = "runtime", .required = true, .set = set_runtime},
        {.key = "handler", .required = true, .set = set_handler},
        {.key = "initializer", .set = set_initializer},
        {.key = "description", .set = set_description},
        {.key = "memory_mb", .set = set_memory},
        {.key = "timeout_ms", .set = set_timeout},
        {.key = "init_timeout_ms", .set = set_init_timeout},
        {.key = "environment", .set = set_environment},
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
    struct target t = {.fn = f, .code = code, .rule = &rules[f->dialect]};

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
    return walk(body, deploy_fields, ARRAY_LEN(deploy_fields), "", &t, e);
}
