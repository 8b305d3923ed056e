/* SPDX-License-Identifier: Apache-2.0 */
/* test_instance.c - one instance's life when all goes well: what a job hears and is told. */
#include "fake.h"
#include "t.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/obj.h"

enum { MIB = 1 << 20 };

static char *bytes_of(size_t n)
{
    char *p = malloc(n);

    for (size_t i = 0; i < n; i++)
        p[i] = (char)(i * 7 + i / 251);
    return p;
}

static void a_cold_run_loads_then_starts_then_ends(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    probe_run(&p, w, S("event"));
    assert_int_equal(p.report.end, JOB_DONE);
    t_str(buf_str(&p.heard), S("load loaded cold-start end "));
    t_str(buf_str(&p.data), S("event"));
    assert_true(p.report.cold);
    assert_true(p.report.init_ns > 0);
    assert_true(p.report.duration_ns > 0);
    assert_null(p.report.err);
    t_str(buf_str(&world_worker(w, 1)->assign), S("{\"assign\":1}"));
    t_str(buf_str(&world_worker(w, 1)->open), S("{\"open\":1}"));
    assert_string_equal(world_worker(w, 1)->want.runtime, "python");
    assert_string_equal(world_worker(w, 1)->want.code, w->fn->code.sha);
    assert_int_equal(world_worker(w, 1)->want.memory_mb, 256);
    assert_int_equal(world_worker(w, 1)->want.layout, 1);
    probe_done(&p);
    world_free(w);
}

