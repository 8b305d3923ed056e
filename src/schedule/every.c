/* SPDX-License-Identifier: Apache-2.0 */
/*
 * every.c - intervals as two clouds write them.
 *
 *   rate  = number ( "m" 1-60 | "h" 1-24 | "d" 1-30 )
 *   every = { number [ "." digits ] unit }, unit: ns us (or a micro sign) ms s m h; as Go's durations
 *
 * Due times are whole seconds, so what an interval has below a second is cut off, and one that is
 * shorter than a second is refused.
 */
#include "schedule/every.h"

#include <errno.h>

#include "base/err.h"
#include "base/obj.h"

struct unit {
    struct str name;
    int64_t ns;
};

/* Longer names first where one begins like another. */
static const struct unit units[] = {
        {S("ns"), 1},
        {S("us"), 1000},
        {S("\xc2\xb5s"), 1000}, /* U+00B5 micro sign */
        {S("\xce\xbcs"), 1000}, /* U+03BC Greek mu */
        {S("ms"), 1000000},
        {S("s"), INT64_C(1000000000)},
        {S("m"), 60 * INT64_C(1000000000)},
        {S("h"), 3600 * INT64_C(1000000000)},
};

static const struct rate {
    char unit;
    uint64_t most;
    int64_t seconds;
    const char *allowed;
} rates[] = {
        {'m', 60, 60, "1m to 60m"},
        {'h', 24, 3600, "1h to 24h"},
        {'d', 30, 86400, "1d to 30d"},
};

enum { SHOWN = 40 };

static struct str shown(struct str text)
{
    return text.n > SHOWN ? (struct str){text.p, SHOWN} : text;
}

int rate_parse(struct str text, int64_t *ret, struct err *e)
{
    struct str number = {text.p, text.n > 0 ? text.n - 1 : 0};
    uint64_t n;
    int r;

    for (const struct rate *rate = rates; text.n > 0 && rate < rates + ARRAY_LEN(rates); rate++) {
        if (text.p[text.n - 1] != rate->unit)
            continue;
        r = str_u64(number, 1, rate->most, &n);
        if (r == -EINVAL)
            break;
        if (r < 0)
            return err_set(e, ERR_CALLER, -EINVAL, "rate '%.*s' is out of range: %s is allowed",
                           STR_ARG(shown(text)), rate->allowed);
        *ret = (int64_t)n * rate->seconds;
        return 0;
    }
    return err_set(e, ERR_CALLER, -EINVAL,
                   "rate '%.*s' is not a number and a unit: 1m to 60m, 1h to 24h or 1d to 30d",
                   STR_ARG(shown(text)));
}

/* Digits at the front of rest, as a number over a power of ten. -ERANGE: too large. */
static int cut_number(struct str *rest, __int128 *ret, int64_t *ret_over)
{
    __int128 v = 0;
    int64_t over = 1;
    bool point = false, any = false;
    size_t n = 0;

    for (; n < rest->n; n++) {
        char c = rest->p[n];

        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        any = true;
        if (point && over >= INT64_C(1000000000000)) /* finer than any unit: no matter */
            continue;
        v = v * 10 + (c - '0');
        if (point)
            over *= 10;
        if (v / over > INT64_MAX)
            return -ERANGE;
    }
    if (!any)
        return -EINVAL;
    *rest = str_from(*rest, n);
    *ret = v;
    *ret_over = over;
    return 0;
}

static const struct unit *cut_unit(struct str *rest)
{
    for (const struct unit *u = units; u < units + ARRAY_LEN(units); u++)
        if (str_starts(*rest, u->name)) {
            *rest = str_from(*rest, u->name.n);
            return u;
        }
    return NULL;
}

int every_parse(struct str whole, struct str text, int64_t *ret, struct err *e)
{
    struct str rest = text;
    __int128 ns = 0, v;
    int64_t over;
    int r = rest.n > 0 ? 0 : -EINVAL;

    while (r == 0 && rest.n > 0) {
        struct str at = rest;
        const struct unit *u;

        r = cut_number(&rest, &v, &over);
        u = r == 0 ? cut_unit(&rest) : NULL;
        if (r == 0 && !u)
            r = -EINVAL;
        else if (r == 0 && v / over > INT64_MAX / u->ns)
            r = -ERANGE;
        else if (r == 0)
            ns += v * u->ns / over;
        if (r == 0 && ns > INT64_MAX)
            r = -ERANGE;
        if (r == -EINVAL)
            rest = at; /* for the sentence: where it went wrong */
    }
    if (r == 0 && ns < 1000000000)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "@every '%.*s' is too short: 1s is the least that is allowed",
                       STR_ARG(shown(text)));
    if (r == -ERANGE)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "@every '%.*s' is too long: 2562047h is the most that is allowed",
                       STR_ARG(shown(text)));
    if (r < 0)
        return err_set(
                e, ERR_CALLER, -EINVAL,
                "@every '%.*s' is no duration at character %zu: numbers with the units h, m, "
                "s, ms, us or ns, as 1h30m",
                STR_ARG(shown(text)), (size_t)(rest.p - whole.p) + 1);
    *ret = (int64_t)(ns / 1000000000);
    return 0;
}
