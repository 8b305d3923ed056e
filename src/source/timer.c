/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.c - the source "timer": waits for due times, and hands each over exactly once.
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
#include "source/timer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/obj.h"
#include "catalog/triggers.h"
#include "delivery/delivery.h"
#include "dialect/shape.h"
#include "loop/loop.h"
#include "schedule/schedule.h"
#include "source/due.h"
#include "source/timer_conf.h"
#include "store/queue.h"

enum {
    TIMERS_MAGIC = 0x74696d73,
    TIMER_MAGIC = 0x74696d72,
    BATCH = 64, /* handed over in one turn of the loop */
    PAUSE_FIRST_MS = 100,
    PAUSE_MOST_MS = 5000,
    DECIMAL = 24,
    CURSOR_NAME = 8 + UUID_TEXT,
    EVENT_MAX = 8 * TIMER_PAYLOAD + 4096, /* a byte of the payload takes six in JSON at most */
};

enum state { READING, IDLE, PUTTING, PAUSED, DROPPING };

struct timers {
    uint32_t magic;
    struct loop *loop; /* borrowed, like the next two */
    struct catalog *catalog;
    struct delivery *delivery;
    struct map *by_id; /* trigger id to struct timer, owned */
    struct due_heap heap;
    struct loop_timer *tick;  /* look at the clock */
    struct list paused;       /* PAUSED */
    struct list dropping;     /* DROPPING: no longer in by_id */
    struct loop_timer *retry; /* what is paused is tried again */
    uint64_t pause_ms;
    struct timers_stats stats;
};

struct timer {
    uint32_t magic;
    struct timers *all;            /* borrowed; NULL: nobody waits for this call any more */
    const struct trigger *trigger; /* shared */
    struct timer_conf conf;        /* schedule NULL: it cannot be read */
    enum state state;
    struct due due; /* in the heap when IDLE and something is due */
    struct list node;
    char cursor[DECIMAL]; /* as it stands in the store; "" none */
    int64_t base_ms, looked_ms;
    int64_t event_ms;      /* the due time of the event that is put */
    char event[UUID_TEXT]; /* its id, so that a repetition is the same event */
    uint32_t made_up;      /* missed ones handed over since the last that was not */
    bool deleted;          /* the trigger is gone */
};

static const struct log_cx cx = {.component = "timer"};

static void fire(struct timer *tm, int64_t due_ms);
static void read_cursor(struct timer *tm);

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

/* Its next due time goes into the heap, if it has one. */
static void settle(struct timer *tm)
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

static void say_left_out(const struct timer *tm, int64_t from_ms, int64_t to_ms, const char *why)
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
        say_left_out(tm, due_ms, now_ms, "too much was missed");
        break;
    case TIMER_ONCE:
        last_ms = schedule_last(tm->conf.schedule, due_ms, now_ms, tm->trigger->modified_ms);
        tm->looked_ms = now_ms;
        return last_ms < 0 ? due_ms : last_ms;
    case TIMER_SKIP:
        say_left_out(tm, due_ms, now_ms, "missed, and the trigger's policy is to skip");
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
        fire(tm, due_ms);
    else
        settle(tm);
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

/* ---- on disk ---- */

static void free_timer(struct timer *tm)
{
    trigger_unref(tm->trigger);
    timer_conf_done(&tm->conf);
    tm->magic = 0;
    free(tm);
}

static struct str cursor_name(const struct timer *tm, char room[CURSOR_NAME])
{
    int n = snprintf(room, CURSOR_NAME, "timer/%s", tm->trigger->id);

    return (struct str){room, (size_t)n};
}

static void pause_it(struct timer *tm)
{
    struct timers *all = tm->all;

    tm->state = PAUSED;
    list_push_back(&all->paused, &tm->node);
    if (!loop_timer_running(all->retry)) {
        loop_timer_start(all->retry, all->pause_ms);
        all->pause_ms = 2 * all->pause_ms < PAUSE_MOST_MS ? 2 * all->pause_ms : PAUSE_MOST_MS;
    }
}

