/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pump.c - two directions, each a small buffer between a reader and a writer; see pump.h.
 *
 * A direction reads when its buffer is empty, writes while it is not, and hands its end on when its
 * reader has ended and all is written. Both turn until neither moves, then we wait for whatever
 * they said they wait for. TLS may have to read in order to write and the other way round, so what
 * is waited for is the library's word, not the direction's.
 *
 * What always holds: a direction holds at most BLOCK bytes; what follows a request's body goes to
 * nobody, because it may be a request for somebody else.
 */
#include "proxy/pump.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/str.h"

enum { BLOCK = 16 << 10, LINGER_MS = 10000 };

/* ---- one end ---- */

/* -EAGAIN: *wait is what to poll for. 0: it has ended. */
static ssize_t tls_result(SSL *tls, int n, short *wait)
{
    int why = SSL_get_error(tls, n);

    ERR_clear_error();
    switch (why) {
    case SSL_ERROR_NONE:
        return n;
    case SSL_ERROR_WANT_READ:
        *wait = POLLIN;
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        *wait = POLLOUT;
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return errno == 0 ? -ECONNRESET : -errno;
    default:
        return -EBADMSG;
    }
}

static ssize_t plain_result(ssize_t n, short want, short *wait)
{
    if (n >= 0)
        return n;
    if (errno != EAGAIN && errno != EINTR)
        return -errno;
    *wait = want;
    return -EAGAIN;
}

static ssize_t end_read(struct end x, void *p, size_t n, short *wait)
{
    errno = 0;
    if (x.tls)
        return tls_result(x.tls, SSL_read(x.tls, p, (int)n), wait);
    return plain_result(recv(x.fd, p, n, 0), POLLIN, wait);
}

static ssize_t end_write(struct end x, const void *p, size_t n, short *wait)
{
    errno = 0;
    if (x.tls)
        return tls_result(x.tls, SSL_write(x.tls, p, (int)n), wait);
    return plain_result(send(x.fd, p, n, MSG_NOSIGNAL), POLLOUT, wait);
}

static void end_finish(struct end x)
{
    if (x.tls)
        (void)SSL_shutdown(x.tls);
    (void)shutdown(x.fd, SHUT_WR);
    ERR_clear_error();
}

/* ---- one direction ---- */

struct direction {
    struct end from, to;
    struct body *body; /* NULL: all there is */
    size_t at, n;      /* of bytes: those between are to be written */
    bool ended, told;  /* nothing more comes; to knows */
    short wait_from, wait_to;
    char bytes[BLOCK];
};

static bool body_ended(const struct body *b)
{
    return b->kind == H1_BODY_NONE || (b->kind == H1_BODY_LENGTH && b->left == 0);
}

ssize_t pump_body(struct body *b, struct str bytes)
{
    struct str in = bytes, data;
    const char *why;
    int r = 0;

    switch (b->kind) {
    case H1_BODY_NONE:
        return 0;
    case H1_BODY_LENGTH:
        in.n = bytes.n < b->left ? bytes.n : (size_t)b->left;
        b->left -= in.n;
        return (ssize_t)in.n;
    case H1_BODY_CHUNKED:
        break;
    }
    while (in.n > 0 && r == 0)
        r = h1_chunk(&b->chunks, &in, &data, &why);
    if (r == 1)
        b->kind = H1_BODY_NONE;
    return r < 0 ? -EBADMSG : (ssize_t)(bytes.n - in.n);
}

/* 1: something moved; 0; negative errno. */
static int turn_read(struct direction *d)
{
    ssize_t n;

    d->wait_from = 0;
    if (d->ended || d->n > 0)
        return 0;
    if (d->body && body_ended(d->body)) {
        d->ended = d->told = true; /* its server does not wait for our end, and may take it amiss */
        return 0;
    }
    n = end_read(d->from, d->bytes, sizeof(d->bytes), &d->wait_from);
    if (n == -EAGAIN)
        return 0;
    if (n > 0 && d->body)
        n = pump_body(d->body, (struct str){d->bytes, (size_t)n});
    if (n < 0)
        return (int)n;
    d->ended = n == 0;
    d->at = 0;
    d->n = (size_t)n;
    return 1;
}

static int turn_write(struct direction *d)
{
    ssize_t n;

    d->wait_to = 0;
    if (d->n == 0) {
        if (!d->ended || d->told)
            return 0;
        d->told = true;
        end_finish(d->to);
        return 1;
    }
    n = end_write(d->to, d->bytes + d->at, d->n, &d->wait_to);
    if (n == -EAGAIN)
        return 0;
    if (n <= 0)
        return n < 0 ? (int)n : -EPIPE;
    d->at += (size_t)n;
    d->n -= (size_t)n;
    return 1;
}

static int turn(struct direction *d)
{
    int r = turn_read(d), w;

    if (r < 0)
        return r;
    w = turn_write(d);
    return w < 0 ? w : r | w;
}

/* ---- both ---- */

static bool is_over(const struct direction *up, const struct direction *down)
{
    return down->told && (up->told || up->body);
}

/* Whoever is gone for good (reset, or both ways shut) and is not waited for would be told of forever. */
static bool is_gone(const struct pollfd *p)
{
    return (p->revents & (POLLERR | POLLHUP | POLLRDHUP)) && !(p->revents & (POLLIN | POLLOUT));
}

static int wait_for(const struct direction *up, const struct direction *down, int idle_ms)
{
    struct pollfd fds[2] = {
            {.fd = up->from.fd, .events = (short)(up->wait_from | down->wait_to)},
            {.fd = up->to.fd, .events = (short)(up->wait_to | down->wait_from)},
    };
    int r;

    if (up->ended && up->body) /* nothing more is read of it; if it goes, nobody wants the answer */
        fds[0].events = (short)(fds[0].events | POLLRDHUP);
    r = poll(fds, 2, down->told ? LINGER_MS : idle_ms);
    if (r < 0)
        return errno == EINTR ? 0 : -errno;
    if (r == 0)
        return -ETIMEDOUT;
    return is_gone(&fds[0]) || is_gone(&fds[1]) ? -EPIPE : 0;
}

int pump(struct end client, struct end server, struct body *body, int idle_ms)
{
    static struct direction up, down; /* one at a time in a process; too large for a stack */
    int r;

    up = (struct direction){.from = client, .to = server, .body = body};
    down = (struct direction){.from = server, .to = client};
    for (;;) {
        int a = turn(&up), b = a < 0 ? 0 : turn(&down);

        if (a < 0 || b < 0)
            return a < 0 ? a : b;
        if (is_over(&up, &down))
            return 0;
        if (a == 0 && b == 0) {
            r = wait_for(&up, &down, idle_ms);
            if (r < 0)
                return r;
        }
    }
}

int pump_accept(struct end client, int patience_ms)
{
    uint64_t end_ns = clock_mono_ns() + (uint64_t)patience_ms * 1000000;

    for (;;) {
        struct pollfd p = {.fd = client.fd};
        uint64_t now_ns = clock_mono_ns();
        ssize_t n;

        errno = 0;
        n = tls_result(client.tls, SSL_accept(client.tls), &p.events);
        if (n > 0)
            return 0;
        if (n != -EAGAIN)
            return n < 0 ? (int)n : -ECONNRESET;
        if (now_ns >= end_ns || poll(&p, 1, (int)((end_ns - now_ns) / 1000000) + 1) == 0)
            return -ETIMEDOUT;
    }
}
