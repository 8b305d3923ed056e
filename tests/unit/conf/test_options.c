/* SPDX-License-Identifier: Apache-2.0 */
/* test_options.c - every row of the table: missing, given twice, at its limits and one beyond. */
#include "conf/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "t.h"

static int load(struct options *o, struct err *e, const char *a, const char *b, const char *c)
{
    char *argv[] = {(char *)a, (char *)b, (char *)c, NULL};
    int n = 0;

    while (n < 3 && argv[n])
        n++;
    return options_load(n, argv, o, e);
}

static void accepted(const char *flag)
{
    struct options o;
    struct err e = {0};

    t_ok(load(&o, &e, flag, NULL, NULL), &e);
    options_done(&o);
}

static void refused(const char *a, const char *b, const char *why, const char *name)
{
    struct options o;
    struct err e = {0};

    assert_int_equal(load(&o, &e, a, b, NULL), -EINVAL);
    t_has(e.msg, why);
    t_has(e.msg, name);
}

/* "--name=" and n characters that the option's own check does not mind. */
static char *text_flag(const struct conf_option *opt, int64_t n)
{
    char *flag = xcalloc(strlen(opt->name) + 4 + (size_t)n, 1);
    size_t at = (size_t)snprintf(flag, strlen(opt->name) + 4, "--%s=", opt->name);

    memset(flag + at, 'x', (size_t)n);
    return flag;
}

static void every_number_is_bounded_on_both_sides(void **state)
{
    (void)state;
    for (size_t i = 0; options_at(i); i++) {
        const struct conf_option *opt = options_at(i);
        cleanup_free char *least = xasprintf("--%s=%lld", opt->name, (long long)opt->min);
        cleanup_free char *most = xasprintf("--%s=%lld", opt->name, (long long)opt->max);
        cleanup_free char *below = xasprintf("--%s=%lld", opt->name, (long long)opt->min - 1);
        cleanup_free char *above = xasprintf("--%s=%lld", opt->name, (long long)opt->max + 1);
        cleanup_free char *word = xasprintf("--%s=many", opt->name);
        cleanup_free char *empty = xasprintf("--%s=", opt->name);

        if (opt->type != OPT_INT)
            continue;
        accepted(least);
        accepted(most);
        refused(below, NULL, opt->min == 0 ? "outside 0 to" : "is outside", opt->name);
        refused(above, NULL, "is outside", opt->name);
        refused(word, NULL, "'many' is not a whole number", opt->name);
        refused(empty, NULL, "is not a whole number", opt->name);
    }
}

static void every_text_is_bounded_on_both_sides(void **state)
{
    (void)state;
    for (size_t i = 0; options_at(i); i++) {
        const struct conf_option *opt = options_at(i);

        if (opt->type != OPT_TEXT)
            continue;
        cleanup_free char *least = text_flag(opt, opt->min), *most = text_flag(opt, opt->max);
        cleanup_free char *above = text_flag(opt, opt->max + 1);

        if (!opt->check && strcmp(opt->name, "config") != 0) {
            accepted(least);
            accepted(most);
        }
        refused(above, NULL, "characters, allowed are", opt->name);
        if (opt->min > 0) {
            cleanup_free char *below = text_flag(opt, opt->min - 1);

            refused(below, NULL, "characters, allowed are", opt->name);
        }
    }
}

static void every_flag_is_given_once_and_whole(void **state)
{
    (void)state;
    for (size_t i = 0; options_at(i); i++) {
        const struct conf_option *opt = options_at(i);
        cleanup_free char *bare = xasprintf("--%s", opt->name);
        cleanup_free char *whole = xasprintf("--%s=%s", opt->name,
                                             opt->def                ? opt->def
                                             : opt->type == OPT_TEXT ? "x"
                                                                     : "");

        if (opt->type == OPT_FLAG) {
            refused(bare, bare, "is given twice", opt->name);
            refused(whole, NULL, "takes no value", opt->name);
        } else {
            refused(bare, NULL, "needs a value", opt->name);
            if (strcmp(opt->name, "config") != 0)
                refused(whole, whole, "is given twice", opt->name);
        }
    }
}

