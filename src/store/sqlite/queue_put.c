/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_put.c - events come in: records, the cursors that move with them, and what passed by.
 *
 * A record whose id is known is left out by the indexes themselves (INSERT OR IGNORE), so the usual
 * put looks nothing up. Only afterwards is it seen whether the queue is now over its bound; then
 * what was just written is removed again, which leaves the others of this transaction alone.
 */
#include <errno.h>
#include <sqlite3.h>

#include "store/queue_job.h"
#include "store/sqlite/queue_db.h"

/* ret 0: it was put; -EEXIST. */
static int put_one(struct qdb *db, const struct q_record *rec, int *ret)
{
    struct qdb_name *queue = qdb_name_get(db, rec->queue);
    struct qdb_name *source = qdb_name_get(db, rec->source);
    sqlite3_stmt *st = qdb_stmt(db, QDB_PUT);
    struct q_ledger *ledger;
    int code, state;

    code = qdb_key_state(db, queue, rec->order, &state);
    if (code != SQLITE_OK)
        return code;
    sqlite3_bind_int64(st, 1, (int64_t)db->meta.next_seq);
    sqlite3_bind_int64(st, 2, queue->id);
    sqlite3_bind_int64(st, 3, source->id);
    sqlite3_bind_int(st, 4, state);
    sqlite3_bind_int64(st, 5, rec->not_before_ms);
    sqlite3_bind_int(st, 6, rec->priority);
    sqlite3_bind_int64(st, 7, db->now_ms);
    sqlite3_bind_int64(st, 8, rec->expires_ms);
    qdb_bind(st, 9, rec->id);
    qdb_bind_or_null(st, 10, rec->dedup);
    qdb_bind_or_null(st, 11, rec->order);
    code = qdb_run(db, QDB_PUT);
    if (code != SQLITE_OK)
        return code;
    *ret = sqlite3_changes(db->conn) > 0 ? 0 : -EEXIST;
    if (*ret < 0)
        return SQLITE_OK;

    st = qdb_stmt(db, QDB_PUT_BODY);
    sqlite3_bind_int64(st, 1, (int64_t)db->meta.next_seq++);
    qdb_bind(st, 2, rec->attributes);
    qdb_bind(st, 3, rec->payload);
    ledger = qdb_ledger_change(db, qdb_ledger_row(queue, source));
    ledger->accepted++;
    ledger->counts[Q_WAITING]++;
    db->totals.puts++;
    return qdb_run(db, QDB_PUT_BODY);
}

int qdb_put_records(struct qdb *db, const struct q_record *records, uint32_t n, int *each)
{
    int code = SQLITE_OK, ignored;

    for (uint32_t i = 0; i < n && code == SQLITE_OK; i++)
        code = put_one(db, &records[i], each ? &each[i] : &ignored);
    return code;
}

static bool over_bound(struct qdb *db, const struct q_put *put, const int *each)
{
    for (uint32_t i = 0; put->bound > 0 && i < put->nrecords; i++)
        if (each[i] == 0 &&
            qdb_ledger_sum(qdb_name_get(db, put->records[i].queue), Q_WAITING) > put->bound)
            return true;
    return false;
}

static int undo(struct qdb *db, const struct q_put *put, const int *each, uint64_t first_seq)
{
    int code;

    for (uint32_t i = 0; i < put->nrecords; i++) {
        struct q_ledger *ledger;

        if (each[i] < 0)
            continue;
        ledger = qdb_ledger_change(db, qdb_ledger_row(qdb_name_get(db, put->records[i].queue),
                                                      qdb_name_get(db, put->records[i].source)));
        ledger->accepted--;
        ledger->counts[Q_WAITING]--;
        db->totals.puts--;
    }
    db->meta.next_seq = first_seq;
    sqlite3_bind_int64(qdb_stmt(db, QDB_UNPUT), 1, (int64_t)first_seq);
    sqlite3_bind_int64(qdb_stmt(db, QDB_UNPUT_BODY), 1, (int64_t)first_seq);
    code = qdb_run(db, QDB_UNPUT);
    return code == SQLITE_OK ? qdb_run(db, QDB_UNPUT_BODY) : code;
}

/* What a cursor is now, given to a function while it can be seen. */
static int look(struct qdb *db, struct str name, struct q_job *keep, struct str expect, bool *ret)
{
    sqlite3_stmt *st = qdb_stmt(db, QDB_CURSOR);
    struct str value = STR_NONE;
    int code;

    qdb_bind(st, 1, name);
    code = sqlite3_step(st);
    if (code == SQLITE_ROW)
        value = qdb_bytes(st, 0);
    if (keep)
        keep->value = q_job_keep(keep, value);
    else
        *ret = str_eq(value, expect);
    return qdb_end(st, code);
}

static int cursors_hold(struct qdb *db, const struct q_cursor *cursors, uint32_t n, bool *ret)
{
    int code = SQLITE_OK;

    *ret = true;
    for (uint32_t i = 0; i < n && code == SQLITE_OK && *ret; i++)
        code = look(db, cursors[i].name, NULL, cursors[i].expect, ret);
    return code;
}

static int cursors_move(struct qdb *db, const struct q_cursor *cursors, uint32_t n)
{
    int code = SQLITE_OK;

    for (uint32_t i = 0; i < n && code == SQLITE_OK; i++) {
        enum qdb_stmt which = cursors[i].next.n > 0 ? QDB_SET_CURSOR : QDB_DROP_CURSOR;
        sqlite3_stmt *st = qdb_stmt(db, which);

        qdb_bind(st, 1, cursors[i].name);
        if (cursors[i].next.n > 0)
            qdb_bind(st, 2, cursors[i].next);
        code = qdb_run(db, which);
        db->changed = true;
    }
    return code;
}

int qdb_do_put(struct qdb *db, struct q_job *job)
{
    const struct q_put *put = &job->asked.put;
    uint64_t first_seq = db->meta.next_seq;
    bool changed = db->changed, hold;
    int code;

    code = cursors_hold(db, put->cursors, put->ncursors, &hold);
    if (code != SQLITE_OK)
        return code;
    if (!hold) {
        job->work.r = -ESTALE;
        return SQLITE_OK;
    }
    code = qdb_put_records(db, put->records, put->nrecords, job->each);
    if (code != SQLITE_OK)
        return code;
    if (over_bound(db, put, job->each)) {
        job->work.r = -ENOBUFS;
        code = undo(db, put, job->each, first_seq);
        db->changed = changed;
        return code;
    }
    return cursors_move(db, put->cursors, put->ncursors);
}

int qdb_do_cursor(struct qdb *db, struct q_job *job)
{
    return look(db, job->asked.name, job, STR_NONE, NULL);
}

int qdb_do_pass(struct qdb *db, struct q_job *job)
{
    const struct q_asked *a = &job->asked;
    uint32_t ncursors = a->cursor ? 1 : 0;
    struct qdb_row *row;
    bool hold;
    int code;

    code = cursors_hold(db, a->cursor, ncursors, &hold);
    if (code != SQLITE_OK)
        return code;
    if (!hold) {
        job->work.r = -ESTALE;
        return SQLITE_OK;
    }
    row = qdb_ledger_row(qdb_name_get(db, a->name), qdb_name_get(db, a->source));
    qdb_ledger_change(db, row)->passed += a->number;
    job->count = a->number;
    return cursors_move(db, a->cursor, ncursors);
}
