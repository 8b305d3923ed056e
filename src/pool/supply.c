/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supply.c - who gets a start, and who has to make room for it.
 *
 * From zero, every job that waits gets a start until the places of those under way suffice. Later a
 * start has to pay: another process is no gain where the line moves faster than a process comes up
 * (on two cores, sixty workers of a function that computes are slower than two). So another one is
 * started only if the expected wait, waiting x mean run / places, is longer than a start took so far
 * - or if somebody has waited that long already, since what was expected may not come; of these one
 * at a time, because when the whole machine stands still for a moment everybody has waited.
 *
 * At either bound an idle instance of somebody else is stopped to make room, and the start follows
 * when its end is reported: of the function, an idle one of another revision; of all, the longest
 * idle one. Functions that wait at the bound of all are served in the order in which they began to
 * wait, each as far as its own limit goes: one with many waiting jobs can delay the others.
 *
 * Jobs in the background, for which nobody waits, take what is left: in a line they stand behind all
 * others, and while anybody else waits for anything they get no start that takes the last room of the
 * function or of the whole. A host that nobody waits for is theirs.
 */
#include "pool/supply.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "fn/fn.h"

uint64_t supply_limit_bytes(const struct fn *fn)
{
    return (uint64_t)fn->memory_mb << 20;
}

static void not_started(struct group *g, struct job *job, const struct err *e)
{
    struct log_cx cx = {.component = "pool", .function = g->fn->name};

    if (job) {
        pool_end_later(g->pool, job, e);
        return;
    }
    log_info(&cx, "no reserved instance, retrying: %s", e->msg);
    g->keep_after_ns = clock_mono_ns() + 60 * 1000000000ull;
}

void supply_start(struct group *g, struct job *job)
{
    struct pool *p = g->pool;
    struct instance *in;
    struct err e = {0};

    if (instance_new(&p->env, g->fn, job, &in, &e) < 0) {
        not_started(g, job, &e);
        return;
    }
    in->group = g;
    list_push_back(&g->instances, &in->node);
    list_push_back(&g->starting, &in->free_node);
    in->charged_bytes = supply_limit_bytes(g->fn);
    p->used_bytes += in->charged_bytes;
    g->ninstances++;
    g->family->ninstances++;
    p->ninstances++;
    p->starts++;
}

/* ---- room ---- */

static uint32_t room_in(const struct family *f)
{
    return f->ninstances < f->max_instances ? f->max_instances - f->ninstances : 0;
}

/* The only instance of all may be larger than the whole: it would never run else. */
static bool memory_for(const struct pool *p, const struct fn *fn)
{
    uint64_t bound = (uint64_t)p->conf.memory_mb << 20;

    return bound == 0 || p->ninstances == 0 || p->used_bytes + supply_limit_bytes(fn) <= bound;
}

bool supply_may_start(const struct group *g)
{
    const struct pool *p = g->pool;

    return room_in(g->family) > 0 && p->ninstances < p->conf.instances && memory_for(p, g->fn) &&
           !sick_holds_back(g);
}

