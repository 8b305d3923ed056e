/* SPDX-License-Identifier: Apache-2.0 */
/* test_parse.c - keys and deploy requests of the admin API. */
#include <errno.h>
#include <stdlib.h>

#include "admin/parse.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "fn/fn.h"
#include "t.h"

static char *letters(size_t n)
{
    char *s = xcalloc(n + 1, 1);

    memset(s, 'a', n);
    return s;
}

static int parse_key(const char *dialect, const char *account, const char *space, const char *name,
                     struct err *e)
{
    const struct str parts[5] = {str_of(dialect), str_of(account), S("local-1"), str_of(space),
                                 str_of(name)};
    struct fn_key key;

    return admin_parse_key(parts, &key, e);
}

static void a_key_has_the_rules_of_its_cloud(void **state)
{
    struct err e = {0};

    (void)state;
    t_ok(parse_key("functiongraph", "local", "default", "a-b_9", &e), &e);
    t_ok(parse_key("fc", "1", "_svc", "_f-", &e), &e);
    assert_int_equal(parse_key("lambda", "1", "s", "f", &e), -EINVAL);
    t_has(e.msg, "dialect 'lambda'");
    assert_int_equal(parse_key("functiongraph", "1", "default", "_f", &e), -EINVAL);
    assert_int_equal(parse_key("functiongraph", "1", "default", "f-", &e), -EINVAL);
    assert_int_equal(parse_key("functiongraph", "1", "default", "9f", &e), -EINVAL);
    assert_int_equal(parse_key("fc", "1", "a.b", "f", &e), -EINVAL);
    assert_int_equal(parse_key("fc", "a/b", "s", "f", &e), -EINVAL);
    t_has(e.msg, "account");
}

static void names_are_as_long_as_their_cloud_allows(void **state)
{
    cleanup_free char *n60 = letters(60);
    cleanup_free char *n61 = letters(61);
    cleanup_free char *n128 = letters(128);
    cleanup_free char *n129 = letters(129);
    struct err e = {0};

    (void)state;
    t_ok(parse_key("functiongraph", "1", "s", n60, &e), &e);
    assert_int_equal(parse_key("functiongraph", "1", "s", n61, &e), -EINVAL);
    t_ok(parse_key("fc", "1", "s", n128, &e), &e);
    assert_int_equal(parse_key("fc", "1", "s", n129, &e), -EINVAL);
}

static int parse(enum dialect dialect, const char *text, struct fn **ret, struct admin_code *code,
                 struct err *e)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(text), e);
    struct fn_key key = {.dialect = dialect,
                         .account = S("1"),
                         .region = S("r"),
                         .space = S("s"),
                         .name = S("f")};

    if (!body)
        fail_msg("%s in %s", e->msg, text);
    *ret = fn_new(&key);
    *code = (struct admin_code){0};
    buf_init(&code->zip, 1 << 20);
    return admin_parse_deploy(body, *ret, code, e);
}

static void refused(const char *text, const char *why)
{
    struct admin_code code;
    struct err e = {0};
    struct fn *f;

    assert_int_equal(parse(DIALECT_FUNCTIONGRAPH, text, &f, &code, &e), -EINVAL);
    t_has(e.msg, why);
    buf_done(&code.zip);
    fn_unref(f);
}

static void accepted(enum dialect dialect, const char *text)
{
    struct admin_code code;
    struct err e = {0};
    struct fn *f;

    t_ok(parse(dialect, text, &f, &code, &e), &e);
    buf_done(&code.zip);
    fn_unref(f);
}

#define LEAST "\"runtime\":\"Python3.9\",\"handler\":\"a.b\""

