/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer.c - CreateLayerVersion, ListLayers, ListLayerVersions, GetLayerVersion, GetLayerVersionByArn,
 * DeleteLayerVersion, PutLayerACL.
 *
 * Both versions of the API have the same operations and nearly the same object, so every field of
 * either is in the answer: "arn" and "arnV2" are the words of 2016-08-15, "layerVersionArn" is that of
 * 2023-03-30. A public layer may be read and used by every account of its region; who may make it
 * public is its owner.
 */
#include "dialect/fc/api/layer.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "api/api.h"
#include "api/code_source.h"
#include "api/layer_new.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/page.h"
#include "dialect/fc/api/parse.h"
#include "fn/fn.h"
#include "runtime/runtime.h"

enum {
    NAME_MAX_CHARS = 64,
    VERSION_DIGITS = 10,
    RUNTIMES_MAX = 20,
    LICENSE_MAX = 2048,
    OBJECT_MAX = 16 << 10,
    LIST_MAX = 4 << 20,
    ID_MAX = 4 * RESOURCE_ID,
};

static const char acl_kind[] = "fc-layer-acl";

/* Of whom the request is. */
static struct fn_key owner_of(struct call *c)
{
    struct api_realm realm = {0};

    c->set->realm(c, &realm);
    return (struct fn_key){
            .dialect = DIALECT_FC, .account = realm.account, .region = str_of(c->api->region)};
}

/* ---- public or not ---- */

static void add_acl_id(const struct fn_key *owner, struct str name, struct buf *out)
{
    uri_encode(owner->account, "", out);
    buf_addc(out, '/');
    uri_encode(owner->region, "", out);
    buf_addc(out, '/');
    uri_encode(name, "", out);
}

static const struct resource *acl_of(const struct call *c, const struct fn_key *owner,
                                     struct str name)
{
    cleanup_with(buf_done) struct buf id;

    buf_init(&id, ID_MAX);
    add_acl_id(owner, name, &id);
    return catalog_resource(c->api->catalog, str_of(acl_kind), buf_str(&id));
}

/* ---- what is answered ---- */

static void put_arn(struct jw *w, const char *key, const struct fn_key *owner, struct str name,
                    uint32_t version)
{
    cleanup_with(buf_done) struct buf arn;

    buf_init(&arn, OBJECT_MAX);
    buf_addf(&arn, "acs:fc:%.*s:%.*s:layers/%.*s/versions/%u", STR_ARG(owner->region),
             STR_ARG(owner->account), STR_ARG(name), version);
    jw_kstr(w, key, buf_str(&arn));
}

static void put_short_arn(struct jw *w, const struct fn_key *owner, const struct layer *l)
{
    cleanup_with(buf_done) struct buf arn;

    buf_init(&arn, OBJECT_MAX);
    buf_addf(&arn, "%.*s#%.*s#%u", STR_ARG(owner->account), STR_ARG(l->name), l->version);
    jw_kstr(w, "arn", buf_str(&arn));
}

static void put_code(struct jw *w, const struct call *c, const struct layer *l)
{
    cleanup_with(buf_done) struct buf link;

    buf_init(&link, OBJECT_MAX);
    code_link(c, l->sha, S("layer.zip"), &link);
    jw_key(w, "code");
    jw_obj(w);
    jw_kstr(w, "repositoryType", S("OSS"));
    jw_kstr(w, "location", buf_str(&link));
    jw_obj_end(w);
}

