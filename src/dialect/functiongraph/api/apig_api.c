/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_api.c - APIs as they are edited: create, list, show, change, delete, check. What is called is
 * another thing, a published copy (apig_publish.c).
 *
 * A change says the whole definition; parts get ids of their own, since clients refer to them.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/apig_handlers.h"
#include "gateway/plane/kinds.h"
#include "gateway/plane/objects.h"
#include "gateway/plane/publish.h"

enum { URI_MAX = 1024 };

static void adorn(const struct call *c, const struct resource *r, struct cJSON *object)
{
    const struct resource *group = apig_look(c, &apig_groups, str_of(r->parent));

    apig_set_str(object, "group_id", str_of(r->parent));
    apig_set_str(object, "group_name", group ? str_of(group->name) : S(""));
    apig_set_str(object, "group_version", S("V1"));
    apig_set_int(object, "status", 1);
    apig_set_int(object, "arrange_necessary", 2);
    apig_set_time(object, "register_time", r->created_ms);
    apig_set_time(object, "update_time", r->modified_ms);
    apig_add_releases(c, r, object);
}

static const struct apig_default defaults[] = {{"type", "1"},
                                               {"version", "\"V0.0.1\""},
                                               {"req_protocol", "\"HTTPS\""},
                                               {"match_mode", "\"NORMAL\""},
                                               {"auth_opt", "{\"app_code_auth_type\":\"DISABLE\"}"},
                                               {"cors", "false"},
                                               {"trace_enabled", "false"},
                                               {"remark", "\"\""},
                                               {"body_remark", "\"\""},
                                               {"result_normal_sample", "\"\""},
                                               {"result_failure_sample", "\"\""},
                                               {"tags", "[]"},
                                               {"req_params", "[]"},
                                               {"backend_params", "[]"},
                                               {"is_send_fg_body_base64", "true"},
                                               {NULL, NULL}};
const struct apig_kind apig_apis = {
        .name = "api",
        .list = "apis",
        .what = "API",
        .missing = "APIG.3002",
        .exists = "APIG.3202",
        .quota = "APIG.3102",
        .defaults = defaults,
        .adorn = adorn,
};

/* ---- what a definition refers to ---- */

bool apig_function_ok(struct call *c, const char *where, struct str urn, struct str alias_urn)
{
    struct str project = apig_project(c), said = alias_urn.n > 0 ? alias_urn : urn;
    struct gw_function f;

    if (gw_function_of(said, &f) < 0) {
        apig_fail_parameter(c, where, "'%.*s' is not the URN of a function", STR_ARG(said));
        return false;
    }
    if (str_eq(f.key.account, project) && catalog_find(c->api->catalog, &f.key))
        return true;
    apig_fail(c, APIG_NO_FUNCTION, "%.*s", STR_ARG(said));
    return false;
}

/* Is there an authorizer of that type? False: it has replied. */
static bool authorizer_ok(struct call *c, const char *where, struct str id, const char *type)
{
    const struct resource *r = apig_find(c, &apig_authorizers, id);
    cleanup_with(json_freep) struct cJSON *body = r ? json_parse(str_of(r->body), NULL) : NULL;

    if (!r)
        return false;
    if (str_eq(apig_text(body, "type"), str_of(type)))
        return true;
    apig_fail_parameter(c, where, "the authorizer is not of type %s", type);
    return false;
}

/* The backend of a definition, or of one of its policies. */
static bool backend_ok(struct call *c, const char *where, const struct cJSON *backend)
{
    struct str authorizer = apig_text(backend, "authorizer_id");

    if (authorizer.n > 0 && !authorizer_ok(c, where, authorizer, "BACKEND"))
        return false;
    return !json_get(backend, "function_urn") ||
           apig_function_ok(c, where, apig_text(backend, "function_urn"),
                            apig_text(backend, "alias_urn"));
}

static const struct {
    const char *type, *field, *policies;
} backends[] = {
        {"FUNCTION", "func_info", "policy_functions"},
        {"HTTP", "backend_api", "policy_https"},
        {"MOCK", "mock_info", "policy_mocks"},
};

static bool backends_ok(struct call *c, const struct cJSON *body)
{
    struct str type = apig_text(body, "backend_type");

    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        const struct cJSON *own = json_get(body, backends[i].field), *one;

        if (own && str_eq(type, str_of(backends[i].type)) && !backend_ok(c, backends[i].field, own))
            return false;
        cJSON_ArrayForEach(one, json_get(body, backends[i].policies))
        {
            if (!backend_ok(c, backends[i].policies, one))
                return false;
        }
    }
    return true;
}

static bool references_ok(struct call *c, const struct cJSON *body, const struct resource *group)
{
    struct str authorizer = apig_text(body, "authorizer_id");
    struct str response = apig_text(body, "response_id");

    if (authorizer.n > 0 && !authorizer_ok(c, "authorizer_id", authorizer, "FRONTEND"))
        return false;
    if (response.n > 0 && !apig_find_in(c, &apig_responses, response, str_of(group->id)))
        return false;
    return backends_ok(c, body);
}

