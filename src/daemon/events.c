/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.c - brings the queue of events, their delivery and the timers together.
 *
 * What opening the queue found is said once, as an error, and stands in /readyz until the next start: an
 * operator should look at what was lost. A queue that fails while we run (an fsync that failed, a page that
 * is damaged) is closed and opened again, which verifies it; until then every event is refused, and
 * functions that are called synchronously run on.
 */
#include "daemon/events.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "base/obj.h"
#include "conf/options.h"
#include "daemon/wanted.h"
#include "delivery/delivery.h"
#include "loop/loop.h"
#include "observe/health.h"
#include "source/timer.h"
#include "store/queue.h"

enum {
    EVENTS_MAGIC = 0x45564e54,
    LOCK_WAIT_MS = 5000,
    REOPEN_MS = 1000,
    REOPEN_MOST_MS = 30000,
    LOOK_MS = 10000
};

#define QUEUE_FILE "queue.db"

struct events {
    uint32_t magic;
    struct loop *loop;             /* borrowed */
    struct health *health;         /* borrowed */
    struct queue *queue;           /* owned */
    struct queue_opening *opening; /* NULL: none is under way */
    struct delivery *delivery;
    struct timers *timers;
    struct loop_timer *reopen, *look;
    uint64_t reopen_ms;
    uint64_t damaged; /* pages, as told */
};

static const struct log_cx cx = {.component = "events"};

static void report(struct events *ev, const struct q_opened *opened)
{
    if (!opened->said[0])
        return;
    log_err(&cx, "the queue of events: %s", opened->said);
    health_set(ev->health, "events", opened->said);
}

/* ---- a queue that failed ---- */

static void on_opened(void *user, int r, struct queue *q, const struct q_opened *opened,
                      const struct err *e)
{
    struct events *ev = OBJ(user, struct events, EVENTS_MAGIC);
    struct queue *refusing = ev->queue;

    ev->opening = NULL;
    if (r < 0) {
        log_err(&cx, "the queue of events was not opened again, retrying: %s", e->msg);
        ev->reopen_ms = ev->reopen_ms * 2 < REOPEN_MOST_MS ? ev->reopen_ms * 2 : REOPEN_MOST_MS;
        loop_timer_start(ev->reopen, ev->reopen_ms);
        return;
    }
    log_info(&cx, "the queue of events is open again and was checked: events are accepted");
    ev->queue = q;
    delivery_reopen(ev->delivery, q);
    q_close(refusing);
    report(ev, opened);
}

/* Functions that are called synchronously do not wait for it. */
static void on_reopen(void *user)
{
    struct events *ev = OBJ(user, struct events, EVENTS_MAGIC);
    struct queue *before = ev->queue, *refusing = queue_refusing(ev->loop);

    delivery_closed(ev->delivery, refusing);
    ev->queue = refusing;
    q_close(before);
    ev->opening = queue_sqlite_begin(ev->loop, QUEUE_FILE, on_opened, ev); /* -> on_opened */
}

static void on_broken(void *user)
{
    struct events *ev = OBJ(user, struct events, EVENTS_MAGIC);

    ev->reopen_ms = REOPEN_MS;
    loop_timer_start(ev->reopen, ev->reopen_ms);
}

/* Reading the file in the background has found what nobody has asked for yet. */
static void on_look(void *user)
{
    struct events *ev = OBJ(user, struct events, EVENTS_MAGIC);
    uint64_t damaged = ev->queue->stats.damaged;

    if (damaged > 0 && damaged != ev->damaged) {
        log_err(&cx,
                "the queue of events has %" PRIu64
                " damaged pages; what can be read is carried over "
                "when evoke is started next",
                damaged);
        health_set(ev->health, "events", "the queue of events has damaged pages: restart evoke");
    }
    ev->damaged = damaged;
    loop_timer_start(ev->look, LOOK_MS);
}

/* ---- the face ---- */

int events_open(const struct delivery_env *env, const struct options *o, struct events **ret,
                struct err *e)
{
    struct delivery_env mine = *env;
    struct delivery_conf conf;
    struct q_opened opened = {0};
    struct queue *q;
    struct events *ev;
    int r;

    r = queue_sqlite_open(env->loop, QUEUE_FILE, LOCK_WAIT_MS, &q, &opened, e);
    if (r < 0)
        return err_wrap(e, r, QUEUE_FILE);
    ev = xnew(struct events);
    ev->magic = EVENTS_MAGIC;
    ev->loop = env->loop;
    ev->health = env->health;
    ev->queue = q;
    ev->reopen = loop_timer_new(env->loop, on_reopen, ev);
    ev->look = loop_timer_new(env->loop, on_look, ev);
    loop_timer_start(ev->look, LOOK_MS);
    report(ev, &opened);
    mine.on_broken = on_broken;
    mine.user = ev;
    wanted_delivery(o, &conf);
    ev->delivery = delivery_open(&mine, q, &conf);
    ev->timers = timers_new(env->loop, env->catalog, ev->delivery);
    *ret = ev;
    return 0;
}

void events_serve(const struct events *ev, struct api *api)
{
    api->delivery = ev->delivery;
    api->timers = ev->timers;
}

void events_configure(struct events *ev, const struct options *o)
{
    struct delivery_conf conf;

    wanted_delivery(o, &conf);
    delivery_configure(ev->delivery, &conf);
}

void events_function_changed(struct events *ev, const struct fn *before, const struct fn *after)
{
    if (ev) /* while functions are loaded there is none yet */
        delivery_function_changed(ev->delivery, before, after);
}

void events_drain(struct events *ev, void (*on_drained)(void *user), void *user)
{
    delivery_drain(ev->delivery, on_drained, user);
}

struct events *events_free(struct events *ev)
{
    if (!ev)
        return NULL;
    ev->reopen = loop_timer_free(ev->reopen);
    ev->look = loop_timer_free(ev->look);
    queue_sqlite_forget(ev->opening);
    ev->timers = timers_free(ev->timers);
    ev->delivery = delivery_free(ev->delivery);
    ev->queue = q_close(ev->queue);
    ev->magic = 0;
    free(ev);
    return NULL;
}
