/* SPDX-License-Identifier: Apache-2.0 */
/*
 * version.c - versions of a service: PublishServiceVersion, ListServiceVersions,
 * DeleteServiceVersion.
 *
 * A version freezes what the service says and all its functions. Each function becomes a frozen
 * version of its own (catalog/versions.h); one resource makes them visible all at once, so a publish
 * that breaks off half way is none:
 *
 *   fc-service-count    {"last": 3}     one per service: numbers are never used twice
 *   fc-service-version  {"description", "digest", "service": {...}}
 *
 * publish: count -> each function, as it was when we began -> the resource. Deleting goes the other
 * way. A publish with nothing new since the newest version is refused; what counts as new is the
 * digest: what the service and its functions say and their code, but not instances kept ready.
 */
#include "dialect/fc/api/version.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/parse.h"
#include "fn/async.h"
#include "fn/fn.h"
#include "fn/space.h"

#define VERSION S("fc-service-version")
#define COUNT   S("fc-service-count")

enum { PUBLISH_MAGIC = 0x46435055, UNPUBLISH_MAGIC = 0x46435553, PATH_TEXT = 1024 };

/* ---- names ---- */

/* Account, service and region hold no character that would need an escape. */
static void id_of(const struct fn_key *space, struct str version, struct buf *out)
{
    buf_init(out, PATH_TEXT);
    buf_addf(out, "%.*s/%.*s/%.*s", STR_ARG(space->account), STR_ARG(space->region),
             STR_ARG(space->space));
    if (version.n)
        buf_addf(out, "/%.*s", STR_ARG(version));
}

static void parent_of(const struct fn_key *space, struct buf *out)
{
    struct fn_key key = *space;

    key.name = STR_NONE;
    buf_init(out, PATH_TEXT);
    fn_key_path(&key, out);
}

static const struct resource *find(const struct catalog *c, const struct fn_key *space,
                                   struct str version)
{
    const struct resource *r;
    struct buf id;

    id_of(space, version, &id);
    r = catalog_resource(c, version.n ? VERSION : COUNT, buf_str(&id));
    buf_done(&id);
    return r;
}

bool fc_version_exists(const struct catalog *c, const struct fn_key *space, struct str version)
{
    return version.n > 0 && find(c, space, version) != NULL;
}

bool fc_version_service(const struct catalog *c, const struct fn_key *space, struct str version,
                        struct space *ret)
{
    const struct resource *r = find(c, space, version);
    cleanup_with(json_freep) struct cJSON *body = r ? json_parse(str_of(r->body), NULL) : NULL;
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, RESOURCE_BODY);
    if (!body)
        return false;
    json_print(json_get(body, "service"), &text);
    fn_set(&ret->extra, buf_str(&text));
    ret->modified_ms = r->created_ms;
    return true;
}

/* ---- as the cloud shows them ---- */

static void put_version(struct jw *w, const struct resource *r)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);
    struct str description = S("");
    char text[CLOCK_TEXT];

    (void)json_str(body, "description", false, &description, NULL);
    jw_obj(w);
    jw_kstrz(w, "versionId", r->name);
    jw_kstr(w, "description", description);
    jw_kstrz(w, "createdTime", clock_iso(r->created_ms, text));
    jw_kstrz(w, "lastModifiedTime", clock_iso(r->modified_ms, text));
    jw_obj_end(w);
}

static void reply_version(struct call *c, const struct resource *r)
{
    char etag[FC_ETAG_TEXT];
    struct buf body;
    struct jw w;

    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&w, &body);
    put_version(&w, r);
    fc_reply_object(c, fc_object_resource_etag(r, etag), &body);
}

/* ---- all functions of a service, as they are now ---- */

struct all {
    const struct fn **at; /* owned array of references */
    size_t n, room;
};

static bool take(void *user, const struct fn *f)
{
    struct all *all = user;

    if (all->n == all->room) {
        all->room = all->room ? 2 * all->room : 16;
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        all->at = xrealloc(all->at, all->room, sizeof(*all->at));
    }
    all->at[all->n++] = fn_ref(f);
    return true;
}

