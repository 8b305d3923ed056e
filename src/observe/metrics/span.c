/* SPDX-License-Identifier: Apache-2.0 */
/* span.c - counting, adding and storing spans; see span.h. */
#include "observe/metrics/span.h"

#include <stddef.h>
#include <string.h>

#include "base/obj.h"
#include "observe/run.h"

bool span_cold(const struct run_facts *f)
{
    return f->cold && f->instance_id[0]; /* none: answered with the failure of an earlier start */
}

void span_count(struct span *s, const struct run_facts *f)
{
    if (f->limited) {
        s->throttled++;
        return;
    }
    s->runs++;
    switch (outcome_class(f->outcome)) {
    case OUTCOME_CLASS_ERROR:
        s->errors++;
        break;
    case OUTCOME_CLASS_TIMEOUT:
        s->timeouts++;
        break;
    case OUTCOME_CLASS_OK:
    case OUTCOME_CLASSES:
        break;
    }
    s->cold += span_cold(f);
    if (f->duration_ns == 0)
        return;
    s->sum_ns += f->duration_ns;
    if (f->duration_ns > s->max_ns)
        s->max_ns = f->duration_ns;
    sketch_add(&s->took, f->duration_ns);
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void add_counts(struct span *into, const struct span *s)
{
    into->runs += s->runs;
    into->errors += s->errors;
    into->timeouts += s->timeouts;
    into->throttled += s->throttled;
    into->cold += s->cold;
    into->sum_ns += s->sum_ns;
    into->max_ns = greater(into->max_ns, s->max_ns);
    sketch_merge(&into->took, &s->took);
}

void span_add(struct span *into, const struct span *s)
{
    add_counts(into, s);
    into->instances += s->instances;
    into->memory_bytes += s->memory_bytes;
}

void span_follow(struct span *into, const struct span *s)
{
    add_counts(into, s);
    into->instances = greater(into->instances, s->instances);
    into->memory_bytes = greater(into->memory_bytes, s->memory_bytes);
}

bool span_empty(const struct span *s)
{
    return s->runs == 0 && s->throttled == 0 && s->instances == 0;
}

/* In the order in which they are stored. */
static const size_t fields[] = {
        offsetof(struct span, runs),         offsetof(struct span, errors),
        offsetof(struct span, timeouts),     offsetof(struct span, throttled),
        offsetof(struct span, cold),         offsetof(struct span, sum_ns),
        offsetof(struct span, max_ns),       offsetof(struct span, instances),
        offsetof(struct span, memory_bytes),
};

void span_encode(const struct span *s, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        varint_put(out, *(const uint64_t *)(const void *)((const char *)s + fields[i]));
    sketch_encode(&s->took, out);
}

bool span_decode(struct str *rest, struct span *ret)
{
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (!varint_take(rest, (uint64_t *)(void *)((char *)ret + fields[i])))
            return false;
    return sketch_decode(rest, &ret->took);
}
