/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/metrics/metrics.h"
#include "t.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "fn/fn.h"
#include "loop/loop.h"
#include "observe/metrics/internal.h"
#include "observe/run.h"

struct world {
    struct loop *loop;
    struct metrics *m;
    struct platform platform;
    bool dead; /* every function is deleted */
    uint32_t answers;
    bool answered;
    struct buf text;
    const struct metrics_events *events;
    uint32_t nevents, gathered;
};

static bool is_alive(void *user, const struct fn_key *key)
{
    (void)key;
    return !((struct world *)user)->dead;
}

static void on_use(void *user, struct str path, struct metrics_use *ret)
{
    (void)user;
    (void)path;
    ret->instances = 2;
}

static void on_platform(void *user, struct platform *p)
{
    *p = ((struct world *)user)->platform;
}

/* The answer of who is asked before comes in a turn of its own. */
static void on_gather(void *user, void (*done)(void *arg), void *arg)
{
    struct world *w = user;

    w->gathered++;
    loop_defer(w->loop, done, arg);
}

static void on_events(void *user, void (*each)(void *to, const struct metrics_events *row),
                      void *to)
{
    const struct world *w = user;

    for (uint32_t i = 0; i < w->nevents; i++)
        each(to, &w->events[i]);
}

static const struct metrics_source source = {.alive = is_alive,
                                             .use = on_use,
                                             .platform = on_platform,
                                             .gather = on_gather,
                                             .events = on_events};

