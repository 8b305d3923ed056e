/* SPDX-License-Identifier: Apache-2.0 */
/* pack.h - a directory, a file or a ready zip as a code package. libarchive. */
#ifndef EVOKE_CLI_PACK_H
#define EVOKE_CLI_PACK_H

#include <stdint.h>

#include "base/buf.h"

struct err;
struct ignore;

/* What a package may hold; the packed size is the ceiling of its buffer. */
struct pack_limits {
    size_t files; /* entries: files, links and directories on the way */
    uint64_t bytes;
    size_t path; /* bytes of one name in the package */
};
extern const struct pack_limits pack_limits_default; /* as the daemon's */

/*
 * A directory becomes a zip of what is below it, the same bytes for the same files, wherever and
 * whenever: sorted, without dates and owners. Left out is what the rules say: the built-in ones and
 * those of a .evokeignore at its top (ignore.h). A file that ends in .zip is taken as it is, any
 * other file becomes a zip of that one file. zip is initialised by the caller, its ceiling is a
 * limit too. -EMSGSIZE names what is too large, and the limit; -EINVAL: a link that leads out of
 * the directory, or what is neither file, directory nor link.
 */
int pack_path(const char *path, struct buf *zip, struct err *e);
int pack_within(const char *path, const struct pack_limits *limits, struct buf *zip, struct err *e);

/* The rules of a code directory. -EINVAL with file and line. */
int pack_rules(const char *directory, struct ignore **ret, struct err *e);

#endif
