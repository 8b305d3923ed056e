/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same due times as somebody who looks at the wall clock every second: libc's localtime_r() for
 * the zone, sets of allowed values as they were drawn for the expression, and the rules for moved
 * clocks in the words of docs/compat/schedules.md. Around every kind of move we know of.
 */
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/obj.h"
#include "schedule/schedule.h"
#include "schedule/zone.h"
#include "t.h"

enum { WINDOW_S = 3 * 86400, EXPRESSIONS = 12 };

static uint64_t seed = 20260101;

static unsigned draw(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

/* ---- an expression, and the sets it stands for ---- */

struct set {
    bool has[64];
    bool restricts;
};

static void add(struct set *s, int from, int to, int step)
{
    for (int v = from; v <= to; v += step)
        s->has[v] = true;
}

static void draw_field(struct set *s, int min, int max, struct buf *text)
{
    unsigned kind = draw(6);
    int a = min + (int)draw((unsigned)(max - min + 1)),
        b = min + (int)draw((unsigned)(max - min + 1));
    int step = 1 + (int)draw((unsigned)(max - min + 1));

    *s = (struct set){.restricts = true};
    if (a > b) {
        int t = a;

        a = b;
        b = t;
    }
    switch (kind) {
    case 0:
        add(s, min, max, 1);
        s->restricts = false;
        buf_addz(text, "*");
        break;
    case 1:
        add(s, min, max, step);
        s->restricts = step > 1;
        buf_addf(text, "*/%d", step);
        break;
    case 2:
        add(s, a, max, step);
        buf_addf(text, "%d/%d", a, step);
        break;
    case 3:
        add(s, a, b, 1);
        buf_addf(text, "%d-%d", a, b);
        break;
    case 4:
        add(s, a, b, step);
        buf_addf(text, "%d-%d/%d", a, b, step);
        break;
    default:
        add(s, a, a, 1);
        add(s, b, b, 1);
        buf_addf(text, "%d,%d", a, b);
        break;
    }
}

struct drawn {
    struct set second, minute, hour, day, month, weekday;
    struct buf text;
};

static void draw_expression(struct drawn *d)
{
    buf_init(&d->text, SCHEDULE_TEXT);
    draw_field(&d->second, 0, 59, &d->text);
    buf_addc(&d->text, ' ');
    draw_field(&d->minute, 0, 59, &d->text);
    buf_addc(&d->text, ' ');
    draw_field(&d->hour, 0, 23, &d->text);
    buf_addc(&d->text, ' ');
    draw_field(&d->day, 1, 31, &d->text);
    buf_addz(&d->text, " * "); /* a window has one month or two */
    d->month = (struct set){.restricts = false};
    draw_field(&d->weekday, 0, 6, &d->text);
}

static bool fits(const struct drawn *d, int64_t wall)
{
    struct tm tm;
    time_t t = (time_t)wall;
    bool day, weekday;

    gmtime_r(&t, &tm); /* wall time, taken for UTC */
    day = d->day.has[tm.tm_mday];
    weekday = d->weekday.has[tm.tm_wday];
    if (d->day.restricts && d->weekday.restricts)
        day = day || weekday;
    else
        day = day && weekday;
    return day && d->second.has[tm.tm_sec] && d->minute.has[tm.tm_min] && d->hour.has[tm.tm_hour];
}

static bool every_hour(const struct drawn *d)
{
    for (int h = 0; h < 24; h++)
        if (!d->hour.has[h])
            return false;
    return true;
}

/* ---- who looks every second ---- */

/* Is it due at i, the wall clock having shown `before` and now showing `now`? latest: the furthest it
 * ever was. */
static bool is_due(const struct drawn *d, int64_t before, int64_t now, int64_t latest)
{
    if (every_hour(d))
        return fits(d, now);
    for (int64_t wall = latest + 1; wall < now && now > before + 1; wall++)
        if (fits(d, wall))
            return true; /* left out by the move: at its end */
    return now > latest && fits(d, now);
}

static void compare(const struct drawn *d, const char *zone, int64_t begin, const int64_t *wall)
{
    struct schedule *s = NULL;
    struct err e = {0};
    int64_t latest = wall[0], got;

    t_ok(schedule_parse(SCHEDULE_FG_CRON, buf_str(&d->text), str_of(zone), &s, &e), &e);
    got = schedule_next(s, begin * 1000, 0);
    for (int64_t i = 1; i < WINDOW_S; i++) {
        bool due = is_due(d, wall[i - 1], wall[i], latest);

        if (due != (got == (begin + i) * 1000))
            fail_msg("'%s' in %s: at %lld it is%s due, next is %lld", d->text.p, zone,
                     (long long)(begin + i), due ? "" : " not", (long long)got);
        if (due)
            got = schedule_next(s, got, 0);
        if (wall[i] > latest)
            latest = wall[i];
    }
    schedule_free(s);
}

/* The wall clock, every second of a window around a moment. */
static int64_t *walls(const char *zone, int64_t begin)
{
    int64_t *wall = malloc(WINDOW_S * sizeof(*wall));

    assert_non_null(wall);
    setenv("TZ", zone, 1);
    tzset();
    for (int64_t i = 0; i < WINDOW_S; i++) {
        time_t t = (time_t)(begin + i);
        struct tm tm;

        localtime_r(&t, &tm);
        wall[i] = (int64_t)t + tm.tm_gmtoff;
    }
    return wall;
}

static void the_same_as_looking_every_second(void **state)
{
    static const struct {
        const char *zone;
        int64_t begin; /* a day and some hours before a move */
    } cases[] = {
            {"Europe/Berlin", 1774659600 - 86400},           /* 2026-03-29 forward */
            {"Europe/Berlin", 1792803600 - 86400},           /* 2026-10-25 back */
            {"America/New_York", 1772953200 - 86400},        /* 2026-03-08 forward */
            {"America/New_York", 1793512800 - 86400},        /* 2026-11-01 back */
            {"Australia/Lord_Howe", 1775314800 - 86400},     /* 2026-04-05 back by half an hour */
            {"Australia/Lord_Howe", 1791039600 - 86400},     /* 2026-10-04 forward by it */
            {"Asia/Shanghai", 1767225600},                   /* no move */
            {"Africa/Casablanca", 1771120800 - 86400},       /* 2026-02-15 back for Ramadan */
            {"Africa/Casablanca", 1774144800 - 86400},       /* 2026-03-22 forward after it */
            {"Pacific/Apia", 1325239200 - 86400},            /* 2011-12-30 left out */
            {"America/Nuuk", 1774742400 - 86400},            /* at -1 o'clock of the rule */
            {"Europe/Berlin", INT64_C(13579048800) - 86400}, /* 2400-04-22: no move, by the rule */
            {"Europe/Berlin", INT64_C(13576726800) - 86400}, /* 2400-03-26 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t *wall = walls(cases[i].zone, cases[i].begin);

        for (int k = 0; k < EXPRESSIONS; k++) {
            struct drawn d;

            draw_expression(&d);
            compare(&d, cases[i].zone, cases[i].begin, wall);
            buf_done(&d.text);
        }
        free(wall);
    }
}

/* The offsets alone, through all the years a file and its rule have. */
static void offsets_are_those_of_libc(void **state)
{
    static const char *const zones[] = {
            "Europe/Berlin",     "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai",
            "Africa/Casablanca", "Pacific/Apia",     "Europe/Dublin",       "America/Nuuk",
            "Asia/Gaza",         "America/Caracas",  "Asia/Kathmandu",      "Antarctica/Troll",
            "Etc/GMT-14",        "EST5EDT",          "Africa/Monrovia",     "UTC",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        struct zone *z = NULL;
        struct err e = {0};

        t_ok(zone_load(str_of(zones[i]), &z, &e), &e);
        setenv("TZ", zones[i], 1);
        tzset();
        for (int64_t t = 0; t < INT64_C(14200000000); t += 86400 * 3 + 3571) { /* to 2419 */
            struct zone_span span = zone_at(z, t);
            time_t s = (time_t)t;
            struct tm tm;

            localtime_r(&s, &tm);
            if (span.offset != tm.tm_gmtoff)
                fail_msg("%s at %lld: %d, libc says %ld", zones[i], (long long)t, span.offset,
                         tm.tm_gmtoff);
            assert_true(span.from <= t && t < span.until);
            assert_int_equal(zone_at(z, span.until - 1).offset, span.offset);
            if (span.from > INT64_MIN)
                assert_int_equal(zone_at(z, span.from - 1).offset, span.before);
        }
        zone_free(z);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(offsets_are_those_of_libc),
            cmocka_unit_test(the_same_as_looking_every_second),
    };
    return T_RUN(tests);
}
