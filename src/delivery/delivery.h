/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery.h - the durable life of an event: accepted on disk, tried until it is done, or dead, or
 * too old, and told to its destination.
 *
 * One queue per function (its name is fn_key_path()), or per HTTP destination ("http/<url>"). Which
 * version or alias runs is looked up at each try. See states.c for what follows what.
 */
#ifndef EVOKE_DELIVERY_DELIVERY_H
#define EVOKE_DELIVERY_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "observe/run.h"
#include "store/queue.h"

struct catalog;
struct delivery; /* opaque */
struct err;
struct fn;
struct health;
struct invoker;
struct loop;
struct tracer;

struct delivery_conf {
    uint64_t
            waiting; /* most events that wait per function; one more is refused. default 1,000,000 */
    uint32_t running;      /* events tried at once, of all functions. default 64 */
    uint32_t per_function; /* ... of one function; never more than it may have runs. default 16 */
    uint32_t keep_h;       /* ended events are kept so long. default 72 */
    uint64_t keep;         /* ... and at most so many. default 100,000 */
};

void delivery_conf_default(struct delivery_conf *conf);

/* Whom it may ask and tell; all borrowed. */
struct delivery_env {
    struct loop *loop;
    struct catalog *catalog;
    struct invoker *invoker;
    struct tracer *tracer; /* NULL: nobody traces */
    struct health *health; /* or NULL */
    /* The store refuses everything (-EIO). Called once, from the loop: open it again and
     * delivery_reopen(). */
    void (*on_broken)(void *user);
    void *user;
    uint32_t tidy_ms; /* between two looks at all there is (tidy.c); 0: 30 s */
};

/* queue: borrowed. Campaigns for the lease "delivery" and begins. */
struct delivery *delivery_open(const struct delivery_env *env, struct queue *q,
                               const struct delivery_conf *conf);
/* After on_broken: the queue is another one. Not before the last one's calls have all completed. */
void delivery_reopen(struct delivery *d, struct queue *q);
/* While there is none: delivery_queue() is this one, which refuses (queue_refusing()). */
void delivery_closed(struct delivery *d, struct queue *refusing);
struct queue *queue_refusing(struct loop *l);
void delivery_configure(struct delivery *d, const struct delivery_conf *conf);
/* A committed change of a function (catalog_on_change): what waits for it is looked at again. */
void delivery_function_changed(struct delivery *d, const struct fn *before, const struct fn *after);
/* No new tries; those under way end (or are given up by delivery_free). */
void delivery_drain(struct delivery *d, void (*on_drained)(void *user), void *user);
/* What runs is given back to the queue. Before the queue is closed, which makes the last calls. */
struct delivery *delivery_free(struct delivery *d);

/* What is handed over. Copied. */
struct delivery_event {
    const struct fn *fn;
    struct str qualifier; /* empty: latest */
    struct str source;    /* trigger id; empty: invoked */
    enum run_trigger trigger;
    struct str id;                 /* the event's id and its request id */
    struct str dedup, order;       /* empty: none */
    int64_t not_before_ms;         /* 0: at once */
    struct str payload;            /* shaped already: what the function gets */
    const struct run_trace *trace; /* NULL: none */
    const struct q_cursor *cursor; /* moves with it; NULL: none */
    const char *replay_of;         /* request id; NULL: it is no replay */
    struct str by; /* path of the function whose role's key asked for it; empty: somebody else */
};

/* r 0: it is on disk. -EEXIST: known already (nothing was put); -ENOBUFS: the queue is at its bound;
 * -ESTALE: the cursor had moved; or the store's. e is NULL when r is 0 or -EEXIST. */
typedef void delivery_fn(void *user, int r, const struct err *e);
/* 0: fn will be called, once, never before this returns. Negative with e: -EMSGSIZE payload over the
 * dialect's asynchronous limit, -ESHUTDOWN, -ENODATA no code, ... */
int delivery_put(struct delivery *d, const struct delivery_event *ev, delivery_fn *fn, void *user,
                 struct err *e);

enum delivery_cancel {
    DELIVERY_CANCEL,           /* waiting: cancelled; running: its run is ended */
    DELIVERY_CANCEL_RECURSIVE, /* and what it has put with its own role's keys, likewise */
};
/* r: 0; -ENOENT; -EBUSY: it has ended already. */
void delivery_cancel(struct delivery *d, struct str id, enum delivery_cancel how, delivery_fn *fn,
                     void *user);

/* The same bytes again, as a new event with the id new_id. r as delivery_put(), -ENOENT: no such
 * event (any more), or its function is gone. */
void delivery_replay(struct delivery *d, struct str id, struct str new_id, delivery_fn *fn,
                     void *user);

/* What an event's attributes and note say, for whoever shows them; views into the event. */
struct delivery_try {
    int64_t start_ms, end_ms;
    struct str outcome; /* outcome_names, "refused", "http 503" */
    struct str error;   /* the function's error result, cut; or why it was refused */
    struct str tail;    /* the end of its log, cut */
    struct str instance;
};
enum { DELIVERY_TRIES = 16 }; /* the first and the latest are kept where there are more */
struct delivery_told {
    struct str qualifier, replay_of, cause; /* cause: id of the event whose destination this is */
    struct delivery_try tries[DELIVERY_TRIES];
    uint32_t ntries;
    struct str reason; /* why it ended, or waits again; "" */
    void *room;        /* delivery_told_done() */
};
int delivery_tell(const struct q_event *ev, struct delivery_told *ret);
void delivery_told_done(struct delivery_told *t);

struct queue *delivery_queue(struct delivery *d); /* for reading, redriving and purging */
/* Somebody has redriven or purged: what waits is looked up again. */
void delivery_look(struct delivery *d);

struct delivery_stats {
    uint64_t accepted, refused, tries, retries, done, dead, expired, cancelled;
    uint32_t running, queues;
    uint64_t waiting;
};
void delivery_stats(const struct delivery *d, struct delivery_stats *ret);

#endif
