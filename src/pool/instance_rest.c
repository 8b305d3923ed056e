/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance_rest.c - what happens to an instance that has nothing to do: frozen, and in the end
 * stopped, each after the hook that the function may have for it.
 *
 * A hook is a stream like a job's, the only one open, whose answer nobody reads. One that takes
 * longer than its time, and any breach of the protocol, ends the instance.
 *
 * Freezing is one write to the freezer of its cgroup, thawing another: what is frozen keeps its
 * memory and takes no CPU. On cgroup v1 a signal, SIGKILL too, waits for the thaw, so it comes
 * before every KILL.
 */
#include "pool/internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "fn/fn.h"
#include "loop/loop.h"

static const struct {
    const char *freeze, *thaw;
} words[] = {
        [FREEZER_NONE] = {"", ""},
        [FREEZER_V1] = {"FROZEN", "THAWED"},
        [FREEZER_V2] = {"1", "0"},
};

static struct log_cx cx_of(const struct instance *in)
{
    return (struct log_cx){.component = "pool", .function = in->fn->name};
}

static bool set_frozen(struct instance *in, bool frozen)
{
    const struct launch_hello *h = launch_hello(in->env->launch);
    struct log_cx cx = cx_of(in);
    const char *word;

    if (in->freezer < 0 || !h || h->freezer >= ARRAY_LEN(words))
        return false;
    word = frozen ? words[h->freezer].freeze : words[h->freezer].thaw;
    if (pwrite(in->freezer, word, strlen(word), 0) == (ssize_t)strlen(word))
        return true;
    log_debug(&cx, "instance %s not %s, ignoring: %s", in->id, frozen ? "frozen" : "thawed",
              strerror(errno));
    return false;
}

void inst_thaw(struct instance *in)
{
    if (in->state == INST_FROZEN)
        (void)set_frozen(in, false);
}

/* False: there is no such hook, or it cannot be told of; nothing has happened. */
static bool begin_hook(struct instance *in, const char *handler, const char *name, uint32_t ms)
{
    const struct pool_shape *shape = in->env->shape;
    cleanup_with(buf_done) struct buf open = {0};

    if (!handler || !shape || !shape->hook)
        return false;
    buf_init(&open, FRAME_MAX_META);
    shape->hook(in->env->shape_user, in->fn, in->id, name, &open);
    if (!buf_ok(&open))
        return false;
    loop_timer_stop(in->timer);
    (void)inst_lane_open(in, NULL, buf_str(&open), ms);
    return true;
}

static void freeze(struct instance *in)
{
    assert(in->state == INST_IDLE);
    if (!set_frozen(in, true))
        return; /* stays idle, as without a freezer */
    in->env->freezes++;
    in->state = INST_FROZEN;
}

/* Idle for long enough. */
void step_freeze(struct instance *in, const struct event *ev)
{
    (void)ev;
    if (in->freezer < 0)
        return;
    if (!in->settled &&
        begin_hook(in, in->fn->pre_freeze, "pre_freeze", in->fn->pre_freeze_timeout_ms)) {
        in->state = INST_FREEZING;
        in->env->ops->on_away(in->env->user, in);
    } else {
        freeze(in);
    }
}

static bool hook_is_over(struct instance *in, const struct event *ev)
{
    struct log_cx cx = cx_of(in);
    struct summary summary;

    if (!inst_read_summary(ev->frame->payload, &summary) || !ev->lane->stream.end_queued) {
        inst_offend(in, "END of a hook that was not heard out, or without a summary");
        return false;
    }
    inst_output_read(in, LOG_AT_END);
    if (ev->frame->flags & FRAME_F_ERROR)
        log_info(&cx, "instance %s: its hook reported an error, ignoring", in->id);
    inst_lane_close(in, ev->lane);
    return true;
}

/* pre_freeze is through. A job that has come meanwhile goes first. */
void step_hook_end(struct instance *in, const struct event *ev)
{
    if (!hook_is_over(in, ev))
        return;
    loop_timer_stop(in->timer);
    in->settled = true;
    in->state = INST_IDLE;
    if (in->stop) {
        step_stop(in, ev);
        return;
    }
    if (!in->exited)
        in->env->ops->on_free(in->env->user, in);
    if (in->state == INST_IDLE)
        freeze(in);
}

void step_hook_late(struct instance *in, const struct event *ev)
{
    struct log_cx cx = cx_of(in);

    (void)ev;
    log_info(&cx, "instance %s: its hook took longer than its time, killing it", in->id);
    inst_doom(in, JOB_TIMEOUT);
}

/* Not needed any more. */
void step_stop(struct instance *in, const struct event *ev)
{
    (void)ev;
    inst_thaw(in);
    if (in->state == INST_FROZEN)
        in->state = INST_IDLE;
    if (!begin_hook(in, in->fn->pre_stop, "pre_stop", in->fn->pre_stop_timeout_ms)) {
        inst_doom(in, JOB_EXITED);
        return;
    }
    in->state = INST_STOPPING;
    inst_tell_doomed(in);
}

void step_stop_after(struct instance *in, const struct event *ev)
{
    (void)ev;
    in->stop = true;
}

void step_stopped(struct instance *in, const struct event *ev)
{
    if (hook_is_over(in, ev))
        inst_doom(in, JOB_EXITED);
}
