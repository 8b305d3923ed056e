/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tag.c - TagResources, ListTagResources, UntagResources: tags of functions.
 *
 *   POST   {"ResourceType":"function","ResourceId":[arn, ...],"Tag":[{"Key","Value"}, ...]}
 *   DELETE ?ResourceType=&ResourceId=["arn"]&TagKey=["k"]&All=true
 *   GET    ?ResourceType=&ResourceId=["arn"]&Tag=[{"Key","Value"}]&Limit=&NextToken=
 *
 * Lists in a query are texts of JSON, as the SDK sends them. A tag is a member of the function's record;
 * of several functions one is written after the other, all of them looked at before the first.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/v3/handlers.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"

enum {
    TAG_MAGIC = 0x46433354,
    RESOURCES_MOST = 50,
    TAGS_MOST = 20,
    KEY_MAX = 128,
    VALUE_MAX = 128,
    LIST_DEFAULT = 50,
    LIST_MOST = 100,
    LIST_BYTES = 8 << 20,
};

/* ---- tags of one function ---- */

static struct cJSON *tags_of(const struct fn *f)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(str_of(f->extra), NULL);
    struct cJSON *tags = extra ? cJSON_DetachItemFromObject(extra, "tags") : NULL;

    if (cJSON_IsArray(tags))
        return tags;
    json_free(tags);
    return cJSON_CreateArray();
}

static struct str member(const struct cJSON *tag, const char *name)
{
    struct str text = STR_NONE;

    (void)json_str(tag, name, true, &text, NULL);
    return text.p ? text : S("");
}

static struct cJSON *tag_of(struct cJSON *tags, struct str key)
{
    for (struct cJSON *tag = tags->child; tag; tag = tag->next)
        if (str_eq(member(tag, "Key"), key))
            return tag;
    return NULL;
}

void fc3_tags_set(struct cJSON *tags, const struct cJSON *key, const struct cJSON *value)
{
    const char *name = cJSON_IsString(key) ? key->valuestring : "";
    struct cJSON *old = tag_of(tags, str_of(name)), *tag = cJSON_CreateObject();

    (void)cJSON_AddStringToObject(tag, "Key", name);
    (void)cJSON_AddStringToObject(tag, "Value", cJSON_IsString(value) ? value->valuestring : "");
    if (old)
        json_free(cJSON_DetachItemViaPointer(tags, old));
    (void)cJSON_AddItemToArray(tags, tag);
}

/* ---- what a request names ---- */

static bool is_type(struct str type)
{
    static const char *const names[] = {"function", "ALIYUN::FC::FUNCTION", "ALIYUN::FC:FUNCTION"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_ieq(type, str_of(names[i])))
            return true;
    return false;
}

/* "acs:fc:<region>:<account>:functions/<name>", "functions/<name>" or a name. False: it has replied. */
static bool name_of(struct call *c, struct str id, struct fn_key *ret)
{
    struct str rest = id, region = STR_NONE, account = STR_NONE;

    if (str_starts(id, S("acs:fc:"))) {
        rest = str_from(rest, 7);
        region = str_cut(&rest, ':');
        account = str_cut(&rest, ':');
    }
    if (str_starts(rest, S("functions/")))
        rest = str_from(rest, 10);
    if ((region.n && !str_eq(region, str_of(c->api->region))) ||
        (account.n && !str_eq(account, fc3_account(c))) || !rest.n) {
        call_fail(c, 400, "InvalidArgument", "ResourceId '%.*s' is no function of this account",
                  (int)(id.n < 256 ? id.n : 256), id.p);
        return false;
    }
    if (!fc3_key(c, rest, ret))
        return false;
    if (catalog_find(c->api->catalog, ret))
        return true;
    call_fail(c, 404, "FunctionNotFound", "function '%.*s' does not exist",
              (int)(rest.n < 256 ? rest.n : 256), rest.p);
    return false;
}

