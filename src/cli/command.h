/* SPDX-License-Identifier: Apache-2.0 */
/* command.h - what a command is, and what all of them share. */
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

/* Options every command understands. */
struct common {
    const char *endpoint, *data, *output; /* borrowed; as written, or NULL */
    bool help;
    enum output_format format;
};

struct command {
    const char *name;
    const char *args;    /* "NAME [--event FILE|-|JSON]" */
    const char *summary; /* one line */
    const char *help;    /* paragraphs; NULL: none */
    size_t min_words, max_words;
    /* argv[0] is the command's name. Returns an exit code. NULL: the daemon program's own. */
    int (*run)(int argc, char **argv);
};

/* table.c */
extern const struct command commands[];
extern const size_t commands_n;
const struct command *command_find(const char *name); /* or NULL */
void command_usage(FILE *out);                        /* all commands */
void command_help(FILE *out, const struct command *cmd);

/* Reads the command's own options and the common ones, and as many words as its row in the table
 * allows. Returns 0 (go on), or 1: an answer was given already (help, or what is wrong), *ret_exit
 * is the exit code. */
int command_start(const char *name, int argc, char **argv, struct arg_table options,
                  struct common *ret, struct args *words, int *ret_exit);

/* "evoke: <message>" on stderr; returns the exit code that fits e. */
int command_fail(const struct err *e);
int command_exit_of(const struct err *e);

int cmd_delete(int argc, char **argv);
int cmd_deploy(int argc, char **argv);
int cmd_get(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_invoke(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif
