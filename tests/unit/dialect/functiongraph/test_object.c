/* SPDX-License-Identifier: Apache-2.0 */
#include "t.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/fg.h"

static struct fn *sample(void)
{
    struct fn_key key = {DIALECT_FUNCTIONGRAPH, S("proj"), S("local-1"), S("default"), S("hello")};
    struct fn *f = fn_new(&key);

    fn_set(&f->runtime, S("Python3.9"));
    fn_set(&f->handler, S("index.handler"));
    fn_set(&f->code.kind, S("inline"));
    fn_set(&f->code.filename, S("index.py"));
    f->code.size = 100;
    (void)snprintf(f->code.digest, sizeof(f->code.digest), "abcdef");
    f->timeout_ms = 30000;
    f->memory_mb = 256;
    f->max_instances = 400;
    f->created_ms = f->modified_ms = 1571985457000; /* 2019-10-25 06:37:37 */
    fn_add_var(f, S("K"), S("a\"b"));
    return f;
}

static struct cJSON *shown(const struct fn *f, enum fg_view view)
{
    cleanup_with(buf_done) struct buf b;
    struct err e = {0};
    struct cJSON *tree;
    struct jw w;

    buf_init(&b, 1 << 20);
    jw_init(&w, &b);
    fg_object(&w, f, view);
    tree = json_parse(buf_str(&b), &e); /* strict: also one value and well formed */
    if (!tree)
        fail_msg("%s: %s", e.msg, b.p);
    return tree;
}

static void has_text(const struct cJSON *o, const char *key, const char *want)
{
    struct str got = STR_NONE;
    struct err e = {0};

    t_ok(json_str(o, key, false, &got, &e), &e);
    if (!str_eq(got, str_of(want)))
        fail_msg("%s is '%.*s', not '%s'", key, STR_ARG(got), want);
}

static void has_number(const struct cJSON *o, const char *key, int64_t want)
{
    int64_t got = -12345;
    struct err e = {0};

    t_ok(json_int(o, key, false, INT32_MIN, INT32_MAX, &got, &e), &e);
    if (got != want)
        fail_msg("%s is %lld, not %lld", key, (long long)got, (long long)want);
}

static void an_object_says_what_the_record_knows(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = sample();
    cleanup_with(json_freep) struct cJSON *o = shown(f, FG_VIEW_CONFIG);

    (void)state;
    has_text(o, "func_urn", "urn:fss:local-1:proj:function:default:hello:latest");
    has_text(o, "func_name", "hello");
    has_text(o, "namespace", "proj");
    has_text(o, "project_name", "local-1");
    has_text(o, "runtime", "Python3.9");
    has_number(o, "timeout", 30);
    has_number(o, "memory_size", 256);
    has_number(o, "cpu", 400);
    has_text(o, "user_data", "{\"K\":\"a\\\"b\"}");
    has_text(o, "digest", "abcdef");
    has_number(o, "code_size", 100);
    has_text(o, "last_modified", "2019-10-25 06:37:37");
    has_text(o, "image_name", "latest-191025063737@abcde");
    has_text(o, "initializer_handler", "");
    has_number(o, "initializer_timeout", 0);
    has_number(json_get(o, "strategy_config"), "concurrency", 400);
    has_number(json_get(o, "strategy_config"), "concurrent_num", 1);
}

static void every_common_field_is_there_without_being_asked_for(void **state)
{
    static const char *const common[] = {
            "func_id",
            "resource_id",
            "func_urn",
            "func_name",
            "domain_id",
            "namespace",
            "project_name",
            "package",
            "runtime",
            "timeout",
            "handler",
            "memory_size",
            "gpu_memory",
            "gpu_type",
            "cpu",
            "code_type",
            "code_url",
            "code_filename",
            "code_size",
            "user_data",
            "encrypted_user_data",
            "digest",
            "version",
            "image_name",
            "xrole",
            "app_xrole",
            "description",
            "last_modified",
            "func_vpc",
            "mount_config",
            "strategy_config",
            "extend_config",
            "depend_list",
            "depend_version_list",
            "dependencies",
            "initializer_handler",
            "initializer_timeout",
            "pre_stop_handler",
            "pre_stop_timeout",
            "enterprise_project_id",
            "long_time",
            "log_group_id",
            "log_stream_id",
            "type",
            "enable_cloud_debug",
            "enable_dynamic_memory",
            "is_stateful_function",
            "is_bridge_function",
            "custom_image",
            "apig_route_enable",
            "heartbeat_handler",
            "enable_class_isolation",
            "allow_ephemeral_storage",
            "ephemeral_storage",
            "network_controller",
            "is_return_stream",
            "enable_auth_in_header",
            "enable_lts_log",
            "lts_custom_tag",
            "reserved_instance_idle_mode",
    };
    cleanup_with(fn_unrefp) const struct fn *f = sample();
    cleanup_with(json_freep) struct cJSON *o = shown(f, FG_VIEW_CONFIG);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(common); i++)
        if (!json_get(o, common[i]))
            fail_msg("%s is missing", common[i]);
}

