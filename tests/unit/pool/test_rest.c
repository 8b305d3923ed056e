/* SPDX-License-Identifier: Apache-2.0 */
/* test_rest.c - what becomes of an idle instance: frozen, thawed, stopped, and its hooks. */
#include "t.h"
#include "fake.h"

#include <signal.h>

#include "base/obj.h"

static struct world *world_freezing(uint8_t freezer, uint32_t after_ms, uint32_t keep_warm_ms)
{
    struct pool_conf conf;
    struct world *w;

    pool_conf_default(&conf);
    conf.freeze_after_ms = after_ms;
    conf.keep_warm_ms = keep_warm_ms;
    w = world_new(&conf);
    w->freezer = freezer;
    world_new_launcher(w);
    return w;
}

static void until_frozen(struct world *w, uint64_t n)
{
    struct pool_stats s;

    for (pool_stats(w->pool, &s); s.frozen != n; pool_stats(w->pool, &s))
        world_turn(w);
}

static void an_idle_instance_is_frozen_and_thawed_for_the_next_job(void **state)
{
    static const struct {
        uint8_t freezer;
        const char *frozen, *thawed;
    } rows[] = {{FREEZER_V1, "FROZEN", "THAWED"}, {FREEZER_V2, "1", "0"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *w = world_freezing(rows[i].freezer, 5, 60000);
        struct probe a, b;
        struct pool_stats s;

        probe_run(&a, w, S("1"));
        assert_string_equal(worker_frozen(world_worker(w, 1)), "");
        until_frozen(w, 1);
        assert_string_equal(worker_frozen(world_worker(w, 1)), rows[i].frozen);
        pool_stats(w->pool, &s);
        assert_int_equal(s.idle, 1); /* frozen is idle, too */
        probe_run(&b, w, S("2"));
        assert_int_equal(b.report.end, JOB_DONE);
        assert_false(b.report.cold);
        assert_string_equal(worker_frozen(world_worker(w, 1)), rows[i].thawed);
        until_frozen(w, 1);
        pool_stats(w->pool, &s);
        assert_int_equal(s.freezes, 2);
        assert_int_equal(w->nworkers, 1);
        probe_done(&a);
        probe_done(&b);
        world_free(w);
    }
}

static void without_a_freezer_or_a_time_nothing_is_frozen(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *w = world_freezing(i ? FREEZER_V2 : FREEZER_NONE, i ? 0 : 1, 30);
        struct probe p;
        struct pool_stats s;

        probe_run(&p, w, S("1"));
        world_until_gone(w); /* kept warm for 30 ms */
        pool_stats(w->pool, &s);
        assert_int_equal(s.freezes, 0);
        probe_done(&p);
        world_free(w);
    }
}

static void what_is_frozen_is_thawed_before_it_is_killed(void **state)
{
    struct world *w = world_freezing(FREEZER_V1, 1, 60000);
    struct probe p;

    (void)state;
    w->deaf = true; /* so that the file can be looked at after the KILL */
    probe_run(&p, w, S("1"));
    until_frozen(w, 1);
    pool_retire(w->pool, w->fn);
    while (w->kills == 0)
        world_turn(w);
    assert_string_equal(worker_frozen(world_worker(w, 1)), "THAWED");
    worker_exit(world_worker(w, 1), -1, SIGKILL, false);
    world_turn(w);
    probe_done(&p);
    world_free(w);
}

static void pre_freeze_runs_before_the_frost_once_per_idle_time(void **state)
{
    struct world *w = world_freezing(FREEZER_V2, 1, 60000);
    struct probe p;

    (void)state;
    fn_set(&w->fn->pre_freeze, S("index.freeze"));
    w->fn->pre_freeze_timeout_ms = 5000;
    probe_run(&p, w, S("1"));
    until_frozen(w, 1);
    t_str(buf_str(&world_worker(w, 1)->hooks), S("{\"hook\":\"pre_freeze\"}"));
    probe_done(&p);
    probe_run(&p, w, S("2"));
    until_frozen(w, 1);
    t_str(buf_str(&world_worker(w, 1)->hooks),
          S("{\"hook\":\"pre_freeze\"}{\"hook\":\"pre_freeze\"}"));
    assert_int_equal(world_worker(w, 1)->runs, 4);
    probe_done(&p);
    world_free(w);
}

