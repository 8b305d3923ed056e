/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete.c - the answer to the tab key.
 *
 * The scripts for bash, zsh and fish are a few lines each: they hand over the words so far and show
 * what comes back. So completion is written once, is tested without a shell, and knows the commands
 * of the program that is installed and not of the one that wrote the script.
 */
#include "cli/complete.h"

#include <string.h>

#include "base/buf.h"
#include "base/obj.h"
#include "cli/command.h"
#include "runtime/runtime.h"

struct asked {
    const char *const *words;
    size_t n; /* without the last */
    const char *last;
    const char *before; /* goes in front of each candidate: "--output=" */
    complete_functions *functions;
    void *user;
    struct buf *out;
};

static void offer(const struct asked *a, const char *text, const char *what)
{
    size_t n = strlen(a->last);

    if (strncmp(text, a->last, n) != 0)
        return;
    buf_addf(a->out, "%s%s%s%s\n", a->before, text, what ? "\t" : "", what ? what : "");
}

static void offer_functions(const struct asked *a)
{
    struct str rest, name;
    struct buf names;

    buf_init(&names, a->out->max);
    a->functions(a->user, &names);
    for (rest = buf_str(&names); rest.p && rest.n;) {
        name = str_cut(&rest, '\n');
        if (str_starts(name, str_of(a->last)))
            buf_addf(a->out, "%s%.*s\n", a->before, STR_ARG(name));
    }
    buf_done(&names);
}

/* Those that run here, each once, whichever clouds have it. */
static void offer_runtimes(const struct asked *a)
{
    for (size_t i = 0; i < worker_kinds_n; i++)
        offer(a, worker_kinds[i].id, "the newest of its kind");
    for (size_t i = 0; i < runtimes_n; i++) {
        size_t k = 0;

        while (k < i && strcmp(runtimes[k].name, runtimes[i].name) != 0)
            k++;
        if (k == i && runtimes[i].worker && strcmp(runtimes[i].worker, runtimes[i].name) != 0)
            offer(a, runtimes[i].name, NULL);
    }
}

/* Commands: the first word of each once, or the second words of a family. */
static void offer_commands(const struct asked *a, const char *family)
{
    const struct command *cmd;
    size_t n = family ? strlen(family) : 0;
    char first[32], last[32] = "";

    for (size_t i = 0; (cmd = command_at(i)); i++) {
        const char *space = strchr(cmd->name, ' ');

        if (cmd->hidden)
            continue;
        if (family) {
            if (space && strncmp(cmd->name, family, n) == 0 && cmd->name[n] == ' ')
                offer(a, space + 1, cmd->summary);
            continue;
        }
        if (!space) {
            offer(a, cmd->name, cmd->summary);
            continue;
        }
        snprintf(first, sizeof(first), "%.*s", (int)(space - cmd->name), cmd->name);
        if (strcmp(first, last) != 0 && !command_exists(first)) /* families stand together */
            offer(a, first, command_family(first));
        snprintf(last, sizeof(last), "%s", first);
    }
}

/* The first line: what the shell does by itself. */
static void begin(const struct asked *a, enum complete complete)
{
    buf_addz(a->out, complete == COMPLETE_FILE  ? "files\n"
                     : complete == COMPLETE_DIR ? "dirs\n"
                                                : "words\n");
}

static void offer_kind(const struct asked *a, enum complete complete)
{
    begin(a, complete);
    switch (complete) {
    case COMPLETE_FUNCTION:
        offer_functions(a);
        break;
    case COMPLETE_RUNTIME:
        offer_runtimes(a);
        break;
    case COMPLETE_COMMAND:
        offer_commands(a, a->n > 1 ? a->words[a->n - 1] : NULL);
        break;
    case COMPLETE_NOTHING:
    case COMPLETE_FILE:
    case COMPLETE_DIR:
        break;
    }
}

static void offer_value(const struct asked *a, const struct option *o)
{
    if (o->kind != OPTION_CHOICE) {
        offer_kind(a, o->complete);
        return;
    }
    begin(a, COMPLETE_NOTHING);
    for (size_t i = 0; o->choices[i]; i++)
        offer(a, o->choices[i], NULL);
}

