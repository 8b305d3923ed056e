/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.h - events that must not be lost: accepted, leased, tried, ended; and the ledger over them.
 * Asynchronous, batch-first. For the loop's thread.
 *
 * A queue is a name; it exists while it has events or a ledger. Every event is in exactly one
 * state:
 *
 *   put -> WAITING --lease--> RUNNING --finish--> DONE | DEAD | EXPIRED | CANCELLED
 *             ^ ^                |                          |
 *             | +--retry,release-+                          |
 *             +------------------- redrive ----------(DEAD only)
 *   cancel: WAITING -> CANCELLED     purge: WAITING, DEAD -> PURGED
 *
 * Ended events stay to be looked at until q_trim() removes them; the ledger still counts them.
 *
 * Every call ends in exactly one completion on the caller's loop, never before the call returned.
 * Views given to a completion live until it returns; what a call is given is copied. Committed
 * means on disk (fsync) before completion. Calls are carried out in the order they were made.
 *
 * Results:
 *   0
 *   -EAGAIN       not applied: busy, or the deadline passed first; try again
 *   -EINPROGRESS  outcome unknown; repeat with the same ids
 *   -ESTALE       fenced: the token is not the holder's (lease.h); of an item: it is not leased by
 *                 this token and attempt any more; of a put: a cursor did not hold
 *   -EEXIST       of a record: its dedup id is known in this queue, or its event id; not put again
 *   -ENOBUFS      as many events wait in this queue as `bound` allows; nothing of the put is applied
 *   -E2BIG        over a limit below; nothing applied
 *   -ENOENT       no such event
 *   -EBUSY        it is in a state that does not allow this
 *   -ENOSPC       disk full, not applied
 *   -EIO          damaged, or an fsync failed: everything is refused until opened again
 *
 * Time is clock_store_ms(), Unix time in ms, as the backend reads it when it applies a call. How
 * long a lease lasts is measured by CLOCK_MONOTONIC, so a jump of the clock hands nothing out twice.
 * Deadlines are moments of CLOCK_MONOTONIC in ns, 0 for none, as in kv.h.
 *
 * A walk over many events (list, redrive, purge by a filter) goes on in pieces beside later calls.
 */
#ifndef EVOKE_STORE_QUEUE_H
#define EVOKE_STORE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct loop;

enum {
    Q_NAME = 2560, /* bytes of a queue's name: a URL of 2048 and more fits */
    Q_SOURCE = 128,
    Q_ID = 256, /* event id, dedup id, order key, cursor name and value */
    Q_ATTRIBUTES = 16 << 10,
    Q_NOTE = 64 << 10,
    Q_PAYLOAD = 16 << 20,
    Q_RECORDS = 1000, /* records of a put, items of a call */
    Q_CURSORS = 128,
    Q_LIST = 1000,
    Q_LATE = 64, /* a late lease looks past so many that are not late */
    Q_CAPS = 100,
    Q_CAPPED = 2000, /* a lease steps over so many that their source may not have now */
};

enum q_state {
    Q_WAITING,
    Q_RUNNING,
    Q_DONE,
    Q_DEAD,
    Q_EXPIRED,
    Q_CANCELLED,
    Q_PURGED,
    Q_STATES,
};
extern const char *const q_state_names[Q_STATES];   /* "waiting", ... */
int q_state_of(struct str name, enum q_state *ret); /* 0, or -EINVAL */

struct q_record {
    struct str queue;
    struct str source;     /* who put it, for the ledger: a trigger's id; empty: invoked */
    struct str id;         /* of the event: unique in the store */
    struct str dedup;      /* empty: none. Unique in its queue for as long as the event is kept */
    struct str order;      /* empty: none. Events of one key run one at a time, in order of put */
    uint8_t priority;      /* 0..9; of what is due, higher first */
    int64_t not_before_ms; /* 0: at once */
    int64_t expires_ms;    /* 0: never. Only a late lease asks for it */
    struct str attributes; /* the caller's, kept as they are */
    struct str payload;
};

/* A place in a source: moves with the events that were read up to it. */
struct q_cursor {
    struct str name;
    struct str expect; /* its value now; empty: there is none */
    struct str next;   /* its value then; empty: remove it */
};

struct q_put {
    const struct q_record *records;
    uint32_t nrecords; /* 0: only cursors move */
    const struct q_cursor *cursors;
    uint32_t ncursors;
    uint64_t bound; /* most events that may wait in each queue afterwards; 0: any number */
    uint64_t deadline_ns;
};

