/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.c - one instance's life as a table: what may happen in each state, and what we do.
 *
 * STARTING -STARTED-> BOOTING -READY-> LOADING -READY-> IDLE -run-> BUSY -END-> IDLE
 *    |                   |                |               |           |
 *    |                   +----------------+-- socket closed ----------+--> CLOSING   [step_closed]
 *    +--- deadline, kill, offence, failed init (any of them) ------------> DYING     [doom]
 *                                      CLOSING -does not end-> DYING -EXITED-> gone  [step_exited]
 *
 * What always holds:
 *   (1) an empty cell of the table cannot happen; what a worker can provoke has a step.
 *   (2) a job attached here ends exactly once, through finish(); until then nobody else ends it.
 *   (3) channel exists in BOOTING, LOADING, IDLE and BUSY and in no other state.
 *   (4) every state but IDLE has a deadline running. What a worker sends never extends one.
 *   (5) an instance is offered to the pool (on_idle) only when its last stream has ended on both
 *       sides; one that answered before it had heard the whole request is not used again.
 *   (6) KILL is sent before a job that did not end by itself is answered; the answer waits for the
 *       launcher's report, at most EXIT_MS, so that an exit code or an exceeded memory limit is
 *       told instead of guessed.
 *
 * A worker that dies may have sent its last words before: EXITED and the socket are two
 * descriptors, so step_exited() reads the socket to its end first. For the same reason a closed
 * socket is not answered by a KILL at once (CLOSING): that would replace the exit code.
 *
 * Descriptors 1 and 2 of the function are read all the time, also when nobody listens: a full pipe
 * would stop it. Source: docs/protocol/frames.md, launcher/proto.h.
 */
#include "pool/instance.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/obj.h"
#include "fn/fn.h"
#include "loop/loop.h"
#include "runtime/runtime.h"

enum {
    INSTANCE_MAGIC = 0x494e5354,
    OUTER_SLACK_MS = 10000, /* on top of the function's time: handing the request over */
    CLOSING_MS = 200,
    EXIT_MS = 1000,
    BURY_MS = 10000,
    LOG_PER_TURN = 64 * 1024,
    LOG_AT_END = 1 << 20, /* taken from the pipe before a job ends */
    PIDS = 1024,          /* as FunctionGraph grants */
    TMP_MB = 512,         /* as both clouds give by default */
};

enum inst_event {
    EV_STARTED,
    EV_REFUSED,
    EV_EXITED,
    EV_READY,
    EV_LOG,
    EV_DATA, /* DATA, END, CREDIT: of the open stream, so in BUSY only */
    EV_END,
    EV_CREDIT,
    EV_OFFENCE, /* the worker broke the protocol */
    EV_CLOSED,
    EV_SENT,
    EV_DEADLINE,
    EV_KILL,
    INST_EVENTS,
};

struct event {
    const struct frame *frame; /* READY, LOG, DATA, END, CREDIT */
    const char *why;           /* OFFENCE, REFUSED */
    const struct launch_exited *how;
    int code;                         /* REFUSED */
    int channel, output, memory_peak; /* STARTED */
};

typedef void inst_step(struct instance *in, const struct event *ev);

static void happen(struct instance *in, enum inst_event what, const struct event *ev);

/* ---- what a job hears ---- */

static void hear_log(struct instance *in, struct str text)
{
    if (in->job)
        in->job->ops->on_log(in->job->user, text);
    else
        in->env->dropped_log_bytes += text.n;
}

static void output_close(struct instance *in)
{
    in->output_io = loop_io_free(in->output_io);
    in->output = fd_close(in->output);
}

/* Take up to `limit` bytes of what the function wrote to descriptors 1 and 2. */
static void output_read(struct instance *in, size_t limit)
{
    char text[LOG_PER_TURN];

    for (size_t total = 0; total < limit && in->output >= 0;) {
        ssize_t n = read(in->output, text, sizeof(text));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            output_close(in);
            return;
        }
        hear_log(in, (struct str){text, (size_t)n});
        total += (size_t)n;
    }
}

