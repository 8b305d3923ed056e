/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - what Function Compute says around a run, and in the function's place when it cannot.
 *
 *   FC Invoke Start RequestId: <id>
 *   FC Invoke End RequestId: <id>[, Error: Handled function error | , Error: Unhandled function
 * error]
 *
 *   Duration: 16.81 ms, Billed Duration: 17 ms, Memory Size: 128 MB, Max Memory Used: 52.32 MB
 *
 * The texts of a timeout and of a dead process carry no errorType: the cloud sends none.
 */
#include "dialect/fc/shape/parts.h"

#include "base/json.h"
#include "fn/fn.h"

static double megabytes(const struct run *run)
{
    return (double)run->memory_bytes / (1024.0 * 1024.0);
}

uint64_t fc_billed_ms(const struct run *run)
{
    return (run->duration_ns + 999999) / 1000000;
}

static const char *error_suffix(const struct run *run)
{
    if (run->outcome == OUTCOME_OK)
        return "";
    if (run->outcome == OUTCOME_ERROR && run->handled)
        return ", Error: Handled function error";
    return ", Error: Unhandled function error";
}

void fc_log(const struct run *run, enum log_point point, struct buf *out)
{
    switch (point) {
    case LOG_LOAD_START:
        buf_addf(out, "FunctionCompute %s runtime inited.\n", run->fn->runtime);
        if (run->fn->initializer)
            buf_addf(out, "FC Initialize Start RequestId: %s\n", run->request_id);
        return;
    case LOG_LOAD_END:
        if (run->fn->initializer)
            buf_addf(out, "FC Initialize End RequestId: %s\n", run->request_id);
        return;
    case LOG_RUN_START:
        buf_addz(out, "FC Invoke Start RequestId: ");
        buf_addz(out, run->request_id);
        buf_addc(out, '\n');
        return;
    case LOG_RUN_END:
        buf_addz(out, "FC Invoke End RequestId: ");
        buf_addz(out, run->request_id);
        buf_addz(out, error_suffix(run));
        buf_addz(out, "\n\nDuration: ");
        buf_addfix(out, (run->duration_ns + 5000) / 10000, 2);
        buf_addz(out, " ms, Billed Duration: ");
        buf_addu(out, fc_billed_ms(run));
        buf_addz(out, " ms, Memory Size: ");
        buf_addu(out, run->fn->memory_mb);
        buf_addz(out, " MB, Max Memory Used: ");
        buf_addfix(out, shape_memory(run, 100), 2);
        buf_addz(out, " MB\n");
        return;
    }
}

static void word(const struct run *run, struct buf *out)
{
    switch (run->outcome) {
    case OUTCOME_TIMEOUT:
        buf_addf(out, "Function timed out after %g seconds (maxMemoryUsage: %.2fMB)",
                 run->fn->timeout_ms / 1000.0, megabytes(run));
        return;
    case OUTCOME_INIT_TIMEOUT:
        buf_addf(out, "Function initialization timed out after %g seconds (maxMemoryUsage: %.2fMB)",
                 run->fn->init_timeout_ms / 1000.0, megabytes(run));
        return;
    case OUTCOME_EXITED:
    case OUTCOME_MEMORY:
    case OUTCOME_PROTOCOL:
        buf_addf(out,
                 "Process exited unexpectedly before completing request (duration: %llums, "
                 "maxMemoryUsage: %.2fMB)",
                 (unsigned long long)(run->duration_ns / 1000000), megabytes(run));
        return;
    case OUTCOME_INIT_EXITED:
        buf_addf(out,
                 "Process exited unexpectedly before completing request (duration: %llums, "
                 "maxMemoryUsage: %.2fMB)",
                 (unsigned long long)(run->init_ns / 1000000), megabytes(run));
        return;
    case OUTCOME_TOO_LARGE:
        buf_addf(out, "response size exceeds maximum allowed size (%d bytes)", FC_BODY_MAX);
        return;
    case OUTCOME_CANCELLED:
        buf_addz(out, "Invocation was cancelled");
        return;
    case OUTCOME_OK:
    case OUTCOME_ERROR:
    case OUTCOME_INIT_ERROR:
    case OUTCOMES:
        break; /* the function words these itself; answer all the same if we are asked */
    }
    buf_addz(out, "an internal error has occurred. Please retry.");
}

void fc_failure(const struct run *run, struct buf *out)
{
    struct buf message;
    struct jw w;

    buf_init(&message, 512);
    word(run, &message);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "errorMessage", buf_str(&message));
    jw_obj_end(&w);
    buf_done(&message);
}
