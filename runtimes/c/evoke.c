/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evoke.c - frames version 1 for one thread, with blocking reads and writes on descriptor 3.
 *
 * An instance may have several runs at once (`concurrency` of ASSIGN). The program takes them in
 * turn; we take in what the host sends in one read, whatever runs it belongs to, and write the
 * answers of a turn together: with 32 runs waiting that is one system call for 32 answers.
 *
 * What always holds:
 *   (1) a frame is looked at when it is whole in `in`, in the order it came.
 *   (2) a run is in exactly one list: `coming` (its event is not whole), `whole` (to be handed out,
 *       oldest first), or it is `run`, the one the program has now; else it is spare.
 *   (3) what waits in `out` is written before we wait for the host, before anything is logged, and
 *       at once when the run before took longer than HASTE_NS: nobody waits for an answer that is
 *       there because the next run is slow.
 *   (4) credit is asked for only where it is needed, in send_data().
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
#include <time.h>
#include <unistd.h>

enum { READY = 1, ASSIGN, OPEN, DATA, END, CREDIT, RESET, LOG };
enum { CHANNEL = 3, HEAD = 12, MAX_DATA = 65536, MAX_META = 1 << 20, WINDOW = 256 * 1024 };
enum { FLAG_ERROR = 1, READ_SIZE = 64 * 1024, OUT_MAX = 128 * 1024, HASTE_NS = 100000 };

struct bytes {
    char *p;
    size_t n, cap;
};

struct run {
    struct run *next;
    uint32_t stream;
    uint32_t ungranted;
    bool gone;       /* the host has answered for us */
    uint64_t credit; /* DATA bytes we may still send */
    struct bytes open, event;
};

struct evoke_worker {
    struct run *coming, *whole, *spare;
    struct run **whole_end;
    struct run *run; /* the program's; NULL: none */
    bool started;    /* log lines belong to stream 0 before */
    uint32_t newest; /* stream */
    uint64_t begin_ns;
    uint64_t cpu_us; /* of this process, as the run before ended */
    bool slow;       /* the run before was */
    struct bytes assign, in, out;
    size_t at; /* in `in`: what was looked at */
};

