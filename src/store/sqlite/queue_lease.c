/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_lease.c - who may work (fencing tokens), and what there is to do.
 *
 * The order of what is due in a queue: first what ran and was not ended (its lease ran out, or its
 * holder is gone); then by priority; within one, first what had to wait for its moment, by that
 * moment, then the rest by seq. "The rest" is kept with moment 0, so that it is due whatever the
 * clock does. Each step is a range of an index, so a lease costs what it takes, however many wait.
 *
 * How long a lease lasts is measured on the monotonic clock: a jump of the wall clock must not hand
 * out what is being worked on. The file keeps such moments, but they mean nothing to the next who
 * opens it: to him every holder is gone.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "store/queue_job.h"
#include "store/sqlite/queue_db.h"

/* A lease is cut here, whatever was asked for: sixty-four payloads of 16 MiB are no answer. */
enum { LEASE_BYTES = 32 << 20 };

static struct qdb_holder *holder_of(struct qdb *db, struct str name)
{
    list_each (it, &db->holders) {
        struct qdb_holder *h = container_of(it, struct qdb_holder, node);

        if (str_eq(h->name, name))
            return h;
    }
    return NULL;
}

bool qdb_token_held(const struct qdb *db, uint64_t token)
{
    list_each (it, &db->holders)
        if (token > 0 && container_of(it, struct qdb_holder, node)->now.token == token)
            return true;
    return false;
}

void qdb_holders_settle(struct qdb *db, bool committed)
{
    list_each (it, &db->holders) {
        struct qdb_holder *h = container_of(it, struct qdb_holder, node);

        if (committed)
            h->committed = h->now;
        else
            h->now = h->committed;
    }
}

void qdb_holders_free(struct qdb *db)
{
    struct list *n;

    while ((n = list_pop_front(&db->holders))) {
        struct qdb_holder *h = container_of(n, struct qdb_holder, node);

        free((char *)h->name.p);
        free(h);
    }
}

static uint64_t until_ns(const struct qdb *db, uint32_t ms)
{
    return db->now_ns + (uint64_t)ms * 1000000;
}

/* The token is on disk before anybody holds it: see qdb_group(). */
int qdb_do_campaign(struct qdb *db, struct q_job *job)
{
    struct qdb_holder *h = holder_of(db, job->asked.name);

    if (h && h->now.token > 0 && h->now.until_ns > db->now_ns) {
        job->work.r = -EBUSY;
        return SQLITE_OK;
    }
    if (!h) {
        h = xnew(struct qdb_holder);
        h->name = (struct str){str_dup(job->asked.name), job->asked.name.n};
        list_push_back(&db->holders, &h->node);
    }
    h->now.token = ++db->meta.token;
    h->now.until_ns = until_ns(db, job->asked.ms);
    job->count = h->now.token;
    db->changed = true;
    return SQLITE_OK;
}

int qdb_do_keep(struct qdb *db, struct q_job *job)
{
    struct qdb_holder *h = holder_of(db, job->asked.name);

    if (!h || h->now.token == 0 || h->now.token != job->asked.token) {
        job->work.r = -ESTALE;
        return SQLITE_OK;
    }
    h->now.until_ns = until_ns(db, job->asked.ms);
    job->count = h->now.token;
    return SQLITE_OK;
}

int qdb_do_revoke(struct qdb *db, struct q_job *job)
{
    struct qdb_holder *h = holder_of(db, job->asked.name);

    if (!h || h->now.token == 0 || h->now.token != job->asked.token) {
        job->work.r = -ESTALE;
        return SQLITE_OK;
    }
    h->now.token = 0;
    job->count = job->asked.token;
    return SQLITE_OK;
}

/* What one queue has, up to a number. */
struct pick {
    const struct qdb_name *queue;
    const struct q_lease *lease;
    uint64_t seqs[Q_RECORDS];
    uint32_t n, most;
    struct pick_cap {
        const struct qdb_name *source; /* NULL: nothing is of it */
        uint32_t left;
    } caps[Q_CAPS];
    uint32_t ncaps;
};

static void pick_begin(struct qdb *db, struct pick *p, const struct qdb_name *queue,
                       const struct q_lease *lease, const struct q_want *want, uint32_t room)
{
    p->queue = queue;
    p->lease = lease;
    p->n = 0;
    p->most = want->most < room ? want->most : room;
    p->ncaps = lease->late ? 0 : want->ncaps;
    for (uint32_t i = 0; i < p->ncaps; i++)
        p->caps[i] = (struct pick_cap){qdb_name_find(db, want->caps[i].source), want->caps[i].most};
}

/* One more of a source. False: it may have no more. */
static bool count_source(struct pick *p, int64_t source)
{
    for (uint32_t i = 0; i < p->ncaps; i++) {
        struct pick_cap *cap = &p->caps[i];

        if (!cap->source || cap->source->id != source)
            continue;
        if (cap->left == 0)
            return false;
        cap->left--;
        return true;
    }
    return true;
}

