/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c - records become lines, lines become batches, batches become durable.
 *
 * One batch is written at a time, on a worker thread; what comes meanwhile is the next one, so a
 * hundred changes at once share a few fdatasync(2). Whoever answers for a change waits for its batch.
 *
 * When the disk says no, the batch goes back in front of what waits and is tried again every second,
 * with the same sequence numbers. Nobody is kept waiting for that: a change that was made cannot be
 * unmade by refusing to say so. Instead it is loud: an err line, readiness, a counter; and with
 * --audit-full=refuse the next change is refused before it is made. Records beyond AUDIT_PENDING are
 * counted, and the trail tells how many they were in a record of its own.
 *
 * What always holds:
 *   (1) sequence numbers durable + 1 .. next - 1 are in the batch, then in pending, in this order.
 *   (2) a writer is told exactly once, in order.
 *   (3) a file is touched by the batch alone while there is one.
 *
 * Read next: file.c (segments), query.c (who asks).
 */
#include "observe/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "observe/audit/internal.h"
#include "observe/health.h"

#define AUDIT_MAGIC 0x41554454

enum { RETRY_MS = 1000, DROPS = 16 };

struct waiter {
    struct list node;
    void (*done)(void *user);
    void *user;
};

struct audit_batch {
    struct buf lines;
    uint64_t first, last; /* sequence numbers */
    int64_t first_ms;
    uint32_t n;
    struct list writers;
    bool fresh;           /* it begins a segment */
    uint64_t drop[DROPS]; /* segments to remove, by their names */
    uint32_t ndrop;
    int r;
};

static const char STRANGERS[] = "more calls without a valid signature";
static const struct log_cx cx = {.component = "audit"};

/* ---- records ---- */

static void put_text(struct jw *w, const char *key, struct str s)
{
    if (s.n > AUDIT_TEXT)
        s.n = AUDIT_TEXT;
    jw_kstr(w, key, s);
}

static void put_json(struct buf *out, uint64_t sequence, const struct audit_record *rec)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "sequence", (int64_t)sequence); /* these two first: file.c looks for them */
    jw_kint(&w, "time_ms", rec->time_ms > 0 ? rec->time_ms : 0);
    jw_kstrz(&w, "op", rec->op);
    jw_kstrz(&w, "api", rec->api);
    put_text(&w, "who", rec->who);
    put_text(&w, "name", rec->name);
    put_text(&w, "address", rec->address);
    put_text(&w, "object", rec->object);
    jw_kint(&w, "status", rec->status);
    put_text(&w, "code", rec->code);
    jw_kstrz(&w, "request_id", rec->request_id);
    jw_kint(&w, "took_ms", (int64_t)rec->took_ms);
    jw_obj_end(&w);
}

/* False: there is no room for it, nor would there be once a batch that fails is taken back. */
static bool add_line(struct audit *a, const struct audit_record *rec)
{
    cleanup_with(buf_done) struct buf json;
    cleanup_with(buf_done) struct buf line;

    buf_init(&json, AUDIT_LINE - 16);
    buf_init(&line, AUDIT_LINE);
    put_json(&json, a->next, rec);
    audit_line(buf_str(&json), &line);
    if (!buf_ok(&json) || !buf_ok(&line) ||
        a->pending.n + (a->batch ? a->batch->lines.n : 0) + line.n > AUDIT_PENDING)
        return false;
    if (a->pending_n++ == 0) {
        a->pending_first = a->next;
        a->pending_first_ms = rec->time_ms;
    }
    a->next++;
    buf_adds(&a->pending, buf_str(&line));
    return true;
}

/* A record of our own: n of something. */
static void tell_number(struct audit *a, uint64_t *n, const char *op, int status, const char *what)
{
    char object[128];
    struct audit_record rec = {.time_ms = clock_wall_ms(),
                               .op = op,
                               .api = "admin",
                               .status = status,
                               .request_id = ""};

    if (*n == 0)
        return;
    (void)snprintf(object, sizeof(object), "%" PRIu64 " %s", *n, what);
    rec.object = str_of(object);
    if (add_line(a, &rec))
        *n = 0;
}

static bool admit_stranger(struct audit *a)
{
    const uint64_t second = 1000000000;
    uint64_t now = clock_mono_ns();

    if (a->strangers_until_ns < now)
        a->strangers_until_ns = now;
    if (a->strangers_until_ns + second > now + AUDIT_STRANGERS * second) {
        a->strangers_untold++;
        return false;
    }
    a->strangers_until_ns += second;
    tell_number(a, &a->strangers_untold, "RefusedCalls", 401, STRANGERS);
    return true;
}

static void tell_writers(struct list *writers)
{
    struct list *it;

    while ((it = list_pop_front(writers))) {
        struct waiter *w = container_of(it, struct waiter, node);

        w->done(w->user);
        free(w);
    }
}

/* ---- batches ---- */

