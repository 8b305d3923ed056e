/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_trigger.c - evoke trigger list, create, delete, enable, disable.
 *
 * A trigger is called by its name; FUNCTION is needed where several functions have one of that name.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/events.h"
#include "cli/output.h"
#include "cli/schedule_of.h"
#include "cli/triggers.h"
#include "cli/view.h"
#include "fn/trigger.h"

enum { TEXT_MAX = 64 << 10, NAME_MAX_BYTES = 128, SCHEDULE_MAX = 256, PAYLOAD_MAX = 4096 };

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

/* ---- create ---- */

static struct str given(const struct args *args, const char *option)
{
    return str_of(args_text(args, option));
}

/* "/evoke/v1/functions/.../triggers/NAME" */
static void trigger_path(struct str function_path, const char *name, struct buf *out)
{
    buf_addz(out, "/evoke/v1/functions/");
    buf_adds(out, function_path);
    buf_addz(out, "/triggers/");
    uri_encode(str_of(name), "", out);
}

/* concurrency < 0: as it is. */
static int put(struct client *client, struct str path, struct cJSON *config, bool enabled,
               int64_t concurrency, struct cJSON **ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *body = cJSON_CreateObject();
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, 4ul * TEXT_MAX);
    cJSON_AddStringToObject(body, "source", "timer");
    cJSON_AddBoolToObject(body, "enabled", enabled);
    if (concurrency >= 0)
        cJSON_AddNumberToObject(body, "concurrency", (double)concurrency);
    cJSON_AddItemToObject(body, "config", cJSON_Duplicate(config, true));
    json_print(body, &text);
    return events_post(client, "PUT", path, buf_str(&text), ret, e);
}

static void tell(enum output_format format, const char *done, const struct cJSON *trigger)
{
    struct term t = term_of(stderr);
    int64_t next_ms = view_int(trigger, "next_ms");
    char time[CLOCK_TEXT];

    if (format != OUTPUT_TABLE) {
        output_object(format, trigger);
        return;
    }
    fprintf(stderr, "%s ", done);
    (void)term_write(&t, view_text(trigger, "name"));
    fputs(" of ", stderr);
    (void)term_write(&t, view_text(trigger, "function"));
    if (next_ms)
        fprintf(stderr, "\n  due next: %s", clock_iso(next_ms, time));
    fputc('\n', stderr);
}

static int create(const struct common *common, const struct args *args)
{
    struct timer_words words = {.cron = given(args, "cron"),
                                .rate = given(args, "rate"),
                                .every = given(args, "every"),
                                .zone = given(args, "zone"),
                                .missed = given(args, "missed"),
                                .payload = given(args, "payload")};
    cleanup_with(json_freep) struct cJSON *config = cJSON_CreateObject(), *trigger = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf function, path;
    struct str rest;
    struct err e = {0};
    int status;

    buf_init(&function, TEXT_MAX);
    buf_init(&path, TEXT_MAX);
    if ((words.cron.p != NULL) + (words.rate.p != NULL) + (words.every.p != NULL) != 1) {
        (void)err_set(&e, ERR_CALLER, -EINVAL, "say when: one of --cron, --rate and --every");
        return command_fail(&e);
    }
    if (client_new(common, &client, &e) < 0 ||
        events_function(client, args->words[1], &function, &e) < 0)
        return command_fail(&e);
    rest = buf_str(&function);
    if (schedule_of(&words, str_cut(&rest, '/'), config, &e) < 0)
        return command_fail(&e);
    trigger_path(buf_str(&function), args->words[0], &path);
    status = put(client, buf_str(&path), config, !args_has(args, "disabled"),
                 args_number(args, "concurrency", 0), &trigger, &e);
    if (status < 0)
        return command_fail(&e);
    tell(common->format,
         status == 201                                  ? "created"
         : client_header(client, "X-Evoke-Unchanged").n ? "unchanged:"
                                                        : "changed",
         trigger);
    return EXIT_OK;
}

static const char *const policies[] = {"skip", "once", "all", NULL};

static const struct option create_options[] = {
        {.name = "cron",
         .kind = OPTION_TEXT,
         .arg = "EXPRESSION",
         .help = "when it is due, in the syntax of the function's cloud",
         .min = 1,
         .max = SCHEDULE_MAX},
        {.name = "rate",
         .kind = OPTION_TEXT,
         .arg = "TIME",
         .help = "every so often, as the cloud's rates: 3m, 2h, 1d",
         .min = 1,
         .max = 32},
        {.name = "every",
         .kind = OPTION_TEXT,
         .arg = "TIME",
         .help = "every so often, as @every: 30s, 1h30m",
         .min = 1,
         .max = 32},
        {.name = "zone",
         .kind = OPTION_TEXT,
         .arg = "ZONE",
         .help = "time zone of the expression: Asia/Shanghai",
         .def = "UTC",
         .min = 1,
         .max = 64},
        {.name = "missed",
         .kind = OPTION_CHOICE,
         .arg = "POLICY",
         .help = "due times that were missed: skip, once (the latest), all",
         .def = "once",
         .choices = policies},
        {.name = "payload",
         .kind = OPTION_TEXT,
         .arg = "TEXT",
         .help = "your own words in the event",
         .max = PAYLOAD_MAX},
        {.name = "concurrency",
         .kind = OPTION_INT,
         .arg = "N",
         .help = "most of its events that run at once (0: as the function may)",
         .def = "0",
         .min = 0,
         .max = TRIGGER_CONCURRENCY},
        {.name = "disabled", .kind = OPTION_FLAG, .help = "it fires nothing before it is enabled"},
};

const struct command command_trigger_create = {
        .name = "trigger create",
        .group = GROUP_WRITE,
        .args = "NAME FUNCTION",
        .summary = "make a timer of a function, or change the one of that name",
        .help = "The function gets its cloud's timer event, each due time exactly once. What was\n"
                "missed while no daemon ran follows --missed.",
        .examples = "evoke trigger create tick hello --cron '0 */5 * * * *'\n"
                    "evoke trigger create daily hello --cron '0 30 8 * * *' --zone Asia/Shanghai\n"
                    "evoke trigger create beat hello --rate 5m --payload ping\n",
        .options = OPTION_TABLE(create_options),
        .min_words = 2,
        .max_words = 2,
        .run = create,
};

/* ---- delete, enable, disable ---- */

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
    trigger_path(view_text(trigger, "function"), args->words[0], &path);
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
    cleanup_with(buf_done) struct buf path;
    const struct cJSON *trigger = NULL;
    struct err e = {0};

    buf_init(&path, TEXT_MAX);
    if (client_new(common, &client, &e) < 0 || find(client, args, &all, &trigger, &e) < 0)
        return command_fail(&e);
    trigger_path(view_text(trigger, "function"), args->words[0], &path);
    if (put(client, buf_str(&path), cJSON_GetObjectItemCaseSensitive(trigger, "config"), enabled,
            -1, &changed, &e) < 0)
        return command_fail(&e);
    tell(common->format, enabled ? "enabled" : "disabled", changed);
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
