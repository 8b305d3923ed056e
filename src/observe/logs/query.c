/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.c - an answer out of the segments.
 *
 * Two passes. The first goes through the segments in the order of their first sequence and keeps
 * the places of the records that fit: the `limit` oldest after the cursor, or the `last` youngest.
 * Sealed segments are judged by their sidecars (an expression needs the text as well), the newest of
 * each function by its records. It ends when no segment that is left can hold a better one. The
 * second pass reads those places, in order, checks each checksum and hands them out, until the
 * answer is full.
 *
 * So one function and ten thousand are the same thing, memory is bounded by the limit, and one file
 * is open at a time.
 *
 * Gaps that nobody wrote: a place that is damaged, and segments that were removed after the cursor,
 * whose sidecars are kept for a while to tell how many lines they held.
 */
#include "observe/logs/query.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/io.h"

enum { NAME_BYTES = 8192, BUDGET_MS = 3000, CANCEL_EVERY = 1024 };

static const char why_removed[] = "removed to keep within the limits of age and size";
static const char why_damaged[] = "damaged on disk";

struct part { /* of the plan: one segment */
    uint32_t dir;
    struct seg_file file;
};

struct hit {
    uint64_t seq, segment;
    uint32_t dir, offset, size;
    const char *gap; /* why; not a record */
    uint64_t lines, bytes;
    int64_t time_ms;
};

struct scan {
    int logs;
    uint64_t upto;
    struct log_answering *a;
    const atomic_bool *cancel;
    char (*dirs)[SEG_DIR_TEXT];
    uint32_t ndirs, cdirs;
    struct part *parts;
    size_t nparts, cparts;
    struct hit *hits;
    size_t nhits, keep; /* keep: how many are wanted; there is room for twice as many */
    bool dropped;       /* a hit was let go, or a segment not looked at */
    uint64_t bound;     /* a hit beyond it is not wanted */
    bool youngest;
    struct seg_reader text; /* of the segment that is looked at, for an expression */
};

/* ---- the plan ---- */

static bool may_see(const struct scan *sc, const char *dir)
{
    cleanup_with(buf_done) struct buf name;

    buf_init(&name, NAME_BYTES);
    return !sc->a->ops->sees || (seg_function_name(sc->logs, dir, &name) >= 0 &&
                                 sc->a->ops->sees(sc->a->user, buf_str(&name)));
}

static void add_dir(struct scan *sc, const char *dir)
{
    struct seg_list list;

    if (!may_see(sc, dir) || seg_list_dir(sc->logs, dir, &list) < 0)
        return;
    if (sc->ndirs == sc->cdirs) {
        sc->cdirs = sc->cdirs ? sc->cdirs * 2 : 16;
        sc->dirs = xrealloc(sc->dirs, sc->cdirs, sizeof(*sc->dirs));
    }
    memcpy(sc->dirs[sc->ndirs], dir, SEG_DIR_TEXT);
    for (size_t i = 0; i < list.n; i++) {
        const struct seg_file *f = &list.files[i];

        if (f->first_seq > sc->upto || (sc->a->q->has_after && f->next_seq <= sc->a->q->after))
            continue;
        if (!f->log && !sc->a->q->has_after)
            continue; /* removed, and nobody was on the way through it */
        if (sc->nparts == sc->cparts) {
            sc->cparts = sc->cparts ? sc->cparts * 2 : 64;
            sc->parts = xrealloc(sc->parts, sc->cparts, sizeof(*sc->parts));
        }
        sc->parts[sc->nparts++] = (struct part){sc->ndirs, *f};
    }
    sc->ndirs++;
    seg_list_done(&list);
}

static int oldest_first(const void *a, const void *b)
{
    const struct part *x = a, *y = b;

    return x->file.first_seq < y->file.first_seq ? -1 : x->file.first_seq > y->file.first_seq;
}

static int plan(struct scan *sc)
{
    char dir[SEG_DIR_TEXT];
    struct dirent *de;
    DIR *d;

    if (sc->a->q->function.n > 0) {
        seg_dir_name(sc->a->q->function, dir);
        add_dir(sc, dir);
    } else {
        d = io_open_dir(sc->logs, ".");
        if (!d)
            return -errno;
        while ((de = readdir(d)))
            if (is_hex(str_of(de->d_name), SEG_DIR_TEXT - 1))
                add_dir(sc, de->d_name);
        closedir(d);
    }
    if (sc->nparts > 1)
        qsort(sc->parts, sc->nparts, sizeof(*sc->parts), oldest_first);
    return 0;
}

