/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorizer_cache.c - a map of answers and a list of them, the most recently used last.
 *
 * What always holds: an entry is in both, or gone; `bytes` is the sum of what the entries cost,
 * key and answer, and like their number never above what was allowed at birth.
 *
 * One that has expired goes when somebody asks for it, or as the least recently used: nothing
 * sweeps, since what expired is bounded like the rest.
 */
#include "gateway/guard/authorizer_cache.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/map.h"
#include "gateway/guard/authorizer_answer.h"

struct entry {
    struct list used;
    struct authorizer_answer *answer; /* a reference */
    int64_t since_ms, ends_ms;
    size_t cost;
    struct str key; /* owned */
};

struct authorizer_cache {
    struct map *by_key;
    struct list used; /* entries, most recently used last */
    size_t most, most_bytes, bytes;
};

struct authorizer_cache *authorizer_cache_new(size_t most, size_t most_bytes)
{
    struct authorizer_cache *c = xnew(struct authorizer_cache);

    c->by_key = map_new();
    list_init(&c->used);
    c->most = most;
    c->most_bytes = most_bytes;
    return c;
}

static void drop(struct authorizer_cache *c, struct entry *x)
{
    (void)map_del(c->by_key, x->key);
    list_remove(&x->used);
    c->bytes -= x->cost;
    authorizer_answer_unref(x->answer);
    free((char *)x->key.p);
    free(x);
}

/* False: there was none. */
static bool drop_oldest(struct authorizer_cache *c)
{
    struct list *oldest = list_first(&c->used);

    if (oldest)
        drop(c, container_of(oldest, struct entry, used));
    return oldest;
}

struct authorizer_cache *authorizer_cache_free(struct authorizer_cache *c)
{
    if (!c)
        return NULL;
    while (drop_oldest(c))
        ;
    map_free(c->by_key);
    free(c);
    return NULL;
}

struct authorizer_answer *authorizer_cache_get(struct authorizer_cache *c, struct str key,
                                               int64_t now_ms)
{
    struct entry *x = map_get(c->by_key, key);

    if (!x)
        return NULL;
    if (now_ms < x->since_ms || now_ms >= x->ends_ms) {
        drop(c, x);
        return NULL;
    }
    list_remove(&x->used);
    list_push_back(&c->used, &x->used);
    return x->answer;
}

void authorizer_cache_put(struct authorizer_cache *c, struct str key, struct authorizer_answer *a,
                          int64_t now_ms, int64_t ttl_ms)
{
    struct entry *x = map_get(c->by_key, key);
    size_t cost = sizeof(*x) + 2 * key.n + a->bytes; /* the map has a copy of the key too */

    (void)authorizer_answer_ref(a); /* it may be the one that is replaced */
    if (x)
        drop(c, x);
    while ((map_count(c->by_key) >= c->most || c->bytes + cost > c->most_bytes) && drop_oldest(c))
        ;
    if (cost > c->most_bytes || c->most == 0) {
        authorizer_answer_unref(a);
        return;
    }
    x = xnew(struct entry);
    *x = (struct entry){.answer = a,
                        .since_ms = now_ms,
                        .ends_ms = now_ms + ttl_ms,
                        .cost = cost,
                        .key = {str_dup(key), key.n}};
    c->bytes += cost;
    list_push_back(&c->used, &x->used);
    (void)map_put(c->by_key, key, x);
}

size_t authorizer_cache_count(const struct authorizer_cache *c)
{
    return map_count(c->by_key);
}

size_t authorizer_cache_bytes(const struct authorizer_cache *c)
{
    return c->bytes;
}
