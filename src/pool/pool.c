/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c - keeps enough warm instances of each function, and not one more.
 *
 * A group is one revision of one function: its instances, its idle ones (youngest first, so that
 * the old age out), and the jobs that wait. A job takes an idle instance, else it gets a start of
 * its own while the limits allow, else it waits. A job whose start has not begun to load may still
 * be taken over by an instance that becomes idle earlier; the start then goes on without a job.
 *
 * What always holds:
 *   (1) a job is in exactly one place: waiting in its group, ended and to be told so (told), or
 *       attached to one instance.
 *   (2) no job waits while its group has an idle instance.
 *   (3) every instance counts, from START until the launcher reports its end: against the
 *       function's max_instances and against conf.instances. Dying ones take memory too.
 *   (4) a failed start ends the job it was made for, so starts per job are bounded: no loop of
 *       failing starts feeds itself.
 *   (5) a job's on_end is called from the loop, never from inside pool_submit or pool_cancel.
 *
 * At the bound of all instances the longest idle one of another function is stopped to make room;
 * the start follows when its end is reported. Instances of an older revision count apart from
 * those of the new one, so for the time of a change a function may have more than its limit.
 *
 * A pool belongs to one loop and is used in its thread only. Read next: instance.c.
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
#include "pool/instance.h"

enum { POOL_MAGIC = 0x504f4f4c };

struct group {
    struct pool *pool;
    const struct fn *fn; /* shared: keeps the address, which is the key, from being reused */
    bool retired;
    uint32_t ninstances, nwaiting;
    struct list instances; /* instance.node: all */
    struct list idle;      /* instance.idle_node: youngest first */
    struct list waiting;   /* job.node: oldest first */
    struct list hungry;    /* pool->hungry while jobs wait */
};

/* A job that ended without an instance, until the loop can tell it. */
struct told {
    struct list node; /* pool->told */
    struct job *job;
    struct err err;
};

struct pool {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    struct pool_conf conf;
    struct instance_env env;
    struct map *groups; /* by address of the fn record */
    struct list hungry; /* group.hungry, in the order they began to wait */
    struct list lru;    /* instance.lru_node: longest idle first */
    struct list told;   /* told.node */
    struct loop_timer *keep_warm;
    uint32_t ninstances, ndying, nwaiting;
    uint64_t njobs; /* submitted and not ended */
    uint64_t starts;
    bool deferred, dead, draining;
    void (*on_drained)(void *user);
    void *on_drained_user;
};

static void next_turn(struct pool *p);

/* ---- groups ---- */

static struct str group_key(const struct fn *const *fn)
{
    return (struct str){(const char *)fn, sizeof(*fn)};
}

static struct group *group_of(struct pool *p, const struct fn *fn)
{
    struct group *g = map_get(p->groups, group_key(&fn));

    if (g)
        return g;
    g = xnew(struct group);
    g->pool = p;
    g->fn = fn_ref(fn);
    list_init(&g->instances);
    list_init(&g->idle);
    list_init(&g->waiting);
    list_init(&g->hungry);
    map_put(p->groups, group_key(&fn), g);
    return g;
}

static void group_unless_used(struct group *g)
{
    if (g->ninstances > 0 || g->nwaiting > 0)
        return;
    map_del(g->pool->groups, group_key(&g->fn));
    fn_unref(g->fn);
    free(g);
}

static void wait_in_line(struct group *g, struct job *job)
{
    list_push_back(&g->waiting, &job->node);
    g->nwaiting++;
    g->pool->nwaiting++;
    if (list_empty(&g->hungry))
        list_push_back(&g->pool->hungry, &g->hungry);
}

static void leave_line(struct group *g, struct job *job)
{
    list_remove(&job->node);
    g->pool->nwaiting--;
    if (--g->nwaiting == 0)
        list_remove(&g->hungry);
}

static struct job *first_in_line(struct group *g)
{
    struct job *job;

    if (g->nwaiting == 0)
        return NULL;
    job = container_of(g->waiting.next, struct job, node);
    leave_line(g, job);
    return job;
}

/* ---- ends ---- */

static void end_job(struct pool *p, struct job *job, const struct job_report *report)
{
    assert(p->njobs > 0);
    p->njobs--;
    job->ops->on_end(job->user, report);
    if (p->draining && p->njobs == 0)
        next_turn(p);
}

