/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_trigger.c - evoke trigger list, show, delete, enable, disable.
 *
 * A trigger is called by its name; FUNCTION is needed where several functions have one of that name.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/events.h"
#include "cli/triggers.h"
#include "cli/view.h"

enum { TEXT_MAX = 64 << 10 };

/* ---- list ---- */

static int list(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *triggers = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf function;
    struct err e = {0};

    buf_init(&function, TEXT_MAX);
    if (client_new(common, &client, &e) < 0 ||
        (args->n && events_function(client, args->words[0], &function, &e) < 0) ||
        triggers_get(client, buf_str(&function), &triggers, &e) < 0)
        return command_fail(&e);
    triggers_print(common->format, triggers);
    return EXIT_OK;
}

const struct command command_trigger_list = {
        .name = "trigger list",
        .group = GROUP_WRITE,
        .args = "[FUNCTION]",
        .summary = "list triggers, and when timers are due next",
        .examples = "evoke trigger list\n"
                    "evoke trigger list hello --output json\n",
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = list,
};

/* ---- show, delete, enable, disable ---- */

/* The one trigger the words name. Borrowed from *ret_list, which is owned. */
static int find(struct client *client, const struct args *args, struct cJSON **ret_list,
                const struct cJSON **ret, struct err *e)
{
    cleanup_with(buf_done) struct buf function;
    const struct cJSON *found = NULL, *t;
    size_t n = 0;
    int r = 0;

    buf_init(&function, TEXT_MAX);
    if (args->n > 1)
        r = events_function(client, args->words[1], &function, e);
    if (r >= 0)
        r = triggers_get(client, buf_str(&function), ret_list, e);
    if (r < 0)
        return r;
    cJSON_ArrayForEach(t, *ret_list)
    {
        if (!str_eq(view_text(t, "name"), str_of(args->words[0])))
            continue;
        found = t;
        n++;
    }
    if (n == 0)
        return err_set(e, ERR_CALLER, -ENOENT, "there is no trigger '%.128s'%s", args->words[0],
                       args->n > 1 ? " of that function" : "");
    if (n > 1)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "%zu functions have a trigger '%.128s': name the function as well", n,
                       args->words[0]);
    *ret = found;
    return 0;
}

static int show(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *all = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    const struct cJSON *trigger = NULL;
    struct err e = {0};

    if (client_new(common, &client, &e) < 0 || find(client, args, &all, &trigger, &e) < 0)
        return command_fail(&e);
    triggers_show(client, common->format, trigger);
    return EXIT_OK;
}

const struct command command_trigger_show = {
        .name = "trigger show",
        .group = GROUP_WRITE,
        .args = "NAME [FUNCTION]",
        .summary = "what a trigger is, and where one that is HTTP is called",
        .examples = "evoke trigger show tick\n"
                    "evoke trigger show web page --output json\n",
        .min_words = 1,
        .max_words = 2,
        .run = show,
};

static int delete (const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *all = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path;
    const struct cJSON *trigger = NULL;
    struct err e = {0};

    buf_init(&path, TEXT_MAX);
    if (client_new(common, &client, &e) < 0 || find(client, args, &all, &trigger, &e) < 0)
        return command_fail(&e);
    triggers_path(view_text(trigger, "function"), args->words[0], &path);
    if (events_post(client, "DELETE", buf_str(&path), STR_NONE, NULL, &e) < 0)
        return command_fail(&e);
    fprintf(stderr, "deleted %s of %.*s\n", args->words[0],
            STR_ARG(view_text(trigger, "function")));
    return EXIT_OK;
}

const struct command command_trigger_delete = {
        .name = "trigger delete",
        .group = GROUP_WRITE,
        .args = "NAME [FUNCTION]",
        .summary = "delete a trigger; what waits already is still delivered",
        .examples = "evoke trigger delete tick\n",
        .min_words = 1,
        .max_words = 2,
        .no_output = true,
        .run = delete,
};

static int enable(const struct common *common, const struct args *args, bool enabled)
{
    cleanup_with(json_freep) struct cJSON *all = NULL, *changed = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    struct trigger_put put = {.concurrency = -1};
    cleanup_with(buf_done) struct buf path;
    const struct cJSON *trigger = NULL;
    struct err e = {0};

    buf_init(&path, TEXT_MAX);
    if (client_new(common, &client, &e) < 0 || find(client, args, &all, &trigger, &e) < 0)
        return command_fail(&e);
    put.enabled = enabled;
    put.source = view_text(trigger, "source");
    put.config = cJSON_GetObjectItemCaseSensitive(trigger, "config");
    triggers_path(view_text(trigger, "function"), args->words[0], &path);
    if (triggers_put(client, buf_str(&path), &put, &changed, &e) < 0)
        return command_fail(&e);
    triggers_tell(client, common->format, enabled ? "enabled" : "disabled", changed);
    return EXIT_OK;
}

static int run_enable(const struct common *common, const struct args *args)
{
    return enable(common, args, true);
}

static int run_disable(const struct common *common, const struct args *args)
{
    return enable(common, args, false);
}

const struct command command_trigger_enable = {
        .name = "trigger enable",
        .group = GROUP_WRITE,
        .args = "NAME [FUNCTION]",
        .summary = "let a trigger fire again",
        .examples = "evoke trigger enable tick hello\n",
        .min_words = 1,
        .max_words = 2,
        .run = run_enable,
};

const struct command command_trigger_disable = {
        .name = "trigger disable",
        .group = GROUP_WRITE,
        .args = "NAME [FUNCTION]",
        .summary = "keep a trigger from firing until it is enabled",
        .examples = "evoke trigger disable tick hello\n",
        .min_words = 1,
        .max_words = 2,
        .run = run_disable,
};
