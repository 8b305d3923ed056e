/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statistics.c - what a function did in the last minutes, in the cloud's series: one value per step,
 * -1 where there is none.
 *
 * The steps are minutes, longer ones for a period over a day, so that a series has 1440 values at
 * most. Of what is asked for, two things are not recorded here and are told as no data: how many
 * instances were reserved, and which failures were the platform's.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/fg.h"
#include "observe/metrics/history.h"
#include "observe/metrics/metrics.h"

enum {
    PERIOD = 2,
    VALUES = 1440,
    PERIOD_MAX = 30 * 24 * 60,
    ANSWER_MAX = 4 << 20,
    PATH = 64 << 10
};

#define NO_DATA (-1.0)

struct asked {
    struct call *call;
    int64_t from, to; /* minutes */
    uint32_t step;
};

static double per_ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static double count(const struct history_point *p)
{
    return (double)p->runs + (double)p->throttled;
}

static double failed(const struct history_point *p)
{
    return (double)p->errors + (double)p->timeouts;
}

static double rejected(const struct history_point *p)
{
    return (double)p->throttled;
}

static double mean(const struct history_point *p)
{
    return p->runs ? per_ms(p->sum_ns / p->runs) : NO_DATA;
}

static double longest(const struct history_point *p)
{
    return p->max_ns ? per_ms(p->max_ns) : NO_DATA;
}

static double shortest(const struct history_point *p)
{
    return p->min_ns ? per_ms(p->min_ns) : NO_DATA;
}

static double instances(const struct history_point *p)
{
    return (double)p->instances;
}

static const struct {
    const char *key;
    double (*value)(const struct history_point *p); /* NULL: not recorded */
} series[] = {
        {"count", count},
        {"duration", mean},
        {"fail_count", failed},
        {"max_duration", longest},
        {"min_duration", shortest},
        {"reject_count", rejected},
        {"function_error_count", failed},
        {"system_error_count", NULL},
        {"reserved_instance_num", NULL},
        {"concurrency_num", instances},
};

static void put_value(struct jw *w, int64_t minute, double v)
{
    jw_obj(w);
    jw_kint(w, "timestamp", minute * 60000);
    jw_key(w, "value");
    if (v < 0)
        jw_int(w, -1);
    else
        jw_fix(w, (uint64_t)(v * 1000 + 0.5), 3);
    jw_obj_end(w);
}

static void on_points(void *user, const struct history_point *points, size_t n)
{
    struct asked *a = user;
    struct buf body;
    struct jw w;

    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    for (size_t i = 0; i < ARRAY_LEN(series); i++) {
        size_t at = 0;

        jw_key(&w, series[i].key);
        jw_arr(&w);
        for (int64_t minute = a->from; minute < a->to; minute += a->step) {
            bool there = at < n && points[at].minute == minute;

            put_value(&w, minute,
                      there && series[i].value ? series[i].value(&points[at]) : NO_DATA);
            at += there;
        }
        jw_arr_end(&w);
    }
    jw_obj_end(&w);
    fg_reply_json(a->call, 200, &body);
    free(a);
}

struct find {
    struct str path;
    struct span span;
};

static void on_open(void *user, struct str path, const struct span *s)
{
    struct find *f = user;

    if (str_eq(path, f->path))
        f->span = *s;
}

void fg_list_statistics(struct call *c)
{
    struct find find = {0};
    struct history_ask ask = {0};
    struct fg_urn urn;
    struct fn_key key;
    struct asked *a;
    uint64_t period;
    struct buf path;

    if (!fg_target(c, &urn))
        return;
    if (str_u64(c->captures[PERIOD], 1, PERIOD_MAX, &period) < 0) {
        call_fail(c, 400, "FSS.0400", "period must be a number of minutes from 1 to %d",
                  PERIOD_MAX);
        return;
    }
    key = fg_key(&urn);
    buf_init(&path, PATH);
    fn_key_path(&key, &path);
    find.path = ask.path = buf_str(&path);
    metrics_open_minute(c->api->metrics, &ask.open.minute, on_open, &find);
    ask.open.span = span_empty(&find.span) ? NULL : &find.span;
    ask.step = (uint32_t)((period + VALUES - 1) / VALUES);
    ask.to = ask.open.minute + 1;
    ask.from = ask.to - (int64_t)(period / ask.step) * ask.step;
    a = xnew(struct asked);
    *a = (struct asked){.call = c, .from = ask.from, .to = ask.to, .step = ask.step};
    if (history_query(c->api->history, &ask, on_points, a) < 0) {
        free(a); /* an empty range: not with a period of at least a minute */
        call_fail(c, 400, "FSS.0400", "the period is too long");
    }
    buf_done(&path);
}
