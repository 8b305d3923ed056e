/* SPDX-License-Identifier: Apache-2.0 */
/* test_instance.c - one instance's life: what a job hears when all goes well, and when a worker is
 * slow, dies, lies or never stops talking. */
#include "fake.h"
#include "t.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
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

/* ---- time ---- */

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

/* ---- ends ---- */

static void exit_three(struct worker *w)
{
    worker_print(w, "last words\n");
    worker_exit(w, 3, 0, false);
}

static void on_hung_up(void *user)
{
    struct worker *w = user;

    w->world->user = loop_timer_free(w->world->user);
    worker_exit(w, 3, 0, false);
}

/* The pool sees the end of the socket before the report. */
static void hang_up_then_exit(struct worker *w)
{
    struct loop_timer *t = loop_timer_new(w->world->loop, on_hung_up, w);

    worker_hang_up(w);
    w->world->user = t;
    loop_timer_start(t, 5);
}

static void oom(struct worker *w)
{
    worker_exit(w, -1, SIGKILL, true);
}

static void answer_and_exit(struct worker *w)
{
    worker_answer(w, 0, S("done"), STR_NONE);
    worker_exit(w, 0, 0, false);
}

static void hang_up_and_live(struct worker *w)
{
    worker_hang_up(w);
}

static void how_a_process_ends_is_told(void **state)
{
    static const struct {
        void (*act)(struct worker *w);
        enum job_end end;
        int exit_code, signal;
        const char *log, *data;
        uint32_t kills;
    } rows[] = {
            {exit_three, JOB_EXITED, 3, 0, "last words\n", "", 0},
            {hang_up_then_exit, JOB_EXITED, 3, 0, "", "", 0},
            {oom, JOB_MEMORY, -1, SIGKILL, "", "", 0},
            {answer_and_exit, JOB_DONE, 0, 0, "", "done", 0},
            {hang_up_and_live, JOB_EXITED, -1, SIGKILL, "", "", 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *w = world_new(NULL);
        struct probe p;

        w->on_request = rows[i].act;
        probe_run(&p, w, S("{}"));
        if (p.report.end != rows[i].end)
            fail_msg("row %zu ended as %d", i, p.report.end);
        assert_int_equal(p.report.exit_code, rows[i].exit_code);
        assert_int_equal(p.report.signal, rows[i].signal);
        t_str(buf_str(&p.log), str_of(rows[i].log));
        t_str(buf_str(&p.data), str_of(rows[i].data));
        assert_int_equal(p.report.memory_bytes, rows[i].end == JOB_MEMORY ? 256u << 20 : 0);
        assert_int_equal(w->kills, rows[i].kills);
        world_until_gone(w);
        world_until_idle(w, 0);
        probe_done(&p);
        world_free(w);
    }
}

static void exit_one(struct worker *w)
{
    worker_exit(w, 1, 0, false);
}

static void fail_and_exit(struct worker *w)
{
    worker_print(w, "Traceback\n");
    worker_say(w, FRAME_READY, FRAME_F_ERROR, 0, S("{\"errorMessage\":\"no module\"}"));
    worker_exit(w, 1, 0, false);
}

static void fail_and_stay(struct worker *w)
{
    worker_say(w, FRAME_LOG, 0, 0, S("Traceback\n"));
    worker_say(w, FRAME_READY, FRAME_F_ERROR, 0, S("{\"errorMessage\":\"no module\"}"));
}

static void how_loading_fails_is_told(void **state)
{
    static const struct {
        void (*act)(struct worker *w);
        enum job_end end;
        const char *data, *log, *heard;
    } rows[] = {
            {exit_one, JOB_INIT_EXITED, "", "", "load end "},
            {oom, JOB_MEMORY, "", "", "load end "},
            {fail_and_exit, JOB_INIT_ERROR, "{\"errorMessage\":\"no module\"}", "Traceback\n",
             "load loaded end "},
            {fail_and_stay, JOB_INIT_ERROR, "{\"errorMessage\":\"no module\"}", "Traceback\n",
             "load loaded end "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *w = world_new(NULL);
        struct probe p;

        w->on_assign = rows[i].act;
        probe_run(&p, w, S("{}"));
        if (p.report.end != rows[i].end)
            fail_msg("row %zu ended as %d", i, p.report.end);
        t_str(buf_str(&p.data), str_of(rows[i].data));
        t_str(buf_str(&p.log), str_of(rows[i].log));
        t_str(buf_str(&p.heard), str_of(rows[i].heard));
        world_until_gone(w);
        probe_done(&p);
        world_free(w);
    }
}

/* ---- lies ---- */

#define HEAD(type, flags, stream, length) "\0\0\0" length type flags "\0\0\0\0\0" stream

static const struct {
    const char *name;
    struct str bytes; /* sent when the request is whole; the open stream is 1 */
    const char *why;
} lies[] = {
        {"unknown type", S(HEAD("\x09", "\0", "\1", "\0")), "type"},
        {"unknown flag", S(HEAD("\x04", "\x01", "\1", "\0")), "flag"},
        {"reserved bits", S("\0\0\0\0\4\0\0\1\0\0\0\1"), "reserved"},
        {"oversize DATA", S("\0\1\0\1\4\0\0\0\0\0\0\1"), "too long"},
        {"oversize LOG", S("\0\1\0\1\10\0\0\0\0\0\0\0"), "too long"},
        {"DATA on stream 0", S(HEAD("\x04", "\0", "\0", "\0")), "needs a stream"},
        {"DATA on another stream", S(HEAD("\x04", "\0", "\2", "\1") "x"), "not open"},
        {"END on another stream", S(HEAD("\x05", "\0", "\2", "\0")), "not open"},
        {"LOG on another stream", S(HEAD("\x08", "\0", "\2", "\1") "x"), "not open"},
        {"CREDIT on another stream", S(HEAD("\x06", "\0", "\2", "\4") "\0\0\0\1"), "not open"},
        {"credit beyond measure", S(HEAD("\x06", "\0", "\1", "\4") "\x7f\xff\xff\xff"), "credit"},
        {"credit with the top bit", S(HEAD("\x06", "\0", "\1", "\4") "\xff\xff\xff\xff"), "credit"},
        {"ASSIGN", S(HEAD("\x02", "\0", "\0", "\0")), "only the host"},
        {"OPEN", S(HEAD("\x03", "\0", "\2", "\0")), "only the host"},
        {"READY while busy", S(HEAD("\x01", "\0", "\0", "\0")), "out of turn"},
        {"RESET", S(HEAD("\x07", "\0", "\1", "\0")), "gave the invocation up"},
        {"END without JSON", S(HEAD("\x05", "\0", "\1", "\1") "{"), "summary"},
        {"END of too much CPU time",
         S(HEAD("\x05", "\0", "\1", "\x1b") "{\"cpu_us\":1125899906842625}"), "summary"},
        {"END of a wrong type", S(HEAD("\x05", "\0", "\1", "\x12") "{\"peak_bytes\":\"x\"}"),
         "summary"},
};

static void tell_the_lie(struct worker *w)
{
    worker_raw(w, *(const struct str *)w->world->user);
}

static void every_breach_of_the_protocol_ends_the_instance(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct world *w = world_new(NULL);
        struct probe p;

        w->on_request = tell_the_lie;
        w->user = (void *)(uintptr_t)&lies[i].bytes;
        probe_run(&p, w, S("{}"));
        if (p.report.end != JOB_PROTOCOL)
            fail_msg("'%s' ended as %d", lies[i].name, p.report.end);
        assert_non_null(p.report.err);
        if (!strstr(p.err.msg, lies[i].why))
            fail_msg("'%s' is told as '%s'", lies[i].name, p.err.msg);
        assert_int_equal(w->kills, 1);
        world_until_gone(w);
        probe_done(&p);
        world_free(w);
    }
}

static void end_twice(struct worker *w)
{
    struct buf two;
    uint32_t stream = w->stream;

    buf_init(&two, 1000);
    frame_put(&two, FRAME_END, 0, stream, STR_NONE);
    frame_put(&two, FRAME_END, 0, stream, STR_NONE);
    worker_raw(w, buf_str(&two));
    buf_done(&two);
}

static void data_after_end(struct worker *w)
{
    struct buf two;

    buf_init(&two, 1000);
    frame_put(&two, FRAME_END, 0, w->stream, STR_NONE);
    frame_put(&two, FRAME_DATA, 0, w->stream, S("more"));
    worker_raw(w, buf_str(&two));
    buf_done(&two);
}

static void frames_after_the_end_spare_the_answer_and_not_the_instance(void **state)
{
    void (*const acts[])(struct worker *) = {end_twice, data_after_end};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        struct world *w = world_new(NULL);
        struct probe p;

        w->on_request = acts[i];
        probe_run(&p, w, S("{}"));
        assert_int_equal(p.report.end, JOB_DONE);
        assert_int_equal(p.data.n, 0);
        world_until_gone(w);
        assert_int_equal(w->kills, 1);
        probe_done(&p);
        world_free(w);
    }
}

