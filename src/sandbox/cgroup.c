/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.c - memory, process and CPU limits on cgroup v1.
 *
 * The stub, while it is still the host's root, makes one directory per controller below the
 * cgroup it was started in, and gives it to the uid that the launcher will have. The launcher then
 * makes and removes instance directories by itself, by descriptor, with no privilege on the host:
 *
 *   <where we were started>/evoke-<pid of the stub>/i<serial>
 *
 * What always holds:
 *   (1) limits are written before anybody is inside.
 *   (2) a process enters by writing `0` into `tasks` while it has one thread. Writing cgroup.procs
 *       takes a global lock and an RCU grace period: 11 ms where this is 0.05 (measured).
 *   (3) who opened `tasks` must have the uid of the one who moves: launcher and init, both uid 0
 *       of the launcher's user namespace.
 *   (4) names are never used twice, so an instance that lingers in EBUSY disturbs no other.
 *   (5) a tree is locked, flock(2), as long as its stub or launcher lives; only unlocked ones are
 *       swept.
 *
 * cgroup v2 is not used yet (docs/adr/0003): enabling controllers means moving our own processes
 * to a leaf first, which is the keeper's affair. Controllers may share one hierarchy
 * ("cpu,cpuacct"), so EEXIST and ENOENT are fine where a directory was made or removed under
 * another name.
 */
#include "sandbox/cgroup.h"

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

enum {
    PROC_FILE_MAX = 1 << 20,
    REMOVE_TRIES = 200,
    REMOVE_PAUSE_NS = 5000000,
    SHARES_PER_WEIGHT = 1024, /* cpu.shares of weight 100 */
    SHARES_MIN = 2,
    SHARES_MAX = 262144,
};

static const char *const controllers[CGROUP_PARTS] = {
        [CGROUP_MEMORY] = "memory", [CGROUP_PIDS] = "pids", [CGROUP_CPU] = "cpu"};

static const char prefix[] = "evoke-";

void cgroup_tree_none(struct cgroup_tree *t)
{
    memset(t, 0, sizeof *t);
    for (int i = 0; i < CGROUP_PARTS; i++)
        t->parent[i] = t->dir[i] = -EBADF;
}

bool cgroup_has(const struct cgroup_tree *t, enum cgroup_part part)
{
    return t->dir[part] >= 0;
}

