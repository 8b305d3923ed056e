/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_job.c - a request to a queue store, from the call to its completion.
 *
 * A job owns a copy of everything the caller passed, because the caller's views end with the call
 * and the work happens later, on another thread. The copy is one piece of memory: keep_all() walks
 * the request twice, first to measure (no room yet), then to copy.
 */
#include "store/queue_job.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct q_block {
    struct q_block *next; /* owned */
    char bytes[];
};

struct room {
    char *p; /* NULL: only measure */
    size_t n;
};

static struct str keep(struct room *to, struct str s)
{
    struct str kept = s;

    if (to->p && s.p) {
        kept.p = to->p + to->n;
        memcpy(to->p + to->n, s.p, s.n);
    }
    to->n += s.n;
    return kept;
}

/* The array as it is, views and all; NULL while measuring. */
static void *keep_array(struct room *to, const void *from, size_t n, size_t size)
{
    char *kept;

    to->n = (to->n + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    kept = to->p ? to->p + to->n : NULL;
    if (kept && n > 0)
        memcpy(kept, from, n * size);
    to->n += n * size;
    return n > 0 ? kept : NULL;
}

static const struct q_record *keep_records(struct room *to, const struct q_record *from, uint32_t n)
{
    struct q_record *kept = keep_array(to, from, n, sizeof(*from));

    for (uint32_t i = 0; i < n; i++) {
        struct q_record one = from[i];

        one.queue = keep(to, one.queue);
        one.source = keep(to, one.source);
        one.id = keep(to, one.id);
        one.dedup = keep(to, one.dedup);
        one.order = keep(to, one.order);
        one.attributes = keep(to, one.attributes);
        one.payload = keep(to, one.payload);
        if (kept)
            kept[i] = one;
    }
    return kept;
}

static const struct q_cursor *keep_cursors(struct room *to, const struct q_cursor *from, uint32_t n)
{
    struct q_cursor *kept = keep_array(to, from, n, sizeof(*from));

    for (uint32_t i = 0; i < n; i++) {
        struct q_cursor one = {keep(to, from[i].name), keep(to, from[i].expect),
                               keep(to, from[i].next)};

        if (kept)
            kept[i] = one;
    }
    return kept;
}

static const struct q_want *keep_wants(struct room *to, const struct q_want *from, uint32_t n)
{
    struct q_want *kept = keep_array(to, from, n, sizeof(*from));

    for (uint32_t i = 0; i < n; i++) {
        struct str queue = keep(to, from[i].queue);
        struct q_cap *caps = keep_array(to, from[i].caps, from[i].ncaps, sizeof(*caps));

        for (uint32_t k = 0; k < from[i].ncaps; k++) {
            struct str source = keep(to, from[i].caps[k].source);

            if (caps)
                caps[k].source = source;
        }
        if (kept) {
            kept[i].queue = queue;
            kept[i].caps = caps;
        }
    }
    return kept;
}

static const struct q_again *keep_agains(struct room *to, const struct q_again *from, uint32_t n)
{
    struct q_again *kept = keep_array(to, from, n, sizeof(*from));

    for (uint32_t i = 0; i < n; i++) {
        struct str note = keep(to, from[i].note);

        if (kept)
            kept[i].note = note;
    }
    return kept;
}

static const struct q_end *keep_ends(struct room *to, const struct q_end *from, uint32_t n)
{
    struct q_end *kept = keep_array(to, from, n, sizeof(*from));

    for (uint32_t i = 0; i < n; i++) {
        struct str note = keep(to, from[i].note);
        const struct q_record *puts = keep_records(to, from[i].puts, from[i].nputs);

        if (kept) {
            kept[i].note = note;
            kept[i].puts = puts;
        }
    }
    return kept;
}

static struct q_asked keep_all(struct room *to, const struct q_asked *from)
{
    struct q_asked kept = *from;

    kept.put.records = keep_records(to, from->put.records, from->put.nrecords);
    kept.put.cursors = keep_cursors(to, from->put.cursors, from->put.ncursors);
    kept.lease.wants = keep_wants(to, from->lease.wants, from->lease.nwants);
    kept.filter.queue = keep(to, from->filter.queue);
    kept.filter.prefix = keep(to, from->filter.prefix);
    kept.filter.source = keep(to, from->filter.source);
    kept.filter.id = keep(to, from->filter.id);
    if (from->items)
        kept.items = keep_array(to, from->items, from->n, sizeof(*from->items));
    if (from->agains)
        kept.agains = keep_agains(to, from->agains, from->n);
    if (from->ends)
        kept.ends = keep_ends(to, from->ends, from->n);
    kept.name = keep(to, from->name);
    kept.note = keep(to, from->note);
    kept.source = keep(to, from->source);
    if (from->cursor)
        kept.cursor = keep_cursors(to, from->cursor, 1);
    return kept;
}

static bool records_fit(const struct q_record *records, uint32_t n)
{
    if (n > Q_RECORDS)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        const struct q_record *rec = &records[i];

        assert(rec->queue.n > 0 && rec->id.n > 0);
        if (rec->queue.n > Q_NAME || rec->source.n > Q_SOURCE || rec->id.n > Q_ID ||
            rec->dedup.n > Q_ID || rec->order.n > Q_ID || rec->priority > 9 ||
            rec->attributes.n > Q_ATTRIBUTES || rec->payload.n > Q_PAYLOAD)
            return false;
    }
    return true;
}

