/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure.c - error results: which number SCF has for which end of a run, and its words.
 *
 *   {"errorCode":-1,"errorMessage":"Invoking task timed out after 3 seconds","requestId":"<id>",
 *    "statusCode":433}
 *
 * What the function raised itself its worker words, in the same form with a `stackTrace`.
 */
#include "dialect/scf/shape/parts.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "fn/fn.h"

static const int statuses[OUTCOMES] = {
        [OUTCOME_OK] = 200,          [OUTCOME_ERROR] = 430,      [OUTCOME_TIMEOUT] = 433,
        [OUTCOME_EXITED] = 439,      [OUTCOME_MEMORY] = 434,     [OUTCOME_TOO_LARGE] = 407,
        [OUTCOME_PROTOCOL] = 500,    [OUTCOME_INIT_ERROR] = 443, [OUTCOME_INIT_TIMEOUT] = 433,
        [OUTCOME_INIT_EXITED] = 439, [OUTCOME_CANCELLED] = 499,
};

int scf_status(enum outcome outcome)
{
    return outcome < OUTCOMES ? statuses[outcome] : 500;
}

static void word(const struct run *run, struct buf *out)
{
    switch (run->outcome) {
    case OUTCOME_TIMEOUT:
        buf_addf(out, "Invoking task timed out after %g seconds", run->fn->timeout_ms / 1000.0);
        return;
    case OUTCOME_INIT_TIMEOUT:
        buf_addf(out, "Initializing task timed out after %g seconds",
                 run->fn->init_timeout_ms / 1000.0);
        return;
    case OUTCOME_EXITED:
    case OUTCOME_INIT_EXITED:
        buf_addz(out, "User process exit when running");
        return;
    case OUTCOME_MEMORY:
        buf_addf(out, "Task memory exceeded %u MB", run->fn->memory_mb);
        return;
    case OUTCOME_TOO_LARGE:
        buf_addz(out, "body size is too long");
        return;
    case OUTCOME_CANCELLED:
        buf_addz(out, "RequestCanceled");
        return;
    case OUTCOME_OK:
    case OUTCOME_ERROR:
    case OUTCOME_PROTOCOL:
    case OUTCOME_INIT_ERROR:
    case OUTCOMES:
        break; /* the function words its own; answer all the same if we are asked */
    }
    buf_addz(out, "InternalError");
}

void scf_failure(const struct run *run, struct buf *out)
{
    cleanup_with(buf_done) struct buf message;
    struct jw w;

    buf_init(&message, 512);
    word(run, &message);
    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "errorCode", -1);
    jw_kstr(&w, "errorMessage", buf_str(&message));
    jw_kstrz(&w, "requestId", run->request_id);
    jw_kint(&w, "statusCode", scf_status(run->outcome));
    jw_obj_end(&w);
}
