/* SPDX-License-Identifier: Apache-2.0 */
/* test_parse.c - requests of Function Compute: limits at the limit and one beyond, spelling, what
 * is kept. */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/json.h"
#include "dialect/fc/api/parse.h"
#include "fn/fn.h"
#include "fn/space.h"
#include "t.h"

static const struct fn_key key = {.dialect = DIALECT_FC,
                                  .account = {"1", 1},
                                  .region = {"r", 1},
                                  .space = {"s", 1},
                                  .name = {"f", 1}};

#define LEAST                                                                                      \
    "\"functionName\":\"f\",\"runtime\":\"python3\",\"handler\":\"index.handler\","                \
    "\"code\":{\"zipFile\":\"UEsDBA==\"}"

/* Parse {LEAST, more}; the draft is the caller's. */
static int parse(const char *more, struct fn **ret, struct err *e)
{
    cleanup_free char *text = xasprintf("{%s%s%s}", LEAST, *more ? "," : "", more);
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(text), e);
    cleanup_with(buf_done) struct buf zip;
    int r;

    buf_init(&zip, FC_ZIP_MAX);
    if (!body)
        fail_msg("%s in %s", e->msg, text);
    *ret = fn_new(&key);
    r = fc_parse_function(body, *ret, &zip, e);
    if (r >= 0)
        assert_int_equal(zip.n, 4);
    return r;
}

static void accepted(const char *more)
{
    struct err e = {0};
    struct fn *f;

    t_ok(parse(more, &f, &e), &e);
    fn_unref(f);
}

static void refused(const char *more, const char *why)
{
    struct err e = {0};
    struct fn *f;

    assert_int_equal(parse(more, &f, &e), -EINVAL);
    assert_int_equal(e.kind, ERR_CALLER);
    t_has(e.msg, why);
    fn_unref(f);
}

static char *letters(size_t n)
{
    char *s = xcalloc(n + 1, 1);

    memset(s, 'a', n);
    return s;
}

/* field of n bytes fits, one more does not */
static void text_limit(const char *field, size_t n)
{
    cleanup_free char *fits = letters(n);
    cleanup_free char *over = letters(n + 1);
    cleanup_free char *good = xasprintf("\"%s\":\"%s\"", field, fits);
    cleanup_free char *bad = xasprintf("\"%s\":\"%s\"", field, over);

    accepted(good);
    refused(bad, field);
}

static void number_limits(const char *field, int64_t min, int64_t max, int64_t step)
{
    const struct {
        int64_t v;
        bool good;
    } rows[] = {{min, true}, {max, true}, {min - step, false}, {max + step, false}};

    for (size_t i = 0; i < 4; i++) {
        cleanup_free char *more = xasprintf("\"%s\":%lld", field, (long long)rows[i].v);

        if (rows[i].good)
            accepted(more);
        else
            refused(more, field);
    }
}

static void names_follow_the_cloud_to_the_last_character(void **state)
{
    cleanup_free char *fits = letters(FC_NAME_MAX);
    cleanup_free char *over = letters(FC_NAME_MAX + 1);

    (void)state;
    assert_int_equal(fc_parse_name(str_of(fits), "x", NULL), 0);
    assert_int_equal(fc_parse_name(str_of(over), "x", NULL), -EINVAL);
    assert_int_equal(fc_parse_name(S("_a-9_"), "x", NULL), 0);
    assert_int_equal(fc_parse_name(S(""), "x", NULL), -EINVAL);
    assert_int_equal(fc_parse_name(S("9a"), "x", NULL), -EINVAL);
    assert_int_equal(fc_parse_name(S("-a"), "x", NULL), -EINVAL);
    assert_int_equal(fc_parse_name(S("a.b"), "x", NULL), -EINVAL);
    assert_int_equal(fc_parse_name(S("a/b"), "x", NULL), -EINVAL);
    assert_int_equal(fc_parse_name(S("\xc3\xa4"), "x", NULL), -EINVAL);
}

static void a_segment_is_service_and_qualifier(void **state)
{
    struct fc_service_ref ref;

    (void)state;
    ref = fc_parse_service_ref(S("svc"));
    t_str(ref.service, S("svc"));
    assert_null(ref.qualifier.p);
    ref = fc_parse_service_ref(S("svc.LATEST"));
    t_str(ref.service, S("svc"));
    t_str(ref.qualifier, S("LATEST"));
    ref = fc_parse_service_ref(S("svc."));
    assert_non_null(ref.qualifier.p);
    assert_int_equal(ref.qualifier.n, 0);
}

