/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway.c - the gateway's objects (groups, APIs, authorizers, ...): list, get, put, delete.
 *
 * All kinds are alike here: what a body may say is gateway/plane/kinds.h, what it may name is
 * gateway_refs.c, what may not go yet is gateway/plane/objects.h. Versions and releases are made by
 * publishing (gateway_publish.c), not by hand.
 *
 * A key of one account sees the objects of that account; others are not there for it.
 */
#include "admin/gateway.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/handlers.h"
#include "admin/query.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "catalog/resources.h"
#include "gateway/gateway.h"
#include "gateway/model/binding.h"
#include "gateway/plane/kinds.h"
#include "gateway/plane/objects.h"

enum { NAME_QUERY = 1024, WARNINGS = 4096, APP_KEY = 32 };

/* ---- as this API shows them ---- */

/* What lets its bearer in. Told to keys that may change it, and to nobody else. */
static const char *const secrets[] = {"app_secret", "app_code"};

static bool may_see_secrets(const struct call *c)
{
    return c->by.scope & (KEY_DEPLOY | KEY_ADMIN);
}

static void put_body(struct jw *w, const struct call *c, const struct resource *r)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, GATE_BODY);
    if (may_see_secrets(c)) {
        jw_raw(w, str_of(r->body));
        return;
    }
    body = json_parse(str_of(r->body), NULL);
    for (size_t i = 0; body && i < ARRAY_LEN(secrets); i++)
        cJSON_DeleteItemFromObjectCaseSensitive(body, secrets[i]);
    if (body)
        json_print(body, &text);
    jw_raw(w, body ? buf_str(&text) : S("{}"));
}

/* Of a release: whose route it is, where another one was first. */
static void put_rival(struct jw *w, const struct call *c, const struct resource *r)
{
    cleanup_with(buf_done) struct buf key = {0}, owner = {0};

    if (!c->api->gateway || strcmp(r->kind, "release") != 0)
        return;
    buf_init(&key, NAME_QUERY);
    buf_init(&owner, WARNINGS);
    buf_addf(&key, "r/%s", r->id);
    if (gateway_rival(c->api->gateway, buf_str(&key), &owner) == -EEXIST)
        jw_kstr(w, "shadowed_by", buf_str(&owner));
}

void gate_put(struct jw *w, const struct call *c, const struct resource *r)
{
    jw_obj(w);
    jw_kstrz(w, "kind", r->kind);
    jw_kstrz(w, "id", r->id);
    jw_kstrz(w, "dialect", dialect_names[r->dialect]);
    jw_kstrz(w, "account", r->account);
    jw_kstrz(w, "region", r->region);
    jw_kstrz(w, "parent", r->parent);
    jw_kstrz(w, "name", r->name);
    jw_key(w, "body");
    put_body(w, c, r);
    put_rival(w, c, r);
    jw_kint(w, "revision", (int64_t)r->revision);
    jw_kint(w, "created_ms", r->created_ms);
    jw_kint(w, "modified_ms", r->modified_ms);
}

void gate_reply(struct call *c, int status, const struct resource *r, struct str warnings)
{
    struct buf body;
    struct jw w;

    buf_init(&body, GATE_OBJECT);
    jw_init(&w, &body);
    gate_put(&w, c, r);
    if (warnings.n > 0) {
        jw_key(&w, "warnings");
        jw_arr(&w);
        while (warnings.n > 0)
            jw_str(&w, str_cut(&warnings, '\n'));
        jw_arr_end(&w);
    }
    jw_obj_end(&w);
    call_reply_buf(c, status, S("application/json"), &body);
}

/* ---- which ---- */

static int shown(struct str s)
{
    return (int)(s.n < 64 ? s.n : 64);
}

