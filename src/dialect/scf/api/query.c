/* SPDX-License-Identifier: Apache-2.0 */
/* query.c - GetFunction, ListFunctions, GetFunctionAddress: functions as they are. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "api/code_source.h"
#include "base/cleanup.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/scf/api/function.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/object.h"
#include "dialect/scf/api/page.h"
#include "dialect/scf/api/scf_api.h"
#include "dialect/scf/api/tags.h"
#include "dialect/scf/api/trigger.h"
#include "fn/fn.h"

enum { FILTERS_MAX = 10, VALUES_MAX = 20, FUNCTIONS_LIMIT = 1000, KEY_TEXT = 96 };

const struct fn *scf_qualified(struct call *c, const struct fn_key *key, struct str qualifier)
{
    const struct fn *f = catalog_qualified(c->api->catalog, key, qualifier);

    if (!f)
        scf_fail(c, "ResourceNotFound.Qualifier", "There is no version or alias '%.*s'.",
                 (int)(qualifier.n < 64 ? qualifier.n : 64), qualifier.p);
    return f;
}

void scf_get_function(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct str qualifier = p ? scf_text(p, "Qualifier") : STR_NONE;
    const struct fn *f = NULL;
    struct scf_answer a;
    struct fn_key key;

    if (p && !scf_text(p, "FunctionName").n) {
        scf_fail(c, "InvalidParameter.FunctionNameOrResourceIdRequired",
                 "FunctionName is missing.");
        return;
    }
    if (p && scf_function(c, p, &key))
        f = scf_qualified(c, &key, qualifier);
    if (!f)
        return;
    scf_begin(&a, SCF_ANSWER_MAX);
    scf_put_function(&a.w, c, f);
    jw_kstr(&a.w, "Qualifier", qualifier.n ? qualifier : S("$LATEST"));
    jw_kstrz(&a.w, "CodeInfo", "");
    jw_key(&a.w, "Triggers");
    scf_put_triggers(&a.w, c, &key, qualifier);
    scf_send(c, &a);
}

/* ---- ListFunctions ---- */

struct listing {
    const struct catalog *catalog;
    const struct cJSON *filters;
    struct str search, description, order;
    struct scf_rows rows;
};

static struct str kept_text(const struct cJSON *extra, const char *name, struct str absent)
{
    struct str v = scf_text(extra, name);

    return v.p ? v : absent;
}

/* The value of a function that a filter looks at; STR_NONE: it has none such. */
static struct str value_of(const struct fn *f, const struct cJSON *extra, struct str name)
{
    if (str_eq(name, S("Runtime")))
        return str_of(f->runtime);
    if (str_eq(name, S("Status")))
        return S("Active");
    if (str_eq(name, S("Role")))
        return str_of(f->role);
    if (str_eq(name, S("Type")))
        return kept_text(extra, "Type", S("Event"));
    if (str_eq(name, S("PublicNetStatus")))
        return f->network == FN_NETWORK_ENDPOINT ? S("DISABLE") : S("ENABLE");
    if (str_eq(name, S("AsyncRunEnable")))
        return kept_text(extra, "AsyncRunEnable", S("FALSE"));
    if (str_eq(name, S("TraceEnable")))
        return kept_text(extra, "TraceEnable", S("FALSE"));
    if (str_eq(name, S("VpcId")))
        return scf_text(json_get(extra, "VpcConfig"), "VpcId");
    if (str_eq(name, S("SubnetId")))
        return scf_text(json_get(extra, "VpcConfig"), "SubnetId");
    if (str_eq(name, S("ClsTopicId")))
        return scf_text(extra, "ClsTopicId");
    return str_eq(name, S("ClsLogsetId")) ? scf_text(extra, "ClsLogsetId") : STR_NONE;
}

static bool passes(const struct listing *l, const struct fn *f, const struct cJSON *extra,
                   const struct cJSON *filter)
{
    struct str name = scf_text(filter, "Name"), v;
    const struct cJSON *value;

    if (str_starts(name, S("tag-")))
        return scf_tags_match(l->catalog, f, name, json_get(filter, "Values"));
    v = value_of(f, extra, name);
    cJSON_ArrayForEach(value, json_get(filter, "Values"))
    {
        if (v.p && str_eq(v, str_of(value->valuestring)))
            return true;
    }
    return false;
}

static bool is_wanted(const struct listing *l, const struct fn *f)
{
    cleanup_with(json_freep) struct cJSON *extra = NULL;
    const struct cJSON *filter;

    if (l->search.n && str_find(str_of(f->name), l->search) < 0)
        return false;
    if (l->description.n && str_find(str_of(f->description), l->description) < 0)
        return false;
    if (!l->filters)
        return true;
    extra = json_parse(str_of(f->extra), NULL);
    cJSON_ArrayForEach(filter, l->filters)
    {
        if (!passes(l, f, extra, filter))
            return false;
    }
    return true;
}

