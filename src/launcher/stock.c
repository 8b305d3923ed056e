/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stock.c - what is made before it is asked for, and how much of it.
 *
 * Two kinds: empty slots, good for any function; and, for runtimes whose
 * program can start without the code, spares: slots in which it has said READY.
 * A START takes the one that is nearest to running it. What is taken is made
 * again in the background: one thing at a time, and only while no START is
 * being worked on, which would have to share the CPUs with it.
 *
 * How many: EMPTY_MIN empty slots (0.3 MiB each). Of a runtime that nobody has
 * asked for, nothing. Then one spare, or as many as WARM says (Python 2.5 MiB,
 * Node 10). A START that finds none adds one on top, up to the runtime's
 * maximum; one goes again with each SHRINK_MS in which none was missed. The
 * whole set of an idle launcher that has run Python stays below 25 MiB with its
 * zygote.
 *
 * A spare that dies makes the next one wait, longer each time: a program that
 * cannot run here must not be tried all day. Nor is it complained of all day: once, until one gets
 * as far as READY. One that is only late is no reason to complain before it has been late
 * LATE_MAX times in a row: on a busy host that is what spares are, and nobody waits for them.
 */
#include "launcher/slot.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/obj.h"

enum {
    EMPTY_MIN = 2,
    EMPTY_EXTRA_MAX = 6,
    SHRINK_MS = 30000,
    PAUSE_MIN_MS = 250,
    PAUSE_MAX_MS = 60000,
    LATE_MAX = 3, /* in a row: no passing load then */
};

static const struct log_cx cx = {.component = "stock"};

static const uint64_t ms_ns = 1000000;

static struct stock *stock_of(struct instances *set, const struct runtime *rt)
{
    return &set->stocks[rt->index];
}

/* How near a slot is to running rt: the higher the nearer; 0: it cannot. */
static int nearness(const struct slot *s, const struct runtime *rt)
{
    bool same = s->runtime == rt;

    switch (s->state) {
    case SLOT_SPARE:
        return same ? 5 : 0;
    case SLOT_WARMING:
        return same ? 4 : 0;
    case SLOT_EMPTY:
        return 3;
    case SLOT_WAKING:
        return same ? 2 : 0;
    case SLOT_MAKING:
        return !s->runtime || same ? 1 : 0;
    case SLOT_FREE:
    case SLOT_ATTACHING:
    case SLOT_RUNNING:
    case SLOT_DYING:
    case SLOT_STATES:
        break;
    }
    return 0;
}

static void add_extra(uint32_t *extra, uint32_t max, uint64_t *shrink_ns)
{
    if (*extra < max)
        ++*extra;
    *shrink_ns = clock_mono_ns() + SHRINK_MS * ms_ns;
}

struct slot *stock_take(struct instances *set, const struct runtime *rt)
{
    struct stock *st = stock_of(set, rt);
    struct slot *best = NULL;
    int best_n = 0;

    list_each (node, &set->stock) {
        struct slot *s = container_of(node, struct slot, node);
        int n = nearness(s, rt);

        if (n > best_n) {
            best = s;
            best_n = n;
        }
    }
    if (rt->spare && st->used && (!best || best->state != SLOT_SPARE))
        add_extra(&st->extra, rt->spares_max, &st->shrink_ns);
    if (!best)
        add_extra(&set->extra_empty, EMPTY_EXTRA_MAX, &set->shrink_empty_ns);
    st->used = true;
    return best;
}

void stock_warm(struct instances *set, const struct runtime *rt, uint32_t spares)
{
    struct stock *st = stock_of(set, rt);

    st->warm = spares;
    st->used = st->used || spares > 0;
}

void stock_fresh(struct instances *set)
{
    set->extra_empty = 0;
    for (size_t i = 0; i < RUNTIMES_MAX; i++)
        set->stocks[i].extra = set->stocks[i].warm = 0;
}

/* A program that gets as far as READY can run here: what ends it later is no reason to wait long. */
void stock_ready(struct instances *set, const struct runtime *rt)
{
    struct stock *st = stock_of(set, rt);

    st->pause_ms = st->failed = 0;
    st->complained = false;
}

void stock_failed(struct instances *set, const struct runtime *rt, const struct err *why)
{
    struct stock *st = stock_of(set, rt);

    st->pause_ms = st->pause_ms ? st->pause_ms * 2 : PAUSE_MIN_MS;
    if (st->pause_ms > PAUSE_MAX_MS)
        st->pause_ms = PAUSE_MAX_MS;
    st->retry_ns = clock_mono_ns() + st->pause_ms * ms_ns;
    st->failed++;
    if (!st->complained && (why->code != -ETIMEDOUT || st->failed >= LATE_MAX)) {
        st->complained = true;
        log_warn(&cx, "spare of '%s': %s, trying again in %u ms", rt->id, why->msg, st->pause_ms);
        return;
    }
    log_info(&cx, "spare of '%s': %s, trying again in %u ms", rt->id, why->msg, st->pause_ms);
}

struct count {
    uint32_t empty, making, total;
    uint32_t spares[RUNTIMES_MAX];
};

static void count_stock(struct instances *set, struct count *c)
{
    memset(c, 0, sizeof *c);
    list_each (node, &set->stock) {
        struct slot *s = container_of(node, struct slot, node);

        c->total++;
        if (s->state == SLOT_DYING)
            continue;
        if (s->runtime)
            c->spares[s->runtime->index]++;
        else
            c->empty++;
        c->making += s->state != SLOT_EMPTY && s->state != SLOT_SPARE;
    }
}

