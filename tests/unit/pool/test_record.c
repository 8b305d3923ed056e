/* SPDX-License-Identifier: Apache-2.0 */
/* test_record.c - what is told of a function's starts and instances, also after they are gone. */
#include "fake.h"
#include "pool/state.h"
#include "t.h"

static struct pool_state look(struct world *w)
{
    struct fn_key key = fn_key_of(w->fn);
    struct pool_state s;
    struct buf path;

    buf_init(&path, 1024);
    fn_key_path(&key, &path);
    pool_state(w->pool, buf_str(&path), &s, NULL, NULL);
    buf_done(&path);
    return s;
}

static void nothing_is_known_of_what_never_started(void **state)
{
    struct world *w = world_new(NULL);
    struct pool_state s = look(w);

    (void)state;
    assert_int_equal(s.nstarts + s.failures + s.use.instances, 0);
    world_free(w);
}

static void a_start_that_went_well_is_told(void **state)
{
    struct world *w = world_new(NULL);
    struct pool_state s;
    struct probe p;

    (void)state;
    w->all_spare = true;
    probe_run(&p, w, S("e"));
    s = look(w);
    assert_int_equal(s.nstarts, 1);
    assert_true(s.starts[0].ok && s.starts[0].took_ns > 0);
    assert_string_equal(s.starts[0].how, "spare");
    assert_null(s.starts[0].message);
    assert_true(s.use.instances == 1 && s.use.idle == 1 && s.use.busy == 0);
    probe_done(&p);
    world_free(w);
}

static void a_fork_of_a_zygote_is_no_spare_and_not_made_anew(void **state)
{
    static const char *const hows[LAUNCH_HOWS] = {"demand", "zygote", "spare"};

    (void)state;
    for (uint8_t how = 0; how < LAUNCH_HOWS; how++) {
        struct world *w = world_new(NULL);
        struct pool_stats stats;
        struct probe p;

        w->how = how;
        probe_run(&p, w, S("e"));
        assert_string_equal(look(w).starts[0].how, hows[how]);
        pool_stats(w->pool, &stats);
        assert_int_equal(stats.spares, how == LAUNCH_A_SPARE);
        assert_int_equal(stats.forks, how == LAUNCH_BY_FORK);
        probe_done(&p);
        world_free(w);
    }
}

static void failed_starts_are_told_after_their_instance_is_gone(void **state)
{
    struct world *w = world_new(NULL);
    struct pool_state s;
    struct probe p;

    (void)state;
    w->load_fails = true;
    for (uint32_t i = 1; i <= 3; i++) {
        probe_run(&p, w, S("e"));
        probe_done(&p);
        world_until_gone(w);
        world_turn(w);
        s = look(w);
        assert_int_equal(s.nstarts, i);
        assert_int_equal(s.failures, i);
        assert_false(s.starts[0].ok);
        assert_int_equal(s.starts[0].end, JOB_INIT_ERROR);
        assert_non_null(s.starts[0].message);
    }
    assert_true(s.retry_ms > 0 && s.retry_ms <= 1000);
    assert_int_equal(s.use.instances, 0);
    pool_forget(w->pool, w->fn);
    assert_int_equal(look(w).nstarts, 0);
    world_free(w);
}

static void who_waits_and_runs_is_counted(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b;
    struct pool_state s;

    (void)state;
    w->fn->max_instances = 1;
    w->silent_launcher = true;
    probe_init(&a, w, w->fn, S("a"));
    probe_init(&b, w, w->fn, S("b"));
    probe_submit(&a);
    probe_submit(&b);
    world_until_workers(w, 1);
    s = look(w);
    assert_int_equal(s.use.starting, 1);
    assert_int_equal(s.use.waiting, 2); /* one in line, one with a start of its own */
    assert_true(s.oldest_wait_ns > 0 && pool_oldest_wait_ns(w->pool) > 0);
    worker_start(world_worker(w, 1));
    world_until(w, &a.ended);
    world_until(w, &b.ended);
    world_turn(w);
    s = look(w);
    assert_int_equal(s.use.waiting + s.use.running, 0);
    assert_int_equal(s.oldest_wait_ns, 0);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

static void the_last_sixteen_starts_are_kept(void **state)
{
    struct world *w = world_new(NULL);
    struct pool_state s;
    struct probe p;

    (void)state;
    for (int i = 1; i <= POOL_STARTS + 1; i++) {
        probe_run(&p, w, S("e"));
        probe_done(&p);
        s = look(w);
        assert_int_equal(s.nstarts, i < POOL_STARTS ? i : POOL_STARTS);
        worker_exit(world_worker(w, i), 0, 0, false);
        world_until_gone(w);
        while (look(w).use.instances > 0)
            world_turn(w);
    }
    for (uint32_t i = 1; i < s.nstarts; i++)
        assert_true(s.starts[i - 1].wall_ms >= s.starts[i].wall_ms);
    world_free(w);
}

static void on_instance(void *user, const struct pool_instance *in)
{
    struct pool_instance *copy = user;

    *copy = *in;
}

static void an_instance_is_told_with_its_runs(void **state)
{
    struct world *w = world_new(NULL);
    struct fn_key key = fn_key_of(w->fn);
    struct pool_instance in = {0};
    struct pool_state s;
    struct buf path;
    struct probe p;

    (void)state;
    for (int i = 0; i < 3; i++) {
        probe_run(&p, w, S("e"));
        probe_done(&p);
    }
    buf_init(&path, 1024);
    fn_key_path(&key, &path);
    pool_state(w->pool, buf_str(&path), &s, on_instance, &in);
    assert_int_equal(in.runs, 3);
    assert_string_equal(in.state, "idle");
    assert_true(in.age_ns >= in.idle_ns && in.revision == w->fn->revision);
    buf_done(&path);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(nothing_is_known_of_what_never_started),
            cmocka_unit_test(a_start_that_went_well_is_told),
            cmocka_unit_test(a_fork_of_a_zygote_is_no_spare_and_not_made_anew),
            cmocka_unit_test(failed_starts_are_told_after_their_instance_is_gone),
            cmocka_unit_test(who_waits_and_runs_is_counted),
            cmocka_unit_test(the_last_sixteen_starts_are_kept),
            cmocka_unit_test(an_instance_is_told_with_its_runs),
    };

    return T_RUN(tests);
}
