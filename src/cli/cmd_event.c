/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_event.c - evoke get invocation, list invocations, get ledger: what became of asynchronous
 * events. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/events.h"
#include "cli/follow.h"
#include "cli/output.h"
#include "cli/view.h"

enum { QUERY_MAX = 16 << 10 };

static int get_invocation(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *event = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    struct err e = {0};

    if (client_new(common, &client, &e) < 0 || events_get(client, args->words[0], &event, &e) < 0)
        return command_fail(&e);
    events_show(common->format, event);
    return EXIT_OK;
}

const struct command command_get_invocation = {
        .name = "get invocation",
        .group = GROUP_SEE,
        .args = "REQUEST_ID",
        .summary = "show an asynchronous event: each try, how it ended, what next",
        .help = "REQUEST_ID is what `evoke invoke --async` prints. Ended events are kept for a\n"
                "while (--async-keep of `evoke serve`), dead ones until they are redriven or\n"
                "purged.",
        .examples = "evoke get invocation 4b1f0c2e-7f5a-4c55-9d0e-1f6d2a0b9c11\n",
        .min_words = 1,
        .max_words = 1,
        .run = get_invocation,
};

/* ---- list ---- */

static int make_query(struct client *client, const struct args *args, struct buf *query,
                      struct err *e)
{
    cleanup_with(buf_done) struct buf function;
    int64_t since_ms, until_ms;
    int r = events_span(args, &since_ms, &until_ms, e);

    buf_init(&function, QUERY_MAX);
    if (r >= 0 && args->n)
        r = events_function(client, args->words[0], &function, e);
    if (r < 0)
        return r;
    if (args->n)
        events_query(query, "function", buf_str(&function));
    if (args_text(args, "state"))
        events_query(query, "state", str_of(args_text(args, "state")));
    if (args_text(args, "source"))
        events_query(query, "source", str_of(args_text(args, "source")));
    if (since_ms)
        follow_number(query, "since_ms", since_ms);
    if (until_ms)
        follow_number(query, "until_ms", until_ms);
    return 0;
}

static int list_invocations(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *events = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf query;
    struct err e = {0};

    buf_init(&query, QUERY_MAX);
    if (client_new(common, &client, &e) < 0 || make_query(client, args, &query, &e) < 0 ||
        events_list(client, buf_str(&query), args_number(args, "limit", EVENTS_DEFAULT), &events,
                    &e) < 0)
        return command_fail(&e);
    events_print(common->format, events);
    return EXIT_OK;
}

static const struct option list_options[] = {
        {.name = "state",
         .kind = OPTION_TEXT,
         .arg = "STATES",
         .help = "waiting, running, done, dead, expired, cancelled, purged; with commas",
         .min = 1,
         .max = 128},
        FOLLOW_SPAN,
        {.name = "source",
         .kind = OPTION_TEXT,
         .arg = "ID",
         .help = "of this trigger, by its id; invoked: of none",
         .min = 1,
         .max = 128},
        EVENTS_LIMIT,
};

const struct command command_list_invocations = {
        .name = "list invocations",
        .group = GROUP_SEE,
        .args = "[NAME]",
        .summary = "list asynchronous events, the newest first",
        .help = "Of one function, or of all: those that wait or run, and those that have ended as\n"
                "long as they are kept.",
        .examples = "evoke list invocations hello --since 1h\n"
                    "evoke list invocations --state waiting,running -n 1000\n",
        .options = OPTION_TABLE(list_options),
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = list_invocations,
};

/* ---- ledger ---- */

/* In a pipe the columns are always the same. On a terminal, which is narrow, those of how few events
 * end are there when one did. */
static bool is_shown(const struct column *column, const struct cJSON *rows)
{
    static const char *const rare[] = {"expired", "cancelled", "purged", "passed"};
    bool any = false, is_rare = false;

    for (size_t i = 0; i < ARRAY_LEN(rare); i++)
        is_rare = is_rare || strcmp(column->key, rare[i]) == 0;
    for (const struct cJSON *row = rows->child; is_rare && row; row = row->next)
        any = any || view_int(row, column->key) != 0;
    return any || !is_rare;
}

/* The rows for people: where they came from by name. */
static void print_ledger(const struct cJSON *answer)
{
    static const struct column columns[] = {
            {"FUNCTION", "function", NULL},   {"FROM", "from", NULL},
            {"ACCEPTED", "accepted", NULL},   {"WAITING", "waiting", NULL},
            {"RUNNING", "running", NULL},     {"DONE", "done", NULL},
            {"DEAD", "dead", NULL},           {"EXPIRED", "expired", NULL},
            {"CANCELLED", "cancelled", NULL}, {"PURGED", "purged", NULL},
            {"PASSED", "passed", NULL},
    };
    const struct cJSON *all = json_get(answer, "rows");
    cleanup_with(json_freep) struct cJSON *rows = cJSON_Duplicate(all, true);
    struct column shown[ARRAY_LEN(columns)];
    bool tty = term_of(stdout).tty;
    size_t n = 0;

    for (struct cJSON *row = rows ? rows->child : NULL; row; row = row->next) {
        struct str trigger = view_text(row, "trigger");

        cJSON_AddStringToObject(row, "from", trigger.n ? trigger.p : view_text(row, "source").p);
    }
    if (!rows || output_none(rows, "no event was accepted yet"))
        return;
    if (tty)
        events_shorten(rows);
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        if (!tty || is_shown(&columns[i], rows))
            shown[n++] = columns[i];
    output_list(OUTPUT_TABLE, rows, shown, n);
}

static int get_ledger(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *answer = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf query, function;
    bool balanced = true;
    struct err e = {0};

    buf_init(&query, QUERY_MAX);
    buf_init(&function, QUERY_MAX);
    if (client_new(common, &client, &e) < 0 ||
        (args->n && events_function(client, args->words[0], &function, &e) < 0))
        return command_fail(&e);
    if (args->n)
        events_query(&query, "function", buf_str(&function));
    if (client_get(client, S("/evoke/v1/ledger"), buf_str(&query), &answer, &e) < 0)
        return command_fail(&e);
    if (common->format == OUTPUT_TABLE)
        print_ledger(answer);
    else
        output_object(common->format, answer);
    (void)json_bool(answer, "balanced", false, &balanced, NULL);
    if (!balanced)
        fputs("evoke: the ledger does not add up: events are not where they were counted\n"
              "  next: keep a copy of the data directory, and tell us (docs/reliability.md)\n",
              stderr);
    return balanced ? EXIT_OK : EXIT_INTERNAL;
}

const struct command command_get_ledger = {
        .name = "get ledger",
        .group = GROUP_SEE,
        .args = "[NAME]",
        .summary = "show how many events were accepted, and where each of them is",
        .help = "A line per function and source. What was accepted is the sum of the seven states\n"
                "behind it, always; exit code 70 if it is not. PASSED were delivered without\n"
                "having been kept, and stand apart.",
        .examples = "evoke get ledger\n"
                    "evoke get ledger hello --output json\n",
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = get_ledger,
};
