/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zip_names.c - which names a zip may use.
 *
 * libarchive reads the zip; we only look over its shoulder. It hands out C strings and turns
 * backslashes of some writers into slashes, so a NUL or a backslash in a name would never be seen
 * by us. Hence a walk of our own over the central directory, which does nothing but check names.
 * Safety does not hang on the two readings agreeing: unpack.c checks the names that libarchive
 * gives by the same rules, and creates nothing without the kernel's word that it is beneath.
 *
 * Shape (APPNOTE.TXT 6.3.10, sections 4.3.12 to 4.3.16): the zip ends with a record that says how
 * long the directory is, which stands right before it. Numbers are little endian.
 *   end    u32 "PK\5\6" | ... | 10: u16 entries | 12: u32 size | 16: u32 offset | 20: u16 comment
 *   end64  u32 "PK\6\6" | u64 size of the rest | ... | 32: u64 entries | 40: u64 size | 48: offset
 *   name   u32 "PK\1\2" | ... | 28: u16 name, u16 extra, u16 comment | ... | 46: the name, ...
 */
#include "catalog/zip.h"

#include <errno.h>

#include "base/err.h"

enum { END_LEN = 22, END64_LEN = 56, LOCATOR_LEN = 20, NAME_LEN = 46, COMMENT_MAX = 65535 };

static uint64_t number(struct str s, size_t at, int bytes)
{
    uint64_t v = 0;

    for (int i = bytes - 1; i >= 0; i--)
        v = v << 8 | (uint8_t)s.p[at + (size_t)i];
    return v;
}

static int check_part(struct str part, struct err *e)
{
    if (part.n > ZIP_PART)
        return err_set(e, ERR_CALLER, -EINVAL, "a name is longer than %d bytes: '%.40s...'",
                       ZIP_PART, part.p);
    if (str_eq(part, S("..")))
        return err_set(e, ERR_CALLER, -EINVAL, "a path leaves the package with '..'");
    return 0;
}

int zip_path(struct str path, char *out, struct err *e)
{
    size_t n = 0;
    int r;

    if (path.n > ZIP_PATH)
        return err_set(e, ERR_CALLER, -EINVAL, "a path is longer than %d bytes: '%.40s...'",
                       ZIP_PATH, path.p);
    if (str_has(path, '\0'))
        return err_set(e, ERR_CALLER, -EINVAL, "a path holds a NUL byte: '%.*s'", STR_ARG(path));
    if (str_has(path, '\\'))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "path '%.*s' has a backslash; make the zip with forward slashes",
                       STR_ARG(path));
    if (path.n > 0 && path.p[0] == '/')
        return err_set(e, ERR_CALLER, -EINVAL, "path '%.*s' is absolute", STR_ARG(path));

    while (path.p) {
        struct str part = str_cut(&path, '/');

        if (part.n == 0 || str_eq(part, S(".")))
            continue;
        r = check_part(part, e);
        if (r < 0)
            return r;
        if (n > 0)
            out[n++] = '/';
        memcpy(out + n, part.p, part.n);
        n += part.n;
    }
    out[n] = '\0';
    return 0;
}

static int not_a_zip(struct err *e, const char *why)
{
    return err_set(e, ERR_CALLER, -EINVAL, "the package is not a zip: %s", why);
}

/* Where the end record starts, or -EINVAL. The last one counts, as everywhere. */
static int find_end(struct str z, size_t *ret)
{
    size_t from = z.n > END_LEN + COMMENT_MAX ? z.n - END_LEN - COMMENT_MAX : 0;

    if (z.n < END_LEN)
        return -EINVAL;
    for (size_t at = z.n - END_LEN + 1; at-- > from;)
        if (memcmp(z.p + at, "PK\5\6", 4) == 0) {
            *ret = at;
            return 0;
        }
    return -EINVAL;
}

/* The bytes of the central directory. */
static int find_directory(struct str z, struct str *ret, struct err *e)
{
    size_t end;
    uint64_t size;

    if (find_end(z, &end) < 0)
        return not_a_zip(e, "it has no end record");

    size = number(z, end + 12, 4);
    if (end >= LOCATOR_LEN + END64_LEN && memcmp(z.p + end - LOCATOR_LEN, "PK\6\7", 4) == 0) {
        end -= LOCATOR_LEN + END64_LEN;
        if (memcmp(z.p + end, "PK\6\6", 4) != 0)
            return not_a_zip(e, "its 64-bit end record is not where it should be");
        size = number(z, end + 40, 8);
    }
    if (size > end)
        return not_a_zip(e, "its directory is cut off");
    *ret = (struct str){z.p + end - size, size};
    return 0;
}

int zip_check_names(struct str bytes, struct err *e)
{
    struct str dir = STR_NONE;
    int r;

    r = find_directory(bytes, &dir, e);
    if (r < 0)
        return r;
    if (dir.n == 0)
        return err_set(e, ERR_CALLER, -EINVAL, "the package is a zip with nothing in it");

    while (dir.n > 0) {
        char path[ZIP_PATH + 1];
        size_t name, rest;

        if (dir.n < NAME_LEN || memcmp(dir.p, "PK\1\2", 4) != 0)
            return not_a_zip(e, "its directory is damaged");
        name = number(dir, 28, 2);
        rest = number(dir, 30, 2) + number(dir, 32, 2);
        if (dir.n < NAME_LEN + name + rest)
            return not_a_zip(e, "its directory is cut off");
        r = zip_path((struct str){dir.p + NAME_LEN, name}, path, e);
        if (r < 0)
            return r;
        dir = str_from(dir, NAME_LEN + name + rest);
    }
    return 0;
}
