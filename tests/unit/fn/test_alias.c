/* SPDX-License-Identifier: Apache-2.0 */
#include "fn/alias.h"

#include <errno.h>

#include "base/err.h"
#include "t.h"

static const struct fn_key key = {DIALECT_FC, {"acc", 3}, {"region", 6}, {"svc", 3}, {"hello", 5}};

static struct alias *full(void)
{
    struct alias *a = alias_new(&key, S("prod"));

    alias_add_other(a, S("2"), 500, false);
    alias_add_other(a, S("3"), 0, true);
    alias_add_rule(a, ALIAS_COOKIE, S("user"), ALIAS_IN, S("a,\"b\""));
    alias_add_rule(a, ALIAS_QUERY, S("n"), ALIAS_AT_LEAST, S("7"));
    a->created_ms = 5;
    return a;
}

static void encode(const struct alias *a, struct buf *out)
{
    buf_init(out, 1 << 20);
    alias_encode(a, out);
    assert_true(buf_ok(out));
}

static void what_is_encoded_is_decoded_to_the_same_and_a_copy_shares_nothing(void **state)
{
    struct alias *a = full(), *b = NULL, *c;
    struct err e = {0};
    struct buf first, second;

    (void)state;
    encode(a, &first);
    t_ok(alias_decode(buf_str(&first), 7, &b, &e), &e);
    assert_int_equal(b->revision, 7);
    assert_int_equal(b->nothers, 2);
    assert_int_equal(b->others[1].nrules, 2);
    assert_string_equal(b->others[1].rules[0].value, "a,\"b\"");
    assert_string_equal(b->version, "latest");
    alias_unref(a);
    c = alias_copy(b);
    alias_unref(b);
    encode(c, &second);
    t_str(buf_str(&first), buf_str(&second));
    alias_set_others_done(c);
    assert_int_equal(c->nothers, 0);
    assert_string_equal(alias_owner(c).name.p, "hello");
    alias_unref(c);
    buf_done(&first);
    buf_done(&second);
}

static int decode_with(const char *from, const char *to)
{
    struct alias *a = full(), *b = NULL;
    struct buf good, bad;
    const char *at;
    int r;

    encode(a, &good);
    buf_init(&bad, 1 << 20);
    at = strstr(good.p, from);
    assert_non_null(at);
    buf_add(&bad, good.p, (size_t)(at - good.p));
    buf_addz(&bad, to);
    buf_addz(&bad, at + strlen(from));
    r = alias_decode(buf_str(&bad), 1, &b, NULL);
    if (r == 0)
        alias_unref(b);
    alias_unref(a);
    buf_done(&good);
    buf_done(&bad);
    return r;
}

static void decoding_refuses_what_encoding_cannot_have_written(void **state)
{
    static const struct {
        const char *from, *to;
    } bad[] = {
            {"\"v\":1", "\"v\":2"},
            {"\"dialect\":\"fc\"", "\"dialect\":\"x\""},
            {"\"name\":\"prod\",", ""},
            {"\"share\":500", "\"share\":10001"},
            {"\"share\":500", "\"share\":-1"},
            {"\"any\":true", "\"any\":1"},
            {"\"part\":\"cookie\"", "\"part\":\"path\""},
            {"\"op\":\"in\"", "\"op\":\"like\""},
            {"\"others\":[", "\"others\":1,\"was\":["},
            {"\"rules\":[]", "\"rules\":{}"},
            {"\"extra\":\"{}\"", "\"extra\":\"[]\""},
    };

    (void)state;
    assert_int_equal(decode_with("\"share\":500", "\"share\":10000"), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (decode_with(bad[i].from, bad[i].to) != -EINVAL)
            fail_msg("taken: %s -> %s", bad[i].from, bad[i].to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_encoded_is_decoded_to_the_same_and_a_copy_shares_nothing),
            cmocka_unit_test(decoding_refuses_what_encoding_cannot_have_written),
    };
    return T_RUN(tests);
}