/* ---- one method and path, one API ---- */

/* "/a/{x}/b" and "/a/{y}/b" are one path. */
static void fold(struct str uri, struct buf *out)
{
    bool inside = false;

    for (size_t i = 0; i < uri.n; i++) {
        if (!inside || uri.p[i] == '}' || uri.p[i] == '+')
            buf_addc(out, uri.p[i]);
        inside = uri.p[i] == '{' || (inside && uri.p[i] != '}');
    }
}

struct twin {
    struct str method, mode, self; /* self: the id that does not count */
    struct buf path;
    char found[RESOURCE_ID];
};

static struct str mode_of(const struct cJSON *body)
{
    struct str mode = apig_text(body, "match_mode");

    return mode.n > 0 ? mode : S("NORMAL");
}

static bool find_twin(void *user, const struct resource *r)
{
    struct twin *t = user;
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);
    cleanup_with(buf_done) struct buf path;

    buf_init(&path, URI_MAX);
    fold(apig_text(body, "req_uri"), &path);
    if (str_eq(str_of(r->id), t->self) || !str_eq(apig_text(body, "req_method"), t->method) ||
        !str_eq(mode_of(body), t->mode) || !str_eq(buf_str(&path), buf_str(&t->path)))
        return true;
    (void)snprintf(t->found, sizeof(t->found), "%s", r->name);
    return false;
}

/* False: it has replied. */
static bool is_alone(struct call *c, struct str group, const struct cJSON *body, struct str self)
{
    struct resource_filter filter = apig_filter(c, &apig_apis, group);
    struct twin t = {.method = apig_text(body, "req_method"), .mode = mode_of(body), .self = self};

    buf_init(&t.path, URI_MAX);
    fold(apig_text(body, "req_uri"), &t.path);
    catalog_each_resource(c->api->catalog, &filter, find_twin, &t);
    buf_done(&t.path);
    if (t.found[0] != '\0')
        apig_fail(c, APIG_SAME_API, "'%s' has this method and path", t.found);
    return t.found[0] == '\0';
}

/* ---- ids of parts ---- */

static void give_id(struct cJSON *part)
{
    char id[GW_NEW_ID];

    if (!cJSON_IsObject(part) || apig_text(part, "id").n > 0)
        return;
    gw_new_id(id);
    apig_set_str(part, "id", str_of(id));
}

static void give_ids(struct cJSON *body)
{
    static const char *const lists[] = {"req_params",       "backend_params", "conditions",
                                        "policy_functions", "policy_https",   "policy_mocks"};
    static const char *const objects[] = {"func_info", "backend_api", "mock_info"};
    struct cJSON *part;

    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        part = cJSON_GetObjectItemCaseSensitive(body, objects[i]);
        if (part)
            give_id(part);
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(body, lists[i]))
        {
            give_id(part);
            if (i >= 3)
                give_ids(part);
        }
    }
}

/* ---- operations ---- */

void apig_create_api(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *group;
    struct resource *draft;

    if (!apig_enter(c) || !(body = apig_body(c)))
        return;
    if (apig_text(body, "group_id").n == 0) {
        apig_fail_parameter(c, "group_id", "it is missing");
        return;
    }
    if (!(group = apig_find(c, &apig_groups, apig_text(body, "group_id"))))
        return;
    give_ids(body);
    draft = apig_draft(c, &apig_apis, S(""), str_of(group->id), body);
    if (!draft)
        return;
    if (references_ok(c, body, group) && is_alone(c, str_of(group->id), body, S("")))
        apig_create(c, &apig_apis, draft);
    else
        resource_unref(draft);
}

/* The group does not change, whatever the body says: its APIs' URLs would. */
void apig_update_api(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *r, *group;
    struct resource *draft;

    if (!apig_enter(c) || !(r = apig_find(c, &apig_apis, apig_path(c, 0))) ||
        !(body = apig_body(c)) || !(group = apig_find(c, &apig_groups, str_of(r->parent))))
        return;
    apig_set_str(body, "group_id", str_of(r->parent));
    give_ids(body);
    draft = apig_redraft(c, &apig_apis, r, body);
    if (!draft)
        return;
    if (references_ok(c, body, group) && is_alone(c, str_of(r->parent), body, str_of(r->id)))
        apig_update(c, &apig_apis, draft);
    else
        resource_unref(draft);
}

void apig_show_api(struct call *c)
{
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find(c, &apig_apis, apig_path(c, 0))))
        apig_reply_resource(c, 200, &apig_apis, r);
}

void apig_delete_api(struct call *c)
{
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find(c, &apig_apis, apig_path(c, 0))) &&
        apig_unused(c, r, APIG_API_PUBLISHED))
        apig_remove(c, &apig_apis, r);
}

