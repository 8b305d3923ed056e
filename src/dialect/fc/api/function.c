/* SPDX-License-Identifier: Apache-2.0 */
/*
 * function.c - CreateFunction, GetFunction, UpdateFunction, ListFunctions, DeleteFunction.
 *
 * Creating and changing take up to three turns: check the request, store the package (worker pool),
 * write the record. What others did meanwhile is looked at again before the write: the service may
 * be gone, the function may be another one (409 ConcurrentUpdateError).
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "api/api.h"
#include "api/code_source.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/triggers.h"
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/layer.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/page.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/api/version.h"
#include "fn/fn.h"

struct change {
    uint32_t magic;
    struct call *call; /* borrowed; lives until its reply */
    struct fn *draft;  /* owned until the catalog takes it; NULL: a deletion */
    char *service, *name;
    bool update; /* of one that is there; else it is made */
};
enum { CHANGE_MAGIC = 0x46434348 };

static struct change *change_new(struct call *c, const struct fn_key *key, struct fn *draft)
{
    struct change *ch = xnew(struct change);

    ch->magic = CHANGE_MAGIC;
    ch->call = c;
    ch->draft = draft;
    ch->service = str_dup(key->space);
    ch->name = str_dup(key->name);
    return ch;
}

static void change_free(struct change *ch)
{
    ch->magic = 0;
    if (ch->draft)
        fn_unref(ch->draft);
    free(ch->service);
    free(ch->name);
    free(ch);
}

static void fail_exists(struct call *c, const char *name, const char *service)
{
    call_fail(c, 409, "FunctionAlreadyExists", "function '%s' already exists in service '%s'", name,
              service);
}

static void fail_missing(struct call *c, const char *name, const char *service)
{
    call_fail(c, 404, "FunctionNotFound", "function '%s' does not exist in service '%s'", name,
              service);
}

static void reply_function(struct call *c, const struct fn *f)
{
    char etag[FC_ETAG_TEXT];
    struct buf body;

    buf_init(&body, FC_OBJECT_MAX);
    fc_object_function(f, &body);
    fc_reply_object(c, fc_object_function_etag(f, etag), &body);
}

static void on_written(void *user, int r, const struct fn *f)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);

    if (r == -EEXIST)
        fail_exists(ch->call, ch->name, ch->service);
    else if (r == -ENOENT)
        fail_missing(ch->call, ch->name, ch->service);
    else if (r < 0)
        fc_error_write(ch->call, r, "function", str_of(ch->name));
    else
        reply_function(ch->call, f);
    change_free(ch);
}

static void on_fits(void *user, int r, const struct err *e)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);
    struct catalog *catalog = ch->call->api->catalog;

    if (r < 0) {
        call_fail(ch->call, r == -EFBIG ? 400 : 500,
                  r == -EFBIG ? "InvalidArgument" : "InternalServerError", "%s", e->msg);
        change_free(ch);
        return;
    }

    if (ch->update)
        catalog_update(catalog, TAKE_PTR(ch->draft), on_written, ch);
    else
        catalog_create(catalog, TAKE_PTR(ch->draft), on_written, ch);
}

/* -> on_fits -> on_written */
static void write_record(struct change *ch)
{
    fc_layers_check(ch->call, ch->draft, on_fits, ch);
}

static void on_code_stored(void *user, int r, const char *sha, const struct err *e)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);
    struct catalog *catalog = ch->call->api->catalog;
    struct fn_key key = fn_key_of(ch->draft);

    if (r == -EINVAL || r == -EFBIG) {
        call_fail(ch->call, 400, "InvalidArgument", "code package: %s", e->msg);
        change_free(ch);
        return;
    }
    if (r < 0) {
        call_fail(ch->call, 500, "InternalServerError", "%s", e->msg);
        change_free(ch);
        return;
    }
    if (!catalog_find_space(catalog, &key)) {
        call_fail(ch->call, 404, "ServiceNotFound", "service '%s' does not exist", ch->service);
        change_free(ch);
        return;
    }
    snprintf(ch->draft->code.sha, sizeof(ch->draft->code.sha), "%s", sha);
    write_record(ch);
}

/* The header is optional; when it is there it must be right. */
static bool checksum_matches(struct call *c, const char *checksum)
{
    struct str want = str_trim(http_header(c->req, S("X-Fc-Code-Checksum")));

    if (want.n == 0 || str_eq(want, str_of(checksum)))
        return true;
    call_fail(c, 400, "InvalidArgument",
              "code checksum mismatch (X-Fc-Code-Checksum: '%.*s', actual: '%s')",
              (int)(want.n < 32 ? want.n : 32), want.p, checksum);
    return false;
}

static void describe_code(struct fn *f, struct str zip)
{
    char checksum[FC_CHECKSUM_TEXT];

    f->code.size = zip.n;
    snprintf(f->code.digest, sizeof(f->code.digest), "%s", fc_object_checksum(zip, checksum));
    fn_set(&f->code.kind, S("zip"));
}

static void on_object(void *user, int r, const struct code_taken *t, const struct err *e)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);
    struct fn *f = ch->draft;

    if (r < 0) {
        bool caller = e->kind == ERR_CALLER || e->kind == ERR_LIMIT;

        call_fail(ch->call, caller ? 400 : 500, caller ? "InvalidArgument" : "InternalServerError",
                  "code package: %s", e->msg);
        change_free(ch);
        return;
    }
    f->code.size = t->size;
    snprintf(f->code.digest, sizeof(f->code.digest), "%llu", (unsigned long long)t->crc64);
    fn_set(&f->code.kind, S("zip"));
    on_code_stored(ch, 0, t->sha, NULL);
}

