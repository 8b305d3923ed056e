/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/fg.h"
#include "t.h"

/* One create body with one field replaced, added or (value NULL) left out. */
static int parse_with(enum fg_form form, struct fn *draft, const char *field, const char *value,
                      struct fg_error *x)
{
    static const struct {
        const char *name, *value;
    } base[] = {
            {"func_name", "\"hello\""},       {"package", "\"default\""},
            {"runtime", "\"Python3.9\""},     {"timeout", "30"},
            {"handler", "\"index.handler\""}, {"memory_size", "128"},
    };
    cleanup_with(buf_done) struct buf b;
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct err e = {0};
    bool used = false, first = true;

    buf_init(&b, 1 << 20);
    buf_addc(&b, '{');
    for (size_t i = 0; i < ARRAY_LEN(base); i++) {
        bool mine = field && strcmp(base[i].name, field) == 0;
        const char *v = mine ? value : base[i].value;

        used |= mine;
        if (!v)
            continue;
        buf_addf(&b, "%s\"%s\":%s", first ? "" : ",", base[i].name, v);
        first = false;
    }
    if (field && value && !used)
        buf_addf(&b, ",\"%s\":%s", field, value);
    buf_addc(&b, '}');
    body = json_parse(buf_str(&b), &e);
    if (!body)
        fail_msg("%s: %s", b.p, e.msg);
    return fg_parse_fields(body, form, draft, x);
}

static struct fn *new_draft(void)
{
    struct fn_key key = {DIALECT_FUNCTIONGRAPH, S("p"), S("r"), S("default"), S("hello")};

    return fn_new(&key);
}

static void accepted(const char *field, const char *value)
{
    cleanup_with(fn_unrefp) const struct fn *f = NULL;
    struct fn *draft = new_draft();
    struct fg_error x = {0};
    int r = parse_with(FG_CREATE, draft, field, value, &x);

    f = draft;
    if (r < 0)
        fail_msg("%s: %.60s was refused: %s", field, value, x.e.msg);
}

static void refused(const char *field, const char *value, const char *code)
{
    cleanup_with(fn_unrefp) const struct fn *f = NULL;
    struct fn *draft = new_draft();
    struct fg_error x = {0};
    int r = parse_with(FG_CREATE, draft, field, value, &x);

    f = draft;
    if (r >= 0)
        fail_msg("%s: %.60s was accepted", field, value ? value : "(absent)");
    if (strcmp(x.code, code) != 0)
        fail_msg("%s: %.60s gave %s (%s), not %s", field, value ? value : "(absent)", x.code,
                 x.e.msg, code);
    assert_int_equal(x.status, 400);
    assert_true(x.e.msg[0] != '\0');
}

/* "aaa" of n characters, quoted. */
static const char *text(size_t n, char fill, const char *tail)
{
    static char out[8192];

    out[0] = '"';
    memset(out + 1, fill, n);
    (void)snprintf(out + 1 + n, sizeof(out) - 1 - n, "%s\"", tail);
    return out;
}

static void every_mandatory_field_is_missed_with_its_own_code(void **state)
{
    (void)state;
    refused("runtime", NULL, "FSS.1005");
    refused("timeout", NULL, "FSS.1008");
    refused("handler", NULL, "FSS.1003");
    refused("memory_size", NULL, "FSS.1007");
    refused("runtime", "null", "FSS.1005");
}

static void numbers_end_at_their_limits(void **state)
{
    (void)state;
    accepted("timeout", "3");
    refused("timeout", "2", "FSS.1008");
    accepted("timeout", "259200");
    refused("timeout", "259201", "FSS.1008");
    refused("timeout", "3.5", "FSS.1008");
    refused("timeout", "1e300", "FSS.1008");
    refused("timeout", "\"3\"", "FSS.1008");
    accepted("initializer_timeout", "1");
    accepted("initializer_timeout", "300");
    refused("initializer_timeout", "301", "FSS.1405");
    refused("initializer_timeout", "-1", "FSS.1405");
    accepted("pre_stop_timeout", "90");
    refused("pre_stop_timeout", "91", "FSS.1008");
    accepted("pre_stop_timeout", "0");
    refused("pre_stop_timeout", "-1", "FSS.1008");
    accepted("pre_stop_handler", text(120, 'h', ".handler"));
    refused("pre_stop_handler", text(121, 'h', ".handler"), "FSS.1003");
    refused("pre_stop_handler", "\"nofunction\"", "FSS.1003");
    accepted("ephemeral_storage", "512");
    accepted("ephemeral_storage", "10240");
    refused("ephemeral_storage", "10241", "FSS.0400");
    refused("ephemeral_storage", "513", "FSS.0400");
}