/* A list of strings, in a body or as text in a query. NULL: it has replied. */
static struct cJSON *strings(struct call *c, const char *name, const struct cJSON *list,
                             size_t most)
{
    for (const struct cJSON *item = cJSON_IsArray(list) ? list->child : NULL; item;
         item = item->next)
        if (!cJSON_IsString(item))
            list = NULL;
    if (cJSON_IsArray(list) && (size_t)cJSON_GetArraySize(list) <= most)
        return cJSON_Duplicate(list, true);
    call_fail(c, 400, "InvalidArgument", "%s must be a list of at most %zu strings", name, most);
    return NULL;
}

static struct cJSON *query_list(struct call *c, const char *name)
{
    struct str text = call_query(c, str_of(name));

    return text.n ? json_parse(text, NULL) : cJSON_CreateArray();
}

/* ---- writing, one after the other ---- */

struct tagging {
    uint32_t magic;
    struct call *call;   /* borrowed; lives until its reply */
    struct fn_key *keys; /* owned array; texts owned */
    size_t n, at;
    struct cJSON *tags; /* owned: to set; NULL: keys are removed */
    struct cJSON *gone; /* owned: keys to remove */
    bool all;
};

static void tagging_free(struct tagging *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free((void *)t->keys[i].account.p);
        free((void *)t->keys[i].space.p);
        free((void *)t->keys[i].name.p);
    }
    free(t->keys);
    json_free(t->tags);
    json_free(t->gone);
    t->magic = 0;
    free(t);
}

static void write_next(struct tagging *t);

static void on_written(void *user, int r, const struct fn *f)
{
    struct tagging *t = OBJ(user, struct tagging, TAG_MAGIC);

    (void)f;
    if (r < 0 && r != -ENOENT) {
        fc3_error_write(t->call, r, "function", t->keys[t->at - 1].name.p);
        tagging_free(t);
        return;
    }
    write_next(t);
}

static void change(const struct tagging *t, struct cJSON *tags)
{
    for (const struct cJSON *tag = t->tags ? t->tags->child : NULL; tag; tag = tag->next)
        fc3_tags_set(tags, json_geti(tag, "Key"), json_geti(tag, "Value"));
    for (const struct cJSON *key = t->gone ? t->gone->child : NULL; key; key = key->next) {
        struct cJSON *tag = tag_of(tags, str_of(key->valuestring));

        if (tag)
            json_free(cJSON_DetachItemViaPointer(tags, tag));
    }
    while (t->all && tags->child)
        json_free(cJSON_DetachItemViaPointer(tags, tags->child));
}

/* -> on_written */
static void write_next(struct tagging *t)
{
    struct catalog *catalog = t->call->api->catalog;
    const struct fn *f = NULL;
    struct cJSON *tags;
    struct fn *draft;

    while (!f && t->at < t->n)
        f = catalog_find(catalog, &t->keys[t->at++]);
    if (!f) {
        call_reply(t->call, 204, STR_NONE, STR_NONE);
        tagging_free(t);
        return;
    }
    tags = tags_of(f);
    change(t, tags);
    draft = fn_copy(f);
    if (cJSON_GetArraySize(tags) > TAGS_MOST) {
        fn_unref(draft);
        json_free(tags);
        call_fail(t->call, 400, "LimitExceededError", "function '%s' may have %d tags", f->name,
                  TAGS_MOST);
        tagging_free(t);
        return;
    }
    fc3_extra_set(draft, "tags", tags);
    catalog_update(catalog, draft, on_written, t);
}

/* Takes ids. NULL: it has replied. */
static struct tagging *tagging_new(struct call *c, const struct cJSON *ids)
{
    struct tagging *t = xnew(struct tagging);

    t->magic = TAG_MAGIC;
    t->call = c;
    t->keys = xcalloc((size_t)cJSON_GetArraySize(ids) + 1, sizeof(*t->keys));
    for (const struct cJSON *id = ids->child; id; id = id->next) {
        struct fn_key key;

        if (!name_of(c, str_of(id->valuestring), &key)) {
            tagging_free(t);
            return NULL;
        }
        key.account = str_of(str_dup(key.account));
        key.space = str_of(str_dup(key.space));
        key.name = str_of(str_dup(key.name));
        t->keys[t->n++] = key;
    }
    return t;
}

