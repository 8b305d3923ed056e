/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob.c - bytes named by what they are.
 *
 * A blob is a file whose name is its sha256, so it is never changed, only made and removed, and two
 * threads that put the same bytes do the same thing. It appears by rename after an fsync: a file
 * with that name is whole. What time or a disk did to it since is found by its digest on each read,
 * and put right by the next put of the same bytes.
 *
 * A put also renews the file's time, and gc leaves the young alone: between a put and the record
 * that will name it, nothing keeps the blob but its age. So gc must not look before a put and
 * remove after it: puts share a lock that gc takes alone, for one file at a time. Whoever copies all
 * of them holds them meanwhile; a hold is counted under the same lock, so once it is, gc removes
 * nothing any more, also one that is at work already.
 */
#include "store/blob.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

struct blobs {
    int dir; /* owned */
    pthread_rwlock_t puts;
    uint32_t held; /* under puts */
};

int blobs_open(const char *dir, struct blobs **ret, struct err *e)
{
    struct blobs *b;
    int fd, r;

    r = io_mkdir_p(dir, 0700, e);
    if (r < 0)
        return r;

    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "open blob directory '%s'", dir);

    b = xnew(struct blobs);
    b->dir = fd;
    pthread_rwlock_init(&b->puts, NULL);
    *ret = b;
    return 0;
}

struct blobs *blobs_free(struct blobs *b)
{
    if (!b)
        return NULL;
    b->dir = fd_close(b->dir);
    pthread_rwlock_destroy(&b->puts);
    free(b);
    return NULL;
}

/* Is this file exactly these bytes? Any doubt is a no: then it is written again. */
static bool holds(int fd, struct str data)
{
    char chunk[64 << 10];
    struct stat st;
    size_t at = 0;

    if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != data.n)
        return false;
    while (at < data.n) {
        size_t want = data.n - at < sizeof(chunk) ? data.n - at : sizeof(chunk);

        if (io_read_full(fd, chunk, want) != (ssize_t)want || memcmp(chunk, data.p + at, want) != 0)
            return false;
        at += want;
    }
    return true;
}

static int renew_or_write(struct blobs *b, const char *sha, struct str data, struct err *e)
{
    cleanup_close int fd = openat(b->dir, sha, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int r;

    if (fd >= 0 && holds(fd, data)) {
        /* Another put may have renamed it a moment ago and not yet synced the directory. */
        if (futimens(fd, NULL) < 0 || fsync(b->dir) < 0)
            return err_sys(e, "renew blob %s", sha);
        return 0;
    }
    r = io_write_file(b->dir, sha, data, 0600, e);
    return r < 0 ? err_wrap(e, r, "write blob %s", sha) : 0;
}

int blob_put(struct blobs *b, struct str data, char ret_sha[SHA256_HEX], struct err *e)
{
    char sha[SHA256_HEX];
    int r;

    sha256_hex(data, sha);
    pthread_rwlock_rdlock(&b->puts);
    r = renew_or_write(b, sha, data, e);
    pthread_rwlock_unlock(&b->puts);
    if (r < 0)
        return r;

    memcpy(ret_sha, sha, SHA256_HEX);
    return 0;
}

int blob_get(struct blobs *b, const char *sha, struct buf *out, struct err *e)
{
    char now[SHA256_HEX];
    size_t before = out->n;
    int r;

    if (!is_hex(str_of(sha), SHA256_HEX - 1))
        return err_set(e, ERR_CALLER, -ENOENT, "'%s' names no blob", sha);

    r = io_read_file(b->dir, sha, out, e);
    if (r < 0)
        return err_wrap(e, r, "blob %s", sha);

    sha256_hex(str_from(buf_str(out), before), now);
    if (strcmp(now, sha) != 0)
        return err_set(e, ERR_HOST, -EIO, "blob %s is damaged", sha);
    return 0;
}

/* 1 removed, 0 kept. */
static int collect(struct blobs *b, const char *name, bool kept, int64_t older_than_s)
{
    struct stat st;

    if (kept)
        return 0;
    if (fstatat(b->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISREG(st.st_mode) || st.st_mtime > older_than_s)
        return 0;
    return unlinkat(b->dir, name, 0) < 0 ? -errno : 1;
}

int blob_gc(struct blobs *b, bool (*keep)(void *user, const char *sha), void *user,
            uint32_t grace_s)
{
    int64_t older_than_s = (int64_t)time(NULL) - grace_s;
    DIR *d = io_open_dir(b->dir, ".");
    struct dirent *de;
    int removed = 0, r = 0;

    if (!d)
        return -errno;

    while (r >= 0 && (de = readdir(d))) {
        bool blob = is_hex(str_of(de->d_name), SHA256_HEX - 1);

        /* Anything else is what a crash left of a write. */
        pthread_rwlock_wrlock(&b->puts);
        r = collect(b, de->d_name, blob && (b->held || keep(user, de->d_name)), older_than_s);
        pthread_rwlock_unlock(&b->puts);
        if (r > 0 && blob)
            removed++;
    }
    closedir(d);
    if (r < 0)
        return r;
    return fsync(b->dir) < 0 ? -errno : removed;
}

void blobs_hold(struct blobs *b)
{
    pthread_rwlock_wrlock(&b->puts);
    b->held++;
    pthread_rwlock_unlock(&b->puts);
}

void blobs_release(struct blobs *b)
{
    pthread_rwlock_wrlock(&b->puts);
    assert(b->held > 0);
    b->held--;
    pthread_rwlock_unlock(&b->puts);
}

int blobs_each(struct blobs *b, bool (*fn)(void *user, const char *sha, uint64_t bytes), void *user)
{
    DIR *d = io_open_dir(b->dir, ".");
    bool go_on = true;
    struct dirent *de;
    struct stat st;

    if (!d)
        return -errno;
    while (go_on && (de = readdir(d)))
        if (is_hex(str_of(de->d_name), SHA256_HEX - 1) &&
            fstatat(b->dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            go_on = fn(user, de->d_name, (uint64_t)st.st_size);
    closedir(d);
    return 0;
}

int blob_open(struct blobs *b, const char *sha, uint64_t *ret_bytes)
{
    cleanup_close int fd = -EBADF;
    struct stat st;

    if (!is_hex(str_of(sha), SHA256_HEX - 1))
        return -ENOENT;
    fd = openat(b->dir, sha, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    *ret_bytes = (uint64_t)st.st_size;
    return TAKE_FD(fd);
}

int blob_read(struct blobs *b, const char *sha, uint64_t offset, size_t n, struct buf *out)
{
    if (!is_hex(str_of(sha), SHA256_HEX - 1))
        return -ENOENT;
    return io_read_part(b->dir, sha, offset, n, out);
}
