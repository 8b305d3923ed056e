/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tag.c - TagResource, UntagResource, GetResourceTags, ListTaggedResources.
 *
 * Services are what has tags in this API. They are a resource of their own, {"tags": {...}}, that goes
 * with its service; a service without tags has none. An ARN may be the short one, "services/svc".
 */
#include "dialect/fc/api/tag.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "catalog/resources.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/page.h"
#include "dialect/fc/api/parse.h"
#include "fn/fn.h"
#include "fn/space.h"

#define KIND S("fc-tags")

enum { PATH_TEXT = 1024, TAGS_MAX = 20, KEY_MAX = 64, VALUE_MAX = 128, QUERY_TEXT = 4096 };

/* ---- whose ---- */

static void id_of(const struct fn_key *key, struct buf *out)
{
    buf_init(out, PATH_TEXT);
    buf_addf(out, "%.*s/%.*s/%.*s", STR_ARG(key->account), STR_ARG(key->region),
             STR_ARG(key->space));
}

static const struct resource *find(const struct catalog *c, const struct fn_key *key)
{
    const struct resource *r;
    struct buf id;

    id_of(key, &id);
    r = catalog_resource(c, KIND, buf_str(&id));
    buf_done(&id);
    return r;
}

/* "acs:fc:<region>:<account>:services/<name>", "services/<name>". false: it has replied. */
static bool service_of(struct call *c, struct str arn, struct fn_key *ret)
{
    struct str rest = arn, parts[4] = {{0}};
    size_t n = 0;

    *ret = (struct fn_key){
            .dialect = DIALECT_FC, .account = fc_auth_account(c), .region = str_of(c->api->region)};
    if (str_starts(arn, S("acs:"))) {
        while (n < ARRAY_LEN(parts) && rest.p)
            parts[n++] = str_cut(&rest, ':');
        if (!str_eq(parts[1], S("fc")) || !rest.p) {
            rest = S("");
        } else if ((parts[3].n && !str_eq(parts[3], ret->account)) ||
                   (parts[2].n && !str_eq(parts[2], ret->region))) {
            call_fail(c, 403, "AccessDenied", "The service or function doesn't belong to you.");
            return false;
        }
    }
    if (!str_starts(rest, S("services/")) || fc_parse_name(str_from(rest, 9), "name", NULL) < 0) {
        call_fail(c, 400, "InvalidArgument", "resourceArn '%.*s' is no ARN of a service",
                  (int)(arn.n < 256 ? arn.n : 256), arn.p ? arn.p : "");
        return false;
    }
    ret->space = str_from(rest, 9);
    if (catalog_find_space(c->api->catalog, ret))
        return true;
    call_fail(c, 404, "ServiceNotFound", "service '%.*s' does not exist", STR_ARG(ret->space));
    return false;
}

static const struct cJSON *tags_of(const struct resource *r, struct cJSON **ret_tree)
{
    *ret_tree = r ? json_parse(str_of(r->body), NULL) : NULL;
    return json_get(*ret_tree, "tags");
}

/* ---- as the cloud shows them ---- */

static void put_tags(struct jw *w, const struct fn_key *key, const struct resource *r)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(buf_done) struct buf arn;
    const struct cJSON *tags = tags_of(r, &tree);

    buf_init(&arn, PATH_TEXT);
    buf_addf(&arn, "acs:fc:%.*s:%.*s:services/%.*s", STR_ARG(key->region), STR_ARG(key->account),
             STR_ARG(key->space));
    jw_obj(w);
    jw_kstr(w, "resourceArn", buf_str(&arn));
    jw_key(w, "tags");
    jw_obj(w);
    for (const struct cJSON *t = tags ? tags->child : NULL; t; t = t->next)
        jw_kstrz(w, t->string, t->valuestring);
    jw_obj_end(w);
    jw_obj_end(w);
}

