/* SPDX-License-Identifier: Apache-2.0 */
/* pack.h - a directory, a file or a ready zip as a code package. libarchive. */
#ifndef EVOKE_CLI_PACK_H
#define EVOKE_CLI_PACK_H

#include "base/buf.h"

struct err;

/*
 * A directory becomes a zip of what is below it, the same bytes for the same files: sorted, one
 * date. Left out: evoke.yaml at the top, .git, __pycache__. A file that ends in .zip is taken as it
 * is, any other file becomes a zip of that one file. zip is initialised by the caller, its ceiling
 * is the limit (-EMSGSIZE).
 */
int pack_path(const char *path, struct buf *zip, struct err *e);

#endif
