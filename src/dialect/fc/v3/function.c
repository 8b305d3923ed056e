/* SPDX-License-Identifier: Apache-2.0 */
/*
 * function.c - CreateFunction, GetFunction, GetFunctionCode, UpdateFunction, ListFunctions,
 * DeleteFunction.
 *
 * A change takes up to four turns: check the request, store the package (worker pool), see to it that the
 * service "default" exists, write the record. What others did meanwhile is settled by the write itself
 * (409). Without a service of that name 2016-08-15 would not show what 3.0 made.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/code_source.h"
#include "base/alloc.h"
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
#include "dialect/fc/v3/handlers.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"

struct change {
    uint32_t magic;
    struct call *call; /* borrowed; lives until its reply */
    struct fn *draft;  /* owned until the catalog takes it; NULL: a deletion */
    char *name;        /* owned: as it was named */
    bool update;       /* of one that is there; else it is made */
};
enum { CHANGE_MAGIC = 0x46433343 };

static struct change *change_new(struct call *c, struct str name, struct fn *draft, bool update)
{
    struct change *ch = xnew(struct change);

    *ch = (struct change){.magic = CHANGE_MAGIC,
                          .call = c,
                          .draft = draft,
                          .name = str_dup(name),
                          .update = update};
    return ch;
}

static void change_free(struct change *ch)
{
    ch->magic = 0;
    if (ch->draft)
        fn_unref(ch->draft);
    free(ch->name);
    free(ch);
}

static void on_written(void *user, int r, const struct fn *f)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);

    if (r < 0)
        fc3_error_write(ch->call, r, "function", ch->name);
    else
        fc3_reply_function(ch->call, f);
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

static void on_service(void *user, int r, const struct space *s)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);

    (void)s;
    if (r < 0 && r != -EEXIST) {
        fc3_error_write(ch->call, r, "service", "default");
        change_free(ch);
        return;
    }
    write_record(ch);
}

/* -> on_service -> write_record, or at once */
static void with_service(struct change *ch)
{
    struct catalog *catalog = ch->call->api->catalog;
    struct fn_key key = fn_key_of(ch->draft);
    struct space *draft;

    if (catalog_find_space(catalog, &key)) {
        write_record(ch);
    } else if (str_eq(key.space, S("default"))) {
        draft = space_new(&key);
        draft->created_ms = draft->modified_ms = clock_wall_ms();
        catalog_create_space(catalog, draft, on_service, ch);
    } else {
        call_fail(ch->call, 404, "ServiceNotFound", "service '%s' does not exist",
                  ch->draft->space);
        change_free(ch);
    }
}

static void on_code_stored(void *user, int r, const char *sha, const struct err *e)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);

    if (r == -EINVAL || r == -EFBIG) {
        call_fail(ch->call, 400, "InvalidArgument", "code package: %s", e->msg);
        change_free(ch);
    } else if (r < 0) {
        call_fail(ch->call, 500, "InternalServerError", "%s", e->msg);
        change_free(ch);
    } else {
        snprintf(ch->draft->code.sha, sizeof(ch->draft->code.sha), "%s", sha);
        with_service(ch);
    }
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
    struct fn_code *code = &ch->draft->code;

    if (r < 0) {
        bool caller = e->kind == ERR_CALLER || e->kind == ERR_LIMIT;

        call_fail(ch->call, caller ? 400 : 500, caller ? "InvalidArgument" : "InternalServerError",
                  "code package: %s", e->msg);
        change_free(ch);
        return;
    }
    memcpy(code->sha, t->sha, sizeof(code->sha));
    code->size = t->size;
    (void)snprintf(code->digest, sizeof(code->digest), "%llu", (unsigned long long)t->crc64);
    fn_set(&code->kind, S("zip"));
    with_service(ch);
}

/* The package first, if there is one. Takes draft and zip. */
static void store(struct call *c, const struct cJSON *body, struct str name, struct fn *draft,
                  struct buf *zip, bool update)
{
    struct str bucket, object;
    struct change *ch;

    if (!fc_layers_parse(c, body, draft)) {
        fn_unref(draft);
        return;
    }
    ch = change_new(c, name, draft, update);
    if (fc_parse_code_object(body, &bucket, &object)) {
        struct object_ref ref = {DIALECT_FC, fc3_account(c), bucket, object};

        code_source_take(c, &ref, &package_limits_default, on_object, ch); /* -> on_object */
    } else if (zip->n > 0) {
        describe_code(draft, buf_str(zip)); /* -> on_code_stored */
        catalog_put_code(c->api->catalog, zip, &package_limits_default, on_code_stored, ch);
    } else {
        with_service(ch);
    }
}

/* The name of a new function: 64 characters, or a service's and a function's. False: it has replied. */
static bool new_name(struct call *c, const struct cJSON *body, struct str *ret)
{
    struct err e = {0};

    if (json_str(body, "functionName", true, ret, &e) < 0) {
        fc3_fail_invalid(c, &e);
        return false;
    }
    if (!ret->n || (!str_has(*ret, '$') && ret->n > FC3_NAME_MAX)) {
        call_fail(c, 400, "InvalidArgument",
                  "functionName must have 1 to %d characters (actual: %zu)", FC3_NAME_MAX, ret->n);
        return false;
    }
    return true;
}

