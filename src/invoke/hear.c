/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hear.c - what the pool asks and tells of a run, until it has ended: what its instance is told, the
 * answer as it comes, the log lines, and what its end means to the caller.
 */
#include "invoke/internal.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/obj.h"
#include "fn/fn.h"
#include "runtime/runtime.h"

static void hear(struct invocation *in, struct str text)
{
    tail_add(&in->tail, text);
    if (in->load_only)
        watch_stray(in->iv, in->fn, in->instance_id, "load", text);
    else
        watch_log(in->iv, &in->facts, in->watched, text);
}

static void log_point(struct invocation *in, enum log_point point)
{
    struct buf lines;

    buf_init(&lines, LINES_MAX);
    in->shape->log(&in->run, point, &lines);
    hear(in, buf_str(&lines));
    buf_done(&lines);
}

static void remember_instance(struct invocation *in, const char *instance_id)
{
    size_t n = strnlen(instance_id, sizeof(in->instance_id) - 1);

    memcpy(in->instance_id, instance_id, n);
    in->instance_id[n] = '\0';
    in->run.instance_id = in->instance_id;
}

static void job_open(void *user, const char *instance_id, struct buf *out)
{
    struct invocation *in = OBJ(user, struct invocation, INVOCATION_MAGIC);

    remember_instance(in, instance_id);
    if (in->fn->role && !in->role)
        in->role = xnew(struct role_keys);
    in->run.keys = invoke_keys(in->iv, in->fn, in->role, &in->keys);
    in->shape->open(&in->run, out);
}

static void on_load(void *user, const char *instance_id, const struct job_load *load)
{
    struct invocation *in = OBJ(user, struct invocation, INVOCATION_MAGIC);

    remember_instance(in, instance_id);
    in->run.cold = true;
    in->run.init_ns = load->took_ns;
    in->run.memory_bytes = load->memory_bytes;
    in->facts.start_ns = load->born_ns;
    if (load->end) {
        in->facts.loaded_ns = clock_mono_ns();
    } else {
        in->facts.load_ns = clock_mono_ns();
        in->run.start_wall_ms = clock_wall_ms();
    }
    log_point(in, load->end ? LOG_LOAD_END : LOG_LOAD_START);
}

static void on_start(void *user, const char *instance_id, bool cold)
{
    struct invocation *in = OBJ(user, struct invocation, INVOCATION_MAGIC);

    remember_instance(in, instance_id);
    in->run.cold = cold;
    if (in->load_only)
        return;
    in->started = true;
    in->facts.run_ns = clock_mono_ns();
    in->run.start_wall_ms = clock_wall_ms();
    log_point(in, LOG_RUN_START);
}

static void on_head(void *user, struct str json)
{
    buf_adds(&OBJ(user, struct invocation, INVOCATION_MAGIC)->head, json);
}

static void on_data(void *user, struct str bytes)
{
    buf_adds(&OBJ(user, struct invocation, INVOCATION_MAGIC)->body, bytes);
}

static void on_log(void *user, struct str text)
{
    hear(OBJ(user, struct invocation, INVOCATION_MAGIC), text);
}

/* Whose words the body is: the function's, or ours. */
static const struct {
    enum outcome outcome;
    bool ours;
} endings[] = {
        [JOB_DONE] = {OUTCOME_OK, false},
        [JOB_ERROR] = {OUTCOME_ERROR, false},
        [JOB_TIMEOUT] = {OUTCOME_TIMEOUT, true},
        [JOB_EXITED] = {OUTCOME_EXITED, true},
        [JOB_MEMORY] = {OUTCOME_MEMORY, true},
        [JOB_PROTOCOL] = {OUTCOME_PROTOCOL, true},
        [JOB_TOO_LARGE] = {OUTCOME_TOO_LARGE, true},
        [JOB_INIT_ERROR] = {OUTCOME_INIT_ERROR, false},
        [JOB_INIT_TIMEOUT] = {OUTCOME_INIT_TIMEOUT, true},
        [JOB_INIT_EXITED] = {OUTCOME_INIT_EXITED, true},
        [JOB_NO_START] = {OUTCOME_CANCELLED, false},
};

