/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.c - the namespaces-and-cgroups backend of sandbox.h.
 *
 * Who holds what:
 *
 *   stub      the host's root, or an ordinary user; made the cgroup tree, removes it at the end
 *   launcher  uid 0 of its user namespace U, all capabilities in U, none on the host; holds the
 *             template's mount namespace, the network's router and the seccomp programs, and a
 *             pidfd for each box
 *   zygote    the same capabilities, in a mount and network namespace of its own (zygote.c)
 *   init      the same until the code is in place (init.c), then nothing
 *   runtime   nothing at all
 *
 * A box is one clone3(2). The child finds all it needs in its copy of our memory and descriptors;
 * from then on it gets orders and gives notes over one socket. We do not wait for it: boxes are
 * made side by side, and a child that hangs hurts nobody but itself (the launcher has a deadline).
 *
 * Between clone3 and _exit the child must not allocate and must not use stdio: it is a raw clone
 * that skipped libc's fork handlers.
 */
#include "sandbox/sandbox.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "sandbox/carrier.h"
#include "sandbox/init.h"
#include "sandbox/mount.h"
#include "sandbox/seccomp.h"
#include "sandbox/userns.h"
#include "sandbox/zygote.h"

enum { TMP_MB_AT_FIRST = 16 };

struct sandbox {
    bool root;
    const struct cgroup_tree *tree; /* borrowed */
    struct net *net;                /* borrowed; NULL: none */
    int template_ns;                /* owned */
    int filter_fd;                  /* owned: runtime_filter, for zygotes */
    struct filter runtime_filter, init_filter;
};

void sandbox_host_init(bool root, struct cgroup_tree *ret_tree)
{
    cgroup_tree_make(ret_tree, root ? (uid_t)USERNS_HOST_FIRST : geteuid());
}

void sandbox_host_done(struct cgroup_tree *tree)
{
    cgroup_tree_remove(tree);
}

static void sandbox_freep(struct sandbox **sb)
{
    sandbox_free(*sb);
}

int sandbox_open(bool root, struct cgroup_tree *tree, struct net *net, int runtimes,
                 struct sandbox **ret_sb, struct err *e)
{
    cleanup_with(sandbox_freep) struct sandbox *sb = xnew(struct sandbox);
    cleanup_close int taken = runtimes;
    int r;

    sb->root = root;
    sb->tree = tree;
    sb->net = net;
    sb->template_ns = sb->filter_fd = -EBADF;
    r = filter_build_runtime(&sb->runtime_filter, e);
    if (r >= 0)
        r = filter_build_init(&sb->init_filter, e);
    if (r >= 0)
        r = filter_save(&sb->runtime_filter, &sb->filter_fd, e);
    if (r >= 0)
        r = mount_template(taken, &sb->template_ns, e);
    if (r < 0)
        return r;

    *ret_sb = TAKE_PTR(sb);
    return 0;
}

struct sandbox *sandbox_free(struct sandbox *sb)
{
    if (!sb)
        return NULL;
    fd_close(sb->template_ns);
    fd_close(sb->filter_fd);
    filter_done(&sb->runtime_filter);
    filter_done(&sb->init_filter);
    free(sb);
    return NULL;
}

void sandbox_get_facts(const struct sandbox *sb, struct sandbox_facts *ret)
{
    *ret = (struct sandbox_facts){.root = sb->root, .landlock_scope = landlock_has_scope()};
    for (int i = 0; i < CGROUP_PARTS; i++)
        ret->cgroup[i] = sb->tree->version[i];
    ret->no_cgroup = sb->tree->why_not;
    ret->egress = sb->net && net_can(sb->net, NET_EGRESS);
}

static int clone_init(const struct sandbox *sb, int sock, struct sandbox_box *box, struct err *e)
{
    const struct init_plan plan = {
            .door = &box->door,
            .template_ns = sb->template_ns,
            .net_ns = box->has_net ? box->net.ns : -EBADF,
            .sock = sock,
            .tmp_mb = TMP_MB_AT_FIRST,
            .runtime_filter = &sb->runtime_filter,
            .init_filter = &sb->init_filter,
    };
    int pidfd = -EBADF;
    struct clone_args args = {
            .flags = CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS,
            .pidfd = (uintptr_t)&pidfd,
            .exit_signal = SIGCHLD,
    };
    pid_t pid;

    if (!box->has_net)
        args.flags |= CLONE_NEWNET;
    if (box->door.into >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)box->door.into;
    }
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0)
        return err_sys(e, "clone the box's init");
    if (pid == 0)
        init_run(&plan);

    box->pid = pid;
    box->pidfd = pidfd;
    return 0;
}

