/* SPDX-License-Identifier: Apache-2.0 */
/* test_share.c - several jobs at once on one instance: who gets which answer, and what one that
 * hangs, crashes or lies costs the others. */
#include "fake.h"
#include "t.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/obj.h"

static void hold(struct worker *w)
{
    (void)w; /* until the test answers */
}

static struct world *world_sharing(uint32_t concurrency)
{
    struct world *w = world_new(NULL);

    w->fn->instance_concurrency = concurrency;
    w->on_request = hold;
    return w;
}

static void submit(struct probe *p, struct world *w)
{
    probe_init(p, w, w->fn, S("x"));
    probe_submit(p);
}

/* n jobs on the first instance, as streams 1 to n; the first one warms it. */
static void submit_all(struct probe *p, size_t n, struct world *w)
{
    for (size_t i = 0; i < n; i++) {
        submit(&p[i], w);
        while (w->nworkers < 1 || world_worker(w, 1)->runs < i + 1)
            world_turn(w);
    }
}

static void finish(struct probe *p, size_t n, struct world *w)
{
    for (size_t i = 0; i < n; i++)
        probe_done(&p[i]);
    world_free(w);
}

static void say(struct world *w, enum frame_type type, uint32_t stream, struct str payload)
{
    worker_say(world_worker(w, 1), type, 0, stream, payload);
}

static void end(struct world *w, uint32_t stream)
{
    say(w, FRAME_END, stream, STR_NONE);
}

static void jobs_share_an_instance_up_to_its_places(void **state)
{
    struct world *w = world_sharing(3);
    struct probe p[4];
    struct pool_stats s;

    (void)state;
    submit_all(p, 3, w);
    assert_int_equal(w->nworkers, 1);
    submit(&p[3], w);
    world_until_workers(w, 2);
    pool_stats(w->pool, &s);
    assert_int_equal(s.waiting, 0);
    assert_int_equal(world_worker(w, 1)->opened, 3);
    w->pool = pool_free(w->pool);
    finish(p, 4, w);
}

static void a_cold_burst_gets_places_and_not_a_start_each(void **state)
{
    struct world *w = world_sharing(4);
    struct probe p[9];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        submit(&p[i], w);
    world_until_workers(w, 3);
    for (size_t i = 1; i <= 3; i++)
        while (world_worker(w, (int)i)->opened < (i == 3 ? 1u : 4u))
            world_turn(w);
    world_turn(w);
    assert_int_equal(w->nworkers, 3); /* 4 + 4 + 1 */
    w->pool = pool_free(w->pool);
    finish(p, ARRAY_LEN(p), w);
}

static void each_answer_goes_to_who_asked(void **state)
{
    struct world *w = world_sharing(3);
    struct probe p[3];

    (void)state;
    submit_all(p, 3, w);
    say(w, FRAME_DATA, 2, S("two"));
    say(w, FRAME_DATA, 3, S("thr"));
    say(w, FRAME_LOG, 1, S("one says\n"));
    say(w, FRAME_DATA, 1, S("one"));
    say(w, FRAME_DATA, 3, S("ee"));
    end(w, 3);
    world_until(w, &p[2].ended);
    assert_false(p[0].ended || p[1].ended);
    end(w, 1);
    end(w, 2);
    world_until(w, &p[1].ended);
    t_str(buf_str(&p[0].data), S("one"));
    t_str(buf_str(&p[1].data), S("two"));
    t_str(buf_str(&p[2].data), S("three"));
    t_str(buf_str(&p[0].log), S("one says\n"));
    assert_int_equal(p[1].log.n, 0);
    assert_true(p[0].report.cold);
    assert_false(p[1].report.cold);
    world_until_idle(w, 1);
    assert_int_equal(w->kills, 0);
    finish(p, 3, w);
}

static void a_place_that_is_free_again_goes_to_who_waits(void **state)
{
    struct world *w = world_sharing(2);
    struct probe p[3];

    (void)state;
    w->fn->max_instances = 1;
    submit_all(p, 2, w);
    submit(&p[2], w);
    world_turn(w);
    assert_int_equal(p[2].starts, 0);
    end(w, 1);
    world_until(w, &p[0].ended);
    assert_int_equal(p[2].starts, 1);
    assert_int_equal(w->nworkers, 1);
    w->pool = pool_free(w->pool);
    finish(p, 3, w);
}

