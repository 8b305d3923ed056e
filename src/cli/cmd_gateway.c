/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_gateway.c - evoke gateway list, show, apply, publish, rollback, offline, delete.
 *
 * An API is called by its name, by GROUP/NAME where two groups have one of that name, or by its id.
 * What can be called now, and a try of it, is cmd_gateway_routes.c.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/gateway.h"
#include "cli/output.h"
#include "cli/view.h"

enum { FILE_MAX = 1 << 20, PATH_TEXT = 4096, BODY_TEXT = 64 << 10 };

/* ---- list, show ---- */

static const char *const listed[] = {"group",    "api",      "authorizer", "env",    "variable",
                                     "response", "throttle", "app",        "domain", "fc_domain"};

/* For a table: the name, and what it belongs to by its name. */
static void add_rows(struct cJSON *to, struct cJSON *from, const struct cJSON *groups)
{
    struct cJSON *object;

    while ((object = cJSON_DetachItemFromArray(from, 0))) {
        const struct cJSON *group;
        char time[CLOCK_TEXT];

        cJSON_ArrayForEach(group, groups)
        {
            if (str_eq(view_text(group, "id"), view_text(object, "parent")))
                cJSON_AddStringToObject(object, "group", view_text(group, "name").p);
        }
        if (view_text(object, "name").n == 0 && gateway_text(object, "variable_name").n)
            cJSON_ReplaceItemInObjectCaseSensitive(
                    object, "name", cJSON_CreateString(gateway_text(object, "variable_name").p));
        if (view_text(object, "name").n == 0 && gateway_text(object, "url_domain").n)
            cJSON_ReplaceItemInObjectCaseSensitive(
                    object, "name", cJSON_CreateString(gateway_text(object, "url_domain").p));
        cJSON_AddStringToObject(object, "modified",
                                clock_iso(view_int(object, "modified_ms"), time));
        cJSON_AddItemToArray(to, object);
    }
}

static int list(const struct common *common, const struct args *args)
{
    static const struct column columns[] = {
            {"KIND", "kind", NULL, false},       {"GROUP", "group", NULL, false},
            {"NAME", "name", NULL, true},        {"ID", "id", NULL, true},
            {"DIALECT", "dialect", NULL, false}, {"MODIFIED", "modified", NULL, false},
    };
    cleanup_with(json_freep) struct cJSON *groups = NULL, *rows = cJSON_CreateArray();
    cleanup_with(client_freep) struct client *client = NULL;
    struct err e = {0};
    int r = client_new(common, &client, &e);

    if (r >= 0)
        r = gateway_list(client, "group", STR_NONE, &groups, &e);
    for (size_t i = 0; r >= 0 && i < (args->n ? 1 : ARRAY_LEN(listed)); i++) {
        cleanup_with(json_freep) struct cJSON *some = NULL;

        r = gateway_list(client, args->n ? args->words[0] : listed[i], STR_NONE, &some, &e);
        if (r >= 0)
            add_rows(rows, some, groups);
    }
    if (r < 0)
        return command_fail(&e);
    if (common->format != OUTPUT_TABLE || !output_none(rows, "there are none"))
        output_list(common->format, rows, columns, ARRAY_LEN(columns));
    return EXIT_OK;
}

const struct command command_gateway_list = {
        .name = "gateway list",
        .group = GROUP_WRITE,
        .args = "[KIND]",
        .summary = "list groups, APIs, authorizers and other objects of the gateway",
        .help = "KIND is group, api, authorizer, env, variable, response, throttle,\n"
                "throttle_bind, app, app_code, app_auth, domain, version or release.",
        .examples = "evoke gateway list\n"
                    "evoke gateway list api --output yaml\n",
        .max_words = 1,
        .run = list,
};

static int show(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *all = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    const struct cJSON *object = NULL;
    struct err e = {0};

    if (client_new(common, &client, &e) < 0 ||
        gateway_find(client, args->words[0], args->words[1], &all, &object, &e) < 0)
        return command_fail(&e);
    output_object(common->format, object);
    return EXIT_OK;
}

const struct command command_gateway_show = {
        .name = "gateway show",
        .group = GROUP_WRITE,
        .args = "KIND NAME|ID",
        .summary = "one object of the gateway in full",
        .examples = "evoke gateway show api shop/hello\n"
                    "evoke gateway show authorizer check --output yaml\n",
        .min_words = 2,
        .max_words = 2,
        .run = show,
};

/* ---- apply ---- */

static int read_text(const char *file, struct buf *out, struct err *e)
{
    int r;

    if (strcmp(file, "-") == 0)
        r = io_read_file(AT_FDCWD, "/dev/stdin", out, e);
    else
        r = io_read_file(AT_FDCWD, file, out, e);
    return r;
}

