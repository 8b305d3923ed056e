/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deploy.c - create a function, or make an existing one what the request says.
 *
 * check --code--> store the package --> space --> write the record --> answer
 *   \--no code-----------------------/
 *
 * Settings the request leaves out take their defaults, so that the same manifest always gives the
 * same function; code it leaves out stays, and so does code of which it tells the hash: then somebody
 * who packed the same files needs not send them, and whoever put others there in between is
 * noticed. An FC function needs its service: it is made when it is
 * missing. Of two deployments at the same time one gets 409; one that changes nothing writes
 * nothing. With ?dry_run=true the answer is what would be, and nothing is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/async.h"
#include "admin/handlers.h"
#include "admin/object.h"
#include "admin/parse.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "catalog/package.h"
#include "fn/fn.h"
#include "fn/space.h"
#include "runtime/runtime.h"

struct deploy {
    uint32_t magic;
    struct call *call; /* borrowed; lives until its reply */
    struct fn *draft;  /* owned until the catalog takes it */
    bool update;
};
enum { DEPLOY_MAGIC = 0x4445504c, INLINE_MAX = 10 << 10 /* FunctionGraph's inline code */ };

static void deploy_free(struct deploy *d)
{
    d->magic = 0;
    if (d->draft)
        fn_unref(d->draft);
    free(d);
}

static void on_written(void *user, int r, const struct fn *f)
{
    struct deploy *d = OBJ(user, struct deploy, DEPLOY_MAGIC);
    struct call *c = d->call;
    bool update = d->update;
    struct buf body;
    struct jw w;

    deploy_free(d);
    if (r < 0) {
        admin_fail_write(c, r);
        return;
    }
    buf_init(&body, ADMIN_OBJECT_MAX);
    jw_init(&w, &body);
    admin_object_function(&w, c->api, f);
    call_reply_buf(c, update ? 200 : 201, S("application/json"), &body);
}

/* The draft is a copy of the record in force, so what the request did not change is the same text.
 */
static bool is_unchanged(const struct deploy *d, const struct fn *current)
{
    cleanup_with(buf_done) struct buf before, after;

    buf_init(&before, ADMIN_OBJECT_MAX);
    buf_init(&after, ADMIN_OBJECT_MAX);
    if (!current || current->revision != d->draft->revision)
        return false;
    fn_encode(current, &before);
    fn_encode(d->draft, &after);
    return buf_ok(&before) && buf_ok(&after) && str_eq(buf_str(&before), buf_str(&after));
}

static void write_record(struct deploy *d)
{
    struct catalog *catalog = d->call->api->catalog;
    struct fn_key key = fn_key_of(d->draft);
    const struct fn *current = d->update ? catalog_find(catalog, &key) : NULL;
    struct fn *draft;

    /* A new revision would cost every warm instance. */
    if (is_unchanged(d, current)) {
        call_header(d->call, "X-Evoke-Unchanged", S("true"));
        on_written(d, 0, current);
        return;
    }
    draft = TAKE_PTR(d->draft);
    draft->modified_ms = clock_wall_ms();
    if (!d->update)
        draft->created_ms = draft->modified_ms;
    /* -> on_written */
    if (d->update)
        catalog_update(catalog, draft, on_written, d);
    else
        catalog_create(catalog, draft, on_written, d);
}

static void on_space(void *user, int r, const struct space *s)
{
    struct deploy *d = OBJ(user, struct deploy, DEPLOY_MAGIC);

    (void)s;
    if (r < 0 && r != -EEXIST) {
        admin_fail_write(d->call, r);
        deploy_free(d);
        return;
    }
    write_record(d);
}

static void ensure_space(struct deploy *d)
{
    struct catalog *catalog = d->call->api->catalog;
    struct fn_key key = fn_key_of(d->draft);
    struct space *s;

    if (key.dialect != DIALECT_FC || catalog_find_space(catalog, &key)) {
        write_record(d);
        return;
    }
    s = space_new(&key);
    s->created_ms = s->modified_ms = clock_wall_ms();
    catalog_create_space(catalog, s, on_space, d); /* -> on_space */
}

static void on_code(void *user, int r, const char *sha, const struct err *e)
{
    struct deploy *d = OBJ(user, struct deploy, DEPLOY_MAGIC);

    if (r < 0) {
        call_fail(d->call, r == -EFBIG ? 413 : r == -EINVAL ? 400 : 503, NULL, "code: %s", e->msg);
        deploy_free(d);
        return;
    }
    snprintf(d->draft->code.sha, sizeof(d->draft->code.sha), "%s", sha);
    ensure_space(d);
}