void cgroup_tree_close(struct cgroup_tree *t)
{
    for (int i = 0; i < CGROUP_PARTS; i++) {
        t->parent[i] = fd_close(t->parent[i]);
        t->dir[i] = fd_close(t->dir[i]);
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

    return dir >= 0 && flock(dir, LOCK_EX | LOCK_NB) == 0;
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

static int write_value(int dir, const char *cg, const char *file, uint64_t value, struct err *e)
{
    cleanup_close int fd = -EBADF;
    char path[64], text[24];
    int n;

    snprintf(path, sizeof path, "%s/%s", cg, file);
    n = snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "open %s", file);
    if (write(fd, text, (size_t)n) < 0)
        return err_sys(e, "write %s to %s", text, file);
    return 0;
}

static int set_limits(int dir, enum cgroup_part part, const char *cg, const struct limits *l,
                      struct err *e)
{
    uint64_t bytes = (uint64_t)l->memory_mb << 20;
    uint64_t shares = (uint64_t)l->cpu_weight * SHARES_PER_WEIGHT / 100;
    int r;

    switch (part) {
    case CGROUP_MEMORY:
        r = write_value(dir, cg, "memory.limit_in_bytes", bytes, e);
        /* Swap would make a limit of memory a suggestion. The file is absent without swap
         * accounting, and so is the means. */
        if (r >= 0)
            (void)write_value(dir, cg, "memory.memsw.limit_in_bytes", bytes, NULL);
        return r;
    case CGROUP_PIDS:
        return write_value(dir, cg, "pids.max", (uint64_t)l->pids + 1, e); /* and our init */
    case CGROUP_CPU:
        if (shares < SHARES_MIN)
            shares = SHARES_MIN;
        if (shares > SHARES_MAX)
            shares = SHARES_MAX;
        return write_value(dir, cg, "cpu.shares", shares, e);
    case CGROUP_PARTS:
        break;
    }
    return -EINVAL;
}

static int make_part(const struct cgroup_tree *t, enum cgroup_part part, const char *cg,
                     const struct limits *l, int *ret_tasks, struct err *e)
{
    char path[32];
    int r, fd;

    if (mkdirat(t->dir[part], cg, 0755) < 0 && errno != EEXIST)
        return err_sys(e, "create %s cgroup", controllers[part]);
    r = set_limits(t->dir[part], part, cg, l, e);
    if (r < 0)
        return r;
    snprintf(path, sizeof path, "%s/tasks", cg);
    fd = openat(t->dir[part], path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "open tasks of the %s cgroup", controllers[part]);

    *ret_tasks = fd;
    return 0;
}

int cgroup_make(const struct cgroup_tree *t, uint32_t serial, const struct limits *l,
                struct cgroup *ret, int ret_tasks[CGROUP_PARTS], struct err *e)
{
    struct cgroup cg;
    int r = 0;

    snprintf(cg.name, sizeof cg.name, "i%u", serial);
    for (int i = 0; i < CGROUP_PARTS; i++)
        ret_tasks[i] = -EBADF;
    for (int i = 0; r >= 0 && i < CGROUP_PARTS; i++) {
        if (t->dir[i] >= 0)
            r = make_part(t, (enum cgroup_part)i, cg.name, l, &ret_tasks[i], e);
    }
    if (r < 0) {
        for (int i = 0; i < CGROUP_PARTS; i++)
            ret_tasks[i] = fd_close(ret_tasks[i]);
        (void)cgroup_remove(t, &cg);
        return r;
    }

    *ret = cg;
    return 0;
}

int cgroup_enter(const int tasks[CGROUP_PARTS], struct err *e)
{
    for (int i = 0; i < CGROUP_PARTS; i++) {
        if (tasks[i] >= 0 && write(tasks[i], "0", 1) < 0)
            return err_sys(e, "enter the %s cgroup", controllers[i]);
    }
    return 0;
}

int cgroup_open_peak(const struct cgroup_tree *t, const struct cgroup *cg)
{
    char path[64];
    int fd;

    if (t->dir[CGROUP_MEMORY] < 0)
        return -EBADF;
    snprintf(path, sizeof path, "%s/memory.max_usage_in_bytes", cg->name);
    fd = openat(t->dir[CGROUP_MEMORY], path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -EBADF : fd;
}

uint64_t cgroup_oom_kills(const struct cgroup_tree *t, const struct cgroup *cg)
{
    cleanup_with(buf_done) struct buf text;
    struct str rest, key = S("oom_kill ");
    uint64_t n = 0;
    char path[64];

    buf_init(&text, 4096);
    if (t->dir[CGROUP_MEMORY] < 0)
        return 0;
    snprintf(path, sizeof path, "%s/memory.oom_control", cg->name);
    if (io_read_file(t->dir[CGROUP_MEMORY], path, &text, NULL) < 0)
        return 0;
    rest = buf_str(&text);
    while (rest.p) {
        struct str line = str_cut(&rest, '\n');

        if (str_starts(line, key))
            (void)str_u64(str_from(line, key.n), 0, UINT64_MAX, &n);
    }
    return n;
}

int cgroup_remove(const struct cgroup_tree *t, const struct cgroup *cg)
{
    int r = 0;

    for (int i = 0; i < CGROUP_PARTS; i++) {
        if (t->dir[i] >= 0 && unlinkat(t->dir[i], cg->name, AT_REMOVEDIR) < 0 && errno != ENOENT)
            r = -errno;
    }
    return r;
}
