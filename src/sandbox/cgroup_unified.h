/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_unified.h - version 2: who may have limited cgroups below it, and who moves aside. */
#ifndef EVOKE_SANDBOX_CGROUP_UNIFIED_H
#define EVOKE_SANDBOX_CGROUP_UNIFIED_H

#include <sys/types.h>

struct cgroup_place;
struct cgroup_tree;

/*
 * A cgroup whose children are limited may not hold processes itself (cgroup-v2.rst, "No Internal
 * Process Constraint"). So before it starts anybody the keeper steps down into a leaf of the cgroup
 * it was started in, if it is alone there. Where it is not, or may not, nothing happens.
 *
 * Returns an owned descriptor for cgroup_step_up(), or -EBADF: we are where we were.
 */
int cgroup_step_down(void);
/* When the children are gone: give our own cgroup back as it was. base is taken. */
void cgroup_step_up(int base);

/*
 * The calling process (the stub) makes the tree's directory, gives it to owner, moves into a leaf
 * of it and enables what t does not have yet. The launcher has to be started after that: who puts
 * somebody into a cgroup must own the one above both.
 *
 * 0, or -errno and nothing has changed. t->home is what cgroup_leave_unified() needs.
 */
int cgroup_join_unified(struct cgroup_tree *t, const struct cgroup_place *own, uid_t owner);
/* Step out of the tree again, so that it can be removed. */
void cgroup_leave_unified(struct cgroup_tree *t);

#endif
