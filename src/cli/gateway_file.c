/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_file.c - what a user writes (names, short words) as what the daemon keeps (objects of the
 * kinds of gateway/plane/kinds.h).
 *
 *   authorizers, throttles, apps, stages      objects of the account
 *   groups.NAME                               a group, with domains, variables, responses, apis
 *   groups.NAME.apis.NAME                     an API, where it is online, who may call it
 *
 * Each map has a table of its keys; a key that is not in it is refused. What a value may be is the
 * daemon's to judge, so that there is one place that knows; only forms are read here. Every wish
 * remembers the path of its key, by which its line is found when the daemon refuses it.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "base/yaml.h"
#include "cli/gateway.h"
#include "cli/name.h"
#include "cli/view.h"

enum { PATH_MAX_KEYS = 8, NAME_TEXT = 2048, TIMEOUT_MS = 5000 };

struct reader {
    struct gateway_file *f;
    struct str text;                 /* of the file, for the lines of errors */
    const char *path[PATH_MAX_KEYS]; /* keys of where we are */
    size_t depth;
    struct err *e;
};

/* ---- errors and small things ---- */

static void add_path(const struct reader *rd, const char *key, struct buf *out)
{
    for (size_t i = 0; i < rd->depth; i++)
        buf_addf(out, "%s%s", i ? "." : "", rd->path[i]);
    if (key)
        buf_addf(out, "%s%s", rd->depth ? "." : "", key);
}

/* "line 7: ..." before what e says. */
static int at_line(struct str text, const char *const *path, size_t n, struct err *e, int r)
{
    size_t line = yaml_line(text, path, n);

    return line > 0 ? err_wrap(e, r, "line %zu", line) : r;
}

__attribute__((format(printf, 3, 4))) static int wrong(const struct reader *rd, const char *key,
                                                       const char *fmt, ...)
{
    cleanup_with(buf_done) struct buf path;
    const char *keys[PATH_MAX_KEYS + 1];
    char why[160];
    va_list ap;

    buf_init(&path, NAME_TEXT);
    add_path(rd, key, &path);
    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < rd->depth; i++)
        keys[i] = rd->path[i];
    keys[rd->depth] = key;
    return at_line(rd->text, keys, rd->depth + (key != NULL), rd->e,
                   err_set(rd->e, ERR_CALLER, -EINVAL, "%s %s", path.p, why));
}

static int check_keys(const struct reader *rd, const struct cJSON *map, const char *const *keys,
                      size_t n)
{
    const struct cJSON *stranger;

    if (!cJSON_IsObject(map))
        return wrong(rd, NULL, "must be a map");
    stranger = json_stranger(map, keys, n);
    return stranger ? wrong(rd, stranger->string, "is no key that is known here") : 0;
}

static struct str text_of(const struct cJSON *map, const char *key)
{
    struct str s = view_text(map, key);

    return s.p ? s : S("");
}

/* Goes as it is, if it is there. */
static void pass(struct cJSON *to, const char *as, const struct cJSON *from, const char *key)
{
    const struct cJSON *value = json_get(from, key);

    if (value)
        cJSON_AddItemToObject(to, as, cJSON_Duplicate(value, true));
}

static void add_text(struct cJSON *to, const char *key, struct str s)
{
    cleanup_free char *copy = str_dup(s);

    cJSON_AddStringToObject(to, key, copy);
}

static struct cJSON *wish(const struct reader *rd, const char *kind, const char *name,
                          const char *group, struct cJSON *body)
{
    struct cJSON *w = cJSON_CreateObject();

    cJSON_AddStringToObject(w, "kind", kind);
    cJSON_AddStringToObject(w, "name", name);
    cJSON_AddStringToObject(w, "group", group);
    cJSON_AddItemToObject(w, "path",
                          cJSON_CreateStringArray((const char *const *)rd->path, (int)rd->depth));
    cJSON_AddItemToObject(w, "body", body);
    cJSON_AddItemToArray(rd->f->wanted, w);
    return w;
}

/* Each entry of a map, with its key as a part of the path. */
typedef int entry_fn(struct reader *rd, const struct cJSON *entry, const void *user);

