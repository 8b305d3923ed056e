/* SPDX-License-Identifier: Apache-2.0 */
/* test_manifest.c - evoke.yaml: defaults, mistakes named by their path, the deploy request. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
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

/* Names of destinations may leave out what they share with the function. */
static void rules_of_events_become_the_deploy_request(void **state)
{
    static const char text[] = "functions:\n"
                               "  a:\n"
                               "    {runtime: python3, handler: m.r, dialect: fc, account: acc,\n"
                               "     async: {max_age: 60, retries: 0, on_success: b,\n"
                               "             on_failure: \"https://example.com/x?y\"}}\n"
                               "  b: {runtime: r, handler: m.r, async: {on_failure: s2/c}}\n";
    cleanup_with(buf_done) struct buf out;
    struct manifest m = {0};
    struct err e = {0};

    (void)state;
    buf_init(&out, 4096);
    t_ok(manifest_parse(str_of(text), &m, &e), &e);
    manifest_request(&m.functions[0], STR_NONE, NULL, &out);
    t_str(buf_str(&out),
          S("{\"runtime\":\"python3\",\"handler\":\"m.r\",\"async\":{\"max_age_s\":60,"
            "\"max_retries\":0,\"on_success\":{\"kind\":\"function\","
            "\"to\":\"fc/acc/local-1/default/b\"},\"on_failure\":{\"kind\":\"http\","
            "\"to\":\"https://example.com/x?y\"}}}"));
    buf_reset(&out);
    manifest_request(&m.functions[1], STR_NONE, NULL, &out);
    t_has(out.p, "\"to\":\"functiongraph/local/local-1/s2/c\"");
    manifest_done(&m);
}

static void timers_become_requests_in_the_words_of_their_cloud(void **state)
{
    static const struct {
        const char *dialect, *trigger, *config;
    } rows[] = {
            {"functiongraph", "{cron: \"0 0 0 * * *\", zone: UTC}",
             "{\"schedule\":\"0 0 0 * * *\",\"syntax\":\"fg-cron\",\"zone\":\"UTC\"}"},
            {"functiongraph", "{rate: 3m}", "{\"schedule\":\"3m\",\"syntax\":\"fg-rate\"}"},
            {"functiongraph", "{every: 30s}",
             "{\"schedule\":\"@every 30s\",\"syntax\":\"fg-cron\"}"},
            {"fc", "{rate: 3m, missed: all}",
             "{\"schedule\":\"@every 3m\",\"syntax\":\"fc\",\"missed\":\"all\"}"},
            {"fc", "{cron: \"0 0 4 * * *\", payload: hi}",
             "{\"schedule\":\"0 0 4 * * *\",\"syntax\":\"fc\",\"payload\":\"hi\"}"},
            {"fc", "{rate: 3m, concurrency: 2}", "true,\"concurrency\":2,"},
            {"fc", "{rate: 3m}", "true,\"concurrency\":0,"},
            {"scf", "{cron: \"0 0 4 * * * *\"}",
             "{\"schedule\":\"0 0 4 * * * *\",\"syntax\":\"scf\"}"},
            {"scf", "{rate: 3m}", NULL},
            {"scf", "{every: 3m}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_with(buf_done) struct buf text, out;
        struct manifest m = {0};
        struct err e = {0};
        int r;

        buf_init(&text, 4096);
        buf_init(&out, 4096);
        buf_addf(&text,
                 "functions: {a: {runtime: r, handler: h, dialect: %s, triggers: {t: %s}}}\n",
                 rows[i].dialect, rows[i].trigger);
        t_ok(manifest_parse(buf_str(&text), &m, &e), &e);
        r = manifest_trigger(&m.functions[0], json_get(m.functions[0].triggers, "t"), &out, &e);
        if (rows[i].config) {
            t_ok(r, &e);
            t_has(out.p, rows[i].config);
            t_has(out.p, "\"source\":\"timer\",\"enabled\":true");
        } else {
            assert_int_equal(r, -EINVAL);
            t_has(e.msg, "only cron expressions");
        }
        manifest_done(&m);
    }
}

static void mistakes_about_events_are_named_by_their_path(void **state)
{
    (void)state;
    refused("functions: {h: {runtime: a, handler: b, async: 5}}\n",
            "functions.h.async must be a map");
    refused("functions: {h: {runtime: a, handler: b, async: {age: 5}}}\n",
            "functions.h.async.age: unknown key");
    refused("functions: {h: {runtime: a, handler: b, async: {max_age: soon}}}\n",
            "functions.h.async.max_age must be a whole number");
    refused("functions: {h: {runtime: a, handler: b, async: {retries: 1.5}}}\n",
            "functions.h.async.retries must be a whole number");
    refused("functions: {h: {runtime: a, handler: b, async: {retries: -1}}}\n",
            "functions.h.async.retries must be a whole number");
    refused("functions: {h: {runtime: a, handler: b, async: {on_failure: [x]}}}\n",
            "functions.h.async.on_failure must be text");
    refused("functions: {h: {runtime: a, handler: b, triggers: [x]}}\n",
            "functions.h.triggers must be a map");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: x}}}\n",
            "functions.h.triggers.t must be a map");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {zone: UTC}}}}\n",
            "functions.h.triggers.t must have one of cron, rate, every, apig, apigw and http");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {rate: 1m, every: 1m}}}}\n",
            "functions.h.triggers.t must have one of cron, rate, every, apig, apigw and http");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {rate: 3}}}}\n",
            "functions.h.triggers.t.rate must be text");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {rate: 1m, enabled: maybe}}}}\n",
            "functions.h.triggers.t.enabled must be true or false");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {cronn: x}}}}\n",
            "functions.h.triggers.t.cronn: unknown key");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {apig: 5}}}}\n",
            "functions.h.triggers.t.apig must be a map; {} for the defaults");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {apig: {paht: /x}}}}}\n",
            "functions.h.triggers.t.apig.paht: unknown key");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {apigw: {match: exact}}}}}\n",
            "functions.h.triggers.t.apigw.match: unknown key");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {http: {path: /x}}}}}\n",
            "functions.h.triggers.t.http.path: unknown key");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {apig: {path: 5}}}}}\n",
            "functions.h.triggers.t.apig.path must be text");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {apig: {timeout: 5s}}}}}\n",
            "functions.h.triggers.t.apig.timeout must be a number of seconds");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {apig: {timeout: 0}}}}}\n",
            "functions.h.triggers.t.apig.timeout must be a number of seconds");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {apigw: {integrated: 1}}}}}\n",
            "functions.h.triggers.t.apigw.integrated must be true or false");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {apigw: {base64: png}}}}}\n",
            "functions.h.triggers.t.apigw.base64 must be true, false or a list of texts");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {http: {methods: GET}}}}}\n",
            "functions.h.triggers.t.http.methods must be a list of texts");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {http: {methods: []}}}}}\n",
            "functions.h.triggers.t.http.methods must be a list of texts");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {apig: {}, cron: x}}}}\n",
            "functions.h.triggers.t has 'apig', so 'cron' has no meaning");
    refused("functions: {h: {runtime: a, handler: b, triggers: {t: {apig: {}, enabled: 5}}}}\n",
            "functions.h.triggers.t.enabled must be true or false");
}

