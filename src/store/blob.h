/* SPDX-License-Identifier: Apache-2.0 */
/* blob.h - immutable bytes named by their sha256, as files: <dir>/<sha256>. Calls block: use them
 * from loop_work(). */
#ifndef EVOKE_STORE_BLOB_H
#define EVOKE_STORE_BLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/str.h"

struct blobs; /* opaque, thread-safe */
struct err;

int blobs_open(const char *dir, struct blobs **ret, struct err *e); /* makes the directory (0700) */
struct blobs *blobs_free(struct blobs *b);
/* Durable (file and directory fsync'ed) before it returns 0. Putting the same bytes again is cheap.
 */
int blob_put(struct blobs *b, struct str data, char ret_sha[SHA256_HEX], struct err *e);
/* Whole blob, its digest checked. -ENOENT, -EMSGSIZE (over out->max), -EIO (damaged). */
int blob_get(struct blobs *b, const char *sha, struct buf *out, struct err *e);
/* Remove blobs for which keep() is false and that are older than grace_s. Returns how many, or
 * -errno. */
int blob_gc(struct blobs *b, bool (*keep)(void *user, const char *sha), void *user,
            uint32_t grace_s);

#endif
