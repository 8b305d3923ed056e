/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.c - the namespaces-and-cgroups backend of sandbox.h.
 *
 * Who holds what:
 *
 *   stub      the host's root, or an ordinary user; made the cgroup tree, removes it at the end
 *   launcher  uid 0 of its user namespace U, all capabilities in U, none on the host; holds the
 *             template's mount namespace and the seccomp programs, and a pidfd for each instance
 *   init      the same until it has built its instance (init.c), then nothing
 *   runtime   nothing at all
 *
 * A start is one clone3(2). The child finds all it needs in its copy of our memory and descriptors,
 * so there is no protocol between us but the notes it writes back. We do not wait for it: starts
 * overlap, and a child that hangs hurts nobody but itself (the launcher has a deadline).
 *
 * Between clone3 and _exit the child must not allocate and must not use stdio: it is a raw clone
 * that skipped libc's fork handlers.
 */
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "sandbox/init.h"
#include "sandbox/mount.h"
#include "sandbox/seccomp.h"
#include "sandbox/userns.h"

struct sandbox {
    bool root;
    const struct cgroup_tree *tree; /* borrowed */
    int template_ns;                /* owned */
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

int sandbox_open(bool root, struct cgroup_tree *tree, int runtimes, struct sandbox **ret_sb,
                 struct err *e)
{
    cleanup_with(sandbox_freep) struct sandbox *sb = xnew(struct sandbox);
    cleanup_close int taken = runtimes;
    int r;

    sb->root = root;
    sb->tree = tree;
    sb->template_ns = -EBADF;
    r = filter_build_runtime(&sb->runtime_filter, e);
    if (r >= 0)
        r = filter_build_init(&sb->init_filter, e);
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
}

static int clone_init(const struct sandbox *sb, const struct sandbox_spec *spec,
                      const struct cgroup_door *door, int notes, struct sandbox_box *box,
                      struct err *e)
{
    const struct init_plan plan = {
            .spec = spec,
            .door = door,
            .template_ns = sb->template_ns,
            .notes = notes,
            .hard_memory = cgroup_has(sb->tree, CGROUP_MEMORY),
            .runtime_filter = &sb->runtime_filter,
            .init_filter = &sb->init_filter,
    };
    int pidfd = -EBADF;
    struct clone_args args = {
            .flags = CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET,
            .pidfd = (uintptr_t)&pidfd,
            .exit_signal = SIGCHLD,
    };
    pid_t pid;

    if (door->into >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)door->into;
    }
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0)
        return err_sys(e, "clone the instance's init");
    if (pid == 0)
        init_run(&plan);

    box->pid = pid;
    box->pidfd = pidfd;
    return 0;
}

int sandbox_start(struct sandbox *sb, const struct sandbox_spec *spec, struct sandbox_box *ret_box,
                  struct err *e)
{
    cleanup_close int notes_read = -EBADF;
    cleanup_close int notes_write = -EBADF;
    struct sandbox_box box = {.pidfd = -EBADF, .notes = -EBADF};
    struct cgroup_door door;
    int fds[2], r;

    /* Non-blocking on both ends: the notes of one instance always fit in the pipe. */
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_sys(e, "pipe");
    notes_read = fds[0];
    notes_write = fds[1];

    r = cgroup_make(sb->tree, spec->serial, &box.cgroup, &door, e);
    if (r < 0)
        return r;
    r = cgroup_limit(sb->tree, &box.cgroup, &spec->limits, e);
    if (r >= 0)
        r = clone_init(sb, spec, &door, notes_write, &box, e);
    cgroup_door_done(&door);
    if (r < 0) {
        (void)cgroup_remove(sb->tree, &box.cgroup);
        return r;
    }

    box.notes = TAKE_FD(notes_read);
    *ret_box = box;
    return 0;
}

void sandbox_kill(const struct sandbox_box *box)
{
    (void)pidfd_send_signal(box->pidfd, SIGKILL, NULL, 0);
}

int sandbox_next_note(const struct sandbox_box *box, struct sandbox_note *ret_note)
{
    struct sandbox_note note;
    ssize_t n = read(box->notes, &note, sizeof note);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n != (ssize_t)sizeof note)
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

void sandbox_box_done(struct sandbox_box *box)
{
    box->pidfd = fd_close(box->pidfd);
    box->notes = fd_close(box->notes);
}
