/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/guard/throttle_count.h"

#include "t.h"

static void a_window_begins_at_a_multiple_of_its_period(void **state)
{
    struct throttle *t = throttle_new(10);

    (void)state;
    throttle_add(t, S("k"), 1000, 5000);
    throttle_add(t, S("k"), 1000, 5999);
    assert_int_equal(throttle_count(t, S("k"), 1000, 5999), 2);
    assert_int_equal(throttle_count(t, S("k"), 1000, 6000), 0);
    throttle_add(t, S("k"), 1000, 6000);
    assert_int_equal(throttle_count(t, S("k"), 1000, 6999), 1);
    assert_int_equal(throttle_count(t, S("k"), 1000, 5999), 0); /* the clock was set back */
    throttle_free(t);
}

static void keys_count_apart(void **state)
{
    struct throttle *t = throttle_new(10);

    (void)state;
    throttle_add(t, S("a"), 1000, 0);
    throttle_add(t, (struct str){"a\0b", 3}, 1000, 0);
    assert_int_equal(throttle_count(t, S("a"), 1000, 0), 1);
    assert_int_equal(throttle_count(t, (struct str){"a\0b", 3}, 1000, 0), 1);
    assert_int_equal(throttle_count(t, S("b"), 1000, 0), 0);
    throttle_free(t);
}

static void counters_are_bounded(void **state)
{
    struct throttle *t = throttle_new(3);
    char name[8];

    (void)state;
    throttle_add(t, S("old"), 1000, 0);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "k%d", i);
        throttle_add(t, S("hot"), 1000, 0);
        throttle_add(t, str_of(name), 1000, 0);
        assert_true(throttle_counters(t) <= 3);
    }
    assert_int_equal(throttle_count(t, S("hot"), 1000, 0), 100);
    assert_int_equal(throttle_count(t, S("old"), 1000, 0), 0);
    throttle_free(t);
}

static void periods_are_worded_in_their_largest_unit(void **state)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } cases[] = {{1000, "1 second"},        {10000, "10 second"}, {60000, "1 minute"},
                 {90000, "90 second"},      {3600000, "1 hour"},  {172800000, "2 day"},
                 {1500, "1500 millisecond"}};
    struct buf out;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buf_init(&out, 64);
        throttle_period(cases[i].ms, &out);
        t_str(buf_str(&out), str_of(cases[i].text));
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_window_begins_at_a_multiple_of_its_period),
            cmocka_unit_test(keys_count_apart),
            cmocka_unit_test(counters_are_bounded),
            cmocka_unit_test(periods_are_worded_in_their_largest_unit),
    };

    return T_RUN(tests);
}
