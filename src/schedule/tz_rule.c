/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tz_rule.c - the rule behind the last recorded change of a zone.
 *
 *   rule   = name offset [name [offset] "," day "," day]
 *   name   = 3 letters or more, or "<" letters, digits, signs ">"
 *   offset = [+-] h[h[h]] [":" mm [":" ss]], west of UTC counts up: the other way round than ours
 *   day    = ("J" n | n | "M" month "." week "." weekday) ["/" offset], at 02:00 unless it says
 *
 * RFC 8536 lets the hours of a day go from -167 to 167, so a change may fall into another week than
 * its date, or into another year: hence five years are looked at. And daylight saving time may last
 * all year: then one year's end is the next one's start, at the same moment, and no time passes
 * between them.
 */
#include "schedule/tz_rule.h"

#include <errno.h>

#include "base/obj.h"
#include "schedule/civil.h"

static bool is_letter(char c)
{
    return str_lower(c) >= 'a' && str_lower(c) <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool cut_char(struct str *rest, char c)
{
    if (rest->n == 0 || rest->p[0] != c)
        return false;
    *rest = str_from(*rest, 1);
    return true;
}

static int cut_number(struct str *rest, int min, int max, int *ret)
{
    size_t n = 0;
    int v = 0;

    for (; n < rest->n && is_digit(rest->p[n]) && n < 4; n++)
        v = v * 10 + (rest->p[n] - '0');
    if (n == 0 || v < min || v > max)
        return -EINVAL;
    *rest = str_from(*rest, n);
    *ret = v;
    return 0;
}

static int cut_name(struct str *rest)
{
    bool quoted = cut_char(rest, '<');
    size_t n = 0;

    while (n < rest->n &&
           (is_letter(rest->p[n]) ||
            (quoted && (is_digit(rest->p[n]) || rest->p[n] == '+' || rest->p[n] == '-'))))
        n++;
    *rest = str_from(*rest, n);
    return n < 3 || (quoted && !cut_char(rest, '>')) ? -EINVAL : 0;
}

/* [+-]h[:mm[:ss]] */
static int cut_time(struct str *rest, int hours_most, int32_t *ret)
{
    bool minus = cut_char(rest, '-');
    int h, m = 0, s = 0, r;

    if (!minus)
        (void)cut_char(rest, '+');
    r = cut_number(rest, 0, hours_most, &h);
    if (r == 0 && cut_char(rest, ':')) {
        r = cut_number(rest, 0, 59, &m);
        if (r == 0 && cut_char(rest, ':'))
            r = cut_number(rest, 0, 59, &s);
    }
    if (r < 0)
        return r;
    s += h * 3600 + m * 60;
    *ret = minus ? -s : s;
    return 0;
}

static int cut_month_day(struct str *rest, struct tz_day *d)
{
    int r = cut_number(rest, 1, 12, &d->month);

    if (r == 0)
        r = cut_char(rest, '.') ? cut_number(rest, 1, 5, &d->week) : -EINVAL;
    if (r == 0)
        r = cut_char(rest, '.') ? cut_number(rest, 0, 6, &d->day) : -EINVAL;
    return r;
}

static int cut_day(struct str *rest, struct tz_day *ret)
{
    struct tz_day d = {.time_s = 2 * 3600};
    int r;

    if (!cut_char(rest, ','))
        return -EINVAL;
    if (cut_char(rest, 'M')) {
        d.kind = TZ_MONTH;
        r = cut_month_day(rest, &d);
    } else if (cut_char(rest, 'J')) {
        d.kind = TZ_JULIAN;
        r = cut_number(rest, 1, 365, &d.day);
    } else {
        d.kind = TZ_DAY;
        r = cut_number(rest, 0, 365, &d.day);
    }
    if (r == 0 && cut_char(rest, '/'))
        r = cut_time(rest, 167, &d.time_s);
    if (r == 0)
        *ret = d;
    return r;
}

static int cut_offset(struct str *rest, int32_t *ret)
{
    int32_t west;
    int r = cut_time(rest, 24, &west);

    if (r == 0)
        *ret = -west;
    return r;
}

int tz_rule_parse(struct str text, struct tz_rule *ret)
{
    struct tz_rule rule = {0};
    int r = cut_name(&text);

    if (r == 0)
        r = cut_offset(&text, &rule.standard);
    if (r == 0 && text.n > 0) {
        rule.has_daylight = true;
        rule.daylight = rule.standard + 3600;
        r = cut_name(&text);
        if (r == 0 && text.n > 0 && text.p[0] != ',')
            r = cut_offset(&text, &rule.daylight);
        if (r == 0)
            r = cut_day(&text, &rule.start);
        if (r == 0)
            r = cut_day(&text, &rule.end);
    }
    if (r < 0 || text.n > 0)
        return -EINVAL;
    *ret = rule;
    return 0;
}

/* ---- what it says ---- */

static int64_t date_of(const struct tz_day *d, int64_t year)
{
    int64_t first;
    int day;

    switch (d->kind) {
    case TZ_JULIAN:
        return day_of(year, 1, 1) + d->day - 1 + (is_leap(year) && d->day >= 60);
    case TZ_DAY:
        return day_of(year, 1, 1) + d->day;
    case TZ_MONTH:
        break;
    }
    first = day_of(year, d->month, 1);
    day = (d->day - weekday_of(first) + 7) % 7 + (d->week - 1) * 7;
    return first + (day < month_days(year, d->month) ? day : day - 7);
}

struct change {
    int64_t at;
    int32_t offset, before;
};

/* Stable: of two at one moment the earlier one of the list stays first. */
static void sort(struct change *c, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j > 0 && c[j].at < c[j - 1].at; j--) {
            struct change t = c[j];

            c[j] = c[j - 1];
            c[j - 1] = t;
        }
}

struct zone_span tz_rule_at(const struct tz_rule *rule, int64_t s)
{
    struct zone_span span = {INT64_MIN, INT64_MAX, rule->standard, rule->standard};
    int64_t year = civil_of(floor_div(s, DAY_S)).year;
    struct change changes[10];
    size_t n = 0;

    if (!rule->has_daylight)
        return span;
    for (int64_t y = year - 2; y <= year + 2; y++) {
        int64_t start = date_of(&rule->start, y) * DAY_S + rule->start.time_s;
        int64_t end = date_of(&rule->end, y) * DAY_S + rule->end.time_s;

        changes[n++] = (struct change){start - rule->standard, rule->daylight, rule->standard};
        changes[n++] = (struct change){end - rule->daylight, rule->standard, rule->daylight};
    }
    sort(changes, n);
    for (size_t i = 0; i < n; i++) {
        if (changes[i].at > s) {
            span.until = changes[i].at;
            break;
        }
        if (changes[i].at != span.from) /* else nobody saw what was between */
            span.before = i > 0 ? span.offset : changes[i].before;
        span.from = changes[i].at;
        span.offset = changes[i].offset;
    }
    return span;
}
