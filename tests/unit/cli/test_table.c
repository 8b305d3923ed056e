/* SPDX-License-Identifier: Apache-2.0 */
/* test_table.c - every row of the table of commands keeps the rules that help, manual and
 * completion rely on; failures become exit codes. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/obj.h"
#include "cli/command.h"
#include "t.h"

enum { LINES = 23, COLUMNS = 80 }; /* the prompt has a line too */

#define EACH_COMMAND(cmd) (size_t i_ = 0; (cmd = command_at(i_)); i_++)

static void every_command_is_found_by_its_name_and_explained(void **state)
{
    const struct command *cmd;
    char *nosuch[] = {(char *)"nosuch"};
    bool family;
    int words;

    (void)state;
    for
        EACH_COMMAND(cmd)
        {
            cleanup_free char *name = strdup(cmd->name);
            char *space = strchr(name, ' ');
            char *argv[] = {name, space ? space + 1 : NULL, NULL};

            if (space)
                *space = 0;
            assert_ptr_equal(command_find(space ? 2 : 1, argv, &words, &family), cmd);
            assert_int_equal(words, space ? 2 : 1);
            assert_int_equal(family, command_family(name) != NULL);
            assert_true(!space || family);
            assert_non_null(cmd->args);
            assert_true(cmd->run || strcmp(cmd->name, "serve") == 0);
        }
    assert_null(command_find(1, nosuch, &words, &family));
}

static void check_sentence(const char *whose, const char *s)
{
    size_t n = s ? strlen(s) : 0;

    if (n == 0 || s[n - 1] == '.' || strchr(s, '\n') || (isupper(s[0]) && islower(s[1])))
        fail_msg("%s: '%s' is not one line, lower case, without a full stop", whose, s ? s : "");
}

static void check_option(const struct command *cmd, const struct option *o)
{
    cleanup_free char *whose = NULL;

    assert_true(asprintf(&whose, "%s --%s", cmd->name, o->name) > 0);
    check_sentence(whose, o->help);
    if ((o->kind == OPTION_FLAG) != (o->arg == NULL))
        fail_msg("%s: a placeholder goes with a value", whose);
    if ((o->kind == OPTION_CHOICE) != (o->choices != NULL))
        fail_msg("%s: choices go with a choice", whose);
    if ((o->kind == OPTION_INT || o->kind == OPTION_DURATION) && o->max <= o->min)
        fail_msg("%s: its limits leave no room", whose);
}

static void every_row_says_what_the_reader_needs(void **state)
{
    const struct command *cmd;
    (void)state;
    for
        EACH_COMMAND(cmd)
        {
            check_sentence(cmd->name, cmd->summary);
            for (size_t k = 0; k < cmd->options.n; k++)
                check_option(cmd, &cmd->options.rows[k]);
            if (cmd->examples) {
                assert_int_equal(cmd->examples[strlen(cmd->examples) - 1], '\n');
                assert_true(strncmp(cmd->examples, "evoke ", 6) == 0 ||
                            strstr(cmd->examples, "evoke "));
            }
            if (cmd->min_words > cmd->max_words || (cmd->max_words > 0) != (*cmd->args != 0))
                fail_msg("%s: '%s' for %zu to %zu words", cmd->name, cmd->args, cmd->min_words,
                         cmd->max_words);
        }
}

/* Two options of one command under one name or letter: the second could never be reached. A
 * command's own may stand in front of a common one only on purpose. */
static void no_option_hides_another(void **state)
{
    const struct command *cmd;
    (void)state;
    for
        EACH_COMMAND(cmd)
        {
            struct option_table tables[COMMAND_TABLES];
            size_t n = command_options(cmd, tables);
            bool letters[256] = {0};

            for (size_t t = 0; t < n; t++)
                for (size_t k = 0; k < tables[t].n; k++) {
                    const struct option *o = &tables[t].rows[k];

                    if (o->letter && letters[(unsigned char)o->letter])
                        fail_msg("%s: two options are -%c", cmd->name, o->letter);
                    letters[(unsigned char)o->letter] = true;
                    for (size_t u = 0; u <= t; u++)
                        for (size_t j = 0; j < (u < t ? tables[u].n : k); j++)
                            if (strcmp(tables[u].rows[j].name, o->name) == 0)
                                fail_msg("%s: two options are --%s", cmd->name, o->name);
                }
        }
}

