/* SPDX-License-Identifier: Apache-2.0 */
/*
 * code_source.c - code packages out of buckets, for all dialects.
 *
 *   object_get -> a map of its bytes -> digests, on a worker -> catalog_put_code_of -> told
 *
 * The map lives until the package is stored; nothing is copied on the way.
 */
#include "api/code_source.h"

#include <errno.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/obj.h"
#include "loop/loop.h"

enum { TAKING_MAGIC = 0x434f4453, URL_MAX = 8192 };

struct taking {
    uint32_t magic;
    const struct api *api;
    enum dialect dialect;
    struct package_limits limits;
    struct object_bytes bytes; /* owned */
    struct code_taken taken;
    struct err err; /* of a refusal that waits for its turn */
    code_source_fn *fn;
    void *user;
};

static void end(struct taking *t, int r, const struct err *e)
{
    t->fn(t->user, r, r == 0 ? &t->taken : NULL, e);
    object_bytes_done(&t->bytes);
    t->magic = 0;
    free(t);
}

static void on_stored(void *user, int r, const char *sha, const struct err *e)
{
    struct taking *t = OBJ(user, struct taking, TAKING_MAGIC);

    if (r == 0)
        memcpy(t->taken.sha, sha, sizeof(t->taken.sha));
    end(t, r, e);
}

/* On a worker: what the dialects show of a package. */
static void work_digest(void *user)
{
    struct taking *t = OBJ(user, struct taking, TAKING_MAGIC);

    if (t->dialect == DIALECT_FUNCTIONGRAPH)
        sha512_hex(t->bytes.view, t->taken.sha512);
    if (t->dialect == DIALECT_FC)
        t->taken.crc64 = crc64_ecma(0, t->bytes.view.p, t->bytes.view.n);
}

static void on_digest(void *user)
{
    struct taking *t = OBJ(user, struct taking, TAKING_MAGIC);
    struct objects *objects = t->api->objects;

    catalog_put_code_of(t->api->catalog, t->bytes.view, &t->limits, on_stored, t);
    object_release(objects); /* the catalog waits from here on */
}

static void on_bytes(void *user, int r, struct object_bytes *bytes, const struct err *e)
{
    struct taking *t = OBJ(user, struct taking, TAKING_MAGIC);

    if (r < 0) {
        end(t, r == -EMSGSIZE ? -EFBIG : r, e);
        return;
    }
    t->bytes = *bytes;
    *bytes = (struct object_bytes){0};
    t->taken.size = t->bytes.view.n;
    object_hold(t->api->objects);
    loop_work(t->api->loop, work_digest, on_digest, t);
}

static struct taking *taking_new(const struct call *c, enum dialect dialect,
                                 const struct package_limits *limits, code_source_fn *fn,
                                 void *user)
{
    struct taking *t = xnew(struct taking);

    t->magic = TAKING_MAGIC;
    t->api = c->api;
    t->dialect = dialect;
    t->limits = *limits;
    t->fn = fn;
    t->user = user;
    return t;
}

static void refuse(void *user)
{
    struct taking *t = OBJ(user, struct taking, TAKING_MAGIC);

    end(t, t->err.code, &t->err);
}

void code_source_take(struct call *c, const struct object_ref *ref,
                      const struct package_limits *limits, code_source_fn *fn, void *user)
{
    struct taking *t = taking_new(c, ref->dialect, limits, fn, user);
    struct object_ref of = *ref;

    /* A key of one account takes from the buckets of that account; the others from all. */
    of.account = str_of(c->by.account);
    if (c->api->objects) {
        object_get(c->api->objects, &of, limits->packed_bytes, on_bytes, t);
        return;
    }
    (void)err_set(&t->err, ERR_HOST, -ENXIO, "there is no object storage here");
    loop_defer(c->api->loop, refuse, t);
}

void code_source_take_url(struct call *c, enum dialect dialect, struct str account, struct str url,
                          const struct package_limits *limits, code_source_fn *fn, void *user)
{
    struct object_ref ref;
    cleanup_with(buf_done) struct buf room;
    struct err e = {0};

    buf_init(&room, URL_MAX);
    if (object_ref_of_url(dialect, account, url, &room, &ref, &e) < 0) {
        struct taking *t = taking_new(c, dialect, limits, fn, user);

        t->err = e;
        loop_defer(c->api->loop, refuse, t);
        return;
    }
    code_source_take(c, &ref, limits, fn, user);
}
