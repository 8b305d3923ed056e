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
 * Read next: gateway_file_api.c, gateway_file_parts.h.
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
#include "cli/gateway_file_parts.h"

/* ---- authorizers, throttles, apps, stages ---- */

/* "header:X-Token" */
static int add_identity(const struct gf_reader *rd, struct cJSON *list, const struct cJSON *word)
{
    struct str rest = cJSON_IsString(word) ? str_of(word->valuestring) : S("");
    struct str place = str_cut(&rest, ':');
    struct cJSON *identity;

    if (rest.n == 0 || (!str_eq(place, S("header")) && !str_eq(place, S("query"))))
        return gf_wrong(rd, "identities", "must be texts like header:X-Token or query:user");
    identity = cJSON_CreateObject();
    gf_add(identity, "name", rest);
    cJSON_AddStringToObject(identity, "location", place.n == 6 ? "HEADER" : "QUERY");
    cJSON_AddItemToArray(list, identity);
    return 0;
}

static int read_authorizer(struct gf_reader *rd, const struct cJSON *a, const void *user)
{
    static const char *const keys[] = {"function", "qualifier", "side", "identities",
                                       "ttl",      "user_data", "body"};
    struct cJSON *body, *list;
    const struct cJSON *word;
    int r = gf_keys(rd, a, keys, ARRAY_LEN(keys));

    (void)user;
    if (r < 0)
        return r;
    body = cJSON_CreateObject();
    gf_wish(rd, "authorizer", a->string, "", body);
    cJSON_AddStringToObject(body, "name", a->string);
    cJSON_AddStringToObject(body, "type",
                            str_eq(gf_text(a, "side"), S("backend")) ? "BACKEND" : "FRONTEND");
    cJSON_AddStringToObject(body, "authorizer_type", "FUNC");
    r = gf_function(rd, body, "authorizer_uri", gf_text(a, "function"));
    if (r < 0)
        return r;
    gf_pass(body, "authorizer_version", a, "qualifier");
    list = cJSON_AddArrayToObject(body, "identities");
    cJSON_ArrayForEach(word, json_get(a, "identities"))
    {
        r = add_identity(rd, list, word);
        if (r < 0)
            return r;
    }
    gf_pass(body, "ttl", a, "ttl");
    gf_pass(body, "user_data", a, "user_data");
    gf_pass(body, "need_body", a, "body");
    return 0;
}

static int read_throttle(struct gf_reader *rd, const struct cJSON *t, const void *user)
{
    static const char *const keys[] = {"calls",  "every", "per",   "by_user",
                                       "by_app", "by_ip", "shared"};
    cleanup_with(buf_done) struct buf unit;
    struct str per = gf_text(t, "per");
    struct cJSON *body;
    int r = gf_keys(rd, t, keys, ARRAY_LEN(keys));

    (void)user;
    buf_init(&unit, 64);
    if (r < 0)
        return r;
    for (size_t i = 0; i < per.n; i++)
        buf_addc(&unit, str_upper(per.p[i]));
    body = cJSON_CreateObject();
    gf_wish(rd, "throttle", t->string, "", body);
    cJSON_AddStringToObject(body, "name", t->string);
    gf_pass(body, "api_call_limits", t, "calls");
    gf_pass(body, "user_call_limits", t, "by_user");
    gf_pass(body, "app_call_limits", t, "by_app");
    gf_pass(body, "ip_call_limits", t, "by_ip");
    if (json_get(t, "every"))
        gf_pass(body, "time_interval", t, "every");
    else
        cJSON_AddNumberToObject(body, "time_interval", 1);
    cJSON_AddStringToObject(body, "time_unit", per.n ? unit.p : "SECOND");
    cJSON_AddNumberToObject(body, "type", cJSON_IsTrue(json_get(t, "shared")) ? 2 : 1);
    return 0;
}