static void on_retry(void *user)
{
    struct timers *all = OBJ(user, struct timers, TIMERS_MAGIC);
    int64_t now_ms = clock_store_ms();
    struct list again;

    list_init(&again);
    for (struct list *n; (n = list_pop_front(&all->paused));)
        list_push_back(&again, n);
    for (struct list *n; (n = list_pop_front(&again));) {
        struct timer *tm = container_of(n, struct timer, node);

        if (now_ms - tm->looked_ms <= TIMER_LATE_MS)
            tm->looked_ms = now_ms; /* what comes due meanwhile is not missed, only late */
        if (tm->event_ms >= 0)
            fire(tm, tm->event_ms);
        else
            read_cursor(tm);
    }
}

/* The event will never be taken. */
static void leave_out(struct timer *tm, const char *why)
{
    say_left_out(tm, tm->event_ms, tm->event_ms, why);
    tm->all->stats.left_out++;
    tm->base_ms = tm->event_ms;
    tm->event_ms = -1;
    settle(tm);
}

static void drop(struct timer *tm);

static void put_ended(struct timer *tm)
{
    tm->all->stats.fired++;
    tm->all->pause_ms = PAUSE_FIRST_MS;
    snprintf(tm->cursor, sizeof(tm->cursor), "%lld", (long long)tm->event_ms);
    tm->base_ms = tm->event_ms;
    tm->event_ms = -1;
    settle(tm);
}

/* Will it be taken later as it is, or never? */
static bool passes(int r)
{
    return r == -EAGAIN || r == -EINPROGRESS || r == -ENOBUFS || r == -EIO || r == -ENOSPC ||
           r == -ESHUTDOWN;
}

static void on_put(void *user, int r, const struct err *e)
{
    struct timer *tm = OBJ(user, struct timer, TIMER_MAGIC);

    if (!tm->all) {
        free_timer(tm);
    } else if (tm->deleted) {
        drop(tm);
    } else if (r == 0 || r == -EEXIST) {
        put_ended(tm);
    } else if (r == -ESTALE) {
        tm->event_ms = -1; /* the place is read again */
        pause_it(tm);
    } else if (!passes(r)) {
        leave_out(tm, e ? e->msg : strerror(-r));
    } else if (tm->trigger->enabled && tm->conf.schedule) {
        pause_it(tm);
    } else {
        tm->event_ms = -1;
        settle(tm);
    }
}

static void shape_event(const struct timer *tm, const struct shape_ops *shape, struct buf *out)
{
    struct shape_timer event = {
            .name = tm->trigger->name, .due_ms = tm->event_ms, .payload = str_of(tm->conf.payload)};
    char time[SCHEDULE_TIME];

    schedule_time(tm->conf.schedule, tm->event_ms, time);
    event.time = time;
    shape->timer(&event, out);
}

static int put(struct timer *tm, const struct fn *f, struct str payload, struct err *e)
{
    char name[CURSOR_NAME], next[DECIMAL], dedup[UUID_TEXT + DECIMAL];
    struct q_cursor cursor = {.name = cursor_name(tm, name), .expect = str_of(tm->cursor)};
    struct delivery_event ev = {.fn = f,
                                .qualifier = str_of(tm->trigger->qualifier),
                                .source = str_of(tm->trigger->id),
                                .trigger = RUN_TIMER,
                                .id = str_of(tm->event),
                                .payload = payload,
                                .cursor = &cursor};

    snprintf(next, sizeof(next), "%lld", (long long)tm->event_ms);
    snprintf(dedup, sizeof(dedup), "%s/%s", tm->trigger->id, next);
    cursor.next = str_of(next);
    ev.dedup = str_of(dedup);
    return delivery_put(tm->all->delivery, &ev, on_put, tm, e);
}

static void fire(struct timer *tm, int64_t due_ms)
{
    const struct shape_ops *shape = shape_of(tm->trigger->dialect);
    struct fn_key key = trigger_key(tm->trigger);
    const struct fn *f = catalog_find(tm->all->catalog, &key);
    struct err e = {0};
    struct buf payload;
    int r;

    if (tm->event_ms != due_ms)
        uuid4(tm->event);
    tm->event_ms = due_ms;
    if (!f || !shape || !shape->timer) {
        leave_out(tm, f ? "the cloud has no timers" : "there is no such function");
        return;
    }
    buf_init(&payload, EVENT_MAX);
    shape_event(tm, shape, &payload);
    tm->state = PUTTING;
    r = buf_ok(&payload) ? put(tm, f, buf_str(&payload), &e) : -E2BIG;
    buf_done(&payload);
    if (r < 0 && passes(r))
        pause_it(tm);
    else if (r < 0)
        leave_out(tm, e.code ? e.msg : strerror(-r));
}