static void take_all(const struct catalog *c, const struct fn_key *space, struct all *ret)
{
    struct catalog_filter filter = {.dialect = DIALECT_FC,
                                    .account = space->account,
                                    .region = space->region,
                                    .space = space->space};

    *ret = (struct all){0};
    catalog_each(c, &filter, take, ret);
}

static void all_done(struct all *all)
{
    for (size_t i = 0; i < all->n; i++)
        fn_unref(all->at[i]);
    free(all->at);
}

/* ---- publish ---- */

struct publishing {
    uint32_t magic;
    struct call *call;
    struct all functions;
    size_t next;              /* of them */
    struct resource *version; /* owned until it is written */
    char number[U64_TEXT];
    char *description; /* owned */
};

static struct call *publishing_free(struct publishing *p)
{
    struct call *c = p->call;

    all_done(&p->functions);
    if (p->version)
        resource_unref(p->version);
    free(p->description);
    p->magic = 0;
    free(p);
    return c;
}

/* Not what is about instances, nor when it was last touched. */
static void digest(const struct space *s, const struct all *all, char ret[SHA256_HEX])
{
    struct sha256_stream *sum = sha256_stream_new();

    sha256_stream_add(sum, s->extra, strlen(s->extra) + 1);
    for (size_t i = 0; i < all->n; i++) {
        struct fn *f = fn_copy(all->at[i]);
        struct buf text;

        f->reserved = f->max_instances = 0;
        f->async = fn_async_free(f->async);
        f->created_ms = f->modified_ms = 0;
        buf_init(&text, 8 << 20);
        fn_encode(f, &text);
        sha256_stream_add(sum, text.p, text.n);
        buf_done(&text);
        fn_unref(f);
    }
    sha256_stream_end(sum, ret);
}

static bool newest(void *user, const struct resource *r)
{
    *(const struct resource **)user = r; /* in order of creation: the last one stays */
    return true;
}

static bool is_unchanged(const struct catalog *c, const struct fn_key *space, const char *now)
{
    struct resource_filter filter = {.kind = VERSION, .dialect = -1};
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *last = NULL;
    struct str before = STR_NONE;
    struct buf parent;

    parent_of(space, &parent);
    filter.parent = buf_str(&parent);
    catalog_each_resource(c, &filter, newest, &last);
    buf_done(&parent);
    if (!last)
        return false;
    body = json_parse(str_of(last->body), NULL);
    (void)json_str(body, "digest", false, &before, NULL);
    return str_eq(before, str_of(now));
}

static bool highest(void *user, const struct fn *f)
{
    uint64_t v, *most = user;

    if (str_u64(str_of(f->version), 0, UINT32_MAX, &v) == 0 && v > *most)
        *most = v;
    return true;
}

/* Above all that were given, also to single functions by the later API version. */
static uint64_t next_number(const struct catalog *c, const struct fn_key *space,
                            const struct all *all)
{
    const struct resource *count = find(c, space, STR_NONE);
    cleanup_with(json_freep) struct cJSON *body =
            count ? json_parse(str_of(count->body), NULL) : NULL;
    int64_t last = 0;
    uint64_t most;

    (void)json_int(body, "last", false, 0, UINT32_MAX, &last, NULL);
    most = (uint64_t)last;
    for (size_t i = 0; i < all->n; i++) {
        struct fn_key key = fn_key_of(all->at[i]);

        catalog_each_version(c, &key, highest, &most);
    }
    return most + 1;
}

static struct resource *resource_of(const struct fn_key *space, struct str version)
{
    struct resource *r;
    struct buf text;

