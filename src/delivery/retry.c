/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry.c - how often, how long and when again.
 *
 * A function's own rules say age and number; when and how fast is its cloud's way. Who has set rules of
 * their own wants failures of the function retried too: without them the cloud decides.
 */
#include "delivery/internal.h"
#include "dialect/shape.h"
#include "fn/async.h"
#include "fn/fn.h"

/* An endpoint that is down is asked for a day. */
static const struct retry endpoint = {
        .age_ms = UINT64_C(24) * 60 * 60 * 1000,
        .retries = UINT32_MAX,
        .failures = true,
        .first_ms = 1000,
        .most_ms = 5 * 60 * 1000,
        .jitter = true,
};

/* A dialect that says nothing. */
static const struct shape_retry fallback = {
        .age_s = 3600, .retries = 1, .first_ms = 1000, .most_ms = 60000, .jitter = true};

struct retry retry_of(const struct fn *fn)
{
    const struct shape_ops *shape = fn ? shape_of(fn->dialect) : NULL;
    const struct shape_retry *s = shape && shape->retry ? shape->retry : &fallback;
    struct retry r;

    if (!fn)
        return endpoint;
    r = (struct retry){.age_ms = (uint64_t)s->age_s * 1000,
                       .retries = s->retries,
                       .failures = s->failures,
                       .first_ms = s->first_ms,
                       .most_ms = s->most_ms,
                       .jitter = s->jitter};
    if (fn->async) {
        r.age_ms = (uint64_t)fn->async->max_age_s * 1000;
        r.retries = fn->async->max_retries;
        r.failures = true;
    }
    return r;
}

uint64_t retry_wait_ms(const struct retry *r, uint32_t failed, uint32_t random)
{
    uint64_t ms = r->first_ms;

    for (uint32_t i = 1; i < failed && ms < r->most_ms; i++)
        ms *= 2;
    if (ms > r->most_ms)
        ms = r->most_ms;
    if (r->jitter && ms > 1)
        ms = ms / 2 + random % (ms - ms / 2 + 1);
    return ms;
}
