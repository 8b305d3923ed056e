/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.c - from START to EXITED.
 *
 * A START is checked field by field, since the daemon parses what strangers send. The code
 * directory is opened below the code cache without following links or leaving it. Then one clone,
 * and everything else happens in the instance itself; we hear of it by notes.
 *
 *   STARTING --ready--> RUNNING --gone--> buried (EXITED)
 *      \______failed, deadline, gone______> buried (REFUSED)
 *
 * What always holds:
 *   (1) each START is answered exactly once, each STARTED is followed by exactly one EXITED.
 *   (2) EXITED and REFUSED are sent when init has been reaped: nothing of the instance lives then,
 *       and its slot, uid and id are free.
 *   (3) we hold the daemon's ends of channel and log only until STARTED; the inner ends never.
 *   (4) a cgroup that the kernel still holds on to (EBUSY) goes to the graveyard and is tried
 * again; the stub removes what is left at the end.
 *
 * Pooled namespaces and ready slots will be taken in instances_start(), in place of
 * sandbox_start().
 */
#include "launcher/instance.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/obj.h"
#include "launcher/outbox.h"
#include "launcher/proto.h"
#include "launcher/runtimes.h"
#include "sandbox/mount.h"
#include "sandbox/sandbox.h"

enum {
    START_MS = 10000, /* a start that takes longer is hung */
    GRAVE_MS = 20,
    GRAVE_TRIES = 500,
};

static const struct log_cx cx = {.component = "instance"};

enum instance_state { INSTANCE_FREE, INSTANCE_STARTING, INSTANCE_RUNNING };

struct instance {
    enum instance_state state;
    uint32_t id;
    bool killed, ended; /* by our LAUNCH_KILL; status is the runtime's own */
    int status;
    int channel, log; /* owned: the daemon's ends, until STARTED */
    uint64_t deadline_ns;
    struct list starting; /* in instances.starting, oldest first */
    struct err why;       /* set: it could not be started */
    struct sandbox_box box;
};

struct grave {
    struct list node;
    struct cgroup cgroup;
    unsigned tries;
};

struct instances {
    struct instances_host host;
    size_t live;
    uint32_t next_serial;
    uint32_t free_head, free_n; /* a ring: the slot unused for longest is taken first */
    uint16_t free_slots[LAUNCH_MAX_INSTANCES];
    struct list starting;
    struct list graves;
    struct instance slots[LAUNCH_MAX_INSTANCES];
};

/* Bounds of proto.h. */
static const struct {
    size_t offset;
    const char *name;
    uint32_t min, max;
} bounds[] = {
        {offsetof(struct launch_start, memory_mb), "memory_mb", 64, 32768},
        {offsetof(struct launch_start, pids), "pids", 8, 1024},
        {offsetof(struct launch_start, tmp_mb), "tmp_mb", 16, 10240},
        {offsetof(struct launch_start, cpu_weight), "cpu_weight", 1, 10000},
};

/* Where the clouds put the code. */
static const struct {
    const char *code_at, *cwd;
} layouts[LAUNCH_LAYOUTS] = {
        [LAYOUT_CODE] = {"/code", "/code"},
        [LAYOUT_FUNCTIONGRAPH] = {"/opt/function/code", "/opt/function"},
};

struct instances *instances_new(const struct instances_host *host)
{
    struct instances *set = xnew(struct instances);

    set->host = *host;
    set->free_n = LAUNCH_MAX_INSTANCES;
    for (size_t i = 0; i < LAUNCH_MAX_INSTANCES; i++)
        set->free_slots[i] = (uint16_t)i;
    list_init(&set->starting);
    list_init(&set->graves);
    return set;
}

struct instances *instances_free(struct instances *set)
{
    if (!set)
        return NULL;
    assert(set->live == 0);
    list_each (node, &set->graves) {
        free(container_of(node, struct grave, node));
    }
    free(set);
    return NULL;
}

size_t instances_live(const struct instances *set)
{
    return set->live;
}

static struct instance *find(struct instances *set, uint32_t id)
{
    for (size_t i = 0, seen = 0; seen < set->live && i < LAUNCH_MAX_INSTANCES; i++) {
        if (set->slots[i].state == INSTANCE_FREE)
            continue;
        if (set->slots[i].id == id)
            return &set->slots[i];
        seen++;
    }
    return NULL;
}

