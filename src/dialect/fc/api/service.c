/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.c - CreateService, GetService, UpdateService, ListServices, DeleteService: what groups
 * functions of this cloud.
 *
 * A service's role and whether it may reach the internet hold for its functions and are written into
 * their records (fc_parse_inherit()). So a change of them is a change of each function: the service
 * first, then the functions in turn, then the answer. A function that is changed by somebody else at
 * that moment is read again.
 */
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
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/api/tag.h"
#include "dialect/fc/api/version.h"
#include "fn/fn.h"
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

/* A qualifier shows what the service said when that version was published. */
void fc_service_get(struct call *c)
{
    struct fn_key key;
    struct space *frozen;
    struct str version;

    if (!fc_service_version(c, c->captures[0], &key, &version))
        return;
    frozen = space_copy(catalog_find_space(c->api->catalog, &key));
    if (!qualifier_is_latest(version))
        (void)fc_version_service(c->api->catalog, &key, version, frozen);
    reply_service(c, frozen);
    space_unref(frozen);
}

/* ---- a change, and what its functions have from it ---- */

struct spread {
    uint32_t magic;
    struct call *call;
    const struct space *service; /* shared: as it is now */
    char **names;                /* owned: of its functions */
    size_t n, room, next;
    uint32_t tries;
};
enum { SPREAD_MAGIC = 0x46435350, SPREAD_TRIES = 8 };

static bool note_name(void *user, const struct fn *f)
{
    struct spread *sp = user;

    if (sp->n == sp->room) {
        sp->room = sp->room ? 2 * sp->room : 16;
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        sp->names = xrealloc(sp->names, sp->room, sizeof(*sp->names));
    }
    sp->names[sp->n++] = xstrdup(f->name);
    return true;
}

static void spread_end(struct spread *sp, int r)
{
    if (r < 0)
        fc_error_write(sp->call, r, "service", str_of(sp->service->name));
    else
        reply_service(sp->call, sp->service);
    for (size_t i = 0; i < sp->n; i++)
        free(sp->names[i]);
    free(sp->names);
    space_unref(sp->service);
    sp->magic = 0;
    free(sp);
}

static bool differs(const struct fn *a, const struct fn *b)
{
    return a->network != b->network || !str_eq(str_of(a->role), str_of(b->role));
}

static void spread_next(struct spread *sp);

static void on_spread(void *user, int r, const struct fn *f)
{
    struct spread *sp = OBJ(user, struct spread, SPREAD_MAGIC);

    (void)f;
    if (r == -ESTALE && sp->tries++ < SPREAD_TRIES) {
        spread_next(sp);
        return;
    }
    sp->next++;
    sp->tries = 0;
    if (r < 0 && r != -ENOENT)
        spread_end(sp, r);
    else
        spread_next(sp);
}

/* -> on_spread, for each function that is to change; spread_end() */
static void spread_next(struct spread *sp)
{
    const struct space *s = sp->service;

    for (; sp->next < sp->n; sp->next++) {
        struct fn_key key = {.dialect = DIALECT_FC,
                             .account = str_of(s->account),
                             .region = str_of(s->region),
                             .space = str_of(s->name),
                             .name = str_of(sp->names[sp->next])};
        const struct fn *f = catalog_find(sp->call->api->catalog, &key);
        struct fn *draft = f ? fn_copy(f) : NULL;

        if (draft)
            fc_parse_inherit(s, draft);
        if (draft && differs(f, draft)) {
            draft->modified_ms = clock_wall_ms();
            catalog_update(sp->call->api->catalog, draft, on_spread, sp);
            return;
        }
        if (draft)
            fn_unref(draft);
    }
    spread_end(sp, 0);
}

static void on_updated(void *user, int r, const struct space *s)
{
    struct write *w = OBJ(user, struct write, WRITE_MAGIC);
    struct catalog_filter filter = {.dialect = DIALECT_FC};
    struct call *c = w->call;
    struct spread *sp;

    if (r < 0) {
        fc_error_write(c, r, "service", str_of(w->name));
        write_free(w);
        return;
    }
    write_free(w);
    sp = xnew(struct spread);
    *sp = (struct spread){.magic = SPREAD_MAGIC, .call = c, .service = space_ref(s)};
    filter.account = str_of(s->account);
    filter.region = str_of(s->region);
    filter.space = str_of(s->name);
    catalog_each(c->api->catalog, &filter, note_name, sp);
    spread_next(sp);
}

void fc_service_update(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct space *s;
    char etag[FC_ETAG_TEXT];
    struct space *draft;
    struct err e = {0};
    struct fn_key key;

    if (!fc_latest_service(c, c->captures[0], &key))
        return;
    s = catalog_find_space(c->api->catalog, &key);
    if (!fc_if_match(c, fc_object_service_etag(s, etag)))
        return;
    body = fc_body(c);
    if (!body)
        return;
    draft = space_copy(s);
    if (fc_parse_service_update(body, draft, &e) < 0) {
        space_unref(draft);
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    draft->modified_ms = clock_wall_ms();
    /* -> on_updated */
    catalog_update_space(c->api->catalog, draft, on_updated, write_new(c, key.space));
}

/* ---- the list; tags are looked for as tag_<key>=<value> ---- */

struct listing {
    struct fc_page page;
    struct call *call;
};

static bool list_one(void *user, const struct space *s)
{
    struct listing *l = user;

    if (fc_tags_match(l->call, s) && fc_page_has(&l->page, str_of(s->name))) {
        struct buf object;

        buf_init(&object, FC_OBJECT_MAX);
        fc_object_service(s, &object);
        jw_raw(&l->page.w, buf_str(&object));
        buf_done(&object);
    }
    return !fc_page_full(&l->page);
}

void fc_service_list(struct call *c)
{
    struct listing l = {.call = c};
    struct catalog_filter filter = {
            .dialect = DIALECT_FC, .account = fc_auth_account(c), .region = str_of(c->api->region)};

    if (!fc_page_open(c, &l.page, "services"))
        return;
    catalog_each_space(c->api->catalog, &filter, list_one, &l);
    fc_page_reply(c, &l.page);
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

    if (!fc_latest_service(c, c->captures[0], &key))
        return;
    if (!fc_if_match(c, fc_object_service_etag(catalog_find_space(c->api->catalog, &key), etag)))
        return;
    /* -> on_deleted */
    catalog_delete_space(c->api->catalog, &key, on_deleted, write_new(c, key.space));
}
