/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ondemand.c - Put-, Get-, Delete- and ListOnDemandConfigs: how many instances a function may have.
 *
 * The number is a setting of the record, for the version that the qualifier means now (of an alias, the
 * version it points at). That it was set is a resource beside it, "fc-on-demand", which goes with its
 * function: without one the function has the default, and the cloud says there is no config.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/page.h"
#include "fn/fn.h"

#define KIND S("fc-on-demand")

enum { WRITING_MAGIC = 0x46434f44, PATH_TEXT = 4096, INSTANCES_MAX = 1000 };

static struct str qualifier_of(const struct fn *f)
{
    return qualifier_is_latest(str_of(f->version)) ? S("LATEST") : str_of(f->version);
}

static void name_of(const struct fn *f, struct str qualifier, struct buf *out)
{
    buf_init(out, PATH_TEXT);
    buf_addf(out, "services/%s.%.*s/functions/%s", f->space, STR_ARG(qualifier), f->name);
}

static void id_of(const struct fn *f, char ret[SHA256_HEX])
{
    cleanup_with(buf_done) struct buf text;
    struct fn_key key = fn_key_of(f);

    buf_init(&text, PATH_TEXT);
    fn_key_path(&key, &text);
    buf_addf(&text, "@%s", f->version);
    sha256_hex(buf_str(&text), ret);
}

static const struct resource *find(const struct catalog *c, const struct fn *f)
{
    char id[SHA256_HEX];

    id_of(f, id);
    return catalog_resource(c, KIND, str_of(id));
}

static int64_t count_of(const struct resource *r)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);
    int64_t n = 0;

    (void)json_int(body, "maximumInstanceCount", false, 0, INT32_MAX, &n, NULL);
    return n;
}

static void put_config(struct jw *w, struct str resource, int64_t count)
{
    jw_obj(w);
    jw_kstr(w, "resource", resource);
    jw_kint(w, "maximumInstanceCount", count);
    jw_obj_end(w);
}

static void reply_config(struct call *c, const struct resource *r, struct str resource)
{
    char etag[FC_ETAG_TEXT];
    struct buf body;
    struct jw w;

    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&w, &body);
    put_config(&w, resource, count_of(r));
    fc_reply_object(c, fc_object_resource_etag(r, etag), &body);
}

/* The config that the path names; NULL: it has replied. */
static const struct resource *config_of(struct call *c, const struct fn **ret_f)
{
    const struct resource *r;
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);

    if (!f)
        return NULL;
    r = find(c->api->catalog, f);
    if (!r)
        call_fail(c, 404, "OnDemandConfigNotFound",
                  "on-demand config of function '%.*s' in service '%.*s' does not exist",
                  STR_ARG(key.name), STR_ARG(key.space));
    *ret_f = f;
    return r;
}

void fc_ondemand_get(struct call *c)
{
    const struct fn *f;
    const struct resource *r = config_of(c, &f);
    struct buf name;

    if (!r)
        return;
    name_of(f, fc_qualifier(c->captures[0]), &name);
    reply_config(c, r, buf_str(&name));
    buf_done(&name);
}

/* ---- changes: the record, then the resource ---- */

struct writing {
    uint32_t magic;
    struct call *call;
    char *resource;         /* owned */
    struct resource *draft; /* owned until it is written; NULL: it is to go */
    char id[SHA256_HEX];
};

static struct call *writing_free(struct writing *w)
{
    struct call *c = w->call;

    if (w->draft)
        resource_unref(w->draft);
    free(w->resource);
    w->magic = 0;
    free(w);
    return c;
}

static void on_told(void *user, int r, const struct resource *res)
{
    struct writing *w = OBJ(user, struct writing, WRITING_MAGIC);

    if (r == 0 && res) {
        reply_config(w->call, res, str_of(w->resource));
        (void)writing_free(w);
    } else if (r == 0 || r == -ENOENT) {
        call_reply(writing_free(w), 204, STR_NONE, STR_NONE);
    } else {
        fc_error_write(writing_free(w), r, "function", S(""));
    }
}

