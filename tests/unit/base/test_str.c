/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>

#include "t.h"

static void compares_bytes_and_letters(void **state)
{
    (void)state;
    assert_true(str_ieq(S("Content-TYPE"), S("content-type")));
    assert_false(str_ieq(S("a["), S("a{")));
    assert_true(str_ieq(STR_NONE, S("")));
    assert_true(str_starts(S("abc"), S("ab")));
    assert_true(str_starts(S("abc"), STR_NONE));
    assert_false(str_starts(S("a"), S("ab")));
    assert_true(str_ends(S("abc"), S("bc")));
    assert_true(str_ends(STR_NONE, STR_NONE));
    assert_false(str_ends(S("c"), S("bc")));
    assert_true(str_cmp(S("a"), S("ab")) < 0);
    assert_true(str_cmp(S("b"), S("ab")) > 0);
    assert_true(str_cmp(S("\xff"), S("a")) > 0);
    assert_int_equal(str_cmp(STR_NONE, S("")), 0);
}

static void cuts_and_tells_the_last_piece_apart(void **state)
{
    struct str rest = S("a,,b,");

    (void)state;
    t_str(str_cut(&rest, ','), S("a"));
    t_str(str_cut(&rest, ','), S(""));
    t_str(str_cut(&rest, ','), S("b"));
    assert_non_null(rest.p);
    t_str(str_cut(&rest, ','), S(""));
    assert_null(rest.p);
    t_str(str_cut(&rest, ','), S(""));
    assert_null(rest.p);
}

static void looks_inside(void **state)
{
    (void)state;
    t_str(str_from(S("abc"), 2), S("c"));
    t_str(str_from(S("abc"), 3), S(""));
    t_str(str_from(S("abc"), 99), S(""));
    t_str(str_from(STR_NONE, 1), S(""));
    t_str(str_trim(S(" \t a b\t ")), S("a b"));
    t_str(str_trim(S(" \t")), S(""));
    t_str(str_trim(S("\na")), S("\na"));
    assert_int_equal(str_find(S("a\0bc"), S("bc")), 2);
    assert_int_equal(str_find(S("abc"), S("cd")), -1);
    assert_int_equal(str_find(STR_NONE, S("")), 0);
    assert_int_equal(str_find(STR_NONE, S("a")), -1);
    assert_true(str_has(S("a\0b"), '\0'));
    assert_false(str_has(STR_NONE, 'a'));
}

static void reads_unsigned_numbers_within_limits(void **state)
{
    uint64_t v = 7;

    (void)state;
    assert_int_equal(str_u64(S("18446744073709551615"), 0, UINT64_MAX, &v), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(str_u64(S("18446744073709551616"), 0, UINT64_MAX, &v), -ERANGE);
    assert_int_equal(str_u64(S("99999999999999999999999x"), 0, UINT64_MAX, &v), -EINVAL);
    assert_int_equal(str_u64(S(""), 0, 9, &v), -EINVAL);
    assert_int_equal(str_u64(S("+1"), 0, 9, &v), -EINVAL);
    assert_int_equal(str_u64(S("-1"), 0, 9, &v), -EINVAL);
    assert_int_equal(str_u64(S(" 1"), 0, 9, &v), -EINVAL);
    assert_int_equal(str_u64(S("0x1"), 0, 9, &v), -EINVAL);
    assert_int_equal(str_u64(S("4"), 5, 9, &v), -ERANGE);
    assert_int_equal(str_u64(S("10"), 5, 9, &v), -ERANGE);
    assert_true(v == UINT64_MAX);
    assert_int_equal(str_u64(S("5"), 5, 9, &v), 0);
    assert_int_equal(str_u64(S("9"), 5, 9, &v), 0);
    assert_true(v == 9);
}

static void reads_signed_numbers_to_both_ends(void **state)
{
    int64_t v = 7;

    (void)state;
    assert_int_equal(str_i64(S("-9223372036854775808"), INT64_MIN, INT64_MAX, &v), 0);
    assert_true(v == INT64_MIN);
    assert_int_equal(str_i64(S("9223372036854775807"), INT64_MIN, INT64_MAX, &v), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(str_i64(S("9223372036854775808"), INT64_MIN, INT64_MAX, &v), -ERANGE);
    assert_int_equal(str_i64(S("-9223372036854775809"), INT64_MIN, INT64_MAX, &v), -ERANGE);
    assert_int_equal(str_i64(S("-"), INT64_MIN, INT64_MAX, &v), -EINVAL);
    assert_int_equal(str_i64(S("--1"), INT64_MIN, INT64_MAX, &v), -EINVAL);
    assert_int_equal(str_i64(S("-6"), -5, 5, &v), -ERANGE);
    assert_int_equal(str_i64(S("-5"), -5, 5, &v), 0);
    assert_true(v == -5);
}

static void copies_with_a_terminator(void **state)
{
    char *copy = str_dup(S("a\0b")), *none = str_dup(STR_NONE);

    (void)state;
    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(none, "");
    free(copy);
    free(none);
}

static void knows_well_formed_utf8(void **state)
{
    static const char *const good[] = {"",
                                       "ascii",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2z",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf0\x9f\x98",
                                      "\xff",
                                      "a\xfe"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        if (!str_utf8(str_of(good[i])))
            fail_msg("good %zu was refused", i);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (str_utf8(str_of(bad[i])))
            fail_msg("bad %zu was accepted", i);
    assert_true(str_utf8(S("a\0b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(compares_bytes_and_letters),
            cmocka_unit_test(cuts_and_tells_the_last_piece_apart),
            cmocka_unit_test(looks_inside),
            cmocka_unit_test(reads_unsigned_numbers_within_limits),
            cmocka_unit_test(reads_signed_numbers_to_both_ends),
            cmocka_unit_test(copies_with_a_terminator),
            cmocka_unit_test(knows_well_formed_utf8),
    };

    return T_RUN(tests);
}
