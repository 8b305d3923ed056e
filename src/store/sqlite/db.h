/* SPDX-License-Identifier: Apache-2.0 */
/* db.h - the SQLite file behind kv_sqlite.c: opening it with distrust, carrying out jobs, and
 * keeping the history of changes. Calls block. One thread at a time. */
#ifndef EVOKE_STORE_SQLITE_DB_H
#define EVOKE_STORE_SQLITE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct err;
struct kv_history;
struct kv_job;
struct kv_past;
struct list;
struct sqlite3;
struct sqlite3_stmt;

enum db_stmt {
    DB_BEGIN,
    DB_COMMIT,
    DB_ROLLBACK,
    DB_GET,
    DB_LIST,
    DB_PUT,
    DB_DEL,
    DB_SET_REV,
    DB_REMEMBER,
    DB_FORGET,
    DB_OLDEST,
    DB_HISTORY,
    DB_STMTS,
};

/* How far the store is: moves with a commit. */
struct db_mark {
    uint64_t rev;   /* of the last txn */
    uint64_t first; /* the oldest revision in table changes; rev + 1 when it is empty */
    size_t bytes;   /* of all keys in it */
};

struct db {
    struct sqlite3 *conn;
    struct sqlite3_stmt *stmts[DB_STMTS];
    struct db_mark mark; /* as committed */
    struct buf keys;     /* of the txns of this commit, on their way into table changes */
    bool sync_failed;    /* an fsync failed: writes are refused until the file is opened again */
};

/* -EINVAL not ours or too new, -EIO damaged, -EBUSY open elsewhere; e says which and what to do. */
int db_open(struct db *db, const char *path, struct kv_history *ret, struct err *e);
void db_close(struct db *db); /* also a half-opened one */

/* Fill in result and r of each txn of the list; all that hold go into one commit. */
void db_txns(struct db *db, struct list *jobs);
void db_read(struct db *db, struct kv_job *job); /* a get or a list */

/*
 * A copy of the file, a piece per step; what is written meanwhile through the same db is in it.
 * sealed: pages have checksums, in both files (vfs.h).
 * step: 1 there is more, 0 it is whole and on disk, or -errno. free: an unfinished one is removed.
 */
struct db_copy; /* opaque */
int db_copy_new(struct sqlite3 *conn, const char *path, bool sealed, struct db_copy **ret);
int db_copy_step(struct db_copy *c);
struct db_copy *db_copy_free(struct db_copy *c);

void db_history_init(struct db *db);
/* Inside a transaction: add the txn mark.rev to the history; before its commit: write it, and
 * forget what is over the bounds. SQLITE_OK or its code; mark moves along. */
int db_remember(struct db *db, const struct kv_past *past, struct db_mark *mark);
int db_keep_history(struct db *db, struct db_mark *mark);
/* Read it, to carry on from it. A damaged one is forgotten with a warning: those who watch then
 * list again, which is always right. */
int db_load_history(struct db *db, const char *path, struct kv_history *ret, struct err *e);

/* CRC-32C over what a row means, so that a flipped bit is found: SQLite itself would not notice. */
uint32_t db_row_crc(const void *key, size_t key_len, const void *value, size_t value_len,
                    uint64_t rev);
int db_errno(int sqlite_code);                  /* what kv.h calls it */
int db_step(struct db *db, enum db_stmt which); /* one without rows: SQLITE_OK or its code */

#endif