static void hang_in_hooks(struct worker *w)
{
    if (!str_starts(buf_str(&w->open), S("{\"hook\"")))
        worker_answer(w, 0, S("ok"), STR_NONE);
}

static void a_job_waits_for_a_hook_and_goes_before_the_frost(void **state)
{
    struct world *w = world_freezing(FREEZER_V2, 1, 60000);
    struct probe a, b;
    struct pool_stats s;

    (void)state;
    w->fn->max_instances = 1;
    fn_set(&w->fn->pre_freeze, S("index.freeze"));
    w->fn->pre_freeze_timeout_ms = 5000;
    w->on_request = hang_in_hooks;
    probe_run(&a, w, S("1"));
    while (world_worker(w, 1)->hooks.n == 0)
        world_turn(w);
    probe_init(&b, w, w->fn, S("2"));
    probe_submit(&b);
    world_turn(w);
    assert_int_equal(b.starts, 0);
    worker_answer(world_worker(w, 1), 0, STR_NONE, STR_NONE);
    world_until(w, &b.ended);
    assert_int_equal(b.report.end, JOB_DONE);
    pool_stats(w->pool, &s);
    assert_int_equal(s.freezes, 0);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

static void a_hook_that_hangs_ends_with_its_time(void **state)
{
    (void)state;
    for (int stop = 0; stop <= 1; stop++) {
        struct world *w = world_freezing(FREEZER_V2, stop ? 0 : 1, stop ? 1 : 60000);
        struct probe p;

        fn_set(stop ? &w->fn->pre_stop : &w->fn->pre_freeze, S("index.hook"));
        w->fn->pre_stop_timeout_ms = w->fn->pre_freeze_timeout_ms = 20;
        w->on_request = hang_in_hooks;
        probe_run(&p, w, S("1"));
        world_until_gone(w);
        assert_int_equal(w->kills, 1);
        assert_true(world_worker(w, 1)->hooks.n > 0);
        world_until_idle(w, 0);
        probe_done(&p);
        world_free(w);
    }
}

static void on_drained(void *user)
{
    *(bool *)user = true;
}

/* Keep-warm over, update, drain, eviction. */
static void pre_stop_runs_before_an_idle_instance_is_ended(void **state)
{
    enum { KEEP_WARM, UPDATE, DRAIN, EVICTION, WAYS };

    (void)state;
    for (int way = 0; way < WAYS; way++) {
        struct pool_conf conf;
        struct fn *other = world_fn("other");
        bool drained = false;
        struct probe p, q;
        struct world *w;

        pool_conf_default(&conf);
        conf.keep_warm_ms = way == KEEP_WARM ? 5 : 60000;
        conf.instances = 1;
        w = world_new(&conf);
        fn_set(&w->fn->pre_stop, S("index.stop"));
        w->fn->pre_stop_timeout_ms = 5000;
        probe_run(&p, w, S("1"));
        if (way == UPDATE)
            pool_retire(w->pool, w->fn);
        if (way == DRAIN) {
            pool_drain(w->pool, on_drained, &drained);
            world_until(w, &drained);
            assert_true(world_worker(w, 1)->hooks.n > 0); /* it has been heard out by now */
        }
        if (way == EVICTION) {
            probe_init(&q, w, other, S("2"));
            probe_submit(&q);
            world_until(w, &q.ended);
            assert_int_equal(q.report.end, JOB_DONE);
            probe_done(&q);
        }
        while (world_worker(w, 1)->alive)
            world_turn(w);
        t_str(buf_str(&world_worker(w, 1)->hooks), S("{\"hook\":\"pre_stop\"}"));
        probe_done(&p);
        world_free(w);
        fn_unref(other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_idle_instance_is_frozen_and_thawed_for_the_next_job),
            cmocka_unit_test(without_a_freezer_or_a_time_nothing_is_frozen),
            cmocka_unit_test(what_is_frozen_is_thawed_before_it_is_killed),
            cmocka_unit_test(pre_freeze_runs_before_the_frost_once_per_idle_time),
            cmocka_unit_test(a_job_waits_for_a_hook_and_goes_before_the_frost),
            cmocka_unit_test(a_hook_that_hangs_ends_with_its_time),
            cmocka_unit_test(pre_stop_runs_before_an_idle_instance_is_ended),
    };

    return T_RUN(tests);
}
