/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - what the steps that decide who may call remember between requests: apps by key
 * (apps.h), counters (throttle.h), answers of authorizers (authorizer_cache.h). One per gateway.
 */
#ifndef EVOKE_GATEWAY_GUARD_GUARD_H
#define EVOKE_GATEWAY_GUARD_GUARD_H

#include <stdint.h>

struct gateway_env;
struct gw_guard; /* opaque */
struct resource;

struct gw_guard *
gw_guard_new(const struct gateway_env *env); /* copied; what it names is borrowed */
/* After the last call has ended: none may wait for an authorizer any more. */
struct gw_guard *gw_guard_free(struct gw_guard *g);
/* Each change of a resource of any kind, as catalog_watch_resources() tells it. */
void gw_guard_change(struct gw_guard *g, const struct resource *before,
                     const struct resource *after);

struct gw_guard_stats {
    uint64_t authorizer_calls, authorizer_cached; /* functions run; answers from memory */
};
void gw_guard_stats(const struct gw_guard *g, struct gw_guard_stats *ret);

#endif
