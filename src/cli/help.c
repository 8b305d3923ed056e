/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help.c - what the table says, for people at a terminal of 24 lines and 80 columns.
 *
 * The common options take one line at the end of each text; `evoke help help` and the manual
 * explain them. Tests hold every text to the size and look for every option.
 */
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/nearest.h"
#include "base/obj.h"
#include "cli/command.h"
#include "cli/view.h"

enum { HELP_COLUMNS = 80, LEFT_MAX = 26, FAMILY_COLUMNS = HELP_COLUMNS - 20, TEXT_MAX = 64 << 10 };

#define MORE ", ..."

static const char *const group_titles[] = {
        [GROUP_SERVE] = "Serve", [GROUP_WRITE] = "Write", [GROUP_RUN] = "Run",
        [GROUP_SEE] = "See",     [GROUP_HELP] = "Help",
};

static_assert(ARRAY_LEN(group_titles) == COMMAND_GROUPS, "every group has a title");

/* "key" for "key add"; NULL: the name is one word. */
static const char *family_of(const struct command *cmd, char room[32])
{
    const char *space = strchr(cmd->name, ' ');

    if (!space)
        return NULL;
    snprintf(room, 32, "%.*s", (int)(space - cmd->name), cmd->name);
    return room;
}

static bool is_first_of_family(const struct command *cmd, const char *family)
{
    const struct command *other;
    size_t n = strlen(family);

    for (size_t i = 0; (other = command_at(i)); i++)
        if (strncmp(other->name, family, n) == 0 && other->name[n] == ' ')
            return other == cmd;
    return false;
}

/* "access keys: add, show, remove"; as many of them as fit in the line, "..." for the others. */
static void print_family(FILE *out, const char *family)
{
    const struct command *cmd;
    const char *what = command_family(family), *between = what ? ": " : "";
    size_t n = strlen(family), used = what ? strlen(what) : 0;

    fputs(what ? what : "", out);
    for (size_t i = 0; (cmd = command_at(i)); i++) {
        const char *verb = cmd->name + n + 1;

        if (cmd->hidden || strncmp(cmd->name, family, n) != 0 || cmd->name[n] != ' ')
            continue;
        if (used + strlen(between) + strlen(verb) + strlen(MORE) > FAMILY_COLUMNS) {
            fputs(MORE, out);
            return;
        }
        fprintf(out, "%s%s", between, verb);
        used += strlen(between) + strlen(verb);
        between = ", ";
    }
}

static void print_group(FILE *out, enum command_group group)
{
    const char *title = group_titles[group];
    const struct command *cmd;
    char room[32];

    for (size_t i = 0; (cmd = command_at(i)); i++) {
        const char *family = family_of(cmd, room);

        if (cmd->group != group || cmd->hidden || cmd->beside ||
            (family && (!is_first_of_family(cmd, family) || command_exists(family))))
            continue;
        fprintf(out, "%-6s  %-10s  ", title, family ? family : cmd->name);
        if (family)
            print_family(out, family);
        else
            fputs(cmd->brief ? cmd->brief : cmd->summary, out);
        fputc('\n', out);
        title = "";
    }
}

void command_usage(FILE *out)
{
    fputs("usage: evoke COMMAND [options]; `evoke help COMMAND` explains one\n", out);
    for (size_t g = 0; g < COMMAND_GROUPS; g++)
        print_group(out, (enum command_group)g);
}

static bool is_of(const struct command *cmd, const char *word)
{
    size_t n = strlen(word);

    return !cmd->hidden && strncmp(cmd->name, word, n) == 0 && cmd->name[n] == ' ';
}

void command_family_usage(FILE *out, const char *word)
{
    const struct command *cmd;
    size_t width = 0;

    fprintf(out, "usage: evoke %s COMMAND [options]\n\n", word);
    for (size_t i = 0; (cmd = command_at(i)); i++)
        if (is_of(cmd, word) && strlen(cmd->name) > width)
            width = strlen(cmd->name);
    for (size_t i = 0; (cmd = command_at(i)); i++)
        if (is_of(cmd, word))
            fprintf(out, "  %-*s  %s\n", (int)width, cmd->name, cmd->summary);
}