static void everything_lands_in_the_draft(void **state)
{
    struct admin_code code;
    struct err e = {0};
    struct fn *f;

    (void)state;
    t_ok(parse(DIALECT_FUNCTIONGRAPH,
               "{" LEAST ",\"initializer\":\"a.init\",\"description\":\"d\",\"memory_mb\":256,"
               "\"timeout_ms\":4000,\"init_timeout_ms\":5000,\"environment\":{\"A\":\"1\"},"
               "\"code\":{\"zip\":\"UEsDBA==\"}}",
               &f, &code, &e),
         &e);
    t_str(str_of(f->runtime), S("Python3.9"));
    t_str(str_of(f->handler), S("a.b"));
    t_str(str_of(f->initializer), S("a.init"));
    t_str(str_of(f->description), S("d"));
    assert_int_equal(f->memory_mb, 256);
    assert_int_equal(f->timeout_ms, 4000);
    assert_int_equal(f->init_timeout_ms, 5000);
    t_str(str_of(fn_var(f, "A")), S("1"));
    t_str(buf_str(&code.zip), S("PK\x03\x04"));
    buf_done(&code.zip);
    fn_unref(f);
}

static void a_copied_draft_forgets_what_the_request_leaves_out(void **state)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(S("{" LEAST "}"), NULL);
    struct fn_key key = {.dialect = DIALECT_FUNCTIONGRAPH,
                         .account = S("1"),
                         .region = S("r"),
                         .space = S("s"),
                         .name = S("f")};
    struct fn *f = fn_new(&key);
    struct admin_code code = {0};
    struct err e = {0};

    (void)state;
    buf_init(&code.zip, 64);
    fn_set(&f->initializer, S("old.init"));
    fn_add_var(f, S("OLD"), S("1"));
    f->memory_mb = 4096;
    snprintf(f->code.sha, sizeof(f->code.sha), "abc");
    t_ok(admin_parse_deploy(body, f, &code, &e), &e);
    assert_null(f->initializer);
    assert_int_equal(f->nvars, 0);
    assert_int_equal(f->memory_mb, 128);
    t_str(str_of(f->code.sha), S("abc")); /* code stays */
    assert_int_equal(code.zip.n, 0);
    buf_done(&code.zip);
    fn_unref(f);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    refused("[]", "must be a JSON object");
    refused("{\"handler\":\"a.b\"}", "runtime is missing");
    refused("{\"runtime\":\"Python3.9\"}", "handler is missing");
    refused("{" LEAST ",\"memory\":1}", "unknown key 'memory'");
    refused("{" LEAST ",\"description\":\"a\",\"description\":\"b\"}", "is there twice");
    refused("{\"runtime\":\"python3\",\"handler\":\"a.b\"}", "is not a runtime of functiongraph");
    refused("{" LEAST ",\"environment\":{\"1\":\"x\"}}", "must match");
    refused("{" LEAST ",\"environment\":{\"A\":1}}", "'A' must be text");
    refused("{" LEAST ",\"code\":{}}", "one of zip, source and sha256");
    refused("{" LEAST ",\"code\":{\"sha256\":\"ab\"}}", "sha256");
    refused("{" LEAST ",\"code\":{\"zip\":\"UEs=\",\"source\":\"x\"}}",
            "one of zip, source and sha256");
    refused("{" LEAST ",\"code\":{\"zip\":\"?\"}}", "not valid base64");
    refused("{" LEAST ",\"code\":{\"zap\":\"?\"}}", "unknown key 'code.zap'");
}

