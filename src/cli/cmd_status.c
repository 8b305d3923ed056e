/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_status.c - evoke status: what the daemon enforces and what it is doing. */
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/output.h"

int cmd_status(int argc, char **argv)
{
    cleanup_with(json_freep) struct cJSON *status = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    struct common common;
    struct args words;
    struct err e = {0};
    int exit_code;

    if (command_start("status", argc, argv, ARG_NO_OPTIONS, &common, &words, &exit_code))
        return exit_code;
    if (client_new(&common, &client, &e) < 0 ||
        client_get(client, S("/evoke/v1/status"), STR_NONE, &status, &e) < 0)
        return command_fail(&e);
    output_object(common.format, status);
    return EXIT_OK;
}