static bool check_type(struct call *c, struct str type, bool needed)
{
    if (is_type(type) || (!type.n && !needed))
        return true;
    call_fail(c, 400, "InvalidArgument",
              "ResourceType is set to an invalid value (allowed: function, actual: '%.*s')",
              (int)(type.n < 64 ? type.n : 64), type.p ? type.p : "");
    return false;
}

static int check_tag(const struct cJSON *tag, struct err *e)
{
    struct str key = STR_NONE, value = STR_NONE;

    if (!cJSON_IsObject(tag) || json_str(tag, "Key", true, &key, e) < 0 ||
        json_str(tag, "Value", true, &value, e) < 0)
        return err_set(e, ERR_CALLER, -EINVAL, "Tag must be a list of {Key, Value}");
    if (key.n == 0 || key.n > KEY_MAX || value.n > VALUE_MAX)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "a tag has a Key of 1 to %d characters and a Value of at most %d", KEY_MAX,
                       VALUE_MAX);
    if (str_starts(key, S("acs:")) || str_starts(key, S("aliyun")) ||
        str_find(key, S("http://")) >= 0 || str_find(key, S("https://")) >= 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "a tag's Key must not begin with 'aliyun' or 'acs:' nor hold 'http://' or "
                       "'https://'");
    return 0;
}

static int check_tags(const struct cJSON *list, struct err *e)
{
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;

    if (n < 1 || n > TAGS_MOST)
        return err_set(e, ERR_CALLER, -EINVAL, "Tag must be a list of 1 to %d tags", TAGS_MOST);
    for (const struct cJSON *tag = list->child; tag; tag = tag->next)
        if (check_tag(tag, e) < 0)
            return -EINVAL;
    return 0;
}

void fc3_tag_put(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = fc_body(c), *ids = NULL;
    struct str type = STR_NONE;
    struct err e = {0};
    struct tagging *t;

    if (!body)
        return;
    if (json_str(body, "ResourceType", true, &type, &e) < 0 ||
        check_tags(json_geti(body, "Tag"), &e) < 0) {
        fc3_fail_invalid(c, &e);
        return;
    }
    if (!check_type(c, type, false))
        return;
    ids = strings(c, "ResourceId", json_geti(body, "ResourceId"), RESOURCES_MOST);
    t = ids ? tagging_new(c, ids) : NULL;
    if (!t)
        return;
    t->tags = cJSON_Duplicate(json_geti(body, "Tag"), true);
    write_next(t); /* -> on_written */
}

void fc3_tag_remove(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *given = query_list(c, "ResourceId"), *ids = NULL;
    cleanup_with(json_freep) struct cJSON *keys = query_list(c, "TagKey"), *gone = NULL;
    struct str all = call_query(c, S("All"));
    struct tagging *t;

    if (!check_type(c, call_query(c, S("ResourceType")), true))
        return;
    if (all.n && !str_ieq(all, S("true")) && !str_ieq(all, S("false"))) {
        call_fail(c, 400, "InvalidArgument", "All must be true or false");
        return;
    }
    ids = strings(c, "ResourceId", given, RESOURCES_MOST);
    gone = ids ? strings(c, "TagKey", keys, RESOURCES_MOST) : NULL;
    if (!gone)
        return;
    if (cJSON_GetArraySize(ids) == 0) {
        call_fail(c, 400, "InvalidArgument", "ResourceId is required");
        return;
    }
    t = tagging_new(c, ids);
    if (!t)
        return;
    t->gone = gone;
    gone = NULL;
    t->all = str_ieq(all, S("true"));
    write_next(t); /* -> on_written */
}

/* ---- the list ---- */

struct listing {
    const struct call *call;
    const struct cJSON *ids, *wanted; /* empty: any */
    struct jw w;
    uint64_t limit, skip, at;
    bool more;
};

