/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.c - SCF's asynchronous events: how they are tried, what a timer says, and the record a
 * destination is given.
 *
 *   {"Type":"Timer","TriggerName":"EveryDay","Time":"2019-02-21T11:49:00Z","Message":"words"}
 *
 * The cloud puts what was lost into a queue of its own, with RequestID, ErrorCode and ErrorMessage
 * as the message's attributes and the event as its body. Here a destination is a function or an
 * address and has no attributes, so all of it stands in one object, under these names.
 */
#include "dialect/scf/shape/parts.h"

#include "base/clock.h"
#include "base/json.h"
#include "fn/fn.h"

/* After a minute, then two; what could not run is given up to an hour between tries, within 6 h. */
const struct shape_retry scf_retry = {
        .age_s = 6 * 3600,
        .retries = 2,
        .failures = true,
        .first_ms = 60 * 1000,
        .most_ms = 3600 * 1000,
        .jitter = false,
};

void scf_timer(const struct shape_timer *t, struct buf *out)
{
    char when[CLOCK_TEXT];
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "Type", "Timer");
    jw_kstrz(&w, "TriggerName", t->name);
    jw_kstrz(&w, "Time", clock_iso(t->due_ms, when));
    jw_kstr(&w, "Message", t->payload);
    jw_obj_end(&w);
}

static const char *message_of(const struct shape_told *t)
{
    if (t->expired)
        return "MsgTTLExceeded";
    return t->outcome == OUTCOME_OK ? "" : "InvokeFunctionFailed";
}

void scf_told(const struct shape_told *t, struct buf *out)
{
    char now[CLOCK_TEXT];
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "Time", clock_iso(t->now_ms, now));
    jw_kstr(&w, "RequestID", t->request_id);
    jw_kstrz(&w, "Namespace", t->fn->space);
    jw_kstrz(&w, "FunctionName", t->fn->name);
    jw_kstr(&w, "Qualifier", scf_qualifier(t->qualifier));
    jw_kint(&w, "ErrorCode", t->outcome == OUTCOME_OK && !t->expired ? 0 : scf_status(t->outcome));
    jw_kstrz(&w, "ErrorMessage", message_of(t));
    jw_kint(&w, "RetryNum", t->attempts > 0 ? t->attempts - 1 : 0);
    jw_kstr(&w, "Event", t->payload);
    jw_kstr(&w, "RetMsg", t->answer);
    jw_obj_end(&w);
}
