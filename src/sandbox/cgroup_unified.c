/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup_unified.c - our place in a hierarchy of version 2.
 *
 *   B                        the cgroup we were started in (or, as root, the top: see below)
 *   +- evoke-keeper          keeper and daemon      [cgroup_step_down]
 *   +- evoke-<pid of stub>-<random>   the tree, owned by the launcher's uid      [cgroup_join_unified]
 *      +- launcher           stub, launcher, zygotes
 *      +- i<serial>          one instance      [cgroup.c]
 *
 * What always holds:
 *   (1) B and the tree hold no process, or controllers could not be enabled below them. The one
 *       cgroup that is exempt is the top of the whole hierarchy, which has no `cgroup.type`.
 *   (2) launcher and instances have the tree as their lowest common ancestor, and its cgroup.procs
 *       belongs to the launcher: that, and no capability, is what clone3 asks for.
 *   (3) we move nobody but ourselves. Where others live in B, root makes its tree at the top, as
 *       container engines do without systemd's help; anybody else goes without.
 *
 * With systemd, B is ours for sure in a unit with Delegate=yes. Without it systemd leaves us alone
 * as well (a controller that is in use below cannot be taken away), but may not offer all of them.
 */
#include "sandbox/cgroup_unified.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/obj.h"
#include "sandbox/cgroup.h"
#include "sandbox/cgroup_find.h"
#include "sandbox/cgroup_tree.h"

enum { TEXT_MAX = 1 << 20 };

static const char keeper_leaf[] = "evoke-keeper";
static const char launcher_leaf[] = "launcher";

static int open_dir(int at, const char *path)
{
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

static int write_word(int dir, const char *file, const char *word)
{
    cleanup_close int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, word, strlen(word)) < 0)
        return -errno;
    return 0;
}

static bool offers(int dir, const char *controller)
{
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, TEXT_MAX);
    return io_read_file(dir, "cgroup.controllers", &text, NULL) >= 0 &&
           cgroup_offers(buf_str(&text), controller);
}

static bool is_top(int dir)
{
    return faccessat(dir, "cgroup.type", F_OK, 0) < 0 && errno == ENOENT;
}

static bool enable(int dir, const char *controller, char sign)
{
    char word[32];

    snprintf(word, sizeof word, "%c%s", sign, controller);
    return write_word(dir, "cgroup.subtree_control", word) == 0;
}

/* ---- the keeper ---- */

static bool we_are_alone(int dir)
{
    cleanup_with(buf_done) struct buf procs;

    buf_init(&procs, TEXT_MAX);
    return io_read_file(dir, "cgroup.procs", &procs, NULL) >= 0 &&
           cgroup_is_alone(buf_str(&procs), getpid());
}

static bool offers_any(int dir)
{
    for (int i = 0; i < CGROUP_PARTS; i++) {
        if (offers(dir, cgroup_controllers[i]))
            return true;
    }
    return false;
}

int cgroup_step_down(void)
{
    struct cgroup_place own;
    cleanup_close int base = -EBADF;
    char procs[64];

    if (cgroup_find_own(NULL, &own) < 0)
        return -EBADF;
    base = open_dir(AT_FDCWD, own.dir);
    if (base < 0 || is_top(base) || !offers_any(base) || !we_are_alone(base))
        return -EBADF;
    if (mkdirat(base, keeper_leaf, 0755) < 0 && errno != EEXIST)
        return -EBADF;
    snprintf(procs, sizeof procs, "%s/cgroup.procs", keeper_leaf);
    if (write_word(base, procs, "0") < 0) {
        (void)unlinkat(base, keeper_leaf, AT_REMOVEDIR);
        return -EBADF;
    }
    return TAKE_FD(base);
}

void cgroup_step_up(int base)
{
    cleanup_close int owned = base;

    if (owned < 0)
        return;
    for (int i = 0; i < CGROUP_PARTS; i++)
        (void)enable(owned, cgroup_controllers[i], '-');
    (void)write_word(owned, "cgroup.procs", "0");
    (void)unlinkat(owned, keeper_leaf, AT_REMOVEDIR);
}

/* ---- the stub ---- */

static int open_base(const struct cgroup_place *own)
{
    cleanup_close int dir = open_dir(AT_FDCWD, own->dir);
    cleanup_close int top = open_dir(AT_FDCWD, own->mount);

    if (dir < 0 || top < 0)
        return dir < 0 ? dir : top;
    if (str_ends(str_of(own->dir), S("/evoke-keeper")))
        return open_dir(dir, "..");
    if (is_top(dir))
        return TAKE_FD(dir);
    return is_top(top) ? TAKE_FD(top) : -EBUSY;
}

static int give(int dir, uid_t owner)
{
    static const char *const files[] = {".", "cgroup.procs", "cgroup.threads",
                                        "cgroup.subtree_control"};

    for (size_t i = 0; owner != geteuid() && i < ARRAY_LEN(files); i++) {
        if (fchownat(dir, files[i], owner, owner, 0) < 0)
            return -errno;
    }
    return 0;
}

/* Our leaf, and into it. */
static int move_in(int dir)
{
    char procs[64];

    if (mkdirat(dir, launcher_leaf, 0755) < 0 && errno != EEXIST)
        return -errno;
    snprintf(procs, sizeof procs, "%s/cgroup.procs", launcher_leaf);
    return write_word(dir, procs, "0");
}

static void take_part(struct cgroup_tree *t, int part, int base, int dir)
{
    t->parent[part] = fcntl(base, F_DUPFD_CLOEXEC, 0);
    t->dir[part] = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    t->version[part] = 2;
}

static void take_parts(struct cgroup_tree *t, int base, int dir)
{
    for (int i = 0; i < CGROUP_PARTS; i++) {
        const char *controller = cgroup_controllers[i];

        if (t->version[i])
            continue;
        /* The freezer is no controller there: every cgroup has it, since Linux 5.2. */
        if (i == CGROUP_FREEZER ? faccessat(dir, "cgroup.freeze", F_OK, 0) == 0
                                : offers(base, controller) && enable(base, controller, '+') &&
                                          enable(dir, controller, '+'))
            take_part(t, i, base, dir);
    }
}

int cgroup_join_unified(struct cgroup_tree *t, const struct cgroup_place *own, uid_t owner)
{
    cleanup_close int base = open_base(own);
    cleanup_close int home = -EBADF;
    cleanup_close int dir = -EBADF;
    char path[CGROUP_PATH_MAX + 16];
    int r;

    if (base < 0)
        return base;
    snprintf(path, sizeof path, "%s/cgroup.procs", own->dir);
    home = open(path, O_WRONLY | O_CLOEXEC);
    if (home < 0)
        return -errno;
    cgroup_sweep(base);
    if (mkdirat(base, t->name, 0755) < 0 && errno != EEXIST)
        return -errno;
    dir = open_dir(base, t->name);
    r = dir < 0 ? dir : flock(dir, LOCK_SH) < 0 ? -errno : give(dir, owner);
    if (r >= 0)
        r = move_in(dir);
    if (r < 0) {
        if (dir >= 0)
            (void)unlinkat(dir, launcher_leaf, AT_REMOVEDIR);
        (void)unlinkat(base, t->name, AT_REMOVEDIR);
        return r;
    }

    t->home = TAKE_FD(home);
    take_parts(t, base, dir);
    return 0;
}

void cgroup_leave_unified(struct cgroup_tree *t)
{
    if (t->home >= 0)
        (void)!write(t->home, "0", 1);
    t->home = fd_close(t->home);
}
