/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_open.c - open the queue's file: alone, checked, and without reading all of it.
 *
 * One million events may wait, and the daemon is to be ready within a second: opening reads names,
 * ledger and one row of meta, and SQLite reads what is left of its log. Nothing else is looked at:
 * the rest is the guard's (queue_guard.c), who decides which file is opened and reads all of it
 * later, and of the file layer's checksums (vfs.c), whenever a page is read.
 *
 * "<path>.lock" says who has it open. The kernel lets go of it when its process dies, so the next
 * one waits no longer than that takes. SQLite's own lock is held as well (locking_mode), so that
 * there is no shared-memory file.
 *
 * Source: sqlite.org/pragma.html, sqlite.org/partialindex.html, flock(2)
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "store/sqlite/db.h"
#include "store/sqlite/queue_db.h"
#include "store/sqlite/queue_guard.h"
#include "store/sqlite/vfs.h"

enum { APPLICATION_ID = 0x65767131 /* "evq1" */, FORMAT = 1, LOCK_LOOK_MS = 10 };

/* States are numbers here: SQLite uses a partial index only where it sees its very condition. None of
 * them says IN (...): that is a table of its own, made and dropped for every row that is written. */
static const char schema[] =
        "BEGIN IMMEDIATE;"
        "CREATE TABLE meta (one INTEGER PRIMARY KEY, commits INTEGER NOT NULL,"
        " next_seq INTEGER NOT NULL, token INTEGER NOT NULL, ended INTEGER NOT NULL);"
        "INSERT INTO meta VALUES (1, 0, 1, 0, 0);"
        "CREATE TABLE name (id INTEGER PRIMARY KEY, text BLOB NOT NULL);"
        "CREATE TABLE ledger (queue INTEGER, source INTEGER, accepted INTEGER NOT NULL,"
        " waiting INTEGER NOT NULL, running INTEGER NOT NULL, done INTEGER NOT NULL,"
        " dead INTEGER NOT NULL, expired INTEGER NOT NULL, cancelled INTEGER NOT NULL,"
        " purged INTEGER NOT NULL, passed INTEGER NOT NULL, PRIMARY KEY (queue, source))"
        " WITHOUT ROWID;"
        "CREATE TABLE cursor (name BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE event (seq INTEGER PRIMARY KEY, queue INTEGER NOT NULL,"
        " source INTEGER NOT NULL, state INTEGER NOT NULL, at INTEGER NOT NULL,"
        " priority INTEGER NOT NULL, attempt INTEGER NOT NULL, token INTEGER NOT NULL,"
        " created INTEGER NOT NULL, expires INTEGER NOT NULL, id BLOB NOT NULL, dedup BLOB,"
        " okey BLOB, note BLOB NOT NULL);"
        "CREATE TABLE body (seq INTEGER PRIMARY KEY, attributes BLOB NOT NULL,"
        " payload BLOB NOT NULL);"
        "CREATE UNIQUE INDEX by_id ON event (id);"
        "CREATE UNIQUE INDEX by_dedup ON event (queue, dedup) WHERE dedup IS NOT NULL;"
        "CREATE INDEX of_queue ON event (queue);"
        "CREATE INDEX waiting ON event (queue, priority DESC, at) WHERE state = 0;"
        "CREATE INDEX running ON event (queue, token, at) WHERE state = 1;"
        "CREATE INDEX dead ON event (queue) WHERE state = 3;"
        "CREATE INDEX ended ON event (at) WHERE state = 2 OR state BETWEEN 4 AND 6;"
        "CREATE INDEX chain ON event (queue, okey, state) WHERE okey IS NOT NULL;"
        "PRAGMA application_id = 0x65767131;"
        "PRAGMA user_version = 1;"
        "COMMIT";

static_assert(Q_WAITING == 0 && Q_RUNNING == 1 && Q_DONE == 2 && Q_DEAD == 3 && Q_EXPIRED == 4 &&
                      Q_CANCELLED == 5 && Q_PURGED == 6 && QDB_HELD == 7,
              "the schema and the statements name states by number");

#define ROW                                                                                        \
    "seq, queue, source, state, at, priority, attempt, token, created, expires, id, dedup, okey,"  \
    " note"

