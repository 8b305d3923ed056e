/* SPDX-License-Identifier: Apache-2.0 */
/*
 * desk.c - one thread that may block, and a loop that never does.
 *
 * Work waits in `queue` until the thread takes all of it at once. While the thread is busy with it
 * (in fsync, mostly) the next lot gathers: the busier it is, the larger the lots. What is finished
 * goes into `done`, and one message wakes the loop for all of it. The thread is woken once for all
 * that a turn of the loop asks for, at its end: else it would be off to the disk with the first
 * while the others gather.
 *
 * A disk may hang for minutes. So deadlines are looked at from both ends: the thread refuses what
 * it takes too late, and an alarm on the loop answers what is late while the thread cannot.
 *
 * A desk may be freed at any moment, also by a completion. It then lives on without an owner until
 * its last message has arrived, so no message ever finds freed memory.
 *
 * What always holds:
 *   (1) work is in `queue`, in the thread's hands, in `done` or in `here`; never in two of them.
 *   (2) completions come in the order in which the thread handed the work back.
 */
#include "store/desk.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/obj.h"
#include "loop/loop.h"

enum { DESK_MAGIC = 0x6465736b };

struct desk {
    uint32_t magic;
    const struct desk_ops *ops;
    void *user;        /* borrowed; NULL once freed */
    struct loop *loop; /* borrowed */
    pthread_t thread;
    bool started; /* and not joined */

    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list queue; /* under lock */
    struct list done;  /* under lock: finished, not yet on the loop's side */
    bool closing;      /* under lock */
    bool posted;       /* under lock: a message that will take `done` is under way */
    uint32_t refs;     /* under lock: the owner, each message under way, and `waking` */

    /* The loop thread's. */
    bool waking;              /* the thread will be told of work at the end of this turn */
    struct list here;         /* taken over, completions in progress */
    struct loop_timer *alarm; /* at the earliest deadline of what waits, or earlier */
    uint64_t alarm_ns;        /* 0: not running */
};

static void take_over(struct list *to, struct list *from)
{
    struct list *n;

    while ((n = list_pop_front(from)))
        list_push_back(to, n);
}

static void desk_unref(struct desk *d)
{
    bool last;

    pthread_mutex_lock(&d->lock);
    last = --d->refs == 0;
    pthread_mutex_unlock(&d->lock);
    if (!last)
        return;
    assert(list_empty(&d->queue) && list_empty(&d->done) && list_empty(&d->here));
    pthread_cond_destroy(&d->wake);
    pthread_mutex_destroy(&d->lock);
    d->magic = 0;
    free(d);
}

static void deliver(struct desk *d)
{
    struct list *n;

    pthread_mutex_lock(&d->lock);
    take_over(&d->here, &d->done);
    d->posted = false;
    pthread_mutex_unlock(&d->lock);

    while ((n = list_pop_front(&d->here)))
        d->ops->complete(d->user, container_of(n, struct work, node));
}

static void on_post(void *user)
{
    struct desk *d = OBJ(user, struct desk, DESK_MAGIC);

    deliver(d);
    desk_unref(d);
}

void desk_done(struct desk *d, struct list *works)
{
    bool needed = false;

    if (list_empty(works))
        return;
    pthread_mutex_lock(&d->lock);
    take_over(&d->done, works);
    if (!d->posted) {
        needed = d->posted = true;
        d->refs++;
    }
    pthread_mutex_unlock(&d->lock);
    if (needed)
        loop_post(d->loop, on_post, d);
}

/* Wait for work, unless there is some of our own. False when there is none and never will be. */
static bool take_all(struct desk *d, struct list *ret, bool busy)
{
    uint64_t now_ns;

    pthread_mutex_lock(&d->lock);
    while (list_empty(&d->queue) && !d->closing && !busy)
        pthread_cond_wait(&d->wake, &d->lock);
    take_over(ret, &d->queue);
    pthread_mutex_unlock(&d->lock);

    now_ns = clock_mono_ns();
    list_each (it, ret) {
        struct work *w = container_of(it, struct work, node);

        if (w->r == 0 && work_late(w, now_ns))
            w->r = -EAGAIN;
    }
    return !list_empty(ret) || busy;
}

