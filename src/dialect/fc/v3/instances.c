/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instances.c - ListInstances, and how many there are: provision-config, scaling-config (the newer form of the same) and
 * concurrency.
 *
 *   provision-config {"target"} or {"defaultTarget"}   instances kept ready: the record's `reserved`
 *   scaling-config   {"minInstances"}                   likewise
 *   concurrency      {"reservedConcurrency"}            at once, of all instances: `max_instances` of them
 *
 * Schedules and policies that change a number by themselves are refused when there are some: taken and
 * not heeded, they would be found missing on the day they matter.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/page.h"
#include "dialect/fc/v3/handlers.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"
#include "pool/pool.h"

#define RESERVED "reservedConcurrency"

enum { CONCURRENCY_MAX = 10000 };

typedef void put_fn(struct jw *w, const struct call *c, const struct fn *f);

static void reply(struct call *c, const struct fn *f, put_fn *put)
{
    struct buf body;
    struct jw w;

    buf_init(&body, FC3_OBJECT_MAX);
    jw_init(&w, &body);
    put(&w, c, f);
    call_reply_buf(c, 200, S("application/json"), &body);
}

static void on_gone(void *user, int r, const struct fn *f)
{
    struct call *c = user; /* checked by call_...() */

    (void)f;
    if (r < 0)
        fc3_error_write(c, r, "function", "");
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

static void put_list(struct jw *w, const char *key)
{
    jw_key(w, key);
    jw_raw(w, S("[]"));
}

/* ---- kept ready ---- */

static void put_provision(struct jw *w, const struct call *c, const struct fn *f)
{
    jw_obj(w);
    fc3_put_arn(w, f);
    jw_kint(w, "target", f->reserved);
    jw_kint(w, "defaultTarget", f->reserved);
    jw_kint(w, "current", pool_ready(c->api->pool, f));
    jw_kstrz(w, "currentError", "");
    jw_kbool(w, "alwaysAllocateCPU", true);
    jw_kbool(w, "alwaysAllocateGPU", false);
    put_list(w, "scheduledActions");
    put_list(w, "targetTrackingPolicies");
    jw_obj_end(w);
}

static void put_scaling(struct jw *w, const struct call *c, const struct fn *f)
{
    jw_obj(w);
    fc3_put_arn(w, f);
    jw_kint(w, "minInstances", f->reserved);
    jw_kint(w, "targetInstances", f->reserved);
    jw_kint(w, "currentInstances", pool_ready(c->api->pool, f));
    jw_kstrz(w, "currentError", "");
    jw_kbool(w, "enableOnDemandScaling", true);
    jw_kbool(w, "enableMixMode", false);
    put_list(w, "horizontalScalingPolicies");
    put_list(w, "scheduledPolicies");
    jw_obj_end(w);
}

static void on_provision(void *user, int r, const struct fn *f)
{
    struct call *c = user; /* checked by call_...() */

    if (r < 0)
        fc3_error_write(c, r, "function", "");
    else
        reply(c, f, put_provision);
}

static void on_scaling(void *user, int r, const struct fn *f)
{
    struct call *c = user; /* checked by call_...() */

    if (r < 0)
        fc3_error_write(c, r, "function", "");
    else
        reply(c, f, put_scaling);
}

static int refuse_lists(const struct cJSON *body, const char *const *names, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        const struct cJSON *list = json_geti(body, names[i]);

        if (list && !(cJSON_IsArray(list) && cJSON_GetArraySize(list) == 0))
            return err_set(e, ERR_CALLER, -EINVAL,
                           "%s is not supported here, send the number when it changes", names[i]);
    }
    return 0;
}

static int read_provision(const struct cJSON *body, int64_t most, int64_t *target, struct err *e)
{
    static const char *const lists[] = {"scheduledActions", "targetTrackingPolicies"};

    if (json_int(body, "defaultTarget", true, 0, most, target, e) < 0 ||
        json_int(body, "target", true, 0, most, target, e) < 0)
        return -EINVAL;
    return refuse_lists(body, lists, ARRAY_LEN(lists), e);
}

