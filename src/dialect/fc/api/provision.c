/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provision.c - PutProvisionConfig, GetProvisionConfig, ListProvisionConfigs: instances kept ready
 * whether asked for or not.
 *
 * The target is a setting of the function like any other, or of the version that the qualifier means
 * now (of an alias, the version it points at). Schedules and tracking policies that
 * change it by themselves are refused when there are some: taken and not heeded, they would be
 * found missing on the day they matter.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/page.h"
#include "dialect/fc/api/parse.h"
#include "fn/fn.h"
#include "pool/pool.h"

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

static void add_provision(struct jw *w, const struct call *c, const struct fn *f,
                          struct str qualifier)
{
    cleanup_with(buf_done) struct buf resource;

    buf_init(&resource, 1024);
    buf_addf(&resource, "%s#%s#%.*s#%s", f->account, f->space, STR_ARG(qualifier), f->name);
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

static struct str qualifier_of(const struct fn *f)
{
    return qualifier_is_latest(str_of(f->version)) ? S("LATEST") : str_of(f->version);
}

static void reply_provision(struct call *c, const struct fn *f, struct str qualifier)
{
    struct buf body;
    struct jw w;

    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&w, &body);
    add_provision(&w, c, f, qualifier);
    call_reply_buf(c, 200, S("application/json"), &body);
}

struct writing {
    uint32_t magic;
    struct call *call;
    char *qualifier; /* owned */
};
enum { WRITING_MAGIC = 0x46435056 };

static void on_written(void *user, int r, const struct fn *f)
{
    struct writing *w = OBJ(user, struct writing, WRITING_MAGIC);

    if (r < 0)
        fc_error_write(w->call, r, "function", S(""));
    else
        reply_provision(w->call, f, str_of(w->qualifier));
    free(w->qualifier);
    w->magic = 0;
    free(w);
}

void fc_provision_put(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);
    struct err e = {0};
    struct writing *w;
    uint32_t target = 0;
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
    w = xnew(struct writing);
    *w = (struct writing){
            .magic = WRITING_MAGIC, .call = c, .qualifier = str_dup(fc_qualifier(c->captures[0]))};
    fc_write_version(c, draft, on_written, w); /* -> on_written */
}

void fc_provision_get(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);

    if (f)
        reply_provision(c, f, fc_qualifier(c->captures[0]));
}

/* ---- the list, by service/function/qualifier ---- */

struct listing {
    struct fc_page page;
    struct call *call;
    struct str qualifier; /* empty: all */
};

static bool list_one(void *user, const struct fn *f)
{
    cleanup_with(buf_done) struct buf name;
    struct listing *l = user;

    buf_init(&name, 1024);
    if (f->reserved == 0 || (l->qualifier.n && !str_eq(l->qualifier, qualifier_of(f))))
        return true;
    buf_addf(&name, "%s/%s/%.*s", f->space, f->name, STR_ARG(qualifier_of(f)));
    if (fc_page_has(&l->page, buf_str(&name)))
        add_provision(&l->page.w, l->call, f, qualifier_of(f));
    return !fc_page_full(&l->page);
}

static bool list_all(void *user, const struct fn *f)
{
    struct listing *l = user;
    struct fn_key key = fn_key_of(f);

    catalog_each_version(l->call->api->catalog, &key, list_one, l);
    return list_one(l, f);
}

void fc_provision_list(struct call *c)
{
    struct listing l = {.call = c, .qualifier = call_query(c, S("qualifier"))};
    struct catalog_filter filter = {.dialect = DIALECT_FC,
                                    .account = fc_auth_account(c),
                                    .region = str_of(c->api->region),
                                    .space = call_query(c, S("serviceName"))};

    if (l.qualifier.n && !filter.space.n) {
        call_fail(c, 400, "InvalidArgument", "qualifier needs serviceName");
        return;
    }
    if (!fc_page_open(c, &l.page, "provisionConfigs"))
        return;
    catalog_each(c->api->catalog, &filter, list_all, &l);
    fc_page_reply(c, &l.page);
}
