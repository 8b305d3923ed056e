/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.c - what a create or a config update says, checked against one table.
 *
 * Each field of the API we look at is a row: its type, its limits, the FSS code of a violation, and
 * where it goes. A field without a place of its own, known or not, is kept in draft->extra and
 * given back as it came, so that a client sees what it sent. null means absent, as everywhere in
 * this API.
 *
 * An absent field leaves the draft as it is: a config update changes only what it names.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/fg.h"
#include "runtime/runtime.h"

enum kind { TEXT, NUMBER, SWITCH, OBJECT, LIST };

enum place {
    KEPT,    /* in draft->extra */
    IN_KEY,  /* read by fg_parse_key() */
    IN_CODE, /* read by fg_parse_code() */
    APPLIED, /* by the row's function */
};

struct field {
    const char *name;
    const char *code; /* of a violation */
    enum kind kind;
    enum place place;
    unsigned must;    /* enum fg_form bits: has to be there */
    int64_t min, max; /* of a number; of a text in characters */
    int (*apply)(struct fn *draft, const struct cJSON *v, enum fg_form form, struct fg_error *x);
};

static struct str text_of(const struct cJSON *v)
{
    return str_of(v->valuestring);
}

static size_t characters(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return true;
    return false;
}

static int set_runtime(struct fn *draft, const struct cJSON *v, enum fg_form form,
                       struct fg_error *x)
{
    struct str name = text_of(v);

    if (form == FG_CONFIG && !str_eq(name, str_of(draft->runtime)))
        return fg_refuse(x, 400, "FSS.1005", "the runtime cannot be changed from %s to %.*s",
                         draft->runtime, STR_ARG(name));
    if (!runtime_find(DIALECT_FUNCTIONGRAPH, name))
        return fg_refuse(x, 400, "FSS.1005", "there is no runtime '%.*s'", STR_ARG(name));
    fn_set(&draft->runtime, name);
    return 0;
}

/* Languages whose code is one file named by the handler: "file.function", both there. */
static bool names_a_function(struct str handler)
{
    const char *dot = handler.n > 0 ? memrchr(handler.p, '.', handler.n) : NULL;

    return dot && dot > handler.p && dot[-1] != '/' && dot + 1 < handler.p + handler.n;
}

static int check_handler(const struct fn *draft, struct str s, const char *what, const char *code,
                         struct fg_error *x)
{
    const struct runtime *rt = runtime_find(DIALECT_FUNCTIONGRAPH, str_of(draft->runtime));

    if (has_control(s) || (rt && rt->source && !names_a_function(s)))
        return fg_refuse(x, 400, code, "%s '%.*s' is not of the form file.function", what,
                         STR_ARG(s));
    return 0;
}

static int set_handler(struct fn *draft, const struct cJSON *v, enum fg_form form,
                       struct fg_error *x)
{
    struct str s = text_of(v);
    bool image = strcmp(draft->runtime, "Custom Image") == 0;

    (void)form;
    if (characters(s) < 3 && !(image && str_eq(s, S("-"))))
        return fg_refuse(x, 400, "FSS.1003", "handler has %zu characters, at least 3 are needed",
                         characters(s));
    fn_set(&draft->handler, s);
    return check_handler(draft, s, "handler", "FSS.1003", x);
}

static int set_timeout(struct fn *draft, const struct cJSON *v, enum fg_form form,
                       struct fg_error *x)
{
    (void)form, (void)x;
    draft->timeout_ms = (uint32_t)v->valuedouble * 1000;
    return 0;
}

bool fg_memory_ok(double mb)
{
    static const uint16_t sizes[] = {128,  256,  512,  768,  1024, 1280, 1536, 1792,
                                     2048, 2560, 3072, 3584, 4096, 8192, 10240};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        if ((double)sizes[i] == mb)
            return true;
    return false;
}

static int set_memory(struct fn *draft, const struct cJSON *v, enum fg_form form,
                      struct fg_error *x)
{
    (void)form;
    if (!fg_memory_ok(v->valuedouble))
        return fg_refuse(x, 400, "FSS.1007",
                         "memory_size %.0f is none of 128, 256, 512, 768, 1024, 1280, 1536, 1792, "
                         "2048, 2560, 3072, 3584, 4096, 8192, 10240",
                         v->valuedouble);
    draft->memory_mb = (uint32_t)v->valuedouble;
    return 0;
}

