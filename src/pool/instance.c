/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.c - one instance's life as a table: what may happen in each state, and what we do.
 *
 * STARTING -STARTED-> BOOTING -READY-> LOADING -READY-> IDLE <-run, END-> BUSY -late-> SPENT
 *    |                   |         INITIALISING         |  ^               |             |
 *    |                   |                |     FREEZING,  FROZEN          |             |
 *    |                   |                |             |  STOPPING        |             |
 *    |                   +----------------+-- socket closed (any of them) -+--> CLOSING  |
 *    +--- deadline, kill, offence, failed init, stop, the last END -------------> DYING <+
 *                                      CLOSING -does not end-> DYING -EXITED-> gone
 *
 * What always holds:
 *   (1) an empty cell of the table cannot happen; what a worker can provoke has a step.
 *   (2) a job attached here ends exactly once, through inst_finish(); until then nobody else
 *       ends it. One of several that is cancelled is the pool's again.
 *   (3) channel exists from BOOTING to STOPPING and in no other state; lanes with a stream likewise.
 *   (4) every state but IDLE and FROZEN has a deadline running. What a worker sends never extends
 *       one. In IDLE the timer counts to the frost.
 *   (5) an instance is offered to the pool (on_free) only for a stream that has ended on both sides;
 *       one that answered before it had heard the whole request is not used again.
 *   (6) KILL is sent before the last job that did not end by itself is answered; the answer waits
 *       for the launcher's report, at most EXIT_MS, so that an exit code or an exceeded memory limit
 *       is told instead of guessed.
 *   (7) what is frozen is thawed before it is killed, and before it hears of a job.
 *
 * The steps are in instance_start.c, instance_run.c, instance_late.c, instance_rest.c and
 * instance_end.c; internal.h says which.
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
    PIDS = 1024,       /* as FunctionGraph grants */
    PLACES_MAX = 1000, /* as docs/protocol/frames.md allows */
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
        [INST_INITIALISING] =
                {
                        [EV_EXITED] = step_exited,
                        [EV_READY] = step_initialised,
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
                        [EV_DEADLINE] = step_freeze,
                        [EV_STOP] = step_stop,
                        [EV_KILL] = step_kill,
                },
        [INST_FREEZING] =
                {
                        [EV_EXITED] = step_exited,
                        [EV_READY] = step_stray_ready,
                        [EV_LOG] = step_log,
                        [EV_HEAD] = step_head,
                        [EV_DATA] = step_data,
                        [EV_END] = step_hook_end,
                        [EV_CREDIT] = step_credit,
                        [EV_OFFENCE] = step_offence,
                        [EV_CLOSED] = step_closed,
                        [EV_SENT] = step_sent,
                        [EV_DEADLINE] = step_hook_late,
                        [EV_STOP] = step_stop_after,
                        [EV_KILL] = step_kill,
                },
        [INST_FROZEN] =
                {
                        [EV_EXITED] = step_exited,
                        [EV_READY] = step_stray_ready,
                        [EV_LOG] = step_log,
                        [EV_OFFENCE] = step_offence,
                        [EV_CLOSED] = step_closed,
                        [EV_SENT] = step_ignore,
                        [EV_STOP] = step_stop,
                        [EV_KILL] = step_kill,
                },
        [INST_BUSY] =
                {
                        [EV_EXITED] = step_exited,
                        [EV_READY] = step_stray_ready,
                        [EV_LOG] = step_log,
                        [EV_HEAD] = step_head,
                        [EV_DATA] = step_data,
                        [EV_END] = step_end,
                        [EV_CREDIT] = step_credit,
                        [EV_OFFENCE] = step_offence,
                        [EV_CLOSED] = step_closed,
                        [EV_SENT] = step_sent,
                        [EV_DEADLINE] = step_late,
                        [EV_KILL] = step_kill,
                },
        [INST_SPENT] =
                {
                        [EV_EXITED] = step_exited,
                        [EV_READY] = step_stray_ready,
                        [EV_LOG] = step_log,
                        [EV_HEAD] = step_head,
                        [EV_DATA] = step_data,
                        [EV_END] = step_end,
                        [EV_CREDIT] = step_credit,
                        [EV_OFFENCE] = step_offence,
                        [EV_CLOSED] = step_closed,
                        [EV_SENT] = step_sent,
                        [EV_DEADLINE] = step_late,
                        [EV_KILL] = step_kill,
                },
        [INST_STOPPING] =
                {
                        [EV_EXITED] = step_exited,
                        [EV_READY] = step_stray_ready,
                        [EV_LOG] = step_log,
                        [EV_HEAD] = step_head,
                        [EV_DATA] = step_data,
                        [EV_END] = step_stopped,
                        [EV_CREDIT] = step_credit,
                        [EV_OFFENCE] = step_offence,
                        [EV_CLOSED] = step_closed,
                        [EV_SENT] = step_sent,
                        [EV_DEADLINE] = step_hook_late,
                        [EV_STOP] = step_ignore,
                        [EV_KILL] = step_kill,
                },
        [INST_CLOSING] =
                {
                        [EV_EXITED] = step_exited,
                        [EV_DEADLINE] = step_kill, /* closed its socket and lives on */
                        [EV_STOP] = step_ignore,
                        [EV_KILL] = step_kill,
                },
        [INST_DYING] =
                {
                        [EV_STARTED] = step_stillborn,
                        [EV_REFUSED] = step_refused,
                        [EV_EXITED] = step_exited,
                        [EV_DEADLINE] = step_unreported,
                        [EV_STOP] = step_ignore,
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

static bool is_answer(const struct frame *f)
{
    return f->type == FRAME_HTTP_HEAD || f->type == FRAME_DATA || f->type == FRAME_END;
}

static void on_frame(void *user, const struct frame *f)
{
    static const enum inst_event events[FRAME_TYPES] = {
            [FRAME_READY] = EV_READY,   [FRAME_ASSIGN] = EV_OFFENCE, [FRAME_OPEN] = EV_OFFENCE,
            [FRAME_DATA] = EV_DATA,     [FRAME_END] = EV_END,        [FRAME_CREDIT] = EV_CREDIT,
            [FRAME_RESET] = EV_OFFENCE, [FRAME_LOG] = EV_LOG,        [FRAME_HTTP_HEAD] = EV_HEAD,
    };
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);
    struct lane *lane = f->stream ? inst_lane(in, f->stream) : NULL;

    if (channel_first(in->channel))
        in->prompt = is_answer(f) ? f->stream : 0;
    if (f->type == FRAME_ASSIGN || f->type == FRAME_OPEN)
        inst_offend(in, "a frame that only the host may send");
    else if (f->stream != 0 && !lane)
        inst_offend(in, "a frame on a stream that is not open");
    else if (f->type == FRAME_RESET)
        inst_offend(in, "it gave the invocation up");
    else
        inst_happen(in, events[f->type], &(struct event){.frame = f, .lane = lane});
}

