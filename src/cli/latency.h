/* SPDX-License-Identifier: Apache-2.0 */
/* latency.h - many durations: exact quantiles, and a histogram that fits a terminal. */
#ifndef EVOKE_CLI_LATENCY_H
#define EVOKE_CLI_LATENCY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct latency {
    uint64_t *ns; /* owned; sorted by latency_sum() */
    size_t n, room;
};

enum { LATENCY_QUANTILES = 4, LATENCY_BARS = 12 };

extern const struct latency_quantile {
    double q;
    const char *name, *key;
} latency_quantiles[LATENCY_QUANTILES]; /* p50, p90, p99, p99.9 */

struct latency_sum {
    size_t n; /* 0: the rest is 0 too */
    uint64_t min_ns, max_ns, mean_ns;
    uint64_t quantile_ns[LATENCY_QUANTILES];
};

void latency_init(struct latency *l, size_t room); /* at most so many */
void latency_done(struct latency *l);
void latency_add(struct latency *l, uint64_t ns);
struct latency_sum latency_sum(struct latency *l);

/* Of a sorted row, by nearest rank: the smallest value that a share q of all do not exceed. */
uint64_t latency_rank(const uint64_t *sorted, size_t n, double q);

/* Bounds grow by a constant factor from the least to the greatest. */
struct latency_bar {
    uint64_t upto_ns; /* included */
    size_t count;
};
/* After latency_sum(). Returns how many: as many as there is something to tell apart. */
size_t latency_bars(const struct latency *l, struct latency_bar ret[LATENCY_BARS]);
/* A line each. */
void latency_draw(const struct latency_bar *bars, size_t n, size_t columns, struct buf *out);

#endif
