/* SPDX-License-Identifier: Apache-2.0 */
/* test_manifest.c - evoke.yaml: defaults, mistakes named by their path, the deploy request. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cli/manifest.h"
#include "t.h"

static const char least[] = "functions:\n"
                            "  hello:\n"
                            "    runtime: Python3.9\n"
                            "    handler: index.handler\n";

static void refused(const char *text, const char *why)
{
    struct manifest m = {0};
    struct err e = {0};

    assert_int_equal(manifest_parse(str_of(text), &m, &e), -EINVAL);
    t_has(e.msg, why);
    assert_null(m.tree);
}

static void what_is_left_out_has_its_default(void **state)
{
    struct manifest m = {0};
    struct err e = {0};
    const struct manifest_function *f;

    (void)state;
    t_ok(manifest_parse(str_of(least), &m, &e), &e);
    assert_int_equal(m.n, 1);
    f = &m.functions[0];
    t_str(f->name.name, S("hello"));
    t_str(f->name.dialect, S("functiongraph"));
    t_str(f->name.account, S("local"));
    t_str(f->name.region, S("local-1"));
    t_str(f->name.space, S("default"));
    t_str(f->code, S("."));
    assert_int_equal(f->timeout_s, 0);
    assert_null(f->environment);
    manifest_done(&m);
}

static void everything_can_be_said(void **state)
{
    static const char text[] = "functions:\n"
                               "  a:\n"
                               "    dialect: fc\n"
                               "    account: '123456789'\n"
                               "    region: eu-1\n"
                               "    space: svc\n"
                               "    runtime: python3\n"
                               "    handler: main.run\n"
                               "    initializer: main.init\n"
                               "    initializer_timeout: 9\n"
                               "    description: does it\n"
                               "    code: dist/a.zip\n"
                               "    memory: 256\n"
                               "    timeout: 30\n"
                               "    environment: {A: x, N: 1, B: true}\n"
                               "    network: endpoint\n"
                               "    cpu: strict\n"
                               "    tmp: 1024\n"
                               "    role: an-agency\n"
                               "    instance_concurrency: 32\n"
                               "    reserved: 2\n"
                               "    pre_stop: main.stop\n"
                               "    pre_stop_timeout: 5\n"
                               "    pre_freeze: main.freeze\n"
                               "    pre_freeze_timeout: 6\n"
                               "  b: {runtime: python3, handler: m.r}\n";
    cleanup_with(buf_done) struct buf out;
    struct manifest m = {0};
    struct err e = {0};

    (void)state;
    buf_init(&out, 4096);
    t_ok(manifest_parse(str_of(text), &m, &e), &e);
    assert_int_equal(m.n, 2);
    t_str(m.functions[0].name.account, S("123456789"));
    manifest_request(&m.functions[0], S("zip"), NULL, &out);
    t_str(buf_str(&out),
          S("{\"runtime\":\"python3\",\"handler\":\"main.run\",\"initializer\":\"main.init\","
            "\"description\":\"does it\",\"memory_mb\":256,\"timeout_ms\":30000,"
            "\"init_timeout_ms\":9000,\"environment\":{\"A\":\"x\",\"N\":\"1\",\"B\":\"true\"},"
            "\"network\":\"endpoint\",\"cpu\":\"strict\",\"tmp_mb\":1024,\"role\":\"an-agency\","
            "\"instance_concurrency\":32,\"reserved\":2,\"pre_stop\":\"main.stop\","
            "\"pre_stop_timeout_ms\":5000,\"pre_freeze\":\"main.freeze\","
            "\"pre_freeze_timeout_ms\":6000,\"code\":{\"zip\":\"emlw\"}}"));
    manifest_done(&m);
}

static void a_package_over_the_ceiling_fails_the_request(void **state)
{
    cleanup_with(buf_done) struct buf out;
    struct manifest m = {0};
    struct err e = {0};

    (void)state;
    t_ok(manifest_parse(str_of(least), &m, &e), &e);
    buf_init(&out, 8);
    manifest_request(&m.functions[0], S("123456789"), NULL, &out);
    assert_false(buf_ok(&out));
    manifest_done(&m);
}

static void a_mistake_is_named_by_its_path(void **state)
{
    (void)state;
    refused("functions:\n  h:\n    runtim: x\n", "functions.h.runtim: unknown key");
    refused("function:\n  h: {}\n", "function: unknown key");
    refused("functions:\n  h: {handler: a.b}\n", "functions.h.runtime is missing");
    refused("functions:\n  h: {runtime: a, handler: a.b, timeout: 1.5}\n",
            "functions.h.timeout must be a whole number");
    refused("functions:\n  h: {runtime: a, handler: a.b, timeout: 0}\n",
            "functions.h.timeout must be a whole number");
    refused("functions:\n  h: {runtime: a, handler: a.b, account: 12}\n",
            "functions.h.account must be text");
    refused("functions:\n  h: {runtime: a, handler: a.b, environment: {A: [1]}}\n",
            "functions.h.environment.A must be text");
    refused("functions:\n  h: {runtime: a, handler: a.b, environment: x}\n",
            "functions.h.environment must be a map");
    refused("functions:\n  h: text\n", "functions.h must be a map");
}

static void a_manifest_without_functions_is_refused(void **state)
{
    (void)state;
    refused("functions: {}\n", "at least one function");
    refused("- a\n", "must be a map");
    refused("{}\n", "at least one function");
}

static void broken_yaml_names_its_line(void **state)
{
    (void)state;
    refused("functions:\n  a: [\n", "line");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_left_out_has_its_default),
            cmocka_unit_test(everything_can_be_said),
            cmocka_unit_test(a_package_over_the_ceiling_fails_the_request),
            cmocka_unit_test(a_mistake_is_named_by_its_path),
            cmocka_unit_test(a_manifest_without_functions_is_refused),
            cmocka_unit_test(broken_yaml_names_its_line),
    };

    return T_RUN(tests);
}
