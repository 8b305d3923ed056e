/* SPDX-License-Identifier: Apache-2.0 */
/* tempdir.h - a directory of its own for one test, gone afterwards. */
#ifndef EVOKE_TESTS_TEMPDIR_H
#define EVOKE_TESTS_TEMPDIR_H

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"

static inline char *tempdir_new(void) /* owned path */
{
    const char *base = getenv("TMPDIR");
    char *path = xasprintf("%s/evoke-test-XXXXXX", base ? base : "/tmp");

    if (!mkdtemp(path))
        abort();
    return path;
}

/* Where nothing waits for a disk, if there is such a place: for tests that write thousands of small files. */
static inline char *tempdir_new_in_memory(void) /* owned path */
{
    char *path =
            xasprintf("%s/evoke-test-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");

    if (!mkdtemp(path))
        abort();
    return path;
}

static inline char *tempdir_free(char *path)
{
    if (path && io_remove_tree(AT_FDCWD, path) < 0)
        abort();
    free(path);
    return NULL;
}

#endif
