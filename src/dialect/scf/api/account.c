/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.c - GetAccount: what there is, and what there may be. The limits told are those that hold here;
 * where there is none, the cloud's.
 */

#include "api/api.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/scf_api.h"
#include "dialect/shape.h"
#include "fn/trigger.h"

enum { NAMESPACES_MAX = 64, FUNCTIONS_MAX = 1000, CONCURRENCY_MB = 128000 };

struct usage {
    struct jw *w;
    const struct catalog *catalog;
    struct catalog_filter filter;
    uint32_t namespaces;
};

static bool count_one(void *user, const struct fn *f)
{
    uint32_t *n = user;

    (void)f;
    ++*n;
    return true;
}

static bool name_one(void *user, const struct fn *f)
{
    jw_str(user, str_of(f->name));
    return true;
}

static void put_usage(struct usage *u, struct str space)
{
    uint32_t n = 0;

    u->filter.space = space;
    catalog_each(u->catalog, &u->filter, count_one, &n);
    jw_obj(u->w);
    jw_key(u->w, "Functions");
    jw_arr(u->w);
    catalog_each(u->catalog, &u->filter, name_one, u->w);
    jw_arr_end(u->w);
    jw_kstr(u->w, "Namespace", space);
    jw_kint(u->w, "FunctionsCount", n);
    jw_kint(u->w, "TotalConcurrencyMem", CONCURRENCY_MB);
    jw_kint(u->w, "TotalAllocatedConcurrencyMem", 0);
    jw_kint(u->w, "TotalAllocatedProvisionedMem", 0);
    jw_obj_end(u->w);
    u->namespaces++;
}

static bool usage_of(void *user, const struct space *s)
{
    if (!str_eq(str_of(s->name), S("default")))
        put_usage(user, str_of(s->name));
    return true;
}

static void put_limits(struct jw *w)
{
    static const char *const sources[] = {"Cos", "Timer", "Cmq", "Total", "Ckafka", "Apigw",
                                          "Cls", "Clb",   "Mps", "Cm",    "Vod",    "Eb"};

    jw_obj(w);
    jw_kint(w, "FunctionsCount", FUNCTIONS_MAX);
    jw_key(w, "Trigger");
    jw_obj(w);
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        jw_kint(w, sources[i], TRIGGERS_PER_FUNCTION);
    jw_obj_end(w);
    jw_kstrz(w, "Namespace", "default");
    jw_kint(w, "ConcurrentExecutions", CONCURRENCY_MB / 128);
    jw_kint(w, "TimeoutLimit", 900);
    jw_kint(w, "TestModelLimit", 100);
    jw_kint(w, "InitTimeoutLimit", 300);
    jw_kint(w, "RetryNumLimit", 2);
    jw_kint(w, "MinMsgTTL", 60);
    jw_kint(w, "MaxMsgTTL", (int64_t)shape_of(DIALECT_SCF)->retry->age_s);
    jw_obj_end(w);
}

void scf_get_account(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct scf_answer a;
    struct usage u;

    if (!p)
        return;
    scf_begin(&a, SCF_ANSWER_MAX);
    u = (struct usage){
            .w = &a.w,
            .catalog = c->api->catalog,
            .filter = {.dialect = DIALECT_SCF, .account = scf_account(c), .region = scf_region(c)}};
    jw_key(&a.w, "AccountUsage");
    jw_obj(&a.w);
    jw_key(&a.w, "Namespace");
    jw_arr(&a.w);
    put_usage(&u, S("default"));
    catalog_each_space(c->api->catalog, &u.filter, usage_of, &u);
    jw_arr_end(&a.w);
    jw_kint(&a.w, "NamespacesCount", u.namespaces);
    jw_kint(&a.w, "TotalConcurrencyMem", CONCURRENCY_MB);
    jw_kint(&a.w, "TotalAllocatedConcurrencyMem", 0);
    jw_kint(&a.w, "UserConcurrencyMemLimit", CONCURRENCY_MB);
    jw_obj_end(&a.w);
    jw_key(&a.w, "AccountLimit");
    jw_obj(&a.w);
    jw_kint(&a.w, "NamespacesCount", NAMESPACES_MAX);
    jw_key(&a.w, "Namespace");
    jw_arr(&a.w);
    put_limits(&a.w);
    jw_arr_end(&a.w);
    jw_obj_end(&a.w);
    scf_send(c, &a);
}
