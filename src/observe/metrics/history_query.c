/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history_query.c - what was is told, step by step.
 *
 * A question takes along what the loop owns (the frames that are in no file yet, the open minute, how
 * far the files written to are whole) and is answered by a worker. Minutes that come twice (a daemon
 * that was restarted within one, a clock set back) are added up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "observe/metrics/history_file.h"
#include "observe/metrics/history_internal.h"

enum { QUERY_MAGIC = 0x48515259 };

struct query {
    uint32_t magic;
    struct history *h;
    int dir; /* borrowed: the history waits for us */
    uint64_t id;
    uint64_t *ids; /* owned, in order; NULL: only that one */
    size_t nids;
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

static int by_id(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void take_some(struct query *q, struct history_frame *f)
{
    struct span sum = {0}, s;
    uint64_t id;

    while (history_next_row(f, &id, &s))
        if (bsearch(&id, q->ids, q->nids, sizeof(id), by_id))
            span_add(&sum, &s);
    if (!span_empty(&sum))
        take_minute(q, f->minute, &sum);
}

static void take_frame(struct query *q, struct history_frame *f)
{
    struct span s;
    uint64_t id;

    if (f->minute < q->from || f->minute >= q->to)
        return;
    if (q->ids) {
        take_some(q, f);
        return;
    }
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
    cleanup_free struct history_day_file *days = NULL;
    size_t ndays = history_days(q->dir, &days);

    for (size_t i = 0; i < ndays; i++) {
        cleanup_with(buf_done) struct buf file;
        uint64_t limit = HISTORY_FILE_MAX;

        buf_init(&file, HISTORY_FILE_MAX);
        if (days[i].day < q->from / HISTORY_DAY_MINUTES ||
            days[i].day > (q->to - 1) / HISTORY_DAY_MINUTES)
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
    history_settle(q->h);
    q->done(q->user, q->points, q->n);
    buf_done(&q->pending);
    free(q->ids);
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
    if (ask->ids) {
        q->ids = xcalloc(ask->nids + 1, sizeof(*q->ids));
        memcpy(q->ids, ask->ids, ask->nids * sizeof(*q->ids));
        qsort(q->ids, ask->nids, sizeof(*q->ids), by_id);
        q->nids = ask->nids;
    }
    q->from = ask->from;
    q->to = ask->to;
    q->step = ask->step;
    q->at = -1;
    memcpy(q->day, h->day, sizeof(q->day));
    memcpy(q->day_bytes, h->day_bytes, sizeof(q->day_bytes));
    buf_init(&q->pending, SIZE_MAX / 2);
    list_each (it, &h->pending)
        buf_adds(&q->pending, buf_str(&container_of(it, struct history_minute, node)->bytes));
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
    history_settle(h);
    loop_work(h->loop, work_query, on_queried, q);
    return 0;
}
