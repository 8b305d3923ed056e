/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer.c - PublishLayerVersion, GetLayerVersion, ListLayers, ListLayerVersions, DeleteLayerVersion;
 * and Layers of functions. A function's record names a layer "<name>:<version>".
 */
#include "dialect/scf/api/layer.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "api/code_source.h"
#include "api/layer_new.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/scf/api/names.h"
#include "dialect/scf/api/scf_api.h"
#include "fn/fn.h"
#include "runtime/runtime.h"

enum {
    NAME_MAX_CHARS = 64,
    RUNTIMES_MAX = 20,
    LAYERS_OF_REGION = 20,
    VERSIONS_OF_LAYER = 200,
    LIMIT_DEFAULT = 20,
    LIMIT_MAX = 100,
    TEXT_MAX = 16 << 10,
    LIST_MAX = 8 << 20,
    MEBI = 1 << 20,
};

static const struct package_limits limits = {
        .packed_bytes = 50ull * MEBI, .unpacked_bytes = 500ull * MEBI, .files = 30000};

static struct fn_key owner_of(const struct call *c)
{
    return (struct fn_key){
            .dialect = DIALECT_SCF, .account = scf_account(c), .region = scf_region(c)};
}

/* ---- what is asked ---- */

static bool name_ok(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char ch = str_lower(name.p[i]);

        if (!(ch >= 'a' && ch <= 'z') &&
            (i == 0 || !((ch >= '0' && ch <= '9') || ch == '-' || ch == '_')))
            return false;
    }
    return name.n >= 1 && name.n <= NAME_MAX_CHARS;
}

static bool name_of(struct call *c, const struct cJSON *p, struct str *ret)
{
    *ret = scf_text(p, "LayerName");
    if (name_ok(*ret))
        return true;
    scf_fail(c, "InvalidParameterValue.LayerName",
             "LayerName has 1 to %d letters, digits, '-' or '_', and begins with a letter.",
             NAME_MAX_CHARS);
    return false;
}

static bool read_runtimes(struct call *c, const struct cJSON *list, struct buf *out)
{
    const struct cJSON *it;
    struct jw w;

    if (cJSON_GetArraySize(list) < 1 || cJSON_GetArraySize(list) > RUNTIMES_MAX) {
        scf_fail(c, "InvalidParameterValue.CompatibleRuntimes",
                 "CompatibleRuntimes has 1 to %d names of runtimes.", RUNTIMES_MAX);
        return false;
    }
    jw_init(&w, out);
    jw_arr(&w);
    cJSON_ArrayForEach(it, list)
    {
        if (!runtime_find(DIALECT_SCF, str_of(it->valuestring))) {
            scf_fail(c, "InvalidParameterValue.CompatibleRuntimes", "There is no runtime '%s'.",
                     it->valuestring);
            return false;
        }
        jw_str(&w, str_of(it->valuestring));
    }
    jw_arr_end(&w);
    return true;
}

/* ref: room for the name of an object. */
static bool read_content(struct call *c, const struct cJSON *p, struct object_ref *ref,
                         struct layer_source *ret)
{
    const struct cJSON *content = json_get(p, "Content");

    *ref = (struct object_ref){.dialect = DIALECT_SCF,
                               .account = scf_account(c),
                               .bucket = scf_text(content, "CosBucketName"),
                               .key = scf_text(content, "CosObjectName")};
    *ret = (struct layer_source){.base64 = scf_text(content, "ZipFile")};
    if (ref->bucket.n > 0 && ref->key.n > 0)
        ret->object = ref;
    if ((ret->base64.n > 0) != (ret->object != NULL))
        return true;
    scf_fail(c, "InvalidParameterValue.Content",
             "Content has either ZipFile, or CosBucketName and CosObjectName.");
    return false;
}

/* ---- what there is ---- */

struct count {
    uint32_t versions, layers;
    struct str name, last;
};

static bool count_one(void *user, const struct layer *l)
{
    struct count *n = user;

    n->versions += str_eq(l->name, n->name);
    return true;
}

/* One layer of a list: its newest version. */
struct newest {
    char *name; /* owned */
    uint32_t version;
};
struct names {
    struct str runtime, part; /* only those that have them; empty: all */
    struct newest *rows;
    size_t n;
};

static bool has_runtime(const struct layer *l, struct str runtime)
{
    cleanup_with(buf_done) struct buf quoted;

    buf_init(&quoted, TEXT_MAX);
    json_quote(&quoted, runtime);
    return runtime.n == 0 || str_find(l->runtimes, buf_str(&quoted)) >= 0;
}

