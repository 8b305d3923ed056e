/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unpack.c - a stranger's zip becomes a directory, and nothing else becomes anything.
 *
 * Every name is refused or taken by rule (zip_path), and then the kernel is asked to hold us to it:
 * each parent is opened beneath the temporary directory with no symlink followed (openat2), each
 * file is created new (O_EXCL | O_NOFOLLOW). So an entry that writes through a link, or turns a
 * file into a directory, fails in the kernel however it was spelled.
 *
 * Symlinks may stay if they stay inside. Their target is judged without looking at the disk: ".."
 * only at its start, and no more of them than the link is deep. The link's own parents are real
 * directories (see above), so the start cannot climb out; what follows only descends, and if it
 * meets another link, that one has passed the same test.
 *
 * Sizes are counted while writing. What the zip declares is believed only to refuse it: a total
 * over the limit is not unpacked up to the limit first, and an entry that yields more than it
 * declared is a lie. The number of entries and the number of directories nobody listed are each
 * held to limits.files.
 *
 * A power cut must not leave an unpacked directory with empty files under its final name, so the
 * file system is synced before the rename: one syncfs(2), not one fsync per file.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/io.h"
#include "catalog/package.h"
#include "catalog/zip.h"

struct unpack {
    const struct package_limits *limits;
    int root;          /* owned: the temporary directory */
    char *parent_path; /* owned: the directory that parent_fd is, "" for root */
    int parent;        /* owned: where the last entry went; zips come sorted by directory */
    uint64_t bytes;    /* written so far */
    uint32_t implied;  /* directories made because a path went through them */
    char **dirs;       /* owned: every directory made, to set their times at the end */
    size_t ndirs;
};

static const struct timespec epoch[2];

static void unpack_done(struct unpack *u)
{
    for (size_t i = 0; i < u->ndirs; i++)
        free(u->dirs[i]);
    free(u->dirs);
    free(u->parent_path);
    fd_close(u->parent);
    fd_close(u->root);
}

static int over(struct err *e, const struct package_limits *limits)
{
    return err_set(e, ERR_LIMIT, -EFBIG, "the package unpacks to more than %llu bytes",
                   (unsigned long long)limits->unpacked_bytes);
}

/* What the kernel said about a name of the zip. Some answers are about the zip. */
static int name_error(const char *path, struct err *e)
{
    switch (errno) {
    case EEXIST:
        return err_set(e, ERR_CALLER, -EINVAL, "path '%s' comes twice", path);
    case ENOTDIR:
        return err_set(e, ERR_CALLER, -EINVAL, "path '%s' goes through a file", path);
    case ELOOP:
    case EXDEV:
        return err_set(e, ERR_CALLER, -EINVAL, "path '%s' goes through a link", path);
    }
    return err_sys(e, "unpack '%s'", path);
}

static int open_beneath(int root, const char *path)
{
    struct open_how how = {
            .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };

    return (int)syscall(SYS_openat2, root, path[0] ? path : ".", &how, sizeof(how));
}

/* Make one directory; `path` is its whole path. Fine if it is there as a directory. */
static int make_dir(struct unpack *u, const char *path, bool listed, struct err *e)
{
    if (mkdirat(u->root, path, 0755) < 0)
        return errno == EEXIST ? 0 : name_error(path, e);
    if (!listed && ++u->implied > u->limits->files)
        return err_set(e, ERR_LIMIT, -EFBIG, "the package has more than %u directories",
                       u->limits->files);
    if ((u->ndirs & (u->ndirs - 1)) == 0) /* 0, 1, 2, 4, ...: full, so double it */
        u->dirs = xrealloc(u->dirs, u->ndirs > 0 ? 2 * u->ndirs : 1, sizeof(*u->dirs));
    u->dirs[u->ndirs++] = xstrdup(path);
    return 0;
}

/*
 * Make every directory of path, itself included, and open it as u->parent. Each step is opened
 * beneath the root before the next is made in it, so mkdirat() above never follows a link.
 */
