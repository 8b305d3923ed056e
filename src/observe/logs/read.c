/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.c - who reads the log: from memory, from the segments, or waits.
 *
 *   logs_read() -> QUEUED --a worker is free--> RUNNING --nothing found, time left--> WAITING
 *                     \__ from memory at once __/   |                                  |
 *                                                  done <--time over, quiet, unwanted--+
 *                                                                flushed: QUEUED again-+
 *
 * One who follows asks for what came after its cursor, and that is still in memory: such an answer
 * costs the loop a few microseconds and no worker. Who is further behind, searches, or has much to
 * be told, is served by a worker, READING_MAX at once, so that a search never takes the threads that
 * write.
 */
#include "observe/logs/internal.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/map.h"
#include "loop/loop.h"
#include "observe/logs/query.h"

enum { READING_MAX = 2, INLINE_BYTES = 64 << 10, LOOK_MS = 1000, LINES_MAX = LOG_TEXT_MAX + 1 };

enum reader_state { READER_QUEUED, READER_RUNNING, READER_WAITING };

struct logs_reader {
    uint32_t magic;
    struct logs *s;
    struct list link; /* in s->readers, in the order they came */
    enum reader_state state;
    struct logs_query q;
    char *function; /* owned; what q.function views */
    uint64_t until_ns;
    uint64_t upto, not_before; /* what it is to see is written first */
    atomic_bool cancel;
    struct log_answering a;
    struct batch **held; /* owned; from memory: what a worker looks at */
    uint32_t nheld;
    int r;
    const struct logs_reader_ops *ops;
    void *user;
};

void logs_query_init(struct logs_query *q)
{
    *q = (struct logs_query){
            .since_ms = INT64_MIN, .until_ms = INT64_MAX, .status = -1, .limit = LOGS_LIMIT};
}

/* ---- cursors: a sequence in hex, and four digits that tell it from a slip of the hand ---- */

bool logs_know(const struct logs *s, struct str function)
{
    char dir[SEG_DIR_TEXT];

    seg_dir_name(function, dir);
    return map_get(s->flogs, function) || faccessat(s->dir, dir, F_OK, 0) == 0;
}

uint64_t logs_now(const struct logs *s)
{
    return s->flushed_seq;
}

static unsigned digits(struct str hex)
{
    return crc32c(0, hex.p, hex.n) & 0xffff;
}

void logs_cursor_print(uint64_t seq, char out[LOGS_CURSOR_TEXT])
{
    (void)snprintf(out, LOGS_CURSOR_TEXT, "%016llx", (unsigned long long)seq);
    (void)snprintf(out + 16, LOGS_CURSOR_TEXT - 16, "%04x", digits((struct str){out, 16}));
}

int logs_cursor_parse(struct str text, uint64_t *ret)
{
    char again[LOGS_CURSOR_TEXT];
    uint64_t v = 0;

    if (!is_hex(text, LOGS_CURSOR_TEXT - 1))
        return -EINVAL;
    for (size_t i = 0; i < 16; i++)
        v = v << 4 | (uint64_t)(text.p[i] <= '9' ? text.p[i] - '0' : text.p[i] - 'a' + 10);
    logs_cursor_print(v, again);
    if (!str_eq(text, str_of(again)))
        return -EINVAL;
    *ret = v;
    return 0;
}

/* ---- from memory ---- */

static bool may_from_memory(const struct logs_reader *rd)
{
    const struct list *first = list_first(&rd->s->recent);
    uint64_t floor =
            first ? container_of(first, struct batch, link)->first_seq - 1 : rd->s->flushed_seq;

    return rd->q.has_after && rd->q.last == 0 && rd->q.after >= floor;
}

static bool answer_batch(struct logs_reader *rd, const struct batch *b)
{
    for (uint32_t i = 0; i < b->nrefs; i++) {
        const struct batch_ref *ref = &b->refs[i];
        struct str path = str_of(b->flogs[ref->flog].f->path);
        struct seg_place place = {0, ref->size};
        struct log_record rec;
        struct seg_entry en;

        if (ref->failed || (rd->q.function.n > 0 && !str_eq(rd->q.function, path)) ||
            (rd->ops->sees && !rd->ops->sees(rd->user, path)) ||
            log_record_get((struct str){b->bytes + ref->at, ref->size}, false, &rec) <= 0 ||
            rec.seq <= rd->q.after)
            continue;
        seg_entry_of(&rec, &place, &en);
        if (log_match_entry(rd->a.match, &en) && !log_answer_record(&rd->a, path, &rec))
            return false;
    }
    return true;
}