static bool gather(void *user, const struct layer *l)
{
    struct names *all = user;

    if ((all->part.n > 0 && str_find(l->name, all->part) < 0) || !has_runtime(l, all->runtime))
        return true;
    for (size_t i = 0; i < all->n; i++)
        if (str_eq(str_of(all->rows[i].name), l->name)) {
            all->rows[i].version = l->version; /* they come oldest first */
            return true;
        }
    all->rows = xrealloc(all->rows, all->n + 1, sizeof(*all->rows));
    all->rows[all->n++] = (struct newest){.name = str_dup(l->name), .version = l->version};
    return true;
}

static void names_done(struct names *all)
{
    for (size_t i = 0; i < all->n; i++)
        free(all->rows[i].name);
    free(all->rows);
}

/* ---- what is answered ---- */

static void put_fields(struct jw *w, const struct layer *l)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(l->extra, NULL);
    char time[CLOCK_TEXT];

    jw_key(w, "CompatibleRuntimes");
    jw_raw(w, l->runtimes);
    jw_kstrz(w, "AddTime", clock_sql(l->of->created_ms, time));
    jw_kstr(w, "Description", l->description);
    jw_kstr(w, "LicenseInfo", scf_text(extra, "LicenseInfo"));
    jw_kint(w, "LayerVersion", l->version);
    jw_kstr(w, "LayerName", l->name);
    jw_kstr(w, "Status", S("Active"));
}

static void put_row(struct jw *w, const struct layer *l)
{
    cleanup_with(json_freep) struct cJSON *extra = json_parse(l->extra, NULL);
    cleanup_with(buf_done) struct buf tags;
    const struct cJSON *list = json_get(extra, "Tags");

    buf_init(&tags, RESOURCE_BODY);
    if (list)
        json_print(list, &tags);
    jw_obj(w);
    put_fields(w, l);
    jw_kstr(w, "Stamp", S(""));
    jw_key(w, "Tags");
    jw_raw(w, list ? buf_str(&tags) : S("[]"));
    jw_obj_end(w);
}

static void fail_no_version(struct call *c, struct str name, int64_t version)
{
    scf_fail(c, "ResourceNotFound.LayerVersion", "The version %lld of layer '%.*s' does not exist.",
             (long long)version, STR_ARG(name));
}

/* ---- actions ---- */

static void on_published(struct call *c, int r, enum layer_step step, const struct resource *res,
                         const struct err *e)
{
    cleanup_with(layer_done) struct layer l = {0};
    struct scf_answer a;

    if ((r == -ENOENT || r == -ENXIO) && step == LAYER_TAKE) {
        scf_fail(c, "ResourceNotFound.Cos", "%s", e->msg);
    } else if (r < 0 && step == LAYER_TAKE && (r == -EFBIG || e->kind != ERR_HOST)) {
        scf_fail(c, "InvalidParameterValue.Content", "%s", e->msg);
    } else if (r < 0 || layer_of(res, &l) < 0) {
        scf_fail(c, "FailedOperation.PublishLayerVersion", "The layer was not saved.");
    } else {
        scf_begin(&a, TEXT_MAX);
        jw_kint(&a.w, "LayerVersion", l.version);
        scf_send(c, &a);
    }
}

/* Room for one more? False: it has replied. */
static bool has_room(struct call *c, const struct fn_key *owner, struct str name)
{
    struct count n = {.name = name};
    struct names all = {0};
    size_t layers;

    catalog_each_layer(c->api->catalog, owner, name, count_one, &n);
    if (n.versions >= VERSIONS_OF_LAYER) {
        scf_fail(c, "LimitExceeded.LayerVersions", "A layer has at most %d versions.",
                 VERSIONS_OF_LAYER);
        return false;
    }
    if (n.versions > 0)
        return true;
    catalog_each_layer(c->api->catalog, owner, STR_NONE, gather, &all);
    layers = all.n;
    names_done(&all);
    if (layers < LAYERS_OF_REGION)
        return true;
    scf_fail(c, "LimitExceeded.Layers", "A region has at most %d layers.", LAYERS_OF_REGION);
    return false;
}

static void write_extra(const struct cJSON *p, struct buf *out)
{
    const struct cJSON *tags = json_get(p, "Tags");
    cleanup_with(buf_done) struct buf text;
    struct jw w;

    buf_init(&text, TEXT_MAX);

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "LicenseInfo", scf_text(p, "LicenseInfo"));
    if (tags) {
        json_print(tags, &text);
        jw_key(&w, "Tags");
        jw_raw(&w, buf_ok(&text) ? buf_str(&text) : S("[]"));
    }
    jw_obj_end(&w);
}

