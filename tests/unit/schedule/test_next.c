/* SPDX-License-Identifier: Apache-2.0 */
/* When it is due next: by the documents' own examples, and where clocks are moved. */
#include "schedule/schedule.h"

#include <errno.h>

#include "base/clock.h"
#include "base/obj.h"
#include "t.h"

static struct schedule *parsed(enum schedule_syntax syntax, const char *text, const char *zone)
{
    struct schedule *s = NULL;
    struct err e = {0};

    t_ok(schedule_parse(syntax, str_of(text), str_of(zone), &s, &e), &e);
    return s;
}

/* "2026-03-29T01:00:00Z", to ms */
static int64_t at(const char *text)
{
    char compact[17];
    size_t n = 0;
    int64_t ms;

    for (const char *p = text; *p && n < 16; p++)
        if (*p != '-' && *p != ':')
            compact[n++] = *p;
    compact[n] = '\0';
    assert_int_equal(clock_parse_compact(str_of(compact), &ms), 0);
    return ms;
}

/* The next due times after `after`, as wall times, one behind another. */
static void expect(enum schedule_syntax syntax, const char *text, const char *zone,
                   const char *after, const char *const *want)
{
    struct schedule *s = parsed(syntax, text, zone);
    int64_t ms = at(after);
    char got[SCHEDULE_TIME];

    for (; *want; want++) {
        ms = schedule_next(s, ms, 0);
        assert_true(ms >= 0);
        schedule_time(s, ms, got);
        if (strcmp(got, *want) != 0)
            fail_msg("'%s' in %s: %s, not %s", text, zone, got, *want);
    }
    schedule_free(s);
}
#define EXPECT(syntax, text, zone, after, ...)                                                     \
    expect(syntax, text, zone, after, (const char *const[]){__VA_ARGS__, NULL})

static void the_examples_of_the_documents_are_due_as_they_say(void **state)
{
    (void)state;
    /* FunctionGraph */
    EXPECT(SCHEDULE_FG_CRON, "CRON_TZ=Europe/Berlin 0 0 12 * * *", "Asia/Shanghai",
           "2026-01-01T00:00:00Z", "2026-01-01T12:00:00+01:00", "2026-01-02T12:00:00+01:00");
    EXPECT(SCHEDULE_FG_CRON, "0 26,29,33 * * * *", "UTC", "2026-01-01T00:29:00Z",
           "2026-01-01T00:33:00+00:00", "2026-01-01T01:26:00+00:00");
    EXPECT(SCHEDULE_FG_CRON, "0 30 12 ? * MON-FRI", "UTC", "2026-01-02T12:30:00Z",
           "2026-01-05T12:30:00+00:00");
    EXPECT(SCHEDULE_FG_CRON, "0 0/5 12-14 ? * MON-FRI", "UTC", "2026-01-02T14:50:00Z",
           "2026-01-02T14:55:00+00:00", "2026-01-05T12:00:00+00:00");
    EXPECT(SCHEDULE_FG_CRON, "0 0 12 ? JAN,FEB,MAR,APR *", "Asia/Shanghai", "2026-04-30T05:00:00Z",
           "2027-01-01T12:00:00+08:00");
    EXPECT(SCHEDULE_FG_CRON, "0 15 2 * *", "UTC", "2026-01-01T02:15:00Z",
           "2026-01-02T02:15:00+00:00");
    /* FC */
    EXPECT(SCHEDULE_FC, "CRON_TZ=Asia/Shanghai 0 0 4 1 * *", "UTC", "2026-01-31T00:00:00Z",
           "2026-02-01T04:00:00+08:00");
    EXPECT(SCHEDULE_FC, "0 0 4 ? * 7", "UTC", "2026-01-01T00:00:00Z", "2026-01-04T04:00:00+00:00");
    EXPECT(SCHEDULE_FC, "0 0 4 ? * SUN", "UTC", "2026-01-01T00:00:00Z",
           "2026-01-04T04:00:00+00:00");
    EXPECT(SCHEDULE_FC, "0 0 4 ? * 0", "UTC", "2026-01-01T00:00:00Z", "2026-01-04T04:00:00+00:00");
    EXPECT(SCHEDULE_FC, "0 0 4 ? * 1", "UTC", "2026-01-01T00:00:00Z", "2026-01-05T04:00:00+00:00");
    /* SCF */
    EXPECT(SCHEDULE_SCF, "*/5 * * * * * *", "UTC", "2026-01-01T00:00:56Z",
           "2026-01-01T00:01:00+00:00", "2026-01-01T00:01:05+00:00");
    EXPECT(SCHEDULE_SCF, "0 0 2 1 * * *", "UTC", "2026-01-01T02:00:00Z",
           "2026-02-01T02:00:00+00:00");
    EXPECT(SCHEDULE_SCF, "0 15 10 * * MON-FRI *", "UTC", "2026-01-02T10:15:00Z",
           "2026-01-05T10:15:00+00:00");
    EXPECT(SCHEDULE_SCF, "0 0 12 * * WED *", "UTC", "2026-01-01T00:00:00Z",
           "2026-01-07T12:00:00+00:00");
    EXPECT(SCHEDULE_SCF, "*/5 * * * *", "UTC", "2026-01-01T00:01:02Z", "2026-01-01T00:05:00+00:00");
    EXPECT(SCHEDULE_SCF, "0 1/10 * * * * *", "UTC", "2026-01-01T00:00:00Z",
           "2026-01-01T00:01:00+00:00", "2026-01-01T00:11:00+00:00");
}

