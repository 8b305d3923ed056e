/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grave.c - cgroups of slots that are gone, until the kernel lets go of them.
 *
 * A cgroup whose last process has been reaped may stay busy for a moment (EBUSY). It is tried again
 * with each turn; what is left at the end the stub removes.
 */
#include "launcher/slot.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/obj.h"

enum { TRIES = 500 };

struct grave {
    struct list node;
    struct cgroup cgroup;
    unsigned tries;
};

static const struct log_cx cx = {.component = "grave"};

void grave_lay(struct instances *set, const struct cgroup *cgroup)
{
    struct grave *g;

    if (cgroup_remove(set->host.cgroups, cgroup) == 0)
        return;
    g = xnew(struct grave);
    g->cgroup = *cgroup;
    list_init(&g->node);
    list_push_back(&set->graves, &g->node);
}

bool graves_dig(struct instances *set)
{
    list_each (node, &set->graves) {
        struct grave *g = container_of(node, struct grave, node);
        int r = cgroup_remove(set->host.cgroups, &g->cgroup);

        if (r < 0 && ++g->tries < TRIES)
            continue;
        if (r < 0)
            log_warn(&cx, "cgroup '%s' not removed, ignoring: %s", g->cgroup.name, strerror(-r));
        list_remove(&g->node);
        free(g);
    }
    return !list_empty(&set->graves);
}

void graves_free(struct instances *set)
{
    list_each (node, &set->graves) {
        free(container_of(node, struct grave, node));
    }
}
