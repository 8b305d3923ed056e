/* SPDX-License-Identifier: Apache-2.0 */
/* function.c - create, list, show, change and delete functions. */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "dialect/functiongraph/api/dependency.h"
#include "dialect/functiongraph/api/fg.h"

enum {
    OBJECT_MAX = 1 << 20,
    LIST_MAX = 128 << 20, /* FG_LIST_MAX objects, each with all it may keep */
};

static void reply_object(struct call *c, const struct fn *f, enum fg_view view)
{
    struct buf body;
    struct jw w;

    buf_init(&body, OBJECT_MAX);
    jw_init(&w, &body);
    fg_object(&w, f, view);
    fg_reply_json(c, 200, &body);
}

static void reply_created(struct call *c, const struct fn *f)
{
    reply_object(c, f, FG_VIEW_CREATE);
}

/* A draft from the body, or a refusal in x. *ret_code borrows from body. */
static int read_create(struct call *c, const struct cJSON *body, struct str project,
                       struct fg_code *ret_code, struct fn **ret_draft, struct fg_error *x)
{
    struct fn_key key;
    struct fn *draft;
    int r;

    r = fg_parse_key(body, project, str_of(c->api->region), &key, x);
    if (r < 0)
        return r;
    call_about(c, &key);
    if (catalog_find(c->api->catalog, &key))
        return fg_refuse(x, 409, "FSS.1061", "The function has existed");

    draft = fn_new(&key);
    draft->max_instances = 400;
    r = fg_parse_fields(body, FG_CREATE, draft, x);
    if (r == 0)
        r = fg_parse_code(body, ret_code, x);
    if (r == 0)
        r = fg_parse_dependencies(c, body, draft, x);
    if (r < 0) {
        fn_unref(draft);
        return r;
    }
    draft->created_ms = draft->modified_ms = clock_wall_ms();
    *ret_draft = draft;
    return 0;
}

void fg_create(struct call *c, struct cJSON *body, struct str project)
{
    struct fg_error x = {0};
    struct fg_code code;
    struct fn *draft = NULL;

    if (read_create(c, body, project, &code, &draft, &x) < 0) {
        json_free(body);
        fg_fail(c, &x);
        return;
    }
    fg_store(c, body, &code, draft, false, reply_created);
}

void fg_create_function(struct call *c)
{
    struct cJSON *body;
    struct str project;

    if (!fg_project(c, &project))
        return;
    body = fg_body(c);
    if (body)
        fg_create(c, body, project);
}

struct listing {
    struct jw w;
    struct str name; /* part of the function's name; "" = all */
    uint64_t marker, max;
    uint64_t seen, shown;
};

static bool list_one(void *user, const struct fn *f)
{
    struct listing *l = user;

    if (l->name.n > 0 && str_find(str_of(f->name), l->name) < 0)
        return true;
    if (l->seen++ >= l->marker && l->shown < l->max) {
        fg_object(&l->w, f, FG_VIEW_LIST);
        l->shown++;
    }
    return true;
}

bool fg_query_u64(struct call *c, struct str name, uint64_t *ret)
{
    struct str text = call_query(c, name);

    if (!text.p || text.n == 0 || str_u64(text, 0, UINT32_MAX, ret) == 0)
        return true;
    call_fail(c, 400, "FSS.0400", "the query parameter %.*s is not a number from 0", STR_ARG(name));
    return false;
}

void fg_list_functions(struct call *c)
{
    struct listing l = {.max = FG_LIST_MAX};
    struct catalog_filter filter = {.dialect = DIALECT_FUNCTIONGRAPH};
    struct buf body;

    if (!fg_project(c, &filter.account))
        return;
    if (!fg_query_u64(c, S("marker"), &l.marker) || !fg_query_u64(c, S("maxitems"), &l.max))
        return;
    if (l.max == 0 || l.max > FG_LIST_MAX)
        l.max = FG_LIST_MAX;
    filter.space = call_query(c, S("package_name"));
    l.name = call_query(c, S("func_name"));

    buf_init(&body, LIST_MAX);
    jw_init(&l.w, &body);
    jw_obj(&l.w);
    jw_key(&l.w, "functions");
    jw_arr(&l.w);
    catalog_each(c->api->catalog, &filter, list_one, &l);
    jw_arr_end(&l.w);
    jw_kint(&l.w, "next_marker", (int64_t)(l.marker + l.shown));
    jw_kint(&l.w, "count", (int64_t)l.seen);
    jw_obj_end(&l.w);
    fg_reply_json(c, 200, &body);
}

void fg_show_config(struct call *c)
{
    struct fg_urn urn;
    const struct fn *f = fg_target(c, &urn);

    if (f)
        reply_object(c, f, FG_VIEW_CONFIG);
}

static void on_updated(void *user, int r, const struct fn *f)
{
    struct call *c = user;

    if (r < 0)
        fg_fail_catalog(c, r);
    else
        reply_object(c, f, FG_VIEW_CONFIG);
}

/* A function is not renamed or moved by an update: the names must be those of the URN. */
static int check_names(const struct cJSON *body, const struct fn *f, struct fg_error *x)
{
    struct str name = STR_NONE, package = str_of(f->space);

    x->status = 400;
    x->code = "FSS.1002";
    if (json_str(body, "func_name", false, &name, &x->e) < 0)
        return -EINVAL;
    if (!name.p)
        return fg_refuse(x, 400, "FSS.1002", "func_name is missing");
    if (!str_eq(name, str_of(f->name)))
        return fg_refuse(x, 400, "FSS.1002", "func_name '%.*s' is not the function's, '%s'",
                         STR_ARG(name), f->name);
    x->code = "FSS.1004";
    if (json_str(body, "package", false, &package, &x->e) < 0)
        return -EINVAL;
    if (!str_eq(package, str_of(f->space)))
        return fg_refuse(x, 400, "FSS.1004", "package '%.*s' is not the function's, '%s'",
                         STR_ARG(package), f->space);
    return 0;
}

void fg_update_config(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fg_error x = {0};
    struct fn *draft = fg_draft(c, &body);

    if (!draft)
        return;
    if (!fg_is_latest(c, draft)) {
        fn_unref(draft);
        return;
    }
    if (check_names(body, draft, &x) < 0 || fg_parse_fields(body, FG_CONFIG, draft, &x) < 0 ||
        fg_parse_dependencies(c, body, draft, &x) < 0) {
        fn_unref(draft);
        fg_fail(c, &x);
        return;
    }
    fg_update_fitting(c, draft, on_updated); /* -> on_updated */
}

void fg_delete_function(struct call *c)
{
    struct fg_urn urn;
    struct fn_key key;

    if (!fg_target(c, &urn))
        return;
    if (urn.qualified && !str_eq(urn.version, S("latest"))) {
        fg_delete_version(c, &urn);
        return;
    }
    if (urn.qualified) {
        call_fail(c, 400, "FSS.1015",
                  "the version latest cannot be deleted alone; leave it out of the URN to delete "
                  "the function");
        return;
    }
    key = fg_key(&urn);
    catalog_delete(c->api->catalog, &key, fg_on_deleted, c);
}