static int each(struct reader *rd, const struct cJSON *map, const char *key, entry_fn *fn,
                const void *user)
{
    const struct cJSON *all = json_get(map, key), *entry;
    int r = 0;

    if (!all)
        return 0;
    rd->path[rd->depth++] = key;
    if (!cJSON_IsObject(all))
        r = wrong(rd, NULL, "must be a map of names");
    for (entry = all->child; r == 0 && entry; entry = entry->next) {
        rd->path[rd->depth++] = entry->string;
        r = fn(rd, entry, user);
        rd->depth--;
    }
    rd->depth--;
    return r;
}

static void put_parts(const struct name *n, struct buf *out)
{
    const struct str parts[] = {n->dialect, n->account, n->region, n->space, n->name};

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_addz(out, i ? "/" : "");
        uri_encode(parts[i], "", out);
    }
}

/* "hello", "space/hello", "dialect/account/region/space/hello": as the daemon is told. */
static int put_function(const struct reader *rd, struct cJSON *to, const char *as, struct str word)
{
    cleanup_with(buf_done) struct buf full;
    struct name n;
    struct str account, region, space;

    buf_init(&full, NAME_TEXT);
    if (str_starts(word, S("urn:"))) {
        buf_adds(&full, word);
    } else {
        if (name_parse(word, &n, rd->e) < 0)
            return wrong(rd, "function", "must be NAME, SPACE/NAME or the whole name");
        account = n.account.p ? n.account : rd->f->account;
        region = n.region.p ? n.region : rd->f->region;
        space = n.space.p ? n.space : S("default");
        if (!n.dialect.p)
            n.dialect = rd->f->dialect;
        n.account = account;
        n.region = region;
        n.space = space;
        if (str_eq(n.dialect, S("functiongraph")))
            buf_addf(&full, "urn:fss:%.*s:%.*s:function:%.*s:%.*s", STR_ARG(region),
                     STR_ARG(account), STR_ARG(space), STR_ARG(n.name));
        else
            put_parts(&n, &full);
    }
    add_text(to, as, buf_str(&full));
    return 0;
}

static void put_ref(struct cJSON *to, const char *as, const char *kind, const char *group,
                    struct str name)
{
    cleanup_with(buf_done) struct buf ref;

    buf_init(&ref, NAME_TEXT);
    buf_addf(&ref, "@%s:%s%s%.*s", kind, group, group[0] ? "/" : "", STR_ARG(name));
    cJSON_AddStringToObject(to, as, ref.p);
}

/* ---- authorizers, throttles, apps, stages ---- */

/* "header:X-Token" */
static int add_identity(const struct reader *rd, struct cJSON *list, const struct cJSON *word)
{
    struct str rest = cJSON_IsString(word) ? str_of(word->valuestring) : S("");
    struct str place = str_cut(&rest, ':');
    struct cJSON *identity;

    if (rest.n == 0 || (!str_eq(place, S("header")) && !str_eq(place, S("query"))))
        return wrong(rd, "identities", "must be texts like header:X-Token or query:user");
    identity = cJSON_CreateObject();
    add_text(identity, "name", rest);
    cJSON_AddStringToObject(identity, "location", place.n == 6 ? "HEADER" : "QUERY");
    cJSON_AddItemToArray(list, identity);
    return 0;
}

static int read_authorizer(struct reader *rd, const struct cJSON *a, const void *user)
{
    static const char *const keys[] = {"function", "qualifier", "side", "identities",
                                       "ttl",      "user_data", "body"};
    struct cJSON *body, *list;
    const struct cJSON *word;
    int r = check_keys(rd, a, keys, ARRAY_LEN(keys));

    (void)user;
    if (r < 0)
        return r;
    body = cJSON_CreateObject();
    wish(rd, "authorizer", a->string, "", body);
    cJSON_AddStringToObject(body, "name", a->string);
    cJSON_AddStringToObject(body, "type",
                            str_eq(text_of(a, "side"), S("backend")) ? "BACKEND" : "FRONTEND");
    cJSON_AddStringToObject(body, "authorizer_type", "FUNC");
    r = put_function(rd, body, "authorizer_uri", text_of(a, "function"));
    if (r < 0)
        return r;
    pass(body, "authorizer_version", a, "qualifier");
    list = cJSON_AddArrayToObject(body, "identities");
    cJSON_ArrayForEach(word, json_get(a, "identities"))
    {
        r = add_identity(rd, list, word);
        if (r < 0)
            return r;
    }
    pass(body, "ttl", a, "ttl");
    pass(body, "user_data", a, "user_data");
    pass(body, "need_body", a, "body");
    return 0;
}

