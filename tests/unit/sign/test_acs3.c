/* SPDX-License-Identifier: Apache-2.0 */
/* A request captured from the official Node client (@alicloud/fc20230330 4.7.6), secret testsecret. */
#include "t.h"

#include <errno.h>

#include "sign/sign.h"

#define NAMES                                                                                      \
    "content-type;host;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;"   \
    "x-acs-signature-nonce;x-acs-version"
#define SIGNATURE "0192bd2c728d14e3945505f2f25b7148096bee64b841dcef3251ece4cec50922"

static const struct sign_header headers[] = {
        {S("Host"), S("127.0.0.1:9124")},
        {S("X-Acs-Version"), S("2023-03-30")},
        {S("x-acs-action"), S("InvokeFunction")},
        {S("x-acs-date"), S(" 2026-11-21T20:51:35Z ")},
        {S("x-acs-signature-nonce"),
         S("308086765c313819092d3fee9e0f37fc6a814ed7225299a2970c09da75220686")},
        {S("accept"), S("application/json")},
        {S("x-acs-content-sha256"),
         S("015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862")},
        {S("x-acs-credentials-provider"), S("static_ak")},
        {S("content-type"), S("application/octet-stream")},
};

static const struct sign_request captured = {.method = S("POST"),
                                             .path = S("/2023-03-30/functions/fn/invocations"),
                                             .query = S("qualifier=LATEST"),
                                             .headers = headers,
                                             .nheaders = 9,
                                             .body = S("{\"a\":1}")};

static const struct sign_acs3 by = {S("testid"), S(NAMES), S(SIGNATURE)};

static void a_captured_request_has_its_signature(void **state)
{
    struct err e = {0};
    char got[65];

    (void)state;
    t_ok(sign_acs3_expect(&captured, &by, false, S("testsecret"), got, &e), &e);
    assert_string_equal(got, SIGNATURE);
    t_ok(sign_acs3_expect(&captured, &by, true, S("testsecret"), got, &e), &e);
    assert_string_equal(got, SIGNATURE);
    t_ok(sign_acs3_expect(&captured, &by, false, S("another"), got, &e), &e);
    assert_string_not_equal(got, SIGNATURE);
}

static void every_part_is_signed(void **state)
{
    struct sign_request changed[4] = {captured, captured, captured, captured};
    struct err e = {0};
    char got[65];

    (void)state;
    changed[0].method = S("PUT");
    changed[1].path = S("/2023-03-30/functions/other/invocations");
    changed[2].query = S("qualifier=1");
    changed[3].headers++; /* no host */
    changed[3].nheaders--;
    for (int i = 0; i < 3; i++) {
        t_ok(sign_acs3_expect(&changed[i], &by, false, S("testsecret"), got, &e), &e);
        assert_string_not_equal(got, SIGNATURE);
    }
    assert_int_equal(sign_acs3_expect(&changed[3], &by, false, S("testsecret"), got, &e), -EINVAL);
}

static void the_order_and_spelling_of_a_query_do_not_count(void **state)
{
    struct sign_request one = captured, two = captured;
    struct err e = {0};
    char a[65], b[65];

    (void)state;
    one.query = S("b=%7E&a=x+y&c");
    two.query = S("c=&a=x%20y&b=~");
    t_ok(sign_acs3_expect(&one, &by, false, S("k"), a, &e), &e);
    t_ok(sign_acs3_expect(&two, &by, false, S("k"), b, &e), &e);
    assert_string_equal(a, b);
}

static void a_path_is_signed_as_sent_or_escaped(void **state)
{
    struct sign_request one = captured, two = captured;
    struct err e = {0};
    char a[65], b[65];

    (void)state;
    one.path = S("/2023-03-30/functions/a*b");
    two.path = S("/2023-03-30/functions/a%2Ab");
    t_ok(sign_acs3_expect(&one, &by, true, S("k"), a, &e), &e);
    t_ok(sign_acs3_expect(&two, &by, false, S("k"), b, &e), &e);
    assert_string_equal(a, b);
    t_ok(sign_acs3_expect(&one, &by, false, S("k"), b, &e), &e);
    assert_string_not_equal(a, b);
}

static void an_authorization_is_taken_apart(void **state)
{
    struct sign_acs3 sign;
    struct err e = {0};

    (void)state;
    t_ok(sign_acs3_parse(S("ACS3-HMAC-SHA256 Credential=id,SignedHeaders=a;b,Signature=" SIGNATURE),
                         &sign, &e),
         &e);
    assert_true(str_eq(sign.access_key, S("id")));
    assert_true(sign_acs3_names(&sign, S("a")) && sign_acs3_names(&sign, S("b")));
    assert_false(sign_acs3_names(&sign, S("c")) || sign_acs3_names(&sign, S("")));
    t_ok(sign_acs3_parse(
                 S("ACS3-HMAC-SHA256  Credential=id, SignedHeaders=a, Signature=" SIGNATURE), &sign,
                 &e),
         &e);
}

static void what_is_not_of_its_form_is_refused(void **state)
{
    static const char *const bad[] = {
            "",
            "FC id:sig",
            "ACS3-HMAC-SHA256",
            "ACS3-HMAC-SHA256 ",
            "ACS3-HMAC-SHA256 Credential=,SignedHeaders=a,Signature=" SIGNATURE,
            "ACS3-HMAC-SHA256 Credential=i,Signature=" SIGNATURE,
            "ACS3-HMAC-SHA256 Credential=i,SignedHeaders=,Signature=" SIGNATURE,
            "ACS3-HMAC-SHA256 Credential=i,SignedHeaders=a,Signature=00",
            "ACS3-HMAC-SHA256 Credential=i,SignedHeaders=a,Signature=" SIGNATURE "0",
            "ACS3-HMAC-SHA256 Credential=i,SignedHeaders=a,Signature=" SIGNATURE ",x=1",
            "ACS3-HMAC-SM3 Credential=i,SignedHeaders=a,Signature=" SIGNATURE,
    };
    struct sign_acs3 sign;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sign_acs3_parse(str_of(bad[i]), &sign, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_captured_request_has_its_signature),
            cmocka_unit_test(every_part_is_signed),
            cmocka_unit_test(the_order_and_spelling_of_a_query_do_not_count),
            cmocka_unit_test(a_path_is_signed_as_sent_or_escaped),
            cmocka_unit_test(an_authorization_is_taken_apart),
            cmocka_unit_test(what_is_not_of_its_form_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
