/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_deadletter.c - evoke deadletter list, show, redrive, purge: events that were tried as often
 * as may be and failed. They stay until somebody acts.
 *
 * Redrive and purge take request ids, or --function, or --all: never all by omission. The daemon
 * moves a thousand at a time. What is redriven may be dead again before the last of them has moved,
 * so the ledger says at first how many there are, and no more than that is asked for.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

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

/* ---- list, show ---- */

static int list(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *events = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf query, function;
    int64_t since_ms, until_ms;
    struct err e = {0};

    buf_init(&query, QUERY_MAX);
    buf_init(&function, QUERY_MAX);
    if (events_span(args, &since_ms, &until_ms, &e) < 0 || client_new(common, &client, &e) < 0 ||
        (args->n && events_function(client, args->words[0], &function, &e) < 0))
        return command_fail(&e);
    events_query(&query, "state", S("dead"));
    if (args->n)
        events_query(&query, "function", buf_str(&function));
    if (since_ms)
        follow_number(&query, "since_ms", since_ms);
    if (until_ms)
        follow_number(&query, "until_ms", until_ms);
    if (events_list(client, buf_str(&query), args_number(args, "limit", EVENTS_DEFAULT), &events,
                    &e) < 0)
        return command_fail(&e);
    events_print(common->format, events);
    return EXIT_OK;
}

static const struct option list_options[] = {
        FOLLOW_SPAN,
        EVENTS_LIMIT,
};

const struct command command_deadletter_list = {
        .name = "deadletter list",
        .group = GROUP_RUN,
        .args = "[NAME]",
        .summary = "list dead events, the newest first, with the reason",
        .examples = "evoke deadletter list\n"
                    "evoke deadletter list hello --since 1h --output json\n",
        .options = OPTION_TABLE(list_options),
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = list,
};

static int show(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *event = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    struct err e = {0};

    if (client_new(common, &client, &e) < 0 || events_get(client, args->words[0], &event, &e) < 0)
        return command_fail(&e);
    if (!str_eq(view_text(event, "state"), S("dead"))) {
        (void)err_set(&e, ERR_CALLER, -ENOENT, "event '%.128s' is %.*s, not dead", args->words[0],
                      STR_ARG(view_text(event, "state")));
        return command_fail(&e);
    }
    events_show(common->format, event);
    return EXIT_OK;
}

const struct command command_deadletter_show = {
        .name = "deadletter show",
        .group = GROUP_RUN,
        .args = "REQUEST_ID",
        .summary = "show a dead event: each try with its error and log",
        .examples = "evoke deadletter show 4b1f0c2e-7f5a-4c55-9d0e-1f6d2a0b9c11\n",
        .min_words = 1,
        .max_words = 1,
        .run = show,
};

/* ---- redrive, purge ---- */

struct sweep {
    const char *path, *key; /* of the answer */
    const char *state;      /* "dead"; purge: or "waiting" */
    bool tells_state;
    struct client *client;
    struct buf function; /* "": every one */
    int64_t since_ms, until_ms;
    int64_t most, moved;
};

static void add_number(struct cJSON *body, const char *key, int64_t v)
{
    if (v)
        cJSON_AddNumberToObject(body, key, (double)v);
}

/* One request. Returns how many it moved. */
static int64_t step(struct sweep *s, const char *id, int64_t limit, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *body = cJSON_CreateObject(), *answer = NULL;
    cleanup_with(buf_done) struct buf text;
    int r;

    buf_init(&text, QUERY_MAX);
    if (s->function.n)
        cJSON_AddStringToObject(body, "function", s->function.p);
    if (id)
        cJSON_AddStringToObject(body, "id", id);
    if (s->tells_state)
        cJSON_AddStringToObject(body, "state", s->state);
    add_number(body, "since_ms", s->since_ms);
    add_number(body, "until_ms", s->until_ms);
    add_number(body, "limit", limit);
    json_print(body, &text);
    r = events_post(s->client, "POST", str_of(s->path), buf_str(&text), &answer, e);
    return r < 0 ? r : view_int(answer, s->key);
}

/* How many there are, by the ledger. */
static int count(struct sweep *s, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *answer = NULL;
    cleanup_with(buf_done) struct buf query;
    const struct cJSON *rows;
    int r;

    buf_init(&query, QUERY_MAX);
    if (s->function.n)
        events_query(&query, "function", buf_str(&s->function));
    r = client_get(s->client, S("/evoke/v1/ledger"), buf_str(&query), &answer, e);
    if (r < 0)
        return r;
    rows = json_get(answer, "rows");
    for (const struct cJSON *row = rows ? rows->child : NULL; row; row = row->next)
        s->most += view_int(row, s->state);
    return 0;
}

static int sweep_many(struct sweep *s, struct err *e)
{
    int64_t n = count(s, e);

    while (n >= 0 && s->moved < s->most) {
        int64_t left = s->most - s->moved, limit = left < EVENTS_PAGE ? left : EVENTS_PAGE;

        n = step(s, NULL, limit, e);
        s->moved += n > 0 ? n : 0;
        if (n < limit)
            break;
    }
    return n < 0 ? (int)n : 0;
}

