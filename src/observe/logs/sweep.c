/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.c - what is too old or too much is removed, oldest first.
 *
 * A job of its own walks the directories: it removes sealed segments that are past their age, then
 * the oldest of a function that has too much, then the oldest of all. A reader that has one of them
 * open goes on reading it; one that comes later is told what is missing by the sidecar, which stays
 * behind for the last GHOSTS of a function.
 *
 * The newest segment of a function is the flush job's alone. The sweep only names those that are
 * past their age, or in the way when nothing else is left to remove; the flush job retires them,
 * unless the function has spoken meanwhile.
 */
#include "observe/logs/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/io.h"
#include "base/map.h"
#include "base/obj.h"
#include "loop/loop.h"

enum {
    GHOSTS = 8,
    EVERY_S = 600,
    EVERY_PART = 16, /* of the least limit, written since the last time */
    NAME_BYTES = 8192,
    PATH_TEXT = SEG_DIR_TEXT + SEG_NAME_TEXT + 8,
};

struct old { /* a segment that may go */
    char dir[SEG_DIR_TEXT];
    uint64_t first_seq, bytes;
    int64_t written_ms;
};

struct olds {
    struct old *p;
    size_t n, cap;
};

struct logs_sweep {
    struct logs *s;
    struct logs_conf conf;
    int64_t now_ms;
    struct olds sealed, newest;
    uint64_t total, segments, bytes; /* kept, removed */
    uint32_t nstale;
};

static void add_old(struct olds *l, const struct old *o)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->p = xrealloc(l->p, l->cap, sizeof(*l->p));
    }
    l->p[l->n++] = *o;
}

static void path_of(const char *dir, uint64_t first_seq, const char *suffix, char out[PATH_TEXT])
{
    char name[SEG_NAME_TEXT];

    seg_file_name(first_seq, suffix, name);
    (void)snprintf(out, PATH_TEXT, "%s/%s", dir, name);
}

/* ---- on a worker ---- */