void fc_tag_get(struct call *c)
{
    struct fn_key key;
    struct buf body;
    struct jw w;

    if (!service_of(c, call_query(c, S("resourceArn")), &key))
        return;
    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&w, &body);
    put_tags(&w, &key, find(c->api->catalog, &key));
    call_reply_buf(c, 200, S("application/json"), &body);
}

/* ---- changes ---- */

static void on_written(void *user, int r, const struct resource *res)
{
    struct call *c = user; /* checked by call_...() */

    (void)res;
    if (r == 0 || r == -ENOENT)
        call_reply(c, 200, S("application/json"), S("{}")); /* the Python SDK parses it */
    else if (r == -ESTALE || r == -EEXIST)
        call_fail(c, 409, "ConcurrentUpdateError", "the tags are being changed by another request");
    else
        fc_error_write(c, r, "service", S(""));
}

/* -> on_written */
static void write_tags(struct call *c, const struct fn_key *key, const struct cJSON *tags)
{
    const struct resource *before = find(c->api->catalog, key);
    cleanup_with(buf_done) struct buf body, id, parent;
    struct resource *r;
    struct jw w;

    id_of(key, &id);
    buf_init(&parent, PATH_TEXT);
    buf_init(&body, RESOURCE_BODY);
    fn_key_path(key, &parent);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "tags");
    jw_obj(&w);
    for (const struct cJSON *t = tags->child; t; t = t->next)
        jw_kstrz(&w, t->string, t->valuestring);
    jw_obj_end(&w);
    jw_obj_end(&w);
    if (before && !tags->child) {
        catalog_delete_resource(c->api->catalog, KIND, buf_str(&id), on_written, c);
        return;
    }
    r = before ? resource_copy(before) : resource_new(KIND, buf_str(&id));
    r->dialect = DIALECT_FC;
    fn_set(&r->account, key->account);
    fn_set(&r->region, key->region);
    fn_set(&r->parent, buf_str(&parent));
    fn_set(&r->name, key->space);
    fn_set(&r->body, buf_str(&body));
    r->modified_ms = clock_wall_ms();
    if (!before)
        r->created_ms = r->modified_ms;
    if (before)
        catalog_update_resource(c->api->catalog, r, on_written, c);
    else
        catalog_create_resource(c->api->catalog, r, on_written, c);
}

static int check_tag(const struct cJSON *tag, struct err *e)
{
    size_t n = strlen(tag->string);

    if (n == 0 || n > KEY_MAX)
        return err_set(e, ERR_CALLER, -EINVAL, "the key of a tag has 1 to %d characters", KEY_MAX);
    if (str_starts(str_of(tag->string), S("acs:")) || str_starts(str_of(tag->string), S("aliyun")))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "the key of a tag must not begin with acs: or aliyun");
    if (!cJSON_IsString(tag))
        return err_set(e, ERR_CALLER, -EINVAL, "the value of tag '%s' must be a string",
                       tag->string);
    if (strlen(tag->valuestring) > VALUE_MAX)
        return err_set(e, ERR_CALLER, -EINVAL, "the value of tag '%s' has more than %d characters",
                       tag->string, VALUE_MAX);
    return 0;
}

static int merge(struct cJSON *all, const struct cJSON *more, struct err *e)
{
    for (const struct cJSON *t = more->child; t; t = t->next) {
        if (check_tag(t, e) < 0)
            return -EINVAL;
        cJSON_DeleteItemFromObjectCaseSensitive(all, t->string);
        (void)cJSON_AddItemToObject(all, t->string, cJSON_Duplicate(t, true));
    }
    if (cJSON_GetArraySize(all) > TAGS_MAX)
        return err_set(e, ERR_CALLER, -EINVAL, "a resource may have %d tags", TAGS_MAX);
    return 0;
}