const struct gw_kind *gate_kind(struct call *c)
{
    const struct gw_kind *kind = gw_kind_of(c->captures[0]);
    cleanup_with(buf_done) struct buf names;

    buf_init(&names, NAME_QUERY);
    if (kind)
        return kind;
    for (uint32_t i = 0; i < gw_nkinds; i++)
        buf_addf(&names, "%s%s", i ? ", " : "", gw_kinds[i].name);
    call_fail(c, 404, NULL, "'%.*s' is no kind of object: there are %s", shown(c->captures[0]),
              c->captures[0].p, names.p);
    return NULL;
}

const struct resource *gate_object(struct call *c, const struct gw_kind *kind)
{
    const struct resource *r =
            catalog_resource(c->api->catalog, str_of(kind->name), c->captures[1]);

    if (r && call_sees(c, (int)r->dialect, str_of(r->account)))
        return r;
    call_fail(c, 404, NULL, "there is no %s '%.*s'", kind->name, shown(c->captures[1]),
              c->captures[1].p);
    return NULL;
}

void gate_fail_write(struct call *c, const struct gw_kind *kind, int r)
{
    switch (r) {
    case -EEXIST:
        call_fail(c, 409, NULL, "there is %s of this name already", kind->name);
        break;
    case -ESTALE:
        call_fail(c, 409, NULL, "somebody else changed the %s at the same time, try again",
                  kind->name);
        break;
    case -ENOENT:
        call_fail(c, 404, NULL, "the %s is gone", kind->name);
        break;
    case -E2BIG:
        call_fail(c, 413, NULL, "the %s is larger than %d bytes", kind->name, RESOURCE_BODY);
        break;
    case -EDQUOT:
        call_fail(c, 403, NULL, "there are %d objects of the gateway, and no more may be",
                  CATALOG_RESOURCES);
        break;
    default:
        call_fail(c, 503, NULL, "the store said: %s", strerror(-r));
        break;
    }
}

/* ---- list, get ---- */

struct listing {
    struct jw w;
    struct call *call;
};

static bool add_object(void *user, const struct resource *r)
{
    struct listing *l = user;

    if (call_sees(l->call, (int)r->dialect, str_of(r->account))) {
        gate_put(&l->w, l->call, r);
        jw_obj_end(&l->w);
    }
    return true;
}

static bool read_filter(struct call *c, struct resource_filter *f)
{
    struct str dialect;
    enum dialect d;

    if (!admin_query_text(c, "parent", RESOURCE_ID, &f->parent) ||
        !admin_query_text(c, "name", RESOURCE_NAME, &f->name) ||
        !admin_query_text(c, "account", NAME_QUERY, &f->account) ||
        !admin_query_text(c, "region", NAME_QUERY, &f->region) ||
        !admin_query_text(c, "dialect", NAME_QUERY, &dialect))
        return false;
    if (dialect.n == 0)
        return true;
    if (dialect_of(dialect, &d) < 0) {
        call_fail(c, 400, NULL, "dialect must be functiongraph, fc or scf");
        return false;
    }
    f->dialect = (int)d;
    return true;
}

void admin_gateway_list(struct call *c)
{
    const struct gw_kind *kind = gate_kind(c);
    struct resource_filter filter = {.dialect = -1};
    struct listing l = {.call = c};
    struct buf body;

    if (!kind || !read_filter(c, &filter))
        return;
    filter.kind = str_of(kind->name);
    buf_init(&body, GATE_LIST);
    jw_init(&l.w, &body);
    jw_obj(&l.w);
    jw_kstrz(&l.w, "kind", kind->name);
    jw_key(&l.w, "objects");
    jw_arr(&l.w);
    catalog_each_resource(c->api->catalog, &filter, add_object, &l);
    jw_arr_end(&l.w);
    jw_obj_end(&l.w);
    if (buf_ok(&body)) {
        call_reply_buf(c, 200, S("application/json"), &body);
        return;
    }
    buf_done(&body);
    call_fail(c, 413, NULL, "the list is longer than %d MiB, ask for one parent", GATE_LIST >> 20);
}

