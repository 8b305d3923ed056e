/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfs.c - the file layer that SQLite's pages pass through.
 *
 * SQLite believes what it reads: a bit that flipped on the disk is a different row, and its own
 * checks look at structure only. So each page carries a checksum from the moment it leaves SQLite
 * until it comes back. With the checksum goes the page's number, because a page that was written to
 * the wrong place is whole in itself.
 *
 * Whatever SQLite asks for, whole pages are read and compared: the first thing it looks at is the
 * header alone, which would otherwise decide on page size and format unseen.
 *
 * What always holds:
 *   (1) no byte of a main database reaches SQLite that was not compared. Past the end there is
 *       nothing it should ask for, unless the file is empty.
 *   (2) only whole pages are written. SQLite's buffer is never changed: what it checksums for its
 *       log must stay what it is.
 *
 * In WAL mode SQLite takes pages from the log while they are there, and those on the disk under
 * them may be torn by a crash in a checkpoint without any harm; so what vfs_read() finds there are
 * suspects, and only who knows the log can tell which of them matter (queue_verify.c).
 *
 * A CRC is linear: one flipped bit changes it in a way that depends on its place only, and for 32
 * KiBit all places differ. So one wrong bit can be found again and turned back. That is done to
 * carry records over from a damaged file and never else.
 *
 * Source: sqlite.org/c3ref/vfs.html, sqlite.org/c3ref/io_methods.html; sqlite.org/cksumvfs.html for
 * the idea.
 */
#include "store/sqlite/vfs.h"

#include <assert.h>
#include <endian.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#include "base/crypto.h"
#include "base/obj.h"

#define NAME "evoke-pages"

enum { FILE_MAGIC = 0x76667370, AT_NUMBER = VFS_PAGE - VFS_TAIL, AT_CRC = VFS_PAGE - 4 };

/* The file below follows it in memory. */
struct file {
    sqlite3_file base; /* first: SQLite's */
    uint32_t magic;
    struct vfs_damage damage;
    uint8_t page[VFS_PAGE];
};

static sqlite3_vfs pages_vfs;
static sqlite3_vfs *below; /* the default VFS as it was when ours was registered */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct file *of(sqlite3_file *f)
{
    return OBJ((void *)f, struct file, FILE_MAGIC);
}

static sqlite3_file *real_of(struct file *f)
{
    return (sqlite3_file *)(f + 1);
}

static uint32_t get32(const uint8_t *p)
{
    uint32_t n;

    memcpy(&n, p, sizeof(n));
    return le32toh(n);
}

static void set32(uint8_t *p, uint32_t n)
{
    n = htole32(n);
    memcpy(p, &n, sizeof(n));
}

void vfs_seal(uint8_t *page, uint32_t number)
{
    set32(page + AT_NUMBER, number);
    set32(page + AT_CRC, crc32c(0, page, AT_CRC));
}

bool vfs_sealed(const uint8_t *page, uint32_t number)
{
    return get32(page + AT_NUMBER) == number && get32(page + AT_CRC) == crc32c(0, page, AT_CRC);
}

bool vfs_mend(uint8_t *page, uint32_t number)
{
    uint32_t wrong = get32(page + AT_CRC) ^ crc32c(0, page, AT_CRC);
    uint32_t step = 1; /* becomes what a flip in the last bit before the CRC does to it... */

    if (wrong && !(wrong & (wrong - 1))) { /* one of the CRC's own */
        set32(page + AT_CRC, get32(page + AT_CRC) ^ wrong);
        return vfs_sealed(page, number);
    }
    for (int at = AT_CRC * 8 - 1; at >= 0; at--) {
        step = step & 1 ? step >> 1 ^ 0x82f63b78u : step >> 1; /* ... and one bit further forward */
        if (step == wrong) {
            page[at / 8] ^= (uint8_t)(1 << at % 8);
            return vfs_sealed(page, number);
        }
    }
    return false;
}

