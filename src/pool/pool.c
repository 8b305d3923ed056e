/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c - keeps enough warm instances of each function, and not one more.
 *
 * A group is one revision of one function: its instances, those with a free place, and the jobs
 * that wait. A job takes a free place, else it gets a start of its own while the limits allow and
 * it pays, else it waits, for wait_timeout_ms at most. A job whose start has not begun to load may
 * still be taken over by a place that becomes free earlier; the start then goes on without a job.
 *
 * A function that changes keeps no old code: from then on jobs come with the new record, which is
 * another group; those that came before run as they came in, on what is left of the old one.
 *
 * What always holds:
 *   (1) a job is in exactly one place: waiting in its group, ended and to be told so (told), or
 *       attached to one instance.
 *   (2) no job waits while its group has a free place.
 *   (3) every instance counts, from START until the launcher reports its end: against the
 *       function's max_instances, whatever its revision, against conf.instances and conf.memory_mb.
 *       Dying ones take memory too.
 *   (4) a failed start ends the job it was made for, so starts per job are bounded: no loop of
 *       failing starts feeds itself. Starts without a job are a second apart when they fail.
 *   (5) a job's on_end is called from the loop, never from inside pool_submit or pool_cancel.
 *
 * A pool belongs to one loop and is used in its thread only. Read next: supply.h, submit.c, supply.c,
 * keep.c, sick.c, instance.c.
 */
#include "pool/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "pool/record.h"
#include "pool/supply.h"

/* ---- what instances tell ---- */

static uint64_t mean(uint64_t before, uint64_t now, uint64_t weight)
{
    return before == 0 ? now : (before * (weight - 1) + now) / weight;
}

/* One that takes much longer than usual may have been held up with the whole machine; if many do,
 * the mean follows. */
static void learn_run(struct group *g, uint64_t took_ns)
{
    uint64_t most = g->run_ns * 4;

    g->run_ns = mean(g->run_ns, g->run_ns > 0 && took_ns > most ? most : took_ns, 32);
}

/* Ready for the first time: what its start tells about the next ones. */
static void get_to_know(struct instance *in)
{
    struct group *g = in->group;

    in->known = true;
    g->start_ns = mean(g->start_ns, clock_mono_ns() - in->born_ns, 4);
    sick_cured(g);
    warm_started(g->pool, g->fn, in->how == LAUNCH_A_SPARE);
    load_came(in);
    record_ready(in);
}

/* Jobs for its places: who has waited longest, then those whose own start is not under way. */
static void on_free(void *user, struct instance *in)
{
    struct pool *p = OBJ(user, struct pool, POOL_MAGIC);
    struct group *g = in->group;

    keep_unfile(in);
    if (!in->known)
        get_to_know(in);
    if (instance_is_idle(in) && supply_owed_to_kin(g)) {
        instance_stop(in);
        return;
    }
    while (instance_room(in) > 0) {
        struct job *job = first_in_line(&p->lines, g);

        if (!job)
            job = supply_unbegun(g);
        if (!job)
            break;
        submit_run_on(in, job);
    }
    if (g->retired && instance_is_idle(in)) {
        instance_stop(in);
        return;
    }
    keep_file(in);
    if (p->lines.nwaiting > 0)
        pool_next_turn(p);
}

static void on_away(void *user, struct instance *in)
{
    (void)user;
    keep_unfile(in);
}

static void on_doomed(void *user, struct instance *in)
{
    struct pool *p = OBJ(user, struct pool, POOL_MAGIC);

    p->ndying++;
    in->group->ndying++;
    in->group->family->ndying++;
    keep_doomed(in);
    sick_doomed(in->group, in);
    if (in->group->reserved > 0)
        pool_next_turn(p);
}

