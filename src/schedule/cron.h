/* SPDX-License-Identifier: Apache-2.0 */
/* cron.h - cron expressions: which fields a cloud has, what may stand in them, and which seconds of a
 * calendar they name. Local time; zones are schedule.c's affair. */
#ifndef EVOKE_SCHEDULE_CRON_H
#define EVOKE_SCHEDULE_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct err;

enum cron_part {
    CRON_SECOND,
    CRON_MINUTE,
    CRON_HOUR,
    CRON_DAY,
    CRON_MONTH,
    CRON_WEEKDAY,
    CRON_YEAR,
    CRON_PARTS,
};

/* What may stand in one field. */
struct cron_field {
    const char *name;
    int min, max;
    const char *signs;        /* of ",-*?/" */
    const char *const *names; /* of the values from first_name on; NULL: none */
    int first_name;
    const char *allowed; /* the same for people */
};

/* So many fields, from this part on. */
struct cron_form {
    uint8_t fields;
    enum cron_part first;
};

enum { CRON_FORMS = 2 };
struct cron_syntax {
    struct cron_field parts[CRON_PARTS]; /* name NULL: this cloud has no such field */
    struct cron_form forms[CRON_FORMS];  /* fields 0: no further one */
    const char *usage;
    bool every; /* "@every 5m" */
    bool zone;  /* "CRON_TZ=Asia/Shanghai " in front */
};
extern const struct cron_syntax cron_functiongraph, cron_fc, cron_scf;

enum { CRON_YEAR_MIN = 1970, CRON_YEAR_MAX = 2099, CRON_WORDS = 3 };

/* Bit i is the value i; of years, bit 0 is CRON_YEAR_MIN. */
struct cron {
    uint64_t seconds, minutes;
    uint32_t hours, days;
    uint16_t months;
    uint8_t weekdays; /* bit 0: Sunday */
    bool any_day;     /* the day of the month does not restrict, or ... */
    bool any_weekday; /* ... that of the week does not; if both do, either will do */
    bool any_hour;
    bool any_year;
    uint64_t years[CRON_WORDS];
};

/* text: a view into whole, which positions count from. -EINVAL with a sentence. */
int cron_parse(const struct cron_syntax *syntax, struct str whole, struct str text,
               struct cron *ret, struct err *e);
/* The first second at or after `from` that it names; seconds from 1970-01-01 as a clock on the wall
 * shows them. False: there is none until the end of the year 9999. */
bool cron_first(const struct cron *c, int64_t from, int64_t *ret);

#endif
