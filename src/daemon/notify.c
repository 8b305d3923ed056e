/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.c - sd_notify(3) in fifty lines: the protocol is public and stable, libsystemd would be a
 * dependency for one datagram.
 *
 * An address that begins with '@' is an abstract socket, one with '/' a path (unix(7)). The socket
 * is connected once, so that a later change of root or name space makes no difference.
 */
#include "daemon/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"

enum { MESSAGE_MAX = 1024 };

static const struct log_cx cx = {.component = "notify"};

static int connect_to(const char *where)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    cleanup_close int fd = -EBADF;
    size_t n = strlen(where);

    if ((where[0] != '/' && where[0] != '@') || n < 2)
        return -EAFNOSUPPORT;
    if (n >= sizeof(at.sun_path))
        return -E2BIG;
    memcpy(at.sun_path, where, n);
    if (where[0] == '@')
        at.sun_path[0] = '\0';

    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&at,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* In ms; 0: none, or meant for another process. */
static uint32_t watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t us, whose;

    if (!usec || str_u64(str_of(usec), 1, (uint64_t)UINT32_MAX * 1000, &us) < 0)
        return 0;
    if (pid && (str_u64(str_of(pid), 1, INT32_MAX, &whose) < 0 || whose != (uint64_t)getpid()))
        return 0;
    return us < 1000 ? 1 : (uint32_t)(us / 1000);
}

void notify_open(struct notify *n)
{
    const char *where = getenv("NOTIFY_SOCKET");

    *n = (struct notify){.fd = -EBADF};
    if (where && *where) {
        n->fd = connect_to(where);
        if (n->fd < 0)
            log_warn(&cx, "the service manager cannot be told anything, ignoring: '%s': %s", where,
                     strerror(-n->fd));
        else
            n->watchdog_ms = watchdog();
    }
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *n)
{
    n->fd = fd_close(n->fd);
}

void notify_send(const struct notify *n, const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list ap;
    int len;

    if (n->fd < 0)
        return;
    va_start(ap, fmt);
    len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (len > (int)sizeof(text) - 1)
        len = (int)sizeof(text) - 1;
    if (len > 0)
        (void)send(n->fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
}
