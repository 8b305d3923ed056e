/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_logs.c - evoke logs NAME, evoke logs --all -f.
 *
 * The daemon keeps everything on its disk, the cursor says how far we are, and both outlive the daemon
 * (follow.h).
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "cli/interrupt.h"
#include "cli/logs_view.h"
#include "cli/name.h"

enum {
    RECORDS = 10000,  /* per answer; the daemon ends it at 1 MiB of text */
    FOLLOW_TAIL = 10, /* records from before, as tail -f */
    PATH_TEXT_MAX = 16 << 10,
};

struct logs_run {
    struct client *client; /* owned */
    struct follow follow;
    struct logs_view view;
    bool unknown; /* there is no such function; was there one? */
};

/* ---- the question ---- */

static int check_words(const struct args *args, struct err *e)
{
    if (args->n == 0 && !args_has(args, "all"))
        return err_set(e, ERR_CALLER, -EINVAL, "of which function? Give its name, or --all");
    if (args->n > 0 && args_has(args, "all"))
        return err_set(e, ERR_CALLER, -EINVAL, "either '%.64s' or --all", args->words[0]);
    return 0;
}

static int make_query(struct follow *f, const struct args *args, struct err *e)
{
    static const char *const texts[] = {"request", "status", "grep", "version"};
    int64_t tail = args_number(args, "tail", -1);
    int r;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (args_has(args, texts[i]))
            follow_text(&f->filter, texts[i], str_of(args_text(args, texts[i])));
    follow_number(&f->filter, "limit", RECORDS);
    r = follow_span(f, args, e);
    if (r < 0)
        return r;
    if (tail < 0 && f->on && !args_has(args, "since") && !args_has(args, "request"))
        tail = FOLLOW_TAIL;
    if (tail > 0)
        follow_number(&f->first, "last", tail);
    else if (tail == 0 && !args_has(args, "since"))
        follow_number(&f->first, "since_ms", clock_wall_ms());
    return 0;
}

/* dialect/account/region/space/name */
static bool is_whole(const char *word)
{
    struct str rest = str_of(word);
    int parts = 0;

    for (; rest.p; parts++)
        (void)str_cut(&rest, '/');
    return parts == 5;
}

/* The function's whole name, its parts encoded, which is what the store goes by. */
static int add_function(struct logs_run *run, const char *word, struct err *e)
{
    static const struct str before = S("/evoke/v1/functions/");
    cleanup_with(json_freep) struct cJSON *function = NULL;
    cleanup_with(buf_done) struct buf path;
    int r;

    buf_init(&path, PATH_TEXT_MAX);
    r = name_resolve(run->client, word, &path, e);
    if (r < 0)
        return r;
    assert(str_starts(buf_str(&path), before));
    follow_text(&run->follow.filter, "function", str_from(buf_str(&path), before.n));
    if (!is_whole(word))
        return 0;
    /* That was not looked up: a function that was deleted still has logs. */
    r = client_get(run->client, buf_str(&path), STR_NONE, &function, e);
    run->unknown = r == -ENOENT;
    run->follow.hold = run->follow.on && !run->unknown;
    if (run->unknown)
        *e = (struct err){0};
    return run->unknown ? 0 : r;
}

/* ---- the answer ---- */

static int write_records(void *user, const struct cJSON *answer, const struct cJSON *records,
                         struct err *e)
{
    struct logs_run *run = user;
    int r = 0;

    (void)answer;
    if (run->unknown && !records->child)
        return err_set(e, ERR_CALLER, -ENOENT,
                       "there is no function of that name, and no log of it");
    run->unknown = false;
    for (const struct cJSON *i = records->child; i && r >= 0 && !interrupt_seen(); i = i->next)
        r = logs_view_record(&run->view, i);
    return r < 0 ? r : logs_view_flush(&run->view);
}

static void tell(void *user)
{
    struct logs_run *run = user;

    logs_view_tell(&run->view);
}

static const struct follow_ops ops = {.answer = write_records, .idle = tell};

/* A whole name is not looked up beforehand; when there is nothing of it, say which may be meant. */
static void name_nearest(const struct logs_run *run, const char *word, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *list = NULL;
    cleanup_with(buf_done) struct buf candidates;
    struct name want = {0}, found = {0};
    struct err better = {0};

    buf_init(&candidates, PATH_TEXT_MAX);
    if (name_parse(str_of(word), &want, NULL) >= 0 &&
        client_get(run->client, S("/evoke/v1/functions"), STR_NONE, &list, NULL) >= 0 &&
        name_pick(&want, list, &found, &candidates, &better) == -ENOENT)
        *e = better;
}

static int run_logs(struct logs_run *run, const struct common *common, const struct args *args)
{
    struct err e = {0};
    int r = check_words(args, &e);

    if (r >= 0)
        r = make_query(&run->follow, args, &e);
    if (r >= 0)
        r = client_new(common, &run->client, &e);
    if (r >= 0 && args->n > 0)
        r = add_function(run, args->words[0], &e);
    if (r < 0)
        return command_fail(&e);
    r = follow_run(&run->follow, run->client, &ops, run, &e);
    if (r == -ENOENT && run->unknown)
        name_nearest(run, args->words[0], &e);
    if (r != -EPIPE)
        logs_view_sum(&run->view);
    return follow_exit(r, &e);
}

static int run(const struct common *common, const struct args *args)
{
    struct logs_run run = {0};
    int exit_code;

    logs_view_init(&run.view, common->format, args_has(args, "all"), !args_has(args, "grep"));
    follow_init(&run.follow, "logs", args_has(args, "follow"));
    exit_code = run_logs(&run, common, args);
    client_free(run.client);
    logs_view_done(&run.view);
    follow_done(&run.follow);
    return exit_code;
}

/* ---- the row ---- */

static const char *const statuses[] = {"ok", "error", "timeout", NULL};

static const struct option options[] = {
        {.name = "all", .help = "of every function"},
        {.name = "follow", .letter = 'f', .help = "go on as lines come, until Ctrl-C"},
        FOLLOW_SPAN,
        {.name = "request",
         .kind = OPTION_TEXT,
         .arg = "ID",
         .help = "of this request",
         .min = 1,
         .max = 255},
        {.name = "status",
         .kind = OPTION_CHOICE,
         .arg = "STATUS",
         .help = "of runs that ended so",
         .choices = statuses},
        {.name = "grep",
         .kind = OPTION_TEXT,
         .arg = "RE",
         .help = "lines that match this regular expression (PCRE)",
         .min = 1,
         .max = 1024},
        {.name = "version",
         .kind = OPTION_TEXT,
         .arg = "V",
         .help = "of this version of the function",
         .min = 1,
         .max = 64},
        {.name = "tail",
         .letter = 'n',
         .kind = OPTION_INT,
         .arg = "N",
         .help = "begin with the last N records (a short run is one)",
         .min = 0,
         .max = 10000},
};

const struct command command_logs = {
        .name = "logs",
        .group = GROUP_SEE,
        .args = "[NAME]",
        .summary = "what functions print, and how their runs ended",
        .help = "All that is kept, oldest first; with -f the last 10 records, then what comes. A\n"
                "'=' says how a run ended. What could not be kept is told on stderr.",
        .examples = "evoke logs hello -f\n"
                    "evoke logs hello --since 10m --status error\n"
                    "evoke logs --all --grep 'time.?out' --output json\n",
        .options = OPTION_TABLE(options),
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = run,
};
