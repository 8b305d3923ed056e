/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/paths.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/obj.h"

int paths_find(struct paths *ret, struct err *e)
{
    /* In the order tried: a build tree, then an installed tree. */
    static const char *const lib_dirs[] = {"", "/../lib/evoke"};
    char dir[PATH_MAX - 64];
    ssize_t n;

    n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
    if (n < 0)
        return err_sys(e, "read /proc/self/exe");
    dir[n] = '\0';
    snprintf(ret->program, sizeof(ret->program), "%s", dir);
    *strrchr(dir, '/') = '\0';

    for (size_t i = 0; i < ARRAY_LEN(lib_dirs); i++) {
        snprintf(ret->launcher, sizeof(ret->launcher), "%s%s/evoke-launcher", dir, lib_dirs[i]);
        snprintf(ret->runtimes, sizeof(ret->runtimes), "%s%s/runtimes", dir, lib_dirs[i]);
        if (access(ret->launcher, X_OK) == 0)
            return 0;
    }
    return err_set(e, ERR_HOST, -ENOENT, "evoke-launcher is neither in '%s' nor in '%s%s'", dir,
                   dir, lib_dirs[1]);
}
