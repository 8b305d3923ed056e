/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layers.h - layers (FC, SCF) and dependencies (FunctionGraph): packages that functions share, in
 * numbered versions that never change.
 *
 * A version is a resource of the kind "layer" (catalog/resources.h): id
 * "<dialect>/<account>/<region>/<name>/<version>", parts percent-encoded, parent "layer/" and the
 * same without the version. The last number given stands in a resource of the kind "layer-last", so
 * that none comes twice. A function's record names the layers it uses with their sha (fn.h), so
 * deleting a version breaks no function.
 *
 * What a function sees is the union of its layers, one directory "u-<fn_layers_key()>" in the code
 * cache, made again when it is missing.
 */
#ifndef EVOKE_CATALOG_LAYERS_H
#define EVOKE_CATALOG_LAYERS_H

#include "catalog/catalog.h"
#include "catalog/resources.h"

struct layer { /* a resource's body, read; texts borrowed from the tree until layer_done() */
    const struct resource *of;
    struct str name, description, runtimes; /* runtimes: JSON array of the dialect's names */
    struct str digest;                      /* the dialect's own checksum text */
    struct str extra;                       /* JSON object text: the dialect's own fields */
    char sha[SHA256_HEX];
    uint64_t size; /* bytes of the package as sent */
    uint32_t version;
    struct cJSON *tree; /* owned */
};
void layer_done(struct layer *l);
int layer_of(const struct resource *res, struct layer *l); /* -EINVAL: it is none */
/* -ENOENT. */
int catalog_layer(const struct catalog *c, const struct fn_key *owner, struct str name,
                  uint32_t version, struct layer *ret); /* owner: dialect, account, region */
/* All versions of one name (or, name empty, of all; owner NULL: of everybody), oldest first; l is
 * borrowed. */
void catalog_each_layer(const struct catalog *c, const struct fn_key *owner, struct str name,
                        bool (*fn)(void *user, const struct layer *l), void *user);
/* The next version of `what->name` (numbers are never used twice, also after deletes); its package is
 * stored already (catalog_put_code). */
void catalog_publish_layer(struct catalog *c, const struct fn_key *owner, const struct layer *what,
                           catalog_resource_fn *fn, void *user);
void catalog_delete_layer(struct catalog *c, const struct fn_key *owner, struct str name,
                          uint32_t version, catalog_resource_fn *fn, void *user);
/* Does a function (of whatever version) use it? By ref. */
bool catalog_layer_used(const struct catalog *c, const struct fn_key *owner, struct str ref);

/*
 * Make sure that the union of the layers of f, and its code directory, are there. Runs on the worker
 * pool. A function without layers has no union. r: 0; -EFBIG: together they unpack to more than
 * `most` bytes (0: as many as they like); or as catalog_ready_code().
 */
void catalog_ready_layers(struct catalog *c, const struct fn *f, uint64_t most,
                          catalog_ready_fn *fn, void *user);
enum { LAYERS_DIRECTORY = 2 + SHA256_HEX }; /* room for "u-<sha>" */
const char *layers_directory(const char *key, char out[LAYERS_DIRECTORY]);

#endif