static int check(const struct launch_start *m, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        uint32_t v;

        memcpy(&v, (const char *)m + bounds[i].offset, sizeof v);
        if (v < bounds[i].min || v > bounds[i].max)
            return err_set(e, ERR_CALLER, -EINVAL, "%s is %u, not %u to %u", bounds[i].name, v,
                           bounds[i].min, bounds[i].max);
    }
    if (m->layout >= LAUNCH_LAYOUTS)
        return err_set(e, ERR_CALLER, -EINVAL, "there is no layout %u", m->layout);
    if (!memchr(m->runtime, '\0', sizeof m->runtime))
        return err_set(e, ERR_CALLER, -EINVAL, "the runtime id is not terminated");
    if (strnlen(m->code, sizeof m->code) != LAUNCH_SHA - 1 ||
        strspn(m->code, "0123456789abcdef") != LAUNCH_SHA - 1)
        return err_set(e, ERR_CALLER, -EINVAL, "the code is not named by a sha256 in hex");
    return 0;
}

/* A detached mount of the code directory. */
static int open_code(int code_dir, const char *sha, int *ret_mount, struct err *e)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    cleanup_close int fd = (int)syscall(SYS_openat2, code_dir, sha, &how, sizeof how);

    if (fd < 0)
        return err_sys(e, "code '%s'", sha);
    return mount_clone(fd, ret_mount, e);
}

