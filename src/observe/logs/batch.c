/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.c - records on their way to the disk, in memory, in the order they came.
 *
 * Two batches at most wait: one that grows, one that a worker writes; together they stay below
 * buffer_bytes, since functions are slowed down before (pressure.c). What does not fit all the same
 * is counted for its function and told there as soon as there is room again. The end of a run is
 * small and always fits: a slack above the limit is kept for it.
 *
 * A batch that was written is kept for a while (recent_bytes), so that those who follow are served
 * without the disk; the segments never need it.
 */
#include "observe/logs/internal.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "loop/loop.h"

enum { BATCH_FIRST = 64 * 1024, SLACK_DIVISOR = 4, GROW = 2 };

struct batch *batch_new(struct logs *s)
{
    struct batch *b = s->spare;

    s->spare = NULL;
    if (!b) {
        b = xnew(struct batch);
        b->cap = BATCH_FIRST;
        b->bytes = xcalloc(1, b->cap);
        list_init(&b->link);
    }
    b->n = b->nrefs = b->nflogs = 0;
    b->holders = 1;
    b->first_seq = s->seq + 1;
    return b;
}

void batch_free(struct batch *b)
{
    free(b->bytes);
    free(b->refs);
    free(b->flogs);
    free(b);
}

void batch_unhold(struct logs *s, struct batch *b)
{
    assert(b->holders > 0);
    if (--b->holders > 0)
        return;
    list_remove(&b->link);
    if (!s->spare && b->cap <= (size_t)BATCH_FIRST * GROW && !s->closed) {
        s->spare = b;
        return;
    }
    batch_free(b);
}

size_t logs_waiting(const struct logs *s)
{
    return s->batch->n + (s->flying ? s->flying->n : 0);
}

static struct batch_flog *flog_in(struct batch *b, struct flog *f)
{
    if (f->current == 0) {
        if (b->nflogs == b->cflogs) {
            b->cflogs = b->cflogs ? b->cflogs * GROW : 16;
            b->flogs = xrealloc(b->flogs, b->cflogs, sizeof(*b->flogs));
        }
        b->flogs[b->nflogs++] = (struct batch_flog){.f = f};
        f->current = b->nflogs;
    }
    return &b->flogs[f->current - 1];
}

static struct batch_ref *add_ref(struct batch *b, struct flog *f, size_t size)
{
    struct batch_flog *bf = flog_in(b, f);
    struct batch_ref *ref;

    if (b->nrefs == b->crefs) {
        b->crefs = b->crefs ? b->crefs * GROW : 64;
        b->refs = xrealloc(b->refs, b->crefs, sizeof(*b->refs));
    }
    ref = &b->refs[b->nrefs++];
    *ref = (struct batch_ref){.flog = f->current - 1, .at = (uint32_t)b->n, .size = (uint32_t)size};
    if (bf->tail)
        b->refs[bf->tail - 1].next = b->nrefs;
    else
        bf->head = b->nrefs;
    bf->tail = b->nrefs;
    return ref;
}

/* A line that is cut is counted where it ends. */
static uint32_t lines_of(const struct log_record *r, struct str held, struct str text)
{
    uint32_t lines = log_lines(text) + log_lines(held);

    lines -= held.n > 0 && text.n > 0 && held.p[held.n - 1] != '\n';
    return lines - (r->flags & LOG_CUT && lines > 0);
}

static void put(struct flog *f, struct log_record *r, struct str held, struct str text, size_t size)
{
    struct logs *s = f->s;
    struct batch *b = s->batch;
    struct batch_ref *ref;

    while (b->n + size > b->cap) {
        b->cap *= GROW;
        b->bytes = xrealloc(b->bytes, b->cap, 1);
    }
    ref = add_ref(b, f, size);
    r->seq = ++s->seq;
    r->lines = lines_of(r, held, text);
    ref->lines = r->lines;
    ref->text = (uint32_t)(held.n + text.n);
    log_record_put(b->bytes + b->n, r, held, text);
    b->n += size;
    b->last_seq = r->seq;
    f->pending++;
    logs_hot_set(f);
    logs_feel(s);
}

void logs_tell_gap(struct flog *f, uint64_t lines, uint64_t bytes, const char *why)
{
    struct log_record r = {.kind = LOG_KIND_GAP,
                           .time_ms = clock_wall_ms(),
                           .lost_lines = lines,
                           .lost_bytes = bytes,
                           .reason = str_of(why)};

    put(f, &r, STR_NONE, STR_NONE, log_record_size(&r, 0));
    logs_schedule(f->s);
}

void logs_tell_lost(struct flog *f)
{
    struct logs *s = f->s;

    if (!f->lost_why || clock_mono_ns() < f->retry_ns ||
        logs_waiting(s) > s->conf.buffer_bytes / 2) /* once, when it is over */
        return;
    logs_tell_gap(f, f->lost_lines, f->lost_bytes, f->lost_why);
    f->lost_lines = f->lost_bytes = 0;
    f->lost_why = NULL;
    list_remove(&f->lossy);
}

void logs_lose(struct flog *f, uint64_t lines, uint64_t bytes, const char *why)
{
    struct logs *s = f->s;

    f->lost_lines += lines;
    f->lost_bytes += bytes;
    f->lost_why = why;
    if (list_empty(&f->lossy))
        list_push_back(&s->lossy, &f->lossy);
    logs_hot_set(f);
    logs_schedule(s);
}

static void drop(struct flog *f, uint64_t lines, uint64_t bytes)
{
    f->s->stats.dropped_lines += lines;
    f->s->stats.dropped_bytes += bytes;
    logs_lose(f, lines, bytes, "the log buffer was full");
}

bool logs_emit(struct flog *f, struct log_record *r, struct str held, struct str text)
{
    struct logs *s = f->s;
    size_t size = log_record_size(r, held.n + text.n), limit = s->conf.buffer_bytes;
    bool whole = logs_waiting(s) + size <= limit;

    if (f->lost_why)
        logs_tell_lost(f);
    if (!whole) {
        drop(f, lines_of(r, held, text), held.n + text.n);
        held = text = STR_NONE;
        size = log_record_size(r, 0);
        if (!(r->flags & LOG_END) || logs_waiting(s) + size > limit + limit / SLACK_DIVISOR)
            return false;
    }
    put(f, r, held, text, size);
    logs_schedule(s);
    return whole;
}
