/* SPDX-License-Identifier: Apache-2.0 */
/* test_keep.c - what is kept and what is started: reserved instances, memory, spares, starts that
 * pay and starts that fail again and again. */
#include "fake.h"
#include "t.h"

#include <errno.h>
#include <signal.h>

#include "base/clock.h"
#include "base/obj.h"

static void hold(struct worker *w)
{
    (void)w; /* until the test answers */
}

static void let_go(struct world *w, int number)
{
    worker_answer(world_worker(w, number), 0, STR_NONE, STR_NONE);
}

static void wait_open(struct world *w, int number)
{
    while (w->nworkers < number || !world_worker(w, number)->stream)
        world_turn(w);
}

static struct world *world_with(uint32_t memory_mb, uint32_t keep_warm_ms)
{
    struct pool_conf conf;

    pool_conf_default(&conf);
    conf.memory_mb = memory_mb;
    conf.keep_warm_ms = keep_warm_ms;
    return world_new(&conf);
}

static struct pool_stats stats(struct world *w)
{
    struct pool_stats s;

    pool_stats(w->pool, &s);
    return s;
}

/* ---- reserved ---- */

static void reserved_instances_are_there_without_a_job_and_stay(void **state)
{
    struct world *w = world_with(0, 5);
    struct probe p[3];

    (void)state;
    w->fn->reserved = 2;
    pool_keep(w->pool, w->fn);
    world_until_idle(w, 2);
    assert_int_equal(stats(w).reserved, 2);

    w->on_request = hold;
    for (size_t i = 0; i < 3; i++) {
        probe_init(&p[i], w, w->fn, S("x"));
        probe_submit(&p[i]);
    }
    for (int i = 1; i <= 3; i++) {
        wait_open(w, i);
        let_go(w, i);
    }
    for (size_t i = 0; i < 3; i++) {
        world_until(w, &p[i].ended);
        probe_done(&p[i]);
    }
    while (w->kills == 0) /* keep-warm takes what is not reserved */
        world_turn(w);
    world_until_idle(w, 2);
    assert_int_equal(w->kills, 1);
    assert_int_equal(w->nworkers, 3);
    world_free(w);
}

static void a_reserved_instance_that_dies_is_replaced(void **state)
{
    struct world *w = world_with(0, 60000);
    struct probe p;

    (void)state;
    w->fn->reserved = 1;
    pool_keep(w->pool, w->fn);
    world_until_idle(w, 1);
    probe_run(&p, w, S("x"));
    worker_exit(world_worker(w, 1), 1, 0, false);
    world_until_workers(w, 2);
    world_until_idle(w, 1);
    probe_done(&p);
    world_free(w);
}

static void a_reserved_start_that_fails_is_tried_again_after_a_while(void **state)
{
    struct world *w = world_with(0, 60000);
    uint64_t begin = clock_mono_ns();

    (void)state;
    w->fn->reserved = 1;
    w->load_fails = true;
    pool_keep(w->pool, w->fn);
    world_until_workers(w, 1);
    world_until_gone(w);
    w->load_fails = false;
    world_until_idle(w, 1);
    assert_int_equal(w->nworkers, 2);
    assert_true(clock_mono_ns() - begin >= 900 * 1000000ull);
    world_free(w);
}

static void reserved_instances_move_to_the_new_revision(void **state)
{
    struct world *w = world_with(0, 60000);
    struct fn *next = world_fn("hello");

    (void)state;
    w->fn->reserved = next->reserved = 1;
    next->revision = 2;
    pool_keep(w->pool, w->fn);
    world_until_idle(w, 1);
    pool_retire(w->pool, w->fn);
    pool_keep(w->pool, next);
    world_until_workers(w, 2);
    world_until_idle(w, 1);
    assert_false(world_worker(w, 1)->alive);
    pool_keep(w->pool, w->fn); /* a late one of the old */
    world_turn(w);
    assert_int_equal(w->nworkers, 2);
    assert_int_equal(stats(w).reserved, 1);
    world_free(w);
    fn_unref(next);
}

static void reserved_instances_are_no_victims_of_others(void **state)
{
    struct world *w = world_with(512, 60000);
    struct fn *other = world_fn("other");
    struct probe p;

    (void)state;
    w->fn->reserved = 1; /* 256 MB each */
    pool_keep(w->pool, w->fn);
    world_until_idle(w, 1);
    other->memory_mb = 512;
    probe_init(&p, w, other, S("x"));
    probe_submit(&p);
    world_turn(w);
    assert_int_equal(w->nworkers, 1);
    assert_int_equal(w->kills, 0);
    assert_int_equal(stats(w).waiting, 1);
    pool_cancel(w->pool, &p.job);
    world_until(w, &p.ended);
    probe_done(&p);
    world_free(w);
    fn_unref(other);
}

