/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "t.h"

/* What buf.h promises to hold at all times. */
static void check(const struct buf *b)
{
    assert_non_null(b->p);
    assert_int_equal(b->p[b->n], 0);
    assert_true(b->n <= b->max);
    assert_true(b->cap == 0 ? b->n == 0 : b->cap > b->n);
}

static void takes_its_ceiling_and_not_one_byte_more(void **state)
{
    struct buf b;

    (void)state;
    for (size_t max = 0; max < 300; max += 7) {
        buf_init(&b, max);
        for (size_t i = 0; i < max; i++) {
            buf_addc(&b, 'x');
            check(&b);
        }
        assert_true(buf_ok(&b));
        assert_int_equal(b.n, max);
        buf_addc(&b, 'x');
        assert_false(buf_ok(&b));
        assert_int_equal(b.n, max);
        check(&b);
        buf_done(&b);
    }
}

static void an_error_sticks_and_keeps_what_was_there(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    buf_addz(&b, "abc");
    buf_addz(&b, "def");
    buf_addc(&b, 'd');
    buf_addf(&b, "%d", 1);
    assert_null(buf_room(&b, 0));
    assert_false(buf_ok(&b));
    t_str(buf_str(&b), S("abc"));
    buf_reset(&b);
    assert_true(buf_ok(&b));
    check(&b);
    buf_addz(&b, "12345");
    assert_true(buf_ok(&b));
    t_str(buf_str(&b), S("12345"));
    buf_done(&b);
}

static void writes_numbers_without_printf(void **state)
{
    static const uint64_t vs[] = {0, 1, 9, 10, 99, 100, 999, 1000, 1001, 2049, UINT64_MAX};
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    for (size_t i = 0; i < sizeof(vs) / sizeof(*vs); i++) {
        uint64_t unit = 1;
        char text[64];

        buf_reset(&b);
        buf_addu(&b, vs[i]);
        (void)snprintf(text, sizeof(text), "%" PRIu64, vs[i]);
        t_str(buf_str(&b), str_of(text));
        for (unsigned decimals = 1; decimals <= 9; decimals++) {
            unit *= 10;
            buf_reset(&b);
            buf_addfix(&b, vs[i], decimals);
            (void)snprintf(text, sizeof(text), "%" PRIu64 ".%0*" PRIu64, vs[i] / unit,
                           (int)decimals, vs[i] % unit);
            t_str(buf_str(&b), str_of(text));
            check(&b);
        }
    }
    buf_done(&b);
}

static void formats_short_and_long_text(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 2000);
    for (int width = 250; width < 262; width++) {
        buf_reset(&b);
        buf_addf(&b, "<%*d>", width - 2, 7);
        assert_int_equal(b.n, width);
        assert_int_equal(b.p[width - 1], '>');
        check(&b);
    }
    buf_reset(&b);
    buf_addf(&b, "%*d", 2000, 7);
    assert_true(buf_ok(&b));
    buf_addf(&b, "%s", "");
    assert_true(buf_ok(&b));
    buf_reset(&b);
    buf_addf(&b, "%*d", 2001, 7);
    assert_false(buf_ok(&b));
    assert_int_equal(b.n, 0);
    check(&b);
    buf_done(&b);
}

static void holds_bytes_and_drops_them_from_the_front(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_drop(&b, 0);
    buf_adds(&b, S("a\0b\0c"));
    buf_drop(&b, 2);
    t_str(buf_str(&b), S("b\0c"));
    buf_drop(&b, 3);
    check(&b);
    assert_int_equal(b.n, 0);
    buf_adds(&b, STR_NONE);
    assert_true(buf_ok(&b));
    buf_done(&b);
}

static void room_is_written_in_place(void **state)
{
    struct buf b;
    char *to;

    (void)state;
    buf_init(&b, 10);
    assert_non_null(buf_room(&b, 0));
    buf_grew(&b, 0);
    to = buf_room(&b, 10);
    memcpy(to, "0123456789", 10);
    buf_grew(&b, 4);
    t_str(buf_str(&b), S("0123"));
    check(&b);
    assert_null(buf_room(&b, 7));
    assert_false(buf_ok(&b));
    buf_done(&b);
}

static void hands_its_memory_over(void **state)
{
    struct buf a, b;
    char *p;

    (void)state;
    buf_init(&a, 10);
    buf_init(&b, 3);
    p = buf_take(&a);
    assert_string_equal(p, "");
    free(p);
    buf_addz(&a, "hello");
    buf_move(&b, &a);
    t_str(buf_str(&b), S("hello"));
    assert_int_equal(b.max, 10);
    check(&a);
    assert_int_equal(a.n, 0);
    p = buf_take(&b);
    assert_string_equal(p, "hello");
    free(p);
    check(&b);
    buf_done(&a);
    buf_done(&b);
    buf_done(&b);
}

static void a_ceiling_of_everything_does_not_wrap_around(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, SIZE_MAX);
    buf_addz(&b, "abc");
    assert_null(buf_room(&b, SIZE_MAX - 2));
    assert_false(buf_ok(&b));
    t_str(buf_str(&b), S("abc"));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(takes_its_ceiling_and_not_one_byte_more),
            cmocka_unit_test(an_error_sticks_and_keeps_what_was_there),
            cmocka_unit_test(writes_numbers_without_printf),
            cmocka_unit_test(formats_short_and_long_text),
            cmocka_unit_test(holds_bytes_and_drops_them_from_the_front),
            cmocka_unit_test(room_is_written_in_place),
            cmocka_unit_test(hands_its_memory_over),
            cmocka_unit_test(a_ceiling_of_everything_does_not_wrap_around),
    };

    return T_RUN(tests);
}
