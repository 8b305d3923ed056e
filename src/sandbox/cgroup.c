/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.c - the cgroups of one instance, by descriptor, with no privilege on the host.
 *
 * The tree they are made in was given to the launcher (cgroup_tree.c). Which hierarchy a part lies
 * in does not matter here: each has a directory and a version, and what is written into which file
 * is a table.
 *
 * What always holds:
 *   (1) limits are written before any code of the function runs inside. Our own init and a runtime
 *       that was made ahead may be inside already.
 *   (2) nobody writes cgroup.procs on the request path: it takes a global lock and an RCU grace
 *       period, 11 ms where `tasks` (version 1) or CLONE_INTO_CGROUP (version 2) is 0.05 (measured).
 *   (3) who opened `tasks` must have the uid of the one who moves: launcher and init, both uid 0
 *       of the launcher's user namespace.
 *   (4) names are never used twice, so an instance that lingers in EBUSY disturbs no other.
 *
 * Parts may share one hierarchy ("cpu,cpuacct"; everything in version 2), so EEXIST and ENOENT are
 * fine where a directory was made or removed under another name.
 */
#include "sandbox/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"
#include "base/str.h"

enum {
    SHARES_PER_WEIGHT = 1024, /* cpu.shares of weight 100 */
    SHARES_MIN = 2,
    SHARES_MAX = 262144,
    PERIOD_US = 100000, /* of a CPU quota; the kernel's own default */
    QUOTA_US = PERIOD_US / 1000,
    VALUE_MAX = 32,
};

static const char *const part_names[CGROUP_PARTS] = {[CGROUP_MEMORY] = "memory",
                                                     [CGROUP_PIDS] = "pids",
                                                     [CGROUP_CPU] = "cpu",
                                                     [CGROUP_FREEZER] = "freezer"};

/* ---- limits ---- */

/* Write the value to text; false: there is nothing to say. */
typedef bool value_fn(const struct limits *l, char text[VALUE_MAX]);

static bool memory_bytes(const struct limits *l, char text[VALUE_MAX])
{
    snprintf(text, VALUE_MAX, "%llu", (unsigned long long)l->memory_mb << 20);
    return true;
}

static bool processes(const struct limits *l, char text[VALUE_MAX])
{
    snprintf(text, VALUE_MAX, "%u", l->pids + 1); /* and our init */
    return true;
}

static bool shares(const struct limits *l, char text[VALUE_MAX])
{
    uint64_t n = (uint64_t)l->cpu_weight * SHARES_PER_WEIGHT / 100;

    if (n < SHARES_MIN)
        n = SHARES_MIN;
    if (n > SHARES_MAX)
        n = SHARES_MAX;
    snprintf(text, VALUE_MAX, "%llu", (unsigned long long)n);
    return true;
}

static bool weight(const struct limits *l, char text[VALUE_MAX])
{
    snprintf(text, VALUE_MAX, "%u", l->cpu_weight);
    return true;
}

static bool quota(const struct limits *l, char text[VALUE_MAX])
{
    snprintf(text, VALUE_MAX, "%llu", (unsigned long long)l->cpu_quota * QUOTA_US);
    return l->cpu_quota > 0;
}

static bool quota_and_period(const struct limits *l, char text[VALUE_MAX])
{
    snprintf(text, VALUE_MAX, "%llu %d", (unsigned long long)l->cpu_quota * QUOTA_US, PERIOD_US);
    return l->cpu_quota > 0;
}

static bool zero(const struct limits *l, char text[VALUE_MAX])
{
    (void)l;
    snprintf(text, VALUE_MAX, "0");
    return true;
}

static bool one(const struct limits *l, char text[VALUE_MAX])
{
    (void)l;
    snprintf(text, VALUE_MAX, "1");
    return true;
}

