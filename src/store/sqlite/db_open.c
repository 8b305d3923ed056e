/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_open.c - decide whether a file is our store, and only then touch it.
 *
 * Order matters. Reading comes first: a foreign file must leave here as it came, so nothing is set
 * (not even the journal mode) before application_id and user_version say that the file is ours or
 * empty. Then quick_check reads every page once: damage is told at start-up, by name, and not in
 * the middle of a request. Rows carry a checksum of their own (db.c), since SQLite only checks its
 * structure. Only a file that passed is brought up to date.
 *
 * The file is held with an exclusive lock for as long as it is open (locking_mode), so a second
 * daemon on the same directory is refused instead of believed, and there is no shared-memory file
 * to be truncated under our feet.
 *
 * Source: sqlite.org/pragma.html, sqlite.org/wal.html ("Use of WAL Without Shared-Memory")
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "store/sqlite/db.h"

enum {
    APPLICATION_ID = 0x65766b31, /* "evk1" */
    FORMAT = 2,
    /* A killed daemon lets go of the file when its last thread has ended: not while it is in an
     * fsync. */
    LOCK_WAIT_MS = 5000,
};

static const char *const stmt_text[DB_STMTS] = {
        [DB_BEGIN] = "BEGIN IMMEDIATE",
        [DB_COMMIT] = "COMMIT",
        [DB_ROLLBACK] = "ROLLBACK",
        [DB_GET] = "SELECT key, rev, crc, value FROM kv WHERE key = ?1",
        [DB_LIST] = "SELECT key, rev, crc, value FROM kv WHERE key >= ?1 ORDER BY key",
        [DB_PUT] =
                ("INSERT INTO kv (key, rev, crc, value) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key)"
                 " DO UPDATE SET rev = excluded.rev, crc = excluded.crc, value = excluded.value"),
        [DB_DEL] = "DELETE FROM kv WHERE key = ?1",
        [DB_SET_REV] = "UPDATE meta SET value = ?1 WHERE name = 'rev'",
        [DB_REMEMBER] = "INSERT INTO changes (rev, crc, keys) VALUES (?1, ?2, ?3)",
        [DB_FORGET] = "DELETE FROM changes WHERE rev = ?1",
        [DB_OLDEST] = "SELECT rev, length(keys) FROM changes ORDER BY rev LIMIT 1",
        [DB_HISTORY] = "SELECT rev, crc, keys FROM changes ORDER BY rev",
};

/* From each format to the next, from nothing on. Each step is one transaction, so a crash leaves
 * the format before or after it. */
static const char *const upgrade_text[FORMAT] = {
        "BEGIN IMMEDIATE;"
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
        "INSERT INTO meta VALUES ('rev', 0);"
        "CREATE TABLE kv (key BLOB PRIMARY KEY, rev INTEGER NOT NULL, crc INTEGER NOT NULL,"
        " value BLOB NOT NULL) WITHOUT ROWID;"
        "PRAGMA application_id = 0x65766b31;"
        "PRAGMA user_version = 1;"
        "COMMIT",

        "BEGIN IMMEDIATE;"
        "CREATE TABLE changes (rev INTEGER PRIMARY KEY, crc INTEGER NOT NULL, keys BLOB NOT NULL);"
        "PRAGMA user_version = 2;"
        "COMMIT",
};

static int failed(struct db *db, const char *doing, struct err *e)
{
    int code = sqlite3_extended_errcode(db->conn);

    switch (code & 0xff) {
    case SQLITE_NOTADB:
        return err_set(e, ERR_HOST, -EINVAL, "is not an evoke store (not an SQLite file)");
    case SQLITE_CORRUPT:
        return err_set(e, ERR_HOST, -EIO, "is damaged (%s); restore a backup of it",
                       sqlite3_errmsg(db->conn));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(e, ERR_HOST, -EBUSY, "is in use by another process");
    }
    return err_set(e, ERR_HOST, db_errno(code), "%s: %s (SQLite %d)", doing,
                   sqlite3_errmsg(db->conn), code);
}

/* The first column of the first row, as a number, or as text when `text` is given. */
static int ask(struct db *db, const char *sql, int64_t *ret, char *text, size_t text_size,
               struct err *e)
{
    sqlite3_stmt *st;
    int r = 0;

    if (sqlite3_prepare_v2(db->conn, sql, -1, &st, NULL) != SQLITE_OK)
        return failed(db, sql, e);
    if (sqlite3_step(st) != SQLITE_ROW) {
        r = failed(db, sql, e);
    } else if (text) {
        const char *got = (const char *)sqlite3_column_text(st, 0);

        snprintf(text, text_size, "%s", got ? got : "");
    } else {
        *ret = sqlite3_column_int64(st, 0);
    }
    sqlite3_finalize(st);
    return r;
}

