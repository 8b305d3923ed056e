/* SPDX-License-Identifier: Apache-2.0 */
/* service.c - CreateService, GetService, DeleteService: what groups functions of this cloud. */
#include <cjson/cJSON.h>
#include <errno.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/parse.h"
#include "fn/space.h"

/* A write under way: the call and a name that outlives the request. */
struct write {
    uint32_t magic;
    struct call *call; /* borrowed; lives until its reply */
    char *name;        /* owned */
};
enum { WRITE_MAGIC = 0x46435356 };

static struct write *write_new(struct call *c, struct str name)
{
    struct write *w = xnew(struct write);

    w->magic = WRITE_MAGIC;
    w->call = c;
    w->name = str_dup(name);
    return w;
}

static void write_free(struct write *w)
{
    w->magic = 0;
    free(w->name);
    free(w);
}

static void reply_service(struct call *c, const struct space *s)
{
    char etag[FC_ETAG_TEXT];
    struct buf body;

    buf_init(&body, FC_OBJECT_MAX);
    fc_object_service(s, &body);
    fc_reply_object(c, fc_object_service_etag(s, etag), &body);
}

static void on_created(void *user, int r, const struct space *s)
{
    struct write *w = OBJ(user, struct write, WRITE_MAGIC);

    if (r < 0)
        fc_error_write(w->call, r, "service", str_of(w->name));
    else
        reply_service(w->call, s);
    write_free(w);
}

void fc_service_create(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = fc_body(c);
    struct fn_key key = {.dialect = DIALECT_FC};
    struct space *draft;
    struct err e = {0};
    int r;

    if (!body)
        return;
    key.account = fc_auth_account(c);
    key.region = str_of(c->api->region);
    r = fc_parse_name_of(body, "serviceName", &key.space, &e);
    if (r < 0) {
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    draft = space_new(&key);
    r = fc_parse_service(body, draft, &e);
    if (r < 0) {
        space_unref(draft);
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    draft->created_ms = draft->modified_ms = clock_wall_ms();
    /* -> on_created */
    catalog_create_space(c->api->catalog, draft, on_created, write_new(c, key.space));
}

void fc_service_get(struct call *c)
{
    struct fn_key key;

    if (fc_service_key(c, c->captures[0], &key))
        reply_service(c, catalog_find_space(c->api->catalog, &key));
}

static void on_deleted(void *user, int r, const struct space *s)
{
    struct write *w = OBJ(user, struct write, WRITE_MAGIC);

    (void)s;
    if (r < 0)
        fc_error_write(w->call, r, "service", str_of(w->name));
    else
        call_reply(w->call, 204, STR_NONE, STR_NONE);
    write_free(w);
}

void fc_service_delete(struct call *c)
{
    char etag[FC_ETAG_TEXT];
    struct fn_key key;

    if (!fc_service_key(c, c->captures[0], &key))
        return;
    if (!fc_if_match(c, fc_object_service_etag(catalog_find_space(c->api->catalog, &key), etag)))
        return;
    /* -> on_deleted */
    catalog_delete_space(c->api->catalog, &key, on_deleted, write_new(c, key.space));
}