static void answer_from_memory(struct logs_reader *rd)
{
    bool all = true;

    for (uint32_t i = 0; all && i < rd->nheld; i++)
        all = answer_batch(rd, rd->held[i]);
    if (all)
        rd->a.cursor = rd->upto;
    rd->r = rd->a.err.code;
}

/* The batches after its cursor; returns how many bytes they are. */
static size_t hold_batches(struct logs_reader *rd)
{
    struct logs *s = rd->s;
    size_t bytes = 0;

    list_each (it, &s->recent) {
        struct batch *b = container_of(it, struct batch, link);

        if (b->last_seq <= rd->q.after)
            continue;
        rd->held = xrealloc(rd->held, rd->nheld + 1, sizeof(struct batch *));
        rd->held[rd->nheld++] = b;
        b->holders++;
        bytes += b->n;
    }
    return bytes;
}

static void release_batches(struct logs_reader *rd)
{
    while (rd->nheld > 0)
        batch_unhold(rd->s, rd->held[--rd->nheld]);
    free(TAKE_PTR(rd->held));
}

/* ---- the end ---- */

static void finish(struct logs_reader *rd)
{
    struct logs *s = rd->s;
    struct logs_answer a = {.r = rd->r,
                            .err = rd->r < 0 ? &rd->a.err : NULL,
                            .cursor = rd->a.cursor,
                            .more = rd->a.full,
                            .lost_lines = rd->a.lost_lines,
                            .lost_bytes = rd->a.lost_bytes};

    list_remove(&rd->link);
    s->nreaders--;
    s->turned = true;
    rd->ops->done(rd->user, &a);
    buf_done(&rd->a.lines);
    log_match_free(rd->a.match);
    free(rd->function);
    rd->magic = 0;
    free(rd);
}

static bool is_wanted(const struct logs_reader *rd)
{
    return !rd->ops->wanted || rd->ops->wanted(rd->user);
}

static void start_next(struct logs *s);
static void keep_looking(struct logs *s);

/* An answer, or the moment to wait for one. */
static void settle(struct logs_reader *rd)
{
    struct logs *s = rd->s;
    uint64_t now = clock_mono_ns();

    release_batches(rd);
    if (rd->r == 0 && rd->a.records == 0 && !s->quiet && now < rd->until_ns && is_wanted(rd)) {
        rd->q.has_after = true;
        rd->q.after = rd->a.cursor;
        rd->q.last = 0;
        rd->state = rd->a.full || s->flushed_seq > rd->q.after ? READER_QUEUED : READER_WAITING;
        rd->a.full = false;
        keep_looking(s);
        return;
    }
    finish(rd);
}

static void work(void *user)
{
    struct logs_reader *rd = OBJ(user, struct logs_reader, LOGS_READER_MAGIC);

    log_match_begin(rd->a.match);
    if (rd->nheld > 0)
        answer_from_memory(rd);
    else
        rd->r = log_query_run(rd->s->dir, rd->upto, &rd->a, &rd->cancel);
}

static void on_worked(void *user)
{
    struct logs_reader *rd = OBJ(user, struct logs_reader, LOGS_READER_MAGIC);
    struct logs *s = rd->s;

    s->reading--;
    settle(rd);
    start_next(s);
}

/* False: a worker would be needed and none is free. */
static bool start(struct logs_reader *rd)
{
    struct logs *s = rd->s;
    size_t bytes = 0;
    bool memory = may_from_memory(rd);

    rd->upto = s->flushed_seq;
    if (rd->q.has_after && rd->q.after > rd->upto)
        rd->q.after = rd->upto; /* of a store that is no more */
    rd->a.cursor = rd->q.after;
    if (memory && rd->q.after == rd->upto) {
        settle(rd);
        return true;
    }
    if (memory)
        bytes = hold_batches(rd);
    if (memory && bytes <= INLINE_BYTES && !log_match_has_grep(rd->a.match)) {
        answer_from_memory(rd);
        settle(rd);
        return true;
    }
    if (s->reading >= READING_MAX) {
        release_batches(rd);
        return false;
    }
    rd->state = READER_RUNNING;
    s->reading++;
    s->stats.queries++;
    loop_work(s->loop, work, on_worked, rd);
    return true;
}

static void on_start_turn(void *user)
{
    struct logs *s = OBJ(user, struct logs, LOGS_MAGIC);

    start_next(s);
    logs_unhold(s);
}

