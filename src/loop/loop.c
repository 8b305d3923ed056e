/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c - turns of the loop, and the two ways to be called later in one: loop_defer(),
 * loop_post().
 *
 * A turn of libuv is: timers, prepare, wait and descriptors, check, closed handles. Deferred calls
 * run in the prepare phase (made by timers, or before the loop ran) and in the check phase (made by
 * descriptors). What a deferred call defers again is not run in the same sweep: an object that
 * keeps deferring must not starve the sockets. Instead an idle handle turns the next wait into a
 * look, so the promise "before the loop waits again" holds.
 *
 * What always holds:
 *   (1) a source's memory is freed in its close callback, which libuv makes after every callback
 *       of the turn; so x_free() inside the source's own callback is safe.
 *   (2) no wait begins while calls are deferred, nor once loop_run_until() has what it wanted.
 *   (3) posted_lock is never held while a callback runs.
 *
 * The clock is read at most once per phase and only if somebody asks.
 */
#include "loop/internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/obj.h"

void loop_must(int r, const char *what)
{
    if (r >= 0)
        return;
    (void)fprintf(stderr, "loop: %s: %s\n", what, uv_strerror(r));
    abort();
}

static void calls_add(struct calls *c, loop_fn *fn, void *user)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 16;
        c->at = xrealloc(c->at, c->cap, sizeof *c->at);
    }
    c->at[c->n++] = (struct call){fn, user};
}

static void calls_swap(struct calls *a, struct calls *b)
{
    struct calls t = *a;

    *a = *b;
    *b = t;
}

static void calls_run(struct calls *c)
{
    for (size_t i = 0; i < c->n; i++)
        c->at[i].fn(c->at[i].user);
    c->n = 0;
}

static void on_hurry(uv_idle_t *h)
{
    (void)h;
}

static void sweep(struct loop *l)
{
    if (l->deferred.n) {
        calls_swap(&l->deferred, &l->running);
        calls_run(&l->running);
    }
    l->now_ns = 0;
}

/* The last moment before the wait. A timer or a deferred call may just have done what
 * loop_run_until() waits for, and nothing else need ever happen: only look, then. */
static void on_before_wait(uv_prepare_t *h)
{
    struct loop *l = OBJ(h->data, struct loop, LOOP_MAGIC);

    sweep(l);
    if (l->deferred.n || (l->until && *l->until))
        uv_idle_start(&l->hurry, on_hurry);
    else
        uv_idle_stop(&l->hurry);
}

static void on_after_wait(uv_check_t *h)
{
    sweep(OBJ(h->data, struct loop, LOOP_MAGIC));
}

static void run_posted(struct loop *l)
{
    pthread_mutex_lock(&l->posted_lock);
    calls_swap(&l->posted, &l->taken);
    pthread_mutex_unlock(&l->posted_lock);
    calls_run(&l->taken);
}

static void on_wake(uv_async_t *h)
{
    run_posted(OBJ(h->data, struct loop, LOOP_MAGIC));
}

struct loop *loop_new(void)
{
    struct loop *l = xnew(struct loop);

    l->magic = LOOP_MAGIC;
    loop_must(uv_loop_init(&l->uv), "create an event loop");
    loop_must(uv_async_init(&l->uv, &l->wake, on_wake), "create a wake-up descriptor");
    uv_prepare_init(&l->uv, &l->before_wait);
    uv_check_init(&l->uv, &l->after_wait);
    uv_idle_init(&l->uv, &l->hurry);
    l->wake.data = l->before_wait.data = l->after_wait.data = l->hurry.data = l;
    uv_prepare_start(&l->before_wait, on_before_wait);
    uv_check_start(&l->after_wait, on_after_wait);
    loop_must(-pthread_mutex_init(&l->posted_lock, NULL), "create a lock");
    return l;
}

struct loop *loop_free(struct loop *l)
{
    int r;

    if (!l)
        return NULL;
    /* Posted and deferred calls are promises, and often the burial of an object: keep them. */
    run_posted(l);
    while (l->deferred.n)
        sweep(l);
    assert(l->sources == 0);
    uv_close((uv_handle_t *)&l->before_wait, NULL);
    uv_close((uv_handle_t *)&l->after_wait, NULL);
    uv_close((uv_handle_t *)&l->hurry, NULL);
    uv_close((uv_handle_t *)&l->wake, NULL);
    /* Close callbacks, and work that is still under way with what its completion defers. A stop
     * asked for after the last run makes uv_run() return at once, hence the loop. */
    do {
        uv_run(&l->uv, UV_RUN_DEFAULT);
        calls_swap(&l->deferred, &l->running);
        calls_run(&l->running);
        r = uv_loop_close(&l->uv);
    } while (r == UV_EBUSY || l->deferred.n);
    loop_must(r, "close the event loop");
    pthread_mutex_destroy(&l->posted_lock);
    free(l->deferred.at);
    free(l->running.at);
    free(l->posted.at);
    free(l->taken.at);
    l->magic = 0;
    free(l);
    return NULL;
}

int loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT); /* `wake` keeps it running until uv_stop() */
    return 0;
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

void loop_run_until(struct loop *l, const bool *done)
{
    const bool *outer = l->until;

    l->until = done;
    while (!*done)
        uv_run(&l->uv, UV_RUN_ONCE);
    l->until = outer;
}

uint64_t loop_now_ns(const struct loop *l)
{
    struct loop *cache = (struct loop *)l; /* the cached time is no part of what callers see */

    if (!cache->now_ns)
        cache->now_ns = clock_mono_ns();
    return cache->now_ns;
}

void loop_defer(struct loop *l, loop_fn *fn, void *user)
{
    calls_add(&l->deferred, fn, user);
}

void loop_post(struct loop *l, loop_fn *fn, void *user)
{
    pthread_mutex_lock(&l->posted_lock);
    calls_add(&l->posted, fn, user);
    pthread_mutex_unlock(&l->posted_lock);
    uv_async_send(&l->wake);
}
