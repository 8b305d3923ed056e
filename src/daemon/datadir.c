/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datadir.c - one directory holds everything this installation knows.
 *
 *   format  meta.db  keys.json  blobs/  cache/code/  run/
 *
 * The directory itself may be entered but not listed by others (0711); whatever is secret in it has
 * its own mode. cache/code is for the launcher, which as root is another user than the daemon: it
 * is of the launcher's group, and nobody else can reach what functions are made of (0710; 0700
 * where both are one user). An instance gets one directory of it as a mount and walks no path.
 *
 * Two things to be careful about as root. What we hand over changes its owner all the way down, so
 * a directory that is not ours by its look is refused. And the daemon owns the directory, so what
 * lies in it may be what a daemon that was taken over has put there: we follow no link of it, and
 * give away no file that has a second name elsewhere.
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
#include "sandbox/userns.h"

static const struct {
    const char *name;
    mode_t mode;
} folders[] = {
        {"blobs", 0700},
        {"cache", 0711},
        {"cache/code", 0700},
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

/* What may lie in a directory before it has its `format`. */
static bool is_known(const char *name)
{
    static const char *const before[] = {".", "..", "lost+found", "keys.json", "evoke.yaml"};

    for (size_t i = 0; i < ARRAY_LEN(before); i++)
        if (strcmp(name, before[i]) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        if (strcmp(name, folders[i].name) == 0)
            return true;
    return str_starts(str_of(name), S("format.")) && str_ends(str_of(name), S(".tmp"));
}

/* `--data /home/me` must not make all of it the daemon's. */
static int check_ours(int dir, const char *path, struct err *e)
{
    struct dirent *de;
    int r = 0;
    DIR *d;

    if (faccessat(dir, "format", F_OK, 0) == 0)
        return 0;
    d = io_open_dir(dir, ".");
    if (!d)
        return err_sys(e, "list data directory '%s'", path);
    while (r == 0 && (de = readdir(d))) {
        if (!is_known(de->d_name))
            r = err_set(e, ERR_CALLER, -ENOTEMPTY,
                        "'%s' is no data directory of evoke and not empty (it has '%s'): choose "
                        "another --data",
                        path, de->d_name);
    }
    closedir(d);
    return r;
}

static int hand_over(int dir, uid_t uid, struct err *e);

/* One entry: by descriptor, so that what is looked at is what is given away. */
static int hand_over_entry(int dir, const char *name, uid_t uid, struct err *e)
{
    cleanup_close int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return errno == ENOENT ? 0 : err_sys(e, "look at '%s'", name);
    if (st.st_uid == uid)
        return 0;
    if (!S_ISDIR(st.st_mode) && st.st_nlink > 1)
        return err_set(e, ERR_CALLER, -EMLINK,
                       "'%s' has a second name somewhere (a hard link): it is not handed over",
                       name);
    if (fchownat(fd, "", uid, uid, AT_EMPTY_PATH) < 0)
        return err_sys(e, "change the owner of '%s'", name);
    return S_ISDIR(st.st_mode) ? hand_over(fd, uid, e) : 0;
}

/* Files made by an earlier run under another uid. What is uid's already is not looked into. */
static int hand_over(int dir, uid_t uid, struct err *e)
{
    struct dirent *de;
    int r = 0;
    DIR *d;

    if (fchownat(dir, "", uid, uid, AT_EMPTY_PATH) < 0)
        return err_sys(e, "change the owner");
    d = io_open_dir(dir, ".");
    if (!d)
        return err_sys(e, "list");
    while (r == 0 && (de = readdir(d)))
        if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
            r = hand_over_entry(dirfd(d), de->d_name, uid, e);
    closedir(d);
    return r;
}

/* For the launcher, by its group. The last step, since handing over sets the group as well. */
static int open_code_to_launcher(int dir, uid_t uid, struct err *e)
{
    cleanup_close int cache = openat(dir, "cache", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cleanup_close int code = -EBADF;
    bool root = geteuid() == 0;

    code = openat(cache, "code", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (code < 0)
        return err_sys(e, "open 'cache/code'");
    if ((root && fchown(code, uid, USERNS_HOST_FIRST) < 0) || fchmod(code, root ? 0710 : 0700) < 0)
        return err_sys(e, "set who may enter 'cache/code'");
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
        return err_set(e, ERR_HOST, -EINVAL, "its file 'format' cannot be read");
    if (version > DATADIR_FORMAT)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "it has format %llu, this program knows up to %d: use a "
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

    r = check_ours(fd, path, e);
    if (r < 0)
        return r;
    r = check_format(fd, e);
    if (r < 0)
        return err_wrap(e, r, "data directory '%s'", path);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        if (mkdirat(fd, folders[i].name, folders[i].mode) < 0 && errno != EEXIST)
            return err_sys(e, "make '%s/%s'", path, folders[i].name);

    if (fstat(fd, &st) < 0)
        return err_sys(e, "look at '%s'", path);
    if (geteuid() == 0) {
        r = hand_over(fd, uid, e);
        if (r < 0)
            return err_wrap(e, r, "hand data directory '%s' to uid %u", path, (unsigned)uid);
        if (!(st.st_mode & S_IXOTH) && fchmod(fd, (st.st_mode & 07777) | S_IXOTH) < 0)
            return err_sys(e, "chmod o+x '%s'", path);
    }
    r = open_code_to_launcher(fd, uid, e);
    if (r < 0)
        return err_wrap(e, r, "data directory '%s'", path);
    r = check_reachable(path, uid, e);
    if (r < 0)
        return r;
    return TAKE_FD(fd);
}
