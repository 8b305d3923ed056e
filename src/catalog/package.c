/* SPDX-License-Identifier: Apache-2.0 */
/*
 * package.c - zips in memory: reading one with distrust, and making one from a single source file.
 *
 * libarchive is told to know one format, zip with its directory at the end, and no compression
 * filter around it: what it cannot parse it cannot get wrong. A zip is read from memory, so offsets
 * in it lead nowhere but into it.
 *
 * Names: a zip marks names as UTF-8, and libarchive converts them to the locale's charset. A daemon
 * runs in "C", where that would turn them into question marks, so the reading thread wears a UTF-8
 * locale for as long as the zip is open (uselocale(3): this thread only).
 */
#include "catalog/package.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "catalog/zip.h"

enum { MEBI = 1 << 20 };

const struct package_limits package_limits_default = {
        .packed_bytes = 100ull * MEBI,
        .unpacked_bytes = 1500ull * MEBI,
        .files = 30000,
};

/* What libarchive says went wrong: the caller's zip, unless it is our memory. */
static int blame(struct archive *ar, struct err *e)
{
    const char *why = archive_error_string(ar);

    if (archive_errno(ar) == ENOMEM)
        return err_set(e, ERR_HOST, -ENOMEM, "read the package: out of memory");
    return err_set(e, ERR_CALLER, -EINVAL, "the package is not a sound zip: %s",
                   why ? why : "no reason given");
}

int zip_open(struct zip *z, struct str bytes, struct err *e)
{
    int r;

    *z = (struct zip){0};
    r = zip_check_names(bytes, e);
    if (r < 0)
        return r;

    z->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (z->utf8)
        z->before = uselocale(z->utf8);
    z->ar = archive_read_new();
    if (!z->ar)
        return err_set(e, ERR_HOST, -ENOMEM, "read the package: out of memory");
    if (archive_read_support_format_zip_seekable(z->ar) != ARCHIVE_OK ||
        archive_read_open_memory(z->ar, bytes.p, bytes.n) != ARCHIVE_OK)
        return blame(z->ar, e);
    return 0;
}

void zip_close(struct zip *z)
{
    if (z->ar)
        archive_read_free(z->ar);
    if (z->utf8) {
        uselocale(z->before);
        freelocale(z->utf8);
    }
    *z = (struct zip){0};
}

int zip_next(struct zip *z, struct archive_entry **ret, struct err *e)
{
    int code = archive_read_next_header(z->ar, ret);

    if (code == ARCHIVE_EOF)
        return 0;
    if (code != ARCHIVE_OK)
        return blame(z->ar, e);
    if (archive_entry_is_encrypted(*ret))
        return err_set(e, ERR_CALLER, -EINVAL, "the package is encrypted");
    if (!archive_entry_pathname(*ret))
        return err_set(e, ERR_CALLER, -EINVAL, "the package has an entry without a name");
    z->entries++;
    return 1;
}

ssize_t zip_read(struct zip *z, void *p, size_t n, struct err *e)
{
    la_ssize_t got = archive_read_data(z->ar, p, n);

    return got < 0 ? blame(z->ar, e) : (ssize_t)got;
}

static la_ssize_t on_write(struct archive *ar, void *user, const void *p, size_t n)
{
    struct buf *out = user;

    (void)ar;
    buf_add(out, p, n);
    return buf_ok(out) ? (la_ssize_t)n : -1;
}

static int write_file(struct archive *ar, const char *path, struct str source)
{
    struct archive_entry *entry = archive_entry_new();
    int code;

    /* Nothing here may depend on the clock, the user or the time zone: libarchive writes a time
     * before 1980 as 1980-01-01 00:00, wherever it is. */
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)source.n);
    archive_entry_set_mtime(entry, 0, 0);
    code = archive_write_header(ar, entry);
    archive_entry_free(entry);
    if (code == ARCHIVE_OK && archive_write_data(ar, source.p, source.n) != (la_ssize_t)source.n)
        code = ARCHIVE_FATAL;
    return code;
}

static int write_files(struct archive *ar, const struct package_file *files, size_t n,
                       int *ret_code, struct err *e)
{
    char path[ZIP_PATH + 1];
    int r;

    for (size_t i = 0; i < n && *ret_code == ARCHIVE_OK; i++) {
        r = zip_path(files[i].name, path, e);
        if (r < 0)
            return r;
        if (!path[0] || str_ends(files[i].name, S("/")))
            return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' is not the name of a file",
                           STR_ARG(files[i].name));
        *ret_code = write_file(ar, path, files[i].bytes);
    }
    return 0;
}

int package_from_files(const struct package_file *files, size_t n, struct buf *zip, struct err *e)
{
    struct archive *ar = archive_write_new();
    int code, r = 0;

    if (!ar)
        return err_set(e, ERR_HOST, -ENOMEM, "make the package: out of memory");
    archive_write_set_format_zip(ar);
    archive_write_zip_set_compression_store(ar); /* the same bytes with every zlib */
    archive_write_set_bytes_in_last_block(ar, 1);
    code = archive_write_open(ar, zip, NULL, on_write, NULL);
    if (code == ARCHIVE_OK)
        r = write_files(ar, files, n, &code, e);
    if (r == 0 && code == ARCHIVE_OK)
        code = archive_write_close(ar);
    if (r == 0 && !buf_ok(zip))
        r = err_set(e, ERR_LIMIT, -EFBIG, "the package is larger than %zu bytes", zip->max);
    else if (r == 0 && code != ARCHIVE_OK)
        r = err_set(e, ERR_HOST, -EIO, "make the package: %s", archive_error_string(ar));
    archive_write_free(ar);
    return r;
}

int package_from_source(struct str filename, struct str source, struct buf *zip, struct err *e)
{
    const struct package_file file = {filename, source};

    return package_from_files(&file, 1, zip, e);
}

static int read_whole(struct zip *z, struct buf *out, struct err *e)
{
    char chunk[16 << 10];
    ssize_t n;

    while ((n = zip_read(z, chunk, sizeof(chunk), e)) > 0) {
        buf_add(out, chunk, (size_t)n);
        if (!buf_ok(out))
            return err_set(e, ERR_LIMIT, -EMSGSIZE, "the file is larger than %zu bytes", out->max);
    }
    return (int)n;
}

int package_read_file(struct str zip, struct str filename, struct buf *out, struct err *e)
{
    cleanup_with(zip_close) struct zip z = {0};
    struct archive_entry *entry;
    char want[ZIP_PATH + 1], path[ZIP_PATH + 1];
    int r;

    r = zip_path(filename, want, e);
    if (r < 0)
        return r;
    r = zip_open(&z, zip, e);
    if (r < 0)
        return r;

    while ((r = zip_next(&z, &entry, e)) > 0) {
        r = zip_path(str_of(archive_entry_pathname(entry)), path, e);
        if (r < 0)
            return r;
        if (archive_entry_filetype(entry) == AE_IFREG && strcmp(path, want) == 0)
            return read_whole(&z, out, e);
    }
    if (r < 0)
        return r;
    return err_set(e, ERR_CALLER, -ENOENT, "the package has no file '%s'", want);
}