static void every_default_is_within_its_limits(void **state)
{
    (void)state;
    for (size_t i = 0; options_at(i); i++) {
        const struct conf_option *opt = options_at(i);
        cleanup_free char *flag = opt->def ? xasprintf("--%s=%s", opt->name, opt->def) : NULL;

        assert_non_null(opt->help);
        assert_true(opt->type == OPT_FLAG || opt->arg);
        if (flag)
            accepted(flag);
    }
}

static void every_variable_of_the_environment_is_checked(void **state)
{
    (void)state;
    for (size_t i = 0; options_at(i); i++) {
        const struct conf_option *opt = options_at(i);
        struct options o;
        struct err e = {0};

        if (!opt->env || opt->type != OPT_TEXT)
            continue;
        cleanup_free char *long_value = text_flag(opt, opt->max + 1);

        assert_int_equal(setenv(opt->env, long_value, 1), 0);
        assert_int_equal(load(&o, &e, NULL, NULL, NULL), -EINVAL);
        t_has(e.msg, opt->env);
        assert_int_equal(setenv(opt->env, "", 1), 0); /* empty: as if it were not there */
        accepted(NULL);
        assert_int_equal(unsetenv(opt->env), 0);
    }
}

static void an_unknown_flag_gets_the_nearest_name(void **state)
{
    (void)state;
    refused("--instanzes=3", NULL, "there is no option '--instanzes'; did you mean --instances?",
            "");
    refused("--", NULL, "there is no option '--'", "");
    refused("stray", NULL, "'stray' is not an option of serve", "");
}

static void what_is_loaded_can_be_handed_on_as_flags(void **state)
{
    struct options a, b;
    struct err e = {0};

    (void)state;
    t_ok(load(&a, &e, "--listen=[::1]:7", "--waiting=3", "--log-level=warn,pool=debug"), &e);
    cleanup_with(options_argv_freep) char **argv = options_argv(&a, "evoke-daemon", "daemon");
    int n = 0;

    assert_string_equal(argv[0], "evoke-daemon");
    assert_string_equal(argv[1], "daemon");
    while (argv[2 + n])
        n++;
    t_ok(options_load(n, argv + 2, &b, &e), &e);
    for (size_t i = 0; options_at(i); i++) {
        cleanup_free char *x = options_value(&a, options_at(i));
        cleanup_free char *y = options_value(&b, options_at(i));

        assert_string_equal(x ? x : "", y ? y : "");
    }
    options_done(&a);
    options_done(&b);
}

/* ---- the file ---- */

static char heard[4096];

static void hear(void *user, const struct options_fault *f)
{
    size_t n = strlen(heard);

    (void)user;
    snprintf(heard + n, sizeof(heard) - n, "%zu: %s\n", f->line, f->message);
}

static int read_text(struct options *o, const char *text)
{
    heard[0] = '\0';
    return options_read(o, str_of(text), hear, NULL);
}

static void a_file_sets_what_it_names(void **state)
{
    struct options o = {0};

    (void)state;
    assert_int_equal(read_text(&o, "# mine\ninstances: 7\nregion: 12\n\"listen\": '[::1]:80'\n"),
                     3);
    assert_string_equal(heard, "");
    assert_int_equal(o.instances, 7);
    assert_string_equal(o.region, "12");
    assert_string_equal(o.listen, "[::1]:80");
    assert_int_equal(read_text(&o, ""), 0);
    assert_int_equal(read_text(&o, "# nothing\n  \t\n\r\n"), 0);
    assert_int_equal(read_text(&o, "---\n"), 0);
    options_done(&o);
}

static void every_fault_of_a_file_is_told_with_its_line(void **state)
{
    struct options o = {0};

    (void)state;
    assert_int_equal(read_text(&o, "instances: 0\n"
                                   "instancez: 1\n"
                                   "\n"
                                   "waiting: 5\n"
                                   "keep-warm: 1.5\n"
                                   "waiting: 6\n"
                                   "region: [a]\n"
                                   "log-level: loud\n"
                                   "listen: 256.0.0.1:1\n"
                                   "help: true\n"
                                   "zzz: 1\n"
                                   "drain: 3601\n"
                                   "memory: 12 GB\n"),
                     -EINVAL);
    t_has(heard, "1: instances: 0 is outside 1 to 4000\n");
    t_has(heard, "2: instancez: there is no such option; did you mean 'instances'?\n");
    t_has(heard, "5: keep-warm: '1.5' is not a whole number; it is 0 to 86400\n");
    t_has(heard, "6: waiting is given twice, first in line 4\n");
    t_has(heard, "7: region: must be a text or a number\n");
    t_has(heard, "8: log-level: ");
    t_has(heard, "9: listen: '256.0.0.1:1' must be ADDRESS:PORT");
    t_has(heard, "10: help: there is no such option\n");
    t_has(heard, "11: zzz: there is no such option\n");
    t_has(heard, "12: drain: 3601 is outside 0 to 3600\n");
    t_has(heard, "13: memory: '12 GB' is not a whole number; it is 0 to 16777216\n");
    assert_int_equal(o.waiting, 5);
    options_done(&o);
}

