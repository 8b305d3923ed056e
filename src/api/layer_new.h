/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer_new.h - a package on its way to be the next version of a layer, for every cloud: taken out of
 * the request or out of storage, checked and stored, then published. And what a function takes of it.
 */
#ifndef EVOKE_API_LAYER_NEW_H
#define EVOKE_API_LAYER_NEW_H

#include "catalog/layers.h"
#include "object/object.h"

struct call;
struct err;

enum { LAYER_ZIP_MAX = 100 << 20 /* bytes out of a request, whatever the cloud allows */ };

/* Where the package is: exactly one of them. */
struct layer_source {
    struct str base64;
    const struct object_ref *object; /* NULL: none */
    struct str url;
};

/* r: 0 and its resource (borrowed). Else step says what failed, and e (if it was not the catalog) why. */
enum layer_step { LAYER_TAKE /* base64, zip, storage */, LAYER_PUBLISH /* the catalog */ };
typedef void layer_new_fn(struct call *c, int r, enum layer_step step, const struct resource *res,
                          const struct err *e);
/* what: all but sha, size and digest is copied; the digest is the CRC-64 (FC) or sha256 of the
 * package. Ends in fn, never before it returned. */
void layer_new(struct call *c, const struct fn_key *owner, const struct layer *what,
               const struct layer_source *from, const struct package_limits *limits,
               layer_new_fn *fn);

/*
 * The layers of a draft are there: do code and layers fit together into `most` bytes? A draft without
 * layers does at once, in the same turn. r as catalog_ready_layers().
 */
void layer_check(struct call *c, const struct fn *draft, uint64_t most, catalog_ready_fn *fn,
                 void *user);

#endif
