/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_walk.c - listing, redriving and purging by a filter; and trimming.
 *
 * A filter may fit three events of a million, and nobody else should wait for them to be found. So
 * a job walks one piece in each group and remembers only the seqs it found; when it has enough, or
 * is at the end, it is carried out as a whole. What it found earlier may have moved on by then: it
 * is judged once more.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "store/queue_job.h"
#include "store/sqlite/queue_db.h"

/* Rows of one piece (a millisecond or two), and where a listing is cut whatever its limit. */
enum { PIECE = 2000, LIST_BYTES = 8 << 20 };

/* The states that a job may find, as bits. */
static uint32_t states_of(const struct q_job *job)
{
    uint32_t asked = job->asked.filter.states;

    if (job->kind == Q_JOB_REDRIVE)
        return 1u << Q_DEAD;
    if (job->kind == Q_JOB_PURGE)
        return (asked ? asked : UINT32_MAX) & (1u << Q_WAITING | 1u << Q_DEAD);
    return asked ? asked : UINT32_MAX;
}

static bool name_fits(const struct q_filter *f, const struct qdb_name *queue,
                      const struct qdb_name *source)
{
    return (f->queue.n == 0 || str_eq(f->queue, queue->text)) &&
           str_starts(queue->text, f->prefix) && (!f->source.p || str_eq(f->source, source->text));
}

static bool event_fits(const struct q_job *job, const struct qdb_event *ev)
{
    const struct q_filter *f = &job->asked.filter;

    return (states_of(job) & 1u << qdb_public(ev->state)) &&
           name_fits(f, ev->row->queue, ev->row->source) && ev->created_ms >= f->since_ms &&
           (f->until_ms == 0 || ev->created_ms < f->until_ms) &&
           (f->before == 0 || ev->seq < f->before);
}

static void found(struct q_job *job, uint64_t seq)
{
    if (!job->found)
        job->found = xcalloc((size_t)job->asked.filter.limit + 1, sizeof(*job->found));
    job->found[job->nfound++] = seq;
}

static int check(struct qdb *db, struct q_job *job, uint64_t seq)
{
    struct qdb_event ev;
    bool there;
    int code = qdb_event_get(db, seq, &ev, &there);

    if (code == SQLITE_OK && there && event_fits(job, &ev))
        found(job, seq);
    return code;
}

/* The index that has the least to step over. */
static enum qdb_stmt way_of(const struct q_job *job, bool newest)
{
    uint32_t states = states_of(job);

    if (newest && states == 1u << Q_RUNNING)
        return QDB_RUNNING;
    if (job->asked.filter.queue.n == 0)
        return newest ? QDB_NEWEST : QDB_OLDEST;
    if (states == 1u << Q_DEAD)
        return newest ? QDB_NEWEST_DEAD : QDB_OLDEST_DEAD;
    return newest ? QDB_NEWEST_OF : QDB_OLDEST_OF;
}

/* One piece. */
static int walk(struct qdb *db, struct q_job *job)
{
    const struct q_filter *f = &job->asked.filter;
    bool newest = job->kind == Q_JOB_LIST;
    struct qdb_name *queue = qdb_name_find(db, f->queue);
    uint32_t want = f->limit + newest; /* one more tells whether there is more */
    sqlite3_stmt *st = qdb_stmt(db, way_of(job, newest));
    uint64_t seqs[PIECE];
    uint32_t n = 0;
    int code;

    job->walking = false;
    if (f->id.n > 0) {
        code = qdb_event_find(db, f->id, &seqs[0]);
        return code == SQLITE_OK && seqs[0] > 0 ? check(db, job, seqs[0]) : code;
    }
    if (f->queue.n > 0 && !queue)
        return SQLITE_OK;
    if (newest && job->place == 0)
        job->place = f->before > 0 ? f->before : INT64_MAX;

    sqlite3_bind_int64(st, 1, (int64_t)job->place);
    sqlite3_bind_int64(st, 2, queue ? queue->id : 0);
    while (n < PIECE && (code = sqlite3_step(st)) == SQLITE_ROW)
        seqs[n++] = (uint64_t)sqlite3_column_int64(st, 0);
    code = qdb_end(st, n < PIECE ? code : SQLITE_OK);
    for (uint32_t i = 0; i < n && code == SQLITE_OK && job->nfound < want; i++)
        code = check(db, job, seqs[i]);
    if (n > 0)
        job->place = seqs[n - 1];
    job->walking = n == PIECE && job->nfound < want;
    return code;
}

int qdb_do_list(struct qdb *db, struct q_job *job)
{
    const struct q_filter *f = &job->asked.filter;
    int code = walk(db, job);

    for (uint32_t i = 0; !job->walking && i < job->nfound && code == SQLITE_OK; i++) {
        struct qdb_event ev;
        bool there;

        if (job->n == f->limit || job->bytes >= LIST_BYTES) {
            job->more = true;
            break;
        }
        code = qdb_event_get(db, job->found[i], &ev, &there);
        if (code == SQLITE_OK && there && event_fits(job, &ev))
            code = qdb_event_show(db, job, ev.seq, f->payload);
    }
    return code;
}

static int move_found(struct qdb *db, struct q_job *job, enum q_state to)
{
    int code = walk(db, job);

    for (uint32_t i = 0; !job->walking && i < job->nfound && code == SQLITE_OK; i++) {
        struct qdb_event ev;
        struct qdb_move move;
        bool there;

        code = qdb_event_get(db, job->found[i], &ev, &there);
        if (code != SQLITE_OK || !there || !event_fits(job, &ev))
            continue;
        if (to == Q_WAITING)
            move = (struct qdb_move){.to = to, .expires_ms = job->asked.at_ms};
        else
            move = (struct qdb_move){
                    .to = to, .at = db->now_ms, .attempt = ev.attempt, .expires_ms = ev.expires_ms};
        code = qdb_event_move(db, &ev, &move);
        job->count++;
    }
    return code;
}

int qdb_do_redrive(struct qdb *db, struct q_job *job)
{
    return move_found(db, job, Q_WAITING);
}

int qdb_do_purge(struct qdb *db, struct q_job *job)
{
    return move_found(db, job, Q_PURGED);
}

static int drop(struct qdb *db, uint64_t seq)
{
    int code;

    sqlite3_bind_int64(qdb_stmt(db, QDB_DROP), 1, (int64_t)seq);
    sqlite3_bind_int64(qdb_stmt(db, QDB_DROP_BODY), 1, (int64_t)seq);
    code = qdb_run(db, QDB_DROP);
    return code == SQLITE_OK ? qdb_run(db, QDB_DROP_BODY) : code;
}

/* The ledger stays as it is: what was removed has been done, expired, ... all the same. */
int qdb_do_trim(struct qdb *db, struct q_job *job)
{
    int64_t before_ms = job->asked.at_ms;
    int code = SQLITE_OK;

    while (job->count < job->asked.number && db->meta.ended > 0) {
        sqlite3_stmt *st = qdb_stmt(db, QDB_OLDEST_ENDED);
        uint64_t seq = 0;
        int64_t at_ms = 0;

        code = sqlite3_step(st);
        if (code == SQLITE_ROW) {
            seq = (uint64_t)sqlite3_column_int64(st, 0);
            at_ms = sqlite3_column_int64(st, 1);
        }
        code = qdb_end(st, code);
        if (code != SQLITE_OK || seq == 0 ||
            (at_ms >= before_ms && db->meta.ended <= job->asked.keep))
            break;
        code = drop(db, seq);
        if (code != SQLITE_OK)
            break;
        db->meta.ended--;
        db->changed = true;
        job->count++;
    }
    return code;
}