static void a_day_that_fits_either_day_field_is_taken_where_both_restrict(void **state)
{
    (void)state;
    EXPECT(SCHEDULE_FG_CRON, "0 0 0 13 * FRI", "UTC", "2026-01-08T00:00:00Z",
           "2026-01-09T00:00:00+00:00", "2026-01-13T00:00:00+00:00", "2026-01-16T00:00:00+00:00");
    EXPECT(SCHEDULE_FG_CRON, "0 0 0 1-31 * FRI", "UTC", "2026-01-09T00:00:00Z",
           "2026-01-10T00:00:00+00:00");
    EXPECT(SCHEDULE_FG_CRON, "0 0 0 */1 * FRI", "UTC", "2026-01-09T00:00:00Z",
           "2026-01-16T00:00:00+00:00");
    EXPECT(SCHEDULE_FG_CRON, "0 0 0 */30 * ?", "UTC", "2026-01-01T00:00:00Z",
           "2026-01-31T00:00:00+00:00", "2026-02-01T00:00:00+00:00");
}

static void a_sparse_schedule_is_found_at_once(void **state)
{
    struct schedule *s;
    uint64_t begin, end;
    int64_t ms = 0;

    (void)state;
    EXPECT(SCHEDULE_FC, "0 0 0 29 2 ?", "UTC", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00+00:00");
    EXPECT(SCHEDULE_SCF, "59 59 23 31 12 * 2099", "UTC", "2026-01-01T00:00:00Z",
           "2099-12-31T23:59:59+00:00");
    s = parsed(SCHEDULE_FC, "0 0 0 29 2 ?", "America/New_York");
    begin = clock_mono_ns();
    for (int i = 0; i < 1000; i++)
        ms = schedule_next(s, ms, 0);
    end = clock_mono_ns();
    print_message("# 29 February: %.1f us each\n", (double)(end - begin) / 1e6);
    schedule_free(s);
    assert_true(end - begin < 1000 * UINT64_C(1000000)); /* a millisecond each, on any machine */
}

static void what_is_past_for_good_is_never_due(void **state)
{
    struct schedule *s = parsed(SCHEDULE_SCF, "0 0 0 1 1 * 1999", "UTC");

    (void)state;
    assert_int_equal(schedule_next(s, at("1999-01-01T00:00:00Z"), 0), -1);
    assert_int_equal(schedule_next(s, at("1998-12-31T23:59:59Z"), 0), at("1999-01-01T00:00:00Z"));
    schedule_free(s);
    s = parsed(SCHEDULE_FC, "0 0 0 29 2 ?", "Europe/Berlin");
    assert_int_equal(schedule_next(s, at("9997-01-01T00:00:00Z"), 0), -1);
    assert_int_equal(schedule_next(s, INT64_MAX, 0), -1);
    assert_true(schedule_next(s, INT64_MIN, 0) > 0);
    schedule_free(s);
    s = parsed(SCHEDULE_FG_RATE, "30d", "");
    assert_int_equal(schedule_next(s, INT64_MAX, 0), -1);
    assert_int_equal(schedule_next(s, 0, INT64_MAX), -1);
    assert_int_equal(schedule_next(s, INT64_MIN, INT64_MIN), 30 * INT64_C(86400000));
    schedule_free(s);
}

static void intervals_count_from_their_anchor(void **state)
{
    static const struct {
        enum schedule_syntax syntax;
        const char *text;
        int64_t ms;
    } cases[] = {
            {SCHEDULE_FG_RATE, "1m", 60000},
            {SCHEDULE_FG_RATE, "60m", 3600000},
            {SCHEDULE_FG_RATE, "24h", 86400000},
            {SCHEDULE_FG_RATE, "30d", 30 * INT64_C(86400000)},
            {SCHEDULE_FG_CRON, "@every 30m", 1800000},
            {SCHEDULE_FG_CRON, "@every 1.5h", 5400000},
            {SCHEDULE_FG_CRON, "@every 2h30m", 9000000},
            {SCHEDULE_FG_CRON, "CRON_TZ=Asia/Tokyo @every .5m", 30000},
            {SCHEDULE_FC, "@every 1s", 1000},
            {SCHEDULE_FC, "@every 1999ms", 1000},
            {SCHEDULE_FC, "@every 1000000\xc2\xb5s", 1000},
            {SCHEDULE_FC, "@every 2562047h", 2562047 * INT64_C(3600000)},
    };
    int64_t anchor = at("2026-01-01T10:20:30Z");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct schedule *s = parsed(cases[i].syntax, cases[i].text, "");

        /* Whole seconds, whatever part of one the anchor has. */
        assert_int_equal(schedule_next(s, anchor + 999, anchor + 999), anchor + cases[i].ms);
        assert_int_equal(schedule_next(s, anchor - 1, anchor), anchor + cases[i].ms);
        assert_int_equal(schedule_next(s, anchor - 86400000, anchor), anchor + cases[i].ms);
        assert_int_equal(schedule_next(s, anchor + cases[i].ms - 1, anchor), anchor + cases[i].ms);
        assert_int_equal(schedule_next(s, anchor + cases[i].ms, anchor), anchor + 2 * cases[i].ms);
        schedule_free(s);
    }
}

