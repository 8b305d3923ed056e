/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_pages.c - read rows from pages, not from trees.
 *
 * To SQLite a table is a tree: without its root, or the page that describes the schema, nothing is
 * found, though every row may be there. Rows are on leaves, and a leaf says all there is to know of
 * its rows. So every page is looked at by itself, whichever tree it hung in; pages that were freed
 * are zeros (SQLite is told to overwrite what it deletes), so what is there is what was in use.
 *
 * The newest version of a page is in the log, as far as the log is whole: its frames have checksums
 * that continue each other, up to the first that does not fit. Else it is in the file, where it has
 * a checksum of ours, and one wrong bit can be turned back.
 *
 * Nothing here is believed: every offset and length comes from a page that may be anything.
 *
 * Source: sqlite.org/fileformat2.html (b-tree pages, record format, cell payload overflow, WAL file
 * format)
 */
#include "store/sqlite/queue_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "store/sqlite/vfs.h"

enum {
    USABLE = VFS_PAGE - VFS_TAIL,
    LOCK_PAGE = 0x40000000 / VFS_PAGE + 1, /* SQLite never writes it */
    LOG_HEADER = 32,
    FRAME_HEADER = 24,
    FRAME = FRAME_HEADER + VFS_PAGE,
    LOG_MAGIC = 0x377f0682, /* or one more: words are big endian */
    INDEX_INNER = 0x02,
    INDEX_LEAF = 0x0a,
    TABLE_LEAF = 0x0d,
};

struct reader {
    int fd, log;
    uint32_t pages;
    uint32_t *frames; /* owned; [page]: the frame that has it, from 1; 0: it is in the file */
    struct pages_read read;
    uint8_t *row; /* owned; of rows that go on on other pages */
    size_t room;
};

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* ---- the log ---- */

static void add_sum(bool big, const uint8_t *p, size_t n, uint32_t sum[2])
{
    for (size_t i = 0; i + 8 <= n; i += 8) {
        sum[0] += (big ? be32(p + i) : le32(p + i)) + sum[1];
        sum[1] += (big ? be32(p + i + 4) : le32(p + i + 4)) + sum[0];
    }
}

static void keep_frame(struct reader *rd, uint32_t page, uint32_t frame, uint32_t *cap)
{
    if (page >= *cap) {
        uint32_t more = page < 1024 ? 1024 : page * 2;

        rd->frames = xrealloc(rd->frames, more, sizeof(*rd->frames));
        memset(rd->frames + *cap, 0, (more - *cap) * sizeof(*rd->frames));
        *cap = more;
    }
    rd->frames[page] = frame;
}

/* Which pages it has: up to the last commit before the first frame that does not fit. */
static void read_log(struct reader *rd, uint32_t *cap)
{
    uint8_t header[LOG_HEADER], frame[FRAME];
    uint32_t sum[2] = {0, 0}, n = 0, commit = 0, pages = 0, last = rd->pages, most;
    uint32_t *at = NULL; /* the page of each frame */
    struct stat st;
    bool big;

    if (rd->log < 0 || fstat(rd->log, &st) < 0 || st.st_size / FRAME > UINT32_MAX / 8 ||
        pread(rd->log, header, sizeof(header), 0) != sizeof(header))
        return;
    most = (uint32_t)(st.st_size / FRAME);
    big = be32(header) & 1;
    add_sum(big, header, 24, sum);
    if ((be32(header) & ~1u) != LOG_MAGIC || be32(header + 8) != VFS_PAGE ||
        sum[0] != be32(header + 24) || sum[1] != be32(header + 28))
        return;

    at = xcalloc(most + 1, sizeof(*at));
    while (n < most && pread(rd->log, frame, FRAME, LOG_HEADER + (off_t)n * FRAME) == FRAME) {
        add_sum(big, frame, 8, sum);
        add_sum(big, frame + FRAME_HEADER, VFS_PAGE, sum);
        if (memcmp(frame + 8, header + 16, 8) != 0 || sum[0] != be32(frame + 16) ||
            sum[1] != be32(frame + 20) || be32(frame) == 0 || be32(frame) > UINT32_MAX / 4)
            break;
        at[n++] = be32(frame);
        if (be32(frame + 4) > 0) {
            commit = n;
            pages = be32(frame + 4);
        }
    }
    for (uint32_t i = 0; i < commit; i++)
        if (at[i] <= pages) {
            keep_frame(rd, at[i], i + 1, cap);
            last = at[i] > last ? at[i] : last;
        }
    if (commit > 0) /* what it says, but no further than there is something */
        rd->pages = pages < last ? pages : last;
    free(at);
}

/* ---- pages ---- */

/* True: what is in `page` now is what was written. */
static bool read_page(struct reader *rd, uint32_t number, uint8_t page[VFS_PAGE])
{
    if (number == 0 || number > rd->pages)
        return false;
    if (rd->frames[number] > 0)
        return pread(rd->log, page, VFS_PAGE,
                     LOG_HEADER + (off_t)(rd->frames[number] - 1) * FRAME + FRAME_HEADER) ==
               VFS_PAGE;
    if (pread(rd->fd, page, VFS_PAGE, (off_t)(number - 1) * VFS_PAGE) != VFS_PAGE)
        return false;
    if (vfs_sealed(page, number))
        return true;
    if (!vfs_mend(page, number))
        return false;
    rd->read.mended++;
    return true;
}

/* ---- rows ---- */

/* Up to 9 bytes, big endian, 7 bits each. False: it goes past the end. */
static bool varint(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
    *ret = 0;
    for (int i = 0; i < 9; i++) {
        if (*p >= end)
            return false;
        if (i == 8) {
            *ret = *ret << 8 | *(*p)++;
            return true;
        }
        *ret = *ret << 7 | (**p & 0x7f);
        if (!(*(*p)++ & 0x80))
            return true;
    }
    return true;
}

