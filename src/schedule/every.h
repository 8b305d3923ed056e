/* SPDX-License-Identifier: Apache-2.0 */
/* every.h - intervals: "3m" of FunctionGraph's rates, "1h30m" of @every. */
#ifndef EVOKE_SCHEDULE_EVERY_H
#define EVOKE_SCHEDULE_EVERY_H

#include <stdint.h>

#include "base/str.h"

struct err;

/* Seconds. -EINVAL with a sentence. whole: as for cron_parse(). */
int rate_parse(struct str text, int64_t *ret, struct err *e);
int every_parse(struct str whole, struct str text, int64_t *ret, struct err *e);

#endif