/* The package first, if there is one. Takes zip and draft; or it has replied. */
static void store(struct call *c, const struct cJSON *body, const struct fn_key *key,
                  struct fn *draft, struct buf *zip, bool update)
{
    struct str bucket, object;
    struct change *ch;

    if (!fc_layers_parse(c, body, draft)) {
        fn_unref(draft);
        return;
    }
    if (zip->n > 0)
        describe_code(draft, buf_str(zip));
    if (zip->n > 0 && !checksum_matches(c, draft->code.digest)) {
        fn_unref(draft);
        return;
    }
    ch = change_new(c, key, draft);
    ch->update = update;
    if (fc_parse_code_object(body, &bucket, &object)) { /* -> on_object -> on_written */
        struct object_ref ref = {DIALECT_FC, key->account, bucket, object};

        code_source_take(c, &ref, &package_limits_default, on_object, ch);
    } else if (zip->n > 0) { /* -> on_code_stored -> on_written */
        catalog_put_code(c->api->catalog, zip, &package_limits_default, on_code_stored, ch);
    } else {
        write_record(ch);
    }
}

void fc_function_create(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    cleanup_with(buf_done) struct buf zip;
    struct fn_key key;
    struct fn *draft;
    struct err e = {0};
    int r;

    buf_init(&zip, FC_ZIP_MAX);
    if (!fc_latest_service(c, c->captures[0], &key))
        return;
    body = fc_body(c);
    if (!body)
        return;
    r = fc_parse_name_of(body, "functionName", &key.name, &e);
    if (r < 0) {
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    call_about(c, &key);
    draft = fn_new(&key);
    r = fc_parse_function(body, draft, &zip, &e);
    if (r < 0) {
        fn_unref(draft);
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    fc_parse_inherit(catalog_find_space(c->api->catalog, &key), draft);
    if (catalog_find(c->api->catalog, &key)) {
        fail_exists(c, draft->name, draft->space);
        fn_unref(draft);
        return;
    }
    draft->created_ms = draft->modified_ms = clock_wall_ms();
    store(c, body, &key, draft, &zip, false);
}

void fc_function_update(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    cleanup_with(buf_done) struct buf zip;
    struct fn_key key;
    const struct fn *f = fc_latest(c, c->captures[0], c->captures[1], &key);
    char etag[FC_ETAG_TEXT];
    struct err e = {0};
    struct fn *draft;

    buf_init(&zip, FC_ZIP_MAX);
    if (!f || !fc_if_match(c, fc_object_function_etag(f, etag)))
        return;
    body = fc_body(c);
    if (!body)
        return;
    draft = fn_copy(f);
    draft->modified_ms = clock_wall_ms();
    if (fc_parse_function_update(body, draft, &zip, &e) < 0) {
        fn_unref(draft);
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    store(c, body, &key, draft, &zip, true);
}

void fc_function_get(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);

    if (f)
        reply_function(c, f);
}

void fc_function_code(struct call *c)
{
    cleanup_with(buf_done) struct buf link = {0};
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);
    struct buf body;
    struct jw w;

    if (!f)
        return;
    buf_init(&link, 4096);
    code_link(c, f->code.sha, S("code.zip"), &link);
    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kstr(&w, "url", buf_str(&link));
    jw_kstrz(&w, "checksum", f->code.digest);
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

static void on_deleted(void *user, int r, const struct fn *f)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);

    (void)f;
    if (r == -ENOENT)
        fail_missing(ch->call, ch->name, ch->service);
    else if (r < 0)
        fc_error_write(ch->call, r, "function", str_of(ch->name));
    else
        call_reply(ch->call, 204, STR_NONE, STR_NONE);
    change_free(ch);
}

static bool has_any(void *user, const struct trigger *t)
{
    (void)t;
    *(bool *)user = true;
    return false;
}

void fc_function_delete(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc_latest(c, c->captures[0], c->captures[1], &key);
    char etag[FC_ETAG_TEXT];
    bool triggers = false;

    if (!f || !fc_if_match(c, fc_object_function_etag(f, etag)))
        return;
    catalog_each_trigger(c->api->catalog, &key, has_any, &triggers);
    if (triggers) {
        call_fail(c, 409, "FunctionNotEmpty", "function '%.*s' has active triggers",
                  STR_ARG(key.name));
        return;
    }
    /* -> on_deleted */
    catalog_delete(c->api->catalog, &key, on_deleted, change_new(c, &key, NULL));
}

/* ---- the list ---- */

struct listing {
    struct fc_page page;
    struct catalog *catalog;
    struct str version;
};

static bool list_one(void *user, const struct fn *latest)
{
    struct listing *l = user;
    struct fn_key key = fn_key_of(latest);
    const struct fn *f = catalog_version(l->catalog, &key, l->version);

    if (f && fc_page_has(&l->page, str_of(f->name))) {
        struct buf object;

        buf_init(&object, FC_OBJECT_MAX);
        fc_object_function(f, &object);
        jw_raw(&l->page.w, buf_str(&object));
        buf_done(&object);
    }
    return !fc_page_full(&l->page);
}

void fc_function_list(struct call *c)
{
    struct listing l = {.catalog = c->api->catalog};
    struct catalog_filter filter = {.dialect = DIALECT_FC};
    struct fn_key key;

    if (!fc_service_version(c, c->captures[0], &key, &l.version) ||
        !fc_page_open(c, &l.page, "functions"))
        return;
    filter.account = key.account;
    filter.region = key.region;
    filter.space = key.space;
    catalog_each(c->api->catalog, &filter, list_one, &l);
    fc_page_reply(c, &l.page);
}
