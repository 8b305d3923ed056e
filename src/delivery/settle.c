/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle.c - the end of a try: what states.c says is done, on disk, in batches.
 *
 * Decided at once, written at the end of the turn together with all others that ended in it: one q_finish
 * for those that end, each with the record for its destination, and one q_again for those that wait again.
 * A batch the store has not taken, or does not know whether it has, is given again as it was; what was
 * applied the first time is stale then, and that is well.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/obj.h"
#include "delivery/internal.h"
#include "loop/loop.h"

enum { BATCH_MAGIC = 0x42415443 };

struct batch {
    uint32_t magic, epoch, n;
    struct delivery *d;
    struct held *held[]; /* owned */
};

/* ---- decide ---- */

static uint32_t random_u32(void)
{
    uint32_t v;

    random_bytes(&v, sizeof(v));
    return v;
}

static enum left left_for(struct held *h, enum what what, const struct retry *rules, int64_t now_ms)
{
    uint32_t tries = rules->failures || what != RAN_FAILED ? rules->retries : 0;

    h->at_ms = now_ms + (int64_t)retry_wait_ms(rules, h->item.attempt, random_u32());
    /* The last word of a function is its failure, not its age. */
    if (what != RAN_KILLED && h->failed > tries)
        return LEFT_NO_TRIES;
    if (h->expires_ms && h->at_ms >= h->expires_ms)
        return LEFT_NO_TIME;
    return LEFT_TRIES;
}

/* Released: at once where we end, else when its lane has rested; but to expire in time. */
static void release(struct held *h, enum what what, const struct tried *t, int64_t now_ms)
{
    h->uncounted = true;
    h->at_ms = now_ms;
    if (what != RAN_NOT_NOW)
        return;
    h->at_ms = lane_rest(h->d, h->lane, t->rest_ms);
    if (h->expires_ms && h->expires_ms < h->at_ms)
        h->at_ms = h->expires_ms > now_ms ? h->expires_ms : now_ms;
}

static void count(struct delivery *d, const struct held *h, bool counted)
{
    uint64_t *const ends[NEXTS] = {
            [NEXT_DONE] = &d->stats.done,           [NEXT_RETRY] = &d->stats.retries,
            [NEXT_DEAD] = &d->stats.dead,           [NEXT_EXPIRED] = &d->stats.expired,
            [NEXT_CANCELLED] = &d->stats.cancelled,
    };

    if (counted)
        d->stats.tries++;
    if (ends[h->next])
        (*ends[h->next])++;
}

void settle(struct held *h, enum what what, const struct tried *t)
{
    struct delivery *d = h->d;
    int64_t now = clock_store_ms();
    bool counted = states_counted(what);
    struct retry rules = retry_of(h->lane->http ? NULL : h->fn);
    const struct step *step;

    if (counted && what != RAN_KILLED && what != RAN_OK)
        h->failed++;
    step = states_step(what, left_for(h, what, &rules, now));
    h->next = step->next;
    h->uncounted = false;
    if (h->next == NEXT_RELEASE)
        release(h, what, t, now);
    else if (what != RAN_GONE && what != RAN_LATE && h->lane->rests > 0)
        lane_wake(d, h->lane);
    buf_init(&h->new_note, Q_NOTE);
    if (what != RAN_STOPPED)
        note_write(h, counted ? t : NULL, now, h->failed,
                   step->reason[0] ? str_of(step->reason) : t->error, &h->new_note);
    if (states_next(h->next)->told != TOLD_NOBODY)
        destination_record(h, t, now);
    count(d, h, counted);
    held_stop(h);
    if (h->source.n > 0) {
        h->lane->freed = true;
        if (h->lane->capped)
            lane_due(d, h->lane, 0);
    }
    h->state = HELD_LEAVING;
    list_remove(&h->node);
    list_push_back(&d->leaving, &h->node);
    d->nleaving++;
    delivery_turn(d);
}