void scf_publish_layer(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    cleanup_with(buf_done) struct buf names = {0};
    cleanup_with(buf_done) struct buf extra = {0};
    struct fn_key owner;
    struct layer_source from;
    struct object_ref ref;
    struct layer what = {0};

    if (!p || !name_of(c, p, &what.name))
        return;
    owner = owner_of(c);
    buf_init(&names, TEXT_MAX);
    buf_init(&extra, TEXT_MAX);
    what.description = scf_text(p, "Description");
    if (scf_characters(what.description) > SCF_DESCRIPTION_MAX) {
        scf_fail(c, "InvalidParameterValue.Description", "Description has at most %d characters.",
                 SCF_DESCRIPTION_MAX);
        return;
    }
    if (!read_runtimes(c, json_get(p, "CompatibleRuntimes"), &names) ||
        !read_content(c, p, &ref, &from) || !has_room(c, &owner, what.name))
        return;
    write_extra(p, &extra);
    if (!buf_ok(&extra)) {
        scf_fail(c, "InvalidParameterValue", "LicenseInfo and Tags are too long.");
        return;
    }
    what.runtimes = buf_str(&names);
    what.extra = buf_str(&extra);
    layer_new(c, &owner, &what, &from, &limits, on_published);
}

void scf_get_layer(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    cleanup_with(layer_done) struct layer l = {0};
    cleanup_with(buf_done) struct buf link = {0};
    int64_t version = scf_number(p, "LayerVersion", 0);
    struct fn_key owner;
    struct scf_answer a;
    struct str name;

    if (!p || !name_of(c, p, &name))
        return;
    owner = owner_of(c);
    if (version < 1 || version > UINT32_MAX ||
        catalog_layer(c->api->catalog, &owner, name, (uint32_t)version, &l) < 0) {
        fail_no_version(c, name, version);
        return;
    }
    buf_init(&link, TEXT_MAX);
    code_link(c, l.sha, S("layer.zip"), &link);
    scf_begin(&a, RESOURCE_BODY + TEXT_MAX);
    put_fields(&a.w, &l);
    jw_kstr(&a.w, "CodeSha256", l.digest);
    jw_kstr(&a.w, "Location", buf_str(&link));
    scf_send(c, &a);
}

static int by_name(const void *a, const void *b)
{
    const struct newest *x = a, *y = b;

    return strcmp(x->name, y->name);
}

void scf_list_layers(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    int64_t offset = scf_number(p, "Offset", 0), limit = scf_number(p, "Limit", LIMIT_DEFAULT);
    struct fn_key owner;
    struct names all = {0};
    struct scf_answer a;

    if (!p)
        return;
    owner = owner_of(c);
    if (offset < 0 || limit < 0 || limit > LIMIT_MAX) {
        scf_fail(c, offset < 0 ? "InvalidParameterValue.Offset" : "InvalidParameterValue.Limit",
                 "Offset is 0 or more, Limit 0 to %d.", LIMIT_MAX);
        return;
    }
    all.runtime = scf_text(p, "CompatibleRuntime");
    all.part = scf_text(p, "SearchKey");
    catalog_each_layer(c->api->catalog, &owner, STR_NONE, gather, &all);
    if (all.n > 0)
        qsort(all.rows, all.n, sizeof(*all.rows), by_name);
    scf_begin(&a, LIST_MAX);
    jw_key(&a.w, "Layers");
    jw_arr(&a.w);
    for (int64_t i = offset; i < (int64_t)all.n && i - offset < limit; i++) {
        struct layer l;

        if (catalog_layer(c->api->catalog, &owner, str_of(all.rows[i].name), all.rows[i].version,
                          &l) == 0)
            put_row(&a.w, &l);
        layer_done(&l);
    }
    jw_arr_end(&a.w);
    jw_kint(&a.w, "TotalCount", (int64_t)all.n);
    names_done(&all);
    scf_send(c, &a);
}

struct listing {
    struct jw *w;
    const struct cJSON *wanted; /* runtimes; NULL: any */
    bool any;
};

static bool list_version(void *user, const struct layer *l)
{
    struct listing *ls = user;
    const struct cJSON *it;
    bool fits = cJSON_GetArraySize(ls->wanted) == 0;

    ls->any = true;
    cJSON_ArrayForEach(it, ls->wanted)
    {
        fits = fits || has_runtime(l, str_of(it->valuestring));
    }
    if (fits)
        put_row(ls->w, l);
    return true;
}

void scf_list_layer_versions(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct fn_key owner;
    struct listing ls = {0};
    struct scf_answer a;
    struct str name;

    if (!p || !name_of(c, p, &name))
        return;
    owner = owner_of(c);
    scf_begin(&a, LIST_MAX);
    ls.w = &a.w;
    ls.wanted = json_get(p, "CompatibleRuntime");
    jw_key(&a.w, "LayerVersions");
    jw_arr(&a.w);
    catalog_each_layer(c->api->catalog, &owner, name, list_version, &ls);
    jw_arr_end(&a.w);
    if (ls.any) {
        scf_send(c, &a);
        return;
    }
    scf_drop(&a);
    scf_fail(c, "ResourceNotFound.Layer", "The layer '%.*s' does not exist.", STR_ARG(name));
}

