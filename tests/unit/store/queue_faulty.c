/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_faulty.c - a queue store behind a bad line.
 *
 * Each call becomes a job (queue_job.h copies what was asked) in a line of its own. The pump takes
 * the first, draws what happens to it, and hands it to the store behind, once, twice or not at all.
 * The job's completion is told what came back, or what the fault makes of it.
 */
#include "queue_faulty.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "store/lease.h"
#include "store/queue_job.h"

enum { FAULTY_MAGIC = 0x66617571, LATE_MS = 3 };

struct faulty {
    struct queue queue; /* first: see queue.h */
    uint32_t magic;
    struct queue *inner; /* owned */
    struct loop_timer *pump;
    struct list line; /* jobs in the order they were asked */
    const uint32_t *percent;
    uint64_t hits[QUEUE_FAULTS];
    unsigned seed;
    bool was_late;   /* the first of the line */
    struct str name; /* owned: of the lease that was won last */
    uint64_t token;
};

/* A job at the store behind. */
struct flight {
    struct q_job *job; /* owned */
    struct faulty *f;
    uint32_t answers; /* still to come; only the last is told */
    bool lost;        /* not even that one */
};

static struct faulty *of(const struct queue *q)
{
    return OBJ((void *)q, struct faulty, FAULTY_MAGIC);
}

static bool hit(struct faulty *f, enum queue_fault fault)
{
    if ((uint32_t)rand_r(&f->seed) % 100 >= f->percent[fault])
        return false;
    f->hits[fault]++;
    return true;
}

static void give_up(struct q_job *job, int r)
{
    q_job_fail(job, r);
    q_job_complete(job);
}

/* The job whose completion is to be called with this answer, or NULL. Frees the flight. */
static struct q_job *arrived(void *user)
{
    struct flight *fl = user;
    struct q_job *job = fl->job;
    bool lost = fl->lost;

    if (--fl->answers > 0)
        return NULL;
    free(fl);
    if (!lost)
        return job;
    give_up(job, -EINPROGRESS);
    return NULL;
}

static void on_each(void *user, int r, const int *ret, uint32_t n)
{
    struct q_job *job = arrived(user);

    if (job && job->kind == Q_JOB_PUT)
        job->fn.put(job->user, r, ret, n);
    else if (job)
        job->fn.items(job->user, r, ret, n);
    q_job_free(job);
}

static void on_events(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct q_job *job = arrived(user);

    if (job)
        job->fn.events(job->user, r, events, n, more);
    q_job_free(job);
}

static void on_count(void *user, int r, uint64_t count)
{
    struct q_job *job = arrived(user);

    if (job)
        job->fn.count(job->user, r, count);
    q_job_free(job);
}

static void on_rows(void *user, int r, const struct q_ledger *rows, uint32_t n)
{
    struct q_job *job = arrived(user);

    if (job)
        job->fn.ledger(job->user, r, rows, n);
    q_job_free(job);
}

static void on_ready(void *user, int r, const struct q_ready *rows, uint32_t n)
{
    struct q_job *job = arrived(user);

    if (job)
        job->fn.ready(job->user, r, rows, n);
    q_job_free(job);
}

static void on_value(void *user, int r, struct str value)
{
    struct q_job *job = arrived(user);

    if (job)
        job->fn.cursor(job->user, r, value);
    q_job_free(job);
}

static void on_token(void *user, int r, uint64_t token)
{
    struct flight *fl = user;
    struct faulty *f = fl->f;
    struct q_job *job;

    if (r == 0 && fl->job->kind == Q_JOB_CAMPAIGN) {
        free((char *)f->name.p);
        f->name = (struct str){str_dup(fl->job->asked.name), fl->job->asked.name.n};
        f->token = token;
    }
    job = arrived(fl);
    if (job)
        job->fn.lease(job->user, r, token);
    q_job_free(job);
}

static void on_backup(void *user, int r)
{
    struct q_job *job = arrived(user);

    if (job)
        job->fn.backup(job->user, r);
    q_job_free(job);
}

