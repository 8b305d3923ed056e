/* SPDX-License-Identifier: Apache-2.0 */
/* restore.h - a backup becomes a data directory, or nothing does. */
#ifndef EVOKE_CLI_RESTORE_H
#define EVOKE_CLI_RESTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct restored {
    size_t files;
    uint64_t bytes;
    bool keys; /* the access keys were among it */
};

/*
 * Read the tar of `evoke backup` from fd into dir, which must not be there or be empty. Everything
 * is written beside it, checked against the list of the backup, synced, and renamed: after a
 * failure, or a crash, dir is as it was. -EINVAL: it is no backup, or not a whole one; -ENOTEMPTY,
 * -EBUSY: dir is in use.
 */
int restore(int fd, const char *dir, struct restored *ret, struct err *e);

#endif