/* What the daemon is sent; NULL: refused, because it is another cloud's. */
static void http_triggers_become_requests_in_the_words_of_their_cloud(void **state)
{
    static const struct {
        const char *dialect, *trigger, *request;
    } rows[] = {
            {"functiongraph", "{apig: {}}",
             "{\"source\":\"apig\",\"enabled\":true,\"concurrency\":0,\"config\":{}}"},
            {"functiongraph",
             "{enabled: false, apig: {timeout: 2.5, path: /a/{b}, group: g, base64: false}}", NULL},
            {"functiongraph",
             "{enabled: false, apig: {timeout: 2.5, path: \"/a/{b}\", group: g, base64: false}}",
             "{\"source\":\"apig\",\"enabled\":false,\"concurrency\":0,\"config\":{\"group\":\"g\","
             "\"path\":\"/a/{b}\",\"timeout_ms\":2500,\"base64\":false}}"},
            {"scf", "{apigw: {base64: [image/png, a/b], integrated: true, service: s}}",
             "{\"source\":\"apigw\",\"enabled\":true,\"concurrency\":0,\"config\":{"
             "\"service\":\"s\",\"integrated\":true,\"base64\":[\"image/png\",\"a/b\"]}}"},
            {"fc", "{http: {methods: [GET, PUT], auth: function, public: false}}",
             "{\"source\":\"http\",\"enabled\":true,\"concurrency\":0,\"config\":{"
             "\"auth\":\"function\",\"methods\":[\"GET\",\"PUT\"],\"public\":false}}"},
            {"fc", "{apig: {}}", NULL},
            {"functiongraph", "{apigw: {}}", NULL},
            {"scf", "{http: {}}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_with(buf_done) struct buf text, out;
        struct manifest m = {0};
        struct err e = {0};
        int r;

        buf_init(&text, 4096);
        buf_init(&out, 4096);
        buf_addf(&text,
                 "functions: {a: {runtime: r, handler: h, dialect: %s, triggers: {t: %s}}}\n",
                 rows[i].dialect, rows[i].trigger);
        r = manifest_parse(buf_str(&text), &m, &e);
        if (r == 0)
            r = manifest_trigger(&m.functions[0], json_get(m.functions[0].triggers, "t"), &out, &e);
        if (rows[i].request)
            t_str(buf_str(&out), str_of(rows[i].request));
        else
            assert_true(r < 0 && e.msg[0]);
        manifest_done(&m);
    }
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
            cmocka_unit_test(rules_of_events_become_the_deploy_request),
            cmocka_unit_test(timers_become_requests_in_the_words_of_their_cloud),
            cmocka_unit_test(mistakes_about_events_are_named_by_their_path),
            cmocka_unit_test(http_triggers_become_requests_in_the_words_of_their_cloud),
            cmocka_unit_test(a_package_over_the_ceiling_fails_the_request),
            cmocka_unit_test(a_mistake_is_named_by_its_path),
            cmocka_unit_test(a_manifest_without_functions_is_refused),
            cmocka_unit_test(broken_yaml_names_its_line),
    };

    return T_RUN(tests);
}
