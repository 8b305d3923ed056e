/* SPDX-License-Identifier: Apache-2.0 */
/* latency.c - durations are kept one by one: a million take 8 MB, and no bucket rounds a p99.9. */
#include "cli/latency.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"
#include "cli/units.h"

const struct latency_quantile latency_quantiles[LATENCY_QUANTILES] = {
        {0.5, "p50", "p50"}, {0.9, "p90", "p90"}, {0.99, "p99", "p99"}, {0.999, "p99.9", "p99_9"}};

void latency_init(struct latency *l, size_t room)
{
    *l = (struct latency){.ns = xcalloc(room ? room : 1, sizeof(*l->ns)), .room = room};
}

void latency_done(struct latency *l)
{
    free(l->ns);
    *l = (struct latency){0};
}

void latency_add(struct latency *l, uint64_t ns)
{
    assert(l->n < l->room);
    l->ns[l->n++] = ns;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

uint64_t latency_rank(const uint64_t *sorted, size_t n, double q)
{
    double rank = ceil(q * (double)n - 1e-9); /* 0.9 * 10 is a hair over 9 */
    size_t i = rank < 1 ? 0 : (size_t)rank - 1;

    return n ? sorted[i < n ? i : n - 1] : 0;
}

struct latency_sum latency_sum(struct latency *l)
{
    struct latency_sum s = {.n = l->n};
    double sum = 0;

    if (l->n == 0)
        return s;
    qsort(l->ns, l->n, sizeof(*l->ns), by_size);
    for (size_t i = 0; i < l->n; i++)
        sum += (double)l->ns[i];
    s.min_ns = l->ns[0];
    s.max_ns = l->ns[l->n - 1];
    s.mean_ns = (uint64_t)(sum / (double)l->n);
    for (size_t i = 0; i < LATENCY_QUANTILES; i++)
        s.quantile_ns[i] = latency_rank(l->ns, l->n, latency_quantiles[i].q);
    return s;
}

size_t latency_bars(const struct latency *l, struct latency_bar ret[LATENCY_BARS])
{
    uint64_t min = l->n ? l->ns[0] : 0, max = l->n ? l->ns[l->n - 1] : 0;
    size_t n = min == max ? l->n > 0 : LATENCY_BARS, at = 0;
    double from = min > 0 ? (double)min : 1;

    for (size_t i = 0; i < n; i++) {
        double share = (double)(i + 1) / (double)n;

        ret[i] = (struct latency_bar){
                .upto_ns = i + 1 == n ? max : (uint64_t)(from * pow((double)max / from, share))};
        while (at < l->n && l->ns[at] <= ret[i].upto_ns) {
            ret[i].count++;
            at++;
        }
    }
    return n;
}

void latency_draw(const struct latency_bar *bars, size_t n, size_t columns, struct buf *out)
{
    size_t most = 1, room = columns > 40 ? columns - 28 : 12;

    for (size_t i = 0; i < n; i++)
        most = bars[i].count > most ? bars[i].count : most;
    for (size_t i = 0; i < n; i++) {
        size_t full = bars[i].count * room / most;
        char upto[UNITS_TEXT], count[UNITS_TEXT];

        full = bars[i].count > 0 && full == 0 ? 1 : full; /* one is not none */
        buf_addf(out, "  <= %8s %9s  ", units_time(bars[i].upto_ns, upto),
                 units_number(bars[i].count, count));
        for (size_t k = 0; k < full; k++)
            buf_addc(out, '#');
        buf_addc(out, '\n');
    }
}
