/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv.h - metadata: ordered keys, revisions, atomic compare-then-write, and what changed since.
 * Asynchronous, batch-first. For the loop's thread.
 *
 * Every call ends in exactly one completion on the caller's loop, never before the call returned.
 * Views given to a completion live until it returns. Committed means on disk (fsync) before
 * completion. A write that fails leaves the store serving reads.
 *
 * Results:
 *   0
 *   -EAGAIN       not applied: the deadline passed first, or the store is busy; try again
 *   -EINPROGRESS  outcome unknown; repeat with the same compares
 *   -ESTALE       a txn's compare did not hold; a list's or watch's past is gone: list from now
 *   -E2BIG        key over KV_KEY, value over KV_VALUE, more than KV_OPS; not applied
 *   -ENOSPC       disk full, not applied
 *   -EIO          damaged, or gone
 *
 * Revisions: one counter per store; every committed txn takes the next number and stamps the keys
 * it put. The store remembers which keys the last KV_HISTORY txns touched (fewer when their keys
 * exceed KV_HISTORY_BYTES), also over a restart: that is as far as list and watch look back.
 *
 * Deadlines are moments of CLOCK_MONOTONIC in ns, 0 for none. A call that still waits for its turn
 * at its deadline completes then with -EAGAIN. One that is being carried out is not given up: it
 * completes with its real outcome, however long the disk takes.
 */
#ifndef EVOKE_STORE_KV_H
#define EVOKE_STORE_KV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct loop;

enum {
    KV_KEY = 1152, /* an object's, of 1024, in a bucket */
    KV_VALUE = 1 << 20,
    KV_OPS = 128,
    KV_LIST = 1000,
    KV_HISTORY = 10000,
    KV_HISTORY_BYTES = 4 << 20, /* three more than its length for each key */
};

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

/* Copied by kv_txn(). If all compares hold, `ops` are applied, else `else_ops`: all, or none. */
struct kv_txn {
    const struct kv_compare *compares;
    uint32_t ncompares;
    const struct kv_op *ops;
    uint32_t nops;
    const struct kv_op *else_ops;
    uint32_t nelse_ops;
    uint64_t deadline_ns;
};

/* What to list; copied by kv_list(). */
struct kv_range {
    struct str prefix;
    struct str after; /* only keys that sort after it; empty: from the first */
    uint32_t limit;   /* 1..KV_LIST */
    uint64_t at_rev;  /* 0: as it is now. Else -ESTALE if the prefix changed after this revision */
    uint64_t deadline_ns;
};

struct kv_page {
    const struct kv_item *items; /* in key order */
    uint32_t n;
    bool more;    /* the limit, or the store's own for the bytes of one answer, cut it here */
    uint64_t rev; /* of the store when it was read */
};

struct kv_change {
    struct str key;
    bool del;
};

/* item is NULL when there is no such key (r is 0 then). */
typedef void kv_get_fn(void *user, int r, const struct kv_item *item);
/* page is empty when r is negative. */
typedef void kv_list_fn(void *user, int r, const struct kv_page *page);
/*
 * r is 0 when the compares held, -ESTALE when not: so it tells which branch was taken. rev is the
 * revision this txn got, 0 when it changed nothing: refused without `else_ops`, or failed.
 */
typedef void kv_txn_fn(void *user, int r, uint64_t rev);
typedef void kv_backup_fn(void *user, int r);
/*
 * r 0: the txn `rev` touched these keys (1..KV_OPS, each once, in the order of its operations, as
 * the last of them left it; deleting a key that was not there counts). Anything else: this was the
 * last call.
 */
typedef void kv_watch_fn(void *user, int r, uint64_t rev, const struct kv_change *changes,
                         uint32_t n);

struct kv;       /* a store behind `struct kv_ops`; first member of every backend */
struct kv_watch; /* opaque; owned by who asked for it */

struct kv_ops {
    void (*get)(struct kv *kv, struct str key, uint64_t deadline_ns, kv_get_fn *fn, void *user);
    void (*list)(struct kv *kv, const struct kv_range *range, kv_list_fn *fn, void *user);
    void (*txn)(struct kv *kv, const struct kv_txn *txn, kv_txn_fn *fn, void *user);
    struct kv_watch *(*watch)(struct kv *kv, struct str prefix, uint64_t from_rev, kv_watch_fn *fn,
                              void *user);
    /* Finish what was accepted, complete it, end the watches, release everything. A completion
     * given out meanwhile may call the store once more: it is answered with -EIO. */
    void (*close)(struct kv *kv);
    void (*backup)(struct kv *kv, struct str path, kv_backup_fn *fn, void *user);
};

/* Totals, of what was completed. ns: from the call to its completion. */
struct kv_stats {
    uint64_t reads, writes, errors, ns; /* errors: not those whose compare did not hold */
};

struct kv {
    const struct kv_ops *ops;
    struct kv_stats stats; /* of the loop's thread, read-only for others */
};

static inline void kv_get(struct kv *kv, struct str key, uint64_t deadline_ns, kv_get_fn *fn,
                          void *user)
{
    kv->ops->get(kv, key, deadline_ns, fn, user);
}

/*
 * Keys in order, a page at a time. To page through one state of the prefix, ask for the next page
 * after the last key and at the revision of the page before; on -ESTALE somebody changed a key
 * under the prefix meanwhile (or nobody remembers): start over.
 */
static inline void kv_list(struct kv *kv, const struct kv_range *range, kv_list_fn *fn, void *user)
{
    kv->ops->list(kv, range, fn, user);
}

static inline void kv_txn(struct kv *kv, const struct kv_txn *txn, kv_txn_fn *fn, void *user)
{
    kv->ops->txn(kv, txn, fn, user);
}

/*
 * Tell of every txn after from_rev that touched a key under the prefix: once each, in order. The
 * usual from_rev is the revision of a listing. A change carries no value: read the key, which may
 * have moved on by then.
 *
 * It ends with -ESTALE when from_rev is older than what the store remembers, or not reached yet (a
 * restored backup), or when the watch fell behind that far: list and watch again. Nothing is
 * queued for a slow watch: it is a place in the history that all share. It ends with -EIO when the
 * store closes, with -E2BIG for a prefix over KV_KEY.
 */
static inline struct kv_watch *kv_watch(struct kv *kv, struct str prefix, uint64_t from_rev,
                                        kv_watch_fn *fn, void *user)
{
    return kv->ops->watch(kv, prefix, from_rev, fn, user);
}

/*
 * A copy of the store as of one moment between call and completion, in a new file (0600) that a
 * backend of the same kind opens. Reads and writes go on meanwhile. One at a time: -EAGAIN while
 * another is made. -EEXIST: there is such a file; -ENOTSUP: this backend keeps nothing in files. On
 * failure what was written of it is removed.
 */
static inline void kv_backup(struct kv *kv, struct str path, kv_backup_fn *fn, void *user)
{
    kv->ops->backup(kv, path, fn, user);
}

/* No call comes any more. Also inside its own call, also after the store was closed. */
struct kv_watch *kv_watch_free(struct kv_watch *w);

static inline struct kv *kv_close(struct kv *kv)
{
    if (kv)
        kv->ops->close(kv);
    return NULL;
}

/* SQLite backend: WAL, synchronous=FULL, one thread of its own, one commit for what waits together.
 * Checks the file (application id, version, quick_check), creates it, brings an older one up to
 * date. Completions on l. */
int kv_sqlite_open(struct loop *l, const char *path, struct kv **ret, struct err *e);
/* In memory, for tests and as second backend of the contract suite. */
struct kv *kv_memory_new(struct loop *l);

#endif
