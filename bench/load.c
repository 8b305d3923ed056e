/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c - closed-loop load: each of N keep-alive connections sends one request, waits for its
 * answer, sends the next. An answer that is neither 200 nor 202, or tells that the function failed, is
 * an error. With 0 milliseconds each connection sends a single request and all answers are awaited.
 *
 * usage: bench-load PORT CONNECTIONS MILLISECONDS REQUEST-FILE
 * prints: requests errors seconds p50_us p99_us longest_us
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN_MAX = 65536, SAMPLES = 4000000 };

static const uint64_t ONCE_NS = 30000000000u;

struct conn {
    int fd;
    size_t n;
    uint64_t sent_ns;
    char in[IN_MAX];
};

static char request[1 << 20];
static size_t request_n;
static uint32_t *samples;
static size_t nsamples, errors;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void send_one(struct conn *c)
{
    c->n = 0;
    c->sent_ns = now_ns();
    if (write(c->fd, request, request_n) != (ssize_t)request_n)
        die("write");
}

/* 1 when a whole answer is in c->in. */
static int complete(struct conn *c)
{
    char *end, *length;

    c->in[c->n] = '\0';
    end = strstr(c->in, "\r\n\r\n");
    if (!end)
        return 0;
    length = strcasestr(c->in, "\r\ncontent-length:");
    return c->n >= (size_t)(end + 4 - c->in) +
                           (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

/* A function that fails is answered with 200, too, and says so in a header. */
static int failed(const struct conn *c)
{
    return (strncmp(c->in, "HTTP/1.1 200", 12) != 0 && strncmp(c->in, "HTTP/1.1 202", 12) != 0) ||
           strstr(c->in, "X-Is-Func-Err: true");
}

static void receive(struct conn *c, int go_on)
{
    ssize_t n = read(c->fd, c->in + c->n, IN_MAX - 1 - c->n);

    if (n <= 0) {
        fprintf(stderr, "connection lost after %zu requests\n", nsamples);
        exit(1);
    }
    c->n += (size_t)n;
    if (!complete(c))
        return;
    if (failed(c) && errors++ == 0)
        fprintf(stderr, "%.900s\n", c->in);
    if (nsamples < SAMPLES)
        samples[nsamples++] = (uint32_t)((now_ns() - c->sent_ns) / 100);
    if (go_on)
        send_one(c);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int ep = epoll_create1(EPOLL_CLOEXEC), one = 1, file, nconns, once;
    struct epoll_event evs[256];
    uint64_t start, end, last;
    struct conn *conns;

    if (argc != 5)
        return 2;
    a.sin_port = htons((uint16_t)atoi(argv[1]));
    nconns = atoi(argv[2]);
    file = open(argv[4], O_RDONLY | O_CLOEXEC);
    if (file < 0 || (request_n = (size_t)read(file, request, sizeof(request))) == 0)
        die(argv[4]);
    samples = calloc(SAMPLES, sizeof(*samples));
    conns = calloc((size_t)nconns, sizeof(*conns));
    for (int i = 0; i < nconns; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &conns[i]};

        conns[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(conns[i].fd, (void *)&a, sizeof(a)) < 0)
            die("connect");
        setsockopt(conns[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev);
    }

    once = strtoull(argv[3], NULL, 10) == 0;
    start = last = now_ns();
    end = start + (once ? ONCE_NS : strtoull(argv[3], NULL, 10) * 1000000u);
    for (int i = 0; i < nconns; i++)
        send_one(&conns[i]);
    while ((last = now_ns()) < end && !(once && nsamples == (size_t)nconns)) {
        int n = epoll_wait(ep, evs, 256, 100);

        for (int i = 0; i < n; i++)
            receive(evs[i].data.ptr, !once);
    }
    if (once)
        errors += (size_t)nconns - nsamples; /* unanswered */
    qsort(samples, nsamples, sizeof(*samples), by_value);
    printf("%zu %zu %.3f %.1f %.1f %.1f\n", nsamples, errors, (double)(last - start) / 1e9,
           nsamples ? samples[nsamples / 2] / 10.0 : 0,
           nsamples ? samples[nsamples * 99 / 100] / 10.0 : 0,
           nsamples ? samples[nsamples - 1] / 10.0 : 0);
    return 0;
}