/* Not now: the caller is still inside pool_submit(), pool_cancel() or a callback of its own. */
static void end_later(struct pool *p, struct job *job, const struct err *e)
{
    struct told *t = xnew(struct told);

    t->job = job;
    t->err = *e;
    job->instance = NULL;
    list_push_back(&p->told, &t->node);
    next_turn(p);
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

/* ---- starts ---- */

/* The job has its own start now, or is to be told why not. */
static void start_for(struct group *g, struct job *job)
{
    struct pool *p = g->pool;
    struct instance *in;
    struct err e = {0};

    if (instance_new(&p->env, g->fn, job, &in, &e) < 0) {
        end_later(p, job, &e);
        return;
    }
    in->group = g;
    list_push_back(&g->instances, &in->node);
    g->ninstances++;
    p->ninstances++;
    p->starts++;
}

static bool evict_one(struct pool *p)
{
    if (list_empty(&p->lru))
        return false;
    instance_kill(container_of(p->lru.next, struct instance, lru_node));
    return true;
}

static bool may_start(const struct group *g)
{
    return g->ninstances < g->fn->max_instances;
}

/* Starts for whoever waits, as far as there is room; room for the others. */
static void feed_hungry(struct pool *p)
{
    uint32_t blocked = 0; /* jobs that wait for room in the whole, not in their function */

    list_each (it, &p->hungry) {
        struct group *g = container_of(it, struct group, hungry);

        while (g->nwaiting > 0 && may_start(g) && p->ninstances < p->conf.instances)
            start_for(g, first_in_line(g));
        if (g->nwaiting > 0 && may_start(g)) {
            uint32_t room = g->fn->max_instances - g->ninstances;

            blocked += g->nwaiting < room ? g->nwaiting : room;
        }
        if (g->nwaiting == 0)
            group_unless_used(g);
    }
    while (p->ndying < blocked && evict_one(p))
        ;
}

static struct instance *spare_start(struct group *g)
{
    list_each (it, &g->instances) {
        struct instance *in = container_of(it, struct instance, node);

        if (instance_is_early(in) && !in->job)
            return in;
    }
    return NULL;
}

/* The oldest job whose start has not begun to load: an idle instance is sooner. */
static struct job *oldest_early(struct group *g)
{
    list_each (it, &g->instances) {
        struct instance *in = container_of(it, struct instance, node);

        if (instance_is_early(in) && in->job)
            return instance_detach(in);
    }
    return NULL;
}

/* ---- idle instances ---- */

static void not_idle(struct instance *in)
{
    list_remove(&in->idle_node);
    list_remove(&in->lru_node);
}

static void run_on(struct instance *in, struct job *job)
{
    struct pool *p = in->group->pool;
    struct err e = {0};

    not_idle(in);
    if (instance_run(in, job, &e) < 0)
        end_later(p, job, &e);
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
        instance_kill(in);
    }
    keep_warm_from(p);
}

static void on_idle(void *user, struct instance *in)
{
    struct pool *p = OBJ(user, struct pool, POOL_MAGIC);
    struct group *g = in->group;

    while (in->state == INST_IDLE) {
        struct job *job = first_in_line(g);

        if (!job)
            job = oldest_early(g);
        if (!job)
            break;
        run_on(in, job);
    }
    if (in->state != INST_IDLE)
        return;
    if (g->retired) {
        instance_kill(in);
        return;
    }
    list_push_front(&g->idle, &in->idle_node);
    list_push_back(&p->lru, &in->lru_node);
    if (!loop_timer_running(p->keep_warm))
        keep_warm_from(p);
    if (p->nwaiting > 0)
        next_turn(p);
}

static void on_doomed(void *user, struct instance *in)
{
    struct pool *p = OBJ(user, struct pool, POOL_MAGIC);

    not_idle(in);
    p->ndying++;
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
    g->ninstances--;
    instance_free(in);
    group_unless_used(g);
    if (p->nwaiting > 0)
        next_turn(p);
}

static const struct instance_ops instance_ops = {
        .on_idle = on_idle,
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
    feed_hungry(p);
    if (p->draining && p->njobs == 0 && p->on_drained) {
        void (*fn)(void *) = p->on_drained;

        p->on_drained = NULL;
        fn(p->on_drained_user);
    }
}

static void next_turn(struct pool *p)
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
    p->groups = map_new();
    p->keep_warm = loop_timer_new(l, on_keep_warm, p);
    list_init(&p->hungry);
    list_init(&p->lru);
    list_init(&p->told);
    return p;
}

