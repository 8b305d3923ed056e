/* SPDX-License-Identifier: Apache-2.0 */
/*
 * version.c - publish, list and delete versions.
 *
 * A version is what the function is at that moment, frozen. Publishing what was published already
 * (same code, same configuration) is refused, as the cloud does it. Deleting one takes the aliases
 * that point at it along; one that only sends it a share keeps it.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/functiongraph/api/fg.h"

enum {
    OBJECT_MAX = 1 << 20,
    LIST_MAX = 32 << 20,
    VERSIONS = 20, /* latest is one */
    DESCRIPTION = 512,
    DELETE_MAGIC = 0x46475644,
};

static void fail(struct call *c, int r)
{
    switch (r) {
    case -EEXIST:
        call_fail(c, 409, "FSS.1062", "The function version has existed");
        return;
    case -ENOENT:
        call_fail(c, 404, "FSS.1052", "Not found the function version");
        return;
    case -EBUSY:
        call_fail(c, 403, "FSS.1094", "an alias sends calls to this version");
        return;
    default:
        fg_fail_catalog(c, r);
    }
}

/* ---- publish ---- */

struct last {
    const struct fn *fn;
    size_t n;
};

static bool keep_last(void *user, const struct fn *f)
{
    struct last *last = user;

    last->fn = f;
    last->n++;
    return true;
}

/* Text of a record, without what every version has of its own. */
static void plain(const struct fn *f, struct buf *out)
{
    struct fn *copy = fn_copy(f);

    fn_set(&copy->version, S("latest"));
    fn_set(&copy->version_note, STR_NONE);
    copy->published_ms = copy->created_ms = copy->modified_ms = 0;
    copy->reserved = 0;
    buf_init(out, 16 << 20);
    fn_encode(copy, out);
    fn_unref(copy);
}

static bool is_same(const struct fn *a, const struct fn *b)
{
    cleanup_with(buf_done) struct buf x, y;

    plain(a, &x);
    plain(b, &y);
    return str_eq(buf_str(&x), buf_str(&y));
}

static void default_name(char out[32])
{
    struct tm tm;
    time_t now = (time_t)(clock_wall_ms() / 1000);

    gmtime_r(&now, &tm);
    strftime(out, 32, "v%Y%m%d-%H%M%S", &tm);
}

static int read_publish(const struct cJSON *body, struct fn *draft, struct fg_error *x)
{
    struct str name = STR_NONE, note = STR_NONE, digest = STR_NONE;
    char made[32];

    *x = (struct fg_error){.status = 400, .code = "FSS.1015"};
    if (json_str(body, "version", false, &name, &x->e) < 0)
        return -EINVAL;
    if (name.n == 0) {
        default_name(made);
        name = str_of(made);
    }
    if (!fg_version_ok(name) || str_eq(name, S("latest")))
        return fg_refuse(x, 400, "FSS.1015",
                         "version has 1 to %d letters, digits, '_', '-' and '.', begins and ends "
                         "with a letter or digit and is not 'latest'",
                         FG_VERSION_MAX);
    x->code = "FSS.1019";
    if (json_str(body, "description", false, &note, &x->e) < 0)
        return -EINVAL;
    if (note.n > DESCRIPTION)
        return fg_refuse(x, 400, "FSS.1019", "description has more than %d bytes", DESCRIPTION);
    x->code = "FSS.0400";
    if (json_str(body, "digest", false, &digest, &x->e) < 0)
        return -EINVAL;
    fn_set(&draft->version, name);
    fn_set(&draft->version_note, note);
    draft->published_ms = draft->modified_ms = clock_wall_ms();
    draft->reserved = 0;
    return 0;
}

static void on_published(void *user, int r, const struct fn *f)
{
    struct call *c = user;
    struct buf body;
    struct jw w;

    if (r < 0) {
        if (r == -ENOENT)
            fg_fail_catalog(c, r);
        else
            fail(c, r);
        return;
    }
    buf_init(&body, OBJECT_MAX);
    jw_init(&w, &body);
    fg_object(&w, f, FG_VIEW_VERSION);
    fg_reply_json(c, 200, &body);
}

void fg_publish_version(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fg_error x = {0};
    struct last last = {0};
    struct fn_key key;
    struct fn *draft = fg_draft(c, &body);

    if (!draft)
        return;
    key = fn_key_of(draft);
    if (!fg_is_latest(c, draft)) {
        fn_unref(draft);
        return;
    }
    catalog_each_version(c->api->catalog, &key, keep_last, &last);
    if (read_publish(body, draft, &x) < 0)
        ; /* x says why */
    else if (catalog_version(c->api->catalog, &key, str_of(draft->version)))
        (void)fg_refuse(&x, 409, "FSS.1062", "The function version has existed");
    else if (last.n + 1 >= VERSIONS)
        (void)fg_refuse(&x, 403, "FSS.1041", "a function has at most %d versions, latest is one",
                        VERSIONS);
    else if (last.fn && is_same(last.fn, catalog_find(c->api->catalog, &key)))
        (void)fg_refuse(&x, 400, "FSS.1016", "nothing has changed since version '%s' was published",
                        last.fn->version);
    if (x.e.msg[0]) {
        fn_unref(draft);
        fg_fail(c, &x);
        return;
    }
    catalog_publish(c->api->catalog, draft, on_published, c); /* -> on_published */
}