void apig_check_api(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct resource_filter same;
    struct str group, self;

    if (!apig_enter(c) || !(body = apig_body(c)))
        return;
    group = apig_text(body, "group_id");
    self = apig_text(body, "api_id");
    if (group.n > 0 && !apig_find(c, &apig_groups, group))
        return;
    same = apig_filter(c, &apig_apis, group);
    same.name = apig_text(body, "name");
    if (same.name.n > 0 && self.n == 0 && catalog_count_resources(c->api->catalog, &same) > 0)
        apig_fail_catalog(c, &apig_apis, -EEXIST);
    else if (group.n == 0 || apig_text(body, "req_uri").n == 0 || is_alone(c, group, body, self))
        call_reply(c, 204, S(""), S(""));
}

/* ---- list ---- */

struct listing {
    struct apig_list l;
    struct apig_match match;
    struct str env, tags, uri;
    bool precise_uri, brief;
    struct {
        const char *key;
        struct str value;
    } equal[4]; /* members that must be so */
    int64_t type;
};

/* One of several is enough; "#no_tags#": none. */
static bool tags_match(struct str wanted, const struct cJSON *body)
{
    const struct cJSON *have = json_get(body, "tags"), *one;

    if (wanted.n == 0)
        return true;
    if (str_eq(wanted, S("#no_tags#")))
        return !have || cJSON_GetArraySize(have) == 0;
    while (wanted.p) {
        struct str tag = str_cut(&wanted, ',');

        cJSON_ArrayForEach(one, have) if (cJSON_IsString(one) &&
                                          str_eq(tag, str_of(one->valuestring))) return true;
    }
    return false;
}

static bool body_matches(const struct listing *x, const struct cJSON *body)
{
    const struct cJSON *type = json_get(body, "type");
    struct str uri = apig_text(body, "req_uri");

    for (size_t i = 0; i < ARRAY_LEN(x->equal); i++)
        if (x->equal[i].value.n > 0 && !str_eq(x->equal[i].value, apig_text(body, x->equal[i].key)))
            return false;
    if (x->type != 0 && (type ? (int64_t)type->valuedouble : 1) != x->type)
        return false;
    return (x->precise_uri ? str_eq(uri, x->uri) : apig_has(uri, x->uri)) &&
           tags_match(x->tags, body);
}

static bool asks_body(const struct listing *x)
{
    for (size_t i = 0; i < ARRAY_LEN(x->equal); i++)
        if (x->equal[i].value.n > 0)
            return true;
    return x->type != 0 || x->uri.n > 0 || x->tags.n > 0;
}

static bool list_one(void *user, const struct resource *r)
{
    struct listing *x = user;
    struct call *c = x->l.c;

    if (!apig_matches(&x->match, r) ||
        (x->env.n > 0 && !gw_release_of(c->api->catalog, str_of(r->id), x->env)))
        return true;
    if (asks_body(x)) {
        cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(r->body), NULL);

        if (!body_matches(x, body))
            return true;
    }
    if (apig_list_wants(&x->l))
        apig_list_add(&x->l, apig_object(c, &apig_apis, r));
    return true;
}

static bool read_query(struct call *c, struct listing *x)
{
    struct str type = call_query(c, S("type")), precise = call_query(c, S("precise_search"));

    x->env = call_query(c, S("env_id"));
    x->tags = call_query(c, S("tags"));
    x->uri = call_query(c, S("req_uri"));
    for (size_t i = 0; i < ARRAY_LEN(x->equal); i++)
        x->equal[i].value = call_query(c, str_of(x->equal[i].key));
    while (precise.p && !x->precise_uri)
        x->precise_uri = str_eq(str_cut(&precise, ','), S("req_uri"));
    if (type.n == 0 || str_i64(type, 1, 2, &x->type) == 0)
        return true;
    apig_fail_parameter(c, "type", "it is neither 1 nor 2");
    return false;
}

void apig_list_apis(struct call *c)
{
    struct listing x = {
            .equal = {{"req_protocol", STR_NONE},
                      {"req_method", STR_NONE},
                      {"auth_type", STR_NONE},
                      {"backend_type", STR_NONE}},
    };
    struct resource_filter filter;

    apig_match_query(c, &x.match);
    if (!apig_enter(c) || !read_query(c, &x) || !apig_list_begin(&x.l, c, apig_apis.list))
        return;
    filter = apig_filter(c, &apig_apis, call_query(c, S("group_id")));
    catalog_each_resource(c->api->catalog, &filter, list_one, &x);
    apig_list_end(&x.l);
}

struct cJSON *apig_outline(const struct call *c, const struct resource *api)
{
    static const char *const shown[] = {
            "id",     "name", "group_id", "group_name", "auth_type",    "req_uri",    "req_method",
            "remark", "type", "tags",     "publish_id", "run_env_name", "run_env_id",
    };
    cleanup_with(json_freep) struct cJSON *whole = apig_object(c, &apig_apis, api);
    struct cJSON *some = cJSON_CreateObject();

    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        struct cJSON *v = cJSON_DetachItemFromObjectCaseSensitive(whole, shown[i]);

        if (v)
            cJSON_AddItemToObject(some, shown[i], v);
    }
    return some;
}
