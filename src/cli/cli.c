/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.c - from argv to a command, from a failure to an exit code.
 *
 * The command line is a client like any other: it speaks the admin API over HTTP and knows nothing
 * of the daemon's insides. Results go to stdout and nothing else does. Read next: table.c, then any
 * cmd_....c.
 */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/obj.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/term.h"

int command_exit_of(const struct err *e)
{
    switch (e->code) {
    case -ENOENT:
        return EXIT_NOT_FOUND;
    case -EACCES:
        return EXIT_AUTH;
    case -ETIMEDOUT:
        return EXIT_TIMEOUT;
    case -ECONNREFUSED:
        return EXIT_UNREACHABLE;
    default:
        break;
    }
    switch (e->kind) {
    case ERR_CALLER:
        return EXIT_USAGE;
    case ERR_LIMIT:
        return EXIT_LIMIT;
    case ERR_FUNCTION:
        return EXIT_FUNCTION;
    case ERR_NONE:
    case ERR_HOST:
        break;
    }
    return EXIT_INTERNAL;
}

/* What to do about it, where that is the same whatever the command was. */
static const struct {
    int code;
    const char *about; /* words of the message it goes with; NULL: any */
    const char *next;
} next_steps[] = {
        {-ECONNREFUSED, NULL,
         "start the daemon with `evoke serve`, or say where it is with --endpoint"},
        {-EACCES, NULL,
         "be the user of `evoke serve`, name its directory with --data, or set EVOKE_ACCESS_KEY "
         "and "
         "EVOKE_SECRET_KEY"},
        {-ENOENT, "no function", "`evoke list` shows what there is"},
        {-ENOTUNIQ, NULL, "write one of them in full"},
};

static void print_next(const struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(next_steps); i++)
        if (next_steps[i].code == e->code &&
            (!next_steps[i].about || strstr(e->msg, next_steps[i].about))) {
            fprintf(stderr, "  next: %s\n", next_steps[i].next);
            return;
        }
}

int command_fail(const struct err *e)
{
    const struct term t = term_of(stderr);

    fprintf(stderr, "%sevoke:%s ", term_style(&t, TERM_RED), term_style(&t, TERM_PLAIN));
    (void)term_write(&t, str_of(e->msg)); /* it may quote what a function or another host said */
    fputc('\n', stderr);
    print_next(e);
    return command_exit_of(e);
}

/* "NAME" of "NAME [VERSION]", for a word that is missing: the nth of them. */
static struct str word_name(const char *args, size_t nth)
{
    struct str rest = str_of(args), word = STR_NONE;

    for (size_t i = 0; i <= nth && rest.p; i++)
        word = str_cut(&rest, ' ');
    return word.n ? word : S("a word");
}

static int check_words(const struct command *cmd, const struct args *args, struct err *e)
{
    if (args->n < cmd->min_words) {
        struct str missing = word_name(cmd->args, args->n);

        return err_set(e, ERR_CALLER, -EINVAL, "%.*s is missing", STR_ARG(missing));
    }
    if (args->n > cmd->max_words && cmd->max_words == 0)
        return err_set(e, ERR_CALLER, -EINVAL, "takes no words, and there is '%.64s'",
                       args->words[0]);
    if (args->n > cmd->max_words)
        return err_set(e, ERR_CALLER, -EINVAL, "one word too many: '%.64s'",
                       args->words[cmd->max_words]);
    return 0;
}

static int fail_usage(const struct command *cmd, struct err *e)
{
    fprintf(stderr, "evoke: %s: %s\n  usage: evoke %s%s%s [options]\n  next: `evoke help %s`\n",
            cmd->name, e->msg, cmd->name, *cmd->args ? " " : "", cmd->args, cmd->name);
    return command_exit_of(e);
}

/* argv[0] is the last word of the command's name. */
static int run_command(const struct command *cmd, int argc, char **argv)
{
    struct option_table tables[COMMAND_TABLES];
    size_t ntables = command_options(cmd, tables);
    struct args args = {0};
    struct common common;
    struct err e = {0};
    int r = args_parse(tables, ntables, argc, argv, &args, &e);

    if (r >= 0 && args_has(&args, "help")) {
        command_help(stdout, cmd);
        return EXIT_OK;
    }
    if (r >= 0)
        r = check_words(cmd, &args, &e);
    if (r < 0)
        return fail_usage(cmd, &e);
    common = (struct common){
            .endpoint = args_text(&args, "endpoint"),
            .data = args_text(&args, "data"),
            .format = (enum output_format)(
                    cmd->no_output ? OUTPUT_TABLE : args_number(&args, "output", OUTPUT_TABLE))};
    return cmd->run(&common, &args);
}

static void on_interrupt(int sig)
{
    (void)sig;
    _exit(EXIT_INTERRUPT);
}

static int run_words(int argc, char **argv)
{
    static char help[] = "help", version[] = "version";
    const struct command *cmd;
    bool family;
    int words;

    if (argc < 2) {
        command_usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        argv[1] = help;
    if (strcmp(argv[1], "--version") == 0)
        argv[1] = version;
    cmd = command_find(argc - 1, argv + 1, &words, &family);
    assert(!cmd || cmd->run); /* main() keeps serve to itself */
    if (cmd)
        return run_command(cmd, argc - words, argv + words);
    if (family && (argc == 2 || argv[2][0] == '-')) {
        bool asked = argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0);

        command_family_usage(asked ? stdout : stderr, argv[1]);
        return asked ? EXIT_OK : EXIT_USAGE;
    }
    return command_unknown(argc - 1, argv + 1);
}

int cli_main(int argc, char **argv)
{
    struct sigaction interrupt = {.sa_handler = on_interrupt};

    command_serve_init();
    (void)sigaction(SIGINT, &interrupt, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* term_end() ends quietly instead, with a code of its own */
    return term_end(run_words(argc, argv));
}
