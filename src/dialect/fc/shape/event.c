/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.c - Function Compute's asynchronous events: how they are tried, what a timer says, and the
 * record a destination is given.
 *
 *   {"triggerTime":"2018-02-09T05:49:00Z","triggerName":"my_trigger","payload":"awesome-fc"}
 *
 *   {"timestamp":1597924800000,"requestContext":{"requestId","functionArn","condition",
 *    "approximateInvokeCount"},"requestPayload":"...","responseContext":{"statusCode",
 *    "functionError"},"responsePayload":"..."}
 *
 * The ARN of the record names neither region nor account: so do the captured ones.
 */
#include "dialect/fc/shape/parts.h"

#include "base/clock.h"
#include "base/json.h"
#include "fn/fn.h"

/* 0.5 s, 1, 2, 4 ... up to 5 h: documented for what the platform could not run, used for all. */
const struct shape_retry fc_retry = {
        .age_s = 86400,
        .retries = 3,
        .failures = true,
        .first_ms = 500,
        .most_ms = 5 * 3600 * 1000,
        .jitter = false,
};

void fc_timer(const struct shape_timer *t, struct buf *out)
{
    char when[CLOCK_TEXT];
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "triggerTime", clock_iso(t->due_ms, when));
    jw_kstrz(&w, "triggerName", t->name);
    jw_kstr(&w, "payload", t->payload);
    jw_obj_end(&w);
}

static const char *condition_of(const struct shape_told *t)
{
    if (t->expired)
        return "EventAgeExceeded";
    return t->outcome == OUTCOME_OK ? "" : "UnhandledInvocationError";
}

static bool is_latest(struct str qualifier)
{
    return qualifier.n == 0 || str_ieq(qualifier, S("latest"));
}

static void put_arn(struct jw *w, const struct shape_told *t)
{
    struct buf arn;

    buf_init(&arn, 4096);
    buf_addf(&arn, "acs:fc:::services/%s.", t->fn->space);
    buf_adds(&arn, is_latest(t->qualifier) ? S("LATEST") : t->qualifier);
    buf_addf(&arn, "/functions/%s", t->fn->name);
    jw_kstr(w, "functionArn", buf_str(&arn));
    buf_done(&arn);
}

void fc_told(const struct shape_told *t, struct buf *out)
{
    bool ran = t->outcome != OUTCOME_CANCELLED; /* a function's failure is an answer: 200 */
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "timestamp", t->now_ms);
    jw_key(&w, "requestContext");
    jw_obj(&w);
    jw_kstr(&w, "requestId", t->request_id);
    put_arn(&w, t);
    jw_kstrz(&w, "condition", condition_of(t));
    jw_kint(&w, "approximateInvokeCount", t->attempts);
    jw_obj_end(&w);
    jw_kstr(&w, "requestPayload", t->payload);
    jw_key(&w, "responseContext");
    jw_obj(&w);
    jw_kint(&w, "statusCode", ran ? 200 : 500);
    jw_kstrz(&w, "functionError", condition_of(t));
    jw_obj_end(&w);
    jw_kstr(&w, "responsePayload", t->answer);
    jw_obj_end(&w);
}