void fc3_function_create(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = fc_body(c);
    cleanup_with(buf_done) struct buf zip;
    struct str name = STR_NONE;
    struct err e = {0};
    struct fn_key key;
    struct fn *draft;

    buf_init(&zip, FC_ZIP_MAX);
    if (!body || !new_name(c, body, &name) || !fc3_key(c, name, &key))
        return;
    draft = fn_new(&key);
    draft->created_ms = draft->modified_ms = clock_wall_ms();
    if (fc3_parse_function(body, draft, true, &zip, &e) < 0) {
        fn_unref(draft);
        fc3_fail_invalid(c, &e);
        return;
    }
    if (catalog_find(c->api->catalog, &key)) {
        fn_unref(draft);
        call_fail(c, 409, "FunctionAlreadyExists", "function '%.*s' already exists", STR_ARG(name));
        return;
    }
    store(c, body, name, draft, &zip, false);
}

void fc3_function_get(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc3_qualified(c, &key, NULL);

    if (f)
        fc3_reply_function(c, f);
}

void fc3_function_update(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    cleanup_with(buf_done) struct buf zip;
    char etag[FC_ETAG_TEXT];
    struct err e = {0};
    struct fn_key key;
    const struct fn *f = fc3_latest(c, &key);
    struct fn *draft;

    buf_init(&zip, FC_ZIP_MAX);
    if (!f || !fc_if_match(c, fc_object_function_etag(f, etag)))
        return;
    body = fc_body(c);
    if (!body)
        return;
    draft = fn_copy(f);
    draft->modified_ms = clock_wall_ms();
    if (fc3_parse_function(body, draft, false, &zip, &e) < 0) {
        fn_unref(draft);
        fc3_fail_invalid(c, &e);
        return;
    }
    store(c, body, c->captures[0], draft, &zip, true);
}

void fc3_function_code(struct call *c)
{
    cleanup_with(buf_done) struct buf link;
    struct fn_key key;
    const struct fn *f = fc3_qualified(c, &key, NULL);
    struct buf body;
    struct jw w;

    buf_init(&link, 4096);
    if (!f)
        return;
    if (!f->code.sha[0]) {
        call_fail(c, 404, "FunctionCodeNotFound", "function '%s' has no code package", f->name);
        return;
    }
    code_link(c, f->code.sha, S("code.zip"), &link);
    buf_init(&body, FC3_OBJECT_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kstr(&w, "url", buf_str(&link));
    jw_kstrz(&w, "checksum", f->code.digest);
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

/* ---- gone ---- */

static void on_deleted(void *user, int r, const struct fn *f)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);

    (void)f;
    if (r < 0)
        fc3_error_write(ch->call, r, "function", ch->name);
    else
        call_reply(ch->call, 204, STR_NONE, STR_NONE);
    change_free(ch);
}

static bool has_one(void *user, const struct trigger *t)
{
    bool *any = user;

    (void)t;
    *any = true;
    return false;
}

void fc3_function_delete(struct call *c)
{
    char etag[FC_ETAG_TEXT];
    bool triggers = false;
    struct fn_key key;
    const struct fn *f = fc3_latest(c, &key);

    if (!f || !fc_if_match(c, fc_object_function_etag(f, etag)))
        return;
    catalog_each_trigger(c->api->catalog, &key, has_one, &triggers);
    if (triggers) {
        call_fail(c, 409, "FunctionNotEmpty", "function '%.*s' has active triggers",
                  STR_ARG(c->captures[0]));
        return;
    }
    /* -> on_deleted */
    catalog_delete(c->api->catalog, &key, on_deleted, change_new(c, c->captures[0], NULL, false));
}

/* ---- the list, in order of service and name ---- */

struct listing {
    struct fc_page page;
    struct str prefix, name, runtime, description;
    struct str version; /* "v2", "v3", or empty: both */
};

static bool is_wanted(const struct listing *l, const struct fn *f)
{
    char name[FC3_NAME_TEXT];
    bool v3 = str_eq(str_of(f->space), S("default"));

    if (l->version.n && v3 != str_eq(l->version, S("v3")))
        return false;
    if (l->runtime.n && !str_eq(l->runtime, str_of(f->runtime)))
        return false;
    if (l->description.n && !str_eq(l->description, str_of(f->description)))
        return false;
    (void)fc3_name(f, name, sizeof(name));
    return str_starts(str_of(name), l->prefix) && (!l->name.n || str_eq(l->name, str_of(name)));
}

static bool list_one(void *user, const struct fn *f)
{
    struct listing *l = user;
    char place[FC3_NAME_TEXT];

    (void)snprintf(place, sizeof(place), "%s/%s", f->space, f->name);
    if (is_wanted(l, f) && fc_page_has(&l->page, str_of(place)))
        fc3_put_function(&l->page.w, f);
    return !fc_page_full(&l->page);
}

void fc3_function_list(struct call *c)
{
    struct catalog_filter filter = {
            .dialect = DIALECT_FC, .account = fc3_account(c), .region = str_of(c->api->region)};
    struct listing l = {.prefix = call_query(c, S("prefix")),
                        .name = call_query(c, S("functionName")),
                        .runtime = call_query(c, S("runtime")),
                        .description = call_query(c, S("description")),
                        .version = call_query(c, S("fcVersion"))};

    if (l.version.n && !str_eq(l.version, S("v2")) && !str_eq(l.version, S("v3"))) {
        call_fail(c, 400, "InvalidArgument",
                  "fcVersion is set to an invalid value (allowed: v2 | v3, actual: '%.*s')",
                  (int)(l.version.n < 32 ? l.version.n : 32), l.version.p);
        return;
    }
    if (!fc_page_open(c, &l.page, "functions"))
        return;
    l.page.prefix = STR_NONE; /* of the name, not of where it stands */
    catalog_each(c->api->catalog, &filter, list_one, &l);
    fc_page_reply(c, &l.page);
}
