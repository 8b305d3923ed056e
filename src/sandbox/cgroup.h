/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup.h - hard limits of an instance: memory, processes, share of the CPU. */
#ifndef EVOKE_SANDBOX_CGROUP_H
#define EVOKE_SANDBOX_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sandbox/limits.h"

struct err;

enum cgroup_part { CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CPU, CGROUP_PARTS };

/* The launcher's own place in each hierarchy; -EBADF where a controller is not to be had. */
struct cgroup_tree {
    char name[32];            /* evoke-<pid of the stub> */
    int parent[CGROUP_PARTS]; /* owned */
    int dir[CGROUP_PARTS];    /* owned */
};

/* One instance. Copyable; owns only what is in the hierarchy. */
struct cgroup {
    char name[16];
};

void cgroup_tree_none(struct cgroup_tree *t); /* nothing delegated: every call below is a no-op */
/*
 * As the host's root: make the tree below our own cgroups and give it to `owner` (host uid).
 * Leftovers of launchers that no longer live are removed. A hierarchy that is not v1, or not
 * writable, is left out; that is no failure.
 */
int cgroup_tree_make(struct cgroup_tree *t, uid_t owner, struct err *e);
void cgroup_tree_close(struct cgroup_tree *t); /* descriptors only */
/* Remove it, with whatever instances are left in it, and close. Waits up to a second. */
void cgroup_tree_remove(struct cgroup_tree *t);
bool cgroup_has(const struct cgroup_tree *t, enum cgroup_part part);

/*
 * Make the cgroups of one instance, limits set. ret_tasks: owned, the `tasks` files to pass to
 * cgroup_enter(), -EBADF where there is none. A failure leaves nothing behind.
 */
int cgroup_make(const struct cgroup_tree *t, uint32_t serial, const struct limits *l,
                struct cgroup *ret, int ret_tasks[CGROUP_PARTS], struct err *e);
/* Move the calling, single-threaded process. */
int cgroup_enter(const int tasks[CGROUP_PARTS], struct err *e);
/* A descriptor that reads the highest memory use so far, or -EBADF. Owned by the caller. */
int cgroup_open_peak(const struct cgroup_tree *t, const struct cgroup *cg);
/* How many of its processes the memory limit has killed. 0 without a memory cgroup. */
uint64_t cgroup_oom_kills(const struct cgroup_tree *t, const struct cgroup *cg);
/* 0, or -EBUSY: the kernel is not done with its processes yet, try again later. */
int cgroup_remove(const struct cgroup_tree *t, const struct cgroup *cg);

#endif
