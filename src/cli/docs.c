/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs.c - docs/cli.md and the manual, from the table that the parser reads.
 *
 * Nothing is explained here that is not in a row, but for what no row is about: exit codes, names,
 * the environment. A test compares docs/cli.md with what this prints and lets groff read the pages.
 */
#include "cli/docs.h"

#include <string.h>

#include "base/buf.h"
#include "base/obj.h"
#include "cli/command.h"

/* What a shell script branches on. Source: command.h */
static const struct {
    int code;
    const char *what;
} exits[] = {
        {EXIT_OK, "done; of `invoke`: the function succeeded"},
        {EXIT_FUNCTION, "the function failed, or is not well (`why`, `doctor`)"},
        {EXIT_USAGE, "the command line, the manifest or a value in it is wrong"},
        {EXIT_NOT_FOUND, "there is no such function, file or key"},
        {EXIT_AUTH, "no key pair, a wrong one, or one that may not do this"},
        {EXIT_LIMIT, "a limit or quota said no"},
        {EXIT_TIMEOUT, "a timeout: of the function, or of the daemon's answer"},
        {EXIT_UNREACHABLE, "no daemon answers"},
        {EXIT_INTERNAL, "something is wrong with the host or with evoke"},
        {EXIT_INTERRUPT, "interrupted by Ctrl-C"},
        {141, "nobody reads the output any more"},
};

static const struct {
    const char *name, *what;
} variables[] = {
        {"EVOKE_ENDPOINT", "where the daemon is, unless --endpoint says so"},
        {"EVOKE_DATA", "the daemon's data directory, unless --data says so"},
        {"EVOKE_ACCESS_KEY",
         "with EVOKE_SECRET_KEY, the key pair to sign with; else the root pair in "
         "the data directory's keys.json is taken"},
        {"EVOKE_SECRET_KEY", "see EVOKE_ACCESS_KEY"},
        {"NO_COLOR", "no colours, also on a terminal"},
};

static const char naming[] =
        "A function is called NAME where only one has that name, else SPACE/NAME or in full "
        "DIALECT/ACCOUNT/REGION/SPACE/NAME.";

/* "; 1 to 1000", for numbers and durations. */
static void add_range(const struct option *o, struct buf *out)
{
    if (o->kind == OPTION_INT) {
        buf_addf(out, "; %lld to %lld", (long long)o->min, (long long)o->max);
    } else if (o->kind == OPTION_DURATION) {
        buf_addz(out, "; ");
        duration_print(o->min, out);
        buf_addz(out, " to ");
        duration_print(o->max, out);
    }
}

static void add_rest(const struct option *o, struct buf *out)
{
    add_range(o, out);
    if (o->def)
        buf_addf(out, "; default %s", o->def);
    if (o->env)
        buf_addf(out, "; environment %s", o->env);
    if (o->repeats)
        buf_addz(out, "; may be given more than once");
}

/* ---- markdown -------------------------------------------------------------------------------- */

/* In a cell of a table a bar would begin the next one. */
static void md_cell(const char *text, struct buf *out)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_addc(out, '\\');
        buf_addc(out, *text);
    }
}

static void md_option(const struct option *o, struct buf *out)
{
    struct buf rest;

    buf_init(&rest, 4096);
    buf_addz(out, "| `");
    if (o->letter)
        buf_addf(out, "-%c`, `", o->letter);
    buf_addf(out, "--%s%s", o->name, o->arg ? " " : "");
    md_cell(o->arg ? o->arg : "", out);
    buf_addz(out, "` | ");
    md_cell(o->help, out);
    add_rest(o, &rest);
    md_cell(rest.p, out);
    buf_addz(out, " |\n");
    buf_done(&rest);
}

