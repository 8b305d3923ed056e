/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c - keeps enough warm instances of each function, and not one more.
 *
 * A group is one revision of one function: its instances, its idle ones (youngest first, so that
 * the old age out), and the jobs that wait. A job takes an idle instance, else it gets a start of
 * its own while the limits allow, else it waits, for wait_timeout_ms at most. A job whose start has
 * not begun to load may still be taken over by an instance that becomes idle earlier; the start
 * then goes on without a job.
 *
 * What always holds:
 *   (1) a job is in exactly one place: waiting in its group, ended and to be told so (told), or
 *       attached to one instance.
 *   (2) no job waits while its group has an idle instance.
 *   (3) every instance counts, from START until the launcher reports its end: against the
 *       function's max_instances, whatever its revision, and against conf.instances. Dying ones
 *       take memory too.
 *   (4) a failed start ends the job it was made for, so starts per job are bounded: no loop of
 *       failing starts feeds itself.
 *   (5) a job's on_end is called from the loop, never from inside pool_submit or pool_cancel.
 *
 * A pool belongs to one loop and is used in its thread only. Read next: group.h, supply.c,
 * instance.c.
 */
#include "pool/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/obj.h"
#include "fn/fn.h"
#include "loop/loop.h"
#include "pool/supply.h"

/* ---- ends ---- */

static void end_job(struct pool *p, struct job *job, const struct job_report *report)
{
    assert(p->njobs > 0);
    p->njobs--;
    job->ops->on_end(job->user, report);
    if (p->draining && p->njobs == 0)
        pool_next_turn(p);
}

/* Not now: the caller is still inside pool_submit(), pool_cancel() or a callback of its own. */
void pool_end_later(struct pool *p, struct job *job, const struct err *e)
{
    struct told *t = xnew(struct told);

    t->job = job;
    t->err = *e;
    job->instance = NULL;
    list_push_back(&p->told, &t->node);
    pool_next_turn(p);
}

static void tell(struct pool *p)
{
    for (struct list *it; (it = list_pop_front(&p->told)) != NULL;) {
        struct told *t = container_of(it, struct told, node);
        struct job_report report = {.end = JOB_NO_START, .exit_code = -1, .err = &t->err};

        end_job(p, t->job, &report);
        free(t);
    }
}

/* ---- where instances with a free place are found ---- */

static void unfile(struct instance *in)
{
    list_remove(&in->free_node);
    list_remove(&in->lru_node);
}

static void keep_warm_from(struct pool *p);

static void file(struct instance *in)
{
    struct group *g = in->group;
    struct pool *p = g->pool;

    unfile(in);
    if (instance_room(in) == 0)
        return;
    if (in->state == INST_BUSY) {
        list_push_front(&g->roomy, &in->free_node);
        return;
    }
    list_push_front(&g->idle, &in->free_node);
    list_push_back(&p->lru, &in->lru_node);
    if (!loop_timer_running(p->keep_warm))
        keep_warm_from(p);
}

static void run_on(struct instance *in, struct job *job)
{
    struct pool *p = in->group->pool;
    struct err e = {0};

    if (instance_run(in, job, &e) < 0)
        pool_end_later(p, job, &e);
}

static void keep_warm_from(struct pool *p)
{
    struct instance *in;
    uint64_t end_ns, now = clock_mono_ns();

    if (list_empty(&p->lru))
        return;
    in = container_of(p->lru.next, struct instance, lru_node);
    end_ns = in->idle_ns + (uint64_t)p->conf.keep_warm_ms * 1000000;
    loop_timer_start(p->keep_warm, end_ns > now ? (end_ns - now + 999999) / 1000000 : 0);
}

static void on_keep_warm(void *user)
{
    struct pool *p = OBJ(user, struct pool, POOL_MAGIC);
    uint64_t now = clock_mono_ns();

    while (!list_empty(&p->lru)) {
        struct instance *in = container_of(p->lru.next, struct instance, lru_node);

        if (in->idle_ns + (uint64_t)p->conf.keep_warm_ms * 1000000 > now)
            break;
        instance_stop(in);
    }
    keep_warm_from(p);
}

/* ---- jobs that have waited for too long ---- */

static void waited_from(struct pool *p)
{
    const struct job *job;
    uint64_t end_ns, now = clock_mono_ns();

    if (list_empty(&p->lines.waiting))
        return;
    job = container_of(p->lines.waiting.next, struct job, wait_node);
    end_ns = job->wait_ns + (uint64_t)p->conf.wait_timeout_ms * 1000000;
    loop_timer_start(p->waited, end_ns > now ? (end_ns - now + 999999) / 1000000 : 0);
}