/* ---- write ---- */

static void left(struct held *h, int r)
{
    struct delivery *d = h->d;
    struct lane *lane = h->lane;

    if (r == 0 && !states_next(h->next)->ends) {
        lane->waiting++;
        lane_due(d, lane, h->at_ms);
    }
    if (r == 0 && h->record.queue.n > 0) {
        struct lane *to = lane_of(d, h->record.queue);

        to->waiting++;
        lane_due(d, to, 0);
    }
    if (h->order.n > 0 && lane->waiting > 0)
        lane_due(d, lane, 0); /* those of its key may go on */
    cancel_heard(h, r);
    held_free(h);
}

static void on_written(void *user, int r, const int *ret, uint32_t n)
{
    struct batch *b = OBJ(user, struct batch, BATCH_MAGIC);
    struct delivery *d = b->d;
    bool ours = b->epoch == d->epoch, again = false;
    bool alive = !d->dead;

    if (alive && !delivery_heard(d, r, b->epoch))
        again = ours && b->epoch == d->epoch; /* unless it was given up */
    for (uint32_t i = 0; i < b->n; i++) {
        struct held *h = b->held[i];

        if (again) {
            list_push_back(&d->leaving, &h->node);
            continue;
        }
        d->nleaving--;
        if (alive && ours && r == 0 && b->epoch == d->epoch)
            left(h, i < n ? ret[i] : 0);
        else
            held_free(h);
    }
    free(b);
    if (delivery_unhold(d))
        delivery_turn(d);
}

static struct batch *batch_new(struct delivery *d, bool ends)
{
    struct batch *b = xcalloc(1, sizeof(*b) + Q_RECORDS * sizeof(struct held *));

    b->magic = BATCH_MAGIC;
    b->d = d;
    b->epoch = d->epoch;
    list_each (it, &d->leaving) {
        struct held *h = container_of(it, struct held, node);

        if (b->n == Q_RECORDS || states_next(h->next)->ends != ends)
            continue;
        list_remove(&h->node);
        b->held[b->n++] = h;
    }
    if (b->n > 0) {
        delivery_hold(d);
        return b;
    }
    free(b);
    return NULL;
}

static struct str note_of(const struct held *h)
{
    return h->new_note.n > 0 && buf_ok(&h->new_note) ? buf_str(&h->new_note) : STR_NONE;
}

/* A batch; false: there was none to write. */
static bool write_ends(struct delivery *d)
{
    struct batch *b = batch_new(d, true);
    struct q_end *items;

    if (!b)
        return false;
    items = xcalloc(b->n, sizeof(*items));
    for (uint32_t i = 0; i < b->n; i++) {
        const struct held *h = b->held[i];

        items[i] = (struct q_end){.item = h->item,
                                  .state = states_next(h->next)->state,
                                  .note = note_of(h),
                                  .puts = &h->record,
                                  .nputs = h->record.queue.n > 0};
    }
    q_finish(d->queue, d->token, items, b->n, on_written, b);
    free(items);
    return true;
}

static bool write_agains(struct delivery *d)
{
    struct batch *b = batch_new(d, false);
    struct q_again *items;

    if (!b)
        return false;
    items = xcalloc(b->n, sizeof(*items));
    for (uint32_t i = 0; i < b->n; i++) {
        const struct held *h = b->held[i];

        items[i] = (struct q_again){
                .item = h->item, .at_ms = h->at_ms, .uncounted = h->uncounted, .note = note_of(h)};
    }
    q_again(d->queue, d->token, items, b->n, on_written, b);
    free(items);
    return true;
}

/* All of it, however many batches that takes: after delivery_free() there is no next turn. */
void settle_flush(struct delivery *d)
{
    if (list_empty(&d->leaving) || !d->token || d->broken || loop_timer_running(d->again))
        return;
    while (write_ends(d))
        ;
    while (write_agains(d))
        ;
}
