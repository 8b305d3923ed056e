/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of this room share; for no other room. */
#ifndef EVOKE_OBJECT_INTERNAL_H
#define EVOKE_OBJECT_INTERNAL_H

#include "base/list.h"
#include "object/objects.h"
#include "store/kv.h"

struct remotes;

enum { OBJECTS_MAGIC = 0x4f424a53, KEY_MAX = OBJECT_KEY + 64, RECORD_MAX = KV_VALUE };

struct objects {
    uint32_t magic;
    struct loop *loop; /* borrowed, as the next two */
    struct kv *kv;
    struct blobs *blobs; /* worker threads use it, and spool_dir */
    int spool_dir;
    uint64_t most, most_bytes;
    uint64_t objects, bytes; /* in all buckets */
    struct bucket **buckets; /* owned, in order of their names */
    uint32_t nbuckets;
    uint32_t uploads;            /* under way, as far as we know */
    struct list fetches;         /* that wait for their turn */
    uint32_t fetching, nfetches; /* those at work; and with those that wait */
    struct remotes *remotes;     /* owned; NULL: none */
    void (*on_event)(void *user, const struct object_event *x);
    void *on_event_user;
    uint32_t busy; /* calls under way */
    bool idle;     /* busy == 0 */
};

void objects_began(struct objects *o);
void objects_ended(struct objects *o);
struct bucket *bucket_of(const struct objects *o, struct str name);

/* codec.c: records as JSON text. Decoding refuses what encoding cannot have written. */
void object_encode(const struct object *ob, struct buf *out);
int object_decode(struct str json, struct object *ret);
void bucket_encode(const struct bucket *b, struct buf *out);
struct bucket *bucket_decode(struct str name, struct str json); /* NULL: malformed */
struct bucket *bucket_free(struct bucket *b);

/* change.c: one object's record replaced or removed, with the bucket's sum; with it goes, if it is named,
 * a key that must still have this revision. */
struct object_change {
    struct str bucket, key;
    const struct object *ob; /* NULL: removed */
    const char *how;
    struct str also; /* "": none */
    uint64_t also_rev;
};
void objects_change(struct objects *o, const struct object_change *what, objects_fn *fn,
                    void *user);

/* multipart.c: the parts of an upload go away; nobody waits. */
void objects_purge_parts(struct objects *o, struct str upload);

#endif