static void md_command(const struct command *cmd, struct buf *out)
{
    struct option_table tables[COMMAND_TABLES];
    size_t own = cmd->shared ? 2 : 1;
    bool any = false;

    (void)command_options(cmd, tables);
    buf_addf(out, "\n## evoke %s\n\n`evoke %s%s%s [options]`: %s.\n", cmd->name, cmd->name,
             *cmd->args ? " " : "", cmd->args, cmd->summary);
    if (cmd->help)
        buf_addf(out, "\n```text\n%s\n```\n", cmd->help);
    for (size_t t = 0; t < own; t++)
        for (size_t i = 0; i < tables[t].n; i++) {
            if (!any)
                buf_addz(out, "\n| option | what |\n| --- | --- |\n");
            any = true;
            md_option(&tables[t].rows[i], out);
        }
    if (cmd->examples)
        buf_addf(out, "\n```sh\n%s```\n", cmd->examples);
}

static void md_common(struct buf *out)
{
    buf_addz(out, "| option | what |\n| --- | --- |\n");
    for (size_t i = 0; i < ARRAY_LEN(common_daemon_options); i++)
        md_option(&common_daemon_options[i], out);
    md_option(&common_output_option, out);
    md_option(&common_help_option, out);
    buf_addz(out, "\n| environment | what |\n| --- | --- |\n");
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        buf_addf(out, "| `%s` | %s |\n", variables[i].name, variables[i].what);
    buf_addz(out, "\n| exit code | what it says |\n| --- | --- |\n");
    for (size_t i = 0; i < ARRAY_LEN(exits); i++)
        buf_addf(out, "| %d | %s |\n", exits[i].code, exits[i].what);
}

void docs_markdown(struct buf *out)
{
    const struct command *cmd;

    buf_addf(
            out,
            "# The command line\n\n"
            "Written by `make docs` from the table in `src/cli/`; edit there. `evoke help COMMAND` "
            "and `man evoke-COMMAND` say the same.\n\n"
            "Results go to stdout, all else to stderr. Durations are written 500ms, 10s, 5m, 2h, "
            "7d, "
            "or in seconds. %s\n\n",
            naming);
    md_common(out);
    for (size_t i = 0; (cmd = command_at(i)); i++)
        if (!cmd->hidden)
            md_command(cmd, out);
}

/* ---- man(7) ---------------------------------------------------------------------------------- */

/* Text with nothing in it that roff takes for a request or an escape. */
static void man_text(const char *text, struct buf *out)
{
    bool begins = true;

    for (; *text; text++) {
        if (begins && (*text == '.' || *text == '\''))
            buf_addz(out, "\\&");
        begins = *text == '\n';
        if (*text == '\\')
            buf_addz(out, "\\e");
        else if (*text == '-')
            buf_addz(out, "\\-");
        else if (*text == '\'')
            buf_addz(out, "\\(aq");
        else if (*text == '`')
            buf_addz(out, "\\(ga");
        else if (*text == '^')
            buf_addz(out, "\\(ha");
        else if (*text == '~')
            buf_addz(out, "\\(ti");
        else
            buf_addc(out, *text);
    }
}

static void man_section(const char *title, struct buf *out)
{
    buf_addf(out, ".SH %s\n", title);
}

/* Lines as they are. */
static void man_lines(const char *text, struct buf *out)
{
    buf_addz(out, ".nf\n");
    man_text(text, out);
    if (text[0] && text[strlen(text) - 1] != '\n')
        buf_addc(out, '\n');
    buf_addz(out, ".fi\n");
}

static void man_option(const struct option *o, struct buf *out)
{
    struct buf rest;

    buf_init(&rest, 4096);
    buf_addz(out, ".TP\n");
    if (o->letter)
        buf_addf(out, "\\fB\\-%c\\fR, ", o->letter);
    buf_addz(out, "\\fB\\-\\-");
    man_text(o->name, out);
    buf_addz(out, "\\fR");
    if (o->arg) {
        buf_addz(out, " \\fI");
        man_text(o->arg, out);
        buf_addz(out, "\\fR");
    }
    buf_addc(out, '\n');
    buf_addz(&rest, o->help);
    add_rest(o, &rest);
    man_text(rest.p, out);
    buf_addc(out, '\n');
    buf_done(&rest);
}

