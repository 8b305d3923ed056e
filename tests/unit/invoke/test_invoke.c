/* SPDX-License-Identifier: Apache-2.0 */
/* test_invoke.c - what a caller is told about a run; with a shape and a code cache of the test's
 * own, and the pool's fake launcher below. */
#include "fake.h"
#include "t.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/obj.h"
#include "catalog/layers.h"
#include "dialect/shape.h"
#include "invoke/invoke.h"

/* ---- the shape ---- */

static void shape_assign(const struct fn *f, const char *instance_id, const struct shape_keys *keys,
                         struct buf *out)
{
    (void)keys;
    buf_addf(out, "assign %s %zu", f->name, strlen(instance_id));
}

static void fake_open(const struct run *run, struct buf *out)
{
    buf_addf(out, "open %s %zu", run->request_id, strlen(run->instance_id));
    if (run->http)
        buf_addf(out, " %.*s %.*s %.*s=%.*s", STR_ARG(run->http->method),
                 STR_ARG(run->http->target), STR_ARG(run->http->headers.at[0].name),
                 STR_ARG(run->http->query.at[0].value));
}

static void shape_log(const struct run *run, enum log_point point, struct buf *out)
{
    static const char *const names[] = {"load", "loaded", "run", "ran"};

    buf_addf(out, "<%s %s>\n", names[point], run->cold ? "cold" : "warm");
}

static void shape_failure(const struct run *run, struct buf *out)
{
    buf_addf(out, "failed %d exit %d signal %d", run->outcome, run->exit_code, run->signal);
}

static uint64_t shape_billed(const struct run *run)
{
    return run->duration_ns / 1000000 + 1;
}

static const struct shape_ops shape = {
        .dialect = DIALECT_FUNCTIONGRAPH,
        .layout = 1,
        .payload_max = 100,
        .answer_max = 200,
        .tail_bytes = 128,
        .log_line_bytes = 1000,
        .assign = shape_assign,
        .open = fake_open,
        .log = shape_log,
        .failure = shape_failure,
        .billed_ms = shape_billed,
};

const struct shape_ops *shape_of(enum dialect dialect)
{
    return dialect == DIALECT_FUNCTIONGRAPH ? &shape : NULL;
}

/* ---- the code cache ---- */

static struct {
    int asked, r;
    bool hold; /* answer later, by cache_answer() */
    catalog_ready_fn *fn;
    void *user;
} cache;

static void cache_answer(void)
{
    struct err e = {0};

    if (cache.r < 0)
        err_set(&e, ERR_HOST, cache.r, "the disk said no");
    cache.fn(cache.user, cache.r, &e);
}

void catalog_ready_layers(struct catalog *c, const struct fn *f, uint64_t most,
                          catalog_ready_fn *fn, void *user)
{
    (void)c;
    (void)most;
    assert_int_equal(strlen(f->code.sha), SHA256_HEX - 1);
    cache.asked++;
    cache.fn = fn;
    cache.user = user;
    if (!cache.hold)
        cache_answer();
}

/* ---- the caller ---- */

struct caller {
    struct world *w;
    struct invoker *iv;
    struct invocation *in;
    bool done;
    struct run run;
    uint64_t billed_ms;
    char head[300], body[300], tail[300], refused[300];
    int refused_code;
};

static void put(char *to, size_t size, struct str s)
{
    (void)snprintf(to, size, "%.*s", STR_ARG(s));
}

static void on_done(void *user, const struct invoke_result *r)
{
    struct caller *c = user;

    assert_false(c->done);
    c->done = true;
    c->run = r->run;
    c->billed_ms = r->billed_ms;
    put(c->head, sizeof(c->head), r->head);
    put(c->body, sizeof(c->body), r->body);
    put(c->tail, sizeof(c->tail), r->tail);
    c->refused_code = r->refused ? r->refused->code : 0;
    put(c->refused, sizeof(c->refused), str_of(r->refused ? r->refused->msg : ""));
}