static uint32_t wanted(const struct instances *set, const struct runtime *rt)
{
    const struct stock *st = &set->stocks[rt->index];
    uint32_t base = st->warm ? st->warm : 1;
    uint32_t max = st->warm > rt->spares_max ? st->warm : rt->spares_max;

    if (!st->used || !rt->spare)
        return 0;
    return base + st->extra < max ? base + st->extra : max;
}

static void shrink(uint32_t *extra, uint64_t *shrink_ns, uint64_t now_ns)
{
    if (*extra == 0 || now_ns < *shrink_ns)
        return;
    --*extra;
    *shrink_ns = now_ns + SHRINK_MS * ms_ns;
}

/* The first of the stock in that state and for that runtime. */
static struct slot *pick(struct instances *set, enum slot_state state, const struct runtime *rt)
{
    list_each (node, &set->stock) {
        struct slot *s = container_of(node, struct slot, node);

        if (s->state == state && s->runtime == rt)
            return s;
    }
    return NULL;
}

static void make(struct instances *set, const struct runtime *rt)
{
    struct slot *s = rt ? pick(set, SLOT_EMPTY, NULL) : NULL;
    struct err e = {0};

    if (s) {
        slot_wake(set, s, rt);
    } else if (slot_new(set, rt, &s, &e) < 0) {
        set->retry_ns = clock_mono_ns() + PAUSE_MAX_MS * ms_ns;
        log_warn(&cx, "no slot ahead of time, trying again in %d s: %s", PAUSE_MAX_MS / 1000,
                 e.msg);
    }
}

static bool drop_one(struct instances *set, enum slot_state state, const struct runtime *rt)
{
    struct slot *s = pick(set, state, rt);

    if (s)
        slot_kill(set, s);
    return s != NULL;
}

/* A START is being worked on. */
static bool busy(struct instances *set)
{
    list_each (node, &set->waiting) {
        if (container_of(node, struct slot, waiting)->bound)
            return true;
    }
    return false;
}

/* A zygote is on its way: no use exec'ing the same program once more. */
static bool zygote_expected(struct instances *set, const struct runtime *rt)
{
    const struct zygote *z = &stock_of(set, rt)->zygote;

    return rt->zygote[0] && !zygote_up(set, rt) && z->process.pidfd >= 0;
}

/* At most one thing is made. True: something was. */
static bool refill(struct instances *set, const struct count *c, uint64_t now_ns)
{
    if (c->making > 0 || c->total >= STOCK_MAX / 2 || now_ns < set->retry_ns)
        return false;
    for (size_t i = 0; i < runtimes_count(set->host.runtimes); i++) {
        const struct runtime *rt = runtimes_at(set->host.runtimes, i);

        if (c->spares[i] < wanted(set, rt) && now_ns >= set->stocks[i].retry_ns &&
            !zygote_expected(set, rt)) {
            make(set, rt);
            return true;
        }
    }
    if (c->empty < EMPTY_MIN + set->extra_empty) {
        make(set, NULL);
        return true;
    }
    return false;
}

static void reduce(struct instances *set, const struct count *c)
{
    for (size_t i = 0; i < runtimes_count(set->host.runtimes); i++) {
        const struct runtime *rt = runtimes_at(set->host.runtimes, i);

        if (c->spares[i] > wanted(set, rt) && drop_one(set, SLOT_SPARE, rt))
            return;
    }
    if (c->empty > EMPTY_MIN + set->extra_empty)
        (void)drop_one(set, SLOT_EMPTY, NULL);
}

static void sooner(int *wait_ms, uint64_t at_ns, uint64_t now_ns)
{
    int ms = at_ns > now_ns ? (int)((at_ns - now_ns) / ms_ns) + 1 : 0;

    if (*wait_ms < 0 || ms < *wait_ms)
        *wait_ms = ms;
}

int stock_turn(struct instances *set, uint64_t now_ns)
{
    int wait_ms = -1;
    struct count c;

    shrink(&set->extra_empty, &set->shrink_empty_ns, now_ns);
    if (set->extra_empty > 0)
        sooner(&wait_ms, set->shrink_empty_ns, now_ns);
    count_stock(set, &c);
    for (size_t i = 0; i < runtimes_count(set->host.runtimes); i++) {
        const struct runtime *rt = runtimes_at(set->host.runtimes, i);
        struct stock *st = &set->stocks[i];
        int ms = zygote_turn(set, rt, now_ns);

        shrink(&st->extra, &st->shrink_ns, now_ns);
        if (st->extra > 0)
            sooner(&wait_ms, st->shrink_ns, now_ns);
        if (st->retry_ns > now_ns && c.spares[i] < wanted(set, rt))
            sooner(&wait_ms, st->retry_ns, now_ns);
        if (ms >= 0)
            sooner(&wait_ms, now_ns + (uint64_t)ms * ms_ns, now_ns);
    }

    reduce(set, &c);
    /* What is being made tells us when it is done; a START that is busy, too. */
    if (!busy(set) && !refill(set, &c, now_ns) && set->host.net && net_refill(set->host.net))
        wait_ms = 0;
    return wait_ms;
}