static bool is_named(const struct listing *l, struct str arn, const struct fn *f)
{
    char name[FC3_NAME_TEXT];

    if (!l->ids->child)
        return true;
    (void)fc3_name(f, name, sizeof(name));
    for (const struct cJSON *id = l->ids->child; id; id = id->next) {
        struct str text = str_of(id->valuestring);

        if (str_starts(text, S("functions/")))
            text = str_from(text, 10);
        if (str_eq(text, arn) || str_eq(text, str_of(name)))
            return true;
    }
    return false;
}

/* Every tag asked for; of one without a value any. */
static bool has_tags(const struct listing *l, struct cJSON *tags)
{
    for (const struct cJSON *want = l->wanted->child; want; want = want->next) {
        const struct cJSON *tag = tag_of(tags, member(want, "Key"));
        struct str value = member(want, "Value");

        if (!tag || (value.n && !str_eq(value, member(tag, "Value"))))
            return false;
    }
    return true;
}

static bool list_one(void *user, const struct fn *f)
{
    cleanup_with(json_freep) struct cJSON *tags = tags_of(f);
    cleanup_with(buf_done) struct buf arn;
    struct listing *l = user;

    buf_init(&arn, 1024);
    fc3_arn(f, STR_NONE, &arn);
    if (!is_named(l, buf_str(&arn), f) || !has_tags(l, tags))
        return true;
    for (const struct cJSON *tag = tags->child; tag; tag = tag->next) {
        if (l->at++ < l->skip)
            continue;
        if (l->at > l->skip + l->limit) {
            l->more = true;
            return false;
        }
        jw_obj(&l->w);
        jw_kstr(&l->w, "ResourceId", buf_str(&arn));
        jw_kstrz(&l->w, "ResourceType", "ALIYUN::FC::FUNCTION");
        jw_kstr(&l->w, "TagKey", member(tag, "Key"));
        jw_kstr(&l->w, "TagValue", member(tag, "Value"));
        jw_obj_end(&l->w);
    }
    return true;
}

static void reply_tags(struct call *c, struct listing *l)
{
    struct catalog_filter filter = {
            .dialect = DIALECT_FC, .account = fc3_account(c), .region = str_of(c->api->region)};
    char next[24] = "";
    struct buf body;

    buf_init(&body, LIST_BYTES);
    jw_init(&l->w, &body);
    jw_obj(&l->w);
    jw_kstrz(&l->w, "RequestId", c->request_id);
    jw_key(&l->w, "TagResources");
    jw_arr(&l->w);
    catalog_each(c->api->catalog, &filter, list_one, l);
    jw_arr_end(&l->w);
    if (l->more)
        (void)snprintf(next, sizeof(next), "%llu", (unsigned long long)l->skip + l->limit);
    jw_kstrz(&l->w, "NextToken", next);
    jw_obj_end(&l->w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

void fc3_tag_list(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *given = query_list(c, "ResourceId"), *ids = NULL;
    cleanup_with(json_freep) struct cJSON *wanted = query_list(c, "Tag");
    struct str limit = call_query(c, S("Limit")), token = call_query(c, S("NextToken"));
    struct listing l = {.call = c, .limit = LIST_DEFAULT};
    struct err e = {0};

    if (!check_type(c, call_query(c, S("ResourceType")), true))
        return;
    if ((limit.n && str_u64(limit, 1, LIST_MOST, &l.limit) < 0) ||
        (token.n && str_u64(token, 1, INT64_MAX, &l.skip) < 0)) {
        call_fail(c, 400, "InvalidArgument",
                  "Limit must be between 1 and %d, NextToken one of a page before", LIST_MOST);
        return;
    }
    if (!wanted || (wanted->child && check_tags(wanted, &e) < 0)) {
        call_fail(c, 400, "InvalidArgument", "Tag must be a list of 1 to %d tags", TAGS_MOST);
        return;
    }
    ids = strings(c, "ResourceId", given, RESOURCES_MOST);
    if (!ids)
        return;
    l.ids = ids;
    l.wanted = wanted;
    reply_tags(c, &l);
}
