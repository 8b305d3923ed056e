/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.c - one instance's life as a table: what may happen in each state, and what we do.
 *
 * STARTING -STARTED-> BOOTING -READY-> LOADING -READY-> IDLE -run-> BUSY -END-> IDLE
 *    |                   |                |               |           |
 *    |                   +----------------+-- socket closed ----------+--> CLOSING   [step_closed]
 *    +--- deadline, kill, offence, failed init (any of them) ------------> DYING     [inst_doom]
 *                                      CLOSING -does not end-> DYING -EXITED-> gone  [step_exited]
 *
 * What always holds:
 *   (1) an empty cell of the table cannot happen; what a worker can provoke has a step.
 *   (2) a job attached here ends exactly once, through inst_finish(); until then nobody else
 *       ends it.
 *   (3) channel exists in BOOTING, LOADING, IDLE and BUSY and in no other state.
 *   (4) every state but IDLE has a deadline running. What a worker sends never extends one.
 *   (5) an instance is offered to the pool (on_idle) only when its last stream has ended on both
 *       sides; one that answered before it had heard the whole request is not used again.
 *   (6) KILL is sent before a job that did not end by itself is answered; the answer waits for the
 *       launcher's report, at most EXIT_MS, so that an exit code or an exceeded memory limit is told
 *       instead of guessed.
 *
 * The steps are in instance_start.c, instance_run.c and instance_end.c; internal.h says which.
 * Source: docs/protocol/frames.md, launcher/proto.h.
 */
#include "pool/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/obj.h"
#include "fn/fn.h"
#include "loop/loop.h"
#include "runtime/runtime.h"

enum {
    PIDS = 1024, /* as FunctionGraph grants */
};

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

void inst_happen(struct instance *in, enum inst_event what, const struct event *ev)
{
    inst_step *step = steps[in->state][what];

    assert(step);
    step(in, ev);
}

/* ---- where events come from ---- */

static void on_started(void *user, struct launched_fds *fds)
{
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);

    inst_happen(in, EV_STARTED, &(struct event){.fds = fds});
}

static void on_refused(void *user, int code, const char *why)
{
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);

    inst_happen(in, EV_REFUSED, &(struct event){.code = code, .why = why});
}

static void on_exited(void *user, const struct launch_exited *how)
{
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);

    inst_happen(in, EV_EXITED, &(struct event){.how = how});
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
        inst_offend(in, "a frame that only the host may send");
    else if (f->stream != 0 && (in->state != INST_BUSY || f->stream != in->stream.id))
        inst_offend(in, "a frame on a stream that is not open");
    else if (f->type == FRAME_RESET)
        inst_offend(in, "it gave the invocation up");
    else
        inst_happen(in, events[f->type], &(struct event){.frame = f});
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
    inst_happen(OBJ(user, struct instance, INSTANCE_MAGIC), EV_SENT, &(struct event){0});
}

static void on_channel_end(void *user, const char *why)
{
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);

    inst_happen(in, why ? EV_OFFENCE : EV_CLOSED, &(struct event){.why = why});
}

const struct channel_ops inst_channel_ops = {
        .on_frame = on_frame,
        .on_flush = on_flush,
        .on_sent = on_sent,
        .on_end = on_channel_end,
};

static void on_deadline(void *user)
{
    inst_happen(OBJ(user, struct instance, INSTANCE_MAGIC), EV_DEADLINE, &(struct event){0});
}

/* ---- for the pool ---- */

static uint32_t within(uint64_t v, uint32_t min, uint32_t max)
{
    return v < min ? min : v > max ? max : (uint32_t)v;
}

static const uint8_t networks[FN_NETWORKS] = {
        [FN_NETWORK_DEFAULT] = NETWORK_BEST,
        [FN_NETWORK_NONE] = NETWORK_NONE,
        [FN_NETWORK_ENDPOINT] = NETWORK_ENDPOINT,
        [FN_NETWORK_EGRESS] = NETWORK_EGRESS,
};

int instance_new(struct instance_env *env, const struct fn *fn, struct job *job,
                 struct instance **ret, struct err *e)
{
    const struct runtime *rt = runtime_find(fn->dialect, str_of(fn->runtime));
    struct launch_start want = {
            .layout = job->layout,
            .memory_mb = within(fn->memory_mb, 64, 32768),
            .pids = PIDS,
            .tmp_mb = within(fn->tmp_mb, 16, 10240),
            .network = networks[fn->network],
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
    in->output = in->memory_peak = in->freezer = -EBADF;
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
    inst_arm(in, env->boot_timeout_ms);
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
    inst_output_close(in);
    in->memory_peak = fd_close(in->memory_peak);
    in->freezer = fd_close(in->freezer);
    if (in->endpoint)
        in->env->endpoint->close(in->env->endpoint_user, in->endpoint);
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

void instance_kill(struct instance *in)
{
    inst_happen(in, EV_KILL, &(struct event){0});
}

void instance_abandon(struct instance *in)
{
    struct job_report report;

    if (instance_is_early(in)) {
        err_set(&in->err, ERR_HOST, -ECANCELED, "the service is stopping");
        inst_doom(in, JOB_NO_START);
    } else if (in->state < INST_CLOSING) {
        inst_doom(in, JOB_EXITED);
    }
    if (!in->job)
        return;
    report = inst_report(in, in->end);
    inst_finish(in, &report);
}
