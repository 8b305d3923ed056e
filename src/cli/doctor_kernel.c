/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_kernel.c - can this kernel, and this user on it, make the sandboxes?
 *
 * Probes ask the kernel itself where it answers without harm, in a child where trying is the only
 * way. They look at the same things as src/sandbox/, from outside: nothing is made that stays.
 */
#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/obj.h"
#include "base/str.h"

enum { KERNEL_MAJOR = 5, KERNEL_MINOR = 10, FILE_MAX = 64 << 10 };

static bool read_text(const char *path, struct buf *out)
{
    buf_init(out, FILE_MAX);
    return io_read_file(AT_FDCWD, path, out, NULL) >= 0;
}

static void probe_kernel(const struct doctor *d, struct finding *f)
{
    struct utsname u = {0};
    unsigned major = 0, minor = 0;

    (void)d;
    (void)uname(&u);
    (void)sscanf(u.release, "%u.%u", &major, &minor);
    finding_set(f,
                major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR)
                        ? DOCTOR_OK
                        : DOCTOR_MISSING,
                "%s %s, %s", u.sysname, u.release, u.machine);
}

/* The exit code of try() in a child: 0, or an errno. */
static int in_child(int (*try)(void))
{
    pid_t pid = fork();
    int status = 0;

    if (pid < 0)
        return errno;
    if (pid == 0)
        _exit(try() & 0xff);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static int try_namespaces(void)
{
    return unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                   CLONE_NEWUTS) < 0
                   ? errno
                   : 0;
}

static void probe_namespaces(const struct doctor *d, struct finding *f)
{
    int r = in_child(try_namespaces);

    (void)d;
    if (r == 0)
        finding_set(f, DOCTOR_OK, "user, mount, pid, network, ipc and uts namespaces");
    else
        finding_set(f, DOCTOR_MISSING, "unshare: %s", strerror(r));
}

static void probe_seccomp(const struct doctor *d, struct finding *f)
{
    cleanup_with(buf_done) struct buf text;

    (void)d;
    if (!read_text("/proc/sys/kernel/seccomp/actions_avail", &text))
        finding_set(f, DOCTOR_MISSING, "the kernel has no seccomp filters");
    else
        finding_set(f, DOCTOR_OK, "system call filters");
}

static void probe_landlock(const struct doctor *d, struct finding *f)
{
    enum { LANDLOCK_VERSION = 1, SCOPES_SINCE = 6 }; /* linux/landlock.h */
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);

    (void)d;
    if (abi < 0)
        finding_set(f, DOCTOR_LESS, "not there");
    else if (abi < SCOPES_SINCE)
        finding_set(f, DOCTOR_LESS, "version %ld; scopes came with %d", abi, SCOPES_SINCE);
    else
        finding_set(f, DOCTOR_OK, "version %ld", abi);
}

static bool is_unified(void)
{
    return access("/sys/fs/cgroup/cgroup.controllers", R_OK) == 0;
}

/* Which of the three are in a list of names. */
static void add_missing(struct str list, char sep, struct buf *missing)
{
    static const char *const needed[] = {"memory", "pids", "cpu"};

    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        struct str rest = list;
        bool found = false;

        while (rest.p && rest.n && !found)
            found = str_eq(str_trim(str_cut(&rest, sep)), str_of(needed[i]));
        if (!found)
            buf_addf(missing, "%s%s", missing->n ? ", " : "", needed[i]);
    }
}

/* The directory of the cgroup we are in, of a v1 controller or (NULL) of v2. Owned, or NULL. */
static char *own_cgroup(const char *controller)
{
    cleanup_with(buf_done) struct buf text;
    struct str rest, line;

    if (!read_text("/proc/self/cgroup", &text))
        return NULL;
    for (rest = buf_str(&text); rest.p && rest.n;) {
        struct str names;

        line = str_cut(&rest, '\n');
        (void)str_cut(&line, ':'); /* hierarchy */
        names = str_cut(&line, ':');
        if (!controller ? names.n == 0 : str_eq(names, str_of(controller)))
            return controller ? xasprintf("/sys/fs/cgroup/%s%.*s", controller, STR_ARG(line))
                              : xasprintf("/sys/fs/cgroup%.*s", STR_ARG(line));
    }
    return NULL;
}

static void probe_cgroup_v2(struct finding *f)
{
    cleanup_with(buf_done) struct buf list, missing;
    cleanup_free char *own = own_cgroup(NULL);
    cleanup_free char *path = xasprintf("%s/cgroup.controllers", own ? own : "/sys/fs/cgroup");

    buf_init(&missing, 256);
    if (read_text(path, &list)) {
        struct str text = buf_str(&list);

        add_missing(str_cut(&text, '\n'), ' ', &missing);
    } else {
        buf_addz(&missing, "all controllers");
    }
    if (missing.n)
        finding_set(f, DOCTOR_LESS, "version 2, not delegated to us: %s", missing.p);
    else if (!own || access(own, W_OK) < 0)
        finding_set(f, DOCTOR_LESS, "version 2, '%.160s' is not ours to write", own ? own : "?");
    else
        finding_set(f, DOCTOR_OK, "version 2: memory, processes and CPU have hard limits");
}