static int read_throttle(struct reader *rd, const struct cJSON *t, const void *user)
{
    static const char *const keys[] = {"calls",  "every", "per",   "by_user",
                                       "by_app", "by_ip", "shared"};
    cleanup_with(buf_done) struct buf unit;
    struct str per = text_of(t, "per");
    struct cJSON *body;
    int r = check_keys(rd, t, keys, ARRAY_LEN(keys));

    (void)user;
    buf_init(&unit, 64);
    if (r < 0)
        return r;
    for (size_t i = 0; i < per.n; i++)
        buf_addc(&unit, str_upper(per.p[i]));
    body = cJSON_CreateObject();
    wish(rd, "throttle", t->string, "", body);
    cJSON_AddStringToObject(body, "name", t->string);
    pass(body, "api_call_limits", t, "calls");
    pass(body, "user_call_limits", t, "by_user");
    pass(body, "app_call_limits", t, "by_app");
    pass(body, "ip_call_limits", t, "by_ip");
    if (json_get(t, "every"))
        pass(body, "time_interval", t, "every");
    else
        cJSON_AddNumberToObject(body, "time_interval", 1);
    cJSON_AddStringToObject(body, "time_unit", per.n ? unit.p : "SECOND");
    cJSON_AddNumberToObject(body, "type", cJSON_IsTrue(json_get(t, "shared")) ? 2 : 1);
    return 0;
}

static int read_app(struct reader *rd, const struct cJSON *a, const void *user)
{
    static const char *const keys[] = {"key", "secret", "remark"};
    struct cJSON *body;
    int r = cJSON_IsNull(a) ? 0 : check_keys(rd, a, keys, ARRAY_LEN(keys));

    (void)user;
    if (r < 0)
        return r;
    body = cJSON_CreateObject();
    wish(rd, "app", a->string, "", body);
    cJSON_AddStringToObject(body, "name", a->string);
    pass(body, "remark", a, "remark");
    pass(body, "app_key", a, "key");
    pass(body, "app_secret", a, "secret");
    return 0;
}

static int read_stages(struct reader *rd, const struct cJSON *tree)
{
    const struct cJSON *stages = json_get(tree, "stages"), *stage;

    if (stages && !cJSON_IsArray(stages))
        return wrong(rd, "stages", "must be a list of names");
    rd->path[rd->depth++] = "stages";
    cJSON_ArrayForEach(stage, stages)
    {
        struct cJSON *body = cJSON_CreateObject();

        if (!cJSON_IsString(stage)) {
            json_free(body);
            return wrong(rd, NULL, "must be a list of names");
        }
        cJSON_AddStringToObject(body, "name", stage->valuestring);
        wish(rd, "env", stage->valuestring, "", body);
    }
    rd->depth--;
    return 0;
}

/* ---- what a group has ---- */

static void put_env(struct cJSON *to, struct str stage)
{
    if (str_ieq(stage, S("RELEASE")))
        cJSON_AddStringToObject(to, "env_id", GATEWAY_RELEASE_ENV);
    else
        put_ref(to, "env_id", "env", "", stage);
}

/* variables: {RELEASE: {host: a.example.com}} */
static int read_variables(struct reader *rd, const struct cJSON *stage, const void *group)
{
    const struct cJSON *v;

    if (!cJSON_IsObject(stage))
        return wrong(rd, NULL, "must be a map of variables");
    cJSON_ArrayForEach(v, stage)
    {
        struct cJSON *body;

        if (!cJSON_IsString(v))
            return wrong(rd, v->string, "must be text; put it in quotes if it looks like a number");
        body = cJSON_CreateObject();
        put_ref(body, "group_id", "group", "", str_of(group));
        put_env(body, str_of(stage->string));
        cJSON_AddStringToObject(body, "variable_name", v->string);
        cJSON_AddStringToObject(body, "variable_value", v->valuestring);
        wish(rd, "variable", v->string, group, body);
    }
    return 0;
}