static void wrong_version(struct worker *w)
{
    worker_say(w, FRAME_READY, 0, 0, S("{\"version\":2}"));
}

static void a_worker_of_another_version_is_refused(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    w->no_boot = true;
    probe_init(&p, w, w->fn, S("{}"));
    probe_submit(&p);
    world_until_workers(w, 1);
    wrong_version(world_worker(w, 1));
    world_until(w, &p.ended);
    assert_int_equal(p.report.end, JOB_PROTOCOL);
    t_has(p.err.msg, "version");
    probe_done(&p);
    world_free(w);
}

static void hang_with_half_a_frame(struct worker *w)
{
    worker_raw(w, S("\0\0\0\5\4\0\0"));
    worker_exit(w, 0, 0, false);
}

static void a_frame_cut_short_is_a_breach(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    w->on_request = hang_with_half_a_frame;
    probe_run(&p, w, S("{}"));
    assert_int_equal(p.report.end, JOB_PROTOCOL);
    probe_done(&p);
    world_free(w);
}

/* Answers in the middle of the request: legal, but such a stream is half open. */
static void early_assign(struct worker *w)
{
    worker_say(w, FRAME_READY, 0, 0, S("{}"));
}

static void an_answer_before_the_request_is_whole_uses_the_instance_up(void **state)
{
    struct world *w = world_new(NULL);
    char *event = bytes_of(MIB);
    struct probe p;

    (void)state;
    w->no_credit = true;
    w->on_assign = early_assign;
    probe_init(&p, w, w->fn, (struct str){event, MIB});
    probe_submit(&p);
    world_until_workers(w, 1);
    while (world_worker(w, 1)->event.n < FRAME_WINDOW)
        world_turn(w);
    worker_answer(world_worker(w, 1), 0, S("early"), STR_NONE);
    world_until(w, &p.ended);
    assert_int_equal(p.report.end, JOB_DONE);
    t_str(buf_str(&p.data), S("early"));
    world_until_gone(w);
    assert_int_equal(w->kills, 1);
    probe_done(&p);
    free(event);
    world_free(w);
}