static void a_warm_run_only_starts(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b;

    (void)state;
    probe_run(&a, w, S("1"));
    probe_run(&b, w, S(""));
    assert_int_equal(w->nworkers, 1);
    t_str(buf_str(&b.heard), S("start end "));
    assert_false(b.report.cold);
    assert_int_equal(b.report.init_ns, 0);
    assert_int_equal(b.data.n, 0);
    assert_string_equal(a.instance, b.instance);
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

static void a_megabyte_goes_both_ways_within_credit(void **state)
{
    struct world *w = world_new(NULL);
    char *event = bytes_of(3 * MIB);
    struct probe p;

    (void)state;
    probe_run(&p, w, (struct str){event, 3 * MIB});
    assert_int_equal(p.report.end, JOB_DONE);
    assert_true(str_eq(buf_str(&p.data), (struct str){event, 3 * MIB}));
    assert_int_equal(world_worker(w, 1)->credited, 3 * MIB);
    probe_done(&p);
    free(event);
    world_free(w);
}

static void without_credit_we_stop_at_the_window(void **state)
{
    struct world *w = world_new(NULL);
    char *event = bytes_of(MIB);
    struct probe p;

    (void)state;
    w->no_credit = true;
    w->fn->timeout_ms = 100; /* never begins to count: the request is not handed over */
    probe_init(&p, w, w->fn, (struct str){event, MIB});
    probe_submit(&p);
    world_until_workers(w, 1);
    while (world_worker(w, 1)->event.n < FRAME_WINDOW)
        world_turn(w);
    world_turn(w);
    assert_int_equal(world_worker(w, 1)->event.n, FRAME_WINDOW);
    assert_false(p.ended);
    pool_cancel(w->pool, &p.job);
    world_until(w, &p.ended);
    assert_int_equal(p.report.end, JOB_EXITED);
    probe_done(&p);
    free(event);
    world_free(w);
}

static void an_answer_of_the_limit_is_kept_and_one_byte_more_is_not(void **state)
{
    char *event = bytes_of(300001);

    (void)state;
    for (int over = 0; over <= 1; over++) {
        struct world *w = world_new(NULL);
        struct probe p;

        probe_init(&p, w, w->fn, (struct str){event, 300000 + (size_t)over});
        p.job.answer_max = 300000;
        probe_submit(&p);
        world_until(w, &p.ended);
        assert_int_equal(p.report.end, over ? JOB_TOO_LARGE : JOB_DONE);
        assert_true(p.data.n <= 300000);
        assert_int_equal(w->kills, over);
        probe_done(&p);
        world_free(w);
    }
    free(event);
}

static void answer_error(struct worker *w)
{
    worker_answer(w, FRAME_F_ERROR, S("{\"errorMessage\":\"no\"}"),
                  S("{\"peak_bytes\":4096,\"handled\":true}"));
}

static void an_error_result_is_told_with_its_summary(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    w->on_request = answer_error;
    probe_run(&p, w, S("{}"));
    assert_int_equal(p.report.end, JOB_ERROR);
    assert_true(p.report.handled);
    assert_int_equal(p.report.memory_bytes, 4096);
    t_str(buf_str(&p.data), S("{\"errorMessage\":\"no\"}"));
    world_until_idle(w, 1); /* an error of the function is none of the instance */
    probe_done(&p);
    world_free(w);
}

static void the_cgroups_peak_goes_before_the_workers(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    w->memory_peak = true;
    w->on_request = answer_error;
    probe_run(&p, w, S("{}"));
    assert_int_equal(p.report.memory_bytes, 12345678);
    probe_done(&p);
    world_free(w);
}

static struct str the_summary;

static void answer_summary(struct worker *w)
{
    worker_answer(w, 0, S("{}"), the_summary);
}

static void a_workers_cpu_time_is_believed_within_reason(void **state)
{
    static const struct {
        struct str summary;
        bool told, cut;
    } rows[] = {
            {S("{\"peak_bytes\":4096,\"cpu_us\":1}"), true, false},
            {S("{\"peak_bytes\":4096,\"cpu_us\":1125899906842624}"), true, true},
            {S("{\"peak_bytes\":4096,\"cpu_us\":0}"), false, false},
            {S("{\"peak_bytes\":4096}"), false, false},
            {STR_NONE, false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *w = world_new(NULL);
        uint64_t most;
        struct probe p;

        the_summary = rows[i].summary;
        w->on_request = answer_summary;
        probe_run(&p, w, S("{}"));
        assert_int_equal(p.report.end, JOB_DONE);
        most = p.report.duration_ns * (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
        assert_int_equal(p.report.cpu_ns > 0, rows[i].told);
        assert_true(p.report.cpu_ns <= most);
        assert_int_equal(rows[i].cut, p.report.cpu_ns == most);
        probe_done(&p);
        world_free(w);
    }
}

static void of_several_runs_at_once_no_cpu_time_is_known(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    the_summary = S("{\"peak_bytes\":4096,\"cpu_us\":1}");
    w->fn->instance_concurrency = 2;
    w->on_request = answer_summary;
    probe_run(&p, w, S("{}"));
    assert_int_equal(p.report.end, JOB_DONE);
    assert_int_equal(p.report.cpu_ns, 0);
    assert_int_equal(p.report.memory_bytes, 4096);
    probe_done(&p);
    world_free(w);
}

/* ---- what it prints ---- */

static void talk(struct worker *w)
{
    worker_say(w, FRAME_LOG, 0, w->stream, S("frame\n"));
    worker_print(w, "pipe\n");
    worker_say(w, FRAME_LOG, 0, 0, S("instance\n"));
    worker_answer(w, 0, S("ok"), STR_NONE);
}

static void what_is_printed_before_the_end_is_in_the_log(void **state)
{
    struct world *w = world_new(NULL);
    struct probe a, b;
    struct pool_stats s;

    (void)state;
    w->on_request = talk;
    probe_run(&a, w, S("{}"));
    assert_int_equal(a.log.n, strlen("frame\ninstance\npipe\n"));
    t_has(a.log.p, "frame\ninstance\n");
    t_has(a.log.p, "pipe\n");
    world_until_idle(w, 1);

    worker_print(world_worker(w, 1), "between\n");
    worker_say(world_worker(w, 1), FRAME_LOG, 0, 0, S("idle\n"));
    world_turn(w);
    w->on_request = NULL;
    probe_run(&b, w, S("{}"));
    assert_int_equal(b.log.n, 0); /* of nobody's run: dropped, counted */
    pool_stats(w->pool, &s);
    assert_int_equal(s.dropped_log_bytes, strlen("between\nidle\n"));
    probe_done(&a);
    probe_done(&b);
    world_free(w);
}

static void print_a_lot(struct worker *w)
{
    static char line[1000];

    memset(line, 'l', sizeof(line) - 2);
    line[sizeof(line) - 2] = '\n';
    for (int i = 0; i < 60; i++)
        worker_print(w, line);
    worker_answer(w, 0, S("ok"), STR_NONE);
}

static void a_full_pipe_is_emptied_before_the_end(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    w->on_request = print_a_lot;
    probe_run(&p, w, S("{}"));
    assert_int_equal(p.log.n, 60 * 999);
    probe_done(&p);
    world_free(w);
}

static void cancel_in_log(struct probe *p)
{
    p->on_log = NULL;
    pool_cancel(p->world->pool, &p->job);
}

static void a_job_may_be_cancelled_while_it_hears_its_log(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    w->on_request = talk;
    probe_init(&p, w, w->fn, S("{}"));
    p.on_log = cancel_in_log;
    probe_submit(&p);
    world_until(w, &p.ended);
    assert_int_equal(p.report.end, JOB_EXITED);
    probe_done(&p);
    world_free(w);
}

static void documents_over_the_limit_are_refused(void **state)
{
    struct world *w = world_new(NULL);
    char *big = bytes_of(FRAME_MAX_META + 1);
    struct probe p, q;

    (void)state;
    big[FRAME_MAX_META] = 0;
    memset(big, 'x', FRAME_MAX_META);
    probe_init(&p, w, w->fn, S("{}"));
    p.open = (struct str){big, FRAME_MAX_META};
    probe_submit(&p);
    world_until(w, &p.ended);
    assert_int_equal(p.report.end, JOB_DONE);

    probe_init(&q, w, w->fn, S("{}"));
    q.open = (struct str){big, FRAME_MAX_META + 1};
    probe_submit(&q);
    world_until(w, &q.ended);
    assert_int_equal(q.report.end, JOB_NO_START);
    assert_int_equal(q.err.code, -EMSGSIZE);
    world_until_idle(w, 1);
    probe_done(&p);
    probe_done(&q);
    free(big);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_cold_run_loads_then_starts_then_ends),
            cmocka_unit_test(a_warm_run_only_starts),
            cmocka_unit_test(a_megabyte_goes_both_ways_within_credit),
            cmocka_unit_test(without_credit_we_stop_at_the_window),
            cmocka_unit_test(an_answer_of_the_limit_is_kept_and_one_byte_more_is_not),
            cmocka_unit_test(an_error_result_is_told_with_its_summary),
            cmocka_unit_test(a_workers_cpu_time_is_believed_within_reason),
            cmocka_unit_test(of_several_runs_at_once_no_cpu_time_is_known),
            cmocka_unit_test(the_cgroups_peak_goes_before_the_workers),
            cmocka_unit_test(what_is_printed_before_the_end_is_in_the_log),
            cmocka_unit_test(a_full_pipe_is_emptied_before_the_end),
            cmocka_unit_test(a_job_may_be_cancelled_while_it_hears_its_log),
            cmocka_unit_test(documents_over_the_limit_are_refused),
    };

    return T_RUN(tests);
}
