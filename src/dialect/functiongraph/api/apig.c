/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig.c - from the path to the object it names, and from objects to answers and pages.
 *
 * The project of the path is the account. What belongs to another project, or another cloud, is not
 * there: an id alone is no way to it. There is one gateway instance, APIG_INSTANCE, which nobody
 * needs to make.
 */
#include "dialect/functiongraph/api/apig.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "dialect/functiongraph/api/urn.h"
#include "gateway/plane/objects.h"
#include "gateway/plane/publish.h"

enum { PROJECT, INSTANCE }; /* captures, in pattern order */

bool apig_enter(struct call *c)
{
    struct str project = c->captures[PROJECT], instance = c->captures[INSTANCE];

    if (!fg_project_ok(project)) {
        apig_fail_parameter(c, "project_id", "it is not 1 to %d letters and digits", FG_PART_MAX);
        return false;
    }
    if (instance.p && !str_eq(instance, S(APIG_INSTANCE))) {
        apig_fail(c, APIG_NO_INSTANCE, "%.*s", STR_ARG(instance));
        return false;
    }
    return true;
}

struct str apig_project(const struct call *c)
{
    return c->captures[PROJECT];
}

struct str apig_path(const struct call *c, unsigned i)
{
    return c->captures[INSTANCE + 1 + i];
}

struct cJSON *apig_body(struct call *c)
{
    struct err e = {0};
    struct cJSON *tree = call_json(c, &e);

    if (!tree) {
        apig_fail(c, APIG_PARAMETER_ERROR, "the request body is not JSON: %s", e.msg);
        return NULL;
    }
    if (!cJSON_IsObject(tree)) {
        apig_fail(c, APIG_PARAMETER_ERROR, "the request body is not a JSON object");
        json_free(tree);
        return NULL;
    }
    return tree;
}

/* ---- finding ---- */

static bool is_ours(const struct call *c, const struct resource *r)
{
    return r->dialect == DIALECT_FUNCTIONGRAPH && str_eq(str_of(r->account), apig_project(c)) &&
           str_eq(str_of(r->region), str_of(c->api->region));
}

const struct resource *apig_look(const struct call *c, const struct apig_kind *k, struct str id)
{
    const struct resource *r =
            id.n > 0 ? catalog_resource(c->api->catalog, str_of(k->name), id) : NULL;

    return r && is_ours(c, r) ? r : NULL;
}

const struct resource *apig_find(struct call *c, const struct apig_kind *k, struct str id)
{
    const struct resource *r = apig_look(c, k, id);

    if (!r)
        apig_fail_missing(c, k, id);
    return r;
}

const struct resource *apig_find_in(struct call *c, const struct apig_kind *k, struct str id,
                                    struct str parent)
{
    const struct resource *r = apig_look(c, k, id);

    if (r && str_eq(str_of(r->parent), parent))
        return r;
    apig_fail_missing(c, k, id);
    return NULL;
}

struct str apig_env_name(const struct call *c, struct str id)
{
    const struct resource *r;

    if (str_eq(id, S(GW_RELEASE_ENV)))
        return S(GW_RELEASE_NAME);
    r = apig_look(c, &apig_envs, id);
    return r ? str_of(r->name) : STR_NONE;
}

struct resource_filter apig_filter(const struct call *c, const struct apig_kind *k,
                                   struct str parent)
{
    return (struct resource_filter){.kind = str_of(k->name),
                                    .dialect = DIALECT_FUNCTIONGRAPH,
                                    .account = apig_project(c),
                                    .region = str_of(c->api->region),
                                    .parent = parent};
}

/* ---- an index for one request ---- */

struct indexing {
    struct map *map;
    const char *a, *b;
};

static void index_key(struct str a, struct str b, struct buf *out)
{
    buf_init(out, APIG_OBJECT);
    buf_adds(out, a);
    buf_addc(out, '|');
    buf_adds(out, b);
}

static bool index_one(void *user, const struct resource *r)
{
    struct indexing *x = user;
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);
    struct buf key;

    index_key(apig_text(body, x->a), x->b ? apig_text(body, x->b) : S(""), &key);
    (void)map_put(x->map, buf_str(&key), (void *)r);
    buf_done(&key);
    return true;
}

struct map *apig_index(const struct call *c, const char *kind, struct str parent, const char *a,
                       const char *b)
{
    struct indexing x = {.map = map_new(), .a = a, .b = b};
    struct resource_filter filter = apig_filter(c, &apig_apis, parent);

    filter.kind = str_of(kind);
    catalog_each_resource(c->api->catalog, &filter, index_one, &x);
    return x.map;
}

const struct resource *apig_indexed(const struct map *index, struct str a, struct str b)
{
    const struct resource *r;
    struct buf key;

    index_key(a, b, &key);
    r = map_get(index, buf_str(&key));
    buf_done(&key);
    return r;
}

/* ---- members ---- */

struct str apig_text(const struct cJSON *object, const char *key)
{
    const struct cJSON *v = json_get(object, key);