static int set_description(struct fn *draft, const struct cJSON *v, enum fg_form form,
                           struct fg_error *x)
{
    (void)form, (void)x;
    fn_set(&draft->description, text_of(v));
    return 0;
}

static int set_initializer(struct fn *draft, const struct cJSON *v, enum fg_form form,
                           struct fg_error *x)
{
    struct str s = text_of(v);

    (void)form;
    if (s.n == 0) {
        fn_set(&draft->initializer, STR_NONE);
        return 0;
    }
    fn_set(&draft->initializer, s);
    return check_handler(draft, s, "initializer_handler", "FSS.1404", x);
}

/* 0 goes with "no initializer": clients that send every field send it so. */
static int set_init_timeout(struct fn *draft, const struct cJSON *v, enum fg_form form,
                            struct fg_error *x)
{
    (void)form;
    if (v->valuedouble >= 1)
        draft->init_timeout_ms = (uint32_t)v->valuedouble * 1000;
    else if (draft->initializer)
        return fg_refuse(x, 400, "FSS.1405", "initializer_timeout is 0, not 1 to 300 seconds");
    return 0;
}

static int set_user_data(struct fn *draft, const struct cJSON *v, enum fg_form form,
                         struct fg_error *x)
{
    (void)form;
    return fg_parse_user_data(text_of(v), draft, x);
}

/* concurrency: -1 unlimited, 0 disabled, 1-1000; concurrent_num 1-1000. The object itself is kept.
 */
static int set_strategy(struct fn *draft, const struct cJSON *v, enum fg_form form,
                        struct fg_error *x)
{
    int64_t instances = draft->max_instances, per = draft->instance_concurrency;

    (void)form;
    if (json_int(v, "concurrency", false, -1, 1000, &instances, &x->e) < 0 ||
        json_int(v, "concurrent_num", false, 1, 1000, &per, &x->e) < 0) {
        x->status = 400;
        x->code = "FSS.1026";
        return -EINVAL;
    }
    draft->max_instances = instances < 0 ? 1000 : (uint32_t)instances;
    draft->instance_concurrency = (uint32_t)per;
    return 0;
}

static int check_type(struct fn *draft, const struct cJSON *v, enum fg_form form,
                      struct fg_error *x)
{
    struct str s = text_of(v);

    (void)draft, (void)form;
    if (str_eq(s, S("v1")) || str_eq(s, S("v2")))
        return 0;
    return fg_refuse(x, 400, "FSS.0400", "type '%.*s' is neither v1 nor v2", STR_ARG(s));
}

static int set_ephemeral(struct fn *draft, const struct cJSON *v, enum fg_form form,
                         struct fg_error *x)
{
    (void)form;
    if (v->valuedouble != 512 && v->valuedouble != 10240)
        return fg_refuse(x, 400, "FSS.0400", "ephemeral_storage is neither 512 nor 10240");
    draft->tmp_mb = (uint32_t)v->valuedouble;
    return 0;
}

static int set_pre_stop(struct fn *draft, const struct cJSON *v, enum fg_form form,
                        struct fg_error *x)
{
    struct str s = text_of(v);

    (void)form;
    fn_set(&draft->pre_stop, s.n ? s : STR_NONE);
    return s.n ? check_handler(draft, s, "pre_stop_handler", "FSS.1003", x) : 0;
}

/* 0 goes with "no handler", as with the initializer. */
static int set_pre_stop_timeout(struct fn *draft, const struct cJSON *v, enum fg_form form,
                                struct fg_error *x)
{
    (void)form;
    if (v->valuedouble >= 1)
        draft->pre_stop_timeout_ms = (uint32_t)v->valuedouble * 1000;
    else if (draft->pre_stop)
        return fg_refuse(x, 400, "FSS.1008", "pre_stop_timeout is 0, not 1 to 90 seconds");
    return 0;
}

/* What has no way out may still call this API: that is what an agency is for. */
static int set_network(struct fn *draft, const struct cJSON *v, enum fg_form form,
                       struct fg_error *x)
{
    bool closed = false;