/* responses: {mine: {THROTTLED: {status: 429, body: ..., headers: {X-A: b}}}} */
static int read_response(struct reader *rd, const struct cJSON *set, const void *group)
{
    static const char *const keys[] = {"status", "body", "headers"};
    struct cJSON *body, *all;
    const struct cJSON *type;

    if (!cJSON_IsObject(set))
        return wrong(rd, NULL, "must be a map of types");
    body = cJSON_CreateObject();
    wish(rd, "response", set->string, group, body);
    cJSON_AddStringToObject(body, "name", set->string);
    all = cJSON_AddObjectToObject(body, "responses");
    cJSON_ArrayForEach(type, set)
    {
        struct cJSON *one, *list;
        const struct cJSON *h;
        int r;

        rd->path[rd->depth++] = type->string;
        r = check_keys(rd, type, keys, ARRAY_LEN(keys));
        rd->depth--;
        if (r < 0)
            return r;
        one = cJSON_AddObjectToObject(all, type->string);
        pass(one, "status", type, "status");
        pass(one, "body", type, "body");
        list = json_get(type, "headers") ? cJSON_AddArrayToObject(one, "headers") : NULL;
        cJSON_ArrayForEach(h, json_get(type, "headers"))
        {
            struct cJSON *header = cJSON_CreateObject();

            cJSON_AddStringToObject(header, "key", h->string ? h->string : "");
            cJSON_AddItemToObject(header, "value", cJSON_Duplicate(h, true));
            cJSON_AddItemToArray(list, header);
        }
    }
    return 0;
}

static int read_domains(struct reader *rd, const struct cJSON *group)
{
    const struct cJSON *domain;

    cJSON_ArrayForEach(domain, json_get(group, "domains"))
    {
        struct cJSON *body;

        if (!cJSON_IsString(domain))
            return wrong(rd, "domains", "must be a list of names");
        body = cJSON_CreateObject();
        cJSON_AddStringToObject(body, "url_domain", domain->valuestring);
        wish(rd, "domain", domain->valuestring, group->string, body);
    }
    return 0;
}

/* ---- an API ---- */

static const char *const api_keys[] = {"path",       "method",
                                       "match",      "auth",
                                       "app_code",   "cors",
                                       "function",   "qualifier",
                                       "async",      "url",
                                       "mock",       "status",
                                       "timeout_ms", "base64",
                                       "params",     "send",
                                       "stages",     "throttle",
                                       "apps",       "response",
                                       "remark",     "backend_authorizer"};

/* {"GET","ANY"}[...] in capitals, whatever the case was */
static void put_upper(struct cJSON *to, const char *as, struct str word, const char *otherwise)
{
    cleanup_with(buf_done) struct buf up;

    buf_init(&up, 256);
    for (size_t i = 0; i < word.n; i++)
        buf_addc(&up, str_upper(word.p[i]));
    cJSON_AddStringToObject(to, as, word.n ? up.p : otherwise);
}

static void put_auth(struct cJSON *body, const struct cJSON *api)
{
    static const char *const plain[] = {"none", "app", "iam"};
    struct str auth = text_of(api, "auth");

    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (auth.n == 0 || str_eq(auth, str_of(plain[i]))) {
            put_upper(body, "auth_type", auth, "NONE");
            return;
        }
    cJSON_AddStringToObject(body, "auth_type", "AUTHORIZER");
    put_ref(body, "authorizer_id", "authorizer", "", auth);
}

static void put_timeout(struct cJSON *to, const struct cJSON *api)
{
    if (json_get(api, "timeout_ms"))
        pass(to, "timeout", api, "timeout_ms");
    else
        cJSON_AddNumberToObject(to, "timeout", TIMEOUT_MS);
}

