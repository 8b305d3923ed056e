/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain.c - CreateCustomDomain, ListCustomDomains, GetCustomDomain, UpdateCustomDomain,
 * DeleteCustomDomain: names of one's own in front of HTTP triggers.
 *
 *   {"domainName","protocol":"HTTP","routeConfig":{"routes":[{"path","serviceName","functionName",
 *    "qualifier","methods":[],"rewriteConfig":{"equalRules":[{"match","replacement"}],...}}]}}
 *
 * A domain is a resource of kind "fc_domain", kept in the form above; the gateway makes its routes of
 * it (fc_routes.c). The cloud's check that the name's CNAME points to it has no meaning here. What has
 * one: a name by which our own API or console is reached cannot be had, or a function's pages would
 * share their origin.
 *
 * Both versions of the API come here: in 2023-03-30 a route has no serviceName (v3/routes.c).
 *
 * There is no TLS here, so HTTPS is refused instead of being taken and not served; a proxy in front
 * ends it, and the domain's protocol is HTTP.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/host.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"
#include "gateway/fc/fc_rewrite.h"
#include "gateway/gateway.h"

#define KIND S("fc_domain")

enum {
    LIST_DEFAULT = 20,
    LIST_MAX = 100,
    DOMAIN_MAX = 253,
    ROUTES = 100,
    PATH_MAX_BYTES = 512,
    ANSWER_MAX = 2 * RESOURCE_BODY,
    LIST_BYTES = (LIST_MAX + 1) * ANSWER_MAX,
};

static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"};

static struct str account_of(const struct call *c)
{
    return fc3_speaks(c) ? fc3_account(c) : fc_auth_account(c);
}

/* ---- as the cloud shows them ---- */

static void put_domain(struct jw *w, const struct call *c, const struct resource *r)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);
    char text[CLOCK_TEXT];

    jw_obj(w);
    jw_kstrz(w, "domainName", r->id);
    jw_kstrz(w, "accountId", r->account);
    jw_kstrz(w, "protocol", "HTTP");
    jw_kstrz(w, "apiVersion", fc3_speaks(c) ? "2023-03-30" : "2016-08-15");
    if (fc3_speaks(c))
        fc3_routes_out(body);
    for (const struct cJSON *at = body ? body->child : NULL; at; at = at->next) {
        cleanup_with(buf_done) struct buf value;

        buf_init(&value, RESOURCE_BODY);
        json_print(at, &value);
        if (str_eq(str_of(at->string), S("protocol")) || !buf_ok(&value))
            continue;
        jw_key(w, at->string);
        jw_raw(w, buf_str(&value));
    }
    jw_kstrz(w, "createdTime", clock_iso(r->created_ms, text));
    jw_kstrz(w, "lastModifiedTime", clock_iso(r->modified_ms, text));
    jw_obj_end(w);
}

static const char *etag_of(const struct resource *r, char room[FC_ETAG_TEXT])
{
    cleanup_with(buf_done) struct buf text;
    char hex[SHA256_HEX];

    buf_init(&text, 1024);
    buf_addf(&text, "%s@%llu", r->id, (unsigned long long)r->revision);
    sha256_hex(buf_str(&text), hex);
    (void)snprintf(room, FC_ETAG_TEXT, "%.32s", hex);
    return room;
}

static void reply_domain(struct call *c, const struct resource *r)
{
    char etag[FC_ETAG_TEXT];
    struct buf body;
    struct jw w;

    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    put_domain(&w, c, r);
    fc_reply_object(c, etag_of(r, etag), &body);
}

static void on_written(void *user, int r, const struct resource *res)
{
    struct call *c = user; /* checked by call_...() */

    switch (r) {
    case 0:
        if (res)
            reply_domain(c, res);
        else
            call_reply(c, 204, STR_NONE, STR_NONE);
        break;
    case -EEXIST:
        call_fail(c, 409, "DomainNameAlreadyExists", "domain name already exists");
        break;
    case -ENOENT:
        call_fail(c, 404, "DomainNameNotFound", "the domain name does not exist");
        break;
    case -EDQUOT:
        call_fail(c, 400, "LimitExceededError", "there are as many domain names as there may be");
        break;
    case -ESTALE:
        call_fail(c, 409, "ConcurrentUpdateError",
                  "the domain name is being changed by another request");
        break;
    default:
        call_fail(c, 500, "InternalServerError",
                  "an internal error has occurred. Please retry. (%s)", strerror(-r));
        break;
    }
}

/* ---- one request, one domain ---- */

static bool is_label(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool letter = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9');

        if (!letter && (s.p[i] != '-' || i == 0 || i + 1 == s.n))
            return false;
    }
    return s.n > 0 && s.n <= 63;
}

