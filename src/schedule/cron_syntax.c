/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cron_syntax.c - what each cloud lets stand in the fields of a cron expression.
 *
 * Where from, and what no document says: docs/compat/schedules.md.
 */
#include "schedule/cron.h"

static const char *const months[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                     "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
static const char *const from_sunday[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};
static const char *const from_monday[] = {"MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN", NULL};

#define SECOND(signs)                                                                              \
    {                                                                                              \
        "second", 0, 59, signs, NULL, 0, "0-59"                                                    \
    }
#define MINUTE                                                                                     \
    {                                                                                              \
        "minute", 0, 59, ",-*/", NULL, 0, "0-59"                                                   \
    }
#define HOUR                                                                                       \
    {                                                                                              \
        "hour", 0, 23, ",-*/", NULL, 0, "0-23"                                                     \
    }
#define DAY(signs)                                                                                 \
    {                                                                                              \
        "day of month", 1, 31, signs, NULL, 0, "1-31"                                              \
    }
#define MONTH                                                                                      \
    {                                                                                              \
        "month", 1, 12, ",-*/", months, 1, "1-12 or JAN-DEC"                                       \
    }
#define SUNDAY_FIRST(signs)                                                                        \
    {                                                                                              \
        "day of week", 0, 6, signs, from_sunday, 0, "0-6 or SUN-SAT"                               \
    }

const struct cron_syntax cron_functiongraph = {
        .parts =
                {
                        [CRON_SECOND] = SECOND(",-*/"),
                        [CRON_MINUTE] = MINUTE,
                        [CRON_HOUR] = HOUR,
                        [CRON_DAY] = DAY(",-*?/"),
                        [CRON_MONTH] = MONTH,
                        [CRON_WEEKDAY] = SUNDAY_FIRST(",-*?/"),
                },
        .forms = {{6, CRON_SECOND}, {5, CRON_SECOND}},
        .usage = "5 or 6 (second minute hour day-of-month month [day-of-week])",
        .every = true,
        .zone = true,
};

/* 0 is not documented for Sunday, 7 is; both are taken. */
const struct cron_syntax cron_fc = {
        .parts =
                {
                        [CRON_SECOND] = SECOND(",-*/"),
                        [CRON_MINUTE] = MINUTE,
                        [CRON_HOUR] = HOUR,
                        [CRON_DAY] = DAY(",-*?/"),
                        [CRON_MONTH] = MONTH,
                        [CRON_WEEKDAY] = {"day of week", 0, 7, ",-*?", from_monday, 1,
                                          "1-7 or MON-SUN"},
                },
        .forms = {{6, CRON_SECOND}},
        .usage = "6 (second minute hour day-of-month month day-of-week)",
        .every = true,
        .zone = true,
};

const struct cron_syntax cron_scf = {
        .parts =
                {
                        [CRON_SECOND] = SECOND(",-*/"),
                        [CRON_MINUTE] = MINUTE,
                        [CRON_HOUR] = HOUR,
                        [CRON_DAY] = DAY(",-*/"),
                        [CRON_MONTH] = MONTH,
                        [CRON_WEEKDAY] = SUNDAY_FIRST(",-*/"),
                        [CRON_YEAR] = {"year", CRON_YEAR_MIN, CRON_YEAR_MAX, ",-*/", NULL, 0,
                                       "1970-2099"},
                },
        .forms = {{7, CRON_SECOND}, {5, CRON_MINUTE}},
        .usage = "7 (second minute hour day month weekday year) or 5 (minute hour day month "
                 "weekday)",
};
