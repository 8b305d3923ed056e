/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/guard/authorizer_answer.h"

#include <errno.h>
#include <stdlib.h>

#include "t.h"

#include "base/buf.h"

static struct authorizer_answer *must_parse(const char *text)
{
    struct authorizer_answer *a = NULL;
    struct err e = {0};

    t_ok(authorizer_answer_parse(str_of(text), &a, &e), &e);
    return a;
}

static void refused(const char *text, const char *part)
{
    struct authorizer_answer *a = NULL;
    struct err e = {0};

    if (authorizer_answer_parse(str_of(text), &a, &e) != -EINVAL)
        fail_msg("taken: %s", text);
    assert_null(a);
    t_has(e.msg, part);
}

static void an_object_lets_in_with_its_context(void **state)
{
    struct authorizer_answer *a = must_parse(
            "{\"statusCode\":200,\"body\":\"{\\\"status\\\":\\\"allow\\\",\\\"context\\\":"
            "{\\\"user\\\":\\\"abc\\\",\\\"a-1_B\\\":\\\"\\\"}}\"}");

    (void)state;
    assert_true(a->allow);
    assert_int_equal(a->context.n, 2);
    t_str(a->context.at[0].name, S("user"));
    t_str(a->context.at[0].value, S("abc"));
    t_str(a->context.at[1].name, S("a-1_B"));
    t_str(a->context.at[1].value, S(""));
    authorizer_answer_unref(a);
}

static void a_json_string_of_the_object_is_the_same(void **state)
{
    struct authorizer_answer *a =
            must_parse("\"{\\\"statusCode\\\": 200, \\\"body\\\": \\\"{\\\\\\\"status\\\\\\\": "
                       "\\\\\\\"deny\\\\\\\"}\\\"}\"");

    (void)state;
    assert_false(a->allow);
    assert_int_equal(a->context.n, 0);
    authorizer_answer_unref(a);
}

static void scalars_become_text(void **state)
{
    struct authorizer_answer *a = must_parse(
            "{\"statusCode\":\"200\",\"body\":\"{\\\"status\\\":\\\"allow\\\",\\\"context\\\":"
            "{\\\"n\\\":42,\\\"f\\\":1.5,\\\"t\\\":true,\\\"x\\\":false,\\\"z\\\":null}}\"}");
    static const char *const want[] = {"42", "1.5", "true", "false", "null"};

    (void)state;
    for (size_t i = 0; i < 5; i++)
        t_str(a->context.at[i].value, str_of(want[i]));
    authorizer_answer_unref(a);
}

static void a_denial_may_have_any_status_and_a_context(void **state)
{
    struct authorizer_answer *a = must_parse(
            "{\"statusCode\":401,\"body\":\"{\\\"status\\\":\\\"deny\\\",\\\"context\\\":"
            "{\\\"code\\\":\\\"1001\\\"}}\"}");

    (void)state;
    assert_false(a->allow);
    t_str(a->context.at[0].value, S("1001"));
    authorizer_answer_unref(a);
}

static void a_base64_body_is_decoded(void **state)
{
    struct authorizer_answer *a = must_parse("{\"statusCode\":200,\"isBase64Encoded\":true,"
                                             "\"body\":\"eyJzdGF0dXMiOiJhbGxvdyJ9\"}");

    (void)state;
    assert_true(a->allow);
    authorizer_answer_unref(a);
}