static void limits_hold_at_the_limit_and_one_beyond(void **state)
{
    (void)state;
    accepted(DIALECT_FUNCTIONGRAPH, "{" LEAST ",\"memory_mb\":128,\"timeout_ms\":3000}");
    accepted(DIALECT_FUNCTIONGRAPH, "{" LEAST ",\"memory_mb\":10240,\"timeout_ms\":259200000}");
    accepted(DIALECT_FUNCTIONGRAPH, "{" LEAST ",\"init_timeout_ms\":1000}");
    accepted(DIALECT_FUNCTIONGRAPH, "{" LEAST ",\"init_timeout_ms\":300000}");
    refused("{" LEAST ",\"memory_mb\":64}", "memory_mb must be between 128 and 10240");
    refused("{" LEAST ",\"memory_mb\":10304}", "memory_mb must be between");
    refused("{" LEAST ",\"memory_mb\":192}", "not one of the sizes");
    accepted(DIALECT_FC, "{\"runtime\":\"python3\",\"handler\":\"h\",\"memory_mb\":192}");
    refused("{" LEAST ",\"timeout_ms\":3001}", "whole seconds");
    refused("{" LEAST ",\"init_timeout_ms\":1001}", "whole seconds");
    refused("{" LEAST ",\"timeout_ms\":2999}", "timeout_ms must be between 3000 and 259200000");
    refused("{" LEAST ",\"timeout_ms\":259200001}", "timeout_ms must be between");
    refused("{" LEAST ",\"timeout_ms\":3000.5}", "whole number");
    refused("{" LEAST ",\"timeout_ms\":1e300}", "between");
    refused("{" LEAST ",\"init_timeout_ms\":999}", "init_timeout_ms must be between");
    refused("{" LEAST ",\"init_timeout_ms\":300001}", "init_timeout_ms must be between");
    accepted(DIALECT_FC, "{\"runtime\":\"python3\",\"handler\":\"h\",\"timeout_ms\":1000}");
}

static void the_environment_has_4096_bytes(void **state)
{
    cleanup_free char *fits = letters(4095);
    cleanup_free char *over = letters(4096);
    cleanup_free char *good = xasprintf("{" LEAST ",\"environment\":{\"A\":\"%s\"}}", fits);
    cleanup_free char *bad = xasprintf("{" LEAST ",\"environment\":{\"A\":\"%s\"}}", over);

    (void)state;
    accepted(DIALECT_FUNCTIONGRAPH, good);
    refused(bad, "the limit is 4096");
}

static void functiongraph_takes_20_variables(void **state)
{
    cleanup_with(buf_done) struct buf text;

    (void)state;
    buf_init(&text, 4096);
    buf_addz(&text, "{" LEAST ",\"environment\":{\"V0\":\"\"");
    for (int i = 1; i < 20; i++)
        buf_addf(&text, ",\"V%d\":\"\"", i);
    buf_addz(&text, "}}");
    accepted(DIALECT_FUNCTIONGRAPH, text.p);
    text.n -= 2;
    text.p[text.n] = 0;
    buf_addz(&text, ",\"V20\":\"\"}}");
    refused(text.p, "has 21 variables");
}

static void settings_of_the_engine_go_as_far_as_their_limits(void **state)
{
    static const struct {
        const char *good, *bad, *says;
    } rows[] = {
            {"\"tmp_mb\":512", "\"tmp_mb\":511", "tmp_mb must be between 512 and 10240"},
            {"\"tmp_mb\":10240", "\"tmp_mb\":10241", "tmp_mb must be between"},
            {"\"reserved\":0", "\"reserved\":-1", "reserved must be between 0 and 100"},
            {"\"reserved\":100", "\"reserved\":101", "reserved must be between 0 and 100"},
            {"\"instance_concurrency\":1", "\"instance_concurrency\":0", "between 1 and 1000"},
            {"\"instance_concurrency\":1000", "\"instance_concurrency\":1001", "1 and 1000"},
            {"\"pre_stop_timeout_ms\":1000", "\"pre_stop_timeout_ms\":0", "1000 and 90000"},
            {"\"pre_stop_timeout_ms\":90000", "\"pre_stop_timeout_ms\":91000", "1000 and 90000"},
            {"\"pre_freeze_timeout_ms\":9000", "\"pre_freeze_timeout_ms\":1500",
             "multiple of 1000"},
            {"\"pre_freeze_timeout_ms\":2000", "\"pre_freeze_timeout_ms\":90001", "1000 and 90000"},
            {"\"network\":\"egress\"", "\"network\":\"all\"",
             "network must be one of default, none, endpoint, egress"},
            {"\"network\":\"none\"", "\"network\":3", "network must be one of"},
            {"\"cpu\":\"strict\"", "\"cpu\":\"loose\"", "cpu must be one of weight, strict"},
            {"\"role\":\"an-agency\"", "\"role\":7", "role must be text"},
            {"\"pre_stop\":\"index.stop\"", "\"pre_stop\":true", "pre_stop must be text"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];

        (void)snprintf(text, sizeof(text), "{" LEAST ",%s}", rows[i].good);
        accepted(DIALECT_FUNCTIONGRAPH, text);
        (void)snprintf(text, sizeof(text), "{" LEAST ",%s}", rows[i].bad);
        refused(text, rows[i].says);
    }
}

