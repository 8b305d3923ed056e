/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_help.c - evoke help [COMMAND] */
#include "cli/command.h"

int cmd_help(int argc, char **argv)
{
    const struct command *cmd;

    if (argc < 2 || argv[1][0] == '-') {
        command_usage(stdout);
        return EXIT_OK;
    }
    cmd = command_find(argv[1]);
    if (!cmd) {
        fprintf(stderr, "evoke: there is no command '%s'; `evoke help` lists them\n", argv[1]);
        return EXIT_USAGE;
    }
    command_help(stdout, cmd);
    return EXIT_OK;
}