static const char *const stmt_text[QDB_STMTS] = {
        [QDB_BEGIN] = "BEGIN",
        [QDB_COMMIT] = "COMMIT",
        [QDB_ROLLBACK] = "ROLLBACK",
        [QDB_META] = "UPDATE meta SET commits = ?1, next_seq = ?2, token = ?3, ended = ?4",
        [QDB_NAME] = "INSERT OR REPLACE INTO name VALUES (?1, ?2)",
        [QDB_LEDGER] = "INSERT OR REPLACE INTO ledger"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        [QDB_PUT] = "INSERT OR IGNORE INTO event"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?7, ?8, ?9, ?10, ?11, x'')",
        [QDB_PUT_BODY] = "INSERT INTO body VALUES (?1, ?2, ?3)",
        [QDB_UNPUT] = "DELETE FROM event WHERE seq >= ?1",
        [QDB_UNPUT_BODY] = "DELETE FROM body WHERE seq >= ?1",
        [QDB_ROW] = "SELECT " ROW " FROM event WHERE seq = ?1",
        [QDB_BODY] = "SELECT attributes, payload FROM body WHERE seq = ?1",
        [QDB_FIND] = "SELECT seq FROM event WHERE id = ?1",
        [QDB_MOVE] = "UPDATE event SET state = ?2, at = ?3, attempt = ?4, token = ?5, expires = ?6,"
                     " note = CASE WHEN ?7 THEN ?8 ELSE note END WHERE seq = ?1",
        [QDB_STATE] = "UPDATE event SET state = ?2 WHERE seq = ?1",
        [QDB_EXTEND] = "UPDATE event SET at = ?2 WHERE seq = ?1",
        [QDB_KEY_RUNNING] = "SELECT seq FROM event WHERE queue = ?1 AND okey = ?2 AND state = 1"
                            " ORDER BY seq LIMIT 1",
        [QDB_KEY_FREE] = "SELECT seq FROM event WHERE queue = ?1 AND okey = ?2 AND state = 0"
                         " ORDER BY seq LIMIT 1",
        [QDB_KEY_HELD] = "SELECT seq FROM event WHERE queue = ?1 AND okey = ?2 AND state = 7"
                         " ORDER BY seq LIMIT 1",
        [QDB_PRIORITY] = "SELECT priority FROM event WHERE queue = ?1 AND state = 0"
                         " AND priority < ?2 ORDER BY priority DESC LIMIT 1",
        [QDB_TIMED] = "SELECT seq FROM event WHERE queue = ?1 AND state = 0 AND priority = ?2"
                      " AND at > 0 AND at <= ?3 ORDER BY at, seq",
        [QDB_AT_ONCE] = "SELECT seq FROM event WHERE queue = ?1 AND state = 0 AND priority = ?2"
                        " AND at = 0 ORDER BY seq",
        [QDB_JUDGE_TIMED] = "SELECT seq, source, at, expires FROM event WHERE queue = ?1"
                            " AND state = 0 AND priority = ?2 AND at > 0 ORDER BY at, seq",
        [QDB_JUDGE_AT_ONCE] = "SELECT seq, source, at, expires FROM event WHERE queue = ?1"
                              " AND state = 0 AND priority = ?2 AND at = 0 ORDER BY seq",
        [QDB_RUN_OUT] = "SELECT seq FROM event WHERE queue = ?1 AND state = 1 AND token = ?2"
                        " AND at <= ?3 ORDER BY at, seq",
        [QDB_OF_OTHERS] = "SELECT seq, token FROM event WHERE queue = ?1 AND state = 1"
                          " AND token < ?2 ORDER BY token, at, seq",
        [QDB_NEXT_TIMED] = "SELECT at, created FROM event WHERE queue = ?1 AND state = 0"
                           " AND priority = ?2 ORDER BY at LIMIT 1",
        [QDB_NEXT_END] = "SELECT token, min(at) FROM event WHERE queue = ?1 AND state = 1"
                         " GROUP BY token",
        [QDB_CURSOR] = "SELECT value FROM cursor WHERE name = ?1",
        [QDB_SET_CURSOR] = "INSERT OR REPLACE INTO cursor VALUES (?1, ?2)",
        [QDB_DROP_CURSOR] = "DELETE FROM cursor WHERE name = ?1",
        [QDB_OLDEST_ENDED] = "SELECT seq, at FROM event INDEXED BY ended"
                             " WHERE state = 2 OR state BETWEEN 4 AND 6"
                             " ORDER BY at, seq LIMIT 1",
        [QDB_DROP] = "DELETE FROM event WHERE seq = ?1",
        [QDB_DROP_BODY] = "DELETE FROM body WHERE seq = ?1",
        [QDB_NEWEST] = "SELECT seq FROM event WHERE seq < ?1 AND ?2 IS NOT NULL ORDER BY seq DESC",
        [QDB_NEWEST_OF] = "SELECT seq FROM event WHERE queue = ?2 AND seq < ?1 ORDER BY seq DESC",
        [QDB_NEWEST_DEAD] = "SELECT seq FROM event WHERE queue = ?2 AND state = 3 AND seq < ?1"
                            " ORDER BY seq DESC",
        [QDB_RUNNING] = "SELECT seq FROM event INDEXED BY running WHERE state = 1 AND seq < ?1"
                        " AND ?2 IS NOT NULL ORDER BY seq DESC",
        [QDB_OLDEST] = "SELECT seq FROM event WHERE seq > ?1 AND ?2 IS NOT NULL ORDER BY seq",
        [QDB_OLDEST_OF] = "SELECT seq FROM event WHERE queue = ?2 AND seq > ?1 ORDER BY seq",
        [QDB_OLDEST_DEAD] = "SELECT seq FROM event WHERE queue = ?2 AND state = 3 AND seq > ?1"
                            " ORDER BY seq",
};

