/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance_start.c - from the launcher's STARTED to the first IDLE: boot, then load and initialise.
 *
 * Code has load_timeout_ms to be loaded, its initializer has its own time. A worker that says when the
 * one ends and the other begins is held to both; of one that does not, only the sum can be asked.
 * What it says never moves the end of that sum.
 */
#include "pool/internal.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "fn/fn.h"
#include "loop/loop.h"

void step_started(struct instance *in, const struct event *ev)
{
    in->state = INST_BOOTING;
    in->memory_peak = TAKE_FD(ev->fds->memory_peak);
    in->freezer = TAKE_FD(ev->fds->freezer);
    in->channel = channel_new(in->env->loop, TAKE_FD(ev->fds->channel), &inst_channel_ops, in);
    inst_output_open(in, TAKE_FD(ev->fds->output));
    in->how = ev->fds->how;
    in->env->spares += in->how == LAUNCH_A_SPARE;
    in->env->forks += in->how == LAUNCH_BY_FORK;
    if (ev->fds->endpoint >= 0 && in->env->endpoint)
        in->endpoint = in->env->endpoint->open(in->env->endpoint_user, in->fn, in->id,
                                               TAKE_FD(ev->fds->endpoint));
    /* the timer of STARTING goes on: both together are the time to boot */
}

void step_no_launch(struct instance *in, const struct event *ev)
{
    (void)ev;
    err_set(&in->err, ERR_HOST, -ETIMEDOUT, "the launcher started no instance within %u ms",
            in->env->boot_timeout_ms);
    inst_doom(in, JOB_NO_START);
}

void step_init_late(struct instance *in, const struct event *ev)
{
    (void)ev;
    inst_doom(in, JOB_INIT_TIMEOUT);
}

static bool hello_is_good(struct str json)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(json, NULL);
    int64_t version = 0;

    return tree && json_int(tree, "version", false, 1, INT32_MAX, &version, NULL) == 0 &&
           version == 1;
}

static uint64_t load_ms(const struct instance *in)
{
    return (uint64_t)in->env->load_timeout_ms + (in->fn->initializer ? in->fn->init_timeout_ms : 0);
}

static void tell_load(struct instance *in, bool end, uint64_t took_ns)
{
    const struct job_load load = {.end = end,
                                  .born_ns = in->born_ns,
                                  .took_ns = took_ns,
                                  .memory_bytes = in->memory_bytes};

    in->job->ops->on_load(in->job->user, in->id, &load);
}

/* The worker runs: give it the function. */
void step_booted(struct instance *in, const struct event *ev)
{
    if (ev->frame->flags & FRAME_F_ERROR || !hello_is_good(ev->frame->payload)) {
        inst_offend(in, "its first READY is not {\"version\":1}");
        return;
    }
    in->state = INST_LOADING;
    channel_put(in->channel, FRAME_ASSIGN, 0, 0, buf_str(&in->assign));
    buf_done(&in->assign);
    in->load_ns = clock_mono_ns();
    inst_arm(in, load_ms(in));
    if (in->job)
        tell_load(in, false, 0);
}

void inst_go_idle(struct instance *in)
{
    in->state = INST_IDLE;
    in->ready = true;
    in->idle_ns = clock_mono_ns();
    if (in->freezer >= 0 && in->env->freeze_after_ms > 0)
        inst_arm(in, in->env->freeze_after_ms);
    else
        loop_timer_stop(in->timer);
}

/* It was made to see whether it loads, and it did. */
static void tell_loaded(struct instance *in, struct job *job)
{
    struct job_report report = inst_report(in, NULL, JOB_DONE);

    in->init_ns = 0; /* the first run has not waited for it */
    job->ops->on_start(job->user, in->id, true);
    inst_finish(in, NULL, &report);
}

/* Code and initializer are through, or have failed. */
void step_initialised(struct instance *in, const struct event *ev)
{
    enum inst_state was = in->state;
    bool failed = ev->frame->flags & FRAME_F_ERROR;
    uint64_t took_ns = clock_mono_ns() - in->load_ns;
    struct job *job;

    inst_output_read(in, LOG_AT_END);
    inst_memory_read(in);
    if (in->state != was)
        return; /* cancelled by whoever heard the output */
    if (in->job) {
        in->init_ns = took_ns;
        tell_load(in, true, took_ns);
    }
    if (failed && in->state == was) {
        buf_adds(&in->init_error, ev->frame->payload);
        if (in->job)
            in->job->ops->on_data(in->job->user, ev->frame->payload);
        inst_doom(in, JOB_INIT_ERROR);
    }
    if (in->state != was)
        return;

    inst_go_idle(in);
    job = in->job;
    if (job && job->load_only) {
        tell_loaded(in, job);
    } else if (job) {
        in->job = NULL;
        if (instance_run(in, job, &in->err) < 0) {
            in->job = job;
            inst_doom(in, JOB_NO_START);
            return;
        }
    }
    if (!in->exited)
        in->env->ops->on_free(in->env->user, in);
}

static bool only_loaded(const struct frame *f)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    bool loaded = false;

    if (f->flags & FRAME_F_ERROR || str_eq(f->payload, S("{}")))
        return false;
    tree = json_parse(f->payload, NULL);
    return tree && json_bool(tree, "loaded", false, &loaded, NULL) == 0 && loaded;
}

/* The code is there: the initializer's time begins; or there is none, or it is through as well. */
void step_loaded(struct instance *in, const struct event *ev)
{
    uint64_t took_ms = (clock_mono_ns() - in->load_ns) / 1000000, ms = load_ms(in);

    if (!only_loaded(ev->frame)) {
        step_initialised(in, ev);
        return;
    }
    in->state = INST_INITIALISING;
    ms = ms > took_ms ? ms - took_ms : 0;
    if (in->fn->initializer && ms > in->fn->init_timeout_ms)
        inst_arm(in, in->fn->init_timeout_ms);
}
