/* SPDX-License-Identifier: Apache-2.0 */
/* alias.c - CreateAlias, ListAliases, GetAlias, UpdateAlias, DeleteAlias: names for versions of a
 * service. */
#include "dialect/fc/api/alias.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/api/version.h"

struct owner { /* for has_version() */
    const struct catalog *catalog;
    struct fn_key key;
};

static bool has_version(void *user, struct str version)
{
    struct owner *o = user;

    return fc_version_exists(o->catalog, &o->key, version);
}

static void reply_alias(struct call *c, const struct alias *a)
{
    char etag[FC_ETAG_TEXT];
    struct buf body;
    struct jw w;

    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&w, &body);
    fc_alias_put(&w, a);
    fc_reply_object(c, fc_alias_etag(a, etag), &body);
}

static void fail_missing(struct call *c, struct str alias, struct str service)
{
    call_fail(c, 404, "AliasNotFound", "alias '%.*s' of service '%.*s' does not exist",
              STR_ARG(alias), STR_ARG(service));
}

/* ---- writes ---- */

struct writing {
    uint32_t magic;
    struct call *call;
    char *alias, *service; /* owned */
};
enum { WRITING_MAGIC = 0x4643414c };

static struct writing *writing_new(struct call *c, const struct fn_key *key, struct str alias)
{
    struct writing *w = xnew(struct writing);

    w->magic = WRITING_MAGIC;
    w->call = c;
    w->alias = str_dup(alias);
    w->service = str_dup(key->space);
    return w;
}

static void on_written(void *user, int r, const struct alias *a)
{
    struct writing *w = OBJ(user, struct writing, WRITING_MAGIC);
    struct call *c = w->call;

    if (r == 0 && a)
        reply_alias(c, a);
    else if (r == 0)
        call_reply(c, 204, STR_NONE, STR_NONE);
    else if (r == -EEXIST)
        call_fail(c, 409, "AliasAlreadyExists", "alias %s of service %s already exists", w->alias,
                  w->service);
    else if (r == -ENOENT)
        fail_missing(c, str_of(w->alias), str_of(w->service));
    else if (r == -EDQUOT)
        call_fail(c, 400, "LimitExceededError", "the service has as many aliases as it may (%d)",
                  CATALOG_ALIASES);
    else if (r == -ESTALE)
        call_fail(c, 409, "ConcurrentUpdateError", "alias '%s' is being changed by another request",
                  w->alias);
    else
        call_fail(c, 500, "InternalServerError",
                  "an internal error has occurred. Please retry. (%s)", strerror(-r));
    free(w->alias);
    free(w->service);
    w->magic = 0;
    free(w);
}

void fc_alias_create(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct owner owner = {.catalog = c->api->catalog};
    struct fc_alias_error x = {0};
    struct alias *draft;
    struct str name;

    if (!fc_latest_service(c, c->captures[0], &owner.key))
        return;
    body = fc_body(c);
    if (!body)
        return;
    if (fc_parse_name_of(body, "aliasName", &name, &x.e) < 0) {
        call_fail(c, 400, "InvalidArgument", "%s", x.e.msg);
        return;
    }
    if (qualifier_is_latest(name)) {
        call_fail(c, 400, "InvalidArgument", "aliasName must not be LATEST");
        return;
    }
    draft = alias_new(&owner.key, name);
    if (fc_alias_parse(body, draft, true, has_version, &owner, &x) < 0) {
        alias_unref(draft);
        call_fail(c, x.status, x.code, "%s", x.e.msg);
        return;
    }
    draft->created_ms = draft->modified_ms = clock_wall_ms();
    catalog_create_alias(c->api->catalog, draft, on_written, writing_new(c, &owner.key, name));
}

/* ---- one alias ---- */

/* NULL: it has replied. */
static const struct alias *find(struct call *c, struct fn_key *ret)
{
    const struct alias *a;

    if (!fc_latest_service(c, c->captures[0], ret))
        return NULL;
    a = catalog_alias(c->api->catalog, ret, c->captures[1]);
    if (!a)
        fail_missing(c, c->captures[1], ret->space);
    return a;
}

void fc_alias_get(struct call *c)
{
    struct fn_key key;
    const struct alias *a = find(c, &key);

    if (a)
        reply_alias(c, a);
}

void fc_alias_update(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct owner owner = {.catalog = c->api->catalog};
    const struct alias *a = find(c, &owner.key);
    struct fc_alias_error x = {0};
    char etag[FC_ETAG_TEXT];
    struct alias *draft;

    if (!a || !fc_if_match(c, fc_alias_etag(a, etag)))
        return;
    body = fc_body(c);
    if (!body)
        return;
    draft = fc_alias_draft(a);
    if (fc_alias_parse(body, draft, false, has_version, &owner, &x) < 0) {
        alias_unref(draft);
        call_fail(c, x.status, x.code, "%s", x.e.msg);
        return;
    }
    catalog_update_alias(c->api->catalog, draft, on_written,
                         writing_new(c, &owner.key, c->captures[1]));
}

void fc_alias_delete(struct call *c)
{
    struct fn_key key;
    const struct alias *a = find(c, &key);
    char etag[FC_ETAG_TEXT];

    if (a && fc_if_match(c, fc_alias_etag(a, etag)))
        catalog_delete_alias(c->api->catalog, &key, c->captures[1], on_written,
                             writing_new(c, &key, c->captures[1]));
}

/* ---- list ---- */

static bool list_one(void *user, const struct alias *a)
{
    struct fc_page *p = user;

    if (fc_page_has(p, str_of(a->name)))
        fc_alias_put(&p->w, a);
    return !fc_page_full(p);
}

void fc_alias_list(struct call *c)
{
    struct fc_page page;
    struct fn_key key;

    if (!fc_latest_service(c, c->captures[0], &key) || !fc_page_open(c, &page, "aliases"))
        return;
    catalog_each_alias(c->api->catalog, &key, list_one, &page);
    fc_page_reply(c, &page);
}