/* Every file we write, in this order. */
static const struct knob {
    enum cgroup_part part;
    uint8_t version;
    const char *file;
    value_fn *value;
    bool optional; /* absent on some kernels, and so is what it limits */
    bool at_birth; /* the same for everybody: not on the request path */
} knobs[] = {
        {CGROUP_MEMORY, 1, "memory.limit_in_bytes", memory_bytes},
        /* Swap would make a limit of memory a suggestion. */
        {CGROUP_MEMORY, 1, "memory.memsw.limit_in_bytes", memory_bytes, .optional = true},
        {CGROUP_MEMORY, 2, "memory.swap.max", zero, .optional = true, .at_birth = true},
        /* Half a function is of no use to anybody: all of it dies, init included. */
        {CGROUP_MEMORY, 2, "memory.oom.group", one, .optional = true, .at_birth = true},
        {CGROUP_MEMORY, 2, "memory.max", memory_bytes},
        {CGROUP_PIDS, 1, "pids.max", processes},
        {CGROUP_PIDS, 2, "pids.max", processes},
        {CGROUP_CPU, 1, "cpu.shares", shares},
        {CGROUP_CPU, 1, "cpu.cfs_quota_us", quota},
        {CGROUP_CPU, 2, "cpu.weight", weight},
        {CGROUP_CPU, 2, "cpu.max", quota_and_period},
};

/* 0 or -errno. */
static int write_file(int dir, const char *cg, const char *file, const char *text)
{
    cleanup_close int fd = -EBADF;
    char path[64];

    snprintf(path, sizeof path, "%s/%s", cg, file);
    fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return -errno;
    return 0;
}

static int turn_knobs(const struct cgroup_tree *t, const struct cgroup *cg, const struct limits *l,
                      bool at_birth, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(knobs); i++) {
        const struct knob *k = &knobs[i];
        char text[VALUE_MAX];
        int r;

        if (k->version != t->version[k->part] || k->at_birth != at_birth || !k->value(l, text))
            continue;
        r = write_file(t->dir[k->part], cg->name, k->file, text);
        if (r < 0 && !k->optional)
            return err_set(e, ERR_HOST, r, "write %s to %s: %s", text, k->file, strerror(-r));
    }
    return 0;
}

int cgroup_limit(const struct cgroup_tree *t, const struct cgroup *cg, const struct limits *l,
                 struct err *e)
{
    return turn_knobs(t, cg, l, false, e);
}

/* ---- making and entering ---- */