static void what_is_left_out_has_its_default(void **state)
{
    struct err e = {0};
    struct fn *f;

    (void)state;
    t_ok(parse("", &f, &e), &e);
    t_str(str_of(f->runtime), S("python3"));
    t_str(str_of(f->handler), S("index.handler"));
    assert_int_equal(f->timeout_ms, 3000);
    assert_int_equal(f->init_timeout_ms, 3000);
    assert_int_equal(f->memory_mb, 128);
    assert_int_equal(f->instance_concurrency, 1);
    assert_null(f->initializer);
    t_str(str_of(f->extra), S("{}"));
    fn_unref(f);
}

static void limits_hold_at_the_limit_and_one_beyond(void **state)
{
    (void)state;
    text_limit("description", 256);
    text_limit("initializer", 128);
    number_limits("timeout", 1, 86400, 1);
    number_limits("initializationTimeout", 1, 300, 1);
    number_limits("memorySize", 128, 32768, 64);
    number_limits("instanceConcurrency", 1, 200, 1);
    refused("\"memorySize\":129", "multiples of 64");
    refused("\"memorySize\":191", "multiples of 64");
}

static void the_handler_has_1_to_128_bytes(void **state)
{
    static const struct {
        size_t n;
        int r;
    } rows[] = {{0, -EINVAL}, {1, 0}, {128, 0}, {129, -EINVAL}};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        cleanup_free char *handler = letters(rows[i].n);
        cleanup_free char *text = xasprintf("{\"functionName\":\"f\",\"runtime\":\"python3\","
                                            "\"handler\":\"%s\",\"code\":{\"zipFile\":\"UEs=\"}}",
                                            handler);
        cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(text), NULL);
        cleanup_with(buf_done) struct buf zip;
        struct fn *f = fn_new(&key);

        buf_init(&zip, 64);
        assert_int_equal(fc_parse_function(body, f, &zip, NULL), rows[i].r);
        fn_unref(f);
    }
}

static void keys_are_read_without_case_and_null_is_absent(void **state)
{
    struct err e = {0};
    struct fn *f;

    (void)state;
    t_ok(parse("\"TIMEOUT\":7,\"MemorySize\":256,\"initializer\":null,\"layers\":null", &f, &e),
         &e);
    assert_int_equal(f->timeout_ms, 7000);
    assert_int_equal(f->memory_mb, 256);
    assert_null(f->initializer);
    t_str(str_of(f->extra), S("{}"));
    fn_unref(f);
}

static void hooks_and_disk_stand_in_the_draft(void **state)
{
    struct err e = {0};
    struct fn *f;

    (void)state;
    t_ok(parse("\"diskSize\":10240,\"InstanceLifecycleConfig\":{\"PreFreeze\":{\"Handler\":\"i.f\","
               "\"Timeout\":90},\"PreStop\":{\"Handler\":\"i.s\",\"Timeout\":1}}",
               &f, &e),
         &e);
    assert_int_equal(f->tmp_mb, 10240);
    assert_string_equal(f->pre_freeze, "i.f");
    assert_int_equal(f->pre_freeze_timeout_ms, 90000);
    assert_string_equal(f->pre_stop, "i.s");
    assert_int_equal(f->pre_stop_timeout_ms, 1000);
    t_str(str_of(f->extra), S("{}"));
    fn_unref(f);

    t_ok(parse("\"diskSize\":0,\"InstanceLifecycleConfig\":{\"PreFreeze\":{\"Handler\":\"\"},"
               "\"PreStop\":null}",
               &f, &e),
         &e);
    assert_int_equal(f->tmp_mb, 512);
    assert_null(f->pre_freeze);
    assert_null(f->pre_stop);
    assert_int_equal(f->pre_stop_timeout_ms, 3000);
    fn_unref(f);
}

#define HOOK(name, what) "\"instanceLifecycleConfig\":{\"" name "\":{" what "}}"

static void hooks_and_disk_have_their_limits(void **state)
{
    cleanup_free char *n128 = letters(128);
    cleanup_free char *n129 = letters(129);
    cleanup_free char *fits = xasprintf(HOOK("preStop", "\"handler\":\"%s\""), n128);
    cleanup_free char *over = xasprintf(HOOK("preStop", "\"handler\":\"%s\""), n129);

    (void)state;
    accepted(fits);
    refused(over, "preStop.handler");
    refused(HOOK("preStop", "\"timeout\":0"), "preStop");
    refused(HOOK("preFreeze", "\"timeout\":91"), "preFreeze");
    refused(HOOK("preFreeze", "\"handler\":1"), "preFreeze");
    refused("\"instanceLifecycleConfig\":{\"preStop\":\"x\"}", "preStop must be an object");
    accepted("\"diskSize\":512");
    refused("\"diskSize\":511", "diskSize");
    refused("\"diskSize\":513", "diskSize");
    refused("\"diskSize\":10241", "diskSize");
}

