/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.h - the source "timer": at each due time of a trigger one event, exactly once.
 *
 * The event and the trigger's cursor ("timer/<trigger id>", the due time it stands for) move in one
 * transaction, with "<trigger id>/<due ms>" as dedup id: whoever dies when, no due time fires twice
 * or never. What came due while nobody looked (a stopped daemon, a clock that jumped) follows the
 * trigger's policy. A clock set back fires nothing again.
 *
 * Config of a trigger (JSON object):
 *   schedule  text*, in the syntax
 *   syntax    "fg-rate", "fg-cron", "fc", "scf"*
 *   zone      IANA name of the default zone ("UTC")
 *   missed    "skip", "once" (the latest only; default), "all" (each, the oldest first, up to
 *             TIMER_MISSED of them; the log says what was left out)
 *   payload   text: the user's own words
 */
#ifndef EVOKE_SOURCE_TIMER_H
#define EVOKE_SOURCE_TIMER_H

#include <stdint.h>

#include "base/str.h"

struct catalog;
struct delivery;
struct err;
struct loop;
struct timers; /* opaque */

enum { TIMER_MISSED = 1000, TIMER_PAYLOAD = 4096 };

/* Follows the catalog's triggers from now on. The event's bytes come from the dialect's shape. */
struct timers *timers_new(struct loop *l, struct catalog *catalog, struct delivery *delivery);
struct timers *timers_free(struct timers *t);
/* 0, or -EINVAL, -ENOENT (time zone), -E2BIG with a sentence. */
int timer_check(struct str config, struct err *e);

struct timers_stats {
    uint64_t triggers, fired, missed, late_ns_max;
};
void timers_stats(const struct timers *t, struct timers_stats *ret);
/* When it is due next, Unix ms; -1: never, disabled or unknown. */
int64_t timers_next(const struct timers *t, struct str trigger_id);

#endif