static void caller_init(struct caller *c)
{
    memset(&cache, 0, sizeof(cache));
    *c = (struct caller){.w = world_new(NULL)};
    c->iv = invoker_new(c->w->loop, NULL, c->w->pool);
}

static void caller_done(struct caller *c)
{
    c->iv = invoker_free(c->iv);
    world_free(c->w);
}

static struct invoke_spec spec_of(struct caller *c, struct str payload)
{
    return (struct invoke_spec){.fn = c->w->fn, .payload = payload, .on_done = on_done, .user = c};
}

static void call(struct caller *c, struct str payload)
{
    struct invoke_spec spec = spec_of(c, payload);
    struct err e = {0};

    c->done = false;
    t_ok(invoke(c->iv, &spec, &c->in, &e), &e);
    assert_false(c->done);
    world_until(c->w, &c->done);
}

static void an_answer_comes_with_log_and_bill(void **state)
{
    struct caller c;

    (void)state;
    caller_init(&c);
    call(&c, S("{}"));
    assert_int_equal(c.run.outcome, OUTCOME_OK);
    assert_string_equal(c.body, "{}");
    assert_string_equal(c.tail, "<load cold>\n<loaded cold>\n<run cold>\n<ran cold>\n");
    assert_true(c.run.cold && c.run.init_ns > 0 && c.run.start_wall_ms > 0);
    assert_int_equal(c.billed_ms, c.run.duration_ns / 1000000 + 1);
    t_str(buf_str(&world_worker(c.w, 1)->assign), S("assign hello 36"));

    call(&c, S("[]"));
    assert_string_equal(c.tail, "<run warm>\n<ran warm>\n");
    assert_int_equal(c.run.init_ns, 0);
    assert_int_equal(cache.asked, 1); /* once per package, not once per run */
    caller_done(&c);
}

static void a_request_id_is_the_callers_or_a_new_one(void **state)
{
    struct caller c;
    struct invoke_spec spec;
    struct err e = {0};

    (void)state;
    caller_init(&c);
    spec = spec_of(&c, S("{}"));
    spec.request_id = "my-id";
    t_ok(invoke(c.iv, &spec, &c.in, &e), &e);
    assert_string_equal(invocation_id(c.in), "my-id");
    world_until(c.w, &c.done);
    t_str(buf_str(&world_worker(c.w, 1)->open), S("open my-id 36"));

    c.done = false;
    spec.request_id = NULL;
    t_ok(invoke(c.iv, &spec, &c.in, &e), &e);
    assert_int_equal(strlen(invocation_id(c.in)), 36);
    world_until(c.w, &c.done);
    caller_done(&c);
}

/* ---- HTTP handlers ---- */

static void answer_as_http(struct worker *w)
{
    worker_say(w, FRAME_HTTP_HEAD, 0, w->stream, S("{\"status\":204}"));
    worker_answer(w, 0, S("page"), STR_NONE);
}

static void exit_behind_head(struct worker *w)
{
    worker_say(w, FRAME_HTTP_HEAD, 0, w->stream, S("{\"status\":204}"));
    worker_exit(w, 7, 0, false);
}

static void a_request_is_copied_and_its_head_told(void **state)
{
    struct caller c;
    struct err e = {0};

    (void)state;
    for (int fails = 0; fails <= 1; fails++) {
        caller_init(&c);
        c.w->on_request = fails ? exit_behind_head : answer_as_http;
        {
            char text[] = "GET/pathnamevalue";
            struct shape_pair header = {{text + 8, 4}, STR_NONE},
                              query = {STR_NONE, {text + 12, 5}};
            struct shape_http http = {.method = {text, 3},
                                      .target = {text + 3, 5},
                                      .headers = {&header, 1},
                                      .query = {&query, 1}};
            struct invoke_spec spec = spec_of(&c, S("body"));

            spec.request_id = "id";
            spec.http = &http;
            t_ok(invoke(c.iv, &spec, &c.in, &e), &e);
            memset(text, 'x', sizeof(text));
            header.name = query.value = S("gone");
        }
        world_until(c.w, &c.done);
        t_str(buf_str(&world_worker(c.w, 1)->open), S("open id 36 GET /path name=value"));
        t_str(buf_str(&world_worker(c.w, 1)->event), S("body"));
        assert_string_equal(c.head, fails ? "" : "{\"status\":204}");
        assert_int_equal(c.run.outcome, fails ? OUTCOME_EXITED : OUTCOME_OK);
        caller_done(&c);
    }
}

