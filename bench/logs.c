/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs.c - how long a search of the function log takes: a store of N lines is made through the
 * store's own writer, then asked. `logs [LINES [LINES_PER_RUN]]`, 10,000,000 and 10 if left out; each
 * line has about 100 bytes. The best and the median of five of each question. docs/bench.md
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "fn/fn.h"
#include "loop/loop.h"
#include "observe/logs/logs.h"

enum { FUNCTIONS = 20, ROUNDS = 5 };

struct world {
    struct loop *loop;
    struct logs *logs;
    struct fn *fns[FUNCTIONS];
    uint64_t runs, lines_per_run;
    int64_t middle_ms; /* when half was written */
    bool done;
    uint64_t found, lines;
    char request[64]; /* one in the middle */
};

static void on_time(void *user)
{
    *(bool *)user = true;
}

static void turn(struct world *w)
{
    struct loop_timer *t = loop_timer_new(w->loop, on_time, &w->done);

    w->done = false;
    loop_timer_start(t, 1);
    loop_run_until(w->loop, &w->done);
    loop_timer_free(t);
}

static void settle(struct world *w, uint64_t most)
{
    struct logs_stats st;

    for (logs_stats(w->logs, &st); st.buffer_bytes > most; logs_stats(w->logs, &st))
        turn(w);
}

static void one_run(struct world *w, uint64_t i)
{
    const struct fn *fn = w->fns[i % FUNCTIONS];
    char request[64], line[160];
    struct run_facts f = {.fn = fn,
                          .request_id = request,
                          .instance_id = "5f0c8a4e-6a55-4a4f-9df5-6f1a6c1f2d11",
                          .version = "latest",
                          .outcome = i % 1000 == 7 ? OUTCOME_ERROR : OUTCOME_OK,
                          .duration_ns = 1000000 + i};
    void *run;

    (void)snprintf(request, sizeof(request), "%08llx-0000-4000-8000-%012llx",
                   (unsigned long long)(i * 2654435761u & 0xffffffff), (unsigned long long)i);
    if (i == w->runs / 2) {
        w->middle_ms = clock_wall_ms();
        (void)snprintf(w->request, sizeof(w->request), "%s", request);
    }
    run = logs_watch.begin(w->logs, &f);
    for (uint64_t k = 0; k < w->lines_per_run; k++) {
        int n = snprintf(line, sizeof(line),
                         "2026-11-22T05:00:00.000Z INFO order %llu of customer %llu took %llu us, "
                         "state=%s, step %llu\n",
                         (unsigned long long)(i * 7919), (unsigned long long)(i % 10007),
                         (unsigned long long)(i % 997), i % 200003 == 5 ? "needle" : "delivered",
                         (unsigned long long)k);

        logs_watch.log(w->logs, run, &f, (struct str){line, (size_t)n});
    }
    logs_watch.end(w->logs, run, &f);
}

static void fill(struct world *w)
{
    uint64_t since = clock_mono_ns();
    struct logs_stats st;

    for (uint64_t i = 0; i < w->runs; i++) {
        one_run(w, i);
        if (i % 256 == 0)
            settle(w, 8 << 20);
    }
    settle(w, 0);
    logs_stats(w->logs, &st);
    printf("filled: %llu lines, %.2f GB of text in %llu records, %.1f s, %llu lines dropped\n",
           (unsigned long long)st.lines, (double)st.bytes / 1e9, (unsigned long long)st.records,
           (double)(clock_mono_ns() - since) / 1e9, (unsigned long long)st.dropped_lines);
}

static void on_record(void *user, struct str function, const struct log_record *r)
{
    struct world *w = user;

    (void)function;
    w->found++;
    w->lines += log_lines(r->text);
}