static bool cursors_fit(const struct q_cursor *cursors, uint32_t n)
{
    if (n > Q_CURSORS)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (cursors[i].name.n > Q_ID || cursors[i].expect.n > Q_ID || cursors[i].next.n > Q_ID)
            return false;
    return true;
}

static bool items_fit(const struct q_asked *a)
{
    if (a->n > Q_RECORDS)
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->agains && a->agains[i].note.n > Q_NOTE)
            return false;
        if (!a->ends)
            continue;
        assert(a->ends[i].state >= Q_DONE && a->ends[i].state <= Q_CANCELLED);
        if (a->ends[i].note.n > Q_NOTE || !records_fit(a->ends[i].puts, a->ends[i].nputs))
            return false;
    }
    return true;
}

static bool caps_fit(const struct q_want *want)
{
    if (want->ncaps > Q_CAPS)
        return false;
    for (uint32_t i = 0; i < want->ncaps; i++)
        if (want->caps[i].source.n > Q_SOURCE)
            return false;
    return true;
}

static bool wants_fit(const struct q_lease *l)
{
    if (l->nwants > Q_RECORDS)
        return false;
    for (uint32_t i = 0; i < l->nwants; i++)
        if (l->wants[i].queue.n > Q_NAME || !caps_fit(&l->wants[i]))
            return false;
    return true;
}

static bool filter_fits(const struct q_filter *f)
{
    return f->queue.n <= Q_NAME && f->prefix.n <= Q_NAME && f->source.n <= Q_SOURCE &&
           f->id.n <= Q_ID && f->limit <= Q_LIST;
}

/* What a job's `name` may have: a queue's name, a path, or an id. */
static size_t most_name(enum q_job_kind kind)
{
    if (kind == Q_JOB_BACKUP)
        return SIZE_MAX;
    return kind == Q_JOB_PASS ? Q_NAME : Q_ID;
}

static bool fits(enum q_job_kind kind, const struct q_asked *a)
{
    return records_fit(a->put.records, a->put.nrecords) &&
           cursors_fit(a->put.cursors, a->put.ncursors) && wants_fit(&a->lease) && items_fit(a) &&
           filter_fits(&a->filter) && a->name.n <= most_name(kind) && a->note.n <= Q_NOTE &&
           a->source.n <= Q_SOURCE && (!a->cursor || cursors_fit(a->cursor, 1));
}

struct q_job *q_job_new(enum q_job_kind kind, const struct q_asked *asked, void *user)
{
    struct q_job *job = xnew(struct q_job);
    struct room room = {NULL, 0};
    uint32_t n;

    list_init(&job->work.node);
    job->kind = kind;
    job->user = user;
    if (!fits(kind, asked)) {
        job->work.r = -E2BIG;
        return job;
    }
    job->work.deadline_ns = kind == Q_JOB_PUT ? asked->put.deadline_ns : asked->lease.deadline_ns;
    (void)keep_all(&room, asked);
    job->room = room.p = xrealloc(NULL, room.n + 1, 1);
    room.n = 0;
    job->asked = keep_all(&room, asked);
    n = q_job_items(job);
    job->each = n > 0 ? xcalloc(n, sizeof(*job->each)) : NULL;
    return job;
}

uint32_t q_job_items(const struct q_job *job)
{
    return job->kind == Q_JOB_PUT ? job->asked.put.nrecords : job->asked.n;
}

