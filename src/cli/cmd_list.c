/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_list.c - evoke list: the functions this daemon knows, whatever their cloud. */
#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/output.h"

static const struct column columns[] = {
        {"DIALECT", "dialect", NULL},   {"ACCOUNT", "account", NULL},
        {"REGION", "region", NULL},     {"SPACE", "space", NULL},
        {"NAME", "name", NULL},         {"RUNTIME", "runtime", NULL},
        {"MEMORY", "memory_mb", " MB"}, {"TIMEOUT", "timeout_ms", " ms"},
        {"STATE", "state", NULL},
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

static void print_list(enum output_format format, const struct cJSON *list)
{
    cleanup_with(buf_done) struct buf out;

    buf_init(&out, OUTPUT_MAX);
    switch (format) {
    case OUTPUT_TABLE:
        output_rows(json_get(list, "functions"), columns, ARRAY_LEN(columns), &out);
        break;
    case OUTPUT_JSON:
        output_json(json_get(list, "functions"), &out);
        break;
    case OUTPUT_YAML:
        output_yaml(json_get(list, "functions"), &out);
        break;
    }
    fwrite(out.p, 1, out.n, stdout);
}

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *list = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf query;
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
    print_list(common->format, list);
    return EXIT_OK;
}

const struct command command_list = {
        .name = "list",
        .group = GROUP_SEE,
        .args = "",
        .summary = "list functions",
        .examples = "evoke list --dialect fc\n"
                    "evoke list --output json\n",
        .options = OPTION_TABLE(options),
        .run = run,
};