static void kept_fields_replace_their_defaults_and_unknown_ones_follow(void **state)
{
    struct fn *draft = sample();
    cleanup_with(fn_unrefp) const struct fn *f = draft;
    cleanup_with(json_freep) struct cJSON *o = NULL;

    (void)state;
    fn_set(&draft->role, S("agency"));
    draft->reserved = 2;
    fn_set(&draft->extra, S("{\"xrole\":\"agency\",\"future\":{\"a\":1},"
                            "\"strategy_config\":{\"concurrency\":-1}}"));
    o = shown(f, FG_VIEW_CREATE);
    has_text(o, "xrole", "agency");
    has_text(o, "app_xrole", "");
    has_number(json_get(o, "future"), "a", 1);
    has_number(json_get(o, "strategy_config"), "concurrency", -1);
    has_number(o, "reserved_instance_count", 2);
}

static void what_rules_instances_is_shown_from_the_record_whoever_set_it(void **state)
{
    struct fn *draft = sample();
    cleanup_with(fn_unrefp) const struct fn *f = draft;
    cleanup_with(json_freep) struct cJSON *o = NULL;

    (void)state;
    fn_set(&draft->role, S("ours"));
    fn_set(&draft->pre_stop, S("index.stop"));
    draft->pre_stop_timeout_ms = 7000;
    draft->tmp_mb = 1024;
    draft->instance_concurrency = 32;
    fn_set(&draft->extra, S("{\"xrole\":\"theirs\"}"));
    o = shown(f, FG_VIEW_CONFIG);
    has_text(o, "xrole", "ours");
    has_text(o, "app_xrole", "ours");
    has_text(o, "pre_stop_handler", "index.stop");
    has_number(o, "pre_stop_timeout", 7);
    has_number(o, "ephemeral_storage", 1024);
    has_number(json_get(o, "strategy_config"), "concurrent_num", 32);
}

static void a_list_shows_the_id_of_the_network_alone(void **state)
{
    struct fn *draft = sample();
    cleanup_with(fn_unrefp) const struct fn *f = draft;
    cleanup_with(json_freep) struct cJSON *o = NULL;

    (void)state;
    fn_set(&draft->extra, S("{\"func_vpc\":{\"vpc_id\":\"v-1\"}}"));
    o = shown(f, FG_VIEW_LIST);
    has_text(o, "func_vpc_id", "v-1");
    assert_null(json_get(o, "func_vpc"));
    has_number(o, "fail_count", 0);
}

static void the_id_changes_with_the_birth_and_nothing_else(void **state)
{
    struct fn *draft = sample();
    cleanup_with(fn_unrefp) const struct fn *f = draft;
    cleanup_with(json_freep) struct cJSON *a = shown(f, FG_VIEW_CONFIG), *b = NULL, *c = NULL;
    struct str id = STR_NONE, later = STR_NONE, reborn = STR_NONE;

    (void)state;
    draft->modified_ms++;
    fn_set(&draft->handler, S("other.handler"));
    b = shown(f, FG_VIEW_CONFIG);
    draft->created_ms++;
    c = shown(f, FG_VIEW_CONFIG);
    (void)json_str(a, "func_id", false, &id, NULL);
    (void)json_str(b, "func_id", false, &later, NULL);
    (void)json_str(c, "func_id", false, &reborn, NULL);
    assert_int_equal(id.n, UUID_TEXT - 1);
    t_str(later, id);
    assert_false(str_eq(reborn, id));
}

static void a_code_object_carries_the_file(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = sample();
    cleanup_with(buf_done) struct buf b;
    cleanup_with(json_freep) struct cJSON *o = NULL;
    struct jw w;

    (void)state;
    buf_init(&b, 1 << 16);
    jw_init(&w, &b);
    fg_code_object(&w, f, S("cHJpbnQoMSk="), S("http://127.0.0.1:8900/a"));
    o = json_parse(buf_str(&b), NULL);
    assert_non_null(o);
    has_text(json_get(o, "func_code"), "file", "cHJpbnQoMSk=");
    has_text(json_get(o, "func_code"), "link", "http://127.0.0.1:8900/a");
    has_text(o, "code_type", "inline");
    has_text(o, "digest", "abcdef");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_object_says_what_the_record_knows),
            cmocka_unit_test(every_common_field_is_there_without_being_asked_for),
            cmocka_unit_test(kept_fields_replace_their_defaults_and_unknown_ones_follow),
            cmocka_unit_test(what_rules_instances_is_shown_from_the_record_whoever_set_it),
            cmocka_unit_test(a_list_shows_the_id_of_the_network_alone),
            cmocka_unit_test(the_id_changes_with_the_birth_and_nothing_else),
            cmocka_unit_test(a_code_object_carries_the_file),
    };

    return T_RUN(tests);
}
