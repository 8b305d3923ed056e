/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_row.c - an event's row, and the one way it changes: qdb_event_move().
 *
 * Whoever moves an event moves the ledger with it, and the others of its order key. Of a key's
 * active events at most one is not HELD, the head: it is RUNNING, or the oldest that waits. An
 * event that enters WAITING enters as HELD; then the head is found anew. That costs three look-ups
 * in index `chain`, however many wait.
 *
 * What always holds between two calls:
 *   (1) of each queue and order key at most one event is in WAITING or RUNNING; if some are HELD,
 *       exactly one.
 *   (2) the ledger's counts are the numbers of rows, with those that were trimmed.
 *   (3) meta.ended is the number of rows that is_ended().
 */
#include <sqlite3.h>
#include <string.h>

#include "store/queue_job.h"
#include "store/sqlite/queue_db.h"

enum q_state qdb_public(int state)
{
    return state == QDB_HELD ? Q_WAITING : (enum q_state)state;
}

/* Kept only to be looked at. */
static bool is_ended(int state)
{
    return state >= Q_DONE && state < Q_STATES && state != Q_DEAD;
}

static bool is_state(int64_t state)
{
    return state >= 0 && state <= QDB_HELD;
}

int qdb_event_get(struct qdb *db, uint64_t seq, struct qdb_event *ret, bool *ret_found)
{
    sqlite3_stmt *st = qdb_stmt(db, QDB_ROW);
    struct qdb_name *queue, *source;
    struct str order;
    int code;

    sqlite3_bind_int64(st, 1, (int64_t)seq);
    code = sqlite3_step(st);
    *ret_found = code == SQLITE_ROW;
    if (code != SQLITE_ROW)
        return qdb_end(st, code);
    queue = qdb_name_at(db, sqlite3_column_int64(st, 1));
    source = qdb_name_at(db, sqlite3_column_int64(st, 2));
    order = qdb_bytes(st, 12);
    if (!queue || !source || order.n > Q_ID || !is_state(sqlite3_column_int64(st, 3))) {
        (void)qdb_end(st, code);
        return SQLITE_CORRUPT;
    }
    *ret = (struct qdb_event){.seq = seq,
                              .row = qdb_ledger_row(queue, source),
                              .state = sqlite3_column_int(st, 3),
                              .at = sqlite3_column_int64(st, 4),
                              .priority = (uint8_t)sqlite3_column_int(st, 5),
                              .attempt = (uint32_t)sqlite3_column_int64(st, 6),
                              .token = (uint64_t)sqlite3_column_int64(st, 7),
                              .created_ms = sqlite3_column_int64(st, 8),
                              .expires_ms = sqlite3_column_int64(st, 9),
                              .norder = order.n};
    if (order.n > 0)
        memcpy(ret->order, order.p, order.n);
    return qdb_end(st, code);
}

int qdb_event_find(struct qdb *db, struct str id, uint64_t *ret_seq)
{
    sqlite3_stmt *st = qdb_stmt(db, QDB_FIND);
    int code;

    qdb_bind(st, 1, id);
    code = sqlite3_step(st);
    *ret_seq = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    return qdb_end(st, code);
}

/* The oldest of a key in a state: its seq, 0: none. */
static int oldest_of_key(struct qdb *db, enum qdb_stmt which, const struct qdb_name *queue,
                         struct str order, uint64_t *ret)
{
    sqlite3_stmt *st = qdb_stmt(db, which);
    int code;

    sqlite3_bind_int64(st, 1, queue->id);
    qdb_bind(st, 2, order);
    code = sqlite3_step(st);
    *ret = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    return qdb_end(st, code);
}

static int set_state(struct qdb *db, uint64_t seq, int state)
{
    sqlite3_stmt *st = qdb_stmt(db, QDB_STATE);

    sqlite3_bind_int64(st, 1, (int64_t)seq);
    sqlite3_bind_int(st, 2, state);
    return qdb_run(db, QDB_STATE);
}

/* Find the head of a key anew. */
static int settle_key(struct qdb *db, const struct qdb_name *queue, struct str order)
{
    uint64_t running, head, held;
    int code;

    code = oldest_of_key(db, QDB_KEY_RUNNING, queue, order, &running);
    if (code != SQLITE_OK || running > 0)
        return code;
    code = oldest_of_key(db, QDB_KEY_FREE, queue, order, &head);
    if (code == SQLITE_OK)
        code = oldest_of_key(db, QDB_KEY_HELD, queue, order, &held);
    if (code != SQLITE_OK || held == 0 || (head > 0 && head < held))
        return code;
    if (head > 0)
        code = set_state(db, head, QDB_HELD);
    return code == SQLITE_OK ? set_state(db, held, Q_WAITING) : code;
}

