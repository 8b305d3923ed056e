/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.c - what time it is, and how the clouds write it.
 *
 * Durations and deadlines use the monotonic clock, everything people or signatures see uses UTC.
 * Names of days and months come from tables, never from strftime(): that one asks the locale, and
 * a signature must not. Parsers accept exactly the printed form: a date that does not exist (30
 * February) or whose week day is wrong is refused instead of being moved.
 */
#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

uint64_t clock_mono_ns(void)
{
    struct timespec now;
    int r = clock_gettime(CLOCK_MONOTONIC, &now);

    assert(r == 0);
    (void)r;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t clock_wall_ms(void)
{
    struct timespec now;
    int r = clock_gettime(CLOCK_REALTIME, &now);

    assert(r == 0);
    (void)r;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Calendar fields in UTC; returns the milliseconds within the second, also before 1970. */
static int split(int64_t wall_ms, struct tm *tm)
{
    time_t s = wall_ms / 1000;
    int ms = (int)(wall_ms % 1000);

    if (ms < 0) {
        ms += 1000;
        s--;
    }
    /* Cannot fail: 2^63 ms is a year of nine digits, well inside struct tm. */
    if (!gmtime_r(&s, tm))
        *tm = (struct tm){.tm_mday = 1, .tm_year = 70};
    return ms;
}

static char *put_digits(char *to, int v, int width)
{
    for (int i = width - 1; i >= 0; i--, v /= 10)
        to[i] = (char)('0' + v % 10);
    return to + width;
}

/* YYYY-mm-dd, a letter, HH:MM:SS. By hand: two of these are in the log of every run. */
static char *put_date_time(char *to, const struct tm *tm, char between)
{
    int year = tm->tm_year + 1900;

    if (year < 0 || year > 9999)
        to += snprintf(to, sizeof("-2147481748"), "%04d", year);
    else
        to = put_digits(to, year, 4);
    *to++ = '-';
    to = put_digits(to, tm->tm_mon + 1, 2);
    *to++ = '-';
    to = put_digits(to, tm->tm_mday, 2);
    *to++ = between;
    to = put_digits(to, tm->tm_hour, 2);
    *to++ = ':';
    to = put_digits(to, tm->tm_min, 2);
    *to++ = ':';
    return put_digits(to, tm->tm_sec, 2);
}

const char *clock_iso(int64_t wall_ms, char out[CLOCK_TEXT])
{
    struct tm tm;

    (void)split(wall_ms, &tm);
    memcpy(put_date_time(out, &tm, 'T'), "Z", 2);
    return out;
}

const char *clock_iso_ms(int64_t wall_ms, char out[CLOCK_TEXT])
{
    struct tm tm;
    int ms = split(wall_ms, &tm);
    char *to = put_date_time(out, &tm, 'T');

    *to++ = '.';
    memcpy(put_digits(to, ms, 3), "Z", 2);
    return out;
}

const char *clock_sql(int64_t wall_ms, char out[CLOCK_TEXT])
{
    struct tm tm;

    (void)split(wall_ms, &tm);
    *put_date_time(out, &tm, ' ') = '\0';
    return out;
}

const char *clock_http(int64_t wall_ms, char out[CLOCK_TEXT])
{
    struct tm tm;

    (void)split(wall_ms, &tm);
    snprintf(out, CLOCK_TEXT, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
             tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return out;
}

/*
 * Match text against a pattern of the same length: digits go to the field named by the letter
 * (Y m d H M S), '?' takes any byte, everything else must be equal.
 */
static int match(struct str s, const char *pattern, struct tm *tm)
{
    *tm = (struct tm){0};
    if (s.n != strlen(pattern))
        return -EINVAL;
    for (size_t i = 0; i < s.n; i++) {
        int *field = pattern[i] == 'Y'   ? &tm->tm_year
                     : pattern[i] == 'm' ? &tm->tm_mon
                     : pattern[i] == 'd' ? &tm->tm_mday
                     : pattern[i] == 'H' ? &tm->tm_hour
                     : pattern[i] == 'M' ? &tm->tm_min
                     : pattern[i] == 'S' ? &tm->tm_sec
                                         : NULL;

        if (field) {
            if (s.p[i] < '0' || s.p[i] > '9')
                return -EINVAL;
            *field = *field * 10 + (s.p[i] - '0');
        } else if (pattern[i] != '?' && pattern[i] != s.p[i]) {
            return -EINVAL;
        }
    }
    return 0;
}

/* Turn fields as people write them into Unix time; a date that timegm() would move is refused. */
static int to_wall(const struct tm *fields, int month, int64_t *ret, int *ret_wday)
{
    struct tm tm = *fields;
    time_t s;

    tm.tm_year -= 1900;
    tm.tm_mon = month;
    s = timegm(&tm);
    if (tm.tm_year + 1900 != fields->tm_year || tm.tm_mon != month ||
        tm.tm_mday != fields->tm_mday || tm.tm_hour != fields->tm_hour ||
        tm.tm_min != fields->tm_min || tm.tm_sec != fields->tm_sec)
        return -EINVAL;
    *ret = (int64_t)s * 1000;
    *ret_wday = tm.tm_wday;
    return 0;
}

int clock_parse_compact(struct str s, int64_t *ret)
{
    struct tm tm;
    int wday, r = match(s, "YYYYmmddTHHMMSSZ", &tm);

    return r < 0 ? r : to_wall(&tm, tm.tm_mon - 1, ret, &wday);
}

int clock_parse_iso(struct str s, int64_t *ret)
{
    struct tm tm;
    int wday, r = match(s, "YYYY-mm-ddTHH:MM:SSZ", &tm);

    return r < 0 ? r : to_wall(&tm, tm.tm_mon - 1, ret, &wday);
}

int clock_parse_http(struct str s, int64_t *ret)
{
    struct tm tm;
    int64_t wall;
    int month = 0, wday, r = match(s, "???, dd ??? YYYY HH:MM:SS G?T", &tm);

    /* The M of GMT would be a minute in the pattern, so it is looked at here. */
    if (r < 0 || s.p[27] != 'M')
        return -EINVAL;
    while (month < 12 && memcmp(s.p + 8, months[month], 3) != 0)
        month++;
    if (month == 12)
        return -EINVAL;
    r = to_wall(&tm, month, &wall, &wday);
    if (r < 0)
        return r;
    if (memcmp(s.p, days[wday], 3) != 0)
        return -EINVAL;
    *ret = wall;
    return 0;
}
