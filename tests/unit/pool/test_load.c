/* SPDX-License-Identifier: Apache-2.0 */
/* test_load.c - jobs that run nothing: whether an instance loads. */
#include "fake.h"
#include "t.h"

#include <errno.h>

#include "base/obj.h"

static void look_init(struct probe *p, struct world *w)
{
    probe_init(p, w, w->fn, STR_NONE);
    p->job.load_only = true;
}

static void look(struct probe *p, struct world *w)
{
    look_init(p, w);
    probe_submit(p);
    world_until(w, &p->ended);
}

static void boot(struct world *w, int number)
{
    worker_say(world_worker(w, number), FRAME_READY, 0, 0, S("{\"version\":1}"));
}

static uint64_t runs(const struct world *w)
{
    struct pool_stats s;

    pool_stats(w->pool, &s);
    return s.runs;
}

static void it_starts_an_instance_and_runs_nothing(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b;

    (void)state;
    look(&a, w);
    assert_int_equal(a.report.end, JOB_DONE);
    assert_true(a.report.init_ns > 0);
    assert_true(a.report.cold);
    assert_string_not_equal(a.instance, "");
    t_str(buf_str(&a.heard), S("load loaded cold-start end "));
    assert_int_equal(runs(w), 0);
    world_until_idle(w, 1);

    /* The first run is on that instance and did not wait for it. */
    probe_run(&b, w, S("b"));
    assert_string_equal(a.instance, b.instance);
    assert_true(b.report.cold);
    assert_int_equal(b.report.init_ns, 0);
    assert_int_equal(w->nworkers, 1);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

static void hold(struct worker *w)
{
    (void)w; /* until the test answers */
}

static void a_warm_instance_is_the_answer_also_when_it_is_busy(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b, c;

    (void)state;
    w->fn->max_instances = 1;
    w->on_request = hold;
    probe_init(&a, w, w->fn, S("a"));
    probe_submit(&a);
    while (w->nworkers < 1 || !world_worker(w, 1)->stream)
        world_turn(w);
    look(&b, w);
    assert_int_equal(b.report.end, JOB_DONE);
    assert_false(b.report.cold);
    assert_int_equal(b.report.init_ns, 0);
    assert_string_equal(a.instance, b.instance);
    worker_answer(world_worker(w, 1), 0, STR_NONE, STR_NONE);
    world_until(w, &a.ended);

    look(&c, w); /* and when it is idle */
    t_str(buf_str(&c.heard), S("start end "));
    assert_int_equal(w->nworkers, 1);
    probe_done(&a);
    probe_done(&b);
    probe_done(&c);
    world_free(w);
}

static void those_that_come_together_share_a_start(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p[8];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        look_init(&p[i], w);
        probe_submit(&p[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        world_until(w, &p[i].ended);
        assert_int_equal(p[i].report.end, JOB_DONE);
        assert_string_equal(p[i].instance, p[0].instance);
        probe_done(&p[i]);
    }
    assert_int_equal(w->nworkers, 1);
    world_free(w);
}

static void a_run_that_comes_meanwhile_takes_the_same_instance(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b;

    (void)state;
    w->no_boot = true;
    look_init(&a, w);
    probe_submit(&a);
    world_until_workers(w, 1);
    probe_init(&b, w, w->fn, S("b"));
    probe_submit(&b);
    boot(w, 1);
    world_until(w, &a.ended);
    world_until(w, &b.ended);
    assert_int_equal(a.report.end, JOB_DONE);
    assert_int_equal(b.report.end, JOB_DONE);
    assert_string_equal(a.instance, b.instance);
    assert_int_equal(w->nworkers, 1);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

static void a_load_that_fails_is_told_to_everybody(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b;

    (void)state;
    w->load_fails = true;
    look_init(&a, w);
    look_init(&b, w);
    probe_submit(&a);
    probe_submit(&b);
    world_until(w, &a.ended);
    world_until(w, &b.ended);
    assert_int_equal(a.report.end, JOB_INIT_ERROR);
    assert_int_equal(b.report.end, JOB_INIT_ERROR);
    assert_true(a.data.n > 0);
    t_str(buf_str(&b.data), buf_str(&a.data));
    assert_int_equal(w->nworkers, 1);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

static void a_launcher_that_refuses_is_told_to_everybody(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b;

    (void)state;
    w->refuse = true;
    look_init(&a, w);
    look_init(&b, w);
    probe_submit(&a);
    probe_submit(&b);
    world_until(w, &a.ended);
    world_until(w, &b.ended);
    assert_int_equal(a.report.end, JOB_NO_START);
    assert_int_equal(b.report.end, JOB_NO_START);
    assert_int_equal(b.err.code, a.err.code);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

static void while_it_backs_off_the_last_failure_is_the_answer(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p[4];

    (void)state;
    w->load_fails = true;
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        look(&p[i], w);
        assert_int_equal(p[i].report.end, JOB_INIT_ERROR);
        assert_int_equal(p[i].report.failures, i < 3 ? 0 : 3);
        world_until_gone(w);
    }
    assert_int_equal(w->nworkers, 3);
    assert_true(p[3].report.retry_ms > 0);
    t_str(buf_str(&p[3].data), buf_str(&p[0].data));
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        probe_done(&p[i]);
    world_free(w);
}

static void each_can_be_cancelled(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b, c;

    (void)state;
    w->no_boot = true;
    look_init(&a, w);
    look_init(&b, w);
    look_init(&c, w);
    probe_submit(&a); /* has the start */
    world_until_workers(w, 1);
    probe_submit(&b); /* shares it */
    probe_submit(&c);
    pool_cancel(w->pool, &b.job);
    world_until(w, &b.ended);
    assert_int_equal(b.err.code, -ECANCELED);
    pool_cancel(w->pool, &a.job);
    world_until(w, &a.ended);
    assert_int_equal(a.err.code, -ECANCELED);
    assert_false(c.ended);
    boot(w, 1);
    world_until(w, &c.ended);
    assert_int_equal(c.report.end, JOB_DONE);
    assert_int_equal(w->nworkers, 1);
    probe_done(&a);
    probe_done(&b);
    probe_done(&c);
    world_free(w);
}

static void at_the_bound_it_waits_for_room(void **state)
{
    struct pool_conf conf;
    struct fn *other = world_fn("other");
    struct world *w;
    struct probe a, b;

    (void)state;
    pool_conf_default(&conf);
    conf.instances = 1;
    w = world_new(&conf);
    probe_init(&a, w, other, S("a"));
    probe_submit(&a);
    world_until(w, &a.ended);
    look(&b, w); /* the idle one of the other function goes */
    assert_int_equal(b.report.end, JOB_DONE);
    assert_true(world_worker(w, 1)->killed);
    assert_int_equal(w->nworkers, 2);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
    fn_unref(other);
}

static void mark(void *user)
{
    *(bool *)user = true;
}

static void a_drain_waits_for_it_and_the_end_of_the_pool_ends_it(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b, c;
    struct err e = {0};
    bool drained = false;

    (void)state;
    w->no_boot = true;
    look_init(&a, w);
    look_init(&b, w);
    probe_submit(&a);
    probe_submit(&b);
    world_until_workers(w, 1);
    pool_drain(w->pool, mark, &drained);
    look_init(&c, w);
    assert_int_equal(pool_submit(w->pool, &c.job, &e), -ESHUTDOWN);
    world_turn(w);
    assert_false(drained);
    w->pool = pool_free(w->pool);
    assert_true(a.ended && b.ended);
    assert_int_equal(a.report.end, JOB_NO_START);
    assert_int_equal(b.report.end, JOB_NO_START);
    probe_done(&a);
    probe_done(&b);
    probe_done(&c);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(it_starts_an_instance_and_runs_nothing),
            cmocka_unit_test(a_warm_instance_is_the_answer_also_when_it_is_busy),
            cmocka_unit_test(those_that_come_together_share_a_start),
            cmocka_unit_test(a_run_that_comes_meanwhile_takes_the_same_instance),
            cmocka_unit_test(a_load_that_fails_is_told_to_everybody),
            cmocka_unit_test(a_launcher_that_refuses_is_told_to_everybody),
            cmocka_unit_test(while_it_backs_off_the_last_failure_is_the_answer),
            cmocka_unit_test(each_can_be_cancelled),
            cmocka_unit_test(at_the_bound_it_waits_for_room),
            cmocka_unit_test(a_drain_waits_for_it_and_the_end_of_the_pool_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
