/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async.c - how a function's asynchronous events are delivered: Put-, Get-, Delete- and
 * ListFunctionAsyncInvokeConfigs, and which functions keep the state of each invocation.
 *
 * A PUT says all of it: what it leaves out has the cloud's default again. A config belongs to the
 * version that the qualifier means now; of an alias, to the version it points at.
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
#include "dialect/fc/api/destination.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/page.h"
#include "dialect/fc/api/version.h"
#include "fn/async.h"

enum { AGE_MAX_S = 2592000 };

/* ---- as the cloud shows it ---- */

static void put_config(struct jw *w, const struct fn *f, struct str qualifier)
{
    jw_obj(w);
    jw_kstrz(w, "service", f->space);
    jw_kstrz(w, "function", f->name);
    jw_kstr(w, "qualifier", qualifier);
    jw_kbool(w, "statefulInvocation", f->async->status_log);
    fc_async_put(w, f->async);
    jw_obj_end(w);
}

static void fail_none(struct call *c, const struct fn_key *key)
{
    call_fail(c, 404, "AsyncConfigNotExists", "AsyncConfig for %.*s:%.*s does not exist.",
              STR_ARG(key->space), STR_ARG(key->name));
}

static void reply_config(struct call *c, const struct fn *f, struct str qualifier)
{
    struct buf body;
    struct jw w;

    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&w, &body);
    put_config(&w, f, qualifier);
    call_reply_buf(c, 200, S("application/json"), &body);
}

void fc_async_config_get(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);

    if (f && f->async)
        reply_config(c, f, fc_qualifier(c->captures[0]));
    else if (f)
        fail_none(c, &key);
}

/* ---- change ---- */

struct writing {
    uint32_t magic;
    struct call *call;
    char *qualifier; /* owned */
};
enum { WRITING_MAGIC = 0x46434143 };

static void on_written(void *user, int r, const struct fn *f)
{
    struct writing *w = OBJ(user, struct writing, WRITING_MAGIC);
    struct call *c = w->call;

    if (r < 0)
        fc_error_write(c, r, "function", S(""));
    else if (f->async)
        reply_config(c, f, str_of(w->qualifier));
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
    free(w->qualifier);
    w->magic = 0;
    free(w);
}

/* -> on_written; draft is taken */
static void write_async(struct call *c, struct fn *draft)
{
    struct writing *w = xnew(struct writing);

    *w = (struct writing){
            .magic = WRITING_MAGIC, .call = c, .qualifier = str_dup(fc_qualifier(c->captures[0]))};
    fc_write_version(c, draft, on_written, w);
}

void fc_async_config_put(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);
    struct err e = {0};
    struct fn_async *a;
    struct fn *draft;

    if (!f)
        return;
    body = fc_body(c);
    if (!body)
        return;
    a = xnew(struct fn_async);
    a->modified_ms = clock_wall_ms();
    a->created_ms = f->async ? f->async->created_ms : a->modified_ms;
    if (fc_async_parse(c->api->catalog, body, f, AGE_MAX_S, a, &e) < 0 ||
        json_bool(body, "statefulInvocation", true, &a->status_log, &e) < 0) {
        fn_async_free(a);
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    draft = fn_copy(f);
    fn_async_free(draft->async);
    draft->async = a;
    write_async(c, draft);
}

void fc_async_config_delete(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);
    struct fn *draft;

    if (!f)
        return;
    if (!f->async) {
        fail_none(c, &key);
        return;
    }
    draft = fn_copy(f);
    draft->async = fn_async_free(draft->async);
    write_async(c, draft);
}

/* ---- lists: LATEST first, then versions in the order they were published ---- */

struct listing {
    struct fc_page page;
    struct catalog *catalog;
};

static struct str qualifier_of(const struct fn *f)
{
    return qualifier_is_latest(str_of(f->version)) ? S("LATEST") : str_of(f->version);
}

static bool list_config(void *user, const struct fn *f)
{
    struct listing *l = user;

    if (f->async && fc_page_has(&l->page, qualifier_of(f)))
        put_config(&l->page.w, f, qualifier_of(f));
    return !fc_page_full(&l->page);
}

/* A token is a qualifier: the page begins where it stands, whatever the order of names. */
static bool skip_to(void *user, const struct fn *f)
{
    struct listing *l = user;

    if (l->page.from.n && str_eq(l->page.from, qualifier_of(f)))
        l->page.from = STR_NONE;
    if (l->page.from.n)
        return true;
    return list_config(l, f);
}

void fc_async_config_list(struct call *c)
{
    struct listing l = {.catalog = c->api->catalog};
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);

    if (!f || !fc_page_open(c, &l.page, "configs"))
        return;
    if (skip_to(&l, catalog_find(c->api->catalog, &key)))
        catalog_each_version(c->api->catalog, &key, skip_to, &l);
    fc_page_reply(c, &l.page);
}

/* ---- whose invocations have a state that is kept ---- */

static bool list_stateful(void *user, const struct fn *f)
{
    cleanup_with(buf_done) struct buf name;
    struct listing *l = user;

    buf_init(&name, 1024);
    buf_addf(&name, "%s/%s/%.*s", f->space, f->name, STR_ARG(qualifier_of(f)));
    if (f->async && f->async->status_log && fc_page_has(&l->page, buf_str(&name))) {
        jw_obj(&l->page.w);
        jw_kstrz(&l->page.w, "serviceName", f->space);
        jw_kstrz(&l->page.w, "functionName", f->name);
        jw_kstr(&l->page.w, "qualifier", qualifier_of(f));
        jw_obj_end(&l->page.w);
    }
    return !fc_page_full(&l->page);
}

static bool list_versions(void *user, const struct fn *f)
{
    struct listing *l = user;
    struct fn_key key = fn_key_of(f);

    catalog_each_version(l->catalog, &key, list_stateful, l);
    return list_stateful(l, f);
}

void fc_async_functions(struct call *c)
{
    struct listing l = {.catalog = c->api->catalog};
    struct catalog_filter filter = {
            .dialect = DIALECT_FC, .account = fc_auth_account(c), .region = str_of(c->api->region)};

    if (!fc_page_open(c, &l.page, "data"))
        return;
    catalog_each(c->api->catalog, &filter, list_versions, &l);
    fc_page_reply(c, &l.page);
}
