/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.c - a short list of components and what is wrong with them now.
 *
 * A component enters the list when it is first heard of and stays: there are as many as there are
 * rooms that report, known at compile time, so a full list is a bug of ours.
 */
#include "observe/health.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

struct component {
    const char *name; /* a literal */
    bool well;
    int64_t since_ms;
    char reason[HEALTH_REASON];
};

struct health {
    struct component list[HEALTH_COMPONENTS];
    size_t n, faults;
    void (*on_change)(void *user);
    void *user;
};

struct health *health_new(void)
{
    return xnew(struct health);
}

struct health *health_free(struct health *h)
{
    free(h);
    return NULL;
}

static struct component *find(struct health *h, const char *name)
{
    for (size_t i = 0; i < h->n; i++)
        if (strcmp(h->list[i].name, name) == 0)
            return &h->list[i];
    assert(h->n < HEALTH_COMPONENTS);
    h->list[h->n] = (struct component){.name = name, .well = true};
    return &h->list[h->n++];
}

void health_set(struct health *h, const char *component, const char *reason)
{
    struct component *c;

    if (!h)
        return;
    c = find(h, component);
    if (reason ? !c->well && strncmp(c->reason, reason, HEALTH_REASON - 1) == 0 : c->well)
        return;
    if (reason && c->well) {
        c->since_ms = clock_wall_ms();
        h->faults++;
    }
    if (!reason)
        h->faults--;
    c->well = !reason;
    snprintf(c->reason, sizeof(c->reason), "%s", reason ? reason : "");
    if (h->on_change)
        h->on_change(h->user);
}

bool health_ready(const struct health *h)
{
    return !h || h->faults == 0;
}

bool health_fault(const struct health *h, size_t i, struct health_fault *ret)
{
    for (size_t at = 0; h && at < h->n; at++) {
        const struct component *c = &h->list[at];

        if (c->well || i-- > 0)
            continue;
        *ret = (struct health_fault){
                .component = c->name, .reason = c->reason, .since_ms = c->since_ms};
        return true;
    }
    return false;
}

void health_on_change(struct health *h, void (*fn)(void *user), void *user)
{
    h->on_change = fn;
    h->user = user;
}
