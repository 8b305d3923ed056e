/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tags.c - tags of functions: one object of kind "scf-tags" each, whose body is {"key":"value"}. It hangs
 * on the function's path and goes with it.
 *
 * Rules and codes: TAG 2018-08-13, ModifyResourceTags and TagErrorCode of the vendor's SDKs; 50 tags on a
 * resource, keys of 1 to 127 and values of 0 to 255 characters.
 */
#include "dialect/scf/api/tags.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "catalog/resources.h"
#include "dialect/scf/api/names.h"
#include "fn/fn.h"

enum { PATH_MAX_ = 8 << 10, BODY_MAX = 64 << 10 };

#define KIND S("scf-tags")

static void hash_of(const struct fn_key *key, char out[SHA256_HEX], struct buf *path)
{
    buf_init(path, PATH_MAX_);
    fn_key_path(key, path);
    sha256_hex(buf_str(path), out);
}

/* ---- ids ---- */

void scf_function_id(const struct fn_key *key, char out[SCF_ID_TEXT])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
    cleanup_with(buf_done) struct buf path;
    uint8_t digest[SHA256_LEN];

    buf_init(&path, PATH_MAX_);
    fn_key_path(key, &path);
    sha256(buf_str(&path), digest);
    memcpy(out, "lam-", 4);
    for (size_t i = 0; i < 8; i++)
        out[4 + i] = letters[digest[i] % 32];
    out[12] = '\0';
}

struct search {
    struct str id;
    const struct fn *found;
};

static bool has_id(void *user, const struct fn *f)
{
    struct search *s = user;
    struct fn_key key = fn_key_of(f);
    char id[SCF_ID_TEXT];

    scf_function_id(&key, id);
    if (str_eq(str_of(id), s->id))
        s->found = f;
    return s->found == NULL;
}

const struct fn *scf_function_by_id(const struct catalog *c, struct str account, struct str region,
                                    struct str id)
{
    struct catalog_filter filter = {.dialect = DIALECT_SCF, .account = account, .region = region};
    struct search s = {.id = id};

    catalog_each(c, &filter, has_id, &s);
    return s.found;
}

/* ---- what there is ---- */

static const struct resource *kept(const struct catalog *c, const struct fn_key *key)
{
    cleanup_with(buf_done) struct buf path = {0};
    char id[SHA256_HEX];

    hash_of(key, id, &path);
    return catalog_resource(c, KIND, str_of(id));
}

/* Owned; an empty object if there are none. */
static struct cJSON *tree_of(const struct catalog *c, const struct fn *f)
{
    struct fn_key key = fn_key_of(f);
    const struct resource *r = kept(c, &key);

    return json_parse(r ? str_of(r->body) : S("{}"), NULL);
}

void scf_tags_each(const struct catalog *c, const struct fn *f,
                   bool (*each)(void *user, struct str key, struct str value), void *user)
{
    cleanup_with(json_freep) struct cJSON *tree = tree_of(c, f);

    for (const struct cJSON *t = tree ? tree->child : NULL; t; t = t->next)
        if (cJSON_IsString(t) && !each(user, str_of(t->string), str_of(t->valuestring)))
            return;
}

static bool put_one(void *user, struct str key, struct str value)
{
    struct jw *w = user;

    jw_obj(w);
    jw_kstr(w, "Key", key);
    jw_kstr(w, "Value", value);
    jw_obj_end(w);
    return true;
}

void scf_tags_put(struct jw *w, const struct catalog *c, const struct fn *f)
{
    jw_arr(w);
    scf_tags_each(c, f, put_one, w);
    jw_arr_end(w);
}

bool scf_tags_match(const struct catalog *c, const struct fn *f, struct str filter,
                    const struct cJSON *values)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;

    if (!str_starts(filter, S("tag-")))
        return true;
    filter = str_from(filter, 4);
    tree = tree_of(c, f);
    for (const struct cJSON *t = tree ? tree->child : NULL; t; t = t->next) {
        if (!cJSON_IsString(t) || !str_eq(str_of(t->string), filter))
            continue;
        for (const struct cJSON *v = values ? values->child : NULL; v; v = v->next)
            if (cJSON_IsString(v) && str_eq(str_of(v->valuestring), str_of(t->valuestring)))
                return true;
    }
    return false;
}

/* ---- changes ---- */

static struct str member(const struct cJSON *item, const char *name)
{
    const struct cJSON *v = cJSON_IsString(item) ? item : json_get(item, name);

    return cJSON_IsString(v) ? str_of(v->valuestring) : STR_NONE;
}

static int refuse(struct err *e, const char **code, const char *what, const char *why)
{
    *code = what;
    return err_set(e, ERR_CALLER, -EINVAL, "%s", why);
}

static int check_key(struct str key, const char **code, struct err *e)
{
    static const struct str reserved[] = {S("qcloud"), S("tencent"), S("project")};

    if (key.n == 0)
        return refuse(e, code, "InvalidParameterValue.TagKeyEmpty", "A tag key cannot be empty.");
    if (scf_characters(key) > SCF_TAG_KEY)
        return refuse(e, code, "InvalidParameterValue.TagKeyLengthExceeded",
                      "A tag key has at most 127 characters.");
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (str_ieq(key, reserved[i]))
            return refuse(e, code, "InvalidParameterValue.ReservedTagKey",
                          "qcloud, tencent and project are no tag keys of yours.");
    for (size_t i = 0; i < key.n; i++)
        if ((unsigned char)key.p[i] < ' ' || key.p[i] == 0x7f)
            return refuse(e, code, "InvalidParameterValue.TagKeyCharacterIllegal",
                          "A tag key has no control characters.");
    return 0;
}

