/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c - inotify on directory trees.
 *
 * inotify watches one directory, not what is below it: each directory of a tree has a watch of its
 * own, made when the tree is added and when a directory appears. Between its appearing and its watch
 * files may have been put into it: so a new directory is a change, whatever is in it. One directory
 * may be part of several trees, and then has one watch (the kernel knows it by its inode) and several
 * entries here.
 *
 * Editors save in many ways: write in place (CLOSE_WRITE), write beside and rename over (MOVED_TO),
 * or delete and create. A file that was only created is not looked at yet: its CLOSE_WRITE follows.
 * So that a tree's own directory or a single file may be replaced, their parent is watched for that
 * one name.
 *
 * Source: inotify(7)
 */
#include "cli/watch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "cli/ignore.h"

enum {
    QUIET_MS = 30,
    MOST_MS = 500,
    DEPTH_MAX = 64,
    EVENTS = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |
             IN_ONLYDIR | IN_EXCL_UNLINK,
};

/* One directory as part of one root. */
struct entry {
    int wd;
    size_t root;
    char *path; /* owned; below the root, "" for its top; NULL: the root's parent */
};

struct root {
    char *path, *parent; /* owned; absolute. parent is cut off before the name */
    const char *name;    /* in parent's text */
    struct ignore *ignore;
};

struct watch {
    int fd;
    struct root *roots;
    size_t nroots;
    struct entry *entries;
    size_t nentries;
};

int watch_new(struct watch **ret, struct err *e)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (fd < 0)
        return err_sys(e, "watch files (inotify; see fs.inotify.max_user_instances)");
    *ret = xnew(struct watch);
    (*ret)->fd = fd;
    return 0;
}

struct watch *watch_free(struct watch *w)
{
    if (!w)
        return NULL;
    for (size_t i = 0; i < w->nentries; i++)
        free(w->entries[i].path);
    for (size_t i = 0; i < w->nroots; i++) {
        free(w->roots[i].path);
        free(w->roots[i].parent);
        ignore_free(w->roots[i].ignore);
    }
    free(w->entries);
    free(w->roots);
    (void)fd_close(w->fd);
    free(w);
    return NULL;
}

void watch_freep(struct watch **w)
{
    *w = watch_free(*w);
}

int watch_fd(const struct watch *w)
{
    return w->fd;
}

size_t watch_directories(const struct watch *w)
{
    return w->nentries - w->nroots;
}

/* ---- directories ---- */

static int fail_watch(const char *path, struct err *e)
{
    if (errno == ENOSPC)
        return err_set(e, ERR_LIMIT, -ENOSPC,
                       "'%.100s' cannot be watched: the host's fs.inotify.max_user_watches is used "
                       "up",
                       path);
    return err_sys(e, "watch '%.100s'", path);
}

/* The same directory under the same root may have got another name. */
static int add_entry(struct watch *w, const char *directory, size_t root, const char *path,
                     struct err *e)
{
    int wd = inotify_add_watch(w->fd, directory, EVENTS);

    if (wd < 0)
        return fail_watch(directory, e);
    for (size_t i = 0; i < w->nentries; i++) {
        struct entry *entry = &w->entries[i];

        if (entry->wd == wd && entry->root == root && !entry->path == !path) {
            free(entry->path);
            entry->path = xstrdup(path);
            return 0;
        }
    }
    if (w->nentries == WATCH_DIRECTORIES)
        return err_set(e, ERR_LIMIT, -ENOSPC,
                       "more than %d directories to watch; name some in .evokeignore",
                       WATCH_DIRECTORIES);
    w->entries = xrealloc(w->entries, w->nentries + 1, sizeof(*w->entries));
    w->entries[w->nentries++] = (struct entry){wd, root, xstrdup(path)};
    return 0;
}

static char *below(const char *top, const char *path)
{
    return *path ? xasprintf("%s/%s", top, path) : xstrdup(top);
}

static bool is_directory(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* path: below the root, with all that is in it. What vanishes meanwhile is no failure. */
static int add_tree(struct watch *w, size_t root, const char *path, int depth, struct err *e)
{
    cleanup_free char *full = below(w->roots[root].path, path);
    const struct ignore *ignore = w->roots[root].ignore;
    struct dirent *d;
    DIR *dir;
    int r = add_entry(w, full, root, path, e);

    if (r == -ENOENT || r == -ENOTDIR)
        return 0;
    dir = r < 0 ? NULL : opendir(full);
    while (dir && r >= 0 && depth < DEPTH_MAX && (d = readdir(dir))) {
        cleanup_free char *child = *path ? xasprintf("%s/%s", path, d->d_name) : xstrdup(d->d_name);
        cleanup_free char *where = NULL;

        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
            (d->d_type != DT_DIR && d->d_type != DT_UNKNOWN))
            continue;
        where = below(full, d->d_name);
        if (is_directory(where) && !(ignore && ignore_fits(ignore, child, true)))
            r = add_tree(w, root, child, depth + 1, e);
    }
    if (dir)
        closedir(dir);
    return r;
}