static int put_url(const struct reader *rd, struct cJSON *web, const struct cJSON *api)
{
    struct str rest = text_of(api, "url"), host;
    ptrdiff_t at = str_find(rest, S("://"));
    struct str scheme = {rest.p, at < 0 ? 0 : (size_t)at};

    if (!str_eq(scheme, S("http")) && !str_eq(scheme, S("https")))
        return wrong(rd, "url", "must begin with http:// or https://");
    rest = str_from(rest, (size_t)at + 3);
    host = str_cut(&rest, '/');
    put_upper(web, "req_protocol", scheme, "HTTP");
    add_text(web, "url_domain", host);
    put_upper(web, "req_method", text_of(api, "method"), "ANY");
    if (rest.p) { /* with the '/' that was cut */
        rest.p--;
        rest.n++;
    }
    add_text(web, "req_uri", rest.p ? rest : S("/"));
    put_timeout(web, api);
    return 0;
}

static int put_backend(const struct reader *rd, struct cJSON *body, const struct cJSON *api)
{
    bool fn = json_get(api, "function"), web = json_get(api, "url"), mock = json_get(api, "mock");
    struct cJSON *info;
    int r = 0;

    if (fn + web + mock != 1)
        return wrong(rd, NULL, "must have one of function, url and mock");
    cJSON_AddStringToObject(body, "backend_type", fn ? "FUNCTION" : web ? "HTTP" : "MOCK");
    info = cJSON_AddObjectToObject(body, fn ? "func_info" : web ? "backend_api" : "mock_info");
    if (fn) {
        r = put_function(rd, info, "function_urn", text_of(api, "function"));
        pass(info, "version", api, "qualifier");
        cJSON_AddStringToObject(info, "invocation_type",
                                cJSON_IsTrue(json_get(api, "async")) ? "async" : "sync");
        cJSON_AddStringToObject(info, "network_type", "V2");
        put_timeout(info, api);
    } else if (web) {
        r = put_url(rd, info, api);
    } else {
        pass(info, "result_content", api, "mock");
        pass(info, "status_code", api, "status");
    }
    if (r == 0 && json_get(api, "backend_authorizer"))
        put_ref(info, "authorizer_id", "authorizer", "", text_of(api, "backend_authorizer"));
    return r;
}

/* params: [{name, in, type, required, default, enum, min, max, min_size, max_size, check}] */
static int put_params(struct reader *rd, struct cJSON *body, const struct cJSON *api)
{
    static const char *const keys[] = {"name", "in",  "type",     "required", "default", "enum",
                                       "min",  "max", "min_size", "max_size", "check",   "pass"};
    const struct cJSON *p;
    struct cJSON *list;

    if (!json_get(api, "params"))
        return 0;
    list = cJSON_AddArrayToObject(body, "req_params");
    cJSON_ArrayForEach(p, json_get(api, "params"))
    {
        struct cJSON *one;
        int r;

        rd->path[rd->depth++] = "params";
        r = check_keys(rd, p, keys, ARRAY_LEN(keys));
        rd->depth--;
        if (r < 0)
            return r;
        one = cJSON_CreateObject();
        cJSON_AddItemToArray(list, one);
        pass(one, "name", p, "name");
        put_upper(one, "type", text_of(p, "type"), "STRING");
        put_upper(one, "location", text_of(p, "in"), "QUERY");
        cJSON_AddNumberToObject(
                one, "required",
                cJSON_IsTrue(json_get(p, "required")) || str_eq(text_of(p, "in"), S("path")) ? 1
                                                                                             : 2);
        pass(one, "default_value", p, "default");
        pass(one, "enumerations", p, "enum");
        pass(one, "min_num", p, "min");
        pass(one, "max_num", p, "max");
        pass(one, "min_size", p, "min_size");
        pass(one, "max_size", p, "max_size");
        cJSON_AddNumberToObject(one, "valid_enable", cJSON_IsFalse(json_get(p, "check")) ? 2 : 1);
        cJSON_AddNumberToObject(one, "pass_through", cJSON_IsFalse(json_get(p, "pass")) ? 2 : 1);
    }
    return 0;
}

