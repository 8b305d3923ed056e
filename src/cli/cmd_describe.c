/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_describe.c - evoke describe NAME: everything about one function on a page: what was deployed,
 * how it is, what it did last. Values of its environment are secrets until somebody asks for them.
 */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/name.h"
#include "cli/output.h"
#include "cli/state_view.h"
#include "cli/triggers.h"
#include "cli/units.h"
#include "cli/view.h"

static const char hidden[] = "(hidden)";

static const struct option options[] = {
        {.name = "show-secrets",
         .kind = OPTION_FLAG,
         .help = "print the values of the environment too"},
        {.name = "runs",
         .letter = 'n',
         .kind = OPTION_INT,
         .arg = "N",
         .help = "how many of the last runs to show",
         .def = "5",
         .min = 0,
         .max = 100},
};

/* Its own rules for asynchronous events; without them its cloud's hold. */
static void print_rules(const struct view *v, const struct cJSON *f)
{
    static const char *const ends[] = {"on_success", "on_failure"};
    const struct cJSON *async = json_get(f, "async");

    if (!async)
        return;
    view_fieldf(v, "events", "%lld s old at most, %lld retries",
                (long long)view_int(async, "max_age_s"), (long long)view_int(async, "max_retries"));
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        view_key(v, i ? "on failure" : "on success", json_get(async, ends[i]), "to", NULL);
}

static void print_settings(const struct view *v, const struct cJSON *f)
{
    static const struct {
        const char *name, *key, *unit;
    } fields[] = {
            {"runtime", "runtime", NULL},
            {"handler", "handler", NULL},
            {"initializer", "initializer", NULL},
            {"description", "description", NULL},
            {"version", "version", NULL},
            {"memory", "memory_mb", " MB"},
            {"timeout", "timeout_ms", " ms"},
            {"init timeout", "init_timeout_ms", " ms"},
            {"cpu", "cpu", NULL},
            {"/tmp", "tmp_mb", " MB"},
            {"network", "network", NULL},
            {"role", "role", NULL},
            {"at once", "instance_concurrency", " per instance"},
            {"at most", "max_instances", " instances"},
            {"reserved", "reserved", " instances"},
            {"pre-stop", "pre_stop", NULL},
            {"pre-freeze", "pre_freeze", NULL},
            {"created", "created", NULL},
            {"modified", "modified", NULL},
    };

    view_section(v, "Settings");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        view_key(v, fields[i].name, f, fields[i].key, fields[i].unit);
    print_rules(v, f);
}

static void print_code(const struct view *v, const struct cJSON *f)
{
    const struct cJSON *code = json_get(f, "code");
    char size[UNITS_TEXT];

    if (!code || view_int(code, "size") == 0)
        return;
    view_section(v, "Code");
    view_field(v, "size", str_of(units_bytes((uint64_t)view_int(code, "size"), size)));
    view_key(v, "sha256", code, "sha256", NULL);
    view_key(v, "file", code, "filename", NULL);
}

static void print_environment(const struct view *v, const struct cJSON *f)
{
    const struct cJSON *environment = json_get(f, "environment");

    if (!environment || !environment->child)
        return;
    view_section(v, "Environment");
    for (const struct cJSON *var = environment->child; var; var = var->next)
        view_field(v, var->string, str_of(cJSON_IsString(var) ? var->valuestring : ""));
}

/* Only what ended; an answer that cannot be had is no reason to show nothing else. */
static void add_runs(struct client *c, struct cJSON *f, struct str name, int64_t most)
{
    cleanup_with(json_freep) struct cJSON *logs = NULL;
    cleanup_with(buf_done) struct buf query;
    struct cJSON *runs = cJSON_AddArrayToObject(f, "last_runs");
    const struct cJSON *records;

    buf_init(&query, 16 << 10);
    if (most == 0)
        return;
    buf_addz(&query, "function=");
    uri_encode(name, "", &query);
    buf_addf(&query, "&last=%lld", (long long)most);
    if (client_get(c, S("/evoke/v1/logs"), buf_str(&query), &logs, NULL) < 0)
        return;
    records = json_get(logs, "records");
    for (const struct cJSON *r = records ? records->child : NULL; r; r = r->next) {
        const struct cJSON *end = json_get(r, "end");
        struct cJSON *run;

        if (!end)
            continue;
        run = cJSON_Duplicate(end, true);
        cJSON_AddNumberToObject(run, "time_ms", (double)view_int(r, "time_ms"));
        cJSON_AddItemToObject(run, "request_id", cJSON_Duplicate(json_get(r, "request_id"), false));
        cJSON_AddItemToArray(runs, run);
    }
}