/* Rows of a bound statement; those of a holder who is still there are left alone. */
static int pick_rows(struct qdb *db, struct pick *p, sqlite3_stmt *st, bool of_others)
{
    int code = SQLITE_OK;

    while (p->n < p->most && (code = sqlite3_step(st)) == SQLITE_ROW)
        if (!of_others || !qdb_token_held(db, (uint64_t)sqlite3_column_int64(st, 1)))
            p->seqs[p->n++] = (uint64_t)sqlite3_column_int64(st, 0);
    return qdb_end(st, code);
}

static int pick_run_out(struct qdb *db, struct pick *p)
{
    sqlite3_stmt *st = qdb_stmt(db, QDB_OF_OTHERS);
    int code;

    sqlite3_bind_int64(st, 1, p->queue->id);
    sqlite3_bind_int64(st, 2, (int64_t)p->lease->token);
    code = pick_rows(db, p, st, true);
    if (code != SQLITE_OK)
        return code;
    st = qdb_stmt(db, QDB_RUN_OUT);
    sqlite3_bind_int64(st, 1, p->queue->id);
    sqlite3_bind_int64(st, 2, (int64_t)p->lease->token);
    sqlite3_bind_int64(st, 3, (int64_t)(db->now_ns / 1000000));
    code = pick_rows(db, p, st, false);
    for (uint32_t i = 0; p->ncaps > 0 && i < p->n && code == SQLITE_OK; i++) {
        struct qdb_event ev;
        bool found;

        code = qdb_event_get(db, p->seqs[i], &ev, &found);
        if (code == SQLITE_OK && found)
            (void)count_source(p, ev.row->source->id);
    }
    return code;
}

static int pick_of_priority(struct qdb *db, struct pick *p, int priority)
{
    sqlite3_stmt *st = qdb_stmt(db, QDB_TIMED);
    int code;

    sqlite3_bind_int64(st, 1, p->queue->id);
    sqlite3_bind_int(st, 2, priority);
    sqlite3_bind_int64(st, 3, db->now_ms);
    code = pick_rows(db, p, st, false);
    if (code != SQLITE_OK)
        return code;
    st = qdb_stmt(db, QDB_AT_ONCE);
    sqlite3_bind_int64(st, 1, p->queue->id);
    sqlite3_bind_int(st, 2, priority);
    return pick_rows(db, p, st, false);
}

/* A waiting row: is it wanted? */
static bool judge(const struct qdb *db, struct pick *p, sqlite3_stmt *st)
{
    int64_t expires_ms = sqlite3_column_int64(st, 3);

    if (p->lease->late)
        return expires_ms > 0 && expires_ms <= db->now_ms;
    return count_source(p, sqlite3_column_int64(st, 1));
}

/* Where each row has to be looked at. So many unwanted ones are stepped over. */
static int pick_judged_rows(struct qdb *db, struct pick *p, int priority, enum qdb_stmt which)
{
    uint32_t unwanted = 0, most = p->lease->late ? Q_LATE : Q_CAPPED;
    int64_t until = p->lease->late ? INT64_MAX : db->now_ms;
    sqlite3_stmt *st = qdb_stmt(db, which);
    int code = SQLITE_OK;

    sqlite3_bind_int64(st, 1, p->queue->id);
    sqlite3_bind_int(st, 2, priority);
    while (p->n < p->most && unwanted < most && (code = sqlite3_step(st)) == SQLITE_ROW &&
           sqlite3_column_int64(st, 2) <= until) {
        if (judge(db, p, st))
            p->seqs[p->n++] = (uint64_t)sqlite3_column_int64(st, 0);
        else
            unwanted++;
    }
    return qdb_end(st, code);
}

static int pick_judged(struct qdb *db, struct pick *p, int priority)
{
    int code = pick_judged_rows(db, p, priority, QDB_JUDGE_TIMED);

    return code == SQLITE_OK ? pick_judged_rows(db, p, priority, QDB_JUDGE_AT_ONCE) : code;
}

/* The highest priority below one that something waits with; -1: none. */
static int next_priority(struct qdb *db, const struct qdb_name *queue, int below, int *ret)
{
    sqlite3_stmt *st = qdb_stmt(db, QDB_PRIORITY);
    int code;

    sqlite3_bind_int64(st, 1, queue->id);
    sqlite3_bind_int(st, 2, below);
    code = sqlite3_step(st);
    *ret = -1;
    if (code == SQLITE_ROW) {
        int64_t got = sqlite3_column_int64(st, 0);

        /* Lower each time, or who asks for the next would ask for ever. */
        if (sqlite3_column_type(st, 0) != SQLITE_INTEGER || got < 0 || got >= below)
            code = SQLITE_CORRUPT;
        else
            *ret = (int)got;
    }
    return qdb_end(st, code);
}

