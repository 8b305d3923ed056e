/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_delete.c - evoke delete NAME...
 *
 * Every name is looked up before anything is deleted, so a slip in the last of them deletes
 * nothing. Who types is asked; a script is not (it has no terminal to answer on).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/name.h"
#include "cli/term.h"

enum { PATH_TEXT_MAX = 8 << 10 };

enum { PREFIX = sizeof("/evoke/v1/functions/") - 1 }; /* what a path has before the name */

static const struct option options[] = {
        {.name = "yes", .letter = 'y', .kind = OPTION_FLAG, .help = "do not ask"},
};

struct paths {
    char **paths; /* owned */
    size_t n;
};

static void paths_done(struct paths *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->paths[i]);
    free(p->paths);
}

static bool has_path(const struct paths *p, const char *path)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->paths[i], path) == 0)
            return true;
    return false;
}

/* Each must exist; one that is named twice counts once. */
static int resolve_all(struct client *client, const struct args *args, struct paths *p,
                       struct err *e)
{
    for (size_t i = 0; i < args->n; i++) {
        cleanup_with(buf_done) struct buf path, body;
        struct client_request req = {.method = "GET", .timeout_ms = 60000};
        int r;

        buf_init(&path, PATH_TEXT_MAX);
        buf_init(&body, 0);
        r = name_resolve(client, args->words[i], &path, e);
        req.path = buf_str(&path);
        if (r >= 0)
            r = client_call(client, &req, &body, e);
        if (r < 0)
            return r;
        if (!has_path(p, path.p)) {
            p->paths = xrealloc(p->paths, p->n + 1, sizeof(*p->paths));
            p->paths[p->n++] = buf_take(&path);
        }
    }
    return 0;
}

/* Only where both the question and the answer have a terminal. */
static bool is_agreed(const struct paths *p)
{
    char answer[16] = "";

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return true;
    for (size_t i = 0; i < p->n; i++)
        fprintf(stderr, "  %s\n", p->paths[i] + PREFIX);
    fprintf(stderr, "Delete %s with all versions and code? [y/N] ",
            p->n == 1 ? "this function" : "these functions");
    fflush(stderr);
    if (!fgets(answer, sizeof(answer), stdin))
        answer[0] = 0;
    return strcmp(answer, "y\n") == 0 || strcmp(answer, "Y\n") == 0 || strcmp(answer, "yes\n") == 0;
}

static int delete_one(struct client *client, const char *path, struct err *e)
{
    cleanup_with(buf_done) struct buf body;
    struct client_request req = {.method = "DELETE", .path = str_of(path), .timeout_ms = 60000};
    int r = client_call(client, &req, &body, e);

    if (r < 0)
        return r;
    if (r != 204) /* a daemon says 204; any web server says 200 */
        return err_set(e, ERR_HOST, -EPROTO,
                       "the endpoint answered with status %d instead of 204: it is no evoke daemon",
                       r);
    fprintf(stderr, "deleted %s\n", path + PREFIX);
    return 0;
}

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(paths_done) struct paths p = {0};
    struct err e = {0};

    if (client_new(common, &client, &e) < 0 || resolve_all(client, args, &p, &e) < 0)
        return command_fail(&e);
    if (!args_has(args, "yes") && !is_agreed(&p)) {
        fputs("evoke: nothing was deleted\n", stderr);
        return EXIT_INTERRUPT;
    }
    for (size_t i = 0; i < p.n; i++)
        if (delete_one(client, p.paths[i], &e) < 0)
            return command_fail(&e);
    return EXIT_OK;
}

const struct command command_delete = {
        .name = "delete",
        .group = GROUP_WRITE,
        .args = "NAME...",
        .summary = "delete functions, with their versions and code",
        .help = "Asks first, on a terminal. All NAMEs must exist, else nothing is deleted.",
        .examples = "evoke delete hello\n"
                    "evoke delete --yes shop/thumbnail shop/report\n",
        .options = OPTION_TABLE(options),
        .min_words = 1,
        .max_words = ARGS_WORDS,
        .complete = COMPLETE_FUNCTION,
        .no_output = true,
        .run = run,
};