static void on_output(void *user, unsigned ready)
{
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);

    (void)ready;
    output_read(in, LOG_PER_TURN);
}

static void memory_read(struct instance *in)
{
    char text[32];
    uint64_t bytes;
    ssize_t n;

    if (in->memory_peak < 0)
        return;
    n = pread(in->memory_peak, text, sizeof(text), 0);
    if (n > 0 && text[n - 1] == '\n')
        n--;
    if (n > 0 && str_u64((struct str){text, (size_t)n}, 0, UINT64_MAX, &bytes) == 0)
        in->memory_bytes = bytes;
}

static struct job_report report_of(struct instance *in, enum job_end end)
{
    return (struct job_report){
            .end = end,
            .duration_ns = in->start_ns ? in->end_ns - in->start_ns : 0,
            .init_ns = in->init_ns,
            .cold = !in->ran,
            .memory_bytes = in->memory_bytes,
            .exit_code = in->exit_code,
            .signal = in->signal,
            .err = in->err.code < 0 ? &in->err : NULL,
    };
}

static struct job *release(struct instance *in)
{
    struct job *job = in->job;

    in->job = NULL;
    job->instance = NULL;
    in->ran = true;
    in->start_ns = 0;
    in->init_ns = 0;
    return job;
}

/* The job leaves the instance, for good, and hears how it ended. */
static void finish(struct instance *in, const struct job_report *report)
{
    in->env->ops->on_done(in->env->user, in, release(in), report);
}

/* ---- ends ---- */

static void arm(struct instance *in, uint64_t ms)
{
    loop_timer_start(in->timer, ms);
}

/* No more frames from here on. */
static void leave(struct instance *in, enum inst_state state, enum job_end end)
{
    in->channel = channel_free(in->channel);
    buf_done(&in->assign);
    if (in->state < INST_CLOSING) {
        in->end = end;
        in->end_ns = clock_mono_ns();
        in->state = state;
        in->env->ops->on_doomed(in->env->user, in);
    }
    in->state = state;
}

/* Kill it; its job, if it has one, ends as said. */
static void doom(struct instance *in, enum job_end end)
{
    leave(in, INST_DYING, end);
    if (in->launched)
        launch_kill(in->launched);
    arm(in, in->job ? EXIT_MS : BURY_MS);
}

static void step_ignore(struct instance *in, const struct event *ev)
{
    (void)in;
    (void)ev;
}

static void step_kill(struct instance *in, const struct event *ev)
{
    (void)ev;
    doom(in, JOB_EXITED);
}

static void step_offence(struct instance *in, const struct event *ev)
{
    struct log_cx cx = {.component = "pool", .function = in->fn->name};

    err_set(&in->err, ERR_FUNCTION, -EPROTO, "the worker broke the protocol: %s", ev->why);
    log_warn(&cx, "instance %s: %s, killing it", in->id, in->err.msg);
    doom(in, JOB_PROTOCOL);
}

static void offend(struct instance *in, const char *why)
{
    happen(in, EV_OFFENCE, &(struct event){.why = why});
}

static void step_stray_ready(struct instance *in, const struct event *ev)
{
    (void)ev;
    offend(in, "READY out of turn");
}

/* The process closed its socket: it is ending, and will be reported with its exit code. */
static void step_closed(struct instance *in, const struct event *ev)
{
    (void)ev;
    leave(in, INST_CLOSING, in->state == INST_BUSY ? JOB_EXITED : JOB_INIT_EXITED);
    arm(in, CLOSING_MS);
}

/* Last step of every life. */
static void bury(struct instance *in)
{
    loop_timer_stop(in->timer);
    if (in->job) {
        struct job_report report = report_of(in, in->end);

        finish(in, &report);
    }
    in->env->ops->on_gone(in->env->user, in);
}

