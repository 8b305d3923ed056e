/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance_run.c - jobs on an instance that is ready: the request out, the answer in.
 *
 * Each open stream is a lane. It begins in `opening`; once its request was handed over whole its
 * function's clock starts and it is in `running`. All jobs of an instance have the same time, so in
 * both lists the first is due first, and one timer does for all.
 */
#include "pool/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "fn/fn.h"
#include "loop/loop.h"

enum {
    OUTER_SLACK_MS = 10000, /* on top of the function's time: handing the request over */
    MEMORY_MS = 100,        /* between two looks at a cgroup whose worker says nothing new */
};

/* ---- lanes ---- */

struct lane *inst_lane(const struct instance *in, uint32_t stream)
{
    list_each (it, &in->ids[stream & in->ids_mask]) {
        struct lane *lane = container_of(it, struct lane, by_id);

        if (lane->stream.id == stream)
            return lane;
    }
    return NULL;
}

struct lane *inst_lane_open(struct instance *in, struct job *job, struct str open, uint64_t ms)
{
    struct lane *lane = xnew(struct lane);
    uint32_t id = ++in->last_stream;

    lane->job = job;
    lane->start_ns = clock_mono_ns();
    lane->due_ns = lane->start_ns + ms * 1000000;
    lane->cold = job && !in->ran;
    lane->http = job && job->http;
    list_push_back(&in->opening, &lane->node);
    list_push_back(&in->ids[id & in->ids_mask], &lane->by_id);
    in->nlanes++;
    if (job) {
        in->njobs++;
        in->ran = true;
        job->instance = in;
        job->lane = lane;
    }
    inst_arm_lanes(in);
    stream_open(&lane->stream, in->channel, id, open, job ? job->payload : STR_NONE);
    return lane;
}

void inst_lane_close(struct instance *in, struct lane *lane)
{
    assert(!lane->job && in->nlanes > 0);
    in->nlanes--;
    list_remove(&lane->node);
    list_remove(&lane->by_id);
    free(lane);
}

static struct lane *first_job(const struct list *l)
{
    struct list *it = list_first(l);
    struct lane *lane = it ? container_of(it, struct lane, node) : NULL;

    return lane && lane->job ? lane : NULL;
}

struct lane *inst_lane_of_a_job(const struct instance *in)
{
    struct lane *lane = first_job(&in->running);

    return lane ? lane : first_job(&in->opening);
}

void inst_arm_lanes(struct instance *in)
{
    const struct list *lists[] = {&in->opening, &in->running};
    uint64_t due_ns = UINT64_MAX, now = clock_mono_ns();

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct list *it = list_first(lists[i]);

        if (it && container_of(it, struct lane, node)->due_ns < due_ns)
            due_ns = container_of(it, struct lane, node)->due_ns;
    }
    if (due_ns == UINT64_MAX || (loop_timer_running(in->timer) && in->timer_ns <= due_ns))
        return; /* firing once too early costs less than a timer set anew with every answer */
    in->timer_ns = due_ns;
    inst_arm(in, due_ns > now ? (due_ns - now + 999999) / 1000000 : 0);
}

/* ---- the request ---- */

int instance_run(struct instance *in, struct job *job, struct err *e)
{
    cleanup_with(buf_done) struct buf open = {0};
    struct lane *lane;

    assert(instance_room(in) > 0);
    buf_init(&open, FRAME_MAX_META);
    job->ops->open(job->user, in->id, &open);
    if (!buf_ok(&open))
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "what describes the invocation is over %d bytes",
                       FRAME_MAX_META);

    if (in->state != INST_BUSY) {
        inst_thaw(in);
        loop_timer_stop(in->timer); /* it counted to the frost */
        in->state = INST_BUSY;
        in->settled = false;
    }
    in->env->runs++;
    in->runs++;
    in->env->cold += !in->ran;
    lane = inst_lane_open(in, job, buf_str(&open), (uint64_t)in->fn->timeout_ms + OUTER_SLACK_MS);
    if (in->init_ns) {
        lane->init_ns = in->init_ns;
        in->init_ns = 0;
    }
    job->ops->on_start(job->user, in->id, lane->cold);
    return 0;
}

