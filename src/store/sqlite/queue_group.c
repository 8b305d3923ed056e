/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_group.c - carry out jobs on the file: many calls, one commit.
 *
 * An fsync costs a hundred times what a small write does, so all calls that wait together share
 * one, also those that only read: each sees what the ones before it did. A call that is refused has
 * changed nothing, so its neighbours never notice.
 *
 * If SQLite itself fails because the disk is full, the whole group is rolled back and each call is
 * tried again alone: one that is too large for the disk must not take the small ones with it. An
 * I/O error is different. After a failed fsync the kernel may have dropped the dirty pages and
 * report success the next time, and a page that fails its check is not the only one: from then on
 * everything is refused until the file is opened, and looked at, again. Whether the commit that
 * failed will be found then is not known; its calls are told so.
 *
 * What always holds between two groups:
 *   (1) no SQLite transaction is open.
 *   (2) meta, ledger and holders in memory are those of the file.
 *   (3) meta.commits is one more with each commit, and the side mark is never ahead of it.
 */
#include <errno.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "store/queue_job.h"
#include "store/sqlite/db.h"
#include "store/sqlite/queue_db.h"
#include "store/sqlite/queue_guard.h"
#include "store/sqlite/vfs.h"

/* Pages in the log before they are brought into the file: 16 MiB. Ids are spread over the whole
 * index, so the longer the log, the more changes of a page are one write. */
int qdb_log_pages = 4096;

typedef int do_fn(struct qdb *db, struct q_job *job);

static do_fn *const doing[Q_JOBS] = {
        [Q_JOB_PUT] = qdb_do_put,           [Q_JOB_LEASE] = qdb_do_lease,
        [Q_JOB_EXTEND] = qdb_do_extend,     [Q_JOB_AGAIN] = qdb_do_again,
        [Q_JOB_FINISH] = qdb_do_finish,     [Q_JOB_CANCEL] = qdb_do_cancel,
        [Q_JOB_REDRIVE] = qdb_do_redrive,   [Q_JOB_PURGE] = qdb_do_purge,
        [Q_JOB_LIST] = qdb_do_list,         [Q_JOB_COUNTS] = qdb_do_counts,
        [Q_JOB_READY] = qdb_do_ready,       [Q_JOB_CURSOR] = qdb_do_cursor,
        [Q_JOB_PASS] = qdb_do_pass,         [Q_JOB_TRIM] = qdb_do_trim,
        [Q_JOB_CAMPAIGN] = qdb_do_campaign, [Q_JOB_KEEP] = qdb_do_keep,
        [Q_JOB_REVOKE] = qdb_do_revoke,
};

struct sqlite3_stmt *qdb_stmt(struct qdb *db, enum qdb_stmt which)
{
    return db->stmts[which];
}

void qdb_bind(sqlite3_stmt *st, int at, struct str s)
{
    sqlite3_bind_blob(st, at, s.n > 0 ? s.p : "", (int)s.n, SQLITE_STATIC);
}

void qdb_bind_or_null(sqlite3_stmt *st, int at, struct str s)
{
    if (s.n > 0)
        qdb_bind(st, at, s);
    else
        sqlite3_bind_null(st, at);
}

struct str qdb_bytes(sqlite3_stmt *st, int column)
{
    const void *p = sqlite3_column_blob(st, column);

    return (struct str){p, p ? (size_t)sqlite3_column_bytes(st, column) : 0};
}

int qdb_end(sqlite3_stmt *st, int code)
{
    int r = sqlite3_reset(st);

    if (code == SQLITE_ROW || code == SQLITE_DONE || code == SQLITE_OK)
        return r;
    return code;
}

int qdb_run(struct qdb *db, enum qdb_stmt which)
{
    return qdb_end(db->stmts[which], sqlite3_step(db->stmts[which]));
}

static int run_one(struct qdb *db, struct q_job *job)
{
    db->now_ms = clock_store_ms();
    db->now_ns = clock_mono_ns();
    job->work.r = 0;
    return doing[job->kind](db, job);
}

static int write_meta(struct qdb *db)
{
    sqlite3_stmt *st = qdb_stmt(db, QDB_META);

    db->meta.commits++;
    sqlite3_bind_int64(st, 1, (int64_t)db->meta.commits);
    sqlite3_bind_int64(st, 2, (int64_t)db->meta.next_seq);
    sqlite3_bind_int64(st, 3, (int64_t)db->meta.token);
    sqlite3_bind_int64(st, 4, (int64_t)db->meta.ended);
    return qdb_run(db, QDB_META);
}

