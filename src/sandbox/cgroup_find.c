/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup_find.c - from what the kernel says about us to a directory.
 *
 * /proc/self/cgroup tells our path in a hierarchy, as seen from the root of our cgroup namespace;
 * mountinfo tells which cgroup lies on which mount point. A container may see only its own subtree,
 * by a namespace (path and mounted root are both "/") or without one (both are "/docker/abc").
 * Where the two do not fit, what is mounted there is not ours: the path then goes up ("/../..") or
 * elsewhere.
 */
#include "sandbox/cgroup_find.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

static bool list_has(struct str list, char sep, const char *word)
{
    while (list.p) {
        if (str_eq(str_cut(&list, sep), str_of(word)))
            return true;
    }
    return false;
}

static bool own_path(struct str text, const char *controller, struct str *ret_path)
{
    while (text.p) {
        struct str line = str_cut(&text, '\n');
        struct str id = str_cut(&line, ':');
        struct str list = str_cut(&line, ':');

        if (controller ? list_has(list, ',', controller) : str_eq(id, S("0")) && list.n == 0) {
            *ret_path = line;
            return line.n > 0;
        }
    }
    return false;
}

/* Cut what is mounted off the path: what is left is below the mount point. */
static bool below(struct str path, struct str root, struct str *ret_rest)
{
    if (str_find(path, S("/..")) == 0 || str_find(root, S("/..")) == 0)
        return false;
    if (root.n == 1)
        root.n = 0;
    if (!str_starts(path, root) || (path.n > root.n && path.p[root.n] != '/'))
        return false;
    *ret_rest = str_from(path, root.n);
    if (ret_rest->n == 1)
        ret_rest->n = 0;
    return true;
}

/* "36 35 0:31 /root /mount/point opts [...] - cgroup source opts"; false: another file system. */
static bool parse_mount(struct str line, const char *controller, struct str *ret_root,
                        struct str *ret_point)
{
    const struct str mark = controller ? S(" - cgroup ") : S(" - cgroup2 ");
    ptrdiff_t dash = str_find(line, mark);
    struct str options;

    if (dash < 0)
        return false;
    options = str_from(line, (size_t)dash + mark.n);
    (void)str_cut(&options, ' ');
    if (controller && !list_has(options, ',', controller))
        return false;
    for (int i = 0; i < 3; i++)
        (void)str_cut(&line, ' ');
    *ret_root = str_cut(&line, ' ');
    *ret_point = str_cut(&line, ' ');
    return str_starts(*ret_root, S("/")) && str_starts(*ret_point, S("/"));
}

int cgroup_find(struct str cgroups, struct str mounts, const char *controller,
                struct cgroup_place *ret)
{
    struct str path, root, point, rest;

    if (!own_path(cgroups, controller, &path))
        return -ENOENT;
    while (mounts.p) {
        if (!parse_mount(str_cut(&mounts, '\n'), controller, &root, &point) ||
            !below(path, root, &rest))
            continue;
        if (point.n + rest.n >= CGROUP_PATH_MAX)
            return -ENAMETOOLONG;
        snprintf(ret->dir, sizeof ret->dir, "%.*s%.*s", STR_ARG(point), STR_ARG(rest));
        snprintf(ret->mount, sizeof ret->mount, "%.*s", STR_ARG(point));
        return 0;
    }
    return -ENOENT;
}

bool cgroup_is_alone(struct str procs, pid_t pid)
{
    uint64_t n;

    if (str_u64(str_cut(&procs, '\n'), 1, INT32_MAX, &n) < 0 || (pid_t)n != pid)
        return false;
    return procs.n == 0;
}

bool cgroup_offers(struct str controllers, const char *controller)
{
    return list_has(str_cut(&controllers, '\n'), ' ', controller);
}
