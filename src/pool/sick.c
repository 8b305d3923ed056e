/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sick.c - functions whose instances die before they are ready, again and again.
 *
 * The first failures are told to those whose start it was, and the next job tries again: somebody
 * is at work on the code. From then on the function backs off, twice as long each time. Meanwhile
 * its jobs are told at once how the last start failed; after it, one start is tried at a time. A
 * start that succeeds and a new revision (another group) end this; so does time.
 *
 * Of starts that were under way together only one counts: a burst is one experience.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "fn/fn.h"
#include "frame/frame.h"
#include "pool/supply.h"

enum {
    FREE_TRIES = 2,
    DELAY_MS = 1000,
    DELAY_MAX_MS = 60000,
    FORGET_MS = 5 * 60 * 1000,
};

struct failure {
    struct job_report report;
    struct err err;
    struct buf body; /* the error result, if the function had one */
};

struct failure *failure_free(struct failure *f)
{
    if (f)
        buf_done(&f->body);
    free(f);
    return NULL;
}

static uint64_t delay_ns(const struct group *g)
{
    uint64_t ms = DELAY_MS;

    if (g->failures <= FREE_TRIES)
        return 0;
    for (uint32_t i = FREE_TRIES + 1; i < g->failures && ms < DELAY_MAX_MS; i++)
        ms *= 2;
    return (ms < DELAY_MAX_MS ? ms : DELAY_MAX_MS) * 1000000ull;
}

static uint64_t left_ns(const struct group *g, uint64_t now_ns)
{
    uint64_t end_ns = g->failed_ns + delay_ns(g);

    return g->failures > 0 && end_ns > now_ns ? end_ns - now_ns : 0;
}

uint64_t sick_retry_ns(const struct group *g)
{
    uint64_t end_ns = g->failed_ns + delay_ns(g);

    return end_ns > g->keep_after_ns ? end_ns : g->keep_after_ns;
}

bool sick_holds_back(const struct group *g)
{
    return g->failures > FREE_TRIES && !list_empty(&g->starting);
}

bool sick_backs_off(const struct group *g)
{
    return left_ns(g, clock_mono_ns()) > 0;
}

bool sick_tell(struct group *g, struct job *job)
{
    uint64_t left = left_ns(g, clock_mono_ns());
    struct job_report report;

    if (left == 0)
        return false;
    report = g->failure->report;
    report.failures = g->failures;
    report.retry_ms = (left + 999999) / 1000000;
    pool_tell_later(g->pool, job, &report, &g->failure->err, buf_str(&g->failure->body));
    return true;
}

/* Its own doing: not what the host refused, what we ended, or what died with the launcher. */
static bool failed_by_itself(const struct instance *in)
{
    switch (in->end) {
    case JOB_INIT_ERROR:
    case JOB_INIT_TIMEOUT:
    case JOB_PROTOCOL:
    case JOB_MEMORY:
        return !in->ready;
    case JOB_INIT_EXITED:
        return !in->ready && !in->killed;
    case JOB_DONE:
    case JOB_ERROR:
    case JOB_TIMEOUT:
    case JOB_EXITED:
    case JOB_TOO_LARGE:
    case JOB_NO_START:
        break;
    }
    return false;
}

static void remember(struct group *g, const struct instance *in)
{
    struct failure *f = xnew(struct failure);

    f->report = (struct job_report){.end = in->end,
                                    .cold = true,
                                    .memory_bytes = in->memory_bytes,
                                    .exit_code = in->exit_code,
                                    .signal = in->signal};
    f->err = in->err;
    buf_init(&f->body, FRAME_MAX_DATA);
    buf_adds(&f->body, buf_str(&in->init_error));
    failure_free(g->failure);
    g->failure = f;
}

void sick_doomed(struct group *g, const struct instance *in)
{
    if (!in->ran)
        g->keep_after_ns = clock_mono_ns() + DELAY_MS * 1000000ull;
}

void sick_note(struct group *g, struct instance *in)
{
    struct log_cx cx = {.component = "pool", .function = g->fn->name};
    uint64_t now = clock_mono_ns();

    if (g->retired || !failed_by_itself(in))
        return;
    g->pool->failed_starts++;
    remember(g, in);
    if (in->born_ns >= g->counted_ns) {
        g->failures++;
        g->counted_ns = now;
    }
    g->failed_ns = now;
    list_remove(&g->sick_node);
    list_push_back(&g->pool->sick, &g->sick_node);
    pool_wake_at(g->pool, now + (uint64_t)FORGET_MS * 1000000);
    if (delay_ns(g) == 0)
        return;
    log_info(&cx, "instance %s: the %u. start in a row that failed, the next try is in %u s",
             in->id, g->failures, (unsigned int)(delay_ns(g) / 1000000000));
    for (struct job *job; (job = first_in_line(&g->pool->lines, g)) != NULL;)
        (void)sick_tell(g, job);
}

void sick_cured(struct group *g)
{
    g->failures = 0;
    g->failed_ns = g->counted_ns = 0;
    g->failure = failure_free(g->failure);
    list_remove(&g->sick_node);
}

void sick_turn(struct pool *p)
{
    uint64_t now = clock_mono_ns();

    list_each (it, &p->sick) {
        struct group *g = container_of(it, struct group, sick_node);
        uint64_t end_ns = g->failed_ns + delay_ns(g) + (uint64_t)FORGET_MS * 1000000;

        if (end_ns > now) {
            pool_wake_at(p, end_ns);
        } else {
            sick_cured(g);
            pool_check_group(g);
        }
    }
}
