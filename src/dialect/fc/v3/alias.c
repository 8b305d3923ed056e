/* SPDX-License-Identifier: Apache-2.0 */
/* alias.c - CreateAlias, GetAlias, UpdateAlias, ListAliases, DeleteAlias: names of a function's
 * versions. What may stand in one is fc/api/alias_parse.c. */
#include <cjson/cJSON.h>
#include <errno.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "catalog/versions.h"
#include "dialect/fc/api/alias.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/page.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/v3/handlers.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"

static void reply_alias(struct call *c, const struct alias *a)
{
    char etag[FC_ETAG_TEXT];
    struct buf body;
    struct jw w;

    buf_init(&body, FC3_OBJECT_MAX);
    jw_init(&w, &body);
    fc_alias_put(&w, a);
    fc_reply_object(c, fc_alias_etag(a, etag), &body);
}

static void on_written(void *user, int r, const struct alias *a)
{
    struct call *c = user; /* checked by call_...() */

    if (r < 0)
        fc3_error_write(c, r, "alias", a ? a->name : "");
    else if (a)
        reply_alias(c, a);
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

/* NULL: it has replied. */
static const struct alias *alias_of(struct call *c, struct fn_key *ret)
{
    const struct alias *a;

    if (!fc3_latest(c, ret))
        return NULL;
    a = catalog_alias(c->api->catalog, ret, c->captures[1]);
    if (!a)
        call_fail(c, 404, "AliasNotFound", "alias '%.*s' of function '%.*s' does not exist",
                  (int)(c->captures[1].n < 128 ? c->captures[1].n : 128), c->captures[1].p,
                  STR_ARG(c->captures[0]));
    return a;
}

struct asked {
    struct call *call;
    const struct fn_key *key;
};

static bool has_version(void *user, struct str version)
{
    const struct asked *a = user;

    return catalog_version(a->call->api->catalog, a->key, version) != NULL;
}

/* False: it has replied. */
static bool fill(struct call *c, const struct fn_key *key, const struct cJSON *body,
                 struct alias *draft, bool is_new)
{
    struct asked asked = {c, key};
    struct fc_alias_error x = {0};

    if (fc_alias_parse(body, draft, is_new, has_version, &asked, &x) == 0)
        return true;
    call_fail(c, x.status, x.code, "%s", x.e.msg);
    alias_unref(draft);
    return false;
}

void fc3_alias_create(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct str name = STR_NONE;
    struct alias *draft;
    struct err e = {0};
    struct fn_key key;

    if (!fc3_latest(c, &key))
        return;
    body = fc_body(c);
    if (!body)
        return;
    if (fc_parse_name_of(body, "aliasName", &name, &e) < 0) {
        fc3_fail_invalid(c, &e);
        return;
    }
    if (qualifier_is_latest(name)) {
        call_fail(c, 400, "InvalidArgument", "aliasName must not be LATEST");
        return;
    }
    if (catalog_alias(c->api->catalog, &key, name)) {
        call_fail(c, 409, "AliasAlreadyExists", "alias '%.*s' of function '%.*s' already exists",
                  STR_ARG(name), STR_ARG(c->captures[0]));
        return;
    }
    draft = alias_new(&key, name);
    draft->created_ms = draft->modified_ms = clock_wall_ms();
    if (fill(c, &key, body, draft, true))
        catalog_create_alias(c->api->catalog, draft, on_written, c); /* -> on_written */
}

void fc3_alias_get(struct call *c)
{
    struct fn_key key;
    const struct alias *a = alias_of(c, &key);

    if (a)
        reply_alias(c, a);
}

void fc3_alias_update(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    char etag[FC_ETAG_TEXT];
    struct fn_key key;
    const struct alias *a = alias_of(c, &key);
    struct alias *draft;

    if (!a || !fc_if_match(c, fc_alias_etag(a, etag)))
        return;
    body = fc_body(c);
    if (!body)
        return;
    draft = fc_alias_draft(a);
    draft->modified_ms = clock_wall_ms();
    if (fill(c, &key, body, draft, false))
        catalog_update_alias(c->api->catalog, draft, on_written, c); /* -> on_written */
}

void fc3_alias_delete(struct call *c)
{
    char etag[FC_ETAG_TEXT];
    struct fn_key key;
    const struct alias *a = alias_of(c, &key);

    if (a && fc_if_match(c, fc_alias_etag(a, etag))) /* -> on_written */
        catalog_delete_alias(c->api->catalog, &key, c->captures[1], on_written, c);
}

static bool list_one(void *user, const struct alias *a)
{
    struct fc_page *page = user;

    if (fc_page_has(page, str_of(a->name)))
        fc_alias_put(&page->w, a);
    return !fc_page_full(page);
}

void fc3_alias_list(struct call *c)
{
    struct fc_page page;
    struct fn_key key;

    if (!fc3_latest(c, &key) || !fc_page_open(c, &page, "aliases"))
        return;
    catalog_each_alias(c->api->catalog, &key, list_one, &page);
    fc_page_reply(c, &page);
}
