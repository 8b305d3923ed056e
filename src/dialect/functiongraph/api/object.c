/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.c - a function as FunctionGraph shows it.
 *
 * Three parts: what the record knows; what only came in and goes out again (fn->extra), with the
 * cloud's default where nothing came; and whatever else the client sent that we have no word for.
 * Pure: record in, text out.
 */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/dependency.h"
#include "dialect/functiongraph/api/fg.h"

enum { LONG_SECONDS = 900 };

/* Fields of the object that are the client's, or nobody's here; the value shown without one. */
static const struct {
    const char *name, *text;
} defaults[] = {
        {"gpu_memory", "0"},
        {"gpu_type", "\"\""},
        {"code_url", "\"\""},
        {"encrypted_user_data", "\"\""},
        {"func_vpc", "{}"},
        {"mount_config", "{}"},
        {"extend_config", "\"\""},
        {"depend_list", "[]"},
        {"dependencies", "[]"},
        {"enterprise_project_id", "\"0\""},
        {"log_group_id", "\"\""},
        {"log_stream_id", "\"\""},
        {"type", "\"v2\""},
        {"enable_cloud_debug", "\"DISABLED\""},
        {"enable_dynamic_memory", "false"},
        {"is_stateful_function", "false"},
        {"is_bridge_function", "false"},
        {"custom_image", "{}"},
        {"apig_route_enable", "false"},
        {"heartbeat_handler", "\"\""},
        {"enable_class_isolation", "false"},
        {"allow_ephemeral_storage", "false"},
        {"network_controller", "{}"},
        {"is_return_stream", "false"},
        {"enable_auth_in_header", "false"},
        {"enable_lts_log", "false"},
        {"lts_custom_tag", "{}"},
        {"reserved_instance_idle_mode", "false"},
};

/* From the record (add_engine), also where an older one kept them. */
static const char *const engine[] = {"xrole",
                                     "app_xrole",
                                     "pre_stop_handler",
                                     "pre_stop_timeout",
                                     "ephemeral_storage",
                                     "depend_version_list"};

static bool is_engine(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(engine); i++)
        if (strcmp(engine[i], name) == 0)
            return true;
    return false;
}

static bool has_default(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
        if (strcmp(defaults[i].name, name) == 0)
            return true;
    return false;
}

static void add_tree(struct jw *w, const char *key, const struct cJSON *v)
{
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, FG_EXTRA_TEXT);
    json_print(v, &text);
    jw_key(w, key);
    jw_raw(w, buf_str(&text));
}

void fg_put_urn(struct jw *w, const char *key, const struct fn *f)
{
    cleanup_with(buf_done) struct buf urn;
    struct fg_urn u = {.region = str_of(f->region),
                       .project = str_of(f->account),
                       .package = str_of(f->space),
                       .name = str_of(f->name),
                       .version = str_of(f->version),
                       .alias = S("")};

    buf_init(&urn, 1024);
    fg_urn_print(&u, &urn);
    jw_kstr(w, key, buf_str(&urn));
}

/* Stable for the life of the function, another one after delete and create: from its key and birth.
 */
static void function_id(const struct fn *f, char out[UUID_TEXT])
{
    cleanup_with(buf_done) struct buf b;
    struct fn_key key = fn_key_of(f);
    char hex[SHA256_HEX];

    buf_init(&b, 4096);
    fn_key_path(&key, &b);
    buf_addf(&b, " %lld", (long long)f->created_ms);
    sha256_hex(buf_str(&b), hex);
    (void)snprintf(out, UUID_TEXT, "%.8s-%.4s-8%.3s-a%.3s-%.12s", hex, hex + 8, hex + 12, hex + 15,
                   hex + 18);
}

void fg_put_resource_id(struct jw *w, const struct fn *f)
{
    cleanup_with(buf_done) struct buf text;
    char id[UUID_TEXT];

    function_id(f, id);
    buf_init(&text, 256);
    buf_addf(&text, "%s:%s", id, f->name);
    jw_kstr(w, "resource_id", buf_str(&text));
}

