/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_layer.c - faults on demand, and a record of everything.
 *
 * A power cut takes what was not synced, file by file: any part of it may be on the disk, in any
 * order. What was synced is there. That is all a disk promises, and so it is all that is played
 * here; sectors of 512 bytes are whole, which SQLite and the mark both rely on.
 */
#include "file_layer.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"

enum { FILES = 2, SECTOR = 512, MARK = 1024 };

static const char *const suffixes[FILES] = {"", "-wal"};

enum kind { WRITE, TRUNCATE, SYNC, DELETE };

struct action {
    enum kind kind;
    int file; /* 0: the database, 1: its log */
    sqlite3_int64 at;
    size_t n;
    uint8_t *bytes; /* owned */
    uint8_t *mark;  /* owned; as it was after the action before */
};

struct layer_file {
    sqlite3_file base;
    int file; /* -1: not recorded */
};

static struct {
    pthread_mutex_t lock;
    sqlite3_vfs *below, vfs;
    int sync_faults;
    bool full;
    uint64_t left;
    char *path; /* NULL: not recording */
    struct action *actions;
    size_t n, cap;
} layer = {.lock = PTHREAD_MUTEX_INITIALIZER};

static sqlite3_file *real_of(sqlite3_file *f)
{
    return (sqlite3_file *)((struct layer_file *)f + 1);
}

static int which(const char *name)
{
    size_t n = layer.path ? strlen(layer.path) : 0;

    for (int i = 0; layer.path && name && i < FILES; i++)
        if (strncmp(name, layer.path, n) == 0 && strcmp(name + n, suffixes[i]) == 0)
            return i;
    return -1;
}

static uint8_t *mark_now(void)
{
    cleanup_free char *name = xasprintf("%s.mark", layer.path);
    cleanup_close int fd = open(name, O_RDONLY | O_CLOEXEC);
    uint8_t *mark = xcalloc(1, MARK);

    if (fd < 0 || read(fd, mark, MARK) != MARK)
        memset(mark, 0, MARK);
    return mark;
}

/* Under the lock. */
static void record(enum kind kind, int file, sqlite3_int64 at, const void *p, size_t n)
{
    if (!layer.path || file < 0)
        return;
    if (layer.n == layer.cap) {
        layer.cap = layer.cap ? layer.cap * 2 : 1024;
        layer.actions = xrealloc(layer.actions, layer.cap, sizeof(*layer.actions));
    }
    layer.actions[layer.n] = (struct action){kind, file, at, n, NULL, mark_now()};
    if (p) {
        layer.actions[layer.n].bytes = xcalloc(1, n);
        memcpy(layer.actions[layer.n].bytes, p, n);
    }
    layer.n++;
}

static int layer_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int layer_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}

/* Whether the disk has room for what this write adds to the file. */
static bool has_room(sqlite3_file *f, int n, sqlite3_int64 at)
{
    sqlite3_int64 size = 0;
    uint64_t more;

    if (!layer.full)
        return true;
    (void)real_of(f)->pMethods->xFileSize(real_of(f), &size);
    more = at + n > size ? (uint64_t)(at + n - size) : 0;
    if (more > layer.left)
        return false;
    layer.left -= more;
    return true;
}

static int layer_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    int code = SQLITE_FULL;

    pthread_mutex_lock(&layer.lock);
    if (has_room(f, n, at)) {
        code = real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
        record(WRITE, ((struct layer_file *)f)->file, at, p, (size_t)n);
    }
    pthread_mutex_unlock(&layer.lock);
    return code;
}

static int layer_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int code;

    pthread_mutex_lock(&layer.lock);
    code = real_of(f)->pMethods->xTruncate(real_of(f), size);
    record(TRUNCATE, ((struct layer_file *)f)->file, size, NULL, 0);
    pthread_mutex_unlock(&layer.lock);
    return code;
}

static int layer_sync(sqlite3_file *f, int flags)
{
    int code = SQLITE_IOERR_FSYNC;

    (void)flags; /* nothing is on a real disk here, so a real fsync would prove nothing */
    pthread_mutex_lock(&layer.lock);
    if (layer.sync_faults == 0) {
        code = SQLITE_OK;
        record(SYNC, ((struct layer_file *)f)->file, 0, NULL, 0);
    } else if (layer.sync_faults > 0) {
        layer.sync_faults--;
    }
    pthread_mutex_unlock(&layer.lock);
    return code;
}

static int layer_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), ret);
}

static int layer_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int layer_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int layer_reserved(sqlite3_file *f, int *ret)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret);
}

static int layer_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int layer_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int layer_device(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static const sqlite3_io_methods methods = {
        1,
        layer_close,
        layer_read,
        layer_write,
        layer_truncate,
        layer_sync,
        layer_size,
        layer_lock,
        layer_unlock,
        layer_reserved,
        layer_control,
        layer_sector,
        layer_device,
};

static int layer_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret)
{
    int code = layer.below->xOpen(layer.below, name, real_of(f), flags, ret);

    (void)vfs;
    ((struct layer_file *)f)->file = which(name);
    f->pMethods = real_of(f)->pMethods ? &methods : NULL;
    return code;
}