static void put_layer(struct jw *w, const struct call *c, const struct layer *l, bool with_code)
{
    const struct resource *of = l->of;
    cleanup_with(json_freep) struct cJSON *extra = json_parse(l->extra, NULL);
    struct str license = STR_NONE;
    char time[CLOCK_TEXT];
    struct fn_key owner;

    assert(of);
    owner = (struct fn_key){
            .dialect = DIALECT_FC, .account = str_of(of->account), .region = str_of(of->region)};
    (void)json_str(extra, "license", false, &license, NULL);
    jw_obj(w);
    jw_kstr(w, "layerName", l->name);
    jw_kint(w, "version", l->version);
    jw_kstr(w, "description", l->description);
    jw_key(w, "compatibleRuntime");
    jw_raw(w, l->runtimes);
    if (with_code)
        put_code(w, c, l);
    jw_kint(w, "codeSize", (int64_t)l->size);
    jw_kint(w, "codesize", (int64_t)l->size); /* so aliyun-fc2 reads a created one */
    jw_kstr(w, "codeChecksum", l->digest);
    jw_kstrz(w, "createTime", clock_iso(l->of->created_ms, time));
    jw_kstr(w, "acl", acl_of(c, &owner, l->name) ? S("1") : S("0"));
    jw_kstr(w, "license", license);
    put_short_arn(w, &owner, l);
    put_arn(w, "arnV2", &owner, l->name, l->version);
    put_arn(w, "layerVersionArn", &owner, l->name, l->version);
    jw_obj_end(w);
}

static void reply_layer(struct call *c, const struct layer *l)
{
    struct buf body;
    struct jw w;

    buf_init(&body, RESOURCE_BODY + OBJECT_MAX);
    jw_init(&w, &body);
    put_layer(&w, c, l, true);
    call_reply_buf(c, 200, S("application/json"), &body);
}

static void fail_no_version(struct call *c, struct str name, struct str version)
{
    call_fail(c, 404, "LayerVersionNotFound", "layer '%.*s' version '%.*s' does not exist",
              STR_ARG(name), STR_ARG(version));
}

/* ---- what is asked ---- */

static bool name_ok(struct str name)
{
    struct err e = {0};

    return name.n <= NAME_MAX_CHARS && fc_parse_name(name, "layerName", &e) == 0;
}

/* The layer's name in the path; false: it has replied. */
static bool name_of(struct call *c, struct str *ret)
{
    *ret = c->captures[0];
    if (name_ok(*ret))
        return true;
    call_fail(c, 400, "InvalidArgument",
              "layerName is set to an invalid value (allowed: 1 to %d letters, digits, '_' and "
              "'-', not beginning with a digit or '-')",
              NAME_MAX_CHARS);
    return false;
}

/* 1 and above; 0: it is no version. */
static uint32_t version_of(struct str text)
{
    uint64_t version = 0;

    if (text.n > VERSION_DIGITS || str_u64(text, 1, UINT32_MAX, &version) < 0)
        return 0;
    return (uint32_t)version;
}

static int read_runtimes(const struct cJSON *list, struct buf *out, struct err *e)
{
    const struct cJSON *it;
    struct jw w;

    if (list && (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > RUNTIMES_MAX))
        return err_set(e, ERR_CALLER, -EINVAL, "compatibleRuntime must be a list of at most %d",
                       RUNTIMES_MAX);
    jw_init(&w, out);
    jw_arr(&w);
    cJSON_ArrayForEach(it, list)
    {
        if (!cJSON_IsString(it) || !runtime_find(DIALECT_FC, str_of(it->valuestring)))
            return err_set(e, ERR_CALLER, -EINVAL,
                           "compatibleRuntime is set to an invalid value: there is no runtime '%s'",
                           cJSON_IsString(it) ? it->valuestring : "");
        jw_str(&w, str_of(it->valuestring));
    }
    jw_arr_end(&w);
    return 0;
}

static int read_text(const struct cJSON *body, const char *key, size_t max, struct str *ret,
                     struct err *e)
{
    *ret = S("");
    if (json_str(body, key, true, ret, e) < 0)
        return -EINVAL;
    if (ret->n > max)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "%s is set to an invalid value (allowed length: 0 to %zu, actual: %zu)", key,
                       max, ret->n);
    return 0;
}

/* ref: room for an object's name. */
static int read_code(const struct cJSON *body, struct str account, struct object_ref *ref,
                     struct layer_source *ret, struct err *e)
{
    const struct cJSON *code = json_geti(body, "code");
    struct str zip = STR_NONE, checksum = STR_NONE;

