/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_help.c - evoke help [COMMAND] */
#include "cli/command.h"

static int run(const struct common *common, const struct args *args)
{
    char *words[2] = {(char *)args->words[0], (char *)args->words[1]}; /* only read */
    const struct command *cmd;
    bool family;
    int used;

    (void)common;
    if (args->n == 0) {
        command_usage(stdout);
        return EXIT_OK;
    }
    cmd = command_find((int)args->n, words, &used, &family);
    if (cmd && (size_t)used == args->n) {
        command_help(stdout, cmd);
        return EXIT_OK;
    }
    if (family && args->n == 1) {
        command_family_usage(stdout, words[0]);
        return EXIT_OK;
    }
    return command_unknown((int)args->n, words);
}

const struct command command_help_row = {
        .name = "help",
        .group = GROUP_HELP,
        .args = "[COMMAND]",
        .summary = "list the commands, or explain one",
        .brief = "list commands, or explain one; also: `version`, `completion`",
        .help = "Every command that speaks to the daemon takes --endpoint URL (EVOKE_ENDPOINT,\n"
                "http://127.0.0.1:8900) and --data DIR (EVOKE_DATA), the data directory whose\n"
                "key pair it signs with, unless EVOKE_ACCESS_KEY and EVOKE_SECRET_KEY are set.\n"
                "--output table|json|yaml says how results are written.\n\n"
                "A function is called NAME, SPACE/NAME or DIALECT/ACCOUNT/REGION/SPACE/NAME.\n\n"
                "Exit codes: 0 ok, 1 the function failed, 2 usage, 3 not found, 4 not allowed,\n"
                "5 a limit, 6 a timeout, 7 no daemon, 70 internal, 130 interrupted.",
        .examples = "evoke help invoke\n",
        .max_words = 2,
        .complete = COMPLETE_COMMAND,
        .local = true,
        .no_output = true,
        .run = run,
};
