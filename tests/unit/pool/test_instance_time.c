/* SPDX-License-Identifier: Apache-2.0 */
/* test_instance_time.c - an instance that is slow, hangs or never stops talking. */
#include "fake.h"
#include "t.h"

#include <signal.h>

#include "base/clock.h"
#include "base/obj.h"

static void hang(struct worker *w)
{
    (void)w;
}

static void a_timeout_kills_before_it_answers(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    w->on_request = hang;
    w->fn->timeout_ms = 30;
    probe_init(&p, w, w->fn, S("{}"));
    probe_submit(&p);
    world_until(w, &p.ended);
    assert_int_equal(p.report.end, JOB_TIMEOUT);
    assert_true(p.report.duration_ns >= 30 * 1000000ull);
    assert_int_equal(w->kills, 1);
    assert_false(world_worker(w, 1)->alive);
    probe_done(&p);
    world_free(w);
}

static void grow_and_hang(struct worker *w)
{
    assert_int_equal(pwrite(w->peak, "23456789\n", 9, 0), 9);
}

static void memory_is_asked_before_the_kill_that_takes_it_away(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    w->memory_peak = true;
    w->fn->timeout_ms = 10;
    w->on_request = grow_and_hang;
    probe_run(&p, w, S("{}"));
    assert_int_equal(p.report.end, JOB_TIMEOUT);
    assert_int_equal(p.report.memory_bytes, 23456789);
    probe_done(&p);
    world_free(w);
}

static void a_timeout_is_answered_though_the_end_is_never_reported(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    w->on_request = hang;
    w->deaf = true;
    w->fn->timeout_ms = 10;
    probe_run(&p, w, S("{}"));
    assert_int_equal(p.report.end, JOB_TIMEOUT);
    assert_int_equal(p.report.exit_code, -1); /* not guessed */
    assert_int_equal(p.report.signal, 0);
    assert_int_equal(w->kills, 1);
    worker_exit(world_worker(w, 1), -1, SIGKILL, false);
    world_turn(w);
    probe_done(&p);
    world_free(w);
}

static void chatter(struct worker *w)
{
    worker_say(w, FRAME_LOG, 0, w->stream, S("still here\n"));
}

static void what_a_worker_says_does_not_extend_its_time(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    w->on_request = chatter;
    w->fn->timeout_ms = 40;
    probe_init(&p, w, w->fn, S("{}"));
    probe_submit(&p);
    while (!p.ended) {
        world_turn(w);
        if (w->nworkers && world_worker(w, 1)->alive && world_worker(w, 1)->stream)
            chatter(world_worker(w, 1));
    }
    assert_int_equal(p.report.end, JOB_TIMEOUT);
    assert_true(p.log.n > 0);
    probe_done(&p);
    world_free(w);
}

static void a_worker_that_never_boots_is_given_up(void **state)
{
    struct pool_conf conf;
    struct world *w;
    struct probe p;

    (void)state;
    pool_conf_default(&conf);
    conf.boot_timeout_ms = 20;
    w = world_new(&conf);
    w->no_boot = true;
    probe_run(&p, w, S("{}"));
    assert_int_equal(p.report.end, JOB_INIT_TIMEOUT);
    assert_int_equal(w->kills, 1);
    t_str(buf_str(&p.heard), S("end "));
    probe_done(&p);
    world_free(w);
}

static void say_loaded(struct worker *w)
{
    worker_say(w, FRAME_READY, 0, 0, S("{\"loaded\":true}"));
}

/* How long the end of a load that never ends took, in ms. */
static uint64_t load_that_hangs(const char *initializer, void (*on_assign)(struct worker *),
                                uint32_t load_ms, uint32_t init_ms)
{
    uint64_t start = clock_mono_ns();
    struct pool_conf conf;
    struct world *w;
    struct probe p;

    pool_conf_default(&conf);
    conf.load_timeout_ms = load_ms;
    w = world_new(&conf);
    w->no_load = true;
    w->on_assign = on_assign;
    w->fn->init_timeout_ms = init_ms;
    fn_set(&w->fn->initializer, str_of(initializer));
    probe_run(&p, w, S("{}"));
    assert_int_equal(p.report.end, JOB_INIT_TIMEOUT);
    assert_int_equal(p.report.duration_ns, 0);
    t_str(buf_str(&p.heard), S("load end "));
    probe_done(&p);
    world_free(w);
    return (clock_mono_ns() - start) / 1000000;
}

static void code_that_hangs_while_loading_is_given_up(void **state)
{
    (void)state;
    assert_true(load_that_hangs(NULL, NULL, 10, 60000) >= 10);
}

static void an_initializer_has_its_own_time_on_top(void **state)
{
    (void)state;
    assert_true(load_that_hangs("index.init", NULL, 10, 60) >= 70);
}

static void an_initializer_that_is_told_of_has_its_own_time_alone(void **state)
{
    (void)state;
    assert_in_range(load_that_hangs("index.init", say_loaded, 60000, 60), 60, 30000);
    /* and without one, the word changes nothing */
    assert_in_range(load_that_hangs(NULL, say_loaded, 60, 10), 60, 30000);
}

static void loaded_and_ready(struct worker *w)
{
    say_loaded(w);
    worker_say(w, FRAME_READY, 0, 0, S("{}"));
}

static void loaded_and_failed(struct worker *w)
{
    say_loaded(w);
    worker_say(w, FRAME_READY, FRAME_F_ERROR, 0, S("{\"errorMessage\":\"no luck\"}"));
}

static void what_follows_the_word_that_code_is_loaded(void **state)
{
    static const struct {
        void (*on_assign)(struct worker *);
        enum job_end end;
        const char *data;
    } cases[] = {
            {loaded_and_ready, JOB_DONE, "{}"},
            {loaded_and_failed, JOB_INIT_ERROR, "{\"errorMessage\":\"no luck\"}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *w = world_new(NULL);
        struct probe p;

        w->on_assign = cases[i].on_assign;
        fn_set(&w->fn->initializer, S("index.init"));
        probe_run(&p, w, S("{}"));
        assert_int_equal(p.report.end, cases[i].end);
        t_str(buf_str(&p.data), str_of(cases[i].data));
        probe_done(&p);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_timeout_kills_before_it_answers),
            cmocka_unit_test(memory_is_asked_before_the_kill_that_takes_it_away),
            cmocka_unit_test(a_timeout_is_answered_though_the_end_is_never_reported),
            cmocka_unit_test(what_a_worker_says_does_not_extend_its_time),
            cmocka_unit_test(a_worker_that_never_boots_is_given_up),
            cmocka_unit_test(code_that_hangs_while_loading_is_given_up),
            cmocka_unit_test(an_initializer_has_its_own_time_on_top),
            cmocka_unit_test(an_initializer_that_is_told_of_has_its_own_time_alone),
            cmocka_unit_test(what_follows_the_word_that_code_is_loaded),
    };

    return T_RUN(tests);
}
