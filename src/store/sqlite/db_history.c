/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_history.c - the table of changes: which keys the last txns touched.
 *
 * Written in the commit of the txns themselves, so history and data cannot part, and one row for
 * all of them, because a row per txn would halve what group commit gives. It is only written while
 * the store is open and read once, at opening; questions are answered from memory (kv_outbox.c).
 * So it may hold more than is asked for: rows go whole, and not before SLACK is used up, because
 * each time costs one more page in the journal.
 *
 * What always holds between two commits:
 *   (1) the rows cover mark.first .. mark.rev without a gap; mark.bytes is the sum of their keys.
 *   (2) they reach at least as far back as kv_history_trim() would.
 *
 * Shape of changes.keys: per txn u32 length, native | struct kv_past's bytes. A txn without
 * operations is there too, so that a missing one is damage and not a matter of opinion.
 */
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "store/kv_history.h"
#include "store/sqlite/db.h"

enum { ROW = 256 << 10, ROW_MAX = 2 * ROW, SLACK = 256, SLACK_BYTES = KV_HISTORY_BYTES / 16 };

void db_history_init(struct db *db)
{
    buf_init(&db->keys, ROW_MAX);
}

static int flush(struct db *db, uint64_t rev)
{
    sqlite3_stmt *st = db->stmts[DB_REMEMBER];
    int code;

    if (db->keys.n == 0)
        return SQLITE_OK;
    sqlite3_bind_int64(st, 1, (sqlite3_int64)rev);
    sqlite3_bind_int64(st, 2, db_row_crc("", 0, db->keys.p, db->keys.n, rev));
    sqlite3_bind_blob(st, 3, db->keys.p, (int)db->keys.n, SQLITE_STATIC);
    code = db_step(db, DB_REMEMBER);
    buf_reset(&db->keys);
    return code;
}

int db_remember(struct db *db, const struct kv_past *past, struct db_mark *mark)
{
    buf_add(&db->keys, &past->n, sizeof(past->n));
    buf_add(&db->keys, past->bytes, past->n);
    mark->bytes += past->n;
    return db->keys.n >= ROW ? flush(db, mark->rev) : SQLITE_OK;
}

/* Delete the oldest row unless it is needed. SQLITE_DONE when it is. */
static int forget_row(struct db *db, struct db_mark *mark)
{
    sqlite3_stmt *st = db->stmts[DB_OLDEST];
    uint64_t last;
    size_t bytes;
    int code;

    code = sqlite3_step(st);
    last = (uint64_t)sqlite3_column_int64(st, 0);
    bytes = (size_t)sqlite3_column_int64(st, 1);
    sqlite3_reset(st);
    if (code != SQLITE_ROW || last < mark->first || last > mark->rev)
        return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_CORRUPT : code;

    bytes = mark->bytes - (bytes - (last + 1 - mark->first) * sizeof(uint32_t));
    if (!kv_history_over(mark->rev + 1 - last, bytes))
        return SQLITE_DONE;
    mark->first = last + 1;
    mark->bytes = bytes;
    sqlite3_bind_int64(db->stmts[DB_FORGET], 1, (sqlite3_int64)last);
    return db_step(db, DB_FORGET);
}

int db_keep_history(struct db *db, struct db_mark *mark)
{
    int code = flush(db, mark->rev);

    if (mark->rev + 1 - mark->first <= KV_HISTORY + SLACK &&
        mark->bytes <= KV_HISTORY_BYTES + SLACK_BYTES)
        return code;
    while (code == SQLITE_OK)
        code = forget_row(db, mark);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* The txns of a row, the last of which is rev. False when they are not what was written. */
static bool take_row(struct kv_history *h, uint64_t rev, struct str keys)
{
    while (keys.n > 0) {
        struct kv_past *past;
        uint32_t n;

        if (keys.n < sizeof(n))
            return false;
        memcpy(&n, keys.p, sizeof(n));
        keys = str_from(keys, sizeof(n));
        past = n <= keys.n ? kv_past_copy((struct str){keys.p, n}) : NULL;
        if (!past)
            return false;
        keys = str_from(keys, n);
        kv_history_add(h, past);
    }
    if (h->first == 0) /* the first row says where all begins */
        h->first = rev + 1 - h->n;
    return kv_history_rev(h) == rev;
}

/* SQLITE_OK; SQLITE_CORRUPT when the rows are not what was written; or what SQLite says. */
static int read_rows(struct db *db, struct kv_history *h)
{
    sqlite3_stmt *st = db->stmts[DB_HISTORY];
    int code;

    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        uint64_t rev = (uint64_t)sqlite3_column_int64(st, 0);
        struct str keys = {sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2)};

        if (sqlite3_column_int64(st, 1) != db_row_crc("", 0, keys.p, keys.n, rev) ||
            !take_row(h, rev, keys)) {
            code = SQLITE_CORRUPT;
            break;
        }
    }
    sqlite3_reset(st);
    if (code == SQLITE_DONE && h->n == 0)
        kv_history_init(h, db->mark.rev);
    if (code == SQLITE_DONE)
        code = kv_history_rev(h) == db->mark.rev ? SQLITE_OK : SQLITE_CORRUPT;
    return code;
}

int db_load_history(struct db *db, const char *path, struct kv_history *ret, struct err *e)
{
    struct kv_history h = {0};
    int code;

    code = read_rows(db, &h);
    if (code == SQLITE_CORRUPT) {
        log_warn(NULL, "store '%s': its history of changes is damaged, forgetting it", path);
        kv_history_done(&h);
        kv_history_init(&h, db->mark.rev);
        code = sqlite3_exec(db->conn, "DELETE FROM changes", NULL, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        kv_history_done(&h);
        return err_set(e, ERR_HOST, db_errno(code), "read its history of changes: %s",
                       sqlite3_errmsg(db->conn));
    }

    db->mark.first = h.first;
    db->mark.bytes = h.bytes;
    kv_history_trim(&h);
    *ret = h;
    return 0;
}
