/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep.c - which instances are found for the next job, and which idle ones stay.
 *
 * An idle instance is kept for keep_warm_ms, the longest idle one goes first, sooner when memory or
 * room is needed. What a function has reserved is not among those that go: of its instances, as
 * many as it reserved are never in the lru list.
 *
 * Memory: an instance counts what it may take (its limit) while it starts, runs or ends, and what
 * it was measured to take while it is idle. Running an idle one again may so lead above the bound:
 * then others that are idle go, and nothing new is started until there is room.
 */
#include "base/clock.h"
#include "base/obj.h"
#include "fn/fn.h"
#include "loop/loop.h"
#include "pool/supply.h"

static void charge(struct instance *in, uint64_t bytes)
{
    struct pool *p = in->group->pool;

    p->used_bytes += bytes - in->charged_bytes;
    in->charged_bytes = bytes;
    if (p->conf.memory_mb && p->used_bytes > (uint64_t)p->conf.memory_mb << 20)
        pool_next_turn(p);
}

static void recharge(struct instance *in)
{
    uint64_t limit = supply_limit_bytes(in->fn);

    if (instance_is_idle(in) && in->memory_bytes > 0 && in->memory_bytes < limit)
        charge(in, in->memory_bytes);
    else
        charge(in, limit);
}

void keep_forget(struct instance *in)
{
    in->group->pool->dying_bytes -= in->charged_bytes;
    charge(in, 0);
}

/* ---- the order in which idle ones go ---- */

static uint64_t stop_ns(const struct instance *in)
{
    return in->idle_ns + (uint64_t)in->group->pool->conf.keep_warm_ms * 1000000;
}

static void timer_from(struct pool *p)
{
    uint64_t end_ns, now = clock_mono_ns();

    if (list_empty(&p->lru))
        return;
    end_ns = stop_ns(container_of(p->lru.next, struct instance, lru_node));
    loop_timer_start(p->keep_warm, end_ns > now ? (end_ns - now + 999999) / 1000000 : 0);
}

void keep_on_timer(void *user)
{
    struct pool *p = OBJ(user, struct pool, POOL_MAGIC);
    uint64_t now = clock_mono_ns();

    for (struct list *it; (it = list_first(&p->lru)) != NULL;) {
        struct instance *in = container_of(it, struct instance, lru_node);

        if (stop_ns(in) > now)
            break;
        instance_stop(in);
    }
    timer_from(p);
}

static void leave_lru(struct instance *in)
{
    if (list_empty(&in->lru_node))
        return;
    list_remove(&in->lru_node);
    in->group->nlru--;
}

/* How many of its live instances may go. */
static uint32_t may_go(const struct group *g)
{
    uint32_t live = g->ninstances - g->ndying;

    return live > g->reserved ? live - g->reserved : 0;
}

static void enter_lru(struct instance *in)
{
    struct pool *p = in->group->pool;

    if (in->group->nlru >= may_go(in->group))
        return;
    list_push_back(&p->lru, &in->lru_node);
    in->group->nlru++;
    if (!loop_timer_running(p->keep_warm))
        timer_from(p);
}

/* One died, or more are reserved now: the youngest idle ones stay. */
static void settle(struct group *g)
{
    list_each (it, &g->idle) {
        if (g->nlru <= may_go(g))
            return;
        leave_lru(container_of(it, struct instance, free_node));
    }
}

bool keep_evict(struct pool *p)
{
    struct list *it = list_first(&p->lru);

    if (!it)
        return false;
    p->evictions++;
    instance_stop(container_of(it, struct instance, lru_node));
    return true;
}

void keep_reserve(struct group *g, uint32_t reserved)
{
    g->reserved = reserved;
    list_remove(&g->kept_node);
    if (reserved > 0)
        list_push_back(&g->pool->kept, &g->kept_node);
    settle(g);
    list_each (it, &g->idle) /* fewer: those that need not stay */
        if (list_empty(&container_of(it, struct instance, free_node)->lru_node))
            enter_lru(container_of(it, struct instance, free_node));
    pool_next_turn(g->pool);
}

/* ---- places ---- */

void keep_unfile(struct instance *in)
{
    list_remove(&in->free_node);
    leave_lru(in);
}

void keep_file(struct instance *in)
{
    keep_unfile(in);
    recharge(in);
    if (instance_room(in) == 0)
        return;
    if (in->state == INST_BUSY) {
        list_push_front(&in->group->roomy, &in->free_node);
    } else {
        list_push_front(&in->group->idle, &in->free_node);
        enter_lru(in);
    }
}

void keep_doomed(struct instance *in)
{
    keep_unfile(in);
    in->group->pool->dying_bytes += in->charged_bytes;
    settle(in->group);
}
