/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flush.c - a batch onto the disk, by a worker.
 *
 * The worker writes function by function, each in one go, and tells what it could not. Once a second
 * what was written is synced, by another job, since a disk may take its time for that and lines go
 * on meanwhile; few files each by itself, many as a whole file system.
 *
 * When the disk refuses (full, broken), functions go on: the batch is let go, what was in it is
 * counted per function, and as soon as writing works again each of them is told (logs_tell_lost).
 */
#include "observe/logs/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "loop/loop.h"
#include "observe/health.h"

#define SECOND 1000000000ull

enum { WARN_PAUSE_S = 60, RETRY_S = 1, AGE_PARTS = 8 };

static const struct log_cx cx = {.component = "logs"};

/* ---- on the worker ---- */

static void close_open(struct logs *s, uint32_t i)
{
    segment_close(&s->open[i]->seg);
    s->open[i] = s->open[--s->nopen];
}

static void close_idle(struct logs *s, uint64_t now)
{
    for (uint32_t i = 0; i < s->nopen;)
        if (s->open[i]->seg.fd < 0 || now - s->open[i]->used_ns >= SECOND)
            close_open(s, i);
        else
            i++;
}

static void remember_open(struct logs *s, struct flog *f, uint64_t now)
{
    uint32_t oldest = 0;

    f->used_ns = now;
    for (uint32_t i = 0; i < s->nopen; i++) {
        if (s->open[i] == f)
            return;
        if (s->open[i]->used_ns < s->open[oldest]->used_ns)
            oldest = i;
    }
    if (s->nopen == LOGS_OPEN)
        close_open(s, oldest);
    s->open[s->nopen++] = f;
}

static void remember_dirty(struct logs *s, struct flog *f)
{
    if (f->dirty)
        return;
    if (s->ndirty < LOGS_SYNC_EACH) {
        f->dirty = true;
        s->dirty[s->ndirty] = f;
    }
    if (s->ndirty <= LOGS_SYNC_EACH)
        s->ndirty++;
}

static bool aged(const struct logs *s, const struct flog *f, int64_t now_ms)
{
    return now_ms - f->seg.created_ms > s->age_ms / AGE_PARTS;
}

/* A segment with room for so many bytes, that begins at or before seq. */
static int ready(struct logs *s, struct batch_flog *bf, uint64_t seq, size_t bytes)
{
    struct flog *f = bf->f;
    int64_t now_ms = clock_wall_ms();
    int r;

    if (!f->seg.known) {
        r = segment_find(s->dir, f->dir, &f->seg, &bf->mend);
        if (r < 0)
            return r;
    }
    if (f->seg.size > SEG_HEAD &&
        (f->seg.size + bytes > s->conf.segment_bytes || aged(s, f, now_ms)))
        (void)segment_seal(s->dir, f->dir, &f->seg); /* without a sidecar: a reader makes it */
    if (f->seg.size > 0)
        return 0;
    return segment_begin(s->dir, f->dir, str_of(f->path), seq, now_ms, &f->seg);
}

/* The records of one function as pieces; seals them. Neighbours are one piece. */
static size_t gather(struct batch *b, const struct batch_flog *bf, struct iovec *iov,
                     struct seg_sums *ret_sums, size_t *ret_bytes)
{
    size_t n = 0, bytes = 0;

    for (uint32_t i = bf->head; i; i = b->refs[i - 1].next) {
        const struct batch_ref *ref = &b->refs[i - 1];
        char *p = b->bytes + ref->at;

        log_record_seal(p);
        if (n > 0 && (char *)iov[n - 1].iov_base + iov[n - 1].iov_len == p)
            iov[n - 1].iov_len += ref->size;
        else
            iov[n++] = (struct iovec){p, ref->size};
        bytes += ref->size;
        ret_sums->records++;
        ret_sums->lines += ref->lines;
        ret_sums->bytes += ref->text;
    }
    *ret_bytes = bytes;
    return n;
}

/* Counted once: a gap that could not be told counts with what it tells of. */
static void count_lost(struct batch *b, struct batch_flog *bf)
{
    for (uint32_t i = bf->head; i; i = b->refs[i - 1].next) {
        struct batch_ref *ref = &b->refs[i - 1];
        struct log_record r;

        ref->failed = true;
        if (log_record_get((struct str){b->bytes + ref->at, ref->size}, false, &r) <= 0)
            continue;
        bf->lost_lines += r.lines + r.lost_lines;
        bf->lost_bytes += r.text.n + r.lost_bytes;
    }
}

static uint64_t seq_of(const struct batch *b, uint32_t ref)
{
    struct log_record r = {0};

    (void)log_record_get((struct str){b->bytes + b->refs[ref - 1].at, b->refs[ref - 1].size}, false,
                         &r);
    return r.seq;
}

static void refuse(struct batch *b, struct batch_flog *bf, int r)
{
    bf->r = r;
    count_lost(b, bf);
}

