/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datadir.c - one directory holds everything this installation knows.
 *
 *   format  meta.db  keys.json  blobs/  cache/code/  run/
 *
 * Only cache/code is for other eyes: instances run under other uids and read their code there. The
 * directory itself may be entered but not listed by others (0711); whatever is secret in it has its
 * own mode (0600, 0700).
 */
#include "daemon/datadir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"
#include "base/str.h"

static const struct {
    const char *name;
    mode_t mode;
} folders[] = {
        {"blobs", 0700},
        {"cache", 0711},
        {"cache/code", 0711},
        {"run", 0711},
};

/* A path the daemon's user cannot walk would fail much later, in SQLite, with less to go on. */
static int check_reachable(const char *path, uid_t uid, struct err *e)
{
    char real[PATH_MAX], part[PATH_MAX];
    struct stat st;

    if (!realpath(path, real))
        return err_sys(e, "resolve data directory '%s'", path);
    for (char *slash = real; slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", slash == real ? 1 : (int)(slash - real), real);
        if (stat(part, &st) < 0)
            return err_sys(e, "look at '%s'", part);
        if (!(st.st_mode & (st.st_uid == uid ? S_IXUSR : S_IXOTH)))
            return err_set(e, ERR_CALLER, -EACCES,
                           "data directory '%s' cannot be reached by uid %u: 'chmod o+x %s', "
                           "choose another "
                           "--data, or another --user",
                           path, (unsigned)uid, part);
    }
    return 0;
}

/* Files made by an earlier run under another uid. One level is enough but for blobs and cache. */
static int hand_over(int dir, uid_t uid)
{
    cleanup_close int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    struct dirent *de;
    DIR *d;

    if (fd < 0 || fchown(fd, uid, uid) < 0)
        return -errno;
    d = fdopendir(TAKE_FD(fd));
    if (!d)
        return -errno;
    while ((de = readdir(d))) {
        cleanup_close int sub = -EBADF;

        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
            continue;
        if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_uid == uid)
            continue;
        (void)fchownat(dirfd(d), de->d_name, uid, uid, AT_SYMLINK_NOFOLLOW);
        sub = openat(dirfd(d), de->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub >= 0)
            (void)hand_over(sub, uid);
    }
    closedir(d);
    return 0;
}

static int check_format(int fd, struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    char ours[16];
    uint64_t version;
    int r;

    buf_init(&text, 16);
    r = io_read_file(fd, "format", &text, NULL);
    if (r == -ENOENT) {
        snprintf(ours, sizeof(ours), "%d\n", DATADIR_FORMAT);
        return io_write_file(fd, "format", str_of(ours), 0644, e);
    }
    if (r < 0 || str_u64(str_trim((struct str){text.p, text.n ? text.n - 1 : 0}), 1, UINT32_MAX,
                         &version) < 0)
        return err_set(e, ERR_HOST, -EINVAL, "file 'format' of the data directory cannot be read");
    if (version > DATADIR_FORMAT)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "the data directory has format %llu, this program knows up to %d: use a "
                       "newer evoke",
                       (unsigned long long)version, DATADIR_FORMAT);
    return 0;
}

int datadir_open(const char *path, uid_t uid, struct err *e)
{
    cleanup_close int fd = -EBADF;
    struct stat st;
    int r;

    r = io_mkdir_p(path, 0711, e);
    if (r < 0)
        return err_wrap(e, r, "data directory");
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "open data directory '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return err_set(e, ERR_CALLER, -EBUSY, "data directory '%s' is in use by another evoke",
                       path);

    r = check_format(fd, e);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        if (mkdirat(fd, folders[i].name, folders[i].mode) < 0 && errno != EEXIST)
            return err_sys(e, "make '%s/%s'", path, folders[i].name);

    if (fstat(fd, &st) < 0)
        return err_sys(e, "look at '%s'", path);
    if (geteuid() == 0) {
        r = hand_over(fd, uid);
        if (r < 0)
            return err_set(e, ERR_HOST, r, "hand data directory '%s' to uid %u", path,
                           (unsigned)uid);
        if (!(st.st_mode & S_IXOTH) && fchmod(fd, (st.st_mode & 07777) | S_IXOTH) < 0)
            return err_sys(e, "chmod o+x '%s'", path);
    }
    r = check_reachable(path, uid, e);
    if (r < 0)
        return r;
    return TAKE_FD(fd);
}