static void print_runs(const struct view *v, const struct cJSON *f)
{
    static const struct column columns[] = {
            {"  WHEN", "when", NULL},        {"END", "outcome", NULL},
            {"TOOK", "duration_ms", " ms"},  {"COLD", "cold", NULL},
            {"REQUEST", "request_id", NULL},
    };
    const struct cJSON *all = json_get(f, "last_runs");
    cleanup_with(json_freep) struct cJSON *rows = cJSON_Duplicate(all, true);

    if (!rows || !rows->child)
        return;
    for (struct cJSON *row = rows->child; row; row = row->next) {
        char ago[32], when[40];

        snprintf(when, sizeof(when), "  %s", view_ago(v, view_int(row, "time_ms"), ago));
        cJSON_AddStringToObject(row, "when", when);
    }
    view_section(v, "Last runs");
    output_list(OUTPUT_TABLE, rows, columns, ARRAY_LEN(columns));
}

static void hide_environment(struct cJSON *f)
{
    struct cJSON *environment = cJSON_GetObjectItemCaseSensitive(f, "environment");

    for (struct cJSON *var = environment ? environment->child : NULL; var; var = var->next)
        if (cJSON_IsString(var) && var->valuestring[0])
            cJSON_SetValuestring(var, hidden);
}

static void print_people(const struct cJSON *f, struct str name)
{
    const struct cJSON *state = json_get(f, "how");
    struct view v;

    view_init(&v);
    printf("%s", term_style(&v.term, TERM_BOLD));
    (void)term_write(&v.term, name);
    printf("%s\n", term_style(&v.term, TERM_PLAIN));
    view_key(&v, "state", f, "state", NULL);
    if (state) {
        view_key(&v, "how it is", state, "sentence", NULL);
        view_key(&v, "next", state, "next", NULL);
    }
    print_settings(&v, f);
    print_code(&v, f);
    print_environment(&v, f);
    if (state) {
        state_view_figures(&v, state);
        state_view_instances(&v, state);
    }
    print_runs(&v, f);
    triggers_view(&v, f, name);
}

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *function = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path, name;
    struct cJSON *state = NULL;
    struct err e = {0};

    buf_init(&path, 8 << 10);
    buf_init(&name, 8 << 10);
    if (client_new(common, &client, &e) < 0 ||
        name_resolve(client, args->words[0], &path, &e) < 0 ||
        client_get(client, buf_str(&path), STR_NONE, &function, &e) < 0)
        return command_fail(&e);
    name_of_function(function, &name);
    buf_addz(&path, "/state");
    if (client_get(client, buf_str(&path), STR_NONE, &state, NULL) >= 0)
        cJSON_AddItemToObject(function, "how", state);
    triggers_add(client, buf_str(&name), function);
    add_runs(client, function, buf_str(&name), args_number(args, "runs", 5));
    if (!args_has(args, "show-secrets"))
        hide_environment(function);
    if (common->format == OUTPUT_TABLE)
        print_people(function, buf_str(&name));
    else
        output_object(common->format, function);
    return EXIT_OK;
}

const struct command command_describe = {
        .name = "describe",
        .group = GROUP_SEE,
        .args = "NAME",
        .summary = "show all about a function: settings, state, last runs",
        .examples = "evoke describe hello\n"
                    "evoke describe shop/report --runs 20 --show-secrets\n",
        .options = OPTION_TABLE(options),
        .min_words = 1,
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = run,
};
