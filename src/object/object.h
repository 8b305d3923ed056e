/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.h - object storage where code packages come from: buckets of our own in the data directory,
 * which answer the requests that the clouds' tools make (OBS, OSS, COS, S3), and buckets of
 * S3-compatible servers that the configuration names. docs/objects.md
 */
#ifndef EVOKE_OBJECT_OBJECT_H
#define EVOKE_OBJECT_OBJECT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "fn/key.h"

struct err;
struct objects; /* opaque */

/* An object as a request of a cloud's API names it. */
struct object_ref {
    enum dialect dialect;
    struct str account, bucket, key; /* SCF: bucket as sent; "<bucket>-<appid>" is tried too */
};
/* A link to an object, "https://<bucket>.obs.<region>.myhuaweicloud.com/<key>" and its like of each
 * cloud, or of our own endpoint. 0, or -EINVAL with a sentence. Views into url. */
int object_ref_of_url(enum dialect dialect, struct str account, struct str url,
                      struct object_ref *ret, struct err *e);

/* Its bytes, at most `max`. r: 0; -ENOENT no such bucket or object; -EMSGSIZE; -EACCES the server
 * refuses us; or the host's. body is the callee's to take (buf_move) within the callback. Never before
 * object_get() returned. */
typedef void object_fn(void *user, int r, struct buf *body, const struct err *e);
void object_get(struct objects *o, const struct object_ref *ref, uint64_t max, object_fn *fn,
                void *user);

#endif