static bool list_one(void *user, const struct fn *f)
{
    struct listing *l = user;
    char key[KEY_TEXT];

    if (!is_wanted(l, f))
        return true;
    if (str_eq(l->order, S("FunctionName")))
        (void)snprintf(key, sizeof(key), "%s", f->name);
    else
        (void)snprintf(key, sizeof(key), "%020lld %s",
                       (long long)(str_eq(l->order, S("ModTime")) ? f->modified_ms : f->created_ms),
                       f->name);
    scf_rows_add(&l->rows, key, f);
    return true;
}

static bool is_filter(struct str name)
{
    static const char *const names[] = {
            "VpcId",          "SubnetId",    "ClsTopicId", "ClsLogsetId", "Role", "CfsId",
            "CfsMountInsId",  "Eip",         "Status",     "Runtime",     "Type", "PublicNetStatus",
            "AsyncRunEnable", "TraceEnable", "Stamp"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(name, str_of(names[i])))
            return true;
    return str_starts(name, S("tag-")) && name.n > 4;
}

static bool check_filters(struct call *c, const struct cJSON *filters)
{
    const struct cJSON *f;
    bool good = cJSON_GetArraySize(filters) <= FILTERS_MAX;

    cJSON_ArrayForEach(f, filters)
    {
        int n = cJSON_GetArraySize(json_get(f, "Values"));

        good = good && is_filter(scf_text(f, "Name")) && n >= 1 && n <= VALUES_MAX;
    }
    if (!good)
        scf_fail(c, "InvalidParameterValue.Filters",
                 "Filters are at most %d, each with a name that there is and 1 to %d values.",
                 FILTERS_MAX, VALUES_MAX);
    return good;
}

void scf_list_functions(struct call *c)
{
    static const char *const orders[] = {"AddTime", "ModTime", "FunctionName", NULL};
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct str space = p ? scf_text(p, "Namespace") : STR_NONE;
    struct catalog_filter filter;
    struct scf_page page;
    struct listing l;
    struct scf_answer a;

    if (!p || !scf_page_read(c, p, FUNCTIONS_LIMIT, &page) ||
        !scf_one_of(c, p, "Orderby", "InvalidParameterValue.OrderBy", orders) ||
        !check_filters(c, json_get(p, "Filters")))
        return;
    if (!scf_has_namespace(c, space.n ? space : S("default"))) {
        scf_fail(c, "ResourceNotFound.Namespace", "The namespace does not exist.");
        return;
    }
    filter = (struct catalog_filter){.dialect = DIALECT_SCF,
                                     .account = scf_account(c),
                                     .region = scf_region(c),
                                     .space = space.n ? space : S("default")};
    l = (struct listing){.catalog = c->api->catalog,
                         .filters = json_get(p, "Filters"),
                         .search = scf_text(p, "SearchKey"),
                         .description = scf_text(p, "Description"),
                         .order = scf_text(p, "Orderby")};
    catalog_each(c->api->catalog, &filter, list_one, &l);
    scf_rows_sort(&l.rows, page.descending);

    scf_begin(&a, SCF_ANSWER_MAX);
    jw_key(&a.w, "Functions");
    jw_arr(&a.w);
    for (size_t i = 0; i < l.rows.n; i++)
        if (scf_page_has(&page))
            scf_put_summary(&a.w, c, l.rows.list[i].what);
    jw_arr_end(&a.w);
    jw_kint(&a.w, "TotalCount", (int64_t)l.rows.n);
    scf_rows_done(&l.rows);
    scf_send(c, &a);
}

/* ---- GetFunctionAddress ---- */

void scf_get_function_address(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    cleanup_with(buf_done) struct buf url = {0};
    cleanup_with(buf_done) struct buf name = {0};
    const struct fn *f = NULL;
    struct scf_answer a;
    struct fn_key key;

    if (p && scf_function(c, p, &key))
        f = scf_qualified(c, &key, scf_text(p, "Qualifier"));
    if (!f)
        return;
    if (!f->code.sha[0]) {
        scf_fail(c, "FailedOperation.GetFunctionAddress", "The function has no code.");
        return;
    }
    buf_init(&url, 4096);
    buf_init(&name, 256);
    buf_addf(&name, "%s.zip", f->name);
    code_link(c, f->code.sha, buf_str(&name), &url);
    scf_begin(&a, SCF_BODY_SMALL);
    jw_kstr(&a.w, "Url", buf_str(&url));
    jw_kstrz(&a.w, "CodeSha256", f->code.sha);
    scf_send(c, &a);
}
