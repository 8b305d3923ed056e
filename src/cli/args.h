/* SPDX-License-Identifier: Apache-2.0 */
/* args.h - words and options of a command line, by table. */
#ifndef EVOKE_CLI_ARGS_H
#define EVOKE_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

struct err;

struct arg_option {
    const char *name;   /* "--event" */
    const char **value; /* where its value goes (borrowed from argv), or NULL: a flag */
    bool *flag;
};

enum { ARGS_WORDS = 256 };

struct args {
    const char *words[ARGS_WORDS]; /* borrowed from argv */
    size_t n;
};

struct arg_table {
    const struct arg_option *options; /* borrowed */
    size_t n;
};

#define ARG_TABLE(array) ((struct arg_table){(array), sizeof(array) / sizeof((array)[0])})
#define ARG_NO_OPTIONS   ((struct arg_table){NULL, 0})

/*
 * Options may stand anywhere: "--name value" or "--name=value"; "--" ends them; "-" is a word.
 * tables: several lists of options, searched in order. -EINVAL with a sentence.
 */
int args_parse(const struct arg_table *tables, size_t ntables, int argc, char **argv,
               struct args *ret, struct err *e);

#endif