static int setup(void **state)
{
    struct world *w = xnew(struct world);
    struct metrics_conf conf;

    metrics_conf_default(&conf);
    conf.functions = 3;
    conf.render_ms = 3600000;
    conf.tick_ms = 3600000;
    w->loop = loop_new();
    buf_init(&w->text, 64 << 20);
    w->m = metrics_new(w->loop, &conf, &source, w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    metrics_free(w->m);
    loop_free(w->loop);
    buf_done(&w->text);
    free(w);
    return 0;
}

static struct fn *function(const char *name)
{
    struct fn_key key = {DIALECT_FC, S("acc"), S("region"), S("svc"), str_of(name)};

    return fn_new(&key);
}

static struct run_facts facts(const struct fn *fn)
{
    return (struct run_facts){.fn = fn,
                              .request_id = "r-1",
                              .instance_id = "i-1",
                              .version = "latest",
                              .outcome = OUTCOME_OK,
                              .accepted_wall_ms = clock_wall_ms(),
                              .accepted_ns = clock_mono_ns(),
                              .end_ns = clock_mono_ns(),
                              .duration_ns = 20000000,
                              .event_bytes = 100,
                              .answer_bytes = 156};
}

static void end(struct world *w, const struct run_facts *f)
{
    metrics_watch.end(w->m, NULL, f);
}

static void run(struct world *w, const char *name)
{
    struct fn *fn = function(name);
    struct run_facts f = facts(fn);

    end(w, &f);
    fn_unref(fn);
}

static void on_text(void *user, struct str body)
{
    struct world *w = user;

    w->answers++;
    w->answered = true;
    buf_reset(&w->text);
    buf_adds(&w->text, body);
}

/* Past the pause between two renderings. */
static const char *scrape(struct world *w)
{
    w->m->rendered_ns = 0;
    w->answered = false;
    metrics_scrape(w->m, on_text, w);
    loop_run_until(w->loop, &w->answered);
    return w->text.p;
}

#define LABELS "{function=\"fc/acc/region/svc/f\",version=\"latest\",trigger=\"http\""

static void a_run_is_in_the_nine_metrics(void **state)
{
    struct world *w = *state;
    struct fn *fn = function("f");
    struct run_facts f = facts(fn);
    const char *text;

    f.cold = true;
    f.init_ns = 1500000000;
    f.memory_bytes = 16 << 20;
    f.cpu_ns = 5000000;
    end(w, &f);
    f.cold = false;
    f.cpu_ns++;
    f.init_ns = 0;
    f.outcome = OUTCOME_ERROR;
    end(w, &f);
    f.outcome = OUTCOME_TIMEOUT;
    f.memory_bytes = 0;
    f.cpu_ns = 0; /* nobody told */
    end(w, &f);
    text = scrape(w);
    t_has(text, "# TYPE faas_invoke_duration_seconds histogram\n");
    t_has(text, "faas_invoke_duration_seconds_bucket" LABELS ",le=\"0.01\"} 0\n");
    t_has(text, "faas_invoke_duration_seconds_bucket" LABELS ",le=\"0.025\"} 3\n");
    t_has(text, "faas_invoke_duration_seconds_bucket" LABELS ",le=\"+Inf\"} 3\n");
    t_has(text, "faas_invoke_duration_seconds_sum" LABELS "} 0.06\n");
    t_has(text, "faas_invoke_duration_seconds_count" LABELS "} 3\n");
    t_has(text, "faas_init_duration_seconds_sum" LABELS "} 1.5\n");
    t_has(text, "faas_coldstarts_total" LABELS "} 1\n");
    t_has(text, "faas_invocations_total" LABELS "} 1\n");
    t_has(text, "faas_errors_total" LABELS "} 1\n");
    t_has(text, "faas_timeouts_total" LABELS "} 1\n");
    t_has(text, "faas_mem_usage_bytes_bucket" LABELS ",le=\"16777216\"} 2\n"); /* at the bound */
    t_has(text, "faas_mem_usage_bytes_count" LABELS "} 2\n");
    t_has(text, "faas_net_io_bytes_bucket" LABELS ",le=\"256\"} 3\n");
    t_has(text, "faas_net_io_bytes_sum" LABELS "} 768\n");
    t_has(text, "faas_cpu_usage_seconds_bucket" LABELS ",le=\"0.005\"} 1\n"); /* at the bound */
    t_has(text, "faas_cpu_usage_seconds_count" LABELS "} 2\n");
    t_has(text, "faas_cpu_usage_seconds_sum" LABELS "} 0.010000001\n");
    fn_unref(fn);
}

static void who_is_throttled_has_not_run(void **state)
{
    struct world *w = *state;
    struct fn *fn = function("f");
    struct run_facts f = facts(fn);
    const char *text;

    f.outcome = OUTCOME_CANCELLED;
    f.refused = f.limited = true;
    f.reason = "too many";
    f.duration_ns = 0;
    end(w, &f);
    text = scrape(w);
    t_has(text, "evoke_function_throttled_total" LABELS "} 1\n");
    t_has(text, "faas_errors_total" LABELS "} 0\n");
    assert_null(strstr(text, "faas_invoke_duration_seconds_count"));
    fn_unref(fn);
}

static void versions_and_triggers_are_told_apart_up_to_a_number(void **state)
{
    struct world *w = *state;
    struct fn *fn = function("f");
    struct run_facts f = facts(fn);
    char version[16];
    const char *text;

    f.trigger = RUN_TIMER;
    end(w, &f);
    f.version = "3";
    end(w, &f);
    text = scrape(w);
    t_has(text, "version=\"latest\",trigger=\"timer\"} 1\n");
    t_has(text, "version=\"3\",trigger=\"timer\"} 1\n");
    for (int i = 0; i < SERIES_MAX + 8; i++) {
        (void)snprintf(version, sizeof(version), "v%d", i);
        f.version = version;
        end(w, &f);
    }
    text = scrape(w);
    t_has(text, "version=\"v29\"");
    assert_null(strstr(text, "version=\"v30\""));
    t_has(text,
          "faas_invocations_total{function=\"fc/acc/region/svc/f\",version=\"_other\",trigger="
          "\"timer\"} 10\n");
    fn_unref(fn);
}

static void functions_beyond_the_limit_are_summed(void **state)
{
    struct world *w = *state;
    const char *text;

    run(w, "a");
    run(w, "b");
    run(w, "c");
    text = scrape(w);
    t_has(text, "evoke_metrics_functions 3\n");
    assert_null(strstr(text, "_other\""));
    run(w, "d");
    run(w, "e");
    text = scrape(w);
    assert_null(strstr(text, "svc/d"));
    t_has(text,
          "faas_invocations_total{function=\"_other\",version=\"latest\",trigger=\"http\"} 2\n");
    t_has(text, "evoke_function_instances{function=\"fc/acc/region/svc/c\"} 2\n");
    assert_null(strstr(text, "evoke_function_instances{function=\"_other\"}"));
}

static void another_record_of_a_function_counts_on(void **state)
{
    struct world *w = *state;
    struct fn *one = function("f"), *two = function("f");
    struct run_facts f = facts(one);

    one->revision = 1;
    two->revision = 2;
    end(w, &f);
    f.fn = two;
    end(w, &f);
    f.fn = one; /* an old instance at its last job */
    end(w, &f);
    t_has(scrape(w), "faas_invocations_total" LABELS "} 3\n");
    t_has(w->text.p, "evoke_metrics_functions 1\n");
    fn_unref(one);
    fn_unref(two);
}

static void labels_are_escaped(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    metrics_put_label(&b, S("a\\b\"c\nd\xc3\xa9"));
    t_str(buf_str(&b), S("a\\\\b\\\"c\\nd\xc3\xa9"));
    buf_done(&b);
}

static void numbers_are_in_base_units(void **state)
{
    struct world *w = *state;

    w->platform.cpu_us = 1500000;
    w->platform.start_wall_ms = 1795326423110;
    w->platform.oldest_wait_ns = 1;
    w->platform.kv_ns = 3000000000;
    w->platform.open_fds = FIGURE_UNKNOWN;
    w->platform.apis[0].name = "fc";
    w->platform.apis[0].replies[4] = 7;
    scrape(w);
    t_has(w->text.p, "process_cpu_seconds_total 1.5\n");
    t_has(w->text.p, "process_start_time_seconds 1795326423.11\n");
    t_has(w->text.p, "evoke_queue_oldest_wait_seconds 0.000000001\n");
    t_has(w->text.p, "evoke_store_seconds_total 3\n");
    t_has(w->text.p, "evoke_http_requests_total{api=\"fc\",status=\"4xx\"} 7\n");
    assert_null(strstr(w->text.p, "\nprocess_open_fds ")); /* what is not known is left out */
}

static void a_hundred_scrapes_are_one_rendering(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 50; i++)
        metrics_scrape(w->m, on_text, w); /* while it is being made */
    loop_run_until(w->loop, &w->answered);
    for (int i = 0; i < 50; i++)
        metrics_scrape(w->m, on_text, w); /* afterwards: at once */
    assert_int_equal(w->answers, 100);
    assert_int_equal(metrics_renders(w->m), 1);
    w->m->rendered_ns -= 3600000ull * 1000000;
    metrics_scrape(w->m, on_text, w);
    assert_int_equal(metrics_renders(w->m), 2);
}