static int watch(int epoll, int fd, unsigned kind, size_t slot)
{
    struct epoll_event ev = {.events = EPOLLIN,
                             .data.u64 = (uint64_t)slot << INSTANCE_KIND_BITS | kind};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

/* Channel and log: the daemon's ends, non-blocking, go to the instance, the others to ret. The log
 * belongs to uid, so that the function can open it by name too: /dev/stderr, /proc/self/fd/1. */
static int open_ends(struct instance *in, uint32_t uid, int *ret_channel, int *ret_log,
                     struct err *e)
{
    int pair[2], pipe_fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(e, "channel");
    in->channel = pair[0];
    *ret_channel = pair[1];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return err_sys(e, "log pipe");
    in->log = pipe_fds[0];
    *ret_log = pipe_fds[1];
    if (fchown(*ret_log, uid, uid) < 0)
        return err_sys(e, "give the log pipe to uid %u", uid);
    if (fcntl(in->channel, F_SETFL, O_NONBLOCK) < 0 || fcntl(in->log, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(e, "make the daemon's ends non-blocking");
    return 0;
}

static void close_ends(struct instance *in)
{
    in->channel = fd_close(in->channel);
    in->log = fd_close(in->log);
}

/* Everything of START that can fail, on a slot that is not taken yet. */
static int start_in(struct instances *set, const struct launch_start *m, size_t slot,
                    char *const *argv, struct instance *in, struct err *e)
{
    struct sandbox_spec spec = {
            .serial = set->next_serial,
            .uid = set->host.root ? SANDBOX_UID_FIRST + (uint32_t)slot : 0,
            .limits = {m->memory_mb, m->pids, m->tmp_mb, m->cpu_weight, m->cpu_quota},
            .code_at = layouts[m->layout].code_at,
            .cwd = layouts[m->layout].cwd,
            .argv = argv,
    };
    cleanup_close int code = -EBADF;
    cleanup_close int channel = -EBADF;
    cleanup_close int log = -EBADF;
    int r;

    r = open_code(set->host.code_dir, m->code, &code, e);
    if (r >= 0)
        r = open_ends(in, spec.uid, &channel, &log, e);
    if (r < 0)
        return r;

    spec.code = code;
    spec.channel = channel;
    spec.log = log;
    r = sandbox_start(set->host.sandbox, &spec, &in->box, e);
    if (r < 0)
        return r;
    set->next_serial++;

    r = watch(set->host.epoll, in->box.notes, INSTANCE_NOTES, slot);
    if (r >= 0)
        r = watch(set->host.epoll, in->box.pidfd, INSTANCE_GONE, slot);
    if (r < 0) {
        r = err_set(e, ERR_HOST, r, "watch the instance: %s", strerror(-r));
        sandbox_kill(&in->box);
        (void)waitpid(in->box.pid, NULL, 0);
        sandbox_box_done(&in->box);
        (void)cgroup_remove(set->host.cgroups, &in->box.cgroup);
    }
    return r;
}

int instances_start(struct instances *set, const struct launch_start *m, struct err *e)
{
    struct instance in = {
            .state = INSTANCE_STARTING, .id = m->id, .channel = -EBADF, .log = -EBADF};
    char *const *argv;
    size_t slot;
    int r;

    r = check(m, e);
    if (r < 0)
        return r;
    if (find(set, m->id))
        return err_set(e, ERR_CALLER, -EEXIST, "instance %u lives already", m->id);
    if (set->free_n == 0)
        return err_set(e, ERR_LIMIT, -EAGAIN, "all %d instances are in use", LAUNCH_MAX_INSTANCES);
    argv = runtimes_command(set->host.runtimes, m->runtime, layouts[m->layout].code_at);
    if (!argv)
        return err_set(e, ERR_CALLER, -ENOENT, "there is no runtime '%s'", m->runtime);

    slot = set->free_slots[set->free_head];
    r = start_in(set, m, slot, argv, &in, e);
    if (r < 0) {
        close_ends(&in);
        return r;
    }

    set->free_head = (set->free_head + 1) % LAUNCH_MAX_INSTANCES;
    set->free_n--;
    set->live++;
    in.deadline_ns = clock_mono_ns() + START_MS * 1000000ULL;
    set->slots[slot] = in;
    list_init(&set->slots[slot].starting);
    list_push_back(&set->starting, &set->slots[slot].starting);
    return 0;
}

static void kill_one(struct instances *set, struct instance *in)
{
    in->killed = true;
    sandbox_kill(&in->box);
    cgroup_thaw(set->host.cgroups, &in->box.cgroup);
}

void instances_kill(struct instances *set, uint32_t id)
{
    struct instance *in = find(set, id);

    if (in)
        kill_one(set, in);
}

void instances_kill_all(struct instances *set)
{
    for (size_t i = 0; i < LAUNCH_MAX_INSTANCES; i++) {
        if (set->slots[i].state != INSTANCE_FREE)
            kill_one(set, &set->slots[i]);
    }
}

static void say_started(struct instances *set, struct instance *in)
{
    struct launch_started m = {.type = LAUNCH_STARTED, .id = in->id};
    int fds[OUTBOX_FDS] = {TAKE_FD(in->channel), TAKE_FD(in->log),
                           cgroup_open_peak(set->host.cgroups, &in->box.cgroup)};
    size_t n = 2;

    m.has_memory_peak = fds[n] >= 0;
    n += m.has_memory_peak;
    fds[n] = cgroup_open_freezer(set->host.cgroups, &in->box.cgroup);
    m.has_freezer = fds[n] >= 0;
    n += m.has_freezer;
    set->host.answer(set->host.user, &m, sizeof m, fds, n);
}

static struct launch_refused refusal_of(const struct instance *in)
{
    struct launch_refused m = {.type = LAUNCH_REFUSED, .id = in->id};
    const char *why = in->why.msg;

    m.code = in->why.code;
    if (m.code == 0 && in->killed) {
        m.code = -ECANCELED;
        why = "killed before it was started";
    } else if (m.code == 0) {
        m.code = -ECHILD;
        why = "died while it was set up";
    }
    snprintf(m.why, sizeof m.why, "%.*s", (int)sizeof m.why - 1, why);
    return m;
}

/* While the cgroup still counts. */
static struct launch_exited exit_of(const struct instances *set, const struct instance *in)
{
    struct launch_exited m = {.type = LAUNCH_EXITED, .id = in->id, .killed = in->killed};

    if (in->ended && WIFEXITED(in->status)) {
        m.exit_code = WEXITSTATUS(in->status);
    } else {
        m.exit_code = -1;
        m.signal = in->ended ? WTERMSIG(in->status) : SIGKILL;
    }
    /* SIGKILL that was not ours, and the cgroup has counted one. */
    m.oom = m.signal == SIGKILL && (in->ended || !in->killed) &&
            cgroup_oom_kills(set->host.cgroups, &in->box.cgroup) > 0;
    return m;
}

/* 0, or -EPIPE: there will be no more. */
static int take_notes(struct instances *set, struct instance *in)
{
    struct sandbox_note note;
    int r;

    while ((r = sandbox_next_note(&in->box, &note)) > 0) {
        switch (note.type) {
        case SANDBOX_READY:
            if (in->killed || in->state != INSTANCE_STARTING)
                break;
            in->state = INSTANCE_RUNNING;
            list_remove(&in->starting);
            say_started(set, in);
            break;
        case SANDBOX_FAILED:
            in->why = note.err;
            break;
        case SANDBOX_ENDED:
            in->ended = true;
            in->status = note.status;
            break;
        }
    }
    return r;
}

static void remove_cgroup(struct instances *set, const struct cgroup *cgroup)
{
    struct grave *g;

    if (cgroup_remove(set->host.cgroups, cgroup) == 0)
        return;
    g = xnew(struct grave);
    g->cgroup = *cgroup;
    list_init(&g->node);
    list_push_back(&set->graves, &g->node);
}

/* Init has been reaped. The answer goes out last, when nothing is left to be seen. */
static void bury(struct instances *set, struct instance *in)
{
    size_t slot = (size_t)(in - set->slots);
    struct launch_refused refusal;
    struct launch_exited exit;
    bool was_running;

    (void)take_notes(set, in);
    was_running = in->state == INSTANCE_RUNNING;
    refusal = refusal_of(in);
    exit = exit_of(set, in);

    list_remove(&in->starting);
    close_ends(in);
    sandbox_box_done(&in->box);
    remove_cgroup(set, &in->box.cgroup);
    in->state = INSTANCE_FREE;
    set->free_slots[(set->free_head + set->free_n) % LAUNCH_MAX_INSTANCES] = (uint16_t)slot;
    set->free_n++;
    set->live--;

    if (was_running)
        set->host.answer(set->host.user, &exit, sizeof exit, NULL, 0);
    else
        set->host.answer(set->host.user, &refusal, sizeof refusal, NULL, 0);
}

void instances_on_event(struct instances *set, unsigned kind, uint64_t slot)
{
    struct instance *in = &set->slots[slot];
    struct epoll_event none = {0};

    /* An earlier event of the same turn may have buried it, and the slot may be in use again:
     * both steps below do nothing when there is nothing to do. */
    if (in->state == INSTANCE_FREE)
        return;
    if (kind == INSTANCE_GONE) {
        if (sandbox_reap(&in->box))
            bury(set, in);
        return;
    }

    /* At EOF the pipe would stay readable until the kernel is done with the rest of init. */
    if (take_notes(set, in) < 0)
        (void)epoll_ctl(set->host.epoll, EPOLL_CTL_DEL, in->box.notes, &none);
}

static void dig(struct instances *set)
{
    list_each (node, &set->graves) {
        struct grave *g = container_of(node, struct grave, node);
        int r = cgroup_remove(set->host.cgroups, &g->cgroup);

        if (r < 0 && ++g->tries < GRAVE_TRIES)
            continue;
        if (r < 0)
            log_warn(&cx, "cgroup '%s' not removed, ignoring: %s", g->cgroup.name, strerror(-r));
        list_remove(&g->node);
        free(g);
    }
}

int instances_turn(struct instances *set)
{
    uint64_t now = clock_mono_ns();

    while (!list_empty(&set->starting)) {
        struct instance *in = container_of(set->starting.next, struct instance, starting);

        if (in->deadline_ns > now)
            break;
        (void)err_set(&in->why, ERR_HOST, -ETIMEDOUT, "not set up within %d s", START_MS / 1000);
        list_remove(&in->starting);
        sandbox_kill(&in->box);
    }
    dig(set);

    if (!list_empty(&set->graves))
        return GRAVE_MS;
    if (!list_empty(&set->starting))
        return (int)((container_of(set->starting.next, struct instance, starting)->deadline_ns -
                      now) /
                     1000000) +
               1;
    return -1;
}