static int read_scaling(const struct cJSON *body, int64_t most, int64_t *target, struct err *e)
{
    static const char *const lists[] = {"horizontalScalingPolicies", "scheduledPolicies"};
    struct str pool = STR_NONE;
    bool mix = false, on_demand = true;

    if (json_int(body, "minInstances", true, 0, most, target, e) < 0 ||
        json_str(body, "residentPoolId", true, &pool, e) < 0 ||
        json_bool(body, "enableMixMode", true, &mix, e) < 0 ||
        json_bool(body, "enableOnDemandScaling", true, &on_demand, e) < 0)
        return -EINVAL;
    if (pool.n || mix || !on_demand)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "residentPoolId, enableMixMode and enableOnDemandScaling false are not "
                       "supported here");
    return refuse_lists(body, lists, ARRAY_LEN(lists), e);
}

static void put_reserved(struct call *c, const char *needed,
                         int (*read)(const struct cJSON *body, int64_t most, int64_t *target,
                                     struct err *e),
                         catalog_fn *done)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fn_key key;
    const struct fn *f = fc3_record(c, &key);
    int64_t target = -1;
    struct err e = {0};
    struct fn *draft;

    if (!f)
        return;
    body = fc_body(c);
    if (!body)
        return;
    if (read(body, f->max_instances, &target, &e) < 0) {
        fc3_fail_invalid(c, &e);
        return;
    }
    if (target < 0) {
        call_fail(c, 400, "InvalidArgument", "%s is required", needed);
        return;
    }
    draft = fn_copy(f);
    draft->reserved = (uint32_t)target;
    fc3_update_record(c, draft, done);
}

static void drop_reserved(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc3_record(c, &key);
    struct fn *draft;

    if (!f)
        return;
    draft = fn_copy(f);
    draft->reserved = 0;
    fc3_update_record(c, draft, on_gone); /* -> on_gone */
}

static void get(struct call *c, put_fn *put)
{
    struct fn_key key;
    const struct fn *f = fc3_record(c, &key);

    if (f)
        reply(c, f, put);
}

struct listing {
    struct fc_page page;
    const struct call *call;
    put_fn *put;
    bool (*has)(const struct fn *f);
};

static bool has_reserved(const struct fn *f)
{
    return f->reserved > 0;
}

static bool list_one(void *user, const struct fn *f, struct str place)
{
    struct listing *l = user;

    if (l->has(f) && fc_page_has(&l->page, place))
        l->put(&l->page.w, l->call, f);
    return !fc_page_full(&l->page);
}

static void list(struct call *c, const char *plural, put_fn *put, bool (*has)(const struct fn *f))
{
    struct listing l = {.call = c, .put = put, .has = has};

    if (!fc_page_open(c, &l.page, plural))
        return;
    l.page.prefix = STR_NONE;
    fc3_each_record(c, list_one, &l);
    fc_page_reply(c, &l.page);
}

void fc3_provision_put(struct call *c)
{
    put_reserved(c, "target", read_provision, on_provision); /* -> on_provision */
}

void fc3_provision_get(struct call *c)
{
    get(c, put_provision);
}

void fc3_provision_delete(struct call *c)
{
    drop_reserved(c);
}

void fc3_provision_list(struct call *c)
{
    list(c, "provisionConfigs", put_provision, has_reserved);
}

void fc3_scaling_put(struct call *c)
{
    put_reserved(c, "minInstances", read_scaling, on_scaling); /* -> on_scaling */
}

void fc3_scaling_get(struct call *c)
{
    get(c, put_scaling);
}

void fc3_scaling_delete(struct call *c)
{
    drop_reserved(c);
}

void fc3_scaling_list(struct call *c)
{
    list(c, "scalingConfigs", put_scaling, has_reserved);
}

/* ---- at once ---- */

static int64_t reserved_of(const struct fn *f)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(f->extra), NULL);
    int64_t n = -1;

    (void)json_int(extra, RESERVED, false, 0, CONCURRENCY_MAX, &n, NULL);
    return n;
}

static bool has_concurrency(const struct fn *f)
{
    return str_ieq(str_of(f->version), S("latest")) && reserved_of(f) >= 0;
}

static void put_concurrency(struct jw *w, const struct call *c, const struct fn *f)
{
    (void)c;
    jw_obj(w);
    fc3_put_arn(w, f);
    jw_kint(w, RESERVED, reserved_of(f));
    jw_obj_end(w);
}

