/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db.c - carry out jobs on the file: many txns, one commit.
 *
 * An fsync costs a hundred times what a small write does, so all txns that wait together share one.
 * Each is still atomic on its own: its compares are read before anything is written, so one that
 * does not hold leaves nothing to undo, and the others never notice.
 *
 * If SQLite itself fails (disk full, I/O error), the whole batch is rolled back and each txn is
 * tried again alone: one that is too large for the disk must not take the small ones with it. What
 * then still fails carries the reason. An fsync that failed is different: the kernel may have
 * dropped the dirty pages and report success the next time, so from then on writes are refused
 * until the store is opened and checked again. Reads go on in every case.
 *
 * What always holds between two calls:
 *   (1) no SQLite transaction is open.
 *   (2) db->mark is what tables meta and changes say, as committed.
 *   (3) a row's crc covers key, revision and value.
 *
 * Read next: db_history.c for the table of changes.
 */
#include "store/sqlite/db.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "base/crypto.h"
#include "store/kv_job.h"

/* A listing is cut here, whatever its limit: a thousand values of 1 MiB are no answer. */
enum { LIST_BYTES = 8 << 20 };

int db_errno(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
        return -EAGAIN;
    }
    return -EIO;
}

uint32_t db_row_crc(const void *key, size_t key_len, const void *value, size_t value_len,
                    uint64_t rev)
{
    uint32_t crc = crc32c(0, key, key_len);

    crc = crc32c(crc, &rev, sizeof(rev));
    return crc32c(crc, value, value_len);
}

static void bind(sqlite3_stmt *st, int at, struct str s)
{
    sqlite3_bind_blob(st, at, s.n > 0 ? s.p : "", (int)s.n, SQLITE_STATIC);
}

int db_step(struct db *db, enum db_stmt which)
{
    int code = sqlite3_step(db->stmts[which]);

    sqlite3_reset(db->stmts[which]);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

struct row {
    struct str key, value; /* borrowed from the statement */
    uint64_t rev;
};

/* -EIO when the row is not what was written. */
static int take_row(sqlite3_stmt *st, struct row *row)
{
    row->key.p = sqlite3_column_blob(st, 0);
    row->key.n = (size_t)sqlite3_column_bytes(st, 0);
    row->rev = (uint64_t)sqlite3_column_int64(st, 1);
    row->value.p = sqlite3_column_blob(st, 3);
    row->value.n = (size_t)sqlite3_column_bytes(st, 3);
    if (sqlite3_column_int64(st, 2) !=
        db_row_crc(row->key.p, row->key.n, row->value.p, row->value.n, row->rev))
        return -EIO;
    return 0;
}

/* Revision of a key, 0 when there is none. SQLITE_OK or its code; damage is SQLITE_CORRUPT. */
static int rev_of(struct db *db, struct str key, uint64_t *ret)
{
    sqlite3_stmt *st = db->stmts[DB_GET];
    struct row row;
    int code;

    bind(st, 1, key);
    code = sqlite3_step(st);
    *ret = 0;
    if (code == SQLITE_ROW) {
        code = take_row(st, &row) < 0 ? SQLITE_CORRUPT : SQLITE_OK;
        *ret = row.rev;
    } else if (code == SQLITE_DONE) {
        code = SQLITE_OK;
    }
    sqlite3_reset(st);
    return code;
}

static int put(struct db *db, const struct kv_op *op, uint64_t rev)
{
    sqlite3_stmt *st = db->stmts[DB_PUT];

    bind(st, 1, op->key);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)rev);
    sqlite3_bind_int64(st, 3, db_row_crc(op->key.p, op->key.n, op->value.p, op->value.n, rev));
    bind(st, 4, op->value);
    return db_step(db, DB_PUT);
}

static int del(struct db *db, struct str key)
{
    bind(db->stmts[DB_DEL], 1, key);
    return db_step(db, DB_DEL);
}

/* Whether all compares of a txn hold. SQLITE_OK, or what SQLite says. */
static int compare(struct db *db, const struct kv_txn *t, bool *ret)
{
    *ret = true;
    for (uint32_t i = 0; i < t->ncompares && *ret; i++) {
        uint64_t rev;
        int code = rev_of(db, t->compares[i].key, &rev);

        if (code != SQLITE_OK)
            return code;
        *ret = rev == t->compares[i].rev;
    }
    return SQLITE_OK;
}

