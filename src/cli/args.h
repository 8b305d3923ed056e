/* SPDX-License-Identifier: Apache-2.0 */
/*
 * args.h - words and options of a command line, by table. One row says how an option is written,
 * what it takes, what is checked, how it is explained and completed: the parser, --help, the man
 * pages, docs/cli.md, shell completion and the tests all read it.
 */
#ifndef EVOKE_CLI_ARGS_H
#define EVOKE_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

enum option_kind {
    OPTION_FLAG,     /* takes nothing */
    OPTION_TEXT,     /* min..max bytes; max 0: any number */
    OPTION_INT,      /* min..max */
    OPTION_DURATION, /* 500ms, 10s, 5m, 2h, 7d; bare: seconds. min..max in ms */
    OPTION_CHOICE,   /* one of choices */
};

/* What a shell offers for a value or word. */
enum complete {
    COMPLETE_NOTHING,
    COMPLETE_FILE,
    COMPLETE_DIR,
    COMPLETE_FUNCTION, /* names from `evoke list` */
    COMPLETE_RUNTIME,
    COMPLETE_COMMAND,
};

struct option {
    const char *name; /* without dashes: "event" */
    char letter;      /* -f; 0: none */
    enum option_kind kind;
    const char *arg;            /* placeholder: "FILE|-|JSON"; NULL for a flag */
    const char *help;           /* one line, lower case, no full stop */
    int64_t min, max;           /* TEXT bytes, INT, DURATION ms */
    const char *const *choices; /* NULL-terminated; CHOICE only */
    const char *env, *def; /* for the reader: where it may also be said, what else it is; NULL */
    enum complete complete;
    bool repeats; /* may be given more than once; else twice is an error */
};

enum { ARGS_WORDS = 256, ARGS_OPTIONS = 64 };

/* What was given. Borrows argv and the tables. */
struct args {
    const char *words[ARGS_WORDS];
    size_t n;
    struct given {
        const struct option *option;
        const char *text; /* as written; NULL for a flag */
        int64_t number;   /* INT, DURATION (ms), CHOICE (index) */
    } given[ARGS_OPTIONS];
    size_t ngiven;
    int argc; /* what was parsed, as it was written */
    char **argv;
};

struct option_table {
    const struct option *rows; /* borrowed */
    size_t n;
};

#define OPTION_TABLE(array) ((struct option_table){(array), sizeof(array) / sizeof((array)[0])})

/*
 * Options may stand anywhere: "--name value", "--name=value", "-f", "-n5", "-fn 5"; "--" ends them;
 * "-" is a word. argv[0] is the command's name.
 * tables: searched in order. -EINVAL with a sentence that names the option, the value and what is
 * allowed; for an unknown option it names the nearest known one.
 */
int args_parse(const struct option_table *tables, size_t ntables, int argc, char **argv,
               struct args *ret, struct err *e);

/* By name, which must be in a table that was parsed. */
bool args_has(const struct args *a, const char *name);
const char *args_text(const struct args *a, const char *name); /* the last one; NULL: not given */
int64_t args_number(const struct args *a, const char *name, int64_t otherwise);
/* One after the other of an option that repeats: *i begins at 0. NULL: no more. */
const char *args_each(const struct args *a, const char *name, size_t *i);

/* "500ms", "10s", "5m", "2h", "7d" or seconds. -EINVAL: none of these; -ERANGE. */
int duration_parse(const char *text, int64_t *ret_ms);
/* The longest unit that fits: 90000 is "90s", 7200000 "2h". */
void duration_print(int64_t ms, struct buf *out);

#endif