static void drop_old(struct audit *a, struct audit_batch *b)
{
    int64_t oldest_ms = clock_wall_ms() - (int64_t)a->conf.age_days * AUDIT_DAY_MS;
    uint64_t bytes = a->bytes + b->lines.n;
    uint32_t n = 0;

    /* A segment is as old as its last record, which is older than the next one's first. */
    while (n < DROPS && n + 1 < a->nsegments &&
           (bytes > a->conf.size_bytes || a->segments[n + 1].first_ms < oldest_ms)) {
        bytes -= a->segments[n].bytes;
        b->drop[n] = a->segments[n].first;
        n++;
    }
    b->ndrop = n;
}

static void on_written(void *user);

/* On a worker thread. */
static void write_batch(void *user)
{
    struct audit *a = OBJ(user, struct audit, AUDIT_MAGIC);
    struct audit_batch *b = a->batch;
    char name[AUDIT_NAME];

    b->r = audit_append(&a->writer, b->first, buf_str(&b->lines));
    for (uint32_t i = 0; b->r == 0 && i < b->ndrop; i++) {
        audit_name(b->drop[i], name);
        (void)unlinkat(a->dir, name, 0);
    }
}

static bool segment_is_full(const struct audit *a)
{
    uint64_t most = a->conf.size_bytes / 4 < AUDIT_SEGMENT ? a->conf.size_bytes / 4 : AUDIT_SEGMENT;
    const struct audit_segment *last = &a->segments[a->nsegments - 1];

    return a->writer.bytes >= most ||
           (last->bytes > 0 && clock_wall_ms() - last->first_ms > AUDIT_DAY_MS);
}

static void start_batch(struct audit *a)
{
    struct audit_batch *b;

    if (a->batch || a->pending_n == 0)
        return;
    loop_timer_stop(a->retry);
    if (a->writer.fd >= 0 && segment_is_full(a))
        a->writer.fd = fd_close(a->writer.fd);
    b = a->batch = xnew(struct audit_batch);
    buf_move(&b->lines, &a->pending);
    buf_init(&a->pending, AUDIT_PENDING);
    b->first = a->pending_first;
    b->last = a->pending_first + a->pending_n - 1;
    b->first_ms = a->pending_first_ms;
    b->n = a->pending_n;
    b->fresh = a->writer.fd < 0;
    a->pending_n = 0;
    list_init(&b->writers);
    while (!list_empty(&a->writers))
        list_push_back(&b->writers, list_pop_front(&a->writers));
    drop_old(a, b);
    loop_work(a->loop, write_batch, on_written, a);
}

static void account(struct audit *a, const struct audit_batch *b)
{
    for (uint32_t i = 0; i < b->ndrop; i++)
        a->bytes -= a->segments[i].bytes;
    a->nsegments -= b->ndrop;
    memmove(a->segments, a->segments + b->ndrop, a->nsegments * sizeof(*a->segments));

    /* An empty one of this name was written over. */
    if (b->fresh && a->nsegments && a->segments[a->nsegments - 1].first == b->first)
        a->nsegments--;
    if (b->fresh &&
        a->nsegments == AUDIT_SEGMENTS) /* one too many to know: it counts for the last */
        a->nsegments--;
    if (b->fresh)
        a->segments[a->nsegments++] =
                (struct audit_segment){.first = b->first, .first_ms = b->first_ms};
    if (a->segments[a->nsegments - 1].bytes == 0)
        a->segments[a->nsegments - 1].first_ms = b->first_ms;
    a->segments[a->nsegments - 1].bytes += b->lines.n;
    a->bytes += b->lines.n;
    a->records += b->n;
    a->durable = b->last;
}

/* In front of what came meanwhile: add_line() kept room for both. */
static void take_back(struct audit *a, struct audit_batch *b)
{
    struct buf all;

    buf_init(&all, AUDIT_PENDING);
    buf_adds(&all, buf_str(&b->lines));
    buf_adds(&all, buf_str(&a->pending));
    buf_done(&a->pending);
    buf_move(&a->pending, &all);
    a->pending_first = b->first;
    a->pending_first_ms = b->first_ms;
    a->pending_n += b->n;
}

static void say_failed(struct audit *a, int r)
{
    char reason[128];

    (void)snprintf(reason, sizeof(reason), "the audit trail cannot be written: %s", strerror(-r));
    if (!a->failing)
        log_err(&cx, "%s; %s, retrying every second", reason,
                a->conf.strict ? "changes are refused" : "changes go on");
    a->failing = true;
    health_set(a->health, "audit", reason);
}

void audit_settle(struct audit *a)
{
    a->quiet = a->closing && !a->telling && !a->batch && a->nreading == 0 &&
               (a->pending_n == 0 || a->failing);
}

static void on_written(void *user)
{
    struct audit *a = OBJ(user, struct audit, AUDIT_MAGIC);
    struct audit_batch *b = TAKE_PTR(a->batch);

    if (b->r == 0) {
        account(a, b);
        if (a->failing)
            log_info(&cx, "the audit trail is written again");
        a->failing = false;
        health_set(a->health, "audit", NULL);
        tell_number(a, &a->lost_untold, "AuditLost", 503, "records could not be written");
    } else {
        a->failures++;
        take_back(a, b);
        say_failed(a, b->r);
        loop_timer_start(a->retry, RETRY_MS);
    }
    tell_writers(&b->writers);
    if (b->r < 0)
        tell_writers(&a->writers); /* theirs would not come sooner than a second */
    else
        start_batch(a);
    if (b->r == 0)
        audit_wake(a);
    buf_done(&b->lines);
    free(b);
    audit_settle(a);
}

