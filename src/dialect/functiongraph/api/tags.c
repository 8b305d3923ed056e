/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tags.c - key and value pairs on functions: set, removed, listed, and functions found by them.
 *
 * All tags of a function are one resource of the catalog (kind "fg-tags"), {"key":"value"}, whose id
 * follows from the function's path: two writers meet on its revision. System tags belong to the
 * cloud's own enterprise projects; there are none here.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "catalog/resources.h"
#include "dialect/functiongraph/api/fg.h"

#define KIND S("fg-tags")

enum {
    ACTION = 1, /* capture behind the project */
    TAGS_MAX = 20,
    KEY_CHARS = 128,
    VALUE_CHARS = 255,
    MATCH_KEYS = 20,
    PAGE_MAX = 1000,
    LIST_MAX = 16 << 20,
    OBJECT_MAX = 64 << 10,
};

static void id_of(const struct fg_urn *u, char out[SHA256_HEX])
{
    cleanup_with(buf_done) struct buf path;

    buf_init(&path, FG_PATH);
    fg_path(u, &path);
    sha256_hex(buf_str(&path), out);
}

static const struct resource *tags_of(const struct call *c, const struct fg_urn *u)
{
    char id[SHA256_HEX];

    id_of(u, id);
    return fg_resource_of(c, KIND, str_of(id), u);
}

/* A tree of {"key":"value"}; json_free() it. */
static struct cJSON *tree_of(const struct resource *r)
{
    struct cJSON *tree = r ? json_parse(str_of(r->body), NULL) : NULL;

    return tree ? tree : cJSON_CreateObject();
}

/* ---- create, delete ---- */

static bool text_ok(struct str s, size_t min, size_t most)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];

        if (ch < ' ' || ch == 0x7f || strchr("=*<>\\,|/", ch))
            return false;
        n += (ch & 0xc0) != 0x80;
    }
    return n >= min && n <= most && (s.n == 0 || (s.p[0] != ' ' && s.p[s.n - 1] != ' '));
}

static int read_tag(const struct cJSON *tag, bool value, struct str *ret_key, struct str *ret_value,
                    struct fg_error *x)
{
    struct str key = STR_NONE, v = S("");

    if (!cJSON_IsObject(tag))
        return fg_refuse(x, 400, "FSS.0400", "tags is not a list of objects");
    if (json_str(tag, "key", false, &key, &x->e) < 0 ||
        json_str(tag, "value", false, &v, &x->e) < 0)
        return -EINVAL;
    if (!text_ok(key, 1, KEY_CHARS) || str_starts(key, S("_sys_")))
        return fg_refuse(x, 400, "FSS.0400",
                         "the key of a tag has not 1 to %d characters other than =*<>\\,|/, or "
                         "begins with _sys_",
                         KEY_CHARS);
    if (value && !text_ok(v, 0, VALUE_CHARS))
        return fg_refuse(x, 400, "FSS.0400",
                         "the value of tag '%.*s' has more than %d characters, or one of "
                         "=*<>\\,|/",
                         STR_ARG(key), VALUE_CHARS);
    *ret_key = key;
    *ret_value = v;
    return 0;
}

