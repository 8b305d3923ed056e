/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offers.c - what there is: quotas, runtimes; what there is none of, as an empty list; and what is not
 * to be had here at all, refused by name.
 *
 * An empty list is an honest answer where a project of this installation can have none of it. What
 * would create or change such a thing is 400 FSS.0400, never a success that nothing follows.
 */
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "dialect/functiongraph/api/fg.h"
#include "fn/key.h"
#include "pool/pool.h"
#include "runtime/runtime.h"

enum { ANSWER_MAX = 64 << 10, MB = 1024 * 1024, INSTANCES_MAX = 1000 };

void fg_absent(struct call *c)
{
    struct str project;

    if (fg_project(c, &project))
        call_fail(c, 400, "FSS.0400", "%s is not supported here", c->op->name);
}

static const struct {
    const char *op, *json;
} empty[] = {
        {"ListWorkflow", "{\"total\":0,\"size\":0,\"workflows\":[]}"},
        {"ShowTenantMetric",
         "{\"count\":[],\"duration\":[],\"fail_count\":[],\"running_count\":[]}"},
        {"ListFunctionApplications", "{\"applications\":[],\"next_marker\":0,\"count\":0}"},
        {"ListAppTemplates", "{\"templates\":[],\"next_marker\":0,\"count\":0}"},
        {"ListBridgeVersions", "[]"},
        {"ListBridgeFunctions", "[]"},
        {"ListServiceTrustedAgencies", "[]"},
};

static void reply_empty(struct call *c)
{
    for (size_t i = 0; i < ARRAY_LEN(empty); i++)
        if (str_eq(str_of(empty[i].op), str_of(c->op->name))) {
            call_reply(c, 200, S("application/json"), str_of(empty[i].json));
            return;
        }
    call_fail(c, 500, "FSS.0500", "%s has no empty answer", c->op->name);
}

void fg_list_none(struct call *c)
{
    struct str project;

    if (fg_project(c, &project))
        reply_empty(c);
}

void fg_list_none_of_function(struct call *c)
{
    struct fg_urn urn;

    if (fg_target(c, &urn))
        reply_empty(c);
}

/* There are none of the kind, so not this one either. */
void fg_none_such(struct call *c)
{
    struct str project;

    if (fg_project(c, &project))
        call_fail(c, 404, "FSS.0404", "Not found: %s finds nothing here", c->op->name);
}

/* ---- quotas ---- */

struct use {
    uint64_t functions, bytes;
};

static bool add_use(void *user, const struct fn *f)
{
    struct use *u = user;

    u->functions++;
    u->bytes += f->code.size;
    return true;
}

static void put_quota(struct jw *w, const char *type, int64_t quota, uint64_t used,
                      const char *unit)
{
    jw_obj(w);
    jw_kint(w, "quota", quota);
    jw_kint(w, "used", (int64_t)used);
    jw_kstrz(w, "type", type);
    jw_kstrz(w, "unit", unit);
    jw_obj_end(w);
}

void fg_list_quotas(struct call *c)
{
    struct catalog_filter filter = {.dialect = DIALECT_FUNCTIONGRAPH};
    struct pool_stats stats = {0};
    struct use use = {0};
    struct buf body;
    struct jw w;

    if (!fg_project(c, &filter.account))
        return;
    catalog_each(c->api->catalog, &filter, add_use, &use);
    pool_stats(c->api->pool, &stats);
    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "quotas");
    jw_obj(&w);
    jw_key(&w, "resources");
    jw_arr(&w);
    put_quota(&w, "fgs_func_num", (int64_t)catalog_most(c->api->catalog), use.functions, "");
    put_quota(&w, "fgs_func_code_size", -1, use.bytes / MB, "MB");
    put_quota(&w, "fgs_on_demand_instance_limit", INSTANCES_MAX, stats.busy + stats.idle, "");
    put_quota(&w, "fgs_workflow_num", 0, 0, "");
    jw_arr_end(&w);
    jw_obj_end(&w);
    jw_obj_end(&w);
    fg_reply_json(c, 200, &body);
}

/* ---- runtimes ---- */

void fg_list_runtime_types(struct call *c)
{
    struct str project;
    struct buf body;
    struct jw w;

    if (!fg_project(c, &project))
        return;
    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    jw_arr(&w);
    for (size_t i = 0; i < runtimes_n; i++)
        if (runtimes[i].dialect == DIALECT_FUNCTIONGRAPH &&
            runtime_available(&runtimes[i], c->api->interpreters, NULL, 0)) {
            jw_obj(&w);
            jw_kstrz(&w, "type", runtimes[i].name);
            jw_kstrz(&w, "display_name", runtimes[i].name);
            jw_obj_end(&w);
        }
    jw_arr_end(&w);
    fg_reply_json(c, 200, &body);
}
