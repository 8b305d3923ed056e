/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lanes.c - what waits in each queue, as far as one has to know it.
 *
 * A lane is here for every queue with something waiting or running. It is DUE (in a ring: take.c serves
 * them in turn), RESTING (it has something due, and cannot run now), or neither: then it costs nothing
 * until the first of the moments it remembers. It remembers the next LANE_DUES of them; those after are
 * asked of the store when they are needed.
 *
 * Moments are the store's time, which may jump: a rest that would last longer than any rest does is
 * over, and nothing is waited for longer than CLOCK_LOOK_MS without a look.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/obj.h"
#include "delivery/internal.h"
#include "loop/loop.h"

bool lane_is_http(struct str name)
{
    return str_starts(name, S("http/"));
}

struct lane *lane_find(const struct delivery *d, struct str name)
{
    return map_get(d->lanes, name);
}

struct lane *lane_of(struct delivery *d, struct str name)
{
    struct lane *lane = lane_find(d, name);

    if (lane)
        return lane;
    lane = xnew(struct lane);
    lane->name = str_dup(name);
    lane->http = lane_is_http(name);
    list_init(&lane->node);
    list_init(&lane->sleep);
    map_put(d->lanes, name, lane);
    return lane;
}

static void lane_free(struct delivery *d, struct lane *lane)
{
    list_remove(&lane->node);
    list_remove(&lane->sleep);
    (void)map_del(d->lanes, str_of(lane->name));
    free(lane->name);
    free(lane);
}

void lane_unless_used(struct delivery *d, struct lane *lane)
{
    if (lane->held == 0 && lane->asked == 0 && lane->waiting == 0 && lane->ndues == 0 &&
        list_empty(&lane->node))
        lane_free(d, lane);
}

void lanes_forget(struct delivery *d)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    bool again = true;

    while (again) { /* a map must not change while it is walked */
        again = false;
        cursor = 0;
        while (!again && map_next(d->lanes, &cursor, &key, &value)) {
            struct lane *lane = value;

            list_remove(&lane->node);
            list_remove(&lane->sleep);
            lane->waiting = 0;
            lane->ndues = lane->asked = 0;
            lane->capped = false;
            lane->more = false;
            if (lane->held == 0) {
                lane_free(d, lane);
                again = true;
            }
        }
    }
}

/* ---- when ---- */

static void wake_at(struct delivery *d, int64_t at_ms)
{
    uint64_t ms = clock_store_wait_ms(at_ms);

    if (!loop_timer_running(d->look) || ms < CLOCK_LOOK_MS)
        loop_timer_start(d->look, ms);
}

static void enter_ring(struct delivery *d, struct lane *lane)
{
    lane->capped = false;
    if (list_empty(&lane->node))
        list_push_back(&d->due, &lane->node);
    delivery_turn(d);
}

/* Sorted in; the last goes when there is no room. From then on nothing is added behind the last, or
 * those that went would be overlooked: the store is asked for them when all before them is done. */
static void remember(struct delivery *d, struct lane *lane, int64_t at_ms)
{
    uint32_t i = lane->ndues;

    while (i > 0 && lane->dues[i - 1] > at_ms)
        i--;
    if (i > 0 && lane->dues[i - 1] == at_ms)
        return;
    if (i == LANE_DUES || (i == lane->ndues && lane->more)) {
        lane->more = true;
        return;
    }
    if (lane->ndues == LANE_DUES)
        lane->more = true;
    else
        lane->ndues++;
    for (uint32_t k = lane->ndues - 1; k > i; k--)
        lane->dues[k] = lane->dues[k - 1];
    lane->dues[i] = at_ms;
    if (list_empty(&lane->sleep))
        list_push_back(&d->sleeping, &lane->sleep);
    if (i == 0)
        wake_at(d, at_ms);
}

void lane_due(struct delivery *d, struct lane *lane, int64_t at_ms)
{
    if (at_ms <= clock_store_ms())
        enter_ring(d, lane);
    else
        remember(d, lane, at_ms);
}

static void forget_first(struct lane *lane, uint32_t n)
{
    lane->ndues -= n;
    memmove(lane->dues, lane->dues + n, lane->ndues * sizeof(lane->dues[0]));
    if (lane->ndues == 0)
        list_remove(&lane->sleep);
}