static void step_exited(struct instance *in, const struct event *ev)
{
    in->launched = NULL;
    in->exited = true;
    in->exit_code = ev->how->exit_code;
    in->signal = ev->how->signal;
    if (in->channel)
        channel_read_rest(in->channel);
    if (in->state < INST_CLOSING)
        step_closed(in, ev);
    output_read(in, LOG_AT_END);
    memory_read(in);
    /* The cgroup is gone by now and cannot be asked, but it was full. */
    if (ev->how->oom && in->memory_bytes < (uint64_t)in->fn->memory_mb << 20)
        in->memory_bytes = (uint64_t)in->fn->memory_mb << 20;
    if (ev->how->oom && (in->end == JOB_EXITED || in->end == JOB_INIT_EXITED))
        in->end = JOB_MEMORY;
    bury(in);
}

static void step_refused(struct instance *in, const struct event *ev)
{
    in->launched = NULL;
    if (in->state < INST_CLOSING) {
        err_set(&in->err, ERR_HOST, ev->code, "the launcher could not start an instance: %s",
                ev->why);
        leave(in, INST_DYING, JOB_NO_START);
    }
    bury(in);
}

/* STARTED for what we have already asked to be killed: EXITED follows. */
static void step_stillborn(struct instance *in, const struct event *ev)
{
    (void)in;
    (void)fd_close(ev->channel);
    (void)fd_close(ev->output);
    (void)fd_close(ev->memory_peak);
}

/* DYING, and nobody has reported the end: the caller has waited long enough. */
static void step_unreported(struct instance *in, const struct event *ev)
{
    struct log_cx cx = {.component = "pool", .function = in->fn->name};
    struct job_report report;

    (void)ev;
    log_warn(&cx, "instance %s was killed and is not reported as ended, waiting on", in->id);
    if (!in->job)
        return;
    output_read(in, LOG_AT_END);
    memory_read(in);
    if (!in->job)
        return;
    report = report_of(in, in->end);
    finish(in, &report);
}

/* ---- start, boot, load ---- */

static const struct channel_ops channel_ops;

static void step_started(struct instance *in, const struct event *ev)
{
    in->state = INST_BOOTING;
    in->output = ev->output;
    in->memory_peak = ev->memory_peak;
    in->channel = channel_new(in->env->loop, ev->channel, &channel_ops, in);
    (void)fcntl(in->output, F_SETFL, fcntl(in->output, F_GETFL) | O_NONBLOCK);
    in->output_io = loop_io_new(in->env->loop, in->output, on_output, in);
    loop_io_want(in->output_io, LOOP_READ);
    /* the timer of STARTING goes on: both together are the time to boot */
}

static void step_no_launch(struct instance *in, const struct event *ev)
{
    (void)ev;
    err_set(&in->err, ERR_HOST, -ETIMEDOUT, "the launcher started no instance within %u ms",
            in->env->boot_timeout_ms);
    doom(in, JOB_NO_START);
}

static void step_init_late(struct instance *in, const struct event *ev)
{
    (void)ev;
    doom(in, JOB_INIT_TIMEOUT);
}

static bool hello_is_good(struct str json)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(json, NULL);
    int64_t version = 0;

    return tree && json_int(tree, "version", false, 1, INT32_MAX, &version, NULL) == 0 &&
           version == 1;
}

/* The worker runs: give it the function. */
static void step_booted(struct instance *in, const struct event *ev)
{
    if (ev->frame->flags & FRAME_F_ERROR || !hello_is_good(ev->frame->payload)) {
        offend(in, "its first READY is not {\"version\":1}");
        return;
    }
    in->state = INST_LOADING;
    channel_put(in->channel, FRAME_ASSIGN, 0, 0, buf_str(&in->assign));
    buf_done(&in->assign);
    in->load_ns = clock_mono_ns();
    arm(in, (uint64_t)in->fn->init_timeout_ms + in->env->load_timeout_ms);
    if (in->job)
        in->job->ops->on_load(in->job->user, in->id, false, 0, in->memory_bytes);
}

static void go_idle(struct instance *in)
{
    loop_timer_stop(in->timer);
    in->state = INST_IDLE;
    in->idle_ns = clock_mono_ns();
}