static void man_pair(const char *left, const char *right, struct buf *out)
{
    buf_addz(out, ".TP\n\\fB");
    man_text(left, out);
    buf_addz(out, "\\fR\n");
    man_text(right, out);
    buf_addc(out, '\n');
}

void docs_man_name(const struct command *cmd, struct buf *out)
{
    buf_addz(out, "evoke");
    if (!cmd)
        return;
    buf_addc(out, '-');
    for (const char *p = cmd->name; *p; p++)
        buf_addc(out, (char)(*p == ' ' ? '-' : *p));
}

static void man_head(const struct command *cmd, struct buf *out)
{
    struct buf name;

    buf_init(&name, 256);
    docs_man_name(cmd, &name);
    buf_addz(out, ".\\\" SPDX-License-Identifier: Apache-2.0\n.TH ");
    for (size_t i = 0; i < name.n; i++)
        buf_addc(out, str_upper(name.p[i]));
    buf_addz(out, " 1 \"\" \"evoke " EVOKE_VERSION "\" \"evoke\"\n");
    man_section("NAME", out);
    man_text(name.p, out);
    buf_addz(out, " \\- ");
    man_text(cmd ? cmd->summary : "run cloud functions on a machine of your own", out);
    buf_addc(out, '\n');
    man_section("SYNOPSIS", out);
    buf_addz(out, "\\fBevoke");
    if (cmd) {
        buf_addc(out, ' ');
        man_text(cmd->name, out);
    }
    buf_addz(out, "\\fR ");
    man_text(cmd ? cmd->args : "COMMAND", out);
    buf_addf(out, "%s[options]\n", cmd && !*cmd->args ? "" : " ");
    buf_done(&name);
}

static void man_command(const struct command *cmd, struct buf *out)
{
    struct option_table tables[COMMAND_TABLES];
    size_t n = command_options(cmd, tables);

    if (cmd->help) {
        man_section("DESCRIPTION", out);
        man_lines(cmd->help, out);
    }
    man_section("OPTIONS", out);
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < tables[t].n; i++)
            man_option(&tables[t].rows[i], out);
    if (cmd->examples) {
        man_section("EXAMPLES", out);
        man_lines(cmd->examples, out);
    }
    man_section("SEE ALSO", out);
    buf_addz(out, "\\fBevoke\\fR(1): names of functions, environment, exit codes\n");
}

static void man_program(struct buf *out)
{
    const struct command *cmd;
    char code[16];

    man_section("DESCRIPTION", out);
    buf_addz(out, "Results go to stdout, all else to stderr.\n");
    man_text(naming, out);
    buf_addc(out, '\n');
    man_section("COMMANDS", out);
    for (size_t i = 0; (cmd = command_at(i)); i++)
        if (!cmd->hidden)
            man_pair(cmd->name, cmd->summary, out);
    man_section("OPTIONS", out);
    for (size_t i = 0; i < ARRAY_LEN(common_daemon_options); i++)
        man_option(&common_daemon_options[i], out);
    man_option(&common_output_option, out);
    man_option(&common_help_option, out);
    man_section("ENVIRONMENT", out);
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        man_pair(variables[i].name, variables[i].what, out);
    man_section("EXIT STATUS", out);
    for (size_t i = 0; i < ARRAY_LEN(exits); i++) {
        snprintf(code, sizeof(code), "%d", exits[i].code);
        man_pair(code, exits[i].what, out);
    }
    man_section("SEE ALSO", out);
    for (size_t i = 0; (cmd = command_at(i)); i++) {
        if (cmd->hidden)
            continue;
        buf_addf(out, "%s\\fB", i ? ",\n" : "");
        docs_man_name(cmd, out);
        buf_addz(out, "\\fR(1)");
    }
    buf_addc(out, '\n');
}

void docs_man(const struct command *cmd, struct buf *out)
{
    man_head(cmd, out);
    if (cmd)
        man_command(cmd, out);
    else
        man_program(out);
}
