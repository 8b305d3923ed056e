/* SPDX-License-Identifier: Apache-2.0 */
/*
 * late.c - what grows too old while it waits for room ends in time, not when its turn would come.
 *
 * Age is looked at when an event is leased (try.c), which is never where the runs of its function hang
 * or cannot begin. So while lanes have something due that does not run, they are asked once a second for
 * what has reached its age (q_lease(), late), a few lanes at a time and in turn. What is found ends like
 * any other that is late, and tells its destination. A lane without anything due has nothing late: no
 * event waits for a moment behind its age.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"
#include "delivery/internal.h"
#include "loop/loop.h"

enum {
    LOOKING_MAGIC = 0x4c415445,
    LANES = 64, /* of one look; half of them at most rest */
    AT_ONCE = 256,
};

struct looking {
    uint32_t magic;
    struct delivery *d;
    uint32_t epoch;
};

static void look_again(struct delivery *d, uint64_t ms)
{
    if (!loop_timer_running(d->late))
        loop_timer_start(d->late, ms);
}

void late_watch(struct delivery *d)
{
    if (d->token && !d->draining && !(list_empty(&d->due) && list_empty(&d->resting)))
        look_again(d, LATE_LOOK_MS);
}

static void on_late(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct looking *l = OBJ(user, struct looking, LOOKING_MAGIC);
    struct delivery *d = l->d;
    uint32_t epoch = l->epoch;

    (void)more;
    free(l);
    d->leasing = false;
    if (!delivery_unhold(d))
        return;
    if (!delivery_heard(d, r, epoch))
        n = 0;
    for (uint32_t i = 0; i < n; i++)
        take_adopt(d, &events[i], true);
    if (r == -EINPROGRESS)
        take_find_lost(d);
    if (n > 0) { /* there may be more where these were */
        loop_timer_stop(d->late);
        look_again(d, 1);
    }
    delivery_turn(d);
}

/* From the front of a list; who is asked goes to its end. */
static uint32_t gather(struct list *lanes, struct q_want *wants, uint32_t n, uint32_t most)
{
    struct list asked;

    list_init(&asked);
    while (n < most && !list_empty(lanes)) {
        struct list *it = list_pop_front(lanes);
        struct lane *lane = container_of(it, struct lane, node);

        list_push_back(&asked, it);
        lane->capped = false; /* its triggers may have changed */
        if (lane->waiting > 0)
            wants[n++] = (struct q_want){.queue = str_of(lane->name)};
    }
    for (struct list *it; (it = list_pop_front(&asked));)
        list_push_back(lanes, it);
    return n;
}

void late_on_timer(void *user)
{
    struct delivery *d = OBJ(user, struct delivery, DELIVERY_MAGIC);
    struct q_want wants[LANES];
    struct q_lease lease = {
            .token = d->token, .wants = wants, .visible_ms = VISIBLE_MS, .late = true};
    struct looking *l;

    if (!d->token || d->draining || d->broken || d->dead)
        return; /* late_watch() begins again */
    if (d->leasing || d->nleaving >= LEAVING_MOST || loop_timer_running(d->again)) {
        look_again(d, PAUSE_MS);
        return;
    }
    lease.nwants = gather(&d->resting, wants, 0, LANES / 2);
    lease.nwants = gather(&d->due, wants, lease.nwants, LANES);
    if (lease.nwants == 0) {
        late_watch(d);
        return;
    }
    for (uint32_t i = 0; i < lease.nwants; i++)
        wants[i].most = AT_ONCE / lease.nwants;
    l = xnew(struct looking);
    l->magic = LOOKING_MAGIC;
    l->d = d;
    l->epoch = d->epoch;
    d->leasing = true;
    delivery_hold(d);
    q_lease(d->queue, &lease, on_late, l);
}
