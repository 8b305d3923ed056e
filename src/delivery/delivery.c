/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery.c - who delivers, and from when to when.
 *
 * One daemon at a time: whoever holds the lease "delivery" has a fencing token, and every change of a
 * leased event carries it. Losing it (-ESTALE), like a store that refuses everything (-EIO), means: all
 * that is in hand is given up, nothing of it is written any more, and the campaign begins again. Events
 * that were given up are leased again, by whoever won: a duplicate is possible, a loss is not.
 *
 * What always holds:
 *   (1) an event in d->trying or d->leaving is leased by d->token; each is in exactly one of them, or in a
 *       batch on its way to the disk (settle.c).
 *   (2) nobody is told of an event's acceptance, end or cancellation before that is on disk.
 *   (3) each call to the store holds the object (d->busy) until its completion, also after
 *       delivery_free().
 *   (4) of each event one try runs at a time.
 *
 * put.c -> [disk] -> lanes.c -> take.c -> try.c or post.c -> settle.c -> [disk]
 */
#include "delivery/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/obj.h"
#include "fn/fn.h"
#include "loop/loop.h"
#include "observe/health.h"

enum { CAMPAIGN_MS = 500, NO_SPACE_MS = 1000 };

const struct log_cx delivery_cx = {.component = "delivery"};

#define LEASE S("delivery")

/* ---- life ---- */

static void destroy(struct delivery *d)
{
    lanes_forget(d);
    assert(map_count(d->held) == 0 && map_count(d->lanes) == 0);
    map_free(d->lanes);
    map_free(d->held);
    d->magic = 0;
    free(d);
}

void delivery_hold(struct delivery *d)
{
    d->busy++;
}

bool delivery_unhold(struct delivery *d)
{
    assert(d->busy > 0);
    d->busy--;
    if (!d->dead)
        return true;
    if (d->busy == 0 && !d->deferred)
        destroy(d);
    return false;
}

static void on_turn(void *user)
{
    struct delivery *d = OBJ(user, struct delivery, DELIVERY_MAGIC);

    d->deferred = false;
    if (d->dead) {
        if (d->busy == 0)
            destroy(d);
        return;
    }
    settle_flush(d);
    take(d);
    late_watch(d);
    if (d->draining && d->on_drained && !d->leasing && list_empty(&d->trying) && d->nleaving == 0) {
        void (*fn)(void *) = d->on_drained;

        d->on_drained = NULL;
        fn(d->on_drained_user);
    }
}

void delivery_turn(struct delivery *d)
{
    if (d->deferred || d->dead)
        return;
    d->deferred = true;
    loop_defer(d->env.loop, on_turn, d);
}

/* ---- the lease ---- */

static void campaign(struct delivery *d);

/* Nothing of what is in hand is written any more. */
static void give_up(struct delivery *d)
{
    struct list *it;

    d->token = 0;
    d->epoch++;
    while ((it = list_first(&d->trying))) {
        struct held *h = container_of(it, struct held, node);

        try_end(h);
        held_stop(h);
        held_free(h);
    }
    while ((it = list_first(&d->leaving))) {
        d->nleaving--;
        held_free(container_of(it, struct held, node));
    }
    map_free(d->held); /* those on their way to the disk are ours no more */
    d->held = map_new();
    lanes_forget(d);
    delivery_turn(d);
}

static void on_kept(void *user, int r, uint64_t token)
{
    struct delivery *d = OBJ(user, struct delivery, DELIVERY_MAGIC);

    (void)token;
    d->keeping = false;
    if (!delivery_unhold(d))
        return;
    /* Asked again with the next beat, unless it is lost. */
    if (r == -ESTALE || r == -EIO)
        (void)delivery_heard(d, r, d->epoch);
}

