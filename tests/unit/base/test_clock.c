/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <errno.h>

#include "t.h"

static void writes_every_form_of_one_moment(void **state)
{
    char out[CLOCK_TEXT];

    (void)state;
    assert_string_equal(clock_iso(1795294078123, out), "2026-11-21T20:47:58Z");
    assert_string_equal(clock_iso_ms(1795294078123, out), "2026-11-21T20:47:58.123Z");
    assert_string_equal(clock_sql(1795294078123, out), "2026-11-21 20:47:58");
    assert_string_equal(clock_http(1795294218000, out), "Sat, 21 Nov 2026 20:50:18 GMT");
    assert_string_equal(clock_iso_ms(0, out), "1970-01-01T00:00:00.000Z");
    assert_string_equal(clock_iso_ms(-1, out), "1969-12-31T23:59:59.999Z");
    assert_string_equal(clock_iso(951782400000, out), "2000-02-29T00:00:00Z");
}

static void the_ends_of_time_fit_the_text(void **state)
{
    char out[CLOCK_TEXT];

    (void)state;
    t_has(clock_iso_ms(INT64_MAX, out), ".807Z");
    t_has(clock_http(INT64_MAX, out), " GMT");
    t_has(clock_iso_ms(INT64_MIN, out), ".192Z");
    t_has(clock_http(INT64_MIN, out), " GMT");
}

static void parses_what_it_writes(void **state)
{
    char out[CLOCK_TEXT];
    int64_t v;

    (void)state;
    for (int64_t ms = -62135596800000; ms < 253402300800000; ms += 86399LL * 1000 * 365) {
        assert_int_equal(clock_parse_http(str_of(clock_http(ms, out)), &v), 0);
        assert_true(v == ms);
    }
    assert_int_equal(clock_parse_compact(S("20261121T204758Z"), &v), 0);
    assert_true(v == 1795294078000);
    assert_int_equal(clock_parse_compact(S("20240229T000000Z"), &v), 0);
}

static void refuses_dates_that_do_not_exist_and_other_forms(void **state)
{
    static const char *const compact[] = {"",
                                          "20261121T204758",
                                          "20261121T204758Z ",
                                          "20261121 204758Z",
                                          "20260229T000000Z",
                                          "20261301T000000Z",
                                          "20260001T000000Z",
                                          "20260100T000000Z",
                                          "20260101T240000Z",
                                          "20260101T006000Z",
                                          "20260101T000060Z",
                                          "2026-121T204758Z",
                                          "20261121t204758z"};
    static const char *const http[] = {"",
                                       "Sun, 21 Nov 2026 20:50:18 GMT",
                                       "Sat, 21 Nov 2026 20:50:18 UTC",
                                       "Sat, 21 Nov 2026 20:50:18 GXT",
                                       "Sat, 21 nov 2026 20:50:18 GMT",
                                       "Sat, 31 Nov 2026 20:50:18 GMT",
                                       "Sat, 21 Nov 2026 25:50:18 GMT",
                                       "Saturday, 21-Nov-26 20:50:18 GMT",
                                       "Sat Nov 21 20:50:18 2026"};
    int64_t v = 42;

    (void)state;
    for (size_t i = 0; i < sizeof(compact) / sizeof(*compact); i++)
        if (clock_parse_compact(str_of(compact[i]), &v) != -EINVAL)
            fail_msg("'%s' was accepted", compact[i]);
    for (size_t i = 0; i < sizeof(http) / sizeof(*http); i++)
        if (clock_parse_http(str_of(http[i]), &v) != -EINVAL)
            fail_msg("'%s' was accepted", http[i]);
    assert_int_equal(v, 42);
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
    uint64_t before = clock_mono_ns();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_mono_ns();

        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_wall_ms() > 1600000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(writes_every_form_of_one_moment),
            cmocka_unit_test(the_ends_of_time_fit_the_text),
            cmocka_unit_test(parses_what_it_writes),
            cmocka_unit_test(refuses_dates_that_do_not_exist_and_other_forms),
            cmocka_unit_test(the_monotonic_clock_does_not_go_back),
    };

    return T_RUN(tests);
}