/* What was put has been handed over. Where that was all of a request, the function's clock starts. */
void step_sent(struct instance *in, const struct event *ev)
{
    (void)ev;
    list_each (it, &in->opening) {
        struct lane *lane = container_of(it, struct lane, node);

        if (!lane->stream.end_queued) {
            stream_feed(&lane->stream, in->channel);
        } else {
            lane->start_ns = channel_write_ns(in->channel);
            if (lane->job)
                lane->due_ns = lane->start_ns + (uint64_t)in->fn->timeout_ms * 1000000;
            list_remove(&lane->node);
            list_push_back(&in->running, &lane->node);
        }
    }
    inst_arm_lanes(in);
}

/* ---- the answer ---- */

void step_log(struct instance *in, const struct event *ev)
{
    struct lane *lane = ev->lane;

    if (ev->frame->stream == 0)
        lane = inst_lane_of_a_job(in);
    inst_hear_log(in, lane ? lane->job : in->job, ev->frame->payload);
}

void step_credit(struct instance *in, const struct event *ev)
{
    const char *wrong = stream_credit(&ev->lane->stream, in->channel, frame_credit(ev->frame));

    if (wrong)
        inst_offend(in, wrong);
}

void step_head(struct instance *in, const struct event *ev)
{
    struct lane *lane = ev->lane;

    if (!lane->http) {
        inst_offend(in, "HEAD where no HTTP request is answered");
    } else if (lane->headed) {
        inst_offend(in, "a second HEAD");
    } else if (lane->stream.received > 0) {
        inst_offend(in, "HEAD after DATA");
    } else {
        lane->headed = true;
        if (lane->job)
            lane->job->ops->on_head(lane->job->user, ev->frame->payload);
    }
}

void step_data(struct instance *in, const struct event *ev)
{
    struct job *job = ev->lane->job;
    const char *wrong = stream_data(&ev->lane->stream, in->channel, ev->frame->payload.n);

    if (wrong)
        inst_offend(in, wrong);
    else if (job && ev->lane->stream.received > job->answer_max)
        inst_give_up(in, ev->lane, JOB_TOO_LARGE);
    else if (job)
        job->ops->on_data(job->user, ev->frame->payload);
}

static bool take(struct str *s, struct str word)
{
    if (!str_starts(*s, word))
        return false;
    *s = str_from(*s, word.n);
    return true;
}

/* A number and what ends it: 1: another field follows; 0: it was the last. */
static int scan_number(struct str *s, uint64_t max, uint64_t *ret)
{
    struct str digits = *s;

    while (s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9')
        *s = str_from(*s, 1);
    digits.n -= s->n;
    if (str_u64(digits, 0, max, ret) < 0 || (digits.n > 1 && digits.p[0] == '0'))
        return -EINVAL;
    if (str_eq(*s, S("}")))
        return 0;
    return take(s, S(",")) ? 1 : -EINVAL;
}

/* As every worker of ours writes it: no spaces, these fields in this order, at least one. */
static bool scan_summary(struct str s, struct summary *ret)
{
    int r = 1;

    if (!take(&s, S("{")))
        return false;
    if (take(&s, S("\"peak_bytes\":")))
        r = scan_number(&s, INT64_MAX, &ret->peak_bytes);
    if (r > 0 && take(&s, S("\"cpu_us\":")))
        r = scan_number(&s, SUMMARY_CPU_US, &ret->cpu_us);
    if (r <= 0)
        return r == 0;
    if (!take(&s, S("\"handled\":")))
        return false;
    ret->handled = str_eq(s, S("true}"));
    return ret->handled || str_eq(s, S("false}"));
}

/* In whatever form JSON allows. */
static bool parse_summary(struct str json, struct summary *ret)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(json, NULL);
    int64_t peak = 0, cpu = 0;

    *ret = (struct summary){0};
    if (!tree || json_int(tree, "peak_bytes", false, 0, INT64_MAX, &peak, NULL) < 0 ||
        json_int(tree, "cpu_us", false, 0, SUMMARY_CPU_US, &cpu, NULL) < 0 ||
        json_bool(tree, "handled", false, &ret->handled, NULL) < 0)
        return false;
    ret->peak_bytes = (uint64_t)peak;
    ret->cpu_us = (uint64_t)cpu;
    return true;
}

