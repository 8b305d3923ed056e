/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reserved.c - instances kept ready whether asked for or not: how many a function has, and who has
 * some.
 *
 * The number is a setting of the function like any other. Schedules and metrics that change it by
 * themselves (tactics_config) are refused when they say something: taken and not heeded, they would
 * be found missing on the day they matter.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "dialect/functiongraph/api/fg.h"

enum { OBJECT_MAX = 4 << 10, LIST_MAX = 1 << 20 };

static bool idle_mode_of(const struct fn *f)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(f->extra), NULL);
    bool idle = false;

    (void)json_bool(extra, "reserved_instance_idle_mode", false, &idle, NULL);
    return idle;
}

static void on_reserved(void *user, int r, const struct fn *f)
{
    struct call *c = user;
    struct buf body;
    struct jw w;

    if (r < 0) {
        fg_fail_catalog(c, r);
        return;
    }
    buf_init(&body, OBJECT_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kint(&w, "count", f->reserved);
    jw_kbool(&w, "idle_mode", idle_mode_of(f));
    jw_key(&w, "tactics_config");
    jw_raw(&w, S("{}"));
    jw_obj_end(&w);
    fg_reply_json(c, 200, &body);
}

static bool has_tactics(const struct cJSON *body)
{
    const struct cJSON *tactics = json_get(body, "tactics_config"), *v;

    if (!tactics)
        return false;
    cJSON_ArrayForEach(v,
                       tactics) if (!cJSON_IsNull(v) &&
                                    !(cJSON_IsArray(v) && cJSON_GetArraySize(v) == 0)) return true;
    return !cJSON_IsObject(tactics);
}

static int keep_idle_mode(bool idle, struct fn *draft, struct fg_error *x)
{
    cleanup_with(json_freep) struct cJSON *kept =
            json_parse(idle ? S("{\"reserved_instance_idle_mode\":true}")
                            : S("{\"reserved_instance_idle_mode\":false}"),
                       &x->e);

    return kept ? fg_keep(kept, "reserved_instance_idle_mode", draft, x) : -EINVAL;
}

static int read_reserve(const struct cJSON *body, struct fn *draft, struct fg_error *x)
{
    int64_t count = -1;
    bool idle = idle_mode_of(draft);

    x->status = 400;
    x->code = "FSS.0400";
    if (json_int(body, "count", false, 0, draft->max_instances, &count, &x->e) < 0 ||
        json_bool(body, "idle_mode", false, &idle, &x->e) < 0)
        return -EINVAL;
    if (count < 0)
        return fg_refuse(x, 400, "FSS.0400", "count is missing");
    if (has_tactics(body))
        return fg_refuse(x, 400, "FSS.0400",
                         "tactics_config is not supported here: send count when it changes");
    draft->reserved = (uint32_t)count;
    return keep_idle_mode(idle, draft, x);
}

void fg_reserve(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fg_error x = {0};
    struct fn *draft = fg_draft(c, &body);

    if (!draft)
        return;
    if (read_reserve(body, draft, &x) < 0) {
        fn_unref(draft);
        fg_fail(c, &x);
        return;
    }
    catalog_update(c->api->catalog, draft, on_reserved, c); /* -> on_reserved */
}

/* ---- lists ---- */

struct listing {
    struct jw w;
    struct fg_urn urn; /* of one function */
    bool one;
    void (*add)(struct jw *w, const struct fn *f);
    uint64_t marker, limit, seen, shown;
};

static void add_count(struct jw *w, const struct fn *f)
{
    jw_obj(w);
    fg_put_urn(w, "func_urn", f);
    jw_kint(w, "count", f->reserved);
    jw_obj_end(w);
}

static void add_config(struct jw *w, const struct fn *f)
{
    jw_obj(w);
    fg_put_urn(w, "function_urn", f);
    jw_kstrz(w, "qualifier_type", "version");
    jw_kstrz(w, "qualifier_name", f->version);
    jw_kint(w, "min_count", f->reserved);
    jw_kbool(w, "idle_mode", idle_mode_of(f));
    jw_key(w, "tactics_config");
    jw_raw(w, S("{}"));
    jw_obj_end(w);
}

static bool list_one(void *user, const struct fn *f)
{
    struct listing *l = user;

    if (f->reserved == 0 || (l->one && (!str_eq(l->urn.package, str_of(f->space)) ||
                                        !str_eq(l->urn.name, str_of(f->name)))))
        return true;
    if (l->seen++ >= l->marker && l->shown < l->limit) {
        l->add(&l->w, f);
        l->shown++;
    }
    return true;
}

static bool read_query(struct call *c, const char *urn_name, struct str project, struct listing *l)
{
    struct str urn = call_query(c, str_of(urn_name));
    struct err e = {0};

    if (!fg_query_u64(c, S("marker"), &l->marker) || !fg_query_u64(c, S("limit"), &l->limit))
        return false;
    if (l->limit == 0 || l->limit > FG_LIST_MAX)
        l->limit = FG_LIST_MAX;
    l->one = urn.n > 0;
    if (!l->one || fg_urn_parse(urn, str_of(c->api->region), project, &l->urn, &e) == 0)
        return true;
    call_fail(c, 400, "FSS.1309", "%s", e.msg);
    return false;
}

static void list(struct call *c, struct listing *l, const char *urn_name, const char *key)
{
    struct catalog_filter filter = {.dialect = DIALECT_FUNCTIONGRAPH};
    uint64_t before;
    struct buf body;

    if (!fg_project(c, &filter.account) || !read_query(c, urn_name, filter.account, l))
        return;
    buf_init(&body, LIST_MAX);
    jw_init(&l->w, &body);
    jw_obj(&l->w);
    jw_key(&l->w, key);
    jw_arr(&l->w);
    catalog_each(c->api->catalog, &filter, list_one, l);
    jw_arr_end(&l->w);
    before = l->marker > l->limit ? l->marker - l->limit : 0;
    jw_key(&l->w, "page_info");
    jw_obj(&l->w);
    jw_kint(&l->w, "next_marker", (int64_t)(l->marker + l->shown));
    jw_kint(&l->w, "previous_marker", (int64_t)before);
    jw_kint(&l->w, "current_count", (int64_t)l->shown);
    jw_obj_end(&l->w);
    jw_kint(&l->w, "next_marker", (int64_t)(l->marker + l->shown));
    jw_kint(&l->w, "count", (int64_t)l->seen);
    jw_obj_end(&l->w);
    fg_reply_json(c, 200, &body);
}

void fg_list_reserved(struct call *c)
{
    struct listing l = {.limit = FG_LIST_MAX, .add = add_count};

    list(c, &l, "urn", "reservedinstances");
}

void fg_list_reserve_configs(struct call *c)
{
    struct listing l = {.limit = FG_LIST_MAX, .add = add_config};

    list(c, &l, "function_urn", "reserved_instances");
}