static void on_retry(void *user)
{
    start_batch(OBJ(user, struct audit, AUDIT_MAGIC));
}

/* Once per turn: what one turn brought is one batch. */
static void on_turn(void *user)
{
    struct audit *a = OBJ(user, struct audit, AUDIT_MAGIC);

    a->telling = false;
    if (a->failing)
        tell_writers(&a->writers);
    else
        start_batch(a);
    audit_settle(a);
}

void audit_write(struct audit *a, const struct audit_record *rec, void (*done)(void *user),
                 void *user)
{
    if (rec->stranger && !admit_stranger(a))
        return; /* nobody waits for such a record */
    if (!rec->stranger)
        tell_number(a, &a->strangers_untold, "RefusedCalls", 401, STRANGERS);
    if (a->lost_untold || !add_line(a, rec)) {
        a->lost++;
        a->lost_untold++;
    }
    if (done) {
        struct waiter *w = xnew(struct waiter);

        w->done = done;
        w->user = user;
        list_push_back(&a->writers, &w->node);
    }
    if (!a->telling)
        loop_defer(a->loop, on_turn, a);
    a->telling = true;
}

/* ---- life ---- */

const struct audit_conf *audit_conf(const struct audit *a)
{
    return &a->conf;
}

void audit_keep(struct audit *a, const struct audit_conf *conf)
{
    a->conf = *conf;
}

bool audit_failing(const struct audit *a)
{
    return a->failing;
}

/* Go on where the last one ended, unless it is damaged. */
static int open_segment(struct audit *a, uint32_t damaged)
{
    const struct audit_segment *last = &a->segments[a->nsegments - 1];
    char name[AUDIT_NAME];

    if (a->nsegments > 0 && !damaged) {
        audit_name(last->first, name);
        a->writer.fd = openat(a->dir, name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
        a->writer.bytes = last->bytes;
        return a->writer.fd < 0 ? -errno : 0;
    }
    if (a->nsegments == AUDIT_SEGMENTS)
        a->nsegments--;
    a->segments[a->nsegments++] =
            (struct audit_segment){.first = a->next, .first_ms = clock_wall_ms()};
    return audit_begin(&a->writer, a->next);
}

int audit_open(struct loop *l, const char *path, const struct audit_conf *conf,
               struct health *health, struct audit **ret, struct err *e)
{
    struct audit *a = xnew(struct audit);
    uint32_t damaged = 0;
    int r;

    a->magic = AUDIT_MAGIC;
    a->loop = l;
    a->health = health;
    a->conf = *conf;
    a->dir = a->writer.fd = -EBADF;
    a->segments = xcalloc(AUDIT_SEGMENTS, sizeof(*a->segments));
    list_init(&a->writers);
    list_init(&a->asked);
    buf_init(&a->pending, AUDIT_PENDING);
    a->retry = loop_timer_new(l, on_retry, a);
    r = io_mkdir_p(path, 0700, e);
    if (r == 0) {
        a->dir = a->writer.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = a->dir < 0 ? err_sys(e, "open '%s'", path) : 0;
    }
    if (r == 0)
        r = audit_scan(a->dir, a->segments, &a->nsegments, &a->next, &damaged, e);
    if (r < 0) {
        audit_close(a);
        return r;
    }
    if (damaged)
        log_err(&cx, "%" PRIu32 " records of the audit trail are damaged, going on in a new file",
                damaged);
    a->durable = a->next - 1;
    for (uint32_t i = 0; i < a->nsegments; i++)
        a->bytes += a->segments[i].bytes;
    r = open_segment(a, damaged);
    if (r < 0)
        say_failed(a, r); /* a disk that is full now: the first record tries again */
    *ret = a;
    return 0;
}

struct audit *audit_close(struct audit *a)
{
    if (!a)
        return NULL;
    audit_shut(a);
    a->closing = true;
    audit_settle(a);
    if (!a->quiet)
        loop_run_until(a->loop, &a->quiet);
    if (a->pending_n > 0 || a->lost_untold)
        log_err(&cx, "%" PRIu64 " records of the audit trail were never written",
                a->pending_n + a->lost_untold);
    loop_timer_free(a->retry);
    fd_close(a->writer.fd);
    fd_close(a->dir);
    buf_done(&a->pending);
    free(a->segments);
    a->magic = 0;
    free(a);
    return NULL;
}

void audit_shut(struct audit *a)
{
    a->shut = true;
    audit_stop_asking(a);
}

void audit_stats(const struct audit *a, struct audit_stats *ret)
{
    *ret = (struct audit_stats){.records = a->records,
                                .failures = a->failures,
                                .lost = a->lost,
                                .bytes = a->bytes,
                                .segments = a->nsegments,
                                .first = a->nsegments ? a->segments[0].first : a->next,
                                .last = a->durable,
                                .pending_bytes = a->pending.n + (a->batch ? a->batch->lines.n : 0)};
}