static int commit(struct qdb *db, bool *ret_begun)
{
    int code = SQLITE_OK;

    if (db->changed)
        code = qdb_ledger_flush(db);
    if (code == SQLITE_OK && db->changed)
        code = write_meta(db);
    *ret_begun = code == SQLITE_OK && db->changed;
    if (code == SQLITE_OK) /* what was written and undone is not worth an fsync */
        code = qdb_run(db, db->changed ? QDB_COMMIT : QDB_ROLLBACK);
    return code;
}

static uint64_t size_of(struct qdb *db, int which)
{
    sqlite3_file *file = NULL;
    sqlite3_int64 bytes = 0;

    if (sqlite3_file_control(db->conn, "main", which, &file) != SQLITE_OK || !file ||
        !file->pMethods || file->pMethods->xFileSize(file, &bytes) != SQLITE_OK)
        return 0;
    return (uint64_t)bytes;
}

/* What is in memory follows the file. */
static void settle(struct qdb *db, bool committed)
{
    if (committed && db->changed) {
        db->totals.commits++;
        db->totals.bytes =
                size_of(db, SQLITE_FCNTL_FILE_POINTER) + size_of(db, SQLITE_FCNTL_JOURNAL_POINTER);
        queue_guard_commit(db->guard, db->meta.commits, db->meta.next_seq);
    }
    if (committed) {
        db->committed = db->meta;
        db->committed_totals = db->totals;
    } else {
        db->meta = db->committed;
        db->totals = db->committed_totals;
    }
    qdb_ledger_settle(db, committed);
    qdb_holders_settle(db, committed);
}

/* An I/O error ends it all; one that tells of damage is remembered for the next opening. */
static bool is_fatal(struct qdb *db, int code)
{
    if (db_errno(code) != -EIO)
        return false;
    if (code == SQLITE_IOERR_DATA || (code & 0xff) == SQLITE_CORRUPT)
        queue_guard_damaged(db->guard);
    db->broken = true;
    return true;
}

/*
 * All in one commit, or none of it: 0, or what kv.h calls it. *ret_unknown: it may be found in the
 * file all the same.
 */
static int run_batch(struct qdb *db, struct list *works, bool *ret_unknown)
{
    bool begun = false;
    int code;

    db->changed = false;
    code = qdb_run(db, QDB_BEGIN);
    list_each (it, works)
        if (code == SQLITE_OK)
            code = run_one(db, container_of(it, struct q_job, work.node));
    if (code == SQLITE_OK)
        code = commit(db, &begun);
    if (!sqlite3_get_autocommit(db->conn)) /* some errors have rolled back already */
        (void)qdb_run(db, QDB_ROLLBACK);
    settle(db, code == SQLITE_OK);
    *ret_unknown = is_fatal(db, code) && begun;
    return db_errno(code);
}

static void fail_all(struct list *works, int r)
{
    list_each (it, works)
        q_job_fail(container_of(it, struct q_job, work.node), r);
}

/* The group, then each alone if there was no room for all of it. */
static void run_all(struct qdb *db, struct list *works)
{
    struct list tried, one, *n;
    bool unknown;
    int r = db->broken ? -EIO : run_batch(db, works, &unknown);

    if (r == 0)
        return;
    if (db->broken) {
        fail_all(works, unknown ? -EINPROGRESS : -EIO);
        return;
    }
    list_init(&tried);
    list_init(&one);
    while ((n = list_pop_front(works))) {
        list_push_back(&one, n);
        q_job_restart(container_of(n, struct q_job, work.node));
        r = db->broken ? -EIO : run_batch(db, &one, &unknown);
        if (r < 0)
            fail_all(&one, db->broken && unknown ? -EINPROGRESS : r);
        list_remove(n);
        list_push_back(&tried, n);
    }
    while ((n = list_pop_front(&tried)))
        list_push_back(works, n);
}

void qdb_group(struct qdb *db, struct list *works)
{
    if (list_empty(works))
        return;
    if (db->broken)
        fail_all(works, -EIO);
    else
        run_all(db, works);
}

static void look_back(struct qdb *db)
{
    db->totals.damaged = vfs_damage(db->conn)->pages + queue_guard_found(db->guard);
    db->committed_totals.damaged = db->totals.damaged;
}

void qdb_tidy(struct qdb *db)
{
    int code;

    if (db->broken || db->wal_pages < qdb_log_pages)
        return;
    code = queue_guard_checkpoint(db->guard);
    if (!is_fatal(db, code) && code == SQLITE_OK)
        db->wal_pages = 0;
    look_back(db);
}

bool qdb_idle(struct qdb *db)
{
    bool more = false;

    if (!db->broken)
        (void)is_fatal(db, queue_guard_step(db->guard, &more));
    look_back(db);
    return more;
}
