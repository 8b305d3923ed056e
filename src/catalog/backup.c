/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.c - a copy of everything, taken while functions are deployed, run and deleted.
 *
 *   backup_begin --> q_backup, kv_backup (stores' threads) --> gather (worker) --> told --> reads ...
 *   --> free
 *
 * Packages are named by what they are and never change, so they are not copied: they are held.
 * First the hold, then the copy of the metadata, then the list of all packages. A package that the
 * copy names was on disk before the record that names it was committed, and since the hold none is
 * removed: so it is in the list. What else is in it, a package put a moment later, does no harm.
 *
 * Events are copied before the metadata: a function that came between the two has no event in the
 * copy, which is as if it was asked for after it; the other way round it would have events and not
 * be there.
 *
 * Logs grow and are removed by their age. A segment is linked into the backup's directory, so that
 * it stays, and as much of it is told as was there at that moment.
 */
#include "catalog/backup.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"
#include "catalog/internal.h"
#include "loop/loop.h"
#include "store/blob.h"
#include "store/kv.h"
#include "store/queue.h"

enum { BACKUP_MAGIC = 0x6261636b, READ_MAGIC = 0x62616372 };
enum { EXTRA_MAX = 4 << 20, HASH_BYTES = 1 << 20, FILES_MAX = 1000 * 1000 };

struct backup {
    uint32_t magic;
    uint32_t refs; /* its owner, and reads under way */
    struct catalog *c;
    char *dir, *logs; /* owned; logs may be NULL */
    const char *const *extras;
    bool queue;                /* events are in it */
    struct backup_file *files; /* owned, sorted by path */
    size_t n, cap;
    int r;
    struct err err;
    backup_fn *fn;
    void *user;
};

/* ---- gathering, on a worker ---- */

static struct backup_file *add_file(struct backup *b, const char *path, uint64_t bytes)
{
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 64;
        b->files = xrealloc(b->files, b->cap, sizeof(*b->files));
    }
    b->files[b->n] = (struct backup_file){.path = xstrdup(path), .bytes = bytes};
    return &b->files[b->n++];
}

static char *staged_path(const struct backup *b, const char *path)
{
    return xasprintf("%s/%s", b->dir, path);
}

/* The first `bytes` of a file. */
static int hash_file(const char *real, uint64_t bytes, char ret[SHA256_HEX])
{
    struct sha256_stream *s = sha256_stream_new();
    struct buf part;
    uint64_t at = 0;
    int r = 0;

    buf_init(&part, HASH_BYTES);
    while (r == 0 && at < bytes) {
        size_t want = bytes - at < HASH_BYTES ? (size_t)(bytes - at) : HASH_BYTES;

        buf_reset(&part);
        r = io_read_part(AT_FDCWD, real, at, want, &part);
        if (r == 0 && part.n < want)
            r = -EIO; /* shorter than it was */
        sha256_stream_add(s, part.p, part.n);
        at += part.n;
    }
    buf_done(&part);
    sha256_stream_end(s, ret);
    return r;
}

/* One that lies in the backup's directory by now. */
static int add_staged(struct backup *b, const char *path)
{
    cleanup_free char *real = staged_path(b, path);
    struct backup_file *file;
    struct stat st;
    int r;

    if (lstat(real, &st) < 0)
        return err_sys(&b->err, "look at '%s'", real);
    file = add_file(b, path, (uint64_t)st.st_size);
    file->staged = true;
    r = hash_file(real, file->bytes, file->sha256);
    return r < 0 ? err_set(&b->err, ERR_HOST, r, "read '%s': %s", real, strerror(-r)) : 0;
}

/* Copied: it may be replaced at any time. */
static int add_extra(struct backup *b, const char *path)
{
    cleanup_free char *real = staged_path(b, path);
    struct buf text;
    int r;

    buf_init(&text, EXTRA_MAX);
    r = io_read_file(AT_FDCWD, path, &text, &b->err);
    if (r == 0)
        r = io_write_file(AT_FDCWD, real, buf_str(&text), 0600, &b->err);
    explicit_bzero(text.p, text.n);
    buf_done(&text);
    if (r == -ENOENT) {
        b->err = (struct err){0};
        return 0;
    }
    return r < 0 ? r : add_staged(b, path);
}

