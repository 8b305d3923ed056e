/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_refs.c - is there what an object names? Of the same account and region, that is: nobody
 * comes into another's group by knowing its id.
 *
 * One table: which field of which kind names what. A function may come later; who writes its name
 * is told that it is not there yet.
 *
 * A domain is asked the other way round: its name must be nobody's, neither ours nor another group's.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "admin/gateway.h"
#include "api/api.h"
#include "api/host.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "catalog/resources.h"
#include "gateway/gateway.h"
#include "gateway/plane/kinds.h"
#include "gateway/plane/objects.h"

/* kind `of`; field: "parent" is the record's, "func_info.authorizer_id" goes one deep. */
static const struct ref {
    const char *of, *field, *to;
    bool required;
    const char *type; /* of an authorizer: "FRONTEND" */
} refs[] = {
        {"api", "parent", "group", .required = true},
        {"api", "authorizer_id", "authorizer", .type = "FRONTEND"},
        {"api", "func_info.authorizer_id", "authorizer", .type = "BACKEND"},
        {"api", "mock_info.authorizer_id", "authorizer", .type = "BACKEND"},
        {"api", "backend_api.authorizer_id", "authorizer", .type = "BACKEND"},
        {"api", "response_id", "response"},
        {"api", "func_info.function_urn", "function"},
        {"authorizer", "authorizer_uri", "function"},
        {"variable", "parent", "group", .required = true},
        {"variable", "env_id", "env"},
        {"response", "parent", "group", .required = true},
        {"domain", "parent", "group", .required = true},
        {"throttle_bind", "parent", "throttle", .required = true},
        {"throttle_bind", "api_id", "api"},
        {"throttle_bind", "env_id", "env"},
        {"app_code", "parent", "app", .required = true},
        {"app_auth", "parent", "app", .required = true},
        {"app_auth", "api_id", "api"},
        {"app_auth", "env_id", "env"},
};

static struct str read_field(const struct resource *draft, const struct cJSON *body,
                             const char *field)
{
    struct str rest = str_of(field), first = str_cut(&rest, '.');
    const struct cJSON *value;
    char outer[32];

    if (str_eq(first, S("parent")))
        return str_of(draft->parent);
    if (rest.p) {
        memcpy(outer, first.p, first.n); /* names of the table above */
        outer[first.n] = '\0';
        value = json_get(body, outer);
        value = value ? json_get(value, rest.p) : NULL;
    } else {
        value = json_get(body, field);
    }
    return value && cJSON_IsString(value) ? str_of(value->valuestring) : S("");
}

static bool is_ours(const struct resource *r, const struct resource *draft)
{
    return strcmp(r->account, draft->account) == 0 && strcmp(r->region, draft->region) == 0;
}

static void look_for_function(const struct call *c, const char *field, struct str name,
                              struct buf *warnings)
{
    struct gw_function f;

    if (gw_function_of(name, &f) == 0 && !catalog_find(c->api->catalog, &f.key))
        buf_addf(warnings, "%s: there is no function '%.*s' yet\n", field,
                 (int)(name.n < 200 ? name.n : 200), name.p);
}

static bool is_of_type(const struct resource *r, const char *type)
{
    struct cJSON *body = type ? json_parse(str_of(r->body), NULL) : NULL;
    struct str have = STR_NONE;
    bool same;

    if (body)
        (void)json_str(body, "type", false, &have, NULL);
    same = !type || str_eq(have, str_of(type));
    json_free(body);
    return same;
}

/* SCF's stages have names and no record, nor needs a service or a trigger's API one: a plan may be
 * bound before there is anything to call. */
static int check_plan(const struct ref *ref, struct str id, struct err *e)
{
    static const char *const stages[] = {"release", "prepub", "test"};

    if (strcmp(ref->to, "env") != 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(stages); i++)
        if (str_eq(id, str_of(stages[i])))
            return 0;
    return err_set(e, ERR_CALLER, -EINVAL, "%s: '%.*s' is not release, prepub or test", ref->field,
                   (int)(id.n < 64 ? id.n : 64), id.p);
}

static bool is_plan(const struct ref *ref, const struct resource *draft)
{
    return draft->dialect == DIALECT_SCF && strcmp(ref->of, "app_auth") == 0 &&
           strcmp(ref->to, "app") != 0;
}