int qdb_key_state(struct qdb *db, const struct qdb_name *queue, struct str order, int *ret)
{
    uint64_t seq = 0;
    int code = SQLITE_OK;

    *ret = Q_WAITING;
    if (order.n == 0)
        return SQLITE_OK;
    code = oldest_of_key(db, QDB_KEY_FREE, queue, order, &seq);
    if (code == SQLITE_OK && seq == 0)
        code = oldest_of_key(db, QDB_KEY_RUNNING, queue, order, &seq);
    if (seq > 0)
        *ret = QDB_HELD;
    return code;
}

static bool active(int state)
{
    return state == Q_WAITING || state == Q_RUNNING || state == QDB_HELD;
}

int qdb_event_move(struct qdb *db, struct qdb_event *ev, const struct qdb_move *to)
{
    struct str order = {ev->order, ev->norder};
    bool keyed = order.n > 0 && (active(ev->state) || active((int)to->to));
    int state = keyed && to->to == Q_WAITING ? (int)QDB_HELD : (int)to->to;
    sqlite3_stmt *st = qdb_stmt(db, QDB_MOVE);
    struct q_ledger *ledger;
    int code;

    sqlite3_bind_int64(st, 1, (int64_t)ev->seq);
    sqlite3_bind_int(st, 2, state);
    sqlite3_bind_int64(st, 3, to->at);
    sqlite3_bind_int64(st, 4, to->attempt);
    sqlite3_bind_int64(st, 5, (int64_t)to->token);
    sqlite3_bind_int64(st, 6, to->expires_ms);
    sqlite3_bind_int(st, 7, to->note.p != NULL);
    qdb_bind(st, 8, to->note);
    code = qdb_run(db, QDB_MOVE);
    if (code != SQLITE_OK)
        return code;

    ledger = qdb_ledger_change(db, ev->row);
    ledger->counts[qdb_public(ev->state)]--;
    ledger->counts[to->to]++;
    db->meta.ended -= is_ended(ev->state);
    db->meta.ended += is_ended(state);
    ev->state = state;
    return keyed ? settle_key(db, ev->row->queue, order) : SQLITE_OK;
}

static int64_t shown_at(const struct qdb *db, int state, int64_t at)
{
    return state == Q_RUNNING ? db->now_ms + at - (int64_t)(db->now_ns / 1000000) : at;
}

static int add_with_body(struct qdb *db, struct q_job *job, struct q_event *ev, bool payload)
{
    sqlite3_stmt *st = qdb_stmt(db, QDB_BODY);
    int code;

    sqlite3_bind_int64(st, 1, (int64_t)ev->seq);
    code = sqlite3_step(st);
    if (code == SQLITE_ROW) {
        ev->attributes = qdb_bytes(st, 0);
        if (payload)
            ev->payload = qdb_bytes(st, 1);
        q_job_add_event(job, ev);
    } else if (code == SQLITE_DONE) {
        code = SQLITE_CORRUPT; /* an event without its body */
    }
    return qdb_end(st, code);
}

int qdb_event_show(struct qdb *db, struct q_job *job, uint64_t seq, bool payload)
{
    sqlite3_stmt *st = qdb_stmt(db, QDB_ROW);
    struct qdb_name *queue, *source;
    struct q_event ev;
    int code, state;

    sqlite3_bind_int64(st, 1, (int64_t)seq);
    code = sqlite3_step(st);
    if (code != SQLITE_ROW)
        return qdb_end(st, code);
    queue = qdb_name_at(db, sqlite3_column_int64(st, 1));
    source = qdb_name_at(db, sqlite3_column_int64(st, 2));
    if (!queue || !source || !is_state(sqlite3_column_int64(st, 3))) {
        (void)qdb_end(st, code);
        return SQLITE_CORRUPT;
    }
    state = sqlite3_column_int(st, 3);
    ev = (struct q_event){.seq = seq,
                          .queue = queue->text,
                          .source = source->text,
                          .state = qdb_public(state),
                          .at_ms = shown_at(db, state, sqlite3_column_int64(st, 4)),
                          .priority = (uint8_t)sqlite3_column_int(st, 5),
                          .attempt = (uint32_t)sqlite3_column_int64(st, 6),
                          .token = state == Q_RUNNING ? (uint64_t)sqlite3_column_int64(st, 7) : 0,
                          .created_ms = sqlite3_column_int64(st, 8),
                          .expires_ms = sqlite3_column_int64(st, 9),
                          .id = qdb_bytes(st, 10),
                          .dedup = qdb_bytes(st, 11),
                          .order = qdb_bytes(st, 12),
                          .note = qdb_bytes(st, 13)};
    code = add_with_body(db, job, &ev, payload);
    (void)qdb_end(st, SQLITE_OK);
    return code;
}
