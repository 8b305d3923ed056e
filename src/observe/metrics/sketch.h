/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sketch.h - how durations are distributed, in few bytes: counts on a logarithmic scale, eight steps
 * to the octave, so that a quantile is off by 7 % at most. From 16 us to 4.9 hours; what is shorter
 * or longer counts at the end.
 */
#ifndef EVOKE_OBSERVE_METRICS_SKETCH_H
#define EVOKE_OBSERVE_METRICS_SKETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum { SKETCH_BUCKETS = 242 };

struct sketch { /* all zero: empty */
    uint32_t n[SKETCH_BUCKETS];
};

uint32_t sketch_bucket(uint64_t ns);
void sketch_add(struct sketch *s, uint64_t ns); /* a full bucket stays full */
void sketch_merge(struct sketch *into, const struct sketch *s);
/* q: 0 to 1. The middle of the bucket where it lies; 0 for an empty sketch. */
uint64_t sketch_quantile_ns(const struct sketch *s, double q);

/* Only buckets that are not empty: count, then step to the next bucket and its count, as varints. */
void sketch_encode(const struct sketch *s, struct buf *out);
/* Adds to *into. False: these bytes are no sketch. *rest becomes what follows. */
bool sketch_decode(struct str *rest, struct sketch *into);

/* LEB128, at most ten bytes. */
void varint_put(struct buf *out, uint64_t v);
bool varint_take(struct str *rest, uint64_t *ret);

#endif
