/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.c - the source "timer": waits for due times, and hands each over exactly once (timer_put.c).
 *
 *   READING --cursor--> IDLE --due--> PUTTING --on disk--> IDLE ...
 *      ^                                 |
 *      |                                 +-- -EAGAIN, -ENOBUFS, -EIO, ...: PAUSED, then the same put
 *      +---- PAUSED <-- -ESTALE ---------+                                with the same event id
 *
 * What always holds:
 *   (1) a trigger has at most one put under way; its event moves the cursor from the due time before
 *       to its own, so it is applied once, whoever dies when, however often it is repeated.
 *   (2) base_ms: every due time up to here is done with. It is the cursor, or the trigger's last
 *       change where that is later, or what the policy has left out.
 *   (3) nothing in the heap is PUTTING or PAUSED: such a one has its next due time when it ends.
 *
 * The clock may jump, so nobody sleeps until a due time: clock_store_wait_ms() says when to look
 * again. What is found overdue by more than TIMER_LATE_MS came due while nobody looked, unless we
 * were there and only could not put it (looked_ms): then it is merely late, and none is left out.
 *
 * An update keeps a due time that has come but is not handed over yet: the change and the tick of
 * the clock may fall together. Whoever is deleted takes its cursor along; one that is left behind by
 * a crash in between names a trigger that never comes again, and does no harm.
 */
#include "source/timer_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/obj.h"
#include "catalog/triggers.h"
#include "loop/loop.h"
#include "schedule/schedule.h"

enum { BATCH = 64 }; /* handed over in one turn of the loop */

static const struct log_cx cx = {.component = "timer"};

/* ---- when ---- */

static void arm(struct timers *all)
{
    const struct due *first = due_first(&all->heap);

    if (first)
        loop_timer_start(all->tick, clock_store_wait_ms(first->ms));
    else
        loop_timer_stop(all->tick);
}

static int64_t next_of(const struct timer *tm, int64_t after_ms)
{
    return schedule_next(tm->conf.schedule, after_ms, tm->trigger->modified_ms);
}

void timer_settle(struct timer *tm)
{
    int64_t due_ms = -1;

    tm->state = IDLE;
    if (tm->base_ms < tm->trigger->modified_ms)
        tm->base_ms = tm->trigger->modified_ms;
    if (tm->trigger->enabled && tm->conf.schedule)
        due_ms = next_of(tm, tm->base_ms);
    if (due_ms >= 0)
        due_set(&tm->all->heap, &tm->due, due_ms);
    else
        due_remove(&tm->all->heap, &tm->due);
    arm(tm->all);
}

static uint64_t count_missed(const struct timer *tm, int64_t due_ms, int64_t now_ms)
{
    uint64_t n = 0;

    for (; due_ms >= 0 && due_ms <= now_ms && n < TIMER_MISSED; n++)
        due_ms = next_of(tm, due_ms);
    return n;
}

void timer_say_left_out(const struct timer *tm, int64_t from_ms, int64_t to_ms, const char *why)
{
    char from[SCHEDULE_TIME], to[SCHEDULE_TIME];

    if (!tm->conf.schedule)
        return; /* that has been said */
    schedule_time(tm->conf.schedule, from_ms, from);
    schedule_time(tm->conf.schedule, to_ms, to);
    log_info(&cx, "trigger '%s' of function '%s': what was due from %s to %s is left out: %s",
             tm->trigger->name, tm->trigger->function, from, to, why);
}

/* It came due while nobody looked: which one is handed over now, -1 for none. */
static int64_t make_up(struct timer *tm, int64_t due_ms, int64_t now_ms)
{
    int64_t last_ms;

    if (tm->made_up == 0)
        tm->all->stats.missed += count_missed(tm, due_ms, now_ms);
    switch (tm->conf.missed) {
    case TIMER_ALL:
        if (tm->made_up++ < TIMER_MISSED)
            return due_ms;
        timer_say_left_out(tm, due_ms, now_ms, "too much was missed");
        break;
    case TIMER_ONCE:
        last_ms = schedule_last(tm->conf.schedule, due_ms, now_ms, tm->trigger->modified_ms);
        tm->looked_ms = now_ms;
        return last_ms < 0 ? due_ms : last_ms;
    case TIMER_SKIP:
        timer_say_left_out(tm, due_ms, now_ms, "missed, and the trigger's policy is to skip");
        break;
    case TIMER_POLICIES:
        break;
    }
    tm->made_up = 0;
    tm->base_ms = tm->looked_ms = now_ms;
    return -1;
}

static void visit(struct timer *tm, int64_t now_ms)
{
    int64_t due_ms = tm->due.ms;
    bool on_time = due_ms <= tm->looked_ms || now_ms - due_ms <= TIMER_LATE_MS;

    due_remove(&tm->all->heap, &tm->due);
    if (on_time) {
        uint64_t late_ns = (uint64_t)(now_ms - due_ms) * 1000000u;

        tm->made_up = 0;
        tm->looked_ms = now_ms;
        if (late_ns > tm->all->stats.late_ns_max)
            tm->all->stats.late_ns_max = late_ns;
    } else {
        due_ms = make_up(tm, due_ms, now_ms);
    }
    if (due_ms >= 0)
        timer_fire(tm, due_ms);
    else
        timer_settle(tm);
}