static void probe_cgroup_v1(struct finding *f)
{
    static const char *const needed[] = {"memory", "pids", "cpu"};
    cleanup_with(buf_done) struct buf missing;

    buf_init(&missing, 256);
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        cleanup_free char *dir = xasprintf("/sys/fs/cgroup/%s", needed[i]);

        if (access(dir, W_OK) < 0)
            buf_addf(&missing, "%s%s", missing.n ? ", " : "", needed[i]);
    }
    if (missing.n)
        finding_set(f, DOCTOR_LESS, "version 1, not ours to write: %s", missing.p);
    else
        finding_set(f, DOCTOR_OK, "version 1: memory, processes and CPU have hard limits");
}

static void probe_cgroup(const struct doctor *d, struct finding *f)
{
    (void)d;
    if (is_unified())
        probe_cgroup_v2(f);
    else if (access("/sys/fs/cgroup/memory", F_OK) == 0)
        probe_cgroup_v1(f);
    else
        finding_set(f, DOCTOR_LESS, "none at /sys/fs/cgroup");
}

static void probe_freezer(const struct doctor *d, struct finding *f)
{
    cleanup_free char *own = is_unified() ? own_cgroup(NULL) : NULL;

    (void)d;
    if (is_unified())
        finding_set(f, own && access(own, W_OK) == 0 ? DOCTOR_OK : DOCTOR_LESS,
                    "with cgroup version 2");
    else if (access("/sys/fs/cgroup/freezer", W_OK) == 0)
        finding_set(f, DOCTOR_OK, "with cgroup version 1");
    else
        finding_set(f, DOCTOR_LESS, "no freezer that is ours to use");
}

static bool has_pasta(void)
{
    return access("/usr/bin/pasta", X_OK) == 0 || access("/usr/local/bin/pasta", X_OK) == 0;
}

static bool has_nftables(void)
{
    cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

    return fd >= 0;
}

/* Root has veth and nftables, an ordinary user pasta and a tun device. */
static void probe_network(const struct doctor *d, struct finding *f)
{
    if (!has_nftables())
        finding_set(f, DOCTOR_LESS,
                    "the kernel has no nf_tables: functions reach only our endpoint");
    else if (d->root)
        finding_set(f, DOCTOR_OK, "nf_tables: functions may reach out, not each other or the host");
    else if (!has_pasta())
        finding_set(f, DOCTOR_LESS, "no pasta: functions reach only our own endpoint");
    else if (access("/dev/net/tun", R_OK | W_OK) < 0)
        finding_set(f, DOCTOR_LESS, "/dev/net/tun: %s", strerror(errno));
    else
        finding_set(f, DOCTOR_OK, "pasta: functions may reach out, not each other or the host");
    if (f->level != DOCTOR_OK && d->root)
        finding_next(f, "modprobe nf_tables");
}

static const struct check checks[] = {
        {.name = "kernel",
         .why = "sandboxes need openat2, pidfds, open_tree and clone into a cgroup",
         .next = "boot Linux 5.10 or later",
         .probe = probe_kernel},
        {.name = "namespaces",
         .why = "every instance lives in namespaces of its own",
         .next = "sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000; with "
                 "AppArmor also kernel.apparmor_restrict_unprivileged_userns=0",
         .probe = probe_namespaces},
        {.name = "seccomp",
         .why = "functions get a list of allowed system calls",
         .next = "boot a kernel with CONFIG_SECCOMP_FILTER",
         .probe = probe_seccomp},
        {.name = "landlock",
         .why = "it keeps functions from the host's abstract sockets; the sandbox holds without it",
         .next = "boot Linux 6.12 or later with landlock in CONFIG_LSM",
         .probe = probe_landlock},
        {.name = "cgroup",
         .why = "without it memory and processes are limited per process only, the CPU not at all",
         .next = "run as root, or under systemd with Delegate=yes (packaging/evoke.service)",
         .probe = probe_cgroup},
        {.name = "freezer",
         .why = "idle instances cannot be stopped and use a little CPU",
         .next = "run as root, or under systemd with Delegate=yes (packaging/evoke.service)",
         .probe = probe_freezer},
        {.name = "network",
         .why = "functions that call other services do not get there",
         .next = "apt-get install passt",
         .probe = probe_network},
};

const struct check_table doctor_kernel = {checks, ARRAY_LEN(checks)};
