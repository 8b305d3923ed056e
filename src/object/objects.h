/* SPDX-License-Identifier: Apache-2.0 */
/*
 * objects.h - buckets and objects of our own: records in the store, bytes as blobs.
 *
 * A bucket's name is its own everywhere, as in the clouds. Buckets are in memory, objects are not.
 * Store layout: "bucket/<name>", "object/<bucket id>/<key>", "object-sum/<bucket id>" (how many, how
 * large), "object-up/<upload>", "object-part/<upload>/<number>". A bucket's id is eight letters that
 * are never used again, so what is left of a deleted bucket belongs to nobody.
 *
 * An object is a row of blobs: one, or the parts it was uploaded in. Putting bytes is the caller's
 * (objects_keep(), on a worker thread); a record is written when they are on disk. For the loop's
 * thread, where not said otherwise; no call is answered before it returned.
 */
#ifndef EVOKE_OBJECT_OBJECTS_H
#define EVOKE_OBJECT_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/str.h"
#include "object/object.h"

struct blobs;
struct kv;
struct loop;

enum {
    OBJECT_KEY = 1024,     /* bytes of a key */
    OBJECT_BUCKET_MIN = 3, /* letters of a bucket's name */
    OBJECT_BUCKET_MAX = 63,
    OBJECT_BUCKETS = 1000,    /* in all */
    OBJECT_PARTS = 10000,     /* of one upload; also the highest number */
    OBJECT_HEADERS = 8 << 10, /* of one object: what is given back with it */
    OBJECT_UPLOADS = 1000,    /* under way */
    OBJECT_ETAG = 48,
    OBJECT_ID = 9,
    OBJECT_UPLOAD = 33,
};
#define OBJECT_BYTES_MAX (5ull << 30) /* of one object, and of one part */

struct objects_conf {
    uint64_t most;       /* objects in all buckets */
    uint64_t most_bytes; /* and their bytes */
    int spool_dir;       /* borrowed: where nameless files are made */
    const char *stores;  /* of others: see remote.h; NULL: none */
};

struct bucket {
    char name[OBJECT_BUCKET_MAX + 1], id[OBJECT_ID];
    char *owner;  /* an account; "": whoever may do everything made it */
    char *region; /* as its maker named it */
    int64_t created_ms;
    uint64_t objects, bytes; /* with those on their way into the store */
    uint32_t busy;           /* calls under way that need it */
    bool hidden;             /* its record is being made or dropped: nobody finds it meanwhile */
};

struct object_part {
    char sha[SHA256_HEX];
    uint64_t size;
};

struct object {
    uint64_t size;
    int64_t modified_ms;
    char etag[OBJECT_ETAG]; /* without quotes */
    char *type;             /* owned, as all texts; never NULL */
    /* "name: value\n", names in lower case; of the user's own ones "*name". never NULL */
    char *headers;
    struct object_part *parts;
    uint32_t nparts;
};
void object_done(struct object *ob);
void object_copy(const struct object *ob, struct object *ret); /* ret is to be object_done() */

/* Loads the buckets before it returns (runs the loop). kv and blobs are borrowed. */
int objects_open(struct loop *l, struct kv *kv, struct blobs *blobs,
                 const struct objects_conf *conf, struct objects **ret, struct err *e);
/* Waits for what is under way (runs the loop). */
struct objects *objects_free(struct objects *o);
void objects_limit(struct objects *o, uint64_t most, uint64_t most_bytes);

/* 3 to 63 of a-z 0-9 - . ; no dots side by side, letter or digit at both ends, no IPv4 address. */
bool bucket_name_is_valid(struct str name);
/* 1 to OBJECT_KEY bytes of UTF-8, no NUL. */
bool object_key_is_valid(struct str key);

/* NULL: there is none. Borrowed until the next turn. */
const struct bucket *objects_bucket(const struct objects *o, struct str name);
/* In order of their names; fn returns false to stop. */
void objects_each_bucket(const struct objects *o, bool (*fn)(void *user, const struct bucket *b),
                         void *user);

/* 0; -EEXIST; -ENOENT (no such bucket, object or upload); -ENOTEMPTY; -EBUSY; -EDQUOT: a limit; or the
 * store's. */
typedef void objects_fn(void *user, int r);
void objects_make_bucket(struct objects *o, struct str name, struct str owner, struct str region,
                         objects_fn *fn, void *user);
void objects_drop_bucket(struct objects *o, struct str name, objects_fn *fn, void *user);

/* Everything below needs the bucket to be there when it is called (asserted), and keeps it. */