static void hand_over(struct flight *fl)
{
    const struct q_asked *a = &fl->job->asked;
    struct queue *q = fl->f->inner;

    switch (fl->job->kind) {
    case Q_JOB_PUT:
        q_put(q, &a->put, on_each, fl);
        break;
    case Q_JOB_LEASE:
        q_lease(q, &a->lease, on_events, fl);
        break;
    case Q_JOB_EXTEND:
        q_extend(q, a->token, a->items, a->n, a->ms, on_each, fl);
        break;
    case Q_JOB_AGAIN:
        q_again(q, a->token, a->agains, a->n, on_each, fl);
        break;
    case Q_JOB_FINISH:
        q_finish(q, a->token, a->ends, a->n, on_each, fl);
        break;
    case Q_JOB_CANCEL:
        q_cancel(q, a->name, a->note, on_count, fl);
        break;
    case Q_JOB_REDRIVE:
        q_redrive(q, &a->filter, a->at_ms, on_count, fl);
        break;
    case Q_JOB_PURGE:
        q_purge(q, &a->filter, on_count, fl);
        break;
    case Q_JOB_LIST:
        q_list(q, &a->filter, on_events, fl);
        break;
    case Q_JOB_COUNTS:
        q_counts(q, &a->filter, on_rows, fl);
        break;
    case Q_JOB_READY:
        q_ready(q, on_ready, fl);
        break;
    case Q_JOB_CURSOR:
        q_cursor(q, a->name, on_value, fl);
        break;
    case Q_JOB_PASS:
        q_pass(q, a->name, a->source, a->number, a->cursor, on_count, fl);
        break;
    case Q_JOB_TRIM:
        q_trim(q, a->at_ms, a->keep, (uint32_t)a->number, on_count, fl);
        break;
    case Q_JOB_CAMPAIGN:
        lease_campaign(q, a->name, a->ms, on_token, fl);
        break;
    case Q_JOB_KEEP:
        lease_keep(q, a->name, a->token, a->ms, on_token, fl);
        break;
    case Q_JOB_REVOKE:
        lease_revoke(q, a->name, a->token, on_token, fl);
        break;
    case Q_JOB_BACKUP:
        q_backup(q, a->name, on_backup, fl);
        break;
    case Q_JOBS:
        assert(false);
    }
}

static void forward(struct faulty *f, struct q_job *job, uint32_t times, bool lost)
{
    struct flight *fl = xnew(struct flight);

    *fl = (struct flight){job, f, times, lost};
    for (uint32_t i = 0; i < times; i++)
        hand_over(fl);
}

static void nobody(void *user, int r, uint64_t token)
{
    (void)user;
    (void)r;
    (void)token;
}

static void take_lease(struct faulty *f)
{
    lease_revoke(f->inner, f->name, f->token, nobody, NULL);
}

static bool only_reads(const struct q_job *job)
{
    switch (job->kind) {
    case Q_JOB_LIST:
    case Q_JOB_COUNTS:
    case Q_JOB_READY:
    case Q_JOB_CURSOR:
    case Q_JOB_BACKUP:
        return true;
    case Q_JOB_PUT:
    case Q_JOB_LEASE:
    case Q_JOB_EXTEND:
    case Q_JOB_AGAIN:
    case Q_JOB_FINISH:
    case Q_JOB_CANCEL:
    case Q_JOB_REDRIVE:
    case Q_JOB_PURGE:
    case Q_JOB_PASS:
    case Q_JOB_TRIM:
    case Q_JOB_CAMPAIGN:
    case Q_JOB_KEEP:
    case Q_JOB_REVOKE:
    case Q_JOBS:
        break;
    }
    return false;
}

