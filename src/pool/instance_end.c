/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance_end.c - the ways an instance ends: killed, offending, closing its socket, reported.
 *
 * A worker that dies may have sent its last words before: EXITED and the socket are two
 * descriptors, so step_exited() reads the socket to its end first. For the same reason a closed
 * socket is not answered by a KILL at once (CLOSING): that would replace the exit code.
 */
#include "pool/internal.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "fn/fn.h"
#include "loop/loop.h"

enum {
    CLOSING_MS = 1000, /* on a busy machine a report is that late */
    EXIT_MS = 3000,    /* after KILL; only a launcher that is stuck takes longer */
};

void inst_arm(struct instance *in, uint64_t ms)
{
    loop_timer_start(in->timer, ms);
}

void inst_tell_doomed(struct instance *in)
{
    if (in->doomed)
        return;
    in->doomed = true;
    in->env->ops->on_doomed(in->env->user, in);
}

void inst_leave(struct instance *in, enum inst_state state, enum job_end end)
{
    inst_thaw(in);
    in->channel = channel_free(in->channel);
    buf_done(&in->assign);
    if (in->state < INST_CLOSING) {
        in->end = end;
        in->end_ns = clock_mono_ns();
        inst_memory_read(in); /* before KILL: the cgroup goes with its processes */
        in->state = state;
        inst_tell_doomed(in);
    }
    in->state = state;
}

void inst_doom(struct instance *in, enum job_end end)
{
    inst_leave(in, INST_DYING, end);
    if (in->launched)
        launch_kill(in->launched);
    if (in->endpoint && in->env->endpoint->shut)
        in->env->endpoint->shut(in->env->endpoint_user, in->endpoint);
    inst_arm(in, in->job || in->njobs > 0 ? EXIT_MS : BURY_MS);
}

void step_ignore(struct instance *in, const struct event *ev)
{
    (void)in;
    (void)ev;
}

void step_kill(struct instance *in, const struct event *ev)
{
    (void)ev;
    inst_doom(in, JOB_EXITED);
}

void step_offence(struct instance *in, const struct event *ev)
{
    struct log_cx cx = {.component = "pool", .function = in->fn->name};

    err_set(&in->err, ERR_FUNCTION, -EPROTO, "the worker broke the protocol: %s", ev->why);
    log_warn(&cx, "instance %s: %s, killing it", in->id, in->err.msg);
    inst_doom(in, JOB_PROTOCOL);
}

void inst_offend(struct instance *in, const char *why)
{
    inst_happen(in, EV_OFFENCE, &(struct event){.why = why});
}

void step_stray_ready(struct instance *in, const struct event *ev)
{
    (void)ev;
    inst_offend(in, "READY out of turn");
}

/* The process closed its socket: it is ending, and will be reported with its exit code. */
void step_closed(struct instance *in, const struct event *ev)
{
    (void)ev;
    inst_leave(in, INST_CLOSING, in->ready ? JOB_EXITED : JOB_INIT_EXITED);
    inst_arm(in, CLOSING_MS);
}

/* Last step of every life. */
static void bury(struct instance *in)
{
    loop_timer_stop(in->timer);
    inst_finish_all(in);
    in->env->ops->on_gone(in->env->user, in);
}

void step_exited(struct instance *in, const struct event *ev)
{
    in->launched = NULL;
    in->exited = true;
    in->killed = ev->how->killed;
    in->exit_code = ev->how->exit_code;
    in->signal = ev->how->signal;
    if (in->channel)
        channel_read_rest(in->channel);
    if (in->state < INST_CLOSING)
        step_closed(in, ev);
    inst_output_read(in, LOG_AT_END);
    inst_memory_read(in);
    /* The cgroup is gone by now and cannot be asked, but it was full. */
    if (ev->how->oom && in->memory_bytes < (uint64_t)in->fn->memory_mb << 20)
        in->memory_bytes = (uint64_t)in->fn->memory_mb << 20;
    if (ev->how->oom && (in->end == JOB_EXITED || in->end == JOB_INIT_EXITED))
        in->end = JOB_MEMORY;
    bury(in);
}

void step_refused(struct instance *in, const struct event *ev)
{
    in->launched = NULL;
    if (in->state < INST_CLOSING) {
        err_set(&in->err, ERR_HOST, ev->code, "the launcher could not start an instance: %s",
                ev->why);
        inst_leave(in, INST_DYING, JOB_NO_START);
    }
    bury(in);
}

/* STARTED for what we have already asked to be killed: EXITED follows. */
void step_stillborn(struct instance *in, const struct event *ev)
{
    (void)in;
    (void)ev; /* and its descriptors are closed */
}

/* DYING, and nobody has reported the end: the caller has waited long enough. */
void step_unreported(struct instance *in, const struct event *ev)
{
    struct log_cx cx = {.component = "pool", .function = in->fn->name};

    (void)ev;
    log_warn(&cx, "instance %s was killed and is not reported as ended, waiting on", in->id);
    inst_output_read(in, LOG_AT_END);
    inst_memory_read(in);
    inst_finish_all(in);
}
