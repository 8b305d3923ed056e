/* SPDX-License-Identifier: Apache-2.0 */
/* test_hush.c - who prints much while the logs cannot keep up is not read, and nothing else changes. */
#include "fake.h"
#include "t.h"

enum { LIMIT = 16 * 1024, MUCH = LIMIT + 1 };

static char text[MUCH];

/* The request is there and not answered. */
static void hold(struct worker *w)
{
    (void)w;
}

static struct world *world_hold(void)
{
    struct world *w = world_new(NULL);

    memset(text, 'x', sizeof(text));
    w->on_request = hold;
    return w;
}

static void say(struct worker *w, size_t n)
{
    worker_say(w, FRAME_LOG, 0, w->stream, (struct str){text, n});
}

static struct worker *begin(struct world *w, struct probe *p, const struct fn *fn)
{
    int number = w->nworkers + 1;

    probe_init(p, w, fn, S("1"));
    probe_submit(p);
    world_until_workers(w, number);
    while (world_worker(w, number)->runs == 0)
        world_turn(w);
    return world_worker(w, number);
}

static void end(struct world *w, struct probe *p)
{
    if (!p->ended)
        world_until(w, &p->ended);
    probe_done(p);
}

static void over_the_limit_it_waits_until_it_is_over(void **state)
{
    struct world *w = world_hold();
    struct worker *a;
    struct probe p;

    (void)state;
    a = begin(w, &p, w->fn);
    pool_hush(w->pool, true);
    say(a, LIMIT);
    world_turn(w);
    say(a, 1);
    world_turn(w);
    assert_int_equal(p.log.n, LIMIT + 1); /* heard, and enough now */
    say(a, 1);
    worker_print(a, "and to the pipe");
    worker_answer(a, 0, S("done"), STR_NONE);
    world_turn(w);
    assert_int_equal(p.log.n, LIMIT + 1);
    assert_false(p.ended);
    pool_hush(w->pool, false);
    world_until(w, &p.ended);
    assert_int_equal(p.report.end, JOB_DONE);
    assert_int_equal(p.log.n, LIMIT + 2 + 15);
    end(w, &p);
    world_free(w);
}

static void at_the_limit_it_is_read_and_each_time_counts_anew(void **state)
{
    struct world *w = world_hold();
    struct worker *a;
    struct probe p;

    (void)state;
    a = begin(w, &p, w->fn);
    for (int i = 0; i < 3; i++) {
        pool_hush(w->pool, true);
        say(a, LIMIT);
        world_turn(w);
        pool_hush(w->pool, false);
    }
    pool_hush(w->pool, true);
    pool_hush(w->pool, true); /* no new one */
    say(a, LIMIT);
    world_turn(w);
    worker_answer(a, 0, S("done"), STR_NONE);
    world_until(w, &p.ended);
    assert_int_equal(p.log.n, 4 * LIMIT);
    end(w, &p);
    world_free(w);
}

static void what_is_printed_to_the_pipe_counts_too(void **state)
{
    struct world *w = world_hold();
    struct worker *a;
    struct probe p;
    char line[MUCH + 1];

    (void)state;
    memset(line, 'y', MUCH);
    line[MUCH] = '\0';
    a = begin(w, &p, w->fn);
    pool_hush(w->pool, true);
    worker_print(a, line);
    world_turn(w);
    assert_int_equal(p.log.n, MUCH);
    worker_print(a, "more");
    world_turn(w);
    assert_int_equal(p.log.n, MUCH);
    pool_hush(w->pool, false);
    world_turn(w);
    assert_int_equal(p.log.n, MUCH + 4);
    worker_answer(a, 0, S("done"), STR_NONE);
    end(w, &p);
    world_free(w);
}

