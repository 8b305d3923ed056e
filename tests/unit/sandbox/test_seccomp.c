/* SPDX-License-Identifier: Apache-2.0 */
/* Each question is asked in a forked child, since a filter is for life. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/seccomp.h"
#include "t.h"

/* The errno that a system call gives under the filter, 0 for success; -signal if it kills. */
static int ask(int (*build)(struct filter *, struct err *), long nr, long a, long b, long c)
{
    struct filter f = {0};
    struct err e = {0};
    int status;
    pid_t pid;

    t_ok(build(&f, &e), &e);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        long r;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || filter_load(&f, NULL) < 0)
            _exit(250);
        r = syscall(nr, a, b, c, 0, 0);
        _exit(r < 0 ? errno : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    filter_done(&f);
    if (WIFSIGNALED(status))
        return -WTERMSIG(status);
    assert_int_not_equal(WEXITSTATUS(status), 250);
    return WEXITSTATUS(status);
}

static int runtime(long nr, long a, long b, long c)
{
    return ask(filter_build_runtime, nr, a, b, c);
}

static void ordinary_calls_are_allowed(void **state)
{
    (void)state;
    assert_int_equal(runtime(SYS_getpid, 0, 0, 0), 0);
    assert_int_equal(runtime(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDONLY), 0);
    assert_int_equal(runtime(SYS_openat, AT_FDCWD, (long)"/no/such", O_RDONLY), ENOENT);
}

static void dangerous_calls_are_refused(void **state)
{
    static const long calls[] = {
            SYS_mount,          SYS_umount2,     SYS_unshare,
            SYS_setns,          SYS_ptrace,      SYS_bpf,
            SYS_io_uring_setup, SYS_keyctl,      SYS_perf_event_open,
            SYS_userfaultfd,    SYS_setuid,      SYS_chroot,
            SYS_reboot,         SYS_mknodat,     SYS_open_by_handle_at,
            SYS_fsopen,         SYS_move_mount,  SYS_kexec_load,
            SYS_pidfd_getfd,    SYS_init_module,
    };

    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        assert_int_equal(runtime(calls[i], 0, 0, 0), EPERM);
}

static void unknown_calls_look_like_an_old_kernel(void **state)
{
    (void)state;
    assert_int_equal(runtime(SYS_clone3, 0, 0, 0), ENOSYS);
    assert_int_equal(runtime(9999, 0, 0, 0), ENOSYS);
    assert_int_equal(runtime(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0), ENOSYS);
    assert_int_equal(runtime(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0), ENOSYS);
    assert_int_equal(runtime(SYS_clone, SIGCHLD, 0, 0), 0);
}

static void socket_families_are_picked(void **state)
{
    static const int good[] = {AF_UNIX, AF_INET, AF_INET6};
    static const int bad[] = {AF_PACKET, AF_VSOCK, AF_ALG, AF_BLUETOOTH, AF_AX25, 45, 1000};
    enum { ROUTE = 0, AUDIT = 9 };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(runtime(SYS_socket, good[i], SOCK_DGRAM, 0), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(runtime(SYS_socket, bad[i], SOCK_STREAM, 0), EAFNOSUPPORT);
    assert_int_equal(runtime(SYS_socket, AF_NETLINK, SOCK_RAW, ROUTE), 0);
    assert_int_equal(runtime(SYS_socket, AF_NETLINK, SOCK_RAW, AUDIT), EAFNOSUPPORT);
}

static void requests_of_ioctl_are_picked(void **state)
{
    enum { FIONBIO_ = 0x5421, TIOCSTI_ = 0x5412, TIOCLINUX_ = 0x541c };

    (void)state;
    assert_int_equal(runtime(SYS_ioctl, -1, FIONBIO_, 0), EBADF);
    assert_int_equal(runtime(SYS_ioctl, -1, TIOCSTI_, 0), ENOSYS);
    assert_int_equal(runtime(SYS_ioctl, -1, TIOCLINUX_, 0), ENOSYS);
    /* Only the lower half of the request counts for the kernel. */
    assert_int_equal(runtime(SYS_ioctl, -1, 0x100000000 | TIOCSTI_, 0), ENOSYS);
}

static void init_is_killed_for_anything_but_its_loop(void **state)
{
    (void)state;
    assert_int_equal(ask(filter_build_init, SYS_write, -1, 0, 0), EBADF);
    assert_int_equal(ask(filter_build_init, SYS_wait4, -1, 0, 0), ECHILD);
    assert_int_equal(ask(filter_build_init, SYS_getpid, 0, 0, 0), -SIGSYS);
    assert_int_equal(ask(filter_build_init, SYS_openat, AT_FDCWD, 0, 0), -SIGSYS);
    assert_int_equal(ask(filter_build_init, SYS_execve, 0, 0, 0), -SIGSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(ordinary_calls_are_allowed),
            cmocka_unit_test(dangerous_calls_are_refused),
            cmocka_unit_test(unknown_calls_look_like_an_old_kernel),
            cmocka_unit_test(socket_families_are_picked),
            cmocka_unit_test(requests_of_ioctl_are_picked),
            cmocka_unit_test(init_is_killed_for_anything_but_its_loop),
    };

    return T_RUN(tests);
}
