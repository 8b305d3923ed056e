/* SPDX-License-Identifier: Apache-2.0 */
/* write.h - one change on its way to the store; for write.c and write_check.c. */
#ifndef EVOKE_CATALOG_WRITE_H
#define EVOKE_CATALOG_WRITE_H

#include <string.h>

#include "catalog/internal.h"

enum { WRITE_MAGIC = 0x63777274 };

enum verb { CREATE, UPDATE, DELETE };

struct write {
    uint32_t magic;
    struct list node; /* in catalog.writes */
    struct catalog *c;
    const struct kind *kind;
    enum verb verb;
    struct buf key;   /* "fn/..." */
    struct buf value; /* what we want to be there; empty when deleting */
    struct buf owner; /* store key of a function's space, of a trigger's function */
    uint64_t expect;  /* revision to compare with */
    uint64_t owner_rev;
    void *draft; /* owned until installed; NULL when deleting */
    bool running;
    bool allowed; /* write_check() let it pass: it is on its way into the store */
    bool unknown; /* a try ended with an unknown outcome */
    uint32_t tries;
    struct loop_timer *pause; /* owned; NULL until needed */
    union {
        catalog_fn *fn;
        catalog_space_fn *space;
        catalog_trigger_fn *trigger;
        catalog_resource_fn *resource;
    } done;
    void *user;
};

/* The path of its record. */
static inline struct str write_path(const struct write *w)
{
    return str_from(buf_str(&w->key), strlen(w->kind->prefix));
}

/* Does the table allow it? Also settles what to compare with. 0; -EEXIST, -ENOENT, -ESTALE; -EDQUOT
 * too many; -ENOTEMPTY a space with functions; -E2BIG too long for the store. */
int write_check(struct write *w);

#endif