/* Everybody who may start does; a reader may end meanwhile, so each round begins anew. */
static void start_next(struct logs *s)
{
    bool again = true;

    while (again) {
        again = false;
        list_each (it, &s->readers) { /* NOLINT(clang-analyzer-unix.Malloc) */
            struct logs_reader *rd = container_of(it, struct logs_reader, link);

            if (rd->state != READER_QUEUED || s->flushed_seq < rd->not_before || !start(rd))
                continue;
            again = true;
            break;
        }
    }
}

static bool something_for(const struct logs_reader *rd)
{
    const struct flog *f;

    if (rd->q.function.n == 0)
        return rd->s->flushed_seq > rd->q.after;
    f = map_get(rd->s->flogs, rd->q.function);
    return f && f->last_seq > rd->q.after;
}

void logs_wake_readers(struct logs *s)
{
    bool more = false;

    list_each (it, &s->readers) {
        struct logs_reader *rd = container_of(it, struct logs_reader, link);

        more |= rd->not_before > s->flushed_seq;
        if (rd->state != READER_WAITING)
            continue;
        if (something_for(rd))
            rd->state = READER_QUEUED;
        else
            rd->q.after = s->flushed_seq; /* of the others: it may stay in memory's reach */
    }
    if (more)
        logs_flush(s);
    start_next(s);
}

/* ---- time over, nobody there ---- */

static void on_look(void *user)
{
    struct logs *s = OBJ(user, struct logs, LOGS_MAGIC);
    uint64_t now = clock_mono_ns();

    list_each (it, &s->readers) {
        struct logs_reader *rd = container_of(it, struct logs_reader, link);
        bool over = s->quiet || now >= rd->until_ns || !is_wanted(rd);

        if (rd->state == READER_RUNNING && !is_wanted(rd))
            atomic_store_explicit(&rd->cancel, true, memory_order_relaxed);
        if (rd->state == READER_WAITING && over) {
            rd->a.cursor = rd->q.after;
            finish(rd);
        }
    }
    keep_looking(s);
}

/* A timer for the nearest end, and every second for those whose client has gone. */
static void keep_looking(struct logs *s)
{
    uint64_t now = clock_mono_ns(), next = LOOK_MS * 1000000ull;

    if (list_empty(&s->readers) || s->closed)
        return;
    list_each (it, &s->readers) { /* NOLINT(clang-analyzer-unix.Malloc) */
        const struct logs_reader *rd = container_of(it, struct logs_reader, link);
        uint64_t left = rd->until_ns > now ? rd->until_ns - now : 0;

        if (rd->state == READER_WAITING && left < next)
            next = left;
    }
    if (!s->read_timer)
        s->read_timer = loop_timer_new(s->loop, on_look, s);
    loop_timer_start(s->read_timer, next / 1000000 + 1);
}

void logs_end_readers(struct logs *s)
{
    if (!list_empty(&s->readers))
        on_look(s);
}

int logs_read(struct logs *s, const struct logs_query *q, const struct logs_reader_ops *ops,
              void *user, struct err *e)
{
    struct logs_reader *rd;
    int r;

    assert(s->magic == LOGS_MAGIC && q->limit >= 1 && q->limit <= LOGS_LIMIT_MAX);
    if (s->nreaders >= LOGS_READERS || s->closed) {
        s->stats.queries_refused++;
        return err_set(e, ERR_LIMIT, -EAGAIN, "%d requests read logs already, try again later",
                       LOGS_READERS);
    }
    rd = xnew(struct logs_reader);
    r = log_match_new(q, &rd->a.match, e);
    if (r < 0) {
        free(rd);
        return r;
    }
    rd->magic = LOGS_READER_MAGIC;
    rd->s = s;
    rd->q = *q;
    rd->function = str_dup(q->function);
    rd->q.function.p = rd->function;
    rd->q.request_id = rd->q.version = rd->q.grep = STR_NONE; /* the match has them */
    rd->until_ns = clock_mono_ns() + q->wait_ms * 1000000ull;
    rd->a.q = &rd->q;
    rd->a.ops = ops;
    rd->a.user = user;
    buf_init(&rd->a.lines, LINES_MAX);
    rd->ops = ops;
    rd->user = user;
    /* Who asks once sees what was said before; who follows gets it within its moment. */
    if (q->wait_ms == 0 && (s->batch->nrefs > 0 || s->flying)) {
        rd->not_before = s->batch->nrefs > 0 ? s->batch->last_seq : s->flying->last_seq;
        logs_flush(s);
    }
    list_push_back(&s->readers, &rd->link);
    s->nreaders++;
    logs_hold(s);
    loop_defer(s->loop, on_start_turn, s);
    return 0;
}