void q_job_restart(struct q_job *job)
{
    uint32_t n = q_job_items(job);

    if (job->each)
        memset(job->each, 0, n * sizeof(*job->each));
    while (job->blocks) {
        struct q_block *b = job->blocks;

        job->blocks = b->next;
        free(b);
    }
    free(job->events);
    free(job->rows);
    free(job->queues);
    free(job->found);
    job->found = NULL;
    job->nfound = 0;
    job->walking = false;
    job->events = NULL;
    job->rows = NULL;
    job->queues = NULL;
    job->n = 0;
    job->bytes = 0;
    job->more = false;
    job->count = 0;
    job->place = 0;
    job->value = STR_NONE;
    job->work.r = 0;
}

void q_job_fail(struct q_job *job, int r)
{
    q_job_restart(job);
    job->work.r = r;
}

struct q_job *q_job_free(struct q_job *job)
{
    if (!job)
        return NULL;
    list_remove(&job->work.node);
    q_job_restart(job);
    free(job->each);
    free(job->room);
    free(job);
    return NULL;
}

static char *more_bytes(struct q_job *job, size_t n)
{
    struct q_block *b = xrealloc(NULL, 1, sizeof(*b) + n + 1);

    b->next = job->blocks;
    job->blocks = b;
    job->bytes += n;
    return b->bytes;
}

struct str q_job_keep(struct q_job *job, struct str s)
{
    struct room room = {more_bytes(job, s.n), 0};

    return keep(&room, s);
}

/* Room for one more at the end of an answer's array. */
static void *grow(struct q_job *job, void *array, size_t size)
{
    if ((job->n & (job->n - 1)) == 0) /* 0, 1, 2, 4, ...: full, so double it */
        array = xrealloc(array, job->n > 0 ? 2 * (size_t)job->n : 1, size);
    job->n++;
    return array;
}

void q_job_add_event(struct q_job *job, const struct q_event *event)
{
    struct q_event one = *event;
    struct room room = {0};

    room.p = more_bytes(job, one.queue.n + one.source.n + one.id.n + one.dedup.n + one.order.n +
                                     one.attributes.n + one.payload.n + one.note.n);
    one.queue = keep(&room, one.queue);
    one.source = keep(&room, one.source);
    one.id = keep(&room, one.id);
    one.dedup = keep(&room, one.dedup);
    one.order = keep(&room, one.order);
    one.attributes = keep(&room, one.attributes);
    one.payload = keep(&room, one.payload);
    one.note = keep(&room, one.note);
    job->events = grow(job, job->events, sizeof(one));
    job->events[job->n - 1] = one;
}

void q_job_add_row(struct q_job *job, const struct q_ledger *row)
{
    struct q_ledger one = *row;

    one.queue = q_job_keep(job, row->queue);
    one.source = q_job_keep(job, row->source);
    job->rows = grow(job, job->rows, sizeof(one));
    job->rows[job->n - 1] = one;
}

void q_job_add_queue(struct q_job *job, const struct q_ready *queue)
{
    struct q_ready one = *queue;

    one.queue = q_job_keep(job, queue->queue);
    job->queues = grow(job, job->queues, sizeof(one));
    job->queues[job->n - 1] = one;
}

void q_job_complete(struct q_job *job)
{
    int r = job->work.r;

    switch (job->kind) {
    case Q_JOB_PUT:
        job->fn.put(job->user, r, job->each, r == 0 ? q_job_items(job) : 0);
        break;
    case Q_JOB_LEASE:
    case Q_JOB_LIST:
        job->fn.events(job->user, r, job->events, job->n, job->more);
        break;
    case Q_JOB_EXTEND:
    case Q_JOB_AGAIN:
    case Q_JOB_FINISH:
        job->fn.items(job->user, r, job->each, r == 0 ? q_job_items(job) : 0);
        break;
    case Q_JOB_CANCEL:
    case Q_JOB_REDRIVE:
    case Q_JOB_PURGE:
    case Q_JOB_PASS:
    case Q_JOB_TRIM:
        job->fn.count(job->user, r, job->count);
        break;
    case Q_JOB_COUNTS:
        job->fn.ledger(job->user, r, job->rows, job->n);
        break;
    case Q_JOB_READY:
        job->fn.ready(job->user, r, job->queues, job->n);
        break;
    case Q_JOB_CURSOR:
        job->fn.cursor(job->user, r, job->value);
        break;
    case Q_JOB_CAMPAIGN:
    case Q_JOB_KEEP:
    case Q_JOB_REVOKE:
        job->fn.lease(job->user, r, job->count);
        break;
    case Q_JOB_BACKUP:
        job->fn.backup(job->user, r);
        break;
    case Q_JOBS:
        assert(false);
    }
    q_job_free(job);
}
