/* SPDX-License-Identifier: Apache-2.0 */
/* test_head.c - what an HTTP handler's worker says before its answer, and when it must not. */
#include "fake.h"
#include "t.h"

#include <stdlib.h>
#include <string.h>

#include "base/obj.h"

static void say(struct worker *w, enum frame_type type, uint8_t flags, struct str payload)
{
    worker_say(w, type, flags, w->stream, payload);
}

static void probe_http(struct probe *p, struct world *w, bool http)
{
    probe_init(p, w, w->fn, S("body"));
    p->job.http = http;
    probe_submit(p);
    world_until(w, &p->ended);
}

static void answer_with_head(struct worker *w)
{
    say(w, FRAME_HTTP_HEAD, 0, S("{\"status\":200}"));
    worker_answer(w, 0, S("page"), STR_NONE);
}

static void head_comes_before_the_answer(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    w->on_request = answer_with_head;
    probe_http(&p, w, true);
    assert_int_equal(p.report.end, JOB_DONE);
    t_str(buf_str(&p.heard), S("load loaded cold-start head end "));
    t_str(buf_str(&p.head), S("{\"status\":200}"));
    t_str(buf_str(&p.data), S("page"));
    probe_done(&p);
    world_free(w);
}

static void an_answer_may_have_no_head(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    probe_http(&p, w, true);
    assert_int_equal(p.report.end, JOB_DONE);
    assert_int_equal(p.head.n, 0);
    probe_done(&p);
    world_free(w);
}

static void longest(struct worker *w)
{
    static char head[FRAME_MAX_HTTP_HEAD];

    memset(head, ' ', sizeof(head));
    say(w, FRAME_HTTP_HEAD, 0, (struct str){head, sizeof(head)});
    worker_answer(w, 0, S(""), STR_NONE);
}

static void a_head_of_the_limit_is_taken(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    w->on_request = longest;
    probe_http(&p, w, true);
    assert_int_equal(p.report.end, JOB_DONE);
    assert_int_equal(p.head.n, FRAME_MAX_HTTP_HEAD);
    probe_done(&p);
    world_free(w);
}

static void too_long(struct worker *w)
{
    char head[FRAME_HEAD] = {0, 0, 0x40, 1, FRAME_HTTP_HEAD, 0, 0, 0, 0, 0, 0, (char)w->stream};

    worker_raw(w, (struct str){head, sizeof(head)});
}

static void two_heads(struct worker *w)
{
    say(w, FRAME_HTTP_HEAD, 0, S("{}"));
    say(w, FRAME_HTTP_HEAD, 0, S("{}"));
}

static void head_after_data(struct worker *w)
{
    say(w, FRAME_DATA, 0, S("x"));
    say(w, FRAME_HTTP_HEAD, 0, S("{}"));
}

static void error_after_head(struct worker *w)
{
    say(w, FRAME_HTTP_HEAD, 0, S("{}"));
    say(w, FRAME_END, FRAME_F_ERROR, STR_NONE);
}

static void what_is_out_of_place_is_a_breach(void **state)
{
    static const struct {
        void (*act)(struct worker *w);
        bool http;
        const char *why;
    } rows[] = {
            {answer_with_head, false, "no HTTP request"},
            {two_heads, true, "second HEAD"},
            {head_after_data, true, "HEAD after DATA"},
            {error_after_head, true, "error result after HEAD"},
            {too_long, true, "too long"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *w = world_new(NULL);
        struct probe p;

        w->on_request = rows[i].act;
        probe_http(&p, w, rows[i].http);
        assert_int_equal(p.report.end, JOB_PROTOCOL);
        t_has(p.err.msg, rows[i].why);
        assert_int_equal(w->kills, 1);
        probe_done(&p);
        world_free(w);
    }
}

static void a_hook_has_no_head(void **state)
{
    struct world *w = world_new(NULL);
    struct probe p;

    (void)state;
    fn_set(&w->fn->pre_stop, S("index.stop"));
    w->fn->pre_stop_timeout_ms = 1000;
    w->on_request = answer_with_head;
    probe_http(&p, w, true);
    assert_int_equal(p.report.end, JOB_DONE);
    pool_retire(w->pool, w->fn);
    world_until_gone(w);
    assert_int_equal(w->kills, 1);
    probe_done(&p);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(head_comes_before_the_answer),
            cmocka_unit_test(an_answer_may_have_no_head),
            cmocka_unit_test(a_head_of_the_limit_is_taken),
            cmocka_unit_test(what_is_out_of_place_is_a_breach),
            cmocka_unit_test(a_hook_has_no_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
