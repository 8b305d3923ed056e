/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer_put.c - what a timer asks of the queue: where it stands, an event at its due time, and in
 * the end the removal of its cursor. States and what always holds: timer.c.
 *
 * What cannot be put now is put later, all together and ever less often up to PAUSE_MOST_MS, with
 * the id and the due time it had. Only what will never be taken is left out, and the log says so.
 */
#include "source/timer_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "catalog/triggers.h"
#include "delivery/delivery.h"
#include "dialect/shape.h"
#include "loop/loop.h"
#include "schedule/schedule.h"
#include "store/queue.h"

enum {
    PAUSE_MOST_MS = 5000,
    CURSOR_NAME = 8 + UUID_TEXT,
    EVENT_MAX = 8 * TIMER_PAYLOAD + 4096, /* a byte of the payload takes six in JSON at most */
};

static const struct log_cx cx = {.component = "timer"};

void timer_free(struct timer *tm)
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

void timer_on_retry(void *user)
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
            timer_fire(tm, tm->event_ms);
        else
            timer_read_cursor(tm);
    }
}

/* The event will never be taken. */
static void leave_out(struct timer *tm, const char *why)
{
    timer_say_left_out(tm, tm->event_ms, tm->event_ms, why);
    tm->all->stats.left_out++;
    tm->base_ms = tm->event_ms;
    tm->event_ms = -1;
    timer_settle(tm);
}

static void put_ended(struct timer *tm)
{
    tm->all->stats.fired++;
    tm->all->pause_ms = PAUSE_FIRST_MS;
    snprintf(tm->cursor, sizeof(tm->cursor), "%lld", (long long)tm->event_ms);
    tm->base_ms = tm->event_ms;
    tm->event_ms = -1;
    timer_settle(tm);
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
        timer_free(tm);
    } else if (tm->deleted) {
        timer_drop(tm);
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
        timer_settle(tm);
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

void timer_fire(struct timer *tm, int64_t due_ms)
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
        timer_free(tm);
        return;
    }
    if (tm->deleted) {
        timer_drop(tm);
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
    timer_settle(tm);
}

void timer_read_cursor(struct timer *tm)
{
    char name[CURSOR_NAME];

    tm->state = READING;
    tm->event_ms = -1;
    q_cursor(delivery_queue(tm->all->delivery), cursor_name(tm, name), on_cursor, tm);
}

/* ---- its end ---- */

/* The cursor's removal is the last thing; what fails of it is left. */
static void on_dropped(void *user, int r, const int *ret, uint32_t n)
{
    struct timer *tm = OBJ(user, struct timer, TIMER_MAGIC);

    (void)r;
    (void)ret;
    (void)n;
    list_remove(&tm->node);
    timer_free(tm);
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

void timer_drop(struct timer *tm)
{
    char name[CURSOR_NAME];

    tm->state = DROPPING;
    list_remove(&tm->node);
    list_push_back(&tm->all->dropping, &tm->node);
    q_cursor(delivery_queue(tm->all->delivery), cursor_name(tm, name), on_last_cursor, tm);
}
