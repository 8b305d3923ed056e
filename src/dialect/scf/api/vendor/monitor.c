/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor.c - MONITOR, version 2018-07-24: GetMonitorData of functions, out of the history that every
 * daemon keeps (observe/metrics/history.h).
 *
 * A point stands for a period of at least a minute in which something happened, as in the cloud, where a
 * time without data has no point. What is not recorded (bytes sent, memory) has none at all. A time without
 * a zone is this machine's local one: the vendor's plugin sends its own machine's.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "dialect/scf/api/vendor/vendor.h"
#include "fn/fn.h"
#include "observe/metrics/history.h"
#include "observe/metrics/metrics.h"

enum { INSTANCES = 10, POINTS = 1440, PERIOD_S = 300, PATH_MAX_ = 8 << 10, TIME_MAX = 32 };

/* ---- what is measured ---- */

static double invocations(const struct history_point *p)
{
    return (double)p->runs;
}

static double errors(const struct history_point *p)
{
    return (double)(p->errors + p->timeouts);
}

static double duration(const struct history_point *p)
{
    return p->runs ? (double)p->sum_ns / (double)p->runs / 1e6 : 0;
}

static double throttled(const struct history_point *p)
{
    return (double)p->throttled;
}

static double concurrent(const struct history_point *p)
{
    return (double)p->instances;
}

static const struct metric {
    const char *name;
    double (*value)(const struct history_point *p); /* NULL: not recorded */
} metrics[] = {
        {"Invocation", invocations},
        {"Error", errors},
        {"Duration", duration},
        {"OutFlow", NULL},
        {"Mem", NULL},
        {"MemDuration", NULL},
        {"Throttle", throttled},
        {"ConcurrentExecutions", concurrent},
        {"FunctionErrorPercentage", NULL},
};

static const struct metric *metric_of(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
        if (str_ieq(name, str_of(metrics[i].name)))
            return &metrics[i];
    return NULL;
}

/* ---- the question ---- */

struct asked {
    struct call *call;
    struct cJSON *params;   /* owned */
    char *account, *region; /* owned: the request may be gone before its answer is */
    const struct cJSON *instance;
    const struct metric *metric;
    int64_t from_s, to_s, period_s;
    struct scf_answer a;
};

