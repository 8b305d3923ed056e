/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup.h - hard limits of an instance: memory, processes, CPU; and stopping it for a while. */
#ifndef EVOKE_SANDBOX_CGROUP_H
#define EVOKE_SANDBOX_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sandbox/limits.h"

struct err;

enum cgroup_part { CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CPU, CGROUP_FREEZER, CGROUP_PARTS };

/* The launcher's own place in each hierarchy; -EBADF where a controller is not to be had. */
struct cgroup_tree {
    char name[32];                 /* evoke-<pid of the stub>-<random> */
    uint8_t version[CGROUP_PARTS]; /* 1 or 2; 0: not to be had */
    int parent[CGROUP_PARTS];      /* owned */
    int dir[CGROUP_PARTS];         /* owned; the same directory for all parts of version 2 */
    int home;                      /* owned: cgroup.procs of where the stub came from, version 2 */
    const char *why_not;           /* something is missing, and we know why; or NULL. Static */
};

/* One instance. Copyable; owns only what is in the hierarchy. */
struct cgroup {
    char name[16];
};

/*
 * What a process enters the cgroups of one instance by. All owned: cgroup_door_done().
 *
 * Version 1: whoever enters writes `0` into `tasks` while it has one thread; 0.05 ms.
 * Version 2: it is born inside, by clone3(2) with CLONE_INTO_CGROUP and `into`. Who could not be
 * writes `0` into `procs`, which takes 7 to 11 ms after a pause and is not for the request path.
 */
struct cgroup_door {
    int tasks[CGROUP_PARTS]; /* of each part of version 1, or -EBADF */
    int into;                /* version 2: the directory, or -EBADF */
    int procs;               /* version 2: its cgroup.procs, or -EBADF */
};

void cgroup_tree_none(struct cgroup_tree *t); /* nothing delegated: every call below is a no-op */
/*
 * Make the tree below our own cgroups and give it to `owner` (host uid). Leftovers of launchers
 * that no longer live are removed. A controller that is not there, or not ours to use, is left
 * out; that is no failure. In version 2 the caller is moved: fork the launcher after it.
 */
void cgroup_tree_make(struct cgroup_tree *t, uid_t owner);
void cgroup_tree_close(struct cgroup_tree *t); /* descriptors only */
/* Thaw whatever is frozen: in version 1 a frozen process does not even die. */
void cgroup_tree_thaw(const struct cgroup_tree *t);
/* Remove it, with whatever instances are left in it, and close. Waits up to a second. */
void cgroup_tree_remove(struct cgroup_tree *t);

static inline bool cgroup_has(const struct cgroup_tree *t, enum cgroup_part part)
{
    return t->version[part] != 0;
}

/*
 * Make the cgroups of one instance, without limits yet. The door is to be closed once everybody
 * who has to be inside is. A failure leaves nothing behind.
 */
int cgroup_make(const struct cgroup_tree *t, uint32_t serial, struct cgroup *ret,
                struct cgroup_door *ret_door, struct err *e);
/* Set the limits; once, and before any code of the function runs. Who is inside may be. */
int cgroup_limit(const struct cgroup_tree *t, const struct cgroup *cg, const struct limits *l,
                 struct err *e);
/* Move the calling, single-threaded process. born_inside: it was cloned into door->into. */
int cgroup_enter(const struct cgroup_door *door, bool born_inside, struct err *e);
void cgroup_door_none(struct cgroup_door *door);
void cgroup_door_done(struct cgroup_door *door);

/* A descriptor that reads the highest memory use so far (before Linux 5.19, version 2: the use now),
 * or -EBADF. Owned by the caller. */
int cgroup_open_peak(const struct cgroup_tree *t, const struct cgroup *cg);
/* A descriptor to freeze and thaw by, or -EBADF; owned by the caller. Version 1 takes "FROZEN" and
 * "THAWED", version 2 "1" and "0", at offset 0. */
int cgroup_open_freezer(const struct cgroup_tree *t, const struct cgroup *cg);
/* After SIGKILL, so that it is heard: version 1 keeps a frozen process from dying. */
void cgroup_thaw(const struct cgroup_tree *t, const struct cgroup *cg);
/* How many of its processes the memory limit has killed. 0 without a memory cgroup. */
uint64_t cgroup_oom_kills(const struct cgroup_tree *t, const struct cgroup *cg);
/* 0, or -EBUSY: the kernel is not done with its processes yet, try again later. */
int cgroup_remove(const struct cgroup_tree *t, const struct cgroup *cg);

#endif