static void memory_is_one_of_the_sizes_the_cloud_sells(void **state)
{
    (void)state;
    accepted("memory_size", "128");
    accepted("memory_size", "1792");
    accepted("memory_size", "10240");
    refused("memory_size", "127", "FSS.1007");
    refused("memory_size", "129", "FSS.1007");
    refused("memory_size", "10241", "FSS.1007");
    refused("memory_size", "-128", "FSS.1007");
}

static void texts_end_at_their_limits_in_characters(void **state)
{
    (void)state;
    accepted("handler", text(126, 'a', ".b"));
    refused("handler", text(127, 'a', ".b"), "FSS.1003");
    accepted("handler", "\"a.b\"");
    refused("handler", "\".b\"", "FSS.1003");
    accepted("description", text(512, 'd', ""));
    refused("description", text(513, 'd', ""), "FSS.1019");
    accepted("description", text(511, 'd', "\xc3\xa9"));
    refused("description", text(512, 'd', "\xc3\xa9"), "FSS.1019");
    accepted("initializer_handler", text(126, 'a', ".b"));
    refused("initializer_handler", text(127, 'a', ".b"), "FSS.1404");
}

static void a_handler_names_file_and_function_where_the_language_has_them(void **state)
{
    (void)state;
    accepted("handler", "\"src/app.main\"");
    refused("handler", "\"index\"", "FSS.1003");
    refused("handler", "\"index.\"", "FSS.1003");
    refused("handler", "\"src/.main\"", "FSS.1003");
    refused("handler", "\"a\\nb.c\"", "FSS.1003");
    refused("initializer_handler", "\"init\"", "FSS.1404");
}

static void a_runtime_is_one_the_cloud_has(void **state)
{
    (void)state;
    accepted("runtime", "\"Python3.9\"");
    accepted("runtime", "\"Java17\""); /* no dot rule, no worker: accepted all the same */
    refused("runtime", "\"Python9.9\"", "FSS.1005");
    refused("runtime", "\"python3.9\"", "FSS.1005");
    refused("runtime", "3", "FSS.1005");
}

static void user_data_is_an_object_in_a_text(void **state)
{
    (void)state;
    accepted("user_data", "\"\"");
    accepted("user_data", "\"{}\"");
    accepted("user_data", "\"{\\\"K_1\\\":\\\"v\\\"}\"");
    refused("user_data", "{\"K\":\"v\"}", "FSS.1009");
    refused("user_data", "\"[]\"", "FSS.1009");
    refused("user_data", "\"{\"", "FSS.1009");
    refused("user_data", "\"{\\\"K\\\":1}\"", "FSS.1009");
    refused("user_data", "\"{\\\"1K\\\":\\\"v\\\"}\"", "FSS.1009");
    refused("user_data", "\"{\\\"\\\":\\\"v\\\"}\"", "FSS.1009");
    refused("user_data", "\"{\\\"RUNTIME_USERDATA\\\":\\\"v\\\"}\"", "FSS.1009");
}

static const char *keys(int n)
{
    static char out[2048];
    size_t at = (size_t)snprintf(out, sizeof(out), "\"{");

    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, sizeof(out) - at, "%s\\\"k%d\\\":\\\"\\\"", i ? "," : "",
                               i);
    (void)snprintf(out + at, sizeof(out) - at, "}\"");
    return out;
}

static void user_data_ends_at_20_keys_and_4096_characters(void **state)
{
    char out[8192];

    (void)state;
    accepted("user_data", keys(20));
    refused("user_data", keys(21), "FSS.1017");
    for (int over = 0; over <= 1; over++) {
        int fill = 4096 + over - 8; /* {"K":""} */

        (void)snprintf(out, sizeof(out), "\"{\\\"K\\\":\\\"%0*d\\\"}\"", fill, 0);
        if (over)
            refused("user_data", out, "FSS.1018");
        else
            accepted("user_data", out);
    }
}

