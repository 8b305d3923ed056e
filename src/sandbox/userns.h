/* SPDX-License-Identifier: Apache-2.0 */
/* userns.h - user namespaces: the launcher's, and the empty one of each runtime. */
#ifndef EVOKE_SANDBOX_USERNS_H
#define EVOKE_SANDBOX_USERNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

enum {
    USERNS_HOST_FIRST = 700000, /* the host ids the launcher's namespace is made of, as root */
    USERNS_IDS = 65536,
};

/*
 * Like fork(2), into new user, mount, pid, ipc and uts namespaces.
 *
 * Returns 1 in the parent with *ret_pid, 0 in the child once its ids are mapped, or negative errno
 * (in the child too: it must exit then). The child has every capability inside its namespace but
 * still the host's uid, so it may open what only that uid may; userns_settle() ends that.
 */
int userns_clone(bool root, pid_t *ret_pid, struct err *e);
/* In the child: become uid 0 of the namespace, and die with the parent. */
int userns_settle(bool root, struct err *e);

/*
 * Become an ordinary uid in a user namespace that owns nothing.
 *
 * uid    in the launcher's namespace; 0 where it is the only one mapped
 * inner  what the process will see as its uid and gid
 */
int userns_become(uint32_t uid, uint32_t inner, struct err *e);
/* Empty every capability set and lock the door: securebits, no_new_privs. */
int userns_drop_all(struct err *e);

#endif
