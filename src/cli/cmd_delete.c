/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_delete.c - evoke delete NAME */
#include "base/cleanup.h"
#include "base/err.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/name.h"

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path, body;
    struct client_request req = {.method = "DELETE", .timeout_ms = 60000};
    struct err e = {0};

    buf_init(&path, 8 << 10);
    buf_init(&body, 0);
    if (client_new(common, &client, &e) < 0 || name_resolve(client, args->words[0], &path, &e) < 0)
        return command_fail(&e);
    req.path = buf_str(&path);
    if (client_call(client, &req, &body, &e) < 0)
        return command_fail(&e);
    fprintf(stderr, "deleted %s\n", path.p + sizeof("/evoke/v1/functions/") - 1);
    return EXIT_OK;
}

const struct command command_delete = {
        .name = "delete",
        .group = GROUP_WRITE,
        .args = "NAME",
        .summary = "delete a function",
        .examples = "evoke delete hello\n",
        .min_words = 1,
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = run,
};
