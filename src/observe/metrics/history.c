/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.c - minutes go to disk, and old days go away.
 *
 *   history_add*, history_close_minute --frame--> pending --worker--> file of the day
 *                                         \-> recent (an hour of them, in memory)
 *   history_query.c: files (worker) + what is pending or open --> points
 *
 * What always holds:
 *   (1) a frame is in exactly one place for a query: in the first `day_bytes` bytes of its file, in
 *       `pending`, or in neither because it could not be written (errors counts it).
 *   (2) one write is under way at most, so frames reach a file in order.
 *   (3) the worker touches files only; what it needs from the history it was given a copy of.
 */
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
#include "observe/metrics/history_internal.h"

enum {
    HISTORY_MAGIC = 0x48495354,
    RECENT_MINUTES = 61,
    PENDING_MAX = 64, /* frames; more than an hour on a disk that does not answer */
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

static struct history_minute *frame_new(int64_t minute)
{
    struct history_minute *f = xnew(struct history_minute);

    f->minute = minute;
    list_init(&f->node);
    buf_init(&f->bytes, HISTORY_FRAME_MAX + HISTORY_HEAD);
    return f;
}

static void frame_free(struct history_minute *f)
{
    list_remove(&f->node);
    buf_done(&f->bytes);
    free(f);
}

static void free_frames(struct list *l)
{
    for (struct list *it; (it = list_first(l)) != NULL;)
        frame_free(container_of(it, struct history_minute, node));
}

static void remember(struct history *h, int64_t minute, struct str bytes)
{
    struct history_minute *f = frame_new(minute);

    buf_adds(&f->bytes, bytes);
    list_push_back(&h->recent, &f->node);
    if (++h->nrecent <= RECENT_MINUTES)
        return;
    h->nrecent--;
    frame_free(container_of(list_first(&h->recent), struct history_minute, node));
}

/* ---- days that go ---- */

static int by_day(const void *a, const void *b)
{
    const struct history_day_file *x = a, *y = b;

    return x->day < y->day ? -1 : x->day > y->day;
}

size_t history_days(int dir, struct history_day_file **ret)
{
    DIR *d = io_open_dir(dir, ".");
    struct dirent *e;
    size_t n = 0;

    *ret = NULL;
    while (d && (e = readdir(d)) != NULL) {
        struct history_day_file f;
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
    cleanup_free struct history_day_file *days = NULL;
    size_t n = history_days(dir, &days);
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
    struct history_write *w = user; /* in the history, which outlives it; its fields are ours */

    w->r = history_append(w->dir, w->frame->minute / HISTORY_DAY_MINUTES, buf_str(&w->frame->bytes),
                          &w->day_bytes);
    w->bytes = tidy(w->dir, w->oldest_day, w->max_bytes);
}

static void write_next(struct history *h);

void history_settle(struct history *h)
{
    h->settled = list_empty(&h->pending) && h->queries == 0;
}

static void on_written(void *user)
{
    struct history_write *w = user;
    struct history *h = OBJ(container_of(w, struct history, write), struct history, HISTORY_MAGIC);
    int64_t day = w->frame->minute / HISTORY_DAY_MINUTES;

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

    history_settle(h);
    if (!first || h->writing)
        return;
    h->writing = true;
    h->write = (struct history_write){.frame = container_of(first, struct history_minute, node),
                                      .dir = h->dir,
                                      .max_bytes = h->conf.max_bytes};
    h->write.oldest_day = h->write.frame->minute / HISTORY_DAY_MINUTES - h->conf.days;
    loop_work(h->loop, work_write, on_written, &h->write);
}

void history_add(struct history *h, struct str path, const struct span *s)
{
    history_put_row(&h->rows, history_id(path), s);
    span_add(&h->sum, s);
    h->nrows++;
}

void history_close_minute(struct history *h, int64_t minute)
{
    struct history_minute *f;

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

void history_recent(const struct history *h, int64_t from, int64_t to,
                    void (*each)(void *user, uint64_t id, const struct span *s), void *user)
{
    list_each (it, &h->recent) {
        struct str bytes = buf_str(&container_of(it, struct history_minute, node)->bytes);
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
    int64_t day = minute / HISTORY_DAY_MINUTES;
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
    h->stats.bytes = tidy(h->dir, clock_wall_ms() / 60000 / HISTORY_DAY_MINUTES - conf->days,
                          conf->max_bytes);
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