static void on_deleted(void *user, int r, const struct resource *res)
{
    struct call *c = user;

    (void)res;
    if (r == -ENOENT)
        scf_fail(c, "ResourceNotFound.LayerVersion", "The layer version does not exist any more.");
    else if (r < 0)
        scf_fail(c, "FailedOperation.DeleteLayerVersion", "The layer version was not deleted.");
    else
        scf_ok(c);
}

/* As a function's record names it. */
static void add_ref(struct str name, uint32_t version, struct buf *out)
{
    buf_addf(out, "%.*s:%u", STR_ARG(name), version);
}

void scf_delete_layer(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    cleanup_with(layer_done) struct layer l = {0};
    cleanup_with(buf_done) struct buf ref = {0};
    int64_t version = scf_number(p, "LayerVersion", 0);
    struct fn_key owner;
    struct str name;

    if (!p || !name_of(c, p, &name))
        return;
    owner = owner_of(c);
    if (version < 1 || version > UINT32_MAX ||
        catalog_layer(c->api->catalog, &owner, name, (uint32_t)version, &l) < 0) {
        fail_no_version(c, name, version);
        return;
    }
    buf_init(&ref, TEXT_MAX);
    add_ref(name, l.version, &ref);
    if (catalog_layer_used(c->api->catalog, &owner, buf_str(&ref)))
        scf_fail(c, "ResourceInUse.LayerVersion", "A function uses version %u of layer '%.*s'.",
                 l.version, STR_ARG(name));
    else
        catalog_delete_layer(c->api->catalog, &owner, name, l.version, on_deleted, c);
}

/* ---- functions ---- */

static bool add_layer(struct call *c, const struct fn_key *owner, const struct cJSON *item,
                      struct fn *draft)
{
    cleanup_with(layer_done) struct layer l = {0};
    cleanup_with(buf_done) struct buf ref = {0};
    struct str name = scf_text(item, "LayerName");
    int64_t version = scf_number(item, "LayerVersion", 0);

    if (version < 1 || version > UINT32_MAX || !name_ok(name) ||
        catalog_layer(c->api->catalog, owner, name, (uint32_t)version, &l) < 0) {
        fail_no_version(c, name, version);
        return false;
    }
    buf_init(&ref, TEXT_MAX);
    add_ref(name, l.version, &ref);
    fn_add_layer(draft, buf_str(&ref), l.sha, l.size);
    return true;
}

/* [{"LayerName":"","LayerVersion":0}]: none from now on. */
static bool clears(const struct cJSON *list)
{
    const struct cJSON *first = cJSON_GetArrayItem(list, 0);

    return cJSON_GetArraySize(list) == 1 && scf_text(first, "LayerName").n == 0 &&
           scf_number(first, "LayerVersion", 0) == 0;
}

bool scf_layers_parse(struct call *c, const struct cJSON *p, struct fn *draft)
{
    const struct cJSON *list = json_get(p, "Layers"), *it;
    struct fn_key owner = owner_of(c);

    if (!list)
        return true;
    if (cJSON_GetArraySize(list) > SCF_LAYERS_MAX) {
        scf_fail(c, "LimitExceeded.Layers", "A function has at most %d layers.", SCF_LAYERS_MAX);
        return false;
    }
    fn_set_layers_done(draft);
    if (clears(list))
        return true;
    cJSON_ArrayForEach(it, list)
    {
        if (!add_layer(c, &owner, it, draft))
            return false;
    }
    return true;
}

void scf_layers_check(struct call *c, const struct fn *draft, catalog_ready_fn *fn, void *user)
{
    layer_check(c, draft, limits.unpacked_bytes, fn, user);
}

/* A version that was deleted under a function is still shown, with what its record knows. */
static void put_used(struct jw *w, const struct call *c, struct str ref)
{
    cleanup_with(layer_done) struct layer l = {0};
    struct fn_key owner = owner_of(c);
    struct str rest = ref, name = str_cut(&rest, ':');
    uint64_t version = 0;

    (void)str_u64(rest, 1, UINT32_MAX, &version);
    if (catalog_layer(c->api->catalog, &owner, name, (uint32_t)version, &l) == 0) {
        put_row(w, &l);
        return;
    }
    jw_obj(w);
    jw_kstr(w, "LayerName", name);
    jw_kint(w, "LayerVersion", (int64_t)version);
    jw_kstr(w, "Status", S("Deleted"));
    jw_obj_end(w);
}

void scf_layers_put(struct jw *w, const struct call *c, const struct fn *f)
{
    jw_key(w, "Layers");
    jw_arr(w);
    for (uint32_t i = 0; i < f->nlayers; i++)
        put_used(w, c, str_of(f->layers[i].ref));
    jw_arr_end(w);
}
