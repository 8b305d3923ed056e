/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internal.h - delivery from inside, for the files of this room only.
 *
 *   put.c     accepts            lanes.c  what waits where, and when it is due
 *   take.c    leases, fairly     try.c    one try at a function    post.c  at an HTTP endpoint
 *   late.c    what grew too old while it waited for room
 *   states.c  what follows what  settle.c does it                  record.c attributes and notes
 */
#ifndef EVOKE_DELIVERY_INTERNAL_H
#define EVOKE_DELIVERY_INTERNAL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "delivery/delivery.h"
#include "delivery/states.h"
#include "fn/outcome.h"
#include "store/lease.h"

struct fn_async;
struct invocation;
struct loop_timer;
struct map;
struct poster;
struct shape_ops;
struct shape_retry;

enum {
    DELIVERY_MAGIC = 0x44454c49,
    HELD_MAGIC = 0x48454c44,
    LANE_DUES = 16,     /* moments a lane remembers; of later ones the store is asked */
    POSTING = 32,       /* HTTP destinations at once ... */
    POSTING_LANE = 4,   /* ... and of one URL */
    LEAVING_MOST = 512, /* ended, and not on disk yet: no more are taken */
    DEPTH_MOST = 16,    /* of a chain of destinations */
    LEASE_TTL_MS = 10000,
    LEASE_KEEP_MS = 3000,
    LATE_LOOK_MS = 1000, /* between two looks for what grew too old */
    PAUSE_MS = 100,      /* before something the store has not done is asked for again */
    VISIBLE_MS = 24 * 60 * 60 * 1000,
};

/* ---- lanes.c ---- */

/* What waits in one queue. */
struct lane {
    struct list node;  /* d->due or d->resting; or in none: nothing is due */
    struct list sleep; /* d->sleeping: knows a moment to come */
    char *name;        /* owned: of the queue */
    bool http;
    bool more;               /* moments after the last of dues are not known */
    uint64_t waiting;        /* as far as we know */
    int64_t dues[LANE_DUES]; /* ascending */
    uint32_t ndues, held;    /* of our events; those that are tried: */
    uint32_t running;
    uint32_t asked, got, limit; /* while a lease is made; with caps of its triggers: */
    uint32_t ncaps;
    bool freed;     /* ... a run of theirs has ended since it was asked for */
    bool capped;    /* ... they left it nothing: until one does */
    uint32_t rests; /* in a row */
    int64_t rest_from_ms, rest_until_ms;
};

enum { REST_MS = 200, REST_MOST_MS = 30000 };

struct lane *lane_find(const struct delivery *d, struct str name); /* or NULL */
struct lane *lane_of(struct delivery *d, struct str name);         /* made if need be */
bool lane_is_http(struct str name);
void lane_due(struct delivery *d, struct lane *lane, int64_t at_ms);
/* It cannot run now: left alone for ms, 0: for a time that grows. When that is over. */
int64_t lane_rest(struct delivery *d, struct lane *lane, uint64_t ms);
void lane_wake(struct delivery *d, struct lane *lane); /* as if it never had rested */
/* Nothing more is due; false: the store has to be asked when something will be. */
bool lane_quiet(struct delivery *d, struct lane *lane);
void lane_unless_used(struct delivery *d, struct lane *lane);
void lanes_forget(struct delivery *d); /* all that no try holds; the others know nothing */
void lanes_look(struct delivery *d);   /* whose time has come */
void lanes_ask(struct delivery *d);    /* the store: what waits, since when */

/* ---- held events ---- */

enum held_state {
    HELD_TRYING,
    HELD_LEAVING, /* its next is decided and on its way to the disk */
};

/* Leased by us. */
struct held {
    uint32_t magic;
    enum held_state state;
    struct delivery *d;
    struct lane *lane;
    struct list node; /* d->trying or d->leaving */
    struct q_item item;
    uint32_t epoch;
    int64_t created_ms, expires_ms, start_ms, leased_until_ms;
    char *text; /* owned: what the views below see */
    struct str id, source, order, attributes, payload, note;
    uint32_t failed;        /* counted tries before this one, since it was put or redriven */
    const struct fn *fn;    /* shared; NULL: none, or HTTP */
    struct invocation *run; /* TRYING at a function */
    struct post *post;      /* TRYING at an endpoint */
    uint8_t span[8];        /* of the run, in its trace */
    bool cancelled, late;
    struct list callers;  /* cancel.c: who wants to hear of its end */
    struct list children; /* cancel.c: what its function has put while it ran */
    uint32_t nchildren;

    /* LEAVING */
    enum next next;
    int64_t at_ms;
    bool uncounted;
    struct buf new_note;    /* n 0: as it was */
    struct q_record record; /* for its destination; queue.n 0: none */
    char *record_text;      /* owned: what record's views see */
};

struct held *held_new(struct delivery *d, struct lane *lane, const struct q_event *ev);
void held_stop(struct held *h); /* it runs no more: there is room for another */
struct held *held_free(struct held *h);