bool inst_read_summary(struct str json, struct summary *ret)
{
    *ret = (struct summary){0};
    return json.n == 0 || scan_summary(json, ret) || parse_summary(json, ret);
}

/* The worker's word for it: a function may have changed what it says. Where several run at once
 * nobody can tell whose time it was. */
static uint64_t cpu_ns(const struct instance *in, uint64_t cpu_us, uint64_t duration_ns)
{
    uint64_t most = duration_ns * in->env->cpus;

    if (in->places > 1)
        return 0;
    return cpu_us * 1000 < most ? cpu_us * 1000 : most;
}

/*
 * What the function printed before it answered belongs to this job. When the answer was in the
 * socket as the turn began, so was all that in the pipe, and the loop has told of it. Else we look,
 * once for all answers that came with one read.
 */
static void hear_out(struct instance *in, uint32_t stream)
{
    if (in->prompt == stream || in->output_batch == channel_batch(in->channel))
        return;
    in->output_batch = channel_batch(in->channel);
    inst_output_read(in, LOG_AT_END);
}

/* The cgroup knows best but costs a call each time: asked when the worker has grown, or now and
 * then. */
static void look_at_memory(struct instance *in, uint64_t peak, uint64_t now_ns)
{
    if (in->memory_peak < 0) {
        if (peak > in->memory_bytes)
            in->memory_bytes = peak;
    } else if (peak > in->worker_peak || now_ns - in->memory_ns >= MEMORY_MS * 1000000ull) {
        in->worker_peak = peak > in->worker_peak ? peak : in->worker_peak;
        in->memory_ns = now_ns;
        inst_memory_read(in);
    }
}

/* The lane has ended on both sides: the place is free, or the instance has served. */
static void after_end(struct instance *in)
{
    if (in->state == INST_SPENT && in->njobs == 0)
        inst_doom(in, JOB_EXITED);
    if (in->state != INST_BUSY)
        return;
    if (in->nlanes == 0)
        inst_go_idle(in);
    if (!in->exited)
        in->env->ops->on_free(in->env->user, in);
}

void step_end(struct instance *in, const struct event *ev)
{
    bool failed = ev->frame->flags & FRAME_F_ERROR, whole;
    struct lane *lane = ev->lane;
    uint64_t now = clock_mono_ns();
    struct summary summary;
    struct job_report report;
    struct job *job;

    if (!inst_read_summary(ev->frame->payload, &summary)) {
        inst_offend(in, "END carries no summary");
        return;
    }
    if (failed && lane->headed) {
        inst_offend(in, "an error result after HEAD");
        return;
    }
    hear_out(in, lane->stream.id);
    look_at_memory(in, summary.peak_bytes, now);
    if (in->state >= INST_CLOSING)
        return; /* cancelled by whoever heard the output */
    if (!lane->job) {
        inst_lane_close(in, lane);
        return;
    }

    in->end_ns = now;
    report = inst_report(in, lane, failed ? JOB_ERROR : JOB_DONE);
    report.handled = failed && summary.handled;
    report.cpu_ns = cpu_ns(in, summary.cpu_us, report.duration_ns);
    whole = lane->stream.end_queued;
    job = whole || in->njobs == 1 ? inst_release(in, lane) : inst_reset(in, lane);
    if (whole) {
        inst_lane_close(in, lane);
        /* The next job first: it may have waited, and what on_done submits has not. */
        after_end(in);
    } else if (in->njobs == 0) {
        inst_doom(in, report.end);
    }
    in->env->ops->on_done(in->env->user, in, job, &report);
}