static void nobody_waits_for_ever_when_it_ends(void **state)
{
    struct world *w = *state;

    metrics_scrape(w->m, on_text, w);
    w->m = metrics_free(w->m);
    assert_int_equal(w->answers, 1);
}

static void deleted_functions_are_forgotten(void **state)
{
    struct world *w = *state;

    run(w, "a");
    w->dead = true;
    w->m->minute--;
    metrics_open_minute(w->m, &(int64_t){0}, NULL, NULL); /* a minute has passed */
    t_has(scrape(w), "evoke_metrics_functions 0\n");
}

struct seen {
    uint32_t n;
    uint64_t runs;
};

static void on_span(void *user, struct str path, const struct span *s)
{
    struct seen *seen = user;

    (void)path;
    seen->n++;
    seen->runs += s->runs;
}

static void the_last_minute_is_told_in_steps_of_five_seconds(void **state)
{
    struct world *w = *state;
    struct fn *fn = function("f");
    struct run_facts f = facts(fn);
    uint64_t now = clock_mono_ns(), covered_ms;
    struct seen seen = {0};

    f.end_ns = f.accepted_ns = now;
    end(w, &f);
    f.end_ns = f.accepted_ns = now - 30000000000;
    end(w, &f);
    metrics_recent(w->m, 10, &covered_ms, on_span, &seen);
    assert_int_equal(seen.runs, 1);
    assert_true(covered_ms >= 10000 && covered_ms <= 16000);
    seen = (struct seen){0};
    metrics_recent(w->m, 60, &covered_ms, on_span, &seen);
    assert_int_equal(seen.runs, 2);
    assert_true(covered_ms >= 60000 && covered_ms <= 66000);
    fn_unref(fn);
}

