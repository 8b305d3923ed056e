/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_salvage.c - carry what can be read of a damaged store over into a new one.
 *
 * The old file is read through the VFS that turns one wrong bit of a page back (vfs.c); a page with
 * more than that is lost, and with it the rows it held. Tables are read in the order of their keys,
 * never through an index. Where a row cannot be read, the next key is tried, and the next, until
 * there is one behind the damage.
 *
 * Then what depends on each other is set right: an event whose payload is lost is lost (it could not
 * be run, and running it with another is worse), order keys whose first event is lost go on with the
 * next, and the ledger counts what is there. What had ended and was trimmed since is known from the
 * old ledger only and taken from there.
 *
 * Nothing is written to the old file, not even its log: who wants to look further can.
 */
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "store/sqlite/queue_guard.h"
#include "store/sqlite/vfs.h"

/* Keys tried one by one behind damage, where the mark does not say how far they go. */
enum { PROBES = 2000000, GROUP = 2000 };

struct table {
    const char *name;
    const char *key; /* its number; NULL: read from both ends, up to the damage */
    const char *order, *backward;
};

static const struct table tables[] = {
        {.name = "meta", .key = "one"},
        {.name = "name", .key = "id"},
        {.name = "ledger", .order = "queue, source", .backward = "queue DESC, source DESC"},
        {.name = "cursor", .order = "name", .backward = "name DESC"},
        {.name = "event", .key = "seq"},
        {.name = "body", .key = "seq"},
};

/* In a new store, once all rows are there. ?1: where numbers may go on; ?2: commits if unknown. */
static const char *const mending[] = {
        "DELETE FROM event WHERE state IN (0, 1, 3, 7) AND NOT EXISTS"
        " (SELECT 1 FROM body WHERE body.seq = event.seq)",
        "INSERT INTO body SELECT seq, x'', x'' FROM event WHERE NOT EXISTS"
        " (SELECT 1 FROM body WHERE body.seq = event.seq)",
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
    sqlite3 *from, *into;
    sqlite3_stmt *put; /* a row of the table being carried over */
    int ncolumns;
    uint64_t rows; /* of this table */
    uint64_t breaks;
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

/* The first column of the first row, or `otherwise` when there is none to be had. */
static int64_t ask(sqlite3 *conn, const char *sql, int64_t otherwise)
{
    int64_t got = otherwise;
    sqlite3_stmt *st;

    if (sqlite3_prepare_v2(conn, sql, -1, &st, NULL) != SQLITE_OK)
        return otherwise;
    if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL)
        got = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return got;
}

/* The row `st` stands at. Its place in the new table may be taken: what came first stays. */
static int put_row(struct copy *c, const struct table *t, sqlite3_stmt *st, struct err *e)
{
    int r = 0;

    if (c->rows == 0) { /* what a new store is born with */
        cleanup_free char *sql = xasprintf("DELETE FROM %s", t->name);

        r = run(c->into, sql, e);
        if (r < 0)
            return r;
    }
    for (int i = 0; i < c->ncolumns; i++)
        sqlite3_bind_value(c->put, i + 1, sqlite3_column_value(st, i));
    if (sqlite3_step(c->put) != SQLITE_DONE)
        r = failed(c->into, t->name, e);
    sqlite3_reset(c->put);
    if (++c->rows % GROUP == 0 && r == 0)
        r = run(c->into, "COMMIT; BEGIN", e);
    return r;
}

/* All rows `st` gives. 1: it came to damage, after the key *last. */
static int put_rows(struct copy *c, const struct table *t, sqlite3_stmt *st, int64_t *last,
                    struct err *e)
{
    int code, r = 0;

    while (r == 0 && (code = sqlite3_step(st)) == SQLITE_ROW) {
        *last = t->key ? sqlite3_column_int64(st, 0) : 0;
        r = put_row(c, t, st, e);
    }
    sqlite3_reset(st);
    if (r < 0)
        return r;
    return code == SQLITE_DONE ? 0 : 1;
}

/* The columns of the table, and the statement that fills the new one. */
static int begin_table(struct copy *c, const struct table *t, struct err *e)
{
    cleanup_free char *ask_for = xasprintf("SELECT * FROM %s", t->name);
    cleanup_free char *sql = NULL;
    char marks[64] = "?";
    sqlite3_stmt *st;

    if (sqlite3_prepare_v2(c->into, ask_for, -1, &st, NULL) != SQLITE_OK)
        return failed(c->into, ask_for, e);
    c->ncolumns = sqlite3_column_count(st);
    sqlite3_finalize(st);
    for (int i = 1; i < c->ncolumns && strlen(marks) + 2 < sizeof(marks); i++)
        strncat(marks, ",?", sizeof(marks) - strlen(marks) - 1);
    sql = xasprintf("INSERT OR IGNORE INTO %s VALUES (%s)", t->name, marks);
    c->rows = 0;
    if (sqlite3_prepare_v2(c->into, sql, -1, &c->put, NULL) != SQLITE_OK)
        return failed(c->into, sql, e);
    return 0;
}

