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
 * That is version 1. What is not mounted as version 1 is looked for in version 2, which has more
 * rules (cgroup_unified.c).
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
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/str.h"
#include "sandbox/cgroup_find.h"
#include "sandbox/cgroup_tree.h"
#include "sandbox/cgroup_unified.h"

enum {
    PROC_FILE_MAX = 1 << 20,
    REMOVE_TRIES = 200,
    REMOVE_PAUSE_NS = 5000000,
};

const char *const cgroup_controllers[CGROUP_PARTS] = {[CGROUP_MEMORY] = "memory",
                                                      [CGROUP_PIDS] = "pids",
                                                      [CGROUP_CPU] = "cpu",
                                                      [CGROUP_FREEZER] = "freezer"};

static const char prefix[] = "evoke-";

void cgroup_tree_none(struct cgroup_tree *t)
{
    *t = (struct cgroup_tree){.home = -EBADF};
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
    t->home = fd_close(t->home);
}

int cgroup_find_own(const char *controller, struct cgroup_place *ret)
{
    cleanup_with(buf_done) struct buf cgroups;
    cleanup_with(buf_done) struct buf mounts;
    int r;

    buf_init(&cgroups, PROC_FILE_MAX);
    buf_init(&mounts, PROC_FILE_MAX);
    r = io_read_file(AT_FDCWD, "/proc/self/cgroup", &cgroups, NULL);
    if (r >= 0)
        r = io_read_file(AT_FDCWD, "/proc/self/mountinfo", &mounts, NULL);
    if (r < 0)
        return r;
    return cgroup_find(buf_str(&cgroups), buf_str(&mounts), controller, ret);
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
void cgroup_sweep(int parent)
{
    DIR *d = io_open_dir(parent, ".");
    uint64_t pid;

    if (!d)
        return;
    for (struct dirent *de = readdir(d); de; de = readdir(d)) {
        struct str name = str_of(de->d_name);
        struct str rest = str_from(name, sizeof prefix - 1);

        if (str_starts(name, str_of(prefix)) &&
            str_u64(str_cut(&rest, '-'), 1, INT32_MAX, &pid) == 0 && kill((pid_t)pid, 0) < 0 &&
            errno == ESRCH && abandoned(parent, de->d_name))
            (void)remove_level(parent, de->d_name);
    }
    (void)closedir(d);
}

/* One controller of version 1; false: not there, or not ours. */
static bool join_v1(struct cgroup_tree *t, int part, uid_t owner)
{
    cleanup_close int parent = -EBADF;
    cleanup_close int dir = -EBADF;
    struct cgroup_place own;

    if (cgroup_find_own(cgroup_controllers[part], &own) < 0)
        return false;
    parent = open(own.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return false;
    cgroup_sweep(parent);
    if (mkdirat(parent, t->name, 0755) < 0 && errno != EEXIST)
        return false;
    dir = openat(parent, t->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Held by whoever has this descriptor: stub and launcher. Shared, as hierarchies may be. */
    if (dir < 0 || flock(dir, LOCK_SH) < 0 ||
        (owner != geteuid() && fchown(dir, owner, owner) < 0)) {
        (void)unlinkat(parent, t->name, AT_REMOVEDIR);
        return false;
    }

    t->parent[part] = TAKE_FD(parent);
    t->dir[part] = TAKE_FD(dir);
    t->version[part] = 1;
    return true;
}

static const char *why_not(int r)
{
    switch (-r) {
    case EBUSY:
        return "evoke's cgroup holds other processes";
    case EROFS:
        return "cgroups are mounted read-only";
    case ENOENT:
        return "no cgroup v2 is mounted";
    default:
        return "evoke's cgroup is not delegated to it";
    }
}

void cgroup_tree_make(struct cgroup_tree *t, uid_t owner)
{
    struct cgroup_place own;
    bool complete = true;
    uint32_t suffix;
    int r;

    cgroup_tree_none(t);
    /* A pid comes back, and a tree that could not be removed must not be taken for ours. */
    if (getrandom(&suffix, sizeof suffix, 0) != (ssize_t)sizeof suffix)
        suffix = 0;
    snprintf(t->name, sizeof t->name, "%s%d-%08x", prefix, getpid(), suffix);
    for (int i = 0; i < CGROUP_PARTS; i++)
        complete = join_v1(t, i, owner) && complete;
    if (complete)
        return;

    r = cgroup_find_own(NULL, &own);
    if (r >= 0)
        r = cgroup_join_unified(t, &own, owner);
    if (r < 0)
        t->why_not = why_not(r);
}

void cgroup_tree_remove(struct cgroup_tree *t)
{
    const struct timespec pause = {.tv_nsec = REMOVE_PAUSE_NS};

    cgroup_leave_unified(t);
    for (int i = 0; i < CGROUP_PARTS; i++) {
        for (int n = 0; t->parent[i] >= 0 && n < REMOVE_TRIES; n++) {
            if (remove_level(t->parent[i], t->name) == 0)
                break;
            (void)nanosleep(&pause, NULL);
        }
    }
    cgroup_tree_close(t);
}
