/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_gateway_routes.c - evoke gateway routes: what can be called now, and where.
 *
 * A route is what a release names, or an HTTP trigger. Its URL is by path, which works by whatever
 * name the daemon is reached.
 */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/gateway.h"
#include "cli/output.h"
#include "cli/triggers.h"
#include "cli/view.h"

enum { TEXT_MAX = 8192 };

struct lists {
    struct cJSON *groups, *apis, *versions, *releases, *envs, *triggers; /* owned */
};

static void lists_done(struct lists *l)
{
    json_free(l->groups);
    json_free(l->apis);
    json_free(l->versions);
    json_free(l->releases);
    json_free(l->envs);
    json_free(l->triggers);
}

static int fetch(struct client *c, struct lists *l, struct err *e)
{
    struct {
        const char *kind;
        struct cJSON **at;
    } kinds[] = {{"group", &l->groups},
                 {"api", &l->apis},
                 {"version", &l->versions},
                 {"release", &l->releases},
                 {"env", &l->envs}};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(kinds); i++)
        r = gateway_list(c, kinds[i].kind, STR_NONE, kinds[i].at, e);
    return r < 0 ? r : triggers_get(c, STR_NONE, &l->triggers, e);
}

/* Who answers: "function hello", "http://host/path", "mock". */
static void put_target(struct cJSON *row, const struct cJSON *def)
{
    const struct cJSON *web = json_get(def, "backend_api"), *fn = json_get(def, "func_info");
    struct str type = view_text(def, "backend_type");
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, TEXT_MAX);
    if (str_eq(type, S("FUNCTION")))
        buf_adds(&text, view_text(fn, "function_urn"));
    else if (str_eq(type, S("HTTP")))
        buf_addf(&text, "http://%.*s%.*s", STR_ARG(view_text(web, "url_domain")),
                 STR_ARG(view_text(web, "req_uri")));
    else
        buf_addz(&text, "mock");
    cJSON_AddStringToObject(row, "backend", text.p);
}

/* Another one was first. */
static void add_shadow(const struct cJSON *object, struct buf *out)
{
    struct str shadow = view_text(object, "shadowed_by");

    if (shadow.n > 0)
        buf_addf(out, ", not in force: it is %.*s's", STR_ARG(shadow));
}

static void add_release(struct cJSON *rows, const struct lists *l, const struct cJSON *release)
{
    const struct cJSON *api = gateway_by_id(l->apis, view_text(release, "parent"));
    const struct cJSON *version = gateway_by_id(l->versions, gateway_text(release, "version_id"));
    const struct cJSON *group = gateway_by_id(l->groups, view_text(api, "parent"));
    const struct cJSON *def = json_get(json_get(version, "body"), "api");
    cleanup_with(buf_done) struct buf text = {0};
    struct cJSON *row;

    if (!def || !group)
        return;
    buf_init(&text, TEXT_MAX);
    row = cJSON_CreateObject();
    buf_addf(&text, "/apigw/%.*s%.*s%s", STR_ARG(view_text(group, "id")),
             STR_ARG(view_text(def, "req_uri")),
             str_eq(view_text(def, "match_mode"), S("SWA")) ? "..." : "");
    cJSON_AddStringToObject(row, "method", view_text(def, "req_method").p);
    cJSON_AddStringToObject(row, "path", text.p);
    cJSON_AddStringToObject(row, "stage",
                            gateway_env_name(l->envs, gateway_text(release, "env_id")).p);
    cJSON_AddStringToObject(row, "auth", view_text(def, "auth_type").p);
    put_target(row, def);
    buf_reset(&text);
    buf_addf(&text, "%.*s/%.*s", STR_ARG(view_text(group, "name")),
             STR_ARG(view_text(api, "name")));
    add_shadow(release, &text);
    cJSON_AddStringToObject(row, "from", text.p);
    cJSON_AddItemToArray(rows, row);
}

static void add_trigger(struct cJSON *rows, const struct cJSON *trigger)
{
    const struct cJSON *address = json_get(trigger, "address");
    struct str auth = view_text(json_get(trigger, "config"), "auth");
    cleanup_with(buf_done) struct buf from = {0};
    bool enabled = false;
    struct cJSON *row;

    (void)json_bool(trigger, "enabled", false, &enabled, NULL);
    if (!address || !enabled)
        return;
    buf_init(&from, TEXT_MAX);
    buf_addf(&from, "trigger %.*s", STR_ARG(view_text(trigger, "name")));
    add_shadow(trigger, &from);
    row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "method", view_text(address, "method").p);
    cJSON_AddStringToObject(row, "path", view_text(address, "by_path").p);
    cJSON_AddStringToObject(row, "stage", "");
    cJSON_AddStringToObject(row, "auth", auth.n ? auth.p : "");
    cJSON_AddStringToObject(row, "backend", view_text(trigger, "function").p);
    cJSON_AddStringToObject(row, "from", from.p);
    cJSON_AddItemToArray(rows, row);
}

static int routes(const struct common *common, const struct args *args)
{
    static const struct column columns[] = {
            {"METHOD", "method", NULL, false},   {"PATH", "path", NULL, true},
            {"STAGE", "stage", NULL, false},     {"AUTH", "auth", NULL, false},
            {"BACKEND", "backend", NULL, false}, {"FROM", "from", NULL, false},
    };
    cleanup_with(json_freep) struct cJSON *rows = cJSON_CreateArray();
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(lists_done) struct lists l = {0};
    const struct cJSON *one;
    struct err e = {0};

    (void)args;
    if (client_new(common, &client, &e) < 0 || fetch(client, &l, &e) < 0)
        return command_fail(&e);
    cJSON_ArrayForEach(one, l.releases) add_release(rows, &l, one);
    cJSON_ArrayForEach(one, l.triggers) add_trigger(rows, one);
    if (common->format != OUTPUT_TABLE ||
        !output_none(rows, "nothing is published: evoke gateway apply FILE"))
        output_list(common->format, rows, columns, ARRAY_LEN(columns));
    return EXIT_OK;
}

const struct command command_gateway_routes = {
        .name = "gateway routes",
        .group = GROUP_WRITE,
        .args = "",
        .summary = "what can be called through the gateway now, and where",
        .examples = "evoke gateway routes\n",
        .run = routes,
};