static void write_flog(struct logs *s, struct batch *b, struct batch_flog *bf, struct iovec *iov)
{
    struct flog *f = bf->f;
    struct seg_sums sums = {0};
    size_t bytes, n = gather(b, bf, iov, &sums, &bytes);
    int r = ready(s, bf, seq_of(b, bf->head), bytes);

    if (r == 0)
        r = segment_append(s->dir, f->dir, &f->seg, iov, n, bytes);
    if (r < 0) {
        segment_close(&f->seg);
        if (r == -ENOENT || r == -EEXIST) /* somebody took it away: look again */
            f->seg.known = false;
        refuse(b, bf, r);
        return;
    }
    f->seg.sums.records += sums.records;
    f->seg.sums.lines += sums.lines;
    f->seg.sums.bytes += sums.bytes;
    f->seg.last_seq = seq_of(b, bf->tail);
    remember_open(s, f, clock_mono_ns());
    remember_dirty(s, f);
}

/* Descriptors of their own for the job that syncs. */
static void prepare_sync(struct logs *s)
{
    s->sync_all = s->ndirty > LOGS_SYNC_EACH;
    for (uint32_t i = 0; i < s->ndirty && i < LOGS_SYNC_EACH; i++) {
        struct flog *f = s->dirty[i];
        int fd = f->seg.fd >= 0 ? fcntl(f->seg.fd, F_DUPFD_CLOEXEC, 0) : -1;

        f->dirty = false;
        if (fd >= 0)
            s->sync_fds[s->nsync++] = fd;
        else
            s->sync_all = true;
    }
    s->ndirty = 0;
}

static void work(void *user)
{
    struct logs *s = OBJ(user, struct logs, LOGS_MAGIC);
    struct batch *b = s->flying;
    cleanup_free struct iovec *iov = b ? xcalloc(b->nrefs, sizeof(*iov)) : NULL;
    uint64_t now;

    logs_retire(s);
    s->kept_r = logs_state_keep(s); /* else a later start would use these numbers again */
    for (uint32_t i = 0; b && i < b->nflogs; i++)
        if (s->kept_r < 0)
            refuse(b, &b->flogs[i], s->kept_r);
        else
            write_flog(s, b, &b->flogs[i], iov);
    now = clock_mono_ns();
    if (s->ndirty > 0 && s->may_sync)
        prepare_sync(s);
    close_idle(s, now);
}

static void work_sync(void *user)
{
    struct logs *s = OBJ(user, struct logs, LOGS_MAGIC);

    s->sync_r = s->sync_all && syncfs(s->dir) < 0 ? -errno : 0;
    for (uint32_t i = 0; i < s->nsync; i++) {
        if (fdatasync(s->sync_fds[i]) < 0)
            s->sync_r = -errno;
        s->sync_fds[i] = fd_close(s->sync_fds[i]);
    }
}

/* ---- on the loop ---- */

static void tell_health(struct logs *s, const char *what, int r)
{
    char reason[HEALTH_REASON];

    (void)snprintf(reason, sizeof(reason), "%s: %s", what, strerror(-r));
    health_set(s->conf.health, "logs", r < 0 ? reason : NULL);
}

static void tell_sync(struct logs *s)
{
    tell_health(s, "function logs cannot be synced", s->sync_failing);
}

/* The kernel tells of a write that failed once; a later sync is about what was written later. */
static void settle_sync(struct logs *s)
{
    if (s->sync_r < 0) {
        s->stats.disk_errors++;
        if (s->sync_failing == 0)
            log_warn(&cx,
                     "function logs cannot be synced, what was written last may be missing after "
                     "a power failure: %s",
                     strerror(-s->sync_r));
    } else if (s->sync_failing < 0) {
        log_info(&cx, "function logs are synced again");
    }
    s->sync_failing = s->sync_r;
    if (!s->failing)
        tell_sync(s);
}

static void on_synced(void *user)
{
    struct logs *s = OBJ(user, struct logs, LOGS_MAGIC);

    s->syncing = false;
    s->turned = true;
    if (s->nsync > 0 || s->sync_all)
        settle_sync(s);
    s->nsync = 0;
    s->sync_all = false;
    logs_schedule(s);
}

static void keep_recent(struct logs *s, struct batch *b)
{
    list_push_back(&s->recent, &b->link);
    s->recent_bytes += b->n;
    while (s->recent_bytes > s->conf.recent_bytes) {
        struct batch *old = container_of(list_first(&s->recent), struct batch, link);

        list_remove(&old->link);
        s->recent_bytes -= old->n;
        batch_unhold(s, old);
    }
}