/* What is in the file is wrong, as opposed to: it cannot be had just now. */
static bool is_damage(int code)
{
    switch (code) {
    case SQLITE_IOERR_DATA:
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ:
        return true;
    }
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

static int failed(struct qdb *db, const char *doing, struct err *e)
{
    int code = sqlite3_extended_errcode(db->conn), r = db_errno(code);

    if (r == -EAGAIN)
        r = -EBUSY;
    return err_set(e, ERR_HOST, is_damage(code) ? -EBADMSG : r, "%s: %s (SQLite %d)", doing,
                   sqlite3_errmsg(db->conn), code);
}

static int run(struct qdb *db, const char *sql, struct err *e)
{
    if (sqlite3_exec(db->conn, sql, NULL, NULL, NULL) != SQLITE_OK)
        return failed(db, sql, e);
    return 0;
}

/* The columns of the first row, as numbers. */
static int ask(struct qdb *db, const char *sql, int64_t *ret, int n, struct err *e)
{
    sqlite3_stmt *st;
    int r = 0;

    if (sqlite3_prepare_v2(db->conn, sql, -1, &st, NULL) != SQLITE_OK)
        return failed(db, sql, e);
    if (sqlite3_step(st) != SQLITE_ROW)
        r = failed(db, sql, e);
    for (int i = 0; r == 0 && i < n; i++)
        ret[i] = sqlite3_column_int64(st, i);
    sqlite3_finalize(st);
    return r;
}

static int lock(struct qdb *db, const char *file, uint32_t wait_ms, struct err *e)
{
    cleanup_free char *path = xasprintf("%s.lock", file);
    uint64_t until_ns = clock_mono_ns() + (uint64_t)wait_ms * 1000000;

    db->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (db->lock_fd < 0)
        return err_sys(e, "create '%s'", path);
    while (flock(db->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_sys(e, "lock '%s'", path);
        if (clock_mono_ns() >= until_ns)
            return err_set(e, ERR_HOST, -EBUSY, "is in use by another process");
        (void)poll(NULL, 0, LOCK_LOOK_MS);
    }
    return 0;
}

/* Its format: 1 and more if it is ours, 0 when it is empty. */
static int recognise(struct qdb *db, struct err *e)
{
    int64_t id = 0, format = 0, things = 0;
    int r;

    r = ask(db, "PRAGMA application_id", &id, 1, e);
    if (r == 0)
        r = ask(db, "PRAGMA user_version", &format, 1, e);
    if (r == 0)
        r = ask(db, "SELECT count(*) FROM sqlite_schema", &things, 1, e);
    if (r < 0)
        return r;
    if (id == 0 && format == 0 && things == 0)
        return 0;
    if (id != APPLICATION_ID)
        return err_set(e, ERR_HOST, -EINVAL, "is not an evoke queue (id 0x%" PRIx64 ")",
                       (uint64_t)id);
    if (format < 1 || format > FORMAT)
        return err_set(e, ERR_HOST, -EINVAL,
                       "has format %" PRId64 ", this version of evoke knows 1 to %d", format,
                       FORMAT);
    return (int)format;
}

static int on_wal(void *user, sqlite3 *conn, const char *name, int pages)
{
    struct qdb *db = user;

    (void)conn;
    (void)name;
    db->wal_pages = pages;
    return SQLITE_OK;
}

static int prepare(struct qdb *db, struct err *e)
{
    int64_t meta[4];
    int r;

    for (int i = 0; i < QDB_STMTS; i++)
        if (sqlite3_prepare_v3(db->conn, stmt_text[i], -1, SQLITE_PREPARE_PERSISTENT, &db->stmts[i],
                               NULL) != SQLITE_OK)
            return failed(db, stmt_text[i], e);
    r = ask(db, "SELECT commits, next_seq, token, ended FROM meta", meta, 4, e);
    if (r < 0)
        return r;
    db->meta = (struct qdb_meta){(uint64_t)meta[0], (uint64_t)meta[1], (uint64_t)meta[2],
                                 (uint64_t)meta[3]};
    if (qdb_ledger_load(db) != SQLITE_OK)
        return failed(db, "read the ledger", e);
    return 0;
}

static int open_file(struct qdb *db, const char *path, struct err *e)
{
    int format, r;

    /* NOMUTEX: one thread at a time is our business. No URI: a path is a path. */
    if (sqlite3_open_v2(path, &db->conn, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs_name()) !=
        SQLITE_OK)
        return failed(db, "open", e);
    sqlite3_extended_result_codes(db->conn, 1);
    (void)sqlite3_db_config(db->conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (vfs_adopt(db->conn) != SQLITE_OK)
        return failed(db, "reserve room for checksums", e);
    r = run(db, "PRAGMA locking_mode = EXCLUSIVE", e);
    if (r < 0)
        return r;
    format = recognise(db, e);
    if (format < 0)
        return format;
    r = run(db,
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;"
            "PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0;"
            "PRAGMA journal_size_limit = 67108864; PRAGMA secure_delete = ON", /* queue_pages.c */
            e);
    if (r == 0 && format == 0)
        r = run(db, schema, e);
    sqlite3_wal_hook(db->conn, on_wal, db);
    return r == 0 ? prepare(db, e) : r;
}

static void close_file(void *user)
{
    struct qdb *db = user;

    for (int i = 0; i < QDB_STMTS; i++) {
        sqlite3_finalize(db->stmts[i]);
        db->stmts[i] = NULL;
    }
    sqlite3_close(db->conn);
    db->conn = NULL;
    qdb_ledger_free(db);
}

/* For the guard, which opens more than one file until it has the right one. */
static int open_for_guard(void *user, const char *path, struct mark_point *ret, struct err *e)
{
    struct qdb *db = user;
    int r;

    db->names = map_new();
    r = open_file(db, path, e);
    if (r < 0) {
        close_file(db);
        return r;
    }
    *ret = (struct mark_point){.commit = db->meta.commits, .next_seq = db->meta.next_seq};
    return 0;
}

static struct sqlite3 *conn_of(void *user)
{
    return ((struct qdb *)user)->conn;
}

static const struct guard_ops guard_ops = {open_for_guard, close_file, conn_of};

int qdb_open(struct qdb *db, const char *path, uint32_t wait_ms, struct q_opened *ret,
             struct err *e)
{
    int r;

    *db = (struct qdb){.lock_fd = -EBADF};
    list_init(&db->fresh);
    list_init(&db->dirty);
    list_init(&db->holders);
    *ret = (struct q_opened){0};
    r = lock(db, path, wait_ms, e);
    if (r == 0)
        r = queue_guard_open(path, &guard_ops, db, &db->guard, ret, e);
    if (r < 0) {
        qdb_close(db);
        return err_wrap(e, r, "queue '%s'", path);
    }
    if (queue_guard_next_seq(db->guard) > db->meta.next_seq)
        db->meta.next_seq = queue_guard_next_seq(db->guard);
    db->committed = db->meta;
    return 0;
}

void qdb_close(struct qdb *db)
{
    queue_guard_leave(db->guard, db->broken);
    close_file(db);
    qdb_holders_free(db);
    db->guard = queue_guard_close(db->guard);
    db->lock_fd = fd_close(db->lock_fd);
}
