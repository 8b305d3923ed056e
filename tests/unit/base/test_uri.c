/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uri.h"

#include <errno.h>

#include "t.h"

static void encodes_all_but_the_unreserved_set(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    uri_encode(S("AZaz09-._~ /%+\0\xc3\xa9"), NULL, &b);
    t_str(buf_str(&b), S("AZaz09-._~%20%2F%25%2B%00%C3%A9"));
    buf_reset(&b);
    uri_encode(S("/a b/\0"), "/", &b);
    t_str(buf_str(&b), S("/a%20b/%00"));
    buf_done(&b);
}

static void decoding_undoes_encoding_for_every_byte(void **state)
{
    struct buf coded, plain;

    (void)state;
    buf_init(&coded, 10);
    buf_init(&plain, 10);
    for (int c = 1; c < 256; c++) {
        char byte = (char)c;

        buf_reset(&coded);
        buf_reset(&plain);
        uri_encode((struct str){&byte, 1}, NULL, &coded);
        assert_int_equal(uri_decode(buf_str(&coded), c % 2, &plain), 0);
        t_str(buf_str(&plain), ((struct str){&byte, 1}));
    }
    buf_done(&coded);
    buf_done(&plain);
}

static void refuses_broken_escapes_and_nul(void **state)
{
    static const char *const bad[] = {"%", "%4", "a%", "%4g", "%g4", "%%41", "%00", "a%00b", "% 1"};
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (uri_decode(str_of(bad[i]), false, &b) != -EINVAL)
            fail_msg("'%s' was accepted", bad[i]);
    assert_int_equal(uri_decode(S("a\0b"), false, &b), -EINVAL);
    buf_done(&b);
}

static void a_plus_is_a_space_only_in_queries(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 6);
    assert_int_equal(uri_decode(S("a+%2b"), true, &b), 0);
    assert_int_equal(uri_decode(S("a+%2B"), false, &b), 0);
    t_str(buf_str(&b), S("a +a++"));
    assert_int_equal(uri_decode(S("x"), false, &b), -EMSGSIZE);
    buf_done(&b);
}

static void walks_the_pairs_of_a_query(void **state)
{
    struct str q = S("&a=1&&b&c==x=&d=&"), name, value;

    (void)state;
    assert_true(uri_query_next(&q, &name, &value));
    t_str(name, S("a"));
    t_str(value, S("1"));
    assert_true(uri_query_next(&q, &name, &value));
    t_str(name, S("b"));
    assert_null(value.p);
    assert_true(uri_query_next(&q, &name, &value));
    t_str(name, S("c"));
    t_str(value, S("=x="));
    assert_true(uri_query_next(&q, &name, &value));
    t_str(name, S("d"));
    assert_non_null(value.p);
    assert_int_equal(value.n, 0);
    assert_false(uri_query_next(&q, &name, &value));
    assert_false(uri_query_next(&q, &name, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(encodes_all_but_the_unreserved_set),
            cmocka_unit_test(decoding_undoes_encoding_for_every_byte),
            cmocka_unit_test(refuses_broken_escapes_and_nul),
            cmocka_unit_test(a_plus_is_a_space_only_in_queries),
            cmocka_unit_test(walks_the_pairs_of_a_query),
    };

    return T_RUN(tests);
}
