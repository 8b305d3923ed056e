/* SPDX-License-Identifier: Apache-2.0 */
/* cleanup.h - what a scope owns, it gives back: cleanup attributes and hand-over. */
#ifndef EVOKE_BASE_CLEANUP_H
#define EVOKE_BASE_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_freep(void *p)
{
    int saved = errno;

    free(*(void **)p);
    errno = saved;
}

static inline void cleanup_closep(const int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    errno = saved;
}

#define cleanup_free     __attribute__((cleanup(cleanup_freep)))
#define cleanup_close    __attribute__((cleanup(cleanup_closep)))
#define cleanup_with(fn) __attribute__((cleanup(fn)))

/* Hand a scope-owned pointer or descriptor to somebody who outlives the scope. */
#define TAKE_PTR(p)                                                                                \
    ({                                                                                             \
        typeof(p) taken_ = (p);                                                                    \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })
#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int taken_ = (fd);                                                                         \
        (fd) = -EBADF;                                                                             \
        taken_;                                                                                    \
    })

/* Close a descriptor and forget it: `x->fd = fd_close(x->fd);` Always returns -EBADF. */
static inline int fd_close(int fd)
{
    cleanup_closep(&fd);
    return -EBADF;
}

#endif