static void failures_are_remembered_newest_first_and_so_many(void **state)
{
    struct world *w = *state;
    struct fn *fn = function("f");
    struct run_facts f = facts(fn);
    struct metrics_past past;
    char id[16];

    metrics_past(w->m, S("fc/acc/region/svc/f"), &past);
    assert_int_equal(past.runs + past.nfailures, 0);
    f.outcome = OUTCOME_ERROR;
    f.request_id = id;
    f.answer = S("{\"errorMessage\":\"no \\\"such\\\" thing\",\"errorType\":\"E\"}");
    for (int i = 0; i <= METRICS_FAILURES; i++) {
        (void)snprintf(id, sizeof(id), "r%d", i);
        end(w, &f);
        f.answer = S("not JSON");
    }
    metrics_past(w->m, S("fc/acc/region/svc/f"), &past);
    assert_int_equal(past.errors, METRICS_FAILURES + 1);
    assert_int_equal(past.nfailures, METRICS_FAILURES);
    assert_string_equal(past.failures[0].request_id, "r16");
    assert_string_equal(past.failures[METRICS_FAILURES - 1].request_id, "r1");
    assert_string_equal(past.failures[0].message, "not JSON");
    fn_unref(fn);
}

static void a_failure_is_told_with_its_sentence(void **state)
{
    struct world *w = *state;
    struct fn *fn = function("f");
    struct run_facts f = facts(fn);
    struct metrics_past past;

    f.outcome = OUTCOME_ERROR;
    f.answer = S("{\"errorType\":\"E\",\"errorMessage\":\"no \\\"such\\\" thing\"}");
    end(w, &f);
    metrics_past(w->m, S("fc/acc/region/svc/f"), &past);
    assert_string_equal(past.failures[0].message, "E: no \"such\" thing");
    fn_unref(fn);
}

static void events_are_told_by_function_and_source(void **state)
{
    static const struct metrics_events rows[] = {
            {.function = S("fc/a/r/s/f"),
             .source = S("invoked"),
             .accepted = 7,
             .done = 4,
             .dead = 3},
            {.function = S("fc/a/r/s/f"),
             .source = S("0a1b"),
             .trigger = S("ti\"ck"),
             .accepted = 2,
             .waiting = 1,
             .running = 1,
             .passed = 5},
    };
    struct world *w = *state;
    const char *text;

    w->events = rows;
    w->nevents = ARRAY_LEN(rows);
    text = scrape(w);
    assert_int_equal(w->gathered, 1);
    t_has(text, "evoke_events_accepted_total{function=\"fc/a/r/s/f\",source=\"invoked\","
                "trigger=\"\"} 7\n");
    t_has(text, "evoke_events{function=\"fc/a/r/s/f\",source=\"invoked\",trigger=\"\","
                "state=\"dead\"} 3\n");
    t_has(text, "evoke_events{function=\"fc/a/r/s/f\",source=\"0a1b\",trigger=\"ti\\\"ck\","
                "state=\"waiting\"} 1\n");
    t_has(text, "evoke_events_passed_total{function=\"fc/a/r/s/f\",source=\"0a1b\","
                "trigger=\"ti\\\"ck\"} 5\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* docs/metrics.md has the table; `test_observe_metrics --document` prints it. */
static void the_document_is_the_table(void **state)
{
    struct buf table, file;
    struct err e = {0};

    (void)state;
    buf_init(&table, 1 << 20);
    buf_init(&file, 1 << 20);
    metrics_document(&table);
    t_ok(io_read_file(AT_FDCWD, DOCUMENT, &file, &e), &e);
    if (!strstr(file.p, table.p))
        fail_msg("%s does not have this table:\n%s", DOCUMENT, table.p);
    buf_done(&table);
    buf_done(&file);
}

static int print_document(void)
{
    struct buf table;

    buf_init(&table, 1 << 20);
    metrics_document(&table);
    (void)fputs(table.p, stdout);
    buf_done(&table);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_document_is_the_table),
            TEST(a_run_is_in_the_nine_metrics),
            TEST(who_is_throttled_has_not_run),
            TEST(versions_and_triggers_are_told_apart_up_to_a_number),
            TEST(functions_beyond_the_limit_are_summed),
            TEST(another_record_of_a_function_counts_on),
            TEST(labels_are_escaped),
            TEST(events_are_told_by_function_and_source),
            TEST(numbers_are_in_base_units),
            TEST(a_hundred_scrapes_are_one_rendering),
            TEST(nobody_waits_for_ever_when_it_ends),
            TEST(deleted_functions_are_forgotten),
            TEST(the_last_minute_is_told_in_steps_of_five_seconds),
            TEST(failures_are_remembered_newest_first_and_so_many),
            TEST(a_failure_is_told_with_its_sentence),
    };

    if (argc > 1 && strcmp(argv[1], "--document") == 0)
        return print_document();
    return T_RUN(tests);
}