int watch_add(struct watch *w, const char *path, struct ignore *ignore, struct err *e)
{
    size_t number = w->nroots;
    struct root *root;
    char *slash;
    int r;

    w->roots = xrealloc(w->roots, number + 1, sizeof(*w->roots));
    root = &w->roots[number];
    *root = (struct root){.path = realpath(path, NULL), .ignore = ignore};
    w->nroots++;
    if (!root->path)
        return err_sys(e, "watch '%.100s'", path);
    root->parent = xstrdup(root->path);
    slash = strrchr(root->parent, '/');
    *slash = 0;
    root->name = slash + 1;
    r = add_entry(w, *root->parent ? root->parent : "/", number, NULL, e);
    if (r >= 0 && is_directory(root->path))
        r = add_tree(w, number, "", 0, e);
    return r < 0 ? r : (int)number;
}

/* ---- what happens ---- */

/* Made and not written to its end yet: that will be told. */
static bool is_unwritten(const struct inotify_event *ev, const char *path)
{
    struct stat st;

    return (ev->mask & IN_CREATE) && !(ev->mask & IN_ISDIR) && lstat(path, &st) == 0 &&
           S_ISREG(st.st_mode) && st.st_nlink == 1;
}

/* In a directory of the root. */
static bool hear_inside(struct watch *w, size_t root, const char *directory,
                        const struct inotify_event *ev)
{
    bool is_dir = ev->mask & IN_ISDIR;
    cleanup_free char *path =
            *directory ? xasprintf("%s/%s", directory, ev->name) : xstrdup(ev->name);
    cleanup_free char *full = below(w->roots[root].path, path);
    const struct ignore *ignore = w->roots[root].ignore;

    /* Its rules are a change whatever they say of themselves. */
    if (strcmp(path, ignore_name) != 0 && ignore && ignore_covers(ignore, path, is_dir))
        return false;
    if (is_unwritten(ev, full))
        return false;
    if (is_dir && (ev->mask & (IN_CREATE | IN_MOVED_TO)))
        (void)add_tree(w, root, path, 0, NULL);
    return !is_dir || !(ev->mask & IN_ATTRIB);
}

/* In the root's parent: the root itself, or nothing to us. */
static bool hear_beside(struct watch *w, size_t root, const struct inotify_event *ev)
{
    if (strcmp(ev->name, w->roots[root].name) != 0 || is_unwritten(ev, w->roots[root].path))
        return false;
    if (!(ev->mask & IN_ISDIR))
        return true;
    if (ev->mask & (IN_CREATE | IN_MOVED_TO))
        (void)add_tree(w, root, "", 0, NULL);
    return !(ev->mask & IN_ATTRIB);
}

static void forget(struct watch *w, int wd)
{
    size_t kept = 0;

    for (size_t i = 0; i < w->nentries; i++) {
        if (w->entries[i].wd == wd)
            free(w->entries[i].path);
        else
            w->entries[kept++] = w->entries[i];
    }
    w->nentries = kept;
}

/* The queue ran over: anything may have happened. */
static bool hear_everything(struct watch *w, bool *changed)
{
    for (size_t i = 0; i < w->nroots; i++) {
        changed[i] = true;
        if (is_directory(w->roots[i].path))
            (void)add_tree(w, i, "", 0, NULL);
    }
    return true;
}

static bool hear(struct watch *w, const struct inotify_event *ev, bool *changed)
{
    bool any = false;

    if (ev->mask & IN_Q_OVERFLOW)
        return hear_everything(w, changed);
    if (ev->mask & IN_IGNORED)
        forget(w, ev->wd);
    if (ev->len == 0)
        return false;
    for (size_t i = 0; i < w->nentries; i++) { /* which may grow meanwhile */
        struct entry entry = w->entries[i];

        if (entry.wd != ev->wd)
            continue;
        if (entry.path ? hear_inside(w, entry.root, entry.path, ev)
                       : hear_beside(w, entry.root, ev))
            any = changed[entry.root] = true;
    }
    return any;
}

static bool take(struct watch *w, bool *changed)
{
    union {
        struct inotify_event aligned;
        char bytes[64 << 10];
    } room;
    bool any = false;
    ssize_t n;

    while ((n = read(w->fd, room.bytes, sizeof(room.bytes))) > 0)
        for (char *p = room.bytes; p < room.bytes + n;) {
            const struct inotify_event *ev = (const void *)p;

            any |= hear(w, ev, changed);
            p += sizeof(*ev) + ev->len;
        }
    return any;
}

bool watch_read(struct watch *w, bool *changed)
{
    uint64_t end_ns = clock_mono_ns() + MOST_MS * 1000000ull;
    struct pollfd wait = {.fd = w->fd, .events = POLLIN};

    if (!take(w, changed))
        return false;
    while (clock_mono_ns() < end_ns && poll(&wait, 1, QUIET_MS) > 0)
        (void)take(w, changed);
    return true;
}