static void send(struct faulty *f, struct q_job *job)
{
    if (job->work.r < 0) {
        q_job_complete(job);
        return;
    }
    if (only_reads(job)) {
        forward(f, job, 1, false);
        return;
    }
    if (f->token > 0 && hit(f, FAULT_NO_LEASE))
        take_lease(f);
    if (hit(f, FAULT_BUSY))
        give_up(job, -EAGAIN);
    else if (hit(f, FAULT_NOT_APPLIED))
        give_up(job, -EINPROGRESS);
    else if (hit(f, FAULT_APPLIED))
        forward(f, job, 1, true);
    else
        forward(f, job, hit(f, FAULT_TWICE) ? 2 : 1, false);
}

static void on_pump(void *user)
{
    struct faulty *f = OBJ(user, struct faulty, FAULTY_MAGIC);
    struct list *n;

    while ((n = list_first(&f->line))) {
        if (!f->was_late && hit(f, FAULT_LATE)) {
            f->was_late = true;
            loop_timer_start(f->pump, 1 + (uint64_t)rand_r(&f->seed) % LATE_MS);
            return;
        }
        f->was_late = false;
        list_remove(n);
        send(f, container_of(n, struct q_job, work.node));
    }
}

static struct q_job *ask(struct queue *q, enum q_job_kind kind, const struct q_asked *asked,
                         void *user)
{
    struct faulty *f = of(q);
    struct q_job *job = q_job_new(kind, asked, user);

    list_push_back(&f->line, &job->work.node);
    if (!loop_timer_running(f->pump))
        loop_timer_start(f->pump, 0);
    return job;
}

static void fa_put(struct queue *q, const struct q_put *put, q_put_fn *fn, void *user)
{
    ask(q, Q_JOB_PUT, &(struct q_asked){.put = *put}, user)->fn.put = fn;
}

static void fa_lease(struct queue *q, const struct q_lease *lease, q_events_fn *fn, void *user)
{
    ask(q, Q_JOB_LEASE, &(struct q_asked){.lease = *lease}, user)->fn.events = fn;
}

static void fa_extend(struct queue *q, uint64_t token, const struct q_item *items, uint32_t n,
                      uint32_t visible_ms, q_items_fn *fn, void *user)
{
    struct q_asked asked = {.token = token, .items = items, .n = n, .ms = visible_ms};

    ask(q, Q_JOB_EXTEND, &asked, user)->fn.items = fn;
}

static void fa_again(struct queue *q, uint64_t token, const struct q_again *items, uint32_t n,
                     q_items_fn *fn, void *user)
{
    struct q_asked asked = {.token = token, .agains = items, .n = n};

    ask(q, Q_JOB_AGAIN, &asked, user)->fn.items = fn;
}

static void fa_finish(struct queue *q, uint64_t token, const struct q_end *items, uint32_t n,
                      q_items_fn *fn, void *user)
{
    struct q_asked asked = {.token = token, .ends = items, .n = n};

    ask(q, Q_JOB_FINISH, &asked, user)->fn.items = fn;
}

static void fa_cancel(struct queue *q, struct str id, struct str note, q_count_fn *fn, void *user)
{
    ask(q, Q_JOB_CANCEL, &(struct q_asked){.name = id, .note = note}, user)->fn.count = fn;
}

static void fa_redrive(struct queue *q, const struct q_filter *which, int64_t expires_ms,
                       q_count_fn *fn, void *user)
{
    struct q_asked asked = {.filter = *which, .at_ms = expires_ms};

    ask(q, Q_JOB_REDRIVE, &asked, user)->fn.count = fn;
}

static void fa_purge(struct queue *q, const struct q_filter *which, q_count_fn *fn, void *user)
{
    ask(q, Q_JOB_PURGE, &(struct q_asked){.filter = *which}, user)->fn.count = fn;
}

static void fa_list(struct queue *q, const struct q_filter *which, q_events_fn *fn, void *user)
{
    ask(q, Q_JOB_LIST, &(struct q_asked){.filter = *which}, user)->fn.events = fn;
}