    if (!cJSON_IsObject(code))
        return err_set(e, ERR_CALLER, -EINVAL, "code is required");
    *ref = (struct object_ref){.dialect = DIALECT_FC, .account = account};
    if (json_str(code, "zipFile", true, &zip, e) < 0 ||
        json_str(code, "ossBucketName", true, &ref->bucket, e) < 0 ||
        json_str(code, "ossObjectName", true, &ref->key, e) < 0 ||
        json_str(code, "checksum", true, &checksum, e) < 0)
        return -EINVAL;
    *ret = (struct layer_source){.base64 = zip};
    if (zip.n > 0)
        return 0;
    if (ref->bucket.n == 0 || ref->key.n == 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "code needs zipFile, or ossBucketName and ossObjectName");
    ret->object = ref;
    return 0;
}

/* ---- CreateLayerVersion ---- */

static void on_created(struct call *c, int r, enum layer_step step, const struct resource *res,
                       const struct err *e)
{
    struct layer l = {0};

    if (r < 0 && step == LAYER_TAKE && e->kind != ERR_HOST) {
        call_fail(c, 400, "InvalidArgument", "code package: %s", e->msg);
        return;
    }
    if (r < 0 && step == LAYER_TAKE) {
        call_fail(c, 500, "InternalServerError", "%s", e->msg);
        return;
    }
    if (r == 0)
        r = layer_of(res, &l);
    if (r < 0)
        fc_error_write(c, r, "layer", S("version"));
    else
        reply_layer(c, &l);
    layer_done(&l);
}

