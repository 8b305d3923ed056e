/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.c - minutes go to disk, old days go away, and what was is told.
 *
 *   history_add*, history_close_minute --frame--> pending --worker--> file of the day
 *                                         \-> recent (an hour of them, in memory)
 *   history_query: files (worker) + what is pending or open --> points
 *
 * What always holds:
 *   (1) a frame is in exactly one place for a query: in the first `day_bytes` bytes of its file, in
 *       `pending`, or in neither because it could not be written (errors counts it).
 *   (2) one write is under way at most, so frames reach a file in order.
 *   (3) the worker touches files only; what it needs from the history it was given a copy of.
 *
 * Minutes that come twice (a daemon that was restarted within one, a clock set back) are added up.
 */
#include "observe/metrics/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/io.h"
#include "base/list.h"
#include "base/log.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "observe/metrics/history_file.h"

enum {
    HISTORY_MAGIC = 0x48495354,
    QUERY_MAGIC = 0x48515259,
    DAY_MINUTES = 24 * 60,
    RECENT_MINUTES = 61,
    PENDING_MAX = 64, /* frames; more than an hour on a disk that does not answer */
};

struct frame {
    struct list node;
    int64_t minute;
    struct buf bytes;
};

struct write {           /* one frame on its way to its file */
    struct frame *frame; /* owned */
    int dir;             /* borrowed */
    int64_t oldest_day;  /* what is older goes */
    uint64_t max_bytes;
    uint64_t day_bytes, bytes; /* afterwards: of the day's file, of all */
    int r;
};

struct history {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    struct history_conf conf;
    int dir; /* owned */
    struct buf rows;
    uint32_t nrows;
    struct span sum;
    struct list pending, recent; /* frame.node; of pending the first is being written */
    uint32_t npending, nrecent;
    struct write write;
    bool writing, settled; /* settled: no worker is at it */
    int64_t day[2]; /* files written to under this daemon: the last one, and the one before */
    uint64_t day_bytes[2];
    uint32_t queries;
    struct history_stats stats;
};

static const struct log_cx cx = {.component = "history"};

uint64_t history_id(struct str path)
{
    uint8_t digest[SHA256_LEN];
    uint64_t id;

    sha256(path, digest);
    memcpy(&id, digest, sizeof(id));
    return id ? id : 1; /* 0 is the sum */
}

/* ---- frames ---- */

static struct frame *frame_new(int64_t minute)
{
    struct frame *f = xnew(struct frame);

    f->minute = minute;
    list_init(&f->node);
    buf_init(&f->bytes, HISTORY_FRAME_MAX + HISTORY_HEAD);
    return f;
}

static void frame_free(struct frame *f)
{
    list_remove(&f->node);
    buf_done(&f->bytes);
    free(f);
}

static void free_frames(struct list *l)
{
    for (struct list *it; (it = list_first(l)) != NULL;)
        frame_free(container_of(it, struct frame, node));
}

static void remember(struct history *h, int64_t minute, struct str bytes)
{
    struct frame *f = frame_new(minute);

    buf_adds(&f->bytes, bytes);
    list_push_back(&h->recent, &f->node);
    if (++h->nrecent <= RECENT_MINUTES)
        return;
    h->nrecent--;
    frame_free(container_of(list_first(&h->recent), struct frame, node));
}

/* ---- days that go ---- */

struct day_file {
    int64_t day;
    uint64_t bytes;
};

static int by_day(const void *a, const void *b)
{
    const struct day_file *x = a, *y = b;

    return x->day < y->day ? -1 : x->day > y->day;
}