static void add_identity(struct jw *w, const struct fn *f)
{
    char id[UUID_TEXT];

    function_id(f, id);
    jw_kstrz(w, "func_id", id);
    fg_put_resource_id(w, f);
    fg_put_urn(w, "func_urn", f);
    jw_kstrz(w, "func_name", f->name);
    jw_kstrz(w, "domain_id", f->account);
    jw_kstrz(w, "namespace", f->account);
    jw_kstrz(w, "project_name", f->region);
    jw_kstrz(w, "package", f->space);
    jw_kstrz(w, "version", f->version);
}

static void add_user_data(struct jw *w, const struct fn *f)
{
    cleanup_with(buf_done) struct buf text;
    struct jw in;

    buf_init(&text, 1 << 20);
    jw_init(&in, &text);
    jw_obj(&in);
    for (uint32_t i = 0; i < f->nvars; i++)
        jw_kstrz(&in, f->vars[i].name, f->vars[i].value);
    jw_obj_end(&in);
    jw_kstr(w, "user_data", f->nvars > 0 ? buf_str(&text) : S(""));
}

static void add_configuration(struct jw *w, const struct fn *f)
{
    jw_kstrz(w, "runtime", f->runtime);
    jw_kint(w, "timeout", f->timeout_ms / 1000);
    jw_kstrz(w, "handler", f->handler);
    jw_kint(w, "memory_size", f->memory_mb);
    jw_kint(w, "cpu", (int64_t)f->memory_mb * 100 / 128 + 200);
    jw_kstrz(w, "description", f->description);
    jw_kstrz(w, "initializer_handler", f->initializer);
    jw_kint(w, "initializer_timeout", f->initializer ? f->init_timeout_ms / 1000 : 0);
    jw_kbool(w, "long_time", f->timeout_ms / 1000 > LONG_SECONDS);
    add_user_data(w, f);
}

struct str fg_kept_role(const struct cJSON *extra)
{
    struct str config = STR_NONE, execution = STR_NONE;

    (void)json_str(extra, "xrole", false, &config, NULL);
    (void)json_str(extra, "app_xrole", false, &execution, NULL);
    return execution.n ? execution : config.n ? config : STR_NONE;
}

/* Both agencies as they were sent; a role that came through another door stands for both. */
static void add_roles(struct jw *w, const struct fn *f, const struct cJSON *extra)
{
    struct str config = STR_NONE, execution = STR_NONE;

    if (str_eq(fg_kept_role(extra), str_of(f->role))) {
        (void)json_str(extra, "xrole", false, &config, NULL);
        (void)json_str(extra, "app_xrole", false, &execution, NULL);
    } else {
        config = execution = str_of(f->role);
    }
    jw_kstr(w, "xrole", config);
    jw_kstr(w, "app_xrole", execution);
}

static void add_engine(struct jw *w, const struct fn *f, const struct cJSON *extra)
{
    add_roles(w, f, extra);
    jw_kstrz(w, "pre_stop_handler", f->pre_stop);
    jw_kint(w, "pre_stop_timeout", f->pre_stop ? f->pre_stop_timeout_ms / 1000 : 0);
    jw_kint(w, "ephemeral_storage", f->tmp_mb);
}

static void add_last_modified(struct jw *w, const struct fn *f)
{
    char text[CLOCK_TEXT];

    jw_kstrz(w, "last_modified", clock_sql(f->modified_ms, text));
}

static void add_code(struct jw *w, const struct fn *f)
{
    jw_kstrz(w, "code_type", f->code.kind);
    jw_kstrz(w, "code_filename", f->code.filename);
    jw_kint(w, "code_size", (int64_t)f->code.size);
    jw_kstrz(w, "digest", f->code.digest);
}

/* The cloud names an image per deployment; clients need the field and compare it. */
static void add_image_name(struct jw *w, const struct fn *f)
{
    char sql[CLOCK_TEXT], digits[16], name[64];
    size_t n = 0;

    (void)clock_sql(f->modified_ms, sql);
    for (const char *p = sql + 2; *p && n + 1 < sizeof(digits); p++)
        if (*p >= '0' && *p <= '9')
            digits[n++] = *p;
    digits[n] = '\0';
    (void)snprintf(name, sizeof(name), "%s-%s@%.5s", f->version, digits, f->code.digest);
    jw_kstrz(w, "image_name", name);
}

