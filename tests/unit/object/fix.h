/* SPDX-License-Identifier: Apache-2.0 */
/* fix.h - a store of objects in memory, with its bytes in a directory, for the tests of this room. */
#ifndef EVOKE_TESTS_OBJECT_FIX_H
#define EVOKE_TESTS_OBJECT_FIX_H

#include <stdlib.h>

#include "base/alloc.h"
#include "loop/loop.h"
#include "object/objects.h"
#include "store/blob.h"
#include "store/kv.h"
#include "t.h"
#include "tempdir.h"

struct fix {
    struct loop *loop;
    struct kv *kv;
    struct blobs *blobs;
    struct objects *o;
    char *dir, *blob_dir;
    struct err e;
    bool done;
    int r;
    char text[4096]; /* what was heard */
    char upload[OBJECT_UPLOAD];
    struct object ob; /* found */
    uint32_t n;
    bool more;
};

static inline void fix_open(struct fix *f)
{
    struct objects_conf conf = {.most = 1 << 20, .most_bytes = 1 << 30, .spool_dir = -1};

    t_ok(objects_open(f->loop, f->kv, f->blobs, &conf, &f->o, &f->e), &f->e);
}

static inline int fix_set_up(void **state)
{
    struct fix *f = *state = xnew(struct fix);

    f->dir = tempdir_new();
    f->blob_dir = xasprintf("%s/blobs", f->dir);
    f->loop = loop_new();
    f->kv = kv_memory_new(f->loop);
    t_ok(blobs_open(f->blob_dir, &f->blobs, &f->e), &f->e);
    fix_open(f);
    return 0;
}

static inline int fix_tear_down(void **state)
{
    struct fix *f = *state;

    objects_free(f->o);
    object_done(&f->ob);
    blobs_free(f->blobs);
    kv_close(f->kv);
    loop_free(f->loop);
    tempdir_free(f->dir);
    free(f->blob_dir);
    free(f);
    return 0;
}

static inline int fix_wait(struct fix *f)
{
    loop_run_until(f->loop, &f->done);
    f->done = false;
    return f->r;
}

static inline void fix_on_done(void *user, int r)
{
    struct fix *f = user;

    f->r = r;
    f->done = true;
}

static inline void fix_on_found(void *user, int r, const struct object *ob)
{
    struct fix *f = user;

    object_done(&f->ob);
    if (ob)
        object_copy(ob, &f->ob);
    fix_on_done(f, r);
}

static inline int fix_make(struct fix *f, const char *name)
{
    objects_make_bucket(f->o, str_of(name), S("account"), S("region"), fix_on_done, f);
    return fix_wait(f);
}

static inline int fix_find(struct fix *f, const char *bucket, struct str key)
{
    objects_find(f->o, str_of(bucket), key, fix_on_found, f);
    return fix_wait(f);
}

/* Of one part, with these bytes. */
static inline int fix_put(struct fix *f, const char *bucket, struct str key, struct str bytes)
{
    struct object_part part;
    struct object ob = {.size = bytes.n,
                        .etag = "d41d8cd98f00b204e9800998ecf8427e",
                        .type = (char *)"text/plain",
                        .headers = (char *)"*a: b\n",
                        .parts = &part,
                        .nparts = 1};

    t_ok(objects_keep(f->o, bytes, &part, &f->e), &f->e);
    objects_put(f->o, str_of(bucket), key, &ob, fix_on_done, f);
    return fix_wait(f);
}

static inline int fix_delete(struct fix *f, const char *bucket, struct str key)
{
    objects_delete(f->o, str_of(bucket), key, fix_on_done, f);
    return fix_wait(f);
}

#endif