/* "2026-11-21T20:03:43+08:00", "...Z", "2026-11-21 20:03:43" */
static int read_time(struct str text, int64_t *ret_s)
{
    char copy[TIME_MAX + 1];
    struct tm tm = {.tm_isdst = -1};
    const char *rest;
    long offset_s;

    if (text.n > TIME_MAX)
        return -EINVAL;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    rest = strptime(
            copy, text.n > 10 && copy[10] == 'T' ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
    if (!rest)
        return -EINVAL;
    if (*rest == '\0') {
        *ret_s = mktime(&tm);
        return 0;
    }
    rest = strptime(rest, "%z", &tm);
    if (!rest || *rest != '\0')
        return -EINVAL;
    offset_s = tm.tm_gmtoff; /* which timegm() takes away */
    *ret_s = timegm(&tm) - offset_s;
    return 0;
}

static bool read_times(struct call *c, struct asked *q)
{
    struct str from = scf_text(q->params, "StartTime"), to = scf_text(q->params, "EndTime");
    int64_t now_s = clock_wall_ms() / 1000;

    q->period_s = scf_number(q->params, "Period", PERIOD_S);
    q->to_s = now_s;
    q->from_s = now_s - q->period_s;
    if ((from.n && read_time(from, &q->from_s) < 0) || (to.n && read_time(to, &q->to_s) < 0)) {
        scf_fail(c, "InvalidParameterValue",
                 "StartTime and EndTime are like 2018-09-22T19:51:23+08:00.");
    } else if (q->period_s < 60 || q->period_s > 86400 || q->period_s % 60 != 0) {
        scf_fail(c, "InvalidParameterValue",
                 "Period is a number of minutes, in seconds, up to a day.");
    } else if (q->to_s < q->from_s) {
        scf_fail(c, "InvalidParameterValue", "EndTime is before StartTime.");
    } else if ((q->to_s - q->from_s) / q->period_s > POINTS) {
        scf_fail(c, "LimitExceeded", "One request has at most 1440 points.");
    } else {
        return true;
    }
    return false;
}

static bool read_instances(struct call *c, struct asked *q)
{
    const struct cJSON *list = json_get(q->params, "Instances");

    q->metric = metric_of(scf_text(q->params, "MetricName"));
    q->instance = list->child;
    if (!str_ieq(scf_text(q->params, "Namespace"), S("QCE/SCF_V2")))
        scf_fail(c, "InvalidParameterValue",
                 "Namespace is QCE/SCF_V2: only functions are measured here.");
    else if (!q->metric)
        scf_fail(c, "InvalidParameterValue", "There is no such metric of functions.");
    else if (!list->child || cJSON_GetArraySize(list) > INSTANCES)
        scf_fail(c, "InvalidParameterValue", "Instances are 1 to 10.");
    else
        return true;
    return false;
}

static struct asked *asked_free(struct asked *q)
{
    json_free(q->params);
    free(q->account);
    free(q->region);
    free(q);
    return NULL;
}

/* ---- the answer, one instance after the other ---- */

static struct str dimension(const struct cJSON *instance, struct str name)
{
    const struct cJSON *d;

    cJSON_ArrayForEach(
            d, json_get(instance, "Dimensions")) if (str_ieq(scf_text(d, "Name"),
                                                             name)) return scf_text(d, "Value");
    return STR_NONE;
}

static void put_point(struct asked *q, const struct history_point *points, size_t n)
{
    struct jw *w = &q->a.w;
    const struct cJSON *d;

    n = q->metric->value ? n : 0;
    jw_obj(w);
    jw_key(w, "Dimensions");
    jw_arr(w);
    cJSON_ArrayForEach(d, json_get(q->instance, "Dimensions"))
    {
        jw_obj(w);
        jw_kstr(w, "Name", scf_text(d, "Name"));
        jw_kstr(w, "Value", scf_text(d, "Value"));
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_key(w, "Timestamps");
    jw_arr(w);
    for (size_t i = 0; i < n; i++)
        jw_int(w, points[i].minute * 60);
    jw_arr_end(w);
    jw_key(w, "Values");
    jw_arr(w);
    for (size_t i = 0; i < n; i++)
        jw_fix(w, (uint64_t)(q->metric->value(&points[i]) * 1000 + 0.5), 3);
    jw_arr_end(w);
    jw_obj_end(w);
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

static void ask_next(struct asked *q);

static void on_points(void *user, const struct history_point *points, size_t n)
{
    struct asked *q = user;

    put_point(q, points, n);
    q->instance = q->instance->next;
    ask_next(q);
}

static void finish(struct asked *q)
{
    struct call *c = q->call;
    char text[CLOCK_TEXT];

    jw_arr_end(&q->a.w);
    jw_kint(&q->a.w, "Period", q->period_s);
    jw_kstrz(&q->a.w, "MetricName", q->metric->name);
    jw_kstrz(&q->a.w, "StartTime", clock_iso(q->from_s * 1000, text));
    jw_kstrz(&q->a.w, "EndTime", clock_iso(q->to_s * 1000, text));
    scf_send(c, &q->a);
    asked_free(q);
}

static void ask_next(struct asked *q)
{
    cleanup_with(buf_done) struct buf path;
    struct history_ask ask = {0};
    struct find find = {0};
    struct fn_key key;
    struct str space;

    buf_init(&path, PATH_MAX_);
    if (!q->instance) {
        finish(q);
        return;
    }
    space = dimension(q->instance, S("namespace"));
    key = (struct fn_key){.dialect = DIALECT_SCF,
                          .account = str_of(q->account),
                          .region = str_of(q->region),
                          .space = space.n ? space : S("default"),
                          .name = dimension(q->instance, S("functionName"))};
    fn_key_path(&key, &path);
    find.path = ask.path = buf_str(&path);
    metrics_open_minute(q->call->api->metrics, &ask.open.minute, on_open, &find);
    ask.open.span = span_empty(&find.span) ? NULL : &find.span;
    ask.step = (uint32_t)(q->period_s / 60);
    ask.from = q->from_s / q->period_s * ask.step;
    ask.to = (q->to_s / q->period_s + 1) * ask.step;
    if (history_query(q->call->api->history, &ask, on_points, q) < 0)
        on_points(q, NULL, 0);
}

static void get_monitor_data(struct call *c)
{
    struct cJSON *p = scf_params(c);
    struct asked *q;

    if (!p)
        return;
    q = xnew(struct asked);
    q->call = c;
    q->params = p;
    q->account = str_dup(scf_account(c));
    q->region = str_dup(scf_region(c));
    if (!read_instances(c, q) || !read_times(c, q)) {
        asked_free(q);
        return;
    }
    scf_begin(&q->a, SCF_ANSWER_MAX);
    jw_key(&q->a.w, "DataPoints");
    jw_arr(&q->a.w);
    ask_next(q);
}

/* ---- the table ---- */

static const struct scf_object objects[] = {
        {"Dimension", "Name! Value!"},
        {"Instance", "Dimensions!:[Dimension]"},
};

static const struct api_op ops[] = {
        {.route = {"POST", "/"},
         .name = "GetMonitorData",
         .handle = get_monitor_data,
         .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL,
         .model = "Namespace! MetricName! Instances!:[Instance] Period:i StartTime EndTime "
                  "SpecifyStatistics:i",
         .partly = "functions only; bytes sent and memory are not recorded and have no points"},
};

const struct scf_service monitor_service = {
        .name = "monitor",
        .version = "2018-07-24",
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .objects = objects,
        .nobjects = ARRAY_LEN(objects),
};
