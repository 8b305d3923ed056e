/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async.c - PutAsyncInvokeConfig, GetAsyncInvokeConfig, DeleteAsyncInvokeConfig, ListAsyncInvokeConfigs:
 * how asynchronous events of a version are delivered.
 *
 * The rules are a part of the version's record; of an alias they are those of the version it points to.
 * A PUT says all of it: what it leaves out has the cloud's default again.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "catalog/versions.h"
#include "dialect/fc/api/destination.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/page.h"
#include "dialect/fc/v3/handlers.h"
#include "dialect/fc/v3/v3.h"
#include "fn/async.h"
#include "fn/fn.h"

enum { AGE_MAX_S = 604800 };

static void put_config(struct jw *w, const struct fn *f)
{
    jw_obj(w);
    fc3_put_arn(w, f);
    jw_kbool(w, "asyncTask", f->async->status_log);
    fc_async_put(w, f->async);
    jw_obj_end(w);
}

static void on_put(void *user, int r, const struct fn *f)
{
    struct call *c = user; /* checked by call_...() */
    struct buf body;
    struct jw w;

    if (r < 0) {
        fc3_error_write(c, r, "function", "");
        return;
    }
    buf_init(&body, FC3_OBJECT_MAX);
    jw_init(&w, &body);
    put_config(&w, f);
    call_reply_buf(c, 200, S("application/json"), &body);
}

static void on_deleted(void *user, int r, const struct fn *f)
{
    struct call *c = user; /* checked by call_...() */

    (void)f;
    if (r < 0)
        fc3_error_write(c, r, "function", "");
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

void fc3_async_put(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fn_key key;
    const struct fn *f = fc3_record(c, &key);
    struct err e = {0};
    struct fn_async *a;
    struct fn *draft;

    if (!f)
        return;
    body = fc_body(c);
    if (!body)
        return;
    a = xnew(struct fn_async);
    if (fc_async_parse(c->api->catalog, body, f, AGE_MAX_S, a, &e) < 0 ||
        json_bool(body, "asyncTask", true, &a->status_log, &e) < 0) {
        fn_async_free(a);
        fc3_fail_invalid(c, &e);
        return;
    }
    a->modified_ms = clock_wall_ms();
    a->created_ms = f->async ? f->async->created_ms : a->modified_ms;
    draft = fn_copy(f);
    draft->async = fn_async_free(draft->async);
    draft->async = a;
    fc3_update_record(c, draft, on_put); /* -> on_put */
}

/* NULL: it has replied. */
static const struct fn *configured(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc3_record(c, &key);

    if (!f || f->async)
        return f;
    call_fail(c, 404, "AsyncConfigNotExists", "AsyncConfig for %s:%s does not exist.", f->name,
              str_ieq(str_of(f->version), S("latest")) ? "LATEST" : f->version);
    return NULL;
}

void fc3_async_get(struct call *c)
{
    const struct fn *f = configured(c);

    if (f)
        on_put(c, 0, f);
}

void fc3_async_delete(struct call *c)
{
    const struct fn *f = configured(c);
    struct fn *draft;

    if (!f)
        return;
    draft = fn_copy(f);
    draft->async = fn_async_free(draft->async);
    fc3_update_record(c, draft, on_deleted); /* -> on_deleted */
}

static bool list_one(void *user, const struct fn *f, struct str place)
{
    struct fc_page *page = user;

    if (f->async && fc_page_has(page, place))
        put_config(&page->w, f);
    return !fc_page_full(page);
}

void fc3_async_list(struct call *c)
{
    struct fc_page page;

    if (!fc_page_open(c, &page, "configs"))
        return;
    page.prefix = STR_NONE;
    fc3_each_record(c, list_one, &page);
    fc_page_reply(c, &page);
}
