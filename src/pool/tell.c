/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tell.c - how jobs hear their end; and those that hear it without an instance: refused, cancelled,
 * or tired of waiting. They are told from the loop, since who submits or cancels is not prepared to
 * hear of it inside that call.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "pool/supply.h"

void tell_job(struct pool *p, struct job *job, const struct job_report *report)
{
    assert(p->njobs > 0);
    p->njobs--;
    job->ops->on_end(job->user, report);
    if (p->draining && p->njobs == 0)
        pool_next_turn(p);
}

void pool_tell_later(struct pool *p, struct job *job, const struct job_report *report,
                     const struct err *e, struct str body)
{
    struct told *t = xnew(struct told);

    t->job = job;
    t->report = *report;
    t->err = *e;
    buf_init(&t->body, body.n + 1);
    buf_adds(&t->body, body);
    job->instance = NULL;
    list_push_back(&p->told, &t->node);
    pool_next_turn(p);
}

void pool_end_later(struct pool *p, struct job *job, const struct err *e)
{
    struct job_report report = {.end = JOB_NO_START, .exit_code = -1};

    pool_tell_later(p, job, &report, e, STR_NONE);
}

void tell_all(struct pool *p)
{
    for (struct list *it; (it = list_pop_front(&p->told)) != NULL;) {
        struct told *t = container_of(it, struct told, node);

        t->report.err = t->err.code < 0 ? &t->err : NULL;
        if (t->body.n > 0)
            t->job->ops->on_data(t->job->user, buf_str(&t->body));
        tell_job(p, t->job, &t->report);
        buf_done(&t->body);
        free(t);
    }
}

/* ---- jobs that have waited for too long ---- */

static void waited_from(struct pool *p)
{
    const struct job *job;
    uint64_t end_ns, now = clock_mono_ns();

    if (list_empty(&p->lines.waiting))
        return;
    job = container_of(p->lines.waiting.next, struct job, wait_node);
    end_ns = job->wait_ns + (uint64_t)p->conf.wait_timeout_ms * 1000000;
    loop_timer_start(p->waited, end_ns > now ? (end_ns - now + 999999) / 1000000 : 0);
}

void tell_on_timer(void *user)
{
    struct pool *p = OBJ(user, struct pool, POOL_MAGIC);
    uint64_t now = clock_mono_ns();
    uint32_t ms = p->conf.wait_timeout_ms;
    struct err e = {0};

    if (ms % 1000 == 0)
        err_set(&e, ERR_LIMIT, -EAGAIN, "no instance became free within %u s", ms / 1000);
    else
        err_set(&e, ERR_LIMIT, -EAGAIN, "no instance became free within %u ms", ms);
    while (!list_empty(&p->lines.waiting)) {
        struct job *job = container_of(p->lines.waiting.next, struct job, wait_node);
        struct group *g = group_of(p, &p->lines, job->fn);

        if (job->wait_ns + (uint64_t)ms * 1000000 > now)
            break;
        leave_line(&p->lines, g, job);
        group_unless_used(&p->lines, g);
        pool_end_later(p, job, &e);
    }
    waited_from(p);
}

void tell_waits(struct pool *p)
{
    if (!loop_timer_running(p->waited))
        waited_from(p);
}