struct q_event {
    uint64_t seq; /* in order of put; never used twice, no gaps */
    struct str queue, source, id, dedup, order;
    uint8_t priority;
    enum q_state state;
    uint32_t attempt; /* leases so far, released ones not counted */
    int64_t created_ms;
    int64_t at_ms; /* WAITING: not before, 0: at once; RUNNING: leased until; else: when it ended */
    int64_t expires_ms;
    uint64_t token; /* RUNNING: whose lease */
    struct str attributes, payload;
    struct str note; /* what the caller wrote down with its tries */
};

/* Of these, no more than so many come from this source. */
struct q_cap {
    struct str source;
    uint32_t most;
};

/* What is asked for: the oldest due events of these queues, each up to its own number. */
struct q_want {
    struct str queue;
    uint32_t most;
    const struct q_cap *caps; /* other sources may have as many as there is room for */
    uint32_t ncaps;           /* up to Q_CAPS */
};
struct q_lease {
    uint64_t token;
    const struct q_want *wants;
    uint32_t nwants;
    uint32_t visible_ms; /* not ended by then: another lease may take it */
    bool late;           /* only what waits and has reached its expires_ms, to be ended */
    uint64_t deadline_ns;
};

/* An event under a lease. */
struct q_item {
    uint64_t seq;
    uint32_t attempt; /* as leased */
};

struct q_again {
    struct q_item item;
    int64_t at_ms;   /* when it may be leased again */
    bool uncounted;  /* release: the attempt did not happen */
    struct str note; /* p NULL: as it was */
};

struct q_end {
    struct q_item item;
    enum q_state state;          /* DONE, DEAD, EXPIRED or CANCELLED */
    struct str note;             /* p NULL: as it was */
    const struct q_record *puts; /* in the same transaction, unless the item is stale. No bound */
    uint32_t nputs;
};

struct q_filter {               /* empty parts fit everything */
    struct str queue;           /* exact */
    struct str prefix;          /* of the queue's name */
    struct str source;          /* p NULL: any; n 0: invoked */
    struct str id;              /* exact */
    uint32_t states;            /* bit per state; 0: all */
    int64_t since_ms, until_ms; /* created in [since, until); 0: open */
    uint64_t before;            /* seq: only older ones; 0: from the newest */
    uint32_t limit;             /* 1..Q_LIST */
    bool payload;               /* else it stays empty */
};

/* One row per queue and source. accepted == sum of all states, always; passed stands apart. */
struct q_ledger {
    struct str queue, source;
    uint64_t accepted, counts[Q_STATES];
    uint64_t passed; /* acknowledged upstream without having been on disk */
};

/* What always holds. */
static inline bool q_ledger_adds_up(const struct q_ledger *row)
{
    uint64_t sum = 0;

    for (int i = 0; i < Q_STATES; i++)
        sum += row->counts[i];
    return sum == row->accepted;
}

struct q_ready {
    struct str queue;
    uint64_t waiting, running;
    int64_t at_ms;    /* the earliest time one may be leased */
    int64_t since_ms; /* since when the first that waits is due, or will be; 0: nothing waits */
};

/* ret[i]: 0 or -EEXIST of record i. */
typedef void q_put_fn(void *user, int r, const int *ret, uint32_t n);
typedef void q_events_fn(void *user, int r, const struct q_event *events, uint32_t n, bool more);
/* ret[i]: 0, -ESTALE, -ENOENT or -EBUSY of item i. */
typedef void q_items_fn(void *user, int r, const int *ret, uint32_t n);
typedef void q_count_fn(void *user, int r, uint64_t n);
typedef void q_ledger_fn(void *user, int r, const struct q_ledger *rows, uint32_t n);
typedef void q_ready_fn(void *user, int r, const struct q_ready *rows, uint32_t n);
typedef void q_cursor_fn(void *user, int r, struct str value);
typedef void q_backup_fn(void *user, int r);
typedef void lease_fn(void *user, int r, uint64_t token);

struct queue; /* a store behind `struct queue_ops`; first member of every backend */

