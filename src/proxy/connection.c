/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection.c - one connection of a client, from its head to its end, in a process of its own.
 *
 *   CONNECT cloud:443 -> 200 -> TLS? -> bytes both ways with the daemon
 *   CONNECT other:443 -> 200 -> bytes both ways with it                  (403 if strict)
 *   POST http://host/ -> one request to the daemon or to it, and its answer
 *   GET /             -> 400: we are no web server, and no page of a browser shall get further
 *
 * Inside the TLS of a cloud's name nothing is parsed: what the client says is what the daemon reads,
 * Host and all, so its signature stays good. A client may also speak plain HTTP through CONNECT; its
 * first byte tells.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "fn/vendor.h"
#include "proxy/head.h"
#include "proxy/internal.h"
#include "proxy/pump.h"

enum {
    HEAD_MS = 30000,
    WRITE_MS = 10000,
    IDLE_MS = 60 * 60 * 1000, /* a function may run for long and say nothing */
    TLS_HANDSHAKE = 0x16,     /* first byte of a TLS connection, RFC 8446 section 5.1 */
    REPLY_MAX = 1024,
    DRAIN_MS = 2000,
    DRAIN_BLOCKS = 64,
};

static void ssl_freep(SSL **tls)
{
    SSL_free(*tls);
}

static void ctx_freep(SSL_CTX **ctx)
{
    SSL_CTX_free(*ctx);
}

/* 0 or negative errno. */
static int await(int fd, short events, int patience_ms)
{
    struct pollfd p = {.fd = fd, .events = events};
    int r = poll(&p, 1, patience_ms);

    if (r == 0)
        return -ETIMEDOUT;
    return r < 0 ? -errno : 0;
}

static int send_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (n < 0 && await(fd, POLLOUT, WRITE_MS) < 0)
            return -ETIMEDOUT;
        if (n > 0)
            s = str_from(s, (size_t)n);
    }
    return 0;
}