static bool is_domain(struct str s)
{
    int labels = 0;

    if (s.n == 0 || s.n > DOMAIN_MAX)
        return false;
    while (s.p) {
        if (!is_label(str_cut(&s, '.')))
            return false;
        labels++;
    }
    return labels >= 2;
}

/* Lower case; the cloud knows no other. */
static struct str lower(struct str s, char room[DOMAIN_MAX + 1])
{
    size_t n = s.n < DOMAIN_MAX ? s.n : DOMAIN_MAX;

    for (size_t i = 0; i < n; i++)
        room[i] = str_lower(s.p[i]);
    room[n] = '\0';
    return (struct str){room, s.n > DOMAIN_MAX ? 0 : n};
}

static bool is_ours(const struct call *c, struct str name)
{
    return host_is_ours(name, str_of(c->api->hosts ? c->api->hosts : "")) ||
           (c->api->gateway && gateway_knows_host(c->api->gateway, name));
}

static const struct resource *domain_of(struct call *c)
{
    char room[DOMAIN_MAX + 1];
    struct str name = lower(c->captures[0], room);
    const struct resource *r = catalog_resource(c->api->catalog, KIND, name);

    if (r && str_eq(str_of(r->account), account_of(c)))
        return r;
    call_fail(c, 404, "DomainNameNotFound", "domain name '%.*s' does not exist",
              STR_ARG(c->captures[0]));
    return NULL;
}

/* ---- routes ---- */

static int take_text(const struct cJSON *from, const char *key, bool needed, struct str *ret,
                     struct err *e)
{
    if (json_str(from, key, true, ret, e) < 0)
        return -EINVAL;
    if (needed && ret->n == 0)
        return err_set(e, ERR_CALLER, -EINVAL, "%s of a route must be set", key);
    return 0;
}

static int put_path(struct jw *w, const struct cJSON *from, struct err *e)
{
    struct str path = STR_NONE, inner;

    if (take_text(from, "path", true, &path, e) < 0)
        return -EINVAL;
    inner = path;
    inner.n -= str_ends(path, S("*"));
    if (path.p[0] != '/' || path.n > PATH_MAX_BYTES || str_has(inner, '*') || str_has(path, '?'))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "path '%.*s' of a route must begin with '/', have at most %d bytes, and a "
                       "'*' at its end only",
                       (int)(path.n < 80 ? path.n : 80), path.p, PATH_MAX_BYTES);
    jw_kstr(w, "path", path);
    return 0;
}

static int put_function(struct jw *w, const struct cJSON *from, struct err *e)
{
    struct str service = STR_NONE, function = STR_NONE, qualifier = S("LATEST");

    if (take_text(from, "serviceName", true, &service, e) < 0 ||
        take_text(from, "functionName", true, &function, e) < 0 ||
        take_text(from, "qualifier", false, &qualifier, e) < 0 ||
        fc_parse_name(service, "serviceName", e) < 0 ||
        fc_parse_name(function, "functionName", e) < 0)
        return -EINVAL;
    jw_kstr(w, "serviceName", service);
    jw_kstr(w, "functionName", function);
    jw_kstr(w, "qualifier", qualifier.n ? qualifier : S("LATEST"));
    return 0;
}

static bool is_method(const struct cJSON *m)
{
    for (size_t i = 0; cJSON_IsString(m) && i < ARRAY_LEN(methods); i++)
        if (str_eq(str_of(m->valuestring), str_of(methods[i])))
            return true;
    return false;
}

static bool are_methods(const struct cJSON *list)
{
    for (const struct cJSON *m = list->child; m; m = m->next)
        if (!is_method(m))
            return false;
    return cJSON_IsArray(list);
}

static int put_methods(struct jw *w, const struct cJSON *from, struct err *e)
{
    const struct cJSON *list = json_geti(from, "methods");

    if (!list || cJSON_IsNull(list))
        return 0;
    if (!are_methods(list))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "methods of a route must be a list of GET, POST, PUT, DELETE, HEAD, PATCH "
                       "and OPTIONS");
    jw_key(w, "methods");
    jw_arr(w);
    for (const struct cJSON *m = list->child; m; m = m->next)
        jw_str(w, str_of(m->valuestring));
    jw_arr_end(w);
    return 0;
}

