/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle_count.c - counters in fixed windows.
 *
 * A window is all times with the same now / period: it needs no begin to remember, and all callers
 * start anew together, as the cloud's "within a period" has it. A counter of an older (or, after
 * the clock was set back, younger) window counts nothing.
 *
 * Memory is bounded by forgetting the counter that was used longest ago; whose was forgotten starts
 * at zero. With as many callers as that inside one period, each alone is far from its limit.
 */
#include "gateway/guard/throttle_count.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/map.h"

struct counter {
    struct list used;
    struct str key; /* owned */
    uint64_t window;
    uint32_t count;
};

struct throttle {
    struct map *by_key;
    struct list used; /* most recently used last */
    size_t most;
};

struct throttle *throttle_new(size_t most)
{
    struct throttle *t = xnew(struct throttle);

    t->by_key = map_new();
    list_init(&t->used);
    t->most = most;
    return t;
}

/* False: there was none. */
static bool drop_oldest(struct throttle *t)
{
    struct list *oldest = list_pop_front(&t->used);
    struct counter *x = oldest ? container_of(oldest, struct counter, used) : NULL;

    if (!x)
        return false;
    (void)map_del(t->by_key, x->key);
    free((char *)x->key.p);
    free(x);
    return true;
}

struct throttle *throttle_free(struct throttle *t)
{
    if (!t)
        return NULL;
    while (drop_oldest(t))
        ;
    map_free(t->by_key);
    free(t);
    return NULL;
}

static uint64_t window_of(uint64_t period_ms, int64_t now_ms)
{
    return period_ms ? (uint64_t)now_ms / period_ms : 0;
}

uint32_t throttle_count(struct throttle *t, struct str key, uint64_t period_ms, int64_t now_ms)
{
    const struct counter *x = map_get(t->by_key, key);

    return x && x->window == window_of(period_ms, now_ms) ? x->count : 0;
}

void throttle_add(struct throttle *t, struct str key, uint64_t period_ms, int64_t now_ms)
{
    struct counter *x = map_get(t->by_key, key);
    uint64_t window = window_of(period_ms, now_ms);

    if (!x) {
        if (map_count(t->by_key) >= t->most)
            (void)drop_oldest(t);
        x = xnew(struct counter);
        x->key = (struct str){str_dup(key), key.n};
        list_init(&x->used);
        (void)map_put(t->by_key, key, x);
    }
    list_remove(&x->used);
    list_push_back(&t->used, &x->used);
    if (x->window != window)
        x->count = 0;
    x->window = window;
    if (x->count < UINT32_MAX)
        x->count++;
}

size_t throttle_counters(const struct throttle *t)
{
    return map_count(t->by_key);
}

void throttle_period(uint64_t period_ms, struct buf *out)
{
    static const struct {
        uint64_t ms;
        const char *name;
    } units[] = {{86400000, "day"}, {3600000, "hour"}, {60000, "minute"}, {1000, "second"}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (period_ms && period_ms % units[i].ms == 0) {
            buf_addf(out, "%llu %s", (unsigned long long)(period_ms / units[i].ms), units[i].name);
            return;
        }
    buf_addf(out, "%llu millisecond", (unsigned long long)period_ms);
}
