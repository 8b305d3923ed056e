/* SPDX-License-Identifier: Apache-2.0 */
/*
 * statistics.c - what a function, or a whole project, did in the last minutes, in the cloud's series:
 * one value per step, -1 where there is none.
 *
 * The steps are minutes, longer ones for a period over a day, so that a series has 1440 values at
 * most. Of what is asked for, two things are not recorded here: which failures were the platform's is
 * told as no data, and how many instances were reserved is known of now only, which is the last value.
 */
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "dialect/functiongraph/api/fg.h"
#include "observe/metrics/history.h"
#include "observe/metrics/metrics.h"

enum {
    PERIOD = 2,
    VALUES = 1440,
    PERIOD_MAX = 30 * 24 * 60,
    DAY_MINUTES = 24 * 60,
    REPORT_MINUTES = 100, /* of instances, where nothing is said */
    REPORT_MOST = 500,
    ANSWER_MAX = 4 << 20,
};

#define NO_DATA (-1.0)

/* Which answer; a series belongs to some. */
enum form { FUNCTION = 1, SLA = 2, INSTANCES = 4, TENANT = 8, MONTHLY = 16 };

struct asked {
    struct call *call;
    enum form form;
    int64_t from, to; /* minutes */
    uint32_t step;
    double reserved; /* now; or NO_DATA */
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
    unsigned forms;
    double (*value)(const struct history_point *p); /* NULL: not recorded */
    bool reserved;
} series[] = {
        {"count", FUNCTION | SLA | TENANT, count, false},
        {"duration", FUNCTION | SLA | TENANT, mean, false},
        {"fail_count", FUNCTION | SLA | TENANT, failed, false},
        {"max_duration", FUNCTION | SLA | TENANT, longest, false},
        {"min_duration", FUNCTION | SLA | TENANT, shortest, false},
        {"reject_count", FUNCTION | SLA | TENANT, rejected, false},
        {"function_error_count", FUNCTION | SLA | TENANT, failed, false},
        {"system_error_count", FUNCTION | SLA | TENANT, NULL, false},
        {"instance_num", SLA, instances, false},
        {"instanceNum", INSTANCES, instances, false},
        {"reservedInstanceNum", INSTANCES, NULL, true},
        {"reserved_instance_num", FUNCTION | SLA | TENANT, NULL, true},
        {"concurrency_num", FUNCTION | SLA | TENANT, instances, false},
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

static void put_series(struct jw *w, const struct asked *a, size_t i,
                       const struct history_point *points, size_t n)
{
    size_t at = 0;

    jw_key(w, series[i].key);
    jw_arr(w);
    for (int64_t minute = a->from; minute < a->to; minute += a->step) {
        bool there = at < n && points[at].minute == minute, last = minute + a->step >= a->to;

        if (series[i].reserved)
            put_value(w, minute, last ? a->reserved : NO_DATA);
        else
            put_value(w, minute, there && series[i].value ? series[i].value(&points[at]) : NO_DATA);
        at += there;
    }
    jw_arr_end(w);
}

static void put_all_series(struct jw *w, const struct asked *a, const struct history_point *points,
                           size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(series); i++)
        if (series[i].forms & a->form)
            put_series(w, a, i, points, n);
}

/* One value per day on which something ran. */
static void put_days(struct jw *w, const struct history_point *points, size_t n)
{
    char text[CLOCK_TEXT];

    for (size_t i = 0; i < n; i++) {
        jw_obj(w);
        (void)clock_sql(points[i].minute * 60000, text);
        jw_kstr(w, "date", (struct str){text, 10});
        jw_kint(w, "value", (int64_t)(points[i].runs + points[i].throttled));
        jw_obj_end(w);
    }
}

static void put_tenant(struct jw *w, const struct asked *a, const struct history_point *points,
                       size_t n)
{
    jw_key(w, "count");
    jw_arr(w);
    if (a->form == MONTHLY)
        put_days(w, points, n);
    jw_arr_end(w);
    jw_key(w, "gbs");
    jw_raw(w, S("[]"));
    jw_key(w, "gpu_gbs");
    jw_raw(w, S("[]"));
    jw_key(w, "statistics");
    jw_obj(w);
    if (a->form == TENANT)
        put_all_series(w, a, points, n);
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
    if (a->form & (TENANT | MONTHLY))
        put_tenant(&w, a, points, n);
    else
        put_all_series(&w, a, points, n);
    jw_obj_end(&w);
    fg_reply_json(a->call, 200, &body);
    free(a);
}

/* Takes the time from ask. */
static void ask_history(struct call *c, enum form form, const struct history_ask *ask,
                        double reserved)
{
    struct asked *a = xnew(struct asked);

    *a = (struct asked){.call = c,
                        .form = form,
                        .from = ask->from,
                        .to = ask->to,
                        .step = ask->step,
                        .reserved = reserved};
    if (history_query(c->api->history, ask, on_points, a) < 0) {
        free(a); /* an empty range: not with a period of at least a minute */
        call_fail(c, 400, "FSS.0400", "the period is too long");
    }
}

/* The last so many minutes, the open one included. */
static void last_minutes(struct history_ask *ask, uint64_t period)
{
    ask->step = (uint32_t)((period + VALUES - 1) / VALUES);
    ask->to = ask->open.minute + 1;
    ask->from = ask->to - (int64_t)(period / ask->step) * ask->step;
}

/* ---- of one function ---- */

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

