/* SPDX-License-Identifier: Apache-2.0 */
/* serve.h - the launcher's only loop. */
#ifndef EVOKE_LAUNCHER_SERVE_H
#define EVOKE_LAUNCHER_SERVE_H

#include <stdbool.h>

struct cgroup_tree;
struct err;
struct net;
struct runtimes;
struct sandbox;

/* All borrowed. */
struct serve {
    int keeper; /* SOCK_SEQPACKET */
    int code_dir;
    bool root;
    struct sandbox *sandbox;
    struct net *net;
    const struct cgroup_tree *cgroups;
    struct runtimes *runtimes;
};

/* Serve one daemon after the other until the keeper's socket ends: 0, or a failure of our own. The
 * caller then exits, and as pid 1 takes every instance with it. */
int serve_run(const struct serve *what, struct err *e);

#endif