void logs_say_failing(struct logs *s, const char *path, int r)
{
    uint64_t now = clock_mono_ns();

    s->stats.disk_errors++;
    if (s->failing && now - s->failing_ns < WARN_PAUSE_S * SECOND)
        return;
    s->failing = true;
    s->failing_ns = now;
    if (path)
        log_warn(&cx, "the log of '%s' cannot be written, counting what is lost and retrying: %s",
                 path, strerror(-r));
    else
        log_warn(&cx, "function logs cannot be written, counting what is lost and retrying: %s",
                 strerror(-r));
    tell_health(s, "function logs cannot be written, what is said is counted as lost", r);
}

static const char *why_lost(int r)
{
    return r == -ENOSPC || r == -EDQUOT ? "the disk was full" : "the disk refused it";
}

static void tell_mend(struct logs *s, struct batch_flog *bf)
{
    if (bf->mend.cut_bytes + bf->mend.damaged_bytes == 0)
        return;
    s->stats.damaged++;
    if (bf->mend.cut_bytes > 0)
        logs_tell_gap(bf->f, 0, bf->mend.cut_bytes,
                      "the last record before this start was not written whole");
}

static void settle(struct logs *s, struct batch *b, struct batch_flog *bf)
{
    struct flog *f = bf->f;

    for (uint32_t i = bf->head; i; i = b->refs[i - 1].next) {
        f->pending--;
        if (bf->r == 0) {
            s->stats.records++;
            s->stats.lines += b->refs[i - 1].lines;
            s->stats.bytes += b->refs[i - 1].text;
        }
    }
    if (bf->r == 0) {
        f->last_seq = f->seg.last_seq;
    } else {
        s->stats.dropped_lines += bf->lost_lines;
        s->stats.dropped_bytes += bf->lost_bytes;
        f->retry_ns = clock_mono_ns() + RETRY_S * SECOND;
        logs_lose(f, bf->lost_lines, bf->lost_bytes, why_lost(bf->r));
        logs_say_failing(s, f->path, bf->r);
    }
    tell_mend(s, bf);
    logs_hot_clear(f);
}

static void say_well(struct logs *s)
{
    if (!s->failing)
        return;
    s->failing = false;
    log_info(&cx, "function logs are written again");
    tell_sync(s);
}

static void settle_all(struct logs *s)
{
    struct batch *b = s->flying;
    bool failed = false;

    s->flying = NULL;
    for (uint32_t i = 0; i < b->nflogs; i++) {
        failed |= b->flogs[i].r < 0;
        settle(s, b, &b->flogs[i]);
    }
    if (!failed)
        say_well(s);
    s->stats.flushes++;
    s->stats.flush_ns += clock_mono_ns() - s->flushed_ns;
    s->flushed_seq = b->last_seq;
    keep_recent(s, b);
    logs_feel(s);
}

static void on_flushed(void *user)
{
    struct logs *s = OBJ(user, struct logs, LOGS_MAGIC);

    s->turned = true;
    logs_hot_adopt(s);
    if (s->flying)
        settle_all(s);
    else if (s->kept_r == 0 && s->batch->nrefs == 0 && list_empty(&s->lossy))
        say_well(s);
    if (s->may_sync && (s->nsync > 0 || s->sync_all)) {
        s->syncing = true;
        s->synced_ns = clock_mono_ns();
        loop_work(s->loop, work_sync, on_synced, s);
    }
    /* Not before: settling may ask for the next job, which takes what was the worker's. */
    s->flushing = s->retiring = false;
    logs_wake_readers(s);
    logs_schedule(s);
}

bool logs_restless(const struct logs *s)
{
    return !s->flushing && (s->nopen > 0 || s->ndirty > 0 || s->nstale > 0 || s->kept_r < 0);
}

static void take_off(struct logs *s)
{
    s->flying = s->batch;
    s->flushed_ns = clock_mono_ns();
    s->age_ms = (int64_t)s->conf.age_ms;
    for (uint32_t i = 0; i < s->flying->nflogs; i++)
        s->flying->flogs[i].f->current = 0;
    s->batch = batch_new(s);
}

void logs_flush(struct logs *s)
{
    if (s->flushing || (s->batch->nrefs == 0 && !logs_restless(s)))
        return;
    if (s->batch->nrefs > 0)
        take_off(s);
    s->flushing = true;
    s->retiring = s->nstale > 0;
    s->may_sync = !s->syncing && clock_mono_ns() - s->synced_ns >= SECOND;
    loop_work(s->loop, work, on_flushed, s);
}

void logs_flush_now(struct logs *s)
{
    assert(!s->flushing && !s->syncing);
    list_each (it, &s->lossy) {
        struct flog *f = container_of(it, struct flog, lossy);

        f->retry_ns = 0;
        logs_tell_lost(f);
    }
    s->may_sync = true;
    do {
        if (s->batch->nrefs > 0)
            take_off(s);
        work(s);
        logs_hot_adopt(s);
        if (s->flying)
            settle_all(s);
        work_sync(s);
        on_synced(s);
    } while (s->batch->nrefs > 0 && !s->failing);
    while (s->nopen > 0)
        close_open(s, 0);
}