/* send: {"header:X-User": "$context.authorizer.frontend.user", "query:id": "{id}"} */
static int put_send(struct reader *rd, struct cJSON *body, const struct cJSON *api)
{
    const struct cJSON *s;
    struct cJSON *list;

    if (!json_get(api, "send"))
        return 0;
    list = cJSON_AddArrayToObject(body, "backend_params");
    cJSON_ArrayForEach(s, json_get(api, "send"))
    {
        struct str rest = str_of(s->string ? s->string : ""), place = str_cut(&rest, ':');
        struct str value = cJSON_IsString(s) ? str_of(s->valuestring) : S("");
        bool request = value.n > 2 && value.p[0] == '{' && value.p[value.n - 1] == '}';
        struct cJSON *one;

        if (rest.n == 0 || value.n == 0)
            return wrong(rd, "send", "must be a map like header:X-User: $context.sourceIp");
        one = cJSON_CreateObject();
        cJSON_AddItemToArray(list, one);
        cJSON_AddStringToObject(one, "origin",
                                request                             ? "REQUEST"
                                : str_starts(value, S("$context.")) ? "SYSTEM"
                                                                    : "CONSTANT");
        add_text(one, "name", rest);
        put_upper(one, "location", place, "HEADER");
        add_text(one, "value", request ? (struct str){value.p + 1, value.n - 2} : value);
    }
    return 0;
}

/* Who may, and how often: objects of their own. */
static int add_bindings(struct reader *rd, const struct cJSON *api, const char *group,
                        struct str stage)
{
    const struct cJSON *app;

    cJSON_ArrayForEach(app, json_get(api, "apps"))
    {
        struct cJSON *body = cJSON_CreateObject(), *w;

        put_ref(body, "api_id", "api", group, str_of(api->string));
        put_env(body, stage);
        w = wish(rd, "app_auth", api->string, "", body);
        put_ref(w, "parent", "app", "", str_of(cJSON_IsString(app) ? app->valuestring : ""));
    }
    if (json_get(api, "throttle")) {
        struct cJSON *body = cJSON_CreateObject(), *w;

        put_ref(body, "api_id", "api", group, str_of(api->string));
        put_env(body, stage);
        w = wish(rd, "throttle_bind", api->string, "", body);
        put_ref(w, "parent", "throttle", "", text_of(api, "throttle"));
    }
    return 0;
}

static int add_stages(struct reader *rd, struct cJSON *w, const struct cJSON *api,
                      const char *group)
{
    struct cJSON *stages = json_get(api, "stages") ? cJSON_Duplicate(json_get(api, "stages"), true)
                                                   : cJSON_CreateArray();
    const struct cJSON *stage;

    cJSON_AddItemToObject(w, "stages", stages);
    if (!cJSON_IsArray(stages))
        return wrong(rd, "stages", "must be a list of names");
    if (!json_get(api, "stages"))
        cJSON_AddItemToArray(stages, cJSON_CreateString("RELEASE"));
    cJSON_ArrayForEach(stage, stages)
    {
        if (!cJSON_IsString(stage))
            return wrong(rd, "stages", "must be a list of names");
        (void)add_bindings(rd, api, group, str_of(stage->valuestring));
    }
    return 0;
}

static int read_api(struct reader *rd, const struct cJSON *api, const void *group)
{
    struct cJSON *body, *w;
    int r = check_keys(rd, api, api_keys, ARRAY_LEN(api_keys));

    if (r < 0)
        return r;
    body = cJSON_CreateObject();
    w = wish(rd, "api", api->string, group, body);
    put_ref(body, "group_id", "group", "", str_of(group));
    cJSON_AddStringToObject(body, "name", api->string);
    cJSON_AddNumberToObject(body, "type", 1);
    cJSON_AddStringToObject(body, "req_protocol", "BOTH");
    put_upper(body, "req_method", text_of(api, "method"), "ANY");
    pass(body, "req_uri", api, "path");
    cJSON_AddStringToObject(body, "match_mode",
                            str_eq(text_of(api, "match"), S("prefix")) ? "SWA" : "NORMAL");
    put_auth(body, api);
    if (cJSON_IsTrue(json_get(api, "app_code")))
        cJSON_AddStringToObject(cJSON_AddObjectToObject(body, "auth_opt"), "app_code_auth_type",
                                "HEADER");
    pass(body, "cors", api, "cors");
    pass(body, "remark", api, "remark");
    pass(body, "is_send_fg_body_base64", api, "base64");
    if (json_get(api, "response"))
        put_ref(body, "response_id", "response", group, text_of(api, "response"));
    r = put_backend(rd, body, api);
    if (r == 0)
        r = put_params(rd, body, api);
    if (r == 0)
        r = put_send(rd, body, api);
    return r == 0 ? add_stages(rd, w, api, group) : r;
}

