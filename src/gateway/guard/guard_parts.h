/* SPDX-License-Identifier: Apache-2.0 */
/* guard_parts.h - the guard itself, for authenticate*.c, authorizer*.c and throttle*.c. */
#ifndef EVOKE_GATEWAY_GUARD_GUARD_PARTS_H
#define EVOKE_GATEWAY_GUARD_GUARD_PARTS_H

#include "base/list.h"
#include "gateway/gateway.h"
#include "gateway/guard/guard.h"

struct authorizer_cache;
struct gw_apps;
struct gw_patterns;
struct map;
struct throttle;

struct gw_guard {
    struct gateway_env env;
    struct gw_apps *apps;             /* authenticate_apps.h */
    struct throttle *throttle;        /* throttle_count.h */
    struct gw_patterns *patterns;     /* authorizer_identity.h */
    struct authorizer_cache *answers; /* authorizer_cache.h */
    struct map *flights;              /* key -> the function is asked about it: authorizer.c */
    struct gw_guard_stats stats;
};

#endif