static bool look(const struct logs_sweep *sw, const char *dir, uint64_t first_seq,
                 const char *suffix, struct old *ret)
{
    char path[PATH_TEXT];
    struct stat st;

    path_of(dir, first_seq, suffix, path);
    if (fstatat(sw->s->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    memcpy(ret->dir, dir, SEG_DIR_TEXT);
    ret->first_seq = first_seq;
    ret->bytes = (uint64_t)st.st_size;
    ret->written_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    return true;
}

static bool past(const struct logs_sweep *sw, const struct old *o)
{
    return sw->now_ms - o->written_ms > (int64_t)sw->conf.age_ms;
}

/* The segment; its sidecar stays and tells of it. */
static void remove_segment(int logs, const char *dir, uint64_t first_seq)
{
    char path[PATH_TEXT];
    struct seg_index ix;

    if (seg_index_load(logs, dir, first_seq, &ix) == 0)
        seg_index_done(&ix);
    path_of(dir, first_seq, ".log", path);
    (void)unlinkat(logs, path, 0);
}

static void remove_old(struct logs_sweep *sw, const struct old *o)
{
    remove_segment(sw->s->dir, o->dir, o->first_seq);
    sw->segments++;
    sw->bytes += o->bytes;
    sw->total -= o->bytes;
}

static void sweep_ghosts(struct logs_sweep *sw, const char *dir, const struct seg_list *l)
{
    size_t ghosts = 0;

    for (size_t i = l->n; i-- > 0;) {
        const struct seg_file *f = &l->files[i];
        char path[PATH_TEXT];
        struct old o;

        if (f->log || !look(sw, dir, f->first_seq, ".idx", &o))
            continue;
        if (++ghosts <= GHOSTS && !past(sw, &o)) {
            sw->total += o.bytes;
            continue;
        }
        path_of(dir, f->first_seq, ".idx", path);
        (void)unlinkat(sw->s->dir, path, 0);
    }
}

static void sweep_dir(struct logs_sweep *sw, const char *dir)
{
    struct seg_list l;
    struct old o;
    uint64_t mine = 0;
    size_t first;

    if (seg_list_dir(sw->s->dir, dir, &l) < 0)
        return;
    sweep_ghosts(sw, dir, &l);
    first = sw->sealed.n;
    for (size_t i = 0; i < l.n; i++) {
        if (!l.files[i].log || !look(sw, dir, l.files[i].first_seq, ".log", &o))
            continue;
        sw->total += o.bytes;
        mine += o.bytes;
        if (l.files[i].next_seq == UINT64_MAX) {
            add_old(&sw->newest, &o);
        } else if (past(sw, &o)) {
            remove_old(sw, &o);
            mine -= o.bytes;
        } else {
            add_old(&sw->sealed, &o);
        }
    }
    /* Oldest first; what is left moves up. */
    while (mine > sw->conf.function_bytes && first < sw->sealed.n) {
        mine -= sw->sealed.p[first].bytes;
        remove_old(sw, &sw->sealed.p[first]);
        memmove(&sw->sealed.p[first], &sw->sealed.p[first + 1],
                (sw->sealed.n - first - 1) * sizeof(struct old));
        sw->sealed.n--;
    }
    seg_list_done(&l);
}

static int by_first(const void *a, const void *b)
{
    const struct old *x = a, *y = b;

    return x->first_seq < y->first_seq ? -1 : x->first_seq > y->first_seq;
}

static int by_time(const void *a, const void *b)
{
    const struct old *x = a, *y = b;

    return x->written_ms < y->written_ms ? -1 : x->written_ms > y->written_ms;
}

static void sort(struct olds *l, int (*order)(const void *, const void *))
{
    if (l->n > 1)
        qsort(l->p, l->n, sizeof(*l->p), order);
}

static void work(void *user)
{
    struct logs_sweep *sw = user;
    uint64_t over;
    struct dirent *de;
    DIR *d = io_open_dir(sw->s->dir, ".");

    while (d && (de = readdir(d)))
        if (is_hex(str_of(de->d_name), SEG_DIR_TEXT - 1))
            sweep_dir(sw, de->d_name);
    if (d)
        closedir(d);
    sort(&sw->sealed, by_first);
    for (size_t i = 0; i < sw->sealed.n && sw->total > sw->conf.total_bytes; i++)
        remove_old(sw, &sw->sealed.p[i]);

    sort(&sw->newest, by_time);
    over = sw->total > sw->conf.total_bytes ? sw->total - sw->conf.total_bytes : 0;
    for (size_t i = 0; i < sw->newest.n && sw->nstale < LOGS_STALE; i++) {
        const struct old *o = &sw->newest.p[i];

        if (over == 0 && !past(sw, o))
            continue;
        over -= over < o->bytes ? over : o->bytes;
        sw->newest.p[sw->nstale++] = *o;
    }
}

/* ---- on the loop ---- */

static struct flog *flog_of(struct logs *s, const char *dir)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    while (map_next(s->flogs, &cursor, &key, &value))
        if (strcmp(((struct flog *)value)->dir, dir) == 0)
            return value;
    return NULL;
}

static void on_swept(void *user)
{
    struct logs_sweep *sw = user;
    struct logs *s = sw->s;

    s->sweeping = false;
    s->turned = true;
    s->stats.disk_bytes = sw->total;
    s->stats.expired_segments += sw->segments;
    s->stats.expired_bytes += sw->bytes;
    for (uint32_t i = 0; !s->flushing && i < sw->nstale; i++) {
        struct flog *f = flog_of(s, sw->newest.p[i].dir);

        if (f && (f->pending > 0 || f->current > 0))
            continue;
        memcpy(s->stale[s->nstale].dir, sw->newest.p[i].dir, SEG_DIR_TEXT);
        s->stale[s->nstale].first_seq = sw->newest.p[i].first_seq;
        s->stale[s->nstale++].f = f;
        s->stats.expired_segments++;
        s->stats.expired_bytes += sw->newest.p[i].bytes;
    }
    free(sw->sealed.p);
    free(sw->newest.p);
    free(sw);
    if (s->nstale > 0)
        logs_flush(s);
}

void logs_retire(struct logs *s)
{
    while (s->nstale > 0) {
        const struct logs_stale *st = &s->stale[--s->nstale];

        if (st->f) {
            segment_close(&st->f->seg);
            st->f->seg.known = false;
        }
        remove_segment(s->dir, st->dir, st->first_seq);
    }
}

static void on_time(void *user)
{
    logs_sweep(OBJ(user, struct logs, LOGS_MAGIC));
}

void logs_sweep(struct logs *s)
{
    uint64_t now = clock_mono_ns(), least = s->conf.function_bytes < s->conf.total_bytes
                                                    ? s->conf.function_bytes
                                                    : s->conf.total_bytes;
    struct logs_sweep *sw;

    if (s->sweeping || s->retiring || s->closed)
        return;
    if (s->swept_ns > 0 && now - s->swept_ns < EVERY_S * 1000000000ull &&
        s->stats.bytes - s->swept_at_bytes < least / EVERY_PART)
        return;
    if (!s->sweep_timer)
        s->sweep_timer = loop_timer_new(s->loop, on_time, s);
    loop_timer_start(s->sweep_timer, EVERY_S * 1000 + 1);
    s->swept_ns = now;
    s->swept_at_bytes = s->stats.bytes;
    s->sweeping = true;
    sw = xnew(struct logs_sweep);
    sw->s = s;
    sw->conf = s->conf;
    sw->now_ms = clock_wall_ms();
    loop_work(s->loop, work, on_swept, sw);
}
