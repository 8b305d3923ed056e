/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tidy.c - now and then: what ended long ago goes, the ledger is added up, and what waits is looked up
 * anew, in case a change to the queue was not told.
 *
 * Trimmed in small steps, so that nobody waits long behind one.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/obj.h"
#include "delivery/internal.h"
#include "loop/loop.h"
#include "observe/health.h"

enum { EVERY_MS = 30000, STEP = 500, STEP_MS = 50 };

void tidy_start(struct delivery *d)
{
    loop_timer_start(d->tidy, d->env.tidy_ms ? d->env.tidy_ms : EVERY_MS);
}

static void on_trimmed(void *user, int r, uint64_t n)
{
    struct delivery *d = OBJ(user, struct delivery, DELIVERY_MAGIC);

    d->trimming = false;
    if (!delivery_unhold(d))
        return;
    (void)delivery_heard(d, r, d->epoch);
    d->trimmed = r == 0 && n >= STEP; /* then nothing else is due with the next beat */
    if (d->trimmed)
        loop_timer_start(d->tidy, STEP_MS);
    else
        tidy_start(d);
}

static void on_counted(void *user, int r, const struct q_ledger *rows, uint32_t n)
{
    struct delivery *d = OBJ(user, struct delivery, DELIVERY_MAGIC);
    bool out = false;

    d->counting = false;
    if (!delivery_unhold(d) || !delivery_heard(d, r, d->epoch))
        return;
    for (uint32_t i = 0; i < n; i++) {
        if (q_ledger_adds_up(&rows[i]))
            continue;
        out = true;
        if (!d->unbalanced)
            log_err(&delivery_cx,
                    "ledger out of balance: queue '%.*s', source '%.*s': %" PRIu64
                    " accepted are not the sum of their states",
                    STR_ARG(rows[i].queue), STR_ARG(rows[i].source), rows[i].accepted);
    }
    if (out != d->unbalanced)
        health_set(d->env.health, "ledger",
                   out ? "accepted events and their states do not add up" : NULL);
    d->unbalanced = out;
}

void tidy_on_timer(void *user)
{
    struct delivery *d = OBJ(user, struct delivery, DELIVERY_MAGIC);
    int64_t before = clock_store_ms() - (int64_t)d->conf.keep_h * 3600 * 1000;

    if (d->broken || !d->token) {
        tidy_start(d);
        return;
    }
    if (!d->trimmed) {
        lanes_ask(d);
        if (!d->counting) {
            d->counting = true;
            delivery_hold(d);
            q_counts(d->queue, &(struct q_filter){0}, on_counted, d);
        }
    }
    if (d->trimming)
        return;
    d->trimming = true;
    delivery_hold(d);
    q_trim(d->queue, before, d->conf.keep, STEP, on_trimmed, d);
}
