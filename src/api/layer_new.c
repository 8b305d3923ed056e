/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer_new.c - decode [worker], or fetch -> catalog_put_code() -> catalog_publish_layer() -> fn.
 *
 * A crash on the way leaves a package nobody names, which gc collects.
 */
#include "api/layer_new.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "api/code_source.h"
#include "base/alloc.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/obj.h"
#include "loop/loop.h"

enum { JOB_MAGIC = 0x4c4e4557, DIGEST = 80 };

struct job {
    uint32_t magic;
    struct call *call;
    struct fn_key owner; /* views into own texts */
    char *account, *region, *name, *description, *runtimes, *extra, *base64; /* owned */
    struct package_limits limits;
    struct buf zip; /* owned */
    uint64_t size, crc64;
    int r;
    struct err err;
    layer_new_fn *fn;
};

static void end(struct job *j, int r, enum layer_step step, const struct resource *res,
                const struct err *e)
{
    j->fn(j->call, r, step, res, e);
    free(j->account);
    free(j->region);
    free(j->name);
    free(j->description);
    free(j->runtimes);
    free(j->extra);
    free(j->base64);
    buf_done(&j->zip);
    j->magic = 0;
    free(j);
}

static void on_published(void *user, int r, const struct resource *res)
{
    end(OBJ(user, struct job, JOB_MAGIC), r, LAYER_PUBLISH, res, NULL);
}

static void publish(struct job *j, const char *sha)
{
    struct layer what = {.name = str_of(j->name),
                         .description = str_of(j->description),
                         .runtimes = str_of(j->runtimes),
                         .extra = str_of(j->extra),
                         .size = j->size};
    char digest[DIGEST];

    memcpy(what.sha, sha, SHA256_HEX);
    if (j->owner.dialect == DIALECT_FC)
        (void)snprintf(digest, sizeof(digest), "%" PRIu64, j->crc64);
    else
        (void)snprintf(digest, sizeof(digest), "%s", sha);
    what.digest = str_of(digest);
    catalog_publish_layer(j->call->api->catalog, &j->owner, &what, on_published, j);
}

static void on_stored(void *user, int r, const char *sha, const struct err *e)
{
    struct job *j = OBJ(user, struct job, JOB_MAGIC);

    if (r < 0)
        end(j, r, LAYER_TAKE, NULL, e);
    else
        publish(j, sha); /* -> on_published */
}

static void on_taken(void *user, int r, const struct code_taken *t, const struct err *e)
{
    struct job *j = OBJ(user, struct job, JOB_MAGIC);

    if (r < 0) {
        end(j, r, LAYER_TAKE, NULL, e);
        return;
    }
    j->size = t->size;
    j->crc64 = t->crc64;
    publish(j, t->sha);
}

/* On a worker thread. */
static void decode(void *user)
{
    struct job *j = OBJ(user, struct job, JOB_MAGIC);
    int r = base64_decode(str_of(j->base64), &j->zip);

    if (r == -EMSGSIZE || j->zip.n > j->limits.packed_bytes)
        j->r = err_set(&j->err, ERR_LIMIT, -EFBIG, "the package is larger than %llu bytes",
                       (unsigned long long)j->limits.packed_bytes);
    else if (r < 0)
        j->r = err_set(&j->err, ERR_CALLER, -EINVAL, "the package is not base64");
    else if (j->owner.dialect == DIALECT_FC)
        j->crc64 = crc64_ecma(0, j->zip.p, j->zip.n);
    j->size = j->zip.n;
}

static void on_decoded(void *user)
{
    struct job *j = OBJ(user, struct job, JOB_MAGIC);

    if (j->r < 0)
        end(j, j->r, LAYER_TAKE, NULL, &j->err);
    else
        catalog_put_code(j->call->api->catalog, &j->zip, &j->limits, on_stored, j);
}

void layer_new(struct call *c, const struct fn_key *owner, const struct layer *what,
               const struct layer_source *from, const struct package_limits *limits,
               layer_new_fn *fn)
{
    struct job *j = xnew(struct job);

    j->magic = JOB_MAGIC;
    j->call = c;
    j->account = str_dup(owner->account);
    j->region = str_dup(owner->region);
    j->owner = (struct fn_key){
            .dialect = owner->dialect, .account = str_of(j->account), .region = str_of(j->region)};
    j->name = str_dup(what->name);
    j->description = str_dup(what->description);
    j->runtimes = str_dup(what->runtimes);
    j->extra = str_dup(what->extra);
    j->limits = *limits;
    j->fn = fn;
    buf_init(&j->zip, LAYER_ZIP_MAX);
    if (from->object) {
        code_source_take(c, from->object, limits, on_taken, j);
    } else if (from->url.n > 0) {
        code_source_take_url(c, owner->dialect, j->owner.account, from->url, limits, on_taken, j);
    } else {
        j->base64 = str_dup(from->base64);
        loop_work(c->api->loop, decode, on_decoded, j);
    }
}

void layer_check(struct call *c, const struct fn *draft, uint64_t most, catalog_ready_fn *fn,
                 void *user)
{
    if (draft->nlayers == 0 || draft->code.sha[0] == '\0')
        fn(user, 0, NULL);
    else
        catalog_ready_layers(c->api->catalog, draft, most, fn, user);
}
