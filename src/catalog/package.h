/* SPDX-License-Identifier: Apache-2.0 */
/* package.h - code packages: zip in, directory out, nothing outside it touched. Calls block.
 * libarchive. */
#ifndef EVOKE_CATALOG_PACKAGE_H
#define EVOKE_CATALOG_PACKAGE_H

#include "base/buf.h"
#include "base/crypto.h"
#include "base/str.h"
#include "catalog/catalog.h"

struct err;

/* A deterministic zip with one file: the same source gives the same bytes. filename may have
 * directories. */
int package_from_source(struct str filename, struct str source, struct buf *zip, struct err *e);

/* The same with several files, n of them. */
struct package_file {
    struct str name, bytes;
};
int package_from_files(const struct package_file *files, size_t n, struct buf *zip, struct err *e);

/* One file's bytes out of a zip; -ENOENT, -EMSGSIZE (over out->max). */
int package_read_file(struct str zip, struct str filename, struct buf *out, struct err *e);

/*
 * Unpack into dirfd/<name>, appearing whole or not at all (temporary directory, rename). Files 0644
 * or 0755, directories 0755, owner us, times kept at the epoch. Existing name: 0 at once. Errors as
 * catalog_put_code().
 */
int package_unpack(struct str zip, const struct package_limits *limits, int dirfd, const char *name,
                   struct err *e);

/* For a directory that is filled aside: its name, and the name it gets when it is whole (somebody
 * else may have been first: then theirs is as good). */
enum { PACKAGE_TEMP = 5 + UUID_TEXT };
void package_temp(char out[PACKAGE_TEMP]);
int package_publish(int dirfd, const char *temp, const char *name, struct err *e);

#endif