static int enter(struct unpack *u, const char *path, bool listed, struct err *e)
{
    cleanup_free char *copy = xstrdup(path);
    int fd = -EBADF, r;

    if (u->parent_path && strcmp(u->parent_path, path) == 0)
        return 0;

    for (char *slash = copy; slash;) {
        slash = strchr(slash, '/');
        if (slash)
            *slash = '\0';
        if (copy[0]) {
            r = make_dir(u, copy, listed && !slash, e);
            if (r < 0)
                return r;
        }
        fd = open_beneath(u->root, copy);
        if (fd < 0)
            return name_error(path, e);
        if (slash) {
            fd_close(fd);
            *slash++ = '/';
        }
    }

    fd_close(u->parent);
    u->parent = fd;
    free(u->parent_path);
    u->parent_path = TAKE_PTR(copy);
    return 0;
}

static int write_data(struct unpack *u, struct zip *z, struct archive_entry *entry, int fd,
                      const char *path, struct err *e)
{
    uint64_t declared = UINT64_MAX, here = 0;
    char chunk[64 << 10];
    ssize_t n;
    int r;

    if (archive_entry_size_is_set(entry))
        declared = (uint64_t)archive_entry_size(entry);
    if (declared != UINT64_MAX && declared > u->limits->unpacked_bytes - u->bytes)
        return over(e, u->limits);

    while ((n = zip_read(z, chunk, sizeof(chunk), e)) > 0) {
        here += (uint64_t)n;
        if ((uint64_t)n > u->limits->unpacked_bytes - u->bytes)
            return over(e, u->limits);
        u->bytes += (uint64_t)n;
        if (here > declared)
            return err_set(e, ERR_CALLER, -EINVAL, "'%s' is larger than it declares", path);
        r = io_write_all(fd, chunk, (size_t)n);
        if (r < 0) {
            errno = -r;
            return err_sys(e, "write '%s'", path);
        }
    }
    return (int)n;
}

