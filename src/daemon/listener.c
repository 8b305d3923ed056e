/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

enum { BACKLOG = 4096 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int parse(struct str where, union address *ret, socklen_t *ret_len)
{
    char host[INET6_ADDRSTRLEN];
    struct str addr = where;
    uint64_t port;
    size_t colon = where.n;

    while (colon > 0 && where.p[colon - 1] != ':')
        colon--;
    if (colon == 0 || str_u64(str_from(where, colon), 0, 65535, &port) < 0)
        return -EINVAL;
    addr.n = colon - 1;
    if (str_eq(addr, S("localhost")))
        addr = S("127.0.0.1");
    if (addr.n > 2 && addr.p[0] == '[' && addr.p[addr.n - 1] == ']')
        addr = (struct str){addr.p + 1, addr.n - 2};
    if (addr.n >= sizeof(host))
        return -EINVAL;
    snprintf(host, sizeof(host), "%.*s", STR_ARG(addr));

    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons((uint16_t)port);
        *ret_len = sizeof(ret->v4);
        return 0;
    }
    if (inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons((uint16_t)port);
        *ret_len = sizeof(ret->v6);
        return 0;
    }
    return -EINVAL;
}

static void print(const union address *a, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN];

    if (a->any.sa_family == AF_INET)
        snprintf(text, size, "%s:%u", inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host)),
                 ntohs(a->v4.sin_port));
    else
        snprintf(text, size, "[%s]:%u", inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host)),
                 ntohs(a->v6.sin6_port));
}

int listener_open(const char *where, char *text, size_t size, struct err *e)
{
    cleanup_close int fd = -EBADF;
    union address a;
    socklen_t len;
    int one = 1;

    if (parse(str_of(where), &a, &len) < 0)
        return err_set(
                e, ERR_CALLER, -EINVAL,
                "listen address '%s' must be ADDRESS:PORT, such as 127.0.0.1:8900 or [::1]:8900",
                where);
    fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(e, "make a socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
        return err_sys(e, "set SO_REUSEADDR");
    if (bind(fd, &a.any, len) < 0 || listen(fd, BACKLOG) < 0)
        return err_set(e, ERR_CALLER, -errno, "listen on %s: %s; choose another --listen", where,
                       strerror(errno));
    if (getsockname(fd, &a.any, &len) < 0)
        return err_sys(e, "ask for the bound address");

    print(&a, text, size);
    return TAKE_FD(fd);
}
