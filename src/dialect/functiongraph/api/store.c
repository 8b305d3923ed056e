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

#include "base/alloc.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
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

static void save_record(struct job *j, const char *sha)
{
    struct fn *f = j->draft;
    struct buf name;

    memcpy(f->code.sha, sha, sizeof(f->code.sha));
    memcpy(f->code.digest, j->package.digest, sizeof(f->code.digest));
    f->code.size = j->package.size;
    fn_set(&f->code.kind, j->code.inlined ? S("inline") : S("zip"));
    buf_init(&name, 2048);
    if (j->code.filename.n > 0)
        buf_adds(&name, j->code.filename);
    else if (j->code.inlined)
        fg_source_name(&j->code, f, &name);
    else
        buf_addz(&name, "index.zip");
    fn_set(&f->code.filename, buf_str(&name));
    buf_done(&name);

    j->draft = NULL; /* taken */
    if (j->update)
        catalog_update(j->call->api->catalog, f, on_saved, j);
    else
        catalog_create(j->call->api->catalog, f, on_saved, j);
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
    loop_work(c->api->loop, prepare, on_prepared, j);
}
