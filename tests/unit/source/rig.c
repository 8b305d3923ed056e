/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/obj.h"
#include "loop/loop.h"

int64_t rig_now_ms;

int64_t __wrap_clock_store_ms(void);
uint64_t __wrap_clock_store_wait_ms(int64_t at_ms);
void __wrap_loop_timer_start(struct loop_timer *t, uint64_t delay_ms);
void __real_loop_timer_start(struct loop_timer *t, uint64_t delay_ms);

int64_t __wrap_clock_store_ms(void)
{
    return rig_now_ms;
}

uint64_t __wrap_clock_store_wait_ms(int64_t at_ms)
{
    return at_ms <= rig_now_ms ? 0 : 1; /* the test moves it at any time */
}

/* Nobody waits longer than a moment, also where a failure is slept over. */
void __wrap_loop_timer_start(struct loop_timer *t, uint64_t delay_ms)
{
    __real_loop_timer_start(t, delay_ms < 2 ? delay_ms : 2);
}

/* A call on its way: what is applied is applied at once, the answer comes later. */
struct call {
    struct delivery *d;
    int r;
    char value[RIG_TEXT];
    delivery_fn *put;
    q_cursor_fn *cursor;
    q_put_fn *qput;
    void *user;
};

static void answer(void *user)
{
    struct call *c = user;
    struct err e = {0};

    if (c->d->held) {
        loop_post(c->d->loop, answer, c);
        return;
    }
    c->d->under_way--;
    if (c->put) {
        err_set(&e, ERR_HOST, c->r < 0 ? c->r : -EIO, "as the test says");
        c->put(c->user, c->r, c->r < 0 && c->r != -EEXIST ? &e : NULL);
    } else if (c->cursor) {
        c->cursor(c->user, c->r, str_of(c->value));
    } else {
        c->qput(c->user, c->r, NULL, 0);
    }
    free(c);
}

static struct call *call_new(struct delivery *d, void *user)
{
    struct call *c = xnew(struct call);

    c->d = d;
    c->user = user;
    d->under_way++;
    loop_post(d->loop, answer, c);
    return c;
}

static char *value_of(struct delivery *d, struct str name, bool make)
{
    for (size_t i = 0; i < d->ncursors; i++)
        if (str_eq(name, str_of(d->cursors[i].name)))
            return d->cursors[i].value;
    if (!make)
        return NULL;
    if (d->ncursors == RIG_CURSORS)
        abort();
    snprintf(d->cursors[d->ncursors].name, RIG_TEXT, "%.*s", STR_ARG(name));
    return d->cursors[d->ncursors++].value;
}

const char *rig_cursor(const struct delivery *d, const char *name)
{
    const char *value = value_of((struct delivery *)d, str_of(name), false);

    return value ? value : "";
}

static bool move_cursor(struct delivery *d, const struct q_cursor *cursor)
{
    char *value = value_of(d, cursor->name, true);

    if (!str_eq(str_of(value), cursor->expect))
        return false;
    snprintf(value, RIG_TEXT, "%.*s", STR_ARG(cursor->next));
    return true;
}

static int apply(struct delivery *d, const struct delivery_event *ev)
{
    struct rig_event *to = &d->events[d->n];

    for (size_t i = 0; i < d->n; i++)
        if (str_eq(str_of(d->events[i].dedup), ev->dedup))
            return -EEXIST;
    if (ev->cursor && !move_cursor(d, ev->cursor))
        return -ESTALE;
    if (d->n == RIG_EVENTS)
        abort();
    snprintf(to->id, RIG_TEXT, "%.*s", STR_ARG(ev->id));
    snprintf(to->dedup, RIG_TEXT, "%.*s", STR_ARG(ev->dedup));
    snprintf(to->payload, RIG_TEXT, "%.*s", STR_ARG(ev->payload));
    snprintf(to->qualifier, RIG_TEXT, "%.*s", STR_ARG(ev->qualifier));
    d->n++;
    return 0;
}

int delivery_put(struct delivery *d, const struct delivery_event *ev, delivery_fn *fn, void *user,
                 struct err *e)
{
    enum rig_fault fault = d->times > 0 ? d->fault : RIG_NONE;
    struct call *c;
    int r = 0;

    d->puts++;
    if (d->times > 0)
        d->times--;
    if (fault == RIG_NEVER)
        return err_set(e, ERR_CALLER, d->answer, "as the test says");
    if (fault == RIG_NONE || fault == RIG_LOST_ANSWER)
        r = apply(d, ev);
    if (fault == RIG_LOST_REQUEST || fault == RIG_LOST_ANSWER)
        r = -EINPROGRESS;
    if (fault == RIG_REFUSED)
        r = d->answer;
    c = call_new(d, user);
    c->put = fn;
    c->r = r;
    return 0;
}

struct queue *delivery_queue(struct delivery *d)
{
    return &d->queue;
}

static void rig_q_cursor(struct queue *q, struct str name, q_cursor_fn *fn, void *user)
{
    struct delivery *d = container_of(q, struct delivery, queue);
    const char *value = value_of(d, name, false);
    struct call *c = call_new(d, user);

    c->cursor = fn;
    if (d->cursor_times > 0) {
        d->cursor_times--;
        c->r = -EAGAIN;
    } else if (value) {
        snprintf(c->value, RIG_TEXT, "%s", value);
    }
}

static void rig_q_put(struct queue *q, const struct q_put *put, q_put_fn *fn, void *user)
{
    struct delivery *d = container_of(q, struct delivery, queue);
    struct call *c = call_new(d, user);

    c->qput = fn;
    c->r = move_cursor(d, put->cursors) ? 0 : -ESTALE;
}

void rig_init(struct delivery *d, struct loop *l)
{
    static const struct queue_ops ops = {.cursor = rig_q_cursor, .put = rig_q_put};

    *d = (struct delivery){.queue = {.ops = &ops}, .loop = l};
}
