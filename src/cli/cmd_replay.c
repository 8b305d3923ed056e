/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_replay.c - evoke replay REQUEST_ID: the same event again; evoke cancel REQUEST_ID: no more. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/events.h"
#include "cli/output.h"
#include "cli/view.h"

enum { PATH_TEXT_MAX = 8 << 10 };

static int replay(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *answer = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path;
    struct err e = {0};

    buf_init(&path, PATH_TEXT_MAX);
    events_path(args->words[0], "/replay", &path);
    if (client_new(common, &client, &e) < 0 ||
        events_post(client, "POST", buf_str(&path), STR_NONE, &answer, &e) < 0)
        return command_fail(&e);
    events_accepted(common->format, answer);
    return EXIT_OK;
}

const struct command command_replay = {
        .name = "replay",
        .group = GROUP_RUN,
        .args = "REQUEST_ID",
        .summary = "run an asynchronous event again, as a new one",
        .brief = "run an asynchronous event again; `cancel` gives one up",
        .help = "The function gets the same bytes as the first time, whatever became of that\n"
                "event. The new one has a request id of its own, which is printed.",
        .examples = "evoke replay 4b1f0c2e-7f5a-4c55-9d0e-1f6d2a0b9c11\n",
        .min_words = 1,
        .max_words = 1,
        .run = replay,
};

static int cancel(const struct common *common, const struct args *args)
{
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path;
    struct client_request req = {.method = "DELETE", .timeout_ms = 60000};
    struct buf body;
    struct err e = {0};
    int r;

    buf_init(&path, PATH_TEXT_MAX);
    events_path(args->words[0], "", &path);
    if (client_new(common, &client, &e) < 0)
        return command_fail(&e);
    req.path = buf_str(&path);
    if (args_has(args, "recursive"))
        req.query = S("recursive=true");
    r = client_call(client, &req, &body, &e);
    buf_done(&body);
    if (r < 0)
        return command_fail(&e);
    fprintf(stderr, "cancelled %s\n", args->words[0]);
    return EXIT_OK;
}

static const struct option cancel_options[] = {
        {.name = "recursive",
         .letter = 'r',
         .kind = OPTION_FLAG,
         .help = "also what it has invoked with the keys of its role"},
};

const struct command command_cancel = {
        .name = "cancel",
        .group = GROUP_RUN,
        .args = "REQUEST_ID",
        .summary = "give up an asynchronous event: it is not run, or its run is ended",
        .help = "Exit code 1 if it has ended already, 3 if there is no such event.",
        .examples = "evoke cancel 4b1f0c2e-7f5a-4c55-9d0e-1f6d2a0b9c11\n",
        .options = OPTION_TABLE(cancel_options),
        .min_words = 1,
        .max_words = 1,
        .no_output = true,
        .beside = true,
        .run = cancel,
};
