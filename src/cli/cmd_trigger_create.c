/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_trigger_create.c - evoke trigger create: a timer. */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/err.h"
#include "cli/command.h"
#include "cli/schedule_of.h"
#include "cli/triggers.h"
#include "fn/trigger.h"

enum { SCHEDULE_MAX = 256, PAYLOAD_MAX = 4096 };

static struct str given(const struct args *args, const char *option)
{
    return str_of(args_text(args, option));
}

static int make(const struct args *args, struct str dialect, struct trigger_put *ret, struct err *e)
{
    struct timer_words words = {.cron = given(args, "cron"),
                                .rate = given(args, "rate"),
                                .every = given(args, "every"),
                                .zone = given(args, "zone"),
                                .missed = given(args, "missed"),
                                .payload = given(args, "payload")};

    ret->source = S("timer");
    ret->concurrency = args_number(args, "concurrency", 0);
    return schedule_of(&words, dialect, ret->config, e);
}

static int create(const struct common *common, const struct args *args)
{
    struct err e = {0};

    if (args_has(args, "cron") + args_has(args, "rate") + args_has(args, "every") == 1)
        return triggers_create(common, args, make);
    (void)err_set(&e, ERR_CALLER, -EINVAL, "say when: one of --cron, --rate and --every");
    return command_fail(&e);
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