/* Code and initializer are through, or have failed. */
static void step_loaded(struct instance *in, const struct event *ev)
{
    bool failed = ev->frame->flags & FRAME_F_ERROR;
    uint64_t took_ns = clock_mono_ns() - in->load_ns;
    struct job *job;

    output_read(in, LOG_AT_END);
    memory_read(in);
    if (in->state != INST_LOADING)
        return; /* cancelled by whoever heard the output */
    if (in->job) {
        in->init_ns = took_ns;
        in->job->ops->on_load(in->job->user, in->id, true, took_ns, in->memory_bytes);
    }
    if (failed && in->state == INST_LOADING) {
        if (in->job)
            in->job->ops->on_data(in->job->user, ev->frame->payload);
        doom(in, JOB_INIT_ERROR);
    }
    if (in->state != INST_LOADING)
        return;

    go_idle(in);
    job = in->job;
    if (!job) {
        if (!in->exited)
            in->env->ops->on_idle(in->env->user, in);
        return;
    }
    in->job = NULL;
    if (instance_run(in, job, &in->err) < 0) {
        in->job = job;
        doom(in, JOB_NO_START);
    }
}

/* ---- run ---- */

/* Handed over whole: the function's clock starts. */
static void step_sent(struct instance *in, const struct event *ev)
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
    arm(in, in->fn->timeout_ms);
}

static void step_log(struct instance *in, const struct event *ev)
{
    hear_log(in, ev->frame->payload);
}

static void step_credit(struct instance *in, const struct event *ev)
{
    const char *wrong = stream_credit(&in->stream, in->channel, frame_credit(ev->frame));

    if (wrong)
        offend(in, wrong);
}

static void step_data(struct instance *in, const struct event *ev)
{
    struct job *job = in->job;
    const char *wrong = stream_data(&in->stream, in->channel, ev->frame->payload.n);

    if (wrong)
        offend(in, wrong);
    else if (in->stream.received > job->answer_max)
        doom(in, JOB_TOO_LARGE);
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

static void step_end(struct instance *in, const struct event *ev)
{
    bool failed = ev->frame->flags & FRAME_F_ERROR, handled = false;
    int64_t peak = 0;
    struct job_report report;
    struct job *job;

    in->end_ns = clock_mono_ns();
    if (!read_summary(ev->frame->payload, &peak, &handled)) {
        offend(in, "END carries no summary");
        return;
    }
    output_read(in, LOG_AT_END);
    memory_read(in);
    if (in->state != INST_BUSY)
        return; /* cancelled by whoever heard the output */
    if (in->memory_peak < 0 && (uint64_t)peak > in->memory_bytes)
        in->memory_bytes = (uint64_t)peak;

    report = report_of(in, failed ? JOB_ERROR : JOB_DONE);
    report.handled = failed && handled;
    if (!in->stream.end_queued) {
        doom(in, report.end);
        loop_timer_start(in->timer, BURY_MS);
        finish(in, &report);
        return;
    }
    /* The next job first: it may have waited, and what on_done submits has not. */
    go_idle(in);
    job = release(in);
    if (!in->exited)
        in->env->ops->on_idle(in->env->user, in);
    in->env->ops->on_done(in->env->user, in, job, &report);
}

/* Kill first, then answer. */
static void step_late(struct instance *in, const struct event *ev)
{
    (void)ev;
    doom(in, JOB_TIMEOUT);
}

static inst_step *const steps[INST_STATES][INST_EVENTS] = {
        [INST_STARTING] =
                {
                        [EV_STARTED] = step_started,
                        [EV_REFUSED] = step_refused,
                        [EV_DEADLINE] = step_no_launch,
                        [EV_KILL] = step_kill,
                },
        [INST_BOOTING] =
                {
                        [EV_EXITED] = step_exited,
                        [EV_READY] = step_booted,
                        [EV_LOG] = step_log,
                        [EV_OFFENCE] = step_offence,
                        [EV_CLOSED] = step_closed,
                        [EV_DEADLINE] = step_init_late,
                        [EV_KILL] = step_kill,
                },
        [INST_LOADING] =
                {
                        [EV_EXITED] = step_exited,
                        [EV_READY] = step_loaded,
                        [EV_LOG] = step_log,
                        [EV_OFFENCE] = step_offence,
                        [EV_CLOSED] = step_closed,
                        [EV_SENT] = step_ignore, /* ASSIGN */
                        [EV_DEADLINE] = step_init_late,
                        [EV_KILL] = step_kill,
                },
        [INST_IDLE] =
                {
                        [EV_EXITED] = step_exited,
                        [EV_READY] = step_stray_ready,
                        [EV_LOG] = step_log,
                        [EV_OFFENCE] = step_offence,
                        [EV_CLOSED] = step_closed,
                        [EV_SENT] = step_ignore, /* a worker may answer before it has read all */
                        [EV_KILL] = step_kill,
                },
        [INST_BUSY] =
                {
                        [EV_EXITED] = step_exited,
                        [EV_READY] = step_stray_ready,
                        [EV_LOG] = step_log,
                        [EV_DATA] = step_data,
                        [EV_END] = step_end,
                        [EV_CREDIT] = step_credit,
                        [EV_OFFENCE] = step_offence,
                        [EV_CLOSED] = step_closed,
                        [EV_SENT] = step_sent,
                        [EV_DEADLINE] = step_late,
                        [EV_KILL] = step_kill,
                },
        [INST_CLOSING] =
                {
                        [EV_EXITED] = step_exited,
                        [EV_DEADLINE] = step_kill, /* closed its socket and lives on */
                        [EV_KILL] = step_kill,
                },
        [INST_DYING] =
                {
                        [EV_STARTED] = step_stillborn,
                        [EV_REFUSED] = step_refused,
                        [EV_EXITED] = step_exited,
                        [EV_DEADLINE] = step_unreported,
                        [EV_KILL] = step_ignore, /* once is enough */
                },
};

static void happen(struct instance *in, enum inst_event what, const struct event *ev)
{
    inst_step *step = steps[in->state][what];

    assert(step);
    step(in, ev);
}

/* ---- where events come from ---- */

static void on_started(void *user, int channel, int output, int memory_peak)
{
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);

    happen(in, EV_STARTED,
           &(struct event){.channel = channel, .output = output, .memory_peak = memory_peak});
}