/* ---- list ---- */

struct listing {
    struct jw w;
    uint64_t marker, max;
    uint64_t seen, shown;
};

static bool list_one(void *user, const struct fn *f)
{
    struct listing *l = user;

    if (l->seen++ >= l->marker && l->shown < l->max) {
        fg_object(&l->w, f, FG_VIEW_VERSION);
        l->shown++;
    }
    return true;
}

void fg_list_versions(struct call *c)
{
    struct listing l = {.max = FG_LIST_MAX};
    struct fg_urn urn;
    struct fn_key key;
    struct buf body;

    if (!fg_target(c, &urn) || !fg_query_u64(c, S("marker"), &l.marker) ||
        !fg_query_u64(c, S("maxitems"), &l.max))
        return;
    if (l.max == 0 || l.max > FG_LIST_MAX)
        l.max = FG_LIST_MAX;
    key = fg_key(&urn);
    buf_init(&body, LIST_MAX);
    jw_init(&l.w, &body);
    jw_obj(&l.w);
    jw_key(&l.w, "versions");
    jw_arr(&l.w);
    (void)list_one(&l, catalog_find(c->api->catalog, &key));
    catalog_each_version(c->api->catalog, &key, list_one, &l);
    jw_arr_end(&l.w);
    jw_kint(&l.w, "next_marker", (int64_t)(l.marker + l.shown));
    jw_kint(&l.w, "count", (int64_t)l.seen);
    jw_obj_end(&l.w);
    fg_reply_json(c, 200, &body);
}

/* ---- delete: its aliases one after the other, then itself ---- */

struct deletion {
    uint32_t magic;
    struct call *call;
    const struct fn *version;     /* shared: the request may be gone before its aliases are */
    struct fn_key key;            /* views into it */
    char alias[FG_ALIAS_MAX + 1]; /* the next one; "": none is left */
};

static bool find_alias(void *user, const struct alias *a)
{
    struct deletion *d = user;

    if (!str_eq(str_of(a->version), str_of(d->version->version)) || strlen(a->name) > FG_ALIAS_MAX)
        return true;
    memcpy(d->alias, a->name, strlen(a->name) + 1);
    return false;
}

static void on_version_deleted(void *user, int r, const struct fn *f)
{
    struct deletion *d = OBJ(user, struct deletion, DELETE_MAGIC);
    struct call *c = d->call;

    (void)f;
    fn_unref(d->version);
    d->magic = 0;
    free(d);
    if (r < 0)
        fail(c, r);
    else
        call_reply(c, 204, S(""), S(""));
}

static void next(struct deletion *d);

static void on_alias_deleted(void *user, int r, const struct alias *a)
{
    struct deletion *d = OBJ(user, struct deletion, DELETE_MAGIC);

    (void)a;
    if (r < 0 && r != -ENOENT)
        on_version_deleted(d, r, NULL);
    else
        next(d);
}

static void next(struct deletion *d)
{
    struct catalog *catalog = d->call->api->catalog;

    d->alias[0] = '\0';
    catalog_each_alias(catalog, &d->key, find_alias, d);
    if (d->alias[0])
        catalog_delete_alias(catalog, &d->key, str_of(d->alias), on_alias_deleted, d);
    else
        catalog_delete_version(catalog, &d->key, str_of(d->version->version), on_version_deleted,
                               d);
}

struct sharing {
    struct str version;
    bool found;
};

static bool has_share(void *user, const struct alias *a)
{
    struct sharing *s = user;

    if (!str_eq(str_of(a->version), s->version) && alias_names(a, s->version))
        s->found = true;
    return !s->found;
}

void fg_delete_version(struct call *c, const struct fg_urn *u)
{
    struct sharing sharing = {.version = u->version};
    struct fn_key key = fg_key(u);
    const struct fn *version;
    struct deletion *d;

    if (u->alias.n > 0) {
        call_fail(c, 400, "FSS.1014", "an alias is deleted by DELETE .../aliases/%.*s",
                  STR_ARG(u->alias));
        return;
    }
    catalog_each_alias(c->api->catalog, &key, has_share, &sharing);
    if (sharing.found) { /* before anything is deleted */
        fail(c, -EBUSY);
        return;
    }
    version = catalog_version(c->api->catalog, &key, u->version);
    if (!version) {
        fail(c, -ENOENT);
        return;
    }
    d = xnew(struct deletion);
    d->magic = DELETE_MAGIC;
    d->call = c;
    d->version = fn_ref(version);
    d->key = fn_key_of(version);
    next(d); /* -> on_version_deleted */
}
