/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore.c - a backup becomes a data directory, or nothing does.
 *
 * An archive is what somebody gives us. Its first entry is a list whose paths were checked one by
 * one (backup_list.c); each further entry must be a plain file of that list, once, with the size and
 * the hash the list says, and in the end none may be missing. So no entry chooses a path of its own,
 * no link is ever made or followed, and nothing is written beyond what was announced and found to
 * fit on the disk.
 *
 * All of it is written into a new directory beside the target, by descriptor, and takes its place
 * by one rename when it is whole and synced.
 */
#include "cli/restore.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"
#include "cli/backup_list.h"

enum { BLOCK_BYTES = 256 << 10 };

struct restoring {
    struct archive *tar; /* owned */
    struct backup_list list;
    char *temp; /* owned; "" until it was made */
    int dir;    /* owned: of temp */
    char *block;
};

/* ---- the target ---- */

/* A daemon holds a lock on the directory of its data (daemon/datadir.c). */
static bool is_locked(int fd)
{
    return flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static int check_target(const char *dir, struct err *e)
{
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct dirent *de;
    bool empty = true;
    DIR *d;

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return err_set(e, ERR_CALLER, -ENOTDIR, "'%s' is no directory: %s", dir, strerror(errno));
    if (is_locked(fd))
        return err_set(e, ERR_CALLER, -EBUSY,
                       "'%s' is in use by a running evoke; restore into another directory", dir);
    d = io_open_dir(fd, ".");
    if (!d)
        return err_sys(e, "list '%s'", dir);
    while (empty && (de = readdir(d)))
        empty = strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0;
    closedir(d);
    if (!empty)
        return err_set(e, ERR_CALLER, -ENOTEMPTY,
                       "'%s' is not empty; restore into a directory that is not there yet", dir);
    return 0;
}

static int check_room(const struct restoring *rs, struct err *e)
{
    struct statvfs fs;
    uint64_t room;

    if (fstatvfs(rs->dir, &fs) < 0)
        return err_sys(e, "look at the disk");
    room = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (rs->list.bytes <= room)
        return 0;
    return err_set(e, ERR_LIMIT, -ENOSPC, "it needs %llu MiB, the disk has %llu",
                   (unsigned long long)(rs->list.bytes >> 20) + 1,
                   (unsigned long long)(room >> 20));
}

static int make_temp(struct restoring *rs, const char *dir, struct err *e)
{
    size_t n = strlen(dir);

    while (n > 1 && dir[n - 1] == '/')
        n--;
    rs->temp = xasprintf("%.*s.restore-XXXXXX", (int)n, dir);
    if (!mkdtemp(rs->temp)) {
        int r = err_sys(e, "make '%s'", rs->temp);

        rs->temp[0] = '\0';
        return r;
    }
    rs->dir = open(rs->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return rs->dir < 0 ? err_sys(e, "open '%s'", rs->temp) : 0;
}

/* ---- the archive ---- */

static int fail_tar(struct restoring *rs, struct err *e)
{
    const char *why = archive_error_string(rs->tar);

    return err_set(e, ERR_CALLER, -EINVAL, "it is no tar, or cut off: %.128s",
                   why ? why : "unknown");
}

/* 1 and the entry; 0 at the end. */
static int next_entry(struct restoring *rs, struct archive_entry **ret, struct err *e)
{
    int r = archive_read_next_header(rs->tar, ret);

    if (r == ARCHIVE_EOF)
        return 0;
    return r == ARCHIVE_OK ? 1 : fail_tar(rs, e);
}

static bool is_plain_file(struct archive_entry *entry)
{
    return archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry) &&
           !archive_entry_symlink(entry) && archive_entry_size_is_set(entry) &&
           archive_entry_sparse_count(entry) == 0;
}

static int read_list(struct restoring *rs, struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    struct archive_entry *entry;
    const char *path;
    la_ssize_t n;
    int r = next_entry(rs, &entry, e);

    buf_init(&text, BACKUP_LIST_MAX);
    if (r < 0)
        return r;
    path = r == 1 ? archive_entry_pathname(entry) : NULL;
    if (!path || strcmp(path, BACKUP_LIST_NAME) != 0 || !is_plain_file(entry))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "it is no backup of evoke: its first entry is not " BACKUP_LIST_NAME);
    while ((n = archive_read_data(rs->tar, rs->block, BLOCK_BYTES)) > 0)
        buf_add(&text, rs->block, (size_t)n);
    if (n < 0)
        return fail_tar(rs, e);
    if (!buf_ok(&text))
        return err_set(e, ERR_LIMIT, -EFBIG, "its list is larger than %d MiB",
                       BACKUP_LIST_MAX >> 20);
    return backup_list_read(buf_str(&text), &rs->list, e);
}

/* The folders of a path, which has at most two (backup_path_ok()). */
static int make_folders(struct restoring *rs, const char *path, struct err *e)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        cleanup_free char *folder = xstrndup(path, (size_t)(slash - path));

        if (mkdirat(rs->dir, folder, 0700) < 0 && errno != EEXIST)
            return err_sys(e, "make '%s'", folder);
    }
    return 0;
}