static int layer_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    int code;

    (void)vfs;
    pthread_mutex_lock(&layer.lock);
    code = layer.below->xDelete(layer.below, name, sync_dir);
    record(DELETE, which(name), 0, NULL, 0);
    pthread_mutex_unlock(&layer.lock);
    return code;
}

void file_layer_install(void)
{
    sqlite3_initialize();
    layer.below = sqlite3_vfs_find(NULL);
    layer.vfs = *layer.below;
    layer.vfs.zName = "file-layer";
    layer.vfs.pNext = NULL;
    layer.vfs.szOsFile = (int)sizeof(struct layer_file) + layer.below->szOsFile;
    layer.vfs.xOpen = layer_open;
    layer.vfs.xDelete = layer_delete;
    sqlite3_vfs_register(&layer.vfs, 1);
}

void file_layer_fail_syncs(int n)
{
    pthread_mutex_lock(&layer.lock);
    layer.sync_faults = n;
    pthread_mutex_unlock(&layer.lock);
}

void file_layer_fill(uint64_t bytes_left)
{
    pthread_mutex_lock(&layer.lock);
    layer.full = true;
    layer.left = bytes_left;
    pthread_mutex_unlock(&layer.lock);
}

void file_layer_heal(void)
{
    pthread_mutex_lock(&layer.lock);
    layer.full = false;
    layer.sync_faults = 0;
    pthread_mutex_unlock(&layer.lock);
}

void file_layer_stop(void)
{
    pthread_mutex_lock(&layer.lock);
    free(layer.path);
    layer.path = NULL;
    pthread_mutex_unlock(&layer.lock);
}

void file_layer_record(const char *path)
{
    file_layer_stop();
    for (size_t i = 0; i < layer.n; i++) {
        free(layer.actions[i].bytes);
        free(layer.actions[i].mark);
    }
    free(layer.actions);
    layer.actions = NULL;
    layer.n = layer.cap = 0;
    layer.path = xstrdup(path);
}

size_t file_layer_actions(void)
{
    size_t n;

    pthread_mutex_lock(&layer.lock);
    n = layer.n;
    pthread_mutex_unlock(&layer.lock);
    return n;
}

bool file_layer_is_sync(size_t i)
{
    return layer.actions[i].kind == SYNC;
}

/* Of what was not synced: does this one reach the disk? */
static bool kept(enum loss loss, size_t nth, size_t all, unsigned *seed)
{
    switch (loss) {
    case LOSE_NOTHING:
    case LOSE_TORN:
    case LOSE_SECTORS:
        return true;
    case LOSE_LATER:
        return nth < all / 2;
    case LOSE_SOME:
        return rand_r(seed) % 2 == 0;
    case LOSE_ALL:
    case LOSSES:
        break;
    }
    return false;
}

static void write_sectors(int fd, const struct action *a, enum loss loss, bool last, unsigned *seed)
{
    for (size_t from = 0; from < a->n;) {
        size_t n = SECTOR - (size_t)(a->at + (sqlite3_int64)from) % SECTOR;

        n = n < a->n - from ? n : a->n - from;
        if ((loss == LOSE_TORN && last && from >= a->n / 2) ||
            (loss == LOSE_SECTORS && rand_r(seed) % 2 == 0)) {
            from += n;
            continue;
        }
        assert(pwrite(fd, a->bytes + from, n, a->at + (off_t)from) == (ssize_t)n);
        from += n;
    }
}

/* One file. A lost deletion leaves it as it was. */
static void rebuild_file(const char *path, int file, size_t n, enum loss loss, unsigned *seed)
{
    cleanup_free char *name = xasprintf("%s%s", path, suffixes[file]);
    size_t synced = 0, unsynced = 0, nth = 0;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert(fd >= 0);
    for (size_t i = 0; i < n; i++)
        if (layer.actions[i].file == file && layer.actions[i].kind == SYNC)
            synced = i;
    for (size_t i = synced; i < n; i++)
        unsynced += layer.actions[i].file == file && layer.actions[i].kind != SYNC;
    for (size_t i = 0; i < n; i++) {
        const struct action *a = &layer.actions[i];
        bool safe = i < synced;

        if (a->file != file || a->kind == SYNC)
            continue;
        if (!safe && !kept(loss, nth++, unsynced, seed))
            continue;
        if (a->kind == WRITE)
            write_sectors(fd, a, safe ? LOSE_NOTHING : loss, nth == unsynced, seed);
        else
            assert(ftruncate(fd, a->kind == TRUNCATE ? a->at : 0) == 0);
    }
    close(fd);
}

static void rebuild_mark(const char *path, size_t n, bool then)
{
    cleanup_free char *name = xasprintf("%s.mark", path);
    size_t from = n < layer.n ? n : layer.n - 1;
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    /* A checkpoint ends with a sync of the file, and the mark's follows before anything else. */
    for (; !then && from > 0; from--)
        if (layer.actions[from - 1].file == 0 && layer.actions[from - 1].kind == SYNC)
            break;
    assert(fd >= 0 && write(fd, layer.actions[from].mark, MARK) == MARK);
    close(fd);
}

void file_layer_rebuild(const char *path, size_t n, enum loss loss, unsigned seed, bool mark_then)
{
    for (int file = 0; file < FILES; file++)
        rebuild_file(path, file, n, loss, &seed);
    rebuild_mark(path, n, mark_then);
}
