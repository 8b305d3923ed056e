/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_version.c - evoke version */
#include "cli/command.h"

static int run(const struct common *common, const struct args *args)
{
    (void)args;
    switch (common->format) {
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

const struct command command_version = {
        .name = "version",
        .group = GROUP_HELP,
        .args = "",
        .summary = "print the version",
        .local = true,
        .run = run,
};
