/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db_copy.c - a copy of the store while it is used, by SQLite's backup interface.
 *
 * The file is held with an exclusive lock, so no second connection could read it: the copy is made
 * through the one there is. That has a good side. Pages that are written between two steps are
 * brought to the copy by SQLite itself, so it never starts over, and is in the end the store as it
 * is then.
 *
 * Source: sqlite.org/backup.html, sqlite.org/c3ref/backup_finish.html
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "store/sqlite/db.h"
#include "store/sqlite/vfs.h"

enum { STEP_PAGES = 256 /* 1 MiB: about a millisecond */ };

struct db_copy {
    struct sqlite3 *to;
    sqlite3_backup *backup;
    char *path; /* owned; NULL once the copy is whole */
};

int db_copy_new(struct sqlite3 *conn, const char *path, bool sealed, struct db_copy **ret)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct db_copy *c;
    int code;

    if (fd < 0)
        return -errno;
    c = xnew(struct db_copy);
    c->path = xstrdup(path);
    code = sqlite3_open_v2(path, &c->to, SQLITE_OPEN_READWRITE, sealed ? vfs_name() : NULL);
    if (code == SQLITE_OK && sealed)
        code = vfs_adopt(c->to);
    if (code == SQLITE_OK) {
        c->backup = sqlite3_backup_init(c->to, "main", conn, "main");
        code = c->backup ? SQLITE_OK : sqlite3_extended_errcode(c->to);
    }
    if (code != SQLITE_OK) {
        db_copy_free(c);
        return db_errno(code);
    }
    *ret = c;
    return 0;
}

/* What is whole is synced as well: SQLite may leave that to whoever commits next. */
static int finish(struct db_copy *c)
{
    int code = sqlite3_backup_finish(c->backup);
    cleanup_close int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    c->backup = NULL;
    if (code == SQLITE_OK)
        code = sqlite3_close(c->to);
    if (code != SQLITE_OK)
        return db_errno(code);
    c->to = NULL;
    if (fd < 0 || fsync(fd) < 0)
        return -errno;
    free(c->path);
    c->path = NULL;
    return 0;
}

int db_copy_step(struct db_copy *c)
{
    int code = sqlite3_backup_step(c->backup, STEP_PAGES);

    if (code == SQLITE_DONE)
        return finish(c);
    return code == SQLITE_OK ? 1 : db_errno(code);
}

struct db_copy *db_copy_free(struct db_copy *c)
{
    if (!c)
        return NULL;
    if (c->backup)
        (void)sqlite3_backup_finish(c->backup);
    (void)sqlite3_close(c->to);
    if (c->path)
        (void)unlink(c->path);
    free(c->path);
    free(c);
    return NULL;
}