static void what_was_said_stands_in_the_draft(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = NULL;
    struct fn *draft = new_draft();
    struct fg_error x = {0};

    (void)state;
    f = draft;
    t_ok(parse_with(FG_CREATE, draft, "user_data", "\"{\\\"A\\\":\\\"1\\\",\\\"B\\\":\\\"2\\\"}\"",
                    &x),
         &x.e);
    assert_string_equal(f->runtime, "Python3.9");
    assert_string_equal(f->handler, "index.handler");
    assert_int_equal(f->timeout_ms, 30000);
    assert_int_equal(f->memory_mb, 128);
    assert_string_equal(fn_var(f, "A"), "1");
    assert_string_equal(fn_var(f, "B"), "2");
    assert_null(f->initializer);
    assert_string_equal(f->extra, "{}");
}

static void an_update_leaves_alone_what_it_does_not_name(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = NULL;
    struct fn *draft = new_draft();
    struct fg_error x = {0};

    (void)state;
    f = draft;
    t_ok(parse_with(FG_CREATE, draft, "description", "\"first\"", &x), &x.e);
    t_ok(parse_with(FG_CONFIG, draft, "user_data", "\"{\\\"A\\\":\\\"1\\\"}\"", &x), &x.e);
    t_ok(parse_with(FG_CONFIG, draft, "initializer_handler", "\"index.init\"", &x), &x.e);
    t_ok(parse_with(FG_CONFIG, draft, "initializer_timeout", "7", &x), &x.e);
    assert_string_equal(f->description, "first");
    assert_string_equal(fn_var(f, "A"), "1");
    assert_string_equal(f->initializer, "index.init");
    assert_int_equal(f->init_timeout_ms, 7000);

    t_ok(parse_with(FG_CONFIG, draft, "user_data", "\"\"", &x), &x.e);
    t_ok(parse_with(FG_CONFIG, draft, "initializer_handler", "\"\"", &x), &x.e);
    assert_int_equal(f->nvars, 0);
    assert_null(f->initializer);
}

static void an_update_cannot_change_the_runtime(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = NULL;
    struct fn *draft = new_draft();
    struct fg_error x = {0};

    (void)state;
    f = draft;
    t_ok(parse_with(FG_CREATE, draft, NULL, NULL, &x), &x.e);
    assert_int_equal(parse_with(FG_CONFIG, draft, "runtime", "\"Python3.6\"", &x), -EINVAL);
    assert_string_equal(x.code, "FSS.1005");
    assert_string_equal(f->runtime, "Python3.9");
}

static void an_initializer_needs_a_timeout_above_zero(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = NULL;
    struct fn *draft = new_draft();
    struct fg_error x = {0};

    (void)state;
    f = draft;
    t_ok(parse_with(FG_CREATE, draft, "initializer_timeout", "0", &x), &x.e);
    t_ok(parse_with(FG_CREATE, draft, "initializer_handler", "\"index.init\"", &x), &x.e);
    assert_int_equal(parse_with(FG_CREATE, draft, "initializer_timeout", "0", &x), -EINVAL);
    assert_string_equal(x.code, "FSS.1405");
}

static void fields_without_a_place_are_kept_and_replaced(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = NULL;
    struct fn *draft = new_draft();
    struct fg_error x = {0};

    (void)state;
    f = draft;
    t_ok(parse_with(FG_CREATE, draft, "xrole", "\"agency\"", &x), &x.e);
    t_ok(parse_with(FG_CONFIG, draft, "future_field", "{\"a\":[1]}", &x), &x.e);
    t_has(f->extra, "\"xrole\":\"agency\"");
    t_has(f->extra, "\"future_field\":{\"a\":[1]}");
    t_ok(parse_with(FG_CONFIG, draft, "xrole", "\"other\"", &x), &x.e);
    t_has(f->extra, "\"xrole\":\"other\"");
    assert_null(strstr(f->extra, "agency"));
    assert_null(strstr(f->extra, "memory_size"));
}

static void what_we_say_ourselves_is_never_kept(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = NULL;
    struct fn *draft = new_draft();
    struct fg_error x = {0};

    (void)state;
    f = draft;
    t_ok(parse_with(FG_CREATE, draft, "func_urn", "\"urn:mine\"", &x), &x.e);
    assert_string_equal(f->extra, "{}");
}