struct queue_ops {
    void (*put)(struct queue *q, const struct q_put *put, q_put_fn *fn, void *user);
    void (*lease)(struct queue *q, const struct q_lease *lease, q_events_fn *fn, void *user);
    void (*extend)(struct queue *q, uint64_t token, const struct q_item *items, uint32_t n,
                   uint32_t visible_ms, q_items_fn *fn, void *user);
    void (*again)(struct queue *q, uint64_t token, const struct q_again *items, uint32_t n,
                  q_items_fn *fn, void *user);
    void (*finish)(struct queue *q, uint64_t token, const struct q_end *items, uint32_t n,
                   q_items_fn *fn, void *user);
    void (*cancel)(struct queue *q, struct str id, struct str note, q_count_fn *fn, void *user);
    void (*redrive)(struct queue *q, const struct q_filter *which, int64_t expires_ms,
                    q_count_fn *fn, void *user);
    void (*purge)(struct queue *q, const struct q_filter *which, q_count_fn *fn, void *user);
    void (*list)(struct queue *q, const struct q_filter *which, q_events_fn *fn, void *user);
    void (*counts)(struct queue *q, const struct q_filter *which, q_ledger_fn *fn, void *user);
    void (*ready)(struct queue *q, q_ready_fn *fn, void *user);
    void (*cursor)(struct queue *q, struct str name, q_cursor_fn *fn, void *user);
    void (*pass)(struct queue *q, struct str queue, struct str source, uint64_t n,
                 const struct q_cursor *cursor, q_count_fn *fn, void *user);
    void (*trim)(struct queue *q, int64_t ended_before_ms, uint64_t keep, uint32_t most,
                 q_count_fn *fn, void *user);
    void (*campaign)(struct queue *q, struct str name, uint32_t ttl_ms, lease_fn *fn, void *user);
    void (*keep)(struct queue *q, struct str name, uint64_t token, uint32_t ttl_ms, lease_fn *fn,
                 void *user);
    void (*revoke)(struct queue *q, struct str name, uint64_t token, lease_fn *fn, void *user);
    void (*backup)(struct queue *q, struct str path, q_backup_fn *fn, void *user);
    /* Finish what was accepted, complete it, release everything. */
    void (*close)(struct queue *q);
};

/* Totals since it was opened. */
struct q_stats {
    uint64_t puts, leases, ends, agains; /* events */
    uint64_t commits, errors;
    uint64_t damaged; /* pages or records found damaged, also when it was opened */
    uint64_t bytes;   /* of its files */
};

struct queue {
    const struct queue_ops *ops;
    struct q_stats stats; /* of the loop's thread, read-only for others */
};

/* All of it or nothing, but for records whose ids are known (-EEXIST each): these are left out. */
static inline void q_put(struct queue *q, const struct q_put *put, q_put_fn *fn, void *user)
{
    q->ops->put(q, put, fn, user);
}

/*
 * WAITING and due, or RUNNING with a lease that ran out or of an older token -> RUNNING. The order in
 * a queue: first the latter; then by priority, and within one what had to wait for its moment, by
 * that moment, then the rest in order of put. At most Q_RECORDS in all, and fewer when their bytes
 * are many: then there is `more`, of these queues or those behind them.
 *
 * What ran and was not ended is leased whatever its source's cap, and counts for it. More than
 * Q_CAPPED waiting events of a source that may have no more stand in the way of those behind them.
 *
 * Late: of a queue that has no room to run, what has reached its expires_ms is found in that order
 * as well, also what is not due; the search in each priority ends behind Q_LATE events that are not
 * late, of those due at once and of those with a moment. So it finds all where events expire in the
 * order they came; what expires before those in front of it is found when they are gone. What waits
 * behind an event of its order key is not looked at.
 */
static inline void q_lease(struct queue *q, const struct q_lease *lease, q_events_fn *fn,
                           void *user)
{
    q->ops->lease(q, lease, fn, user);
}

static inline void q_extend(struct queue *q, uint64_t token, const struct q_item *items, uint32_t n,
                            uint32_t visible_ms, q_items_fn *fn, void *user)
{
    q->ops->extend(q, token, items, n, visible_ms, fn, user);
}

/* Back to WAITING: retry, or release (`uncounted`). */
static inline void q_again(struct queue *q, uint64_t token, const struct q_again *items, uint32_t n,
                           q_items_fn *fn, void *user)
{
    q->ops->again(q, token, items, n, fn, user);
}

/* Each item by itself is ended, with its puts, or stale. A put whose id is known is left out. What was
 * done by the same token and attempt already is answered with 0 again, here and in q_again(): so
 * both may be repeated after -EINPROGRESS. */
static inline void q_finish(struct queue *q, uint64_t token, const struct q_end *items, uint32_t n,
                            q_items_fn *fn, void *user)
{
    q->ops->finish(q, token, items, n, fn, user);
}

