/* SPDX-License-Identifier: Apache-2.0 */
/* test_latency.c - quantiles against rows whose quantiles are known, and the histogram. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/obj.h"
#include "cli/latency.h"
#include "cli/units.h"
#include "t.h"

static void quantiles_are_exact(void **state)
{
    struct latency l;
    struct latency_sum s;

    (void)state;
    latency_init(&l, 1000);
    for (uint64_t i = 1000; i > 0; i--) /* 1..1000, the other way round */
        latency_add(&l, i);
    s = latency_sum(&l);
    assert_int_equal(s.n, 1000);
    assert_int_equal(s.min_ns, 1);
    assert_int_equal(s.max_ns, 1000);
    assert_int_equal(s.mean_ns, 500); /* 500.5 */
    assert_int_equal(s.quantile_ns[0], 500);
    assert_int_equal(s.quantile_ns[1], 900);
    assert_int_equal(s.quantile_ns[2], 990);
    assert_int_equal(s.quantile_ns[3], 999);
    latency_done(&l);
}

static void ranks_of_few_and_of_none(void **state)
{
    static const uint64_t row[] = {10, 20, 30};
    static const struct {
        size_t n;
        double q;
        uint64_t want;
    } cases[] = {
            {0, 0.5, 0},  {1, 0.5, 10},     {1, 0.999, 10}, {2, 0.5, 10}, {2, 0.51, 20},
            {3, 0.5, 20}, {3, 1.0 / 3, 10}, {3, 0.999, 30}, {3, 0, 10},   {3, 1, 30},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(latency_rank(row, cases[i].n, cases[i].q), cases[i].want);
}

static void every_duration_is_in_one_bar(void **state)
{
    struct latency l;
    struct latency_bar bars[LATENCY_BARS];
    size_t n, sum = 0;

    (void)state;
    latency_init(&l, 5000);
    for (uint64_t i = 0; i < 5000; i++)
        latency_add(&l, i * i * 37 % 1000003); /* zeros among them */
    (void)latency_sum(&l);
    n = latency_bars(&l, bars);
    assert_int_equal(n, LATENCY_BARS);
    for (size_t i = 0; i < n; i++) {
        sum += bars[i].count;
        assert_true(i == 0 || bars[i].upto_ns >= bars[i - 1].upto_ns);
    }
    assert_int_equal(sum, 5000);
    assert_int_equal(bars[n - 1].upto_ns, l.ns[l.n - 1]);
    latency_done(&l);
}

static void alike_durations_are_one_bar_and_none_is_none(void **state)
{
    struct latency l;
    struct latency_bar bars[LATENCY_BARS];

    (void)state;
    latency_init(&l, 3);
    assert_int_equal(latency_bars(&l, bars), 0);
    assert_int_equal(latency_sum(&l).n, 0);
    for (int i = 0; i < 3; i++)
        latency_add(&l, 7);
    (void)latency_sum(&l);
    assert_int_equal(latency_bars(&l, bars), 1);
    assert_int_equal(bars[0].count, 3);
    latency_done(&l);
}

static void a_drawing_fits_its_columns(void **state)
{
    static const struct latency_bar bars[] = {
            {999, 1}, {1000000, 123456}, {2500000000, 0}, {9999000000000, 1000000}};
    cleanup_with(buf_done) struct buf out;
    struct str rest;

    (void)state;
    buf_init(&out, 4096);
    latency_draw(bars, ARRAY_LEN(bars), 80, &out);
    rest = buf_str(&out);
    for (size_t i = 0; i < ARRAY_LEN(bars); i++) {
        struct str line = str_cut(&rest, '\n');

        assert_in_range(line.n, 20, 80);
        assert_int_equal(str_has(line, '#'), bars[i].count > 0);
    }
}

static void quantities_have_three_digits(void **state)
{
    static const struct {
        uint64_t n;
        const char *bytes, *time;
    } cases[] = {
            {0, "0 B", "0.00 us"},
            {1023, "1023 B", "1.02 us"},
            {1024, "1.00 KiB", "1.02 us"},
            {15000, "14.6 KiB", "15.0 us"},
            {999499, "976 KiB", "999 us"},
            {1048576, "1.00 MiB", "1.05 ms"},
            {123456789, "118 MiB", "123 ms"},
            {999600000, "953 MiB", "1.00 s"},
            {20000000000000ull, "18.2 TiB", "20000 s"},
    };
    char text[UNITS_TEXT];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(units_bytes(cases[i].n, text), cases[i].bytes);
        assert_string_equal(units_time(cases[i].n, text), cases[i].time);
    }
    assert_string_equal(units_number(0, text), "0");
    assert_string_equal(units_number(999, text), "999");
    assert_string_equal(units_number(1000, text), "1 000");
    assert_string_equal(units_number(1234567, text), "1 234 567");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(quantiles_are_exact),
            cmocka_unit_test(ranks_of_few_and_of_none),
            cmocka_unit_test(every_duration_is_in_one_bar),
            cmocka_unit_test(alike_durations_are_one_bar_and_none_is_none),
            cmocka_unit_test(a_drawing_fits_its_columns),
            cmocka_unit_test(quantities_have_three_digits),
    };

    return T_RUN(tests);
}
