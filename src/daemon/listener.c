/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.c - one we bind, or one the service manager has bound for us (sd_listen_fds(3)).
 *
 * The manager's sockets are descriptors 3 and up, announced for the process that LISTEN_PID names.
 * They are moved out of the way of what spawn.c places there, and made ours.
 */
#include "daemon/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/address.h"

enum { BACKLOG = 4096, FIRST_GIVEN = 3, ABOVE = 100 };

_Static_assert((int)LISTENER_TEXT >= (int)ADDRESS_TEXT, "every address fits");

static void print(const union address *a, char text[LISTENER_TEXT])
{
    (void)address_print(a, text);
}

int listener_open(const char *where, char text[LISTENER_TEXT], struct err *e)
{
    cleanup_close int fd = -EBADF;
    union address a;
    socklen_t len;
    int one = 1, r;

    r = address_parse(str_of(where), &a, &len, e);
    if (r < 0)
        return r;
    fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(e, "make a socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
        return err_sys(e, "set SO_REUSEADDR");
    if (bind(fd, &a.any, len) < 0 || listen(fd, BACKLOG) < 0)
        return err_set(e, ERR_CALLER, -errno, "listen on %s: %s; choose another address", where,
                       strerror(errno));
    if (getsockname(fd, &a.any, &len) < 0)
        return err_sys(e, "ask for the bound address");

    print(&a, text);
    return TAKE_FD(fd);
}

/* How many descriptors are meant for this process; the variables are for nobody else. */
static int count_given(void)
{
    const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
    uint64_t whose = 0, count = 0;
    bool ours = pid && n && str_u64(str_of(pid), 1, INT32_MAX, &whose) == 0 &&
                whose == (uint64_t)getpid() && str_u64(str_of(n), 0, 1024, &count) == 0;

    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return ours ? (int)count : 0;
}

static int check_given(int fd, char text[LISTENER_TEXT], struct err *e)
{
    union address a = {0};
    socklen_t len = sizeof(a), n = sizeof(int);
    int listening = 0, type = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) < 0 ||
        getsockname(fd, &a.any, &len) < 0)
        return err_sys(e, "look at the socket of the service manager");
    if (type != SOCK_STREAM || !listening ||
        (a.any.sa_family != AF_INET && a.any.sa_family != AF_INET6))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "the service manager's socket is not a listening TCP socket: use "
                       "ListenStream=ADDRESS:PORT and Accept=no");
    print(&a, text);
    return 0;
}

int listener_given(char text[LISTENER_TEXT], struct err *e)
{
    cleanup_close int fd = -EBADF;
    int n = count_given(), r;

    if (n == 0)
        return 0;
    if (n > 1)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "the service manager gave %d sockets, one is expected: a single "
                       "ListenStream=ADDRESS:PORT",
                       n);
    fd = fcntl(FIRST_GIVEN, F_DUPFD_CLOEXEC, ABOVE);
    if (fd < 0)
        return err_sys(e, "take the socket of the service manager");
    close(FIRST_GIVEN);
    r = check_given(fd, text, e);
    return r < 0 ? r : TAKE_FD(fd);
}