/* Where the program is the package's own, its absence is no fault of ours: told like an exit, with
 * the code a shell has for it. The code directory itself is there, we have looked twice. */
static bool program_is_bad(const struct invocation *in, const struct err *e)
{
    const struct runtime *rt = runtime_find(in->fn->dialect, str_of(in->fn->runtime));
    const struct worker_kind *kind = rt ? runtime_worker(rt) : NULL;

    return kind && !kind->program && e->kind == ERR_HOST &&
           (e->code == -ENOENT || e->code == -EACCES || e->code == -ENOEXEC);
}

static void on_bad_program(struct invocation *in, const struct err *e)
{
    hear(in, str_of(e->msg));
    hear(in, S("\n"));
    in->run.outcome = OUTCOME_INIT_EXITED;
    in->run.cold = true;
    in->run.exit_code = e->code == -ENOENT ? 127 : 126;
    in->shape->failure(&in->run, &in->body);
    invocation_answer(in);
}

static void on_no_start(struct invocation *in, const struct err *e)
{
    char name[INVOKE_CODE_NAME];

    if (e->code == -ENOENT && !in->code_retried && !in->iv->closing && !in->cancelled) {
        in->code_retried = true;
        map_del(in->iv->ready, invoke_code_name(in->fn, name));
        invocation_ready_code(in);
        return;
    }
    if (program_is_bad(in, e)) {
        on_bad_program(in, e);
        return;
    }
    in->refused = *e;
    invocation_refuse(in);
}

/* It was not tried: the answer is the last one, and its log says so. */
static void tell_of_backoff(struct invocation *in, const struct job_report *report)
{
    struct buf line;

    buf_init(&line, LINES_MAX);
    buf_addf(&line,
             "evoke: not started: the last %u starts failed, the latest as told here; the next is "
             "tried in %.1f s\n",
             report->failures, (double)report->retry_ms / 1000.0);
    hear(in, buf_str(&line));
    buf_done(&line);
}

/* Who it was: the limit is of one instance, and a function may have many. */
static void tell_of_memory(struct invocation *in)
{
    struct buf line;

    buf_init(&line, LINES_MAX);
    buf_addf(&line, "evoke: instance %s ran out of its %u MB of memory and was ended\n",
             in->instance_id, in->fn->memory_mb);
    hear(in, buf_str(&line));
    buf_done(&line);
}

static void on_end(void *user, const struct job_report *report)
{
    struct invocation *in = OBJ(user, struct invocation, INVOCATION_MAGIC);

    in->submitted = false;
    if (report->end == JOB_NO_START) {
        on_no_start(in, report->err);
        return;
    }
    if (report->failures > 0) {
        in->untried_ms = report->retry_ms > 0 ? report->retry_ms : 1;
        tell_of_backoff(in, report);
    }
    in->run.outcome = endings[report->end].outcome;
    in->run.duration_ns = report->duration_ns;
    in->run.init_ns = report->init_ns ? report->init_ns : in->run.init_ns;
    in->run.cold = report->cold;
    in->run.handled = report->handled;
    in->run.memory_bytes = report->memory_bytes;
    in->facts.cpu_ns = report->cpu_ns;
    in->run.exit_code = report->exit_code;
    in->run.signal = report->signal;
    if (report->end == JOB_MEMORY)
        tell_of_memory(in);
    if (endings[report->end].ours) {
        buf_reset(&in->body);
        in->shape->failure(&in->run, &in->body);
    }
    in->run.answer = buf_str(&in->body);
    if (in->started)
        log_point(in, LOG_RUN_END);
    invocation_answer(in);
}

const struct job_ops invoke_job_ops = {
        .open = job_open,
        .on_start = on_start,
        .on_load = on_load,
        .on_head = on_head,
        .on_data = on_data,
        .on_log = on_log,
        .on_end = on_end,
};