struct frame { /* payload borrowed from `in` until the next one */
    const char *p;
    uint32_t n, stream;
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

static int append(struct bytes *to, const void *p, size_t n)
{
    int r = reserve(to, to->n + n);

    if (r < 0)
        return r;
    if (n > 0)
        memcpy(to->p + to->n, p, n);
    to->n += n;
    to->p[to->n] = '\0';
    return 0;
}

static int keep(struct bytes *to, const void *p, size_t n)
{
    to->n = 0;
    return append(to, p, n);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t micros(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * 1000000u + (uint64_t)t->tv_usec;
}

/* CPU time since the last call. */
static uint64_t cpu_us(struct evoke_worker *w, struct rusage *ret)
{
    uint64_t before = w->cpu_us;

    (void)getrusage(RUSAGE_SELF, ret);
    w->cpu_us = micros(&ret->ru_utime) + micros(&ret->ru_stime);
    return w->cpu_us - before;
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

/* ---- out ---- */

/* MSG_NOSIGNAL: a host that went away is a return value, not SIGPIPE. */
static int flush(struct evoke_worker *w)
{
    const char *p = w->out.p;
    size_t n = w->out.n;

    w->out.n = 0;
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

static int put_frame(struct evoke_worker *w, uint8_t type, uint8_t flags, uint32_t stream,
                     const void *p, size_t n)
{
    unsigned char head[HEAD] = {0};
    int r = w->out.n + HEAD + n > OUT_MAX ? flush(w) : 0;

    put_u32(head, (uint32_t)n);
    head[4] = type;
    head[5] = flags;
    put_u32(head + 8, stream);
    if (r >= 0)
        r = append(&w->out, head, sizeof(head));
    return r < 0 ? r : append(&w->out, p, n);
}

/* ---- in ---- */

/* At least `need` bytes of `in` not looked at yet; what waits in `out` goes first. */
static int fill(struct evoke_worker *w, size_t need)
{
    size_t room = need > READ_SIZE ? need : READ_SIZE;
    int r;

    if (w->in.n - w->at >= need)
        return 0;
    r = flush(w);
    if (r < 0)
        return r;
    if (w->at > 0) {
        memmove(w->in.p, w->in.p + w->at, w->in.n - w->at);
        w->in.n -= w->at;
        w->at = 0;
    }
    r = reserve(&w->in, room);
    while (r >= 0 && w->in.n < need) {
        ssize_t got = read(CHANNEL, w->in.p + w->in.n, room - w->in.n);

        if (got > 0)
            w->in.n += (size_t)got;
        else if (got == 0)
            r = -ECONNRESET;
        else if (errno != EINTR)
            r = -errno;
    }
    return r;
}

/* The next frame, whole. */
static int take(struct evoke_worker *w, struct frame *ret)
{
    const unsigned char *raw;
    uint32_t max;
    int r = fill(w, HEAD);

    if (r < 0)
        return r;
    raw = (const unsigned char *)w->in.p + w->at;
    *ret = (struct frame){.n = get_u32(raw), .type = raw[4], .stream = get_u32(raw + 8)};
    if (ret->type < ASSIGN || ret->type > RESET || raw[5] || raw[6] || raw[7])
        return -EPROTO;
    if ((ret->stream == 0) != (ret->type == ASSIGN))
        return -EPROTO;
    max = ret->type == ASSIGN || ret->type == OPEN ? MAX_META : MAX_DATA;
    if (ret->n > max)
        return -EPROTO;

    r = fill(w, HEAD + ret->n);
    if (r < 0)
        return r;
    ret->p = w->in.p + w->at + HEAD;
    w->at += HEAD + ret->n;
    return 0;
}

/* Is a whole frame here, so that taking it waits for nobody? */
static bool has_frame(const struct evoke_worker *w)
{
    size_t n = w->in.n - w->at;

    return n >= HEAD && n - HEAD >= get_u32((const unsigned char *)w->in.p + w->at);
}

/* ---- runs ---- */

static int open_run(struct evoke_worker *w, const struct frame *f)
{
    struct run *run = w->spare;

    if (!w->started || f->stream <= w->newest)
        return -EPROTO;
    if (run)
        w->spare = run->next;
    else
        run = calloc(1, sizeof(*run));
    if (!run)
        return -ENOMEM;
    w->newest = run->stream = f->stream;
    run->credit = WINDOW;
    run->ungranted = 0;
    run->gone = false;
    run->next = w->coming;
    w->coming = run;
    if (keep(&run->event, NULL, 0) < 0)
        return -ENOMEM;
    return keep(&run->open, f->p, f->n);
}

static struct run **find(struct run **list, uint32_t stream)
{
    while (*list && (*list)->stream != stream)
        list = &(*list)->next;
    return list;
}

static int take_data(struct evoke_worker *w, struct run *run, const struct frame *f)
{
    unsigned char grant[4];
    int r = append(&run->event, f->p, f->n);

    run->ungranted += f->n;
    if (r < 0 || run->ungranted < WINDOW / 2)
        return r;
    put_u32(grant, run->ungranted);
    run->ungranted = 0;
    return put_frame(w, CREDIT, 0, run->stream, grant, sizeof(grant));
}

/* A grant or a farewell; late ones, of streams that have ended, do no harm. */
static int take_notice(struct evoke_worker *w, const struct frame *f)
{
    struct run *run = w->run && w->run->stream == f->stream ? w->run : NULL;

    if (f->stream > w->newest || (f->type == CREDIT && f->n != 4))
        return -EPROTO;
    if (!run)
        run = *find(&w->coming, f->stream);
    if (!run)
        run = *find(&w->whole, f->stream);
    if (!run)
        return 0;
    if (f->type == RESET)
        run->gone = true;
    else
        run->credit += get_u32((const unsigned char *)f->p);
    return 0;
}

/* Take one frame to where it belongs. */
static int step(struct evoke_worker *w)
{
    struct run **at, *run;
    struct frame f;
    int r = take(w, &f);

    if (r < 0)
        return r;
    if (f.type == OPEN)
        return open_run(w, &f);
    if (f.type == CREDIT || f.type == RESET)
        return take_notice(w, &f);

    at = find(&w->coming, f.stream);
    run = *at;
    if (!run || (f.type != DATA && f.type != END))
        return -EPROTO;
    if (f.type == DATA)
        return take_data(w, run, &f);
    *at = run->next;
    run->next = NULL;
    *w->whole_end = run;
    w->whole_end = &run->next;
    return 0;
}

/* ---- what the program calls ---- */

int evoke_start(struct evoke_worker **ret)
{
    static const char version[] = "{\"version\":1}";
    struct evoke_worker *w = calloc(1, sizeof(*w));
    struct frame f;
    int r;

    if (!w)
        return -ENOMEM;
    w->whole_end = &w->whole;
    r = put_frame(w, READY, 0, 0, version, sizeof(version) - 1);
    if (r >= 0)
        r = take(w, &f);
    if (r >= 0 && f.type != ASSIGN)
        r = -EPROTO;
    if (r >= 0)
        r = keep(&w->assign, f.p, f.n);
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

int evoke_loaded(struct evoke_worker *w)
{
    static const char loaded[] = "{\"loaded\":true}";
    int r;

    if (w->started)
        return -EBUSY;
    r = put_frame(w, READY, 0, 0, loaded, sizeof(loaded) - 1);
    return r < 0 ? r : flush(w);
}

static int ready(struct evoke_worker *w, uint8_t flags, const char *doc, size_t n)
{
    int r = put_frame(w, READY, flags, 0, doc, n);
    struct rusage usage;

    w->started = true;
    (void)cpu_us(w, &usage); /* what loading took is no run's */
    return r < 0 ? r : flush(w);
}

int evoke_ready(struct evoke_worker *w)
{
    return ready(w, 0, "{}", 2);
}

int evoke_failed_to_start(struct evoke_worker *w, const char *error)
{
    size_t n = strlen(error);

    return n > MAX_DATA ? -EMSGSIZE : ready(w, FLAG_ERROR, error, n);
}

int evoke_next_invocation(struct evoke_worker *w, struct evoke_invocation *ret)
{
    struct run *run;
    int r = 0;

    if (!w->started || w->run)
        return -EBUSY; /* not ready yet, or the one before is not answered */
    while (r >= 0 && (!w->whole || has_frame(w)))
        r = step(w);
    if (r == -ECONNRESET)
        return 0;
    if (r < 0)
        return r;

    run = w->whole;
    w->whole = run->next;
    if (!w->whole)
        w->whole_end = &w->whole;
    w->run = run;
    w->begin_ns = now_ns();
    *ret = (struct evoke_invocation){
            .event = run->event.p, .event_bytes = run->event.n, .open = run->open.p};
    return 1;
}

static int send_data(struct evoke_worker *w, const char *p, size_t n)
{
    struct run *run = w->run;

    while (n > 0 && !run->gone) {
        size_t piece = n < MAX_DATA ? n : MAX_DATA;
        int r = 0;

        while (run->credit < piece && !run->gone && r >= 0)
            r = step(w);
        if (r >= 0)
            r = put_frame(w, DATA, 0, run->stream, p, piece);
        if (r < 0)
            return r;
        run->credit -= piece;
        p += piece;
        n -= piece;
    }
    return 0;
}

/* Its texts stay valid: the next invocation may take its place, not before. */
static void leave(struct evoke_worker *w)
{
    w->run->next = w->spare;
    w->spare = w->run;
    w->run = NULL;
}

static int end(struct evoke_worker *w, const void *p, size_t n, uint8_t flags)
{
    struct rusage usage;
    uint64_t cpu;
    char doc[96];
    int r;

    if (!w->run)
        return -EINVAL;
    w->slow = now_ns() - w->begin_ns > HASTE_NS;
    r = send_data(w, p, n);
    if (r < 0)
        return r;
    cpu = cpu_us(w, &usage);
    (void)snprintf(doc, sizeof(doc), "{\"peak_bytes\":%lld,\"cpu_us\":%llu}",
                   (long long)usage.ru_maxrss * 1024, (unsigned long long)cpu);
    r = put_frame(w, END, flags, w->run->stream, doc, strlen(doc));
    leave(w);
    return r < 0 || !w->slow ? r : flush(w);
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
    if (w->run || !w->started) {
        n = put_frame(w, LOG, 0, w->run ? w->run->stream : 0, line, len);
        return n < 0 ? n : flush(w); /* who logs may crash next */
    }
    return write(STDERR_FILENO, line, len) < 0 ? -errno : 0;
}

static void free_runs(struct run *run)
{
    while (run) {
        struct run *next = run->next;

        free(run->open.p);
        free(run->event.p);
        free(run);
        run = next;
    }
}

void evoke_stop(struct evoke_worker *w)
{
    if (!w)
        return;
    (void)flush(w);
    if (w->run)
        leave(w);
    free_runs(w->coming);
    free_runs(w->whole);
    free_runs(w->spare);
    free(w->assign.p);
    free(w->in.p);
    free(w->out.p);
    free(w);
}
