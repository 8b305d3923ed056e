/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top.c - what every function does at the moment, busiest first.
 *
 * Up to a minute back it is told from cells of five seconds, further back from whole minutes; the
 * answer says how long the time is that it covers. A function that only has instances is there too.
 */
#include <stdlib.h>

#include "admin/handlers.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "base/obj.h"
#include "observe/metrics/history.h"
#include "observe/metrics/metrics.h"
#include "pool/state.h"

enum { TOP_MAX = 64 << 20, WINDOW_MAX_S = 3600, WINDOW_DEFAULT_S = 60 };

struct line {        /* one function */
    struct str path; /* owned */
    struct span span;
    struct pool_use use;
};

struct top {
    const struct call *call;
    struct map *lines; /* struct line, by path */
    struct map *by_id; /* the same, by history_id(): for what comes from minutes */
};

/* "functiongraph/<account>/...": whoever asks may be allowed to see one account only. */
static bool may_see(const struct call *c, struct str path)
{
    struct str rest = path, dialect = str_cut(&rest, '/'), account = str_cut(&rest, '/');
    enum dialect d;

    return call_sees(c, dialect_of(dialect, &d) == 0 ? (int)d : -1, account);
}

static struct line *line_of(struct top *t, struct str path)
{
    struct line *line = map_get(t->lines, path);
    uint64_t id = history_id(path);

    if (line)
        return line;
    line = xnew(struct line);
    line->path = (struct str){str_dup(path), path.n};
    map_put(t->lines, line->path, line);
    map_put(t->by_id, (struct str){(const char *)&id, sizeof(id)}, line);
    return line;
}

static void on_span(void *user, struct str path, const struct span *s)
{
    struct top *t = user;

    if (may_see(t->call, path))
        span_follow(&line_of(t, path)->span, s);
}

static void on_use(void *user, struct str path, const struct pool_use *use)
{
    struct top *t = user;

    if (may_see(t->call, path))
        line_of(t, path)->use = *use;
}

static void on_known(void *user, struct str path)
{
    struct top *t = user;

    if (may_see(t->call, path))
        (void)line_of(t, path);
}

static void on_minute(void *user, uint64_t id, const struct span *s)
{
    struct top *t = user;
    struct line *line = map_get(t->by_id, (struct str){(const char *)&id, sizeof(id)});

    if (line)
        span_follow(&line->span, s);
}

/* Returns the milliseconds that were looked at. */
static uint64_t gather(struct top *t, uint32_t window_s)
{
    const struct api *api = t->call->api;
    int64_t minute, now_ms = clock_wall_ms();
    uint64_t covered_ms;

    pool_each_use(api->pool, on_use, t);
    if (window_s <= METRICS_RECENT_S) {
        metrics_recent(api->metrics, window_s, &covered_ms, on_span, t);
        return covered_ms;
    }
    metrics_each(api->metrics, on_known, t);
    metrics_open_minute(api->metrics, &minute, on_span, t);
    history_recent(api->history, minute - (window_s + 59) / 60 + 1, minute, on_minute, t);
    covered_ms = (uint64_t)(now_ms - minute * 60000) + (uint64_t)((window_s + 59) / 60 - 1) * 60000;
    return covered_ms;
}

static int by_work(const void *a, const void *b)
{
    const struct line *x = *(const struct line *const *)a, *y = *(const struct line *const *)b;

    if (x->span.runs != y->span.runs)
        return x->span.runs > y->span.runs ? -1 : 1;
    return str_cmp(x->path, y->path);
}

static void put_line(struct jw *w, const struct line *line, uint64_t covered_ms,
                     const struct metrics *m)
{
    const struct span *s = &line->span;
    struct metrics_past past = {0};

    jw_obj(w);
    jw_kstr(w, "function", line->path);
    jw_kint(w, "runs", (int64_t)s->runs);
    jw_kint(w, "errors", (int64_t)s->errors);
    jw_kint(w, "timeouts", (int64_t)s->timeouts);
    jw_kint(w, "throttled", (int64_t)s->throttled);
    jw_key(w, "rate");
    jw_fix(w, covered_ms ? s->runs * 1000000 / covered_ms : 0, 3);
    jw_key(w, "p50_ms");
    jw_fix(w, sketch_quantile_ns(&s->took, 0.5) / 1000, 3);
    jw_key(w, "p99_ms");
    jw_fix(w, sketch_quantile_ns(&s->took, 0.99) / 1000, 3);
    jw_kint(w, "cold", (int64_t)s->cold);
    jw_kint(w, "instances", line->use.instances);
    jw_kint(w, "busy", line->use.busy);
    jw_kint(w, "waiting", line->use.waiting);
    jw_kint(w, "memory_bytes", (int64_t)line->use.memory_bytes);
    metrics_past(m, line->path, &past);
    jw_kint(w, "last_run_ms", past.last_ms);
    jw_obj_end(w);
}

static bool says_nothing(const struct line *line)
{
    return line->span.runs == 0 && line->span.throttled == 0 && line->use.instances == 0 &&
           line->use.waiting == 0;
}

static void put_lines(struct jw *w, const struct top *t, uint64_t covered_ms)
{
    struct line **lines = xcalloc(map_count(t->lines) + 1, sizeof(struct line *));
    size_t cursor = 0, n = 0;
    struct str path;
    void *line;

    while (map_next(t->lines, &cursor, &path, &line))
        lines[n++] = line;
    qsort(lines, n, sizeof(struct line *), by_work);
    for (size_t i = 0; i < n; i++) {
        if (!says_nothing(lines[i]))
            put_line(w, lines[i], covered_ms, t->call->api->metrics);
        free((char *)lines[i]->path.p);
        free(lines[i]);
    }
    free(lines);
}

void admin_top(struct call *c)
{
    struct top t = {.call = c, .lines = map_new(), .by_id = map_new()};
    struct str window = call_query(c, S("window_s"));
    uint64_t window_s = WINDOW_DEFAULT_S, covered_ms;
    struct buf body;
    struct jw w;

    if (window.n > 0 && str_u64(window, 1, WINDOW_MAX_S, &window_s) < 0) {
        call_fail(c, 400, NULL, "window_s must be a number from 1 to %d", WINDOW_MAX_S);
        goto out;
    }
    covered_ms = gather(&t, (uint32_t)window_s);
    buf_init(&body, TOP_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kint(&w, "window_s", (int64_t)window_s);
    jw_key(&w, "covered_s");
    jw_fix(&w, covered_ms, 3);
    jw_key(&w, "functions");
    jw_arr(&w);
    put_lines(&w, &t, covered_ms);
    jw_arr_end(&w);
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &body);
out:
    map_free(t.lines);
    map_free(t.by_id);
}