/* ---- the hits ---- */

static int by_seq(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;

    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    return (y->gap != NULL) - (x->gap != NULL); /* a gap before what follows it */
}

static void keep_best(struct scan *sc)
{
    size_t keep = sc->keep;
    uint64_t bound;

    qsort(sc->hits, sc->nhits, sizeof(*sc->hits), by_seq);
    /* A hole has the number of the record behind it, and a cursor cannot stand between them. */
    if (!sc->youngest && sc->nhits > keep && sc->hits[keep].seq == sc->hits[keep - 1].seq)
        keep++;
    if (sc->nhits <= keep)
        return;
    sc->dropped = true;
    if (sc->youngest)
        memmove(sc->hits, sc->hits + sc->nhits - keep, keep * sizeof(*sc->hits));
    sc->nhits = keep;
    bound = sc->youngest ? sc->hits[0].seq : sc->hits[keep - 1].seq;
    if (sc->youngest ? bound > sc->bound : bound < sc->bound)
        sc->bound = bound;
}

static bool beyond(const struct scan *sc, uint64_t seq)
{
    return sc->youngest ? seq < sc->bound : seq > sc->bound;
}

static void add_hit(struct scan *sc, const struct hit *h)
{
    sc->hits[sc->nhits++] = *h;
    if (sc->nhits >= sc->keep * 2)
        keep_best(sc);
}

static struct hit hit_of(const struct part *p, const struct seg_entry *en)
{
    return (struct hit){.seq = en->seq,
                        .segment = p->file.first_seq,
                        .dir = p->dir,
                        .offset = en->offset,
                        .size = en->size,
                        .gap = en->hole ? why_damaged : NULL,
                        .lines = en->lines,
                        .bytes = en->size,
                        .time_ms = en->time_ms};
}

/* 1: within the cursor, and fits as far as a sidecar tells. */
static bool wanted(const struct scan *sc, const struct seg_entry *en)
{
    if (en->seq > sc->upto || (sc->a->q->has_after && en->seq <= sc->a->q->after))
        return false;
    return !beyond(sc, en->seq) && log_match_entry(sc->a->match, en);
}

static bool cancelled(const struct scan *sc)
{
    return sc->cancel && atomic_load_explicit(sc->cancel, memory_order_relaxed);
}

/* The text of an entry fits too. A damaged one is a hit: the second pass tells of it. */
static int text_fits(struct scan *sc, const struct part *p, const struct seg_entry *en)
{
    struct seg_reader *rd = &sc->text;
    struct log_record rec;
    struct str text;
    int64_t n;
    int r;

    if (!log_match_has_grep(sc->a->match) || en->kind == LOG_KIND_GAP)
        return 1;
    if (!rd->buf) {
        r = seg_reader_open(rd, sc->logs, sc->dirs[p->dir], p->file.first_seq, false);
        if (r < 0)
            return r == -ENOENT ? 0 : r;
    }
    n = seg_reader_at(rd, en->offset, en->size, &rec);
    if (n <= 0)
        return n == -EBADMSG ? 1 : (int)n;
    return log_match_record(sc->a->match, &rec, &sc->a->lines, &text, &sc->a->err);
}

static int look_at_entry(struct scan *sc, const struct part *p, const struct seg_entry *en)
{
    struct hit h;
    int r;

    if (!wanted(sc, en))
        return 0;
    r = text_fits(sc, p, en);
    if (r <= 0)
        return r;
    h = hit_of(p, en);
    add_hit(sc, &h);
    return 0;
}

static bool outside(const struct scan *sc, const struct seg_index *ix)
{
    const struct logs_query *q = sc->a->q;

    return ix->max_ms < q->since_ms || ix->min_ms > q->until_ms ||
           (q->has_after && ix->last_seq <= q->after);
}

/* A removed segment: what it held after the cursor. */
static void look_at_removed(struct scan *sc, const struct part *p, const struct seg_index *ix)
{
    struct hit h = {.segment = p->file.first_seq, .dir = p->dir, .gap = why_removed};

    for (uint64_t i = 0; i < ix->count; i++) {
        const struct seg_entry *en = &ix->entries[i];

        if (en->seq > sc->upto || en->seq <= sc->a->q->after)
            continue;
        h.seq = en->seq;
        h.time_ms = en->time_ms;
        h.lines += en->lines;
        h.bytes += en->text;
    }
    if (h.seq > 0 && !beyond(sc, h.seq))
        add_hit(sc, &h);
}

