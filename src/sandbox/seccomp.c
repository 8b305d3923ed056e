/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp.c - the doors that namespaces and capabilities leave open.
 *
 * Without this filter a runtime could make user namespaces (and become root in them, with all the
 * kernel code that opens), io_uring, key rings and AF_VSOCK sockets, which no namespace confines.
 *
 * The runtime's filter is an allow list of names. What is not listed fails with ENOSYS, "an old
 * kernel", so that libraries fall back to what they did before; what is listed as refused fails
 * with EPERM, since a library that sees ENOSYS for mount(2) gives a confusing message. clone3 is
 * neither: its flags are behind a pointer that a filter cannot read, and every libc falls back to
 * clone. The init's filter is the few calls of its last loop.
 *
 * Filters are compiled here once and loaded as plain BPF in each child (filter.c): libseccomp
 * allocates, and takes milliseconds. Names that this libseccomp does not know are passed over: they
 * are then ENOSYS, which is what a program from before their time expects.
 */
#include "sandbox/seccomp.h"

#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/obj.h"

enum { NEW_NAMESPACES = 0x7e020080 /* every CLONE_NEW* flag */ };

/* One name per line would say no more than ten. */
/* clang-format off */
static const char *const allowed[] = {
        "_newselect", "accept", "accept4", "access", "alarm", "arch_prctl", "bind", "brk",
        "cachestat", "capget", "chdir", "chmod", "chown", "clock_getres", "clock_gettime",
        "clock_nanosleep", "close", "close_range", "connect", "copy_file_range", "creat", "dup",
        "dup2", "dup3", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2",
        "epoll_wait", "eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group",
        "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat",
        "fchmodat2", "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock",
        "fork", "fstat", "fstatfs", "fsync", "ftruncate", "futex", "futex_waitv", "futimesat",
        "getcpu", "getcwd", "getdents", "getdents64", "getegid", "geteuid", "getgid", "getgroups",
        "getitimer", "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getpriority",
        "getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "getsockname",
        "getsockopt", "gettid", "gettimeofday", "getuid", "getxattr", "inotify_add_watch",
        "inotify_init", "inotify_init1", "inotify_rm_watch", "kill", "landlock_add_rule",
        "landlock_create_ruleset", "landlock_restrict_self", "lchown", "lgetxattr", "link",
        "linkat", "listen", "listxattr", "llistxattr", "lseek", "lstat", "madvise", "membarrier",
        "memfd_create", "mincore", "mkdir", "mkdirat", "mlock", "mlock2", "mmap", "mprotect",
        "mremap", "msync", "munlock", "munmap", "nanosleep", "newfstatat", "open", "openat",
        "openat2", "pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "pkey_alloc",
        "pkey_free", "pkey_mprotect", "poll", "ppoll", "prctl", "pread64", "preadv", "preadv2",
        "pselect6", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink",
        "readlinkat", "readv", "recvfrom", "recvmmsg", "recvmsg", "rename", "renameat", "renameat2",
        "restart_syscall", "rmdir", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
        "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo",
        "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
        "sched_getparam", "sched_getscheduler", "sched_setaffinity", "sched_setattr",
        "sched_setparam", "sched_setscheduler", "sched_yield", "select", "sendfile", "sendmmsg",
        "sendmsg", "sendto", "set_robust_list", "set_tid_address", "get_robust_list", "setitimer",
        "setpgid", "setpriority", "setsid", "setsockopt", "shutdown", "sigaltstack",
        "signalfd", "signalfd4", "socketpair", "splice", "stat", "statfs", "statx", "symlink",
        "symlinkat", "sync", "sync_file_range", "syncfs", "sysinfo", "tee", "tgkill", "time",
        "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
        "timerfd_create", "timerfd_gettime", "timerfd_settime", "times", "tkill", "truncate",
        "umask", "uname", "unlink", "unlinkat", "utime", "utimensat", "utimes", "vfork", "wait4",
        "waitid", "write", "writev",
};

static const char *const refused[] = {
        "acct", "add_key", "bpf", "capset", "chroot", "clock_settime", "delete_module",
        "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module", "io_uring_enter",
        "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_load", "keyctl",
        "lookup_dcookie", "mbind", "memfd_secret", "migrate_pages", "mknod", "mknodat",
        "modify_ldt", "mount", "mount_setattr", "move_mount", "move_pages", "msgctl", "msgget",
        "msgrcv", "msgsnd", "name_to_handle_at", "open_by_handle_at", "open_tree",
        "perf_event_open", "personality", "pidfd_getfd", "pivot_root", "process_madvise",
        "process_vm_readv", "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key",
        "semctl", "semget", "semop", "set_mempolicy", "setdomainname", "setfsgid", "setfsuid",
        "setgid", "setgroups", "sethostname", "setns", "setregid", "setresgid", "setresuid",
        "setreuid", "settimeofday", "setuid", "shmat", "shmctl", "shmget", "swapoff", "swapon",
        "syslog", "umount2", "unshare", "userfaultfd", "vhangup",
};

/* What init does between the exec of the runtime and its own end; sigaltstack is what a build with
 * AddressSanitizer does on its way out. */
static const char *const init_allowed[] = {
        "close", "exit", "exit_group", "read", "restart_syscall", "rt_sigreturn", "sigaltstack", "wait4", "write",
};

/* clang-format on */

