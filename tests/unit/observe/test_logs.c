/* SPDX-License-Identifier: Apache-2.0 */
/* The store as the engine and its readers see it, with real files. */
#include "logs_rig.h"

/* The wall clock, set back (meson.build wraps it). */
static int64_t clock_back_ms;
int64_t __real_clock_wall_ms(void);
int64_t __wrap_clock_wall_ms(void);

int64_t __wrap_clock_wall_ms(void)
{
    return __real_clock_wall_ms() - clock_back_ms;
}

static void one_run_is_one_record(void **state)
{
    struct rig g = rig_new();
    struct answer *a;

    (void)state;
    rig_open(&g);
    rig_run(&g, g.fn, "r-1", OUTCOME_OK, "one\ntwo\n");
    a = rig_read_all(&g, HELLO);
    assert_int_equal(a->n, 1);
    assert_string_equal(a->got[0].text, "one\ntwo\n");
    assert_string_equal(a->got[0].request, "r-1");
    assert_string_equal(a->got[0].function, HELLO);
    assert_int_equal(a->got[0].flags, LOG_END);
    assert_int_equal(a->got[0].lines, 2);
    assert_false(a->more);
    answer_free(a);
    rig_done(&g);
}

static void what_was_written_is_there_after_a_restart(void **state)
{
    struct rig g = rig_new();
    struct answer *a;
    struct logs_query q;
    uint64_t cursor;

    (void)state;
    rig_open(&g);
    rig_run(&g, g.fn, "r-1", OUTCOME_OK, "before\n");
    a = rig_read_all(&g, HELLO);
    cursor = a->cursor;
    answer_free(a);
    rig_run(&g, g.fn, "r-2", OUTCOME_ERROR, "at the end\n");
    rig_close(&g); /* writes what waits */
    rig_open(&g);
    rig_run(&g, g.fn, "r-3", OUTCOME_OK, "after\n");
    rig_settle(&g);
    a = rig_read_all(&g, HELLO);
    assert_string_equal(a->text.p, "before\nat the end\nafter\n");
    answer_free(a);

    logs_query_init(&q);
    q.has_after = true;
    q.after = cursor;
    a = rig_read(&g, &q);
    assert_string_equal(a->text.p, "at the end\nafter\n");
    answer_free(a);
    rig_done(&g);
}

static void a_follower_waits_for_the_next_line(void **state)
{
    struct rig g = rig_new();
    struct answer *a = answer_new(), *first;
    struct logs_query q;
    struct err e = {0};

    (void)state;
    rig_open(&g);
    rig_run(&g, g.fn, "r-1", OUTCOME_OK, "before\n");
    first = rig_read_all(&g, "");
    logs_query_init(&q);
    q.function = S(HELLO);
    q.has_after = true;
    q.after = first->cursor;
    q.wait_ms = 20000;
    t_ok(logs_read(g.logs, &q, &answer_ops, a, &e), &e);
    rig_settle(&g);
    assert_false(a->done);
    rig_run(&g, g.fn, "r-2", OUTCOME_OK, "now\n");
    loop_run_until(g.loop, &a->done);
    assert_string_equal(a->text.p, "now\n");
    answer_free(a);
    answer_free(first);
    rig_done(&g);
}

static void a_long_run_says_its_lines_before_it_ends(void **state)
{
    struct rig g = rig_new();
    struct run_facts f = rig_facts(g.fn, "r-1");
    struct answer *a;
    struct logs_query q;
    void *run;

    (void)state;
    rig_open(&g);
    run = logs_watch.begin(g.logs, &f);
    logs_watch.log(g.logs, run, &f, S("whole\nhal"));
    logs_query_init(&q);
    q.wait_ms = 20000;
    a = rig_read(&g, &q);
    assert_string_equal(a->text.p, "whole\n");
    assert_int_equal(a->got[0].flags, LOG_PART);
    q.has_after = true;
    q.after = a->cursor;
    answer_free(a);
    logs_watch.log(g.logs, run, &f, S("f\n"));
    logs_watch.end(g.logs, run, &f);
    a = rig_read(&g, &q);
    assert_string_equal(a->text.p, "half\n");
    assert_int_equal(a->got[0].flags, LOG_END);
    answer_free(a);
    rig_done(&g);
}

static void a_line_without_an_end_is_shown_within_a_second(void **state)
{
    struct rig g = rig_new();
    struct run_facts f = rig_facts(g.fn, "r-1");
    uint64_t begun = clock_mono_ns();
    struct answer *a;
    struct logs_query q;
    void *run;

    (void)state;
    rig_open(&g);
    run = logs_watch.begin(g.logs, &f);
    logs_watch.log(g.logs, run, &f, S("Continue? "));
    logs_query_init(&q);
    q.wait_ms = 20000;
    a = rig_read(&g, &q);
    assert_true(clock_mono_ns() - begun < 5000000000ull); /* and not because the wait is over */
    assert_string_equal(a->text.p, "Continue? ");
    assert_int_equal(a->got[0].flags, LOG_PART | LOG_CUT);
    assert_int_equal(a->got[0].lines, 0); /* counted where it ends */
    q.has_after = true;
    q.after = a->cursor;
    answer_free(a);
    logs_watch.log(g.logs, run, &f, S("yes\n"));
    logs_watch.end(g.logs, run, &f);
    a = rig_read(&g, &q);
    assert_string_equal(a->text.p, "yes\n");
    assert_int_equal(a->got[0].lines, 1);
    answer_free(a);
    rig_done(&g);
}

static void who_asks_once_sees_what_was_said_before(void **state)
{
    struct rig g = rig_new();
    struct logs_query q;
    struct answer *a;

    (void)state;
    g.conf.flush_ms = 20000;
    rig_open(&g);
    for (unsigned i = 1; i <= 3; i++) {
        rig_run(&g, g.fn, "r", OUTCOME_OK, "x\n");
        logs_query_init(&q);
        a = rig_read(&g, &q);
        assert_int_equal(a->n, i);
        answer_free(a);
    }
    rig_done(&g);
}

static void a_clock_that_goes_back_hides_nothing(void **state)
{
    struct rig g = rig_new();
    struct logs_query q;
    struct answer *a;
    int64_t now = clock_wall_ms();

    (void)state;
    rig_open(&g);
    rig_run(&g, g.fn, "r-1", OUTCOME_OK, "first\n");
    clock_back_ms = 3600 * 1000;
    rig_run(&g, g.fn, "r-2", OUTCOME_OK, "an hour before\n");
    a = rig_read_all(&g, HELLO);
    assert_string_equal(a->text.p, "first\nan hour before\n");
    assert_true(a->got[0].time_ms > a->got[1].time_ms);
    answer_free(a);
    logs_query_init(&q);
    q.until_ms = now - 1800 * 1000;
    a = rig_read(&g, &q);
    assert_string_equal(a->text.p, "an hour before\n");
    answer_free(a);
    clock_back_ms = 0;
    rig_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(one_run_is_one_record),
            cmocka_unit_test(what_was_written_is_there_after_a_restart),
            cmocka_unit_test(a_follower_waits_for_the_next_line),
            cmocka_unit_test(a_long_run_says_its_lines_before_it_ends),
            cmocka_unit_test(a_line_without_an_end_is_shown_within_a_second),
            cmocka_unit_test(who_asks_once_sees_what_was_said_before),
            cmocka_unit_test(a_clock_that_goes_back_hides_nothing),
    };

    return T_RUN(tests);
}
