/* SPDX-License-Identifier: Apache-2.0 */
/* tz_rule.h - a zone as the POSIX variable TZ words it: "CET-1CEST,M3.5.0,M10.5.0/3". */
#ifndef EVOKE_SCHEDULE_TZ_RULE_H
#define EVOKE_SCHEDULE_TZ_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "schedule/zone.h"

struct tz_day {
    enum { TZ_JULIAN, TZ_DAY, TZ_MONTH } kind; /* Jn without 29 February; n with; Mm.w.d */
    int day;                                   /* 1..365; 0..365; weekday 0..6 */
    int month, week;                           /* week 5: the last */
    int32_t time_s; /* local time of the change; may be below 0 or over a day */
};

struct tz_rule {
    int32_t standard, daylight; /* seconds east of UTC */
    bool has_daylight;
    struct tz_day start, end; /* of daylight saving time */
};

/* With the extensions of RFC 8536 section 3.3.1. 0 or -EINVAL. */
int tz_rule_parse(struct str text, struct tz_rule *ret);
struct zone_span tz_rule_at(const struct tz_rule *rule, int64_t s);

#endif