static void on_done(void *user, const struct logs_answer *a)
{
    struct world *w = user;

    if (a->r < 0)
        printf("failed: %s\n", a->err->msg);
    w->done = !a->more || w->found >= 1000;
    if (a->more && !w->done)
        printf("  (more than one answer)\n");
    w->done = true;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void ask(struct world *w, const char *what, const struct logs_query *q)
{
    static const struct logs_reader_ops ops = {.record = on_record, .done = on_done};
    uint64_t took[ROUNDS];
    struct err e = {0};

    for (int i = 0; i < ROUNDS; i++) {
        uint64_t since = clock_mono_ns();

        w->done = false;
        w->found = w->lines = 0;
        if (logs_read(w->logs, q, &ops, w, &e) < 0) {
            printf("%s: %s\n", what, e.msg);
            return;
        }
        loop_run_until(w->loop, &w->done);
        took[i] = clock_mono_ns() - since;
    }
    qsort(took, ROUNDS, sizeof(took[0]), by_value);
    printf("| %s | %.1f ms | %.1f ms | %llu records, %llu lines |\n", what, (double)took[0] / 1e6,
           (double)took[ROUNDS / 2] / 1e6, (unsigned long long)w->found,
           (unsigned long long)w->lines);
}

static struct logs_query everything(struct str function)
{
    struct logs_query q;

    logs_query_init(&q);
    q.function = function;
    return q;
}

static void ask_all(struct world *w, struct str function)
{
    struct logs_query q = everything(function);

    printf("| %s | best | median | found |\n| --- | --- | --- | --- |\n",
           function.n ? "one function" : "all functions");
    q.last = 100;
    ask(w, "last 100", &q);
    q = everything(function);
    q.since_ms = w->middle_ms;
    q.until_ms = w->middle_ms + 10;
    ask(w, "10 ms in the middle", &q);
    q = everything(function);
    q.request_id = str_of(w->request);
    ask(w, "one request", &q);
    q = everything(function);
    q.status = OUTCOME_CLASS_ERROR;
    ask(w, "status error", &q);
    q.status = OUTCOME_CLASS_TIMEOUT;
    ask(w, "status timeout, none", &q);
    q = everything(function);
    q.grep = S("needle");
    ask(w, "grep, rare", &q);
    q.grep = S("state=(lost|broken)");
    ask(w, "grep, none", &q);
    q.grep = S("(?i)Needle$|took 1000 us");
    ask(w, "grep, no case, none", &q);
    q.grep = S("customer 77 took \\d+ us");
    ask(w, "grep, first 1000 records", &q);
}

int main(int argc, char **argv)
{
    uint64_t lines = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    struct world w = {.lines_per_run = argc > 2 ? strtoull(argv[2], NULL, 10) : 10};
    char dir[] = "/tmp/evoke-bench-logs-XXXXXX", *logs;
    struct logs_conf conf;
    struct err e = {0};

    if (!mkdtemp(dir))
        return 70;
    logs = xasprintf("%s/logs", dir);
    w.runs = lines / w.lines_per_run;
    logs_conf_default(&conf);
    conf.function_bytes = conf.total_bytes = 64ull << 30;
    conf.segment_bytes = 16 << 20;
    conf.flush_ms = 1;
    w.loop = loop_new();
    if (logs_open(w.loop, logs, &conf, &w.logs, &e) < 0) {
        fprintf(stderr, "%s\n", e.msg);
        return 70;
    }
    for (int i = 0; i < FUNCTIONS; i++) {
        char name[32];
        struct fn_key key = {DIALECT_FUNCTIONGRAPH, S("p"), S("r"), S("default"), STR_NONE};

        (void)snprintf(name, sizeof(name), "f%d", i);
        key.name = str_of(name);
        w.fns[i] = fn_new(&key);
    }
    fill(&w);
    ask_all(&w, STR_NONE);
    ask_all(&w, S("functiongraph/p/r/default/f0"));
    logs_free(w.logs);
    loop_free(w.loop);
    for (int i = 0; i < FUNCTIONS; i++)
        fn_unref(w.fns[i]);
    (void)io_remove_tree(AT_FDCWD, dir);
    free(logs);
    return 0;
}
