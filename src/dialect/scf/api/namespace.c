/* SPDX-License-Identifier: Apache-2.0 */
/* namespace.c - namespaces: spaces, of which `default` is always there, as an object or not. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "catalog/catalog.h"
#include "dialect/scf/api/function.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/names.h"
#include "dialect/scf/api/object.h"
#include "dialect/scf/api/page.h"
#include "dialect/scf/api/scf_api.h"
#include "fn/fn.h"
#include "fn/space.h"

enum { NAMESPACES_LIMIT = 100, KEY_TEXT = 96, EXTRA_MAX = 8 << 10 };

static void on_space(void *user, int r, const struct space *s)
{
    struct call *c = user;

    (void)s;
    if (r < 0)
        scf_fail_write(c, r, "namespace");
    else
        scf_ok(c);
}

/* Its key. False: it has replied. */
static bool read_key(struct call *c, const struct cJSON *p, struct fn_key *ret)
{
    *ret = (struct fn_key){.dialect = DIALECT_SCF,
                           .account = scf_account(c),
                           .region = scf_region(c),
                           .space = scf_text(p, "Namespace")};
    if (!scf_is_namespace(ret->space)) {
        scf_fail(c, "InvalidParameterValue.NamespaceInvalid",
                 "Namespace has 1 to %d letters, digits, '-' or '_', and begins with a letter.",
                 SCF_NAMESPACE_MAX);
        return false;
    }
    if (scf_characters(scf_text(p, "Description")) > SCF_DESCRIPTION_MAX) {
        scf_fail(c, "InvalidParameterValue.Description", "Description has more than %d characters.",
                 SCF_DESCRIPTION_MAX);
        return false;
    }
    return call_permit(c, ret);
}

static void set_description(struct space *s, struct str text)
{
    cleanup_with(buf_done) struct buf extra;
    struct jw w;

    buf_init(&extra, EXTRA_MAX);
    jw_init(&w, &extra);
    jw_obj(&w);
    jw_kstr(&w, "Description", text);
    jw_obj_end(&w);
    fn_set(&s->extra, buf_str(&extra));
}

/* -> on_space */
static void create(struct call *c, const struct fn_key *key, struct str description)
{
    struct space *draft = space_new(key);

    draft->created_ms = draft->modified_ms = clock_wall_ms();
    set_description(draft, description);
    catalog_create_space(c->api->catalog, draft, on_space, c);
}

void scf_create_namespace(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct fn_key key;

    if (!p || !read_key(c, p, &key))
        return;
    if (json_get(p, "ResourceEnv"))
        scf_fail(c, "UnsupportedOperation",
                 "Namespaces in clusters (ResourceEnv) are not to be had.");
    else if (str_eq(key.space, S("default")))
        scf_fail_write(c, -EEXIST, "namespace");
    else
        create(c, &key, scf_text(p, "Description"));
}

void scf_update_namespace(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const struct space *s;
    struct space *draft;
    struct fn_key key;

    if (!p || !read_key(c, p, &key))
        return;
    s = catalog_find_space(c->api->catalog, &key);
    if (!s && str_eq(key.space, S("default"))) {
        create(c, &key, scf_text(p, "Description"));
        return;
    }
    if (!s) {
        scf_fail_write(c, -ENOENT, "namespace");
        return;
    }
    draft = space_copy(s);
    draft->modified_ms = clock_wall_ms();
    set_description(draft, scf_text(p, "Description"));
    catalog_update_space(c->api->catalog, draft, on_space, c);
}

void scf_delete_namespace(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct fn_key key;

    if (!p || !read_key(c, p, &key))
        return;
    if (str_eq(key.space, S("default")))
        scf_fail(c, "InvalidParameterValue.DefaultNamespace",
                 "The namespace default cannot be deleted.");
    else /* -> on_space */
        catalog_delete_space(c->api->catalog, &key, on_space, c);
}

/* ---- ListNamespaces ---- */

struct listing {
    struct str search, order;
    struct scf_rows rows;
    bool has_default;
};

static bool list_one(void *user, const struct space *s)
{
    struct listing *l = user;
    char key[KEY_TEXT];
    int64_t ms = str_eq(l->order, S("ModTime")) ? s->modified_ms : s->created_ms;

    l->has_default = l->has_default || str_eq(str_of(s->name), S("default"));
    if (l->search.n && str_find(str_of(s->name), l->search) < 0)
        return true;
    if (str_eq(l->order, S("Name")))
        (void)snprintf(key, sizeof(key), "%s", s->name);
    else
        (void)snprintf(key, sizeof(key), "%020lld %s", (long long)ms, s->name);
    scf_rows_add(&l->rows, key, s);
    return true;
}

static void put(struct jw *w, struct str name, const struct space *s)
{
    cleanup_with(json_freep) struct cJSON *extra = s ? json_parse(str_of(s->extra), NULL) : NULL;
    char text[CLOCK_TEXT];

    jw_obj(w);
    jw_kstr(w, "Name", name);
    jw_kstr(w, "Description", scf_text(extra, "Description"));
    jw_kstrz(w, "Type", str_eq(name, S("default")) ? "default" : "TENCENTCLOUD");
    jw_kstrz(w, "AddTime", scf_time(s ? s->created_ms : 0, text));
    jw_kstrz(w, "ModTime", scf_time(s ? s->modified_ms : 0, text));
    jw_obj_end(w);
}

/* [{"Key":"Namespace","Value":"part"}] */
static bool read_search(struct call *c, const struct cJSON *p, struct str *ret)
{
    const struct cJSON *k;

    cJSON_ArrayForEach(k, json_get(p, "SearchKey"))
    {
        if (!str_eq(scf_text(k, "Key"), S("Namespace"))) {
            scf_fail(c, "InvalidParameterValue.SearchKey", "SearchKey has no key but Namespace.");
            return false;
        }
        *ret = scf_text(k, "Value");
    }
    return true;
}

void scf_list_namespaces(struct call *c)
{
    static const char *const orders[] = {"Name", "AddTime", "ModTime", "Updatetime", NULL};
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct catalog_filter filter;
    struct listing l = {0};
    struct scf_page page;
    struct scf_answer a;

    if (!p || !scf_page_read(c, p, NAMESPACES_LIMIT, &page) ||
        !scf_one_of(c, p, "Orderby", "InvalidParameterValue.OrderBy", orders) ||
        !read_search(c, p, &l.search))
        return;
    filter = (struct catalog_filter){
            .dialect = DIALECT_SCF, .account = scf_account(c), .region = scf_region(c)};
    l.order = scf_text(p, "Orderby");
    catalog_each_space(c->api->catalog, &filter, list_one, &l);
    if (!l.has_default && (!l.search.n || str_find(S("default"), l.search) >= 0))
        scf_rows_add(&l.rows, str_eq(l.order, S("Name")) ? "default" : "", NULL);
    scf_rows_sort(&l.rows, page.descending);

    scf_begin(&a, SCF_ANSWER_MAX);
    jw_key(&a.w, "Namespaces");
    jw_arr(&a.w);
    for (size_t i = 0; i < l.rows.n; i++) {
        const struct space *s = l.rows.list[i].what;

        if (scf_page_has(&page))
            put(&a.w, s ? str_of(s->name) : S("default"), s);
    }
    jw_arr_end(&a.w);
    jw_kint(&a.w, "TotalCount", (int64_t)l.rows.n);
    scf_rows_done(&l.rows);
    scf_send(c, &a);
}
