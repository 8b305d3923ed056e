/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supply.c - who gets a start, and who has to make room for it.
 *
 * At either bound an idle instance of somebody else is stopped to make room, and the start follows
 * when its end is reported: of the function, an idle one of another revision; of all, the longest
 * idle one. Functions that wait at the bound of all are served in the order in which they began to
 * wait, each as far as its own limit goes: one with many waiting jobs can delay the others.
 */
#include "pool/supply.h"

#include "base/err.h"
#include "fn/fn.h"

void supply_start(struct group *g, struct job *job)
{
    struct pool *p = g->pool;
    struct instance *in;
    struct err e = {0};

    if (instance_new(&p->env, g->fn, job, &in, &e) < 0) {
        pool_end_later(p, job, &e);
        return;
    }
    in->group = g;
    list_push_back(&g->instances, &in->node);
    list_push_back(&g->starting, &in->free_node);
    g->ninstances++;
    g->family->ninstances++;
    p->ninstances++;
    p->starts++;
}

static bool evict_one(struct pool *p)
{
    if (list_empty(&p->lru))
        return false;
    instance_stop(container_of(p->lru.next, struct instance, lru_node));
    return true;
}

/* An idle one of another revision: a group in which a job waits has none itself. */
static bool evict_kin(struct family *f)
{
    list_each (it, &f->groups) {
        struct group *g = container_of(it, struct group, kin);

        if (list_empty(&g->idle))
            continue;
        instance_stop(container_of(g->idle.prev, struct instance, free_node));
        return true;
    }
    return false;
}

static uint32_t room_in(const struct family *f)
{
    return f->ninstances < f->max_instances ? f->max_instances - f->ninstances : 0;
}

bool supply_may_start(const struct group *g)
{
    return room_in(g->family) > 0 && g->pool->ninstances < g->pool->conf.instances;
}

uint32_t supply_coming(const struct group *g)
{
    uint32_t places = 0;

    list_each (it, &g->starting) {
        const struct instance *in = container_of(it, struct instance, free_node);

        places += in->places - (in->job ? 1 : 0);
    }
    return places;
}

void supply_feed(struct pool *p)
{
    uint32_t blocked = 0; /* jobs that wait for room in the whole, not in their function */

    list_each (it, &p->lines.hungry) {
        struct group *g = container_of(it, struct group, hungry);
        struct family *f = g->family;
        uint32_t room, coming = supply_coming(g), wanted;

        for (; g->nwaiting > coming && supply_may_start(g); coming = supply_coming(g))
            supply_start(g, first_in_line(&p->lines, g));
        room = room_in(f);
        wanted = g->nwaiting > coming ? g->nwaiting - coming : 0;
        blocked += wanted < room ? wanted : room;
        while (room == 0 && f->ndying < wanted && evict_kin(f))
            ;
        if (g->nwaiting == 0)
            group_unless_used(&p->lines, g);
    }
    while (p->ndying < blocked && evict_one(p))
        ;
}

struct instance *supply_place(const struct group *g)
{
    struct list *it = list_first(&g->roomy);

    if (!it)
        it = list_first(&g->idle);
    return it ? container_of(it, struct instance, free_node) : NULL;
}

struct instance *supply_spare(const struct group *g)
{
    list_each (it, &g->starting) {
        struct instance *in = container_of(it, struct instance, free_node);

        if (instance_is_early(in) && !in->job)
            return in;
    }
    return NULL;
}

struct job *supply_unbegun(const struct group *g)
{
    list_each (it, &g->starting) {
        struct instance *in = container_of(it, struct instance, free_node);

        if (instance_is_early(in) && in->job)
            return instance_detach(in);
    }
    return NULL;
}
