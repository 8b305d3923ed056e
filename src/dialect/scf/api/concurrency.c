/* SPDX-License-Identifier: Apache-2.0 */
/*
 * concurrency.c - provisioned, reserved and total concurrency, and how asynchronous events are tried.
 *
 * Provisioned: instances of a version kept ready (fn.reserved of its record). Reserved: memory in MB
 * that a function's instances may have at once; here it bounds their number (fn.max_instances), and
 * without it the number is the installation's. A total of a namespace would bound nothing here.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "catalog/versions.h"
#include "dialect/scf/api/function.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/scf_api.h"
#include "dialect/shape.h"
#include "fn/async.h"
#include "fn/fn.h"

enum {
    INSTANCES_MAX = 1000,
    INSTANCES = 100 /* without a reserve */,
    CONCURRENCY_MB = 128000,
    EXTRA_MAX = 64 << 10,
    TTL_MIN = 60
};

/* ---- provisioned ---- */

/* A version, not $LATEST; NULL: it has replied. */
static const struct fn *version_of(struct call *c, const struct cJSON *p, struct fn_key *key)
{
    struct str q = scf_text(p, "Qualifier");
    const struct fn *v;

    if (!scf_function(c, p, key))
        return NULL;
    if (qualifier_is_latest(q)) {
        scf_fail(c, "InvalidParameterValue.Qualifier",
                 "Instances are provisioned for a version, not for $LATEST.");
        return NULL;
    }
    v = catalog_version(c->api->catalog, key, q);
    if (!v)
        scf_fail(c, "ResourceNotFound.Qualifier", "There is no version '%.*s'.",
                 (int)(q.n < 64 ? q.n : 64), q.p);
    return v;
}

static void set_provisioned(struct call *c, const struct fn *v, uint32_t n)
{
    struct fn *draft = fn_copy(v);

    draft->reserved = n;
    draft->modified_ms = clock_wall_ms();
    catalog_update_version(c->api->catalog, draft, scf_on_function, c);
}

void scf_put_provisioned(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct fn_key key;
    const struct fn *v = p ? version_of(c, p, &key) : NULL;
    struct str type;
    int64_t n;

    if (!v)
        return;
    n = scf_number(p, "VersionProvisionedConcurrencyNum", 0);
    type = scf_text(p, "ProvisionedType");
    if (type.n && !str_eq(type, S("Default"))) {
        scf_fail(c, "UnsupportedOperation",
                 "Instances are provisioned in a fixed number here (ProvisionedType Default).");
        return;
    }
    if (cJSON_GetArraySize(json_get(p, "TriggerActions")) > 0) {
        scf_fail(c, "UnsupportedOperation",
                 "The number does not follow a schedule here: send it when it changes.");
        return;
    }
    if (n < 0 || n > INSTANCES_MAX || n > v->max_instances) {
        scf_fail(c, "LimitExceeded.FunctionProvisionedConcurrencyMemory",
                 "A version may have 0 to %u provisioned instances.", v->max_instances);
        return;
    }
    set_provisioned(c, v, (uint32_t)n); /* -> scf_on_function */
}

void scf_delete_provisioned(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct fn_key key;
    const struct fn *v = p ? version_of(c, p, &key) : NULL;

    if (v) /* -> scf_on_function */
        set_provisioned(c, v, 0);
}

struct allocated {
    struct jw *w;
    struct str qualifier;
};

static bool put_allocated(void *user, const struct fn *f)
{
    const struct allocated *a = user;

    if (f->reserved == 0 || (a->qualifier.n && !str_eq(a->qualifier, str_of(f->version))))
        return true;
    jw_obj(a->w);
    jw_kstrz(a->w, "Qualifier", f->version);
    jw_kint(a->w, "AllocatedProvisionedConcurrencyNum", f->reserved);
    jw_kint(a->w, "AvailableProvisionedConcurrencyNum", f->reserved);
    jw_kstrz(a->w, "Status", "Done");
    jw_kstrz(a->w, "StatusReason", "");
    jw_key(a->w, "TriggerActions");
    jw_arr(a->w);
    jw_arr_end(a->w);
    jw_obj_end(a->w);
    return true;
}

void scf_get_provisioned(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct allocated some;
    struct scf_answer a;
    struct fn_key key;
    const struct fn *f = p ? scf_function(c, p, &key) : NULL;

    if (!f)
        return;
    scf_begin(&a, SCF_BODY_SMALL);
    some = (struct allocated){&a.w, scf_text(p, "Qualifier")};
    jw_kint(&a.w, "UnallocatedConcurrencyNum", f->max_instances);
    jw_key(&a.w, "Allocated");
    jw_arr(&a.w);
    catalog_each_version(c->api->catalog, &key, put_allocated, &some);
    jw_arr_end(&a.w);
    scf_send(c, &a);
}

/* ---- reserved ---- */

