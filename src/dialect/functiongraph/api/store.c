/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - code on its way in: decoded and packed on a worker, stored, and only then the record
 * that names it. A crash in between leaves a package nobody names, never a name without a package.
 *
 * prepare [worker] -> on_prepared -> catalog_put_code -> on_stored -> catalog_create or _update ->
 * on_saved -> reply. The job owns the request's JSON, so it does not matter when the client leaves.
 */
#include <errno.h>
#include <stdlib.h>

#include "api/code_source.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "dialect/functiongraph/api/dependency.h"
#include "dialect/functiongraph/api/fg.h"
#include "loop/loop.h"

#define JOB_MAGIC 0x46475354

struct job {
    uint32_t magic;
    struct call *call;  /* ours to answer */
    struct cJSON *body; /* owned; what code looks into */
    struct fg_code code;
    struct fn *draft; /* owned until the catalog takes it */
    bool update;
    void (*reply)(struct call *c, const struct fn *f);
    struct fg_package package; /* owned until the catalog takes its zip */
    int r;
    struct fg_error x;
};

static void job_free(struct job *j)
{
    json_free(j->body);
    fn_unref(j->draft);
    buf_done(&j->package.zip);
    j->magic = 0;
    free(j);
}

/* On a worker thread: this job is nobody else's meanwhile. */
static void prepare(void *user)
{
    struct job *j = OBJ(user, struct job, JOB_MAGIC);

    j->r = fg_prepare(&j->code, j->draft, &j->package, &j->x);
}

static void on_saved(void *user, int r, const struct fn *f)
{
    struct job *j = OBJ(user, struct job, JOB_MAGIC);

    if (r < 0)
        fg_fail_catalog(j->call, r);
    else
        j->reply(j->call, f);
    job_free(j);
}

static void fail_package(struct call *c, int r, const struct err *e)
{
    if (r == -EFBIG)
        call_fail(c, 413, "FSS.1071", "%s", e->msg);
    else if (e->kind == ERR_CALLER)
        call_fail(c, 400, "FSS.1011", "%s", e->msg);
    else
        call_fail(c, 500, "FSS.1302", "the code was not saved: %s", e->msg);
}

static void on_fits(void *user, int r, const struct err *e)
{
    struct job *j = OBJ(user, struct job, JOB_MAGIC);
    struct fn *f = TAKE_PTR(j->draft);

    if (r < 0) {
        fn_unref(f);
        fg_fail_dependencies(j->call, r, e);
        job_free(j);
    } else if (j->update) {
        catalog_update(j->call->api->catalog, f, on_saved, j);
    } else {
        catalog_create(j->call->api->catalog, f, on_saved, j);
    }
}

/* -> on_fits -> on_saved */
static void save_record(struct job *j, const char *sha)
{
    struct fn *f = j->draft;
    struct buf name;

    memcpy(f->code.sha, sha, sizeof(f->code.sha));
    memcpy(f->code.digest, j->package.digest, sizeof(f->code.digest));
    f->code.size = j->package.size;
    fn_set(&f->code.kind, j->code.inlined     ? S("inline")
                          : j->code.jar       ? S("jar")
                          : j->code.url.n > 0 ? S("obs")
                                              : S("zip"));
    buf_init(&name, 2048);
    if (j->code.filename.n > 0)
        buf_adds(&name, j->code.filename);
    else if (j->code.inlined)
        fg_source_name(&j->code, f, &name);
    else
        buf_addz(&name, "index.zip");
    fn_set(&f->code.filename, buf_str(&name));
    buf_done(&name);

    fg_check_dependencies(j->call, f, on_fits, j);
}

static void on_stored(void *user, int r, const char *sha, const struct err *e)
{
    struct job *j = OBJ(user, struct job, JOB_MAGIC);

    if (r < 0) {
        fail_package(j->call, r, e);
        job_free(j);
        return;
    }
    save_record(j, sha);
}

static void on_prepared(void *user)
{
    struct job *j = OBJ(user, struct job, JOB_MAGIC);

    if (j->r < 0) {
        fg_fail(j->call, &j->x);
        job_free(j);
        return;
    }
    catalog_put_code(j->call->api->catalog, &j->package.zip, &package_limits_default, on_stored, j);
}

/* ---- code_type obs ---- */

static void fail_object(struct call *c, int r, const struct err *e)
{
    if (r == -ENOENT || r == -ENXIO)
        call_fail(c, 404, "FSS.1010", "code_url: %s", e->msg);
    else if (r == -EACCES)
        call_fail(c, 403, "FSS.1010", "code_url: %s", e->msg);
    else
        fail_package(c, r, e);
}

static void on_object(void *user, int r, const struct code_taken *t, const struct err *e)
{
    struct job *j = OBJ(user, struct job, JOB_MAGIC);

    if (r < 0) {
        fail_object(j->call, r, e);
        job_free(j);
        return;
    }
    j->package.size = t->size;
    memcpy(j->package.digest, t->sha512, sizeof(j->package.digest));
    save_record(j, t->sha);
}

static void fetch(struct job *j)
{
    struct package_limits limits = package_limits_default;
    struct fn_key key = fn_key_of(j->draft);
    cleanup_with(buf_done) struct buf room;
    struct object_ref ref;
    struct err e = {0};

    buf_init(&room, 4096);
    limits.packed_bytes = FG_OBS_MAX;
    if (object_ref_of_url(DIALECT_FUNCTIONGRAPH, key.account, j->code.url, &room, &ref, &e) == 0) {
        code_source_take(j->call, &ref, &limits, on_object, j);
        return;
    }
    call_fail(j->call, 400, "FSS.1010", "code_url: %s", e.msg);
    job_free(j);
}

void fg_store(struct call *c, struct cJSON *body, const struct fg_code *code, struct fn *draft,
              bool update, void (*reply)(struct call *c, const struct fn *f))
{
    struct job *j = xnew(struct job);

    j->magic = JOB_MAGIC;
    j->call = c;
    j->body = body;
    j->code = *code;
    j->draft = draft;
    j->update = update;
    j->reply = reply;
    buf_init(&j->package.zip, FG_ZIP_MAX + 1);
    if (code->url.n > 0)
        fetch(j); /* -> on_object */
    else
        loop_work(c->api->loop, prepare, on_prepared, j);
}
