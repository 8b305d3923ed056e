/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs.c - the function log store: opened, told, flushed, closed.
 *
 *   run_watch -> run.c --records--> batch that grows (batch.c)
 *                                             |  after flush_ms, or at once when it is large
 *                              worker: flush.c --> segments (segment.c)
 *                                             |
 *                     recent batches, kept in memory --> who follows (read.c)
 *                              segments, sidecars    --> who searches (query.c)
 *
 * What always holds:
 *   (1) one flush job at most is under way, and only it touches segments that are written to;
 *   (2) records up to flushed_seq are on disk or told as lost: readers look no further;
 *   (3) a function with anything unwritten has a slot in logs/hot, which a kill does not wipe.
 *
 * A timer runs only while there is something to do: an idle daemon is not woken.
 */
#include "observe/logs/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "loop/loop.h"

#define MS 1000000ull

enum {
    IDLE_TICK_MS = 1000,
    NEVER_MS = UINT32_MAX >> 1,
    SOON_MS = 5,
    PATH_MAX_BYTES = 8192,
    SEGMENTS = 16
};

void logs_conf_default(struct logs_conf *c)
{
    *c = (struct logs_conf){
            .function_bytes = 256ull << 20,
            .total_bytes = 4ull << 30,
            .age_ms = 7ull * 24 * 3600 * 1000,
            .buffer_bytes = 16 << 20,
            .recent_bytes = 2 << 20,
            .flush_ms = 50,
            .functions = 20000,
    };
}

/* Nothing of it is under way and nobody has a pointer to it. */
static bool forgettable(const struct logs *s, const struct flog *f)
{
    const struct list *first = list_first(&s->recent);
    uint64_t floor = first ? container_of(first, struct batch, link)->first_seq : UINT64_MAX;

    return f->runs == 0 && f->pending == 0 && f->current == 0 && !f->lost_why && !f->dirty &&
           f->seg.fd < 0 && f->last_seq < floor;
}

static void flog_free(struct flog *f)
{
    logs_hot_clear(f);
    segment_close(&f->seg);
    list_remove(&f->lossy);
    free(f->path);
    free(f);
}

/* Too many are known: those nothing is heard of are looked up again when they speak. */
static void forget_some(struct logs *s)
{
    struct flog *gone[256];
    size_t n = 0, cursor = 0;
    struct str key;
    void *value;

    /* A worker may look at the names. */
    while (!s->flushing && s->reading == 0 && n < ARRAY_LEN(gone) &&
           map_next(s->flogs, &cursor, &key, &value))
        if (forgettable(s, value))
            gone[n++] = value;
    for (size_t i = 0; i < n; i++) {
        map_del(s->flogs, str_of(gone[i]->path));
        flog_free(gone[i]);
    }
}

struct flog *logs_flog(struct logs *s, struct str path)
{
    struct flog *f = map_get(s->flogs, path);

    if (f)
        return f;
    if (map_count(s->flogs) >= s->conf.functions)
        forget_some(s);
    if (map_count(s->flogs) >= s->conf.functions) {
        s->stats.dropped_lines++; /* of a run nobody hears */
        return NULL;
    }
    f = xnew(struct flog);
    f->s = s;
    f->path = str_dup(path);
    seg_dir_name(path, f->dir);
    f->seg.fd = -EBADF;
    list_init(&f->lossy);
    map_put(s->flogs, path, f);
    return f;
}

/* ---- the tick ---- */

/* After a silence soon: a line that comes alone is to be seen at once. Then it pays to gather. */
static uint64_t moment_ms(const struct logs *s)
{
    uint64_t ms = s->nreaders > 0 ? s->conf.flush_ms : 2ull * s->conf.flush_ms;

    if (s->pressed)
        return s->conf.flush_ms; /* to see it end */
    if (s->batch->nrefs > 0)
        return loop_now_ns(s->loop) - s->flushed_ns > ms * MS && ms > SOON_MS ? SOON_MS : ms;
    if (!list_empty(&s->talking))
        return s->conf.flush_ms; /* a run may end in it, and be one record */
    return logs_restless(s) || !list_empty(&s->lossy) ? IDLE_TICK_MS : NEVER_MS;
}

void logs_schedule(struct logs *s)
{
    uint64_t due_ns, ms;

    if (s->closed)
        return;
    if (s->batch->n >= LOGS_BATCH_NOW && !s->flushing)
        logs_flush(s);
    ms = moment_ms(s);
    due_ns = loop_now_ns(s->loop) + ms * MS;
    if (ms == NEVER_MS || (loop_timer_running(s->tick) && s->tick_ns <= due_ns))
        return;
    s->tick_ns = due_ns;
    loop_timer_start(s->tick, ms);
}