void admin_gateway_get(struct call *c)
{
    const struct gw_kind *kind = gate_kind(c);
    const struct resource *r = kind ? gate_object(c, kind) : NULL;

    if (r)
        gate_reply(c, 200, r, STR_NONE);
}

/* ---- create, put ---- */

/* What a request says: {"dialect","account","region","parent","id","body":{...}}; of a put only the
 * body counts, and "revision", if it is to be this one that is changed. */
static const char *const known[] = {"dialect", "account", "region",  "parent",
                                    "id",      "body",    "revision"};

static bool is_dry_run(struct call *c)
{
    return str_eq(call_query(c, S("dry_run")), S("true"));
}

static bool is_made_by_publishing(struct call *c, const struct gw_kind *kind)
{
    if (strcmp(kind->name, "version") != 0 && strcmp(kind->name, "release") != 0)
        return false;
    call_fail(c, 400, NULL, "a %s is made by publishing an api", kind->name);
    return true;
}

static struct cJSON *read_request(struct call *c)
{
    struct err e = {0};
    struct cJSON *request = call_json(c, &e);
    const struct cJSON *stranger;

    if (!request) {
        call_fail(c, 400, NULL, "body: %s", e.msg);
        return NULL;
    }
    stranger = cJSON_IsObject(request) ? json_stranger(request, known, ARRAY_LEN(known)) : NULL;
    if (!cJSON_IsObject(request) || !cJSON_IsObject(json_get(request, "body")))
        call_fail(c, 400, NULL, "the request must be an object with 'body', an object");
    else if (stranger)
        call_fail(c, 400, NULL, "unknown key '%.64s'", stranger->string);
    else
        return request;
    json_free(request);
    return NULL;
}

static struct str text(const struct cJSON *obj, const char *key)
{
    const struct cJSON *value = json_get(obj, key);

    return cJSON_IsString(value) ? str_of(value->valuestring) : S("");
}

