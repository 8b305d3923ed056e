/* SPDX-License-Identifier: Apache-2.0 */
/* paths.h - where our own files lie, found from the running program: a build tree works as it is.
 */
#ifndef EVOKE_DAEMON_PATHS_H
#define EVOKE_DAEMON_PATHS_H

#include <limits.h>

struct err;

struct paths {
    char program[PATH_MAX];  /* this executable */
    char launcher[PATH_MAX]; /* evoke-launcher: beside it, or <prefix>/lib/evoke */
    char runtimes[PATH_MAX]; /* runtimes/ beside the launcher */
};

int paths_find(struct paths *ret, struct err *e);

#endif
