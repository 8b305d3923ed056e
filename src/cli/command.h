/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h - what a command is, and what all of them share. Each cmd_....c defines one row (or a
 * few that belong together, as "key add" and "key remove"), table.c lists them.
 */
#ifndef EVOKE_CLI_COMMAND_H
#define EVOKE_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/args.h"

struct cJSON;
struct err;

enum {
    EXIT_OK = 0,
    EXIT_FUNCTION = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_AUTH = 4,
    EXIT_LIMIT = 5,
    EXIT_TIMEOUT = 6,
    EXIT_UNREACHABLE = 7,
    EXIT_INTERNAL = 70,
    EXIT_INTERRUPT = 130,
};

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_YAML };

/* What every command understands, read. */
struct common {
    const char *endpoint, *data; /* borrowed; as written, or NULL */
    enum output_format format;
};

enum command_group {              /* as `evoke help` lists them */
                     GROUP_SERVE, /* run the daemon, look after it */
                     GROUP_WRITE, /* init, deploy, delete */
                     GROUP_RUN,   /* invoke */
                     GROUP_SEE,   /* list, get, describe, logs, why, top, audit */
                     GROUP_HELP,
                     COMMAND_GROUPS,
};

struct command {
    const char *name; /* "invoke", "key add" */
    enum command_group group;
    const char *args;                  /* the words: "NAME", "[DIR|FILE] [NAME...]", "" */
    const char *summary;               /* one line, lower case, no full stop */
    const char *brief;                 /* in `evoke help`, where that says more; NULL: summary */
    const char *help;                  /* paragraphs, lines up to 80 columns; NULL: none */
    const char *examples;              /* whole command lines, each ended by '\n'; NULL: none */
    struct option_table options;       /* its own, searched before the common ones */
    const struct option_table *shared; /* more of them, that somebody else keeps; NULL */
    size_t min_words, max_words;
    enum complete complete; /* of its words */
    bool local;     /* asks no daemon: of the common options it has only --help and --output */
    bool no_output; /* its result has one form: it has no --output */
    bool hidden;    /* for programs: not in help, manual and completion */
    bool beside;    /* no line of its own in `evoke help`: another's `brief` names it */
    /* Returns an exit code. NULL: the program's own (serve). */
    int (*run)(const struct common *common, const struct args *args);
};

/* ---- table.c ---- */

/* Once, before the table is looked at: fetches the options that somebody else keeps. */
void command_serve_init(void); /* cmd_serve.c */
/* Row i in the order of `evoke help`, hidden ones too; NULL: no more. */
const struct command *command_at(size_t i);

enum { COMMAND_TABLES = 5 };

/* The options of every command, those of a command that speaks to the daemon, --output. */
extern const struct option common_help_option, common_output_option, common_daemon_options[2];
/* Everything cmd understands: its own and the common ones. Returns how many tables. */
size_t command_options(const struct command *cmd, struct option_table ret[COMMAND_TABLES]);

/* The row for argv[0], or argv[0] and argv[1] ("key add"); *ret_words: how many were its name.
 * NULL: none; *ret_group then tells that argv[0] is the first word of some ("key"). */
const struct command *command_find(int argc, char *const *argv, int *ret_words, bool *ret_group);
/* A whole name: "get", of which there are also "get ledger" and others. */
bool command_exists(const char *name);
/* "access keys" for "key"; NULL: there is no such first word. */
const char *command_family(const char *word);

/* ---- help.c: all from the table ---- */

void command_usage(FILE *out);                           /* all commands */
void command_family_usage(FILE *out, const char *word);  /* those that begin with it */
void command_help(FILE *out, const struct command *cmd); /* one: fits a screen */
/* "evoke: there is no command '...'" with the nearest one; returns EXIT_USAGE. */
int command_unknown(int argc, char *const *argv);

/* ---- cli.c ---- */

/* "evoke: <message>" and what to do next on stderr; returns the exit code that fits e. */
int command_fail(const struct err *e);
int command_exit_of(const struct err *e);

#endif
