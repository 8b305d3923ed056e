/* SPDX-License-Identifier: Apache-2.0 */
/*
 * function.c - CreateFunction, UpdateFunctionCode, UpdateFunctionConfiguration, CopyFunction, DeleteFunction.
 *
 * A change takes up to three turns: check the request, take in the package (worker pool, or out of a
 * bucket), write the record; with Publish one more, which freezes it. What others did meanwhile is
 * settled by the write itself.
 */
#include "dialect/scf/api/function.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "api/code_source.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/layer.h"
#include "dialect/scf/api/names.h"
#include "dialect/scf/api/parse.h"
#include "dialect/scf/api/scf_api.h"
#include "dialect/scf/api/tags.h"
#include "fn/fn.h"
#include "http/server.h"

enum { CHANGE_MAGIC = 0x53434643 };

static const struct package_limits package_limits_scf = {
        .packed_bytes = SCF_UNPACKED_MAX, .unpacked_bytes = SCF_UNPACKED_MAX, .files = 30000};

static const struct {
    int r;
    const char *what, *code, *text;
} failures[] = {
        {-EEXIST, "function", "ResourceInUse.Function", "The function exists already."},
        {-EEXIST, "namespace", "ResourceInUse.Namespace", "The namespace exists already."},
        {-EEXIST, "alias", "ResourceInUse.Alias", "The alias exists already."},
        {-EEXIST, "trigger", "ResourceInUse.TriggerName", "The trigger exists already."},
        {-ENOENT, "function", "ResourceNotFound.Function", "The function does not exist."},
        {-ENOENT, "namespace", "ResourceNotFound.Namespace", "The namespace does not exist."},
        {-ENOENT, "version", "ResourceNotFound.Version", "The version does not exist."},
        {-ENOENT, "alias", "ResourceNotFound.Alias", "The alias does not exist."},
        {-ENOENT, "trigger", "ResourceNotFound.Trigger", "The trigger does not exist."},
        {-ENOTEMPTY, "namespace", "ResourceInUse.Namespace",
         "There are functions in the namespace."},
        {-EBUSY, "version", "UnsupportedOperation.AliasBind", "An alias points at the version."},
        {-EDQUOT, "function", "LimitExceeded.Function",
         "There are as many functions as there may be."},
        {-EDQUOT, "version", "LimitExceeded.FunctionVersions",
         "The function has as many versions as it may have."},
        {-EDQUOT, "alias", "LimitExceeded.Alias",
         "The function has as many aliases as it may have."},
        {-EDQUOT, "trigger", "LimitExceeded.Trigger",
         "The function has as many triggers as it may have."},
        {-EDQUOT, "namespace", "LimitExceeded.Namespace",
         "There are as many namespaces as there may be."},
        {-ESTALE, NULL, "FailedOperation.OperationConflict",
         "Another request changed it at the same time."},
};

void scf_fail_write(struct call *c, int r, const char *what)
{
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        if (failures[i].r == r && (!failures[i].what || strcmp(failures[i].what, what) == 0)) {
            scf_fail(c, failures[i].code, "%s", failures[i].text);
            return;
        }
    call_fail(c, 500, "InternalError", "The %s could not be written: %s", what, strerror(-r));
}

void scf_on_function(void *user, int r, const struct fn *f)
{
    struct call *c = user;

    (void)f;
    if (r < 0)
        scf_fail_write(c, r, "function");
    else
        scf_ok(c);
}

bool scf_has_namespace(const struct call *c, struct str name)
{
    const struct fn_key key = {.dialect = DIALECT_SCF,
                               .account = scf_account(c),
                               .region = scf_region(c),
                               .space = name};

    return str_eq(name, S("default")) || catalog_find_space(c->api->catalog, &key);
}

/* ---- a change under way ---- */

struct change {
    uint32_t magic;
    struct call *call;  /* borrowed; lives until its reply */
    struct fn *draft;   /* owned until the catalog takes it */
    struct cJSON *tags; /* owned: of a new function; NULL: none */
    bool is_new, publish;
};

static struct call *change_free(struct change *ch)
{
    struct call *c = ch->call;

    fn_unref(ch->draft);
    json_free(ch->tags);
    ch->magic = 0;
    free(ch);
    return c;
}

static void on_published(void *user, int r, const struct fn *f)
{
    struct call *c = user;

    (void)f;
    if (r < 0)
        scf_fail_write(c, r, "version");
    else
        scf_ok(c);
}

static const struct scf_tag_names tag_names = {"Key", "Value"};

/* The function is there, with or without them: a client sees which. */
static void on_tagged(void *user, int r, const char *code, const struct err *e)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);
    struct call *c = change_free(ch);

    if (r < 0)
        scf_fail(c, code ? code : "InternalError", "%s", e ? e->msg : "the tags were not written");
    else
        scf_ok(c);
}

