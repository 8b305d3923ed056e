/* SPDX-License-Identifier: Apache-2.0 */
/* test_instance_end.c - an instance that dies or lies. */
#include "fake.h"
#include "t.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/obj.h"

enum { MIB = 1 << 20 };

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
        {"unknown type", S(HEAD("\x0a", "\0", "\1", "\0")), "type"},
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
    char *event = calloc(1, MIB);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(how_a_process_ends_is_told),
            cmocka_unit_test(how_loading_fails_is_told),
            cmocka_unit_test(every_breach_of_the_protocol_ends_the_instance),
            cmocka_unit_test(frames_after_the_end_spare_the_answer_and_not_the_instance),
            cmocka_unit_test(a_worker_of_another_version_is_refused),
            cmocka_unit_test(a_frame_cut_short_is_a_breach),
            cmocka_unit_test(an_answer_before_the_request_is_whole_uses_the_instance_up),
    };

    return T_RUN(tests);
}
