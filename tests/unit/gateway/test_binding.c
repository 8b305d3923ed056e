/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of HTTP triggers: what is left out, what is wrong, at the limits and past them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/obj.h"
#include "gateway/model/binding.h"
#include "t.h"

static void take(const char *source, const char *config, struct binding *ret)
{
    struct err e = {0};

    t_ok(binding_parse(str_of(source), str_of(config), ret, &e), &e);
}

static void what_is_left_out_is_as_the_cloud_has_it(void **state)
{
    struct binding b;

    (void)state;
    take("apig", "{}", &b);
    t_str(b.group, S("default"));
    t_str(b.stage, S("RELEASE"));
    t_str(b.method, S("ANY"));
    assert_null(b.path.p);
    assert_true(b.base64 && !b.cors && !b.prefix && b.auth == GW_AUTH_NONE);
    assert_int_equal(b.timeout_ms, 5000);
    binding_done(&b);
    take("apigw", "{}", &b);
    t_str(b.group, S("SCF_API_SERVICE"));
    t_str(b.stage, S("release"));
    t_str(b.method, S("GET"));
    assert_true(!b.base64 && !b.integrated);
    assert_int_equal(b.timeout_ms, 10000);
    binding_done(&b);
    take("http", "{}", &b);
    assert_true(b.public && b.methods.n == 0 && b.auth == GW_AUTH_NONE);
    binding_done(&b);
}

static void what_is_said_is_taken(void **state)
{
    struct binding b;

    (void)state;
    take("apig",
         "{\"group\":\"g\",\"stage\":\"test\",\"method\":\"PUT\",\"path\":\"/a/"
         "{x}\",\"match\":\"prefix\","
         "\"auth\":\"authorizer\",\"authorizer\":\"who\",\"timeout_ms\":600000,\"cors\":true,"
         "\"base64\":false}",
         &b);
    t_str(b.group, S("g"));
    t_str(b.path, S("/a/{x}"));
    t_str(b.authorizer, S("who"));
    assert_true(b.prefix && b.cors && !b.base64 && b.auth == GW_AUTH_AUTHORIZER);
    assert_int_equal(b.timeout_ms, 600000);
    binding_done(&b);
    take("apigw",
         "{\"service\":\"s\",\"base64\":[\"image/"
         "png\",\"pdf\"],\"integrated\":true,\"auth\":\"secret\"}",
         &b);
    t_str(buf_str(&b.base64_types), S("image/png,pdf"));
    assert_true(b.integrated && b.auth == GW_AUTH_SECRET);
    binding_done(&b);
    take("http", "{\"auth\":\"function\",\"methods\":[\"GET\",\"POST\"],\"public\":false}", &b);
    t_str(buf_str(&b.methods), S("GET,POST"));
    assert_true(!b.public && b.auth == GW_AUTH_FC);
    binding_done(&b);
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *source, *config, *word;
    } cases[] = {
            {"apig", "[]", "no JSON object"},
            {"apig", "{", "line"},
            {"apig", "{\"stage\":1}", "must be a text"},
            {"apig", "{\"stage\":\"a/b\"}", "has a space"},
            {"apig", "{\"method\":\"get\"}", "OPTIONS or ANY"},
            {"apig", "{\"timeout_ms\":600001}", "600000"},
            {"apig", "{\"timeout_ms\":0}", "timeout_ms"},
            {"apig", "{\"timeout_ms\":1.5}", "timeout_ms"},
            {"apig", "{\"auth\":\"authorizer\"}", "names one"},
            {"apig", "{\"authorizer\":\"a\"}", "only there"},
            {"apig", "{\"auth\":\"secret\"}", "authorizer"},
            {"apig", "{\"base64\":[\"a\"]}", "true or false"},
            {"apig", "{\"cors\":\"true\"}", "true or false"},
            {"apig", "{\"cors\":true,\"cors\":true}", "twice"},
            {"apig", "{\"service\":\"s\"}", "'service'"},
            {"apigw", "{\"stage\":\"RELEASE\"}", "prepub"},
            {"apigw", "{\"group\":\"g\"}", "'group'"},
            {"apigw", "{\"timeout_ms\":1800001}", "1800000"},
            {"apigw", "{\"base64\":[]}", "1 to 10"},
            {"apigw",
             "{\"base64\":[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]}",
             "1 to 10"},
            {"apigw", "{\"base64\":[\"a,b\"]}", "none of those"},
            {"apigw", "{\"base64\":[1]}", "none of those"},
            {"http", "{\"auth\":\"none\"}", "anonymous"},
            {"http", "{\"methods\":[\"ANY\"]}", "ANY"},
            {"http", "{\"methods\":\"GET\"}", "list"},
            {"http", "{\"path\":\"/\"}", "'path'"},
    };
    struct binding b;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        e = (struct err){0};
        if (binding_parse(str_of(cases[i].source), str_of(cases[i].config), &b, &e) != -EINVAL ||
            !strstr(e.msg, cases[i].word))
            fail_msg("%s: '%s'", cases[i].config, e.msg);
    }
    assert_int_equal(binding_parse(S("timer"), S("{}"), &b, &e), -ENOENT);
}

static void a_name_has_64_bytes_and_a_base64_rule_40(void **state)
{
    char config[256];
    struct binding b;
    struct err e;

    (void)state;
    (void)snprintf(config, sizeof(config), "{\"group\":\"%064d\"}", 0);
    take("apig", config, &b);
    binding_done(&b);
    (void)snprintf(config, sizeof(config), "{\"group\":\"%065d\"}", 0);
    assert_int_equal(binding_parse(S("apig"), str_of(config), &b, &e), -EINVAL);
    (void)snprintf(config, sizeof(config), "{\"base64\":[\"%040d\"]}", 0);
    take("apigw", config, &b);
    binding_done(&b);
    (void)snprintf(config, sizeof(config), "{\"base64\":[\"%041d\"]}", 0);
    assert_int_equal(binding_parse(S("apigw"), str_of(config), &b, &e), -EINVAL);
}

static void a_group_that_is_only_named_has_an_id_of_its_cloud(void **state)
{
    char a[GW_ID], b[GW_ID];

    (void)state;
    gw_id_of(DIALECT_FUNCTIONGRAPH, S("p"), S("r"), S("n"), a);
    assert_int_equal(strlen(a), 32);
    gw_id_of(DIALECT_FUNCTIONGRAPH, S("p"), S("r"), S("m"), b);
    assert_string_not_equal(a, b);
    gw_id_of(DIALECT_SCF, S("p"), S("r"), S("n"), b);
    assert_int_equal(strlen(b), 16);
    assert_memory_equal(b, "service-", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_left_out_is_as_the_cloud_has_it),
            cmocka_unit_test(what_is_said_is_taken),
            cmocka_unit_test(what_is_wrong_is_said),
            cmocka_unit_test(a_name_has_64_bytes_and_a_base64_rule_40),
            cmocka_unit_test(a_group_that_is_only_named_has_an_id_of_its_cloud),
    };

    return T_RUN(tests);
}