static int check_ref(const struct call *c, const struct ref *ref, const struct resource *draft,
                     struct str id, struct err *e)
{
    const struct resource *r;
    int n = (int)(id.n < 64 ? id.n : 64);

    if (is_plan(ref, draft))
        return check_plan(ref, id, e);
    if (strcmp(ref->to, "env") == 0) {
        if (gw_env_name(c->api->catalog, draft, id))
            return 0;
        return err_set(e, ERR_CALLER, -EINVAL, "%s: there is no env '%.*s'", ref->field, n, id.p);
    }
    r = catalog_resource(c->api->catalog, str_of(ref->to), id);
    if (!r || !is_ours(r, draft))
        return err_set(e, ERR_CALLER, -EINVAL, "%s: there is no %s '%.*s'", ref->field, ref->to, n,
                       id.p);
    if (!is_of_type(r, ref->type))
        return err_set(e, ERR_CALLER, -EINVAL, "%s: authorizer '%s' is not of type %s", ref->field,
                       r->name, ref->type);
    if (strcmp(ref->to, "response") == 0 && strcmp(r->parent, draft->parent) != 0)
        return err_set(e, ERR_CALLER, -EINVAL, "%s: response '%s' is another group's", ref->field,
                       r->name);
    return 0;
}

static bool is_new_domain(const struct call *c, const struct resource *draft)
{
    return (strcmp(draft->kind, "domain") == 0 || strcmp(draft->kind, "fc_domain") == 0) &&
           !catalog_resource(c->api->catalog, str_of(draft->kind), str_of(draft->id));
}

static int check_domain(const struct call *c, const struct resource *draft, struct err *e)
{
    struct str name = str_of(draft->id);

    if (host_is_ours(name, str_of(c->api->hosts ? c->api->hosts : "")))
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' is a name of this server", draft->id);
    if (c->api->gateway && gateway_knows_host(c->api->gateway, name))
        return err_set(e, ERR_CALLER, -EINVAL, "'%s' is a name that the gateway answers to already",
                       draft->id);
    return 0;
}

int gate_check_refs(const struct call *c, const struct resource *draft, const struct cJSON *body,
                    struct buf *warnings, struct err *e)
{
    if (is_new_domain(c, draft) && check_domain(c, draft, e) < 0)
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
        struct str id;
        int r = 0;

        if (strcmp(refs[i].of, draft->kind) != 0)
            continue;
        id = read_field(draft, body, refs[i].field);
        if (id.n == 0 && refs[i].required)
            return err_set(e, ERR_CALLER, -EINVAL, "%s is missing: the id of its %s",
                           strcmp(draft->kind, "api") == 0 || strcmp(draft->kind, "variable") == 0
                                   ? "group_id"
                                   : "parent",
                           refs[i].to);
        if (id.n == 0)
            continue;
        if (strcmp(refs[i].to, "function") == 0)
            look_for_function(c, refs[i].field, id, warnings);
        else
            r = check_ref(c, &refs[i], draft, id, e);
        if (r < 0)
            return r;
    }
    return 0;
}

struct named {
    struct str name;
    const struct resource *found;
};

static bool is_it(void *user, const struct resource *r)
{
    struct named *n = user;

    if (str_eq(str_of(r->name), n->name) || str_eq(str_of(r->id), n->name))
        n->found = r;
    return !n->found;
}

int gate_env(const struct call *c, const struct resource *whose, struct str text, struct str *ret,
             struct err *e)
{
    struct named n = {.name = text};
    struct resource_filter filter = {
            .kind = S("env"),
            .dialect = -1,
            .account = str_of(whose->account),
            .region = str_of(whose->region),
    };

    *ret = S(GW_RELEASE_ENV);
    if (text.n == 0 || str_eq(text, S(GW_RELEASE_ENV)) || str_ieq(text, S(GW_RELEASE_NAME)))
        return 0;
    catalog_each_resource(c->api->catalog, &filter, is_it, &n);
    if (!n.found)
        return err_set(e, ERR_CALLER, -ENOENT, "there is no env '%.*s'",
                       (int)(text.n < 64 ? text.n : 64), text.p);
    *ret = str_of(n.found->id);
    return 0;
}