    return v && cJSON_IsString(v) ? str_of(v->valuestring) : S("");
}

void apig_set(struct cJSON *object, const char *key, struct cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    cJSON_AddItemToObject(object, key, value);
}

void apig_set_str(struct cJSON *object, const char *key, struct str s)
{
    cleanup_free char *text = str_dup(s);

    apig_set(object, key, cJSON_CreateString(text));
}

void apig_set_int(struct cJSON *object, const char *key, int64_t v)
{
    apig_set(object, key, cJSON_CreateNumber((double)v));
}

void apig_set_time(struct cJSON *object, const char *key, int64_t wall_ms)
{
    char text[CLOCK_TEXT];

    apig_set_str(object, key, str_of(clock_iso(wall_ms, text)));
}

struct cJSON *apig_object(const struct call *c, const struct apig_kind *k, const struct resource *r)
{
    struct cJSON *object = json_parse(str_of(r->body), NULL);

    if (!object)
        object = cJSON_CreateObject();
    for (const struct apig_default *d = k->defaults; d && d->key; d++)
        if (!json_get(object, d->key))
            apig_set(object, d->key, cJSON_Parse(d->json));
    apig_set_str(object, "id", str_of(r->id));
    if (k->adorn)
        k->adorn(c, r, object);
    return object;
}

void apig_reply(struct call *c, int status, struct cJSON *object)
{
    struct buf body;

    buf_init(&body, APIG_LIST);
    json_print(object, &body);
    json_free(object);
    if (buf_ok(&body)) {
        call_reply_buf(c, status, S("application/json"), &body);
        return;
    }
    buf_done(&body);
    apig_fail(c, APIG_SYSTEM, "the answer is too large");
}

void apig_reply_resource(struct call *c, int status, const struct apig_kind *k,
                         const struct resource *r)
{
    if (c->req)
        apig_reply(c, status, apig_object(c, k, r));
    else /* what the path says has gone with the client */
        call_reply(c, status, S(""), S(""));
}

/* ---- pages ---- */

/* Below its least a value counts as `low`, above `max` as max; what is no number is refused. */
static bool query_number(struct call *c, const char *name, uint64_t low, uint64_t max,
                         uint64_t *ret)
{
    struct str text = call_query(c, str_of(name));
    int64_t v;

    *ret = low;
    if (text.n == 0)
        return true;
    if (str_i64(text, INT64_MIN, INT64_MAX, &v) < 0) {
        apig_fail_parameter(c, name, "it is not a number");
        return false;
    }
    if (v > 0)
        *ret = (uint64_t)v < max ? (uint64_t)v : max;
    return true;
}

bool apig_list_begin(struct apig_list *l, struct call *c, const char *key)
{
    *l = (struct apig_list){.c = c};
    if (!query_number(c, "offset", 0, INT64_MAX, &l->offset) ||
        !query_number(c, "limit", APIG_PAGE, APIG_PAGE_MAX, &l->limit))
        return false;
    l->body = xnew(struct buf);
    l->w = xnew(struct jw);
    buf_init(l->body, APIG_LIST);
    jw_init(l->w, l->body);
    jw_obj(l->w);
    jw_key(l->w, key);
    jw_arr(l->w);
    return true;
}

bool apig_list_wants(struct apig_list *l)
{
    return l->total++ >= l->offset && l->size < l->limit;
}

void apig_list_add(struct apig_list *l, struct cJSON *row)
{
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, APIG_OBJECT);
    json_print(row, &text);
    json_free(row);
    jw_raw(l->w, buf_ok(&text) ? buf_str(&text) : S("{}"));
    l->size++;
}

void apig_list_end(struct apig_list *l)
{
    struct buf body = {0};

    jw_arr_end(l->w);
    jw_kint(l->w, "total", (int64_t)l->total);
    jw_kint(l->w, "size", (int64_t)l->size);
    jw_obj_end(l->w);
    free(l->w);
    buf_move(&body, l->body);
    free(l->body);
    if (buf_ok(&body)) {
        call_reply_buf(l->c, 200, S("application/json"), &body);
        return;
    }
    buf_done(&body);
    apig_fail(l->c, APIG_SYSTEM, "the answer is too large, ask for fewer at once");
}

bool apig_has(struct str hay, struct str needle)
{
    for (size_t i = 0; i + needle.n <= hay.n; i++)
        if (str_ieq((struct str){hay.p + i, needle.n}, needle))
            return true;
    return false;
}

void apig_match_query(struct call *c, struct apig_match *ret)
{
    struct str precise = call_query(c, S("precise_search"));

    ret->id = call_query(c, S("id"));
    ret->name = call_query(c, S("name"));
    ret->precise = false;
    while (precise.p && !ret->precise)
        ret->precise = str_eq(str_cut(&precise, ','), S("name"));
}

bool apig_matches(const struct apig_match *m, const struct resource *r)
{
    struct str name = str_of(r->name);

    return (m->id.n == 0 || str_eq(m->id, str_of(r->id))) &&
           (m->precise ? str_eq(m->name, name) : apig_has(name, m->name));
}
