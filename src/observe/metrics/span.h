/* SPDX-License-Identifier: Apache-2.0 */
/* span.h - what a function did in one span of time: the unit of `evoke top` and of the history. */
#ifndef EVOKE_OBSERVE_METRICS_SPAN_H
#define EVOKE_OBSERVE_METRICS_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "observe/metrics/sketch.h"

struct run_facts;

struct span {                /* all zero: nothing happened */
    uint64_t runs;           /* asked for and not throttled; the next two are among them */
    uint64_t errors;         /* ended by themselves or by the platform, not by time */
    uint64_t timeouts;       /* also of the initialisation */
    uint64_t throttled;      /* refused by a limit: never ran */
    uint64_t cold;           /* first of their instance */
    uint64_t sum_ns, max_ns; /* durations, of those that ran */
    uint64_t instances;      /* the most there were at once, as seen; of a sum: summed */
    uint64_t memory_bytes;   /* the same */
    struct sketch took;
};

void span_count(struct span *s, const struct run_facts *f);
bool span_cold(const struct run_facts *f); /* it was the first of an instance */
/* Two functions in the same time, or the same function in two spans (of those the greater use). */
void span_add(struct span *into, const struct span *s);
void span_follow(struct span *into, const struct span *s);
bool span_empty(const struct span *s); /* nothing ran, and nothing was there */

void span_encode(const struct span *s, struct buf *out);
/* Fills *ret. False: these bytes are no span. *rest becomes what follows. */
bool span_decode(struct str *rest, struct span *ret);

#endif