static void on_refused(void *user, int code, const char *why)
{
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);

    happen(in, EV_REFUSED, &(struct event){.code = code, .why = why});
}

static void on_exited(void *user, const struct launch_exited *how)
{
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);

    happen(in, EV_EXITED, &(struct event){.how = how});
}

static const struct launched_ops launched_ops = {
        .on_started = on_started,
        .on_refused = on_refused,
        .on_exited = on_exited,
};

static void on_frame(void *user, const struct frame *f)
{
    static const enum inst_event events[FRAME_TYPES] = {
            [FRAME_READY] = EV_READY,   [FRAME_ASSIGN] = EV_OFFENCE, [FRAME_OPEN] = EV_OFFENCE,
            [FRAME_DATA] = EV_DATA,     [FRAME_END] = EV_END,        [FRAME_CREDIT] = EV_CREDIT,
            [FRAME_RESET] = EV_OFFENCE, [FRAME_LOG] = EV_LOG,
    };
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);

    if (f->type == FRAME_ASSIGN || f->type == FRAME_OPEN)
        offend(in, "a frame that only the host may send");
    else if (f->stream != 0 && (in->state != INST_BUSY || f->stream != in->stream.id))
        offend(in, "a frame on a stream that is not open");
    else if (f->type == FRAME_RESET)
        offend(in, "it gave the invocation up");
    else
        happen(in, events[f->type], &(struct event){.frame = f});
}

/* Not an event: what we owe is paid in whatever state. */
static void on_flush(void *user)
{
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);

    if (in->state == INST_BUSY)
        stream_grant(&in->stream, in->channel);
}

static void on_sent(void *user)
{
    happen(OBJ(user, struct instance, INSTANCE_MAGIC), EV_SENT, &(struct event){0});
}

static void on_channel_end(void *user, const char *why)
{
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);

    happen(in, why ? EV_OFFENCE : EV_CLOSED, &(struct event){.why = why});
}