/* The text a print function makes. Owned. */
static char *text_of(void (*print)(FILE *, const struct command *), const struct command *cmd)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    assert_non_null(f);
    print(f, cmd);
    fclose(f);
    return text;
}

static void usage_of(FILE *out, const struct command *cmd)
{
    (void)cmd;
    command_usage(out);
}

static void check_fits(const char *whose, const char *text, size_t most_lines)
{
    size_t lines = 0, columns = 0;

    for (const char *p = text; *p; p++) {
        columns = *p == '\n' ? 0 : columns + (((unsigned char)*p & 0xc0) != 0x80);
        lines += *p == '\n';
        if (columns > COLUMNS)
            fail_msg("%s: a line of its help is wider than %d columns:\n%s", whose, COLUMNS, text);
    }
    if (lines > most_lines)
        fail_msg("%s: its help has %zu lines, a screen has %zu:\n%s", whose, lines, most_lines,
                 text);
}

static void every_help_fits_a_screen_and_names_every_option(void **state)
{
    const struct command *cmd;
    cleanup_free char *usage = text_of(usage_of, NULL);

    (void)state;
    check_fits("evoke", usage, LINES);
    for
        EACH_COMMAND(cmd)
        {
            cleanup_free char *text = text_of(command_help, cmd);
            struct option_table tables[COMMAND_TABLES];
            size_t n = command_options(cmd, tables);
            char first[33];

            snprintf(first, sizeof(first), "%.*s", (int)strcspn(cmd->name, " "), cmd->name);
            if (!cmd->hidden)
                t_has(usage, first);
            /* What a daemon can be told is more than a screen: it has the width only. */
            check_fits(cmd->name, text, strcmp(cmd->name, "serve") == 0 ? 100 : LINES);
            for (size_t t = 0; t < n; t++)
                for (size_t k = 0; k < tables[t].n; k++) {
                    cleanup_free char *option = NULL;

                    assert_true(asprintf(&option, "--%s", tables[t].rows[k].name) > 0);
                    t_has(text, option);
                }
        }
}

