/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_why.c - evoke why NAME: the daemon's own judgement of a function (docs/admin-api.md, State),
 * in words first, then what it rests on.
 */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/events.h"
#include "cli/output.h"
#include "cli/state_view.h"
#include "cli/triggers.h"
#include "cli/view.h"

/* Situations in which nothing is wrong. Source: src/admin/situation.c */
static const char *const well[] = {"never_run", "busy", "warm", "idle"};

static bool is_well(const struct cJSON *state)
{
    struct str code = view_text(state, "code");

    for (size_t i = 0; i < ARRAY_LEN(well); i++)
        if (str_eq(code, str_of(well[i])))
            return true;
    return false;
}

static void print_sentence(const struct view *v, const struct cJSON *state)
{
    bool good = is_well(state);
    struct str next = view_text(state, "next");

    fputs(term_style(&v->term, good ? TERM_GREEN : TERM_RED), stdout);
    (void)term_write(&v->term, view_text(state, "sentence"));
    printf("%s\n", term_style(&v->term, TERM_PLAIN));
    if (next.n) {
        fputs("  next: ", stdout);
        (void)term_write(&v->term, next);
        putchar('\n');
    }
}

static void print_people(const struct cJSON *state, struct str function)
{
    struct view v;

    view_init(&v);
    print_sentence(&v, state);
    state_view_figures(&v, state);
    state_view_instances(&v, state);
    state_view_starts(&v, state);
    state_view_failures(&v, state);
    triggers_view(&v, state, function);
}

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *state = NULL;
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path, function;
    struct err e = {0};

    buf_init(&path, 8 << 10);
    buf_init(&function, 8 << 10);
    if (client_new(common, &client, &e) < 0 ||
        events_function(client, args->words[0], &function, &e) < 0)
        return command_fail(&e);
    buf_addf(&path, "/evoke/v1/functions/%s/state", function.p);
    if (client_get(client, buf_str(&path), STR_NONE, &state, &e) < 0)
        return command_fail(&e);
    triggers_add(client, buf_str(&function), state);
    if (common->format == OUTPUT_TABLE)
        print_people(state, buf_str(&function));
    else
        output_object(common->format, state);
    return is_well(state) ? EXIT_OK : EXIT_FUNCTION;
}

const struct command command_why = {
        .name = "why",
        .group = GROUP_SEE,
        .args = "NAME",
        .summary = "say in plain words how a function is, and what to do next",
        .help = "The first line is the verdict; then what it rests on: instances, the last starts\n"
                "and the last failures with their causes. Exit code 0 when nothing is wrong with\n"
                "it, 1 when something is.",
        .examples = "evoke why hello\n"
                    "evoke why hello --output json | jq -r .sentence\n",
        .min_words = 1,
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = run,
};
