/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evoke.c - frames version 1 for one thread, with blocking reads and writes on descriptor 3.
 *
 * What always holds: `stream` is the invocation that is open, 0 while starting (log lines belong to
 * stream 0 then), and IDLE between runs. A frame is read whole before it is looked at. Credit is
 * taken in only where it is needed, in send_data(): a host that grants what nobody waits for does
 * not disturb.
 */
#include "evoke.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READY = 1, ASSIGN, OPEN, DATA, END, CREDIT, RESET, LOG };
enum { CHANNEL = 3, HEAD = 12, MAX_DATA = 65536, MAX_META = 1 << 20, WINDOW = 256 * 1024 };
enum { FLAG_ERROR = 1 };

static const uint32_t IDLE = UINT32_MAX;

struct bytes {
    char *p;
    size_t n, cap;
};

struct evoke_worker {
    uint32_t stream;
    uint64_t credit; /* DATA bytes we may still send on `stream` */
    struct bytes assign, open, event, frame;
};

struct head {
    uint32_t size, stream;
    uint8_t type;
};

/* Room for n bytes and a terminator. */
static int reserve(struct bytes *b, size_t n)
{
    char *p;

    if (n < b->cap)
        return 0;
    p = realloc(b->p, n + n / 2 + 1);
    if (!p)
        return -ENOMEM;
    b->p = p;
    b->cap = n + n / 2 + 1;
    return 0;
}

static int keep(struct bytes *to, const struct bytes *from)
{
    int r = reserve(to, from->n);

    if (r < 0)
        return r;
    memcpy(to->p, from->p, from->n);
    to->n = from->n;
    to->p[to->n] = '\0';
    return 0;
}

static int append(struct bytes *to, const struct bytes *from)
{
    int r = reserve(to, to->n + from->n);

    if (r < 0)
        return r;
    memcpy(to->p + to->n, from->p, from->n);
    to->n += from->n;
    to->p[to->n] = '\0';
    return 0;
}

static uint32_t get_u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_u32(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char)(v >> 24);
    p[1] = (unsigned char)(v >> 16);
    p[2] = (unsigned char)(v >> 8);
    p[3] = (unsigned char)v;
}