static void *thread_main(void *user)
{
    struct desk *d = OBJ(user, struct desk, DESK_MAGIC);
    struct list works;
    bool busy = false;

    list_init(&works);
    while (take_all(d, &works, busy))
        busy = d->ops->carry_out(d->user, &works);
    return NULL;
}

static void set_alarm(struct desk *d, uint64_t deadline_ns)
{
    uint64_t now_ns = clock_mono_ns();

    if (deadline_ns == 0 || (d->alarm_ns > 0 && d->alarm_ns <= deadline_ns))
        return;
    d->alarm_ns = deadline_ns;
    loop_timer_start(d->alarm, deadline_ns > now_ns ? (deadline_ns - now_ns) / 1000000 + 1 : 0);
}

/* What is late and still waits is answered now. What was taken meanwhile is the thread's. */
static void on_alarm(void *user)
{
    struct desk *d = OBJ(user, struct desk, DESK_MAGIC);
    uint64_t now_ns = clock_mono_ns(), next_ns = 0;
    struct list over;

    list_init(&over);
    pthread_mutex_lock(&d->lock);
    list_each (it, &d->queue) {
        struct work *w = container_of(it, struct work, node);

        if (work_late(w, now_ns)) {
            list_remove(it);
            list_push_back(&over, it);
            w->r = w->r < 0 ? w->r : -EAGAIN;
        } else if (w->deadline_ns > 0 && (next_ns == 0 || w->deadline_ns < next_ns)) {
            next_ns = w->deadline_ns;
        }
    }
    pthread_mutex_unlock(&d->lock);

    desk_done(d, &over);
    d->alarm_ns = 0;
    set_alarm(d, next_ns);
}

static void on_turn(void *user)
{
    struct desk *d = OBJ(user, struct desk, DESK_MAGIC);

    d->waking = false;
    pthread_mutex_lock(&d->lock);
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    desk_unref(d);
}

void desk_submit(struct desk *d, struct work *w)
{
    uint64_t deadline_ns = w->deadline_ns; /* the thread may be done with it before we look */
    bool wake = !d->waking, closing;
    struct list refused;

    list_init(&refused);
    pthread_mutex_lock(&d->lock);
    closing = d->closing;
    list_push_back(closing ? &refused : &d->queue, &w->node);
    d->refs += wake;
    pthread_mutex_unlock(&d->lock);
    if (wake) {
        d->waking = true;
        loop_defer(d->loop, on_turn, d);
    }

    if (closing) { /* from a completion that desk_free() is giving out */
        w->r = -EIO;
        desk_done(d, &refused);
    } else {
        set_alarm(d, deadline_ns);
    }
}

bool desk_closing(struct desk *d)
{
    bool closing;

    pthread_mutex_lock(&d->lock);
    closing = d->closing;
    pthread_mutex_unlock(&d->lock);
    return closing;
}

struct desk *desk_new(struct loop *l, const struct desk_ops *ops, void *user)
{
    struct desk *d = xnew(struct desk);

    d->magic = DESK_MAGIC;
    d->ops = ops;
    d->user = user;
    d->loop = l;
    d->refs = 1;
    list_init(&d->queue);
    list_init(&d->done);
    list_init(&d->here);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->wake, NULL);
    d->alarm = loop_timer_new(l, on_alarm, d);
    return d;
}

/* Signals are the loop's business: the thread is born with all of them blocked. */
int desk_start(struct desk *d)
{
    sigset_t all, before;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&d->thread, NULL, thread_main, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    d->started = r == 0;
    return -r;
}

void desk_stop(struct desk *d)
{
    pthread_mutex_lock(&d->lock);
    d->closing = true;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    if (d->started)
        pthread_join(d->thread, NULL);
    d->started = false;
    d->alarm = loop_timer_free(d->alarm);
}

struct desk *desk_free(struct desk *d)
{
    if (!d)
        return NULL;
    desk_stop(d);
    deliver(d);
    d->user = NULL;
    desk_unref(d);
    return NULL;
}