static void a_request_is_an_event_and_back(void **state)
{
    struct shape_pair headers[] = {{S("a"), S("\"1\"")}, {S("a"), S("")}},
                      query = {S("q\n"), S("v")};
    struct shape_http http = {.method = S("POST"),
                              .path = S("/a b"),
                              .target = S("/a%20b?q"),
                              .source_ip = S("10.0.0.1"),
                              .headers = {headers, 2},
                              .query = {&query, 1}};
    struct str body = S("\0\n{}");
    struct invoke_http back;
    struct buf event;

    (void)state;
    buf_init(&event, 4096);
    invoke_http_pack(&http, body, &event);
    assert_int_equal(invoke_http_unpack(buf_str(&event), &back), 0);
    t_str(back.body, body);
    t_str(back.http.method, http.method);
    t_str(back.http.path, http.path);
    t_str(back.http.target, http.target);
    t_str(back.http.source_ip, http.source_ip);
    assert_int_equal(back.http.headers.n, 2);
    t_str(back.http.headers.at[0].value, headers[0].value);
    t_str(back.http.headers.at[1].name, headers[1].name);
    assert_int_equal(back.http.query.n, 1);
    t_str(back.http.query.at[0].name, query.name);
    invoke_http_done(&back);

    for (size_t n = 0; n < event.n - body.n; n++) /* cut short it is none */
        assert_true(invoke_http_unpack((struct str){event.p, n}, &back) < 0);
    assert_int_equal(invoke_http_unpack(S("{\"a\":1}\n"), &back), -ENOENT);
    assert_int_equal(invoke_http_unpack(S("{\"evoke_http\":1,\"headers\":[\"x\"]}\n"), &back),
                     -EINVAL);
    buf_done(&event);
}

/* ---- ends ---- */

static void error(struct worker *w)
{
    worker_say(w, FRAME_LOG, 0, w->stream, S("Traceback\n"));
    worker_answer(w, FRAME_F_ERROR, S("oops"), S("{\"handled\":true}"));
}

static void exits(struct worker *w)
{
    worker_exit(w, 7, 0, false);
}

static void oom(struct worker *w)
{
    worker_exit(w, -1, SIGKILL, true);
}

static void hang(struct worker *w)
{
    (void)w;
}

static void lies(struct worker *w)
{
    worker_say(w, FRAME_RESET, 0, w->stream, STR_NONE);
}

static void too_large(struct worker *w)
{
    static char answer[201];

    worker_answer(w, 0, (struct str){answer, sizeof(answer)}, STR_NONE);
}

static void load_error(struct worker *w)
{
    worker_say(w, FRAME_READY, FRAME_F_ERROR, 0, S("no module"));
}

