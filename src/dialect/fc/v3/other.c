/* SPDX-License-Identifier: Apache-2.0 */
/*
 * other.c - DescribeRegions; VPC bindings, which are kept and shown; and what makes no sense here.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "catalog/resources.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/v3/handlers.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"

#define VPC "fc3-vpc"

enum { VPC_MAX = 64, VPCS = 20, PATH_BYTES = 2048 };

void fc3_absent(struct call *c)
{
    struct str why = str_of(c->op->absent);

    (void)str_cut(&why, ':');
    call_fail(c, 400, "PathNotSupported", "'%.*s' against '%.*s' is not supported:%.*s",
              STR_ARG(c->req->method), (int)(c->req->path.n < 512 ? c->req->path.n : 512),
              c->req->path.p, STR_ARG(why));
}

void fc3_region_list(struct call *c)
{
    struct buf body;
    struct jw w;

    buf_init(&body, FC3_OBJECT_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "Regions");
    jw_obj(&w);
    jw_key(&w, "Region");
    jw_arr(&w);
    jw_obj(&w);
    jw_kstrz(&w, "RegionId", c->api->region);
    jw_kstrz(&w, "LocalName", c->api->region);
    jw_obj_end(&w);
    jw_arr_end(&w);
    jw_obj_end(&w);
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

/* ---- VPC bindings ---- */

struct vpcs {
    struct jw *w; /* NULL: they are counted */
    size_t n;
};

static bool one_vpc(void *user, const struct resource *r)
{
    struct vpcs *v = user;

    if (v->w)
        jw_str(v->w, str_of(r->name));
    v->n++;
    return true;
}

static void each_vpc(const struct call *c, const struct fn_key *key, struct vpcs *v)
{
    cleanup_with(buf_done) struct buf path;
    struct resource_filter filter = {.kind = S(VPC), .dialect = -1};

    buf_init(&path, PATH_BYTES);
    fn_key_path(key, &path);
    filter.parent = buf_str(&path);
    catalog_each_resource(c->api->catalog, &filter, one_vpc, v);
}

static void on_bound(void *user, int r, const struct resource *res)
{
    struct call *c = user; /* checked by call_...() */

    (void)res;
    if (r < 0 && r != -EEXIST)
        fc3_error_write(c, r, "configuration", "vpcId");
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

void fc3_vpc_bind(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct str vpc = STR_NONE;
    struct vpcs count = {0};
    struct err e = {0};
    struct fn_key key;

    if (!fc3_latest(c, &key))
        return;
    body = fc_body(c);
    if (!body)
        return;
    if (json_str(body, "vpcId", true, &vpc, &e) < 0) {
        fc3_fail_invalid(c, &e);
        return;
    }
    if (vpc.n == 0 || vpc.n > VPC_MAX) {
        call_fail(c, 400, "InvalidArgument", "vpcId must have 1 to %d characters", VPC_MAX);
        return;
    }
    each_vpc(c, &key, &count);
    if (count.n >= VPCS && !fc3_note(c, VPC, &key, vpc)) {
        call_fail(c, 400, "LimitExceededError", "a function may be bound to %d VPCs", VPCS);
        return;
    }
    fc3_note_put(c, VPC, &key, vpc, S("{}"), on_bound, c); /* -> on_bound */
}

void fc3_vpc_list(struct call *c)
{
    struct fn_key key;
    struct buf body;
    struct jw w;

    if (!fc3_latest(c, &key))
        return;
    buf_init(&body, FC3_OBJECT_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "vpcIds");
    jw_arr(&w);
    each_vpc(c, &key, &(struct vpcs){.w = &w});
    jw_arr_end(&w);
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

void fc3_vpc_unbind(struct call *c)
{
    struct fn_key key;

    if (!fc3_latest(c, &key))
        return;
    if (!fc3_note(c, VPC, &key, c->captures[1])) {
        call_fail(c, 404, "VpcBindingNotFound", "function '%.*s' is not bound to VPC '%.*s'",
                  STR_ARG(c->captures[0]), (int)(c->captures[1].n < 64 ? c->captures[1].n : 64),
                  c->captures[1].p);
        return;
    }
    fc3_note_delete(c, VPC, &key, c->captures[1], on_bound, c); /* -> on_bound */
}