static void a_function_has_role_and_network_from_its_service(void **state)
{
    static const struct {
        const char *extra, *role;
        uint32_t network;
    } rows[] = {
            {"{}", NULL, FN_NETWORK_DEFAULT},
            {"{\"role\":\"\",\"internetAccess\":true}", NULL, FN_NETWORK_DEFAULT},
            {"{\"role\":\"acs:ram::1:role/r\",\"internetAccess\":false}", "acs:ram::1:role/r",
             FN_NETWORK_ENDPOINT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct space *s = space_new(&key);
        struct fn *f = fn_new(&key);

        fn_set(&s->extra, str_of(rows[i].extra));
        fc_parse_inherit(s, f);
        assert_int_equal(f->network, rows[i].network);
        t_str(str_of(f->role), str_of(rows[i].role));
        fn_unref(f);
        space_unref(s);
    }
}

static void a_provision_target_ends_at_the_most_a_function_has(void **state)
{
    static const struct {
        const char *text, *why;
        uint32_t target;
    } rows[] = {
            {"{\"target\":0}", NULL, 0},
            {"{\"Target\":100,\"scheduledActions\":[]}", NULL, 100},
            {"{\"target\":101}", "target", 0},
            {"{\"target\":-1}", "target", 0},
            {"{}", "target is required", 0},
            {"{\"target\":1,\"scheduledActions\":[{}]}", "scheduledActions is not supported", 0},
            {"{\"target\":1,\"targetTrackingPolicies\":{}}", "targetTrackingPolicies is not", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(rows[i].text), NULL);
        uint32_t target = 7;
        struct err e = {0};
        int r = fc_parse_provision(body, 100, &target, &e);

        assert_int_equal(r, rows[i].why ? -EINVAL : 0);
        if (rows[i].why)
            t_has(e.msg, rows[i].why);
        else
            assert_int_equal(target, rows[i].target);
    }
}

static void unknown_fields_are_kept_and_spelled_in_lower_camel_case(void **state)
{
    struct err e = {0};
    struct fn *f;

    (void)state;
    t_ok(parse("\"NasConfig\":{\"MountPoints\":{\"Dir\":\"\"}},\"Brand\":[{\"New\":"
               "1.5}],\"caPort\":9000,\"functionId\":\"forged\",\"codeSize\":1",
               &f, &e),
         &e);
    t_str(str_of(f->extra), S("{\"nasConfig\":{\"mountPoints\":{\"dir\":\"\"}},"
                              "\"brand\":[{\"new\":1.5}],\"caPort\":9000}"));
    fn_unref(f);
}

static void wrong_types_name_the_field(void **state)
{
    (void)state;
    refused("\"timeout\":\"3\"", "timeout");
    refused("\"timeout\":1.5", "timeout");
    refused("\"description\":1", "description must be a string");
    refused("\"environmentVariables\":[]", "environmentVariables must be an object");
    refused("\"layers\":{}", "layers must be a list");
    refused("\"customDNS\":1", "customDNS must be an object");
}

static void variables_become_text(void **state)
{
    struct err e = {0};
    struct fn *f;

    (void)state;
    t_ok(parse("\"environmentVariables\":{\"A\":1,\"B\":\"x\",\"C_d\":true}", &f, &e), &e);
    assert_int_equal(f->nvars, 3);
    t_str(str_of(fn_var(f, "A")), S("1"));
    t_str(str_of(fn_var(f, "B")), S("x"));
    t_str(str_of(fn_var(f, "C_d")), S("true"));
    fn_unref(f);
}

static void variables_have_4096_bytes_in_all(void **state)
{
    cleanup_free char *fits = letters(4096 - 2);
    cleanup_free char *over = letters(4096 - 1);
    cleanup_free char *good = xasprintf("\"environmentVariables\":{\"A\":\"\",\"B\":\"%s\"}", fits);
    cleanup_free char *bad = xasprintf("\"environmentVariables\":{\"A\":\"\",\"B\":\"%s\"}", over);

    (void)state;
    accepted(good);
    refused(bad, "4096 bytes");
}

static void reserved_and_ill_formed_variable_names_are_refused(void **state)
{
    (void)state;
    refused("\"environmentVariables\":{\"FC_X\":\"1\"}", "reserved");
    refused("\"environmentVariables\":{\"accessKeyID\":\"1\"}", "reserved");
    refused("\"environmentVariables\":{\"topic\":\"1\"}", "reserved");
    refused("\"environmentVariables\":{\"1A\":\"1\"}", "must match");
    refused("\"environmentVariables\":{\"_A\":\"1\"}", "must match");
    refused("\"environmentVariables\":{\"A-B\":\"1\"}", "must match");
    refused("\"environmentVariables\":{\"\":\"1\"}", "must match");
    refused("\"environmentVariables\":{\"A\":{}}", "must be a string");
    accepted("\"environmentVariables\":{\"FC\":\"1\",\"topics\":\"1\"}");
}

static void required_fields_are_asked_for(void **state)
{
    static const char *const fields[] = {"runtime", "handler", "code"};
    struct err e;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        cleanup_with(json_freep) struct cJSON *body = NULL;
        cleanup_free char *text = xasprintf("{\"functionName\":\"f\"%s%s%s}",
                                            i == 0 ? "" : ",\"runtime\":\"python3\"",
                                            i == 1 ? "" : ",\"handler\":\"a.b\"",
                                            i == 2 ? "" : ",\"code\":{\"zipFile\":\"UEs=\"}");
        cleanup_with(buf_done) struct buf zip;
        struct fn *f = fn_new(&key);

        e = (struct err){0};
        buf_init(&zip, 64);
        body = json_parse(str_of(text), NULL);
        assert_int_equal(fc_parse_function(body, f, &zip, &e), -EINVAL);
        t_has(e.msg, fields[i]);
        fn_unref(f);
    }
}