/* Not an event: what we owe is paid in whatever state. */
static void on_flush(void *user)
{
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);

    list_each (it, &in->opening)
        stream_grant(&container_of(it, struct lane, node)->stream, in->channel);
    list_each (it, &in->running)
        stream_grant(&container_of(it, struct lane, node)->stream, in->channel);
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

/* Buckets for as many streams as are open at once: numbers run on, so they spread by themselves. */
static void make_lanes(struct instance *in)
{
    uint32_t n = 1;

    while (n < in->places)
        n *= 2;
    in->ids = xcalloc(n, sizeof(*in->ids));
    in->ids_mask = n - 1;
    for (uint32_t i = 0; i < n; i++)
        list_init(&in->ids[i]);
    list_init(&in->opening);
    list_init(&in->running);
    list_init(&in->reset);
}

static struct instance *instance_alloc(struct instance_env *env, const struct fn *fn)
{
    struct instance *in = xnew(struct instance);

    in->magic = INSTANCE_MAGIC;
    in->env = env;
    in->fn = fn;
    in->places = within(fn->instance_concurrency, 1, PLACES_MAX);
    in->output = in->memory_peak = in->freezer = -EBADF;
    in->exit_code = -1;
    in->born_ns = clock_mono_ns();
    list_init(&in->node);
    list_init(&in->free_node);
    list_init(&in->lru_node);
    list_init(&in->paused);
    make_lanes(in);
    uuid4(in->id);
    buf_init(&in->assign, FRAME_MAX_META);
    buf_init(&in->init_error, FRAME_MAX_DATA);
    return in;
}

