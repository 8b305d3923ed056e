/* SPDX-License-Identifier: Apache-2.0 */
/* logs_rig.h - a store in a directory of its own, runs told to it, and answers kept. */
#ifndef EVOKE_TESTS_LOGS_RIG_H
#define EVOKE_TESTS_LOGS_RIG_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/obj.h"
#include "fn/fn.h"
#include "loop/loop.h"
#include "observe/logs/logs.h"
#include "t.h"
#include "tempdir.h"

struct rig {
    struct loop *loop;
    struct logs *logs;
    char *dir, *logs_dir; /* owned */
    struct logs_conf conf;
    struct fn *fn;
};

struct got {
    uint64_t seq;
    int64_t time_ms;
    enum log_kind kind;
    uint8_t flags, outcome;
    uint64_t lost_lines, lost_bytes;
    uint32_t lines;
    char *text, *request, *function, *reason; /* owned */
};

struct answer {
    struct got *got;
    size_t n, cap;
    struct buf text; /* of all of them */
    uint64_t cursor, lost_lines, lost_bytes;
    bool more, done, unwanted;
    int r;
    struct err err;
};

static inline struct fn *rig_fn(const char *name)
{
    struct fn_key key = {DIALECT_FUNCTIONGRAPH, S("p"), S("r"), S("default"), str_of(name)};
    struct fn *f = fn_new(&key);

    fn_set(&f->version, S("latest"));
    return f;
}

static inline void rig_open(struct rig *g)
{
    struct err e = {0};

    g->loop = g->loop ? g->loop : loop_new();
    t_ok(logs_open(g->loop, g->logs_dir, &g->conf, &g->logs, &e), &e);
}

static inline struct rig rig_new(void)
{
    struct rig g = {.dir = tempdir_new_in_memory(), .fn = rig_fn("hello")};

    g.logs_dir = xasprintf("%s/logs", g.dir);
    logs_conf_default(&g.conf);
    g.conf.flush_ms = 1;
    return g;
}

static inline void rig_close(struct rig *g)
{
    g->logs = logs_free(g->logs);
}

static inline void rig_done(struct rig *g)
{
    if (g->logs)
        rig_close(g);
    if (g->loop)
        loop_free(g->loop);
    fn_unref(g->fn);
    free(g->logs_dir);
    g->dir = tempdir_free(g->dir);
}

static inline struct run_facts rig_facts(const struct fn *fn, const char *request)
{
    return (struct run_facts){.fn = fn,
                              .request_id = request,
                              .instance_id = "instance-1",
                              .version = "latest",
                              .outcome = OUTCOME_OK,
                              .duration_ns = 5000000,
                              .billed_ms = 5};
}

/* One whole run. */
static inline void rig_run(struct rig *g, const struct fn *fn, const char *request,
                           enum outcome outcome, const char *text)
{
    struct run_facts f = rig_facts(fn, request);
    void *run;

    f.outcome = outcome;
    run = logs_watch.begin(g->logs, &f);
    logs_watch.log(g->logs, run, &f, str_of(text));
    logs_watch.end(g->logs, run, &f);
}

static inline void answer_record(void *user, struct str function, const struct log_record *r)
{
    struct answer *a = user;

    if (a->n == a->cap) {
        a->cap = a->cap ? a->cap * 2 : 64;
        a->got = xrealloc(a->got, a->cap, sizeof(*a->got));
    }
    a->got[a->n++] = (struct got){.seq = r->seq,
                                  .time_ms = r->time_ms,
                                  .kind = r->kind,
                                  .flags = r->flags,
                                  .outcome = r->outcome,
                                  .lost_lines = r->lost_lines,
                                  .lost_bytes = r->lost_bytes,
                                  .lines = r->lines,
                                  .text = str_dup(r->text),
                                  .request = str_dup(r->request_id),
                                  .function = str_dup(function),
                                  .reason = str_dup(r->reason)};
    buf_adds(&a->text, r->text);
}

static inline void answer_done(void *user, const struct logs_answer *la)
{
    struct answer *a = user;

    a->r = la->r;
    if (la->err)
        a->err = *la->err;
    a->cursor = la->cursor;
    a->more = la->more;
    a->lost_lines = la->lost_lines;
    a->lost_bytes = la->lost_bytes;
    a->done = true;
}

static inline bool answer_wanted(void *user)
{
    return !((struct answer *)user)->unwanted;
}

static const struct logs_reader_ops answer_ops = {
        .record = answer_record, .done = answer_done, .wanted = answer_wanted};

static inline struct answer *answer_new(void)
{
    struct answer *a = xnew(struct answer);

    buf_init(&a->text, 64 << 20);
    return a;
}

static inline void answer_free(struct answer *a)
{
    for (size_t i = 0; i < a->n; i++) {
        free(a->got[i].text);
        free(a->got[i].request);
        free(a->got[i].function);
        free(a->got[i].reason);
    }
    free(a->got);
    buf_done(&a->text);
    free(a);
}

static inline struct answer *rig_read(struct rig *g, const struct logs_query *q)
{
    struct answer *a = answer_new();
    struct err e = {0};

    t_ok(logs_read(g->logs, q, &answer_ops, a, &e), &e);
    loop_run_until(g->loop, &a->done);
    return a;
}

static inline void rig_on_time(void *user)
{
    *(bool *)user = true;
}

static inline void rig_turn(struct rig *g)
{
    bool turned = false;
    struct loop_timer *t = loop_timer_new(g->loop, rig_on_time, &turned);

    loop_timer_start(t, 1);
    loop_run_until(g->loop, &turned);
    loop_timer_free(t);
}

/* Everything told so far is on disk, or told as lost. */
static inline void rig_settle(struct rig *g)
{
    struct logs_stats st;

    for (logs_stats(g->logs, &st); st.buffer_bytes > 0; logs_stats(g->logs, &st))
        rig_turn(g);
}

/* Everything there is to read of a function, "" for all. */
static inline struct answer *rig_read_all(struct rig *g, const char *function)
{
    struct logs_query q;

    rig_settle(g);
    logs_query_init(&q);
    q.function = str_of(function);
    q.limit = LOGS_LIMIT_MAX;
    return rig_read(g, &q);
}

#define HELLO "functiongraph/p/r/default/hello"

#endif