/* Each must be there and in the state; what was moved before stays moved. */
static int sweep_ids(struct sweep *s, const struct args *args, struct err *e)
{
    for (size_t i = 0; i < args->n; i++) {
        cleanup_with(json_freep) struct cJSON *event = NULL;
        int64_t n = events_get(s->client, args->words[i], &event, e);
        struct str state;

        if (n < 0)
            return (int)n;
        state = view_text(event, "state");
        buf_reset(&s->function); /* a key of one account has to name it */
        buf_adds(&s->function, view_text(event, "function"));
        n = str_eq(state, str_of(s->state)) ? step(s, args->words[i], 1, e) : 0;
        if (n < 0)
            return (int)n;
        if (n == 0)
            return err_set(e, ERR_CALLER, -EINVAL, "event '%.128s' is %.*s, not %s", args->words[i],
                           STR_ARG(state), s->state);
        s->moved += n;
    }
    return 0;
}

static int check_which(const struct args *args, struct err *e)
{
    int ways = (args->n > 0) + args_has(args, "function") + args_has(args, "all");

    if (ways != 1)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "say which: one or more REQUEST_IDs, or --function NAME, or --all");
    if (args->n && (args_has(args, "since") || args_has(args, "until")))
        return err_set(e, ERR_CALLER, -EINVAL, "--since and --until go with --function or --all");
    return 0;
}

static int prepare(struct sweep *s, const struct common *common, const struct args *args,
                   struct err *e)
{
    int r = check_which(args, e);

    if (r >= 0)
        r = events_span(args, &s->since_ms, &s->until_ms, e);
    if (r >= 0)
        r = client_new(common, &s->client, e);
    if (r >= 0 && args_has(args, "function"))
        r = events_function(s->client, args_text(args, "function"), &s->function, e);
    return r;
}

static int end(struct sweep *s, const struct common *common, int r, const struct err *e)
{
    cleanup_with(json_freep) struct cJSON *result = cJSON_CreateObject();

    cJSON_AddNumberToObject(result, s->key, (double)s->moved);
    s->client = client_free(s->client);
    buf_done(&s->function);
    if (r < 0 && !s->moved)
        return command_fail(e);
    output_object(common->format, result);
    return r < 0 ? command_fail(e) : EXIT_OK;
}

static int redrive(const struct common *common, const struct args *args)
{
    struct sweep s = {.path = "/evoke/v1/events/redrive", .key = "moved", .state = "dead"};
    struct err e = {0};
    int r;

    buf_init(&s.function, QUERY_MAX);
    r = prepare(&s, common, args, &e);
    if (r >= 0)
        r = args->n ? sweep_ids(&s, args, &e) : sweep_many(&s, &e);
    return end(&s, common, r, &e);
}

#define WHICH                                                                                      \
    {.name = "function",                                                                           \
     .letter = 'f',                                                                                \
     .kind = OPTION_TEXT,                                                                          \
     .arg = "NAME",                                                                                \
     .help = "those of this function",                                                             \
     .min = 1,                                                                                     \
     .max = 1024,                                                                                  \
     .complete = COMPLETE_FUNCTION},                                                               \
            {.name = "all", .kind = OPTION_FLAG, .help = "those of every function"}, FOLLOW_SPAN

static const struct option redrive_options[] = {WHICH};

const struct command command_deadletter_redrive = {
        .name = "deadletter redrive",
        .group = GROUP_RUN,
        .args = "[REQUEST_ID...]",
        .summary = "let dead events wait again, as if they were new",
        .help = "Named by their ids, by --function or by --all; --since and --until narrow it\n"
                "down by the time they were accepted. Prints how many were moved.",
        .examples = "evoke deadletter redrive 4b1f0c2e-7f5a-4c55-9d0e-1f6d2a0b9c11\n"
                    "evoke deadletter redrive --function hello --since 2h\n",
        .options = OPTION_TABLE(redrive_options),
        .max_words = ARGS_WORDS,
        .run = redrive,
};

static int purge(const struct common *common, const struct args *args)
{
    struct sweep s = {.path = "/evoke/v1/events/purge",
                      .key = "purged",
                      .state = args_has(args, "waiting") ? "waiting" : "dead",
                      .tells_state = true};
    struct err e = {0};
    int r;

    buf_init(&s.function, QUERY_MAX);
    r = prepare(&s, common, args, &e);
    if (r >= 0 && !args_has(args, "yes") && !events_agreed("Purge these events for good?")) {
        fputs("evoke: nothing was purged\n", stderr);
        s.client = client_free(s.client);
        buf_done(&s.function);
        return EXIT_INTERRUPT;
    }
    if (r >= 0)
        r = args->n ? sweep_ids(&s, args, &e) : sweep_many(&s, &e);
    return end(&s, common, r, &e);
}

static const struct option purge_options[] = {
        WHICH,
        {.name = "waiting", .kind = OPTION_FLAG, .help = "events that wait, instead of dead ones"},
        {.name = "yes", .letter = 'y', .kind = OPTION_FLAG, .help = "do not ask"},
};

const struct command command_deadletter_purge = {
        .name = "deadletter purge",
        .group = GROUP_RUN,
        .args = "[REQUEST_ID...]",
        .summary = "give up dead events, or waiting ones, for good",
        .help = "Asks first, on a terminal. The ledger goes on counting them, as purged. Prints\n"
                "how many there were.",
        .examples = "evoke deadletter purge --function hello --until 7d\n"
                    "evoke deadletter purge --all --waiting --yes\n",
        .options = OPTION_TABLE(purge_options),
        .max_words = ARGS_WORDS,
        .run = purge,
};
