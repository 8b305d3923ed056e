/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - every command, as `evoke help` lists them. A new command is a row and a file. */
#include <string.h>

#include "base/obj.h"
#include "cli/command.h"

const struct command commands[] = {
        {.name = "serve",
         .args = "[--data DIR] [--listen ADDR] [--config FILE]",
         .summary = "run the daemon",
         .help = "Serves the clouds' APIs and runs functions until it is told to stop.\n"
                 "`evoke serve --help` lists all options."},
        {.name = "deploy",
         .args = "[DIR] [NAME...]",
         .summary = "create or update the functions of DIR/evoke.yaml",
         .help = "Packages the code of each function in the manifest and deploys it; with NAMEs,\n"
                 "only those. DIR is the current directory when left out. docs/manifest.md",
         .max_words = ARGS_WORDS,
         .run = cmd_deploy},
        {.name = "invoke",
         .args = "NAME [--event FILE|-|JSON]",
         .summary = "run a function and show its answer",
         .help = "The answer goes to stdout, log and summary to stderr. The event is JSON text, a\n"
                 "file, or - for stdin; {} when left out. Exit code 1 when the function failed, 6\n"
                 "when it ran into its timeout.",
         .min_words = 1,
         .max_words = 1,
         .run = cmd_invoke},
        {.name = "list",
         .args = "[--dialect D] [--account A] [--region R] [--space S]",
         .summary = "list functions",
         .run = cmd_list},
        {.name = "get",
         .args = "NAME",
         .summary = "show a function",
         .min_words = 1,
         .max_words = 1,
         .run = cmd_get},
        {.name = "delete",
         .args = "NAME",
         .summary = "delete a function",
         .min_words = 1,
         .max_words = 1,
         .run = cmd_delete},
        {.name = "status",
         .args = "",
         .summary = "show what the daemon enforces and does",
         .run = cmd_status},
        {.name = "version", .args = "", .summary = "print the version", .run = cmd_version},
        {.name = "help", .args = "[COMMAND]", .summary = "explain a command", .run = cmd_help},
};

const size_t commands_n = ARRAY_LEN(commands);

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < commands_n; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static const char common_help[] =
        "Options of every command:\n"
        "  --endpoint URL   the daemon (EVOKE_ENDPOINT, default http://127.0.0.1:8900)\n"
        "  --data DIR       its data directory, for the key pair (EVOKE_DATA)\n"
        "  --output FORMAT  table, json or yaml\n"
        "  --help           this text\n"
        "\n"
        "NAME is name, space/name or dialect/account/region/space/name.\n"
        "The key pair is EVOKE_ACCESS_KEY and EVOKE_SECRET_KEY, or keys.json in the data "
        "directory.\n";

void command_usage(FILE *out)
{
    fputs("usage: evoke COMMAND [options]\n\n", out);
    for (size_t i = 0; i < commands_n; i++)
        fprintf(out, "  %-8s  %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n%s", common_help);
}

void command_help(FILE *out, const struct command *cmd)
{
    fprintf(out, "usage: evoke %s%s%s\n\n%s\n", cmd->name, *cmd->args ? " " : "", cmd->args,
            cmd->summary);
    if (cmd->help)
        fprintf(out, "\n%s\n", cmd->help);
    if (cmd->run) /* the daemon has options of its own */
        fprintf(out, "\n%s", common_help);
}
