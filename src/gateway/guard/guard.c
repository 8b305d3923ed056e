/* SPDX-License-Identifier: Apache-2.0 */
/* guard.c - makes and ends what the deciding steps remember. */
#include "gateway/guard/guard.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/map.h"
#include "gateway/guard/authenticate_apps.h"
#include "gateway/guard/authorizer_cache.h"
#include "gateway/guard/authorizer_identity.h"
#include "gateway/guard/guard_parts.h"
#include "gateway/guard/throttle_count.h"

enum {
    ANSWERS = 20000,           /* of authorizers, kept at once */
    ANSWER_BYTES = 32 << 20,   /* and what they take together */
    THROTTLE_COUNTERS = 65536, /* at once: one per limit and caller */
};

struct gw_guard *gw_guard_new(const struct gateway_env *env)
{
    struct gw_guard *g = xnew(struct gw_guard);

    g->env = *env;
    g->apps = gw_apps_new();
    g->throttle = throttle_new(THROTTLE_COUNTERS);
    g->patterns = gw_patterns_new();
    g->answers = authorizer_cache_new(ANSWERS, ANSWER_BYTES);
    g->flights = map_new();
    return g;
}

struct gw_guard *gw_guard_free(struct gw_guard *g)
{
    if (!g)
        return NULL;
    assert(map_count(g->flights) == 0);
    map_free(g->flights);
    authorizer_cache_free(g->answers);
    gw_patterns_free(g->patterns);
    throttle_free(g->throttle);
    gw_apps_free(g->apps);
    free(g);
    return NULL;
}

void gw_guard_change(struct gw_guard *g, const struct resource *before,
                     const struct resource *after)
{
    gw_apps_change(g->apps, before, after);
}

void gw_guard_stats(const struct gw_guard *g, struct gw_guard_stats *ret)
{
    *ret = g->stats;
}
