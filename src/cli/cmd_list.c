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

int cmd_list(int argc, char **argv)
{
    const char *filter[4] = {0};
    const struct arg_option options[] = {
            {.name = "--dialect", .value = &filter[0]},
            {.name = "--account", .value = &filter[1]},
            {.name = "--region", .value = &filter[2]},
            {.name = "--space", .value = &filter[3]},
    };
    cleanup_with(json_freep) struct cJSON *list = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf query;
    struct common common;
    struct args words;
    struct err e = {0};
    int exit_code;

    buf_init(&query, 8 << 10);
    if (command_start("list", argc, argv, ARG_TABLE(options), &common, &words, &exit_code))
        return exit_code;
    for (size_t i = 0; i < ARRAY_LEN(filter); i++) {
        if (!filter[i])
            continue;
        buf_addf(&query, "%s%s=", query.n ? "&" : "", options[i].name + 2);
        uri_encode(str_of(filter[i]), "", &query);
    }
    if (client_new(&common, &client, &e) < 0 ||
        client_get(client, S("/evoke/v1/functions"), buf_str(&query), &list, &e) < 0)
        return command_fail(&e);
    print_list(common.format, list);
    return EXIT_OK;
}