static void long_texts_end_at_their_limit(void **state)
{
    static const struct {
        const char *key, *says;
        size_t max;
    } rows[] = {{"role", "role must have 0 to 1024 bytes", 1024},
                {"pre_stop", "pre_stop must have 0 to 128 bytes", 128},
                {"pre_freeze", "pre_freeze must have 0 to 128 bytes", 128}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t more = 0; more < 2; more++) {
            cleanup_free char *value = letters(rows[i].max + more);
            cleanup_with(buf_done) struct buf text;

            buf_init(&text, 2048);
            buf_addf(&text, "{" LEAST ",\"%s\":\"%s\"}", rows[i].key, value);
            if (more)
                refused(text.p, rows[i].says);
            else
                accepted(DIALECT_FUNCTIONGRAPH, text.p);
        }
}

static void settings_of_the_engine_are_set_and_left_out_they_are_defaults(void **state)
{
    cleanup_with(json_freep) struct cJSON *least = json_parse(S("{" LEAST "}"), NULL);
    struct admin_code code;
    struct err e = {0};
    struct fn *f;

    (void)state;
    t_ok(parse(DIALECT_FUNCTIONGRAPH,
               "{" LEAST ",\"network\":\"endpoint\",\"cpu\":\"strict\",\"tmp_mb\":1024,"
               "\"role\":\"a\",\"instance_concurrency\":32,\"reserved\":2,\"pre_stop\":\"i.s\","
               "\"pre_stop_timeout_ms\":5000,\"pre_freeze\":\"i.f\","
               "\"pre_freeze_timeout_ms\":6000}",
               &f, &code, &e),
         &e);
    assert_int_equal(f->network, FN_NETWORK_ENDPOINT);
    assert_int_equal(f->cpu_strict, 1);
    assert_int_equal(f->tmp_mb, 1024);
    assert_int_equal(f->instance_concurrency, 32);
    assert_int_equal(f->reserved, 2);
    assert_int_equal(f->pre_stop_timeout_ms, 5000);
    assert_int_equal(f->pre_freeze_timeout_ms, 6000);
    assert_string_equal(f->role, "a");
    assert_string_equal(f->pre_stop, "i.s");
    assert_string_equal(f->pre_freeze, "i.f");

    t_ok(admin_parse_deploy(least, f, &code, &e), &e);
    assert_int_equal(f->network, FN_NETWORK_DEFAULT);
    assert_int_equal(f->cpu_strict, 0);
    assert_int_equal(f->tmp_mb, 512);
    assert_int_equal(f->instance_concurrency, 1);
    assert_int_equal(f->reserved, 0);
    assert_int_equal(f->pre_stop_timeout_ms, 3000);
    assert_null(f->role);
    assert_null(f->pre_stop);
    assert_null(f->pre_freeze);
    fn_unref(f);
    buf_done(&code.zip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_key_has_the_rules_of_its_cloud),
            cmocka_unit_test(names_are_as_long_as_their_cloud_allows),
            cmocka_unit_test(everything_lands_in_the_draft),
            cmocka_unit_test(a_copied_draft_forgets_what_the_request_leaves_out),
            cmocka_unit_test(mistakes_are_named),
            cmocka_unit_test(limits_hold_at_the_limit_and_one_beyond),
            cmocka_unit_test(the_environment_has_4096_bytes),
            cmocka_unit_test(functiongraph_takes_20_variables),
            cmocka_unit_test(settings_of_the_engine_go_as_far_as_their_limits),
            cmocka_unit_test(long_texts_end_at_their_limit),
            cmocka_unit_test(settings_of_the_engine_are_set_and_left_out_they_are_defaults),
    };

    return T_RUN(tests);
}
