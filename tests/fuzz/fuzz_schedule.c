/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_schedule.c - cron expressions, rates and intervals of every cloud.
 *
 * The first byte chooses the syntax and the zone, the next two the moment; the rest is the
 * expression. Properties: what is refused has a sentence; the next due time is after the moment, a
 * whole second, before the year 10000, the same when it is asked for again from a second before it,
 * and found by schedule_last().
 */
#include <errno.h>

#include "base/err.h"
#include "fuzz.h"
#include "schedule/schedule.h"

static const char *const zones[] = {"UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"};

static void check(const struct schedule *s, int64_t after_ms, int64_t anchor_ms)
{
    int64_t due = schedule_next(s, after_ms, anchor_ms), second, until;
    char text[SCHEDULE_TIME];

    if (due < 0) {
        holds(due == -1);
        return;
    }
    holds(due > after_ms && due % 1000 == 0 && due < INT64_C(253402300800000));
    holds(schedule_next(s, due - 1000, anchor_ms) == due || due - 1000 < after_ms);
    holds(schedule_next(s, due - 1, anchor_ms) == due);
    schedule_time(s, due, text);
    holds(strlen(text) == strlen("2026-01-01T00:00:00+00:00"));
    second = schedule_next(s, due, anchor_ms);
    holds(second == -1 || second > due);
    until = second < 0 ? due : second;
    holds(schedule_last(s, after_ms, until, anchor_ms) == until);
    holds(schedule_last(s, after_ms, due - 1, anchor_ms) == -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    enum schedule_syntax syntax;
    struct schedule *s = NULL;
    struct err e = {0};
    int64_t moment;
    int r;

    if (n < 3)
        return 0;
    syntax = data[0] % SCHEDULE_SYNTAXES;
    moment = (int64_t)(data[1] << 8 | data[2]) * 21600 * 1000; /* to 2014 and a half */
    if (data[0] & 64)
        moment *= 4; /* to 2149 */
    r = schedule_parse(syntax, (struct str){(const char *)data + 3, n - 3},
                       str_of(zones[data[0] / 4 % 4]), &s, &e);
    holds(r == 0 || r == -EINVAL || r == -ENOENT);
    holds((r == 0) == (e.msg[0] == '\0'));
    if (r < 0)
        return 0;
    check(s, moment, 0);
    check(s, moment + 999, moment);
    schedule_free(s);
    return 0;
}
