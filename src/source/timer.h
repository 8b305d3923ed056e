/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.h - the source "timer": at each due time of a trigger one event, exactly once.
 *
 * The event and the trigger's cursor ("timer/<trigger id>", the due time it stands for) move in one
 * transaction, with "<trigger id>/<due ms>" as dedup id: whoever dies when, no due time fires twice
 * or never. What came due while nobody looked (a stopped daemon, a clock that jumped) for more than
 * TIMER_LATE_MS follows the trigger's policy. A clock set back fires nothing again. A trigger counts
 * from its last change (modified_ms, of clock_store_ms()): what it would have been due before, or
 * while it was disabled, is not made up for, and intervals begin there.
 *
 * Config of a trigger (JSON object):
 *   schedule  text*, in the syntax
 *   syntax    "fg-rate", "fg-cron", "fc", "scf"*
 *   zone      IANA name of the default zone ("UTC")
 *   missed    "skip", "once" (the latest only; default), "all" (each, the oldest first, up to
 *             TIMER_MISSED of them; the log says what was left out)
 *   payload   text: the user's own words, up to TIMER_PAYLOAD bytes
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

enum { TIMER_MISSED = 1000, TIMER_PAYLOAD = 4096, TIMER_LATE_MS = 60000 };

/* Follows the catalog's triggers from now on. The event's bytes come from the dialect's shape. */
struct timers *timers_new(struct loop *l, struct catalog *catalog, struct delivery *delivery);
struct timers *timers_free(struct timers *all);
/* 0, or -EINVAL, -ENOENT (time zone), -E2BIG with a sentence. */
int timer_check(struct str config, struct err *e);

struct timers_stats {
    uint64_t triggers; /* now, enabled or not */
    uint64_t fired;    /* events that are on disk */
    uint64_t missed;   /* due times nobody looked at; TIMER_MISSED at most for each absence */
    uint64_t left_out; /* due times whose event was refused for good: no code, too large */
    uint64_t
            late_ns_max; /* between the due time and the moment it was handed over; not of missed */
};
void timers_stats(const struct timers *all, struct timers_stats *ret);
/* When it is due next, Unix ms; -1: never, disabled or unknown. */
int64_t timers_next(const struct timers *all, struct str trigger_id);

#endif