static void on_concurrency(void *user, int r, const struct fn *f)
{
    struct call *c = user; /* checked by call_...() */

    if (r < 0)
        fc3_error_write(c, r, "function", "");
    else
        reply(c, f, put_concurrency);
}

void fc3_concurrency_put(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fn_key key;
    const struct fn *f = fc3_latest(c, &key);
    int64_t n = -1;
    struct err e = {0};
    uint32_t instances;
    struct fn *draft;

    if (!f)
        return;
    body = fc_body(c);
    if (!body)
        return;
    if (json_int(body, RESERVED, true, 1, CONCURRENCY_MAX, &n, &e) < 0) {
        fc3_fail_invalid(c, &e);
        return;
    }
    if (n < 0) {
        call_fail(c, 400, "InvalidArgument", RESERVED " is required");
        return;
    }
    instances = (uint32_t)((n + f->instance_concurrency - 1) / f->instance_concurrency);
    if (instances < f->reserved) {
        call_fail(c, 400, "InvalidArgument",
                  RESERVED " must not be less than the %u provisioned instances have", f->reserved);
        return;
    }
    draft = fn_copy(f);
    draft->max_instances = instances;
    fc3_extra_set(draft, RESERVED, cJSON_CreateNumber((double)n));
    catalog_update(c->api->catalog, draft, on_concurrency, c); /* -> on_concurrency */
}

/* NULL: it has replied. */
static const struct fn *with_concurrency(struct call *c)
{
    struct fn_key key;
    const struct fn *f = fc3_latest(c, &key);

    if (!f || has_concurrency(f))
        return f;
    call_fail(c, 404, "ConcurrencyConfigNotFound", "function '%s' has no reserved concurrency",
              f->name);
    return NULL;
}

void fc3_concurrency_get(struct call *c)
{
    const struct fn *f = with_concurrency(c);

    if (f)
        reply(c, f, put_concurrency);
}

void fc3_concurrency_delete(struct call *c)
{
    const struct fn *f = with_concurrency(c);
    struct fn *draft, *fresh;
    struct fn_key key;

    if (!f)
        return;
    key = fn_key_of(f);
    fresh = fn_new(&key);
    draft = fn_copy(f);
    draft->max_instances = fresh->max_instances;
    fn_unref(fresh);
    fc3_extra_set(draft, RESERVED, NULL);
    catalog_update(c->api->catalog, draft, on_gone, c); /* -> on_gone */
}

void fc3_concurrency_list(struct call *c)
{
    list(c, "configs", put_concurrency, has_concurrency);
}

/* ---- those that are there ---- */

struct instances {
    struct jw w;
    const char *version, *qualifier;
    uint64_t limit, shown;
};

static void put_instance(void *user, const char *id)
{
    struct instances *l = user;

    if (l->shown++ >= l->limit)
        return;
    jw_obj(&l->w);
    jw_kstrz(&l->w, "instanceId", id);
    jw_kstrz(&l->w, "versionId", l->version);
    jw_kstrz(&l->w, "qualifier", l->qualifier);
    jw_kstrz(&l->w, "status", "Running");
    jw_obj_end(&l->w);
}

void fc3_instance_list(struct call *c)
{
    struct instances l = {.limit = FC_PAGE_MAX};
    struct fn_key key;
    const struct fn *f = fc3_record(c, &key);
    struct buf body;
    bool latest;

    if (!f || !fc_page_limit(c, FC_PAGE_MAX, &l.limit))
        return;
    latest = str_ieq(str_of(f->version), S("latest"));
    l.version = latest ? "0" : f->version;
    l.qualifier = latest ? "LATEST" : f->version;
    buf_init(&body, FC3_OBJECT_MAX);
    jw_init(&l.w, &body);
    jw_obj(&l.w);
    jw_kstrz(&l.w, "requestId", c->request_id);
    jw_key(&l.w, "instances");
    jw_arr(&l.w);
    pool_each_instance(c->api->pool, f, put_instance, &l);
    jw_arr_end(&l.w);
    jw_obj_end(&l.w);
    call_reply_buf(c, 200, S("application/json"), &body);
}
