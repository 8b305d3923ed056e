/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compile_api.c - the definition of an API (functiongraph.md 5.2) as something that can be called, for
 * one environment: its stage, its variables put in, its throttle bound.
 *
 * Definitions were checked when they were written (kinds.h). What is wrong all the same, or names what
 * is gone, makes an API that cannot be called rather than one that does too much.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "gateway/compile/compile_internal.h"
#include "gateway/model/match.h"
#include "gateway/plane/objects.h"

enum { TEXT_MAX = 64 << 10, YES = 1, TIMEOUT_MS = 5000, KEY = 600 };

/* ---- variables of the stage ---- */

static const char *variable(const struct gw_api *a, struct str name)
{
    const struct gw_group *g = a->group;

    for (uint32_t i = 0; i < g->nvariables; i++)
        if (strcmp(g->variables[i].stage, a->stage) == 0 &&
            str_eq(str_of(g->variables[i].name), name))
            return g->variables[i].value;
    return NULL;
}

/* "#name#" is the variable; what is none stays as it is. Owned. */
static char *with_variables(const struct gw_api *a, struct str text)
{
    struct buf out;

    buf_init(&out, TEXT_MAX);
    while (text.n > 0) {
        struct str rest = str_from(text, 1), name = str_cut(&rest, '#');
        const char *value = text.p[0] == '#' && rest.p ? variable(a, name) : NULL;

        if (value) {
            buf_addz(&out, value);
            text = rest;
        } else {
            buf_addc(&out, text.p[0]);
            text = str_from(text, 1);
        }
    }
    return buf_take(&out);
}

static void set_with_variables(const struct gw_api *a, char **field, struct str text)
{
    free(*field);
    *field = with_variables(a, text);
}

/* ---- parameters ---- */

static enum gw_place place_of(struct str word)
{
    if (str_eq(word, S("PATH")))
        return GW_IN_PATH;
    return str_eq(word, S("QUERY")) ? GW_IN_QUERY : GW_IN_HEADER;
}

static char *maybe(struct str text)
{
    return text.n > 0 ? str_dup(text) : NULL;
}

static void set_param(struct gw_param *p, const struct cJSON *said)
{
    p->name = str_dup(compile_text(said, "name"));
    p->place = place_of(compile_text(said, "location"));
    p->number = str_eq(compile_text(said, "type"), S("NUMBER"));
    p->required = p->place == GW_IN_PATH || compile_number(said, "required", 2) == YES;
    p->validate = compile_number(said, "valid_enable", 2) == YES;
    p->pass_through = compile_number(said, "pass_through", 2) == YES;
    p->preset = maybe(compile_text(said, "default_value"));
    p->enumerations = maybe(compile_text(said, "enumerations"));
    p->has_min = json_get(said, "min_num") != NULL;
    p->has_max = json_get(said, "max_num") != NULL;
    p->min_num = (double)compile_number(said, "min_num", 0);
    p->max_num = (double)compile_number(said, "max_num", 0);
    p->min_size = compile_number(said, "min_size", 0);
    p->max_size = compile_number(said, "max_size", 0);
}

static void add_params(struct gw_api *a, const struct cJSON *list)
{
    const struct cJSON *item;

    if (!list)
        return;
    a->params = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*a->params));
    cJSON_ArrayForEach(item, list)
    {
        set_param(&a->params[a->nparams++], item);
    }
}

static void add_outs(struct gw_api *a, const struct cJSON *list)
{
    static const struct str origins[] = {[GW_FROM_REQUEST] = S("REQUEST"),
                                         [GW_FROM_CONSTANT] = S("CONSTANT"),
                                         [GW_FROM_SYSTEM] = S("SYSTEM")};
    const struct cJSON *item;

    if (!list)
        return;
    a->outs = xcalloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*a->outs));
    cJSON_ArrayForEach(item, list)
    {
        struct gw_out *to = &a->outs[a->nouts++];
        struct str origin = compile_text(item, "origin");

        for (unsigned i = 0; i < ARRAY_LEN(origins); i++)
            if (str_eq(origin, origins[i]))
                to->origin = (enum gw_origin)i;
        to->place = place_of(compile_text(item, "location"));
        to->name = str_dup(compile_text(item, "name"));
        to->value = to->origin == GW_FROM_CONSTANT ? with_variables(a, compile_text(item, "value"))
                                                   : str_dup(compile_text(item, "value"));
    }
}

