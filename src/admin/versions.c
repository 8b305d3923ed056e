/* SPDX-License-Identifier: Apache-2.0 */
/* versions.c - a function's frozen versions and its aliases: list, publish, point, delete. */
#include "catalog/versions.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "admin/handlers.h"
#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"

enum { NAME_CAPTURE = 5, LIST_MAX = 8 << 20, OBJECT_MAX = 64 << 10, NOTE = 1024, VERSION = 64 };

static void put_version(struct jw *w, const struct fn *f)
{
    jw_obj(w);
    jw_kstrz(w, "version", f->version);
    jw_kstrz(w, "note", f->version_note);
    jw_kint(w, "published_ms", f->published_ms);
    jw_kstrz(w, "runtime", f->runtime);
    jw_kstrz(w, "code_sha256", f->code.sha);
    jw_kint(w, "code_size", (int64_t)f->code.size);
    jw_obj_end(w);
}

static void put_alias(struct jw *w, const struct alias *a)
{
    jw_obj(w);
    jw_kstrz(w, "alias", a->name);
    jw_kstrz(w, "version", a->version);
    jw_kstrz(w, "description", a->description);
    jw_kint(w, "modified_ms", a->modified_ms);
    jw_key(w, "others");
    jw_arr(w);
    for (uint32_t i = 0; i < a->nothers; i++) {
        jw_obj(w);
        jw_kstrz(w, "version", a->others[i].version);
        jw_kint(w, "share", a->others[i].share);
        jw_kint(w, "rules", a->others[i].nrules);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
}

static void reply(struct call *c, int status, struct buf *body)
{
    if (buf_ok(body)) {
        call_reply_buf(c, status, S("application/json"), body);
        return;
    }
    buf_done(body);
    call_fail(c, 500, NULL, "the answer is too large");
}

static bool list_version(void *user, const struct fn *f)
{
    put_version(user, f);
    return true;
}

static bool list_alias(void *user, const struct alias *a)
{
    put_alias(user, a);
    return true;
}

void admin_versions(struct call *c)
{
    struct fn_key key;
    struct buf body;
    struct jw w;

    if (!admin_function(c, &key))
        return;
    buf_init(&body, LIST_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "versions");
    jw_arr(&w);
    catalog_each_version(c->api->catalog, &key, list_version, &w);
    jw_arr_end(&w);
    jw_key(&w, "aliases");
    jw_arr(&w);
    catalog_each_alias(c->api->catalog, &key, list_alias, &w);
    jw_arr_end(&w);
    jw_obj_end(&w);
    reply(c, 200, &body);
}

static void fail(struct call *c, int r, const char *what)
{
    switch (r) {
    case -EEXIST:
        call_fail(c, 409, NULL, "there is such a %s", what);
        break;
    case -ENOENT:
        call_fail(c, 404, NULL, "there is no such %s", what);
        break;
    case -EBUSY:
        call_fail(c, 409, NULL, "an alias points at this version");
        break;
    case -EDQUOT:
        call_fail(c, 403, NULL, "the function has as many of them as it may");
        break;
    default:
        admin_fail_write(c, r);
    }
}

/* ---- versions ---- */

static bool highest(void *user, const struct fn *f)
{
    uint64_t *most = user, n;

    if (str_u64(str_of(f->version), 1, UINT32_MAX, &n) == 0 && n > *most)
        *most = n;
    return true;
}

/* As the function's cloud names one that came without a name. */
static void default_name(struct call *c, const struct fn_key *key, char out[VERSION])
{
    uint64_t most = 0;
    struct tm tm;
    time_t now = (time_t)(clock_wall_ms() / 1000);

    if (key->dialect == DIALECT_FUNCTIONGRAPH) {
        gmtime_r(&now, &tm);
        strftime(out, VERSION, "v%Y%m%d-%H%M%S", &tm);
        return;
    }
    catalog_each_version(c->api->catalog, key, highest, &most);
    (void)snprintf(out, VERSION, "%llu", (unsigned long long)most + 1);
}

static bool name_ok(struct str name, size_t max)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || str_has(S("!:/,\x7f"), name.p[i]))
            return false;
    return name.n > 0 && name.n <= max && !qualifier_is_latest(name);
}

static void on_published(void *user, int r, const struct fn *f)
{
    struct call *c = user;
    struct buf body;
    struct jw w;

    if (r < 0) {
        fail(c, r, "version");
        return;
    }
    buf_init(&body, OBJECT_MAX);
    jw_init(&w, &body);
    put_version(&w, f);
    reply(c, 201, &body);
}

static struct cJSON *body_of(struct call *c)
{
    struct err e = {0};
    struct cJSON *tree = c->req->body.n > 0 ? call_json(c, &e) : cJSON_CreateObject();

    if (cJSON_IsObject(tree))
        return tree;
    call_fail(c, 400, NULL, "the body is no JSON object%s%s", e.msg[0] ? ": " : "", e.msg);
    json_free(tree);
    return NULL;
}

