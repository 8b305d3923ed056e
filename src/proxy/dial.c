/* SPDX-License-Identifier: Apache-2.0 */
/* dial.c - a connection to a name and a port, whichever of its addresses answers first in order. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "proxy/internal.h"

enum { PATIENCE_MS = 10000, PORT_TEXT = 6 };

static void addrinfo_freep(struct addrinfo **a)
{
    if (*a)
        freeaddrinfo(*a);
}

/* 0 or negative errno. */
static int await_connected(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    socklen_t n = sizeof(int);
    int failed = 0, r = poll(&p, 1, PATIENCE_MS);

    if (r == 0)
        return -ETIMEDOUT;
    if (r < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &n) < 0)
        return -errno;
    return -failed;
}

static int dial_one(const struct addrinfo *a)
{
    cleanup_close int fd =
            socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    int one = 1, r;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    r = connect(fd, a->ai_addr, a->ai_addrlen) < 0 ? -errno : 0;
    if (r == -EINPROGRESS)
        r = await_connected(fd);
    return r < 0 ? r : TAKE_FD(fd);
}

int dial(struct str host, uint16_t port, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    cleanup_with(addrinfo_freep) struct addrinfo *all = NULL;
    cleanup_free char *name = str_dup(host);
    char service[PORT_TEXT];
    int r;

    (void)snprintf(service, sizeof(service), "%u", port);
    r = getaddrinfo(name, service, &hints, &all);
    if (r != 0)
        return err_set(e, ERR_HOST, -EHOSTUNREACH, "'%.*s' is not found: %s", STR_ARG(host),
                       gai_strerror(r));
    r = -EHOSTUNREACH;
    for (const struct addrinfo *a = all; a && r < 0; a = a->ai_next)
        r = dial_one(a);
    if (r < 0)
        return err_set(e, ERR_HOST, r, "%.*s:%u does not answer: %s", STR_ARG(host), port,
                       strerror(-r));
    return r;
}