/* What the body says, done to the tree. */
static int apply(const struct cJSON *body, bool create, struct cJSON *tree, struct fg_error *x)
{
    const struct cJSON *tags = json_get(body, "tags"), *sys = json_get(body, "sys_tags"), *tag;
    struct str action = create ? S("create") : S("delete"), key, value, said = action;

    x->status = 400;
    x->code = "FSS.0400";
    if (json_str(body, "action", false, &said, &x->e) < 0)
        return -EINVAL;
    if (!str_eq(said, action))
        return fg_refuse(x, 400, "FSS.0400", "action is '%.*s', the path says %.*s",
                         (int)(said.n < 32 ? said.n : 32), said.p, STR_ARG(action));
    if (sys && cJSON_GetArraySize(sys) > 0)
        return fg_refuse(x, 400, "FSS.0400", "sys_tags is not supported here");
    if (!cJSON_IsArray(tags) || cJSON_GetArraySize(tags) == 0)
        return fg_refuse(x, 400, "FSS.0400", "tags is not a list of at least one tag");
    cJSON_ArrayForEach(tag, tags)
    {
        cleanup_free char *name = NULL;

        if (read_tag(tag, create, &key, &value, x) < 0)
            return -EINVAL;
        name = str_dup(key);
        cJSON_DeleteItemFromObjectCaseSensitive(tree, name);
        if (create) {
            cleanup_free char *text = str_dup(value);

            (void)cJSON_AddStringToObject(tree, name, text);
        }
    }
    if (cJSON_GetArraySize(tree) > TAGS_MAX)
        return fg_refuse(x, 400, "FSS.0400", "the function would have %d tags, %d are allowed",
                         cJSON_GetArraySize(tree), TAGS_MAX);
    return 0;
}

static void on_saved(void *user, int r, const struct resource *res)
{
    struct call *c = user;

    (void)res;
    if (r == -EEXIST)
        r = -ESTALE; /* somebody else gave it its first tags */
    if (r < 0)
        fg_fail_catalog(c, r);
    else
        call_reply(c, 204, S(""), S(""));
}

static void save(struct call *c, const struct fg_urn *urn, const struct resource *before,
                 const struct cJSON *tree)
{
    struct resource *draft;
    char id[SHA256_HEX];
    struct buf text;

    id_of(urn, id);
    draft = before ? resource_copy(before) : fg_resource_new(KIND, str_of(id), urn);
    buf_init(&text, OBJECT_MAX);
    json_print(tree, &text);
    fn_set(&draft->body, buf_str(&text));
    buf_done(&text);
    draft->modified_ms = clock_wall_ms();
    if (before)
        catalog_update_resource(c->api->catalog, draft, on_saved, c); /* -> on_saved */
    else
        catalog_create_resource(c->api->catalog, draft, on_saved, c); /* -> on_saved */
}

static void change(struct call *c, bool create)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    const struct resource *before;
    struct fg_error x = {0};
    struct fg_urn urn;

    if (!fg_target(c, &urn))
        return;
    body = fg_body(c);
    if (!body)
        return;
    before = tags_of(c, &urn);
    tree = tree_of(before);
    if (apply(body, create, tree, &x) < 0) {
        fg_fail(c, &x);
        return;
    }
    if (!before && cJSON_GetArraySize(tree) == 0)
        call_reply(c, 204, S(""), S("")); /* there were none */
    else
        save(c, &urn, before, tree);
}

void fg_create_tags(struct call *c)
{
    change(c, true);
}

void fg_delete_tags(struct call *c)
{
    change(c, false);
}

/* ---- show ---- */