static void group_end(struct group *g)
{
    struct pool *p = g->pool;
    struct err e = {0};

    err_set(&e, ERR_HOST, -ECANCELED, "the service is stopping");
    for (struct job *job; (job = first_in_line(g)) != NULL;)
        end_later(p, job, &e);
    list_each (it, &g->instances) {
        struct instance *in = container_of(it, struct instance, node);

        instance_abandon(in);
        instance_free(in);
    }
    fn_unref(g->fn);
    free(g);
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
    while (map_next(p->groups, &cursor, &key, &g))
        group_end(g);
    tell(p);
    p->groups = map_free(p->groups);
    p->keep_warm = loop_timer_free(p->keep_warm);
    if (p->deferred)
        p->dead = true;
    else
        destroy(p);
    return NULL;
}

int pool_submit(struct pool *p, struct job *job, struct err *e)
{
    struct group *g;
    struct instance *in;
    bool may;

    if (p->draining)
        return err_set(e, ERR_HOST, -ESHUTDOWN, "the service is stopping");
    if (job->fn->max_instances == 0)
        return err_set(e, ERR_LIMIT, -EAGAIN, "function '%s' may have no instance", job->fn->name);

    g = group_of(p, job->fn);
    in = list_empty(&g->idle) ? spare_start(g)
                              : container_of(g->idle.next, struct instance, idle_node);
    may = g->nwaiting == 0 && may_start(g) && p->ninstances < p->conf.instances;
    if (!in && !may && g->nwaiting >= p->conf.waiting) {
        group_unless_used(g);
        return err_set(e, ERR_LIMIT, -EAGAIN, "%u invocations of function '%s' are waiting already",
                       p->conf.waiting, job->fn->name);
    }

    p->njobs++;
    list_init(&job->node);
    job->instance = NULL;
    if (in && in->state == INST_IDLE) {
        run_on(in, job);
        if (in->state == INST_IDLE)
            on_idle(p, in); /* it refused the job, not us */
    } else if (in) {
        instance_attach(in, job);
    } else if (may) {
        start_for(g, job);
        group_unless_used(g);
    } else {
        wait_in_line(g, job);
        next_turn(p);
    }
    return 0;
}

void pool_cancel(struct pool *p, struct job *job)
{
    struct err e = {0};

    err_set(&e, ERR_CALLER, -ECANCELED, "cancelled");
    if (job->instance && instance_is_early(job->instance)) {
        end_later(p, instance_detach(job->instance), &e);
    } else if (job->instance) {
        instance_kill(job->instance);
    } else if (!list_empty(&job->node)) {
        struct group *g = group_of(p, job->fn);

        leave_line(g, job);
        group_unless_used(g);
        end_later(p, job, &e);
    } /* else its end is on the way */
}

static bool same_function(const struct fn *a, const struct fn *b)
{
    return a->dialect == b->dialect && strcmp(a->name, b->name) == 0 &&
           strcmp(a->space, b->space) == 0 && strcmp(a->account, b->account) == 0 &&
           strcmp(a->region, b->region) == 0;
}

void pool_retire(struct pool *p, const struct fn *before)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    while (map_next(p->groups, &cursor, &key, &value)) {
        struct group *g = value;

        if (g->fn->revision > before->revision || !same_function(g->fn, before))
            continue;
        g->retired = true;
        while (!list_empty(&g->idle))
            instance_kill(container_of(g->idle.next, struct instance, idle_node));
    }
}

void pool_drain(struct pool *p, void (*on_drained)(void *user), void *user)
{
    p->draining = true;
    p->on_drained = on_drained;
    p->on_drained_user = user;
    next_turn(p);
}

void pool_stats(const struct pool *p, struct pool_stats *ret)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    *ret = (struct pool_stats){.starts = p->starts,
                               .cold = p->env.cold,
                               .runs = p->env.runs,
                               .waiting = p->nwaiting,
                               .dropped_log_bytes = p->env.dropped_log_bytes};
    while (map_next(p->groups, &cursor, &key, &value)) {
        struct group *g = value;

        list_each (it, &g->instances) {
            const struct instance *in = container_of(it, struct instance, node);

            ret->idle += in->state == INST_IDLE;
            ret->busy += in->state == INST_BUSY;
            ret->starting += in->state < INST_IDLE;
        }
    }
}