static bool add_blob(void *user, const char *sha, uint64_t bytes)
{
    struct backup *b = user;
    cleanup_free char *path = xasprintf("blobs/%s", sha);
    struct backup_file *file = add_file(b, path, bytes);

    memcpy(file->sha256, sha, SHA256_HEX);
    return b->n < FILES_MAX;
}

static int add_blobs(struct backup *b)
{
    int r = blobs_each(b->c->blobs, add_blob, b);

    if (r == 0 && b->n >= FILES_MAX)
        r = -EFBIG;
    return r < 0 ? err_set(&b->err, ERR_HOST, r, "list the packages: %s", strerror(-r)) : 0;
}

/* Segments and names; sidecars are made again. */
static bool is_log(const char *name)
{
    return name[0] != '.' && !str_ends(str_of(name), S(".idx")) &&
           !str_ends(str_of(name), S(".tmp"));
}

static int link_log(struct backup *b, const char *path)
{
    cleanup_free char *from = xasprintf("%s%s", b->logs, path + strlen("logs"));
    cleanup_free char *to = staged_path(b, path);

    if (link(from, to) < 0)
        return errno == ENOENT ? 0 : err_sys(&b->err, "link '%s'", from);
    return add_staged(b, path);
}

static int add_logs(struct backup *b, const char *path, int depth)
{
    cleanup_free char *from = xasprintf("%s%s", b->logs, path + strlen("logs"));
    cleanup_free char *to = staged_path(b, path);
    DIR *d = io_open_dir(AT_FDCWD, from);
    struct dirent *de;
    struct stat st;
    int r = 0;

    if (!d)
        return errno == ENOENT ? 0 : err_sys(&b->err, "list '%s'", from);
    if (mkdir(to, 0700) < 0)
        r = err_sys(&b->err, "make '%s'", to);
    while (r == 0 && (de = readdir(d))) {
        cleanup_free char *inner = xasprintf("%s/%s", path, de->d_name);

        if (!is_log(de->d_name) || fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth == 0)
            r = add_logs(b, inner, depth + 1);
        else if (S_ISREG(st.st_mode))
            r = link_log(b, inner);
    }
    closedir(d);
    return r;
}

static int add_queue(struct backup *b)
{
    cleanup_free char *copy = staged_path(b, "queue.db");
    int r = queue_sqlite_settle(copy, &b->err);

    if (r == 0)
        r = add_staged(b, "queue.db");
    return r == 0 ? add_staged(b, "queue.db.mark") : r;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct backup_file *)a)->path, ((const struct backup_file *)b)->path);
}

static void work_gather(void *user)
{
    struct backup *b = OBJ(user, struct backup, BACKUP_MAGIC);

    if (b->r == 0)
        b->r = add_staged(b, "meta.db");
    if (b->r == 0 && b->queue)
        b->r = add_queue(b);
    for (size_t i = 0; b->r == 0 && b->extras[i]; i++)
        b->r = add_extra(b, b->extras[i]);
    if (b->r == 0)
        b->r = add_blobs(b);
    if (b->r == 0 && b->logs)
        b->r = add_logs(b, "logs", 0);
    if (b->n)
        qsort(b->files, b->n, sizeof(*b->files), by_path);
}

static void done_gather(void *user)
{
    struct backup *b = OBJ(user, struct backup, BACKUP_MAGIC);
    struct catalog *c = b->c;
    struct err e = b->err;
    int r = b->r;

    if (r < 0)
        b->fn(b->user, r, backup_free(b), &e);
    else
        b->fn(b->user, 0, b, &e);
    catalog_ended(c);
}

static void on_copied(void *user, int r)
{
    struct backup *b = OBJ(user, struct backup, BACKUP_MAGIC);

    if (r < 0)
        b->r = err_set(&b->err, r == -EAGAIN ? ERR_LIMIT : ERR_HOST, r, "copy the metadata: %s",
                       strerror(-r));
    loop_work(b->c->loop, work_gather, done_gather, b);
}

static void copy_metadata(struct backup *b)
{
    cleanup_free char *copy = staged_path(b, "meta.db");

    kv_backup(b->c->kv, str_of(copy), on_copied, b); /* -> on_copied */
}

static void on_queue_copied(void *user, int r)
{
    struct backup *b = OBJ(user, struct backup, BACKUP_MAGIC);

    if (r == 0) {
        copy_metadata(b); /* -> on_copied */
        return;
    }
    b->r = err_set(&b->err, r == -EAGAIN ? ERR_LIMIT : ERR_HOST, r, "copy the events: %s",
                   strerror(-r));
    loop_work(b->c->loop, work_gather, done_gather, b);
}

