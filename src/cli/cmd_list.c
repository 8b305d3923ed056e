/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_list.c - evoke list: the functions this daemon knows, whatever their cloud. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "base/obj.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/name.h"
#include "cli/output.h"
#include "cli/term.h"
#include "cli/view.h"

static const struct column columns[] = {
        {"NAME", "name", NULL},         {"SPACE", "space", NULL},     {"ACCOUNT", "account", NULL},
        {"REGION", "region", NULL},     {"DIALECT", "dialect", NULL}, {"RUNTIME", "runtime", NULL},
        {"MEMORY", "memory_mb", " MB"}, {"USED", "used", NULL},       {"STATE", "state", NULL},
};

static const char *const dialects[] = {"functiongraph", "fc", "scf", NULL};

static const struct option options[] = {
        {.name = "dialect",
         .kind = OPTION_CHOICE,
         .arg = "DIALECT",
         .help = "only of this cloud: functiongraph, fc or scf",
         .choices = dialects},
        {.name = "account",
         .kind = OPTION_TEXT,
         .arg = "ACCOUNT",
         .help = "only of this account",
         .min = 1,
         .max = 128},
        {.name = "region",
         .kind = OPTION_TEXT,
         .arg = "REGION",
         .help = "only in this region",
         .min = 1,
         .max = 128},
        {.name = "space",
         .kind = OPTION_TEXT,
         .arg = "SPACE",
         .help = "only in this package, service or namespace",
         .min = 1,
         .max = 128},
};

/* On a terminal account and region are left out while there is one of each; in a pipe the columns
 * are always the same. */
static void print_table(const struct cJSON *rows)
{
    const struct term t = term_of(stdout);
    struct column shown[ARRAY_LEN(columns)];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        bool plain =
                strcmp(columns[i].key, "account") == 0 || strcmp(columns[i].key, "region") == 0;

        if (!t.tty || !plain || !view_same(rows, columns[i].key))
            shown[n++] = columns[i];
    }
    if (!output_none(rows, "no functions; next: `evoke init python hello && evoke deploy hello`"))
        output_list(OUTPUT_TABLE, rows, shown, n);
}

/* "used": when each last ran, as far as the daemon knows (from `top`; an older one does not say). */
static void add_used(struct client *client, struct cJSON *functions)
{
    cleanup_with(json_freep) struct cJSON *top = NULL;
    struct cJSON *rows;
    struct map *known;
    struct view v;

    view_init(&v);
    if (client_get(client, S("/evoke/v1/top"), S("window_s=3600"), &top, NULL) < 0)
        return;
    known = map_new();
    rows = cJSON_GetObjectItemCaseSensitive(top, "functions");
    for (struct cJSON *row = rows ? rows->child : NULL; row; row = row->next)
        (void)map_put(known, view_text(row, "function"), row);
    for (struct cJSON *f = functions->child; f; f = f->next) {
        cleanup_with(buf_done) struct buf full;
        const struct cJSON *row;
        char ago[32] = "";

        buf_init(&full, 8 << 10);
        name_of_function(f, &full);
        row = map_get(known, buf_str(&full));
        cJSON_AddStringToObject(f, "used",
                                row ? view_ago(&v, view_int(row, "last_run_ms"), ago) : "");
    }
    map_free(known);
}

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *list = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf query;
    struct cJSON *functions;
    struct err e = {0};

    buf_init(&query, 8 << 10);
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const char *filter = args_text(args, options[i].name);

        if (!filter)
            continue;
        buf_addf(&query, "%s%s=", query.n ? "&" : "", options[i].name);
        uri_encode(str_of(filter), "", &query);
    }
    if (client_new(common, &client, &e) < 0 ||
        client_get(client, S("/evoke/v1/functions"), buf_str(&query), &list, &e) < 0)
        return command_fail(&e);
    functions = cJSON_GetObjectItemCaseSensitive(list, "functions");
    if (!functions) {
        (void)err_set(&e, ERR_HOST, -EPROTO,
                      "the endpoint did not answer with a list of functions");
        return command_fail(&e);
    }
    if (common->format != OUTPUT_TABLE) {
        output_list(common->format, functions, NULL, 0);
        return EXIT_OK;
    }
    add_used(client, functions);
    print_table(functions);
    return EXIT_OK;
}

const struct command command_list = {
        .name = "list",
        .group = GROUP_SEE,
        .args = "",
        .summary = "list functions",
        .brief = "list functions; also: `list invocations`",
        .examples = "evoke list\n"
                    "evoke list --dialect fc --space shop\n"
                    "evoke list --output json | jq -r '.[].name'\n",
        .options = OPTION_TABLE(options),
        .run = run,
};