static void on_written(void *user, int r, const struct fn *f)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);
    bool publish = ch->publish;
    struct fn_key key;
    struct call *c;

    if (r == 0 && ch->tags) {
        key = fn_key_of(f);
        scf_tags_change(ch->call->api->catalog, &key, &tag_names, ch->tags, NULL, on_tagged, ch);
        return;
    }
    c = change_free(ch);
    if (r < 0)
        scf_fail_write(c, r, "function");
    else if (publish) /* -> on_published */
        catalog_publish(c->api->catalog, scf_frozen(c->api->catalog, f, STR_NONE), on_published, c);
    else
        scf_ok(c);
}

/* -> on_written */
static void write_record(struct change *ch)
{
    struct catalog *catalog = ch->call->api->catalog;

    ch->draft->modified_ms = clock_wall_ms();
    if (ch->is_new)
        catalog_create(catalog, TAKE_PTR(ch->draft), on_written, ch);
    else
        catalog_update(catalog, TAKE_PTR(ch->draft), on_written, ch);
}

static void on_layers(void *user, int r, const struct err *e)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);

    if (r == -EFBIG)
        scf_fail(change_free(ch), "LimitExceeded.MaxCapacity", "%s", e->msg);
    else if (r < 0)
        call_fail(change_free(ch), 500, "InternalError", "%s", e->msg);
    else
        write_record(ch);
}

/* What its layers bring must fit. -> on_layers, on_written */
static void check_record(struct change *ch)
{
    if (ch->draft->nlayers > 0)
        scf_layers_check(ch->call, ch->draft, on_layers, ch);
    else
        write_record(ch);
}

static void fail_code(struct call *c, int r, const struct err *e)
{
    static const struct {
        int r;
        const char *code;
    } codes[] = {
            {-EFBIG, "InvalidParameterValue.ZipFile"}, {-EINVAL, "InvalidParameterValue.ZipFile"},
            {-ENOENT, "ResourceNotFound.CosObject"},   {-ENXIO, "ResourceNotFound.Cos"},
            {-EACCES, "UnauthorizedOperation"},
    };

    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].r == r) {
            scf_fail(c, codes[i].code, "%s", e->msg);
            return;
        }
    call_fail(c, 500, "FailedOperation.Cos", "%s", e->msg);
}

static void on_zip(void *user, int r, const char *sha, const struct err *e)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);

    if (r < 0) {
        fail_code(change_free(ch), r, e);
        return;
    }
    (void)snprintf(ch->draft->code.sha, sizeof(ch->draft->code.sha), "%s", sha);
    check_record(ch);
}

static void on_object(void *user, int r, const struct code_taken *t, const struct err *e)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);

    if (r < 0) {
        fail_code(change_free(ch), r, e);
        return;
    }
    (void)snprintf(ch->draft->code.sha, sizeof(ch->draft->code.sha), "%s", t->sha);
    ch->draft->code.size = t->size;
    check_record(ch);
}

/* The package, then the record. Takes the change. -> on_zip, on_object */
static void take_code(struct change *ch, const struct scf_code *code)
{
    struct call *c = ch->call;
    struct scf_error x = {0};
    struct buf zip;

    if (code->bucket.n) {
        const struct object_ref ref = {.dialect = DIALECT_SCF,
                                       .account = scf_account(c),
                                       .bucket = code->bucket,
                                       .key = code->object};

        fn_set(&ch->draft->code.kind, S("Cos"));
        code_source_take(c, &ref, &package_limits_scf, on_object, ch);
        return;
    }
    buf_init(&zip, SCF_ZIP_MAX);
    if (scf_decode_zip(code->zip, &zip, &x) < 0) {
        buf_done(&zip);
        (void)change_free(ch);
        scf_fail(c, x.code, "%s", x.e.msg);
        return;
    }
    ch->draft->code.size = zip.n;
    fn_set(&ch->draft->code.kind, S("ZipFile"));
    catalog_put_code(c->api->catalog, &zip, &package_limits_scf, on_zip, ch);
}

static struct change *change_new(struct call *c, struct fn *draft, const struct cJSON *p,
                                 bool is_new)
{
    struct change *ch = xnew(struct change);

    *ch = (struct change){.magic = CHANGE_MAGIC,
                          .call = c,
                          .draft = draft,
                          .is_new = is_new,
                          .publish = str_eq(scf_text(p, "Publish"), S("TRUE"))};
    return ch;
}

/* ---- actions ---- */