static void an_unknown_runtime_is_refused(void **state)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(
            S("{\"functionName\":\"f\",\"runtime\":\"Python3.9\",\"handler\":\"a.b\",\"code\":{"
              "\"zipFile\":\"UEs=\"}}"),
            NULL);
    cleanup_with(buf_done) struct buf zip;
    struct fn *f = fn_new(&key);
    struct err e = {0};

    (void)state;
    buf_init(&zip, 64);
    assert_int_equal(fc_parse_function(body, f, &zip, &e), -EINVAL);
    t_has(e.msg, "'Python3.9'");
    fn_unref(f);
}

static void a_package_is_measured_after_base64(void **state)
{
    cleanup_with(buf_done) struct buf zip;
    struct err e = {0};

    (void)state;
    t_ok(fc_parse_zip(S("YWJjZA=="), 4, &zip, &e), &e);
    t_str(buf_str(&zip), S("abcd"));
    buf_done(&zip);
    buf_init(&zip, 0);
    assert_int_equal(fc_parse_zip(S("YWJjZGU="), 4, &zip, &e), -EINVAL);
    t_has(e.msg, "maximum allowed size (4 bytes)");
    assert_int_equal(fc_parse_zip(S("YWJjZGVmZ2hpag=="), 4, &zip, &e), -EINVAL);
    t_has(e.msg, "maximum allowed size");
    assert_int_equal(fc_parse_zip(S("!!!!"), 4, &zip, &e), -EINVAL);
    t_has(e.msg, "not valid base64");
}

static void code_may_stand_in_an_object(void **state)
{
    static const struct {
        const char *code;
        bool object, good;
    } rows[] = {{"{\"ossBucketName\":\"b\",\"ossObjectName\":\"o\"}", true, true},
                {"{\"OssBucketName\":\"b\"}", false, false},
                {"{}", false, false}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        cleanup_free char *text = xasprintf("{\"functionName\":\"f\",\"runtime\":\"python3\","
                                            "\"handler\":\"a.b\",\"code\":%s}",
                                            rows[i].code);
        cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(text), NULL);
        cleanup_with(buf_done) struct buf zip;
        struct fn *f = fn_new(&key);
        struct str bucket, object;
        struct err e = {0};

        buf_init(&zip, 64);
        assert_int_equal(fc_parse_function(body, f, &zip, &e), rows[i].good ? 0 : -EINVAL);
        if (!rows[i].good)
            t_has(e.msg, "Either ossBucketName/ossObjectName or zipFile must be set");
        assert_int_equal(fc_parse_code_object(body, &bucket, &object), rows[i].object);
        assert_int_equal(zip.n, 0);
        fn_unref(f);
    }
}

