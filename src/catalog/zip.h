/* SPDX-License-Identifier: Apache-2.0 */
/* zip.h - what package.c and unpack.c share: reading a zip that a stranger sent. */
#ifndef EVOKE_CATALOG_ZIP_H
#define EVOKE_CATALOG_ZIP_H

#include <locale.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/str.h"

struct archive;
struct archive_entry;
struct err;

enum { ZIP_PART = 255, ZIP_PATH = 1024 };

/* One zip being read. zip_open() reads nothing but the list of names. */
struct zip {
    struct archive *ar; /* owned */
    locale_t utf8, before;
    uint64_t entries; /* seen so far */
};

/* -EINVAL when it is not a zip, or a name in it is one we refuse. */
int zip_open(struct zip *z, struct str bytes, struct err *e);
void zip_close(struct zip *z); /* also the cleanup_with() hook */
/* 1 and the entry, 0 at the end, or -errno. Encrypted entries are refused. */
int zip_next(struct zip *z, struct archive_entry **ret, struct err *e);
/* Bytes of the current entry (0 at its end) or -errno. */
ssize_t zip_read(struct zip *z, void *p, size_t n, struct err *e);

/*
 * The path as we use it: no "." and no empty parts, no slash at either end. -EINVAL for an absolute
 * path, "..", a backslash, a NUL, an empty name, a part over ZIP_PART or a whole over ZIP_PATH.
 * out: at least ZIP_PATH + 1 bytes.
 */
int zip_path(struct str path, char *out, struct err *e);

/* The same rules for each name in the zip's own directory, with their full length: libarchive gives
 * names that end at a NUL. */
int zip_check_names(struct str bytes, struct err *e);

#endif