static const struct option *option_of(const struct command *cmd, const char *word, size_t n)
{
    struct option_table tables[COMMAND_TABLES];
    size_t ntables = command_options(cmd, tables);

    for (size_t t = 0; t < ntables; t++)
        for (size_t i = 0; i < tables[t].n; i++) {
            const struct option *o = &tables[t].rows[i];

            if (n > 2 && strncmp(word, "--", 2) == 0 && strlen(o->name) == n - 2 &&
                memcmp(o->name, word + 2, n - 2) == 0)
                return o;
            if (n == 2 && word[0] == '-' && o->letter && o->letter == word[1])
                return o;
        }
    return NULL;
}

static bool is_given(const struct asked *a, const struct command *cmd, const struct option *o)
{
    for (size_t i = 0; i < a->n; i++)
        if (option_of(cmd, a->words[i], strcspn(a->words[i], "=")) == o)
            return true;
    return false;
}

static void offer_options(const struct asked *a, const struct command *cmd)
{
    struct option_table tables[COMMAND_TABLES];
    size_t ntables = command_options(cmd, tables);

    begin(a, COMPLETE_NOTHING);
    for (size_t t = 0; t < ntables; t++)
        for (size_t i = 0; i < tables[t].n; i++) {
            const struct option *o = &tables[t].rows[i];
            char name[64];

            if (!o->repeats && is_given(a, cmd, o))
                continue;
            snprintf(name, sizeof(name), "--%s", o->name);
            offer(a, name, o->help);
        }
}

/* The option whose value the last word is; NULL: it is a word of its own. */
static const struct option *wants_value(struct asked *a, const struct command *cmd, char room[128])
{
    const struct option *o = NULL;
    size_t name = strcspn(a->last, "=");

    if (a->n > 1 && strcmp(a->last, "=") == 0) { /* bash: "--output" "=" */
        o = option_of(cmd, a->words[a->n - 1], strlen(a->words[a->n - 1]));
        a->last = "";
    } else if (a->n > 2 && strcmp(a->words[a->n - 1], "=") == 0) { /* "--output" "=" "j" */
        o = option_of(cmd, a->words[a->n - 2], strlen(a->words[a->n - 2]));
    } else if (strncmp(a->last, "--", 2) == 0 && a->last[name]) { /* "--output=j" */
        o = option_of(cmd, a->last, name);
        snprintf(room, 128, "%.*s", (int)name + 1, a->last);
        a->before = room;
        a->last += name + 1;
    } else if (a->n > 1) {
        o = option_of(cmd, a->words[a->n - 1], strlen(a->words[a->n - 1]));
    }
    return o && o->kind != OPTION_FLAG ? o : NULL;
}

void complete_words(const char *const *words, size_t n, complete_functions *functions, void *user,
                    struct buf *out)
{
    struct asked a = {.words = words,
                      .n = n ? n - 1 : 0,
                      .last = n ? words[n - 1] : "",
                      .before = "",
                      .functions = functions,
                      .user = user,
                      .out = out};
    const struct command *cmd;
    const struct option *o;
    char room[128];
    bool family;
    int used;

    cmd = command_find((int)a.n, (char *const *)words, &used, &family);
    if (!cmd) {
        begin(&a, COMPLETE_NOTHING);
        if (a.n == 0 || (a.n == 1 && family))
            offer_commands(&a, a.n ? words[0] : NULL);
        return;
    }
    o = wants_value(&a, cmd, room);
    if (o)
        offer_value(&a, o);
    else if (a.last[0] == '-')
        offer_options(&a, cmd);
    else
        offer_kind(&a, cmd->complete);
    if (!o && family && a.n == 1 && a.last[0] != '-') /* "get" stands alone, and goes on */
        offer_commands(&a, words[0]);
}

const char *complete_option(const char *const *words, size_t n, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i + 1 < n; i++) { /* the last one is still being written */
        if (strncmp(words[i], "--", 2) != 0 || strncmp(words[i] + 2, name, length) != 0)
            continue;
        if (words[i][2 + length] == '=')
            return words[i] + 2 + length + 1;
        if (words[i][2 + length] == 0 && i + 2 < n)
            return words[strcmp(words[i + 1], "=") == 0 && i + 3 < n ? i + 2 : i + 1];
    }
    return NULL;
}