/* Inside a transaction. Sets job->work.r to 0 or -ESTALE; SQLITE_OK, or what SQLite says. */
static int apply(struct db *db, struct kv_job *job, struct db_mark *mark)
{
    const struct kv_op *ops;
    uint32_t n;
    bool held;
    int code;

    code = compare(db, &job->request, &held);
    if (code != SQLITE_OK)
        return code;

    ops = kv_job_decide(job, held, &mark->rev, &n);
    for (uint32_t i = 0; i < n; i++) {
        code = ops[i].del ? del(db, ops[i].key) : put(db, &ops[i], job->rev);
        if (code != SQLITE_OK)
            return code;
    }
    return job->rev > 0 ? db_remember(db, job->past, mark) : SQLITE_OK;
}

static int commit(struct db *db, struct db_mark *mark)
{
    int code;

    sqlite3_bind_int64(db->stmts[DB_SET_REV], 1, (sqlite3_int64)mark->rev);
    code = db_step(db, DB_SET_REV);
    if (code == SQLITE_OK)
        code = db_keep_history(db, mark);
    if (code == SQLITE_OK)
        code = db_step(db, DB_COMMIT);
    if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
        db->sync_failed = true;
    return code;
}

/* All jobs in one commit, or none: SQLITE_OK, or the code of what failed. */
static int run_batch(struct db *db, struct list *jobs)
{
    struct db_mark mark = db->mark;
    int code;

    buf_reset(&db->keys);
    code = db_step(db, DB_BEGIN);
    if (code != SQLITE_OK)
        return code;

    list_each (it, jobs) {
        code = apply(db, container_of(it, struct kv_job, work.node), &mark);
        if (code != SQLITE_OK)
            break;
    }
    if (code == SQLITE_OK && mark.rev > db->mark.rev)
        code = commit(db, &mark);
    if (!sqlite3_get_autocommit(db->conn)) /* some errors have rolled back already */
        (void)db_step(db, DB_ROLLBACK);
    if (code == SQLITE_OK)
        db->mark = mark;
    return code;
}

static void fail_all(struct list *jobs, int r)
{
    list_each (it, jobs)
        kv_job_fail(container_of(it, struct kv_job, work.node), r);
}

static void run_alone(struct db *db, struct kv_job *job)
{
    struct list one;
    int code;

    list_init(&one);
    list_push_back(&one, &job->work.node);
    code = db->sync_failed ? SQLITE_IOERR : run_batch(db, &one);
    if (code != SQLITE_OK)
        kv_job_fail(job, db_errno(code));
    list_remove(&job->work.node);
}

void db_txns(struct db *db, struct list *jobs)
{
    struct list tried, *n;

    if (list_empty(jobs))
        return;
    if (db->sync_failed) {
        fail_all(jobs, -EIO);
        return;
    }
    if (run_batch(db, jobs) == SQLITE_OK)
        return;

    list_init(&tried);
    while ((n = list_pop_front(jobs))) {
        run_alone(db, container_of(n, struct kv_job, work.node));
        list_push_back(&tried, n);
    }
    while ((n = list_pop_front(&tried)))
        list_push_back(jobs, n);
}

/* Rows of a bound statement into the job, until it has enough. */
static int collect(sqlite3_stmt *st, struct kv_job *job)
{
    size_t bytes = 0;
    int code;

    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        struct row row;

        if (job->kind == KV_JOB_LIST) {
            struct str key = {sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0)};

            if (!str_starts(key, job->range.prefix))
                return 0;
            if (job->nitems == job->range.limit || bytes >= LIST_BYTES) {
                job->more = true;
                return 0;
            }
        }
        if (take_row(st, &row) < 0)
            return -EIO;
        kv_job_add(job, row.key, row.value, row.rev);
        bytes += row.key.n + row.value.n;
    }
    return db_errno(code);
}

void db_read(struct db *db, struct kv_job *job)
{
    sqlite3_stmt *st = db->stmts[job->kind == KV_JOB_GET ? DB_GET : DB_LIST];
    char room[KV_KEY + 1];
    int r;

    bind(st, 1, job->kind == KV_JOB_GET ? job->key : kv_job_first(job, room));
    job->rev = db->mark.rev;
    r = collect(st, job);
    sqlite3_reset(st);
    if (r < 0)
        kv_job_fail(job, r);
}
