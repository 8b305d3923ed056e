/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance_hear.c - what an instance says beside its frames, and what its job is told at the end.
 *
 * Descriptors 1 and 2 of the function are read all the time, also when nobody listens: a full pipe
 * would stop it. Where several jobs run, the pipe does not tell whose words they are: the oldest
 * hears them. Its memory peak is a descriptor of its cgroup, which can be asked only as long as
 * the cgroup is there.
 */
#include "pool/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/obj.h"
#include "fn/fn.h"
#include "loop/loop.h"

enum { LOG_PER_TURN = 64 * 1024 };

/* Whose words they are while no job runs. */
static const char *hook_of(const struct instance *in)
{
    return in->state == INST_STOPPING   ? "pre_stop"
           : in->state == INST_FREEZING ? "pre_freeze"
                                        : NULL;
}

void inst_hear_log(struct instance *in, struct job *job, struct str text)
{
    if (in->env->hushed)
        inst_said(in, text.n);
    if (job)
        job->ops->on_log(job->user, text);
    else if (in->env->shape && in->env->shape->stray)
        in->env->shape->stray(in->env->shape_user, in->fn, in->id, hook_of(in), text);
    else
        in->env->dropped_log_bytes += text.n;
}

void inst_output_close(struct instance *in)
{
    in->output_io = loop_io_free(in->output_io);
    in->output = fd_close(in->output);
}

void inst_output_read(struct instance *in, size_t limit)
{
    char text[LOG_PER_TURN];

    for (size_t total = 0; total < limit && in->output >= 0;) {
        struct lane *lane;
        ssize_t n = read(in->output, text, sizeof(text));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            inst_output_close(in);
            return;
        }
        lane = inst_lane_of_a_job(in);
        in->prints = true;
        inst_hear_log(in, lane ? lane->job : in->job, (struct str){text, (size_t)n});
        total += (size_t)n;
    }
}

static void on_output(void *user, unsigned ready)
{
    struct instance *in = OBJ(user, struct instance, INSTANCE_MAGIC);

    (void)ready;
    inst_output_read(in, LOG_PER_TURN);
}

void inst_output_open(struct instance *in, int fd)
{
    in->output = fd;
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    in->output_io = loop_io_new(in->env->loop, fd, on_output, in);
    loop_io_want(in->output_io, LOOP_READ);
}

void inst_memory_read(struct instance *in)
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

struct job_report inst_report(const struct instance *in, const struct lane *lane, enum job_end end)
{
    return (struct job_report){
            .end = end,
            .duration_ns = lane ? in->end_ns - lane->start_ns : 0,
            .init_ns = lane ? lane->init_ns : in->init_ns,
            .cold = lane ? lane->cold : !in->ran,
            .memory_bytes = in->memory_bytes,
            .exit_code = in->exit_code,
            .signal = in->signal,
            .err = in->err.code < 0 ? &in->err : NULL,
    };
}

struct job *inst_release(struct instance *in, struct lane *lane)
{
    struct job **from = lane ? &lane->job : &in->job;
    struct job *job = *from;

    assert(job);
    *from = NULL;
    if (lane)
        in->njobs--;
    job->instance = NULL;
    job->lane = NULL;
    return job;
}

void inst_finish(struct instance *in, struct lane *lane, const struct job_report *report)
{
    in->env->ops->on_done(in->env->user, in, inst_release(in, lane), report);
}

void inst_finish_all(struct instance *in)
{
    while (in->job || in->njobs > 0) {
        struct lane *lane = in->job ? NULL : inst_lane_of_a_job(in);
        struct job_report report = inst_report(in, lane, in->end);

        inst_finish(in, lane, &report);
        if (lane)
            inst_lane_close(in, lane);
    }
}