/* ---- who may ---- */

static int set_auth(struct compiler *c, struct gw_api *a, const struct cJSON *said, struct err *e)
{
    static const struct {
        const char *word;
        enum gw_auth auth;
    } words[] = {{"NONE", GW_AUTH_NONE},
                 {"APP", GW_AUTH_APP},
                 {"IAM", GW_AUTH_IAM},
                 {"AUTHORIZER", GW_AUTH_AUTHORIZER}};
    struct str word = compile_text(said, "auth_type");
    const struct cJSON *opt = json_get(said, "auth_opt");
    size_t i = 0;

    while (i < ARRAY_LEN(words) && !str_eq(word, str_of(words[i].word)))
        i++;
    if (i == ARRAY_LEN(words))
        return err_set(e, ERR_CALLER, -EINVAL, "auth_type '%.*s' is not known", STR_ARG(word));
    a->auth = words[i].auth;
    a->app_code = opt && str_eq(compile_text(opt, "app_code_auth_type"), S("HEADER"));
    if (a->auth != GW_AUTH_AUTHORIZER)
        return 0;
    return compile_authorizer(c, a->group, compile_text(said, "authorizer_id"), &a->authorizer, e);
}

static void set_limit(struct compiler *c, struct gw_api *a, struct str env_id)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"SECOND", 1000}, {"MINUTE", 60000}, {"HOUR", 3600000}, {"DAY", 86400000}};
    cleanup_free char *key = xasprintf("%s.%.*s", a->id, STR_ARG(env_id));
    const struct resource *release = catalog_resource(c->catalog, S("release"), str_of(key));
    const char *id = map_get(c->binds, str_of(key));
    cleanup_with(json_freep) struct cJSON *about =
            release ? json_parse(str_of(release->body), NULL) : NULL;
    cleanup_with(json_freep) struct cJSON *said = NULL;
    const struct resource *throttle;

    if (!id && about && compile_text(about, "publish_id").n > 0)
        id = map_get(c->binds, compile_text(about, "publish_id"));
    throttle = id ? catalog_resource(c->catalog, S("throttle"), str_of(id)) : NULL;
    said = throttle ? json_parse(str_of(throttle->body), NULL) : NULL;
    if (!said)
        return;
    a->limit.api = (uint32_t)compile_number(said, "api_call_limits", 0);
    a->limit.app = (uint32_t)compile_number(said, "app_call_limits", 0);
    a->limit.user = (uint32_t)compile_number(said, "user_call_limits", 0);
    a->limit.ip = (uint32_t)compile_number(said, "ip_call_limits", 0);
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_eq(compile_text(said, "time_unit"), str_of(units[i].unit)))
            a->limit.period_ms = units[i].ms * (uint64_t)compile_number(said, "time_interval", 1);
    if (compile_number(said, "type", 1) == 2) /* all that are bound share one count */
        gw_set(&a->limit.id, str_of(throttle->id));
}

/* ---- who answers ---- */

static int set_function(struct compiler *c, struct gw_api *a, const struct cJSON *said,
                        struct err *e)
{
    struct str alias = compile_text(said, "alias_urn"), version = compile_text(said, "version");
    int r = compile_function(alias.n > 0 ? alias : compile_text(said, "function_urn"), &a->fn.key,
                             &a->fn.qualifier, e);

    (void)c;
    if (r < 0)
        return r;
    if (alias.n == 0 && version.n > 0)
        gw_set(&a->fn.qualifier, version);
    a->fn.async = str_eq(compile_text(said, "invocation_type"), S("async"));
    a->fn.answer = GW_ANSWER_OBJECT;
    return 0;
}

static int set_http(struct compiler *c, struct gw_api *a, const struct cJSON *said, struct err *e)
{
    cleanup_free char *host = with_variables(a, compile_text(said, "url_domain"));
    bool secure = str_eq(compile_text(said, "req_protocol"), S("HTTPS"));
    struct str retries = compile_text(said, "retry_count");
    uint64_t n = 0;

    (void)c;
    if (!host[0])
        return err_set(e, ERR_CALLER, -EINVAL, "its HTTP backend has no url_domain");
    free(a->http.url);
    a->http.url = xasprintf("%s://%s", secure ? "https" : "http", host);
    set_with_variables(a, &a->http.path, compile_text(said, "req_uri"));
    gw_set(&a->http.method,
           compile_text(said, "req_method").p ? compile_text(said, "req_method") : S("ANY"));
    if (retries.n > 0 && str_u64(retries, 0, 10, &n) == 0)
        a->http.retries = (uint32_t)n;
    return 0;
}