static void kept_fields_end_at_64_kib_together(void **state)
{
    static char value[FG_EXTRA_MAX + 16];
    size_t room = FG_EXTRA_MAX - strlen("{\"zzz\":\"\"}");

    (void)state;
    for (int over = 0; over <= 1; over++) {
        value[0] = '"';
        memset(value + 1, 'x', room + (size_t)over);
        (void)snprintf(value + 1 + room + over, 2, "\"");
        if (over)
            refused("zzz", value, "FSS.0400");
        else
            accepted("zzz", value);
    }
}

static void an_agency_for_execution_comes_before_that_for_configuration(void **state)
{
    static const struct {
        const char *field, *value, *role;
    } steps[] = {
            {"xrole", "\"config\"", "config"}, {"app_xrole", "\"app\"", "app"},
            {"xrole", "\"other\"", "app"},     {"description", "\"d\"", "app"},
            {"app_xrole", "\"\"", "other"},    {"xrole", "\"\"", NULL},
    };
    cleanup_with(fn_unrefp) const struct fn *f = NULL;
    struct fn *draft = new_draft();
    struct fg_error x = {0};

    (void)state;
    f = draft;
    fn_set(&draft->runtime, S("Python3.9"));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        t_ok(parse_with(FG_CONFIG, draft, steps[i].field, steps[i].value, &x), &x.e);
        if (steps[i].role)
            assert_string_equal(f->role, steps[i].role);
        else
            assert_null(f->role);
    }
}

static void a_closed_network_leaves_the_way_to_our_endpoints(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = NULL;
    struct fn *draft = new_draft();
    struct fg_error x = {0};

    (void)state;
    f = draft;
    fn_set(&draft->runtime, S("Python3.9"));
    t_ok(parse_with(FG_CONFIG, draft, "network_controller", "{\"disable_public_network\":true}",
                    &x),
         &x.e);
    assert_int_equal(f->network, FN_NETWORK_ENDPOINT);
    t_ok(parse_with(FG_CONFIG, draft, "description", "\"d\"", &x), &x.e);
    assert_int_equal(f->network, FN_NETWORK_ENDPOINT);
    t_ok(parse_with(FG_CONFIG, draft, "network_controller", "{}", &x), &x.e);
    assert_int_equal(f->network, FN_NETWORK_DEFAULT);
    refused("network_controller", "{\"disable_public_network\":1}", "FSS.0400");
}

static void hooks_and_storage_stand_in_the_draft(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = NULL;
    struct fn *draft = new_draft();
    struct fg_error x = {0};

    (void)state;
    f = draft;
    t_ok(parse_with(FG_CREATE, draft, "pre_stop_handler", "\"index.stop\"", &x), &x.e);
    t_ok(parse_with(FG_CONFIG, draft, "pre_stop_timeout", "90", &x), &x.e);
    t_ok(parse_with(FG_CONFIG, draft, "ephemeral_storage", "10240", &x), &x.e);
    assert_string_equal(f->pre_stop, "index.stop");
    assert_int_equal(f->pre_stop_timeout_ms, 90000);
    assert_int_equal(f->tmp_mb, 10240);
    assert_string_equal(f->extra, "{}");
    assert_int_equal(parse_with(FG_CONFIG, draft, "pre_stop_timeout", "0", &x), -EINVAL);
    assert_string_equal(x.code, "FSS.1008");
    t_ok(parse_with(FG_CONFIG, draft, "pre_stop_handler", "\"\"", &x), &x.e);
    assert_null(f->pre_stop);
    t_ok(parse_with(FG_CONFIG, draft, "pre_stop_timeout", "0", &x), &x.e);
}

static void wrong_types_of_kept_fields_are_refused(void **state)
{
    (void)state;
    refused("func_vpc", "[]", "FSS.1036");
    refused("depend_version_list", "{}", "FSS.0400");
    refused("enable_lts_log", "\"true\"", "FSS.0400");
    refused("xrole", "1", "FSS.1021");
    refused("type", "\"v3\"", "FSS.0400");
    refused("encrypted_user_data", "\"{\\\"k\\\":\\\"v\\\"}\"", "FSS.1009");
    accepted("encrypted_user_data", "\"{}\"");
}