/* ob is borrowed; its bytes are kept already. Replaces what was there. */
void objects_put(struct objects *o, struct str bucket, struct str key, const struct object *ob,
                 objects_fn *fn, void *user);
/* -ENOENT: there was none. */
void objects_delete(struct objects *o, struct str bucket, struct str key, objects_fn *fn,
                    void *user);
/* ob is borrowed, NULL on failure. */
typedef void objects_find_fn(void *user, int r, const struct object *ob);
void objects_find(struct objects *o, struct str bucket, struct str key, objects_find_fn *fn,
                  void *user);

struct objects_ask {
    struct str prefix,
            after;        /* after: the key or common prefix of the last row; "": from the first */
    struct str delimiter; /* "": none */
    uint32_t limit;       /* rows */
};
struct objects_list_ops {
    /* ob NULL: key is a common prefix. */
    void (*row)(void *user, struct str key, const struct object *ob);
    /* more: there are rows behind `last`. */
    void (*end)(void *user, int r, bool more, struct str last);
};
void objects_list(struct objects *o, struct str bucket, const struct objects_ask *ask,
                  const struct objects_list_ops *ops, void *user); /* ops live on, ask is copied */

/* ---- uploads in parts ---- */

typedef void upload_begin_fn(void *user, int r, const char *upload);
/* ob: type and headers count. */
void objects_begin_upload(struct objects *o, struct str bucket, struct str key,
                          const struct object *ob, upload_begin_fn *fn, void *user);
/* etag: of the part, 32 hex digits. */
void objects_put_part(struct objects *o, struct str bucket, struct str key, struct str upload,
                      uint32_t number, const struct object_part *part, const char *etag,
                      objects_fn *fn, void *user);
struct upload_row {
    uint32_t number;
    struct object_part part;
    char etag[OBJECT_ETAG];
    int64_t modified_ms;
};
/* rows: all of them, in order of their numbers; borrowed. */
typedef void upload_parts_fn(void *user, int r, const struct upload_row *rows, uint32_t n);
void objects_parts(struct objects *o, struct str bucket, struct str key, struct str upload,
                   upload_parts_fn *fn, void *user);
struct upload_part { /* as its maker wants it */
    uint32_t number;
    char etag[OBJECT_ETAG];
};
/* -EINVAL: a part is missing, or not the one that was sent, or not the last and under 100 KiB
 * (-ERANGE), or the object would be larger than OBJECT_BYTES_MAX (-EFBIG). ob: what it is now. */
void objects_complete(struct objects *o, struct str bucket, struct str key, struct str upload,
                      const struct upload_part *parts, uint32_t n, objects_find_fn *fn, void *user);
void objects_abort(struct objects *o, struct str bucket, struct str key, struct str upload,
                   objects_fn *fn, void *user);

struct upload_info {
    char *key;
    char id[OBJECT_UPLOAD];
    int64_t created_ms;
};
/* In order of their keys; borrowed. */
typedef void uploads_fn(void *user, int r, const struct upload_info *list, uint32_t n);
void objects_uploads(struct objects *o, struct str bucket, uploads_fn *fn, void *user);

/* ---- bytes ---- */

/* On a worker thread: these bytes as a part. 0 or the host's. */
int objects_keep(struct objects *o, struct str bytes, struct object_part *ret, struct err *e);
/* On a worker thread: up to n bytes from offset are added to out; fewer only at the end. */
int objects_read(struct objects *o, const struct object *ob, uint64_t offset, size_t n,
                 struct buf *out);

/* On a worker thread: pieces, until next() returns 0, put together in a nameless file. next(): 1 with a
 * piece; negative: given up, and returned. */
int objects_gather(struct objects *o, int (*next)(void *user, struct str *ret), void *user,
                   struct object_bytes *ret);
/* On a worker thread: how many bytes the blob has. -ENOENT. */
int objects_blob_size(struct objects *o, const char *sha, uint64_t *ret);

/* ---- what else happens ---- */

/* After each change of an object that is in the store: for sources that watch buckets. */
struct object_event {
    const struct bucket *bucket;
    struct str key;
    const char *how;         /* "put", "complete", "delete" */
    const struct object *ob; /* NULL: deleted */
};
void objects_on_event(struct objects *o, void (*fn)(void *user, const struct object_event *x),
                      void *user);

/* What the blob store must keep, for catalog_gc(): shas are taken (free()). Also aborts uploads that
 * nobody has gone on with for a week, and removes parts of none. */
typedef void objects_names_fn(void *user, int r, char (*shas)[SHA256_HEX], size_t n);
void objects_names(struct objects *o, objects_names_fn *fn, void *user);

#endif
