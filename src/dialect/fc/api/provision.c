/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provision.c - PutProvisionConfig, GetProvisionConfig, ListProvisionConfigs: instances kept ready
 * whether asked for or not.
 *
 * The target is a setting of the function like any other. Schedules and tracking policies that
 * change it by themselves are refused when there are some: taken and not heeded, they would be
 * found missing on the day they matter.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/parse.h"
#include "fn/fn.h"
#include "pool/pool.h"

enum { LIST_DEFAULT = 20, LIST_MAX = 100 };

int fc_parse_provision(const struct cJSON *body, uint32_t most, uint32_t *ret_target, struct err *e)
{
    static const char *const elsewhere[] = {"scheduledActions", "targetTrackingPolicies"};
    int64_t target = -1;
    int r = json_int(body, "target", true, 0, most, &target, e);

    if (r < 0)
        return r;
    if (target < 0)
        return err_set(e, ERR_CALLER, -EINVAL, "target is required");
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
        const struct cJSON *list = json_geti(body, elsewhere[i]);

        if (list && !(cJSON_IsArray(list) && cJSON_GetArraySize(list) == 0))
            return err_set(e, ERR_CALLER, -EINVAL,
                           "%s is not supported here, send target when it changes", elsewhere[i]);
    }
    *ret_target = (uint32_t)target;
    return 0;
}

static void add_provision(struct jw *w, const struct call *c, const struct fn *f)
{
    cleanup_with(buf_done) struct buf resource;

    buf_init(&resource, 1024);
    buf_addf(&resource, "%s#%s#LATEST#%s", f->account, f->space, f->name);
    jw_obj(w);
    jw_kstr(w, "resource", buf_str(&resource));
    jw_kint(w, "target", f->reserved);
    jw_kint(w, "current", pool_ready(c->api->pool, f));
    jw_key(w, "scheduledActions");
    jw_raw(w, S("[]"));
    jw_key(w, "targetTrackingPolicies");
    jw_raw(w, S("[]"));
    jw_kstrz(w, "currentError", "");
    jw_kbool(w, "alwaysAllocateCPU", true);
    jw_obj_end(w);
}

static void reply_provision(struct call *c, const struct fn *f)
{
    struct buf body;
    struct jw w;

    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&w, &body);
    add_provision(&w, c, f);
    call_reply_buf(c, 200, S("application/json"), &body);
}

static void on_written(void *user, int r, const struct fn *f)
{
    struct call *c = user; /* checked by call_...() */

    if (r < 0)
        fc_error_write(c, r, "function", S(""));
    else
        reply_provision(c, f);
}

void fc_provision_put(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);
    struct err e = {0};
    uint32_t target;
    struct fn *draft;

    if (!f)
        return;
    body = fc_body(c);
    if (!body)
        return;
    if (fc_parse_provision(body, f->max_instances, &target, &e) < 0) {
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    draft = fn_copy(f);
    draft->reserved = target;
    draft->modified_ms = clock_wall_ms();
    catalog_update(c->api->catalog, draft, on_written, c); /* -> on_written */
}

void fc_provision_get(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);

    if (f)
        reply_provision(c, f);
}

/* ---- the list; nextToken is the name to go on with, as service/function ---- */

struct listing {
    struct jw w;
    const struct call *call;
    struct str from;
    struct buf next; /* where the page ends; empty: nothing comes after it */
    uint64_t limit, shown;
};

static bool list_one(void *user, const struct fn *f)
{
    cleanup_with(buf_done) struct buf name;
    struct listing *l = user;

    buf_init(&name, 512);
    if (f->reserved == 0)
        return true;
    buf_addf(&name, "%s/%s", f->space, f->name);
    if (l->from.n && str_cmp(buf_str(&name), l->from) < 0)
        return true;
    if (l->shown == l->limit) {
        buf_adds(&l->next, buf_str(&name));
        return false;
    }
    add_provision(&l->w, l->call, f);
    l->shown++;
    return true;
}

/* false: it has replied. */
static bool read_query(struct call *c, struct listing *l, struct catalog_filter *filter)
{
    struct str limit = call_query(c, S("limit")), qualifier = call_query(c, S("qualifier"));

    filter->space = call_query(c, S("serviceName"));
    l->from = call_query(c, S("nextToken"));
    if (limit.n && str_u64(limit, 1, LIST_MAX, &l->limit) < 0) {
        call_fail(c, 400, "InvalidArgument", "limit must be between 1 and %d", LIST_MAX);
        return false;
    }
    if (qualifier.n && !filter->space.n) {
        call_fail(c, 400, "InvalidArgument", "qualifier needs serviceName");
        return false;
    }
    if (qualifier.n && !str_eq(qualifier, S("LATEST")))
        l->limit = 0; /* nothing has another one yet */
    return true;
}

void fc_provision_list(struct call *c)
{
    struct listing l = {.call = c, .limit = LIST_DEFAULT};
    struct catalog_filter filter = {
            .dialect = DIALECT_FC, .account = fc_auth_account(c), .region = str_of(c->api->region)};
    struct buf body;

    if (!read_query(c, &l, &filter))
        return;
    buf_init(&l.next, 512);
    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&l.w, &body);
    jw_obj(&l.w);
    jw_key(&l.w, "provisionConfigs");
    jw_arr(&l.w);
    if (l.limit > 0)
        catalog_each(c->api->catalog, &filter, list_one, &l);
    jw_arr_end(&l.w);
    jw_kstr(&l.w, "nextToken", buf_str(&l.next));
    jw_obj_end(&l.w);
    buf_done(&l.next);
    call_reply_buf(c, 200, S("application/json"), &body);
}
