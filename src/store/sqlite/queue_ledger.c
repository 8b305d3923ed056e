/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_ledger.c - names of queues and sources, and the ledger over their events.
 *
 * Both are in memory as a whole: there are as many as functions and triggers, and each change of an
 * event needs its row. A row's change is written with the transaction that changed the event; many
 * changes of a row in one transaction are one write.
 *
 * What always holds between two transactions:
 *   (1) `now` of each row is what the file says; `dirty` is empty.
 *   (2) accepted is the sum of all states.
 */
#include <sqlite3.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/map.h"
#include "store/queue_job.h"
#include "store/sqlite/queue_db.h"

struct qdb_name *qdb_name_at(struct qdb *db, int64_t id)
{
    return id > 0 && id <= (int64_t)db->nnames ? db->by_id[id] : NULL;
}

static struct qdb_name *add_name(struct qdb *db, int64_t id, struct str text)
{
    struct qdb_name *name = xnew(struct qdb_name);

    name->id = id;
    name->text = (struct str){str_dup(text), text.n};
    list_init(&name->rows);
    list_init(&name->fresh);
    if (id >= db->names_cap) {
        uint32_t cap = 2 * (uint32_t)id + 16;

        db->by_id = xrealloc(db->by_id, cap, sizeof(struct qdb_name *));
        for (uint32_t i = db->names_cap; i < cap; i++)
            db->by_id[i] = NULL;
        db->names_cap = cap;
    }
    db->by_id[id] = name;
    if (id > db->nnames)
        db->nnames = (uint32_t)id;
    map_put(db->names, text, name);
    return name;
}

struct qdb_name *qdb_name_find(struct qdb *db, struct str text)
{
    return map_get(db->names, text);
}

struct qdb_name *qdb_name_get(struct qdb *db, struct str text)
{
    struct qdb_name *name = map_get(db->names, text);

    if (name)
        return name;
    name = add_name(db, db->nnames + 1, text);
    list_push_back(&db->fresh, &name->fresh);
    return name;
}

static struct qdb_row *add_row(struct qdb_name *queue, struct qdb_name *source)
{
    struct qdb_row *row = xnew(struct qdb_row);

    row->queue = queue;
    row->source = source;
    list_init(&row->dirty);
    list_init(&row->of_queue);
    list_push_back(&queue->rows, &row->of_queue);
    return row;
}

struct qdb_row *qdb_ledger_row(struct qdb_name *queue, struct qdb_name *source)
{
    list_each (it, &queue->rows) {
        struct qdb_row *row = container_of(it, struct qdb_row, of_queue);

        if (row->source == source)
            return row;
    }
    return add_row(queue, source);
}

struct q_ledger *qdb_ledger_change(struct qdb *db, struct qdb_row *row)
{
    if (list_empty(&row->dirty))
        list_push_back(&db->dirty, &row->dirty);
    db->changed = true;
    return &row->now;
}

uint64_t qdb_ledger_sum(const struct qdb_name *queue, enum q_state state)
{
    uint64_t sum = 0;

    list_each (it, &queue->rows)
        sum += container_of(it, struct qdb_row, of_queue)->now.counts[state];
    return sum;
}

int qdb_ledger_flush(struct qdb *db)
{
    int code = SQLITE_OK;

    list_each (it, &db->fresh) {
        struct qdb_name *name = container_of(it, struct qdb_name, fresh);
        sqlite3_stmt *st = qdb_stmt(db, QDB_NAME);

        sqlite3_bind_int64(st, 1, name->id);
        qdb_bind(st, 2, name->text);
        if (code == SQLITE_OK)
            code = qdb_run(db, QDB_NAME);
    }
    list_each (it, &db->dirty) {
        struct qdb_row *row = container_of(it, struct qdb_row, dirty);
        sqlite3_stmt *st = qdb_stmt(db, QDB_LEDGER);

        sqlite3_bind_int64(st, 1, row->queue->id);
        sqlite3_bind_int64(st, 2, row->source->id);
        sqlite3_bind_int64(st, 3, (int64_t)row->now.accepted);
        for (int i = 0; i < Q_STATES; i++)
            sqlite3_bind_int64(st, 4 + i, (int64_t)row->now.counts[i]);
        sqlite3_bind_int64(st, 4 + Q_STATES, (int64_t)row->now.passed);
        if (code == SQLITE_OK)
            code = qdb_run(db, QDB_LEDGER);
    }
    return code;
}

