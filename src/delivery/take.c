/* SPDX-License-Identifier: Apache-2.0 */
/*
 * take.c - leases: as many as fit, of each lane in turn.
 *
 * One lease is made at a time. What may run is shared out one by one over the lanes that are due, in the
 * order of the ring, and who got something goes to its end: a lane with a million events and one with a
 * single event wait for each other equally long. HTTP endpoints have a bound of their own, since one that
 * hangs must not keep functions from running.
 *
 * A trigger may have a bound of its own: a lease then takes no more of its events than that leaves. A lane
 * that got less than it asked for because of it stays in the ring, and is left out until a run of a
 * trigger's ends, or something new is due.
 *
 * A lease holds for a day, and is extended where a run takes longer: whoever dies is told apart by the
 * fencing token at once, not by time. If the clock jumps and an event we hold is leased to us again, it is
 * the same run under a new attempt. A lease whose answer was lost may have been made: what runs under our
 * token and is not in our hands is taken up.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "catalog/triggers.h"
#include "delivery/internal.h"
#include "fn/fn.h"
#include "loop/loop.h"

enum {
    TAKING_MAGIC = 0x54414b45,
    WANTS = 256,   /* lanes of one lease */
    AT_ONCE = 256, /* events of one lease: all of them come in one piece */
};

struct taking {
    uint32_t magic;
    struct delivery *d;
    uint32_t epoch, nwants;
    struct q_want wants[WANTS];
    struct lane *lanes[WANTS];
    struct q_cap *caps[WANTS]; /* owned, until the lease is asked for */
};

/* ---- held events ---- */

static struct str copy_part(char **to, struct str s)
{
    struct str copy = {*to, s.n};

    memcpy(*to, s.n ? s.p : "", s.n);
    *to += s.n;
    return copy;
}

struct held *held_new(struct delivery *d, struct lane *lane, const struct q_event *ev)
{
    struct held *h = xnew(struct held);
    char *to;

    h->magic = HELD_MAGIC;
    h->d = d;
    h->lane = lane;
    h->epoch = d->epoch;
    h->item = (struct q_item){ev->seq, ev->attempt};
    h->created_ms = ev->created_ms;
    h->expires_ms = ev->expires_ms;
    h->leased_until_ms = ev->at_ms;
    to = h->text = xcalloc(1, 1 + ev->id.n + ev->source.n + ev->order.n + ev->attributes.n +
                                      ev->payload.n + ev->note.n + 1);
    h->id = copy_part(&to, ev->id);
    to++; /* the id is terminated: for the log */
    h->source = copy_part(&to, ev->source);
    h->order = copy_part(&to, ev->order);
    h->attributes = copy_part(&to, ev->attributes);
    h->note = copy_part(&to, ev->note);
    h->payload = copy_part(&to, ev->payload);
    h->failed = ev->attempt > 1 ? note_failed(h->note) : 0;
    list_init(&h->callers);
    list_init(&h->children);
    list_push_back(&d->trying, &h->node);
    map_put(d->held, h->id, h);
    lane->held++;
    lane->running++;
    if (lane->http)
        d->posting++;
    else
        d->running++;
    return h;
}

void held_stop(struct held *h)
{
    h->lane->running--;
    if (h->lane->http)
        h->d->posting--;
    else
        h->d->running--;
}

struct held *held_free(struct held *h)
{
    list_remove(&h->node);
    cancel_forget(h);
    if (map_get(h->d->held, h->id) == h)
        (void)map_del(h->d->held, h->id);
    h->lane->held--;
    lane_unless_used(h->d, h->lane);
    buf_done(&h->new_note);
    if (h->fn)
        fn_unref(h->fn);
    free(h->record_text);
    free(h->text);
    h->magic = 0;
    free(h);
    return NULL;
}

/* ---- sharing out ---- */

/* Runs that one function may have at once. One that may have none is asked now and then. */
static uint32_t most_of(const struct delivery *d, const struct lane *lane)
{
    const struct fn *fn;
    uint64_t runs;

    if (lane->http)
        return POSTING_LANE;
    fn = catalog_find_path(d->env.catalog, str_of(lane->name));
    if (!fn)
        return d->conf.per_function;
    runs = (uint64_t)fn->max_instances * (fn->instance_concurrency ? fn->instance_concurrency : 1);
    runs = runs ? runs : 1;
    /* After a rest it is tried with one. */
    if (lane->rests > 0)
        runs = 1;
    return runs < d->conf.per_function ? (uint32_t)runs : d->conf.per_function;
}