static int open_file(const struct cgroup_tree *t, enum cgroup_part part, const struct cgroup *cg,
                     const char *file, int flags)
{
    char path[64];
    int fd;

    snprintf(path, sizeof path, "%s/%s", cg->name, file);
    fd = openat(t->dir[part], path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int make_part(const struct cgroup_tree *t, enum cgroup_part part, const struct cgroup *cg,
                     struct cgroup_door *door, struct err *e)
{
    if (mkdirat(t->dir[part], cg->name, 0755) < 0 && errno != EEXIST)
        return err_sys(e, "create %s cgroup", part_names[part]);
    if (t->version[part] == 1) {
        door->tasks[part] = open_file(t, part, cg, "tasks", O_WRONLY);
        if (door->tasks[part] < 0)
            return err_set(e, ERR_HOST, door->tasks[part], "open tasks of the %s cgroup: %s",
                           part_names[part], strerror(-door->tasks[part]));
    } else if (door->into < 0) {
        door->into = openat(t->dir[part], cg->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        door->procs = open_file(t, part, cg, "cgroup.procs", O_WRONLY);
        if (door->into < 0 || door->procs < 0)
            return err_sys(e, "open the cgroup of an instance");
    }
    return 0;
}

int cgroup_make(const struct cgroup_tree *t, uint32_t serial, struct cgroup *ret,
                struct cgroup_door *ret_door, struct err *e)
{
    struct cgroup_door door;
    struct cgroup cg;
    int r = 0;

    cgroup_door_none(&door);
    snprintf(cg.name, sizeof cg.name, "i%u", serial);
    for (int i = 0; r >= 0 && i < CGROUP_PARTS; i++) {
        if (t->version[i])
            r = make_part(t, (enum cgroup_part)i, &cg, &door, e);
    }
    if (r >= 0)
        r = turn_knobs(t, &cg, NULL, true, e);
    if (r < 0) {
        cgroup_door_done(&door);
        (void)cgroup_remove(t, &cg);
        return r;
    }

    *ret = cg;
    *ret_door = door;
    return 0;
}

void cgroup_door_none(struct cgroup_door *door)
{
    *door = (struct cgroup_door){.into = -EBADF, .procs = -EBADF};
    for (int i = 0; i < CGROUP_PARTS; i++)
        door->tasks[i] = -EBADF;
}

void cgroup_door_done(struct cgroup_door *door)
{
    for (int i = 0; i < CGROUP_PARTS; i++)
        fd_close(door->tasks[i]);
    fd_close(door->into);
    fd_close(door->procs);
    cgroup_door_none(door);
}

int cgroup_enter(const struct cgroup_door *door, bool born_inside, struct err *e)
{
    for (int i = 0; i < CGROUP_PARTS; i++) {
        if (door->tasks[i] >= 0 && write(door->tasks[i], "0", 1) < 0)
            return err_sys(e, "enter the %s cgroup", part_names[i]);
    }
    if (door->procs >= 0 && !born_inside && write(door->procs, "0", 1) < 0)
        return err_sys(e, "enter the cgroup");
    return 0;
}

int cgroup_remove(const struct cgroup_tree *t, const struct cgroup *cg)
{
    int r = 0;

    for (int i = 0; i < CGROUP_PARTS; i++) {
        if (t->version[i] && unlinkat(t->dir[i], cg->name, AT_REMOVEDIR) < 0 && errno != ENOENT)
            r = -errno;
    }
    return r;
}

/* ---- watching and stopping ---- */

int cgroup_open_peak(const struct cgroup_tree *t, const struct cgroup *cg)
{
    int fd = -EBADF;

    if (t->version[CGROUP_MEMORY] == 1)
        fd = open_file(t, CGROUP_MEMORY, cg, "memory.max_usage_in_bytes", O_RDONLY);
    if (t->version[CGROUP_MEMORY] == 2) {
        fd = open_file(t, CGROUP_MEMORY, cg, "memory.peak", O_RDONLY);
        if (fd == -ENOENT)
            fd = open_file(t, CGROUP_MEMORY, cg, "memory.current", O_RDONLY);
    }
    return fd < 0 ? -EBADF : fd;
}

/* By version. */
static const struct {
    const char *file, *thawed;
} freezers[] = {{NULL, NULL}, {"freezer.state", "THAWED"}, {"cgroup.freeze", "0"}};

int cgroup_open_freezer(const struct cgroup_tree *t, const struct cgroup *cg)
{
    int fd;

    if (!t->version[CGROUP_FREEZER])
        return -EBADF;
    fd = open_file(t, CGROUP_FREEZER, cg, freezers[t->version[CGROUP_FREEZER]].file, O_WRONLY);
    return fd < 0 ? -EBADF : fd;
}

void cgroup_thaw(const struct cgroup_tree *t, const struct cgroup *cg)
{
    uint8_t v = t->version[CGROUP_FREEZER];

    /* Version 2 lets the killed die. */
    if (v == 1)
        (void)write_file(t->dir[CGROUP_FREEZER], cg->name, freezers[v].file, freezers[v].thawed);
}

uint64_t cgroup_oom_kills(const struct cgroup_tree *t, const struct cgroup *cg)
{
    cleanup_with(buf_done) struct buf text;
    struct str rest, key = S("oom_kill ");
    uint64_t n = 0;
    char path[64];

    buf_init(&text, 4096);
    if (!t->version[CGROUP_MEMORY])
        return 0;
    snprintf(path, sizeof path, "%s/%s", cg->name,
             t->version[CGROUP_MEMORY] == 1 ? "memory.oom_control" : "memory.events");
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