/* Each cloud prints a checksum of its own kind. */
static void describe_code(struct fn *f, struct str zip, struct str source, struct str filename)
{
    struct fn_code *code = &f->code;

    if (f->dialect == DIALECT_FC)
        snprintf(code->digest, sizeof(code->digest), "%llu",
                 (unsigned long long)crc64_ecma(0, zip.p, zip.n));
    else
        sha512_hex(zip, code->digest);
    if (source.p && source.n <= INLINE_MAX && f->dialect == DIALECT_FUNCTIONGRAPH) {
        code->size = source.n;
        fn_set(&code->kind, S("inline"));
        fn_set(&code->filename, filename);
    } else {
        code->size = zip.n;
        fn_set(&code->kind, S("zip"));
        fn_set(&code->filename, S("index.zip"));
    }
}

/* One source file becomes a package of one file. */
static int make_package(struct fn *f, struct admin_code *code, struct err *e)
{
    const struct runtime *rt = runtime_find(f->dialect, str_of(f->runtime));
    char usual[64];
    int r = 0;

    if (code->source.p && !code->filename.n) {
        if (!rt || !rt->source)
            return err_set(e, ERR_CALLER, -EINVAL,
                           "code.filename: %s has no usual source file name", f->runtime);
        snprintf(usual, sizeof(usual), "index%s", rt->source);
        r = package_from_source(str_of(usual), code->source, &code->zip, e);
        if (r >= 0)
            describe_code(f, buf_str(&code->zip), code->source, str_of(usual));
        return r;
    }
    if (code->source.p)
        r = package_from_source(code->filename, code->source, &code->zip, e);
    if (r >= 0)
        describe_code(f, buf_str(&code->zip), code->source, code->filename);
    return r;
}

static int prepare(const struct cJSON *body, struct fn *draft, struct admin_code *code,
                   struct err *e)
{
    int r = admin_parse_deploy(body, draft, code, e);

    if (r >= 0 && (code->zip.n > 0 || code->source.p))
        r = make_package(draft, code, e);
    return r;
}

/* Nothing is stored; the package itself is not looked into. */
static void reply_dry(struct call *c, const struct fn *draft, const struct fn *before)
{
    struct buf body;
    struct jw w;

    call_note(c, "dry_run");
    buf_init(&body, ADMIN_OBJECT_MAX);
    jw_init(&w, &body);
    admin_object_function(&w, c->api, draft);
    call_reply_buf(c, before ? 200 : 201, S("application/json"), &body);
}

static bool is_other_code(const struct admin_code *code, const struct fn *before)
{
    return code->sha.p && !(before && str_eq(code->sha, str_of(before->code.sha)));
}

static void code_done(struct admin_code *code)
{
    buf_done(&code->zip);
}

void admin_deploy(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    cleanup_with(code_done) struct admin_code code = {0};
    const struct fn *before;
    struct deploy *d;
    struct fn_key key;
    struct fn *draft;
    struct err e = {0};

    buf_init(&code.zip, ADMIN_ZIP_MAX);
    if (!admin_key(c, &key))
        return;
    body = call_json(c, &e);
    if (!body) {
        call_fail(c, 400, NULL, "body: %s", e.msg);
        return;
    }
    before = catalog_find(c->api->catalog, &key);
    draft = before ? fn_copy(before) : fn_new(&key);
    if (prepare(body, draft, &code, &e) < 0) {
        fn_unref(draft);
        call_fail_err(c, NULL, &e);
        return;
    }
    if (!admin_permit_async(c, draft)) {
        fn_unref(draft);
        return;
    }
    if (is_other_code(&code, before)) {
        fn_unref(draft);
        call_fail(c, 409, NULL, "the function's code is not the one of code.sha256, send it");
        return;
    }
    if (str_eq(call_query(c, S("dry_run")), S("true"))) {
        reply_dry(c, draft, before);
        fn_unref(draft);
        return;
    }

    d = xnew(struct deploy);
    *d = (struct deploy){
            .magic = DEPLOY_MAGIC, .call = c, .draft = draft, .update = before != NULL};
    if (code.zip.n > 0)
        catalog_put_code(c->api->catalog, &code.zip, &package_limits_default, on_code, d);
    else
        ensure_space(d);
    /* -> on_code -> on_space -> on_written */
}