static void a_busy_instance_is_filled_before_an_idle_one_is_woken(void **state)
{
    struct world *w = world_sharing(2);
    struct probe p[6];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        submit(&p[i], w);
    world_until_workers(w, 2);
    while (world_worker(w, 1)->runs < 2 || world_worker(w, 2)->runs < 1)
        world_turn(w);
    worker_say(world_worker(w, 2), FRAME_END, 0, 1, STR_NONE); /* the second is idle, and younger */
    world_until_idle(w, 1);
    end(w, 1);
    world_turn(w);

    submit(&p[3], w);
    while (world_worker(w, 1)->runs < 3)
        world_turn(w);
    assert_int_equal(world_worker(w, 2)->runs, 1);
    submit(&p[4], w); /* the first is full */
    while (world_worker(w, 2)->runs < 2)
        world_turn(w);
    assert_int_equal(w->nworkers, 2);
    w->pool = pool_free(w->pool);
    finish(p, 5, w);
}

static void of_ten_one_hangs_and_nine_are_answered(void **state)
{
    struct world *w = world_sharing(10);
    struct probe p[10];

    (void)state;
    w->fn->timeout_ms = 200;
    submit_all(p, 10, w);
    for (uint32_t i = 1; i <= 10; i++)
        if (i != 4)
            end(w, i);
    for (size_t i = 0; i < 10; i++) {
        world_until(w, &p[i].ended);
        assert_int_equal(p[i].report.end, i == 3 ? JOB_TIMEOUT : JOB_DONE);
    }
    assert_true(p[3].report.duration_ns >= 200 * 1000000ull);
    assert_int_equal(w->kills, 1);
    assert_false(world_worker(w, 1)->alive); /* alone, so it was killed first */
    finish(p, 10, w);
}

static void on_tick(void *user)
{
    *(bool *)user = true;
}

static void one_that_is_late_is_answered_while_the_others_go_on(void **state)
{
    struct world *w = world_sharing(10);
    bool later = false;
    struct loop_timer *t = loop_timer_new(w->loop, on_tick, &later);
    struct probe p[2];

    (void)state;
    w->fn->timeout_ms = 100;
    submit_all(p, 1, w);
    loop_timer_start(t, 60);
    world_until(w, &later);
    submit(&p[1], w);
    world_until(w, &p[0].ended); /* the other has 60 ms left */
    assert_int_equal(p[0].report.end, JOB_TIMEOUT);
    assert_int_equal(w->kills, 0);
    while (!world_worker(w, 1)->resets)
        world_turn(w);
    assert_int_equal(world_worker(w, 1)->last_reset, 1);
    end(w, 2);
    world_until(w, &p[1].ended);
    assert_int_equal(p[1].report.end, JOB_DONE);
    world_until_gone(w);
    assert_int_equal(w->kills, 1);
    loop_timer_free(t);
    finish(p, 2, w);
}

/* Stream 1 is given up for being too long: the way in which one of several ends at once. */
static void spend(struct world *w, struct probe *p)
{
    p[0].job.answer_max = 2;
    say(w, FRAME_DATA, 1, S("long"));
    world_until(w, &p[0].ended);
    assert_int_equal(p[0].report.end, JOB_TOO_LARGE);
    while (!world_worker(w, 1)->resets)
        world_turn(w);
    assert_int_equal(world_worker(w, 1)->last_reset, 1);
    assert_int_equal(w->kills, 0);
}

static void a_spent_instance_takes_no_more_and_ends_with_its_last_job(void **state)
{
    struct world *w = world_sharing(10);
    struct probe p[4];

    (void)state;
    submit_all(p, 3, w);
    spend(w, p);
    submit(&p[3], w);
    world_until_workers(w, 2);
    end(w, 2);
    world_until(w, &p[1].ended);
    assert_int_equal(p[1].report.end, JOB_DONE);
    world_turn(w);
    assert_int_equal(w->kills, 0);
    end(w, 3);
    world_until(w, &p[2].ended);
    assert_int_equal(p[2].report.end, JOB_DONE);
    world_turn(w);
    assert_int_equal(w->kills, 1);
    assert_int_equal(world_worker(w, 1)->opened, 3);
    w->pool = pool_free(w->pool);
    finish(p, 4, w);
}

static void what_comes_late_on_a_stream_that_was_reset_is_dropped(void **state)
{
    struct world *w = world_sharing(10);
    struct probe p[2];

    (void)state;
    submit_all(p, 2, w);
    spend(w, p);
    say(w, FRAME_DATA, 1, S("more"));
    say(w, FRAME_LOG, 1, S("late\n"));
    say(w, FRAME_CREDIT, 1, S("\0\0\0\1"));
    end(w, 1);
    say(w, FRAME_DATA, 2, S("ok"));
    end(w, 2);
    world_until(w, &p[1].ended);
    assert_int_equal(p[1].report.end, JOB_DONE);
    t_str(buf_str(&p[1].data), S("ok"));
    assert_int_equal(p[1].log.n, 0);
    finish(p, 2, w);
}