void backup_begin(struct catalog *c, const struct backup_spec *spec, backup_fn *fn, void *user)
{
    struct backup *b = xnew(struct backup);
    cleanup_free char *copy = NULL;

    b->magic = BACKUP_MAGIC;
    b->refs = 1;
    b->c = c;
    b->dir = xstrdup(spec->dir);
    b->logs = spec->logs ? xstrdup(spec->logs) : NULL;
    b->extras = spec->extras;
    b->queue = spec->queue;
    b->fn = fn;
    b->user = user;
    catalog_began(c);
    blobs_hold(c->blobs);
    if (mkdir(b->dir, 0700) < 0) {
        b->r = err_sys(&b->err, "make '%s'", b->dir);
        loop_work(c->loop, work_gather, done_gather, b);
        return;
    }
    if (!spec->queue) {
        copy_metadata(b);
        return;
    }
    copy = staged_path(b, "queue.db");
    q_backup(spec->queue, str_of(copy), on_queue_copied, b); /* -> on_queue_copied */
}

/* ---- the end ---- */

static void work_remove(void *user)
{
    struct backup *b = OBJ(user, struct backup, BACKUP_MAGIC);

    (void)io_remove_tree(AT_FDCWD, b->dir); /* what is left is swept at the next start */
}

static void done_remove(void *user)
{
    struct backup *b = OBJ(user, struct backup, BACKUP_MAGIC);

    for (size_t i = 0; i < b->n; i++)
        free(b->files[i].path);
    free(b->files);
    catalog_ended(b->c);
    free(b->logs);
    free(b->dir);
    b->magic = 0;
    free(b);
}

static void unref(struct backup *b)
{
    assert(b->refs > 0);
    if (--b->refs > 0)
        return;
    blobs_release(b->c->blobs);
    catalog_began(b->c);
    loop_work(b->c->loop, work_remove, done_remove, b);
}

struct backup *backup_free(struct backup *b)
{
    if (b)
        unref(b);
    return NULL;
}

/* ---- reading ---- */

const struct backup_file *backup_files(const struct backup *b, size_t *ret_n)
{
    *ret_n = b->n;
    return b->files;
}

const struct backup_file *backup_find(const struct backup *b, struct str path)
{
    cleanup_free char *text = str_dup(path);
    struct backup_file key = {.path = text};

    return b->n ? bsearch(&key, b->files, b->n, sizeof(key), by_path) : NULL;
}

struct reading {
    uint32_t magic;
    struct backup *b; /* one reference */
    const struct backup_file *file;
    uint64_t offset;
    size_t n;
    struct buf bytes;
    int r;
    backup_read_fn *fn;
    void *user;
};

static void work_read(void *user)
{
    struct reading *rd = OBJ(user, struct reading, READ_MAGIC);
    const struct backup_file *file = rd->file;

    if (!file->staged) {
        rd->r = blob_read(rd->b->c->blobs, file->sha256, rd->offset, rd->n, &rd->bytes);
    } else {
        cleanup_free char *real = staged_path(rd->b, file->path);

        rd->r = io_read_part(AT_FDCWD, real, rd->offset, rd->n, &rd->bytes);
    }
}

static void done_read(void *user)
{
    struct reading *rd = OBJ(user, struct reading, READ_MAGIC);
    struct catalog *c = rd->b->c;

    rd->fn(rd->user, rd->r, rd->r == 0 ? buf_str(&rd->bytes) : STR_NONE);
    explicit_bzero(rd->bytes.p, rd->bytes.n); /* it may be keys.json */
    buf_done(&rd->bytes);
    unref(rd->b);
    catalog_ended(c);
    rd->magic = 0;
    free(rd);
}

void backup_read(struct backup *b, const struct backup_file *file, uint64_t offset, size_t n,
                 backup_read_fn *fn, void *user)
{
    struct reading *rd = xnew(struct reading);
    uint64_t left = offset < file->bytes ? file->bytes - offset : 0;

    rd->magic = READ_MAGIC;
    rd->b = b;
    rd->file = file;
    rd->offset = offset;
    rd->n = left < n ? (size_t)left : n;
    buf_init(&rd->bytes, rd->n + 1);
    rd->fn = fn;
    rd->user = user;
    b->refs++;
    catalog_began(b->c);
    loop_work(b->c->loop, work_read, done_read, rd);
}
