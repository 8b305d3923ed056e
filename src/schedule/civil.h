/* SPDX-License-Identifier: Apache-2.0 */
/* civil.h - days and dates of the Gregorian calendar, without a clock or a zone. Day 0 is 1970-01-01. */
#ifndef EVOKE_SCHEDULE_CIVIL_H
#define EVOKE_SCHEDULE_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

enum { DAY_S = 86400, YEAR_MOST = 9999 };

struct civil {
    int year, month, day; /* month 1..12, day 1..31 */
};

static inline int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static inline bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static inline int month_days(int64_t year, int month)
{
    return month == 2 ? 28 + is_leap(year) : 30 + ((month + (month > 7)) & 1);
}

/* Years that begin in March: the leap day is then the last one, and months are of even length. */
static inline int64_t day_of(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year, era = floor_div(y, 400), of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static inline struct civil civil_of(int64_t day)
{
    int64_t z = day + 719468, era = floor_div(z, 146097), of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), m = (5 * of_year + 2) / 153;
    int month = (int)(m < 10 ? m + 3 : m - 9);

    return (struct civil){(int)(year + era * 400 + (month <= 2)), month,
                          (int)(of_year - (153 * m + 2) / 5 + 1)};
}

/* 0 is Sunday. */
static inline int weekday_of(int64_t day)
{
    return (int)(day + 4 - floor_div(day + 4, 7) * 7);
}

#endif