static void concurrency_has_its_limits_and_its_code(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = NULL;
    struct fn *draft = new_draft();
    struct fg_error x = {0};

    (void)state;
    f = draft;
    accepted("strategy_config", "{\"concurrency\":-1,\"concurrent_num\":1000}");
    refused("strategy_config", "{\"concurrency\":-2}", "FSS.1026");
    refused("strategy_config", "{\"concurrency\":1001}", "FSS.1026");
    refused("strategy_config", "{\"concurrent_num\":0}", "FSS.1026");
    refused("strategy_config", "{\"concurrent_num\":1001}", "FSS.1026");
    t_ok(parse_with(FG_CREATE, draft, "strategy_config", "{\"concurrency\":5}", &x), &x.e);
    assert_int_equal(f->max_instances, 5);
}

static void names_of_function_and_package_have_codes_of_their_own(void **state)
{
    static const struct {
        const char *body, *code;
    } rows[] = {
            {"{\"package\":\"p\"}", "FSS.1002"},
            {"{\"func_name\":1,\"package\":\"p\"}", "FSS.1002"},
            {"{\"func_name\":\"a-\",\"package\":\"p\"}", "FSS.1002"},
            {"{\"func_name\":\"a\"}", "FSS.1004"},
            {"{\"func_name\":\"a\",\"package\":\"_p\"}", "FSS.1004"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(rows[i].body), NULL);
        struct fg_error x = {0};
        struct fn_key key;

        assert_int_equal(fg_parse_key(body, S("p"), S("r"), &key, &x), -EINVAL);
        assert_string_equal(x.code, rows[i].code);
    }
}

static void a_code_type_we_cannot_serve_says_so(void **state)
{
    cleanup_with(json_freep) struct cJSON *tree =
            json_parse(S("{\"code_type\":\"Custom-Image-Swr\"}"), NULL);
    struct fg_error x = {0};
    struct fg_code code;

    (void)state;
    assert_int_equal(fg_parse_code(tree, &code, &x), -EINVAL);
    assert_string_equal(x.code, "FSS.1006");
    t_has(x.e.msg, "not supported here");
}

static void code_out_of_a_bucket_needs_its_link(void **state)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(S("{\"code_type\":\"obs\"}"), NULL);
    struct fg_error x = {0};
    struct fg_code code;

    (void)state;
    assert_int_equal(fg_parse_code(tree, &code, &x), -EINVAL);
    assert_string_equal(x.code, "FSS.1010");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_mandatory_field_is_missed_with_its_own_code),
            cmocka_unit_test(numbers_end_at_their_limits),
            cmocka_unit_test(memory_is_one_of_the_sizes_the_cloud_sells),
            cmocka_unit_test(texts_end_at_their_limits_in_characters),
            cmocka_unit_test(a_handler_names_file_and_function_where_the_language_has_them),
            cmocka_unit_test(a_runtime_is_one_the_cloud_has),
            cmocka_unit_test(user_data_is_an_object_in_a_text),
            cmocka_unit_test(user_data_ends_at_20_keys_and_4096_characters),
            cmocka_unit_test(what_was_said_stands_in_the_draft),
            cmocka_unit_test(an_update_leaves_alone_what_it_does_not_name),
            cmocka_unit_test(an_update_cannot_change_the_runtime),
            cmocka_unit_test(an_initializer_needs_a_timeout_above_zero),
            cmocka_unit_test(fields_without_a_place_are_kept_and_replaced),
            cmocka_unit_test(what_we_say_ourselves_is_never_kept),
            cmocka_unit_test(kept_fields_end_at_64_kib_together),
            cmocka_unit_test(an_agency_for_execution_comes_before_that_for_configuration),
            cmocka_unit_test(a_closed_network_leaves_the_way_to_our_endpoints),
            cmocka_unit_test(hooks_and_storage_stand_in_the_draft),
            cmocka_unit_test(wrong_types_of_kept_fields_are_refused),
            cmocka_unit_test(concurrency_has_its_limits_and_its_code),
            cmocka_unit_test(names_of_function_and_package_have_codes_of_their_own),
            cmocka_unit_test(a_code_type_we_cannot_serve_says_so),
            cmocka_unit_test(code_out_of_a_bucket_needs_its_link),
    };

    return T_RUN(tests);
}
