/* SPDX-License-Identifier: Apache-2.0 */
/* when.c - "10m" and "2026-11-22T10:00:00Z". */
#include "cli/when.h"

#include <errno.h>
#include <time.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/str.h"

enum { MINUTE_MS = 60 * 1000 };

/* The number at the beginning of s, which it leaves; -EINVAL: none of 1 to max_digits digits. */
static int take_number(struct str *s, size_t max_digits, int64_t *ret)
{
    uint64_t v;
    size_t n = 0;

    while (n < s->n && n <= max_digits && s->p[n] >= '0' && s->p[n] <= '9')
        n++;
    if (n > max_digits || str_u64((struct str){s->p, n}, 0, INT64_MAX, &v) < 0)
        return -EINVAL;
    *s = str_from(*s, n);
    *ret = (int64_t)v;
    return 0;
}

static int parse_span(struct str s, int64_t *ret_ms)
{
    static const struct {
        struct str name;
        int64_t ms;
    } units[] = {{S("ms"), 1},
                 {S("s"), 1000},
                 {S("m"), MINUTE_MS},
                 {S("h"), INT64_C(60) * MINUTE_MS},
                 {S("d"), INT64_C(24) * 60 * MINUTE_MS}};
    int64_t sum = 0, v = 0;

    do {
        size_t i = 0;

        if (take_number(&s, 9, &v) < 0)
            return -EINVAL;
        if (s.n == 0) {
            sum += v * 1000;
            break;
        }
        while (i < ARRAY_LEN(units) && !str_starts(s, units[i].name))
            i++;
        if (i == ARRAY_LEN(units))
            return -EINVAL;
        sum += v * units[i].ms;
        s = str_from(s, units[i].name.n);
    } while (s.n > 0);
    *ret_ms = sum;
    return 0;
}

/* What stands behind the time: nothing (local), "Z" or "+08:00". */
static int parse_zone(struct str s, bool *ret_local, int64_t *ret_ms)
{
    int64_t hours, minutes;
    bool east = str_starts(s, S("+"));

    *ret_local = s.n == 0;
    *ret_ms = 0;
    if (s.n == 0 || str_ieq(s, S("z")))
        return 0;
    if (!east && !str_starts(s, S("-")))
        return -EINVAL;
    s = str_from(s, 1);
    if (s.n < 4 || take_number(&s, s.n == 4 ? 4 : 2, &hours) < 0)
        return -EINVAL;
    if (s.n == 0) { /* "+0800" */
        minutes = hours % 100;
        hours /= 100;
    } else {
        if (!str_starts(s, S(":")))
            return -EINVAL;
        s = str_from(s, 1);
        if (s.n != 2 || take_number(&s, 2, &minutes) < 0)
            return -EINVAL;
    }
    if (hours > 14 || minutes > 59 || s.n > 0)
        return -EINVAL;
    *ret_ms = (hours * 60 + minutes) * MINUTE_MS * (east ? 1 : -1);
    return 0;
}

/* ".250" at the beginning of s, which it leaves. */
static int take_fraction(struct str *s, int64_t *ret_ms)
{
    int64_t unit = 100;

    *ret_ms = 0;
    if (!str_starts(*s, S(".")))
        return 0;
    for (*s = str_from(*s, 1); s->n && s->p[0] >= '0' && s->p[0] <= '9'; *s = str_from(*s, 1)) {
        *ret_ms += (s->p[0] - '0') * unit;
        unit /= 10;
    }
    return 0;
}

static int parse_date(const char *text, int64_t *ret_ms)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
                                          "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"};

    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(text, formats[i], &tm);
        struct str rest = str_of(end);
        int64_t ms, zone_ms;
        bool local;
        time_t t;

        if (!end || take_fraction(&rest, &ms) < 0 || parse_zone(rest, &local, &zone_ms) < 0)
            continue;
        t = local ? mktime(&tm) : timegm(&tm);
        *ret_ms = (int64_t)t * 1000 + ms - zone_ms;
        return 0;
    }
    return -EINVAL;
}

int when_parse(const char *option, const char *text, int64_t now_ms, int64_t *ret_ms, struct err *e)
{
    int64_t ago;

    if (parse_span(str_of(text), &ago) == 0) {
        *ret_ms = ago > now_ms ? 0 : now_ms - ago;
        return 0;
    }
    if (parse_date(text, ret_ms) == 0 && *ret_ms >= 0)
        return 0;
    return err_set(
            e, ERR_CALLER, -EINVAL,
            "--%s is a time such as 10m, 2h, 2026-11-22 or 2026-11-22T10:00:00Z, not '%.60s'",
            option, text);
}