static uint32_t share(struct taking *t, uint32_t *room, bool http)
{
    uint32_t given = 0;

    for (bool some = true; some && *room > 0;) {
        some = false;
        for (uint32_t i = 0; i<t->nwants && * room> 0; i++) {
            struct lane *lane = t->lanes[i];

            if (lane->http != http || lane->running + lane->asked >= lane->limit)
                continue;
            lane->asked++;
            (*room)--;
            given++;
            some = true;
        }
    }
    return given;
}

/* Lanes of the ring that may run something, from its front. */
static void gather(struct delivery *d, struct taking *t, bool fns, bool https)
{
    list_each (it, &d->due) {
        struct lane *lane = container_of(it, struct lane, node);

        if (t->nwants == WANTS)
            break;
        if (!(lane->http ? https : fns) || lane->capped)
            continue;
        lane->limit = most_of(d, lane);
        if (lane->running < lane->limit)
            t->lanes[t->nwants++] = lane;
    }
}

/* ---- bounds of triggers ---- */

static uint32_t tried_of(const struct delivery *d, struct str source)
{
    uint32_t n = 0;

    list_each (it, &d->trying)
        n += str_eq(container_of(it, const struct held, node)->source, source);
    return n;
}

struct capping {
    struct taking *t;
    uint32_t at; /* of the lane */
};

static bool cap_one(void *user, const struct trigger *trigger)
{
    struct capping *c = user;
    struct q_want *want = &c->t->wants[c->at];
    struct str id = str_of(trigger->id);
    uint32_t tried, most = trigger->concurrency;

    if (most == 0)
        return true;
    if (!c->t->caps[c->at])
        c->t->caps[c->at] = xcalloc(Q_CAPS, sizeof(struct q_cap));
    tried = tried_of(c->t->d, id);
    c->t->caps[c->at][want->ncaps++] = (struct q_cap){id, most > tried ? most - tried : 0};
    want->caps = c->t->caps[c->at];
    return want->ncaps < Q_CAPS;
}

static_assert((int)TRIGGERS_PER_FUNCTION <= (int)Q_CAPS, "each trigger may have its bound");

static void each_trigger(const struct delivery *d, const struct lane *lane,
                         bool (*fn)(void *user, const struct trigger *t), void *user)
{
    const struct fn *of = lane->http ? NULL : catalog_find_path(d->env.catalog, str_of(lane->name));
    struct fn_key key;

    if (!of)
        return;
    key = fn_key_of(of);
    catalog_each_trigger(d->env.catalog, &key, fn, user);
}

struct search {
    const struct delivery *d;
    bool at_bound;
};

static bool look_at_bound(void *user, const struct trigger *trigger)
{
    struct search *s = user;

    s->at_bound =
            trigger->concurrency > 0 && tried_of(s->d, str_of(trigger->id)) >= trigger->concurrency;
    return !s->at_bound;
}

/* It got less than it asked for: did a trigger's bound leave events waiting? */
static bool held_back(const struct delivery *d, const struct lane *lane)
{
    struct search s = {.d = d, .at_bound = lane->freed};

    if (lane->ncaps == 0 || lane->waiting == 0)
        return false;
    if (!s.at_bound)
        each_trigger(d, lane, look_at_bound, &s);
    return s.at_bound;
}

static void set_caps(struct taking *t, uint32_t at)
{
    struct lane *lane = t->lanes[at];
    struct capping c = {t, at};

    each_trigger(t->d, lane, cap_one, &c);
    lane->ncaps = t->wants[at].ncaps;
    lane->freed = false;
}

static void keep_asked(struct taking *t)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < t->nwants; i++) {
        struct lane *lane = t->lanes[i];

        if (lane->asked == 0)
            continue;
        lane->got = 0;
        list_remove(&lane->node);
        t->lanes[n] = lane;
        t->wants[n] = (struct q_want){.queue = str_of(lane->name), .most = lane->asked};
        set_caps(t, n++);
    }
    t->nwants = n;
}

/* ---- what came ---- */

void take_adopt(struct delivery *d, const struct q_event *ev, bool late)
{
    struct lane *lane = lane_find(d, ev->queue);
    struct held *h = map_get(d->held, ev->id);

    if (lane) {
        lane->got++;
        lane->waiting -= lane->waiting > 0;
    }
    if (h) { /* the clock jumped: its lease ran out while we held it */
        h->item.attempt = ev->attempt;
        h->leased_until_ms = ev->at_ms;
        return;
    }
    h = held_new(d, lane ? lane : lane_of(d, ev->queue), ev);
    h->late = late;
    try_begin(h);
}

static void find_lost(struct delivery *d, uint64_t before);

