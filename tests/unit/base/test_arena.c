/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "t.h"

static void gives_all_of_its_limit_and_not_one_byte_more(void **state)
{
    struct arena *a = arena_new(100);

    (void)state;
    assert_null(arena_alloc(a, 101));
    assert_non_null(arena_alloc(a, 100));
    assert_int_equal(arena_used(a), 100);
    assert_null(arena_alloc(a, 1));
    assert_null(arena_free(a));
}

static void charges_small_allocations_by_their_alignment(void **state)
{
    struct arena *a = arena_new(16 * 10);
    int n = 0;

    (void)state;
    while (arena_alloc(a, 1))
        n++;
    assert_int_equal(n, 10);
    arena_free(a);
}

static void memory_is_zeroed_and_aligned_also_after_a_reset(void **state)
{
    struct arena *a = arena_new(1 << 20);

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t n = 1; n < 6000; n += 997) {
            char *p = arena_alloc(a, n);

            assert_non_null(p);
            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xff, n);
        }
        arena_reset(a);
        assert_int_equal(arena_used(a), 0);
    }
    arena_free(a);
}

static void copies_text_with_a_terminator(void **state)
{
    struct arena *a = arena_new(16);
    char *copy = arena_strdup(a, S("fifteen bytes.."));

    (void)state;
    assert_string_equal(copy, "fifteen bytes..");
    assert_null(arena_strdup(a, STR_NONE));
    arena_reset(a);
    assert_null(arena_strdup(a, S("sixteen bytes...")));
    assert_string_equal(arena_strdup(a, STR_NONE), "");
    arena_free(a);
}

static void huge_requests_do_not_wrap_around(void **state)
{
    struct arena *a = arena_new(SIZE_MAX);

    (void)state;
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_strdup(a, (struct str){"", SIZE_MAX}));
    assert_non_null(arena_alloc(a, 1));
    arena_free(a);
    assert_null(arena_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(gives_all_of_its_limit_and_not_one_byte_more),
            cmocka_unit_test(charges_small_allocations_by_their_alignment),
            cmocka_unit_test(memory_is_zeroed_and_aligned_also_after_a_reset),
            cmocka_unit_test(copies_text_with_a_terminator),
            cmocka_unit_test(huge_requests_do_not_wrap_around),
    };

    return T_RUN(tests);
}
