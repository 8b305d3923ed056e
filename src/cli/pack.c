/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack.c - deterministic code packages.
 *
 * Two deployments of the same files must give the same bytes: only then does the daemon see that
 * nothing changed, and warm instances stay. So: names sorted, no dates (a zip's are local time: one
 * fixed moment would still differ from zone to zone), owner left out, modes reduced to "executable
 * or not". Symbolic links are stored as links; those that leave the package are refused here, where
 * their file can be named, and by the daemon.
 */
#include "cli/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"
#include "cli/ignore.h"

enum { DEPTH_MAX = 64 };

const struct pack_limits pack_limits_default = {
        .files = 30000, .bytes = 1500ull << 20, .path = 1024};

struct packing {
    struct archive *archive;
    const struct buf *zip; /* for its ceiling */
    const struct pack_limits *limits;
    const struct ignore *ignore;
    size_t files;
    uint64_t bytes;
};

static la_ssize_t on_write(struct archive *a, void *user, const void *p, size_t n)
{
    struct buf *zip = user;

    buf_add(zip, p, n);
    if (buf_ok(zip))
        return (la_ssize_t)n;
    archive_set_error(a, EMSGSIZE, "package too large");
    return -1;
}

static int fail_archive(struct packing *p, const char *name, struct err *e)
{
    if (!buf_ok(p->zip))
        return err_set(e, ERR_LIMIT, -EMSGSIZE,
                       "'%.100s' does not fit any more: the package has at most %zu bytes packed",
                       name, p->zip->max);
    return err_set(e, ERR_HOST, -EIO, "package '%s': %s", name, archive_error_string(p->archive));
}

/* One more, of n bytes. */
static int check_limits(struct packing *p, const char *name, uint64_t n, struct err *e)
{
    p->files++;
    p->bytes += n;
    if (strlen(name) > p->limits->path)
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "'%.100s...' has a name of more than %zu bytes",
                       name, p->limits->path);
    if (p->files > p->limits->files)
        return err_set(e, ERR_LIMIT, -EMSGSIZE,
                       "'%.100s' is one too many: a package has at most %zu files", name,
                       p->limits->files);
    if (p->bytes > p->limits->bytes)
        return err_set(e, ERR_LIMIT, -EMSGSIZE,
                       "'%.100s' does not fit any more: a package has at most %llu bytes unpacked",
                       name, (unsigned long long)p->limits->bytes);
    return 0;
}

static int add_entry(struct packing *p, const char *name, mode_t mode, struct str data,
                     const char *link, struct err *e)
{
    struct archive_entry *entry;
    int r = check_limits(p, name, data.n, e);

    if (r < 0)
        return r;
    entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_mode(entry, mode);
    archive_entry_set_size(entry, (la_int64_t)data.n);
    if (link)
        archive_entry_set_symlink(entry, link);
    if (archive_write_header(p->archive, entry) != ARCHIVE_OK ||
        (data.n && archive_write_data(p->archive, data.p, data.n) != (la_ssize_t)data.n))
        r = fail_archive(p, name, e);
    archive_entry_free(entry);
    return r;
}

static int add_file(struct packing *p, int dirfd, const char *name, const char *as,
                    const struct stat *st, struct err *e)
{
    cleanup_with(buf_done) struct buf data = {0};
    int r;

    if ((uint64_t)st->st_size > p->limits->bytes - p->bytes)
        return check_limits(p, as, (uint64_t)st->st_size, e); /* rather than read it */
    buf_init(&data, (size_t)st->st_size + 1);
    r = io_read_file(dirfd, name, &data, e);
    if (r < 0)
        return r;
    return add_entry(p, as, S_IFREG | (st->st_mode & S_IXUSR ? 0755 : 0644), buf_str(&data), NULL,
                     e);
}

/* From the directory of the link, is its target below the top? What a name leads to by further
 * links is not looked at: each link is checked, so none of them leads out. */
static bool stays_inside(const char *as, const char *target)
{
    struct str rest = str_of(target);
    int depth = 0;

    if (target[0] == '/')
        return false;
    for (const char *p = as; *p; p++)
        depth += *p == '/';
    while (rest.p) {
        struct str part = str_cut(&rest, '/');

        if (str_eq(part, S("..")))
            depth--;
        else if (part.n > 0 && !str_eq(part, S(".")))
            depth++;
        if (depth < 0)
            return false;
    }
    return true;
}

static int add_link(struct packing *p, int dirfd, const char *name, const char *as, struct err *e)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(dirfd, name, target, sizeof(target) - 1);

    if (n < 0)
        return err_sys(e, "read link '%s'", as);
    target[n] = 0;
    if (!stays_inside(as, target))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "link '%.100s' leads out of the package (to '%.60s'): copy what it means, "
                       "or name it in .evokeignore",
                       as, target);
    return add_entry(p, as, S_IFLNK | 0777, STR_NONE, target, e);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct names {
    char **names; /* owned */
    size_t n;
};

static void names_done(struct names *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->names[i]);
    free(l->names);
}