void scf_create_function(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct scf_error x = {0};
    struct scf_code code;
    struct change *ch;
    struct fn_key key;
    struct fn *draft;

    if (!p || !scf_key(c, p, &key))
        return;
    if (!scf_has_namespace(c, key.space)) {
        scf_fail_write(c, -ENOENT, "namespace");
        return;
    }
    if (catalog_find(c->api->catalog, &key)) {
        scf_fail_write(c, -EEXIST, "function");
        return;
    }
    draft = fn_new(&key);
    draft->created_ms = clock_wall_ms();
    if (scf_parse_function(p, true, draft, &x) < 0 || scf_parse_code(p, &code, &x) < 0) {
        fn_unref(draft);
        scf_fail(c, x.code, "%s", x.e.msg);
        return;
    }
    if (scf_tags_check(&tag_names, json_get(p, "Tags"), &x.code, &x.e) < 0) {
        fn_unref(draft);
        scf_fail(c, x.code, "%s", x.e.msg);
        return;
    }
    if (!scf_layers_parse(c, p, draft)) {
        fn_unref(draft);
        return;
    }
    ch = change_new(c, draft, p, true);
    ch->tags = cJSON_Duplicate(json_get(p, "Tags"), true);
    take_code(ch, &code);
}

void scf_update_function_code(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct scf_error x = {0};
    struct scf_code code;
    struct fn_key key;
    const struct fn *f = p ? scf_function(c, p, &key) : NULL;
    struct fn *draft;

    if (!f)
        return;
    if (scf_parse_code(p, &code, &x) < 0) {
        scf_fail(c, x.code, "%s", x.e.msg);
        return;
    }
    draft = fn_copy(f);
    /* Of the parameters only Handler is a setting. */
    if (scf_parse_function(p, false, draft, &x) < 0) {
        fn_unref(draft);
        scf_fail(c, x.code, "%s", x.e.msg);
        return;
    }
    take_code(change_new(c, draft, p, false), &code);
}

void scf_update_function_configuration(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct scf_error x = {0};
    struct fn_key key;
    const struct fn *f = p ? scf_function(c, p, &key) : NULL;
    struct fn *draft;

    if (!f)
        return;
    draft = fn_copy(f);
    if (scf_parse_function(p, false, draft, &x) < 0) {
        fn_unref(draft);
        scf_fail(c, x.code, "%s", x.e.msg);
        return;
    }
    if (!scf_layers_parse(c, p, draft)) {
        fn_unref(draft);
        return;
    }
    check_record(change_new(c, draft, p, false));
}

void scf_delete_function(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct str version = p ? scf_text(p, "Qualifier") : STR_NONE;
    struct fn_key key;

    if (!p || !scf_function(c, p, &key))
        return;
    if (version.n)
        scf_delete_version(c, &key, version);
    else /* -> scf_on_function */
        catalog_delete(c->api->catalog, &key, scf_on_function, c);
}

void scf_delete_function_version(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct fn_key key;

    if (p && scf_function(c, p, &key))
        scf_delete_version(c, &key, scf_text(p, "Qualifier"));
}

/* Code and settings, or code alone; neither triggers nor versions. */
static struct fn *copy_of(const struct fn *f, const struct fn_key *to, bool settings)
{
    struct fn *draft;

    if (!settings) {
        draft = fn_new(to);
        fn_set(&draft->runtime, str_of(f->runtime));
        fn_set(&draft->handler, str_of(f->handler));
        draft->code.size = f->code.size;
        memcpy(draft->code.sha, f->code.sha, sizeof(draft->code.sha));
        fn_set(&draft->code.kind, str_of(f->code.kind));
        return draft;
    }
    draft = fn_copy(f);
    fn_set(&draft->account, to->account);
    fn_set(&draft->region, to->region);
    fn_set(&draft->space, to->space);
    fn_set(&draft->name, to->name);
    draft->revision = 0;
    return draft;
}

void scf_copy_function(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct str space = p ? scf_text(p, "TargetNamespace") : STR_NONE;
    struct str region = p ? scf_text(p, "TargetRegion") : STR_NONE;
    struct fn_key key, to;
    const struct fn *f = p ? scf_function(c, p, &key) : NULL, *there;
    struct fn *draft;

    if (!f)
        return;
    to = key;
    to.name = scf_text(p, "NewFunctionName");
    to.space = space.n ? space : S("default");
    to.region = region.n ? region : key.region;
    if (!scf_is_function_name(to.name)) {
        scf_fail(c, "InvalidParameterValue.FunctionName", "NewFunctionName is no function's name.");
        return;
    }
    if (!str_eq(to.region, key.region)) {
        scf_fail(c, "UnsupportedOperation.Region", "A function is copied within its region here.");
        return;
    }
    if (!scf_has_namespace(c, to.space)) {
        scf_fail_write(c, -ENOENT, "namespace");
        return;
    }
    there = catalog_find(c->api->catalog, &to);
    if (there && !scf_flag(p, "Override", false)) {
        scf_fail(c, "ResourceInUse.FunctionName", "The function '%s' exists already.", there->name);
        return;
    }
    draft = copy_of(f, &to, scf_flag(p, "CopyConfiguration", true));
    draft->created_ms = there ? there->created_ms : clock_wall_ms();
    draft->revision = there ? there->revision : 0;
    if (scf_text(p, "Description").p)
        fn_set(&draft->description, scf_text(p, "Description"));
    check_record(change_new(c, draft, p, !there)); /* -> on_written */
}
