/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zygote.c - makes the process that runtimes are forked from.
 *
 * It must be able to enter boxes, so it keeps uid 0 and the capabilities of the launcher's user
 * namespace, in which it is exec'ed: outside that namespace it has no privilege at all. It sees a
 * copy of the mount template, where everything is read-only and no function's code is ever
 * attached, and an empty network namespace: whatever a library does while it is warmed up cannot
 * reach anything.
 *
 * It is in the launcher's pid namespace and so never pid 1: OpenSSL tells a fork by getpid() only.
 */
#include "sandbox/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "sandbox/carrier.h"
#include "sandbox/sandbox.h"

enum { FIRST_FREE_FD = CARRIER_FILTER_FD + 1, HIGH_FD = 64 };

static const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8",
                                          "HOME=/tmp", NULL};

static int place(int sock, int filter, struct err *e)
{
    int high_sock = fcntl(sock, F_DUPFD_CLOEXEC, HIGH_FD);
    int high_filter = fcntl(filter, F_DUPFD_CLOEXEC, HIGH_FD);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (high_sock < 0 || high_filter < 0 || null < 0)
        return err_sys(e, "duplicate descriptors");
    /* 1 and 2 stay: what it has to complain about belongs into our log. */
    if (dup2(null, 0) < 0 || dup2(2, 1) < 0 || dup2(high_sock, CARRIER_SOCK_FD) < 0 ||
        dup2(high_filter, CARRIER_FILTER_FD) < 0)
        return err_sys(e, "place descriptors");
    if (close_range(FIRST_FREE_FD, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return err_sys(e, "mark descriptors");
    return 0;
}

static int enter(int template_ns, struct err *e)
{
    if (setns(template_ns, CLONE_NEWNS) < 0 ||
        unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
        return err_sys(e, "enter the zygote's namespaces");
    return 0;
}

static _Noreturn void run(int template_ns, int filter_fd, int sock, char *const *argv)
{
    struct err e = {0};
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);

    if (enter(template_ns, &e) >= 0 && place(sock, filter_fd, &e) >= 0) {
        (void)execve(argv[0], argv, (char *const *)environment);
        (void)err_sys(&e, "run '%s'", argv[0]);
    }
    dprintf(2, "zygote: %s\n", e.msg);
    _exit(127);
}

int zygote_clone(int template_ns, int filter_fd, char *const *argv, struct sandbox_zygote *ret,
                 struct err *e)
{
    cleanup_close int ours = -EBADF;
    cleanup_close int theirs = -EBADF;
    int pidfd = -EBADF, pair[2];
    const struct clone_args args = {
            .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD};
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(e, "socket pair");
    ours = pair[0];
    theirs = pair[1];
    if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(e, "make the zygote's socket non-blocking");

    pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0)
        return err_sys(e, "clone the zygote");
    if (pid == 0)
        run(template_ns, filter_fd, theirs, argv);

    *ret = (struct sandbox_zygote){.pid = pid, .pidfd = pidfd, .sock = TAKE_FD(ours)};
    return 0;
}