/* What a change does not name stays; of the variables there is one set. */
static void a_change_goes_over_what_is_there(void **state)
{
    struct cJSON *made = json_parse(
            S("{\"functionName\":\"f\",\"runtime\":\"python3\",\"handler\":\"a.b\","
              "\"initializer\":\"a.i\",\"timeout\":9,\"cpu\":0.5,\"instanceType\":\"e1\","
              "\"environmentVariables\":{\"A\":\"1\"},\"code\":{\"ossBucketName\":\"b\","
              "\"ossObjectName\":\"o\"}}"),
            NULL);
    struct cJSON *change = json_parse(
            S("{\"InstanceType\":\"c1\",\"cpu\":null,\"initializer\":\"\",\"memorySize\":192,"
              "\"environmentVariables\":{\"B\":2}}"),
            NULL);
    cleanup_with(buf_done) struct buf zip;
    struct fn *f = fn_new(&key);
    struct err e = {0};

    (void)state;
    buf_init(&zip, 64);
    t_ok(fc_parse_function(made, f, &zip, &e), &e);
    t_ok(fc_parse_function_update(change, f, &zip, &e), &e);
    assert_int_equal(f->timeout_ms, 9000);
    assert_int_equal(f->memory_mb, 192);
    assert_null(f->initializer);
    assert_int_equal(f->nvars, 1);
    assert_string_equal(fn_var(f, "B"), "2");
    assert_string_equal(f->extra, "{\"cpu\":0.5,\"instanceType\":\"c1\"}");
    json_free(made);
    json_free(change);
    fn_unref(f);
}

static void a_service_keeps_what_it_was_given(void **state)
{
    /* as Funcraft sends it */
    cleanup_with(json_freep) struct cJSON *body = json_parse(
            S("{\"serviceName\":\"svc1\",\"description\":\"d\",\"role\":\"\",\"tracingConfig\":{},"
              "\"nasConfig\":{\"UserId\":-1,\"MountPoints\":[]},\"serviceId\":\"forged\"}"),
            NULL);
    struct space *s = space_new(&key);
    struct err e = {0};

    (void)state;
    t_ok(fc_parse_service(body, s, &e), &e);
    t_str(str_of(s->extra), S("{\"description\":\"d\",\"role\":\"\",\"tracingConfig\":{},"
                              "\"nasConfig\":{\"userId\":-1,\"mountPoints\":[]}}"));
    space_unref(s);
}

static void a_name_is_required_and_the_body_is_an_object(void **state)
{
    cleanup_with(json_freep) struct cJSON *list = json_parse(S("[]"), NULL);
    cleanup_with(json_freep) struct cJSON *none = json_parse(S("{}"), NULL);
    cleanup_with(json_freep) struct cJSON *good = json_parse(S("{\"ServiceName\":\"a\"}"), NULL);
    struct str name = STR_NONE;

    (void)state;
    assert_int_equal(fc_parse_name_of(list, "serviceName", &name, NULL), -EINVAL);
    assert_int_equal(fc_parse_name_of(none, "serviceName", &name, NULL), -EINVAL);
    assert_int_equal(fc_parse_name_of(good, "serviceName", &name, NULL), 0);
    t_str(name, S("a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(names_follow_the_cloud_to_the_last_character),
            cmocka_unit_test(a_segment_is_service_and_qualifier),
            cmocka_unit_test(what_is_left_out_has_its_default),
            cmocka_unit_test(limits_hold_at_the_limit_and_one_beyond),
            cmocka_unit_test(the_handler_has_1_to_128_bytes),
            cmocka_unit_test(keys_are_read_without_case_and_null_is_absent),
            cmocka_unit_test(hooks_and_disk_stand_in_the_draft),
            cmocka_unit_test(hooks_and_disk_have_their_limits),
            cmocka_unit_test(a_function_has_role_and_network_from_its_service),
            cmocka_unit_test(a_provision_target_ends_at_the_most_a_function_has),
            cmocka_unit_test(unknown_fields_are_kept_and_spelled_in_lower_camel_case),
            cmocka_unit_test(wrong_types_name_the_field),
            cmocka_unit_test(variables_become_text),
            cmocka_unit_test(variables_have_4096_bytes_in_all),
            cmocka_unit_test(reserved_and_ill_formed_variable_names_are_refused),
            cmocka_unit_test(required_fields_are_asked_for),
            cmocka_unit_test(an_unknown_runtime_is_refused),
            cmocka_unit_test(a_package_is_measured_after_base64),
            cmocka_unit_test(code_may_stand_in_an_object),
            cmocka_unit_test(a_change_goes_over_what_is_there),
            cmocka_unit_test(a_service_keeps_what_it_was_given),
            cmocka_unit_test(a_name_is_required_and_the_body_is_an_object),
    };

    return T_RUN(tests);
}
