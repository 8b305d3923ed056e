/* SPDX-License-Identifier: Apache-2.0 */
/*
 * union.c - the layers of a function, seen as one directory.
 *
 * The packages have been unpacked by unpack.c, so what is in them is harmless: directories, plain
 * files and links that stay inside. Nothing is followed here all the same: each step is one name, in
 * a directory that is open. A link stays at the depth where it was judged, under real directories.
 *
 * The result is made aside and renamed, after the file system was synced, like a package.
 */
#include "catalog/union.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "catalog/package.h"

static const struct timespec epoch[2];

static void close_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int merge(int from_dir, const char *from, int to, struct err *e);

/* A directory `name` in `to`, whatever was there before. */
static int merge_directory(int from, const char *name, int to, struct err *e)
{
    cleanup_close int fd = -EBADF;
    struct stat st;
    int r;

    if (fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) &&
        unlinkat(to, name, 0) < 0)
        return err_sys(e, "replace '%s'", name);
    if (mkdirat(to, name, 0755) < 0 && errno != EEXIST)
        return err_sys(e, "make directory '%s'", name);
    fd = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "open directory '%s'", name);

    r = merge(from, name, fd, e);
    if (r == 0 && (fchmod(fd, 0755) < 0 || futimens(fd, epoch) < 0))
        r = err_sys(e, "finish directory '%s'", name);
    return r;
}

/* A file or a link. */
static int merge_file(int from, const char *name, int to, struct err *e)
{
    int r;

    if (linkat(from, name, to, name, 0) == 0)
        return 0;
    if (errno != EEXIST)
        return err_sys(e, "link '%s'", name);
    r = io_remove_tree(to, name);
    if (r < 0) {
        errno = -r;
        return err_sys(e, "replace '%s'", name);
    }
    return linkat(from, name, to, name, 0) < 0 ? err_sys(e, "link '%s'", name) : 0;
}

static int merge(int from_dir, const char *from, int to, struct err *e)
{
    cleanup_with(close_dir) DIR *d = io_open_dir(from_dir, from);
    struct dirent *de;
    struct stat st;
    int r = 0;

    if (!d)
        return err_sys(e, "open '%s'", from);
    while (r == 0 && (de = readdir(d))) {
        if (is_dots(de->d_name))
            continue;
        if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return err_sys(e, "look at '%s'", de->d_name);
        r = S_ISDIR(st.st_mode) ? merge_directory(dirfd(d), de->d_name, to, e)
                                : merge_file(dirfd(d), de->d_name, to, e);
    }
    return r;
}

static int fill(int dir, const char (*shas)[SHA256_HEX], size_t n, int root, struct err *e)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = merge(dir, shas[i], root, e);
    if (r == 0 && (fchmod(root, 0755) < 0 || futimens(root, epoch) < 0 || syncfs(root) < 0))
        r = err_sys(e, "finish the union of the layers");
    return r;
}

int union_make(int dir, const char (*shas)[SHA256_HEX], size_t n, const char *name, bool renew,
               struct err *e)
{
    char temp[PACKAGE_TEMP];
    struct stat st;
    int root, r;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (renew)
            (void)utimensat(dir, name, epoch, AT_SYMLINK_NOFOLLOW);
        return 0;
    }
    package_temp(temp);
    if (mkdirat(dir, temp, 0700) < 0)
        return err_sys(e, "make a directory for the layers");
    root = openat(dir, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    r = root < 0 ? err_sys(e, "open the directory for the layers") : fill(dir, shas, n, root, e);
    fd_close(root);
    if (r == 0)
        r = package_publish(dir, temp, name, e);
    if (r < 0)
        (void)io_remove_tree(dir, temp);
    return r;
}

int union_measure(int dir, const char *name, uint64_t *bytes)
{
    cleanup_with(close_dir) DIR *d = io_open_dir(dir, name);
    struct dirent *de;
    struct stat st;
    int r = 0;

    if (!d)
        return -errno;
    while (r == 0 && (de = readdir(d))) {
        if (is_dots(de->d_name))
            continue;
        if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            r = -errno;
        else if (S_ISDIR(st.st_mode))
            r = union_measure(dirfd(d), de->d_name, bytes);
        else if (S_ISREG(st.st_mode))
            *bytes += (uint64_t)st.st_size;
    }
    return r;
}
