/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount.c - the file system of an instance, in three layers.
 *
 *   host tree      the launcher's view: a slave of the host's, so that the host's unmounts reach it
 *   template       a small read-only tmpfs: binds of /usr and a few files of /etc, /rt, five device
 *                  nodes, empty mount points. Built once by a child that exits; a descriptor of its
 *                  mount namespace keeps it
 *   instance       a copy of the template (unshare(2)), plus /tmp, /proc, the code and its layers
 *
 * What always holds:
 *   (1) in an instance only /tmp (and descriptors it was given) can be written to.
 *   (2) nothing of the host is visible but what the tables below name.
 *   (3) nothing mounted for an instance propagates anywhere, and dies with its last process.
 *
 * Kernel traps: proc in a user namespace may only be mounted where a whole, unmasked one is visible
 * already, so the template keeps one. A clone of a tree whose mounts we inherited must be recursive
 * (its children are locked to it, mount_namespaces(7)). A descriptor from another mount namespace
 * cannot be cloned, so code and runtimes are cloned by the launcher and attached here.
 */
#include "sandbox/mount.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"
#include "sandbox/net.h"

enum { TMP_INODES = 1024, TMP_INODES_PER_MB = 32 };

static const char *const directories[] = {"etc",
                                          "code",
                                          "opt",
                                          "opt/function",
                                          "opt/function/code",
                                          "opt/function/dependencies",
                                          "tmp",
                                          "proc",
                                          "dev",
                                          "rt",
                                          "usr",
                                          "var",
                                          "var/user",
                                          "etc/ssl"};

/* Bound read-only from the host when they exist there. */
static const struct {
    const char *from, *to;
    bool directory, device;
} binds[] = {
        {"/usr", "usr", .directory = true},
        {"/etc/ssl/certs", "etc/ssl/certs", .directory = true}, /* not private, beside it */
        {"/etc/ssl/openssl.cnf", "etc/ssl/openssl.cnf"},
        {"/etc/alternatives", "etc/alternatives", .directory = true},
        {"/etc/ld.so.cache", "etc/ld.so.cache"},
        {"/dev/null", "dev/null", .device = true},
        {"/dev/zero", "dev/zero", .device = true},
        {"/dev/full", "dev/full", .device = true},
        {"/dev/random", "dev/random", .device = true},
        {"/dev/urandom", "dev/urandom", .device = true},
};

/* On a merged host these are links into /usr; else they are bound. */
static const char *const usr_links[] = {"bin", "sbin", "lib", "lib32", "lib64"};

static const struct {
    const char *path, *text;
} files[] = {
        {"etc/passwd", "root:x:0:0::/:/bin/sh\nfunction:x:993:993::/tmp:/bin/sh\n"},
        {"etc/group", "root:x:0:\nfunction:x:993:\n"},
        {"etc/hosts", "127.0.0.1 localhost function\n::1 localhost\n"},
        {"etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
        {"etc/resolv.conf", "nameserver " NET_RESOLVER_1 "\nnameserver " NET_RESOLVER_2 "\n"},
};

static const struct {
    const char *path, *target;
} links[] = {
        {"dev/fd", "/proc/self/fd"},
        {"dev/stdin", "/proc/self/fd/0"},
        {"dev/stdout", "/proc/self/fd/1"},
        {"dev/stderr", "/proc/self/fd/2"},
        {"dev/shm", "/tmp"}, /* POSIX semaphores and shared memory, within the same limit */
        {"var/tmp", "/tmp"},
        /* The clouds run in UTC. Without it Node's first Date compares every file of zoneinfo: 18 ms. */
        {"etc/localtime", "/usr/share/zoneinfo/Etc/UTC"},
};

int mount_own_view(struct err *e)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return err_sys(e, "detach from the host's mounts");
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return err_sys(e, "mount proc (a container with a masked /proc?)");

    return 0;
}

static int clone_tree(int dirfd, const char *path, uint64_t extra, int *ret_mount, struct err *e)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | extra,
                              .propagation = MS_PRIVATE};
    cleanup_close int fd = -EBADF;

    fd = open_tree(dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
    if (fd < 0)
        return err_sys(e, "clone the tree at '%s'", path);
    if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
        return err_sys(e, "make '%s' read-only", path);

    *ret_mount = TAKE_FD(fd);
    return 0;
}

int mount_clone(int dirfd, int *ret_mount, struct err *e)
{
    return clone_tree(dirfd, "", MOUNT_ATTR_NODEV, ret_mount, e);
}