static void on_campaigned(void *user, int r, uint64_t token)
{
    struct delivery *d = OBJ(user, struct delivery, DELIVERY_MAGIC);

    d->campaigning = false;
    if (!delivery_unhold(d) || d->broken) /* the next queue has a campaign of its own */
        return;
    if (r == -EIO) {
        (void)delivery_heard(d, r, d->epoch);
    } else if (r < 0) {
        if (r == -EBUSY)
            log_debug(&delivery_cx, "somebody else delivers events, waiting");
        loop_timer_start(d->keep, CAMPAIGN_MS);
    } else {
        d->token = token;
        loop_timer_start(d->keep, LEASE_KEEP_MS);
        lanes_ask(d);
    }
}

static void campaign(struct delivery *d)
{
    if (d->campaigning || d->broken || d->dead)
        return;
    d->campaigning = true;
    delivery_hold(d);
    lease_campaign(d->queue, LEASE, LEASE_TTL_MS, on_campaigned, d);
}

static void on_keep(void *user)
{
    struct delivery *d = OBJ(user, struct delivery, DELIVERY_MAGIC);

    if (!d->token) {
        campaign(d);
        return;
    }
    loop_timer_start(d->keep, LEASE_KEEP_MS);
    take_extend(d);
    if (d->keeping || d->broken)
        return;
    d->keeping = true;
    delivery_hold(d);
    lease_keep(d->queue, LEASE, d->token, LEASE_TTL_MS, on_kept, d);
}

/* ---- what the store says of itself ---- */

static void fenced(struct delivery *d)
{
    log_warn(&delivery_cx,
             "somebody else has taken over the delivery of events: gave up %u runs, retrying",
             d->running + d->posting);
    give_up(d);
    loop_timer_start(d->keep, CAMPAIGN_MS);
}

static void on_broken_turn(void *user)
{
    struct delivery *d = OBJ(user, struct delivery, DELIVERY_MAGIC);

    if (delivery_unhold(d) && d->env.on_broken)
        d->env.on_broken(d->env.user);
}

static void broken(struct delivery *d)
{
    if (d->broken)
        return;
    d->broken = true;
    log_err(&delivery_cx, "the queue of events cannot be trusted any more: no event is accepted "
                          "before it was opened and checked again");
    health_set(d->env.health, "queue",
               "it was damaged or could not be written: no event is accepted before it was opened "
               "and checked again");
    loop_timer_stop(d->keep);
    loop_timer_stop(d->again);
    put_again(d);
    give_up(d);
    delivery_hold(d);
    loop_defer(d->env.loop, on_broken_turn, d);
}

bool delivery_heard(struct delivery *d, int r, uint32_t epoch)
{
    if (r >= 0)
        return epoch == d->epoch;
    if (r == -ESTALE) {
        if (epoch == d->epoch && d->token)
            fenced(d);
    } else if (r == -EIO) {
        broken(d);
    } else {
        if (r != -EAGAIN && r != -EINPROGRESS && r != -ENOSPC)
            log_err(&delivery_cx, "the queue of events refused, retrying: %s", strerror(-r));
        if (!loop_timer_running(d->again))
            loop_timer_start(d->again, r == -ENOSPC ? NO_SPACE_MS : PAUSE_MS);
    }
    return false;
}

void delivery_closed(struct delivery *d, struct queue *refusing)
{
    assert(d->broken);
    d->queue = refusing;
}

void delivery_reopen(struct delivery *d, struct queue *q)
{
    assert(d->broken);
    d->queue = q;
    d->broken = false;
    health_set(d->env.health, "queue", NULL);
    campaign(d);
}

/* ---- timers ---- */

static void on_look(void *user)
{
    lanes_look(OBJ(user, struct delivery, DELIVERY_MAGIC));
}

static void on_ask(void *user)
{
    lanes_ask(OBJ(user, struct delivery, DELIVERY_MAGIC));
}

static void on_again(void *user)
{
    struct delivery *d = OBJ(user, struct delivery, DELIVERY_MAGIC);

    if (d->ask_again)
        lanes_ask(d);
    put_again(d);
    delivery_turn(d);
}

/* ---- the face ---- */

void delivery_conf_default(struct delivery_conf *conf)
{
    *conf = (struct delivery_conf){
            .waiting = 1000000, .running = 64, .per_function = 16, .keep_h = 72, .keep = 100000};
}