static void frames_on_closed_streams_are_a_breach_that_all_hear_of(void **state)
{
    static const struct {
        bool reset_first;
        enum frame_type type;
        uint32_t stream;
        struct str payload;
        const char *why;
    } rows[] = {
            {true, FRAME_END, 1, S(""), "not open"},   /* its second END */
            {true, FRAME_DATA, 1, S("x"), "not open"}, /* after its END */
            {true, FRAME_DATA, 4, S("x"), "not open"}, /* never opened */
            {false, FRAME_RESET, 2, S(""), "gave the invocation up"},
            {false, FRAME_LOG, 9, S("x"), "not open"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *w = world_sharing(10);
        struct probe p[3];

        submit_all(p, 3, w);
        if (rows[i].reset_first) {
            spend(w, p);
            end(w, 1);
        }
        say(w, rows[i].type, rows[i].stream, rows[i].payload);
        for (size_t k = rows[i].reset_first ? 1 : 0; k < 3; k++) {
            world_until(w, &p[k].ended);
            assert_int_equal(p[k].report.end, JOB_PROTOCOL);
            t_has(p[k].err.msg, rows[i].why);
        }
        assert_int_equal(w->kills, 1);
        finish(p, 3, w);
    }
}

static void a_reset_stream_has_no_credit_beyond_what_it_had(void **state)
{
    struct world *w = world_sharing(10);
    char *piece = calloc(1, FRAME_MAX_DATA);
    struct probe p[2];

    (void)state;
    submit_all(p, 2, w);
    spend(w, p);
    for (int i = 0; i < 3; i++)
        say(w, FRAME_DATA, 1, (struct str){piece, FRAME_MAX_DATA});
    say(w, FRAME_DATA, 1, (struct str){piece, FRAME_MAX_DATA - 4}); /* "long" was the rest */
    world_turn(w);
    assert_false(p[1].ended);
    say(w, FRAME_DATA, 1, S("!"));
    world_until(w, &p[1].ended);
    assert_int_equal(p[1].report.end, JOB_PROTOCOL);
    t_has(p[1].err.msg, "credit");
    free(piece);
    finish(p, 2, w);
}

static void a_crash_ends_all_and_each_is_told(void **state)
{
    static const struct {
        int code, signal;
        bool oom;
        enum job_end end;
    } rows[] = {
            {3, 0, false, JOB_EXITED},
            {-1, SIGSEGV, false, JOB_EXITED},
            {-1, SIGKILL, true, JOB_MEMORY},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *w = world_sharing(10);
        struct probe p[5];

        submit_all(p, 5, w);
        end(w, 5);
        world_until(w, &p[4].ended);
        worker_exit(world_worker(w, 1), rows[i].code, rows[i].signal, rows[i].oom);
        for (size_t k = 0; k < 4; k++) {
            world_until(w, &p[k].ended);
            assert_int_equal(p[k].report.end, rows[i].end);
            assert_int_equal(p[k].report.exit_code, rows[i].code);
            assert_int_equal(p[k].report.signal, rows[i].signal);
        }
        assert_int_equal(w->kills, 0);
        finish(p, 5, w);
    }
}

static void one_of_several_may_be_cancelled(void **state)
{
    struct world *w = world_sharing(10);
    struct probe p[2];

    (void)state;
    submit_all(p, 2, w);
    pool_cancel(w->pool, &p[0].job);
    assert_false(p[0].ended);
    world_until(w, &p[0].ended);
    assert_int_equal(p[0].report.end, JOB_NO_START);
    assert_int_equal(p[0].err.code, -ECANCELED);
    end(w, 2);
    world_until(w, &p[1].ended);
    assert_int_equal(p[1].report.end, JOB_DONE);
    world_until_gone(w);
    assert_int_equal(w->kills, 1);
    finish(p, 2, w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(jobs_share_an_instance_up_to_its_places),
            cmocka_unit_test(a_cold_burst_gets_places_and_not_a_start_each),
            cmocka_unit_test(each_answer_goes_to_who_asked),
            cmocka_unit_test(a_place_that_is_free_again_goes_to_who_waits),
            cmocka_unit_test(a_busy_instance_is_filled_before_an_idle_one_is_woken),
            cmocka_unit_test(of_ten_one_hangs_and_nine_are_answered),
            cmocka_unit_test(one_that_is_late_is_answered_while_the_others_go_on),
            cmocka_unit_test(a_spent_instance_takes_no_more_and_ends_with_its_last_job),
            cmocka_unit_test(what_comes_late_on_a_stream_that_was_reset_is_dropped),
            cmocka_unit_test(frames_on_closed_streams_are_a_breach_that_all_hear_of),
            cmocka_unit_test(a_reset_stream_has_no_credit_beyond_what_it_had),
            cmocka_unit_test(a_crash_ends_all_and_each_is_told),
            cmocka_unit_test(one_of_several_may_be_cancelled),
    };

    return T_RUN(tests);
}
