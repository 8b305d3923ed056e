/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_copy.c - what q_backup() wrote becomes a store of its own.
 *
 * A copy has no mark, and a store without one is suspicious. Opening and closing it once, as the
 * daemon will, reads what can be read without a loop, and writes the mark.
 */
#include <errno.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "store/sqlite/queue_db.h"

int queue_sqlite_settle(const char *path, struct err *e)
{
    cleanup_free char *lock = xasprintf("%s.lock", path);
    struct q_opened opened;
    struct qdb db;
    int r;

    r = qdb_open(&db, path, 0, &opened, e);
    if (r < 0)
        return r;
    qdb_close(&db);
    (void)unlink(lock);
    if (opened.created || opened.lost > 0 || opened.salvaged > 0)
        return err_set(e, ERR_HOST, -EIO, "queue '%s': %s", path, opened.said);
    return 0;
}