static void on_written(void *user, int r, const struct fn *f)
{
    struct writing *w = OBJ(user, struct writing, WRITING_MAGIC);
    struct catalog *catalog = w->call->api->catalog;

    (void)f;
    if (r < 0)
        fc_error_write(writing_free(w), r, "function", S(""));
    else if (!w->draft)
        catalog_delete_resource(catalog, KIND, str_of(w->id), on_told, w);
    else if (w->draft->revision)
        catalog_update_resource(catalog, TAKE_PTR(w->draft), on_told, w);
    else
        catalog_create_resource(catalog, TAKE_PTR(w->draft), on_told, w);
}

static struct writing *writing_new(struct call *c, const struct fn *f)
{
    struct writing *w = xnew(struct writing);
    struct buf name;

    w->magic = WRITING_MAGIC;
    w->call = c;
    name_of(f, fc_qualifier(c->captures[0]), &name);
    w->resource = buf_take(&name);
    id_of(f, w->id);
    return w;
}

static struct resource *draft_of(const struct resource *before, const struct fn *f, int64_t count)
{
    struct resource *r;
    char id[SHA256_HEX], body[64];
    struct fn_key key = fn_key_of(f);
    struct buf text;

    id_of(f, id);
    r = before ? resource_copy(before) : resource_new(KIND, str_of(id));
    r->dialect = DIALECT_FC;
    fn_set(&r->account, key.account);
    fn_set(&r->region, key.region);
    buf_init(&text, PATH_TEXT);
    fn_key_path(&key, &text);
    fn_set(&r->parent, buf_str(&text));
    buf_done(&text);
    name_of(f, qualifier_of(f), &text);
    fn_set(&r->name, buf_str(&text));
    buf_done(&text);
    (void)snprintf(body, sizeof(body), "{\"maximumInstanceCount\":%lld}", (long long)count);
    fn_set(&r->body, str_of(body));
    r->modified_ms = clock_wall_ms();
    if (!before)
        r->created_ms = r->modified_ms;
    return r;
}

/* What stands there already must match. false: it has replied. */
static bool matches(struct call *c, const struct resource *before)
{
    char etag[FC_ETAG_TEXT];

    return !before || fc_if_match(c, fc_object_resource_etag(before, etag));
}

void fc_ondemand_put(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *before;
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);
    struct err e = {0};
    int64_t count = -1;
    struct writing *w;
    struct fn *draft;

    if (!f)
        return;
    before = find(c->api->catalog, f);
    if (!matches(c, before))
        return;
    body = fc_body(c);
    if (!body)
        return;
    if (json_int(body, "maximumInstanceCount", true, 1, INSTANCES_MAX, &count, &e) < 0 ||
        count < 0) {
        call_fail(c, 400, "InvalidArgument", "%s",
                  count < 0 && !e.code ? "maximumInstanceCount is required" : e.msg);
        return;
    }
    if ((uint64_t)count < f->reserved) {
        call_fail(c, 400, "InvalidArgument",
                  "maximumInstanceCount must not be below the provisioned target (%u)",
                  f->reserved);
        return;
    }
    w = writing_new(c, f);
    w->draft = draft_of(before, f, count);
    draft = fn_copy(f);
    draft->max_instances = (uint32_t)count;
    fc_write_version(c, draft, on_written, w); /* -> on_written -> on_told */
}

void fc_ondemand_delete(struct call *c)
{
    const struct fn *f;
    const struct resource *r = config_of(c, &f);
    struct fn *draft, *fresh;
    struct fn_key key;

    if (!r || !matches(c, r))
        return;
    draft = fn_copy(f);
    key = fn_key_of(draft);
    fresh = fn_new(&key);
    draft->max_instances = fresh->max_instances;
    fn_unref(fresh);
    fc_write_version(c, draft, on_written, writing_new(c, f)); /* -> on_written -> on_told */
}

/* ---- the list ---- */

static bool list_one(void *user, const struct resource *r)
{
    struct fc_page *p = user;

    if (fc_page_has(p, str_of(r->name)))
        put_config(&p->w, str_of(r->name), count_of(r));
    return !fc_page_full(p);
}

void fc_ondemand_list(struct call *c)
{
    struct resource_filter filter = {.kind = KIND,
                                     .dialect = DIALECT_FC,
                                     .account = fc_auth_account(c),
                                     .region = str_of(c->api->region)};
    struct fc_page page;

    if (!fc_page_open(c, &page, "configs"))
        return;
    fc_resources_by_name(c, &filter, list_one, &page);
    fc_page_reply(c, &page);
}
