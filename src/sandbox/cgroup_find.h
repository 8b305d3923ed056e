/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_find.h - where our own cgroups are, read from the text of three proc files. Pure. */
#ifndef EVOKE_SANDBOX_CGROUP_FIND_H
#define EVOKE_SANDBOX_CGROUP_FIND_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/str.h"

enum { CGROUP_PATH_MAX = 512 };

struct cgroup_place {
    char dir[CGROUP_PATH_MAX];   /* of the cgroup we are in */
    char mount[CGROUP_PATH_MAX]; /* of the highest one that can be seen */
};

/*
 * Find the cgroup we are in.
 *
 * cgroups     text of /proc/self/cgroup, "4:memory:/path" or, version 2, "0::/path" in each line
 * mounts      text of /proc/self/mountinfo, proc_pid_mountinfo(5)
 * controller  of version 1; NULL: the hierarchy of version 2
 *
 * 0, -ENOENT (no such hierarchy, or our cgroup is outside of what is mounted here), -ENAMETOOLONG.
 */
int cgroup_find(struct str cgroups, struct str mounts, const char *controller,
                struct cgroup_place *ret);
/* The text of a cgroup.procs names pid and nobody else. Processes of other pid namespaces are 0. */
bool cgroup_is_alone(struct str procs, pid_t pid);
/* The text of a cgroup.controllers, words and blanks, has this one. */
bool cgroup_offers(struct str controllers, const char *controller);

#endif
