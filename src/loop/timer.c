/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.c - one-shot timers.
 *
 * libuv counts a delay from its own cached time, which is as old as the turn. A timer started by a
 * callback that ran for long would fire early, so we refresh that time first: one clock read. That
 * time is in whole milliseconds, rounded down: one more makes "not before delay_ms" true.
 */
#include "loop/internal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"

enum { TIMER_MAGIC = 0x4c4f5449 };

struct loop_timer {
    uint32_t magic;
    struct loop *loop;
    loop_fn *fn;
    void *user; /* borrowed */
    uv_timer_t timer;
};

static void on_timer(uv_timer_t *h)
{
    struct loop_timer *t = OBJ(h->data, struct loop_timer, TIMER_MAGIC);

    t->fn(t->user);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *user)
{
    struct loop_timer *t = xnew(struct loop_timer);

    t->magic = TIMER_MAGIC;
    t->loop = l;
    t->fn = fn;
    t->user = user;
    uv_timer_init(&l->uv, &t->timer);
    t->timer.data = t;
    l->sources++;
    return t;
}

void loop_timer_start(struct loop_timer *t, uint64_t delay_ms)
{
    uv_update_time(&t->loop->uv);
    loop_must(uv_timer_start(&t->timer, on_timer, delay_ms ? delay_ms + 1 : 0, 0), "start a timer");
}

void loop_timer_stop(struct loop_timer *t)
{
    uv_timer_stop(&t->timer);
}

bool loop_timer_running(const struct loop_timer *t)
{
    return uv_is_active((const uv_handle_t *)&t->timer) != 0;
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

struct loop_timer *loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return NULL;
    assert(t->magic == TIMER_MAGIC);
    t->magic = 0;
    t->loop->sources--;
    uv_close((uv_handle_t *)&t->timer, on_closed);
    return NULL;
}