static void a_time_of_day_in_a_gap_is_due_once_at_its_end(void **state)
{
    (void)state;
    EXPECT(SCHEDULE_FG_CRON, "0 30 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z",
           "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00");
    EXPECT(SCHEDULE_FG_CRON, "0 */10 2 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z",
           "2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00");
    EXPECT(SCHEDULE_FG_CRON, "0 30 2,3 * * *", "America/New_York", "2026-03-07T09:00:00Z",
           "2026-03-08T03:00:00-04:00", "2026-03-08T03:30:00-04:00", "2026-03-09T02:30:00-04:00");
    /* The end of the gap is itself a named time: once. */
    EXPECT(SCHEDULE_FG_CRON, "0 0 2,3 * * *", "America/New_York", "2026-03-08T05:00:00Z",
           "2026-03-08T03:00:00-04:00", "2026-03-09T02:00:00-04:00");
    /* Half an hour. */
    EXPECT(SCHEDULE_FG_CRON, "0 15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z",
           "2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00");
    /* A whole day: 30 December 2011 never was. */
    EXPECT(SCHEDULE_FG_CRON, "0 0 12 * * *", "Pacific/Apia", "2011-12-29T22:30:00Z",
           "2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00");
    EXPECT(SCHEDULE_FG_CRON, "0 0 12 30 12 ?", "Pacific/Apia", "2011-12-01T00:00:00Z",
           "2011-12-31T00:00:00+14:00", "2012-12-30T12:00:00+14:00");
    /* Clocks that are put back for Ramadan, and forward after it. */
    EXPECT(SCHEDULE_FG_CRON, "0 30 2 * * *", "Africa/Casablanca", "2026-03-21T12:00:00Z",
           "2026-03-22T03:00:00+01:00", "2026-03-23T02:30:00+01:00");
}

