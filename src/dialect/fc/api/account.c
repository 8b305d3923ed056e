/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.c - what an account is told about itself, and what a machine of one's own has not: reserved
 * capacities and VPCs that a service is bound to. Instances, too: GET .../instances.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "api/api.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/page.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/api/version.h"
#include "fn/fn.h"
#include "pool/pool.h"

static void reply(struct call *c, const char *json)
{
    call_reply(c, 200, S("application/json"), str_of(json));
}

void fc_account_settings(struct call *c)
{
    struct buf body;
    struct jw w;

    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "availableAZs");
    jw_arr(&w);
    jw_str(&w, str_of(c->api->region));
    jw_arr_end(&w);
    jw_kstrz(&w, "defaultRole", "");
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

/* config: the one that is asked for; none: all. */
void fc_account_configs(struct call *c)
{
    struct str which = call_query(c, S("config"));
    struct buf body;
    struct jw w;

    if (which.n && !str_eq(which, S("CodeSizeLimit"))) {
        call_fail(c, 400, "InvalidArgument", "there is no account config '%.*s'",
                  (int)(which.n < 64 ? which.n : 64), which.p);
        return;
    }
    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kint(&w, "CodeSizeLimit", FC_ZIP_MAX);
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

void fc_reserved_capacities(struct call *c)
{
    uint64_t limit = FC_PAGE_DEFAULT;

    if (fc_page_limit(c, FC_PAGE_MAX, &limit))
        reply(c, "{\"reservedCapacities\":[],\"nextToken\":\"\"}");
}

void fc_vpc_list(struct call *c)
{
    struct fn_key key;

    if (fc_latest_service(c, c->captures[0], &key))
        reply(c, "{\"vpcIds\":[]}");
}

void fc_absent(struct call *c)
{
    call_fail(c, 400, "PathNotSupported", "'%.*s' against '%.*s' is not supported",
              (int)(c->req->method.n < 16 ? c->req->method.n : 16), c->req->method.p,
              (int)(c->req->path.n < 1024 ? c->req->path.n : 1024), c->req->path.p);
}

/* ---- instances ---- */

struct listing {
    struct call *call;
    struct jw w;
    const char *version;
    uint64_t limit, shown;
};

/* Of those that the query names, if it names some. */
static bool is_asked_for(struct call *c, struct str id)
{
    struct str rest = c->req->query, key, value;
    bool named = false;

    while (uri_query_next(&rest, &key, &value)) {
        if (!str_eq(key, S("instanceIds")))
            continue;
        named = true;
        if (str_eq(value, id))
            return true;
    }
    return !named;
}

static void list_one(void *user, const char *id)
{
    struct listing *l = user;

    if (l->shown == l->limit || !is_asked_for(l->call, str_of(id)))
        return;
    jw_obj(&l->w);
    jw_kstrz(&l->w, "instanceId", id);
    jw_kstrz(&l->w, "versionId", l->version);
    jw_obj_end(&l->w);
    l->shown++;
}

void fc_instances(struct call *c)
{
    struct listing l = {.call = c, .limit = FC_PAGE_MAX};
    struct fn_key key;
    const struct fn *f = fc_function(c, c->captures[0], c->captures[1], &key);
    struct buf body;

    if (!f || !fc_page_limit(c, FC_PAGE_MAX, &l.limit))
        return;
    l.version = qualifier_is_latest(str_of(f->version)) ? "0" : f->version;
    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&l.w, &body);
    jw_obj(&l.w);
    jw_key(&l.w, "instances");
    jw_arr(&l.w);
    pool_each_instance(c->api->pool, f, list_one, &l);
    jw_arr_end(&l.w);
    jw_obj_end(&l.w);
    call_reply_buf(c, 200, S("application/json"), &body);
}