/* An app that does not bring its credentials is given some. */
static void fill_app(struct cJSON *body)
{
    static const char *const keys[] = {"app_key", "app_secret"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (text(body, keys[i]).n == 0) {
            char fresh[GW_NEW_ID];

            gw_new_id(fresh);
            cJSON_DeleteItemFromObjectCaseSensitive(body, keys[i]);
            cJSON_AddStringToObject(body, keys[i], fresh);
        }
}

static void set(char **field, struct str s)
{
    free(*field);
    *field = str_dup(s);
}

/* A group's id follows from its name, so that a trigger which names the group finds this one. */
static void choose_id(const struct call *c, struct resource *r, const struct cJSON *request)
{
    char fresh[GW_NEW_ID], derived[GW_ID] = "";
    struct str given = strcmp(r->kind, "domain") == 0
                               ? text(json_get(request, "body"), "url_domain")
                       : strcmp(r->kind, "fc_domain") == 0 ? text(request, "id")
                                                           : S("");

    if (strcmp(r->kind, "group") == 0)
        gw_id_of((int)r->dialect, str_of(r->account), str_of(r->region), str_of(r->name), derived);
    gw_new_id(fresh);
    if (given.n > 0) {
        set(&r->id, given);
        for (char *p = r->id; *p; p++)
            *p = str_lower(*p);
    } else if (derived[0] && !catalog_resource(c->api->catalog, S("group"), str_of(derived))) {
        set(&r->id, str_of(derived));
    } else {
        set(&r->id, str_of(fresh));
    }
}

/* Where the body names the parent itself, that is it. */
static struct str parent_of(const struct cJSON *request, const struct cJSON *body)
{
    struct str group = text(body, "group_id");

    return group.n > 0 ? group : text(request, "parent");
}

/* The draft's body from the tree, and its name. */
static void take_body(struct resource *r, const struct gw_kind *kind, struct cJSON *body)
{
    struct buf out;

    buf_init(&out, GATE_BODY);
    json_print(body, &out);
    free(r->body);
    r->body = buf_take(&out);
    if (kind->named)
        set(&r->name, text(body, "name"));
    r->modified_ms = clock_wall_ms();
}

static struct resource *new_draft(struct call *c, const struct gw_kind *kind,
                                  const struct cJSON *request, struct cJSON *body)
{
    struct resource *r = resource_new(str_of(kind->name), STR_NONE);
    struct str dialect = text(request, "dialect"), account = text(request, "account");
    struct str region = text(request, "region");

    if (dialect.n > 0 && dialect_of(dialect, &r->dialect) < 0) {
        call_fail(c, 400, NULL, "dialect must be functiongraph, fc or scf");
    } else if (account.n == 0 || account.n > 128 || region.n == 0 || region.n > 64) {
        call_fail(c, 400, NULL, "account (at most 128 bytes) and region (64) must be there");
    } else if (!call_sees(c, (int)r->dialect, account)) {
        call_fail(c, 403, NULL, "key '%s' acts for account '%s' only", c->by.name, c->by.account);
    } else {
        set(&r->account, account);
        set(&r->region, region);
        set(&r->parent, parent_of(request, body));
        take_body(r, kind, body);
        choose_id(c, r, request);
        r->created_ms = r->modified_ms;
        return r;
    }
    resource_unref(r);
    return NULL;
}

/* A write under way. */
enum { PUT_MAGIC = 0x47505554 };
struct put {
    uint32_t magic;
    struct call *c;
    const struct gw_kind *kind;
    int status;          /* if it succeeds */
    struct buf warnings; /* owned */
};

static void put_free(struct put *p)
{
    buf_done(&p->warnings);
    p->magic = 0;
    free(p);
}

static void on_written(void *user, int r, const struct resource *res)
{
    struct put *p = OBJ(user, struct put, PUT_MAGIC);

    if (r < 0)
        gate_fail_write(p->c, p->kind, r);
    else
        gate_reply(p->c, p->status, res, buf_str(&p->warnings));
    put_free(p);
}

static bool says_the_same(const struct resource *a, const struct resource *b)
{
    return strcmp(a->body, b->body) == 0 && strcmp(a->parent, b->parent) == 0 &&
           strcmp(a->name, b->name) == 0;
}

/* The draft is taken. */
static void write_draft(struct put *p, struct resource *draft, const struct resource *before)
{
    struct call *c = p->c;

    if (is_dry_run(c)) { /* it would do: nothing is written */
        call_note(c, "dry_run");
        gate_reply(c, p->status, draft, buf_str(&p->warnings));
    } else if (before && says_the_same(before, draft)) {
        call_header(c, "X-Evoke-Unchanged", S("true"));
        gate_reply(c, 200, before, buf_str(&p->warnings));
    } else if (before) {
        catalog_update_resource(c->api->catalog, draft, on_written, p); /* -> on_written */
        return;
    } else {
        catalog_create_resource(c->api->catalog, draft, on_written, p); /* -> on_written */
        return;
    }
    resource_unref(draft);
    put_free(p);
}

/* Is it right in itself, and is there what it names? False: it has replied. */
static bool check(struct put *p, const struct resource *draft, const struct cJSON *body)
{
    struct err e = {0};
    const char *path;

    if (strcmp(draft->kind, "domain") == 0 && draft->dialect != DIALECT_SCF &&
        json_get(body, "path_mappings"))
        (void)err_set(&e, ERR_CALLER, -EINVAL, "path_mappings: only domains of scf have them");
    else if (gw_check(p->kind, body, &path, &e) == 0 &&
             gate_check_refs(p->c, draft, body, &p->warnings, &e) == 0)
        return true;
    call_fail(p->c, 400, NULL, "%s", e.msg);
    return false;
}

/* Takes the draft. */
static void check_and_write(struct call *c, const struct gw_kind *kind, struct resource *draft,
                            const struct resource *before, const struct cJSON *body)
{
    struct put *p = xnew(struct put);

    p->magic = PUT_MAGIC;
    p->c = c;
    p->kind = kind;
    p->status = before ? 200 : 201;
    buf_init(&p->warnings, WARNINGS);
    if (check(p, draft, body)) {
        if (before || gw_has_room(c->api->catalog, draft)) {
            write_draft(p, draft, before);
            return;
        }
        call_fail(c, 403, NULL, "there may be %u of kind %s%s, and they are there", kind->most,
                  kind->name, draft->parent[0] ? " in one" : "");
    }
    resource_unref(draft);
    put_free(p);
}

void admin_gateway_create(struct call *c)
{
    const struct gw_kind *kind = gate_kind(c);
    cleanup_with(json_freep) struct cJSON *request = NULL;
    struct cJSON *body;
    struct resource *draft;

    if (!kind || is_made_by_publishing(c, kind) || !(request = read_request(c)))
        return;
    body = cJSON_GetObjectItemCaseSensitive(request, "body");
    if (strcmp(kind->name, "app") == 0)
        fill_app(body);
    draft = new_draft(c, kind, request, body);
    if (draft)
        check_and_write(c, kind, draft, NULL, body); /* -> on_written */
}

/* False: it has replied. */
static bool is_that_revision(struct call *c, const struct gw_kind *kind,
                             const struct cJSON *request, const struct resource *have)
{
    const struct cJSON *revision = json_get(request, "revision");

    if (!revision || (cJSON_IsNumber(revision) && revision->valuedouble == (double)have->revision))
        return true;
    call_fail(c, 409, NULL, "the %s has revision %llu", kind->name,
              (unsigned long long)have->revision);
    return false;
}

void admin_gateway_put(struct call *c)
{
    const struct gw_kind *kind = gate_kind(c);
    const struct resource *have = kind ? gate_object(c, kind) : NULL;
    cleanup_with(json_freep) struct cJSON *request = NULL;
    struct resource *draft;
    struct cJSON *body;

    if (!have || is_made_by_publishing(c, kind) || !(request = read_request(c)) ||
        !is_that_revision(c, kind, request, have))
        return;
    body = cJSON_GetObjectItemCaseSensitive(request, "body");
    if (strcmp(kind->name, "domain") == 0 && !str_ieq(text(body, "url_domain"), str_of(have->id))) {
        call_fail(c, 400, NULL, "url_domain is the domain's id: bind another and delete this one");
        return;
    }
    draft = resource_copy(have);
    if (parent_of(request, body).n > 0)
        set(&draft->parent, parent_of(request, body));
    take_body(draft, kind, body);
    check_and_write(c, kind, draft, have, body); /* -> on_written */
}

/* ---- delete ---- */

static void on_removed(void *user, int r)
{
    if (r == -ENOENT)
        call_fail(user, 404, NULL, "it is gone already");
    else if (r < 0)
        call_fail(user, 503, NULL, "the store said: %s", strerror(-r));
    else
        call_reply(user, 204, STR_NONE, STR_NONE);
}

void admin_gateway_delete(struct call *c)
{
    const struct gw_kind *kind = gate_kind(c);
    const struct resource *r = kind ? gate_object(c, kind) : NULL;
    cleanup_with(buf_done) struct buf who;

    buf_init(&who, WARNINGS);
    if (!r)
        return;
    if (strcmp(kind->name, "release") == 0)
        call_fail(c, 400, NULL, "a release goes when its api is taken offline");
    else if (gw_users_of(c->api->catalog, r, &who) > 0)
        call_fail(c, 409, NULL, "%s '%s' is needed by %s", kind->name, r->name[0] ? r->name : r->id,
                  who.p);
    else
        gw_remove(c->api->catalog, str_of(r->kind), str_of(r->id), on_removed,
                  c); /* -> on_removed */
}
