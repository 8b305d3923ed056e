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

int cmd_get(int argc, char **argv)
{
    cleanup_with(json_freep) struct cJSON *function = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path;
    struct common common;
    struct args words;
    struct err e = {0};
    int exit_code;

    buf_init(&path, 8 << 10);
    if (command_start("get", argc, argv, ARG_NO_OPTIONS, &common, &words, &exit_code))
        return exit_code;
    if (client_new(&common, &client, &e) < 0 ||
        name_resolve(client, words.words[0], &path, &e) < 0 ||
        client_get(client, buf_str(&path), STR_NONE, &function, &e) < 0)
        return command_fail(&e);
    output_object(common.format, function);
    return EXIT_OK;
}
