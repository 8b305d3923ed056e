/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/guard/authorizer_cache.h"

#include <stdlib.h>

#include "t.h"

#include "gateway/guard/authorizer_answer.h"

static struct authorizer_answer *answer(const char *context)
{
    struct authorizer_answer *a = NULL;
    struct err e = {0};
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "{\"statusCode\":200,\"body\":\"{\\\"status\\\":\\\"allow\\\",\\\"context\\\":"
                   "{\\\"v\\\":\\\"%s\\\"}}\"}",
                   context);
    t_ok(authorizer_answer_parse(str_of(text), &a, &e), &e);
    return a;
}

static void put(struct authorizer_cache *c, struct str key, const char *value, int64_t now_ms)
{
    struct authorizer_answer *a = answer(value);

    authorizer_cache_put(c, key, a, now_ms, 1000);
    authorizer_answer_unref(a);
}

static void is(struct authorizer_cache *c, struct str key, int64_t now_ms, const char *value)
{
    struct authorizer_answer *a = authorizer_cache_get(c, key, now_ms);

    if (!value) {
        assert_null(a);
        return;
    }
    assert_non_null(a);
    t_str(a->context.at[0].value, str_of(value));
}

static void an_answer_is_good_for_its_time_and_not_a_moment_longer(void **state)
{
    struct authorizer_cache *c = authorizer_cache_new(10, 1 << 20);

    (void)state;
    put(c, S("k"), "x", 5000);
    is(c, S("k"), 5000, "x");
    is(c, S("k"), 5999, "x");
    is(c, S("other"), 5999, NULL);
    is(c, S("k"), 6000, NULL);
    is(c, S("k"), 5000, NULL); /* it is gone */
    assert_int_equal(authorizer_cache_bytes(c), 0);
    authorizer_cache_free(c);
}

static void a_clock_that_was_set_back_forgets(void **state)
{
    struct authorizer_cache *c = authorizer_cache_new(10, 1 << 20);

    (void)state;
    put(c, S("k"), "x", 5000);
    is(c, S("k"), 4999, NULL);
    authorizer_cache_free(c);
}

static void a_new_answer_replaces_the_old_one(void **state)
{
    struct authorizer_cache *c = authorizer_cache_new(10, 1 << 20);

    (void)state;
    put(c, S("k"), "x", 0);
    put(c, S("k"), "y", 500);
    is(c, S("k"), 1200, "y");
    assert_int_equal(authorizer_cache_count(c), 1);
    authorizer_cache_free(c);
}

static void the_least_recently_used_goes_first(void **state)
{
    struct authorizer_cache *c = authorizer_cache_new(2, 1 << 20);

    (void)state;
    put(c, S("a"), "1", 0);
    put(c, S("b"), "2", 0);
    is(c, S("a"), 1, "1");
    put(c, S("c"), "3", 0);
    assert_int_equal(authorizer_cache_count(c), 2);
    is(c, S("b"), 1, NULL);
    is(c, S("a"), 1, "1");
    is(c, S("c"), 1, "3");
    authorizer_cache_free(c);
}

static void bytes_are_bounded_too(void **state)
{
    struct authorizer_cache *c = authorizer_cache_new(100, 1 << 20);
    size_t one;

    (void)state;
    put(c, S("a"), "1", 0);
    one = authorizer_cache_bytes(c);
    authorizer_cache_free(c);

    c = authorizer_cache_new(100, 2 * one);
    put(c, S("a"), "1", 0);
    put(c, S("b"), "2", 0);
    assert_int_equal(authorizer_cache_count(c), 2);
    put(c, S("c"), "3", 0);
    assert_int_equal(authorizer_cache_count(c), 2);
    is(c, S("a"), 1, NULL);
    authorizer_cache_free(c);

    c = authorizer_cache_new(100, one - 1); /* too large alone: not kept */
    put(c, S("a"), "1", 0);
    assert_int_equal(authorizer_cache_count(c), 0);
    assert_int_equal(authorizer_cache_bytes(c), 0);
    authorizer_cache_free(c);
}

static void who_holds_an_answer_keeps_it_beyond_the_cache(void **state)
{
    struct authorizer_cache *c = authorizer_cache_new(1, 1 << 20);
    struct authorizer_answer *a;

    (void)state;
    put(c, S("a"), "1", 0);
    a = authorizer_answer_ref(authorizer_cache_get(c, S("a"), 0));
    authorizer_cache_free(c);
    t_str(a->context.at[0].value, S("1"));
    authorizer_answer_unref(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_answer_is_good_for_its_time_and_not_a_moment_longer),
            cmocka_unit_test(a_clock_that_was_set_back_forgets),
            cmocka_unit_test(a_new_answer_replaces_the_old_one),
            cmocka_unit_test(the_least_recently_used_goes_first),
            cmocka_unit_test(bytes_are_bounded_too),
            cmocka_unit_test(who_holds_an_answer_keeps_it_beyond_the_cache),
    };

    return T_RUN(tests);
}
