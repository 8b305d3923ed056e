/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_alias.c - evoke version list, publish, delete and evoke alias list, set, delete: what a
 * function was, and which of it is called. Rolling back is `alias set` to the version before.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/events.h"
#include "cli/name.h"
#include "cli/output.h"
#include "cli/view.h"

enum { TEXT_MAX = 64 << 10, WHOLE = 10000 };

/* The daemon, and the API path of what the words name: a function, kind, one of them (or NULL). */
static int begin(const struct common *common, const char *function, const char *kind,
                 const char *one, struct client **ret, struct buf *path, struct err *e)
{
    int r = client_new(common, ret, e);

    if (r >= 0)
        r = name_resolve(*ret, function, path, e);
    if (r < 0)
        return r;
    buf_addf(path, "/%s", kind);
    if (one) {
        buf_addc(path, '/');
        uri_encode(str_of(one), "", path);
    }
    return 0;
}

static void add_time(struct cJSON *row, const char *from, const char *to)
{
    char text[CLOCK_TEXT];

    cJSON_AddStringToObject(row, to, clock_iso(view_int(row, from), text));
}

/* ---- versions ---- */

static int list_versions(const struct common *common, const struct args *args)
{
    static const struct column columns[] = {
            {"VERSION", "version", NULL},
            {"PUBLISHED", "published", NULL},
            {"RUNTIME", "runtime", NULL},
            {"NOTE", "note", NULL},
    };
    cleanup_with(json_freep) struct cJSON *answer = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path;
    struct cJSON *row, *rows;
    struct err e = {0};

    buf_init(&path, TEXT_MAX);
    if (begin(common, args->words[0], "versions", NULL, &client, &path, &e) < 0 ||
        client_get(client, buf_str(&path), STR_NONE, &answer, &e) < 0)
        return command_fail(&e);
    rows = cJSON_GetObjectItemCaseSensitive(answer, "versions");
    cJSON_ArrayForEach(row, rows)
    {
        add_time(row, "published_ms", "published");
    }
    output_list(common->format, rows, columns, ARRAY_LEN(columns));
    return EXIT_OK;
}

const struct command command_version_list = {
        .name = "version list",
        .group = GROUP_WRITE,
        .beside = true,
        .args = "FUNCTION",
        .summary = "list the published versions of a function",
        .examples = "evoke version list hello\n",
        .min_words = 1,
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = list_versions,
};

static const struct option publish_options[] = {
        {.name = "name",
         .kind = OPTION_TEXT,
         .arg = "NAME",
         .help = "of the version",
         .def = "as the function's cloud names it",
         .min = 1,
         .max = 63},
        {.name = "note",
         .kind = OPTION_TEXT,
         .arg = "TEXT",
         .help = "what to say of it",
         .max = 1024},
};

/* One call whose answer is an object. */
static int exchange(const struct common *common, struct client *client, const char *method,
                    struct str path, const struct cJSON *body)
{
    cleanup_with(json_freep) struct cJSON *answer = NULL;
    cleanup_with(buf_done) struct buf text;
    struct err e = {0};

    buf_init(&text, TEXT_MAX);
    json_print(body, &text);
    if (events_post(client, method, path, buf_str(&text), &answer, &e) < 0)
        return command_fail(&e);
    output_object(common->format, answer);
    return EXIT_OK;
}

static int publish(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *body = cJSON_CreateObject();
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path;
    struct err e = {0};

    buf_init(&path, TEXT_MAX);
    if (begin(common, args->words[0], "versions", NULL, &client, &path, &e) < 0)
        return command_fail(&e);
    if (args_has(args, "name"))
        cJSON_AddStringToObject(body, "version", args_text(args, "name"));
    if (args_has(args, "note"))
        cJSON_AddStringToObject(body, "note", args_text(args, "note"));
    return exchange(common, client, "POST", buf_str(&path), body);
}

const struct command command_version_publish = {
        .name = "version publish",
        .group = GROUP_WRITE,
        .beside = true,
        .args = "FUNCTION",
        .summary = "freeze what a function is now as a version",
        .examples = "evoke version publish hello --note 'before the great change'\n",
        .options = {publish_options, ARRAY_LEN(publish_options)},
        .min_words = 1,
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = publish,
};

static int delete_one(const struct common *common, const struct args *args, const char *kind)
{
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path;
    struct err e = {0};

    buf_init(&path, TEXT_MAX);
    if (begin(common, args->words[0], kind, args->words[1], &client, &path, &e) < 0 ||
        events_post(client, "DELETE", buf_str(&path), STR_NONE, NULL, &e) < 0)
        return command_fail(&e);
    fprintf(stderr, "deleted %s of %s\n", args->words[1], args->words[0]);
    return EXIT_OK;
}

static int delete_version(const struct common *common, const struct args *args)
{
    return delete_one(common, args, "versions");
}

const struct command command_version_delete = {
        .name = "version delete",
        .group = GROUP_WRITE,
        .beside = true,
        .args = "FUNCTION VERSION",
        .summary = "delete a version that no alias points at",
        .examples = "evoke version delete hello v1\n",
        .min_words = 2,
        .max_words = 2,
        .no_output = true,
        .complete = COMPLETE_FUNCTION,
        .run = delete_version,
};

/* ---- aliases ---- */