static void of_function(struct call *c, enum form form, const struct fg_urn *urn,
                        const struct fn *f, uint64_t period)
{
    cleanup_with(buf_done) struct buf path;
    struct history_ask ask = {0};
    struct find find = {0};

    buf_init(&path, FG_PATH);
    fg_path(urn, &path);
    find.path = ask.path = buf_str(&path);
    metrics_open_minute(c->api->metrics, &ask.open.minute, on_open, &find);
    ask.open.span = span_empty(&find.span) ? NULL : &find.span;
    last_minutes(&ask, period);
    ask_history(c, form, &ask, (double)f->reserved);
}

static bool read_period(struct call *c, struct str text, uint64_t *ret)
{
    if (str_u64(text, 1, PERIOD_MAX, ret) == 0)
        return true;
    call_fail(c, 400, "FSS.0400", "period must be a number of minutes from 1 to %d", PERIOD_MAX);
    return false;
}

static void of_period(struct call *c, enum form form)
{
    struct fg_urn urn;
    const struct fn *f = fg_target(c, &urn);
    uint64_t period;

    if (f && read_period(c, c->captures[PERIOD], &period))
        of_function(c, form, &urn, f, period);
}

void fg_list_statistics(struct call *c)
{
    of_period(c, FUNCTION);
}

void fg_show_sla_report(struct call *c)
{
    of_period(c, SLA);
}

/* marker and limit count minutes from the last one back: a page of one series. */
void fg_show_instance_report(struct call *c)
{
    uint64_t limit = REPORT_MINUTES, marker = 0;
    struct fg_urn urn;
    const struct fn *f = fg_target(c, &urn);

    if (!f || !fg_query_u64(c, S("limit"), &limit) || !fg_query_u64(c, S("marker"), &marker))
        return;
    if (limit == 0 || limit > REPORT_MOST)
        limit = REPORT_MOST;
    of_function(c, INSTANCES, &urn, f, limit);
}

/* ---- of a project ---- */

struct project {
    struct str account;
    const struct catalog *catalog;
    uint64_t *ids; /* owned */
    size_t n, cap;
    struct span open;
    double reserved;
};

static bool add_function(void *user, const struct fn *f)
{
    struct project *p = user;
    struct fn_key key = fn_key_of(f);
    struct buf path;

    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 64;
        p->ids = xrealloc(p->ids, p->cap, sizeof(*p->ids));
    }
    buf_init(&path, FG_PATH);
    fn_key_path(&key, &path);
    p->ids[p->n++] = history_id(buf_str(&path));
    buf_done(&path);
    p->reserved += (double)f->reserved;
    return true;
}

static void add_open(void *user, struct str path, const struct span *s)
{
    struct project *p = user;
    const struct fn *f = catalog_find_path(p->catalog, path);

    if (f && f->dialect == DIALECT_FUNCTIONGRAPH && str_eq(str_of(f->account), p->account))
        span_add(&p->open, s);
}

/* Months back as the option counts them: from the first of one to before the first of another, by
 * UTC; whole days, of which the history has the last 30. */
static void months(struct history_ask *ask, uint64_t option)
{
    static const struct {
        int back, length;
    } spans[] = {{0, 1}, {1, 1}, {2, 3}, {5, 6}};
    time_t now = (time_t)(ask->open.minute * 60);
    struct tm tm;

    (void)gmtime_r(&now, &tm);
    tm.tm_sec = tm.tm_min = tm.tm_hour = 0;
    tm.tm_mday = 1;
    tm.tm_mon -= spans[option].back;
    ask->from = timegm(&tm) / 60;
    tm.tm_mon += spans[option].length;
    ask->to = timegm(&tm) / 60;
    ask->step = DAY_MINUTES;
}

static bool read_tenant(struct call *c, enum form *form, uint64_t *period, uint64_t *option)
{
    struct str filter = call_query(c, S("filter")), minutes = call_query(c, S("period"));

    *form = str_eq(filter, S("monthly_report")) ? MONTHLY : TENANT;
    if (*form == TENANT && !str_eq(filter, S("monitor_data"))) {
        call_fail(c, 400, "FSS.0400", "filter is neither monitor_data nor monthly_report");
        return false;
    }
    *period = 60;
    if (*form == TENANT && minutes.n > 0 && !read_period(c, minutes, period))
        return false;
    if (str_u64(call_query(c, S("option")), 0, 3, option) < 0)
        *option = 0; /* as the cloud does with what it does not know */
    return true;
}

void fg_list_tenant_statistics(struct call *c)
{
    struct catalog_filter filter = {.dialect = DIALECT_FUNCTIONGRAPH};
    struct project p = {.catalog = c->api->catalog};
    uint64_t period, option, none = 0;
    struct history_ask ask = {0};
    enum form form;

    if (!fg_project(c, &filter.account) || !read_tenant(c, &form, &period, &option))
        return;
    p.account = filter.account;
    catalog_each(c->api->catalog, &filter, add_function, &p);
    ask.ids = p.ids ? p.ids : &none;
    ask.nids = p.n;
    metrics_open_minute(c->api->metrics, &ask.open.minute, add_open, &p);
    ask.open.span = span_empty(&p.open) ? NULL : &p.open;
    if (form == MONTHLY)
        months(&ask, option);
    else
        last_minutes(&ask, period);
    ask_history(c, form, &ask, p.reserved);
    free(p.ids);
}
