/* SPDX-License-Identifier: Apache-2.0 */
/* sketch.c - counts on a logarithmic scale; see sketch.h. */
#include "observe/metrics/sketch.h"

#include <assert.h>

enum {
    STEP_BITS = 3,  /* eight steps to the octave */
    FIRST_BIT = 14, /* below 2^14 ns: bucket 0 */
    LAST_BIT = 44,  /* from 2^44 ns on: the last bucket */
    STEPS = 1 << STEP_BITS,
};

static_assert(SKETCH_BUCKETS == (LAST_BIT - FIRST_BIT) * STEPS + 2, "one below, one above");

uint32_t sketch_bucket(uint64_t ns)
{
    uint32_t bit, step;

    if (ns < 1ull << FIRST_BIT)
        return 0;
    bit = 63 - (uint32_t)__builtin_clzll(ns);
    if (bit >= LAST_BIT)
        return SKETCH_BUCKETS - 1;
    step = (uint32_t)(ns >> (bit - STEP_BITS)) & (STEPS - 1);
    return (bit - FIRST_BIT) * STEPS + step + 1;
}

static void add(struct sketch *s, uint32_t bucket, uint64_t n)
{
    uint64_t sum = s->n[bucket] + n;

    s->n[bucket] = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

void sketch_add(struct sketch *s, uint64_t ns)
{
    add(s, sketch_bucket(ns), 1);
}

void sketch_merge(struct sketch *into, const struct sketch *s)
{
    for (uint32_t i = 0; i < SKETCH_BUCKETS; i++)
        if (s->n[i])
            add(into, i, s->n[i]);
}

static uint64_t middle(uint32_t bucket)
{
    uint64_t low;
    uint32_t bit;

    if (bucket == 0)
        return 1ull << (FIRST_BIT - 1);
    if (bucket == SKETCH_BUCKETS - 1)
        return 1ull << LAST_BIT;
    bit = FIRST_BIT + (bucket - 1) / STEPS;
    low = (uint64_t)(STEPS + (bucket - 1) % STEPS) << (bit - STEP_BITS);
    return low + (1ull << (bit - STEP_BITS)) / 2;
}

uint64_t sketch_quantile_ns(const struct sketch *s, double q)
{
    uint64_t total = 0, seen = 0, rank;

    for (uint32_t i = 0; i < SKETCH_BUCKETS; i++)
        total += s->n[i];
    if (total == 0)
        return 0;
    rank = (uint64_t)(q * (double)total); /* the nearest rank: as many are at most that long */
    if ((double)rank < q * (double)total || rank == 0)
        rank++;
    for (uint32_t i = 0; i < SKETCH_BUCKETS; i++) {
        seen += s->n[i];
        if (seen >= rank)
            return middle(i);
    }
    return middle(SKETCH_BUCKETS - 1);
}

void varint_put(struct buf *out, uint64_t v)
{
    while (v >= 0x80) {
        buf_addc(out, (char)(0x80 | (v & 0x7f)));
        v >>= 7;
    }
    buf_addc(out, (char)v);
}

bool varint_take(struct str *rest, uint64_t *ret)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 70 && rest->n > 0; shift += 7) {
        uint8_t byte = (uint8_t)rest->p[0];

        *rest = str_from(*rest, 1);
        if (shift == 63 && byte > 1)
            return false;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret = v;
            return true;
        }
    }
    return false;
}

void sketch_encode(const struct sketch *s, struct buf *out)
{
    uint32_t used = 0, last = 0;

    for (uint32_t i = 0; i < SKETCH_BUCKETS; i++)
        used += s->n[i] > 0;
    varint_put(out, used);
    for (uint32_t i = 0; i < SKETCH_BUCKETS; i++)
        if (s->n[i]) {
            varint_put(out, i - last);
            varint_put(out, s->n[i]);
            last = i;
        }
}

bool sketch_decode(struct str *rest, struct sketch *into)
{
    uint64_t used, step, n, at = 0;

    if (!varint_take(rest, &used) || used > SKETCH_BUCKETS)
        return false;
    for (uint64_t i = 0; i < used; i++) {
        if (!varint_take(rest, &step) || !varint_take(rest, &n) || step >= SKETCH_BUCKETS - at ||
            (i > 0 && step == 0) || n == 0)
            return false;
        at += step;
        add(into, (uint32_t)at, n);
    }
    return true;
}