    (void)form;
    x->status = 400;
    x->code = "FSS.0400";
    if (json_bool(v, "disable_public_network", false, &closed, &x->e) < 0)
        return -EINVAL;
    draft->network = closed ? FN_NETWORK_ENDPOINT : FN_NETWORK_DEFAULT;
    return 0;
}

#define BOTH (FG_CREATE | FG_CONFIG)

/* Order matters: runtime stands before the handlers it rules, a hook's handler before its timeout. Rows with KEPT and an apply are checked and kept. */
static const struct field fields[] = {
        {"func_name", "FSS.1002", TEXT, IN_KEY, BOTH, 1, FG_NAME_MAX, NULL},
        {"package", "FSS.1004", TEXT, IN_KEY, FG_CREATE, 1, FG_NAME_MAX, NULL},
        {"runtime", "FSS.1005", TEXT, APPLIED, BOTH, 1, 64, set_runtime},
        {"timeout", "FSS.1008", NUMBER, APPLIED, BOTH, 3, 259200, set_timeout},
        {"handler", "FSS.1003", TEXT, APPLIED, BOTH, 1, 128, set_handler},
        {"memory_size", "FSS.1007", NUMBER, APPLIED, BOTH, 128, 10240, set_memory},
        {"description", "FSS.1019", TEXT, APPLIED, 0, 0, 512, set_description},
        {"user_data", "FSS.1009", TEXT, APPLIED, 0, 0, INT64_MAX, set_user_data},
        {"initializer_handler", "FSS.1404", TEXT, APPLIED, 0, 0, 128, set_initializer},
        {"initializer_timeout", "FSS.1405", NUMBER, APPLIED, 0, 0, 300, set_init_timeout},
        {"code_type", "FSS.1006", TEXT, IN_CODE, 0, 0, 64, NULL},
        {"code_filename", "FSS.1011", TEXT, IN_CODE, 0, 0, 1024, NULL},
        {"func_code", "FSS.1011", OBJECT, IN_CODE, 0, 0, 0, NULL},
        {"code_url", "FSS.1010", TEXT, KEPT, 0, 0, 2048, NULL},
        {"strategy_config", "FSS.1026", OBJECT, KEPT, 0, 0, 0, set_strategy},
        {"type", "FSS.0400", TEXT, KEPT, 0, 0, 16, check_type},
        {"ephemeral_storage", "FSS.0400", NUMBER, APPLIED, 0, 0, 10240, set_ephemeral},
        {"pre_stop_handler", "FSS.1003", TEXT, APPLIED, 0, 0, 128, set_pre_stop},
        {"pre_stop_timeout", "FSS.1008", NUMBER, APPLIED, 0, 0, 90, set_pre_stop_timeout},
        {"xrole", "FSS.1021", TEXT, KEPT, 0, 0, 1024, NULL},
        {"app_xrole", "FSS.1021", TEXT, KEPT, 0, 0, 1024, NULL},
        {"depend_version_list", "FSS.0400", LIST, KEPT, 0, 0, 0, NULL},
        {"func_vpc", "FSS.1036", OBJECT, KEPT, 0, 0, 0, NULL},
        {"mount_config", "FSS.1038", OBJECT, KEPT, 0, 0, 0, NULL},
        {"log_config", "FSS.0400", OBJECT, KEPT, 0, 0, 0, NULL},
        {"custom_image", "FSS.1034", OBJECT, KEPT, 0, 0, 0, NULL},
        {"network_controller", "FSS.0400", OBJECT, KEPT, 0, 0, 0, set_network},
        {"lts_custom_tag", "FSS.0400", OBJECT, KEPT, 0, 0, 0, NULL},
        {"enable_lts_log", "FSS.0400", SWITCH, KEPT, 0, 0, 0, NULL},
        {"enable_dynamic_memory", "FSS.0400", SWITCH, KEPT, 0, 0, 0, NULL},
        {"is_stateful_function", "FSS.0400", SWITCH, KEPT, 0, 0, 0, NULL},
        {"gpu_memory", "FSS.1007", NUMBER, KEPT, 0, 0, 1 << 20, NULL},
        {"gpu_type", "FSS.0400", TEXT, KEPT, 0, 0, 256, NULL},
        {"enterprise_project_id", "FSS.0400", TEXT, KEPT, 0, 0, 64, NULL},
        {"extend_config", "FSS.0400", TEXT, KEPT, 0, 0, 4096, NULL},
};