/* How a try went. Views. */
struct tried {
    const char *outcome; /* for the note */
    enum outcome of_run; /* for the destination */
    struct str error, tail, instance;
    struct str answer;
    uint64_t rest_ms; /* RAN_NOT_NOW: leave the lane alone for so long; 0: a time that grows */
};

struct delivery {
    uint32_t magic;
    struct delivery_env env;
    struct queue *queue; /* borrowed */
    struct delivery_conf conf;
    struct map *lanes; /* by name */
    struct map *held;  /* by event id */
    struct list due, resting, sleeping;
    struct list trying, leaving;
    struct list repeats; /* put.c: to be asked for again */
    struct poster *poster;
    uint32_t running, posting, nleaving;
    uint64_t token; /* 0: somebody else may deliver */
    uint32_t epoch; /* tokens so far */
    uint32_t busy;  /* completions to come: it lives until the last */
    bool leasing, finding, asking, ask_again, campaigning, keeping, trimming, counting;
    bool draining, broken, dead, deferred, unbalanced, trimmed;
    struct loop_timer *look, *ask, *keep, *again, *tidy, *late;
    void (*on_drained)(void *user);
    void *on_drained_user;
    struct delivery_stats stats;
};

extern const struct log_cx delivery_cx;

/* ---- delivery.c ---- */

void delivery_turn(struct delivery *d); /* once, at the end of this turn */
void delivery_hold(struct delivery *d);
bool delivery_unhold(struct delivery *d); /* false: it is gone, or about to be: touch nothing */
/* What a call to the store answered about itself. True: it was carried out. */
bool delivery_heard(struct delivery *d, int r, uint32_t epoch);

/* ---- put.c ---- */

void put_again(struct delivery *d);
/* The words for a store's answer. fn: or NULL. */
void put_tell(delivery_fn *fn, void *user, int r);

/* ---- take.c ---- */

void take(struct delivery *d);
void take_adopt(struct delivery *d, const struct q_event *ev, bool late); /* it is leased by us */
void take_extend(struct delivery *d);
void take_find_lost(struct delivery *d); /* what runs under our token, and is not in our hands */

/* ---- late.c ---- */

void late_watch(struct delivery *d); /* once a turn */
void late_on_timer(void *user);

/* ---- try.c ---- */

void try_begin(struct held *h);
void try_end(struct held *h); /* forget it: its run goes on, if it must */

/* ---- settle.c ---- */

/* The try is over: decide, and put it on its way. */
void settle(struct held *h, enum what what, const struct tried *t);
void settle_flush(struct delivery *d);

/* ---- retry.c ---- */

struct retry {
    uint64_t age_ms;
    uint32_t retries;
    bool failures;
    uint32_t first_ms, most_ms;
    bool jitter;
};
struct retry retry_of(const struct fn *fn); /* NULL: an HTTP endpoint */
uint64_t retry_wait_ms(const struct retry *r, uint32_t failed, uint32_t random);

/* ---- record.c ---- */

struct attributes {
    struct str qualifier, replay_of, cause, trace, state, type, ce_source;
    enum run_trigger trigger;
    uint32_t depth;
};
void attributes_write(const struct attributes *a, struct buf *out);
/* Views into a tree to be freed with json_free(). */
struct cJSON *attributes_read(struct str text, struct attributes *ret);
/* The note of h with this try, or (t NULL) without, and the reason. */
void note_write(const struct held *h, const struct tried *t, int64_t now_ms, uint32_t failed,
                struct str reason, struct buf *out);
/* Counted tries that the note tells of. */
uint32_t note_failed(struct str note);

/* ---- destinations.c ---- */

/* Fill h->record where its end is to be told. */
void destination_record(struct held *h, const struct tried *t, int64_t now_ms);

/* ---- cancel.c ---- */

void cancel_heard(struct held *h, int r); /* to whoever waits for its end */
void cancel_forget(struct held *h);
/* The event that `by` was running when it asked for another; empty: none, or one cannot tell. */
struct str cancel_cause(const struct delivery *d, const struct delivery_event *ev);
void cancel_child(struct delivery *d, struct str cause, struct str id);

/* ---- post.c: HTTP endpoints, on a thread of their own ---- */

struct post_end {
    long status;       /* 0: none came */
    const char *error; /* status 0: why */
    struct str answer; /* its beginning */
};
typedef void post_fn(void *user, const struct post_end *end);
struct poster *poster_new(struct loop *l); /* NULL: no thread */
struct poster *poster_free(struct poster *o);
/* headers: lines ended by '\n'. All copied. */
struct post *post_begin(struct poster *o, struct str url, struct str headers, struct str body,
                        post_fn *fn, void *user);
void post_forget(struct post *p); /* it is broken off; fn is not called any more */

/* ---- tidy.c ---- */

void tidy_start(struct delivery *d);
void tidy_on_timer(void *user);

#endif