static void a_file_that_is_no_map_is_one_fault(void **state)
{
    struct options o = {0};

    (void)state;
    assert_int_equal(read_text(&o, "- instances\n"), -EINVAL);
    assert_string_equal(heard, "1: must be a map of options, as in 'instances: 100'\n");
    assert_int_equal(read_text(&o, "instances: 1\n  waiting: 2\n"), -EINVAL);
    t_has(heard, "0: line 2, column ");
    assert_int_equal(read_text(&o, "instances: *x\n"), -EINVAL);
    t_has(heard, "anchors and aliases are not allowed");
    options_done(&o);
}

/* ---- a reload ---- */

static void a_reload_takes_what_may_change_and_names_the_rest(void **state)
{
    cleanup_with(options_changes_done) struct options_changes c;
    struct options a, b, daemon;
    struct err e = {0};

    (void)state;
    t_ok(load(&a, &e, "--keep-warm=60", "--region=one", NULL), &e);
    t_ok(load(&daemon, &e, "--keep-warm=60", "--region=one", NULL), &e);
    t_ok(load(&b, &e, "--keep-warm=5", "--region=two", "--log-level=debug"), &e);
    options_changes_init(&c);
    options_change(&a, &b, &c);
    t_str(buf_str(&c.said), S("keep-warm 5, log-level debug"));
    t_str(buf_str(&c.lines), S("keep-warm=5\nlog-level=debug\n"));
    t_str(buf_str(&c.later), S("region"));
    assert_int_equal(a.keep_warm_s, 5);
    assert_string_equal(a.region, "one");

    assert_int_equal(options_take(&daemon, buf_str(&c.lines), &e), 2);
    assert_int_equal(daemon.keep_warm_s, 5);
    assert_string_equal(daemon.log_level, "debug");
    options_done(&a);
    options_done(&b);
    options_done(&daemon);
}

static void the_daemon_takes_nothing_else(void **state)
{
    struct options o = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(options_take(&o, S("region=two\n"), &e), -EINVAL);
    assert_int_equal(options_take(&o, S("nonsense=1\n"), &e), -EINVAL);
    assert_int_equal(options_take(&o, S("waiting=0\n"), &e), -EINVAL);
    assert_int_equal(options_take(&o, S("waiting"), &e), -EINVAL);
    assert_int_equal(options_take(&o, S(""), &e), 0);
    assert_null(o.region);
}

static void all_changes_at_their_longest_fit(void **state)
{
    size_t all = 0;

    (void)state;
    for (size_t i = 0; options_at(i); i++)
        all += strlen(options_at(i)->name) + 3 +
               (options_at(i)->type == OPT_TEXT && options_at(i)->reloads
                        ? (size_t)options_at(i)->max
                        : 24);
    assert_true(all < OPTIONS_LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_number_is_bounded_on_both_sides),
            cmocka_unit_test(every_text_is_bounded_on_both_sides),
            cmocka_unit_test(every_flag_is_given_once_and_whole),
            cmocka_unit_test(every_default_is_within_its_limits),
            cmocka_unit_test(every_variable_of_the_environment_is_checked),
            cmocka_unit_test(an_unknown_flag_gets_the_nearest_name),
            cmocka_unit_test(what_is_loaded_can_be_handed_on_as_flags),
            cmocka_unit_test(a_file_sets_what_it_names),
            cmocka_unit_test(every_fault_of_a_file_is_told_with_its_line),
            cmocka_unit_test(a_file_that_is_no_map_is_one_fault),
            cmocka_unit_test(a_reload_takes_what_may_change_and_names_the_rest),
            cmocka_unit_test(the_daemon_takes_nothing_else),
            cmocka_unit_test(all_changes_at_their_longest_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