struct delivery *delivery_open(const struct delivery_env *env, struct queue *q,
                               const struct delivery_conf *conf)
{
    struct delivery *d = xnew(struct delivery);

    d->magic = DELIVERY_MAGIC;
    d->env = *env;
    d->queue = q;
    d->conf = *conf;
    d->lanes = map_new();
    d->held = map_new();
    list_init(&d->due);
    list_init(&d->resting);
    list_init(&d->sleeping);
    list_init(&d->trying);
    list_init(&d->leaving);
    list_init(&d->repeats);
    d->poster = poster_new(env->loop);
    d->look = loop_timer_new(env->loop, on_look, d);
    d->ask = loop_timer_new(env->loop, on_ask, d);
    d->keep = loop_timer_new(env->loop, on_keep, d);
    d->again = loop_timer_new(env->loop, on_again, d);
    d->tidy = loop_timer_new(env->loop, tidy_on_timer, d);
    d->late = loop_timer_new(env->loop, late_on_timer, d);
    d->epoch = 1;
    tidy_start(d);
    campaign(d);
    return d;
}

void delivery_configure(struct delivery *d, const struct delivery_conf *conf)
{
    d->conf = *conf;
    delivery_turn(d);
}

void delivery_function_changed(struct delivery *d, const struct fn *before, const struct fn *after)
{
    const struct fn *fn = after ? after : before;
    struct fn_key key = fn_key_of(fn);
    struct buf path;
    struct lane *lane;

    buf_init(&path, Q_NAME);
    fn_key_path(&key, &path);
    lane = buf_ok(&path) ? lane_find(d, buf_str(&path)) : NULL;
    if (lane)
        lane_wake(d, lane);
    buf_done(&path);
}

void delivery_look(struct delivery *d)
{
    lanes_ask(d);
}

void delivery_drain(struct delivery *d, void (*on_drained)(void *user), void *user)
{
    d->draining = true;
    d->on_drained = on_drained;
    d->on_drained_user = user;
    delivery_turn(d);
}

static void on_revoked(void *user, int r, uint64_t token)
{
    (void)r; /* or it runs out */
    (void)token;
    (void)delivery_unhold(OBJ(user, struct delivery, DELIVERY_MAGIC));
}

/* What still runs goes back, uncounted: whoever comes next takes it up at once. */
static void hand_back(struct delivery *d)
{
    struct list *it;

    d->draining = true;
    while ((it = list_first(&d->trying))) {
        struct held *h = container_of(it, struct held, node);

        try_end(h);
        settle(h, RAN_STOPPED, &(struct tried){0});
    }
    loop_timer_stop(d->again);
    put_again(d);
    settle_flush(d);
    if (!d->token)
        return;
    delivery_hold(d);
    lease_revoke(d->queue, LEASE, d->token, on_revoked, d);
}

struct delivery *delivery_free(struct delivery *d)
{
    if (!d)
        return NULL;
    assert(d->magic == DELIVERY_MAGIC && !d->dead);
    d->on_drained = NULL;
    hand_back(d);
    d->poster = poster_free(d->poster);
    d->look = loop_timer_free(d->look);
    d->ask = loop_timer_free(d->ask);
    d->keep = loop_timer_free(d->keep);
    d->again = loop_timer_free(d->again);
    d->tidy = loop_timer_free(d->tidy);
    d->late = loop_timer_free(d->late);
    d->dead = true;
    if (d->busy == 0 && !d->deferred)
        destroy(d);
    return NULL;
}

struct queue *delivery_queue(struct delivery *d)
{
    return d->queue;
}

void delivery_stats(const struct delivery *d, struct delivery_stats *ret)
{
    size_t cursor = 0;
    struct str key;
    void *lane;

    *ret = d->stats;
    ret->running = d->running + d->posting;
    ret->queues = (uint32_t)map_count(d->lanes);
    while (map_next(d->lanes, &cursor, &key, &lane))
        ret->waiting += ((const struct lane *)lane)->waiting;
}