static void on_waited(void *user)
{
    struct pool *p = OBJ(user, struct pool, POOL_MAGIC);
    uint64_t now = clock_mono_ns();
    uint32_t ms = p->conf.wait_timeout_ms;
    struct err e = {0};

    if (ms % 1000 == 0)
        err_set(&e, ERR_LIMIT, -EAGAIN, "no instance became free within %u s", ms / 1000);
    else
        err_set(&e, ERR_LIMIT, -EAGAIN, "no instance became free within %u ms", ms);
    while (!list_empty(&p->lines.waiting)) {
        struct job *job = container_of(p->lines.waiting.next, struct job, wait_node);
        struct group *g = group_of(p, &p->lines, job->fn);

        if (job->wait_ns + (uint64_t)ms * 1000000 > now)
            break;
        leave_line(&p->lines, g, job);
        group_unless_used(&p->lines, g);
        pool_end_later(p, job, &e);
    }
    waited_from(p);
}

/* ---- what instances tell ---- */

/* Jobs for its places: who has waited longest, then those whose own start is not under way. */
static void on_free(void *user, struct instance *in)
{
    struct pool *p = OBJ(user, struct pool, POOL_MAGIC);
    struct group *g = in->group;

    unfile(in);
    while (instance_room(in) > 0) {
        struct job *job = first_in_line(&p->lines, g);

        if (!job)
            job = supply_unbegun(g);
        if (!job)
            break;
        run_on(in, job);
    }
    if (g->retired && instance_is_idle(in)) {
        instance_stop(in);
        return;
    }
    file(in);
    if (p->lines.nwaiting > 0)
        pool_next_turn(p);
}

static void on_away(void *user, struct instance *in)
{
    (void)user;
    unfile(in);
}

static void on_doomed(void *user, struct instance *in)
{
    struct pool *p = OBJ(user, struct pool, POOL_MAGIC);

    unfile(in);
    p->ndying++;
    in->group->family->ndying++;
}

static void on_done(void *user, struct instance *in, struct job *job,
                    const struct job_report *report)
{
    (void)in;
    end_job(OBJ(user, struct pool, POOL_MAGIC), job, report);
}

static void on_gone(void *user, struct instance *in)
{
    struct pool *p = OBJ(user, struct pool, POOL_MAGIC);
    struct group *g = in->group;

    assert(p->ndying > 0 && g->ninstances > 0);
    p->ndying--;
    p->ninstances--;
    g->family->ndying--;
    g->family->ninstances--;
    g->ninstances--;
    instance_free(in);
    group_unless_used(&p->lines, g);
    if (p->lines.nwaiting > 0)
        pool_next_turn(p);
}

static const struct instance_ops instance_ops = {
        .on_free = on_free,
        .on_away = on_away,
        .on_doomed = on_doomed,
        .on_done = on_done,
        .on_gone = on_gone,
};

/* ---- once per turn ---- */

static void destroy(struct pool *p)
{
    p->magic = 0;
    free(p);
}

static void on_turn(void *user)
{
    struct pool *p = OBJ(user, struct pool, POOL_MAGIC);

    p->deferred = false;
    if (p->dead) {
        destroy(p);
        return;
    }
    tell(p);
    supply_feed(p);
    if (p->draining && p->njobs == 0 && p->on_drained) {
        void (*fn)(void *) = p->on_drained;

        p->on_drained = NULL;
        fn(p->on_drained_user);
    }
}

void pool_next_turn(struct pool *p)
{
    if (p->deferred)
        return;
    p->deferred = true;
    loop_defer(p->loop, on_turn, p);
}

/* ---- the face ---- */

void pool_conf_default(struct pool_conf *conf)
{
    *conf = (struct pool_conf){
            .instances = 1000,
            .keep_warm_ms = 60000,
            .waiting = 1000,
            .wait_timeout_ms = 60000,
            .freeze_after_ms = 300,
            .boot_timeout_ms = 20000,
            .load_timeout_ms = 10000,
    };
}

struct pool *pool_new(struct loop *l, struct launch *la, const struct pool_conf *conf)
{
    struct pool *p = xnew(struct pool);

    p->magic = POOL_MAGIC;
    p->loop = l;
    p->conf = *conf;
    p->env = (struct instance_env){
            .loop = l,
            .launch = la,
            .boot_timeout_ms = conf->boot_timeout_ms,
            .load_timeout_ms = conf->load_timeout_ms,
            .ops = &instance_ops,
            .user = p,
    };
    p->keep_warm = loop_timer_new(l, on_keep_warm, p);
    p->waited = loop_timer_new(l, on_waited, p);
    lines_init(&p->lines);
    list_init(&p->lru);
    list_init(&p->told);
    return p;
}