static void on_tick(void *user)
{
    struct logs *s = OBJ(user, struct logs, LOGS_MAGIC);

    logs_cut_parts(s, false);
    list_each (it, &s->lossy)
        logs_tell_lost(container_of(it, struct flog, lossy));
    logs_flush(s);
    logs_sweep(s);
    logs_feel(s);
    logs_schedule(s);
}

/* ---- life ---- */

static void clamp(struct logs_conf *c)
{
    if (c->segment_bytes == 0) {
        c->segment_bytes = c->function_bytes / SEGMENTS;
        if (c->segment_bytes < 64 << 10)
            c->segment_bytes = 64 << 10;
        if (c->segment_bytes > 16 << 20)
            c->segment_bytes = 16 << 20;
    }
    if (c->buffer_bytes > 256 << 20)
        c->buffer_bytes = 256 << 20;
}

static int open_dir(struct logs *s, const char *dir, struct err *e)
{
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return err_sys(e, "make '%s'", dir);
    s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return s->dir < 0 ? err_sys(e, "open '%s'", dir) : 0;
}

static void destroy(struct logs *s)
{
    struct str key;
    size_t cursor = 0;
    void *value;

    while (map_next(s->flogs, &cursor, &key, &value))
        flog_free(value);
    map_free(s->flogs);
    while (s->nfree > 0)
        free(s->free_runs[--s->nfree]);
    if (s->spare)
        batch_free(TAKE_PTR(s->spare));
    logs_hot_close(s);
    fd_close(s->dir);
    buf_done(&s->path);
    s->magic = 0;
    free(s);
}

void logs_hold(struct logs *s)
{
    s->live++;
}

void logs_unhold(struct logs *s)
{
    if (--s->live == 0)
        destroy(s);
}

int logs_open(struct loop *l, const char *dir, const struct logs_conf *c, struct logs **ret,
              struct err *e)
{
    struct logs *s = xnew(struct logs);
    int r;

    s->magic = LOGS_MAGIC;
    s->loop = l;
    s->conf = *c;
    clamp(&s->conf);
    s->flogs = map_new();
    s->live = 1;
    buf_init(&s->path, PATH_MAX_BYTES);
    list_init(&s->recent);
    list_init(&s->talking);
    list_init(&s->lossy);
    list_init(&s->readers);
    r = open_dir(s, dir, e);
    if (r < 0) {
        destroy(s);
        return r;
    }
    logs_hot_open(s);
    s->tick = loop_timer_new(l, on_tick, s);
    logs_state_open(s);
    logs_schedule(s);
    logs_sweep(s);
    *ret = s;
    return 0;
}

void logs_keep(struct logs *s, const struct logs_conf *c)
{
    s->conf.function_bytes = c->function_bytes;
    s->conf.total_bytes = c->total_bytes;
    s->conf.age_ms = c->age_ms;
    logs_sweep(s);
}

void logs_quiet(struct logs *s)
{
    if (!s)
        return;
    s->quiet = true;
    logs_end_readers(s);
}

static bool busy(const struct logs *s)
{
    return s->flushing || s->syncing || s->sweeping || s->nreaders > 0;
}

static void drop_recent(struct logs *s)
{
    struct list *it;

    while ((it = list_pop_front(&s->recent)))
        batch_unhold(s, container_of(it, struct batch, link));
}

struct logs *logs_free(struct logs *s)
{
    if (!s)
        return NULL;
    assert(s->magic == LOGS_MAGIC && !s->closed);
    s->on_pressure = NULL;
    logs_quiet(s);
    while (busy(s)) {
        s->turned = false;
        loop_run_until(s->loop, &s->turned);
    }
    logs_cut_parts(s, true);
    s->closed = true;
    logs_flush_now(s);
    logs_state_close(s);
    drop_recent(s);
    batch_unhold(s, s->batch);
    s->batch = NULL;
    s->tick = loop_timer_free(s->tick);
    s->sweep_timer = loop_timer_free(s->sweep_timer);
    s->read_timer = loop_timer_free(s->read_timer);
    logs_unhold(s);
    return NULL;
}

void logs_stats(const struct logs *s, struct logs_stats *ret)
{
    *ret = s->stats;
    ret->buffer_bytes = logs_waiting(s);
    ret->functions = map_count(s->flogs);
    ret->followers = s->nreaders - s->reading;
    ret->queries_running = s->reading;
}