static int run(struct db *db, const char *sql, struct err *e)
{
    if (sqlite3_exec(db->conn, sql, NULL, NULL, NULL) != SQLITE_OK)
        return failed(db, sql, e);
    return 0;
}

/* Its format: 1 and more if it is ours, 0 when it is empty. */
static int recognise(struct db *db, struct err *e)
{
    int64_t id = 0, format = 0, things = 0;
    int r;

    r = ask(db, "PRAGMA application_id", &id, NULL, 0, e);
    if (r == 0)
        r = ask(db, "PRAGMA user_version", &format, NULL, 0, e);
    if (r == 0)
        r = ask(db, "SELECT count(*) FROM sqlite_schema", &things, NULL, 0, e);
    if (r < 0)
        return r;

    if (id == 0 && format == 0 && things == 0)
        return 0;
    if (id != APPLICATION_ID)
        return err_set(e, ERR_HOST, -EINVAL,
                       "is not an evoke store (an SQLite file of another program, id 0x%" PRIx64
                       ")",
                       (uint64_t)id);
    if (format < 1 || format > FORMAT)
        return err_set(e, ERR_HOST, -EINVAL,
                       "has format %" PRId64 ", this version of evoke knows 1 to %d", format,
                       FORMAT);
    return (int)format;
}

/* Create it ourselves: SQLite would make it readable for everybody. */
static int make_file(const char *path, struct err *e)
{
    cleanup_free char *copy = xstrdup(path);
    cleanup_close int fd = -EBADF;
    cleanup_close int dir = -EBADF;

    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? 0 : err_sys(e, "create");

    dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fsync(dir) < 0)
        return err_sys(e, "fsync of its directory");
    return 0;
}

static int check_pages(struct db *db, struct err *e)
{
    char verdict[160] = "";
    int r;

    r = ask(db, "PRAGMA quick_check(1)", NULL, verdict, sizeof(verdict), e);
    if (r < 0)
        return r;
    if (strcmp(verdict, "ok") != 0)
        return err_set(e, ERR_HOST, -EIO, "is damaged (%s); restore a backup of it", verdict);
    return 0;
}

static int prepare(struct db *db, struct err *e)
{
    int64_t rev = 0;
    int r;

    for (int i = 0; i < DB_STMTS; i++)
        if (sqlite3_prepare_v3(db->conn, stmt_text[i], -1, SQLITE_PREPARE_PERSISTENT, &db->stmts[i],
                               NULL) != SQLITE_OK)
            return failed(db, stmt_text[i], e);

    r = ask(db, "SELECT value FROM meta WHERE name = 'rev'", &rev, NULL, 0, e);
    if (r < 0)
        return r;
    db->mark.rev = (uint64_t)rev;
    return 0;
}

static int open_checked(struct db *db, const char *path, struct kv_history *history, struct err *e)
{
    int format, r;

    r = make_file(path, e);
    if (r < 0)
        return r;

    /* NOMUTEX: one thread at a time is our business. No URI: a path is a path. */
    if (sqlite3_open_v2(path, &db->conn, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return failed(db, "open", e);
    sqlite3_extended_result_codes(db->conn, 1);
    (void)sqlite3_busy_timeout(db->conn, LOCK_WAIT_MS);

    r = run(db, "PRAGMA locking_mode = EXCLUSIVE", e);
    if (r < 0)
        return r;

    format = recognise(db, e);
    if (format < 0)
        return format;

    /* Pages in KiB: what is read is answered from the catalog's memory, pages serve writes alone. */
    r = run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -512",
            e);
    if (r == 0)
        r = check_pages(db, e);
    while (r == 0 && format < FORMAT)
        r = run(db, upgrade_text[format++], e);
    if (r == 0)
        r = prepare(db, e);
    if (r == 0)
        r = db_load_history(db, path, history, e);
    return r;
}

int db_open(struct db *db, const char *path, struct kv_history *ret, struct err *e)
{
    int r;

    *db = (struct db){0};
    db_history_init(db);
    r = open_checked(db, path, ret, e);
    if (r < 0) {
        db_close(db);
        return err_wrap(e, r, "store '%s'", path);
    }
    return 0;
}

void db_close(struct db *db)
{
    for (int i = 0; i < DB_STMTS; i++)
        sqlite3_finalize(db->stmts[i]);
    sqlite3_close(db->conn);
    buf_done(&db->keys);
    *db = (struct db){0};
}
