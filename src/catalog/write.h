/* SPDX-License-Identifier: Apache-2.0 */
/* write.h - one change on its way to the store; for write*.c. */
#ifndef EVOKE_CATALOG_WRITE_H
#define EVOKE_CATALOG_WRITE_H

#include <string.h>

#include "catalog/internal.h"
#include "store/kv.h"

enum { WRITE_MAGIC = 0x63777274 };

/* Over KV_KEY is refused by write_check(), with all of its name. */
enum { KEY_ROOM = 4 * KV_KEY };

enum verb { CREATE, UPDATE, DELETE };

struct write {
    uint32_t magic;
    struct list node; /* in catalog.writes */
    struct catalog *c;
    const struct kind *kind;
    enum verb verb;
    struct buf key;   /* "fn/..." */
    struct buf value; /* what we want to be there; empty when deleting */
    struct buf
            owner;   /* store key of a function's space; of the function of a trigger or version; of
                         an alias's owner */
    uint64_t expect; /* revision to compare with */
    uint64_t owner_rev;
    void *draft;           /* owned until installed; NULL when deleting */
    struct doomed *doomed; /* owned: what goes in this transaction with the function or space */
    uint32_t ndoomed;
    bool gone; /* the function or space is deleted; what is left under its path follows */
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
        catalog_alias_fn *alias;
    } done;
    void *user;
};

/* A record that goes because what it belongs to does. */
struct doomed {
    const struct kind *kind;
    char *path; /* owned */
};

/* The path of its record. */
static inline struct str write_path(const struct write *w)
{
    return str_from(buf_str(&w->key), strlen(w->kind->prefix));
}

/* Does the table allow it? Also settles what to compare with. 0; -EEXIST, -ENOENT, -ESTALE; -EDQUOT
 * too many; -ENOTEMPTY a space with functions; -E2BIG too long for the store. */
int write_check(struct write *w);

/* ---- write_kin.c ---- */

/* List what stands under the path of this function or space, at most so many, into w->doomed; those
 * first that others act on. How many. */
uint32_t write_doom(struct write *w, uint32_t most);
/* Their deletions. keys: room for their store keys. */
void write_doomed_ops(const struct write *w, struct buf *keys, struct kv_op *ops);
/* They are deleted: out of the tables. */
void write_forget_doomed(struct write *w);
void write_doomed_done(struct write *w); /* free the list */
/* At start: what a crash has left of deleted functions. Runs the loop. */
void write_orphans(struct catalog *c);

#endif