/* The client's own object if there is one: -1 and 1000 instances are the same number inside. */
static void add_strategy(struct jw *w, const struct fn *f, const struct cJSON *extra)
{
    const struct cJSON *own = json_get(extra, "strategy_config"),
                       *concurrency = own ? json_get(own, "concurrency") : NULL;

    jw_key(w, "strategy_config");
    jw_obj(w);
    jw_kint(w, "concurrency",
            concurrency && cJSON_IsNumber(concurrency) ? (int64_t)concurrency->valuedouble
                                                       : f->max_instances);
    jw_kint(w, "concurrent_num", f->instance_concurrency);
    jw_obj_end(w);
}

static void add_extra(struct jw *w, const struct cJSON *extra, enum fg_view view)
{
    const struct cJSON *v;

    for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
        const char *name = defaults[i].name;

        v = json_get(extra, name);
        if (view == FG_VIEW_LIST && strcmp(name, "func_vpc") == 0)
            continue; /* a list shows its id alone */
        if (v) {
            add_tree(w, name, v);
        } else {
            jw_key(w, name);
            jw_raw(w, str_of(defaults[i].text));
        }
    }
    cJSON_ArrayForEach(v, extra)
    {
        if (!has_default(v->string) && !is_engine(v->string) &&
            strcmp(v->string, "strategy_config") != 0)
            add_tree(w, v->string, v);
    }
}

static void add_view(struct jw *w, const struct fn *f, const struct cJSON *extra, enum fg_view view)
{
    const struct cJSON *vpc = json_get(extra, "func_vpc");
    struct str id = S("");

    switch (view) {
    case FG_VIEW_CREATE:
        jw_kint(w, "reserved_instance_count", f->reserved);
        return;
    case FG_VIEW_CONFIG:
        return;
    case FG_VIEW_LIST:
        if (vpc)
            (void)json_str(vpc, "vpc_id", false, &id, NULL);
        jw_kstr(w, "func_vpc_id", id);
        jw_kint(w, "fail_count", 0);
        return;
    case FG_VIEW_VERSION:
        jw_kstrz(w, "version_description", f->version_note);
        jw_kint(w, "concurrency", f->max_instances);
        jw_kint(w, "concurrent_num", f->instance_concurrency);
        return;
    }
}

void fg_object(struct jw *w, const struct fn *f, enum fg_view view)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(f->extra), NULL);

    jw_obj(w);
    add_identity(w, f);
    add_configuration(w, f);
    add_code(w, f);
    add_image_name(w, f);
    add_last_modified(w, f);
    add_strategy(w, f, extra);
    add_engine(w, f, extra);
    fg_put_dependencies(w, f);
    add_extra(w, extra, view);
    add_view(w, f, extra, view);
    jw_obj_end(w);
}

void fg_code_object(struct jw *w, const struct fn *f, struct str file, struct str link)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(f->extra), NULL);
    static const char *const kept[] = {"code_url", "depend_list", "dependencies"};

    jw_obj(w);
    fg_put_urn(w, "func_urn", f);
    jw_kstrz(w, "func_name", f->name);
    jw_kstrz(w, "domain_id", f->account);
    jw_kstrz(w, "runtime", f->runtime);
    add_code(w, f);
    add_last_modified(w, f);
    jw_key(w, "func_code");
    jw_obj(w);
    jw_kstr(w, "file", file);
    jw_kstr(w, "link", link);
    jw_obj_end(w);
    fg_put_dependencies(w, f);
    add_strategy(w, f, extra);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const struct cJSON *v = json_get(extra, kept[i]);

        jw_key(w, kept[i]);
        if (v) {
            cleanup_with(buf_done) struct buf text;

            buf_init(&text, FG_EXTRA_TEXT);
            json_print(v, &text);
            jw_raw(w, buf_str(&text));
        } else {
            jw_raw(w, i == 0 ? S("\"\"") : S("[]"));
        }
    }
    jw_obj_end(w);
}
