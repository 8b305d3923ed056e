/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - what FunctionGraph says around a run, and in the function's place when it cannot.
 *
 *   2026-03-17T10:13:22Z Start invoke request '<id>', version: latest
 *   2026-03-17T10:13:22Z Finish invoke request '<id>', duration: 2.049ms, billing duration: 3ms,
 *                        memory used: 36.535MB, billing memory: 128MB        (one line)
 *
 * This is the older of the two known forms: the newer one adds cpu and storage used, which we do
 * not measure and therefore do not print. Load and initializer are one step for our workers, so a
 * cold start has one pair of lines: "initialize" when there is an initializer, else "load".
 */
#include "dialect/functiongraph/shape/parts.h"

#include "base/clock.h"
#include "base/json.h"
#include "fn/fn.h"

static int64_t whole_ms(uint64_t ns)
{
    return (int64_t)(ns / 1000000);
}

uint64_t functiongraph_billed_ms(const struct run *run)
{
    return (run->duration_ns + 999999) / 1000000;
}

static void put_memory(const struct run *run, struct buf *out)
{
    buf_addf(out, "%.3fMB", (double)run->memory_bytes / (1024.0 * 1024.0));
}

static const char *cold_step(const struct run *run)
{
    return run->fn->initializer ? "initialize" : "load";
}

static bool failed(const struct run *run)
{
    return run->outcome != OUTCOME_OK;
}

void functiongraph_log(const struct run *run, enum log_point point, struct buf *out)
{
    char when[CLOCK_TEXT];

    switch (point) {
    case LOG_LOAD_START:
        buf_addf(out, "%s Start %s request '%s'\n", clock_iso(run->start_wall_ms, when),
                 cold_step(run), run->request_id);
        return;
    case LOG_LOAD_END:
        buf_addf(out, "%s Finish %s request '%s', duration: %.3fms, memory used: ",
                 clock_iso(run->start_wall_ms + whole_ms(run->init_ns), when), cold_step(run),
                 run->request_id, (double)run->init_ns / 1e6);
        put_memory(run, out);
        buf_addc(out, '\n');
        return;
    case LOG_RUN_START:
        buf_addf(out, "%s Start invoke request '%s', version: %s\n",
                 clock_iso(run->start_wall_ms, when), run->request_id, run->fn->version);
        return;
    case LOG_RUN_END:
        buf_addf(out, "%s Finish invoke request '%s'%s, duration: %.3fms, billing duration: %llums",
                 clock_iso(run->start_wall_ms + whole_ms(run->duration_ns), when), run->request_id,
                 failed(run) ? "(invoke Failed)" : "", (double)run->duration_ns / 1e6,
                 (unsigned long long)functiongraph_billed_ms(run));
        buf_addz(out, ", memory used: ");
        put_memory(run, out);
        buf_addf(out, ", billing memory: %uMB\n", run->fn->memory_mb);
        return;
    }
}

/* How the process went, in brackets, if that was told; the part in front is the cloud's own sentence. */
static void put_exit(const struct run *run, struct buf *out)
{
    if (run->signal)
        buf_addf(out, " (signal %d)", run->signal);
    else if (run->exit_code >= 0)
        buf_addf(out, " (exit code %d)", run->exit_code);
}

static const char *word(const struct run *run, struct buf *out)
{
    switch (run->outcome) {
    case OUTCOME_TIMEOUT:
        buf_addf(out, "Invocation timed out after %g seconds", run->fn->timeout_ms / 1000.0);
        return "InvocationTimedOut";
    case OUTCOME_EXITED:
        buf_addz(out, "runtime process is exited");
        put_exit(run, out);
        return "RuntimeExited";
    case OUTCOME_MEMORY:
        buf_addz(out, "runtime memory limit exceeded");
        return "MemoryLimitExceeded";
    case OUTCOME_TOO_LARGE:
        buf_addf(out, "function response is larger than %d bytes", FUNCTIONGRAPH_BODY_MAX);
        return "FunctionResponseTooLarge";
    case OUTCOME_PROTOCOL:
        buf_addz(out, "System error: the runtime sent something the platform does not understand");
        return "SystemError";
    case OUTCOME_INIT_TIMEOUT:
        buf_addf(out, "Initialization failed: timed out after %g seconds",
                 run->fn->init_timeout_ms / 1000.0);
        return "InitializationTimedOut";
    case OUTCOME_INIT_EXITED:
        buf_addz(out, "Initialization failed: runtime process is exited");
        put_exit(run, out);
        return "RuntimeExited";
    case OUTCOME_CANCELLED:
        buf_addz(out, "Invocation was cancelled");
        return "InvocationCancelled";
    case OUTCOME_OK:
    case OUTCOME_ERROR:
    case OUTCOME_INIT_ERROR:
    case OUTCOMES:
        break; /* the function words these itself; answer all the same if we are asked */
    }
    buf_addz(out, "System error");
    return "SystemError";
}

void functiongraph_failure(const struct run *run, struct buf *out)
{
    struct buf message;
    const char *type;
    struct jw w;

    buf_init(&message, 512);
    type = word(run, &message);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "errorMessage", buf_str(&message));
    jw_kstrz(&w, "errorType", type);
    jw_obj_end(&w);
    buf_done(&message);
}
