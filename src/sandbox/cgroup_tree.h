/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_tree.h - what the files on cgroup trees share; everybody else includes cgroup.h. */
#ifndef EVOKE_SANDBOX_CGROUP_TREE_H
#define EVOKE_SANDBOX_CGROUP_TREE_H

#include "sandbox/cgroup.h"

struct cgroup_place;

extern const char *const cgroup_controllers[CGROUP_PARTS];

/* cgroup_find() in our own proc files. */
int cgroup_find_own(const char *controller, struct cgroup_place *ret);
/* Remove the trees in that directory whose stub and launcher no longer live. */
void cgroup_sweep(int parent);

#endif
