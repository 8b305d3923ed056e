/* SPDX-License-Identifier: Apache-2.0 */
/* test_pool.c - which instance a job gets, when one is started, kept or stopped. */
#include "fake.h"
#include "t.h"

#include <errno.h>
#include <stdlib.h>

#include "base/obj.h"

static void hold(struct worker *w)
{
    (void)w; /* until the test answers */
}

static void let_go(struct world *w, int number)
{
    struct worker *x = world_worker(w, number);

    worker_answer(x, 0, buf_str(&x->event), STR_NONE);
}

static void wait_open(struct world *w, int number)
{
    while (w->nworkers < number || !world_worker(w, number)->stream)
        world_turn(w);
}

static struct world *world_of(uint32_t instances, uint32_t waiting, uint32_t keep_warm_ms)
{
    struct pool_conf conf;

    pool_conf_default(&conf);
    conf.instances = instances;
    conf.waiting = waiting;
    conf.keep_warm_ms = keep_warm_ms;
    return world_new(&conf);
}

static void jobs_at_once_get_a_start_each(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p[10];
    struct pool_stats s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        probe_init(&p[i], w, w->fn, S("x"));
        probe_submit(&p[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        world_until(w, &p[i].ended);
        assert_int_equal(p[i].report.end, JOB_DONE);
        probe_done(&p[i]);
    }
    pool_stats(w->pool, &s);
    assert_int_equal(s.runs, 10);
    assert_true(s.starts <= 10);
    assert_int_equal(s.starts, (uint64_t)w->nworkers);
    world_free(w);
}

static void the_youngest_idle_instance_is_taken(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b, c;

    (void)state;
    w->on_request = hold;
    probe_init(&a, w, w->fn, S("a"));
    probe_init(&b, w, w->fn, S("b"));
    probe_submit(&a);
    probe_submit(&b);
    wait_open(w, 1);
    wait_open(w, 2);
    let_go(w, 2);
    world_until(w, &b.ended);
    let_go(w, 1);
    world_until(w, &a.ended);

    w->on_request = NULL;
    probe_run(&c, w, S("c"));
    assert_string_equal(c.instance, a.instance);
    probe_done(&a);
    probe_done(&b);
    probe_done(&c);
    world_free(w);
}

static void over_its_limit_a_function_waits_in_order(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p[4];
    struct pool_stats s;

    (void)state;
    w->fn->max_instances = 1;
    w->on_request = hold;
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        probe_init(&p[i], w, w->fn, S("x"));
        probe_submit(&p[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        wait_open(w, 1);
        pool_stats(w->pool, &s);
        assert_int_equal(s.waiting, ARRAY_LEN(p) - 1 - i);
        assert_int_equal(s.busy, 1);
        for (size_t k = 0; k < ARRAY_LEN(p); k++)
            assert_int_equal(p[k].starts, k <= i);
        let_go(w, 1);
        world_until(w, &p[i].ended);
        probe_done(&p[i]);
    }
    assert_int_equal(w->nworkers, 1);
    world_free(w);
}

static void a_full_queue_refuses(void **state)
{
    struct world *w = world_of(100, 2, 60000);
    struct probe p[3], q;
    struct err e = {0};

    (void)state;
    w->fn->max_instances = 1;
    w->on_request = hold;
    for (size_t i = 0; i < ARRAY_LEN(p); i++) { /* one runs, two wait: the limit */
        probe_init(&p[i], w, w->fn, S("x"));
        probe_submit(&p[i]);
    }
    probe_init(&q, w, w->fn, S("x"));
    assert_int_equal(pool_submit(w->pool, &q.job, &e), -EAGAIN);
    assert_int_equal(e.kind, ERR_LIMIT);
    t_has(e.msg, "2 invocations of function 'hello' are waiting");
    wait_open(w, 1);
    let_go(w, 1);
    world_until(w, &p[0].ended);
    probe_submit(&q); /* there is room again */
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        probe_done(&p[i]);
    pool_cancel(w->pool, &q.job);
    world_until(w, &q.ended);
    w->pool = pool_free(w->pool); /* p[1] runs, p[2] waits: both hear their end */
    assert_true(p[1].ended && p[2].ended);
    assert_int_equal(p[1].report.end, JOB_EXITED);
    assert_int_equal(p[2].report.end, JOB_NO_START);
    probe_done(&q);
    world_free(w);
}

static void a_function_without_instances_is_refused(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;
    struct err e = {0};

    (void)state;
    w->fn->max_instances = 0;
    probe_init(&p, w, w->fn, S("x"));
    assert_int_equal(pool_submit(w->pool, &p.job, &e), -EAGAIN);
    probe_done(&p);
    world_free(w);
}

static void a_warm_instance_takes_over_from_a_start_that_has_not_begun(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b;

    (void)state;
    w->on_request = hold;
    probe_init(&a, w, w->fn, S("a"));
    probe_submit(&a);
    wait_open(w, 1);
    w->no_boot = true;
    probe_init(&b, w, w->fn, S("b"));
    probe_submit(&b);
    world_until_workers(w, 2);
    w->on_request = NULL;
    let_go(w, 1);
    world_until(w, &b.ended);
    assert_string_equal(a.instance, b.instance);
    assert_false(b.report.cold);

    /* The start goes on without a job and is kept; its first run is cold, but waited for nothing.
     */
    worker_say(world_worker(w, 2), FRAME_READY, 0, 0, S("{\"version\":1}"));
    world_until_idle(w, 2);
    probe_done(&a);
    probe_run(&a, w, S("a"));
    assert_true(a.report.cold);
    assert_int_equal(a.report.init_ns, 0);
    t_str(buf_str(&a.heard), S("cold-start end "));
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

static void a_new_job_is_attached_to_a_start_without_one(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b;

    (void)state;
    w->no_boot = true;
    probe_init(&a, w, w->fn, S("a"));
    probe_submit(&a);
    world_until_workers(w, 1);
    pool_cancel(w->pool, &a.job);
    world_until(w, &a.ended);
    assert_int_equal(a.report.end, JOB_NO_START);
    assert_int_equal(a.err.code, -ECANCELED);

    probe_init(&b, w, w->fn, S("b"));
    probe_submit(&b);
    worker_say(world_worker(w, 1), FRAME_READY, 0, 0, S("{\"version\":1}"));
    world_until(w, &b.ended);
    assert_int_equal(b.report.end, JOB_DONE);
    assert_int_equal(w->nworkers, 1);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

static void at_the_bound_of_all_the_longest_idle_of_another_function_goes(void **state)
{
    struct world *w = world_of(2, 100, 60000);
    struct fn *other = world_fn("other");
    struct probe a, b, c;

    (void)state;
    w->on_request = hold;
    probe_init(&a, w, w->fn, S("a"));
    probe_init(&b, w, w->fn, S("b"));
    probe_submit(&a);
    probe_submit(&b);
    wait_open(w, 1);
    wait_open(w, 2);
    let_go(w, 2);
    world_until(w, &b.ended);
    let_go(w, 1);
    world_until(w, &a.ended);

    w->on_request = NULL;
    probe_init(&c, w, other, S("c"));
    probe_submit(&c);
    world_until(w, &c.ended);
    assert_int_equal(c.report.end, JOB_DONE);
    assert_true(world_worker(w, 2)->killed); /* idle for longer than 1 */
    assert_false(world_worker(w, 1)->killed);
    assert_int_equal(w->kills, 1);
    probe_done(&a);
    probe_done(&b);
    probe_done(&c);
    world_free(w);
    fn_unref(other);
}

static void at_the_bound_of_all_busy_ones_are_waited_for(void **state)
{
    struct world *w = world_of(1, 100, 60000);
    struct fn *other = world_fn("other");
    struct probe a, b;

    (void)state;
    w->on_request = hold;
    probe_init(&a, w, w->fn, S("a"));
    probe_submit(&a);
    wait_open(w, 1);
    probe_init(&b, w, other, S("b"));
    probe_submit(&b);
    world_turn(w);
    assert_int_equal(w->nworkers, 1);
    assert_int_equal(w->kills, 0);
    w->on_request = NULL;
    let_go(w, 1);
    world_until(w, &b.ended);
    assert_int_equal(b.report.end, JOB_DONE);
    assert_int_equal(w->nworkers, 2);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
    fn_unref(other);
}

static void an_idle_instance_is_stopped_after_its_time(void **state)
{
    struct world *w = world_of(10, 100, 30);
    struct probe p;
    struct pool_stats s;

    (void)state;
    probe_run(&p, w, S("x"));
    pool_stats(w->pool, &s);
    assert_int_equal(s.idle, 1);
    world_until_gone(w);
    assert_int_equal(w->kills, 1);
    world_until_idle(w, 0);
    probe_done(&p);
    probe_run(&p, w, S("x"));
    assert_true(p.report.cold);
    probe_done(&p);
    world_free(w);
}

static void
a_changed_function_loses_idle_instances_at_once_and_busy_ones_after_their_job(void **state)
{
    struct world *w = world_new(NULL);
    struct fn *next = world_fn("hello");
    struct probe a, b, c, d;

    (void)state;
    next->revision = 2;
    w->on_request = hold;
    probe_init(&a, w, w->fn, S("a"));
    probe_init(&b, w, w->fn, S("b"));
    probe_submit(&a);
    probe_submit(&b);
    wait_open(w, 1);
    wait_open(w, 2);
    let_go(w, 1);
    world_until(w, &a.ended);

    pool_retire(w->pool, w->fn);
    world_turn(w);
    assert_true(world_worker(w, 1)->killed);
    assert_false(world_worker(w, 2)->killed);
    let_go(w, 2);
    world_until(w, &b.ended);
    assert_int_equal(b.report.end, JOB_DONE);
    world_until_gone(w);

    w->on_request = NULL;
    probe_init(&c, w, next, S("c"));
    probe_submit(&c);
    world_until(w, &c.ended);
    pool_retire(w->pool, w->fn); /* of the old one again: the new one stays */
    world_until_idle(w, 1);

    /* A job that came in before the change still runs on what it was submitted with. */
    probe_init(&d, w, w->fn, S("d"));
    probe_submit(&d);
    world_until(w, &d.ended);
    assert_int_equal(d.report.end, JOB_DONE);
    assert_string_not_equal(d.instance, c.instance);
    probe_done(&a);
    probe_done(&b);
    probe_done(&c);
    probe_done(&d);
    world_free(w);
    fn_unref(next);
}

static void a_job_that_waits_too_long_is_told_so(void **state)
{
    struct pool_conf conf;
    struct world *w;
    struct probe a, b, c;
    struct pool_stats s;

    (void)state;
    pool_conf_default(&conf);
    conf.wait_timeout_ms = 50;
    w = world_new(&conf);
    w->fn->max_instances = 1;
    w->on_request = hold;
    probe_init(&a, w, w->fn, S("a"));
    probe_init(&b, w, w->fn, S("b"));
    probe_init(&c, w, w->fn, S("c"));
    probe_submit(&a);
    wait_open(w, 1);
    probe_submit(&b);
    probe_submit(&c);
    world_until(w, &b.ended);
    world_until(w, &c.ended);
    assert_int_equal(b.report.end, JOB_NO_START);
    assert_int_equal(b.err.kind, ERR_LIMIT);
    assert_int_equal(b.err.code, -EAGAIN);
    t_has(b.err.msg, "no instance became free within 50 ms");
    assert_int_equal(c.report.end, JOB_NO_START);
    pool_stats(w->pool, &s);
    assert_int_equal(s.waiting, 0);

    assert_false(a.ended); /* the clock of who runs is another one */
    let_go(w, 1);
    world_until(w, &a.ended);
    assert_int_equal(a.report.end, JOB_DONE);
    probe_done(&a);
    probe_done(&b);
    probe_done(&c);
    world_free(w);
}

static void revisions_share_the_limit_of_their_function(void **state)
{
    struct world *w = world_new(NULL);
    struct fn *next = world_fn("hello");
    struct probe a, b;

    (void)state;
    w->fn->max_instances = next->max_instances = 1;
    next->revision = 2;
    w->on_request = hold;
    probe_init(&a, w, w->fn, S("a"));
    probe_submit(&a);
    wait_open(w, 1);
    pool_retire(w->pool, w->fn);
    probe_init(&b, w, next, S("b"));
    probe_submit(&b);
    world_turn(w);
    assert_int_equal(w->nworkers, 1);
    w->on_request = NULL;
    let_go(w, 1);
    world_until(w, &b.ended);
    assert_int_equal(a.report.end, JOB_DONE);
    assert_int_equal(b.report.end, JOB_DONE);
    assert_int_equal(w->nworkers, 2);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
    fn_unref(next);
}

static void a_late_job_of_an_older_revision_gets_room_from_the_new_one(void **state)
{
    struct world *w = world_new(NULL);
    struct fn *next = world_fn("hello");
    struct probe a, late;

    (void)state;
    w->fn->max_instances = next->max_instances = 1;
    next->revision = 2;
    probe_init(&a, w, next, S("a"));
    probe_submit(&a);
    world_until(w, &a.ended);
    world_until_idle(w, 1);
    probe_init(&late, w, w->fn, S("late"));
    probe_submit(&late);
    world_until(w, &late.ended);
    assert_int_equal(late.report.end, JOB_DONE);
    assert_true(world_worker(w, 1)->killed);
    world_until_idle(w, 0); /* nothing of the old revision is kept warm */
    probe_done(&a);
    probe_done(&late);
    world_free(w);
    fn_unref(next);
}

static void a_first_job_of_a_new_revision_ends_the_idle_ones_of_the_old(void **state)
{
    struct world *w = world_new(NULL);
    struct fn *next = world_fn("hello");
    struct probe a, b;

    (void)state;
    next->revision = 2;
    probe_run(&a, w, S("a"));
    probe_init(&b, w, next, S("b"));
    probe_submit(&b);
    world_until(w, &b.ended);
    assert_int_equal(b.report.end, JOB_DONE);
    assert_true(world_worker(w, 1)->killed);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
    fn_unref(next);
}

static void a_failed_start_ends_its_own_job_and_no_other(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p[5];

    (void)state;
    w->fn->max_instances = 2;
    w->load_fails = true;
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        probe_init(&p[i], w, w->fn, S("x"));
        probe_submit(&p[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        world_until(w, &p[i].ended);
        assert_int_equal(p[i].report.end, JOB_INIT_ERROR);
        probe_done(&p[i]);
    }
    world_until_gone(w);
    assert_int_equal(w->nworkers, 5); /* one start each, and then silence */
    world_free(w);
}

static void a_timeout_makes_room_for_who_waits(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b;

    (void)state;
    w->fn->max_instances = 1;
    w->fn->timeout_ms = 20;
    w->on_request = hold;
    probe_init(&a, w, w->fn, S("a"));
    probe_init(&b, w, w->fn, S("b"));
    probe_submit(&a);
    probe_submit(&b);
    world_until(w, &a.ended);
    assert_int_equal(a.report.end, JOB_TIMEOUT);
    w->on_request = NULL;
    world_until(w, &b.ended);
    assert_int_equal(b.report.end, JOB_DONE);
    assert_int_equal(w->nworkers, 2);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

static void a_waiting_job_may_be_cancelled(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b;

    (void)state;
    w->fn->max_instances = 1;
    w->on_request = hold;
    probe_init(&a, w, w->fn, S("a"));
    probe_init(&b, w, w->fn, S("b"));
    probe_submit(&a);
    wait_open(w, 1);
    probe_submit(&b);
    pool_cancel(w->pool, &b.job);
    assert_false(b.ended);
    pool_cancel(w->pool, &b.job); /* twice is once */
    world_until(w, &b.ended);
    assert_int_equal(b.report.end, JOB_NO_START);
    assert_int_equal(b.err.code, -ECANCELED);
    let_go(w, 1);
    world_until(w, &a.ended);
    assert_int_equal(a.report.end, JOB_DONE);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

static void on_drained(void *user)
{
    *(bool *)user = true;
}

static void a_drained_pool_ends_what_it_has_and_takes_no_more(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b;
    struct err e = {0};
    bool drained = false;

    (void)state;
    w->on_request = hold;
    probe_init(&a, w, w->fn, S("a"));
    probe_init(&b, w, w->fn, S("b"));
    probe_submit(&a);
    wait_open(w, 1);
    pool_drain(w->pool, on_drained, &drained);
    assert_int_equal(pool_submit(w->pool, &b.job, &e), -ESHUTDOWN);
    world_turn(w);
    assert_false(drained);
    let_go(w, 1);
    world_until(w, &drained);
    assert_int_equal(a.report.end, JOB_DONE);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

static void an_empty_pool_is_drained_in_the_next_turn(void **state)
{
    struct world *w = world_new(NULL);
    bool drained = false;

    (void)state;
    pool_drain(w->pool, on_drained, &drained);
    assert_false(drained);
    world_until(w, &drained);
    world_free(w);
}

static void submit_again(struct probe *p)
{
    if (p->job.answer_max-- > 1) {
        p->ended = false;
        probe_submit(p);
    }
}

static void a_job_submitted_in_on_end_runs_behind_those_that_waited(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b;

    (void)state;
    w->fn->max_instances = 1;
    probe_init(&a, w, w->fn, S("a"));
    probe_init(&b, w, w->fn, S("b"));
    a.job.answer_max = 3;
    a.on_ended = submit_again;
    probe_submit(&a);
    probe_submit(&b);
    world_until(w, &b.ended);
    assert_int_equal(b.report.end, JOB_DONE);
    world_until(w, &a.ended);
    assert_int_equal(a.starts, 3);
    assert_int_equal(w->nworkers, 1);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(jobs_at_once_get_a_start_each),
            cmocka_unit_test(the_youngest_idle_instance_is_taken),
            cmocka_unit_test(over_its_limit_a_function_waits_in_order),
            cmocka_unit_test(a_full_queue_refuses),
            cmocka_unit_test(a_function_without_instances_is_refused),
            cmocka_unit_test(a_warm_instance_takes_over_from_a_start_that_has_not_begun),
            cmocka_unit_test(a_new_job_is_attached_to_a_start_without_one),
            cmocka_unit_test(at_the_bound_of_all_the_longest_idle_of_another_function_goes),
            cmocka_unit_test(at_the_bound_of_all_busy_ones_are_waited_for),
            cmocka_unit_test(an_idle_instance_is_stopped_after_its_time),
            cmocka_unit_test(
                    a_changed_function_loses_idle_instances_at_once_and_busy_ones_after_their_job),
            cmocka_unit_test(a_job_that_waits_too_long_is_told_so),
            cmocka_unit_test(revisions_share_the_limit_of_their_function),
            cmocka_unit_test(a_late_job_of_an_older_revision_gets_room_from_the_new_one),
            cmocka_unit_test(a_first_job_of_a_new_revision_ends_the_idle_ones_of_the_old),
            cmocka_unit_test(a_failed_start_ends_its_own_job_and_no_other),
            cmocka_unit_test(a_timeout_makes_room_for_who_waits),
            cmocka_unit_test(a_waiting_job_may_be_cancelled),
            cmocka_unit_test(a_drained_pool_ends_what_it_has_and_takes_no_more),
            cmocka_unit_test(an_empty_pool_is_drained_in_the_next_turn),
            cmocka_unit_test(a_job_submitted_in_on_end_runs_behind_those_that_waited),
    };

    return T_RUN(tests);
}
