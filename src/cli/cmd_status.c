/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_status.c - evoke status: what the daemon enforces and what it is doing. */
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/output.h"

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *status = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    struct err e = {0};

    (void)args;
    if (client_new(common, &client, &e) < 0 ||
        client_get(client, S("/evoke/v1/status"), STR_NONE, &status, &e) < 0)
        return command_fail(&e);
    output_object(common->format, status);
    return EXIT_OK;
}

const struct command command_status = {
        .name = "status",
        .group = GROUP_SERVE,
        .args = "",
        .summary = "show what the daemon enforces and does",
        .examples = "evoke status --output json\n",
        .run = run,
};