static int copy_data(struct restoring *rs, int fd, const struct backup_item *item, struct err *e)
{
    struct sha256_stream *hash = sha256_stream_new();
    char got[SHA256_HEX];
    uint64_t bytes = 0;
    la_ssize_t n = 0;
    int r = 0;

    while (r == 0 && (n = archive_read_data(rs->tar, rs->block, BLOCK_BYTES)) > 0) {
        bytes += (uint64_t)n;
        if (bytes > item->bytes)
            break; /* told below */
        sha256_stream_add(hash, rs->block, (size_t)n);
        r = io_write_all(fd, rs->block, (size_t)n);
    }
    sha256_stream_end(hash, got);
    if (r < 0)
        return err_set(e, ERR_HOST, r, "write '%s': %s", item->path, strerror(-r));
    if (n < 0)
        return fail_tar(rs, e);
    if (bytes != item->bytes || strcmp(got, item->sha256) != 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'%s' is damaged: its hash is not the one of the "
                       "list",
                       item->path);
    return fsync(fd) < 0 ? err_sys(e, "write '%s'", item->path) : 0;
}

static int take_file(struct restoring *rs, struct archive_entry *entry, struct err *e)
{
    const char *path = archive_entry_pathname(entry);
    struct backup_item *item = path ? backup_list_find(&rs->list, path) : NULL;
    cleanup_close int fd = -EBADF;
    int r;

    if (!item)
        return err_set(e, ERR_CALLER, -EINVAL, "'%.100s' is not in its list", path ? path : "?");
    if (!is_plain_file(entry))
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' is not a plain file", item->path);
    if (item->seen)
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' is there twice", item->path);
    if ((uint64_t)archive_entry_size(entry) != item->bytes)
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' has another size than its list says",
                       item->path);
    item->seen = true;
    r = make_folders(rs, item->path, e);
    if (r < 0)
        return r;
    fd = openat(rs->dir, item->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, "make '%s'", item->path);
    return copy_data(rs, fd, item, e);
}

static int take_files(struct restoring *rs, struct err *e)
{
    struct archive_entry *entry;
    int r;

    while ((r = next_entry(rs, &entry, e)) == 1) {
        r = take_file(rs, entry, e);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; r == 0 && i < rs->list.n; i++)
        if (!rs->list.items[i].seen)
            r = err_set(e, ERR_CALLER, -EINVAL, "'%s' is missing", rs->list.items[i].path);
    return r;
}

/* ---- into place ---- */

static int sync_directory(const char *path, struct err *e)
{
    cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? err_sys(e, "sync '%s'", path) : 0;
}

static int put_in_place(struct restoring *rs, const char *dir, struct err *e)
{
    cleanup_free char *parent = xasprintf("%s/..", dir);

    /* Names of files in folders are lost in a power cut unless each folder is synced: all of it. */
    if (syncfs(rs->dir) < 0)
        return err_sys(e, "sync");
    if (fchmod(rs->dir, 0711) < 0)
        return err_sys(e, "chmod '%s'", rs->temp);
    /* One that is empty is replaced, one that is not is ENOTEMPTY: rename(2). */
    if (rename(rs->temp, dir) < 0)
        return err_sys(e, "put '%s' in place", dir);
    rs->temp[0] = '\0';
    return sync_directory(parent, e);
}

static void restoring_done(struct restoring *rs)
{
    if (rs->tar)
        archive_read_free(rs->tar);
    rs->dir = fd_close(rs->dir);
    if (rs->temp && rs->temp[0])
        (void)io_remove_tree(AT_FDCWD, rs->temp);
    backup_list_done(&rs->list);
    free(rs->temp);
    if (rs->block)
        explicit_bzero(rs->block, BLOCK_BYTES); /* keys.json went through it */
    free(rs->block);
}

int restore(int fd, const char *dir, struct restored *ret, struct err *e)
{
    cleanup_with(restoring_done) struct restoring rs = {.dir = -EBADF};
    int r = check_target(dir, e);

    if (r < 0)
        return r;
    rs.block = xcalloc(1, BLOCK_BYTES);
    rs.tar = archive_read_new();
    if (!rs.tar || archive_read_support_format_tar(rs.tar) != ARCHIVE_OK)
        return err_set(e, ERR_HOST, -ENOMEM, "libarchive cannot be set up");
    if (archive_read_open_fd(rs.tar, fd, BLOCK_BYTES) != ARCHIVE_OK)
        return fail_tar(&rs, e);
    r = read_list(&rs, e);
    if (r == 0)
        r = make_temp(&rs, dir, e);
    if (r == 0)
        r = check_room(&rs, e);
    if (r == 0)
        r = take_files(&rs, e);
    if (r == 0)
        r = put_in_place(&rs, dir, e);
    if (r == 0)
        *ret = (struct restored){.files = rs.list.n,
                                 .bytes = rs.list.bytes,
                                 .keys = backup_list_find(&rs.list, "keys.json") != NULL};
    return r;
}
