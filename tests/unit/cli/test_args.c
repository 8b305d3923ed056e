/* SPDX-License-Identifier: Apache-2.0 */
/* test_args.c - words and options of a command line. */
#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/obj.h"
#include "cli/args.h"
#include "t.h"

static const char *const colours[] = {"red", "green", "blue", NULL};

static const struct option options[] = {
        {.name = "event", .letter = 'e', .kind = OPTION_TEXT, .arg = "JSON"},
        {.name = "name", .kind = OPTION_TEXT, .arg = "NAME", .min = 1, .max = 4, .repeats = true},
        {.name = "limit", .letter = 'n', .kind = OPTION_INT, .arg = "N", .min = -1, .max = 10},
        {.name = "since", .kind = OPTION_DURATION, .arg = "TIME", .min = 500, .max = 7200000},
        {.name = "colour", .kind = OPTION_CHOICE, .arg = "COLOUR", .choices = colours},
        {.name = "follow", .letter = 'f', .kind = OPTION_FLAG},
        {.name = "help", .letter = 'h', .kind = OPTION_FLAG},
};

struct fix {
    struct args a;
    struct err e;
};

static int parse(struct fix *f, int argc, const char *const *argv)
{
    static char *copy[300];
    const struct option_table table = OPTION_TABLE(options);

    assert_true(argc <= (int)ARRAY_LEN(copy));
    memcpy(copy, argv, (size_t)argc * sizeof(*argv));
    f->e = (struct err){0};
    return args_parse(&table, 1, argc, copy, &f->a, &f->e);
}

#define PARSE(f, ...)                                                                              \
    ({                                                                                             \
        const char *const argv_[] = {"cmd", __VA_ARGS__};                                          \
        parse(f, (int)ARRAY_LEN(argv_), argv_);                                                    \
    })

/* Refused, and the sentence says so much. */
#define REFUSED(f, part, ...)                                                                      \
    do {                                                                                           \
        assert_int_equal(PARSE(f, __VA_ARGS__), -EINVAL);                                          \
        t_has((f)->e.msg, part);                                                                   \
    } while (0)

static void options_may_stand_before_and_after_words(void **state)
{
    struct fix f;

    (void)state;
    t_ok(PARSE(&f, "--event", "{}", "hello", "--help"), &f.e);
    t_str(str_of(args_text(&f.a, "event")), S("{}"));
    assert_true(args_has(&f.a, "help"));
    assert_false(args_has(&f.a, "follow"));
    assert_null(args_text(&f.a, "name"));
    assert_int_equal(args_number(&f.a, "limit", 42), 42);
    assert_int_equal(f.a.n, 1);
    t_str(str_of(f.a.words[0]), S("hello"));
}

static void a_value_may_follow_an_equals_sign_and_may_be_empty(void **state)
{
    struct fix f;

    (void)state;
    t_ok(PARSE(&f, "--event=a=b"), &f.e);
    t_str(str_of(args_text(&f.a, "event")), S("a=b"));
    t_ok(PARSE(&f, "--event="), &f.e);
    t_str(str_of(args_text(&f.a, "event")), S(""));
    t_ok(PARSE(&f, "--event=--help"), &f.e);
    t_str(str_of(args_text(&f.a, "event")), S("--help"));
    assert_false(args_has(&f.a, "help"));
}

static void letters_may_stand_together_and_bring_a_value(void **state)
{
    struct fix f;

    (void)state;
    t_ok(PARSE(&f, "-fn5", "word"), &f.e);
    assert_true(args_has(&f.a, "follow"));
    assert_int_equal(args_number(&f.a, "limit", 0), 5);
    t_ok(PARSE(&f, "-n", "-1"), &f.e);
    assert_int_equal(args_number(&f.a, "limit", 0), -1);
    REFUSED(&f, "unknown option '-x'", "-fx");
    REFUSED(&f, "--limit needs a value (N)", "-fn");
}

static void a_dash_is_a_value_and_a_word(void **state)
{
    struct fix f;

    (void)state;
    t_ok(PARSE(&f, "--event", "-", "-"), &f.e);
    t_str(str_of(args_text(&f.a, "event")), S("-"));
    t_str(str_of(f.a.words[0]), S("-"));
}

static void nothing_is_an_option_after_two_dashes(void **state)
{
    struct fix f;

    (void)state;
    t_ok(PARSE(&f, "--", "--help", "--nosuch"), &f.e);
    assert_false(args_has(&f.a, "help"));
    assert_int_equal(f.a.n, 2);
}

static void an_unknown_option_is_named_and_the_nearest_one_offered(void **state)
{
    struct fix f;

    (void)state;
    REFUSED(&f, "unknown option '--nosuch'", "--nosuch=1");
    assert_null(strstr(f.e.msg, "did you mean"));
    REFUSED(&f, "unknown option '--eve'; did you mean '--event'?", "--eve", "x");
    REFUSED(&f, "did you mean '--event'?", "--evnet=x");
    REFUSED(&f, "did you mean '--follow'?", "--folow");
    REFUSED(&f, "unknown option '---'", "---");
}

static void a_missing_and_an_unwanted_value_are_refused(void **state)
{
    struct fix f;

    (void)state;
    REFUSED(&f, "--event needs a value (JSON)", "--event");
    REFUSED(&f, "--event needs a value (JSON)", "--event", "--help");
    REFUSED(&f, "--help takes no value", "--help=yes");
}

