/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_version.c - evoke version */
#include "cli/command.h"

int cmd_version(int argc, char **argv)
{
    struct common common;
    struct args words;
    int exit_code;

    if (command_start("version", argc, argv, ARG_NO_OPTIONS, &common, &words, &exit_code))
        return exit_code;
    switch (common.format) {
    case OUTPUT_TABLE:
        puts("evoke " EVOKE_VERSION);
        break;
    case OUTPUT_JSON:
        puts("{\"version\":\"" EVOKE_VERSION "\"}");
        break;
    case OUTPUT_YAML:
        puts("version: \"" EVOKE_VERSION "\"");
        break;
    }
    return EXIT_OK;
}