bool supply_may_start_later(const struct group *g)
{
    const struct pool *p = g->pool;
    uint64_t bound = (uint64_t)p->conf.memory_mb << 20;

    if (!supply_may_start(g))
        return false;
    if (p->lines.nurgent == 0)
        return true;
    return g->family->nurgent == 0 && p->ninstances + 1 < p->conf.instances &&
           (bound == 0 || p->used_bytes + 2 * supply_limit_bytes(g->fn) <= bound);
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

static uint64_t head_ns(const struct group *g)
{
    const struct job *job = next_in_line(g);

    return job ? job->wait_ns : UINT64_MAX;
}

bool supply_owed_to_kin(const struct group *g)
{
    const struct family *f = g->family;

    if (f->nwaiting == g->nwaiting || room_in(f) > 0 || f->ndying > 0)
        return false;
    list_each (it, &g->family->groups)
        if (head_ns(container_of(it, struct group, kin)) < head_ns(g))
            return true;
    return false;
}

/* ---- does it pay ---- */

uint32_t supply_coming(const struct group *g)
{
    uint32_t places = 0;

    list_each (it, &g->starting) {
        const struct instance *in = container_of(it, struct instance, free_node);

        places += in->places - (in->job && !in->job->load_only ? 1 : 0);
    }
    return places;
}

bool supply_pays(const struct group *g, uint32_t waiting, uint64_t now_ns, uint64_t *ret_when_ns)
{
    uint64_t live = g->ninstances - g->ndying, head = head_ns(g);
    uint64_t places = live * (g->fn->instance_concurrency ? g->fn->instance_concurrency : 1);

    if (live == 0 || g->run_ns == 0 || g->start_ns == 0)
        return true;
    if (waiting * g->run_ns / places > g->start_ns)
        return true;
    if (head == UINT64_MAX)
        head = now_ns;
    if (head + g->start_ns > now_ns) {
        *ret_when_ns = head + g->start_ns;
        return false;
    }
    *ret_when_ns = now_ns + g->start_ns;
    return list_empty(&g->starting);
}

/* ---- once per turn ---- */

/* Starts for the group's line, or for those of it that somebody waits for. What is left is returned:
 * jobs that only lack room in the whole. */
static uint32_t feed(struct group *g, bool urgent, uint64_t now_ns)
{
    const uint32_t *waiting = urgent ? &g->nurgent : &g->nwaiting;
    struct pool *p = g->pool;
    struct family *f = g->family;
    uint32_t room, wanted;
    uint64_t when;

    while (*waiting > supply_coming(g)) {
        if (!supply_pays(g, *waiting, now_ns, &when)) {
            pool_wake_at(p, when);
            return 0;
        }
        if (!(urgent ? supply_may_start(g) : supply_may_start_later(g)))
            break;
        supply_start(g, first_in_line(&p->lines, g));
    }
    if (sick_holds_back(g))
        return 0;
    room = room_in(f);
    wanted = supply_coming(g);
    wanted = *waiting > wanted ? *waiting - wanted : 0;
    while (room == 0 && f->ndying < wanted && evict_kin(f))
        ;
    return wanted < room ? wanted : room;
}

/* The same for what is reserved. */
static uint32_t keep_up(struct group *g, uint64_t now_ns)
{
    uint32_t missing;

    if (g->ninstances - g->ndying >= g->reserved)
        return 0;
    if (sick_retry_ns(g) > now_ns) {
        pool_wake_at(g->pool, sick_retry_ns(g));
        return 0;
    }
    while (g->ninstances - g->ndying < g->reserved && supply_may_start(g) &&
           g->keep_after_ns <= now_ns)
        supply_start(g, NULL);
    missing = g->reserved - (g->ninstances - g->ndying);
    return missing < room_in(g->family) ? missing : room_in(g->family);
}

static void make_room(struct pool *p, uint32_t instances, uint64_t bytes)
{
    uint64_t bound = (uint64_t)p->conf.memory_mb << 20;

    while (p->ninstances - p->ndying + instances > p->conf.instances && keep_evict(p))
        ;
    while (bound > 0 && p->used_bytes - p->dying_bytes + bytes > bound && keep_evict(p))
        ;
}

void supply_feed(struct pool *p)
{
    uint64_t now = clock_mono_ns(), bytes = 0;
    uint32_t blocked = 0; /* instances that lack room in the whole, not in their function */

    for (int urgent = 1; urgent >= 0; urgent--)
        list_each (it, &p->lines.hungry) {
            struct group *g = container_of(it, struct group, hungry);
            uint32_t n = feed(g, urgent, now);

            /* Those in the background get room made for them only where nobody else wants it. */
            if (urgent || p->lines.nurgent == 0) {
                blocked += n;
                bytes += n * supply_limit_bytes(g->fn);
            }
            if (g->nwaiting == 0)
                group_unless_used(&p->lines, g);
        }
    if (!p->draining)
        list_each (it, &p->kept) {
            struct group *g = container_of(it, struct group, kept_node);
            uint32_t n = keep_up(g, now);

            blocked += n;
            bytes += n * supply_limit_bytes(g->fn);
        }
    make_room(p, blocked, bytes);
}

/* ---- where a job goes ---- */

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

struct instance *supply_overtake(const struct group *g)
{
    list_each (it, &g->starting) {
        struct instance *in = container_of(it, struct instance, free_node);

        if (instance_is_early(in) && in->job && in->job->background)
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