static const struct channel_ops channel_ops = {
        .on_frame = on_frame,
        .on_flush = on_flush,
        .on_sent = on_sent,
        .on_end = on_channel_end,
};

static void on_deadline(void *user)
{
    happen(OBJ(user, struct instance, INSTANCE_MAGIC), EV_DEADLINE, &(struct event){0});
}

/* ---- for the pool ---- */

static uint32_t within(uint64_t v, uint32_t min, uint32_t max)
{
    return v < min ? min : v > max ? max : (uint32_t)v;
}

int instance_new(struct instance_env *env, const struct fn *fn, struct job *job,
                 struct instance **ret, struct err *e)
{
    const struct runtime *rt = runtime_find(fn->dialect, str_of(fn->runtime));
    struct launch_start want = {
            .layout = job->layout,
            .memory_mb = within(fn->memory_mb, 64, 32768),
            .pids = PIDS,
            .tmp_mb = TMP_MB,
            .cpu_weight = within((uint64_t)fn->memory_mb * 100 / 128, 1, 10000),
    };
    struct instance *in;

    if (!rt || !rt->worker)
        return err_set(e, ERR_CALLER, -ENOEXEC, "runtime '%s' has no worker in this version",
                       fn->runtime);

    in = xnew(struct instance);
    in->magic = INSTANCE_MAGIC;
    in->env = env;
    in->fn = fn;
    in->output = in->memory_peak = -EBADF;
    list_init(&in->node);
    list_init(&in->idle_node);
    list_init(&in->lru_node);
    uuid4(in->id);
    buf_init(&in->assign, FRAME_MAX_META);
    job->ops->assign(job->user, in->id, &in->assign);
    if (!buf_ok(&in->assign)) {
        instance_free(in);
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "what describes the function is over %d bytes",
                       FRAME_MAX_META);
    }

    (void)snprintf(want.runtime, sizeof(want.runtime), "%s", rt->worker);
    (void)snprintf(want.code, sizeof(want.code), "%s", fn->code.sha);
    in->timer = loop_timer_new(env->loop, on_deadline, in);
    arm(in, env->boot_timeout_ms);
    in->launched = launch_start(env->launch, &want, &launched_ops, in);
    instance_attach(in, job);
    *ret = in;
    return 0;
}

struct instance *instance_free(struct instance *in)
{
    if (!in)
        return NULL;
    assert(in->magic == INSTANCE_MAGIC && !in->job);
    in->launched = launched_drop(in->launched);
    in->channel = channel_free(in->channel);
    output_close(in);
    in->memory_peak = fd_close(in->memory_peak);
    in->timer = loop_timer_free(in->timer);
    buf_done(&in->assign);
    list_remove(&in->node);
    list_remove(&in->idle_node);
    list_remove(&in->lru_node);
    in->magic = 0;
    free(in);
    return NULL;
}

bool instance_is_early(const struct instance *in)
{
    return in->state == INST_STARTING || in->state == INST_BOOTING;
}

struct job *instance_detach(struct instance *in)
{
    struct job *job = in->job;

    assert(instance_is_early(in) && job);
    in->job = NULL;
    job->instance = NULL;
    return job;
}

void instance_attach(struct instance *in, struct job *job)
{
    assert(instance_is_early(in) && !in->job);
    in->job = job;
    job->instance = in;
}

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
    arm(in, (uint64_t)in->fn->timeout_ms + OUTER_SLACK_MS);
    stream_open(&in->stream, in->channel, ++in->last_stream, buf_str(&open), job->payload);
    job->ops->on_start(job->user, in->id, !in->ran);
    return 0;
}

void instance_kill(struct instance *in)
{
    happen(in, EV_KILL, &(struct event){0});
}

void instance_abandon(struct instance *in)
{
    struct job_report report;

    if (instance_is_early(in)) {
        err_set(&in->err, ERR_HOST, -ECANCELED, "the service is stopping");
        doom(in, JOB_NO_START);
    } else if (in->state < INST_CLOSING) {
        doom(in, JOB_EXITED);
    }
    if (!in->job)
        return;
    report = report_of(in, in->end);
    finish(in, &report);
}
