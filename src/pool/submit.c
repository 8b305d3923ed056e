/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submit.c - what comes in: a job, and the place it gets; a job that is taken back; a function's new
 * revision, and what is to be kept ready of it.
 *
 * A job is placed where it will be served soonest: on a free place, on a start that nobody waits for,
 * on one of its own while the limits allow and nobody with a better claim waits, else in the line. A
 * job that somebody waits for may take over the start of one in the background, which goes back into
 * its line: a flood of events does not make a caller wait for a start.
 */
#include "pool/supply.h"

#include <assert.h>
#include <errno.h>

#include "base/clock.h"
#include "base/err.h"
#include "fn/fn.h"
#include "pool/pool.h"

void submit_run_on(struct instance *in, struct job *job)
{
    struct err e = {0};

    if (job->load_only)
        load_there(in, job);
    else if (instance_run(in, job, &e) < 0)
        pool_end_later(in->group->pool, job, &e);
}

static void retire(struct group *g)
{
    g->retired = true;
    sick_cured(g);
    keep_reserve(g, 0);
    pool_check_group(g);
    while (!list_empty(&g->idle))
        instance_stop(container_of(g->idle.next, struct instance, free_node));
}

/* The group of a job that comes in. It may be the first of a new revision, or a late one of an old.
 */
static struct group *join(struct pool *p, const struct fn *fn)
{
    struct group *g = group_of(p, &p->lines, fn);

    list_each (it, &g->family->groups) {
        struct group *kin = container_of(it, struct group, kin);

        if (!kin->retired && group_is_outdated(kin))
            retire(kin);
    }
    return g;
}

static void queue(struct pool *p, struct group *g, struct job *job)
{
    wait_in_line(&p->lines, g, job, clock_mono_ns());
    tell_waits(p);
    pool_next_turn(p);
}

/* A start for a job that just came in: what waits already has a better claim. */
static bool may_start_at_once(const struct group *g, const struct job *job)
{
    uint64_t when;

    if (job->background ? g->family->nwaiting > 0 : g->family->nurgent > 0)
        return false;
    return supply_coming(g) == 0 && supply_pays(g, 1, clock_mono_ns(), &when) &&
           (job->background ? supply_may_start_later(g) : supply_may_start(g));
}

static void place(struct pool *p, struct group *g, struct job *job, struct instance *in)
{
    if (in && instance_room(in) > 0) {
        submit_run_on(in, job);
        keep_file(in);
    } else if (in) {
        instance_attach(in, job);
    } else if (may_start_at_once(g, job)) {
        supply_start(g, job);
        group_unless_used(&p->lines, g);
    } else {
        queue(p, g, job);
    }
}

/* Who runs in the background lets go a start that has not begun to load. */
static struct instance *overtake(struct pool *p, struct group *g)
{
    struct instance *in = supply_overtake(g);

    if (in)
        queue(p, g, instance_detach(in));
    return in;
}

int pool_submit(struct pool *p, struct job *job, struct err *e)
{
    struct instance *in;
    struct group *g;

    assert(p->env.shape);
    if (p->draining)
        return err_set(e, ERR_HOST, -ESHUTDOWN, "the service is stopping");
    if (job->fn->max_instances == 0)
        return err_set(e, ERR_LIMIT, -EAGAIN, "function '%s' may have no instance", job->fn->name);

    g = join(p, job->fn);
    in = supply_place(g);
    if (!in)
        in = supply_spare(g);
    if (!in && !job->background && !job->load_only)
        in = overtake(p, g);
    if (!in && g->family->nwaiting >= p->conf.waiting && !may_start_at_once(g, job)) {
        group_unless_used(&p->lines, g);
        return err_set(e, ERR_LIMIT, -EAGAIN, "%u invocations of function '%s' are waiting already",
                       p->conf.waiting, job->fn->name);
    }

    p->njobs++;
    list_init(&job->node);
    list_init(&job->wait_node);
    job->instance = NULL;
    job->lane = NULL;
    if (!(job->load_only && load_join(g, job)) && !sick_tell(g, job))
        place(p, g, job, in);
    return 0;
}

void pool_cancel(struct pool *p, struct job *job)
{
    struct err e = {0};

    err_set(&e, ERR_CALLER, -ECANCELED, "cancelled");
    if (job->instance && instance_is_early(job->instance)) {
        pool_end_later(p, instance_detach(job->instance), &e);
    } else if (job->instance) {
        if (instance_cancel(job->instance, job))
            pool_end_later(p, job, &e);
    } else if (job->load_only && !list_empty(&job->node) && load_leave(p, job)) {
        pool_end_later(p, job, &e);
    } else if (!list_empty(&job->node)) {
        struct group *g = group_of(p, &p->lines, job->fn);

        leave_line(&p->lines, g, job);
        group_unless_used(&p->lines, g);
        pool_end_later(p, job, &e);
    } /* else its end is on the way */
}

void pool_retire(struct pool *p, const struct fn *before)
{
    struct family *f = family_find(&p->lines, before);

    if (!f)
        return;
    list_each (it, &f->groups) {
        struct group *g = container_of(it, struct group, kin);

        if (g->fn->revision <= before->revision)
            retire(g);
    }
}

void pool_keep(struct pool *p, const struct fn *fn)
{
    struct group *g;

    if (p->draining || fn->reserved == 0)
        return;
    g = join(p, fn);
    if (g->retired || group_is_outdated(g)) {
        group_unless_used(&p->lines, g);
        return;
    }
    g->keep_after_ns = 0;
    keep_reserve(g, fn->reserved < fn->max_instances ? fn->reserved : fn->max_instances);
}
