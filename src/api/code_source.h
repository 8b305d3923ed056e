/* SPDX-License-Identifier: Apache-2.0 */
/*
 * code_source.h - code packages that a request names by an object in a bucket instead of sending them,
 * and links by which stored packages can be fetched. docs/objects.md
 */
#ifndef EVOKE_API_CODE_SOURCE_H
#define EVOKE_API_CODE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "object/object.h"

struct api;
struct buf;
struct call;
struct err;
struct keys;

/* The package as it was taken in; the digests are those of its bytes. */
struct code_taken {
    char sha[SHA256_HEX]; /* for fn->code.sha */
    uint64_t size;
    char sha512[SHA512_HEX]; /* FunctionGraph's digest; only for its dialect, else "" */
    uint64_t crc64;          /* Function Compute's checksum; only for its dialect, else 0 */
};

/*
 * Fetch the object, check and store it as a package (catalog_put_code()). Nothing of it passes through
 * memory: a package of 300 MB costs its place on disk. ref and limits are copied. Runs on; fn comes
 * exactly once, in a later turn. t is NULL on failure, e says why.
 *
 * r 0; -ENOENT no such object; -ENXIO no such bucket; -EACCES not the signer's, or a server refuses
 * us; -EFBIG larger than limits->packed_bytes, or what it holds is; -EINVAL not a zip; else the host's
 * (-EIO ...), or of a server that does not answer (-ETIMEDOUT, -ECONNREFUSED).
 */
typedef void code_source_fn(void *user, int r, const struct code_taken *t, const struct err *e);
void code_source_take(struct call *c, const struct object_ref *ref,
                      const struct package_limits *limits, code_source_fn *fn, void *user);
/* The same for a link, "https://<bucket>.obs.<region>.myhuaweicloud.com/<key>" and its like. A link that is
 * malformed is -EINVAL as well, with e that says so. */
void code_source_take_url(struct call *c, enum dialect dialect, struct str account, struct str url,
                          const struct package_limits *limits, code_source_fn *fn, void *user);

/*
 * A URL under which the stored package `sha` can be fetched with no other signature for seconds (at
 * most CODE_LINK_S), as an attachment of this name: "http://<Host of the request>/.evoke/code/...".
 */
enum { CODE_LINK_S = 600 };
void code_link(const struct call *c, const char *sha, struct str filename, struct buf *out);
/* Is this one of ours, and still good? For who serves them (storage/link.c). */
bool code_link_holds(const struct keys *k, struct str sha, struct str filename, struct str expires,
                     struct str signature, int64_t now_ms);

#endif