/* Rows by their number: behind damage the next number is tried, up to `most`. */
static int by_number(struct copy *c, const struct table *t, int64_t most, struct err *e)
{
    cleanup_free char *sql = xasprintf("SELECT * FROM %s NOT INDEXED WHERE %s >= ?1 ORDER BY %s",
                                       t->name, t->key, t->key);
    int64_t last = 0, from = 0;
    sqlite3_stmt *st;
    bool broken = false;
    int r;

    if (sqlite3_prepare_v2(c->from, sql, -1, &st, NULL) != SQLITE_OK) {
        c->breaks++;
        return 0;
    }
    do {
        int64_t before = last;

        sqlite3_bind_int64(st, 1, from);
        r = put_rows(c, t, st, &last, e);
        if (r == 1 && (!broken || last != before))
            c->breaks++;
        broken = r == 1;
        from = last >= from ? last + 1 : from + 1;
    } while (r == 1 && from <= most);
    sqlite3_finalize(st);
    return r < 0 ? r : 0;
}

/* A table without numbers: from its beginning to the damage, then from its end. */
static int by_order(struct copy *c, const struct table *t, struct err *e)
{
    const char *const orders[] = {t->order, t->backward};
    int r = 1;

    for (size_t i = 0; i < 2 && r == 1; i++) {
        cleanup_free char *sql = xasprintf("SELECT * FROM %s ORDER BY %s", t->name, orders[i]);
        sqlite3_stmt *st;
        int64_t last;

        if (sqlite3_prepare_v2(c->from, sql, -1, &st, NULL) == SQLITE_OK) {
            r = put_rows(c, t, st, &last, e);
            sqlite3_finalize(st);
        }
        if (r == 1 && i == 0)
            c->breaks++;
    }
    return r < 0 ? r : 0;
}

static int carry_over(struct copy *c, const struct mark_point *was, struct salvaged *ret,
                      struct err *e)
{
    /* An event brings two names at most. */
    int64_t most = was->next_seq > 0 ? 2 * (int64_t)was->next_seq : PROBES;

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        const struct table *t = &tables[i];
        uint64_t breaks = c->breaks;
        int r = begin_table(c, t, e);

        if (r == 0)
            r = t->key ? by_number(c, t, most, e) : by_order(c, t, e);
        sqlite3_finalize(c->put);
        c->put = NULL;
        if (r < 0)
            return r;
        if (strcmp(t->name, "ledger") == 0)
            ret->wanted = c->breaks > breaks ? UINT64_MAX
                                             : (uint64_t)ask(c->into,
                                                             "SELECT sum(waiting + running + dead)"
                                                             " FROM ledger",
                                                             0);
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

/* The damaged file is not changed: its log stays as it is. What cannot be read of it shows in every
 * statement, so that is no failure here. */
static int open_damaged(const char *path, sqlite3 **ret, struct err *e)
{
    (void)sqlite3_open_v2(path, ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                          vfs_name_mending());
    if (!*ret)
        return err_set(e, ERR_HOST, -ENOMEM, "open '%s'", path);
    sqlite3_extended_result_codes(*ret, 1);
    (void)sqlite3_db_config(*ret, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)run(*ret, "PRAGMA locking_mode = EXCLUSIVE", NULL);
    return 0;
}

static int open_fresh(const char *path, sqlite3 **ret, struct err *e)
{
    if (sqlite3_open_v2(path, ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs_name()) !=
        SQLITE_OK)
        return failed(*ret, "open", e);
    sqlite3_extended_result_codes(*ret, 1);
    return run(*ret,
               "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = NORMAL;"
               "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384",
               e);
}

static int salvage(struct copy *c, const struct mark_point *was, struct salvaged *ret,
                   struct err *e)
{
    int r = run(c->into, "BEGIN", e);

    if (r == 0)
        r = carry_over(c, was, ret, e);
    if (r == 0)
        r = mend(c, was, e);
    if (r == 0) /* synced into the file itself; closing removes the log */
        r = run(c->into, "COMMIT; PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)", e);
    ret->events = (uint64_t)ask(c->into, "SELECT count(*) FROM event", 0);
    ret->live = (uint64_t)ask(c->into, "SELECT sum(waiting + running + dead) FROM ledger", 0);
    ret->mended = vfs_damage(c->from)->mended;
    ret->breaks = c->breaks;
    return r;
}

int queue_salvage(const char *from, const char *into, const struct mark_point *was,
                  struct salvaged *ret, struct err *e)
{
    struct copy c = {0};
    int r;

    r = open_damaged(from, &c.from, e);
    if (r == 0)
        r = open_fresh(into, &c.into, e);
    if (r == 0)
        r = salvage(&c, was, ret, e);
    (void)sqlite3_close(c.from);
    if (sqlite3_close(c.into) != SQLITE_OK && r == 0)
        r = err_set(e, ERR_HOST, -EIO, "close the new file");
    return r;
}