static void fa_counts(struct queue *q, const struct q_filter *which, q_ledger_fn *fn, void *user)
{
    ask(q, Q_JOB_COUNTS, &(struct q_asked){.filter = *which}, user)->fn.ledger = fn;
}

static void fa_ready(struct queue *q, q_ready_fn *fn, void *user)
{
    ask(q, Q_JOB_READY, &(struct q_asked){0}, user)->fn.ready = fn;
}

static void fa_cursor(struct queue *q, struct str name, q_cursor_fn *fn, void *user)
{
    ask(q, Q_JOB_CURSOR, &(struct q_asked){.name = name}, user)->fn.cursor = fn;
}

static void fa_pass(struct queue *q, struct str queue, struct str source, uint64_t n,
                    const struct q_cursor *cursor, q_count_fn *fn, void *user)
{
    struct q_asked asked = {.name = queue, .source = source, .number = n, .cursor = cursor};

    ask(q, Q_JOB_PASS, &asked, user)->fn.count = fn;
}

static void fa_trim(struct queue *q, int64_t ended_before_ms, uint64_t keep, uint32_t most,
                    q_count_fn *fn, void *user)
{
    struct q_asked asked = {.at_ms = ended_before_ms, .keep = keep, .number = most};

    ask(q, Q_JOB_TRIM, &asked, user)->fn.count = fn;
}

static void fa_campaign(struct queue *q, struct str name, uint32_t ttl_ms, lease_fn *fn, void *user)
{
    ask(q, Q_JOB_CAMPAIGN, &(struct q_asked){.name = name, .ms = ttl_ms}, user)->fn.lease = fn;
}

static void fa_keep(struct queue *q, struct str name, uint64_t token, uint32_t ttl_ms, lease_fn *fn,
                    void *user)
{
    struct q_asked asked = {.name = name, .token = token, .ms = ttl_ms};

    ask(q, Q_JOB_KEEP, &asked, user)->fn.lease = fn;
}

static void fa_revoke(struct queue *q, struct str name, uint64_t token, lease_fn *fn, void *user)
{
    ask(q, Q_JOB_REVOKE, &(struct q_asked){.name = name, .token = token}, user)->fn.lease = fn;
}

static void fa_backup(struct queue *q, struct str path, q_backup_fn *fn, void *user)
{
    ask(q, Q_JOB_BACKUP, &(struct q_asked){.name = path}, user)->fn.backup = fn;
}

/* What still stands in line is carried out, without faults. */
static void fa_close(struct queue *q)
{
    struct faulty *f = of(q);
    struct list *n;

    loop_timer_free(f->pump);
    while ((n = list_pop_front(&f->line)))
        forward(f, container_of(n, struct q_job, work.node), 1, false);
    f->inner = q_close(f->inner);
    free((char *)f->name.p);
    f->magic = 0;
    free(f);
}

static const struct queue_ops faulty_ops = {
        .put = fa_put,
        .lease = fa_lease,
        .extend = fa_extend,
        .again = fa_again,
        .finish = fa_finish,
        .cancel = fa_cancel,
        .redrive = fa_redrive,
        .purge = fa_purge,
        .list = fa_list,
        .counts = fa_counts,
        .ready = fa_ready,
        .cursor = fa_cursor,
        .pass = fa_pass,
        .trim = fa_trim,
        .campaign = fa_campaign,
        .keep = fa_keep,
        .revoke = fa_revoke,
        .backup = fa_backup,
        .close = fa_close,
};

struct queue *queue_faulty_new(struct loop *l, struct queue *inner,
                               const uint32_t percent[QUEUE_FAULTS], unsigned seed)
{
    struct faulty *f = xnew(struct faulty);

    f->queue.ops = &faulty_ops;
    f->magic = FAULTY_MAGIC;
    f->inner = inner;
    f->percent = percent;
    f->seed = seed;
    f->pump = loop_timer_new(l, on_pump, f);
    list_init(&f->line);
    return &f->queue;
}

const uint64_t *queue_faulty_hits(const struct queue *q)
{
    return of(q)->hits;
}