void qdb_ledger_settle(struct qdb *db, bool committed)
{
    struct list *n;

    while ((n = list_pop_front(&db->dirty))) {
        struct qdb_row *row = container_of(n, struct qdb_row, dirty);

        if (committed)
            row->committed = row->now;
        else
            row->now = row->committed;
    }
    /* What was put changed nothing (its id is known), so nothing was written: they stay for the next. */
    while (committed && db->changed && list_pop_front(&db->fresh))
        ;
}

static int load_names(struct qdb *db)
{
    sqlite3_stmt *st;
    int code = sqlite3_prepare_v2(db->conn, "SELECT id, text FROM name", -1, &st, NULL);

    if (code != SQLITE_OK)
        return code;
    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(st, 0);

        if (id <= 0 || id > INT32_MAX / 4) {
            code = SQLITE_CORRUPT;
            break;
        }
        add_name(db, id, qdb_bytes(st, 1));
    }
    sqlite3_finalize(st);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int load_rows(struct qdb *db)
{
    sqlite3_stmt *st;
    int code = sqlite3_prepare_v2(db->conn, "SELECT * FROM ledger", -1, &st, NULL);

    if (code != SQLITE_OK)
        return code;
    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        struct qdb_name *queue = qdb_name_at(db, sqlite3_column_int64(st, 0));
        struct qdb_name *source = qdb_name_at(db, sqlite3_column_int64(st, 1));
        struct qdb_row *row;

        if (!queue || !source) {
            code = SQLITE_CORRUPT;
            break;
        }
        row = add_row(queue, source);
        row->now.accepted = (uint64_t)sqlite3_column_int64(st, 2);
        for (int i = 0; i < Q_STATES; i++)
            row->now.counts[i] = (uint64_t)sqlite3_column_int64(st, 3 + i);
        row->now.passed = (uint64_t)sqlite3_column_int64(st, 3 + Q_STATES);
        row->committed = row->now;
    }
    sqlite3_finalize(st);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

int qdb_ledger_load(struct qdb *db)
{
    int code = load_names(db);

    return code == SQLITE_OK ? load_rows(db) : code;
}

void qdb_ledger_free(struct qdb *db)
{
    for (uint32_t i = 1; i <= db->nnames; i++) {
        struct qdb_name *name = db->by_id[i];
        struct list *n;

        if (!name)
            continue;
        while ((n = list_pop_front(&name->rows)))
            free(container_of(n, struct qdb_row, of_queue));
        free((char *)name->text.p);
        free(name);
    }
    free(db->by_id);
    db->by_id = NULL;
    db->nnames = db->names_cap = 0;
    db->names = map_free(db->names);
}

static bool wanted(const struct q_filter *f, const struct qdb_row *row)
{
    return (f->queue.n == 0 || str_eq(f->queue, row->queue->text)) &&
           str_starts(row->queue->text, f->prefix) &&
           (!f->source.p || str_eq(f->source, row->source->text));
}

static int by_name(const void *a, const void *b)
{
    const struct q_ledger *x = a, *y = b;
    int order = str_cmp(x->queue, y->queue);

    return order != 0 ? order : str_cmp(x->source, y->source);
}

int qdb_do_counts(struct qdb *db, struct q_job *job)
{
    for (uint32_t i = 1; i <= db->nnames; i++) {
        if (!db->by_id[i])
            continue;
        list_each (it, &db->by_id[i]->rows) {
            const struct qdb_row *row = container_of(it, struct qdb_row, of_queue);
            struct q_ledger one = row->now;

            one.queue = row->queue->text;
            one.source = row->source->text;
            if (wanted(&job->asked.filter, row) && (one.accepted > 0 || one.passed > 0))
                q_job_add_row(job, &one);
        }
    }
    if (job->n > 0)
        qsort(job->rows, job->n, sizeof(*job->rows), by_name);
    return SQLITE_OK;
}
