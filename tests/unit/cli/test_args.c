/* SPDX-License-Identifier: Apache-2.0 */
/* test_args.c - words and options of a command line, and the table of commands. */
#include <errno.h>

#include "base/obj.h"
#include "cli/args.h"
#include "cli/command.h"
#include "t.h"

struct fix {
    const char *event;
    bool help;
    struct args words;
    struct err e;
};

static int parse(struct fix *f, int argc, const char *const *argv)
{
    const struct arg_option options[] = {{.name = "--event", .value = &f->event},
                                         {.name = "--help", .flag = &f->help}};
    const struct arg_table table = {options, ARRAY_LEN(options)};
    char *copy[300];

    assert_true(argc < 300);
    memcpy(copy, argv, (size_t)argc * sizeof(*argv));
    return args_parse(&table, 1, argc, copy, &f->words, &f->e);
}

#define PARSE(f, ...)                                                                              \
    ({                                                                                             \
        const char *const argv_[] = {"cmd", __VA_ARGS__};                                          \
        parse(f, (int)ARRAY_LEN(argv_), argv_);                                                    \
    })

static void options_may_stand_before_and_after_words(void **state)
{
    struct fix f = {0};

    (void)state;
    t_ok(PARSE(&f, "--event", "{}", "hello", "--help"), &f.e);
    t_str(str_of(f.event), S("{}"));
    assert_true(f.help);
    assert_int_equal(f.words.n, 1);
    t_str(str_of(f.words.words[0]), S("hello"));
}

static void a_value_may_follow_an_equals_sign_and_may_be_empty(void **state)
{
    struct fix f = {0};

    (void)state;
    t_ok(PARSE(&f, "--event=a=b"), &f.e);
    t_str(str_of(f.event), S("a=b"));
    t_ok(PARSE(&f, "--event="), &f.e);
    t_str(str_of(f.event), S(""));
}

static void a_dash_is_a_value_and_a_word(void **state)
{
    struct fix f = {0};

    (void)state;
    t_ok(PARSE(&f, "--event", "-", "-"), &f.e);
    t_str(str_of(f.event), S("-"));
    t_str(str_of(f.words.words[0]), S("-"));
}

static void nothing_is_an_option_after_two_dashes(void **state)
{
    struct fix f = {0};

    (void)state;
    t_ok(PARSE(&f, "--", "--help", "--nosuch"), &f.e);
    assert_false(f.help);
    assert_int_equal(f.words.n, 2);
}

static void an_unknown_option_is_named(void **state)
{
    struct fix f = {0};

    (void)state;
    assert_int_equal(PARSE(&f, "--nosuch=1"), -EINVAL);
    t_has(f.e.msg, "unknown option '--nosuch'");
    assert_int_equal(PARSE(&f, "--eve", "x"), -EINVAL);
}

static void a_missing_and_an_unwanted_value_are_refused(void **state)
{
    struct fix f = {0};

    (void)state;
    assert_int_equal(PARSE(&f, "--event"), -EINVAL);
    t_has(f.e.msg, "needs a value");
    assert_int_equal(PARSE(&f, "--help=yes"), -EINVAL);
    t_has(f.e.msg, "takes no value");
}

static void as_many_words_as_the_limit_and_not_one_more(void **state)
{
    const char *argv[ARGS_WORDS + 2];
    struct fix f = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(argv); i++)
        argv[i] = "w";
    t_ok(parse(&f, ARGS_WORDS + 1, argv), &f.e);
    assert_int_equal(f.words.n, ARGS_WORDS);
    assert_int_equal(parse(&f, ARGS_WORDS + 2, argv), -EINVAL);
}

static void every_command_is_found_by_its_name_and_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < commands_n; i++) {
        assert_ptr_equal(command_find(commands[i].name), &commands[i]);
        assert_true(strlen(commands[i].summary) > 0);
        assert_non_null(commands[i].args);
    }
    assert_null(command_find("nosuch"));
    assert_null(command_find("serve")->run); /* the daemon program's own */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(options_may_stand_before_and_after_words),
            cmocka_unit_test(a_value_may_follow_an_equals_sign_and_may_be_empty),
            cmocka_unit_test(a_dash_is_a_value_and_a_word),
            cmocka_unit_test(nothing_is_an_option_after_two_dashes),
            cmocka_unit_test(an_unknown_option_is_named),
            cmocka_unit_test(a_missing_and_an_unwanted_value_are_refused),
            cmocka_unit_test(as_many_words_as_the_limit_and_not_one_more),
            cmocka_unit_test(every_command_is_found_by_its_name_and_explained),
            cmocka_unit_test(failures_become_the_documented_exit_codes),
    };

    return T_RUN(tests);
}