/* ---- memory ---- */

static void starts_wait_when_memory_is_exceeded(void **state)
{
    (void)state;
    for (uint32_t over = 0; over <= 1; over++) {
        struct world *w = world_with(512 - over, 60000); /* two of 256, or not */
        struct probe p[2];

        w->on_request = hold;
        for (size_t i = 0; i < 2; i++) {
            probe_init(&p[i], w, w->fn, S("x"));
            probe_submit(&p[i]);
        }
        wait_open(w, 1);
        world_turn(w);
        assert_int_equal(w->nworkers, 2 - over);
        assert_int_equal(stats(w).waiting, over);
        assert_int_equal(stats(w).memory_bytes, (2 - over) * 256ull << 20);
        let_go(w, 1);
        world_until(w, &p[0].ended);
        wait_open(w, 2 - (int)over);
        let_go(w, 2 - (int)over);
        world_until(w, &p[1].ended);
        assert_int_equal(p[1].report.end, JOB_DONE);
        probe_done(&p[0]);
        probe_done(&p[1]);
        world_free(w);
    }
}

static void an_idle_instance_counts_what_it_was_measured_to_take(void **state)
{
    struct world *w = world_with(300, 60000);
    struct fn *other = world_fn("other");
    struct probe p, q;

    (void)state;
    w->memory_peak = true; /* 12 MB */
    probe_run(&p, w, S("x"));
    world_until_idle(w, 1);
    assert_int_equal(stats(w).memory_bytes, 12345678);
    probe_init(&q, w, other, S("x"));
    probe_submit(&q);
    world_until(w, &q.ended);
    assert_int_equal(q.report.end, JOB_DONE);
    assert_int_equal(w->kills, 0); /* 12 and 256 are below 300 */
    assert_int_equal(stats(w).memory_bytes, 2 * 12345678);
    probe_done(&p);
    probe_done(&q);
    world_free(w);
    fn_unref(other);
}

static void the_longest_idle_makes_room_for_memory(void **state)
{
    struct world *w = world_with(256, 60000);
    struct fn *b = world_fn("b"), *c = world_fn("c");
    struct probe p;

    (void)state;
    w->fn->memory_mb = b->memory_mb = 128;
    probe_run(&p, w, S("x"));
    probe_done(&p);
    probe_init(&p, w, b, S("x"));
    probe_submit(&p);
    world_until(w, &p.ended);
    probe_done(&p);
    c->memory_mb = 128;
    probe_init(&p, w, c, S("x"));
    probe_submit(&p);
    world_until(w, &p.ended);
    assert_int_equal(p.report.end, JOB_DONE);
    assert_true(world_worker(w, 1)->killed);
    assert_false(world_worker(w, 2)->killed);
    assert_int_equal(stats(w).evictions, 1);
    probe_done(&p);
    world_free(w);
    fn_unref(b);
    fn_unref(c);
}

static void one_that_is_larger_than_all_memory_runs_alone(void **state)
{
    struct world *w = world_with(100, 60000);
    struct probe p;

    (void)state;
    probe_run(&p, w, S("x"));
    assert_int_equal(p.report.end, JOB_DONE);
    probe_done(&p);
    world_free(w);
}

/* ---- starts that pay ---- */

static void on_loaded(void *user)
{
    struct worker *w = user;

    w->world->user = loop_timer_free(w->world->user);
    worker_say(w, FRAME_READY, 0, 0, S("{}"));
}

/* One at a time: the timer is the world's. */
static void slow_load(struct worker *w)
{
    assert_null(w->world->user);
    w->world->user = loop_timer_new(w->world->loop, on_loaded, w);
    loop_timer_start(w->world->user, 30);
}

static void a_start_has_to_be_sooner_than_the_line(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p[8];

    (void)state;
    w->on_assign = slow_load;
    probe_run(&p[0], w, S("x")); /* takes no time at all */
    probe_done(&p[0]);
    for (size_t i = 0; i < 8; i++) {
        probe_init(&p[i], w, w->fn, S("x"));
        probe_submit(&p[i]);
    }
    for (size_t i = 0; i < 8; i++) {
        world_until(w, &p[i].ended);
        assert_int_equal(p[i].report.end, JOB_DONE);
        probe_done(&p[i]);
    }
    assert_int_equal(w->nworkers, 1);
    world_free(w);
}