/* What the answer says of its own accord: never kept, whatever a client sends under these names. */
static bool is_ours(const char *name)
{
    static const char *const ours[] = {
            "func_id",    "resource_id",   "func_urn",   "domain_id",
            "namespace",  "project_name",  "version",    "cpu",
            "image_name", "last_modified", "code_size",  "digest",
            "long_time",  "func_vpc_id",   "fail_count", "reserved_instance_count",
    };

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (strcmp(ours[i], name) == 0)
            return true;
    return false;
}

static const struct cJSON *present(const struct cJSON *body, const char *name)
{
    return json_get(body, name);
}

static const struct field *row_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

static int check_text(const struct field *f, const struct cJSON *v, struct fg_error *x)
{
    size_t n;

    if (!cJSON_IsString(v))
        return fg_refuse(x, 400, f->code, "%s is not a text", f->name);
    n = characters(text_of(v));
    if (n < (size_t)f->min || n > (uint64_t)f->max)
        return fg_refuse(x, 400, f->code, "%s has %zu characters, %lld to %lld are allowed",
                         f->name, n, (long long)f->min, (long long)f->max);
    return 0;
}

static int check_number(const struct field *f, const struct cJSON *v, struct fg_error *x)
{
    double d;

    if (!cJSON_IsNumber(v))
        return fg_refuse(x, 400, f->code, "%s is not a number", f->name);
    d = v->valuedouble;
    if (!(d >= (double)f->min && d <= (double)f->max) || d != (double)(int64_t)d)
        return fg_refuse(x, 400, f->code, "%s is %g, a whole number from %lld to %lld is allowed",
                         f->name, d, (long long)f->min, (long long)f->max);
    return 0;
}

static int check(const struct field *f, const struct cJSON *v, struct fg_error *x)
{
    switch (f->kind) {
    case TEXT:
        return check_text(f, v, x);
    case NUMBER:
        return check_number(f, v, x);
    case SWITCH:
        return cJSON_IsBool(v) ? 0 : fg_refuse(x, 400, f->code, "%s is not true or false", f->name);
    case OBJECT:
        return cJSON_IsObject(v) ? 0 : fg_refuse(x, 400, f->code, "%s is not an object", f->name);
    case LIST:
        return cJSON_IsArray(v) ? 0 : fg_refuse(x, 400, f->code, "%s is not a list", f->name);
    }
    return -EINVAL;
}

int fg_parse_key(const struct cJSON *body, struct str project, struct str region,
                 struct fn_key *ret, struct fg_error *x)
{
    const struct cJSON *name = present(body, "func_name"), *package = present(body, "package");
    struct fn_key key = {.dialect = DIALECT_FUNCTIONGRAPH, .account = project, .region = region};

    if (!cJSON_IsString(name) || !fg_name_ok(text_of(name)))
        return fg_refuse(x, 400, "FSS.1002",
                         "func_name is not 1 to %d letters, digits, '_' or '-', starting with a "
                         "letter and ending with a letter or digit",
                         FG_NAME_MAX);
    if (!cJSON_IsString(package) || !fg_name_ok(text_of(package)))
        return fg_refuse(x, 400, "FSS.1004",
                         "package is not 1 to %d letters, digits, '_' or '-', starting with a "
                         "letter and ending with a letter or digit",
                         FG_NAME_MAX);
    key.name = text_of(name);
    key.space = text_of(package);
    *ret = key;
    return 0;
}

/* Clients that send every field send an empty one, which is no secret. */
static bool has_secrets(const struct cJSON *v)
{
    struct str s = v && cJSON_IsString(v) ? text_of(v) : S("");

    return v && !(cJSON_IsString(v) && (s.n == 0 || str_eq(s, S("{}"))));
}