static int read_group(struct reader *rd, const struct cJSON *group, const void *user)
{
    static const char *const keys[] = {"remark", "domains", "variables", "responses", "apis"};
    struct cJSON *body;
    int r = check_keys(rd, group, keys, ARRAY_LEN(keys));

    (void)user;
    if (r < 0)
        return r;
    body = cJSON_CreateObject();
    wish(rd, "group", group->string, "", body);
    cJSON_AddStringToObject(body, "name", group->string);
    pass(body, "remark", group, "remark");
    r = read_domains(rd, group);
    if (r == 0)
        r = each(rd, group, "variables", read_variables, group->string);
    if (r == 0)
        r = each(rd, group, "responses", read_response, group->string);
    if (r == 0)
        r = each(rd, group, "apis", read_api, group->string);
    return r;
}

/* ---- the whole file ---- */

static int read_file(struct reader *rd)
{
    static const char *const keys[] = {"dialect",     "account",   "region", "stages",
                                       "authorizers", "throttles", "apps",   "groups"};
    const struct cJSON *tree = rd->f->tree;
    int r = check_keys(rd, tree, keys, ARRAY_LEN(keys));

    if (r < 0)
        return r;
    rd->f->dialect = json_get(tree, "dialect") ? text_of(tree, "dialect") : S("functiongraph");
    rd->f->account = json_get(tree, "account") ? text_of(tree, "account") : S("local");
    rd->f->region = json_get(tree, "region") ? text_of(tree, "region") : S("local-1");
    if (rd->f->account.n == 0 || rd->f->region.n == 0)
        return wrong(rd, rd->f->account.n ? "region" : "account",
                     "must be text; put it in quotes if it looks like a number");
    r = read_stages(rd, tree);
    if (r == 0)
        r = each(rd, tree, "authorizers", read_authorizer, NULL);
    if (r == 0)
        r = each(rd, tree, "throttles", read_throttle, NULL);
    if (r == 0)
        r = each(rd, tree, "apps", read_app, NULL);
    if (r == 0)
        r = each(rd, tree, "groups", read_group, NULL);
    return r;
}

int gateway_file_parse(struct str text, struct gateway_file *ret, struct err *e)
{
    struct gateway_file f = {.tree = yaml_parse(text, e), .wanted = cJSON_CreateArray()};
    struct reader rd = {.f = &f, .text = text, .e = e};
    int r = f.tree ? read_file(&rd) : -EINVAL;

    if (r < 0) {
        gateway_file_done(&f);
        return r;
    }
    *ret = f;
    return 0;
}

void gateway_file_done(struct gateway_file *f)
{
    json_free(f->wanted);
    json_free(f->tree);
    *f = (struct gateway_file){0};
}

int gateway_file_wrong(struct str text, const struct cJSON *wish_, struct err *e, int r)
{
    const struct cJSON *path = json_get(wish_, "path"), *key;
    const char *keys[PATH_MAX_KEYS];
    cleanup_with(buf_done) struct buf whole;
    size_t n = 0;

    buf_init(&whole, NAME_TEXT);
    cJSON_ArrayForEach(key, path)
    {
        if (n < PATH_MAX_KEYS)
            keys[n++] = key->valuestring;
        buf_addf(&whole, "%s%s", whole.n ? "." : "", key->valuestring);
    }
    (void)err_wrap(e, r, "%s", whole.p);
    return at_line(text, keys, n, e, r);
}
