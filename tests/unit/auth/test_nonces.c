/* SPDX-License-Identifier: Apache-2.0 */
#include "t.h"

#include <stdio.h>

#include "auth/nonces.h"

static bool first(struct nonces *n, unsigned i, int64_t now_ms)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "nonce-%u", i);
    return nonces_first(n, S("key"), str_of(text), now_ms);
}

static void a_nonce_is_good_once_for_each_key(void **state)
{
    struct nonces *n = nonces_new();

    (void)state;
    assert_true(nonces_first(n, S("a"), S("x"), 0));
    assert_false(nonces_first(n, S("a"), S("x"), 1));
    assert_true(nonces_first(n, S("b"), S("x"), 1));
    assert_true(nonces_first(n, S("a"), S("y"), 1));
    nonces_free(n);
}

static void it_is_forgotten_when_its_date_would_be(void **state)
{
    struct nonces *n = nonces_new();

    (void)state;
    assert_true(first(n, 1, 0));
    assert_false(first(n, 1, NONCES_LIFE_MS - 1));
    assert_true(first(n, 1, NONCES_LIFE_MS));
    nonces_free(n);
}

static void as_many_as_there_may_be_are_remembered(void **state)
{
    struct nonces *n = nonces_new();

    (void)state;
    for (unsigned i = 0; i < NONCES_MOST; i++)
        assert_true(first(n, i, 5));
    for (unsigned i = 0; i < NONCES_MOST; i += 101)
        assert_false(first(n, i, 6));
    assert_true(first(n, NONCES_MOST, 6)); /* instead of the oldest */
    assert_true(first(n, 0, 6));           /* which is this one; now the next is gone */
    assert_false(first(n, 2, 6));
    nonces_free(n);
}

static void room_of_what_is_over_is_used_again(void **state)
{
    struct nonces *n = nonces_new();

    (void)state;
    for (unsigned i = 0; i < 10000; i++)
        assert_true(first(n, i % 100, (int64_t)i * NONCES_LIFE_MS / 50));
    nonces_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_nonce_is_good_once_for_each_key),
            cmocka_unit_test(it_is_forgotten_when_its_date_would_be),
            cmocka_unit_test(as_many_as_there_may_be_are_remembered),
            cmocka_unit_test(room_of_what_is_over_is_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