void admin_version_publish(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct str name = STR_NONE, note = STR_NONE;
    char made[VERSION];
    struct err e = {0};
    struct fn_key key;
    const struct fn *f = admin_function(c, &key);
    struct fn *draft;

    if (!f)
        return;
    body = body_of(c);
    if (!body)
        return;
    if (json_str(body, "version", false, &name, &e) < 0 ||
        json_str(body, "note", false, &note, &e) < 0) {
        call_fail(c, 400, NULL, "%s", e.msg);
        return;
    }
    if (name.n == 0) {
        default_name(c, &key, made);
        name = str_of(made);
    }
    if (!name_ok(name, VERSION - 1) || note.n > NOTE) {
        call_fail(c, 400, NULL,
                  "version has 1 to %d characters without spaces and !:/, and is not latest; note "
                  "at most %d bytes",
                  VERSION - 1, NOTE);
        return;
    }
    draft = fn_copy(f);
    fn_set(&draft->version, name);
    fn_set(&draft->version_note, note);
    draft->published_ms = draft->modified_ms = clock_wall_ms();
    draft->reserved = 0;
    catalog_publish(c->api->catalog, draft, on_published, c); /* -> on_published */
}

static void on_version_deleted(void *user, int r, const struct fn *f)
{
    struct call *c = user;

    (void)f;
    if (r < 0)
        fail(c, r, "version");
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

void admin_version_delete(struct call *c)
{
    struct fn_key key;

    if (admin_function(c, &key))
        catalog_delete_version(c->api->catalog, &key, c->captures[NAME_CAPTURE], on_version_deleted,
                               c);
}

/* ---- aliases ---- */

static int parse_other(struct call *c, const struct fn_key *key, const struct cJSON *tree,
                       struct alias *draft, struct err *e)
{
    struct str version = STR_NONE;
    int64_t share = 0;

    if (!cJSON_IsObject(tree))
        return err_set(e, ERR_CALLER, -EINVAL, "one of 'others' is no object");
    if (json_str(tree, "version", false, &version, e) < 0 ||
        json_int(tree, "share", false, 0, ALIAS_WHOLE, &share, e) < 0)
        return -EINVAL;
    if (!catalog_version(c->api->catalog, key, version))
        return err_set(e, ERR_CALLER, -ENOENT, "there is no version '%.*s'", STR_ARG(version));
    alias_add_other(draft, version, (uint32_t)share, false);
    return 0;
}

static int parse_alias(struct call *c, const struct fn_key *key, const struct cJSON *body,
                       struct alias *draft, struct err *e)
{
    const struct cJSON *others = json_get(body, "others"), *it;
    struct str version = STR_NONE, description = str_of(draft->description);
    int64_t sum = 0;
    int r;

    if (json_str(body, "version", false, &version, e) < 0 ||
        json_str(body, "description", false, &description, e) < 0)
        return -EINVAL;
    if (!catalog_version(c->api->catalog, key, version) || version.n == 0)
        return err_set(e, ERR_CALLER, -ENOENT, "there is no version '%.*s'", STR_ARG(version));
    if (description.n > NOTE || cJSON_GetArraySize(others) > ALIAS_OTHERS)
        return err_set(e, ERR_CALLER, -EINVAL, "description or others are too long");
    fn_set(&draft->version, version);
    fn_set(&draft->description, description);
    alias_set_others_done(draft);
    cJSON_ArrayForEach(it, others)
    {
        r = parse_other(c, key, it, draft, e);
        if (r < 0)
            return r;
        sum += draft->others[draft->nothers - 1].share;
    }
    return sum <= ALIAS_WHOLE
                   ? 0
                   : err_set(e, ERR_CALLER, -EINVAL, "the shares are more than the whole");
}

static void on_alias(void *user, int r, const struct alias *a)
{
    struct call *c = user;
    struct buf body;
    struct jw w;

    if (r < 0) {
        fail(c, r, "alias");
        return;
    }
    buf_init(&body, OBJECT_MAX);
    jw_init(&w, &body);
    put_alias(&w, a);
    reply(c, 200, &body);
}

void admin_alias_put(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct str name = c->captures[NAME_CAPTURE];
    const struct alias *have;
    struct alias *draft;
    struct err e = {0};
    struct fn_key key;
    int r;

    if (!admin_function(c, &key))
        return;
    body = body_of(c);
    if (!body)
        return;
    if (!name_ok(name, VERSION - 1)) {
        call_fail(c, 400, NULL, "an alias has 1 to %d characters without spaces and !:/,",
                  VERSION - 1);
        return;
    }
    have = catalog_alias(c->api->catalog, &key, name);
    draft = have ? alias_copy(have) : alias_new(&key, name);
    draft->modified_ms = clock_wall_ms();
    if (!have)
        draft->created_ms = draft->modified_ms;
    r = parse_alias(c, &key, body, draft, &e);
    if (r < 0) {
        alias_unref(draft);
        call_fail(c, r == -ENOENT ? 404 : 400, NULL, "%s", e.msg);
    } else if (have) {
        catalog_update_alias(c->api->catalog, draft, on_alias, c); /* -> on_alias */
    } else {
        catalog_create_alias(c->api->catalog, draft, on_alias, c);
    }
}

static void on_alias_deleted(void *user, int r, const struct alias *a)
{
    struct call *c = user;

    (void)a;
    if (r < 0)
        fail(c, r, "alias");
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

void admin_alias_delete(struct call *c)
{
    struct fn_key key;

    if (admin_function(c, &key))
        catalog_delete_alias(c->api->catalog, &key, c->captures[NAME_CAPTURE], on_alias_deleted, c);
}