static void failures_become_the_documented_exit_codes(void **state)
{
    static const struct {
        struct err e;
        int exit_code;
    } rows[] = {
            {{-EINVAL, ERR_CALLER, ""}, 2},   {{-ENOENT, ERR_CALLER, ""}, 3},
            {{-EACCES, ERR_CALLER, ""}, 4},   {{-EMSGSIZE, ERR_LIMIT, ""}, 5},
            {{-ETIMEDOUT, ERR_LIMIT, ""}, 6}, {{-ECONNREFUSED, ERR_HOST, ""}, 7},
            {{-EIO, ERR_FUNCTION, ""}, 1},    {{-EIO, ERR_HOST, ""}, 70},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(command_exit_of(&rows[i].e), rows[i].exit_code);
}

/* One word of the command line after the command's name; refused with a sentence that has part. */
static void refuse(const struct command *cmd, const char *part, const char *first,
                   const char *second)
{
    char *argv[] = {(char *)cmd->name, (char *)first, (char *)second, NULL};
    struct option_table tables[COMMAND_TABLES];
    size_t n = command_options(cmd, tables);
    static struct args args;
    struct err e = {0};

    assert_int_equal(args_parse(tables, n, second ? 3 : 2, argv, &args, &e), -EINVAL);
    t_has(e.msg, part);
}

/* A value the row allows. Owned. */
static char *good_value(const struct option *o)
{
    char *text = NULL;
    int r = -1;

    switch (o->kind) {
    case OPTION_FLAG:
        return NULL;
    case OPTION_TEXT:
        r = asprintf(&text, "%.*s", (int)(o->min > 1 ? o->min : 1), "xxxxxxxxxxxxxxxx");
        break;
    case OPTION_INT:
        r = asprintf(&text, "%lld", (long long)o->min);
        break;
    case OPTION_DURATION:
        r = asprintf(&text, "%lldms", (long long)o->min);
        break;
    case OPTION_CHOICE:
        r = asprintf(&text, "%s", o->choices[0]);
        break;
    }
    assert_true(r > 0);
    return text;
}

/* One value on each side of what it allows. */
static void check_limits(const struct command *cmd, const struct option *o, const char *dashed)
{
    cleanup_free char *word = NULL;
    const char *unit = o->kind == OPTION_DURATION ? "ms" : "";

    if (o->kind == OPTION_CHOICE) {
        assert_true(asprintf(&word, "%s=no such choice", dashed) > 0);
        refuse(cmd, o->choices[0], word, NULL);
    }
    if (o->kind == OPTION_TEXT && o->min > 0) {
        assert_true(asprintf(&word, "%s=", dashed) > 0);
        refuse(cmd, "must not be empty", word, NULL);
    }
    if (o->kind != OPTION_INT && o->kind != OPTION_DURATION)
        return;
    assert_true(asprintf(&word, "%s=%lld%s", dashed, (long long)o->max + 1, unit) > 0);
    refuse(cmd, "is outside", word, NULL);
    free(word);
    assert_true(asprintf(&word, "%s=nonsense", dashed) > 0);
    refuse(cmd, "'nonsense' is not a", word, NULL);
    if (o->min == 0 && o->kind == OPTION_DURATION)
        return; /* there is no duration below 0 */
    free(word);
    assert_true(asprintf(&word, "%s=%lld%s", dashed, (long long)o->min - 1, unit) > 0);
    refuse(cmd, o->min - 1 < 0 && o->kind == OPTION_DURATION ? "is not a" : "is outside", word,
           NULL);
}

static void check_wrong_uses(const struct command *cmd, const struct option *o)
{
    cleanup_free char *dashed = NULL, *given = NULL, *value = good_value(o), *wrong = NULL;

    assert_true(asprintf(&dashed, "--%s", o->name) > 0);
    assert_true(asprintf(&given, "%s%s%s", dashed, value ? "=" : "", value ? value : "") > 0);
    assert_true(asprintf(&wrong, "--%sx", o->name) > 0);
    refuse(cmd, "unknown option", wrong, NULL);
    if (!o->repeats)
        refuse(cmd, "is given twice", given, given);
    if (o->kind == OPTION_FLAG) {
        free(wrong);
        assert_true(asprintf(&wrong, "%s=yes", dashed) > 0);
        refuse(cmd, "takes no value", wrong, NULL);
        return;
    }
    refuse(cmd, "needs a value", dashed, NULL);
    refuse(cmd, "needs a value", dashed, "--help");
    check_limits(cmd, o, dashed);
}

static void every_option_refuses_what_it_must(void **state)
{
    const struct command *cmd;
    size_t checked = 0;

    (void)state;
    for
        EACH_COMMAND(cmd)
        {
            struct option_table tables[COMMAND_TABLES];
            size_t n = command_options(cmd, tables);

            for (size_t t = 0; t < n; t++)
                for (size_t k = 0; k < tables[t].n; k++, checked++)
                    check_wrong_uses(cmd, &tables[t].rows[k]);
        }
    assert_true(checked > 60);
}

static int begin(void **state)
{
    (void)state;
    command_serve_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_command_is_found_by_its_name_and_explained),
            cmocka_unit_test(every_row_says_what_the_reader_needs),
            cmocka_unit_test(no_option_hides_another),
            cmocka_unit_test(every_help_fits_a_screen_and_names_every_option),
            cmocka_unit_test(every_option_refuses_what_it_must),
            cmocka_unit_test(failures_become_the_documented_exit_codes),
    };

    return cmocka_run_group_tests_name(__FILE__, tests, begin, NULL);
}
