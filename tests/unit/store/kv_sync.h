/* SPDX-License-Identifier: Apache-2.0 */
/* kv_sync.h - one request to a store, waited for: so that a test reads top to bottom. */
#ifndef EVOKE_TESTS_KV_SYNC_H
#define EVOKE_TESTS_KV_SYNC_H

#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "loop/loop.h"
#include "store/kv.h"

struct answer {
    bool done;
    int r;
    uint64_t rev;
    uint32_t n;
    bool more;
    struct kv_item items[KV_LIST]; /* owned copies; free with answer_done() */
};

static inline void answer_done(struct answer *a)
{
    for (uint32_t i = 0; i < a->n; i++) {
        free((char *)a->items[i].key.p);
        free((char *)a->items[i].value.p);
    }
    memset(a, 0, sizeof(*a));
}

static inline void answer_add(struct answer *a, const struct kv_item *it)
{
    a->items[a->n++] = (struct kv_item){
            {str_dup(it->key), it->key.n}, {str_dup(it->value), it->value.n}, it->rev};
}

static inline void on_get(void *user, int r, const struct kv_item *item)
{
    struct answer *a = user;

    if (item)
        answer_add(a, item);
    a->r = r;
    a->done = true;
}

static inline void on_list(void *user, int r, const struct kv_page *page)
{
    struct answer *a = user;

    for (uint32_t i = 0; i < page->n; i++)
        answer_add(a, &page->items[i]);
    a->r = r;
    a->more = page->more;
    a->rev = page->rev;
    a->done = true;
}

static inline void on_txn(void *user, int r, uint64_t rev)
{
    struct answer *a = user;

    a->r = r;
    a->rev = rev;
    a->done = true;
}

static inline int get(struct loop *l, struct kv *kv, struct str key, struct answer *a)
{
    answer_done(a);
    kv_get(kv, key, 0, on_get, a);
    loop_run_until(l, &a->done);
    return a->r;
}

static inline int list_range(struct loop *l, struct kv *kv, const struct kv_range *range,
                             struct answer *a)
{
    answer_done(a);
    kv_list(kv, range, on_list, a);
    loop_run_until(l, &a->done);
    return a->r;
}

static inline int list(struct loop *l, struct kv *kv, struct str prefix, struct str after,
                       uint32_t limit, struct answer *a)
{
    return list_range(l, kv, &(struct kv_range){.prefix = prefix, .after = after, .limit = limit},
                      a);
}

static inline int txn(struct loop *l, struct kv *kv, const struct kv_txn *t, uint64_t *ret_rev)
{
    struct answer *a = xnew(struct answer);
    int r;

    kv_txn(kv, t, on_txn, a);
    loop_run_until(l, &a->done);
    r = a->r;
    if (ret_rev)
        *ret_rev = a->rev;
    free(a);
    return r;
}

static inline int put(struct loop *l, struct kv *kv, struct str key, struct str value,
                      uint64_t *ret_rev)
{
    struct kv_op op = {.key = key, .value = value};

    return txn(l, kv, &(struct kv_txn){.ops = &op, .nops = 1}, ret_rev);
}

/* What a watch was told: " 3 +put -deleted" per call, " end -116" at the end. */
struct heard {
    struct kv_watch *watch; /* owned */
    bool done;              /* `until` was told, or it has ended */
    uint64_t until, last;
    uint32_t calls;
    int end;
    struct buf log;
};

static inline void on_change(void *user, int r, uint64_t rev, const struct kv_change *changes,
                             uint32_t n)
{
    struct heard *h = user;

    h->calls++;
    if (r < 0) {
        buf_addf(&h->log, " end %d", r);
        h->end = r;
        h->done = true;
        return;
    }
    buf_addf(&h->log, " %llu", (unsigned long long)rev);
    for (uint32_t i = 0; i < n; i++)
        buf_addf(&h->log, " %c%.*s", changes[i].del ? '-' : '+', STR_ARG(changes[i].key));
    h->last = rev;
    h->done = h->done || rev >= h->until;
}

static inline struct heard *hear(struct kv *kv, const char *prefix, uint64_t from_rev)
{
    struct heard *h = xnew(struct heard);

    buf_init(&h->log, 8 << 20);
    h->until = UINT64_MAX;
    h->watch = kv_watch(kv, str_of(prefix), from_rev, on_change, h);
    return h;
}

/* Wait until it was told of this revision, or has ended. */
static inline const char *heard(struct loop *l, struct heard *h, uint64_t until)
{
    h->until = until;
    h->done = h->end < 0 || h->last >= until;
    loop_run_until(l, &h->done);
    return h->log.p;
}

static inline struct heard *heard_free(struct heard *h)
{
    kv_watch_free(h->watch);
    buf_done(&h->log);
    free(h);
    return NULL;
}

#endif
