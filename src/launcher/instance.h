/* SPDX-License-Identifier: Apache-2.0 */
/* instance.h - the live instances and what is kept ready for the next: started,
 * watched, killed. */
#ifndef EVOKE_LAUNCHER_INSTANCE_H
#define EVOKE_LAUNCHER_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroup_tree;
struct err;
struct instances; /* opaque; owned by the server */
struct launch_start;
struct launch_warm;
struct net;
struct runtimes;
struct sandbox;

/* Everything the set needs from its owner. All borrowed, and outlive it. */
struct instances_host {
    struct sandbox *sandbox;
    const struct cgroup_tree *cgroups;
    struct net *net; /* NULL: none */
    struct runtimes *runtimes;
    int code_dir;
    int epoll;
    bool root;
    /* Called with STARTED, REFUSED and EXITED. fds are taken. */
    void (*answer)(void *user, const void *message, size_t n, const int *fds, size_t nfds);
    void *user;
};

/* In epoll_data.u64: what, of which slot or runtime. The owner uses kinds above
 * these for itself. */
enum {
    INSTANCE_NOTES,
    INSTANCE_GONE,
    INSTANCE_CHANNEL,
    INSTANCE_ZYGOTE_REPLY,
    INSTANCE_ZYGOTE_GONE,
    INSTANCE_KINDS,
    INSTANCE_KIND_BITS = 8,
};

struct instances *instances_new(const struct instances_host *host);
struct instances *instances_free(struct instances *set); /* none may be live */

/*
 * Start one. The answer comes later, once: STARTED, or REFUSED. On failure
 * nothing was started and no answer comes: the caller refuses with what e says.
 *
 *   -EINVAL   a field is out of bounds            -EEXIST      the id is in use
 *   -ENOENT   no such runtime or code             -EAGAIN      no slot is free
 *   -EOPNOTSUPP  this host cannot enforce the network policy
 */
int instances_start(struct instances *set, const struct launch_start *m, struct err *e);
void instances_kill(struct instances *set, uint32_t id); /* unknown ids are ignored */
void instances_kill_all(struct instances *set);
/* A fresh daemon: what the last one had asked to keep ready is forgotten. */
void instances_fresh(struct instances *set);
void instances_warm(struct instances *set, const struct launch_warm *m); /* nonsense is ignored */
size_t instances_live(const struct instances *set);

void instances_on_event(struct instances *set, unsigned kind, uint64_t which);
/* Do what is due and say in how many ms to ask again; -1: nothing is waiting.
 */
int instances_turn(struct instances *set);

#endif