static void put_tags(struct jw *w, const struct cJSON *tree)
{
    const struct cJSON *tag;

    jw_key(w, "tags");
    jw_arr(w);
    cJSON_ArrayForEach(tag, tree)
    {
        jw_obj(w);
        jw_kstrz(w, "key", tag->string);
        jw_kstrz(w, "value", tag->valuestring);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_key(w, "sys_tags");
    jw_raw(w, S("[]"));
}

void fg_list_tags(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    struct fg_urn urn;
    struct buf body;
    struct jw w;

    if (!fg_target(c, &urn))
        return;
    tree = tree_of(tags_of(c, &urn));
    buf_init(&body, OBJECT_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    put_tags(&w, tree);
    jw_obj_end(&w);
    fg_reply_json(c, 200, &body);
}

/* ---- of the whole project ---- */

/* key -> [values], each once */
static bool gather(void *user, const struct resource *r)
{
    cleanup_with(json_freep) struct cJSON *tree = tree_of(r);
    struct cJSON *all = user, *values;
    const struct cJSON *tag, *v;

    cJSON_ArrayForEach(tag, tree)
    {
        bool known = false;

        values = cJSON_GetObjectItemCaseSensitive(all, tag->string);
        if (!values)
            values = cJSON_AddArrayToObject(all, tag->string);
        cJSON_ArrayForEach(v, values) known =
                known || strcmp(v->valuestring, tag->valuestring) == 0;
        if (!known)
            (void)cJSON_AddItemToArray(values, cJSON_CreateString(tag->valuestring));
    }
    return true;
}

void fg_list_project_tags(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *all = cJSON_CreateObject();
    struct resource_filter filter = {.kind = KIND, .dialect = DIALECT_FUNCTIONGRAPH};
    const struct cJSON *tag, *v;
    struct buf body;
    struct jw w;

    if (!fg_project(c, &filter.account))
        return;
    catalog_each_resource(c->api->catalog, &filter, gather, all);
    buf_init(&body, LIST_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "tags");
    jw_arr(&w);
    cJSON_ArrayForEach(tag, all)
    {
        jw_obj(&w);
        jw_kstrz(&w, "key", tag->string);
        jw_key(&w, "values");
        jw_arr(&w);
        cJSON_ArrayForEach(v, tag) jw_str(&w, str_of(v->valuestring));
        jw_arr_end(&w);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    jw_key(&w, "sys_tags");
    jw_raw(&w, S("[]"));
    jw_obj_end(&w);
    fg_reply_json(c, 200, &body);
}

/* ---- functions by their tags ---- */

struct search {
    struct call *call;
    struct jw w;
    struct str name;          /* part of the function's name */
    const struct cJSON *tags; /* [{"key","values":[]}]: all of the keys, any of the values */
    bool untagged, count;
    uint64_t offset, limit, seen, shown;
};

static bool has_tag(const struct cJSON *tree, const struct cJSON *want)
{
    const struct cJSON *key = json_get(want, "key"), *values = json_get(want, "values"), *v;
    const struct cJSON *have = json_get(tree, key->valuestring);

    if (!have)
        return false;
    cJSON_ArrayForEach(v, values)
    {
        if (strcmp(v->valuestring, have->valuestring) == 0)
            return true;
    }
    return cJSON_GetArraySize(values) == 0;
}

static bool matches(const struct search *s, const struct fn *f, const struct cJSON *tree)
{
    const struct cJSON *want;

    if (s->name.n > 0 && str_find(str_of(f->name), s->name) < 0)
        return false;
    if (s->untagged)
        return cJSON_GetArraySize(tree) == 0;
    cJSON_ArrayForEach(want, s->tags)
    {
        if (!has_tag(tree, want))
            return false;
    }
    return true;
}

static bool search_one(void *user, const struct fn *f)
{
    struct search *s = user;
    struct fg_urn urn = {.region = str_of(f->region),
                         .project = str_of(f->account),
                         .package = str_of(f->space),
                         .name = str_of(f->name)};
    cleanup_with(json_freep) struct cJSON *tree = tree_of(tags_of(s->call, &urn));

    if (!matches(s, f, tree))
        return true;
    if (s->seen++ < s->offset || s->shown >= s->limit || s->count)
        return true;
    s->shown++;
    jw_obj(&s->w);
    fg_put_resource_id(&s->w, f);
    jw_key(&s->w, "resource_detail");
    jw_obj(&s->w);
    fg_put_urn(&s->w, "detailId", f);
    jw_obj_end(&s->w);
    put_tags(&s->w, tree);
    jw_kstrz(&s->w, "resource_name", f->name);
    jw_obj_end(&s->w);
    return true;
}

static int check_tags(const struct cJSON *tags, struct fg_error *x)
{
    const struct cJSON *want, *v;

    if (tags && !cJSON_IsArray(tags))
        return fg_refuse(x, 400, "FSS.0400", "tags is not a list");
    if (cJSON_GetArraySize(tags) > MATCH_KEYS)
        return fg_refuse(x, 400, "FSS.0400", "tags has more than %d keys", MATCH_KEYS);
    cJSON_ArrayForEach(want, tags)
    {
        const struct cJSON *values = json_get(want, "values");

        if (!cJSON_IsString(json_get(want, "key")) || (values && !cJSON_IsArray(values)))
            return fg_refuse(x, 400, "FSS.0400", "tags is not a list of {key, values[]}");
        cJSON_ArrayForEach(v, values) if (!cJSON_IsString(v)) return fg_refuse(
                x, 400, "FSS.0400", "values of tags is not a list of texts");
    }
    return 0;
}

static int check_matches(const struct cJSON *list, struct search *s, struct fg_error *x)
{
    const struct cJSON *match;

    if (list && !cJSON_IsArray(list))
        return fg_refuse(x, 400, "FSS.0400", "matches is not a list");
    cJSON_ArrayForEach(match, list)
    {
        struct str key = STR_NONE;

        if (json_str(match, "key", false, &key, &x->e) < 0 ||
            json_str(match, "value", false, &s->name, &x->e) < 0)
            return -EINVAL;
        if (!str_eq(key, S("resource_name")))
            return fg_refuse(x, 400, "FSS.0400", "matches knows the key resource_name only");
    }
    return 0;
}

/* The SDK says numbers as texts. */
static int read_number(const struct cJSON *body, const char *key, uint64_t min, uint64_t max,
                       uint64_t *ret, struct fg_error *x)
{
    const struct cJSON *v = json_get(body, key);
    bool ok = !v;

    if (v && cJSON_IsString(v))
        ok = v->valuestring[0] == '\0' || str_u64(str_of(v->valuestring), min, max, ret) == 0;
    if (v && cJSON_IsNumber(v)) {
        ok = v->valuedouble >= (double)min && v->valuedouble <= (double)max;
        *ret = ok ? (uint64_t)v->valuedouble : *ret;
    }
    return ok ? 0
              : fg_refuse(x, 400, "FSS.0400", "%s is not a number from %llu to %llu", key,
                          (unsigned long long)min, (unsigned long long)max);
}

static int read_search(struct call *c, const struct cJSON *body, struct search *s,
                       struct fg_error *x)
{
    struct str action = c->captures[ACTION], said = action;
    int r;

    x->status = 400;
    x->code = "FSS.0400";
    s->count = str_eq(action, S("count"));
    if (!s->count && !str_eq(action, S("filter")))
        return fg_refuse(x, 400, "FSS.0400", "the action is neither filter nor count");
    if (json_str(body, "action", false, &said, &x->e) < 0 ||
        json_bool(body, "without_any_tag", false, &s->untagged, &x->e) < 0)
        return -EINVAL;
    if (!str_eq(said, action))
        return fg_refuse(x, 400, "FSS.0400", "action is not that of the path");
    r = read_number(body, "limit", 1, PAGE_MAX, &s->limit, x);
    if (r == 0)
        r = read_number(body, "offset", 0, UINT32_MAX, &s->offset, x);
    s->tags = json_get(body, "tags");
    if (r == 0)
        r = check_tags(s->tags, x);
    return r < 0 ? r : check_matches(json_get(body, "matches"), s, x);
}

void fg_find_by_tags(struct call *c)
{
    struct catalog_filter filter = {.dialect = DIALECT_FUNCTIONGRAPH};
    cleanup_with(json_freep) struct cJSON *asked = NULL;
    struct search s = {.call = c, .limit = PAGE_MAX};
    struct fg_error x = {0};
    struct buf body;

    if (!fg_project(c, &filter.account))
        return;
    asked = fg_body(c);
    if (!asked)
        return;
    if (read_search(c, asked, &s, &x) < 0) {
        fg_fail(c, &x);
        return;
    }
    buf_init(&body, LIST_MAX);
    jw_init(&s.w, &body);
    jw_obj(&s.w);
    if (!s.count) {
        jw_key(&s.w, "resources");
        jw_arr(&s.w);
    }
    catalog_each(c->api->catalog, &filter, search_one, &s);
    if (!s.count)
        jw_arr_end(&s.w);
    jw_kint(&s.w, "total_count", (int64_t)s.seen);
    jw_obj_end(&s.w);
    fg_reply_json(c, 200, &body);
}