static int furnish(struct sandbox *sb, struct sandbox_box *box, struct err *e)
{
    cleanup_close int theirs = -EBADF;
    int pair[2], r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(e, "socket pair");
    box->sock = pair[0];
    theirs = pair[1];
    if (fcntl(box->sock, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(e, "make the box's socket non-blocking");
    if (sb->net) {
        r = net_take(sb->net, &box->net, e);
        if (r < 0)
            return r;
        box->has_net = true;
    }
    return clone_init(sb, theirs, box, e);
}

int sandbox_make(struct sandbox *sb, uint32_t serial, struct sandbox_box *ret_box, struct err *e)
{
    struct sandbox_box box = {.serial = serial, .pidfd = -EBADF, .sock = -EBADF};
    int r;

    r = cgroup_make(sb->tree, serial, &box.cgroup, &box.door, e);
    if (r < 0)
        return r;
    r = furnish(sb, &box, e);
    if (r < 0) {
        sandbox_box_done(sb, &box);
        (void)cgroup_remove(sb->tree, &box.cgroup);
        return r;
    }

    *ret_box = box;
    return 0;
}

static int set_path(char *to, const char *from)
{
    size_t n = strlen(from);

    if (n >= INIT_PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(to, from, n + 1);
    return 0;
}

static int pack_argv(char *to, char *const *argv)
{
    size_t used = 0;

    for (size_t i = 0; argv[i]; i++) {
        size_t n = strlen(argv[i]) + 1;

        if (used + n + 1 > INIT_ARGV_MAX)
            return -E2BIG;
        memcpy(to + used, argv[i], n);
        used += n;
    }
    to[used] = '\0';
    return 0;
}

static int send_order(const struct sandbox *sb, const struct sandbox_box *box,
                      const struct sandbox_spec *spec, enum init_order_type type, const int *fds,
                      size_t nfds, struct err *e)
{
    struct init_order o = {.type = type,
                           .uid = spec->uid,
                           .runtime = spec->runtime,
                           .hard_memory = cgroup_has(sb->tree, CGROUP_MEMORY),
                           .limits = spec->limits};
    int r = 0;

    if (spec->code_at)
        r = set_path(o.code_at, spec->code_at);
    if (r >= 0 && spec->layers >= 0)
        r = set_path(o.layers_at, spec->layers_at);
    if (r >= 0)
        r = set_path(o.cwd, spec->cwd ? spec->cwd : "/");
    if (r >= 0 && spec->argv)
        r = pack_argv(o.argv, spec->argv);
    if (r >= 0)
        r = io_send_fds(box->sock, &o, sizeof o, fds, nfds);
    return r < 0 ? err_set(e, ERR_HOST, r, "order of the box's init: %s", strerror(-r)) : 0;
}

/* What must hold before the code of a function is anywhere near. */
static int confine(const struct sandbox *sb, struct sandbox_box *box,
                   const struct sandbox_spec *spec, struct err *e)
{
    int r = cgroup_limit(sb->tree, &box->cgroup, &spec->limits, e);

    if (r >= 0 && box->has_net)
        r = net_set_policy(sb->net, &box->net, spec->network, e);
    return r;
}

int sandbox_run(const struct sandbox *sb, struct sandbox_box *box, const struct sandbox_spec *spec,
                struct err *e)
{
    const int fds[INIT_ORDER_FDS] = {spec->channel, spec->log, spec->code, spec->layers};
    bool whole = spec->code >= 0;
    int r = whole ? confine(sb, box, spec, e) : 0;

    if (r >= 0)
        r = send_order(sb, box, spec, whole ? INIT_START : INIT_RUN, fds,
                       whole ? 3 + (spec->layers >= 0) : 2, e);
    cgroup_door_done(&box->door);
    return r;
}

int sandbox_carry(const struct sandbox *sb, const struct sandbox_box *box,
                  const struct sandbox_spec *spec, int zygote, struct err *e)
{
    struct carrier_order o = {.type = CARRIER_ORDER,
                              .serial = box->serial,
                              .uid = spec->uid,
                              .hard_memory = cgroup_has(sb->tree, CGROUP_MEMORY),
                              .limits = spec->limits};
    int fds[CARRIER_FDS_MAX] = {box->pidfd, spec->channel, spec->log}, r;
    size_t n = 3;

    static_assert((int)CGROUP_PARTS <= CARRIER_TASKS_MAX, "an order has room for every hierarchy");
    for (int i = 0; i < CGROUP_PARTS; i++) {
        if (box->door.tasks[i] >= 0)
            fds[n++] = box->door.tasks[i];
    }
    o.ntasks = (uint32_t)n - 3;
    o.v2 = box->door.into >= 0;
    if (o.v2)
        fds[n++] = box->door.into;
    r = io_send_fds(zygote, &o, sizeof o, fds, n);
    return r < 0 ? err_set(e, ERR_HOST, r, "order of the zygote: %s", strerror(-r)) : 0;
}

int sandbox_attach(const struct sandbox *sb, struct sandbox_box *box,
                   const struct sandbox_spec *spec, struct err *e)
{
    const int fds[] = {spec->code, spec->layers};
    int r = confine(sb, box, spec, e);

    if (r >= 0)
        r = send_order(sb, box, spec, INIT_ATTACH, fds, 1 + (spec->layers >= 0), e);
    cgroup_door_done(&box->door);
    return r;
}

void sandbox_kill(const struct sandbox_box *box)
{
    (void)pidfd_send_signal(box->pidfd, SIGKILL, NULL, 0);
}

int sandbox_next_note(const struct sandbox_box *box, struct sandbox_note *ret_note)
{
    struct sandbox_note note;
    ssize_t n = read(box->sock, &note, sizeof note);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n != (ssize_t)sizeof note || note.type < SANDBOX_MADE || note.type > SANDBOX_ENDED)
        return -EPIPE;
    note.err.msg[sizeof note.err.msg - 1] = '\0';
    *ret_note = note;
    return 1;
}

int sandbox_reap(const struct sandbox_box *box)
{
    siginfo_t info = {0};

    if (waitid(P_PIDFD, (id_t)box->pidfd, &info, WEXITED | WNOHANG) < 0)
        return errno == ECHILD;
    return info.si_pid != 0;
}

void sandbox_box_done(const struct sandbox *sb, struct sandbox_box *box)
{
    cgroup_door_done(&box->door);
    if (box->has_net)
        net_give_back(sb->net, &box->net);
    box->has_net = false;
    box->pidfd = fd_close(box->pidfd);
    box->sock = fd_close(box->sock);
}

int sandbox_zygote(const struct sandbox *sb, char *const *argv, struct sandbox_zygote *ret,
                   struct err *e)
{
    return zygote_clone(sb->template_ns, sb->filter_fd, argv, ret, e);
}