static void on_done(void *user, struct instance *in, struct job *job,
                    const struct job_report *report)
{
    if (!job->load_only && (report->end == JOB_DONE || report->end == JOB_ERROR))
        learn_run(in->group, report->duration_ns);
    tell_job(OBJ(user, struct pool, POOL_MAGIC), job, report);
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
    g->ndying--;
    g->ninstances--;
    keep_forget(in);
    sick_note(g, in);
    record_gone(in);
    if (!in->ready)
        load_failed(g, in);
    if (g->reserved > 0 && in->err.code == -ENOENT && p->env.shape->lost_code)
        p->env.shape->lost_code(p->env.shape_user, g->fn);
    instance_free(in);
    if (p->lines.nwaiting > 0 || g->reserved > 0 || p->draining)
        pool_next_turn(p);
    group_unless_used(&p->lines, g);
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

/* Idle ones may have something to do before they end. True: none of them is at it any more. */
static bool all_stopped(struct pool *p)
{
    bool at_it = false;
    size_t cursor = 0;
    struct str key;
    void *value;

    while (map_next(p->lines.groups, &cursor, &key, &value)) {
        struct group *g = value;

        list_each (it, &g->instances) {
            struct instance *in = container_of(it, struct instance, node);

            if (in->state < INST_IDLE)
                instance_kill(in);
            else if (in->state < INST_BUSY)
                instance_stop(in);
            at_it |= in->state == INST_FREEZING || in->state == INST_STOPPING;
        }
    }
    return !at_it;
}

static void on_turn(void *user)
{
    struct pool *p = OBJ(user, struct pool, POOL_MAGIC);

    p->deferred = false;
    if (p->dead) {
        destroy(p);
        return;
    }
    tell_all(p);
    supply_feed(p);
    sick_turn(p);
    warm_turn(p);
    for (struct list *it; (it = list_pop_front(&p->unused)) != NULL;)
        group_unless_used(&p->lines, container_of(it, struct group, unused_node));
    if (p->draining && p->njobs == 0 && p->on_drained && all_stopped(p)) {
        void (*fn)(void *) = p->on_drained;

        p->on_drained = NULL;
        fn(p->on_drained_user);
    }
}

static void on_wake(void *user)
{
    pool_next_turn(OBJ(user, struct pool, POOL_MAGIC));
}

void pool_wake_at(struct pool *p, uint64_t ns)
{
    uint64_t now = clock_mono_ns();

    if (loop_timer_running(p->wake) && p->wake_ns <= ns)
        return;
    p->wake_ns = ns;
    loop_timer_start(p->wake, ns > now ? (ns - now + 999999) / 1000000 : 0);
}

void pool_check_group(struct group *g)
{
    list_remove(&g->unused_node);
    list_push_back(&g->pool->unused, &g->unused_node);
    pool_next_turn(g->pool);
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
            .freeze_after_ms = conf->freeze_after_ms,
            .cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN),
            .ops = &instance_ops,
            .user = p,
    };
    p->keep_warm = loop_timer_new(l, keep_on_timer, p);
    p->waited = loop_timer_new(l, tell_on_timer, p);
    p->wake = loop_timer_new(l, on_wake, p);
    lines_init(&p->lines);
    list_init(&p->env.paused);
    list_init(&p->lru);
    list_init(&p->told);
    list_init(&p->kept);
    list_init(&p->sick);
    list_init(&p->unused);
    list_init(&p->record_order);
    p->records = map_new();
    return p;
}

void pool_configure(struct pool *p, const struct pool_conf *conf)
{
    p->conf = *conf;
    p->env.boot_timeout_ms = conf->boot_timeout_ms;
    p->env.load_timeout_ms = conf->load_timeout_ms;
    p->env.freeze_after_ms = conf->freeze_after_ms;
    keep_on_timer(p); /* a shorter time may be over already */
    pool_next_turn(p);
}

static void group_end(struct group *g)
{
    struct pool *p = g->pool;
    struct err e = {0};

    err_set(&e, ERR_HOST, -ECANCELED, "the service is stopping");
    for (struct job *job; (job = first_in_line(&p->lines, g)) != NULL;)
        pool_end_later(p, job, &e);
    load_end_all(g, &e);
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
    tell_all(p);
    lines_done(&p->lines);
    record_free_all(p);
    p->keep_warm = loop_timer_free(p->keep_warm);
    p->waited = loop_timer_free(p->waited);
    p->wake = loop_timer_free(p->wake);
    if (p->deferred)
        p->dead = true;
    else
        destroy(p);
    return NULL;
}

void pool_know(struct pool *p, const struct fn *fn, int change)
{
    warm_count(p, fn, change);
}

void pool_hello(struct pool *p)
{
    warm_say(p);
}

void pool_hush(struct pool *p, bool hushed)
{
    instance_hush(&p->env, hushed);
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