/* What SQLite calls a serial type: how many bytes, and of what. */
static bool value_of(uint64_t type, const uint8_t **p, const uint8_t *end, struct page_value *ret)
{
    static const uint8_t sizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
    uint64_t n = type < 10 ? sizes[type] : (type - 12) / 2;

    if (type == 10 || type == 11 || n > (size_t)(end - *p))
        return false;
    *ret = (struct page_value){.p = *p, .n = (size_t)n};
    *p += n;
    if (type >= 12) {
        ret->type = type % 2 ? 't' : 'b';
    } else if (type == 0 || type == 7) {
        ret->type = type == 0 ? '.' : 'f';
    } else {
        ret->type = 'i';
        ret->number = type == 9;
        if (n > 0)
            ret->number = ret->p[0] & 0x80 ? -1 : 0; /* of which the sign remains */
        for (size_t i = 0; i < n; i++)
            ret->number = (int64_t)((uint64_t)ret->number << 8 | ret->p[i]);
    }
    return true;
}

static bool decode(const uint8_t *p, size_t n, struct page_row *row)
{
    const uint8_t *end = p + n, *head = p, *head_end;
    uint64_t head_n, type;

    if (!varint(&head, end, &head_n) || head_n > n || head_n < (size_t)(head - p))
        return false;
    head_end = p + head_n;
    p = head_end;
    for (row->ncolumns = 0; head < head_end; row->ncolumns++)
        if (row->ncolumns == PAGES_COLUMNS || !varint(&head, head_end, &type) ||
            !value_of(type, &p, end, &row->columns[row->ncolumns]))
            return false;
    return true;
}

/* How much of a payload of n bytes is in its cell. */
static size_t local_part(bool leaf, uint64_t n)
{
    size_t most = leaf ? USABLE - 35 : (USABLE - 12) * 64 / 255 - 23;
    size_t least = (USABLE - 12) * 32 / 255 - 23, k;

    if (n <= most)
        return (size_t)n;
    k = least + (size_t)((n - least) % (USABLE - 4));
    return k <= most ? k : least;
}

/* The whole payload, of which the first part is at p. NULL: part of it is lost. */
static const uint8_t *gather(struct reader *rd, const uint8_t *p, size_t local, size_t n)
{
    uint8_t page[VFS_PAGE];
    uint32_t next = be32(p + local);

    if (rd->room < n) {
        rd->row = xrealloc(rd->row, n, 1);
        rd->room = n;
    }
    memcpy(rd->row, p, local);
    for (size_t have = local; have < n;) {
        size_t part = n - have < USABLE - 4 ? n - have : USABLE - 4;

        if (!read_page(rd, next, page))
            return NULL;
        memcpy(rd->row + have, page + 4, part);
        next = be32(page);
        have += part;
    }
    return rd->row;
}

/* One cell. False: it is none. */
static bool read_cell(struct reader *rd, uint8_t kind, const uint8_t *p, const uint8_t *end,
                      struct page_row *row)
{
    uint64_t n, key = 0;
    size_t local;

    if (kind == INDEX_INNER)
        p += 4;
    if (p >= end || !varint(&p, end, &n) || n > PAGES_ROW)
        return false;
    row->keyed = kind == TABLE_LEAF;
    if (row->keyed && !varint(&p, end, &key))
        return false;
    row->key = (int64_t)key;
    local = local_part(row->keyed, n);
    if (local + (local < n ? 4 : 0) > (size_t)(end - p))
        return false;
    if (local < n) {
        p = gather(rd, p, local, (size_t)n);
        if (!p) {
            rd->read.broken++;
            return false;
        }
    }
    return decode(p, (size_t)n, row);
}

static int read_rows(struct reader *rd, uint32_t number, const uint8_t *page, pages_row_fn *fn,
                     void *user, struct err *e)
{
    size_t head = number == 1 ? 100 : 0, cells;
    uint8_t kind = page[head];

    if (kind != TABLE_LEAF && kind != INDEX_LEAF && kind != INDEX_INNER)
        return 0;
    cells = head + (kind == INDEX_INNER ? 12 : 8);
    for (size_t i = 0, n = (size_t)(page[head + 3] << 8 | page[head + 4]); i < n; i++) {
        struct page_row row;
        size_t at;
        int r;

        if (cells + 2 * i + 2 > USABLE)
            break;
        at = (size_t)(page[cells + 2 * i] << 8 | page[cells + 2 * i + 1]);
        if (at >= USABLE || !read_cell(rd, kind, page + at, page + USABLE, &row))
            continue;
        r = fn(user, &row, e);
        if (r < 0)
            return r;
    }
    return 0;
}

int queue_pages(const char *path, pages_row_fn *fn, void *user, struct pages_read *ret,
                struct err *e)
{
    cleanup_free char *log = xasprintf("%s-wal", path);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    cleanup_close int log_fd = open(log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct reader rd = {.fd = fd, .log = log_fd};
    uint8_t page[VFS_PAGE];
    uint32_t cap = 0;
    struct stat st;
    int r = 0;

    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(e, "open '%s'", path);
    rd.pages = (uint32_t)((st.st_size + VFS_PAGE - 1) / VFS_PAGE);
    read_log(&rd, &cap);
    keep_frame(&rd, rd.pages >= cap ? rd.pages : 0, 0, &cap);
    for (uint32_t n = 1; n <= rd.pages && r == 0; n++) {
        if (read_page(&rd, n, page))
            r = read_rows(&rd, n, page, fn, user, e);
        else if (n != LOCK_PAGE)
            rd.read.lost++;
    }
    *ret = rd.read;
    free(rd.frames);
    free(rd.row);
    return r;
}