static void twice_is_once_too_often_unless_it_repeats(void **state)
{
    struct fix f;
    size_t i = 0;

    (void)state;
    REFUSED(&f, "--event is given twice", "--event=1", "-e", "1");
    REFUSED(&f, "--follow is given twice", "-ff");
    t_ok(PARSE(&f, "--name=a", "-f", "--name=b"), &f.e);
    t_str(str_of(args_each(&f.a, "name", &i)), S("a"));
    t_str(str_of(args_each(&f.a, "name", &i)), S("b"));
    assert_null(args_each(&f.a, "name", &i));
    t_str(str_of(args_text(&f.a, "name")), S("b"));
}

static void values_are_held_to_their_limits(void **state)
{
    struct fix f;

    (void)state;
    t_ok(PARSE(&f, "--limit=10", "--name=four", "--since=2h"), &f.e);
    assert_int_equal(args_number(&f.a, "since", 0), 7200000);
    t_ok(PARSE(&f, "--since", "500ms"), &f.e);
    REFUSED(&f, "--limit: 11 is outside -1 to 10", "--limit=11");
    REFUSED(&f, "--limit: -2 is outside -1 to 10", "--limit=-2");
    REFUSED(&f, "--limit: '1x' is not a whole number", "--limit=1x");
    REFUSED(&f, "--limit: '' is not a whole number", "--limit=");
    REFUSED(&f, "--name: 5 bytes, allowed are 1 to 4", "--name=fives");
    REFUSED(&f, "--name must not be empty", "--name=");
    REFUSED(&f, "--since: 7201 is outside 500ms to 2h", "--since=7201");
    REFUSED(&f, "--since: 499ms is outside 500ms to 2h", "--since=499ms");
    REFUSED(&f, "--since: 'soon' is not a duration", "--since=soon");
    REFUSED(&f, "--since: 99999999999999999999d is outside", "--since=99999999999999999999d");
}

static void a_choice_is_one_of_its_row(void **state)
{
    struct fix f;

    (void)state;
    t_ok(PARSE(&f, "--colour", "green"), &f.e);
    assert_int_equal(args_number(&f.a, "colour", 0), 1);
    REFUSED(&f, "--colour is red, green or blue, not 'Red'", "--colour=Red");
    REFUSED(&f, "not ''", "--colour=");
}

static void as_many_words_and_options_as_the_limit_and_not_one_more(void **state)
{
    const char *argv[ARGS_WORDS + 2];
    struct fix f;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(argv); i++)
        argv[i] = "w";
    t_ok(parse(&f, ARGS_WORDS + 1, argv), &f.e);
    assert_int_equal(f.a.n, ARGS_WORDS);
    assert_int_equal(parse(&f, ARGS_WORDS + 2, argv), -EINVAL);
    for (size_t i = 1; i < ARRAY_LEN(argv); i++)
        argv[i] = "--name=a";
    t_ok(parse(&f, ARGS_OPTIONS + 1, argv), &f.e);
    assert_int_equal(f.a.ngiven, ARGS_OPTIONS);
    assert_int_equal(parse(&f, ARGS_OPTIONS + 2, argv), -EINVAL);
}

static void durations_are_read_and_written(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
        const char *printed;
    } rows[] = {
            {"0", 0, "0s"},         {"500ms", 500, "500ms"}, {"10", 10000, "10s"},
            {"90s", 90000, "90s"},  {"5m", 300000, "5m"},    {"120m", 7200000, "2h"},
            {"2h", 7200000, "2h"},  {"7d", 604800000, "7d"}, {"1001ms", 1001, "1001ms"},
            {"1000ms", 1000, "1s"},
    };
    static const char *const wrong[] = {"", "s", "-1s", "1 s", "1.5h", "1h30m", "1w", "1S"};
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup_with(buf_done) struct buf out;

        buf_init(&out, 64);
        assert_int_equal(duration_parse(rows[i].text, &ms), 0);
        assert_int_equal(ms, rows[i].ms);
        duration_print(ms, &out);
        t_str(buf_str(&out), str_of(rows[i].printed));
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(duration_parse(wrong[i], &ms), -EINVAL);
    assert_int_equal(duration_parse("9223372036854775807d", &ms), -ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(options_may_stand_before_and_after_words),
            cmocka_unit_test(a_value_may_follow_an_equals_sign_and_may_be_empty),
            cmocka_unit_test(letters_may_stand_together_and_bring_a_value),
            cmocka_unit_test(a_dash_is_a_value_and_a_word),
            cmocka_unit_test(nothing_is_an_option_after_two_dashes),
            cmocka_unit_test(an_unknown_option_is_named_and_the_nearest_one_offered),
            cmocka_unit_test(a_missing_and_an_unwanted_value_are_refused),
            cmocka_unit_test(twice_is_once_too_often_unless_it_repeats),
            cmocka_unit_test(values_are_held_to_their_limits),
            cmocka_unit_test(a_choice_is_one_of_its_row),
            cmocka_unit_test(as_many_words_and_options_as_the_limit_and_not_one_more),
            cmocka_unit_test(durations_are_read_and_written),
    };

    return T_RUN(tests);
}
