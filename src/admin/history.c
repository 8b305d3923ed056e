/* SPDX-License-Identifier: Apache-2.0 */
/* history.c - what a function, or all of them, did minute by minute. */
#include <errno.h>
#include <stdlib.h>

#include "admin/handlers.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "observe/metrics/history.h"
#include "observe/metrics/metrics.h"

enum { HISTORY_MAX = 64 << 20, DAYS = 30 };

#define MINUTE_MS 60000ll
#define DAY_MS    (1440 * MINUTE_MS)

struct asked {
    struct call *call;
    uint32_t step; /* minutes */
};

struct find {
    struct str path; /* empty: the sum */
    struct span span;
};

static void on_open(void *user, struct str path, const struct span *s)
{
    struct find *f = user;

    if (f->path.n == 0)
        span_add(&f->span, s);
    else if (str_eq(f->path, path))
        f->span = *s;
}

static void put_ms(struct jw *w, const char *key, uint64_t ns)
{
    jw_key(w, key);
    jw_fix(w, ns / 1000, 3);
}

static void put_point(struct jw *w, const struct history_point *p)
{
    jw_obj(w);
    jw_kint(w, "time_ms", p->minute * MINUTE_MS);
    jw_kint(w, "runs", (int64_t)p->runs);
    jw_kint(w, "errors", (int64_t)p->errors);
    jw_kint(w, "timeouts", (int64_t)p->timeouts);
    jw_kint(w, "throttled", (int64_t)p->throttled);
    jw_kint(w, "cold", (int64_t)p->cold);
    jw_key(w, "duration_ms");
    jw_obj(w);
    put_ms(w, "sum", p->sum_ns);
    put_ms(w, "max", p->max_ns);
    put_ms(w, "p50", p->p50_ns);
    put_ms(w, "p99", p->p99_ns);
    jw_obj_end(w);
    jw_kint(w, "instances", (int64_t)p->instances);
    jw_kint(w, "memory_bytes", (int64_t)p->memory_bytes);
    jw_obj_end(w);
}

static void on_points(void *user, const struct history_point *points, size_t n)
{
    struct asked *a = user;
    struct buf body;
    struct jw w;

    buf_init(&body, HISTORY_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kint(&w, "step_s", (int64_t)a->step * 60);
    jw_key(&w, "points");
    jw_arr(&w);
    for (size_t i = 0; i < n; i++)
        put_point(&w, &points[i]);
    jw_arr_end(&w);
    jw_obj_end(&w);
    call_reply_buf(a->call, 200, S("application/json"), &body);
    free(a);
}

/* False: it has replied. */
static bool take_number(struct call *c, const char *name, uint64_t min, uint64_t max, uint64_t *ret)
{
    struct str value = call_query(c, str_of(name));

    if (value.n == 0 || str_u64(value, min, max, ret) == 0)
        return true;
    call_fail(c, 400, NULL, "%s must be a number from %llu to %llu", name, (unsigned long long)min,
              (unsigned long long)max);
    return false;
}

void admin_history(struct call *c)
{
    uint64_t now = (uint64_t)clock_wall_ms(), from = now - 60 * MINUTE_MS, to = now + 1,
             step_s = 60;
    struct find find = {.path = call_query(c, S("function"))};
    struct history_ask ask;
    struct asked *a;
    int r;

    if (!take_number(c, "from_ms", 0, INT64_MAX / 2, &from) ||
        !take_number(c, "to_ms", 0, INT64_MAX / 2, &to) ||
        !take_number(c, "step_s", 60, DAYS * DAY_MS / 1000, &step_s))
        return;
    if (step_s % 60 != 0) {
        call_fail(c, 400, NULL, "step_s must be a number of whole minutes, 60 or a multiple of it");
        return;
    }
    if (to <= from || (int64_t)(to - from) > (DAYS + 1) * DAY_MS) {
        call_fail(c, 400, NULL, "from_ms to to_ms must be a time of up to %d days", DAYS + 1);
        return;
    }
    ask = (struct history_ask){.path = find.path,
                               .from = (int64_t)from / MINUTE_MS,
                               .to = ((int64_t)to + MINUTE_MS - 1) / MINUTE_MS,
                               .step = (uint32_t)(step_s / 60)};
    metrics_open_minute(c->api->metrics, &ask.open.minute, on_open, &find);
    ask.open.span = span_empty(&find.span) ? NULL : &find.span;
    a = xnew(struct asked);
    *a = (struct asked){.call = c, .step = ask.step};
    r = history_query(c->api->history, &ask, on_points, a);
    if (r == 0)
        return;
    free(a);
    call_fail(c, 400, NULL, "from_ms to to_ms in steps of step_s are more than %d points",
              HISTORY_POINTS);
}