/* mb < 0: none any more. */
static void set_reserved(struct call *c, const struct fn *f, int64_t mb)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(f->extra), NULL);
    cleanup_with(buf_done) struct buf text;
    struct fn *draft = fn_copy(f);

    buf_init(&text, EXTRA_MAX);
    cJSON_DeleteItemFromObjectCaseSensitive(extra, "ReservedConcurrencyMem");
    if (mb >= 0)
        (void)cJSON_AddNumberToObject(extra, "ReservedConcurrencyMem", (double)mb);
    json_print(extra, &text);
    fn_set(&draft->extra, buf_str(&text));
    draft->max_instances = mb < 0 ? INSTANCES : (uint32_t)(mb / f->memory_mb);
    draft->modified_ms = clock_wall_ms();
    catalog_update(c->api->catalog, draft, scf_on_function, c); /* -> scf_on_function */
}

void scf_put_reserved(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    int64_t mb = p ? scf_number(p, "ReservedConcurrencyMem", 0) : 0;
    struct fn_key key;
    const struct fn *f = p ? scf_function(c, p, &key) : NULL;

    if (!f)
        return;
    if (mb < 0 || mb > CONCURRENCY_MB)
        scf_fail(c, "LimitExceeded.FunctionReservedConcurrencyMemory",
                 "ReservedConcurrencyMem is 0 to %d MB.", CONCURRENCY_MB);
    else
        set_reserved(c, f, mb);
}

void scf_delete_reserved(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct fn_key key;
    const struct fn *f = p ? scf_function(c, p, &key) : NULL;

    if (f)
        set_reserved(c, f, -1);
}

void scf_get_reserved(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    cleanup_with(json_freep) struct cJSON *extra = NULL;
    struct scf_answer a;
    struct fn_key key;
    const struct fn *f = p ? scf_function(c, p, &key) : NULL;

    if (!f)
        return;
    extra = json_parse(str_of(f->extra), NULL);
    scf_begin(&a, SCF_BODY_SMALL);
    jw_key(&a.w, "ReservedMem");
    if (json_get(extra, "ReservedConcurrencyMem"))
        jw_int(&a.w, scf_number(extra, "ReservedConcurrencyMem", 0));
    else
        jw_null(&a.w);
    scf_send(c, &a);
}

void scf_put_total(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);

    if (p)
        scf_fail(c, "UnsupportedOperation",
                 "A namespace has no concurrency of its own here: memory is the installation's "
                 "(option 'memory').");
}

/* ---- asynchronous events ---- */

void scf_get_event_config(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct shape_retry *retry = shape_of(DIALECT_SCF)->retry;
    struct scf_answer a;
    struct fn_key key;
    const struct fn *f = p ? scf_function(c, p, &key) : NULL;

    if (!f)
        return;
    scf_begin(&a, SCF_BODY_SMALL);
    jw_key(&a.w, "AsyncTriggerConfig");
    jw_obj(&a.w);
    jw_key(&a.w, "RetryConfig");
    jw_arr(&a.w);
    jw_obj(&a.w);
    jw_kint(&a.w, "RetryNum", f->async ? f->async->max_retries : retry->retries);
    jw_obj_end(&a.w);
    jw_arr_end(&a.w);
    jw_kint(&a.w, "MsgTTL", f->async ? f->async->max_age_s : retry->age_s);
    jw_obj_end(&a.w);
    scf_send(c, &a);
}

void scf_update_event_config(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct cJSON *config = p ? json_get(p, "AsyncTriggerConfig") : NULL;
    const struct cJSON *retries = json_get(config, "RetryConfig");
    int64_t ttl = scf_number(config, "MsgTTL", 0), n;
    struct fn_key key;
    const struct fn *f = p ? scf_function(c, p, &key) : NULL;
    struct fn *draft;

    if (!f)
        return;
    n = cJSON_GetArraySize(retries) == 1 ? scf_number(retries->child, "RetryNum", -1) : -1;
    if (n < 0 || n > 2) {
        scf_fail(c, "LimitExceeded.RetryNum", "RetryConfig has one RetryNum, 0 to 2.");
        return;
    }
    if (ttl < TTL_MIN || ttl > shape_of(DIALECT_SCF)->retry->age_s) {
        scf_fail(c, "LimitExceeded.MsgTTL", "MsgTTL is %d to %u seconds.", TTL_MIN,
                 shape_of(DIALECT_SCF)->retry->age_s);
        return;
    }
    draft = fn_copy(f);
    if (!draft->async) {
        draft->async = xnew(struct fn_async);
        draft->async->created_ms = clock_wall_ms();
    }
    draft->async->max_age_s = (uint32_t)ttl;
    draft->async->max_retries = (uint32_t)n;
    draft->async->modified_ms = draft->modified_ms = clock_wall_ms();
    catalog_update(c->api->catalog, draft, scf_on_function, c); /* -> scf_on_function */
}