static int add_file(struct unpack *u, struct zip *z, struct archive_entry *entry, const char *path,
                    const char *name, struct err *e)
{
    mode_t mode = archive_entry_perm(entry) & 0111 ? 0755 : 0644;
    cleanup_close int fd = -EBADF;
    int r;

    fd = openat(u->parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return name_error(path, e);

    r = write_data(u, z, entry, fd, path, e);
    if (r < 0)
        return r;

    if (fchmod(fd, mode) < 0 || futimens(fd, epoch) < 0)
        return err_sys(e, "unpack '%s'", path);
    return 0;
}

/* Judge a target; `depth` is how many directories of the package the link stands in. */
static bool stays_inside(struct str target, size_t depth)
{
    bool descending = false;

    if (target.n == 0 || target.n > ZIP_PATH || target.p[0] == '/' || str_has(target, '\\'))
        return false;
    while (target.p) {
        struct str part = str_cut(&target, '/');

        if (part.n > ZIP_PART)
            return false;
        if (part.n == 0 || str_eq(part, S(".")))
            continue;
        if (!str_eq(part, S("..")))
            descending = true;
        else if (descending || depth-- == 0)
            return false;
    }
    return true;
}

static int add_link(struct unpack *u, struct archive_entry *entry, const char *path,
                    const char *name, struct err *e)
{
    const char *target = archive_entry_symlink(entry);
    size_t depth = 0;

    for (const char *p = path; *p; p++)
        depth += *p == '/';
    if (!stays_inside(str_of(target), depth))
        return err_set(e, ERR_CALLER, -EINVAL, "link '%s' leaves the package", path);
    if (symlinkat(target, u->parent, name) < 0)
        return name_error(path, e);
    if (utimensat(u->parent, name, epoch, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(e, "unpack '%s'", path);
    return 0;
}

static int add_entry(struct unpack *u, struct zip *z, struct archive_entry *entry, struct err *e)
{
    char path[ZIP_PATH + 1], parent[ZIP_PATH + 1];
    mode_t type = archive_entry_filetype(entry);
    char *slash;
    int r;

    r = zip_path(str_of(archive_entry_pathname(entry)), path, e);
    if (r < 0)
        return r;
    if (z->entries > u->limits->files)
        return err_set(e, ERR_LIMIT, -EFBIG, "the package has more than %u entries",
                       u->limits->files);
    if (archive_entry_hardlink(entry))
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' is a hard link", path);
    if (type == AE_IFDIR)
        return enter(u, path, true, e);
    if (!path[0])
        return err_set(e, ERR_CALLER, -EINVAL, "a file has no name");

    memcpy(parent, path, sizeof(parent));
    slash = strrchr(parent, '/');
    *(slash ? slash : parent) = '\0';
    r = enter(u, parent, false, e);
    if (r < 0)
        return r;

    slash = strrchr(path, '/');
    if (type == AE_IFREG)
        return add_file(u, z, entry, path, slash ? slash + 1 : path, e);
    if (type == AE_IFLNK)
        return add_link(u, entry, path, slash ? slash + 1 : path, e);
    return err_set(e, ERR_CALLER, -EINVAL, "'%s' is neither file, directory nor link", path);
}

/* Directories get their mode and time last: each entry in them has renewed the time. */
static int finish_dirs(struct unpack *u, struct err *e)
{
    for (size_t i = u->ndirs; i-- > 0;)
        if (fchmodat(u->root, u->dirs[i], 0755, 0) < 0 ||
            utimensat(u->root, u->dirs[i], epoch, AT_SYMLINK_NOFOLLOW) < 0)
            return err_sys(e, "unpack '%s'", u->dirs[i]);
    if (fchmod(u->root, 0755) < 0 || futimens(u->root, epoch) < 0)
        return err_sys(e, "unpack");
    return 0;
}

static int fill(struct str bytes, const struct package_limits *limits, int root, struct err *e)
{
    cleanup_with(unpack_done) struct unpack u = {.limits = limits, .root = root, .parent = -EBADF};
    cleanup_with(zip_close) struct zip z = {0};
    struct archive_entry *entry;
    int r;

    r = zip_open(&z, bytes, e);
    if (r < 0)
        return r;

    while ((r = zip_next(&z, &entry, e)) > 0) {
        r = add_entry(&u, &z, entry, e);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;
    if (z.entries == 0)
        return err_set(e, ERR_CALLER, -EINVAL, "the package is a zip with nothing in it");

    r = finish_dirs(&u, e);
    if (r < 0)
        return r;
    if (syncfs(u.root) < 0)
        return err_sys(e, "sync the unpacked package");
    return 0;
}

void package_temp(char out[PACKAGE_TEMP])
{
    char id[UUID_TEXT];

    uuid4(id);
    (void)snprintf(out, PACKAGE_TEMP, ".tmp-%s", id);
}

int package_publish(int dirfd, const char *temp, const char *name, struct err *e)
{
    if (renameat2(dirfd, temp, dirfd, name, RENAME_NOREPLACE) < 0) {
        if (errno != EEXIST)
            return err_sys(e, "rename the unpacked package");
        (void)io_remove_tree(dirfd, temp);
    }
    return fsync(dirfd) < 0 ? err_sys(e, "sync the code directory") : 0;
}

int package_unpack(struct str zip, const struct package_limits *limits, int dirfd, const char *name,
                   struct err *e)
{
    char temp[PACKAGE_TEMP];
    struct stat st;
    int root, r;

    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        /* The same time again, for the sake of its change time: see gc.c. */
        (void)utimensat(dirfd, name, epoch, AT_SYMLINK_NOFOLLOW);
        return 0;
    }
    if (zip.n > limits->packed_bytes)
        return err_set(e, ERR_LIMIT, -EFBIG, "the package is larger than %llu bytes",
                       (unsigned long long)limits->packed_bytes);

    package_temp(temp);
    if (mkdirat(dirfd, temp, 0700) < 0)
        return err_sys(e, "make a directory for the package");
    root = openat(dirfd, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    r = root < 0 ? err_sys(e, "open the directory for the package") : fill(zip, limits, root, e);
    if (r == 0)
        r = package_publish(dirfd, temp, name, e);
    if (r < 0)
        (void)io_remove_tree(dirfd, temp);
    return r;
}