static void on_lost(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct delivery *d = OBJ(user, struct delivery, DELIVERY_MAGIC);

    d->finding = false;
    if (!delivery_unhold(d) || !delivery_heard(d, r, d->epoch) || !d->token)
        return;
    for (uint32_t i = 0; i < n; i++)
        if (events[i].token == d->token && !map_get(d->held, events[i].id))
            take_adopt(d, &events[i], false);
    if (more && n > 0)
        find_lost(d, events[n - 1].seq);
    delivery_turn(d);
}

/* A lease under way is told of before this: the store keeps the order. */
static void find_lost(struct delivery *d, uint64_t before)
{
    struct q_filter which = {
            .states = 1u << Q_RUNNING, .before = before, .limit = Q_LIST, .payload = true};

    if (d->finding || d->broken || d->dead)
        return;
    d->finding = true;
    delivery_hold(d);
    q_list(d->queue, &which, on_lost, d);
}

void take_find_lost(struct delivery *d)
{
    find_lost(d, 0);
}

static void on_leased(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct taking *t = OBJ(user, struct taking, TAKING_MAGIC);
    struct delivery *d = t->d;
    bool ours = t->epoch == d->epoch, track = true;

    d->leasing = false;
    if (!delivery_unhold(d)) {
        free(t);
        return;
    }
    if (!delivery_heard(d, r, t->epoch))
        n = 0;
    if (!ours) { /* its lanes are not those any more */
        free(t);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        take_adopt(d, &events[i], false);
    for (uint32_t i = 0; i < t->nwants && d->epoch == t->epoch; i++) {
        struct lane *lane = t->lanes[i];
        bool full = lane->got == lane->asked || more || r < 0;

        lane->asked = 0;
        if (list_empty(&lane->node)) {
            bool capped = !full && held_back(d, lane);

            if (full || capped)
                lane_due(d, lane, 0);
            if (capped)
                lane->capped = !lane->freed;
            else if (!full)
                track &= lane_quiet(d, lane);
        }
    }
    if (!track)
        loop_timer_start(d->ask, PAUSE_MS);
    if (r == -EINPROGRESS)
        take_find_lost(d);
    free(t);
    delivery_turn(d);
}

void take(struct delivery *d)
{
    uint32_t fns = d->conf.running > d->running ? d->conf.running - d->running : 0;
    uint32_t https = POSTING > d->posting ? POSTING - d->posting : 0;
    struct q_lease lease;
    struct taking *t;

    if (!d->token || d->leasing || d->draining || d->broken || d->dead ||
        loop_timer_running(d->again) || d->nleaving >= LEAVING_MOST || list_empty(&d->due) ||
        fns + https == 0)
        return;
    fns = fns < AT_ONCE ? fns : AT_ONCE;
    t = xnew(struct taking);
    t->magic = TAKING_MAGIC;
    t->d = d;
    t->epoch = d->epoch;
    gather(d, t, fns > 0, https > 0);
    if (share(t, &fns, false) + share(t, &https, true) == 0) {
        free(t);
        return;
    }
    keep_asked(t);
    lease = (struct q_lease){
            .token = d->token, .wants = t->wants, .nwants = t->nwants, .visible_ms = VISIBLE_MS};
    d->leasing = true;
    delivery_hold(d);
    q_lease(d->queue, &lease, on_leased, t);
    for (uint32_t i = 0; i < t->nwants; i++)
        free(t->caps[i]);
}

/* ---- runs that take longer than a lease ---- */

struct extending {
    uint32_t magic;
    struct delivery *d;
    uint32_t epoch;
};

static void on_extended(void *user, int r, const int *ret, uint32_t n)
{
    struct extending *x = OBJ(user, struct extending, TAKING_MAGIC);
    struct delivery *d = x->d;
    uint32_t epoch = x->epoch;

    (void)ret; /* one that is stale hears so at its end */
    (void)n;
    free(x);
    if (delivery_unhold(d))
        (void)delivery_heard(d, r, epoch);
}

void take_extend(struct delivery *d)
{
    int64_t now = clock_store_ms();
    struct q_item items[Q_RECORDS];
    struct extending *x;
    uint32_t n = 0;

    list_each (it, &d->trying) {
        struct held *h = container_of(it, struct held, node);

        if (n == Q_RECORDS || h->leased_until_ms - now > VISIBLE_MS / 2)
            continue;
        h->leased_until_ms = now + VISIBLE_MS;
        items[n++] = h->item;
    }
    if (n == 0 || !d->token || d->broken)
        return;
    x = xnew(struct extending);
    x->magic = TAKING_MAGIC;
    x->d = d;
    x->epoch = d->epoch;
    delivery_hold(d);
    q_extend(d->queue, d->token, items, n, VISIBLE_MS, on_extended, x);
}
