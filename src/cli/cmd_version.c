/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_version.c - evoke version: of this program, and of the daemon when one answers. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/view.h"

enum { PATIENCE_MS = 2000 };

/* NULL: nobody answers, or not as a daemon does; e says why. client.c warns when the two differ. */
static struct cJSON *ask_daemon(const struct common *common, struct err *e)
{
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf body;
    struct client_request req = {.method = "GET", .path = S("/version"), .timeout_ms = PATIENCE_MS};

    buf_init(&body, 0);
    if (client_new(common, &client, e) < 0 || client_call(client, &req, &body, e) < 0)
        return NULL;
    return json_parse(buf_str(&body), e);
}

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *answer = cJSON_CreateObject();
    struct err e = {0};
    struct cJSON *daemon = ask_daemon(common, &e);

    (void)args;
    if (common->format == OUTPUT_TABLE) {
        puts("evoke " EVOKE_VERSION);
        if (daemon)
            printf("daemon %.*s\n", STR_ARG(view_text(daemon, "version")));
        else
            printf("daemon not asked: %s\n", e.msg);
        json_free(daemon);
        return EXIT_OK;
    }
    cJSON_AddStringToObject(answer, "version", EVOKE_VERSION);
    cJSON_AddItemToObject(answer, "daemon", daemon ? daemon : cJSON_CreateNull());
    output_object(common->format, answer);
    return EXIT_OK;
}

const struct command command_version = {
        .name = "version",
        .group = GROUP_HELP,
        .args = "",
        .summary = "print the versions of this program and of the daemon",
        .beside = true,
        .examples = "evoke version --output json\n",
        .run = run,
};
