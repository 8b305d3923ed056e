/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_verify.c - read all of the file once, a little at a time, past SQLite.
 *
 * Opening must be quick, whatever waits in the store, so it looks at what it needs only. What is
 * damaged elsewhere would be met when an event is taken, maybe days later; so pages are read one
 * after the other between groups, and compared with their checksums.
 *
 * A page that does not verify is a suspect, no more. A crash in a checkpoint leaves torn pages in
 * the file that are whole in the log; and a page that is free is never read again, whatever is in
 * it. So suspects are read once more when all of the log is in the file, and those on the list of
 * free pages are left out.
 *
 * Source: sqlite.org/fileformat2.html ("The Freelist", "The Lock-Byte Page")
 */
#include <sqlite3.h>
#include <string.h>

#include "store/sqlite/queue_guard.h"
#include "store/sqlite/vfs.h"

enum {
    STEP_PAGES = 64,
    LOCK_PAGE = 0x40000000 / VFS_PAGE + 1, /* SQLite never writes it */
    AT_PAGES = 28,                         /* in page 1: how many there are */
    AT_TRUNK = 32,                         /* ... and the first page of the list of free ones */
    TRUNK_MOST = (VFS_PAGE - VFS_TAIL) / 4 - 2,
};

void verify_begin(struct verify *v)
{
    *v = (struct verify){.next = 1};
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void suspect(struct verify *v, uint32_t page)
{
    if (v->nsuspects < VERIFY_SUSPECTS)
        v->suspects[v->nsuspects++] = page;
}

bool verify_step(struct verify *v, struct sqlite3 *conn)
{
    uint8_t page[VFS_PAGE];

    for (int i = 0; i < STEP_PAGES && v->next > 0; i++) {
        int code = vfs_read(conn, v->next, page);

        if (code == SQLITE_IOERR_SHORT_READ) {
            v->pages = v->next - 1;
            v->next = 0;
            return false;
        }
        if (code != SQLITE_OK && v->next != LOCK_PAGE)
            suspect(v, v->next);
        v->next++;
    }
    return v->next > 0;
}

bool verify_waits(const struct verify *v)
{
    return v->next == 0 && !v->judged;
}

static void drop(struct verify *v, uint32_t page)
{
    for (uint32_t i = 0; i < v->nsuspects; i++)
        if (v->suspects[i] == page)
            v->suspects[i] = v->suspects[--v->nsuspects];
}

/* Take the pages of the list of free ones off the suspects. A damaged list ends early. */
static void drop_free(struct verify *v, struct sqlite3 *conn, uint32_t trunk, uint32_t pages)
{
    uint8_t page[VFS_PAGE];

    for (uint32_t i = 0; trunk > 0 && i < pages; i++) {
        uint32_t n;

        if (vfs_read(conn, trunk, page) != SQLITE_OK)
            return;
        n = get32(page + 4);
        for (uint32_t k = 0; k < n && k < TRUNK_MOST; k++)
            drop(v, get32(page + 8 + 4 * (size_t)k));
        trunk = get32(page);
    }
}

uint64_t verify_judge(struct verify *v, struct sqlite3 *conn)
{
    uint8_t page[VFS_PAGE];
    uint32_t pages;

    if (!verify_waits(v))
        return v->found;
    v->judged = true;
    if (vfs_read(conn, 1, page) != SQLITE_OK)
        return v->found = 1;
    pages = get32(page + AT_PAGES);
    if (pages > v->pages && vfs_read(conn, pages, page) != SQLITE_OK)
        suspect(v, pages);
    if (v->nsuspects > 0 && vfs_read(conn, 1, page) == SQLITE_OK)
        drop_free(v, conn, get32(page + AT_TRUNK), pages);
    for (uint32_t i = 0; i < v->nsuspects; i++)
        if (v->suspects[i] <= pages && vfs_read(conn, v->suspects[i], page) != SQLITE_OK)
            v->found++;
    return v->found;
}