static void others_are_answered_meanwhile(void **state)
{
    struct world *w = world_hold();
    struct fn *quiet = world_fn("quiet");
    struct worker *a, *b;
    struct probe p, q;

    (void)state;
    a = begin(w, &p, w->fn);
    b = begin(w, &q, quiet);
    pool_hush(w->pool, true);
    say(a, MUCH);
    world_turn(w);
    worker_answer(a, 0, S("waits"), STR_NONE);
    say(b, 100);
    worker_answer(b, 0, S("done"), STR_NONE);
    world_until(w, &q.ended);
    assert_int_equal(q.log.n, 100);
    assert_false(p.ended);
    pool_hush(w->pool, false);
    end(w, &p);
    end(w, &q);
    world_free(w);
    fn_unref(quiet);
}

static void a_deadline_stands(void **state)
{
    struct world *w = world_hold();
    struct worker *a;
    struct probe p;

    (void)state;
    w->fn->timeout_ms = 100;
    a = begin(w, &p, w->fn);
    pool_hush(w->pool, true);
    say(a, MUCH);
    world_turn(w);
    say(a, 7);
    world_until(w, &p.ended);
    assert_int_equal(p.report.end, JOB_TIMEOUT);
    assert_int_equal(p.log.n, MUCH + 7); /* and what it had said is heard */
    end(w, &p);
    world_free(w);
}

static void an_answer_in_time_counts_though_it_was_not_read(void **state)
{
    struct world *w = world_hold();
    struct worker *a;
    struct probe p;

    (void)state;
    w->fn->timeout_ms = 100;
    a = begin(w, &p, w->fn);
    pool_hush(w->pool, true);
    say(a, MUCH);
    world_turn(w);
    for (int i = 0; i < 10; i++) /* more than one read takes */
        say(a, LIMIT);
    worker_answer(a, 0, S("done"), STR_NONE);
    world_until(w, &p.ended);
    assert_int_equal(p.report.end, JOB_DONE);
    assert_int_equal(p.log.n, MUCH + 10 * LIMIT);
    end(w, &p);
    world_free(w);
}

static void whoever_is_cancelled_or_dies_does_not_hang(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *w = world_hold();
        struct worker *a;
        struct probe p;

        a = begin(w, &p, w->fn);
        pool_hush(w->pool, true);
        say(a, MUCH);
        world_turn(w);
        say(a, 7);
        worker_print(a, "last");
        if (i == 0)
            pool_cancel(w->pool, &p.job);
        else
            worker_exit(a, 1, 0, false);
        world_until(w, &p.ended);
        assert_int_equal(p.report.end, JOB_EXITED);
        assert_int_equal(p.log.n, MUCH + (i == 0 ? 4 : 11));
        world_turn(w);
        pool_hush(w->pool, false);
        world_turn(w);
        end(w, &p);
        world_free(w);
    }
}

static void on_drained(void *user)
{
    *(bool *)user = true;
}

static void a_drain_ends_when_it_is_over_and_the_pool_may_go_before(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *w = world_hold();
        struct worker *a;
        struct probe p;
        bool drained = false;

        a = begin(w, &p, w->fn);
        pool_hush(w->pool, true);
        say(a, MUCH);
        world_turn(w);
        worker_answer(a, 0, S("done"), STR_NONE);
        pool_drain(w->pool, on_drained, &drained);
        world_turn(w);
        assert_false(drained);
        if (i == 0) {
            pool_hush(w->pool, false);
            world_until(w, &drained);
            assert_int_equal(p.report.end, JOB_DONE);
        }
        world_free(w); /* i == 1: the job ends here */
        assert_true(p.ended);
        probe_done(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(over_the_limit_it_waits_until_it_is_over),
            cmocka_unit_test(at_the_limit_it_is_read_and_each_time_counts_anew),
            cmocka_unit_test(what_is_printed_to_the_pipe_counts_too),
            cmocka_unit_test(others_are_answered_meanwhile),
            cmocka_unit_test(a_deadline_stands),
            cmocka_unit_test(an_answer_in_time_counts_though_it_was_not_read),
            cmocka_unit_test(whoever_is_cancelled_or_dies_does_not_hang),
            cmocka_unit_test(a_drain_ends_when_it_is_over_and_the_pool_may_go_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
