/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warm.c - how many spares of each worker the launcher should have ready: a few of those that some
 * function uses, more for a while after starts that found none, none of the others.
 *
 * What is said is a hint; it is said anew to each new launcher.
 */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "fn/fn.h"
#include "pool/supply.h"
#include "runtime/runtime.h"

enum { FEW = 2, MANY = 16, CALM_MS = 30000 };

static struct warm *row_of(struct pool *p, const struct fn *fn)
{
    const struct runtime *rt = runtime_find(fn->dialect, str_of(fn->runtime));

    if (!rt || !rt->worker)
        return NULL;
    for (uint32_t i = 0; i < p->nwarm; i++)
        if (strcmp(p->warm[i].worker, rt->worker) == 0)
            return &p->warm[i];
    if (p->nwarm == WARM_ROWS)
        return NULL;
    p->warm[p->nwarm] = (struct warm){.worker = rt->worker};
    return &p->warm[p->nwarm++];
}

static void set(struct pool *p, struct warm *w, uint32_t spares)
{
    if (w->spares == spares)
        return;
    w->spares = spares;
    launch_warm(p->env.launch, w->worker, spares);
}

void warm_count(struct pool *p, const struct fn *fn, int change)
{
    struct warm *w = row_of(p, fn);

    if (!w)
        return;
    assert(change > 0 || w->functions > 0);
    w->functions = (uint32_t)((int64_t)w->functions + change);
    if (w->functions == 0)
        set(p, w, 0);
    else if (w->spares == 0)
        set(p, w, FEW);
}

void warm_started(struct pool *p, const struct fn *fn, bool spare)
{
    struct warm *w = row_of(p, fn);

    if (!w || spare || w->functions == 0)
        return;
    w->missed_ns = clock_mono_ns();
    set(p, w, w->spares * 2 < MANY ? w->spares * 2 : MANY);
    pool_wake_at(p, w->missed_ns + (uint64_t)CALM_MS * 1000000);
}

void warm_turn(struct pool *p)
{
    uint64_t now = clock_mono_ns();

    for (uint32_t i = 0; i < p->nwarm; i++) {
        struct warm *w = &p->warm[i];
        uint64_t end_ns = w->missed_ns + (uint64_t)CALM_MS * 1000000;

        if (w->spares <= FEW)
            continue;
        if (end_ns > now)
            pool_wake_at(p, end_ns);
        else
            set(p, w, FEW);
    }
}

void warm_say(struct pool *p)
{
    for (uint32_t i = 0; i < p->nwarm; i++)
        if (p->warm[i].spares > 0)
            launch_warm(p->env.launch, p->warm[i].worker, p->warm[i].spares);
}