static int put_rules(struct jw *w, const char *key, const struct cJSON *list, struct err *e)
{
    jw_key(w, key);
    jw_arr(w);
    for (const struct cJSON *at = cJSON_IsArray(list) ? list->child : NULL; at; at = at->next) {
        struct str match = STR_NONE, replacement = STR_NONE;

        if (take_text(at, "match", true, &match, e) < 0 ||
            take_text(at, "replacement", true, &replacement, e) < 0)
            return -EINVAL;
        jw_obj(w);
        jw_kstr(w, "match", match);
        jw_kstr(w, "replacement", replacement);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    return 0;
}

/* Written in our spelling, then read as the gateway will. */
static int put_rewrite(struct jw *w, const struct cJSON *from, struct err *e)
{
    static const char *const lists[] = {"equalRules", "wildcardRules", "regexRules"};
    const struct cJSON *config = json_geti(from, "rewriteConfig");
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(buf_done) struct buf text;
    struct fc_rules *rules = NULL;
    struct jw own;

    buf_init(&text, RESOURCE_BODY);
    if (!config || cJSON_IsNull(config))
        return 0;
    jw_init(&own, &text);
    jw_obj(&own);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (put_rules(&own, lists[i], json_geti(config, lists[i]), e) < 0)
            return -EINVAL;
    jw_obj_end(&own);
    tree = json_parse(buf_str(&text), e);
    if (!tree || fc_rules_new(tree, &rules, e) < 0)
        return -EINVAL;
    fc_rules_free(rules);
    jw_key(w, "rewriteConfig");
    jw_raw(w, buf_str(&text));
    return 0;
}

static bool is_repeated(const struct cJSON *route)
{
    const struct cJSON *path = json_geti(route, "path");

    for (const struct cJSON *at = route->next; at; at = at->next) {
        const struct cJSON *other = json_geti(at, "path");

        if (cJSON_IsString(path) && cJSON_IsString(other) &&
            str_eq(str_of(path->valuestring), str_of(other->valuestring)))
            return true;
    }
    return false;
}

static int put_routes(struct jw *w, const struct cJSON *config, struct err *e)
{
    const struct cJSON *list = json_geti(config, "routes"), *at;

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > ROUTES)
        return err_set(e, ERR_CALLER, -EINVAL, "routeConfig must have routes, a list of at most %d",
                       ROUTES);
    jw_key(w, "routeConfig");
    jw_obj(w);
    jw_key(w, "routes");
    jw_arr(w);
    for (at = list->child; at; at = at->next) {
        jw_obj(w);
        if (!cJSON_IsObject(at))
            return err_set(e, ERR_CALLER, -EINVAL, "a route must be an object");
        if (put_path(w, at, e) < 0 || put_function(w, at, e) < 0 || put_methods(w, at, e) < 0 ||
            put_rewrite(w, at, e) < 0)
            return -EINVAL;
        if (is_repeated(at))
            return err_set(e, ERR_CALLER, -EINVAL, "two routes have the same path");
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
    return 0;
}

/* ---- the whole ---- */

static bool is_set(const struct cJSON *config)
{
    for (const struct cJSON *at = config ? config->child : NULL; at; at = at->next)
        if (!cJSON_IsString(at) || at->valuestring[0] != '\0')
            return true;
    return false;
}

static int check_protocol(const struct cJSON *body, struct err *e)
{
    struct str protocol = S("HTTP");

    if (json_str(body, "protocol", true, &protocol, e) < 0)
        return -EINVAL;
    if (!str_eq(protocol, S("HTTP")) || is_set(json_geti(body, "certConfig")) ||
        is_set(json_geti(body, "tlsConfig")))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "protocol must be HTTP and without certConfig: this version of evoke does "
                       "not serve TLS, a proxy in front of it can");
    return 0;
}

/* routes: of the request, or else of the record. */
static int write_body(const struct cJSON *body, const struct cJSON *before, struct resource *draft,
                      struct err *e)
{
    cleanup_with(buf_done) struct buf out;
    const struct cJSON *config = json_geti(body, "routeConfig");
    struct jw w;

    buf_init(&out, RESOURCE_BODY);
    if (check_protocol(body, e) < 0)
        return -EINVAL;
    if (!config || cJSON_IsNull(config))
        config = before ? json_get(before, "routeConfig") : NULL;
    jw_init(&w, &out);
    jw_obj(&w);
    jw_kstrz(&w, "protocol", "HTTP");
    if (config && put_routes(&w, config, e) < 0)
        return -EINVAL;
    jw_obj_end(&w);
    if (!buf_ok(&out))
        return err_set(e, ERR_CALLER, -EINVAL, "routeConfig has more than %d bytes", RESOURCE_BODY);
    fn_set(&draft->body, buf_str(&out));
    return 0;
}

