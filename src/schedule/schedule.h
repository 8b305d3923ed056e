/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule.h - when something is due: the clouds' cron expressions, rates and intervals. Pure: reads
 * no clock.
 *
 * Sources: FunctionGraph "Timer trigger" (Rate, Cron with seconds, @every, CRON_TZ), FC "Timer
 * trigger" (six fields, @every, CRON_TZ, UTC), SCF "Timer trigger" (seven fields, or five).
 * docs/compat/schedules.md has the rules, and what happens at gaps and overlaps of local time.
 */
#ifndef EVOKE_SCHEDULE_SCHEDULE_H
#define EVOKE_SCHEDULE_SCHEDULE_H

#include <stdint.h>

#include "base/str.h"

struct err;
struct schedule; /* opaque, immutable */

enum schedule_syntax {
    SCHEDULE_FG_RATE, /* "3m", "2h", "1d" */
    SCHEDULE_FG_CRON,
    SCHEDULE_FC,
    SCHEDULE_SCF,
    SCHEDULE_SYNTAXES,
};
extern const char
        *const schedule_syntax_names[SCHEDULE_SYNTAXES]; /* "fg-rate", "fg-cron", "fc", "scf" */
int schedule_syntax_of(struct str name, enum schedule_syntax *ret); /* 0, or -EINVAL */

enum { SCHEDULE_TEXT = 256 }; /* bytes of an expression */

/* zone: an IANA name for expressions that name none. -EINVAL with a sentence that names the field,
 * its text, where it begins and what is allowed; -ENOENT: unknown time zone. */
int schedule_parse(enum schedule_syntax syntax, struct str text, struct str zone,
                   struct schedule **ret, struct err *e);
struct schedule *schedule_free(struct schedule *s);
/* The first due time after after_ms, Unix time in ms; -1: never (30 February). anchor_ms: what rates
 * and @every count from. */
int64_t schedule_next(const struct schedule *s, int64_t after_ms, int64_t anchor_ms);
/* The last due time in (after_ms, until_ms]; -1: none. */
int64_t schedule_last(const struct schedule *s, int64_t after_ms, int64_t until_ms,
                      int64_t anchor_ms);
/* RFC 3339 local time with offset of its zone: "2023-06-01T08:30:00+08:00". */
enum { SCHEDULE_TIME = 40 };
void schedule_time(const struct schedule *s, int64_t ms, char out[SCHEDULE_TIME]);

#endif
