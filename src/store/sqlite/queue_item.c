/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_item.c - what becomes of a leased event: longer, again, or ended; and cancelling one.
 *
 * Each item is judged by itself. It is leased by this token and attempt, or stale. A caller that
 * did not hear the answer asks again: token and attempt stay in the row after the move, so what was
 * done by the same item already is answered with 0 and not done twice.
 */
#include <errno.h>
#include <sqlite3.h>

#include "store/queue_job.h"
#include "store/sqlite/queue_db.h"

static bool all_stale(struct qdb *db, struct q_job *job)
{
    if (qdb_token_held(db, job->asked.token))
        return false;
    job->work.r = -ESTALE;
    return true;
}

/* 0: leased like this. */
static int judge(const struct qdb_event *ev, bool found, uint64_t token, uint32_t attempt)
{
    if (!found)
        return -ENOENT;
    if (ev->state != Q_RUNNING || ev->token != token || ev->attempt != attempt)
        return -ESTALE;
    return 0;
}

int qdb_do_extend(struct qdb *db, struct q_job *job)
{
    const struct q_asked *a = &job->asked;
    int code = SQLITE_OK;

    if (all_stale(db, job))
        return SQLITE_OK;
    for (uint32_t i = 0; i < a->n && code == SQLITE_OK; i++) {
        sqlite3_stmt *st;
        struct qdb_event ev;
        bool found;

        code = qdb_event_get(db, a->items[i].seq, &ev, &found);
        if (code != SQLITE_OK)
            break;
        job->each[i] = judge(&ev, found, a->token, a->items[i].attempt);
        if (job->each[i] < 0)
            continue;
        st = qdb_stmt(db, QDB_EXTEND);
        sqlite3_bind_int64(st, 1, (int64_t)a->items[i].seq);
        sqlite3_bind_int64(st, 2, (int64_t)(db->now_ns / 1000000) + a->ms);
        code = qdb_run(db, QDB_EXTEND);
        db->changed = true;
    }
    return code;
}

static int again(struct qdb *db, uint64_t token, const struct q_again *item, int *ret)
{
    uint32_t after = item->item.attempt - item->uncounted;
    struct qdb_event ev;
    struct qdb_move to;
    bool found;
    int code;

    code = qdb_event_get(db, item->item.seq, &ev, &found);
    if (code != SQLITE_OK)
        return code;
    *ret = judge(&ev, found, token, item->item.attempt);
    if (*ret == -ESTALE && qdb_public(ev.state) == Q_WAITING && ev.token == token &&
        ev.attempt == after)
        *ret = 0; /* asked before */
    else if (*ret == 0) {
        to = (struct qdb_move){.to = Q_WAITING,
                               .at = item->at_ms,
                               .attempt = after,
                               .token = token,
                               .expires_ms = ev.expires_ms,
                               .note = item->note};
        db->totals.agains++;
        code = qdb_event_move(db, &ev, &to);
    }
    return code;
}

int qdb_do_again(struct qdb *db, struct q_job *job)
{
    const struct q_asked *a = &job->asked;
    int code = SQLITE_OK;

    if (all_stale(db, job))
        return SQLITE_OK;
    for (uint32_t i = 0; i < a->n && code == SQLITE_OK; i++)
        code = again(db, a->token, &a->agains[i], &job->each[i]);
    return code;
}

static int finish(struct qdb *db, uint64_t token, const struct q_end *item, int *ret)
{
    struct qdb_event ev;
    struct qdb_move to;
    bool found;
    int code;

    code = qdb_event_get(db, item->item.seq, &ev, &found);
    if (code != SQLITE_OK)
        return code;
    *ret = judge(&ev, found, token, item->item.attempt);
    if (*ret == -ESTALE && ev.state == (int)item->state && ev.token == token &&
        ev.attempt == item->item.attempt) {
        *ret = 0; /* asked before */
        return SQLITE_OK;
    }
    if (*ret < 0)
        return SQLITE_OK;
    to = (struct qdb_move){.to = item->state,
                           .at = db->now_ms,
                           .attempt = ev.attempt,
                           .token = token,
                           .expires_ms = ev.expires_ms,
                           .note = item->note};
    db->totals.ends++;
    code = qdb_event_move(db, &ev, &to);
    if (code == SQLITE_OK)
        code = qdb_put_records(db, item->puts, item->nputs, NULL);
    return code;
}

int qdb_do_finish(struct qdb *db, struct q_job *job)
{
    const struct q_asked *a = &job->asked;
    int code = SQLITE_OK;

    if (all_stale(db, job))
        return SQLITE_OK;
    for (uint32_t i = 0; i < a->n && code == SQLITE_OK; i++)
        code = finish(db, a->token, &a->ends[i], &job->each[i]);
    return code;
}

int qdb_do_cancel(struct qdb *db, struct q_job *job)
{
    struct qdb_event ev;
    struct qdb_move to;
    uint64_t seq;
    bool found = false;
    int code;

    code = qdb_event_find(db, job->asked.name, &seq);
    if (code == SQLITE_OK && seq > 0)
        code = qdb_event_get(db, seq, &ev, &found);
    if (code != SQLITE_OK)
        return code;
    if (!found || qdb_public(ev.state) != Q_WAITING) {
        job->work.r = found ? -EBUSY : -ENOENT;
        return SQLITE_OK;
    }
    to = (struct qdb_move){.to = Q_CANCELLED,
                           .at = db->now_ms,
                           .attempt = ev.attempt,
                           .expires_ms = ev.expires_ms,
                           .note = job->asked.note};
    job->count = 1;
    db->totals.ends++;
    return qdb_event_move(db, &ev, &to);
}