static int look_at_sealed(struct scan *sc, const struct part *p)
{
    struct seg_index ix;
    int r = seg_index_load(sc->logs, sc->dirs[p->dir], p->file.first_seq, &ix);

    if (r < 0) {
        struct seg_entry en = {.seq = p->file.first_seq, .kind = LOG_KIND_GAP, .hole = 1};

        if (r == -ENOENT)
            return 0; /* removed since the plan was made: the next query tells */
        if (r != -EBADMSG)
            return r;
        return wanted(sc, &en) ? look_at_entry(sc, p, &en) : 0;
    }
    if (!p->file.log) {
        look_at_removed(sc, p, &ix);
    } else if (!outside(sc, &ix)) {
        for (uint64_t i = 0; i < ix.count && r == 0; i++) {
            if (i % CANCEL_EVERY == 0 && cancelled(sc))
                break;
            r = look_at_entry(sc, p, &ix.entries[i]);
        }
    }
    seg_index_done(&ix);
    seg_reader_done(&sc->text);
    return r;
}

static int look_at_record(struct scan *sc, const struct part *p, const struct log_record *rec,
                          const struct seg_place *place, struct seg_place *hole)
{
    struct seg_entry en;
    struct str text;
    struct hit h;
    int r = 1;

    seg_entry_of(rec, place, &en);
    if (hole->size > 0) {
        struct seg_entry gap = {.seq = en.seq,
                                .time_ms = en.time_ms,
                                .offset = hole->offset,
                                .size = hole->size,
                                .kind = LOG_KIND_GAP,
                                .hole = 1};

        hole->size = 0;
        if (wanted(sc, &gap)) {
            h = hit_of(p, &gap);
            add_hit(sc, &h);
        }
    }
    if (!wanted(sc, &en))
        return 0;
    if (log_match_has_grep(sc->a->match))
        r = log_match_record(sc->a->match, rec, &sc->a->lines, &text, &sc->a->err);
    if (r <= 0)
        return r;
    h = hit_of(p, &en);
    add_hit(sc, &h);
    return 0;
}

static int look_at_newest(struct scan *sc, const struct part *p)
{
    struct seg_place place, hole = {0};
    struct log_record rec;
    uint32_t n = 0;
    int r, step = seg_reader_open(&sc->text, sc->logs, sc->dirs[p->dir], p->file.first_seq, false);

    if (step < 0)
        return step == -ENOENT || step == -EBADMSG ? 0 : step;
    while ((step = seg_reader_next(&sc->text, &rec, &place)) > SEG_END) {
        if (step == SEG_HOLE) {
            hole = place;
            continue;
        }
        if (rec.seq > sc->upto || (++n % CANCEL_EVERY == 0 && cancelled(sc)))
            break;
        r = look_at_record(sc, p, &rec, &place, &hole);
        if (r < 0) {
            step = r;
            break;
        }
    }
    seg_reader_done(&sc->text);
    return step < 0 ? step : 0;
}

static int look_at(struct scan *sc, const struct part *p)
{
    if (p->file.next_seq != UINT64_MAX || p->file.idx)
        return look_at_sealed(sc, p);
    return look_at_newest(sc, p);
}

/* Where it may stop when time is up: everything before the segment it would look at next is known. */
static bool out_of_time(const struct scan *sc, size_t next, uint64_t since_ns)
{
    uint64_t first = sc->parts[next].file.first_seq;

    return !sc->youngest && clock_mono_ns() - since_ns > BUDGET_MS * 1000000ull && first > 0 &&
           (!sc->a->q->has_after || first - 1 > sc->a->q->after);
}

static int first_pass(struct scan *sc)
{
    uint64_t since_ns = clock_mono_ns();
    int r = 0;

    sc->bound = sc->youngest ? 0 : UINT64_MAX;
    for (size_t i = 0; i < sc->nparts && r == 0; i++) {
        const struct part *p = &sc->parts[sc->youngest ? sc->nparts - 1 - i : i];

        if (sc->youngest ? p->file.next_seq <= sc->bound : p->file.first_seq > sc->bound) {
            sc->dropped = true;
            if (sc->youngest)
                continue;
            break;
        }
        if (out_of_time(sc, i, since_ns)) {
            sc->dropped = true;
            sc->bound = p->file.first_seq - 1;
            break;
        }
        r = cancelled(sc) ? -ECANCELED : look_at(sc, p);
    }
    if (r == 0 && cancelled(sc))
        r = -ECANCELED;
    keep_best(sc);
    while (!sc->youngest && sc->nhits > 0 && sc->hits[sc->nhits - 1].seq > sc->bound)
        sc->nhits--;
    return r;
}