static void what_has_another_form_is_refused_in_words(void **state)
{
#define BODY(text) "{\"statusCode\":200,\"body\":\"" text "\"}"
    static const struct {
        const char *text, *part;
    } cases[] = {
            {"", "not JSON"},
            {"{", "not JSON"},
            {"[]", "not a JSON object"},
            {"null", "not a JSON object"},
            {"\"allow\"", "the text it answered is not JSON"},
            {"\"\\\"x\\\"\"", "not a JSON object"},
            {"{\"body\":\"{\\\"status\\\":\\\"allow\\\"}\"}", "no 'statusCode'"},
            {"{\"statusCode\":true,\"body\":\"{}\"}", "statusCode"},
            {"{\"statusCode\":99,\"body\":\"{}\"}", "statusCode"},
            {"{\"statusCode\":\"2xx\",\"body\":\"{}\"}", "statusCode"},
            {"{\"statusCode\":200}", "no 'body'"},
            {"{\"statusCode\":200,\"body\":{\"status\":\"allow\"}}", "must be a string"},
            {"{\"statusCode\":200,\"body\":\"!\",\"isBase64Encoded\":true}", "not base64"},
            {"{\"statusCode\":200,\"body\":\"{}\",\"isBase64Encoded\":1}", "isBase64Encoded"},
            {BODY(""), "body of its answer is not JSON"},
            {BODY("allow"), "body of its answer is not JSON"},
            {BODY("[]"), "not a JSON object"},
            {BODY("{}"), "no 'status'"},
            {BODY("{\\\"status\\\":true}"), "must be a string"},
            {BODY("{\\\"status\\\":\\\"Allow\\\"}"), "neither"},
            {BODY("{\\\"Status\\\":\\\"allow\\\"}"), "no 'status'"},
            {BODY("{\\\"status\\\":\\\"allow\\\",\\\"context\\\":[]}"), "not an object"},
            {BODY("{\\\"status\\\":\\\"allow\\\",\\\"context\\\":{\\\"a\\\":{}}}"), "'a'"},
            {BODY("{\\\"status\\\":\\\"allow\\\",\\\"context\\\":{\\\"a\\\":[1]}}"), "'a'"},
            {BODY("{\\\"status\\\":\\\"allow\\\",\\\"context\\\":{\\\"\\\":1}}"), "name"},
            {BODY("{\\\"status\\\":\\\"allow\\\",\\\"context\\\":{\\\"1a\\\":1}}"), "'1a'"},
            {BODY("{\\\"status\\\":\\\"allow\\\",\\\"context\\\":{\\\"a.b\\\":1}}"), "'a.b'"},
            {BODY("{\\\"status\\\":\\\"allow\\\",\\\"context\\\":{\\\"_a\\\":1}}"), "'_a'"},
            {"{\"statusCode\":500,\"body\":\"{\\\"status\\\":\\\"allow\\\"}\"}", "not 2xx"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refused(cases[i].text, cases[i].part);
}

/* {"statusCode":200,"body":"{\"status\":\"allow\",\"context\":{\"<name>\":\"<value>\"}}"} */
static void write_answer(struct buf *out, size_t name, size_t value)
{
    buf_init(out, AUTHORIZER_ANSWER_MAX + 1024);
    buf_addz(out, "{\"statusCode\":200,\"body\":\"{\\\"status\\\":\\\"allow\\\","
                  "\\\"context\\\":{\\\"");
    for (size_t i = 0; i < name; i++)
        buf_addc(out, 'n');
    buf_addz(out, "\\\":\\\"");
    for (size_t i = 0; i < value; i++)
        buf_addc(out, 'v');
    buf_addz(out, "\\\"}}\"}");
}

static void limits_hold_at_the_limit_and_one_above(void **state)
{
    struct authorizer_answer *a = NULL;
    struct err e = {0};
    struct buf text;
    size_t frame;

    (void)state;
    write_answer(&text, 32, 0);
    a = must_parse(text.p);
    assert_int_equal(a->context.at[0].name.n, 32);
    authorizer_answer_unref(a);
    frame = text.n;
    buf_done(&text);
    write_answer(&text, 33, 0);
    refused(text.p, "1 to 32");
    buf_done(&text);

    write_answer(&text, 32, AUTHORIZER_ANSWER_MAX - frame);
    assert_int_equal(text.n, AUTHORIZER_ANSWER_MAX);
    a = must_parse(text.p);
    assert_int_equal(a->context.at[0].value.n, AUTHORIZER_ANSWER_MAX - frame);
    authorizer_answer_unref(a);
    buf_done(&text);
    write_answer(&text, 32, AUTHORIZER_ANSWER_MAX - frame + 1);
    assert_int_equal(authorizer_answer_parse(buf_str(&text), &a, &e), -EMSGSIZE);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_object_lets_in_with_its_context),
            cmocka_unit_test(a_json_string_of_the_object_is_the_same),
            cmocka_unit_test(scalars_become_text),
            cmocka_unit_test(a_denial_may_have_any_status_and_a_context),
            cmocka_unit_test(a_base64_body_is_decoded),
            cmocka_unit_test(what_has_another_form_is_refused_in_words),
            cmocka_unit_test(limits_hold_at_the_limit_and_one_above),
    };

    return T_RUN(tests);
}
