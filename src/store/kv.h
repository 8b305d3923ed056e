/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv.h - metadata: ordered keys, revisions, atomic compare-then-write. Asynchronous, batch-first.
 *
 * Every call ends in exactly one completion on the caller's loop, never before the call returned.
 * Results: 0, or -EAGAIN (not applied; try again), -EINPROGRESS (outcome unknown; repeat with the
 * same compares), -ESTALE (a compare did not hold), -E2BIG (key over KV_KEY, value over KV_VALUE),
 * -ENOSPC (disk full, not applied), -EIO (damaged or gone). Views given to a completion live until
 * it returns. Committed means on disk (fsync) before completion. A write that fails leaves the
 * store serving reads.
 *
 * Revisions: one counter per store; every committed txn takes the next number and stamps the keys
 * it put.
 */
#ifndef EVOKE_STORE_KV_H
#define EVOKE_STORE_KV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct loop;

enum { KV_KEY = 1024, KV_VALUE = 1 << 20, KV_OPS = 128, KV_LIST = 1000 };

struct kv_item {
    struct str key, value;
    uint64_t rev; /* of its last put */
};

struct kv_compare {
    struct str key;
    uint64_t rev; /* must be this key's revision; 0: the key must not exist */
};

struct kv_op {
    bool del;
    struct str key, value;
};

struct kv_txn { /* copied by kv_txn(); all ops are applied, or none */
    const struct kv_compare *compares;
    uint32_t ncompares;
    const struct kv_op *ops;
    uint32_t nops;
};

/* item is NULL when there is no such key (r is 0 then). */
typedef void kv_get_fn(void *user, int r, const struct kv_item *item);
/* items in key order; `more` when the limit, or the store's own for the bytes of one answer, cut
 * it: go on after the last key. */
typedef void kv_list_fn(void *user, int r, const struct kv_item *items, uint32_t n, bool more);
/* rev: the revision this txn got. */
typedef void kv_txn_fn(void *user, int r, uint64_t rev);

struct kv; /* a store behind `struct kv_ops`; first member of every backend */

struct kv_ops {
    void (*get)(struct kv *kv, struct str key, kv_get_fn *fn, void *user);
    void (*list)(struct kv *kv, struct str prefix, struct str after, uint32_t limit, kv_list_fn *fn,
                 void *user);
    void (*txn)(struct kv *kv, const struct kv_txn *txn, kv_txn_fn *fn, void *user);
    /* Finish what was accepted, complete it, release everything. A completion given out meanwhile
     * may call the store once more: it is answered with -EIO. */
    void (*close)(struct kv *kv);
};

struct kv {
    const struct kv_ops *ops;
};

static inline void kv_get(struct kv *kv, struct str key, kv_get_fn *fn, void *user)
{
    kv->ops->get(kv, key, fn, user);
}

/* Keys that start with prefix and sort after `after` (empty: from the first). limit 1..KV_LIST. */
static inline void kv_list(struct kv *kv, struct str prefix, struct str after, uint32_t limit,
                           kv_list_fn *fn, void *user)
{
    kv->ops->list(kv, prefix, after, limit, fn, user);
}

static inline void kv_txn(struct kv *kv, const struct kv_txn *txn, kv_txn_fn *fn, void *user)
{
    kv->ops->txn(kv, txn, fn, user);
}

static inline struct kv *kv_close(struct kv *kv)
{
    if (kv)
        kv->ops->close(kv);
    return NULL;
}

/* SQLite backend: WAL, synchronous=FULL, one thread of its own, one commit for what waits together.
 * Checks the file (application id, version, quick_check) and creates it. Completions on l. */
int kv_sqlite_open(struct loop *l, const char *path, struct kv **ret, struct err *e);
/* In memory, for tests and as second backend of the contract suite. */
struct kv *kv_memory_new(struct loop *l);

#endif
