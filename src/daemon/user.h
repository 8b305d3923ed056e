/* SPDX-License-Identifier: Apache-2.0 */
/* user.h - whom the daemon runs as. */
#ifndef EVOKE_DAEMON_USER_H
#define EVOKE_DAEMON_USER_H

#include <sys/types.h>

struct err;

/*
 * As root: --user (a name or a uid), else the user "evoke" if there is one, else a uid of our own.
 * As an ordinary user: that one. wanted: --user, or NULL.
 */
int user_find(const char *wanted, uid_t *ret_uid, struct err *e);

#endif
