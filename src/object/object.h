/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.h - object storage where code packages come from: buckets of our own in the data directory,
 * which answer the requests that the clouds' tools make (OBS, OSS, COS, S3), and buckets of
 * S3-compatible servers that the configuration names. docs/objects.md
 *
 * A dialect does not call this: api/code_source.h does it for all of them.
 */
#ifndef EVOKE_OBJECT_OBJECT_H
#define EVOKE_OBJECT_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "fn/key.h"

struct err;
struct objects; /* opaque */

/* An object as a request of a cloud's API names it. */
struct object_ref {
    enum dialect dialect;
    struct str account; /* whose buckets may be asked; "": everybody's */
    struct str bucket,
            key; /* SCF: as sent; "<bucket>-<appid>" is tried too, and a leading '/' cut */
};
/* A link to an object, "https://<bucket>.obs.<region>.myhuaweicloud.com/<key>" and its like of each
 * cloud, or of our own endpoint ("http://<bucket>.objects.localhost:8900/<key>", or
 * "http://127.0.0.1:8900/<bucket>/<key>"). 0, or -EINVAL with a sentence. The key is decoded into
 * room; the rest are views into url. What follows '?' does not count. */
int object_ref_of_url(enum dialect dialect, struct str account, struct str url, struct buf *room,
                      struct object_ref *ret, struct err *e);

/* Is this the name (no port, any case) of a bucket in one of the clouds' storage services, or in ours?
 * ret_bucket: "" for the service's own name. ret_dialect: which cloud's, -1: ours. */
bool object_host(struct str host, struct str *ret_bucket, int *ret_dialect);

/* Bytes, read-only, as a map of a file. */
struct object_bytes {
    struct str view;
    void *map; /* of view.n bytes; NULL: none */
};
void object_bytes_done(struct object_bytes *b);

/* Its bytes, at most `max`. r: 0; -ENXIO no such bucket; -ENOENT no such object; -EMSGSIZE; -EACCES the
 * bucket is another's, or its server refuses us; or the host's. bytes are the callee's to take
 * within the callback (*bytes = (struct object_bytes){0}); NULL on failure. Never before object_get()
 * returned. */
typedef void object_fn(void *user, int r, struct object_bytes *bytes, const struct err *e);
void object_get(struct objects *o, const struct object_ref *ref, uint64_t max, object_fn *fn,
                void *user);

/* What began with such bytes goes on: objects_free() waits for it. */
void object_hold(struct objects *o);
void object_release(struct objects *o);

#endif
