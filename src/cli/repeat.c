/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repeat.c - evoke invoke --repeat N --concurrency C.
 *
 * Each of C places sends its next request when it has the answer to the last: what is measured is a
 * service under C patient callers, from the request to the answer read, connecting left out. Runs
 * that were answered count, however they ended; what was refused counts apart. When the daemon is
 * not there, or does not know us or the function, there is nothing to measure: the first such answer
 * ends it.
 */
#include "cli/repeat.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/ending.h"
#include "cli/exchange.h"
#include "cli/fan.h"
#include "cli/interrupt.h"
#include "cli/latency.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/units.h"

enum { LOOK_MS = 100, BODY_SHOWN = 2000, COLUMNS = 80 };

struct failure {                 /* the first one */
    const struct ending *ending; /* NULL: it was refused */
    struct err err;
    char *request_id, *body; /* owned */
};

struct repeat {
    struct latency latency; /* of what was answered */
    size_t wanted, at_once, started;
    size_t ended[ENDINGS]; /* answered, by endings[] */
    size_t refused, cold;
    uint64_t begun_ns, took_ns;
    struct failure first;
    bool failed, stopped; /* stopped: no use to go on */
};

static void repeat_done(struct repeat *r)
{
    latency_done(&r->latency);
    free(r->first.request_id);
    free(r->first.body);
}

/* ---- measuring ---- */

static bool ends_it(const struct err *e)
{
    return e->code == -ECONNREFUSED || e->code == -EACCES || e->code == -ENOENT ||
           e->code == -EINVAL;
}

static void note_failure(struct repeat *r, const struct fan_answer *a, const struct ending *ending)
{
    if (r->failed)
        return;
    r->failed = true;
    r->first = (struct failure){.ending = ending, .err = a->err};
    if (!ending)
        return;
    r->first.request_id = str_dup(exchange_header(a->x, "X-Evoke-Request-Id"));
    r->first.body =
            str_dup((struct str){a->body.p, a->body.n < BODY_SHOWN ? a->body.n : BODY_SHOWN});
}

static void note(struct repeat *r, const struct fan_answer *a)
{
    const struct ending *ending;

    if (a->status < 0) {
        r->refused++;
        note_failure(r, a, NULL);
        r->stopped |= ends_it(&a->err);
        return;
    }
    ending = ending_of(exchange_header(a->x, "X-Evoke-Outcome"));
    latency_add(&r->latency, a->took_ns);
    r->ended[ending - endings]++;
    r->cold += str_eq(exchange_header(a->x, "X-Evoke-Cold"), S("true"));
    if (ending != &endings[0])
        note_failure(r, a, ending);
}

static void show_progress(const struct repeat *r, struct progress *p)
{
    char done[UNITS_TEXT], all[UNITS_TEXT];
    struct buf line;
    double s = (double)(clock_mono_ns() - r->begun_ns) / 1e9;

    if (!progress_due(p))
        return;
    buf_init(&line, 256);
    buf_addf(&line, "%s of %s, %.0f/s", units_number(r->latency.n + r->refused, done),
             units_number(r->wanted, all), s > 0 ? (double)r->latency.n / s : 0);
    if (r->latency.n + r->refused > r->ended[0])
        buf_addf(&line, ", %zu failed", r->latency.n + r->refused - r->ended[0]);
    progress_line(p, buf_str(&line));
    buf_done(&line);
}

/* 0, or -EINTR. */
static int measure(struct repeat *r, struct fan *fan, const struct client_request *req,
                   struct err *e)
{
    struct progress p;
    int got = 0;

    progress_begin(&p, "");
    r->begun_ns = clock_mono_ns();
    while (got >= 0 && (fan_running(fan) > 0 || (r->started < r->wanted && !r->stopped))) {
        struct fan_answer a;

        while (r->started < r->wanted && !r->stopped && fan_running(fan) < r->at_once) {
            got = fan_start(fan, req, NULL, e);
            if (got < 0)
                break;
            r->started++;
        }
        if (got >= 0)
            got = fan_next(fan, LOOK_MS, &a);
        if (got > 0)
            note(r, &a);
        show_progress(r, &p);
    }
    r->took_ns = clock_mono_ns() - r->begun_ns;
    progress_end(&p);
    return got < 0 ? got : 0;
}

/* ---- telling ---- */

static double rate_of(const struct repeat *r)
{
    return r->took_ns ? (double)r->latency.n * 1e9 / (double)r->took_ns : 0;
}

static void add_time(struct buf *out, const char *name, uint64_t ns)
{
    char text[UNITS_TEXT];

    buf_addf(out, "  %-8s %10s\n", name, units_time(ns, text));
}

static void add_counts(const struct repeat *r, struct buf *out)
{
    char took[UNITS_TEXT], n[UNITS_TEXT];

    buf_addf(out, "%s runs in %s, %zu at once: %.1f/s, %zu cold\n", units_number(r->latency.n, n),
             units_time(r->took_ns, took), r->at_once, rate_of(r), r->cold);
    for (size_t i = 1; i < ENDINGS; i++)
        if (r->ended[i] > 0)
            buf_addf(out, "  %zu ended as %s: %s\n", r->ended[i], endings[i].name,
                     endings[i].reason);
    if (r->refused > 0)
        buf_addf(out, "  %zu were refused\n", r->refused);
}