static const struct {
    int status;
    const char *reason;
} reasons[] = {
        {400, "Bad Request"},
        {403, "Forbidden"},
        {414, "URI Too Long"},
        {417, "Expectation Failed"},
        {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {505, "HTTP Version Not Supported"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Refused";
}

/* What nobody has read when a socket is closed makes the kernel throw away what was sent. */
static void drain(int fd)
{
    char block[4096];

    (void)shutdown(fd, SHUT_WR);
    for (int i = 0; i < DRAIN_BLOCKS; i++)
        if (await(fd, POLLIN, DRAIN_MS) < 0 || recv(fd, block, sizeof(block), 0) <= 0)
            return;
}

static void refuse(int fd, int status, const char *why)
{
    cleanup_with(buf_done) struct buf reply;

    buf_init(&reply, REPLY_MAX);
    buf_addf(&reply,
             "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
             "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\nevoke proxy: %s\n",
             status, reason_of(status), strlen("evoke proxy: ") + strlen(why) + 1, why);
    (void)send_all(fd, buf_str(&reply));
    drain(fd);
}

/* ---- where to ---- */

static void tell(const struct proxy *p, const struct proxy_request *q, const char *where)
{
    if (p->tell)
        fprintf(stderr, "%s %.*s:%u -> %s\n", q->kind == PROXY_CONNECT ? "CONNECT" : "request to",
                STR_ARG(q->host), q->port, where);
}

/* A connection to whoever is meant; negative: it has been refused. */
static int reach(const struct proxy *p, int fd, const struct proxy_request *q, bool ours)
{
    struct err e = {0};
    int server;

    if (!ours && p->strict) {
        tell(p, q, "refused");
        refuse(fd, 403, "not one of the clouds' names, and --strict is on");
        return -EACCES;
    }
    if (!ours && q->secure) {
        tell(p, q, "refused");
        refuse(fd, 501, "an https:// URL needs CONNECT");
        return -ENOSYS;
    }
    tell(p, q, ours ? "evoke" : "itself");
    server = ours ? dial(str_of(p->daemon_host), p->daemon_port, &e) : dial(q->host, q->port, &e);
    if (server < 0) {
        (void)err_wrap(&e, server, ours ? "evoke's daemon" : "not reached");
        refuse(fd, 502, e.msg);
    }
    return server;
}

/* ---- CONNECT ---- */

static void pump_tls(const struct proxy *p, int fd, int server, struct str host)
{
    cleanup_with(ctx_freep) SSL_CTX *ctx = NULL;
    cleanup_with(ssl_freep) SSL *tls = NULL;
    struct err e = {0};

    if (ca_context(p->ca, host, &ctx, &e) < 0) {
        fprintf(stderr, "evoke: %s\n", e.msg);
        return;
    }
    tls = SSL_new(ctx);
    if (!tls || SSL_set_fd(tls, fd) != 1)
        return;
    if (pump_accept((struct end){fd, tls}, HEAD_MS) < 0) {
        fprintf(stderr,
                "evoke: a client does not trust the certificate of %.*s: it needs the variables of "
                "`evoke proxy-env`\n",
                STR_ARG(host));
        return;
    }
    (void)pump((struct end){fd, tls}, (struct end){server, NULL}, NULL, IDLE_MS);
}

static void connect_through(const struct proxy *p, int fd, const struct proxy_request *q)
{
    bool ours = vendor_of(q->host) != VENDOR_NONE;
    cleanup_close int server = reach(p, fd, q, ours);
    unsigned char first = 0;

    if (server < 0 || send_all(fd, S("HTTP/1.1 200 Connection established\r\n\r\n")) < 0)
        return;
    if (ours && await(fd, POLLIN, HEAD_MS) == 0 && recv(fd, &first, 1, MSG_PEEK) == 1 &&
        first == TLS_HANDSHAKE)
        pump_tls(p, fd, server, q->host);
    else
        (void)pump((struct end){fd, NULL}, (struct end){server, NULL}, NULL, IDLE_MS);
}

/* ---- a whole URL ---- */

/* early: of the body, what came along with the head. */
static void forward(const struct proxy *p, int fd, const struct proxy_request *q, struct str early)
{
    struct body body = {.kind = q->head.body, .left = q->head.content_length};
    cleanup_close int server = reach(p, fd, q, vendor_of(q->host) != VENDOR_NONE);
    cleanup_with(buf_done) struct buf head;
    ssize_t mine;

    buf_init(&head, 2ul * PROXY_HEAD_MAX);
    if (server < 0)
        return;
    proxy_put_head(q, &head);
    mine = pump_body(&body, early);
    if (mine < 0 || !buf_ok(&head)) {
        refuse(fd, 400, "the body is malformed");
        return;
    }
    early.n = (size_t)mine;
    if (send_all(server, buf_str(&head)) < 0 || send_all(server, early) < 0)
        return;
    (void)pump((struct end){fd, NULL}, (struct end){server, NULL}, &body, IDLE_MS);
}

/* ---- the head ---- */

/* 1, or negative: it has been refused, or nobody is there. */
static int read_head(int fd, struct buf *in, struct proxy_request *ret)
{
    uint64_t end_ns = clock_mono_ns() + HEAD_MS * 1000000ull;
    const char *why = NULL;
    int r;

    while ((r = proxy_head(buf_str(in), ret, &why)) == 0) {
        uint64_t now_ns = clock_mono_ns();
        char *room = buf_room(in, PROXY_HEAD_MAX / 8);
        ssize_t n;

        if (!room || now_ns >= end_ns ||
            await(fd, POLLIN, (int)((end_ns - now_ns) / 1000000) + 1) < 0)
            return -ETIMEDOUT;
        n = recv(fd, room, PROXY_HEAD_MAX / 8, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return -ECONNRESET;
        if (n > 0)
            buf_grew(in, (size_t)n);
    }
    if (r < 0)
        refuse(fd, -r, why);
    return r;
}

void connection_serve(const struct proxy *p, int fd)
{
    static struct proxy_request q; /* one in a process; too large for a stack */
    cleanup_with(buf_done) struct buf in;
    struct str rest;

    buf_init(&in, 2ul * PROXY_HEAD_MAX);
    if (read_head(fd, &in, &q) < 0)
        return;
    rest = str_from(buf_str(&in), q.bytes);
    switch (q.kind) {
    case PROXY_CONNECT:
        if (rest.n > 0)
            refuse(fd, 400, "bytes follow a CONNECT that has no answer yet");
        else
            connect_through(p, fd, &q);
        break;
    case PROXY_FORWARD:
        forward(p, fd, &q, rest);
        break;
    case PROXY_SELF:
        refuse(fd, 400, "this is a proxy, no web server; docs/proxy.md tells how tools find it");
        break;
    }
}
