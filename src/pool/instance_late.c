/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance_late.c - jobs that are answered before their worker has: too slow, too long, cancelled.
 *
 * There is no way to stop one of several requests inside a process. So the one is answered, told to
 * the worker by RESET, and its instance is spent: no new job, and killed when the others have ended
 * or reached their own deadlines. A job that is alone takes its instance along at once, and is
 * answered after that: nothing of it goes on when its caller hears of the end.
 *
 * What the worker still sends on a stream that was reset is counted against its credit, which is
 * never renewed, and dropped. Its END closes the stream; frames after that are a breach.
 */
#include "pool/internal.h"

#include <assert.h>

#include "base/clock.h"

struct job *inst_reset(struct instance *in, struct lane *lane)
{
    struct job *job = inst_release(in, lane);

    channel_put(in->channel, FRAME_RESET, 0, lane->stream.id, STR_NONE);
    lane->stream.rest = STR_NONE; /* it was the job's */
    lane->stream.end_queued = true;
    list_remove(&lane->node);
    list_push_back(&in->reset, &lane->node);
    in->state = INST_SPENT;
    inst_tell_doomed(in);
    return job;
}

void inst_give_up(struct instance *in, struct lane *lane, enum job_end end)
{
    struct job_report report;
    struct job *job;

    if (in->njobs == 1) {
        inst_doom(in, end);
        return;
    }
    in->end_ns = clock_mono_ns();
    inst_memory_read(in);
    report = inst_report(in, lane, end);
    job = inst_reset(in, lane);
    in->env->ops->on_done(in->env->user, in, job, &report);
}

static struct lane *overdue(const struct instance *in, uint64_t now_ns)
{
    const struct list *lists[] = {&in->running, &in->opening};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct list *it = list_first(lists[i]);

        if (it && container_of(it, struct lane, node)->due_ns <= now_ns)
            return container_of(it, struct lane, node);
    }
    return NULL;
}

/* The timer of the lane that was due first; it may have ended in time. Those who hear their end may
 * do anything, so each look is a new one. */
void step_late(struct instance *in, const struct event *ev)
{
    uint64_t now = clock_mono_ns();
    struct lane *lane;

    (void)ev;
    inst_hear_late(in);
    while (in->state < INST_STOPPING && (lane = overdue(in, now)))
        inst_give_up(in, lane, JOB_TIMEOUT);
    if (in->state < INST_STOPPING)
        inst_arm_lanes(in);
}

bool instance_cancel(struct instance *in, struct job *job)
{
    struct lane *lane = job->lane;

    assert(job->instance == in);
    if (!lane || in->njobs == 1 || in->state >= INST_CLOSING) {
        instance_kill(in);
        return false;
    }
    (void)inst_reset(in, lane);
    return true;
}