/* "-f, --follow", "    --since DURATION" */
static void left_of(const struct option *o, struct buf *out)
{
    if (o->letter)
        buf_addf(out, "-%c, ", o->letter);
    else
        buf_addz(out, "    ");
    buf_addf(out, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
}

/* Its own options: the first of its tables, or two. */
static size_t own_tables(const struct command *cmd)
{
    return cmd->shared ? 2 : 1;
}

static size_t left_width(const struct option_table *tables, size_t n)
{
    size_t width = 0;

    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < tables[t].n; i++) {
            cleanup_with(buf_done) struct buf left;

            buf_init(&left, 256);
            left_of(&tables[t].rows[i], &left);
            if (left.n > width && left.n <= LEFT_MAX)
                width = left.n;
        }
    return width;
}

static void print_option(FILE *out, const struct option *o, size_t width)
{
    cleanup_with(buf_done) struct buf left, right;

    buf_init(&left, 256);
    buf_init(&right, TEXT_MAX);
    left_of(o, &left);
    buf_addz(&right, o->help);
    if (o->def)
        buf_addf(&right, " [%s]", o->def);
    if (o->env)
        buf_addf(&right, " ($%s)", o->env);
    if (left.n > width)
        fprintf(out, "  %s\n%*s", left.p, (int)(width + 4), "");
    else
        fprintf(out, "  %-*s  ", (int)width, left.p);
    view_wrap(out, width + 4, width + 4, HELP_COLUMNS, right.p);
}

/* The common options in one line: what they do is the same everywhere. */
static void print_common(FILE *out, const struct command *cmd)
{
    struct option_table tables[COMMAND_TABLES];
    size_t n = command_options(cmd, tables);
    const char *before = "Also: ";

    for (size_t t = own_tables(cmd); t < n; t++)
        for (size_t i = 0; i < tables[t].n; i++) {
            const struct option *o = &tables[t].rows[i];

            fprintf(out, "%s", before);
            if (o->letter)
                fprintf(out, "-%c, ", o->letter);
            fprintf(out, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
            before = "; ";
        }
    fputc('\n', out);
}

static void print_examples(FILE *out, const char *examples)
{
    fputs("\nExamples:\n", out);
    while (*examples) {
        size_t n = strcspn(examples, "\n");

        fprintf(out, "  %.*s\n", (int)n, examples);
        examples += n + (examples[n] == '\n');
    }
}

void command_help(FILE *out, const struct command *cmd)
{
    struct option_table tables[COMMAND_TABLES];
    size_t own = own_tables(cmd), width;
    bool any = false;

    (void)command_options(cmd, tables);
    width = left_width(tables, own);
    fprintf(out, "usage: evoke %s%s%s [options]\n  %s\n", cmd->name, *cmd->args ? " " : "",
            cmd->args, cmd->summary);
    if (cmd->help)
        fprintf(out, "\n%s\n", cmd->help);
    for (size_t t = 0; t < own; t++)
        for (size_t i = 0; i < tables[t].n; i++) {
            fputs(any ? "" : "\nOptions:\n", out);
            any = true;
            print_option(out, &tables[t].rows[i], width);
        }
    if (cmd->examples)
        print_examples(out, cmd->examples);
    print_common(out, cmd);
}

int command_unknown(int argc, char *const *argv)
{
    struct nearest best = {0};
    const struct command *cmd;
    char room[32];
    int words;
    bool family;

    (void)command_find(argc, argv, &words, &family);
    if (family && argc > 1) {
        cleanup_with(buf_done) struct buf name;

        buf_init(&name, 160);
        buf_addf(&name, "%s %s", argv[0], argv[1]);
        for (size_t i = 0; buf_ok(&name) && (cmd = command_at(i)); i++)
            if (!cmd->hidden)
                nearest_try(&best, name.p, cmd->name);
        fprintf(stderr, "evoke: there is no command '%.32s %.64s'\n", argv[0], argv[1]);
    } else {
        for (size_t i = 0; (cmd = command_at(i)); i++) {
            const char *word = family_of(cmd, room);

            if (!cmd->hidden && !word)
                nearest_try(&best, argv[0], cmd->name);
        }
        fprintf(stderr, "evoke: there is no command '%.64s'\n", argv[0]);
    }
    if (best.name)
        fprintf(stderr, "  next: did you mean `evoke %s`? `evoke help` lists all\n", best.name);
    else
        fputs("  next: `evoke help` lists them\n", stderr);
    return EXIT_USAGE;
}
