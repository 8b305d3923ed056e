/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference.c - the least an HTTP server can do: one thread, epoll, a fixed answer to each head it
 * sees. Every figure of the benchmark is a ratio to this program in the same round, so that the
 * machine's mood cancels out. usage: bench-reference   (prints its port)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Content-Length: 17\r\n\r\n{\"hello\":\"world\"}";

/* One read holds whole requests here: the load sends a small one and waits. Body bytes after the
 * head are counted by the length the load announced. */
static size_t requests_in(const char *p, size_t n)
{
    const char *end = memmem(p, n, "\r\n\r\n", 4);

    return end ? 1 : 0;
}

static void serve(int ep, int fd)
{
    char in[65536];
    ssize_t n = read(fd, in, sizeof(in));

    if (n <= 0) {
        epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
        close(fd);
        return;
    }
    if (requests_in(in, (size_t)n) && write(fd, answer, sizeof(answer) - 1) < 0)
        close(fd);
}

int main(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int ep = epoll_create1(EPOLL_CLOEXEC), one = 1;
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = ls}, evs[256];

    if (bind(ls, (void *)&a, len) < 0 || listen(ls, 1024) < 0 ||
        getsockname(ls, (void *)&a, &len) < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, ls, &ev) < 0) {
        perror("bench-reference");
        return 1;
    }
    printf("%u\n", ntohs(a.sin_port));
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(ep, evs, 256, -1);

        for (int i = 0; i < n; i++) {
            int fd = evs[i].data.fd;

            if (fd != ls) {
                serve(ep, fd);
                continue;
            }
            while ((fd = accept4(ls, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                ev.data.fd = fd;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
                epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
            }
        }
    }
}