/* Names in a directory, sorted. */
static int list_directory(int fd, const char *shown, struct names *ret, struct err *e)
{
    DIR *dir = fdopendir(fd); /* takes fd */
    struct dirent *entry;

    if (!dir) {
        int r = err_sys(e, "read directory '%s'", shown);

        (void)fd_close(fd);
        return r;
    }
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        ret->names = xrealloc(ret->names, ret->n + 1, sizeof(*ret->names));
        ret->names[ret->n++] = xstrdup(entry->d_name);
    }
    closedir(dir);
    if (ret->n)
        qsort(ret->names, ret->n, sizeof(*ret->names), by_name);
    return 0;
}

static int add_directory(struct packing *p, int parent, const char *name, const char *as, int depth,
                         struct err *e);

static int add_child(struct packing *p, int fd, const char *name, const char *as, int depth,
                     struct err *e)
{
    struct stat st;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(e, "look at '%s'", as);
    if (p->ignore && ignore_fits(p->ignore, as, S_ISDIR(st.st_mode)))
        return 0;
    if (S_ISREG(st.st_mode))
        return add_file(p, fd, name, as, &st, e);
    if (S_ISLNK(st.st_mode))
        return add_link(p, fd, name, as, e);
    if (S_ISDIR(st.st_mode))
        return add_directory(p, fd, name, as, depth + 1, e);
    return err_set(e, ERR_CALLER, -EINVAL, "'%s' is neither file, directory nor link", as);
}

/* as: path inside the package, "" for the top, whose own entry is left out. */
static int add_directory(struct packing *p, int parent, const char *name, const char *as, int depth,
                         struct err *e)
{
    cleanup_close int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_with(names_done) struct names list = {0};
    int r, again;

    if (fd < 0)
        return err_sys(e, "open directory '%s'", *as ? as : name);
    if (depth > DEPTH_MAX)
        return err_set(e, ERR_CALLER, -ELOOP, "'%s' is more than %d directories deep", as,
                       DEPTH_MAX);
    again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (again < 0)
        return err_sys(e, "open directory '%s'", as);
    r = list_directory(again, as, &list, e);
    for (size_t i = 0; r >= 0 && i < list.n; i++) {
        cleanup_free char *path = xasprintf("%s%s%s", as, *as ? "/" : "", list.names[i]);

        r = add_child(p, fd, list.names[i], path, depth, e);
    }
    return r;
}

static int pack_with(const char *path, const struct stat *st, const struct ignore *ignore,
                     const struct pack_limits *limits, struct buf *zip, struct err *e)
{
    struct packing p = {
            .archive = archive_write_new(), .zip = zip, .limits = limits, .ignore = ignore};
    const char *slash = strrchr(path, '/');
    int r;

    if (!p.archive)
        return err_set(e, ERR_HOST, -ENOMEM, "no memory to package '%s'", path);
    if (archive_write_set_format_zip(p.archive) != ARCHIVE_OK ||
        archive_write_set_options(p.archive, "zip:compression=deflate") != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(p.archive, 1) != ARCHIVE_OK ||
        archive_write_open(p.archive, zip, NULL, on_write, NULL) != ARCHIVE_OK)
        r = fail_archive(&p, path, e);
    else if (S_ISDIR(st->st_mode))
        r = add_directory(&p, AT_FDCWD, path, "", 0, e);
    else
        r = add_file(&p, AT_FDCWD, path, slash ? slash + 1 : path, st, e);
    if (r >= 0 && archive_write_close(p.archive) != ARCHIVE_OK)
        r = fail_archive(&p, path, e);
    archive_write_free(p.archive);
    return r < 0 ? r : 0;
}

int pack_rules(const char *directory, struct ignore **ret, struct err *e)
{
    cleanup_free char *path = xasprintf("%s/%s", directory, ignore_name);
    cleanup_with(ignore_freep) struct ignore *ig = ignore_new();
    cleanup_with(buf_done) struct buf text;
    int r;

    buf_init(&text, IGNORE_FILE);
    r = io_read_file(AT_FDCWD, path, &text, e);
    if (r < 0 && r != -ENOENT)
        return r;
    r = r < 0 ? 0 : ignore_add(ig, buf_str(&text), e);
    if (r < 0)
        return err_wrap(e, r, "%s", path);
    *ret = TAKE_PTR(ig);
    return 0;
}

int pack_within(const char *path, const struct pack_limits *limits, struct buf *zip, struct err *e)
{
    cleanup_with(ignore_freep) struct ignore *ignore = NULL;
    struct stat st;
    int r = 0;

    if (stat(path, &st) < 0)
        return err_sys(e, "code '%s'", path);
    if (S_ISREG(st.st_mode) && str_ends(str_of(path), S(".zip")))
        return io_read_file(AT_FDCWD, path, zip, e);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return err_set(e, ERR_CALLER, -EINVAL, "code '%s' is neither file nor directory", path);
    if (S_ISDIR(st.st_mode))
        r = pack_rules(path, &ignore, e);
    return r < 0 ? r : pack_with(path, &st, ignore, limits, zip, e);
}

int pack_path(const char *path, struct buf *zip, struct err *e)
{
    return pack_within(path, &pack_limits_default, zip, e);
}