static void who_has_waited_as_long_as_a_start_takes_gets_one(void **state)
{
    struct world *w = world_new(NULL);
    struct probe warm, a, b;

    (void)state;
    w->on_assign = slow_load;
    probe_run(&warm, w, S("x"));
    w->on_request = hold; /* not what the past lets expect */
    probe_init(&a, w, w->fn, S("a"));
    probe_init(&b, w, w->fn, S("b"));
    probe_submit(&a);
    probe_submit(&b);
    world_turn(w);
    assert_int_equal(w->nworkers, 1);
    wait_open(w, 2);
    let_go(w, 2);
    world_until(w, &b.ended);
    assert_int_equal(b.report.end, JOB_DONE);
    let_go(w, 1);
    world_until(w, &a.ended);
    probe_done(&warm);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

/* ---- starts that fail ---- */

static void fail_once(struct world *w, struct probe *p)
{
    probe_run(p, w, S("x"));
    assert_int_equal(p->report.end, JOB_INIT_ERROR);
    world_until_gone(w);
}

static void the_third_failure_in_a_row_backs_off_and_says_so(void **state)
{
    struct world *w = world_new(NULL);
    struct fn *next = world_fn("hello");
    struct probe p;

    (void)state;
    w->load_fails = true;
    for (int i = 0; i < 3; i++) {
        fail_once(w, &p);
        assert_int_equal(p.report.failures, 0);
        probe_done(&p);
    }
    assert_int_equal(stats(w).backing_off, 1);
    assert_int_equal(stats(w).failed_starts, 3);

    fail_once(w, &p); /* not tried */
    assert_int_equal(w->nworkers, 3);
    assert_int_equal(p.report.failures, 3);
    assert_in_range(p.report.retry_ms, 1, 1000);
    t_str(buf_str(&p.data), S("{\"errorMessage\":\"no module\"}"));
    probe_done(&p);

    /* An update is a new chance at once. */
    next->revision = 2;
    w->load_fails = false;
    pool_retire(w->pool, w->fn);
    probe_init(&p, w, next, S("x"));
    probe_submit(&p);
    world_until(w, &p.ended);
    assert_int_equal(p.report.end, JOB_DONE);
    assert_int_equal(stats(w).backing_off, 0);
    probe_done(&p);
    world_free(w);
    fn_unref(next);
}

static void after_the_delay_one_start_is_tried_and_a_success_ends_it(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p, q;

    (void)state;
    w->load_fails = true;
    for (int i = 0; i < 3; i++) {
        fail_once(w, &p);
        probe_done(&p);
    }
    while (stats(w).backing_off)
        world_turn(w);
    w->load_fails = false;
    w->no_boot = true;
    probe_init(&p, w, w->fn, S("x"));
    probe_init(&q, w, w->fn, S("x"));
    probe_submit(&p);
    probe_submit(&q);
    world_until_workers(w, 4);
    world_turn(w);
    assert_int_equal(w->nworkers, 4); /* one, for both */
    w->no_boot = false;
    worker_say(world_worker(w, 4), FRAME_READY, 0, 0, S("{\"version\":1}"));
    world_until(w, &p.ended);
    world_until(w, &q.ended);
    assert_int_equal(p.report.end, JOB_DONE);
    assert_int_equal(q.report.end, JOB_DONE);
    probe_done(&p);
    probe_done(&q);
    world_free(w);
}

static void exit_one(struct worker *w)
{
    worker_exit(w, 1, 0, false);
}

static void a_burst_of_failures_is_one_and_its_line_is_told(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p[20];

    (void)state;
    w->on_assign = exit_one;
    w->fn->max_instances = 4;
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        probe_init(&p[i], w, w->fn, S("x"));
        probe_submit(&p[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        world_until(w, &p[i].ended);
        assert_int_equal(p[i].report.end, JOB_INIT_EXITED);
        assert_int_equal(p[i].report.exit_code, 1);
        probe_done(&p[i]);
    }
    assert_true(w->nworkers < 20); /* three rounds of four at most, and the rest was told */
    world_free(w);
}

/* ---- spares ---- */

static void spares_follow_the_functions_and_the_bursts(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    world_turn(w);
    pool_know(w->pool, w->fn, 1);
    world_turn(w);
    assert_int_equal(w->spares, 2);
    probe_run(&p, w, S("x")); /* there was none */
    world_turn(w);
    assert_int_equal(w->spares, 4);
    w->spares = 0;
    world_new_launcher(w);
    while (!launch_hello(w->launch))
        world_turn(w);
    pool_hello(w->pool);
    world_turn(w);
    assert_int_equal(w->spares, 4);
    pool_know(w->pool, w->fn, -1);
    world_turn(w);
    assert_int_equal(w->spares, 0);
    probe_done(&p);
    world_free(w);
}

/* ---- update ---- */

static void an_update_in_the_middle_of_a_burst_costs_no_request(void **state)
{
    enum { JOBS = 200, LIMIT = 100 };
    struct world *w = world_new(NULL);
    struct fn *next = world_fn("hello");
    static struct probe p[JOBS], q[JOBS];

    (void)state;
    w->fn->max_instances = next->max_instances = LIMIT;
    next->revision = 2;
    memset(next->code.sha, 'b', sizeof(next->code.sha) - 1);
    for (size_t i = 0; i < JOBS; i++) {
        probe_init(&p[i], w, w->fn, S("old"));
        probe_submit(&p[i]);
    }
    world_until_workers(w, 10);
    pool_retire(w->pool, w->fn);
    for (size_t i = 0; i < JOBS; i++) {
        probe_init(&q[i], w, next, S("new"));
        probe_submit(&q[i]);
    }
    for (size_t i = 0; i < JOBS; i++) {
        world_until(w, &p[i].ended);
        world_until(w, &q[i].ended);
        assert_int_equal(p[i].report.end, JOB_DONE);
        assert_int_equal(q[i].report.end, JOB_DONE);
    }
    while (stats(w).idle == 0)
        world_turn(w);
    list_each (it, &w->workers) {
        struct worker *x = container_of(it, struct worker, node);

        if (x->want.code[0] == 'a' && x->alive) /* nothing of the old revision is left */
            world_until(w, &x->killed);
    }
    for (size_t i = 0; i < JOBS; i++) {
        probe_done(&p[i]);
        probe_done(&q[i]);
    }
    world_free(w);
    fn_unref(next);
}

static void an_old_job_gets_its_turn_though_the_new_ones_never_end(void **state)
{
    struct world *w = world_new(NULL);
    struct fn *next = world_fn("hello");
    struct probe a, b, late;

    (void)state;
    w->fn->max_instances = next->max_instances = 1;
    next->revision = 2;
    w->on_request = hold;
    probe_init(&a, w, next, S("a"));
    probe_submit(&a);
    wait_open(w, 1);
    probe_init(&late, w, w->fn, S("late"));
    probe_submit(&late);
    probe_init(&b, w, next, S("b"));
    probe_submit(&b);
    let_go(w, 1);
    world_until(w, &a.ended);
    wait_open(w, 2);
    assert_int_equal(late.starts, 1);
    let_go(w, 2);
    world_until(w, &late.ended);
    wait_open(w, 3);
    let_go(w, 3);
    world_until(w, &b.ended);
    assert_int_equal(late.report.end, JOB_DONE);
    assert_int_equal(b.report.end, JOB_DONE);
    probe_done(&a);
    probe_done(&b);
    probe_done(&late);
    world_free(w);
    fn_unref(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(reserved_instances_are_there_without_a_job_and_stay),
            cmocka_unit_test(a_reserved_instance_that_dies_is_replaced),
            cmocka_unit_test(a_reserved_start_that_fails_is_tried_again_after_a_while),
            cmocka_unit_test(reserved_instances_move_to_the_new_revision),
            cmocka_unit_test(reserved_instances_are_no_victims_of_others),
            cmocka_unit_test(starts_wait_when_memory_is_exceeded),
            cmocka_unit_test(an_idle_instance_counts_what_it_was_measured_to_take),
            cmocka_unit_test(the_longest_idle_makes_room_for_memory),
            cmocka_unit_test(one_that_is_larger_than_all_memory_runs_alone),
            cmocka_unit_test(a_start_has_to_be_sooner_than_the_line),
            cmocka_unit_test(who_has_waited_as_long_as_a_start_takes_gets_one),
            cmocka_unit_test(the_third_failure_in_a_row_backs_off_and_says_so),
            cmocka_unit_test(after_the_delay_one_start_is_tried_and_a_success_ends_it),
            cmocka_unit_test(a_burst_of_failures_is_one_and_its_line_is_told),
            cmocka_unit_test(spares_follow_the_functions_and_the_bursts),
            cmocka_unit_test(an_update_in_the_middle_of_a_burst_costs_no_request),
            cmocka_unit_test(an_old_job_gets_its_turn_though_the_new_ones_never_end),
    };

    return T_RUN(tests);
}
