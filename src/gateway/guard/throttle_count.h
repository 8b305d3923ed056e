/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle_count.h - how often in this period: counters by key, in windows that begin at whole
 * multiples of their period. Reads no clock.
 */
#ifndef EVOKE_GATEWAY_GUARD_THROTTLE_COUNT_H
#define EVOKE_GATEWAY_GUARD_THROTTLE_COUNT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct throttle; /* opaque */

/* At most so many counters; then the least recently used one is forgotten. */
struct throttle *throttle_new(size_t most);
struct throttle *throttle_free(struct throttle *t);
/* What was counted under the key in the window that now_ms is in. */
uint32_t throttle_count(struct throttle *t, struct str key, uint64_t period_ms, int64_t now_ms);
/* One more; stops at UINT32_MAX. */
void throttle_add(struct throttle *t, struct str key, uint64_t period_ms, int64_t now_ms);
size_t throttle_counters(const struct throttle *t);

/* "10 second", "1 minute", "2 hour", "1 day": the period as APIG words it. */
void throttle_period(uint64_t period_ms, struct buf *out);

#endif
