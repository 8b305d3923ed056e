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

/*
 * For a copy of all of them: while anybody holds them blob_gc() removes no blob. What blobs_each()
 * then tells is there until the last blobs_release(), and so is every blob that was named by
 * anything at the moment of the hold.
 */
void blobs_hold(struct blobs *b);
void blobs_release(struct blobs *b);
/* Each blob with its size; fn returns false to stop. 0 or -errno. */
int blobs_each(struct blobs *b, bool (*fn)(void *user, const char *sha, uint64_t bytes),
               void *user);
/* A descriptor of its bytes, read-only, and how many they are; it stays good when the blob goes. Their
 * digest is not checked. -ENOENT. */
int blob_open(struct blobs *b, const char *sha, uint64_t *ret_bytes);
/* Up to n bytes from offset; fewer only at the end. Its digest is not checked. -ENOENT. */
int blob_read(struct blobs *b, const char *sha, uint64_t offset, size_t n, struct buf *out);

#endif