static void print_people(struct repeat *r, const struct latency_sum *s)
{
    struct latency_bar bars[LATENCY_BARS];
    struct buf out;

    buf_init(&out, 64 << 10);
    add_counts(r, &out);
    if (s->n > 0) {
        buf_addz(&out, "\nLatency:\n");
        add_time(&out, "min", s->min_ns);
        add_time(&out, "mean", s->mean_ns);
        for (size_t i = 0; i < LATENCY_QUANTILES; i++)
            add_time(&out, latency_quantiles[i].name, s->quantile_ns[i]);
        add_time(&out, "max", s->max_ns);
        buf_addc(&out, '\n');
        latency_draw(bars, latency_bars(&r->latency, bars), COLUMNS, &out);
    }
    fputs(out.p, stdout);
    fflush(stdout);
    buf_done(&out);
}

static void put_ms(struct jw *w, const char *key, uint64_t ns)
{
    jw_key(w, key);
    jw_fix(w, ns / 1000, 3);
}

static void put_latency(struct repeat *r, const struct latency_sum *s, struct jw *w)
{
    struct latency_bar bars[LATENCY_BARS];
    size_t n = latency_bars(&r->latency, bars);

    jw_key(w, "latency_ms");
    jw_obj(w);
    put_ms(w, "min", s->min_ns);
    put_ms(w, "mean", s->mean_ns);
    for (size_t i = 0; i < LATENCY_QUANTILES; i++)
        put_ms(w, latency_quantiles[i].key, s->quantile_ns[i]);
    put_ms(w, "max", s->max_ns);
    jw_obj_end(w);
    jw_key(w, "histogram");
    jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        jw_obj(w);
        put_ms(w, "upto_ms", bars[i].upto_ns);
        jw_kint(w, "count", (int64_t)bars[i].count);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void put_failure(const struct failure *f, struct jw *w)
{
    jw_key(w, "first_failure");
    jw_obj(w);
    jw_kstrz(w, "outcome", f->ending ? f->ending->name : "refused");
    jw_kstrz(w, "message", f->ending ? f->ending->reason : f->err.msg);
    if (f->ending) {
        jw_kstrz(w, "request_id", f->request_id);
        jw_kstrz(w, "body", f->body);
    }
    jw_obj_end(w);
}

static void print_program(struct repeat *r, const struct latency_sum *s, enum output_format format)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    struct buf text;
    struct jw w;

    buf_init(&text, 1 << 20);
    jw_init(&w, &text);
    jw_obj(&w);
    jw_kint(&w, "runs", (int64_t)s->n);
    jw_kint(&w, "wanted", (int64_t)r->wanted);
    jw_kint(&w, "concurrency", (int64_t)r->at_once);
    jw_kint(&w, "cold", (int64_t)r->cold);
    jw_kint(&w, "refused", (int64_t)r->refused);
    jw_key(&w, "outcomes");
    jw_obj(&w);
    for (size_t i = 0; i < ENDINGS; i++)
        if (r->ended[i] > 0)
            jw_kint(&w, endings[i].name, (int64_t)r->ended[i]);
    jw_obj_end(&w);
    put_ms(&w, "took_ms", r->took_ns);
    jw_key(&w, "rate");
    jw_fix(&w, (uint64_t)(rate_of(r) * 10), 1);
    if (s->n > 0)
        put_latency(r, s, &w);
    if (r->failed)
        put_failure(&r->first, &w);
    jw_obj_end(&w);
    tree = json_parse(buf_str(&text), NULL);
    output_object(format, tree);
    buf_done(&text);
}

/* Its reason, for people; the exit code. */
static int tell_failure(const struct repeat *r)
{
    const struct failure *f = &r->first;
    struct term t = term_of(stderr);

    if (!r->failed)
        return EXIT_OK;
    if (!f->ending)
        return command_fail(&f->err);
    fprintf(stderr, "\nevoke: the first that failed: %s (%s), request id %s\n", f->ending->reason,
            f->ending->name, f->request_id);
    if (*f->body) {
        fputs("  ", stderr);
        (void)term_write(&t, str_of(f->body));
        fputc('\n', stderr);
    }
    fprintf(stderr, "  next: evoke logs NAME --request %s\n", f->request_id);
    return f->ending->exit_code;
}

int repeat_run(struct client *c, const struct client_request *req, size_t n, size_t at_once,
               enum output_format format)
{
    cleanup_with(repeat_done) struct repeat r = {.wanted = n, .at_once = at_once < n ? at_once : n};
    cleanup_with(fan_freep) struct fan *fan = NULL;
    struct latency_sum s;
    struct err e = {0};
    int ret, code;

    latency_init(&r.latency, n);
    ret = fan_new(c, r.at_once, &fan, &e);
    if (ret < 0)
        return command_fail(&e);
    interrupt_catch();
    ret = measure(&r, fan, req, &e);
    if (ret < 0 && ret != -EINTR)
        return command_fail(&e);
    s = latency_sum(&r.latency);
    if (format == OUTPUT_TABLE)
        print_people(&r, &s);
    else
        print_program(&r, &s, format);
    code = tell_failure(&r);
    if (ret == -EINTR)
        fprintf(stderr, "evoke: interrupted after %zu of %zu\n", r.latency.n + r.refused, n);
    return ret == -EINTR ? EXIT_INTERRUPT : code;
}
