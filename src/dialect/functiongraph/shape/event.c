/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.c - FunctionGraph's asynchronous events: how they are tried, what a timer says, and the
 * record a destination is given.
 *
 *   {"version":"v1.0","time":"2023-06-01T08:30:00+08:00","trigger_type":"TIMER",
 *    "trigger_name":"Timer_001","user_event":"text"}
 *
 *   {"timestamp":"...","request_context":{"request_id","function_urn","condition",
 *    "approximate_invoke_count"},"request_payload":"...","response_context":{"status_code",
 *    "function_error"},"response_payload":"..."}
 *
 * What the documents leave open (docs/compat/functiongraph.md): without a configuration only what
 * could not run is tried again; the count is of tries after the first, as the one captured record
 * of a first success has 0.
 */
#include "dialect/functiongraph/shape/parts.h"

#include "base/clock.h"
#include "base/json.h"
#include "fn/fn.h"

const struct shape_retry functiongraph_retry = {
        .age_s = 3600,
        .retries = 1,
        .failures = false,
        .first_ms = 1000,
        .most_ms = 5 * 60 * 1000,
        .jitter = true,
};

void functiongraph_timer(const struct shape_timer *t, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "version", "v1.0");
    jw_kstrz(&w, "time", t->time);
    jw_kstrz(&w, "trigger_type", "TIMER");
    jw_kstrz(&w, "trigger_name", t->name);
    jw_kstr(&w, "user_event", t->payload);
    jw_obj_end(&w);
}

static const char *condition_of(const struct shape_told *t)
{
    if (t->expired)
        return "EventAgeExceeded";
    return t->outcome == OUTCOME_OK ? "" : "UnhandledInvocationError";
}

static void put_urn(struct jw *w, const struct shape_told *t)
{
    const struct fn *f = t->fn;
    struct buf urn;

    buf_init(&urn, 4096);
    buf_addf(&urn, "urn:fss:%s:%s:function:%s:%s:", f->region, f->account, f->space, f->name);
    buf_adds(&urn, t->qualifier.n > 0 ? t->qualifier : S("latest"));
    jw_kstr(w, "function_urn", buf_str(&urn));
    buf_done(&urn);
}

void functiongraph_told(const struct shape_told *t, struct buf *out)
{
    bool ok = t->outcome == OUTCOME_OK && !t->expired;
    char now[CLOCK_TEXT];
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "timestamp", clock_iso_ms(t->now_ms, now));
    jw_key(&w, "request_context");
    jw_obj(&w);
    jw_kstr(&w, "request_id", t->request_id);
    put_urn(&w, t);
    jw_kstrz(&w, "condition", condition_of(t));
    jw_kint(&w, "approximate_invoke_count", t->attempts > 0 ? t->attempts - 1 : 0);
    jw_obj_end(&w);
    jw_kstr(&w, "request_payload", t->payload);
    jw_key(&w, "response_context");
    jw_obj(&w);
    jw_kint(&w, "status_code", ok ? 200 : 500);
    jw_kstrz(&w, "function_error", condition_of(t));
    jw_obj_end(&w);
    jw_kstr(&w, "response_payload", t->answer);
    jw_obj_end(&w);
}