static int set_mock(struct compiler *c, struct gw_api *a, const struct cJSON *said, struct err *e)
{
    (void)c;
    (void)e;
    set_with_variables(a, &a->mock.body, compile_text(said, "result_content"));
    a->mock.status = (uint32_t)compile_number(said, "status_code", 200);
    return 0;
}

static int set_backend(struct compiler *c, struct gw_api *a, const struct cJSON *api, struct err *e)
{
    static const struct {
        const char *word, *member;
        enum gw_backend_kind kind;
        int (*set)(struct compiler *c, struct gw_api *a, const struct cJSON *said, struct err *e);
    } backends[] = {
            {"FUNCTION", "func_info", GW_BACKEND_FUNCTION, set_function},
            {"HTTP", "backend_api", GW_BACKEND_HTTP, set_http},
            {"MOCK", "mock_info", GW_BACKEND_MOCK, set_mock},
    };
    struct str word = compile_text(api, "backend_type");

    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        const struct cJSON *said = json_get(api, backends[i].member);
        struct str authorizer = compile_text(said, "authorizer_id");
        int r;

        if (!str_eq(word, str_of(backends[i].word)))
            continue;
        a->backend = backends[i].kind;
        a->timeout_ms = (uint32_t)compile_number(said, "timeout", TIMEOUT_MS);
        r = backends[i].set(c, a, said, e);
        if (r < 0 || authorizer.n == 0)
            return r;
        return compile_authorizer(c, a->group, authorizer, &a->backend_authorizer, e);
    }
    return err_set(e, ERR_CALLER, -EINVAL, "a backend of type '%.*s' cannot be called",
                   STR_ARG(word));
}

/* ---- all of it ---- */

static int set_path(struct gw_api *a, const struct cJSON *said, struct err *e)
{
    struct str pattern = compile_text(said, "req_uri");
    int r = gw_pattern_check(pattern, e);

    if (r < 0)
        return r;
    gw_set(&a->pattern, pattern);
    gw_set(&a->method,
           compile_text(said, "req_method").p ? compile_text(said, "req_method") : S("ANY"));
    a->prefix = str_eq(compile_text(said, "match_mode"), S("SWA"));
    return 0;
}

static int fill(struct compiler *c, struct gw_api *a, const struct cJSON *said, struct str env_id,
                struct err *e)
{
    int r = set_path(a, said, e);

    if (r == 0)
        r = set_auth(c, a, said, e);
    if (r == 0)
        r = set_backend(c, a, said, e);
    if (r < 0)
        return r;
    a->cors.on = compile_flag(said, "cors", false);
    a->fn.base64 = compile_flag(said, "is_send_fg_body_base64", true);
    gw_set(&a->response,
           compile_text(said, "response_id").p ? compile_text(said, "response_id") : S(""));
    add_params(a, json_get(said, "req_params"));
    add_outs(a, json_get(said, "backend_params"));
    set_limit(c, a, env_id);
    return 0;
}

struct gw_api *compile_api(struct compiler *c, struct str api_id, const struct cJSON *definition,
                           struct str env_id, struct gw_group *group, struct err *e)
{
    const struct resource *whose = catalog_resource(c->catalog, S("group"), str_of(group->id));
    const char *stage = whose ? gw_env_name(c->catalog, whose, env_id) : NULL;
    struct gw_api *a;

    if (!definition || !stage) {
        err_set(e, ERR_CALLER, -ENOENT, stage ? "its definition is empty" : "its stage is gone");
        return NULL;
    }
    a = gw_api_new(group);
    gw_set(&a->id, api_id);
    gw_set(&a->name, compile_text(definition, "name").p ? compile_text(definition, "name") : S(""));
    gw_set(&a->stage, str_of(stage));
    if (fill(c, a, definition, env_id, e) == 0)
        return a;
    gw_api_unref(a);
    return NULL;
}
