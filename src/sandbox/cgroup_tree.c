/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup_tree.c - a place for instances in each hierarchy, given to the launcher.
 *
 * The stub makes one directory per controller below the cgroup it was started in, and gives it to
 * the uid that the launcher will have. The launcher then makes and removes instance directories by
 * itself, by descriptor, with no privilege on the host:
 *
 *   <where we were started>/evoke-<pid of the stub>/i<serial>
 *
 * What always holds:
 *   (1) a tree is locked, flock(2), as long as its stub or launcher lives; only unlocked ones are
 *       swept.
 *   (2) a hierarchy that is read-only, as in many containers, is not ours to use; that is no
 *       failure.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/str.h"
#include "sandbox/cgroup.h"

enum {
    PROC_FILE_MAX = 1 << 20,
    REMOVE_TRIES = 200,
    REMOVE_PAUSE_NS = 5000000,
};

static const char *const controllers[CGROUP_PARTS] = {[CGROUP_MEMORY] = "memory",
                                                      [CGROUP_PIDS] = "pids",
                                                      [CGROUP_CPU] = "cpu",
                                                      [CGROUP_FREEZER] = "freezer"};

static const char prefix[] = "evoke-";

void cgroup_tree_none(struct cgroup_tree *t)
{
    memset(t, 0, sizeof *t);
    for (int i = 0; i < CGROUP_PARTS; i++)
        t->parent[i] = t->dir[i] = -EBADF;
}

void cgroup_tree_close(struct cgroup_tree *t)
{
    for (int i = 0; i < CGROUP_PARTS; i++) {
        t->parent[i] = fd_close(t->parent[i]);
        t->dir[i] = fd_close(t->dir[i]);
        t->version[i] = 0;
    }
}

static bool list_has(struct str list, const char *word)
{
    while (list.p) {
        if (str_eq(str_cut(&list, ','), str_of(word)))
            return true;
    }
    return false;
}

/* A line of /proc/self/cgroup: "4:memory:/path". */
static bool own_path(struct str text, const char *controller, struct str *ret_path)
{
    while (text.p) {
        struct str line = str_cut(&text, '\n');

        (void)str_cut(&line, ':');
        if (list_has(str_cut(&line, ':'), controller)) {
            *ret_path = line;
            return true;
        }
    }
    return false;
}

/* A line of proc_pid_mountinfo(5): "36 35 0:31 /root /mount/point opts [...] - cgroup src opts". */
static bool mount_point(struct str text, const char *controller, struct str *ret_root,
                        struct str *ret_point)
{
    while (text.p) {
        struct str line = str_cut(&text, '\n');
        ptrdiff_t dash = str_find(line, S(" - cgroup "));
        struct str options = STR_NONE;

        if (dash < 0)
            continue;
        options = str_from(line, (size_t)dash + sizeof " - cgroup " - 1);
        (void)str_cut(&options, ' ');
        if (!list_has(options, controller))
            continue;
        for (int i = 0; i < 3; i++)
            (void)str_cut(&line, ' ');
        *ret_root = str_cut(&line, ' ');
        *ret_point = str_cut(&line, ' ');
        return true;
    }
    return false;
}

