/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_salvage.c - carry what can be read of a damaged store over into a new one.
 *
 * Rows are taken from every page that is what was written (queue_pages.c), and told apart by what
 * is in their columns: no two of our tables and indexes look alike. A page that is lost takes the
 * rows on it along, and no others.
 *
 * Then what depends on each other is set right: an event whose payload is lost is lost (it could not
 * be run, and running it with another is worse), order keys whose first event is lost go on with the
 * next, and the ledger counts what is there. What had ended and was trimmed since is known from the
 * old ledger only and taken from there.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "store/sqlite/queue_guard.h"
#include "store/sqlite/queue_pages.h"
#include "store/sqlite/vfs.h"

enum { GROUP = 2000 /* rows of a transaction */ };

/* A row per column: '.' NULL (the number of the row stands for it), '?' bytes or NULL; else as in
 * queue_pages.h. */
struct shape {
    const char *table;
    bool keyed;
    const char *columns;
};

static const struct shape shapes[] = {
        {"meta", true, ".iiii"},           {"name", true, ".b"},
        {"event", true, ".iiiiiiiiib??b"}, {"body", true, ".bb"},
        {"ledger", false, "iiiiiiiiiii"},  {"cursor", false, "bb"},
};

enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

/* Once all rows are there. ?1: where numbers may go on; ?2: commits, if that is lost. */
static const char *const mending[] = {
        "DELETE FROM event WHERE NOT EXISTS (SELECT 1 FROM body WHERE body.seq = event.seq)",
        "DELETE FROM body WHERE NOT EXISTS (SELECT 1 FROM event WHERE event.seq = body.seq)",
        "UPDATE event SET state = 0 WHERE state = 7 AND NOT EXISTS"
        " (SELECT 1 FROM event e WHERE e.queue = event.queue AND e.okey = event.okey"
        "  AND (e.state IN (0, 1) OR e.state = 7 AND e.seq < event.seq))",
        "INSERT OR IGNORE INTO name SELECT id, CAST('lost-' || id AS BLOB) FROM"
        " (SELECT queue AS id FROM event UNION SELECT source FROM event"
        "  UNION SELECT queue FROM ledger UNION SELECT source FROM ledger)",
        "CREATE TEMP TABLE now AS SELECT queue, source, sum(state IN (0, 7)) AS waiting,"
        " sum(state = 1) AS running, sum(state = 2) AS done, sum(state = 3) AS dead,"
        " sum(state = 4) AS expired, sum(state = 5) AS cancelled, sum(state = 6) AS purged"
        " FROM event GROUP BY queue, source",
        "INSERT OR IGNORE INTO ledger SELECT queue, source, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM now",
        "UPDATE ledger SET waiting = 0, running = 0, dead = 0",
        "UPDATE ledger SET waiting = now.waiting, running = now.running, dead = now.dead,"
        " done = max(ledger.done, now.done), expired = max(ledger.expired, now.expired),"
        " cancelled = max(ledger.cancelled, now.cancelled),"
        " purged = max(ledger.purged, now.purged)"
        " FROM now WHERE now.queue = ledger.queue AND now.source = ledger.source",
        "UPDATE ledger SET accepted = waiting + running + done + dead + expired + cancelled"
        " + purged",
        "DROP TABLE now",
        "INSERT OR IGNORE INTO meta SELECT 1, ?2, 1, coalesce(max(token), 0) + 1000000, 0"
        " FROM event",
        "UPDATE meta SET next_seq = max(next_seq, ?1, (SELECT coalesce(max(seq), 0) + 1"
        " FROM event)), ended = (SELECT count(*) FROM event WHERE state IN (2, 4, 5, 6))",
};

struct copy {
    sqlite3 *into;
    sqlite3_stmt *puts[SHAPES];
    uint64_t rows;
};

static int failed(sqlite3 *conn, const char *doing, struct err *e)
{
    int code = sqlite3_extended_errcode(conn);

    return err_set(e, ERR_HOST, (code & 0xff) == SQLITE_FULL ? -ENOSPC : -EIO, "%s: %s (SQLite %d)",
                   doing, sqlite3_errmsg(conn), code);
}