    id_of(space, version, &text);
    r = resource_new(version.n ? VERSION : COUNT, buf_str(&text));
    buf_done(&text);
    r->dialect = DIALECT_FC;
    fn_set(&r->account, space->account);
    fn_set(&r->region, space->region);
    fn_set(&r->name, version.n ? version : S(""));
    parent_of(space, &text);
    fn_set(&r->parent, buf_str(&text));
    buf_done(&text);
    r->created_ms = r->modified_ms = clock_wall_ms();
    return r;
}

static struct resource *draft_version(const struct fn_key *space, const struct space *s,
                                      struct str number, struct str description, const char *sum)
{
    struct resource *r = resource_of(space, number);
    cleanup_with(buf_done) struct buf body;
    struct jw w;

    buf_init(&body, RESOURCE_BODY);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kstr(&w, "description", description);
    jw_kstrz(&w, "digest", sum);
    jw_key(&w, "service");
    jw_raw(&w, str_of(s->extra));
    jw_obj_end(&w);
    fn_set(&r->body, buf_str(&body));
    return r;
}

static void fail_publish(struct publishing *p, int r)
{
    struct call *c = publishing_free(p);

    if (r == -ESTALE || r == -EEXIST)
        call_fail(c, 409, "ConcurrentUpdateError",
                  "another version of the service is being published");
    else if (r == -EDQUOT)
        call_fail(c, 400, "LimitExceededError", "a function has as many versions as it may (%d)",
                  CATALOG_VERSIONS);
    else
        fc_error_write(c, r, "service", S(""));
}

static void on_visible(void *user, int r, const struct resource *res)
{
    struct publishing *p = OBJ(user, struct publishing, PUBLISH_MAGIC);

    if (r < 0)
        fail_publish(p, r);
    else
        reply_version(publishing_free(p), res);
}

static void on_frozen(void *user, int r, const struct fn *f);

/* -> on_frozen, for each function; -> on_visible */
static void publish_next(struct publishing *p)
{
    struct fn *draft;

    if (p->next == p->functions.n) {
        catalog_create_resource(p->call->api->catalog, TAKE_PTR(p->version), on_visible, p);
        return;
    }
    draft = fn_copy(p->functions.at[p->next++]);
    fn_set(&draft->version, str_of(p->number));
    fn_set(&draft->version_note, str_of(p->description));
    draft->published_ms = clock_wall_ms();
    draft->reserved = 0; /* each version has its own */
    draft->async = fn_async_free(draft->async);
    catalog_publish(p->call->api->catalog, draft, on_frozen, p);
}

static void on_frozen(void *user, int r, const struct fn *f)
{
    struct publishing *p = OBJ(user, struct publishing, PUBLISH_MAGIC);

    (void)f;
    if (r < 0 && r != -ENOENT) /* deleted meanwhile: then it is not in the version */
        fail_publish(p, r);
    else
        publish_next(p);
}

static void on_counted(void *user, int r, const struct resource *res)
{
    struct publishing *p = OBJ(user, struct publishing, PUBLISH_MAGIC);

    (void)res;
    if (r < 0)
        fail_publish(p, r);
    else
        publish_next(p);
}

/* -> on_counted */
static void count_up(struct publishing *p, const struct fn_key *space)
{
    struct catalog *catalog = p->call->api->catalog;
    const struct resource *before = find(catalog, space, STR_NONE);
    struct resource *count = before ? resource_copy(before) : resource_of(space, STR_NONE);
    char body[64];

    (void)snprintf(body, sizeof(body), "{\"last\":%s}", p->number);
    fn_set(&count->body, str_of(body));
    if (before)
        catalog_update_resource(catalog, count, on_counted, p);
    else
        catalog_create_resource(catalog, count, on_counted, p);
}

/* A body may be left out. false: it has replied. */
static bool read_description(struct call *c, char **ret)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct str text = S("");
    struct err e = {0};

    if (c->req->body.n > 0) {
        body = fc_body(c);
        if (!body)
            return false;
        if (json_str(body, "description", true, &text, &e) < 0) {
            call_fail(c, 400, "InvalidArgument", "%s", e.msg);
            return false;
        }
    }
    if (text.n > FC_DESCRIPTION_MAX) {
        call_fail(c, 400, "InvalidArgument",
                  "description is set to an invalid value (allowed length: 0 to %d, actual: %zu)",
                  FC_DESCRIPTION_MAX, text.n);
        return false;
    }
    *ret = str_dup(text);
    return true;
}