static int list_aliases(const struct common *common, const struct args *args)
{
    static const struct column columns[] = {
            {"ALIAS", "alias", NULL},
            {"VERSION", "version", NULL},
            {"OTHERS", "shares", NULL},
            {"MODIFIED", "modified", NULL},
    };
    cleanup_with(json_freep) struct cJSON *answer = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path;
    struct cJSON *row, *rows;
    struct err e = {0};

    buf_init(&path, TEXT_MAX);
    if (begin(common, args->words[0], "versions", NULL, &client, &path, &e) < 0 ||
        client_get(client, buf_str(&path), STR_NONE, &answer, &e) < 0)
        return command_fail(&e);
    rows = cJSON_GetObjectItemCaseSensitive(answer, "aliases");
    cJSON_ArrayForEach(row, rows)
    {
        cleanup_with(buf_done) struct buf shares;
        const struct cJSON *o;

        buf_init(&shares, TEXT_MAX);
        cJSON_ArrayForEach(o, json_get(row, "others"))
        {
            long long share = (long long)view_int(o, "share");

            buf_addf(&shares, "%s%.*s=", shares.n ? " " : "", STR_ARG(view_text(o, "version")));
            if (view_int(o, "rules") > 0)
                buf_addz(&shares, "by rules");
            else
                buf_addf(&shares, "%lld.%02lld%%", share / 100, share % 100);
        }
        cJSON_AddStringToObject(row, "shares", shares.n ? shares.p : "");
        add_time(row, "modified_ms", "modified");
    }
    output_list(common->format, rows, columns, ARRAY_LEN(columns));
    return EXIT_OK;
}

const struct command command_alias_list = {
        .name = "alias list",
        .group = GROUP_WRITE,
        .beside = true,
        .args = "FUNCTION",
        .summary = "list the aliases of a function and where they point",
        .examples = "evoke alias list hello\n",
        .min_words = 1,
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = list_aliases,
};

static const struct option set_options[] = {
        {.name = "version",
         .kind = OPTION_TEXT,
         .arg = "VERSION",
         .help = "where it points",
         .min = 1,
         .max = 63},
        {.name = "weight",
         .kind = OPTION_TEXT,
         .arg = "VERSION=N%",
         .help = "this share of the calls is for another version",
         .min = 3,
         .max = 80,
         .repeats = true},
};

/* "v2=10%" or "v2=0.25%". */
static int add_weight(struct cJSON *others, const char *text, struct err *e)
{
    struct str rest = str_of(text), version = str_cut(&rest, '='), whole;
    cleanup_free char *name = NULL;
    struct cJSON *o;
    uint64_t percent = 0, cents = 0;
    bool ok;

    if (str_ends(rest, S("%")))
        rest.n--;
    whole = str_cut(&rest, '.');
    ok = version.n > 0 && str_u64(whole, 0, 100, &percent) == 0 &&
         (!rest.p || (rest.n == 2 && str_u64(rest, 0, 99, &cents) == 0)) &&
         percent * 100 + cents <= WHOLE;
    if (!ok)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "--weight '%.64s' is not VERSION=N%%, as v2=10%% or v2=0.25%%", text);
    name = str_dup(version);
    o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "version", name);
    cJSON_AddNumberToObject(o, "share", (double)(percent * 100 + cents));
    cJSON_AddItemToArray(others, o);
    return 0;
}

static int set_alias(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *body = cJSON_CreateObject();
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path;
    struct cJSON *others = cJSON_AddArrayToObject(body, "others");
    struct err e = {0};

    buf_init(&path, TEXT_MAX);
    if (!args_has(args, "version")) {
        err_set(&e, ERR_CALLER, -EINVAL, "--version is needed: where the alias points");
        return command_fail(&e);
    }
    cJSON_AddStringToObject(body, "version", args_text(args, "version"));
    for (size_t i = 0; i < args->ngiven; i++)
        if (strcmp(args->given[i].option->name, "weight") == 0 &&
            add_weight(others, args->given[i].text, &e) < 0)
            return command_fail(&e);
    if (begin(common, args->words[0], "aliases", args->words[1], &client, &path, &e) < 0)
        return command_fail(&e);
    return exchange(common, client, "PUT", buf_str(&path), body);
}

const struct command command_alias_set = {
        .name = "alias set",
        .group = GROUP_WRITE,
        .beside = true,
        .args = "FUNCTION NAME",
        .summary = "point an alias at a version; make it if it is not there",
        .help = "What it was before is replaced as a whole, from the next call on.\n"
                "Rolling back is setting it to the version before.",
        .examples = "evoke alias set hello prod --version v2 --weight v3=10%\n"
                    "evoke alias set hello prod --version v1\n",
        .options = {set_options, ARRAY_LEN(set_options)},
        .min_words = 2,
        .max_words = 2,
        .complete = COMPLETE_FUNCTION,
        .run = set_alias,
};

static int delete_alias(const struct common *common, const struct args *args)
{
    return delete_one(common, args, "aliases");
}

const struct command command_alias_delete = {
        .name = "alias delete",
        .group = GROUP_WRITE,
        .beside = true,
        .args = "FUNCTION NAME",
        .summary = "delete an alias; its versions stay",
        .examples = "evoke alias delete hello prod\n",
        .min_words = 2,
        .max_words = 2,
        .no_output = true,
        .complete = COMPLETE_FUNCTION,
        .run = delete_alias,
};
