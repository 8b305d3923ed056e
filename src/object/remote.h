/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote.h - buckets of S3-compatible servers, named by a file (option object-stores):
 *
 *   - name: minio                     # for messages
 *     endpoint: https://s3.example.com
 *     region: us-east-1               # default
 *     access-key: ...
 *     secret-key: ...
 *     buckets: [code, team-*]         # a star at the end stands for any rest
 *     path-style: true                # default; else https://<bucket>.s3.example.com
 */
#ifndef EVOKE_OBJECT_REMOTE_H
#define EVOKE_OBJECT_REMOTE_H

#include <stdint.h>

#include "base/str.h"

struct err;
struct remote;  /* one server; lives as long as its remotes */
struct remotes; /* opaque; read-only once made, for any thread */

int remotes_new(const char *path, struct remotes **ret, struct err *e);
struct remotes *remotes_free(struct remotes *o);
/* Which one has this bucket? NULL: none, also without any. */
const struct remote *remote_of(const struct remotes *o, struct str bucket);
/* GET into fd, at most max bytes; blocks, for a worker thread. -ENXIO, -ENOENT, -EMSGSIZE, -EACCES,
 * -ETIMEDOUT, -ECONNREFUSED, -EIO, -ENOSPC. */
int remote_get(const struct remote *r, struct str bucket, struct str key, uint64_t max, int fd,
               struct err *e);

#endif