int instance_new(struct instance_env *env, const struct fn *fn, struct job *job,
                 struct instance **ret, struct err *e)
{
    const struct runtime *rt = runtime_find(fn->dialect, str_of(fn->runtime));
    struct launch_start want = {
            .memory_mb = within(fn->memory_mb, 64, 32768),
            .pids = PIDS,
            .tmp_mb = within(fn->tmp_mb, 16, 10240),
            .cpu_weight = within((uint64_t)fn->memory_mb * 100 / 128, 1, 10000),
            .network = networks[fn->network],
    };
    struct pool_make make = {0};
    struct instance *in;

    if (!rt || !rt->worker)
        return err_set(e, ERR_CALLER, -ENOEXEC, "runtime '%s' has no worker in this version",
                       fn->runtime);

    in = instance_alloc(env, fn);
    env->shape->make(env->shape_user, fn, in->id, &make, &in->assign);
    if (!buf_ok(&in->assign)) {
        instance_free(in);
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "what describes the function is over %d bytes",
                       FRAME_MAX_META);
    }

    want.layout = make.layout;
    if (fn->cpu_strict)
        want.cpu_quota = within(make.cpu_millis, 10, 1024000);
    (void)snprintf(want.runtime, sizeof(want.runtime), "%s", rt->worker);
    (void)snprintf(want.code, sizeof(want.code), "%s", fn->code.sha);
    (void)fn_layers_key(fn, want.layers);
    in->timer = loop_timer_new(env->loop, on_deadline, in);
    inst_arm(in, env->boot_timeout_ms);
    in->launched = launch_start(env->launch, &want, &launched_ops, in);
    if (job)
        instance_attach(in, job);
    *ret = in;
    return 0;
}

static void free_lanes(struct list *l, struct instance *in)
{
    for (struct list *it; (it = list_first(l)) != NULL;)
        inst_lane_close(in, container_of(it, struct lane, node));
}

struct instance *instance_free(struct instance *in)
{
    if (!in)
        return NULL;
    assert(in->magic == INSTANCE_MAGIC && !in->job && in->njobs == 0);
    inst_thaw(in);
    in->launched = launched_drop(in->launched);
    in->channel = channel_free(in->channel);
    inst_output_close(in);
    in->memory_peak = fd_close(in->memory_peak);
    in->freezer = fd_close(in->freezer);
    if (in->endpoint)
        in->env->endpoint->close(in->env->endpoint_user, in->endpoint);
    in->timer = loop_timer_free(in->timer);
    buf_done(&in->assign);
    buf_done(&in->init_error);
    free_lanes(&in->opening, in);
    free_lanes(&in->running, in);
    free_lanes(&in->reset, in);
    free(in->ids);
    list_remove(&in->node);
    list_remove(&in->free_node);
    list_remove(&in->lru_node);
    list_remove(&in->paused);
    in->magic = 0;
    free(in);
    return NULL;
}

bool instance_is_early(const struct instance *in)
{
    return in->state == INST_STARTING || in->state == INST_BOOTING;
}

bool instance_is_idle(const struct instance *in)
{
    return in->state == INST_IDLE || in->state == INST_FROZEN;
}

uint32_t instance_room(const struct instance *in)
{
    if (!instance_is_idle(in) && in->state != INST_BUSY)
        return 0;
    return in->nlanes < in->places ? in->places - in->nlanes : 0;
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

void instance_stop(struct instance *in)
{
    inst_happen(in, EV_STOP, &(struct event){0});
}

void instance_kill(struct instance *in)
{
    inst_happen(in, EV_KILL, &(struct event){0});
}

void instance_abandon(struct instance *in)
{
    if (instance_is_early(in)) {
        err_set(&in->err, ERR_HOST, -ECANCELED, "the service is stopping");
        inst_doom(in, JOB_NO_START);
    } else if (in->state < INST_CLOSING) {
        inst_doom(in, JOB_EXITED);
    }
    inst_finish_all(in);
}