static int read_all(void *to, size_t n)
{
    char *p = to;

    while (n > 0) {
        ssize_t got = read(CHANNEL, p, n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return -ECONNRESET;
        p += got;
        n -= (size_t)got;
    }
    return 0;
}

/* MSG_NOSIGNAL: a host that went away is a return value, not SIGPIPE. */
static int write_all(const void *from, size_t n)
{
    const char *p = from;

    while (n > 0) {
        ssize_t put = send(CHANNEL, p, n, MSG_NOSIGNAL);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno == EPIPE ? -ECONNRESET : -errno;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

static int send_frame(uint8_t type, uint8_t flags, uint32_t stream, const void *p, size_t n)
{
    unsigned char head[HEAD] = {0};
    int r;

    put_u32(head, (uint32_t)n);
    head[4] = type;
    head[5] = flags;
    put_u32(head + 8, stream);
    r = write_all(head, sizeof(head));
    return r < 0 ? r : write_all(p, n);
}

/* The next frame; its payload is in w->frame. */
static int take(struct evoke_worker *w, struct head *ret)
{
    unsigned char raw[HEAD];
    uint32_t max;
    int r = read_all(raw, sizeof(raw));

    if (r < 0)
        return r;
    ret->size = get_u32(raw);
    ret->type = raw[4];
    ret->stream = get_u32(raw + 8);
    if (ret->type < ASSIGN || ret->type > RESET || raw[5] || raw[6] || raw[7])
        return -EPROTO;
    if ((ret->stream == 0) != (ret->type == ASSIGN))
        return -EPROTO;
    max = ret->type == ASSIGN || ret->type == OPEN ? MAX_META : MAX_DATA;
    if (ret->size > max)
        return -EPROTO;

    r = reserve(&w->frame, ret->size);
    if (r < 0)
        return r;
    w->frame.n = ret->size;
    w->frame.p[w->frame.n] = '\0';
    return read_all(w->frame.p, w->frame.n);
}

int evoke_start(struct evoke_worker **ret)
{
    static const char version[] = "{\"version\":1}";
    struct evoke_worker *w = calloc(1, sizeof(*w));
    struct head h;
    int r;

    if (!w)
        return -ENOMEM;
    r = send_frame(READY, 0, 0, version, sizeof(version) - 1);
    if (r >= 0)
        r = take(w, &h);
    if (r >= 0 && h.type != ASSIGN)
        r = -EPROTO;
    if (r >= 0)
        r = keep(&w->assign, &w->frame);
    if (r < 0) {
        evoke_stop(w);
        return r;
    }
    *ret = w;
    return 0;
}

const char *evoke_assigned(const struct evoke_worker *w)
{
    return w->assign.p;
}

int evoke_ready(struct evoke_worker *w)
{
    w->stream = IDLE;
    return send_frame(READY, 0, 0, "{}", 2);
}

int evoke_failed_to_start(struct evoke_worker *w, const char *error)
{
    size_t n = strlen(error);

    if (n > MAX_DATA)
        return -EMSGSIZE;
    w->stream = IDLE;
    return send_frame(READY, FLAG_ERROR, 0, error, n);
}

/* Frames of an open stream up to the host's END, gathered in w->event. */
static int take_event(struct evoke_worker *w)
{
    uint32_t ungranted = 0;
    struct head h;
    int r;

    w->event.n = 0;
    r = reserve(&w->event, 0);
    if (r < 0)
        return r;
    w->event.p[0] = '\0';
    for (;;) {
        r = take(w, &h);
        if (r < 0)
            return r;
        if (h.type == RESET || h.type == CREDIT)
            continue;
        if (h.stream != w->stream || (h.type != DATA && h.type != END))
            return -EPROTO;
        if (h.type == END)
            return 0;
        r = append(&w->event, &w->frame);
        if (r < 0)
            return r;
        ungranted += h.size;
        if (ungranted >= WINDOW / 2) {
            unsigned char grant[4];

            put_u32(grant, ungranted);
            r = send_frame(CREDIT, 0, w->stream, grant, sizeof(grant));
            if (r < 0)
                return r;
            ungranted = 0;
        }
    }
}

int evoke_next_invocation(struct evoke_worker *w, struct evoke_invocation *ret)
{
    struct head h;
    int r;

    if (w->stream != IDLE)
        return -EBUSY; /* not ready yet, or the one before is not answered */
    do {
        r = take(w, &h);
        if (r == -ECONNRESET)
            return 0;
        if (r < 0)
            return r;
    } while (h.type == CREDIT || h.type == RESET); /* late, of the stream before */
    if (h.type != OPEN)
        return -EPROTO;

    r = keep(&w->open, &w->frame);
    if (r < 0)
        return r;
    w->stream = h.stream;
    w->credit = WINDOW;
    r = take_event(w);
    if (r < 0)
        return r;
    *ret = (struct evoke_invocation){
            .event = w->event.p, .event_bytes = w->event.n, .open = w->open.p};
    return 1;
}

static int wait_credit(struct evoke_worker *w)
{
    struct head h;
    int r = take(w, &h);

    if (r < 0)
        return r;
    if (h.type == RESET || (h.type == CREDIT && h.stream < w->stream))
        return 0;
    if (h.type != CREDIT || h.stream != w->stream || h.size != 4)
        return -EPROTO;
    w->credit += get_u32((const unsigned char *)w->frame.p);
    return 0;
}

static int send_data(struct evoke_worker *w, const char *p, size_t n)
{
    while (n > 0) {
        size_t piece = n < MAX_DATA ? n : MAX_DATA;
        int r = 0;

        while (w->credit < piece && r >= 0)
            r = wait_credit(w);
        if (r >= 0)
            r = send_frame(DATA, 0, w->stream, p, piece);
        if (r < 0)
            return r;
        w->credit -= piece;
        p += piece;
        n -= piece;
    }
    return 0;
}

static int end(struct evoke_worker *w, const void *p, size_t n, uint8_t flags)
{
    struct rusage usage;
    char doc[64];
    int r;

    if (w->stream == IDLE || w->stream == 0)
        return -EINVAL;
    r = send_data(w, p, n);
    if (r < 0)
        return r;
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)snprintf(doc, sizeof(doc), "{\"peak_bytes\":%lld}", (long long)usage.ru_maxrss * 1024);
    r = send_frame(END, flags, w->stream, doc, strlen(doc));
    w->stream = IDLE;
    return r;
}

int evoke_answer(struct evoke_worker *w, const void *p, size_t n)
{
    return end(w, p, n, 0);
}

int evoke_fail(struct evoke_worker *w, const char *error, size_t n)
{
    return end(w, error, n, FLAG_ERROR);
}

int evoke_log(struct evoke_worker *w, const char *fmt, ...)
{
    char line[8192];
    va_list ap;
    size_t len;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
    va_end(ap);
    if (n < 0)
        return -EINVAL;
    len = (size_t)n < sizeof(line) - 1 ? (size_t)n : sizeof(line) - 2; /* longer lines are cut */
    line[len++] = '\n';
    if (w->stream != IDLE)
        return send_frame(LOG, 0, w->stream, line, len);
    return write(STDERR_FILENO, line, len) < 0 ? -errno : 0;
}

void evoke_stop(struct evoke_worker *w)
{
    if (!w)
        return;
    free(w->assign.p);
    free(w->open.p);
    free(w->event.p);
    free(w->frame.p);
    free(w);
}