static int read_app(struct gf_reader *rd, const struct cJSON *a, const void *user)
{
    static const char *const keys[] = {"key", "secret", "remark"};
    struct cJSON *body;
    int r = cJSON_IsNull(a) ? 0 : gf_keys(rd, a, keys, ARRAY_LEN(keys));

    (void)user;
    if (r < 0)
        return r;
    body = cJSON_CreateObject();
    gf_wish(rd, "app", a->string, "", body);
    cJSON_AddStringToObject(body, "name", a->string);
    gf_pass(body, "remark", a, "remark");
    gf_pass(body, "app_key", a, "key");
    gf_pass(body, "app_secret", a, "secret");
    return 0;
}

static int read_stages(struct gf_reader *rd, const struct cJSON *tree)
{
    const struct cJSON *stages = json_get(tree, "stages"), *stage;

    if (stages && !cJSON_IsArray(stages))
        return gf_wrong(rd, "stages", "must be a list of names");
    rd->path[rd->depth++] = "stages";
    cJSON_ArrayForEach(stage, stages)
    {
        struct cJSON *body = cJSON_CreateObject();

        if (!cJSON_IsString(stage)) {
            json_free(body);
            return gf_wrong(rd, NULL, "must be a list of names");
        }
        cJSON_AddStringToObject(body, "name", stage->valuestring);
        gf_wish(rd, "env", stage->valuestring, "", body);
    }
    rd->depth--;
    return 0;
}

/* ---- what a group has ---- */

/* variables: {RELEASE: {host: a.example.com}} */
static int read_variables(struct gf_reader *rd, const struct cJSON *stage, const void *group)
{
    const struct cJSON *v;

    if (!cJSON_IsObject(stage))
        return gf_wrong(rd, NULL, "must be a map of variables");
    cJSON_ArrayForEach(v, stage)
    {
        struct cJSON *body;

        if (!cJSON_IsString(v))
            return gf_wrong(rd, v->string,
                            "must be text; put it in quotes if it looks like a number");
        body = cJSON_CreateObject();
        gf_ref(body, "group_id", "group", "", str_of(group));
        gf_env(body, str_of(stage->string));
        cJSON_AddStringToObject(body, "variable_name", v->string);
        cJSON_AddStringToObject(body, "variable_value", v->valuestring);
        gf_wish(rd, "variable", v->string, group, body);
    }
    return 0;
}

