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
#include "cli/command.h"

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

int command_fail(const struct err *e)
{
    fprintf(stderr, "evoke: %s\n", e->msg);
    return command_exit_of(e);
}

static int parse_format(const char *text, enum output_format *ret, struct err *e)
{
    static const char *const names[] = {
            [OUTPUT_TABLE] = "table", [OUTPUT_JSON] = "json", [OUTPUT_YAML] = "yaml"};

    for (size_t i = 0; text && i < ARRAY_LEN(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *ret = (enum output_format)i;
            return 0;
        }
    if (text)
        return err_set(e, ERR_CALLER, -EINVAL, "--output is table, json or yaml, not '%s'", text);
    return 0;
}

static int check_words(const struct command *cmd, size_t n, struct err *e)
{
    if (n < cmd->min_words)
        return err_set(e, ERR_CALLER, -EINVAL, "a word is missing");
    if (n > cmd->max_words)
        return err_set(e, ERR_CALLER, -EINVAL, "too many words");
    return 0;
}

int command_start(const char *name, int argc, char **argv, struct arg_table options,
                  struct common *ret, struct args *words, int *ret_exit)
{
    const struct command *cmd = command_find(name);
    const struct arg_option common[] = {
            {.name = "--endpoint", .value = &ret->endpoint},
            {.name = "--data", .value = &ret->data},
            {.name = "--output", .value = &ret->output},
            {.name = "--help", .flag = &ret->help},
            {.name = "-h", .flag = &ret->help},
    };
    const struct arg_table tables[] = {options, ARG_TABLE(common)};
    struct err e = {0};
    int r;

    assert(cmd);
    *ret = (struct common){.format = OUTPUT_TABLE};
    r = args_parse(tables, ARRAY_LEN(tables), argc, argv, words, &e);
    if (r >= 0 && ret->help) {
        command_help(stdout, cmd);
        *ret_exit = EXIT_OK;
        return 1;
    }
    if (r >= 0)
        r = check_words(cmd, words->n, &e);
    if (r >= 0)
        r = parse_format(ret->output, &ret->format, &e);
    if (r >= 0)
        return 0;

    *ret_exit = command_fail(&e);
    fprintf(stderr, "usage: evoke %s%s%s\n", cmd->name, *cmd->args ? " " : "", cmd->args);
    return 1;
}

static void on_interrupt(int sig)
{
    (void)sig;
    _exit(EXIT_INTERRUPT);
}

int cli_main(int argc, char **argv)
{
    struct sigaction interrupt = {.sa_handler = on_interrupt};
    const struct command *cmd;
    const char *name;

    (void)sigaction(SIGINT, &interrupt, NULL);
    if (argc < 2) {
        command_usage(stderr);
        return EXIT_USAGE;
    }
    name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    cmd = command_find(name);
    if (!cmd || !cmd->run) {
        fprintf(stderr, "evoke: there is no command '%s'; `evoke help` lists them\n", name);
        return EXIT_USAGE;
    }
    return cmd->run(argc - 1, argv + 1);
}
