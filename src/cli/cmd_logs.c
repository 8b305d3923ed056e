/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_logs.c - evoke logs NAME, evoke logs --all -f.
 *
 * One answer of the daemon is asked for, written, and only then the next one: a slow terminal slows
 * us, never fills us. The daemon keeps everything on its disk, the cursor says how far we are, and
 * both outlive the daemon: while it is away a follower asks again, and goes on where it was.
 *
 *   ask --answer--> write --more, or follow--> ask        (a follower's question waits in the daemon)
 *    \--no daemon, follow--> wait --> ask                 Ctrl-C ends each of them
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/logs_view.h"
#include "cli/name.h"
#include "cli/when.h"

enum {
    WAIT_MS = 25000,   /* a question of a follower is held so long by the daemon */
    ANSWER_MS = 60000, /* and so long may an answer take */
    RECORDS = 10000,   /* per answer; the daemon ends it at 1 MiB of text */
    FOLLOW_TAIL = 10,  /* records from before, as tail -f */
    RETRY_MIN_MS = 50,
    RETRY_MAX_MS = 2000,
    QUERY_MAX = 16 << 10,
};

struct logs_run {
    struct client *client; /* owned */
    struct logs_view view;
    struct buf filter; /* of every question */
    struct buf first;  /* of the first one: where to begin */
    char *cursor;      /* owned; NULL before the first answer */
    bool follow;
    bool unknown; /* there is no such function; was there one? */
    bool away;    /* the daemon did not answer, which was said */
};

/* ---- the question ---------------------------------------------------------------------------- */

static void add_filter(struct buf *query, const char *key, struct str value)
{
    buf_addf(query, "%s%s=", query->n ? "&" : "", key);
    uri_encode(value, "", query);
}

static void add_number(struct buf *query, const char *key, int64_t value)
{
    buf_addf(query, "%s%s=%lld", query->n ? "&" : "", key, (long long)value);
}

static int add_when(struct buf *query, const struct args *args, const char *option, const char *key,
                    struct err *e)
{
    const char *text = args_text(args, option);
    int64_t ms;
    int r;

    if (!text)
        return 0;
    r = when_parse(option, text, clock_wall_ms(), &ms, e);
    if (r >= 0)
        add_number(query, key, ms);
    return r;
}

static int check_words(const struct args *args, struct err *e)
{
    if (args->n == 0 && !args_has(args, "all"))
        return err_set(e, ERR_CALLER, -EINVAL, "of which function? Give its name, or --all");
    if (args->n > 0 && args_has(args, "all"))
        return err_set(e, ERR_CALLER, -EINVAL, "either '%.64s' or --all", args->words[0]);
    if (args_has(args, "until") && args_has(args, "follow"))
        return err_set(e, ERR_CALLER, -EINVAL, "--follow has no end, and --until is one");
    return 0;
}

static int make_query(struct logs_run *run, const struct args *args, struct err *e)
{
    static const struct {
        const char *option, *key;
    } texts[] = {
            {"request", "request"}, {"status", "status"}, {"grep", "grep"}, {"version", "version"}};
    int64_t tail = args_number(args, "tail", -1);
    int r;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (args_has(args, texts[i].option))
            add_filter(&run->filter, texts[i].key, str_of(args_text(args, texts[i].option)));
    add_number(&run->filter, "limit", RECORDS);
    r = add_when(&run->filter, args, "since", "since_ms", e);
    if (r >= 0)
        r = add_when(&run->filter, args, "until", "until_ms", e);
    if (r < 0)
        return r;
    if (tail < 0 && run->follow && !args_has(args, "since") && !args_has(args, "request"))
        tail = FOLLOW_TAIL;
    if (tail > 0)
        add_number(&run->first, "last", tail);
    else if (tail == 0 && !args_has(args, "since"))
        add_number(&run->first, "since_ms", clock_wall_ms());
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

    buf_init(&path, QUERY_MAX);
    r = name_resolve(run->client, word, &path, e);
    if (r < 0)
        return r;
    assert(str_starts(buf_str(&path), before));
    add_filter(&run->filter, "function", str_from(buf_str(&path), before.n));
    if (!is_whole(word))
        return 0;
    /* That was not looked up: a function that was deleted still has logs. */
    r = client_get(run->client, buf_str(&path), STR_NONE, &function, e);
    run->unknown = r == -ENOENT;
    if (run->unknown)
        *e = (struct err){0};
    return run->unknown ? 0 : r;
}

static int ask(struct logs_run *run, struct cJSON **ret, struct err *e)
{
    cleanup_with(buf_done) struct buf query, body;
    struct client_request req = {.method = "GET",
                                 .path = S("/evoke/v1/logs"),
                                 .timeout_ms = ANSWER_MS + WAIT_MS,
                                 .watched = true};
    int r;

    buf_init(&query, (size_t)2 * QUERY_MAX);
    buf_adds(&query, buf_str(&run->filter));
    if (run->cursor)
        add_filter(&query, "after", str_of(run->cursor));
    else if (run->first.n)
        buf_addf(&query, "&%s", run->first.p);
    if (run->follow && !run->unknown)
        add_number(&query, "wait_ms", WAIT_MS);
    req.query = buf_str(&query);
    r = client_call(run->client, &req, &body, e);
    if (r >= 0)
        r = client_json(&body, ret, e);
    buf_done(&body);
    return r;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static int write_answer(struct logs_run *run, const struct cJSON *answer, bool *ret_more,
                        struct err *e)
{
    const struct cJSON *records = json_get(answer, "records");
    struct str cursor = STR_NONE;
    int r = 0;

    *ret_more = false;
    if (!cJSON_IsArray(records) || json_str(answer, "cursor", false, &cursor, e) < 0 ||
        json_bool(answer, "more", false, ret_more, e) < 0 || cursor.n == 0)
        return err_set(e, ERR_HOST, -EPROTO, "the daemon's answer is not one of GET logs");
    if (run->unknown && !records->child)
        return err_set(e, ERR_CALLER, -ENOENT,
                       "there is no function of that name, and no log of it");
    run->unknown = false;
    for (const struct cJSON *i = records->child; i && r >= 0 && !interrupt_seen(); i = i->next)
        r = logs_view_record(&run->view, i);
    if (r >= 0)
        r = logs_view_flush(&run->view);
    if (r < 0)
        return r;
    free(run->cursor);
    run->cursor = str_dup(cursor);
    return 0;
}

/* A daemon that restarts, drains or is stopped for a while: worth asking again? */
static bool may_come_back(int r)
{
    return r == -ECONNREFUSED || r == -ETIMEDOUT || r == -EIO;
}

/* Says so once, and waits longer each time; -EINTR: Ctrl-C. */
static int wait_for_daemon(struct logs_run *run, int *wait_ms)
{
    struct pollfd p = {.fd = interrupt_fd(), .events = POLLIN};

    if (!run->away)
        fputs("evoke: the daemon is away; reconnecting\n", stderr);
    run->away = true;
    (void)poll(&p, 1, *wait_ms);
    *wait_ms = *wait_ms * 2 < RETRY_MAX_MS ? *wait_ms * 2 : RETRY_MAX_MS;
    return interrupt_seen() ? -EINTR : 0;
}

/* A whole name is not looked up beforehand; when there is nothing of it, say which was meant. */
static void name_nearest(const struct logs_run *run, const char *word, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *list = NULL;
    cleanup_with(buf_done) struct buf candidates;
    struct name want = {0}, found = {0};
    struct err better = {0};

    buf_init(&candidates, QUERY_MAX);
    if (name_parse(str_of(word), &want, NULL) >= 0 &&
        client_get(run->client, S("/evoke/v1/functions"), STR_NONE, &list, NULL) >= 0 &&
        name_pick(&want, list, &found, &candidates, &better) == -ENOENT)
        *e = better;
}

/* 0, or why it ended. */
static int go_on(struct logs_run *run, struct err *e)
{
    int wait_ms = RETRY_MIN_MS, r;
    bool more = true;

    while (more || run->follow) {
        cleanup_with(json_freep) struct cJSON *answer = NULL;

        if (!more)
            logs_view_tell(&run->view);
        r = ask(run, &answer, e);
        if (r < 0 && run->follow && run->cursor && may_come_back(r)) {
            r = wait_for_daemon(run, &wait_ms);
            if (r < 0)
                return r;
            continue;
        }
        if (r < 0)
            return r;
        if (run->away)
            fputs("evoke: connected again\n", stderr);
        run->away = false;
        wait_ms = RETRY_MIN_MS;
        r = write_answer(run, answer, &more, e);
        if (r < 0)
            return r;
        if (interrupt_seen())
            return -EINTR;
    }
    return 0;
}

static int run_logs(struct logs_run *run, const struct common *common, const struct args *args)
{
    struct err e = {0};
    int r = check_words(args, &e);

    if (r >= 0)
        r = make_query(run, args, &e);
    if (r >= 0)
        r = client_new(common, &run->client, &e);
    if (r >= 0 && args->n > 0)
        r = add_function(run, args->words[0], &e);
    if (r < 0)
        return command_fail(&e);
    interrupt_catch();
    r = go_on(run, &e);
    if (r == -ENOENT && run->unknown)
        name_nearest(run, args->words[0], &e);
    if (r != -EPIPE)
        logs_view_sum(&run->view);
    if (r == -EINTR)
        return EXIT_INTERRUPT;
    if (r == -EPIPE)
        return TERM_GONE;
    /* What else stdout did not take is told by term_end(). */
    return r < 0 && e.code ? command_fail(&e) : EXIT_OK;
}

static int run(const struct common *common, const struct args *args)
{
    struct logs_run run = {.follow = args_has(args, "follow")};
    int exit_code;

    logs_view_init(&run.view, common->format, args_has(args, "all"), !args_has(args, "grep"));
    buf_init(&run.filter, QUERY_MAX);
    buf_init(&run.first, QUERY_MAX);
    exit_code = run_logs(&run, common, args);
    client_free(run.client);
    logs_view_done(&run.view);
    buf_done(&run.filter);
    buf_done(&run.first);
    free(run.cursor);
    return exit_code;
}

/* ---- the row --------------------------------------------------------------------------------- */

static const char *const statuses[] = {"ok", "error", "timeout", NULL};

static const struct option options[] = {
        {.name = "all", .help = "of every function"},
        {.name = "follow", .letter = 'f', .help = "go on as lines come, until Ctrl-C"},
        {.name = "since",
         .kind = OPTION_TEXT,
         .arg = "TIME",
         .help = "from then on: 10m, 2h, 2026-11-22T10:00:00Z",
         .min = 1,
         .max = 64},
        {.name = "until",
         .kind = OPTION_TEXT,
         .arg = "TIME",
         .help = "to then",
         .min = 1,
         .max = 64},
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