void fc_version_publish(struct call *c)
{
    char etag[FC_ETAG_TEXT], sum[SHA256_HEX], *description = NULL;
    struct publishing *p;
    const struct space *s;
    struct fn_key key;
    struct all all;

    if (!fc_latest_service(c, c->captures[0], &key))
        return;
    s = catalog_find_space(c->api->catalog, &key);
    if (!fc_if_match(c, fc_object_service_etag(s, etag)) || !read_description(c, &description))
        return;
    take_all(c->api->catalog, &key, &all);
    digest(s, &all, sum);
    if (is_unchanged(c->api->catalog, &key, sum)) {
        all_done(&all);
        free(description);
        call_fail(c, 400, "VersionPublishError",
                  "can not publish version for service '%.*s', detail: 'No changes were made since "
                  "last publish'",
                  STR_ARG(key.space));
        return;
    }
    p = xnew(struct publishing);
    *p = (struct publishing){
            .magic = PUBLISH_MAGIC, .call = c, .functions = all, .description = description};
    (void)snprintf(p->number, sizeof(p->number), "%llu",
                   (unsigned long long)next_number(c->api->catalog, &key, &all));
    p->version = draft_version(&key, s, str_of(p->number), str_of(description), sum);
    count_up(p, &key);
}

/* ---- list ---- */

struct listing {
    struct call *call;
    struct jw w;
    bool forward;
    uint64_t from; /* 0: the end it begins with */
    uint64_t limit, shown, next;
    const struct resource **at; /* owned array, in order of publishing */
    size_t n, room;
};

static bool collect(void *user, const struct resource *r)
{
    struct listing *l = user;

    if (l->n == l->room) {
        l->room = l->room ? 2 * l->room : 16;
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        l->at = xrealloc(l->at, l->room, sizeof(*l->at));
    }
    l->at[l->n++] = r;
    return true;
}

static void show(struct listing *l, const struct resource *r)
{
    uint64_t number = 0;

    (void)str_u64(str_of(r->name), 0, UINT64_MAX, &number);
    if (l->next || (l->from && (l->forward ? number < l->from : number > l->from)))
        return;
    if (l->shown == l->limit) {
        l->next = number;
        return;
    }
    put_version(&l->w, r);
    l->shown++;
}

/* false: it has replied. */
static bool read_query(struct call *c, struct listing *l)
{
    struct str direction = call_query(c, S("direction")), from = call_query(c, S("nextToken"));

    if (direction.n && !str_eq(direction, S("FORWARD")) && !str_eq(direction, S("BACKWARD"))) {
        call_fail(c, 400, "InvalidArgument",
                  "direction is set to an invalid value (allowed: FORWARD | BACKWARD, actual: "
                  "'%.*s')",
                  (int)(direction.n < 32 ? direction.n : 32), direction.p);
        return false;
    }
    l->forward = str_eq(direction, S("FORWARD"));
    if (from.n == 0)
        from = call_query(c, S("startKey"));
    if (from.n && str_u64(from, 1, UINT32_MAX, &l->from) < 0) {
        call_fail(c, 400, "InvalidArgument", "nextToken and startKey are ids of versions");
        return false;
    }
    return fc_page_limit(c, FC_PAGE_MAX, &l->limit);
}