/* One page into f->page, compared. */
static int read_page(struct file *f, uint32_t number)
{
    sqlite3_file *real = real_of(f);
    sqlite3_int64 at = (sqlite3_int64)(number - 1) * VFS_PAGE, size = 0;
    int code = real->pMethods->xRead(real, f->page, VFS_PAGE, at);

    if (code == SQLITE_IOERR_SHORT_READ) {
        code = real->pMethods->xFileSize(real, &size);
        if (code != SQLITE_OK)
            return code;
        if (size <= at)
            return SQLITE_IOERR_SHORT_READ; /* the caller's to judge */
    } else if (code != SQLITE_OK) {
        return code;
    } else if (vfs_sealed(f->page, number)) {
        return SQLITE_OK;
    }

    f->damage.pages++;
    f->damage.last = number;
    return SQLITE_IOERR_DATA;
}

/*
 * Before anything else SQLite looks at the header, for page size and the like, past the log. The
 * page it is in may be torn there without harm: then it gets what every file of ours begins with,
 * and the page itself decides when it is read.
 */
static int read_header(struct file *f, uint8_t *p, size_t n)
{
    static const uint8_t usual[24] = "SQLite format 3\0\x10\0\x02\x02\x08\x40\x20\x20";
    const struct vfs_damage before = f->damage;
    int code = read_page(f, 1);

    if (code == SQLITE_IOERR_DATA) {
        f->damage = before;
        memset(f->page, 0, VFS_PAGE);
        memcpy(f->page, usual, sizeof(usual));
        code = SQLITE_OK;
    }
    if (code == SQLITE_OK)
        memcpy(p, f->page, n);
    else
        memset(p, 0, n);
    return code;
}

/* SQLite asks for a page, or for a few bytes of the first. */
static int file_read(sqlite3_file *sf, void *p, int n, sqlite3_int64 at)
{
    struct file *f = of(sf);
    size_t from = (size_t)(at % VFS_PAGE);
    int code;

    if (n < 0 || from + (size_t)n > VFS_PAGE) /* a page size that is not ours */
        return SQLITE_IOERR_DATA;
    if (at == 0 && n < VFS_PAGE)
        return read_header(f, p, (size_t)n);
    code = read_page(f, (uint32_t)(at / VFS_PAGE) + 1);
    if (code == SQLITE_IOERR_SHORT_READ && at > 0) { /* a page of zeros would pass for contents */
        f->damage.pages++;
        f->damage.last = (uint32_t)(at / VFS_PAGE) + 1;
        code = SQLITE_IOERR_DATA;
    }
    if (code == SQLITE_OK)
        memcpy(p, f->page + from, (size_t)n);
    else
        memset(p, 0, (size_t)n);
    return code;
}

static int file_write(sqlite3_file *sf, const void *p, int n, sqlite3_int64 at)
{
    struct file *f = of(sf);
    sqlite3_file *real = real_of(f);

    if (n != VFS_PAGE || at % VFS_PAGE != 0)
        return SQLITE_IOERR_WRITE;
    memcpy(f->page, p, VFS_PAGE);
    if (at == 0 && f->page[20] != VFS_TAIL) /* made without vfs_adopt(): there is no room */
        return SQLITE_IOERR_WRITE;
    vfs_seal(f->page, (uint32_t)(at / VFS_PAGE) + 1);
    return real->pMethods->xWrite(real, f->page, VFS_PAGE, at);
}

static int file_close(sqlite3_file *sf)
{
    struct file *f = of(sf);
    sqlite3_file *real = real_of(f);

    f->magic = 0;
    return real->pMethods->xClose(real);
}

static int file_truncate(sqlite3_file *sf, sqlite3_int64 size)
{
    sqlite3_file *real = real_of(of(sf));

    return real->pMethods->xTruncate(real, size);
}

static int file_sync(sqlite3_file *sf, int flags)
{
    sqlite3_file *real = real_of(of(sf));

    return real->pMethods->xSync(real, flags);
}

static int file_size(sqlite3_file *sf, sqlite3_int64 *ret)
{
    sqlite3_file *real = real_of(of(sf));

    return real->pMethods->xFileSize(real, ret);
}

static int file_lock(sqlite3_file *sf, int level)
{
    sqlite3_file *real = real_of(of(sf));

    return real->pMethods->xLock(real, level);
}

