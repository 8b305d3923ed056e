/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_history.c - the table of changes: which keys the last txns touched.
 *
 * One row per txn, written in its commit, so history and data cannot part. It is only written while
 * the store is open and read once, at opening; questions are answered from memory (kv_outbox.c),
 * which forgets by the same bounds.
 *
 * What always holds: the rows are mark.first .. mark.rev without a gap. A txn without operations
 * has an empty row, so that a missing row is damage and not a matter of opinion.
 */
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "store/kv_history.h"
#include "store/sqlite/db.h"

int db_remember(struct db *db, const struct kv_past *past, uint64_t rev, struct db_mark *mark)
{
    sqlite3_stmt *st = db->stmts[DB_REMEMBER];

    sqlite3_bind_int64(st, 1, (sqlite3_int64)rev);
    sqlite3_bind_int64(st, 2, db_row_crc("", 0, past->bytes, past->n, rev));
    sqlite3_bind_blob(st, 3, past->bytes, (int)past->n, SQLITE_STATIC);
    mark->bytes += past->n;
    return db_step(db, DB_REMEMBER);
}

int db_forget(struct db *db, struct db_mark *mark)
{
    sqlite3_stmt *st = db->stmts[DB_FORGET];

    while (kv_history_over(mark->rev + 1 - mark->first, mark->bytes)) {
        size_t freed = 0;
        int code;

        sqlite3_bind_int64(st, 1, (sqlite3_int64)mark->first);
        code = sqlite3_step(st);
        if (code == SQLITE_ROW) {
            freed = (size_t)sqlite3_column_int64(st, 0);
            code = sqlite3_step(st);
        } else if (code == SQLITE_DONE) {
            code = SQLITE_CORRUPT; /* it was there when we opened */
        }
        sqlite3_reset(st);
        if (code != SQLITE_DONE)
            return code;
        mark->bytes -= freed;
        mark->first++;
    }
    return SQLITE_OK;
}

/* SQLITE_OK; SQLITE_CORRUPT when the rows are not what was written; or what SQLite says. */
static int read_rows(struct db *db, struct kv_history *h)
{
    sqlite3_stmt *st = db->stmts[DB_HISTORY];
    int code;

    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        uint64_t rev = (uint64_t)sqlite3_column_int64(st, 0);
        struct str keys = {sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2)};
        struct kv_past *past = NULL;

        if (h->n == 0)
            kv_history_init(h, rev - 1);
        if (rev == kv_history_rev(h) + 1 &&
            sqlite3_column_int64(st, 1) == db_row_crc("", 0, keys.p, keys.n, rev))
            past = kv_past_copy(keys);
        if (!past) {
            code = SQLITE_CORRUPT;
            break;
        }
        kv_history_add(h, past);
    }
    sqlite3_reset(st);
    if (code == SQLITE_DONE)
        code = kv_history_rev(h) == db->mark.rev ? SQLITE_OK : SQLITE_CORRUPT;
    return code;
}

int db_load_history(struct db *db, const char *path, struct kv_history *ret, struct err *e)
{
    struct kv_history h;
    int code;

    kv_history_init(&h, db->mark.rev);
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
    *ret = h;
    return 0;
}
