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

static void put_ms(uint64_t ns, struct buf *out)
{
    buf_addfix(out, (ns + 500) / 1000, 3);
    buf_addz(out, "ms");
}

static void put_memory(const struct run *run, struct buf *out)
{
    buf_addfix(out, shape_memory(run, 1000), 3);
    buf_addz(out, "MB");
}

/* TIME WHAT request 'ID' */
static void begin(int64_t wall_ms, const char *what, const struct run *run, struct buf *out)
{
    char when[CLOCK_TEXT];

    buf_addz(out, clock_iso(wall_ms, when));
    buf_addz(out, what);
    buf_addz(out, " request '");
    buf_addz(out, run->request_id);
    buf_addc(out, '\'');
}

static const char *cold(const struct run *run, const char *load, const char *initialize)
{
    return run->fn->initializer ? initialize : load;
}

static bool failed(const struct run *run)
{
    return run->outcome != OUTCOME_OK;
}

/* Without printf: two of these are in the way of every run. */
void functiongraph_log(const struct run *run, enum log_point point, struct buf *out)
{
    int64_t start = run->start_wall_ms;

    switch (point) {
    case LOG_LOAD_START:
        begin(start, cold(run, " Start load", " Start initialize"), run, out);
        break;
    case LOG_LOAD_END:
        begin(start + whole_ms(run->init_ns), cold(run, " Finish load", " Finish initialize"), run,
              out);
        buf_addz(out, ", duration: ");
        put_ms(run->init_ns, out);
        buf_addz(out, ", memory used: ");
        put_memory(run, out);
        break;
    case LOG_RUN_START:
        begin(start, " Start invoke", run, out);
        buf_addz(out, ", version: ");
        buf_addz(out, run->fn->version);
        break;
    case LOG_RUN_END:
        begin(start + whole_ms(run->duration_ns), " Finish invoke", run, out);
        buf_addz(out, failed(run) ? "(invoke Failed), duration: " : ", duration: ");
        put_ms(run->duration_ns, out);
        buf_addz(out, ", billing duration: ");
        buf_addu(out, functiongraph_billed_ms(run));
        buf_addz(out, "ms, memory used: ");
        put_memory(run, out);
        buf_addz(out, ", billing memory: ");
        buf_addu(out, run->fn->memory_mb);
        buf_addz(out, "MB");
        break;
    }
    buf_addc(out, '\n');
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