static void tell_done(const struct common *common, const struct gateway_apply *a, bool whole)
{
    const struct cJSON *row;
    int n = cJSON_GetArraySize(a->done);

    if (common->format != OUTPUT_TABLE) {
        output_list(common->format, a->done, NULL, 0);
        return;
    }
    cJSON_ArrayForEach(row, a->done)
            printf("%s%s %s %s\n", a->dry_run ? "would have " : "", view_text(row, "action").p,
                   view_text(row, "kind").p, view_text(row, "name").p);
    if (n == 0 && whole)
        fprintf(stderr, "nothing to do: all %zu objects are as the file says\n", a->same);
}

static int apply(const struct common *common, const struct args *args)
{
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(gateway_file_done) struct gateway_file file = {0};
    cleanup_with(buf_done) struct buf text;
    struct gateway_apply a = {
            .dry_run = args_has(args, "dry-run"),
            .prune = args_has(args, "prune"),
    };
    struct err e = {0};
    int r;

    buf_init(&text, FILE_MAX);
    r = read_text(args->words[0], &text, &e);
    if (r >= 0)
        r = gateway_file_parse(buf_str(&text), &file, &e);
    if (r < 0) {
        err_wrap(&e, r, "%s", args->words[0]);
        return command_fail(&e);
    }
    if (client_new(common, &client, &e) < 0)
        return command_fail(&e);
    a.client = client;
    a.text = buf_str(&text);
    a.done = cJSON_CreateArray();
    r = gateway_apply(&a, &file, &e);
    tell_done(common, &a, r >= 0);
    json_free(a.done);
    if (r >= 0)
        return EXIT_OK;
    err_wrap(&e, r, "%s", args->words[0]);
    return command_fail(&e);
}

static const struct option apply_options[] = {
        {.name = "dry-run", .kind = OPTION_FLAG, .help = "tell what would be done, and do nothing"},
        {.name = "prune",
         .kind = OPTION_FLAG,
         .help = "delete the APIs of the file's groups that are not in the file"},
};

const struct command command_gateway_apply = {
        .name = "gateway apply",
        .group = GROUP_WRITE,
        .args = "FILE|-",
        .summary = "make groups, APIs, authorizers what a file says, and publish",
        .help = "The file is YAML or JSON with names in place of ids (docs/gateway.md). What is\n"
                "so already is left alone; APIs are published where their definition differs\n"
                "from what is called. Groups that are not in the file are left alone.",
        .examples = "evoke gateway apply gateway.yaml\n"
                    "evoke gateway apply gateway.yaml --dry-run\n",
        .options = OPTION_TABLE(apply_options),
        .min_words = 1,
        .max_words = 1,
        .complete = COMPLETE_FILE,
        .run = apply,
};

/* ---- publish, rollback, offline ---- */

static int send_verb(struct client *client, const struct cJSON *api, const char *verb,
                     const char *key, const char *value, struct cJSON **ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *request = cJSON_CreateObject();
    cleanup_with(buf_done) struct buf path, body;

    buf_init(&path, PATH_TEXT);
    buf_init(&body, BODY_TEXT);
    gateway_path("api", view_text(api, "id"), verb, &path);
    if (value)
        cJSON_AddStringToObject(request, key, value);
    json_print(request, &body);
    return gateway_send(client, "POST", buf_str(&path), STR_NONE, buf_str(&body), ret, e);
}

static const char *stage_of(const struct args *args)
{
    const char *stage = args_text(args, "stage");

    return stage ? stage : "RELEASE";
}

static int act(const struct common *common, const struct args *args, const char *verb,
               const char *told)
{
    cleanup_with(json_freep) struct cJSON *all = NULL, *answer = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    const struct cJSON *api = NULL;
    struct err e = {0};

    if (client_new(common, &client, &e) < 0 ||
        gateway_find(client, "api", args->words[0], &all, &api, &e) < 0 ||
        send_verb(client, api, verb, "env", stage_of(args), &answer, &e) < 0)
        return command_fail(&e);
    if (common->format != OUTPUT_TABLE)
        output_object(common->format, answer);
    else
        printf("%s %s in %s, version %s\n", told, view_text(api, "name").p, stage_of(args),
               view_text(json_get(answer, "version"), "id").p);
    return EXIT_OK;
}

static int publish(const struct common *common, const struct args *args)
{
    return act(common, args, "publish", "published");
}

static int offline(const struct common *common, const struct args *args)
{
    return act(common, args, "offline", "took offline");
}

static const struct option stage_options[] = {
        {.name = "stage", .kind = OPTION_TEXT, .arg = "STAGE", .help = "where", .def = "RELEASE"},
};

const struct command command_gateway_publish = {
        .name = "gateway publish",
        .group = GROUP_WRITE,
        .args = "API",
        .summary = "freeze an API as a new version and call that",
        .examples = "evoke gateway publish hello\n"
                    "evoke gateway publish shop/hello --stage test\n",
        .options = OPTION_TABLE(stage_options),
        .min_words = 1,
        .max_words = 1,
        .run = publish,
};