static void on_tick(void *user)
{
    struct timers *all = OBJ(user, struct timers, TIMERS_MAGIC);
    int64_t now_ms = clock_store_ms();
    struct due *first;

    for (int i = 0; i < BATCH && (first = due_first(&all->heap)) && first->ms <= now_ms; i++)
        visit(container_of(first, struct timer, due), now_ms);
    arm(all);
}

/* ---- triggers come, change and go ---- */

static void read_conf(struct timer *tm)
{
    struct err e = {0};

    timer_conf_done(&tm->conf);
    if (timer_conf_read(str_of(tm->trigger->config), &tm->conf, &e) < 0)
        log_err(&cx, "trigger '%s' of function '%s' is never due: %s", tm->trigger->name,
                tm->trigger->function, e.msg);
}

static void add(struct timers *all, const struct trigger *t)
{
    struct timer *tm = xnew(struct timer);

    tm->magic = TIMER_MAGIC;
    tm->all = all;
    tm->trigger = trigger_ref(t);
    list_init(&tm->node);
    (void)map_put(all->by_id, str_of(t->id), tm);
    read_conf(tm);
    timer_read_cursor(tm);
}

static void change(struct timer *tm, const struct trigger *after)
{
    bool owed = tm->state == IDLE && tm->due.at > 0 && tm->due.ms <= after->modified_ms &&
                after->enabled;

    trigger_unref(tm->trigger);
    tm->trigger = trigger_ref(after);
    read_conf(tm);
    if (tm->state == PAUSED && (!after->enabled || !tm->conf.schedule)) {
        list_remove(&tm->node);
        tm->event_ms = -1;
        timer_settle(tm);
    } else if (tm->state == IDLE && !(owed && tm->conf.schedule)) {
        timer_settle(tm);
    }
}

static void take_out(struct timer *tm)
{
    (void)map_del(tm->all->by_id, str_of(tm->trigger->id));
    due_remove(&tm->all->heap, &tm->due);
    list_remove(&tm->node);
    tm->deleted = true;
    if (tm->state == IDLE || tm->state == PAUSED)
        timer_drop(tm); /* else when the call under way ends */
    else
        list_push_back(&tm->all->dropping, &tm->node);
}

static void on_change(void *user, const struct trigger *before, const struct trigger *after)
{
    struct timers *all = OBJ(user, struct timers, TIMERS_MAGIC);
    struct timer *tm = before ? map_get(all->by_id, str_of(before->id)) : NULL;

    if (tm && after)
        change(tm, after);
    else if (tm)
        take_out(tm);
    else if (after && strcmp(after->source, "timer") == 0)
        add(all, after);
    arm(all);
}

struct timers *timers_new(struct loop *l, struct catalog *catalog, struct delivery *delivery)
{
    struct timers *all = xnew(struct timers);

    all->magic = TIMERS_MAGIC;
    all->loop = l;
    all->catalog = catalog;
    all->delivery = delivery;
    all->by_id = map_new();
    all->pause_ms = PAUSE_FIRST_MS;
    list_init(&all->paused);
    list_init(&all->dropping);
    all->tick = loop_timer_new(l, on_tick, all);
    all->retry = loop_timer_new(l, timer_on_retry, all);
    catalog_watch_triggers(catalog, on_change, all);
    return all;
}

/* A call under way ends later, and then its timer. */
static void leave(struct timer *tm)
{
    list_remove(&tm->node);
    tm->all = NULL;
    if (tm->state == IDLE || tm->state == PAUSED)
        timer_free(tm);
}

struct timers *timers_free(struct timers *all)
{
    size_t at = 0;
    void *tm;

    if (!all)
        return NULL;
    catalog_unwatch_triggers(all->catalog, all);
    while (map_next(all->by_id, &at, &(struct str){0}, &tm))
        leave(tm);
    for (struct list *n; (n = list_first(&all->dropping));)
        leave(container_of(n, struct timer, node));
    map_free(all->by_id);
    due_done(&all->heap);
    loop_timer_free(all->tick);
    loop_timer_free(all->retry);
    all->magic = 0;
    free(all);
    return NULL;
}

void timers_stats(const struct timers *all, struct timers_stats *ret)
{
    *ret = all->stats;
    ret->triggers = map_count(all->by_id);
}

int64_t timers_next(const struct timers *all, struct str trigger_id)
{
    const struct timer *tm = map_get(all->by_id, trigger_id);
    int64_t now_ms = clock_store_ms();

    if (!tm || !tm->trigger->enabled || !tm->conf.schedule)
        return -1;
    if (tm->event_ms >= 0)
        return tm->event_ms;
    if (tm->state == IDLE)
        return tm->due.at > 0 ? tm->due.ms : -1;
    /* Where it stands is not read yet: what is due from now on holds in any case. */
    return next_of(tm, now_ms > tm->trigger->modified_ms ? now_ms : tm->trigger->modified_ms);
}