void fc_domain_create(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = fc_body(c);
    char room[DOMAIN_MAX + 1];
    struct resource *draft;
    struct str name = STR_NONE;
    struct err e = {0};

    if (!body || (fc3_speaks(c) && !fc3_routes_in(c, body)))
        return;
    if (json_str(body, "domainName", true, &name, &e) < 0) {
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    name = lower(name, room);
    if (!is_domain(name)) {
        call_fail(c, 400, "InvalidArgument",
                  "domainName must be a domain name of two or more labels");
        return;
    }
    if (catalog_resource(c->api->catalog, KIND, name)) {
        call_fail(c, 409, "DomainNameAlreadyExists", "domain name %.*s already exists",
                  STR_ARG(name));
        return;
    }
    if (is_ours(c, name)) {
        call_fail(c, 400, "InvalidArgument",
                  "domain name %.*s is a name of this server or of another API", STR_ARG(name));
        return;
    }
    draft = resource_new(KIND, name);
    draft->dialect = DIALECT_FC;
    fn_set(&draft->account, account_of(c));
    fn_set(&draft->region, str_of(c->api->region));
    draft->created_ms = draft->modified_ms = clock_wall_ms();
    if (write_body(body, NULL, draft, &e) < 0) {
        resource_unref(draft);
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    catalog_create_resource(c->api->catalog, draft, on_written, c); /* -> on_written */
}

void fc_domain_get(struct call *c)
{
    const struct resource *r = domain_of(c);

    if (r)
        reply_domain(c, r);
}

void fc_domain_update(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL, *before = NULL;
    const struct resource *r = domain_of(c);
    char etag[FC_ETAG_TEXT];
    struct resource *draft;
    struct err e = {0};

    if (!r || !fc_if_match(c, etag_of(r, etag)))
        return;
    body = fc_body(c);
    if (!body || (fc3_speaks(c) && !fc3_routes_in(c, body)))
        return;
    before = json_parse(str_of(r->body), NULL);
    draft = resource_copy(r);
    draft->modified_ms = clock_wall_ms();
    if (write_body(body, before, draft, &e) < 0) {
        resource_unref(draft);
        call_fail(c, 400, "InvalidArgument", "%s", e.msg);
        return;
    }
    catalog_update_resource(c->api->catalog, draft, on_written, c); /* -> on_written */
}

void fc_domain_delete(struct call *c)
{
    const struct resource *r = domain_of(c);
    char etag[FC_ETAG_TEXT];

    if (r && fc_if_match(c, etag_of(r, etag)))
        catalog_delete_resource(c->api->catalog, KIND, str_of(r->id), on_written, c);
}

/* ---- the list, by name ---- */

struct listing {
    const struct resource **at; /* owned array */
    size_t n, room;
    struct str prefix, from;
};

static bool collect(void *user, const struct resource *r)
{
    struct listing *l = user;
    struct str name = str_of(r->id);

    if (!str_starts(name, l->prefix) || (l->from.n && str_cmp(name, l->from) < 0))
        return true;
    if (l->n == l->room) {
        l->room = l->room ? 2 * l->room : 64;
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        l->at = xrealloc(l->at, l->room, sizeof(*l->at));
    }
    l->at[l->n++] = r;
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct resource *const *x = a, *const *y = b;

    return str_cmp(str_of((*x)->id), str_of((*y)->id));
}

static void reply_list(struct call *c, const struct listing *l, size_t limit)
{
    struct buf body;
    struct jw w;

    buf_init(&body, LIST_BYTES);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "customDomains");
    jw_arr(&w);
    for (size_t i = 0; i < l->n && i < limit; i++)
        put_domain(&w, c, l->at[i]);
    jw_arr_end(&w);
    jw_kstrz(&w, "nextToken", l->n > limit ? l->at[limit]->id : "");
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

void fc_domain_list(struct call *c)
{
    struct resource_filter filter = {.kind = KIND,
                                     .dialect = DIALECT_FC,
                                     .account = account_of(c),
                                     .region = str_of(c->api->region)};
    struct str text = call_query(c, S("limit")), token = call_query(c, S("nextToken"));
    struct listing l = {.prefix = call_query(c, S("prefix")), .from = call_query(c, S("startKey"))};
    uint64_t limit = LIST_DEFAULT;

    if (text.n && str_u64(text, 1, LIST_MAX, &limit) < 0) {
        call_fail(c, 400, "InvalidArgument", "limit must be between 1 and %d", LIST_MAX);
        return;
    }
    if (token.n)
        l.from = token;
    catalog_each_resource(c->api->catalog, &filter, collect, &l);
    if (l.n > 0) /* NOLINTNEXTLINE(bugprone-sizeof-expression): likewise */
        qsort(l.at, l.n, sizeof(*l.at), by_name);
    reply_list(c, &l, limit);
    free(l.at);
}
