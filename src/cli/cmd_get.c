/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_get.c - evoke get NAME */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/name.h"
#include "cli/output.h"

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *function = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path;
    struct err e = {0};

    buf_init(&path, 8 << 10);
    if (client_new(common, &client, &e) < 0 ||
        name_resolve(client, args->words[0], &path, &e) < 0 ||
        client_get(client, buf_str(&path), STR_NONE, &function, &e) < 0)
        return command_fail(&e);
    output_object(common->format, function);
    return EXIT_OK;
}

const struct command command_get = {
        .name = "get",
        .group = GROUP_SEE,
        .args = "NAME",
        .summary = "show a function",
        .brief = "show a function; also: `get invocation`, `get ledger`",
        .examples = "evoke get hello --output yaml\n",
        .min_words = 1,
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = run,
};