int mount_attach(int mount, const char *at, struct err *e)
{
    if (move_mount(mount, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return err_sys(e, "attach '%s'", at);
    return 0;
}

static int write_file(const char *path, const char *text, struct err *e)
{
    cleanup_close int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    int r;

    if (fd < 0)
        return err_sys(e, "create %s", path);
    r = io_write_all(fd, text, strlen(text));
    if (r < 0)
        return err_set(e, ERR_HOST, r, "write %s: %s", path, strerror(-r));
    return 0;
}

static int bind_ro(const char *from, const char *to, bool directory, bool device, struct err *e)
{
    cleanup_close int fd = -EBADF;
    int r;

    if (access(from, F_OK) < 0)
        return 0;

    r = clone_tree(AT_FDCWD, from, device ? 0 : MOUNT_ATTR_NODEV, &fd, e);
    if (r < 0)
        return r;
    if (directory) {
        if (mkdir(to, 0755) < 0 && errno != EEXIST)
            return err_sys(e, "create %s", to);
    } else {
        r = write_file(to, "", e);
        if (r < 0)
            return r;
    }
    return mount_attach(fd, to, e);
}

static int link_usr(const char *name, struct err *e)
{
    char host[16], target[16];
    struct stat st;

    snprintf(host, sizeof host, "/%s", name);
    snprintf(target, sizeof target, "usr/%s", name);
    if (lstat(host, &st) < 0)
        return 0;
    if (!S_ISLNK(st.st_mode))
        return bind_ro(host, name, true, false, e);
    if (symlink(target, name) < 0)
        return err_sys(e, "link %s", name);
    return 0;
}

/* The working directory is the root of the empty tmpfs. */
static int fill_template(int runtimes, struct err *e)
{
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
        if (mkdir(directories[i], 0755) < 0)
            return err_sys(e, "create %s", directories[i]);
    }
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(binds); i++)
        r = bind_ro(binds[i].from, binds[i].to, binds[i].directory, binds[i].device, e);
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(usr_links); i++)
        r = link_usr(usr_links[i], e);
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(files); i++)
        r = write_file(files[i].path, files[i].text, e);
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(links); i++) {
        if (symlink(links[i].target, links[i].path) < 0)
            r = err_sys(e, "link %s", links[i].path);
    }
    if (r >= 0)
        r = mount_attach(runtimes, "rt", e);
    if (r < 0)
        return r;

    /* Whole and unmasked, or no instance may mount its own. Instances mount over it. */
    if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return err_sys(e, "mount proc in the template");
    return 0;
}

/* An empty tmpfs on top of the working directory; we stand in it afterwards. By descriptor, since
 * the directory may lie below one that we may not search any more. */
static int stand_on_tmpfs(struct err *e)
{
    cleanup_close int fs = -EBADF;
    cleanup_close int at = -EBADF;

    fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "size", "1m", 0) < 0 ||
        fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "256", 0) < 0 ||
        fsconfig(fs, FSCONFIG_SET_STRING, "mode", "755", 0) < 0 ||
        fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return err_sys(e, "create the template's tmpfs");
    at = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (at < 0)
        return err_sys(e, "mount the template's tmpfs");
    if (move_mount(at, "", AT_FDCWD, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return err_sys(e, "attach the template's tmpfs");
    if (fchdir(at) < 0)
        return err_sys(e, "enter the template's tmpfs");

    return 0;
}

static int build_template(int runtimes, struct err *e)
{
    int r;

    if (unshare(CLONE_NEWNS) < 0)
        return err_sys(e, "create the template's mount namespace");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return err_sys(e, "make the template private");

    r = stand_on_tmpfs(e);
    if (r >= 0)
        r = fill_template(runtimes, e);
    if (r < 0)
        return r;

    if (mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
        return err_sys(e, "make the template read-only");
    /* pivot_root(2), "pivot_root(".", ".")": the old root ends up under the new one, and goes. */
    if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
        return err_sys(e, "leave the host's tree");

    return 0;
}

/* In the child: build, and send the namespace or the reason why not. */
static void run_builder(int sock, int runtimes)
{
    cleanup_close int ns = -EBADF;
    struct err e = {0};
    int r;

    umask(022);
    r = build_template(runtimes, &e);
    if (r >= 0) {
        ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
        if (ns < 0)
            r = err_sys(&e, "open the template's namespace");
    }
    r = io_send_fds(sock, &e, sizeof e, &ns, r >= 0 ? 1 : 0);
    _exit(r < 0);
}

int mount_template(int runtimes, int *ret_ns, struct err *e)
{
    cleanup_close int ours = -EBADF;
    cleanup_close int theirs = -EBADF;
    struct err said = {0};
    size_t nfds = 1;
    int pair[2], ns = -EBADF;
    ssize_t n;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(e, "socket pair");
    ours = pair[0];
    theirs = pair[1];

    pid = fork();
    if (pid < 0)
        return err_sys(e, "fork");
    if (pid == 0)
        run_builder(theirs, runtimes);

    fd_close(TAKE_FD(theirs));
    n = io_recv_fds(ours, &said, sizeof said, &ns, &nfds);
    (void)waitpid(pid, NULL, 0);
    if (n != (ssize_t)sizeof said)
        return err_set(e, ERR_HOST, -ECHILD, "the builder of the mount template died");
    if (said.code < 0 || nfds != 1)
        return err_set(e, said.kind, said.code < 0 ? said.code : -EPROTO, "%s", said.msg);

    *ret_ns = ns;
    return 0;
}

static int mount_tmp(uint32_t tmp_mb, unsigned long remount, struct err *e)
{
    char options[96];

    snprintf(options, sizeof options, "size=%um,nr_inodes=%u,mode=1777", tmp_mb,
             TMP_INODES + tmp_mb * TMP_INODES_PER_MB);
    if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | remount, options) < 0)
        return err_sys(e, "mount /tmp");
    return 0;
}

int mount_resize_tmp(uint32_t tmp_mb, struct err *e)
{
    return mount_tmp(tmp_mb, MS_REMOUNT, e);
}

int mount_private(uint32_t tmp_mb, struct err *e)
{
    int r = mount_tmp(tmp_mb, 0, e);

    if (r < 0)
        return r;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=invisible") < 0)
        return err_sys(e, "mount the instance's proc");
    if (mount("/proc/sys", "/proc/sys", NULL, MS_BIND | MS_REC, NULL) < 0 ||
        mount(NULL, "/proc/sys", NULL,
              MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return err_sys(e, "make /proc/sys read-only");

    return 0;
}