static void group_end(struct group *g)
{
    struct pool *p = g->pool;
    struct err e = {0};

    err_set(&e, ERR_HOST, -ECANCELED, "the service is stopping");
    for (struct job *job; (job = first_in_line(&p->lines, g)) != NULL;)
        pool_end_later(p, job, &e);
    list_each (it, &g->instances) {
        struct instance *in = container_of(it, struct instance, node);

        instance_abandon(in);
        instance_free(in);
    }
    group_free(&p->lines, g);
}

struct pool *pool_free(struct pool *p)
{
    size_t cursor = 0;
    struct str key;
    void *g;

    if (!p)
        return NULL;
    assert(p->magic == POOL_MAGIC && !p->dead);
    p->draining = true; /* what hears its end now cannot submit again */
    p->on_drained = NULL;
    while (map_next(p->lines.groups, &cursor, &key, &g))
        group_end(g);
    tell(p);
    lines_done(&p->lines);
    p->keep_warm = loop_timer_free(p->keep_warm);
    p->waited = loop_timer_free(p->waited);
    if (p->deferred)
        p->dead = true;
    else
        destroy(p);
    return NULL;
}

static void retire(struct group *g)
{
    g->retired = true;
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
    if (!loop_timer_running(p->waited))
        waited_from(p);
    pool_next_turn(p);
}

int pool_submit(struct pool *p, struct job *job, struct err *e)
{
    struct group *g;
    struct instance *in;
    bool may;

    assert(p->env.shape);
    if (p->draining)
        return err_set(e, ERR_HOST, -ESHUTDOWN, "the service is stopping");
    if (job->fn->max_instances == 0)
        return err_set(e, ERR_LIMIT, -EAGAIN, "function '%s' may have no instance", job->fn->name);

    g = join(p, job->fn);
    in = supply_place(g);
    if (!in)
        in = supply_spare(g);
    may = g->family->nwaiting == 0 && supply_coming(g) == 0 && supply_may_start(g);
    if (!in && !may && g->family->nwaiting >= p->conf.waiting) {
        group_unless_used(&p->lines, g);
        return err_set(e, ERR_LIMIT, -EAGAIN, "%u invocations of function '%s' are waiting already",
                       p->conf.waiting, job->fn->name);
    }

    p->njobs++;
    list_init(&job->node);
    list_init(&job->wait_node);
    job->instance = NULL;
    job->lane = NULL;
    if (in && instance_room(in) > 0) {
        run_on(in, job);
        file(in);
    } else if (in) {
        instance_attach(in, job);
    } else if (may) {
        supply_start(g, job);
        group_unless_used(&p->lines, g);
    } else {
        queue(p, g, job);
    }
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

void pool_drain(struct pool *p, void (*on_drained)(void *user), void *user)
{
    p->draining = true;
    p->on_drained = on_drained;
    p->on_drained_user = user;
    pool_next_turn(p);
}

void pool_set_shape(struct pool *p, const struct pool_shape *shape, void *user)
{
    p->env.shape = shape;
    p->env.shape_user = user;
}

void pool_serve_endpoints(struct pool *p, const struct pool_endpoint_ops *ops, void *user)
{
    p->env.endpoint = ops;
    p->env.endpoint_user = user;
}

void pool_stats(const struct pool *p, struct pool_stats *ret)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    *ret = (struct pool_stats){.starts = p->starts,
                               .spares = p->env.spares,
                               .cold = p->env.cold,
                               .runs = p->env.runs,
                               .waiting = p->lines.nwaiting,
                               .freezes = p->env.freezes,
                               .dropped_log_bytes = p->env.dropped_log_bytes};
    while (map_next(p->lines.groups, &cursor, &key, &value)) {
        struct group *g = value;

        list_each (it, &g->instances) {
            const struct instance *in = container_of(it, struct instance, node);

            ret->idle += instance_is_idle(in) || in->state == INST_FREEZING;
            ret->frozen += in->state == INST_FROZEN;
            ret->busy += in->state == INST_BUSY || in->state == INST_SPENT;
            ret->starting += in->state < INST_IDLE;
        }
    }
}

uint32_t pool_ready(const struct pool *p, const struct fn *fn)
{
    const struct family *family = family_find(&p->lines, fn);

    return family ? family->ninstances - family->ndying : 0;
}