static int file_unlock(sqlite3_file *sf, int level)
{
    sqlite3_file *real = real_of(of(sf));

    return real->pMethods->xUnlock(real, level);
}

static int file_reserved(sqlite3_file *sf, int *ret)
{
    sqlite3_file *real = real_of(of(sf));

    return real->pMethods->xCheckReservedLock(real, ret);
}

static int file_control(sqlite3_file *sf, int op, void *arg)
{
    sqlite3_file *real = real_of(of(sf));

    return real->pMethods->xFileControl(real, op, arg);
}

static int file_sector(sqlite3_file *sf)
{
    sqlite3_file *real = real_of(of(sf));

    return real->pMethods->xSectorSize(real);
}

static int file_device(sqlite3_file *sf)
{
    sqlite3_file *real = real_of(of(sf));

    return real->pMethods->xDeviceCharacteristics(real);
}

static const sqlite3_io_methods methods = {
        .iVersion = 1, /* neither shared memory nor mmap */
        .xClose = file_close,
        .xRead = file_read,
        .xWrite = file_write,
        .xTruncate = file_truncate,
        .xSync = file_sync,
        .xFileSize = file_size,
        .xLock = file_lock,
        .xUnlock = file_unlock,
        .xCheckReservedLock = file_reserved,
        .xFileControl = file_control,
        .xSectorSize = file_sector,
        .xDeviceCharacteristics = file_device,
};

/* What is no main database is the VFS below's alone: its file then stands in the place of ours. */
static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *sf, int flags, int *ret_flags)
{
    struct file *f = (struct file *)sf;
    int code;

    (void)vfs;
    if (!(flags & SQLITE_OPEN_MAIN_DB))
        return below->xOpen(below, name, sf, flags, ret_flags);

    memset(f, 0, sizeof(*f));
    f->magic = FILE_MAGIC;
    code = below->xOpen(below, name, real_of(f), flags, ret_flags);
    /* Whoever has methods is closed, also after a failure. */
    f->base.pMethods = real_of(f)->pMethods ? &methods : NULL;
    return code;
}

static void register_it(void)
{
    int code = sqlite3_initialize();

    assert(code == SQLITE_OK);
    below = sqlite3_vfs_find(NULL);
    assert(below);
    pages_vfs = *below; /* all but opening is below's, which looks at nothing of ours */
    pages_vfs.szOsFile = (int)sizeof(struct file) + below->szOsFile;
    pages_vfs.zName = NAME;
    pages_vfs.pNext = NULL;
    pages_vfs.xOpen = vfs_open;
    code = sqlite3_vfs_register(&pages_vfs, 0);
    assert(code == SQLITE_OK);
}

const char *vfs_name(void)
{
    (void)pthread_once(&once, register_it);
    return NAME;
}

int vfs_adopt(struct sqlite3 *conn)
{
    int tail = VFS_TAIL;
    int code = sqlite3_file_control(conn, "main", SQLITE_FCNTL_RESERVE_BYTES, &tail);

    return code != SQLITE_OK ? code : sqlite3_exec(conn, "PRAGMA page_size = 4096", 0, 0, 0);
}

/* NULL when opening it failed. */
static struct file *file_of(struct sqlite3 *conn)
{
    sqlite3_file *f = NULL;

    (void)sqlite3_file_control(conn, "main", SQLITE_FCNTL_FILE_POINTER, &f);
    return f && f->pMethods ? of(f) : NULL;
}

const struct vfs_damage *vfs_damage(struct sqlite3 *conn)
{
    static const struct vfs_damage none;
    struct file *f = file_of(conn);

    return f ? &f->damage : &none;
}

int vfs_read(struct sqlite3 *conn, uint32_t number, uint8_t page[VFS_PAGE])
{
    struct file *f = file_of(conn);
    struct vfs_damage before;
    int code;

    if (!f)
        return SQLITE_IOERR;
    before = f->damage;
    code = read_page(f, number);
    f->damage = before;
    memcpy(page, f->page, VFS_PAGE);
    return code;
}
