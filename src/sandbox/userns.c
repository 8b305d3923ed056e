/* SPDX-License-Identifier: Apache-2.0 */
/*
 * userns.c - who is who.
 *
 * Root mode and ordinary-user mode are one path: in both the launcher lives in a user namespace of
 * its own, U. They differ in the width of its map. As root U holds 65,536 host ids that nobody
 * uses, and each live instance gets one of them. As an ordinary user U holds one id, so instances
 * are told apart by their namespaces only.
 *
 * What always holds:
 *   (1) nobody below the stub has a capability on the host; all capabilities are inside U.
 *   (2) the mount, pid, net, ipc and uts namespaces of an instance belong to U. A runtime sits in
 *       a further user namespace that owns nothing, so even a capability won there opens nothing.
 *   (3) a runtime has no capability in any set, cannot get one by exec, and cannot undo that.
 *
 * Kernel traps: after setresuid(2) a process is not dumpable and its /proc/self/uid_map belongs to
 * root, hence PR_SET_DUMPABLE before the write. setgroups(2) must be denied before an unprivileged
 * gid_map, so an ordinary user's supplementary groups stay with the process; only the file view
 * protects against those. PDEATHSIG is cleared by credential changes: set it after them.
 */
#include "sandbox/userns.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

static int write_proc(pid_t pid, const char *file, const char *text, struct err *e)
{
    cleanup_close int fd = -EBADF;
    char path[64];

    if (pid)
        snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    else
        snprintf(path, sizeof path, "/proc/self/%s", file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "open %s", path);
    /* One write, all of it: the kernel takes a map whole or not at all. */
    if (write(fd, text, strlen(text)) < 0)
        return err_sys(e, "write '%s' to %s", text, path);

    return 0;
}

static int write_maps(pid_t pid, bool root, struct err *e)
{
    char uids[64], gids[64];
    int r;

    if (root) {
        snprintf(uids, sizeof uids, "0 %d %d", USERNS_HOST_FIRST, USERNS_IDS);
        snprintf(gids, sizeof gids, "0 %d %d", USERNS_HOST_FIRST, USERNS_IDS);
    } else {
        snprintf(uids, sizeof uids, "0 %u 1", geteuid());
        snprintf(gids, sizeof gids, "0 %u 1", getegid());
        r = write_proc(pid, "setgroups", "deny", e);
        if (r < 0)
            return r;
    }

    r = write_proc(pid, "uid_map", uids, e);
    if (r < 0)
        return root ? err_wrap(e, r, "uids %d to %d are not ours to give (a container?)",
                               USERNS_HOST_FIRST, USERNS_HOST_FIRST + USERNS_IDS - 1)
                    : r;
    return write_proc(pid, "gid_map", gids, e);
}

int userns_clone(bool root, pid_t *ret_pid, struct err *e)
{
    const struct clone_args args = {.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
                                             CLONE_NEWIPC | CLONE_NEWUTS,
                                    .exit_signal = SIGCHLD};
    cleanup_close int go_read = -EBADF;
    cleanup_close int go_write = -EBADF;
    int pipe_fds[2], r;
    char byte;
    pid_t pid;

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return err_sys(e, "pipe");
    go_read = pipe_fds[0];
    go_write = pipe_fds[1];
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);

    pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0)
        return err_sys(e,
                       "create a user namespace (forbidden by a sysctl, AppArmor or container?)");
    if (pid == 0) {
        fd_close(TAKE_FD(go_write));
        if (read(go_read, &byte, 1) != 1)
            return err_set(e, ERR_HOST, -ECHILD, "the parent gave up");
        return 0;
    }

    r = write_maps(pid, root, e);
    if (r >= 0 && write(go_write, "g", 1) != 1)
        r = err_sys(e, "release the child");
    if (r < 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return r;
    }

    *ret_pid = pid;
    return 1;
}

int userns_settle(bool root, struct err *e)
{
    if (root) {
        if (setgroups(0, NULL) < 0)
            return err_sys(e, "drop supplementary groups");
        if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
            return err_sys(e, "become uid 0 of the namespace");
    }
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return err_sys(e, "prctl");

    return 0;
}

int userns_become(uint32_t uid, uint32_t inner, struct err *e)
{
    char map[64];
    int r;

    if (uid > 0) {
        if (setgroups(0, NULL) < 0)
            return err_sys(e, "drop supplementary groups");
        if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
            return err_sys(e, "become uid %u", uid);
    }

    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (unshare(CLONE_NEWUSER) < 0)
        return err_sys(e, "create the runtime's user namespace");
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);

    snprintf(map, sizeof map, "%u %u 1", inner, uid);
    r = write_proc(0, "setgroups", "deny", e);
    if (r >= 0)
        r = write_proc(0, "uid_map", map, e);
    if (r >= 0)
        r = write_proc(0, "gid_map", map, e);
    return r;
}

int userns_drop_all(struct err *e)
{
    const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                               SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                               SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    const struct __user_cap_data_struct none[2] = {0};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(e, "no_new_privs");
    if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
        return err_sys(e, "securebits");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return err_sys(e, "clear ambient capabilities");
    /* Until the kernel knows no such capability: EINVAL. */
    for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++) {
        if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
            return err_sys(e, "drop capability %lu from the bounding set", c);
    }
    if (syscall(SYS_capset, &head, none) < 0)
        return err_sys(e, "drop capabilities");

    return 0;
}