static int pick(struct qdb *db, struct pick *p)
{
    bool late = p->lease->late, judged = late || p->ncaps > 0;
    int code = SQLITE_OK, priority = 10;

    if (!late && qdb_ledger_sum(p->queue, Q_RUNNING) > 0)
        code = pick_run_out(db, p);
    while (code == SQLITE_OK && p->n < p->most) {
        code = next_priority(db, p->queue, priority, &priority);
        if (code != SQLITE_OK || priority < 0)
            break;
        code = judged ? pick_judged(db, p, priority) : pick_of_priority(db, p, priority);
    }
    return code;
}

static int take(struct qdb *db, struct q_job *job, uint64_t seq)
{
    const struct q_lease *l = &job->asked.lease;
    struct qdb_event ev;
    struct qdb_move to;
    bool found;
    int code;

    code = qdb_event_get(db, seq, &ev, &found);
    if (code != SQLITE_OK || !found)
        return code;
    to = (struct qdb_move){.to = Q_RUNNING,
                           .at = (int64_t)(db->now_ns / 1000000) + l->visible_ms,
                           .attempt = ev.attempt + 1,
                           .token = l->token,
                           .expires_ms = ev.expires_ms};
    code = qdb_event_move(db, &ev, &to);
    if (code != SQLITE_OK)
        return code;
    db->totals.leases++;
    return qdb_event_show(db, job, seq, true);
}

int qdb_do_lease(struct qdb *db, struct q_job *job)
{
    const struct q_lease *l = &job->asked.lease;
    int code = SQLITE_OK;

    if (!qdb_token_held(db, l->token)) {
        job->work.r = -ESTALE;
        return SQLITE_OK;
    }
    for (uint32_t i = 0; i < l->nwants && code == SQLITE_OK; i++) {
        const struct qdb_name *queue = qdb_name_find(db, l->wants[i].queue);
        struct pick p;

        job->more = job->n >= Q_RECORDS || job->bytes >= LEASE_BYTES;
        if (job->more)
            break;
        if (!queue)
            continue;
        pick_begin(db, &p, queue, l, &l->wants[i], Q_RECORDS - job->n);
        code = pick(db, &p);
        for (uint32_t k = 0; k < p.n && code == SQLITE_OK && !job->more; k++) {
            code = take(db, job, p.seqs[k]);
            job->more = k + 1 < p.n && job->bytes >= LEASE_BYTES;
        }
    }
    return code;
}

/* The first that waits, of one priority: what is due at once is so since it was put. */
static int least(struct qdb *db, const struct qdb_name *queue, int priority, struct q_ready *one)
{
    sqlite3_stmt *st = qdb_stmt(db, QDB_NEXT_TIMED);
    int64_t at, since;
    int code;

    sqlite3_bind_int64(st, 1, queue->id);
    sqlite3_bind_int64(st, 2, priority);
    code = sqlite3_step(st);
    if (code != SQLITE_ROW)
        return qdb_end(st, code);
    at = sqlite3_column_int64(st, 0);
    since = at > 0 ? at : sqlite3_column_int64(st, 1);
    if (at < one->at_ms)
        one->at_ms = at;
    if (one->since_ms == 0 || since < one->since_ms)
        one->since_ms = since;
    return qdb_end(st, code);
}

/* The end of the first lease, as the wall clock would show it; 0 where its holder is gone. */
static int first_end(struct qdb *db, const struct qdb_name *queue, int64_t *ret)
{
    sqlite3_stmt *st = qdb_stmt(db, QDB_NEXT_END);
    int code;

    sqlite3_bind_int64(st, 1, queue->id);
    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        int64_t at = sqlite3_column_int64(st, 1);

        at = qdb_token_held(db, (uint64_t)sqlite3_column_int64(st, 0))
                     ? db->now_ms + at - (int64_t)(db->now_ns / 1000000)
                     : 0;
        *ret = at < *ret ? at : *ret;
    }
    return qdb_end(st, code);
}

static int ready(struct qdb *db, struct q_job *job, const struct qdb_name *queue)
{
    struct q_ready one = {.queue = queue->text,
                          .waiting = qdb_ledger_sum(queue, Q_WAITING),
                          .running = qdb_ledger_sum(queue, Q_RUNNING),
                          .at_ms = INT64_MAX};
    int code = SQLITE_OK, priority = 10;

    if (one.waiting == 0 && one.running == 0)
        return SQLITE_OK;
    if (one.running > 0)
        code = first_end(db, queue, &one.at_ms);
    while (code == SQLITE_OK) {
        code = next_priority(db, queue, priority, &priority);
        if (code != SQLITE_OK || priority < 0)
            break;
        code = least(db, queue, priority, &one);
    }
    q_job_add_queue(job, &one);
    return code;
}

int qdb_do_ready(struct qdb *db, struct q_job *job)
{
    int code = SQLITE_OK;

    for (uint32_t i = 1; i <= db->nnames && code == SQLITE_OK; i++)
        if (db->by_id[i] && !list_empty(&db->by_id[i]->rows))
            code = ready(db, job, db->by_id[i]);
    return code;
}