bool lane_quiet(struct delivery *d, struct lane *lane)
{
    list_remove(&lane->node);
    if (lane->ndues == 0 && lane->more) {
        lane->more = false;
        return false;
    }
    lane_unless_used(d, lane);
    return true;
}

/* ---- rest ---- */

int64_t lane_rest(struct delivery *d, struct lane *lane, uint64_t ms)
{
    uint32_t doublings = lane->rests < 8 ? lane->rests : 8;
    int64_t now = clock_store_ms();

    if (ms == 0)
        ms = (uint64_t)REST_MS << doublings;
    if (ms > REST_MOST_MS)
        ms = REST_MOST_MS;
    if (now >= lane->rest_from_ms && now < lane->rest_until_ms)
        return lane->rest_until_ms; /* others of the same batch */
    lane->rests++;
    lane->rest_from_ms = now;
    lane->rest_until_ms = now + (int64_t)ms;
    list_remove(&lane->node);
    list_push_back(&d->resting, &lane->node);
    wake_at(d, lane->rest_until_ms);
    return lane->rest_until_ms;
}

void lane_wake(struct delivery *d, struct lane *lane)
{
    bool resting = lane->rest_until_ms > 0;

    lane->rests = 0;
    lane->rest_from_ms = lane->rest_until_ms = 0;
    if (!resting)
        return;
    list_remove(&lane->node);
    enter_ring(d, lane);
}

static bool rested(const struct lane *lane, int64_t now_ms)
{
    return now_ms >= lane->rest_until_ms || now_ms < lane->rest_from_ms;
}

/* A clock that was set back makes nobody wait for a moment that had come. */
void lanes_look(struct delivery *d)
{
    int64_t now = clock_store_ms(), first = INT64_MAX;

    list_each (it, &d->resting) {
        struct lane *lane = container_of(it, struct lane, node);

        if (rested(lane, now)) {
            list_remove(&lane->node);
            lane->rest_from_ms = lane->rest_until_ms = 0;
            enter_ring(d, lane);
        } else if (lane->rest_until_ms < first) {
            first = lane->rest_until_ms;
        }
    }
    list_each (it, &d->sleeping) {
        struct lane *lane = container_of(it, struct lane, sleep);
        uint32_t n = 0;

        while (n < lane->ndues && lane->dues[n] <= now)
            n++;
        if (n > 0) {
            forget_first(lane, n);
            enter_ring(d, lane);
        }
        if (lane->ndues > 0 && lane->dues[0] < first)
            first = lane->dues[0];
    }
    if (first < INT64_MAX)
        wake_at(d, first);
}

/* ---- what the store says ---- */

static void on_ready(void *user, int r, const struct q_ready *rows, uint32_t n)
{
    struct delivery *d = OBJ(user, struct delivery, DELIVERY_MAGIC);
    bool lost = false;
    size_t cursor = 0;
    struct str key;
    void *known;

    d->asking = false;
    if (!delivery_unhold(d))
        return;
    if (!delivery_heard(d, r, d->epoch)) {
        d->ask_again = true;
        return;
    }
    while (map_next(d->lanes, &cursor, &key, &known))
        ((struct lane *)known)->waiting = 0; /* purged or cancelled, where no row tells of it */
    for (uint32_t i = 0; i < n; i++) {
        struct lane *lane = lane_of(d, rows[i].queue);

        lane->waiting = rows[i].waiting;
        lane->more = false; /* the first is told of now */
        /* Running, and not in our hands: of one that died, or of a lease that was not told of. */
        if (rows[i].running > lane->held) {
            lane_due(d, lane, 0);
            lost = true;
        }
        if (rows[i].waiting > 0)
            lane_due(d, lane, rows[i].at_ms);
        lane->more |= rows[i].waiting > 1;
        lane_unless_used(d, lane);
    }
    if (lost)
        take_find_lost(d);
    if (d->ask_again)
        loop_timer_start(d->ask, PAUSE_MS);
}

void lanes_ask(struct delivery *d)
{
    if (d->asking || d->broken || d->dead || d->draining) {
        d->ask_again = true;
        return;
    }
    d->ask_again = false;
    d->asking = true;
    delivery_hold(d);
    q_ready(d->queue, on_ready, d);
}