/* The body's resourceArn and the tags it has, to be changed (json_free). false: it has replied. */
static bool begin(struct call *c, const struct cJSON *body, struct fn_key *key,
                  struct cJSON **ret_tags)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    struct str arn = STR_NONE;
    const struct cJSON *tags;
    struct err e = {0};

    if (json_str(body, "resourceArn", true, &arn, &e) < 0) {
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return false;
    }
    if (!service_of(c, arn, key))
        return false;
    tags = tags_of(find(c->api->catalog, key), &tree);
    *ret_tags = tags ? cJSON_Duplicate(tags, true) : cJSON_CreateObject();
    return true;
}

void fc_tag_put(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = fc_body(c), *tags = NULL;
    const struct cJSON *more;
    struct fn_key key;
    struct err e = {0};

    if (!body || !begin(c, body, &key, &tags))
        return;
    more = json_geti(body, "tags");
    if (!cJSON_IsObject(more) || !more->child)
        call_fail(c, 400, "InvalidArgument", "tags must be an object with at least one tag");
    else if (merge(tags, more, &e) < 0)
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
    else
        write_tags(c, &key, tags);
}

static int drop(struct cJSON *tags, const struct cJSON *keys, struct err *e)
{
    const struct cJSON *key;

    if (!cJSON_IsArray(keys) || !keys->child)
        return err_set(e, ERR_CALLER, -EINVAL, "tagKeys must be a list of keys, or all be true");
    cJSON_ArrayForEach(key, keys)
    {
        if (!cJSON_IsString(key))
            return err_set(e, ERR_CALLER, -EINVAL, "tagKeys must be a list of strings");
        cJSON_DeleteItemFromObjectCaseSensitive(tags, key->valuestring);
    }
    return 0;
}

void fc_tag_remove(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = fc_body(c), *tags = NULL;
    struct fn_key key;
    struct err e = {0};
    bool all = false;

    if (!body || !begin(c, body, &key, &tags))
        return;
    if (json_bool(body, "all", true, &all, &e) < 0 ||
        (!all && drop(tags, json_geti(body, "tagKeys"), &e) < 0)) {
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    if (all) {
        json_free(tags);
        tags = cJSON_CreateObject();
    }
    if (!tags->child && !find(c->api->catalog, &key))
        call_reply(c, 200, S("application/json"), S("{}")); /* it had none */
    else
        write_tags(c, &key, tags);
}

/* ---- lists ---- */

static bool list_one(void *user, const struct resource *r)
{
    struct fc_page *p = user;
    struct fn_key key = {
            .account = str_of(r->account), .region = str_of(r->region), .space = str_of(r->name)};

    if (fc_page_has(p, key.space))
        put_tags(&p->w, &key, r);
    return !fc_page_full(p);
}

void fc_tag_list(struct call *c)
{
    struct resource_filter filter = {.kind = KIND,
                                     .dialect = DIALECT_FC,
                                     .account = fc_auth_account(c),
                                     .region = str_of(c->api->region)};
    struct fc_page page;

    if (!fc_page_open(c, &page, "resources"))
        return;
    fc_resources_by_name(c, &filter, list_one, &page);
    fc_page_reply(c, &page);
}

bool fc_tags_match(struct call *c, const struct space *s)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    struct fn_key of = {.dialect = s->dialect,
                        .account = str_of(s->account),
                        .region = str_of(s->region),
                        .space = str_of(s->name)};
    struct str rest = c->req ? c->req->query : STR_NONE, key, value;
    const struct cJSON *tags = NULL;

    while (uri_query_next(&rest, &key, &value)) {
        struct str want;
        struct str have = STR_NONE;
        cleanup_with(buf_done) struct buf name;

        buf_init(&name, QUERY_TEXT);
        if (!str_starts(key, S("tag_")) || uri_decode(key, true, &name) < 0)
            continue;
        buf_addc(&name, '\0');
        want = call_query(c, (struct str){name.p, name.n - 1});
        if (!tree)
            tags = tags_of(find(c->api->catalog, &of), &tree);
        if (json_str(tags, name.p + 4, false, &have, NULL) < 0 || !have.p || !str_eq(have, want))
            return false;
    }
    return true;
}