static size_t list_days(int dir, struct day_file **ret)
{
    DIR *d = io_open_dir(dir, ".");
    struct dirent *e;
    size_t n = 0;

    *ret = NULL;
    while (d && (e = readdir(d)) != NULL) {
        struct day_file f;
        struct stat st;

        if (!history_day(e->d_name, &f.day) ||
            fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        f.bytes = (uint64_t)st.st_size;
        *ret = xrealloc(*ret, n + 1, sizeof(**ret));
        (*ret)[n++] = f;
    }
    if (d)
        closedir(d);
    if (n > 0)
        qsort(*ret, n, sizeof(**ret), by_day);
    return n;
}

/* The oldest go; the newest stays, whatever it takes. Returns the bytes that are left. */
static uint64_t tidy(int dir, int64_t oldest_day, uint64_t max_bytes)
{
    cleanup_free struct day_file *days = NULL;
    size_t n = list_days(dir, &days);
    uint64_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += days[i].bytes;
    for (size_t i = 0; i + 1 < n && (days[i].day < oldest_day || bytes > max_bytes); i++) {
        char name[HISTORY_NAME];

        history_name(days[i].day, name);
        if (unlinkat(dir, name, 0) == 0)
            bytes -= days[i].bytes;
    }
    return bytes;
}

/* ---- writing ---- */

static void work_write(void *user)
{
    struct write *w = user; /* inside the history, which outlives it; its fields are ours alone */

    w->r = history_append(w->dir, w->frame->minute / DAY_MINUTES, buf_str(&w->frame->bytes),
                          &w->day_bytes);
    w->bytes = tidy(w->dir, w->oldest_day, w->max_bytes);
}

static void write_next(struct history *h);

static void settle(struct history *h)
{
    h->settled = list_empty(&h->pending) && h->queries == 0;
}

static void on_written(void *user)
{
    struct write *w = user;
    struct history *h = OBJ(container_of(w, struct history, write), struct history, HISTORY_MAGIC);
    int64_t day = w->frame->minute / DAY_MINUTES;

    if (w->r < 0) {
        if (h->stats.errors++ == 0)
            log_warn(&cx, "a minute of the history could not be written, going on without: %s",
                     strerror(-w->r));
    } else {
        if (day != h->day[0]) {
            h->day[1] = h->day[0];
            h->day_bytes[1] = h->day_bytes[0];
        }
        h->day[0] = day;
        h->day_bytes[0] = w->day_bytes;
    }
    h->stats.bytes = w->bytes;
    frame_free(w->frame);
    h->npending--;
    h->writing = false;
    write_next(h);
}

static void write_next(struct history *h)
{
    struct list *first = list_first(&h->pending);

    settle(h);
    if (!first || h->writing)
        return;
    h->writing = true;
    h->write = (struct write){.frame = container_of(first, struct frame, node),
                              .dir = h->dir,
                              .max_bytes = h->conf.max_bytes};
    h->write.oldest_day = h->write.frame->minute / DAY_MINUTES - h->conf.days;
    loop_work(h->loop, work_write, on_written, &h->write);
}

void history_add(struct history *h, int64_t minute, struct str path, const struct span *s)
{
    (void)minute;
    history_put_row(&h->rows, history_id(path), s);
    span_add(&h->sum, s);
    h->nrows++;
}

void history_close_minute(struct history *h, int64_t minute)
{
    struct frame *f;

    if (h->nrows == 0)
        return;
    f = frame_new(minute);
    history_put_frame(&f->bytes, minute, h->nrows, buf_str(&h->rows), &h->sum);
    buf_reset(&h->rows);
    h->nrows = 0;
    h->sum = (struct span){0};
    if (f->bytes.n == 0 || h->npending >= PENDING_MAX) {
        h->stats.errors++;
        frame_free(f);
        return;
    }
    remember(h, minute, buf_str(&f->bytes));
    list_push_back(&h->pending, &f->node);
    h->npending++;
    write_next(h);
}

/* ---- queries ---- */

struct query {
    uint32_t magic;
    struct history *h;
    int dir; /* borrowed: the history waits for us */
    uint64_t id;
    int64_t from, to;
    uint32_t step;
    int64_t day[2];
    uint64_t day_bytes[2];
    struct buf pending; /* frames that are in no file yet */
    struct span open;
    int64_t open_minute;
    bool has_open;

    struct span sum;              /* of the step that is being summed */
    int64_t at;                   /* where it begins; -1: none */
    struct history_point *points; /* owned */
    size_t n, cap;
    history_fn *done;
    void *user;
};

static void end_step(struct query *q)
{
    const struct span *s = &q->sum;
    struct history_point *p;

    if (q->at < 0)
        return;
    if (q->n == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 64;
        q->points = xrealloc(q->points, q->cap, sizeof(*q->points));
    }
    p = &q->points[q->n++];
    *p = (struct history_point){.minute = q->at,
                                .runs = s->runs,
                                .errors = s->errors,
                                .timeouts = s->timeouts,
                                .throttled = s->throttled,
                                .cold = s->cold,
                                .sum_ns = s->sum_ns,
                                .max_ns = s->max_ns,
                                .min_ns = sketch_quantile_ns(&s->took, 0),
                                .p50_ns = sketch_quantile_ns(&s->took, 0.5),
                                .p99_ns = sketch_quantile_ns(&s->took, 0.99),
                                .instances = s->instances,
                                .memory_bytes = s->memory_bytes};
    q->sum = (struct span){0};
    q->at = -1;
}

static void take_minute(struct query *q, int64_t minute, const struct span *s)
{
    int64_t at = q->from + (minute - q->from) / q->step * q->step;

    if (minute < q->from || minute >= q->to)
        return;
    if (at != q->at) {
        end_step(q);
        q->at = at;
    }
    span_follow(&q->sum, s);
}

static void take_frame(struct query *q, struct history_frame *f)
{
    struct span s;
    uint64_t id;

    if (f->minute < q->from || f->minute >= q->to)
        return;
    while (history_next_row(f, &id, &s))
        if (id == q->id) {
            take_minute(q, f->minute, &s);
            return;
        }
}

static void take_frames(struct query *q, struct str bytes)
{
    struct history_frame f;
    uint64_t lost = 0;

    while (history_next_frame(&bytes, &f, &lost))
        take_frame(q, &f);
}

static int by_minute(const void *a, const void *b)
{
    const struct history_point *x = a, *y = b;

    return x->minute < y->minute ? -1 : x->minute > y->minute;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The clock was set back: points of one time, found apart. Of the quantiles the greater one stays. */
static void join_twins(struct query *q)
{
    size_t n = 0;

    if (q->n > 1)
        qsort(q->points, q->n, sizeof(*q->points), by_minute);
    for (size_t i = 0; i < q->n; i++) {
        struct history_point *to = n > 0 ? &q->points[n - 1] : NULL, *p = &q->points[i];

        if (!to || to->minute != p->minute) {
            q->points[n++] = *p;
            continue;
        }
        to->runs += p->runs;
        to->errors += p->errors;
        to->timeouts += p->timeouts;
        to->throttled += p->throttled;
        to->cold += p->cold;
        to->sum_ns += p->sum_ns;
        to->max_ns = greater(to->max_ns, p->max_ns);
        if (to->min_ns == 0 || (p->min_ns > 0 && p->min_ns < to->min_ns))
            to->min_ns = p->min_ns;
        to->p50_ns = greater(to->p50_ns, p->p50_ns);
        to->p99_ns = greater(to->p99_ns, p->p99_ns);
        to->instances = greater(to->instances, p->instances);
        to->memory_bytes = greater(to->memory_bytes, p->memory_bytes);
    }
    q->n = n;
}

static void work_query(void *user)
{
    struct query *q = OBJ(user, struct query, QUERY_MAGIC);
    cleanup_free struct day_file *days = NULL;
    size_t ndays = list_days(q->dir, &days);

    for (size_t i = 0; i < ndays; i++) {
        cleanup_with(buf_done) struct buf file;
        uint64_t limit = HISTORY_FILE_MAX;

        buf_init(&file, HISTORY_FILE_MAX);
        if (days[i].day < q->from / DAY_MINUTES || days[i].day > (q->to - 1) / DAY_MINUTES)
            continue;
        for (size_t k = 0; k < ARRAY_LEN(q->day); k++)
            if (days[i].day == q->day[k])
                limit = q->day_bytes[k];
        if (history_read(q->dir, days[i].day, limit, &file) == 0)
            take_frames(q, buf_str(&file));
    }
    take_frames(q, buf_str(&q->pending));
    if (q->has_open)
        take_minute(q, q->open_minute, &q->open);
    end_step(q);
    join_twins(q);
}

static void on_queried(void *user)
{
    struct query *q = OBJ(user, struct query, QUERY_MAGIC);

    q->h->queries--;
    settle(q->h);
    q->done(q->user, q->points, q->n);
    buf_done(&q->pending);
    free(q->points);
    q->magic = 0;
    free(q);
}

static struct query *query_new(struct history *h, const struct history_ask *ask)
{
    struct query *q = xnew(struct query);

    q->magic = QUERY_MAGIC;
    q->h = h;
    q->dir = h->dir;
    q->id = ask->path.n > 0 ? history_id(ask->path) : 0;
    q->from = ask->from;
    q->to = ask->to;
    q->step = ask->step;
    q->at = -1;
    memcpy(q->day, h->day, sizeof(q->day));
    memcpy(q->day_bytes, h->day_bytes, sizeof(q->day_bytes));
    buf_init(&q->pending, SIZE_MAX / 2);
    list_each (it, &h->pending)
        buf_adds(&q->pending, buf_str(&container_of(it, struct frame, node)->bytes));
    if (ask->open.span) {
        q->open = *ask->open.span;
        q->open_minute = ask->open.minute;
        q->has_open = true;
    }
    return q;
}

int history_query(struct history *h, const struct history_ask *ask, history_fn *done, void *user)
{
    struct query *q;

    if (ask->step == 0 || ask->from < 0 || ask->to <= ask->from)
        return -EINVAL;
    if ((ask->to - ask->from + ask->step - 1) / ask->step > HISTORY_POINTS)
        return -E2BIG;
    q = query_new(h, ask);
    q->done = done;
    q->user = user;
    h->queries++;
    settle(h);
    loop_work(h->loop, work_query, on_queried, q);
    return 0;
}

void history_recent(const struct history *h, int64_t from, int64_t to,
                    void (*each)(void *user, uint64_t id, const struct span *s), void *user)
{
    list_each (it, &h->recent) {
        struct str bytes = buf_str(&container_of(it, struct frame, node)->bytes);
        struct history_frame f;
        struct span s;
        uint64_t id, lost = 0;

        while (history_next_frame(&bytes, &f, &lost))
            while (f.minute >= from && f.minute < to && history_next_row(&f, &id, &s))
                each(user, id, &s);
    }
}

void history_stats(const struct history *h, struct history_stats *ret)
{
    *ret = h->stats;
}

/* ---- life ---- */

void history_conf_default(struct history_conf *conf)
{
    *conf = (struct history_conf){.days = 30, .max_bytes = 256 << 20};
}

/* What today's file says: the last hour is remembered. */
static void read_today(struct history *h, int64_t minute)
{
    cleanup_with(buf_done) struct buf file;
    int64_t day = minute / DAY_MINUTES;
    struct history_frame f;
    struct str rest;

    buf_init(&file, HISTORY_FILE_MAX);
    if (history_read(h->dir, day, HISTORY_FILE_MAX, &file) < 0)
        return;
    rest = buf_str(&file);
    while (history_next_frame(&rest, &f, &h->stats.lost_bytes))
        if (f.minute > minute - RECENT_MINUTES)
            remember(h, f.minute, f.whole);
    h->day[0] = day;
    h->day_bytes[0] = file.n;
    if (h->stats.lost_bytes > 0)
        log_warn(&cx, "%llu bytes of today's history are damaged, going on without them",
                 (unsigned long long)h->stats.lost_bytes);
}

int history_open(struct loop *l, const char *dir, const struct history_conf *conf,
                 struct history **ret, struct err *e)
{
    cleanup_close int fd = -EBADF;
    struct history *h;
    int r = io_mkdir_p(dir, 0700, e);

    if (r < 0)
        return r;
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "open '%s'", dir);
    h = xnew(struct history);
    h->magic = HISTORY_MAGIC;
    h->loop = l;
    h->conf = *conf;
    h->dir = TAKE_FD(fd);
    h->settled = true;
    h->day[0] = h->day[1] = -1;
    list_init(&h->pending);
    list_init(&h->recent);
    buf_init(&h->rows, HISTORY_FRAME_MAX);
    read_today(h, clock_wall_ms() / 60000);
    h->stats.bytes =
            tidy(h->dir, clock_wall_ms() / 60000 / DAY_MINUTES - conf->days, conf->max_bytes);
    *ret = h;
    return 0;
}

struct history *history_free(struct history *h)
{
    if (!h)
        return NULL;
    loop_run_until(h->loop, &h->settled);
    assert(h->magic == HISTORY_MAGIC && h->queries == 0);
    free_frames(&h->pending);
    free_frames(&h->recent);
    buf_done(&h->rows);
    h->dir = fd_close(h->dir);
    h->magic = 0;
    free(h);
    return NULL;
}