/* ---- handing out ---- */

struct fetch {
    struct buf name;
    uint32_t dir;
    uint64_t segment;
    struct seg_reader rd;
};

static void fetch_name(struct scan *sc, struct fetch *f, const struct hit *h)
{
    if (f->dir == h->dir)
        return;
    f->dir = h->dir;
    buf_reset(&f->name);
    (void)seg_function_name(sc->logs, sc->dirs[h->dir], &f->name);
}

static bool give_gap(struct scan *sc, struct fetch *f, const struct hit *h, const char *why)
{
    struct log_record r = {.seq = h->seq,
                           .time_ms = h->time_ms,
                           .kind = LOG_KIND_GAP,
                           .lost_lines = h->lines,
                           .lost_bytes = h->bytes,
                           .reason = str_of(why)};

    return log_answer_record(sc->a, buf_str(&f->name), &r);
}

/* False: no more is wanted. */
static bool give(struct scan *sc, struct fetch *f, const struct hit *h)
{
    struct log_record rec;

    fetch_name(sc, f, h);
    if (h->gap)
        return give_gap(sc, f, h, h->gap);
    if (!f->rd.buf || f->segment != h->segment) {
        seg_reader_done(&f->rd);
        f->segment = h->segment;
        if (seg_reader_open(&f->rd, sc->logs, sc->dirs[h->dir], h->segment, true) < 0)
            return give_gap(sc, f, h, why_removed);
    }
    if (seg_reader_at(&f->rd, h->offset, h->size, &rec) <= 0)
        return give_gap(sc, f, h, why_damaged);
    return log_answer_record(sc->a, buf_str(&f->name), &rec);
}

static void second_pass(struct scan *sc)
{
    struct fetch f = {.dir = UINT32_MAX, .rd = {.fd = -EBADF}};

    buf_init(&f.name, NAME_BYTES);
    for (size_t i = 0; i < sc->nhits; i++)
        if (!give(sc, &f, &sc->hits[i]))
            break;
    seg_reader_done(&f.rd);
    buf_done(&f.name);
}

bool log_answer_record(struct log_answering *a, struct str function, const struct log_record *r)
{
    struct log_record shown = *r;
    bool joined = a->records > 0 && a->cursor == r->seq; /* it stands behind a hole */
    int fits;

    fits = log_match_record(a->match, r, &a->lines, &shown.text, &a->err);
    if (fits < 0)
        return false;
    if (fits > 0) {
        size_t bytes = a->text_bytes + shown.text.n;

        if (!joined && (a->records >= (a->q->last ? a->q->last : a->q->limit) ||
                        (a->records > 0 && bytes > LOGS_TEXT_MAX))) {
            a->full = true;
            return false;
        }
        a->records++;
        a->text_bytes = bytes;
        a->lost_lines += r->lost_lines;
        a->lost_bytes += r->lost_bytes;
        a->ops->record(a->user, function, &shown);
    }
    a->cursor = r->seq;
    return true;
}

int log_query_run(int logs, uint64_t upto, struct log_answering *a, const atomic_bool *cancel)
{
    struct scan sc = {.logs = logs,
                      .upto = upto,
                      .a = a,
                      .cancel = cancel,
                      .text = {.fd = -EBADF},
                      .youngest = a->q->last > 0};
    int r;

    sc.keep = sc.youngest ? a->q->last : a->q->limit;
    sc.hits = xcalloc(sc.keep * 2 + 1, sizeof(*sc.hits));
    r = plan(&sc);
    if (r == 0)
        r = first_pass(&sc);
    if (r < 0 && a->err.code == 0)
        err_set(&a->err, ERR_HOST, r, "the log cannot be read: %s", strerror(-r));
    if (r == 0) {
        a->cursor = a->q->has_after ? a->q->after : 0;
        second_pass(&sc);
        if (!a->full && a->err.code == 0) { /* all that was found was handed out */
            a->full = sc.dropped && !sc.youngest;
            a->cursor = a->full ? sc.bound : upto;
        }
        r = a->err.code;
    }
    free(sc.hits);
    free(sc.parts);
    free(sc.dirs);
    return r;
}