static void a_time_of_day_that_comes_twice_is_due_the_first_time(void **state)
{
    (void)state;
    EXPECT(SCHEDULE_FG_CRON, "0 30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
           "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00");
    EXPECT(SCHEDULE_FG_CRON, "0 0,30 1,2 * * *", "America/New_York", "2026-11-01T04:30:00Z",
           "2026-11-01T01:00:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-01T02:00:00-05:00");
    EXPECT(SCHEDULE_FG_CRON, "0 45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z",
           "2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30");
    /* Asked in the middle of the second time: that was it for today. */
    EXPECT(SCHEDULE_FG_CRON, "0 30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z",
           "2026-10-26T02:30:00+01:00");
}

static void every_so_often_goes_by_elapsed_time(void **state)
{
    (void)state;
    EXPECT(SCHEDULE_FG_CRON, "0 0/30 * * * *", "Europe/Berlin", "2026-03-29T00:20:00Z",
           "2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00");
    EXPECT(SCHEDULE_FG_CRON, "0 0/30 * * * *", "Europe/Berlin", "2026-10-25T00:20:00Z",
           "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00",
           "2026-10-25T03:00:00+01:00");
}

static void zones_hold_in_the_far_future(void **state)
{
    (void)state;
    EXPECT(SCHEDULE_FG_CRON, "0 30 2 * * *", "Europe/Berlin", "2400-03-25T12:00:00Z",
           "2400-03-26T03:00:00+02:00", "2400-03-27T02:30:00+02:00");
    EXPECT(SCHEDULE_FG_CRON, "0 0 12 1 7 ?", "America/New_York", "2400-01-01T00:00:00Z",
           "2400-07-01T12:00:00-04:00");
    EXPECT(SCHEDULE_FG_CRON, "0 0 12 1 1 ?", "Asia/Shanghai", "2400-01-01T05:00:00Z",
           "2401-01-01T12:00:00+08:00");
}

static void syntaxes_are_known_by_name(void **state)
{
    enum schedule_syntax back;

    (void)state;
    for (enum schedule_syntax i = 0; i < SCHEDULE_SYNTAXES; i++) {
        assert_int_equal(schedule_syntax_of(str_of(schedule_syntax_names[i]), &back), 0);
        assert_int_equal(back, i);
    }
    assert_int_equal(schedule_syntax_of(S("cron"), &back), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_examples_of_the_documents_are_due_as_they_say),
            cmocka_unit_test(a_day_that_fits_either_day_field_is_taken_where_both_restrict),
            cmocka_unit_test(a_sparse_schedule_is_found_at_once),
            cmocka_unit_test(what_is_past_for_good_is_never_due),
            cmocka_unit_test(intervals_count_from_their_anchor),
            cmocka_unit_test(a_time_of_day_in_a_gap_is_due_once_at_its_end),
            cmocka_unit_test(a_time_of_day_that_comes_twice_is_due_the_first_time),
            cmocka_unit_test(every_so_often_goes_by_elapsed_time),
            cmocka_unit_test(zones_hold_in_the_far_future),
            cmocka_unit_test(syntaxes_are_known_by_name),
    };
    return T_RUN(tests);
}