/* responses: {mine: {THROTTLED: {status: 429, body: ..., headers: {X-A: b}}}} */
static int read_response(struct gf_reader *rd, const struct cJSON *set, const void *group)
{
    static const char *const keys[] = {"status", "body", "headers"};
    struct cJSON *body, *all;
    const struct cJSON *type;

    if (!cJSON_IsObject(set))
        return gf_wrong(rd, NULL, "must be a map of types");
    body = cJSON_CreateObject();
    gf_wish(rd, "response", set->string, group, body);
    cJSON_AddStringToObject(body, "name", set->string);
    all = cJSON_AddObjectToObject(body, "responses");
    cJSON_ArrayForEach(type, set)
    {
        struct cJSON *one, *list;
        const struct cJSON *h;
        int r;

        rd->path[rd->depth++] = type->string;
        r = gf_keys(rd, type, keys, ARRAY_LEN(keys));
        rd->depth--;
        if (r < 0)
            return r;
        one = cJSON_AddObjectToObject(all, type->string);
        gf_pass(one, "status", type, "status");
        gf_pass(one, "body", type, "body");
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

/* {"/": "release", "/try": "test"} */
static int read_paths(const struct gf_reader *rd, const struct cJSON *paths, struct cJSON *body)
{
    struct cJSON *list = cJSON_AddArrayToObject(body, "path_mappings");
    const struct cJSON *stage;

    if (!str_eq(rd->f->dialect, S("scf")))
        return gf_wrong(rd, "domains", "have paths in dialect scf only");
    if (!cJSON_IsObject(paths))
        return gf_wrong(rd, "domains", "have paths as a map from path to stage");
    cJSON_ArrayForEach(stage, paths)
    {
        struct cJSON *one = cJSON_CreateObject();

        cJSON_AddItemToArray(list, one);
        cJSON_AddStringToObject(one, "path", stage->string);
        gf_pass(one, "environment", paths, stage->string);
    }
    return 0;
}

/* "api.example.com", or {name, paths} */
static int read_domain(const struct gf_reader *rd, const struct cJSON *domain, const char *group)
{
    static const char *const keys[] = {"name", "paths"};
    bool whole = cJSON_IsObject(domain);
    const struct cJSON *name = whole ? json_get(domain, "name") : domain;
    struct cJSON *body;

    if (!cJSON_IsString(name))
        return gf_wrong(rd, "domains", "must be a list of names, or of maps with name and paths");
    if (whole && gf_keys(rd, domain, keys, ARRAY_LEN(keys)) < 0)
        return -EINVAL;
    body = cJSON_CreateObject();
    gf_wish(rd, "domain", name->valuestring, group, body);
    cJSON_AddStringToObject(body, "url_domain", name->valuestring);
    return whole && json_get(domain, "paths") ? read_paths(rd, json_get(domain, "paths"), body) : 0;
}

static int read_domains(struct gf_reader *rd, const struct cJSON *group)
{
    const struct cJSON *domain;
    int r = 0;

    cJSON_ArrayForEach(domain, json_get(group, "domains"))
    {
        r = read_domain(rd, domain, group->string);
        if (r < 0)
            break;
    }
    return r;
}

static int read_group(struct gf_reader *rd, const struct cJSON *group, const void *user)
{
    static const char *const keys[] = {"remark", "domains", "variables", "responses", "apis"};
    struct cJSON *body;
    int r = gf_keys(rd, group, keys, ARRAY_LEN(keys));

    (void)user;
    if (r < 0)
        return r;
    body = cJSON_CreateObject();
    gf_wish(rd, "group", group->string, "", body);
    cJSON_AddStringToObject(body, "name", group->string);
    gf_pass(body, "remark", group, "remark");
    r = read_domains(rd, group);
    if (r == 0)
        r = gf_each(rd, group, "variables", read_variables, group->string);
    if (r == 0)
        r = gf_each(rd, group, "responses", read_response, group->string);
    if (r == 0)
        r = gf_each(rd, group, "apis", gf_api, group->string);
    return r;
}

/* ---- the whole file ---- */

static int read_file(struct gf_reader *rd)
{
    static const char *const keys[] = {"dialect",     "account",   "region", "stages",
                                       "authorizers", "throttles", "apps",   "groups"};
    const struct cJSON *tree = rd->f->tree;
    int r = gf_keys(rd, tree, keys, ARRAY_LEN(keys));

    if (r < 0)
        return r;
    rd->f->dialect = json_get(tree, "dialect") ? gf_text(tree, "dialect") : S("functiongraph");
    rd->f->account = json_get(tree, "account") ? gf_text(tree, "account") : S("local");
    rd->f->region = json_get(tree, "region") ? gf_text(tree, "region") : S("local-1");
    if (rd->f->account.n == 0 || rd->f->region.n == 0)
        return gf_wrong(rd, rd->f->account.n ? "region" : "account",
                        "must be text; put it in quotes if it looks like a number");
    r = read_stages(rd, tree);
    if (r == 0)
        r = gf_each(rd, tree, "authorizers", read_authorizer, NULL);
    if (r == 0)
        r = gf_each(rd, tree, "throttles", read_throttle, NULL);
    if (r == 0)
        r = gf_each(rd, tree, "apps", read_app, NULL);
    if (r == 0)
        r = gf_each(rd, tree, "groups", read_group, NULL);
    return r;
}

int gateway_file_parse(struct str text, struct gateway_file *ret, struct err *e)
{
    struct gateway_file f = {.tree = yaml_parse(text, e), .wanted = cJSON_CreateArray()};
    struct gf_reader rd = {.f = &f, .text = text, .e = e};
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
    const char *keys[GF_DEPTH];
    cleanup_with(buf_done) struct buf whole;
    size_t n = 0;

    buf_init(&whole, GF_NAME);
    cJSON_ArrayForEach(key, path)
    {
        if (n < GF_DEPTH)
            keys[n++] = key->valuestring;
        buf_addf(&whole, "%s%s", whole.n ? "." : "", key->valuestring);
    }
    (void)err_wrap(e, r, "%s", whole.p);
    return gf_at_line(text, keys, n, e, r);
}