/* r: 0; -ENOENT; -EBUSY: it is not waiting (any more). */
static inline void q_cancel(struct queue *q, struct str id, struct str note, q_count_fn *fn,
                            void *user)
{
    q->ops->cancel(q, id, note, fn, user);
}

/* DEAD -> WAITING, attempts begin at 0, due now; up to `limit` of the filter, oldest first. n: how
 * many. */
static inline void q_redrive(struct queue *q, const struct q_filter *which, int64_t expires_ms,
                             q_count_fn *fn, void *user)
{
    q->ops->redrive(q, which, expires_ms, fn, user);
}

/* WAITING or DEAD (as the filter says; RUNNING never) -> PURGED; up to `limit`. n: how many. */
static inline void q_purge(struct queue *q, const struct q_filter *which, q_count_fn *fn,
                           void *user)
{
    q->ops->purge(q, which, fn, user);
}

/* Newest first. One event: by id, with limit 1. */
static inline void q_list(struct queue *q, const struct q_filter *which, q_events_fn *fn,
                          void *user)
{
    q->ops->list(q, which, fn, user);
}

/* In order of queue and source; of the filter queue, prefix and source count. */
static inline void q_counts(struct queue *q, const struct q_filter *which, q_ledger_fn *fn,
                            void *user)
{
    q->ops->counts(q, which, fn, user);
}

/* Every queue that has something waiting or running. */
static inline void q_ready(struct queue *q, q_ready_fn *fn, void *user)
{
    q->ops->ready(q, fn, user);
}

/* r: 0, value empty where there is none. */
static inline void q_cursor(struct queue *q, struct str name, q_cursor_fn *fn, void *user)
{
    q->ops->cursor(q, name, fn, user);
}

/* n events were delivered and acknowledged upstream without being kept; the cursor (or NULL) moves
 * in the same transaction. */
static inline void q_pass(struct queue *q, struct str queue, struct str source, uint64_t n,
                          const struct q_cursor *cursor, q_count_fn *fn, void *user)
{
    q->ops->pass(q, queue, source, n, cursor, fn, user);
}

/* Remove ended events, DEAD ones not: those that ended before, and the oldest of what is more than
 * `keep`; at most `most` in one call. n: how many. */
static inline void q_trim(struct queue *q, int64_t ended_before_ms, uint64_t keep, uint32_t most,
                          q_count_fn *fn, void *user)
{
    q->ops->trim(q, ended_before_ms, keep, most, fn, user);
}

/* As kv_backup(). */
static inline void q_backup(struct queue *q, struct str path, q_backup_fn *fn, void *user)
{
    q->ops->backup(q, path, fn, user);
}

static inline struct queue *q_close(struct queue *q)
{
    if (q)
        q->ops->close(q);
    return NULL;
}

/* What opening found. Text is for people. */
struct q_opened {
    bool created;
    uint64_t lost;     /* commits that are known to have been and are gone; 0: none */
    uint64_t salvaged; /* events carried over from a damaged file; the file is kept beside */
    char said[512];    /* "" when all was well */
};

/*
 * SQLite backend: WAL, synchronous=FULL, one writer thread, one commit for what waits together.
 * path is the file; beside it are its log, "<path>.mark" (how far it was committed) and
 * "<path>.lock" (held while it is open: a second opener waits up to wait_ms). A damaged file is
 * moved aside and what verifies is carried over: ret_opened tells. -EIO: not even that; -EBUSY.
 */
int queue_sqlite_open(struct loop *l, const char *path, uint32_t wait_ms, struct queue **ret,
                      struct q_opened *ret_opened, struct err *e);
/*
 * The same beside the loop: looking at a file that failed reads much of it. fn is called once, never
 * before this returns; the queue is its own then. Nobody is waited for: -EBUSY.
 */
struct queue_opening;
typedef void queue_open_fn(void *user, int r, struct queue *q, const struct q_opened *opened,
                           const struct err *e);
struct queue_opening *queue_sqlite_begin(struct loop *l, const char *path, queue_open_fn *fn,
                                         void *user);
void queue_sqlite_forget(struct queue_opening *o); /* fn is not called; what is opened is closed */
/* What q_backup() wrote is made a store that can be opened without a word: its mark is written beside
 * it. Blocks. -EIO: the copy is not whole. */
int queue_sqlite_settle(const char *path, struct err *e);

#endif
