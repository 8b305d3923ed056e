/* SPDX-License-Identifier: Apache-2.0 */
#include "fn/space.h"

#include <errno.h>

#include "base/crypto.h"
#include "t.h"

static const struct fn_key key = {
        DIALECT_FC, {"acc", 3}, {"region", 6}, {"svc", 3}, {"ignored", 7}};

static void a_space_takes_its_name_from_the_space_part_and_gets_an_id(void **state)
{
    struct space *a = space_new(&key), *b = space_new(&key);

    (void)state;
    assert_string_equal(a->name, "svc");
    assert_int_equal(strlen(a->id), UUID_TEXT - 1);
    assert_string_not_equal(a->id, b->id);
    space_unref(a);
    space_unref(b);
}

static void what_is_encoded_is_decoded_to_the_same(void **state)
{
    struct space *s = space_new(&key), *t = NULL;
    struct err e = {0};
    struct buf one, two;

    (void)state;
    buf_init(&one, 4096);
    buf_init(&two, 4096);
    s->created_ms = 5;
    space_encode(s, &one);
    t_ok(space_decode(buf_str(&one), 3, &t, &e), &e);
    space_encode(t, &two);
    t_str(buf_str(&two), buf_str(&one));
    assert_string_equal(t->id, s->id);
    assert_int_equal(t->revision, 3);
    space_unref(space_ref(s));
    space_unref(s);
    space_unref(t);
    buf_done(&one);
    buf_done(&two);
}

static void decoding_refuses_foreign_text(void **state)
{
    static const char *const bad[] = {"", "{}", "null", "{\"v\":1}",
                                      "{\"v\":1,\"dialect\":\"fc\"}"};
    struct space *s = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(space_decode(str_of(bad[i]), 1, &s, NULL), -EINVAL);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_space_takes_its_name_from_the_space_part_and_gets_an_id),
            cmocka_unit_test(what_is_encoded_is_decoded_to_the_same),
            cmocka_unit_test(decoding_refuses_foreign_text),
    };
    return T_RUN(tests);
}
