/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance_run.c - one job on an idle instance: the request out, the answer in.
 */
#include "pool/internal.h"

#include <assert.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "fn/fn.h"
#include "loop/loop.h"

enum { OUTER_SLACK_MS = 10000 }; /* on top of the function's time: handing the request over */

int instance_run(struct instance *in, struct job *job, struct err *e)
{
    cleanup_with(buf_done) struct buf open = {0};

    assert(in->state == INST_IDLE && !in->job);
    buf_init(&open, FRAME_MAX_META);
    job->ops->open(job->user, in->id, &open);
    if (!buf_ok(&open))
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "what describes the invocation is over %d bytes",
                       FRAME_MAX_META);

    in->state = INST_BUSY;
    in->job = job;
    job->instance = in;
    in->err = (struct err){0};
    in->sent = false;
    in->env->runs++;
    in->env->cold += !in->ran;
    in->start_ns = clock_mono_ns();
    inst_arm(in, (uint64_t)in->fn->timeout_ms + OUTER_SLACK_MS);
    stream_open(&in->stream, in->channel, ++in->last_stream, buf_str(&open), job->payload);
    job->ops->on_start(job->user, in->id, !in->ran);
    return 0;
}

/* Handed over whole: the function's clock starts. */
void step_sent(struct instance *in, const struct event *ev)
{
    (void)ev;
    if (!in->stream.end_queued) {
        stream_feed(&in->stream, in->channel);
        return;
    }
    if (in->sent)
        return;
    in->sent = true;
    in->start_ns = channel_write_ns(in->channel);
    inst_arm(in, in->fn->timeout_ms);
}

void step_log(struct instance *in, const struct event *ev)
{
    inst_hear_log(in, ev->frame->payload);
}

void step_credit(struct instance *in, const struct event *ev)
{
    const char *wrong = stream_credit(&in->stream, in->channel, frame_credit(ev->frame));

    if (wrong)
        inst_offend(in, wrong);
}

void step_data(struct instance *in, const struct event *ev)
{
    struct job *job = in->job;
    const char *wrong = stream_data(&in->stream, in->channel, ev->frame->payload.n);

    if (wrong)
        inst_offend(in, wrong);
    else if (in->stream.received > job->answer_max)
        inst_doom(in, JOB_TOO_LARGE);
    else
        job->ops->on_data(job->user, ev->frame->payload);
}

/* {"peak_bytes":N,"handled":bool}, or empty. False: it is something else. */
static bool read_summary(struct str json, int64_t *peak, bool *handled)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;

    if (json.n == 0)
        return true;
    tree = json_parse(json, NULL);
    return tree && json_int(tree, "peak_bytes", false, 0, INT64_MAX, peak, NULL) == 0 &&
           json_bool(tree, "handled", false, handled, NULL) == 0;
}

void step_end(struct instance *in, const struct event *ev)
{
    bool failed = ev->frame->flags & FRAME_F_ERROR, handled = false;
    int64_t peak = 0;
    struct job_report report;
    struct job *job;

    in->end_ns = clock_mono_ns();
    if (!read_summary(ev->frame->payload, &peak, &handled)) {
        inst_offend(in, "END carries no summary");
        return;
    }
    inst_output_read(in, LOG_AT_END);
    inst_memory_read(in);
    if (in->state != INST_BUSY)
        return; /* cancelled by whoever heard the output */
    if (in->memory_peak < 0 && (uint64_t)peak > in->memory_bytes)
        in->memory_bytes = (uint64_t)peak;

    report = inst_report(in, failed ? JOB_ERROR : JOB_DONE);
    report.handled = failed && handled;
    if (!in->stream.end_queued) {
        inst_doom(in, report.end);
        loop_timer_start(in->timer, BURY_MS);
        inst_finish(in, &report);
        return;
    }
    /* The next job first: it may have waited, and what on_done submits has not. */
    inst_go_idle(in);
    job = inst_release(in);
    if (!in->exited)
        in->env->ops->on_idle(in->env->user, in);
    in->env->ops->on_done(in->env->user, in, job, &report);
}

/* Kill first, then answer. */
void step_late(struct instance *in, const struct event *ev)
{
    (void)ev;
    inst_doom(in, JOB_TIMEOUT);
}
