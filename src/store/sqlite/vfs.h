/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfs.h - pages that are what was written, or an error: an SQLite VFS over the default one.
 *
 * Every page of a main database file ends in 8 bytes that are ours (SQLite's "reserved bytes"): its
 * number and a CRC-32C of it. They are made when a page is written and compared whenever one is
 * read: a page that is not what was written to that place is SQLITE_IOERR_DATA, counted and
 * remembered. Logs and journals pass as they are, they have checksums of their own.
 *
 * For files with pages of VFS_PAGE bytes that were made with vfs_adopt(), and one connection in
 * locking_mode EXCLUSIVE (there is no shared memory, and no mmap).
 */
#ifndef EVOKE_STORE_SQLITE_VFS_H
#define EVOKE_STORE_SQLITE_VFS_H

#include <stdbool.h>
#include <stdint.h>

struct sqlite3;

enum { VFS_PAGE = 4096, VFS_TAIL = 8 };

/* For sqlite3_open_v2(). Registered on top of what is the default VFS at the first call. */
const char *vfs_name(void);

/* Right after opening: a file that is empty gets pages with room for the tail. SQLITE_OK or its
 * code. */
int vfs_adopt(struct sqlite3 *conn);

struct vfs_damage {
    uint64_t pages; /* how often a page was found damaged since the file was opened */
    uint32_t last;  /* the number of the last of them, from 1; 0: none */
};
/* Borrowed from the open file; all zero when opening it failed. */
const struct vfs_damage *vfs_damage(struct sqlite3 *conn);

/*
 * Page `number` of the file (1 is the first) as it is on the disk now, past SQLite and its log.
 * SQLITE_IOERR_DATA: damaged, page is what is there; SQLITE_IOERR_SHORT_READ: it is past the end.
 * Not counted.
 */
int vfs_read(struct sqlite3 *conn, uint32_t number, uint8_t page[VFS_PAGE]);

/* Of one page of VFS_PAGE bytes: make its tail, or tell whether it is right. */
void vfs_seal(uint8_t *page, uint32_t number);
bool vfs_sealed(const uint8_t *page, uint32_t number);
/* Turn one wrong bit of it back. False: it is not one bit. */
bool vfs_mend(uint8_t *page, uint32_t number);

#endif