/* Fields that only come back: new ones replace old ones. only == NULL: every field of that kind. */
static int keep_extra(const struct cJSON *body, const char *only, struct fn *draft,
                      struct fg_error *x)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(draft->extra), NULL);
    cleanup_with(buf_done) struct buf text;
    const struct cJSON *v;

    if (!extra)
        extra = cJSON_CreateObject();
    cJSON_ArrayForEach(v, body)
    {
        const struct field *f = row_of(v->string);

        if (cJSON_IsNull(v) || (f && f->place != KEPT) || is_ours(v->string) ||
            (only && strcmp(v->string, only) != 0))
            continue;
        cJSON_DeleteItemFromObjectCaseSensitive(extra, v->string);
        if (strcmp(v->string, "encrypted_user_data") != 0)
            cJSON_AddItemToObject(extra, v->string, cJSON_Duplicate(v, true));
    }
    buf_init(&text, FG_EXTRA_MAX);
    json_print(extra, &text);
    if (!buf_ok(&text))
        return fg_refuse(x, 400, "FSS.0400", "the optional fields together are over %d bytes",
                         FG_EXTRA_MAX);
    fn_set(&draft->extra, buf_str(&text));
    return 0;
}

int fg_keep(const struct cJSON *body, const char *name, struct fn *draft, struct fg_error *x)
{
    return keep_extra(body, name, draft, x);
}

/* A function runs as its agency for execution, or without one as that for configuration. An update
 * that names neither changes nothing, whichever door the role came through. */
static void settle_role(const struct cJSON *body, struct fn *draft)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(draft->extra), NULL);

    if (present(body, "xrole") || present(body, "app_xrole"))
        fn_set(&draft->role, fg_kept_role(extra));
}

int fg_parse_fields(const struct cJSON *body, enum fg_form form, struct fn *draft,
                    struct fg_error *x)
{
    int r;

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct field *f = &fields[i];
        const struct cJSON *v = present(body, f->name);

        if (!v && (f->must & form))
            return fg_refuse(x, 400, f->code, "%s is missing", f->name);
        if (!v)
            continue;
        r = check(f, v, x);
        if (r < 0)
            return r;
        r = f->apply ? f->apply(draft, v, form, x) : 0;
        if (r < 0)
            return r;
    }
    if (has_secrets(present(body, "encrypted_user_data")))
        return fg_refuse(x, 400, "FSS.1009",
                         "encrypted_user_data is not supported here: there is no key management; "
                         "use user_data");
    r = keep_extra(body, NULL, draft, x);
    if (r == 0)
        settle_role(body, draft);
    return r;
}

static int parse_code_type(struct str type, struct fg_code *c, struct fg_error *x)
{
    c->inlined = str_eq(type, S("inline"));
    c->jar = str_eq(type, S("jar"));
    if (c->inlined || c->jar || str_eq(type, S("zip")))
        return 0;
    if (str_eq(type, S("obs"))) {
        if (c->url.n == 0)
            return fg_refuse(x, 400, "FSS.1010", "code_url is missing");
        return 0;
    }
    if (str_eq(type, S("Custom-Image-Swr")))
        return fg_refuse(x, 400, "FSS.1006",
                         "code_type 'Custom-Image-Swr' is not supported here, use inline, zip, jar "
                         "or obs");
    return fg_refuse(x, 400, "FSS.1006", "code_type '%.*s' is none of inline, zip, obs, jar",
                     STR_ARG(type));
}

int fg_parse_code(const struct cJSON *body, struct fg_code *ret, struct fg_error *x)
{
    struct fg_code c = {.file = S(""), .filename = S(""), .url = S("")};
    struct str type = S("inline");
    const struct cJSON *code = present(body, "func_code");
    int r;

    x->status = 400;
    x->code = "FSS.1006";
    if (json_str(body, "code_type", false, &type, &x->e) < 0)
        return -EINVAL;
    if (str_eq(type, S("obs")) && json_str(body, "code_url", false, &c.url, &x->e) < 0) {
        x->code = "FSS.1010";
        return -EINVAL;
    }
    r = parse_code_type(type, &c, x);
    if (r < 0)
        return r;

    if (code && !cJSON_IsObject(code))
        return fg_refuse(x, 400, "FSS.1011", "func_code is not an object");
    x->code = "FSS.1011";
    if (json_str(body, "code_filename", false, &c.filename, &x->e) < 0 ||
        (code && json_str(code, "file", false, &c.file, &x->e) < 0))
        return -EINVAL;
    if (c.filename.n > 1024 || has_control(c.filename))
        return fg_refuse(x, 400, "FSS.1011", "code_filename is not a file name");
    *ret = c;
    return 0;
}
