/* SPDX-License-Identifier: Apache-2.0 */
/* The store as the engine and its readers see it, with real files. */
#include "logs_rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(one_run_is_one_record),
            cmocka_unit_test(what_was_written_is_there_after_a_restart),
            cmocka_unit_test(a_follower_waits_for_the_next_line),
            cmocka_unit_test(a_long_run_says_its_lines_before_it_ends),
    };

    return T_RUN(tests);
}