/* ---- logs ---- */

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
            cmocka_unit_test(a_timeout_kills_before_it_answers),
            cmocka_unit_test(memory_is_asked_before_the_kill_that_takes_it_away),
            cmocka_unit_test(a_timeout_is_answered_though_the_end_is_never_reported),
            cmocka_unit_test(what_a_worker_says_does_not_extend_its_time),
            cmocka_unit_test(a_worker_that_never_boots_is_given_up),
            cmocka_unit_test(code_that_hangs_while_loading_is_given_up),
            cmocka_unit_test(an_initializer_has_its_own_time_on_top),
            cmocka_unit_test(an_initializer_that_is_told_of_has_its_own_time_alone),
            cmocka_unit_test(what_follows_the_word_that_code_is_loaded),
            cmocka_unit_test(how_a_process_ends_is_told),
            cmocka_unit_test(how_loading_fails_is_told),
            cmocka_unit_test(every_breach_of_the_protocol_ends_the_instance),
            cmocka_unit_test(frames_after_the_end_spare_the_answer_and_not_the_instance),
            cmocka_unit_test(a_worker_of_another_version_is_refused),
            cmocka_unit_test(a_frame_cut_short_is_a_breach),
            cmocka_unit_test(an_answer_before_the_request_is_whole_uses_the_instance_up),
            cmocka_unit_test(what_is_printed_before_the_end_is_in_the_log),
            cmocka_unit_test(a_full_pipe_is_emptied_before_the_end),
            cmocka_unit_test(a_job_may_be_cancelled_while_it_hears_its_log),
            cmocka_unit_test(documents_over_the_limit_are_refused),
    };

    return T_RUN(tests);
}