static void every_end_has_its_outcome_and_its_words(void **state)
{
    static const struct {
        void (*on_assign)(struct worker *w);
        void (*on_request)(struct worker *w);
        enum outcome outcome;
        const char *body; /* NULL: the shape's */
        const char *tail;
    } rows[] = {
            {NULL, error, OUTCOME_ERROR, "oops", "Traceback\n<ran cold>\n"},
            {NULL, exits, OUTCOME_EXITED, "failed 3 exit 7 signal 0", "<run cold>\n<ran cold>\n"},
            {NULL, oom, OUTCOME_MEMORY, NULL, "<ran cold>\n"},
            {NULL, hang, OUTCOME_TIMEOUT, NULL, "<ran cold>\n"},
            {NULL, lies, OUTCOME_PROTOCOL, NULL, "<ran cold>\n"},
            {NULL, too_large, OUTCOME_TOO_LARGE, NULL, "<ran cold>\n"},
            {load_error, NULL, OUTCOME_INIT_ERROR, "no module", "<load cold>\n<loaded cold>\n"},
            {exits, NULL, OUTCOME_INIT_EXITED, "failed 9 exit 7 signal 0", "<load cold>\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct caller c;
        char words[100];

        caller_init(&c);
        c.w->fn->timeout_ms = 50;
        c.w->on_assign = rows[i].on_assign;
        c.w->on_request = rows[i].on_request;
        call(&c, S("{}"));
        if (c.run.outcome != rows[i].outcome)
            fail_msg("row %zu has outcome %d", i, c.run.outcome);
        (void)snprintf(words, sizeof(words), "failed %d ", rows[i].outcome);
        if (rows[i].body)
            assert_string_equal(c.body, rows[i].body);
        else if (strncmp(c.body, words, strlen(words)) != 0)
            fail_msg("row %zu: body '%s'", i, c.body);
        t_has(c.tail, rows[i].tail);
        assert_int_equal(c.run.handled, rows[i].outcome == OUTCOME_ERROR);
        assert_int_equal(c.refused_code, 0);
        caller_done(&c);
    }
}

/* ---- refusals ---- */

static void refused(struct caller *c, const struct invoke_spec *spec, int code, const char *why)
{
    struct err e = {0};

    c->in = NULL;
    assert_int_equal(invoke(c->iv, spec, &c->in, &e), code);
    assert_string_equal(e.msg, why);
    assert_null(c->in);
    world_turn(c->w);
    assert_false(c->done);
}

static void what_can_be_told_at_once_is_refused_at_once(void **state)
{
    struct caller c;
    struct invoke_spec spec;
    char event[101];

    (void)state;
    caller_init(&c);
    memset(event, 'x', sizeof(event));
    spec = spec_of(&c, S("{}"));
    fn_set(&c.w->fn->runtime, S("PHP7.3"));
    refused(&c, &spec, -ENOEXEC, "runtime 'PHP7.3' has no worker in this version");
    fn_set(&c.w->fn->runtime, S("Perl5"));
    refused(&c, &spec, -ENOEXEC, "runtime 'Perl5' is unknown");
    fn_set(&c.w->fn->runtime, S("Python3.9"));

    c.w->fn->code.sha[0] = 0;
    refused(&c, &spec, -ENODATA, "function 'hello' has no code yet");
    c.w->fn->code.sha[0] = 'a';

    spec.payload = (struct str){event, 101};
    refused(&c, &spec, -EMSGSIZE, "the event has 101 bytes, the limit is 100");
    assert_int_equal(cache.asked, 0);
    call(&c, (struct str){event, 100});
    assert_int_equal(c.run.outcome, OUTCOME_OK);
    caller_done(&c);
}

static void an_owned_event_is_taken_on_success_only(void **state)
{
    struct caller c;
    struct invoke_spec spec;
    struct err e = {0};
    struct buf event;

    (void)state;
    caller_init(&c);
    call(&c, S("{}")); /* the code is there: pool_submit is asked at once */
    c.done = false;
    buf_init(&event, 1000);
    buf_addz(&event, "[1]");
    spec = spec_of(&c, STR_NONE);
    spec.owned = &event;
    c.w->fn->max_instances = 0;
    c.w->fn->revision = 2;
    refused(&c, &spec, -EAGAIN, "function 'hello' may have no instance");
    t_str(buf_str(&event), S("[1]"));

    c.w->fn->max_instances = 1;
    t_ok(invoke(c.iv, &spec, &c.in, &e), &e);
    assert_int_equal(event.n, 0);
    world_until(c.w, &c.done);
    assert_string_equal(c.body, "[1]");
    buf_done(&event);
    caller_done(&c);
}

static void code_that_is_not_to_be_had_refuses_the_run(void **state)
{
    struct caller c;

    (void)state;
    caller_init(&c);
    cache.r = -EIO;
    call(&c, S("{}"));
    assert_int_equal(c.run.outcome, OUTCOME_CANCELLED);
    assert_int_equal(c.refused_code, -EIO);
    assert_string_equal(c.refused, "the disk said no");
    assert_int_equal(c.billed_ms, 0);
    assert_int_equal(c.w->nworkers, 0);
    cache.r = 0;
    call(&c, S("{}")); /* asked again: a failure is not remembered */
    assert_int_equal(c.run.outcome, OUTCOME_OK);
    assert_int_equal(cache.asked, 2);
    caller_done(&c);
}

static void a_start_that_misses_its_code_is_tried_once_more(void **state)
{
    struct caller c;

    (void)state;
    caller_init(&c);
    c.w->refuse = true;
    c.w->refuse_code = -ENOENT;
    c.w->refuse_times = 1;
    call(&c, S("{}"));
    assert_int_equal(c.run.outcome, OUTCOME_OK);
    assert_int_equal(cache.asked, 2);

    world_new_launcher(c.w); /* nothing warm any more */
    c.w->refuse = true;
    c.w->refuse_times = 2;
    call(&c, S("{}"));
    assert_int_equal(c.refused_code, -ENOENT);
    assert_int_equal(cache.asked, 3);
    caller_done(&c);
}

static void a_refused_start_is_told(void **state)
{
    struct caller c;

    (void)state;
    caller_init(&c);
    c.w->refuse = true;
    call(&c, S("{}"));
    assert_int_equal(c.refused_code, -EAGAIN);
    t_has(c.refused, "no slot is left");
    assert_string_equal(c.body, "");
    caller_done(&c);
}

/* ---- callers that leave ---- */

static void a_forgotten_run_goes_on_to_its_end(void **state)
{
    struct caller c;
    struct invoke_spec spec;
    struct err e = {0};

    (void)state;
    caller_init(&c);
    spec = spec_of(&c, S("{}"));
    t_ok(invoke(c.iv, &spec, &c.in, &e), &e);
    invocation_forget(c.in);
    world_until_idle(c.w, 1);
    assert_int_equal(world_worker(c.w, 1)->runs, 1);
    assert_int_equal(c.w->kills, 0);
    assert_false(c.done);
    caller_done(&c);
}

static void the_invoker_may_go_before_its_runs(void **state)
{
    struct caller c;
    struct invoke_spec spec;
    struct err e = {0};

    (void)state;
    caller_init(&c);
    cache.hold = true;
    spec = spec_of(&c, S("{}"));
    t_ok(invoke(c.iv, &spec, &c.in, &e), &e);
    c.iv = invoker_free(c.iv);
    cache_answer(); /* as catalog_free() does with what is under way */
    world_until(c.w, &c.done);
    assert_int_equal(c.refused_code, -ESHUTDOWN);
    caller_done(&c);

    caller_init(&c);
    c.w->on_request = hang;
    spec = spec_of(&c, S("{}"));
    t_ok(invoke(c.iv, &spec, &c.in, &e), &e);
    while (c.w->nworkers == 0 || !world_worker(c.w, 1)->stream)
        world_turn(c.w);
    c.iv = invoker_free(c.iv);
    c.w->pool = pool_free(c.w->pool);
    assert_true(c.done);
    assert_int_equal(c.run.outcome, OUTCOME_EXITED);
    caller_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_answer_comes_with_log_and_bill),
            cmocka_unit_test(a_request_id_is_the_callers_or_a_new_one),
            cmocka_unit_test(a_request_is_copied_and_its_head_told),
            cmocka_unit_test(a_request_is_an_event_and_back),
            cmocka_unit_test(every_end_has_its_outcome_and_its_words),
            cmocka_unit_test(what_can_be_told_at_once_is_refused_at_once),
            cmocka_unit_test(an_owned_event_is_taken_on_success_only),
            cmocka_unit_test(code_that_is_not_to_be_had_refuses_the_run),
            cmocka_unit_test(a_start_that_misses_its_code_is_tried_once_more),
            cmocka_unit_test(a_refused_start_is_told),
            cmocka_unit_test(a_forgotten_run_goes_on_to_its_end),
            cmocka_unit_test(the_invoker_may_go_before_its_runs),
    };

    return T_RUN(tests);
}
