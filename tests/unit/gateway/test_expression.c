/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions of users on text of strangers: what they match, and that none of them, and no hundred of them, takes its time. */
#include <string.h>

#include "base/err.h"
#include "gateway/model/expression.h"
#include "t.h"

static size_t match(struct gw_matcher *m, const char *expression, const char *text)
{
    struct err e = {0};
    struct gw_expression *x = gw_expression_new(str_of(expression), GW_OF_TEXT, &e);
    size_t n;

    assert_non_null(x);
    n = gw_matcher_match(m, x, str_of(text));
    gw_expression_free(x);
    return n;
}

static void it_matches_somewhere_and_tells_the_groups(void **state)
{
    struct gw_matcher *m = gw_matcher_new();
    struct err e = {0};
    struct gw_expression *x = gw_expression_new(S("/([a-z]+)(x)?/([0-9]+)$"), GW_OF_BYTES, &e);
    struct str text = S("/front/abc/12");

    (void)state;
    assert_int_equal(match(m, "b", "abc"), 1);
    assert_int_equal(match(m, "^b", "abc"), 0);
    assert_int_equal(match(m, "(a)(b)", "ab"), 3);
    assert_int_equal(match(m, "(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)", "abcdefghijk"),
                     GW_EXPRESSION_GROUPS);
    assert_non_null(x);
    assert_int_equal(gw_matcher_match(m, x, text), 4);
    assert_true(str_eq(gw_matcher_group(m, text, 0), S("/abc/12")));
    assert_true(str_eq(gw_matcher_group(m, text, 1), S("abc")));
    assert_null(gw_matcher_group(m, text, 2).p); /* it took no part */
    assert_true(str_eq(gw_matcher_group(m, text, 3), S("12")));
    gw_expression_free(x);
    gw_matcher_free(m);
}

static void text_is_utf8_and_bytes_are_not(void **state)
{
    struct gw_matcher *m = gw_matcher_new();
    struct err e = {0};
    struct gw_expression *x = gw_expression_new(S("^..$"), GW_OF_BYTES, &e);

    (void)state;
    assert_int_equal(match(m, "^.$", "\xc3\xa9"), 1);
    assert_int_equal(match(m, "^.$", "\xff"), 0);
    assert_int_equal(gw_matcher_match(m, x, S("\xc3\xa9")), 1);
    assert_int_equal(gw_matcher_match(m, x, S("a\n")), 1);
    assert_int_equal(gw_matcher_match(m, x, STR_NONE), 0);
    gw_expression_free(x);
    gw_matcher_free(m);
}

static void what_is_no_expression_is_told(void **state)
{
    struct err e = {0};

    (void)state;
    assert_null(gw_expression_new(S("a(b"), GW_OF_TEXT, &e));
    t_has(e.msg, "at offset 3");
    assert_null(gw_expression_new(S("\\C"), GW_OF_TEXT, &e)); /* half a character */
}

/* A place where a match could begin costs each of these a little less than PCRE2's own limit, and
 * there are thousands of places. */
static void all_that_one_request_tries_is_bounded(void **state)
{
    static const char *const endless[] = {
            "(?:a?){14}[bc]",
            ".{0,200}.{0,200}[bc]",
            "a{0,40}a{0,40}a{0,40}[bc]",
            "(?:(?=[ab]*[cd])|.){0,20}[cd]",
            "(a+)+[bc]",
    };
    struct gw_matcher *m = gw_matcher_new();
    static char text[8000 + 1];

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    for (int i = 0; i < 100; i++)
        for (size_t k = 0; k < sizeof(endless) / sizeof(*endless); k++)
            assert_int_equal(match(m, endless[k], text), 0);
    assert_int_equal(match(m, "a", "a"), 0); /* nothing is left, for anything */
    gw_matcher_begin(m);
    assert_int_equal(match(m, "a", "a"), 1);
    gw_matcher_free(m);
}

static void one_request_does_not_pay_for_another(void **state)
{
    struct gw_matcher *m = gw_matcher_new();
    static char text[8000 + 1];

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    for (int i = 0; i < 20; i++) {
        gw_matcher_begin(m);
        assert_int_equal(match(m, "(?:a?){14}[bc]", text), 0);
        gw_matcher_begin(m);
        assert_int_equal(match(m, "^/?(.*)(a)$", text),
                         3); /* a usual one has enough for the longest text */
    }
    gw_matcher_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(it_matches_somewhere_and_tells_the_groups),
            cmocka_unit_test(text_is_utf8_and_bytes_are_not),
            cmocka_unit_test(what_is_no_expression_is_told),
            cmocka_unit_test(all_that_one_request_tries_is_bounded),
            cmocka_unit_test(one_request_does_not_pay_for_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
