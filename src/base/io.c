/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.c - reads and writes that finish, files that are either old or new, trees that go away.
 *
 * The kernel may do less than it was asked to, and a signal may come between; every loop for that
 * is here and nowhere else. A file written by io_write_file() is complete or absent after a power
 * cut: its bytes reach the disk before its name does, and the name before we return.
 *
 * io_remove_tree() clears what functions leave behind, so the tree is hostile: a million levels
 * deep, or changed while we look. It holds at most three descriptors and does not recurse: what
 * lies in a sub-directory is moved up to the top and looked at there. Everything is named relative
 * to an open directory and without following links, so nothing outside the tree can be reached.
 */
#include "base/io.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"

int io_write_all(int fd, const void *p, size_t n)
{
    const char *from = p;

    while (n > 0) {
        ssize_t done = write(fd, from, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        from += done;
        n -= (size_t)done;
    }
    return 0;
}

ssize_t io_read_full(int fd, void *p, size_t n)
{
    size_t have = 0;

    while (have < n) {
        ssize_t got = read(fd, (char *)p + have, n - have);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

/* Append all of fd to out; -EMSGSIZE when there is more than fits. */
static int read_rest(int fd, struct buf *out)
{
    for (;;) {
        char scratch[4096];
        size_t left = out->max - out->n;
        ssize_t got = io_read_full(fd, scratch, sizeof(scratch));

        if (got < 0)
            return (int)got;
        if ((size_t)got > left)
            return -EMSGSIZE;
        buf_add(out, scratch, (size_t)got);
        if (!buf_ok(out))
            return -ENOMEM;
        if ((size_t)got < sizeof(scratch))
            return 0;
    }
}

int io_read_file(int dirfd, const char *path, struct buf *out, struct err *e)
{
    cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t before = out->n;
    int r;

    if (fd < 0)
        return err_sys(e, "open '%s'", path);
    if (!buf_ok(out))
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "read '%s': the buffer is full", path);
    r = read_rest(fd, out);
    if (r == 0)
        return 0;

    /* Half a file is worse than none. */
    out->n = before;
    if (out->cap)
        out->p[before] = '\0';
    if (r == -EMSGSIZE)
        return err_set(e, ERR_LIMIT, r, "'%s' is larger than %zu bytes", path, out->max - before);
    return err_set(e, ERR_HOST, r, "read '%s': %s", path, strerror(-r));
}

int io_read_part(int dirfd, const char *path, uint64_t offset, size_t n, struct buf *out)
{
    cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);

    if (fd < 0)
        return -errno;
    while (n > 0) {
        char *to = buf_room(out, n);
        ssize_t got = to ? pread(fd, to, n, (off_t)offset) : -1;

        if (!to)
            return -EMSGSIZE;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : 0;
        buf_grew(out, (size_t)got);
        offset += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

/* fsync the directory that holds path, so that a rename in it survives a power cut. */
static int sync_parent(int dirfd, const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *parent =
            slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
    cleanup_close int fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int io_write_file(int dirfd, const char *path, struct str data, mode_t mode, struct err *e)
{
    cleanup_free char *temp = NULL;
    cleanup_close int fd = -EBADF;
    uint32_t unique;
    int r;

    random_bytes(&unique, sizeof(unique));
    temp = xasprintf("%s.%08x.tmp", path, unique);
    fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return err_sys(e, "create '%s'", temp);

    r = io_write_all(fd, data.p, data.n);
    if (r == 0 && (fsync(fd) < 0 || renameat(dirfd, temp, dirfd, path) < 0))
        r = -errno;
    if (r < 0) {
        (void)unlinkat(dirfd, temp, 0);
        return err_set(e, ERR_HOST, r, "write '%s': %s", path, strerror(-r));
    }
    r = sync_parent(dirfd, path);
    if (r < 0)
        return err_set(e, ERR_HOST, r, "sync the directory of '%s': %s", path, strerror(-r));
    return 0;
}

int io_mkdir_p(const char *path, mode_t mode, struct err *e)
{
    cleanup_free char *part = xstrdup(path);
    struct stat st;

    for (char *at = part; *at; at++) {
        char next = at[1];

        /* Stop at the end of each name: before a slash, and at the end of the text. */
        if (*at == '/' || (next != '/' && next != '\0'))
            continue;
        at[1] = '\0';
        if (mkdir(part, mode) < 0 && errno != EEXIST)
            return err_sys(e, "create directory '%s'", part);
        at[1] = next;
    }
    if (stat(path, &st) < 0)
        return err_sys(e, "create directory '%s'", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(e, ERR_HOST, -ENOTDIR, "create directory '%s': it is a file", path);
    return 0;
}

DIR *io_open_dir(int dirfd, const char *name)
{
    cleanup_close int fd =
            openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir)
        (void)TAKE_FD(fd);
    return dir;
}

/* One removal: the top directory, and whether the last pass changed anything in it. */
struct removal {
    int top; /* borrowed */
    uint64_t next_name;
    bool progress;
};

static bool is_dot(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* dirfd(3) under a name that no parameter hides. */
static int fd_of(DIR *dir)
{
    return dirfd(dir);
}

/* Remove what is not a directory with something in it. -ENOTEMPTY: it is one. */
static int remove_plain(int dirfd, const char *name)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    return errno == EEXIST ? -ENOTEMPTY : -errno;
}

/* Move a directory up into the top one. Its new name may be taken by something of the tree: then
 * the next number is as good. */
static int lift(struct removal *rm, int from, const char *name)
{
    char fresh[32];

    do {
        snprintf(fresh, sizeof(fresh), ".rm-%llu", (unsigned long long)rm->next_name++);
        if (renameat(from, name, rm->top, fresh) == 0)
            return 0;
    } while (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR);
    return errno == ENOENT ? 0 : -errno;
}

/* Empty a directory that lies directly in the top one. */
static int drain(struct removal *rm, const char *name)
{
    DIR *dir = io_open_dir(rm->top, name);
    struct dirent *entry;
    int r, first = 0;

    if (!dir)
        return errno == ENOENT ? 0 : -errno;
    while ((entry = readdir(dir))) {
        if (is_dot(entry->d_name))
            continue;
        r = remove_plain(fd_of(dir), entry->d_name);
        if (r == -ENOTEMPTY)
            r = lift(rm, fd_of(dir), entry->d_name);
        if (r == 0)
            rm->progress = true;
        else if (first == 0)
            first = r;
    }
    closedir(dir);
    return first;
}

/* Returns 0 when a whole pass found the top directory empty, else what stood in the way. */
static int empty_top(struct removal *rm, DIR *dir)
{
    struct dirent *entry;
    int r, first;
    bool found;

    do {
        found = rm->progress = false;
        first = 0;
        rewinddir(dir);
        while ((entry = readdir(dir))) {
            if (is_dot(entry->d_name))
                continue;
            found = true;
            r = remove_plain(rm->top, entry->d_name);
            if (r == -ENOTEMPTY) {
                r = drain(rm, entry->d_name);
                if (r == 0)
                    r = remove_plain(rm->top, entry->d_name);
            }
            if (r == 0)
                rm->progress = true;
            else if (first == 0)
                first = r;
        }
    } while (found && rm->progress);
    return first;
}

int io_remove_tree(int dirfd, const char *path)
{
    int r = remove_plain(dirfd, path);
    DIR *dir;

    if (r != -ENOTEMPTY)
        return r;
    dir = io_open_dir(dirfd, path);
    if (!dir)
        return -errno;
    r = empty_top(&(struct removal){.top = fd_of(dir)}, dir);
    closedir(dir);
    return r < 0 ? r : remove_plain(dirfd, path);
}

void io_raise_open_files(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

/* The control data of a message with descriptors, aligned as CMSG_* wants it. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * IO_MAX_FDS)];
};

/* What a stream socket did not take with the descriptors goes after them. */
static int send_rest(int sock, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = send(sock, p, n, MSG_NOSIGNAL);

        if (done < 0 && errno == EAGAIN) {
            struct pollfd ready = {.fd = sock, .events = POLLOUT};

            if (poll(&ready, 1, -1) < 0 && errno != EINTR)
                return -errno;
            continue;
        }
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

int io_send_fds(int sock, const void *p, size_t n, const int *fds, size_t nfds)
{
    union control control = {0};
    struct iovec part = {.iov_base = (void *)p, .iov_len = n};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t done;

    /* Without a byte to ride on, a stream socket drops the descriptors silently. */
    if (nfds > IO_MAX_FDS || n == 0)
        return -EINVAL;
    if (nfds > 0) {
        struct cmsghdr *c;

        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
    }
    do
        done = sendmsg(sock, &msg, MSG_NOSIGNAL);
    while (done < 0 && errno == EINTR);
    if (done < 0)
        return -errno;
    return send_rest(sock, (const char *)p + done, n - (size_t)done);
}

ssize_t io_recv_fds(int sock, void *p, size_t n, int *fds, size_t *nfds)
{
    union control control = {0};
    struct iovec part = {.iov_base = p, .iov_len = n};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    size_t room = *nfds, count = 0;
    int got_fds[IO_MAX_FDS];
    ssize_t got;

    *nfds = 0;
    do
        got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        size_t k = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        assert(k <= IO_MAX_FDS - count); /* the control buffer holds no more */
        memcpy(got_fds + count, CMSG_DATA(c), k * sizeof(int));
        count += k;
    }
    if (msg.msg_flags & (MSG_CTRUNC | MSG_TRUNC) || count > room) {
        while (count > 0)
            close(got_fds[--count]);
        return -EMSGSIZE;
    }
    if (count > 0)
        memcpy(fds, got_fds, count * sizeof(int));
    *nfds = count;
    return got;
}
