/* SPDX-License-Identifier: Apache-2.0 */
/* spawn.h - start a child program with exactly the descriptors, user and environment it should
 * have. */
#ifndef EVOKE_DAEMON_SPAWN_H
#define EVOKE_DAEMON_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

struct spawn {
    const char *program;     /* absolute */
    const char *const *argv; /* NULL-terminated, argv[0] included */
    const char *const *keep; /* names of environment variables that pass; NULL-terminated */
    const int *fds;          /* become 3, 4, ... in the child; stdin is /dev/null, stderr stays */
    size_t nfds;
    const char *directory; /* working directory, NULL: "/" */
    bool drop;             /* become uid (needs root) with no groups, no way back */
    uid_t uid;
};

/* Returns the pid; *ret_pidfd is owned by the caller. The child dies with us (PR_SET_PDEATHSIG). */
pid_t spawn_child(const struct spawn *s, int *ret_pidfd, struct err *e);

#endif