/* ---- where it stands ---- */

static void on_cursor(void *user, int r, struct str value)
{
    struct timer *tm = OBJ(user, struct timer, TIMER_MAGIC);
    int64_t at_ms = 0;

    if (!tm->all) {
        free_timer(tm);
        return;
    }
    if (tm->deleted) {
        drop(tm);
        return;
    }
    if (r < 0) {
        pause_it(tm);
        return;
    }
    if (value.n >= sizeof(tm->cursor)) {
        log_err(&cx,
                "cursor 'timer/%s' is none of ours: trigger '%s' of function '%s' is never due",
                tm->trigger->id, tm->trigger->name, tm->trigger->function);
        tm->state = IDLE;
        return;
    }
    if (value.n > 0 && str_i64(value, 0, INT64_MAX, &at_ms) < 0)
        log_err(&cx, "cursor 'timer/%s' is malformed: trigger '%s' of function '%s' begins anew",
                tm->trigger->id, tm->trigger->name, tm->trigger->function);
    snprintf(tm->cursor, sizeof(tm->cursor), "%.*s", STR_ARG(value));
    tm->base_ms = at_ms;
    settle(tm);
}

static void read_cursor(struct timer *tm)
{
    char name[CURSOR_NAME];

    tm->state = READING;
    tm->event_ms = -1;
    q_cursor(delivery_queue(tm->all->delivery), cursor_name(tm, name), on_cursor, tm);
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
    read_cursor(tm);
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
        settle(tm);
    } else if (tm->state == IDLE && !(owed && tm->conf.schedule)) {
        settle(tm);
    }
}

/* The cursor's removal is the last thing; what fails of it is left. */
static void on_dropped(void *user, int r, const int *ret, uint32_t n)
{
    struct timer *tm = OBJ(user, struct timer, TIMER_MAGIC);

    (void)r;
    (void)ret;
    (void)n;
    list_remove(&tm->node);
    free_timer(tm);
}

static void on_last_cursor(void *user, int r, struct str value)
{
    struct timer *tm = OBJ(user, struct timer, TIMER_MAGIC);
    char name[CURSOR_NAME];
    struct q_cursor cursor = {.name = cursor_name(tm, name), .expect = value};

    if (!tm->all || r < 0 || value.n == 0)
        on_dropped(tm, r, NULL, 0);
    else
        q_put(delivery_queue(tm->all->delivery), &(struct q_put){.cursors = &cursor, .ncursors = 1},
              on_dropped, tm);
}

static void drop(struct timer *tm)
{
    char name[CURSOR_NAME];

    tm->state = DROPPING;
    list_remove(&tm->node);
    list_push_back(&tm->all->dropping, &tm->node);
    q_cursor(delivery_queue(tm->all->delivery), cursor_name(tm, name), on_last_cursor, tm);
}

static void take_out(struct timer *tm)
{
    (void)map_del(tm->all->by_id, str_of(tm->trigger->id));
    due_remove(&tm->all->heap, &tm->due);
    list_remove(&tm->node);
    tm->deleted = true;
    if (tm->state == IDLE || tm->state == PAUSED)
        drop(tm); /* else when the call under way ends */
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
    all->retry = loop_timer_new(l, on_retry, all);
    catalog_watch_triggers(catalog, on_change, all);
    return all;
}

/* A call under way ends later, and then its timer. */
static void leave(struct timer *tm)
{
    list_remove(&tm->node);
    tm->all = NULL;
    if (tm->state == IDLE || tm->state == PAUSED)
        free_timer(tm);
}

struct timers *timers_free(struct timers *all)
{
    size_t at = 0;
    void *tm;

    if (!all)
        return NULL;
    catalog_watch_triggers(all->catalog, NULL, NULL);
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