const struct command command_gateway_offline = {
        .name = "gateway offline",
        .group = GROUP_WRITE,
        .args = "API",
        .summary = "let an API be called no more; its versions stay",
        .examples = "evoke gateway offline hello\n",
        .options = OPTION_TABLE(stage_options),
        .min_words = 1,
        .max_words = 1,
        .run = offline,
};

/* The version before the one that is called now, in that stage; or the one that is asked for. */
static int choose_version(struct client *client, const struct args *args, const struct cJSON *api,
                          struct cJSON **versions, const struct cJSON **ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *releases = NULL, *envs = NULL;
    const struct cJSON *v, *release, *before = NULL;
    const char *wanted = args_text(args, "to");
    struct str called = STR_NONE;
    cleanup_with(buf_done) struct buf query;
    int r;

    buf_init(&query, PATH_TEXT);
    buf_addf(&query, "parent=%s", view_text(api, "id").p);
    r = gateway_list(client, "version", buf_str(&query), versions, e);
    if (r >= 0)
        r = gateway_list(client, "release", buf_str(&query), &releases, e);
    if (r >= 0)
        r = gateway_list(client, "env", STR_NONE, &envs, e);
    if (r < 0)
        return r;
    cJSON_ArrayForEach(release, releases)
    {
        if (str_eq(gateway_env_name(envs, gateway_text(release, "env_id")), str_of(stage_of(args))))
            called = gateway_text(release, "version_id");
    }
    cJSON_ArrayForEach(v, *versions) /* oldest first */
    {
        bool here =
                str_eq(gateway_env_name(envs, gateway_text(v, "env_id")), str_of(stage_of(args)));

        if (wanted ? str_eq(view_text(v, "id"), str_of(wanted))
                   : here && str_eq(view_text(v, "id"), called)) {
            *ret = wanted ? v : before;
            break;
        }
        before = here ? v : before;
    }
    if (*ret)
        return 0;
    return err_set(e, ERR_CALLER, -ENOENT,
                   wanted ? "the API has no version '%s'"
                          : "the API has no version before this in %s",
                   wanted ? wanted : stage_of(args));
}

static int rollback(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *all = NULL, *versions = NULL, *answer = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    const struct cJSON *api = NULL, *version = NULL;
    struct err e = {0};
    char time[CLOCK_TEXT];

    if (client_new(common, &client, &e) < 0 ||
        gateway_find(client, "api", args->words[0], &all, &api, &e) < 0 ||
        choose_version(client, args, api, &versions, &version, &e) < 0 ||
        send_verb(client, api, "switch", "version", view_text(version, "id").p, &answer, &e) < 0)
        return command_fail(&e);
    if (common->format != OUTPUT_TABLE)
        output_object(common->format, answer);
    else
        printf("%s in %s is version %s of %s again\n", view_text(api, "name").p, stage_of(args),
               view_text(version, "id").p, clock_iso(view_int(version, "created_ms"), time));
    return EXIT_OK;
}

static const struct option rollback_options[] = {
        {.name = "stage", .kind = OPTION_TEXT, .arg = "STAGE", .help = "where", .def = "RELEASE"},
        {.name = "to",
         .kind = OPTION_TEXT,
         .arg = "VERSION",
         .help = "this version, by its id",
         .def = "the one before"},
};

const struct command command_gateway_rollback = {
        .name = "gateway rollback",
        .group = GROUP_WRITE,
        .args = "API",
        .summary = "call an older version of an API again, at once",
        .help = "Ten versions are kept for each stage: evoke gateway list version shows them.",
        .examples = "evoke gateway rollback hello\n",
        .options = OPTION_TABLE(rollback_options),
        .min_words = 1,
        .max_words = 1,
        .run = rollback,
};

/* ---- delete ---- */

static int delete (const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *all = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path;
    const struct cJSON *object = NULL;
    struct err e = {0};
    int r;

    buf_init(&path, PATH_TEXT);
    if (client_new(common, &client, &e) < 0 ||
        gateway_find(client, args->words[0], args->words[1], &all, &object, &e) < 0)
        return command_fail(&e);
    gateway_path(args->words[0], view_text(object, "id"), NULL, &path);
    r = gateway_send(client, "DELETE", buf_str(&path), STR_NONE, STR_NONE, NULL, &e);
    if (r < 0)
        return command_fail(&e);
    fprintf(stderr, "deleted %s %s\n", args->words[0], args->words[1]);
    return EXIT_OK;
}

const struct command command_gateway_delete = {
        .name = "gateway delete",
        .group = GROUP_WRITE,
        .args = "KIND NAME|ID",
        .summary = "delete an object of the gateway that nobody needs any more",
        .examples = "evoke gateway delete api shop/hello\n"
                    "evoke gateway delete group shop\n",
        .min_words = 2,
        .max_words = 2,
        .no_output = true,
        .run = delete,
};
