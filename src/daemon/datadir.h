/* SPDX-License-Identifier: Apache-2.0 */
/* datadir.h - the data directory: made, owned by the daemon's user, reachable, locked. */
#ifndef EVOKE_DAEMON_DATADIR_H
#define EVOKE_DAEMON_DATADIR_H

#include <sys/types.h>

struct err;

enum { DATADIR_FORMAT = 1 }; /* written to <data>/format; a newer one is refused */

/*
 * Make what is missing, hand it to uid (when we are root), check that uid can reach it, take the
 * lock that keeps a second keeper out. Returns the locked descriptor of the directory, or -errno
 * with a sentence.
 */
int datadir_open(const char *path, uid_t uid, struct err *e);

#endif