void fc_layer_create(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    cleanup_with(buf_done) struct buf names = {0};
    cleanup_with(buf_done) struct buf extra = {0};
    struct fn_key owner = owner_of(c);
    struct str license;
    struct layer_source from = {0};
    struct object_ref ref;
    struct layer what = {0};
    struct err e = {0};
    struct jw w;

    if (!name_of(c, &what.name))
        return;
    body = fc_body(c);
    if (!body)
        return;
    buf_init(&names, OBJECT_MAX);
    buf_init(&extra, OBJECT_MAX);
    if (read_text(body, "description", FC_DESCRIPTION_MAX, &what.description, &e) < 0 ||
        read_text(body, "license", LICENSE_MAX, &license, &e) < 0 ||
        read_runtimes(json_geti(body, "compatibleRuntime"), &names, &e) < 0 ||
        read_code(body, owner.account, &ref, &from, &e) < 0) {
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    jw_init(&w, &extra);
    jw_obj(&w);
    jw_kstr(&w, "license", license);
    jw_obj_end(&w);
    what.runtimes = buf_str(&names);
    what.extra = buf_str(&extra);
    layer_new(c, &owner, &what, &from, &package_limits_default, on_created);
}

/* ---- reading ---- */

static void get_layer(struct call *c, const struct fn_key *owner, struct str name, struct str text)
{
    struct layer l = {0};
    uint32_t version = version_of(text);

    if (version == 0 || catalog_layer(c->api->catalog, owner, name, version, &l) < 0)
        fail_no_version(c, name, text);
    else
        reply_layer(c, &l);
    layer_done(&l);
}

void fc_layer_get(struct call *c)
{
    struct fn_key owner = owner_of(c);
    struct str name;

    if (name_of(c, &name))
        get_layer(c, &owner, name, c->captures[1]);
}

/* Of either form, in a region: views into arn. */
struct layer_arn {
    struct fn_key owner;
    struct str name, version;
};

static bool read_arn(struct str arn, struct layer_arn *ret)
{
    struct str rest = arn;

    *ret = (struct layer_arn){.owner.dialect = DIALECT_FC};
    if (str_starts(arn, S("acs:fc:"))) {
        rest = str_from(arn, 7);
        ret->owner.region = str_cut(&rest, ':');
        ret->owner.account = str_cut(&rest, ':');
        if (!str_eq(str_cut(&rest, '/'), S("layers")))
            return false;
        ret->name = str_cut(&rest, '/');
        if (!str_eq(str_cut(&rest, '/'), S("versions")))
            return false;
    } else {
        ret->owner.account = str_cut(&rest, '#');
        ret->name = str_cut(&rest, '#');
    }
    ret->version = rest;
    return name_ok(ret->name) && version_of(ret->version) > 0 && ret->owner.account.n > 0;
}

/* What it names, if the request's account may see it. -EINVAL, -ENOENT. */
static int find_arn(struct call *c, struct str text, struct layer *ret)
{
    struct fn_key me = owner_of(c);
    struct layer_arn arn;

    *ret = (struct layer){0};
    if (!read_arn(text, &arn))
        return -EINVAL;
    if (arn.owner.region.n == 0)
        arn.owner.region = me.region;
    if (!str_eq(arn.owner.region, me.region) ||
        (!str_eq(arn.owner.account, me.account) && !acl_of(c, &arn.owner, arn.name)))
        return -ENOENT;
    return catalog_layer(c->api->catalog, &arn.owner, arn.name, version_of(arn.version), ret);
}

static void fail_arn(struct call *c, int r, struct str text)
{
    if (r == -EINVAL)
        call_fail(c, 400, "InvalidArgument", "'%.*s' is not the ARN of a layer version",
                  (int)(text.n < 200 ? text.n : 200), text.p ? text.p : "");
    else
        call_fail(c, 404, "LayerVersionNotFound", "layer version '%.*s' does not exist",
                  STR_ARG(text));
}

void fc_layer_by_arn(struct call *c)
{
    struct layer l;
    int r = find_arn(c, c->captures[0], &l);

    if (r < 0)
        fail_arn(c, r, c->captures[0]);
    else
        reply_layer(c, &l);
    layer_done(&l);
}

struct listing {
    struct jw w;
    const struct call *call;
    uint64_t from, limit, shown, next;
    bool any;
};

static bool list_version(void *user, const struct layer *l)
{
    struct listing *ls = user;

    ls->any = true;
    if (l->version < ls->from)
        return true;
    if (ls->shown == ls->limit) {
        ls->next = l->version;
        return false;
    }
    put_layer(&ls->w, ls->call, l, false);
    ls->shown++;
    return true;
}

void fc_layer_versions(struct call *c)
{
    struct listing ls = {.call = c, .limit = FC_PAGE_DEFAULT};
    struct str from = call_query(c, S("startVersion"));
    struct fn_key owner = owner_of(c);
    struct str name;
    struct buf body;

    if (!name_of(c, &name) || !fc_page_limit(c, FC_PAGE_MAX, &ls.limit))
        return;
    if (from.n > 0 && str_u64(from, 0, UINT32_MAX, &ls.from) < 0) {
        call_fail(c, 400, "InvalidArgument", "startVersion is set to an invalid value '%.*s'",
                  (int)(from.n < 32 ? from.n : 32), from.p);
        return;
    }
    buf_init(&body, LIST_MAX);
    jw_init(&ls.w, &body);
    jw_obj(&ls.w);
    jw_key(&ls.w, "layers");
    jw_arr(&ls.w);
    catalog_each_layer(c->api->catalog, &owner, name, list_version, &ls);
    jw_arr_end(&ls.w);
    jw_kint(&ls.w, "nextVersion", (int64_t)ls.next);
    jw_obj_end(&ls.w);
    if (!ls.any) {
        buf_done(&body);
        call_fail(c, 404, "LayerNotFound", "layer '%.*s' does not exist", STR_ARG(name));
        return;
    }
    call_reply_buf(c, 200, S("application/json"), &body);
}

/* ---- ListLayers: the last version of each, in the order of their names ---- */

struct newest {
    const struct resource *of;
    char *name; /* owned */
    uint32_t version;
};
struct names {
    const struct call *call;
    const struct fn_key *me;
    bool shared; /* public ones of everybody, instead of one's own */
    struct newest *rows;
    size_t n;
};

static bool same(const struct newest *row, const struct layer *l)
{
    return strcmp(row->of->account, l->of->account) == 0 && str_eq(str_of(row->name), l->name);
}

static bool gather(void *user, const struct layer *l)
{
    struct names *all = user;
    struct fn_key owner = {.dialect = DIALECT_FC,
                           .account = str_of(l->of->account),
                           .region = str_of(l->of->region)};

    if (l->of->dialect != DIALECT_FC || !str_eq(owner.region, all->me->region) ||
        (all->shared ? !acl_of(all->call, &owner, l->name)
                     : !str_eq(owner.account, all->me->account)))
        return true;
    for (size_t i = 0; i < all->n; i++)
        if (same(&all->rows[i], l)) {
            all->rows[i].version = l->version; /* they come oldest first */
            return true;
        }
    all->rows = xrealloc(all->rows, all->n + 1, sizeof(*all->rows));
    all->rows[all->n++] =
            (struct newest){.of = l->of, .name = str_dup(l->name), .version = l->version};
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct newest *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static bool is_true(struct str text)
{
    return str_ieq(text, S("true"));
}

void fc_layer_list(struct call *c)
{
    bool official = is_true(call_query(c, S("official")));
    struct fn_key me = owner_of(c);
    struct names all = {.call = c, .me = &me, .shared = is_true(call_query(c, S("public")))};
    struct fc_page page;

    if (!fc_page_open(c, &page, "layers"))
        return;
    if (!official) /* there are none */
        catalog_each_layer(c->api->catalog, NULL, STR_NONE, gather, &all);
    if (all.n > 0)
        qsort(all.rows, all.n, sizeof(*all.rows), by_name);
    for (size_t i = 0; i < all.n; i++) {
        struct fn_key owner = {.dialect = DIALECT_FC,
                               .account = str_of(all.rows[i].of->account),
                               .region = me.region};
        struct layer l;

        if (!fc_page_full(&page) && fc_page_has(&page, str_of(all.rows[i].name)) &&
            catalog_layer(c->api->catalog, &owner, str_of(all.rows[i].name), all.rows[i].version,
                          &l) == 0) {
            put_layer(&page.w, c, &l, false);
            layer_done(&l);
        }
        free(all.rows[i].name);
    }
    free(all.rows);
    fc_page_reply(c, &page);
}

/* ---- changing ---- */

static void on_deleted(void *user, int r, const struct resource *res)
{
    struct call *c = user;

    (void)res;
    if (r == -ENOENT)
        call_fail(c, 404, "LayerVersionNotFound", "the layer version does not exist any more");
    else if (r < 0)
        fc_error_write(c, r, "layer", S("version"));
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

void fc_layer_delete(struct call *c)
{
    struct fn_key owner = owner_of(c);
    uint32_t version = version_of(c->captures[1]);
    cleanup_with(layer_done) struct layer l = {0};
    struct str name;

    if (!name_of(c, &name))
        return;
    if (version == 0 || catalog_layer(c->api->catalog, &owner, name, version, &l) < 0)
        fail_no_version(c, name, c->captures[1]);
    else
        catalog_delete_layer(c->api->catalog, &owner, name, version, on_deleted, c);
}

static void on_acl(void *user, int r, const struct resource *res)
{
    struct call *c = user;

    (void)res;
    if (r < 0 && r != -ENOENT && r != -EEXIST)
        fc_error_write(c, r, "layer", S("acl"));
    else
        call_reply(c, strcmp(c->set->name, "fc") == 0 ? 200 : 204, STR_NONE, STR_NONE);
}

/* "public=true|false"; the newer SDK also has "acl=1|0". 0, 1, or -EINVAL. */
static int read_acl(struct call *c)
{
    struct str wide = call_query(c, S("public")), acl = call_query(c, S("acl"));

    if (acl.n > 0)
        return str_eq(acl, S("1")) ? 1 : str_eq(acl, S("0")) ? 0 : -EINVAL;
    return is_true(wide) ? 1 : str_ieq(wide, S("false")) ? 0 : -EINVAL;
}

static bool is_any(void *user, const struct layer *l)
{
    (void)l;
    *(bool *)user = true;
    return false;
}

void fc_layer_acl(struct call *c)
{
    cleanup_with(buf_done) struct buf id = {0};
    struct fn_key owner = owner_of(c);
    int acl = read_acl(c);
    struct resource *draft;
    bool any = false;
    struct str name;

    if (!name_of(c, &name))
        return;
    if (acl < 0) {
        call_fail(c, 400, "InvalidArgument", "public is not true or false");
        return;
    }
    catalog_each_layer(c->api->catalog, &owner, name, is_any, &any);
    if (!any) {
        call_fail(c, 404, "LayerNotFound", "layer '%.*s' does not exist", STR_ARG(name));
        return;
    }
    buf_init(&id, ID_MAX);
    add_acl_id(&owner, name, &id);
    if (acl == 0) {
        catalog_delete_resource(c->api->catalog, str_of(acl_kind), buf_str(&id), on_acl, c);
        return;
    }
    draft = resource_new(str_of(acl_kind), buf_str(&id));
    draft->dialect = DIALECT_FC;
    fn_set(&draft->account, owner.account);
    fn_set(&draft->region, owner.region);
    draft->created_ms = draft->modified_ms = clock_wall_ms();
    catalog_create_resource(c->api->catalog, draft, on_acl, c);
}

/* ---- functions ---- */

static bool add_one(struct call *c, const struct cJSON *item, struct fn *draft)
{
    cleanup_with(layer_done) struct layer l = {0};
    cleanup_with(buf_done) struct buf ref;
    struct str text = cJSON_IsString(item) ? str_of(item->valuestring) : STR_NONE;
    int r = find_arn(c, text, &l);

    buf_init(&ref, OBJECT_MAX);
    if (r < 0) {
        fail_arn(c, r, text);
        return false;
    }
    buf_addf(&ref, "acs:fc:%s:%s:layers/%.*s/versions/%u", l.of->region, l.of->account,
             STR_ARG(l.name), l.version);
    fn_add_layer(draft, buf_str(&ref), l.sha, l.size);
    return true;
}

bool fc_layers_parse(struct call *c, const struct cJSON *body, struct fn *draft)
{
    const struct cJSON *list = json_geti(body, "layers");
    int n = list ? cJSON_GetArraySize(list) : 0;

    if (!list)
        return true;
    if (!cJSON_IsArray(list) || n > FC_LAYERS_MAX) {
        call_fail(c, 400, "InvalidArgument",
                  "layers is set to an invalid value (allowed: a list of at most %d)",
                  FC_LAYERS_MAX);
        return false;
    }
    fn_set_layers_done(draft);
    for (int i = n; i-- > 0;)
        if (!add_one(c, cJSON_GetArrayItem(list, i), draft))
            return false;
    return true;
}

void fc_layers_check(struct call *c, const struct fn *draft, catalog_ready_fn *fn, void *user)
{
    layer_check(c, draft, package_limits_default.unpacked_bytes, fn, user);
}

void fc_layers_put(struct jw *w, const struct fn *f)
{
    jw_key(w, "layers");
    jw_arr(w);
    for (uint32_t i = f->nlayers; i-- > 0;) {
        cleanup_with(buf_done) struct buf text;
        struct layer_arn arn;

        buf_init(&text, OBJECT_MAX);
        if (read_arn(str_of(f->layers[i].ref), &arn))
            buf_addf(&text, "%.*s#%.*s#%.*s", STR_ARG(arn.owner.account), STR_ARG(arn.name),
                     STR_ARG(arn.version));
        jw_str(w, buf_str(&text));
    }
    jw_arr_end(w);
    jw_key(w, "layersArnV2");
    jw_arr(w);
    for (uint32_t i = f->nlayers; i-- > 0;)
        jw_str(w, str_of(f->layers[i].ref));
    jw_arr_end(w);
}