static int run(sqlite3 *conn, const char *sql, struct err *e)
{
    return sqlite3_exec(conn, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(conn, sql, e);
}

/* The first column of the first row, 0 when there is none. */
static uint64_t ask(sqlite3 *conn, const char *sql)
{
    uint64_t got = 0;
    sqlite3_stmt *st;

    if (sqlite3_prepare_v2(conn, sql, -1, &st, NULL) != SQLITE_OK)
        return 0;
    if (sqlite3_step(st) == SQLITE_ROW)
        got = (uint64_t)sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return got;
}

static bool fits(const struct shape *shape, const struct page_row *row)
{
    if (row->keyed != shape->keyed || row->ncolumns != strlen(shape->columns))
        return false;
    for (size_t i = 0; i < row->ncolumns; i++) {
        char type = row->columns[i].type;

        if (shape->columns[i] == '?' ? type != 'b' && type != '.' : type != shape->columns[i])
            return false;
    }
    return true;
}

/* Its place in the new table may be taken: what came first stays. */
static int put_row(struct copy *c, sqlite3_stmt *st, const struct page_row *row, struct err *e)
{
    int r = 0;

    for (size_t i = 0; i < row->ncolumns; i++) {
        const struct page_value *v = &row->columns[i];
        int at = (int)i + 1;

        if (v->type == 'i')
            sqlite3_bind_int64(st, at, v->number);
        else if (v->type == 'b')
            sqlite3_bind_blob(st, at, v->n > 0 ? (const void *)v->p : "", (int)v->n, SQLITE_STATIC);
        else if (i == 0)
            sqlite3_bind_int64(st, at, row->key);
        else
            sqlite3_bind_null(st, at);
    }
    if (sqlite3_step(st) != SQLITE_DONE)
        r = failed(c->into, "carry a row over", e);
    sqlite3_reset(st);
    if (r == 0 && ++c->rows % GROUP == 0)
        r = run(c->into, "COMMIT; BEGIN", e);
    return r;
}

static int on_row(void *user, const struct page_row *row, struct err *e)
{
    struct copy *c = user;

    for (size_t i = 0; i < SHAPES; i++)
        if (fits(&shapes[i], row))
            return put_row(c, c->puts[i], row, e);
    return 0; /* of an index, or of the schema */
}

static int prepare(struct copy *c, struct err *e)
{
    for (size_t i = 0; i < SHAPES; i++) {
        char marks[2 * PAGES_COLUMNS] = "?";
        cleanup_free char *sql = NULL;

        for (size_t k = 1; k < strlen(shapes[i].columns); k++)
            memcpy(marks + 2 * k - 1, ",?", 3);
        sql = xasprintf("INSERT OR IGNORE INTO %s VALUES (%s)", shapes[i].table, marks);
        if (sqlite3_prepare_v2(c->into, sql, -1, &c->puts[i], NULL) != SQLITE_OK)
            return failed(c->into, sql, e);
    }
    return 0;
}

static int mend(struct copy *c, const struct mark_point *was, struct err *e)
{
    for (size_t i = 0; i < sizeof(mending) / sizeof(mending[0]); i++) {
        sqlite3_stmt *st;
        int code;

        if (sqlite3_prepare_v2(c->into, mending[i], -1, &st, NULL) != SQLITE_OK)
            return failed(c->into, mending[i], e);
        if (sqlite3_bind_parameter_count(st) > 0)
            sqlite3_bind_int64(st, 1, (int64_t)was->next_seq);
        if (sqlite3_bind_parameter_count(st) > 1)
            sqlite3_bind_int64(st, 2, (int64_t)was->commit);
        code = sqlite3_step(st);
        sqlite3_finalize(st);
        if (code != SQLITE_DONE)
            return failed(c->into, mending[i], e);
    }
    return 0;
}

static int open_fresh(struct copy *c, const char *path, struct err *e)
{
    int r;

    if (sqlite3_open_v2(path, &c->into, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs_name()) !=
        SQLITE_OK)
        return failed(c->into, "open", e);
    sqlite3_extended_result_codes(c->into, 1);
    r = run(c->into,
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = NORMAL;"
            "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; BEGIN; DELETE FROM meta",
            e);
    return r == 0 ? prepare(c, e) : r;
}

static int salvage(struct copy *c, const char *from, const struct mark_point *was,
                   struct salvaged *ret, struct err *e)
{
    struct pages_read read = {0};
    int r = queue_pages(from, on_row, c, &read, e);

    ret->wanted = ask(c->into, "SELECT sum(waiting + running + dead) FROM ledger");
    if (r == 0)
        r = mend(c, was, e);
    if (r == 0) /* synced into the file itself; closing removes the log */
        r = run(c->into, "COMMIT; PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)", e);
    ret->events = ask(c->into, "SELECT count(*) FROM event");
    ret->live = ask(c->into, "SELECT sum(waiting + running + dead) FROM ledger");
    ret->mended = read.mended;
    ret->lost = read.lost;
    return r;
}

int queue_salvage(const char *from, const char *into, const struct mark_point *was,
                  struct salvaged *ret, struct err *e)
{
    struct copy c = {0};
    int r;

    r = open_fresh(&c, into, e);
    if (r == 0)
        r = salvage(&c, from, was, ret, e);
    for (size_t i = 0; i < SHAPES; i++)
        sqlite3_finalize(c.puts[i]);
    if (sqlite3_close(c.into) != SQLITE_OK && r == 0)
        r = err_set(e, ERR_HOST, -EIO, "close the new file");
    return r;
}