void fc_version_list(struct call *c)
{
    struct listing l = {.call = c, .limit = FC_PAGE_DEFAULT};
    struct resource_filter filter = {.kind = VERSION, .dialect = -1};
    char next[U64_TEXT];
    struct fn_key key;
    struct buf body, parent;

    if (!fc_latest_service(c, c->captures[0], &key) || !read_query(c, &l))
        return;
    parent_of(&key, &parent);
    filter.parent = buf_str(&parent);
    catalog_each_resource(c->api->catalog, &filter, collect, &l);
    buf_done(&parent);
    buf_init(&body, FC_OBJECT_MAX);
    jw_init(&l.w, &body);
    jw_obj(&l.w);
    jw_key(&l.w, "versions");
    jw_arr(&l.w);
    for (size_t i = 0; i < l.n; i++)
        show(&l, l.at[l.forward ? i : l.n - 1 - i]);
    jw_arr_end(&l.w);
    jw_kstrz(&l.w, "direction", l.forward ? "FORWARD" : "BACKWARD");
    jw_kstr(&l.w, "nextToken", l.next ? str_of_u64(l.next, next) : S(""));
    jw_obj_end(&l.w);
    free(l.at);
    call_reply_buf(c, 200, S("application/json"), &body);
}

/* ---- delete ---- */

struct unpublishing {
    uint32_t magic;
    struct call *call;
    struct all functions;
    size_t next;
    char version[U64_TEXT];
};

static bool points_there(void *user, const struct alias *a)
{
    struct str *version = user;
    bool there = str_eq(str_of(a->version), *version);

    for (uint32_t i = 0; i < a->nothers; i++)
        there = there || str_eq(str_of(a->others[i].version), *version);
    if (there)
        *version = str_of(a->name);
    return !there;
}

static void on_thawed(void *user, int r, const struct fn *f);

/* -> on_thawed, for each function. It is gone already for whoever asks: what stays is garbage. */
static void unpublish_next(struct unpublishing *u)
{
    struct fn_key key;

    if (u->next < u->functions.n) {
        key = fn_key_of(u->functions.at[u->next++]);
        catalog_delete_version(u->call->api->catalog, &key, str_of(u->version), on_thawed, u);
        return;
    }
    call_reply(u->call, 204, STR_NONE, STR_NONE);
    all_done(&u->functions);
    u->magic = 0;
    free(u);
}

static void on_thawed(void *user, int r, const struct fn *f)
{
    (void)r;
    (void)f;
    unpublish_next(OBJ(user, struct unpublishing, UNPUBLISH_MAGIC));
}

static void on_hidden(void *user, int r, const struct resource *res)
{
    struct unpublishing *u = OBJ(user, struct unpublishing, UNPUBLISH_MAGIC);

    (void)res;
    if (r == 0 || r == -ENOENT) {
        unpublish_next(u);
        return;
    }
    fc_error_write(u->call, r, "service", S(""));
    all_done(&u->functions);
    u->magic = 0;
    free(u);
}

void fc_version_delete(struct call *c)
{
    struct str version = c->captures[1], at = version;
    struct unpublishing *u;
    struct fn_key key;
    struct buf id;

    if (!fc_latest_service(c, c->captures[0], &key))
        return;
    if (!fc_version_exists(c->api->catalog, &key, version)) {
        call_fail(c, 404, "VersionNotFound", "version '%.*s' of service '%.*s' does not exist",
                  STR_ARG(version), STR_ARG(key.space));
        return;
    }
    catalog_each_alias(c->api->catalog, &key, points_there, &at);
    if (at.p != version.p) {
        call_fail(c, 409, "VersionInUse",
                  "version '%.*s' of service '%.*s' is used by alias '%.*s'", STR_ARG(version),
                  STR_ARG(key.space), STR_ARG(at));
        return;
    }
    u = xnew(struct unpublishing);
    *u = (struct unpublishing){.magic = UNPUBLISH_MAGIC, .call = c};
    (void)snprintf(u->version, sizeof(u->version), "%.*s", STR_ARG(version));
    take_all(c->api->catalog, &key, &u->functions);
    id_of(&key, version, &id);
    catalog_delete_resource(c->api->catalog, VERSION, buf_str(&id), on_hidden, u);
    buf_done(&id);
}