static int check_value(struct str value, const char **code, struct err *e)
{
    if (scf_characters(value) > SCF_TAG_VALUE)
        return refuse(e, code, "InvalidParameterValue.TagValueLengthExceeded",
                      "A tag value has at most 255 characters.");
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f)
            return refuse(e, code, "InvalidParameterValue.TagValueCharacterIllegal",
                          "A tag value has no control characters.");
    return 0;
}

int scf_tags_check(const struct scf_tag_names *names, const struct cJSON *replace,
                   const char **code, struct err *e)
{
    size_t n = 0;

    for (const struct cJSON *t = replace ? replace->child : NULL; t; t = t->next, n++) {
        int r = check_key(member(t, names->key), code, e);

        if (r == 0)
            r = check_value(member(t, names->value), code, e);
        if (r < 0)
            return r;
    }
    if (n > SCF_TAGS)
        return refuse(e, code, "LimitExceeded.ResourceAttachedTags",
                      "A resource has at most 50 tags.");
    return 0;
}

static int check_apart(const struct scf_tag_names *names, const struct cJSON *replace,
                       const struct cJSON *remove, const char **code, struct err *e)
{
    for (const struct cJSON *d = remove ? remove->child : NULL; d; d = d->next)
        for (const struct cJSON *t = replace ? replace->child : NULL; t; t = t->next)
            if (str_eq(member(d, names->key), member(t, names->key)))
                return refuse(e, code, "InvalidParameterValue.DeleteTagsParamError",
                              "A tag cannot be replaced and deleted at once.");
    return 0;
}

static void apply(const struct scf_tag_names *names, const struct cJSON *replace,
                  const struct cJSON *remove, struct cJSON *tree)
{
    for (const struct cJSON *d = remove ? remove->child : NULL; d; d = d->next)
        if (member(d, names->key).p)
            cJSON_DeleteItemFromObjectCaseSensitive(tree, member(d, names->key).p);
    for (const struct cJSON *t = replace ? replace->child : NULL; t; t = t->next) {
        struct str value = member(t, names->value);

        cJSON_DeleteItemFromObjectCaseSensitive(tree, member(t, names->key).p);
        cJSON_AddStringToObject(tree, member(t, names->key).p, value.p ? value.p : "");
    }
}

struct change {
    scf_tags_fn *done;
    void *user;
};

static void on_written(void *user, int r, const struct resource *res)
{
    struct change *change = user;
    struct err e = {0};

    (void)res;
    if (r < 0)
        (void)err_set(&e, ERR_HOST, r, "the tags could not be kept: %s", strerror(-r));
    change->done(change->user, r, r < 0 ? "FailedOperation" : NULL, &e);
    free(change);
}

static struct resource *draft_of(const struct catalog *c, const struct fn_key *key)
{
    cleanup_with(buf_done) struct buf path = {0};
    const struct resource *before;
    struct resource *draft;
    char id[SHA256_HEX];

    hash_of(key, id, &path);
    before = catalog_resource(c, KIND, str_of(id));
    if (before)
        return resource_copy(before);
    draft = resource_new(KIND, str_of(id));
    draft->dialect = key->dialect;
    fn_set(&draft->account, key->account);
    fn_set(&draft->region, key->region);
    fn_set(&draft->parent, buf_str(&path));
    return draft;
}

static void write_draft(struct catalog *c, struct resource *draft, struct change *change)
{
    if (draft->revision)
        catalog_update_resource(c, draft, on_written, change);
    else
        catalog_create_resource(c, draft, on_written, change);
}

void scf_tags_change(struct catalog *c, const struct fn_key *key, const struct scf_tag_names *names,
                     const struct cJSON *replace, const struct cJSON *remove, scf_tags_fn *done,
                     void *user)
{
    struct resource *draft = draft_of(c, key);
    cleanup_with(json_freep) struct cJSON *tree = json_parse(str_of(draft->body), NULL);
    cleanup_with(buf_done) struct buf body;
    struct change *change;
    const char *code = NULL;
    struct err e = {0};
    int r;

    buf_init(&body, BODY_MAX);
    r = scf_tags_check(names, replace, &code, &e);
    if (r == 0)
        r = check_apart(names, replace, remove, &code, &e);
    if (r == 0) {
        apply(names, replace, remove, tree);
        if (cJSON_GetArraySize(tree) > SCF_TAGS)
            r = refuse(&e, &code, "LimitExceeded.ResourceAttachedTags",
                       "A resource has at most 50 tags.");
    }
    if (r < 0) {
        resource_unref(draft);
        done(user, r, code, &e);
        return;
    }
    json_print(tree, &body);
    fn_set(&draft->body, buf_str(&body));
    draft->modified_ms = clock_wall_ms();
    if (!draft->revision)
        draft->created_ms = draft->modified_ms;
    change = xnew(struct change);
    *change = (struct change){done, user};
    write_draft(c, draft, change);
}
