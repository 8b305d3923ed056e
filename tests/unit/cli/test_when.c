/* SPDX-License-Identifier: Apache-2.0 */
/* test_when.c - points in time, relative and absolute, and what is none. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/obj.h"
#include "cli/when.h"
#include "t.h"

#define NOW INT64_C(1795341600000) /* 2026-11-22T10:00:00Z */

static void every_way_to_write_a_time(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
            {"0", NOW},
            {"90", NOW - 90000},
            {"250ms", NOW - 250},
            {"10m", NOW - 600000},
            {"1h30m", NOW - 5400000},
            {"7d", NOW - INT64_C(604800000)},
            {"999999999d", 0}, /* before there was time */
            {"2026-11-22T10:00:00Z", NOW},
            {"2026-11-22T10:00:00.25z", NOW + 250},
            {"2026-11-22T10:00:00.123456Z", NOW + 123},
            {"2026-11-22T18:00:00+08:00", NOW},
            {"2026-11-22 18:00+0800", NOW},
            {"2026-11-22T06:30:00-03:30", NOW},
            {"2026-11-22 11:00:00", NOW}, /* local: one hour east */
            {"2026-11-22T11:00", NOW},
            {"2026-11-22", NOW - INT64_C(11) * 3600000},
            {"1970-01-01T00:00:00Z", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        int64_t ms = -1;

        t_ok(when_parse("since", cases[i].text, NOW, &ms, &e), &e);
        if (ms != cases[i].ms)
            fail_msg("'%s' is %lld, not %lld", cases[i].text, (long long)ms,
                     (long long)cases[i].ms);
    }
}

static void what_is_no_time_is_named(void **state)
{
    static const char *const cases[] = {
            "",
            "m",
            "10x",
            "-5m",
            "1.5h",
            "10 m",
            "9999999999",
            "yesterday",
            "2026-13-01",
            "2026-11-32",
            "2026-11-22T25:00:00Z",
            "2026-11-22T10:00:00Q",
            "2026-11-22T10:00:00+8",
            "2026-11-22T10:00:00+15:00",
            "2026-11-22T10:00:00+08:60",
            "1969-12-31T23:59:59Z",
            "2026-11-22T10:00:00Z trailing",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        int64_t ms = -1;

        if (when_parse("since", cases[i], NOW, &ms, &e) != -EINVAL)
            fail_msg("'%s' was taken for %lld", cases[i], (long long)ms);
        t_has(e.msg, "--since is a time such as");
        t_has(e.msg, cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_way_to_write_a_time),
            cmocka_unit_test(what_is_no_time_is_named),
    };

    setenv("TZ", "UTC-1", 1); /* POSIX counts west */
    tzset();
    return T_RUN(tests);
}