/* Requests of terminals, non-blocking and close-on-exec, and reading interfaces. */
static const uint32_t ioctls[] = {
        0x5401, /* TCGETS */
        0x5413, /* TIOCGWINSZ */
        0x541b, /* FIONREAD */
        0x5421, /* FIONBIO */
        0x5450, /* FIONCLEX */
        0x5451, /* FIOCLEX */
        0x5452, /* FIOASYNC */
        0x8910, /* SIOCGIFNAME */
        0x8912, /* SIOCGIFCONF */
        0x8913, /* SIOCGIFFLAGS */
        0x8915, /* SIOCGIFADDR */
        0x8919, /* SIOCGIFBRDADDR */
        0x891b, /* SIOCGIFNETMASK */
        0x8921, /* SIOCGIFMTU */
        0x8927, /* SIOCGIFHWADDR */
        0x8933, /* SIOCGIFINDEX */
};

static int add_names(scmp_filter_ctx cx, const char *const *names, size_t n, uint32_t action)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < n; i++) {
        int nr = seccomp_syscall_resolve_name(names[i]);

        if (nr >= 0)
            r = seccomp_rule_add(cx, action, nr, 0);
    }
    return r;
}

/* Unix, IPv4, IPv6; of netlink only ROUTE, which getaddrinfo() and os.networkInterfaces() need. */
static int add_sockets(scmp_filter_ctx cx)
{
    const uint32_t no = SCMP_ACT_ERRNO(EAFNOSUPPORT);
    int r = 0;

    for (unsigned f = 0; r >= 0 && f < AF_NETLINK; f++) {
        bool ok = f == AF_UNIX || f == AF_INET || f == AF_INET6;

        r = seccomp_rule_add(cx, ok ? SCMP_ACT_ALLOW : no, SCMP_SYS(socket), 1,
                             SCMP_A0(SCMP_CMP_EQ, f));
    }
    if (r >= 0)
        r = seccomp_rule_add(cx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                             SCMP_A0(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2(SCMP_CMP_EQ, 0));
    if (r >= 0)
        r = seccomp_rule_add(cx, no, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
                             SCMP_A2(SCMP_CMP_NE, 0));
    if (r >= 0)
        r = seccomp_rule_add(cx, no, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
    return r;
}

/* Any limit may be lowered but that of core files: limits.c says why its value must stay. Limits
 * are told apart by 32 bits, as the kernel does it. */
static int add_limits(scmp_filter_ctx cx)
{
    const uint32_t no = SCMP_ACT_ERRNO(EPERM);
    int r = 0;

    for (unsigned i = 0; r >= 0 && i < RLIM_NLIMITS; i++) {
        const struct scmp_arg_cmp set = SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, i);
        const struct scmp_arg_cmp pset = SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, i);

        if (i != RLIMIT_CORE) {
            r = seccomp_rule_add(cx, SCMP_ACT_ALLOW, SCMP_SYS(setrlimit), 1, set);
            if (r >= 0)
                r = seccomp_rule_add(cx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, pset);
            continue;
        }
        r = seccomp_rule_add(cx, no, SCMP_SYS(setrlimit), 1, set);
        if (r >= 0)
            r = seccomp_rule_add(cx, no, SCMP_SYS(prlimit64), 2, pset, SCMP_A2(SCMP_CMP_NE, 0));
        if (r >= 0)
            r = seccomp_rule_add(cx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2, pset,
                                 SCMP_A2(SCMP_CMP_EQ, 0)); /* only asks */
    }
    return r;
}

static int add_arguments(scmp_filter_ctx cx)
{
    int r = seccomp_rule_add(cx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, NEW_NAMESPACES, 0));

    if (r >= 0)
        r = add_sockets(cx);
    if (r >= 0)
        r = add_limits(cx);
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(ioctls); i++)
        r = seccomp_rule_add(cx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, ioctls[i]));
    return r;
}

/* libseccomp only writes programs to descriptors. */
static int export(scmp_filter_ctx cx, struct filter *ret, struct err *e)
{
    cleanup_close int fd = memfd_create("seccomp", MFD_CLOEXEC);
    int r;

    if (fd < 0)
        return err_sys(e, "memfd for the seccomp program");
    r = seccomp_export_bpf(cx, fd);
    if (r < 0)
        return err_set(e, ERR_HOST, r, "export the seccomp program");
    return filter_restore(fd, ret, e);
}

static int build(bool runtime, struct filter *ret, struct err *e)
{
    scmp_filter_ctx cx = seccomp_init(runtime ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_KILL_PROCESS);
    int r;

    if (!cx)
        return err_set(e, ERR_HOST, -ENOMEM, "start a seccomp program");
    /* A binary tree instead of a list: 9 comparisons for any call. */
    (void)seccomp_attr_set(cx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (runtime) {
        r = add_names(cx, allowed, ARRAY_LEN(allowed), SCMP_ACT_ALLOW);
        if (r >= 0)
            r = add_names(cx, refused, ARRAY_LEN(refused), SCMP_ACT_ERRNO(EPERM));
        if (r >= 0)
            r = add_arguments(cx);
    } else {
        r = add_names(cx, init_allowed, ARRAY_LEN(init_allowed), SCMP_ACT_ALLOW);
    }

    if (r < 0)
        r = err_set(e, ERR_HOST, r, "build the seccomp program (libseccomp too old?)");
    else
        r = export(cx, ret, e);
    seccomp_release(cx);
    return r;
}

int filter_build_runtime(struct filter *ret, struct err *e)
{
    return build(true, ret, e);
}

int filter_build_init(struct filter *ret, struct err *e)
{
    return build(false, ret, e);
}