/* Open the directory of our own cgroup in that controller's v1 hierarchy, or -ENOENT. */
static int open_own(struct str cgroups, struct str mounts, const char *controller)
{
    struct str path, root, point;
    char full[512];
    int fd;

    if (!own_path(cgroups, controller, &path) || !mount_point(mounts, controller, &root, &point))
        return -ENOENT;
    if (root.n > 1 && str_starts(path, root))
        path = str_from(path, root.n);
    if ((size_t)snprintf(full, sizeof full, "%.*s%.*s", STR_ARG(point), STR_ARG(path)) >=
        sizeof full)
        return -ENAMETOOLONG;

    fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Thaw the cgroups directly below dir. Elsewhere than in a v1 freezer there is no such file. */
static void thaw_level(int dir)
{
    DIR *d = io_open_dir(dir, ".");
    char path[300];

    if (!d)
        return;
    for (struct dirent *de = readdir(d); de; de = readdir(d)) {
        cleanup_close int fd = -EBADF;

        snprintf(path, sizeof path, "%s/freezer.state", de->d_name);
        fd = openat(dir, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0)
            (void)!write(fd, "THAWED", 6);
    }
    (void)closedir(d);
}

void cgroup_tree_thaw(const struct cgroup_tree *t)
{
    if (t->version[CGROUP_FREEZER] == 1)
        thaw_level(t->dir[CGROUP_FREEZER]);
}

/* Remove dir/name and the (empty) cgroups directly below it. 0 or -errno of the last rmdir. */
static int remove_level(int dir, const char *name)
{
    DIR *d = io_open_dir(dir, name);

    if (!d)
        return errno == ENOENT ? 0 : -errno;
    for (struct dirent *de = readdir(d); de; de = readdir(d)) {
        if (de->d_type == DT_DIR && de->d_name[0] != '.')
            (void)unlinkat(dirfd(d), de->d_name, AT_REMOVEDIR);
    }
    (void)closedir(d);

    return unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* Nobody holds the lock of this tree. A pid alone does not tell: its owner may live in another pid
 * namespace and see the same cgroups. */
static bool abandoned(int parent, const char *name)
{
    cleanup_close int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (dir < 0 || flock(dir, LOCK_EX | LOCK_NB) < 0)
        return false;
    thaw_level(dir); /* or what was frozen when it was killed would never die */
    return true;
}

/* A stub that was killed could not clean up. Its pid is in the name. */
static void sweep_dead(int parent)
{
    DIR *d = io_open_dir(parent, ".");
    uint64_t pid;

    if (!d)
        return;
    for (struct dirent *de = readdir(d); de; de = readdir(d)) {
        struct str name = str_of(de->d_name);

        if (str_starts(name, str_of(prefix)) &&
            str_u64(str_from(name, sizeof prefix - 1), 1, INT32_MAX, &pid) == 0 &&
            kill((pid_t)pid, 0) < 0 && errno == ESRCH && abandoned(parent, de->d_name))
            (void)remove_level(parent, de->d_name);
    }
    (void)closedir(d);
}

int cgroup_tree_make(struct cgroup_tree *t, uid_t owner, struct err *e)
{
    cleanup_with(buf_done) struct buf cgroups;
    cleanup_with(buf_done) struct buf mounts;
    int r;

    cgroup_tree_none(t);
    buf_init(&cgroups, PROC_FILE_MAX);
    buf_init(&mounts, PROC_FILE_MAX);
    r = io_read_file(AT_FDCWD, "/proc/self/cgroup", &cgroups, e);
    if (r >= 0)
        r = io_read_file(AT_FDCWD, "/proc/self/mountinfo", &mounts, e);
    if (r < 0)
        return r;

    snprintf(t->name, sizeof t->name, "%s%d", prefix, getpid());
    for (int i = 0; i < CGROUP_PARTS; i++) {
        cleanup_close int parent = open_own(buf_str(&cgroups), buf_str(&mounts), controllers[i]);
        cleanup_close int dir = -EBADF;

        if (parent < 0)
            continue;
        sweep_dead(parent);
        if (mkdirat(parent, t->name, 0755) < 0 && errno != EEXIST)
            continue; /* read-only in many containers: not ours to use */
        dir = openat(parent, t->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        /* Held by whoever has this descriptor: stub and launcher. Shared, as hierarchies may be. */
        if (dir < 0 || flock(dir, LOCK_SH) < 0 || fchown(dir, owner, owner) < 0) {
            r = err_sys(e, "give cgroup '%s' (%s) to uid %u", t->name, controllers[i], owner);
            (void)unlinkat(parent, t->name, AT_REMOVEDIR);
            cgroup_tree_remove(t);
            return r;
        }
        t->parent[i] = TAKE_FD(parent);
        t->dir[i] = TAKE_FD(dir);
        t->version[i] = 1;
    }

    return 0;
}

void cgroup_tree_remove(struct cgroup_tree *t)
{
    const struct timespec pause = {.tv_nsec = REMOVE_PAUSE_NS};

    for (int i = 0; i < CGROUP_PARTS; i++) {
        for (int n = 0; t->parent[i] >= 0 && n < REMOVE_TRIES; n++) {
            if (remove_level(t->parent[i], t->name) == 0)
                break;
            (void)nanosleep(&pause, NULL);
        }
    }
    cgroup_tree_close(t);
}
