/* SPDX-License-Identifier: Apache-2.0 */
/* state_view.c - instances, starts and failures as small tables. */
#include "cli/state_view.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/output.h"
#include "cli/units.h"
#include "cli/view.h"

enum { ROWS_MAX = 10 };

static void add(struct cJSON *row, const char *key, const char *text)
{
    cJSON_AddStringToObject(row, key, text);
}

/* A row of text that is a view into the answer, on one line. */
static void add_text(struct cJSON *row, const char *key, struct str text)
{
    cleanup_with(buf_done) struct buf line;

    buf_init(&line, 64 << 10);
    buf_adds(&line, text);
    add(row, key, line.p);
}

void state_view_figures(const struct view *v, const struct cJSON *state)
{
    const struct cJSON *backoff = json_get(state, "backoff");
    char ago[32];

    view_section(v, "Runs since the daemon started");
    view_fieldf(v, "runs", "%lld; errors %lld, timeouts %lld, refused %lld",
                (long long)view_int(state, "runs"), (long long)view_int(state, "errors"),
                (long long)view_int(state, "timeouts"), (long long)view_int(state, "throttled"));
    view_field(v, "last run", str_of(view_ago(v, view_int(state, "last_run_ms"), ago)));
    view_field(v, "last success", str_of(view_ago(v, view_int(state, "last_ok_ms"), ago)));
    view_fieldf(v, "now", "%lld running, %lld waiting", (long long)view_int(state, "running"),
                (long long)view_int(state, "waiting"));
    if (view_int(state, "reserved"))
        view_key(v, "reserved", state, "reserved", " instances");
    if (backoff)
        view_fieldf(v, "starts", "%lld failed in a row, the next in %s",
                    (long long)view_int(backoff, "failures"),
                    view_span(view_int(backoff, "retry_ms"), ago));
}

/* The section's title and the rows, when there are any. */
static void print_rows(const struct view *v, const char *title, struct cJSON *rows,
                       const struct column *columns, size_t n)
{
    if (rows->child) {
        view_section(v, title);
        output_list(OUTPUT_TABLE, rows, columns, n);
    }
    cJSON_Delete(rows);
}

void state_view_instances(const struct view *v, const struct cJSON *state)
{
    static const struct column columns[] = {
            {"  ID", "id", NULL},   {"STATE", "state", NULL}, {"AGE", "age", NULL},
            {"IDLE", "idle", NULL}, {"RUNS", "runs", NULL},   {"MEMORY", "memory", NULL},
    };
    const struct cJSON *all = json_get(state, "instances");
    struct cJSON *rows = cJSON_CreateArray();

    for (const struct cJSON *in = all ? all->child : NULL; in; in = in->next) {
        struct cJSON *row = cJSON_CreateObject();
        cleanup_with(buf_done) struct buf id;
        char text[32], bytes[UNITS_TEXT];
        int64_t idle = view_int(in, "idle_ms");

        buf_init(&id, 4096);
        buf_addf(&id, "  %.*s", STR_ARG(view_text(in, "id")));
        add(row, "id", id.p);
        add_text(row, "state", view_text(in, "state"));
        add(row, "age", view_span(view_int(in, "age_ms"), text));
        add(row, "idle", idle ? view_span(idle, text) : "");
        cJSON_AddNumberToObject(row, "runs", (double)view_int(in, "runs"));
        add(row, "memory", units_bytes((uint64_t)view_int(in, "memory_bytes"), bytes));
        cJSON_AddItemToArray(rows, row);
    }
    print_rows(v, "Instances", rows, columns, ARRAY_LEN(columns));
}

void state_view_starts(const struct view *v, const struct cJSON *state)
{
    static const struct column columns[] = {
            {"  WHEN", "when", NULL}, {"TOOK", "took", NULL},    {"FROM", "how", NULL},
            {"END", "outcome", NULL}, {"WHAT", "message", NULL},
    };
    const struct cJSON *all = json_get(state, "starts");
    struct cJSON *rows = cJSON_CreateArray();
    size_t n = 0;

    for (const struct cJSON *s = all ? all->child : NULL; s && n++ < ROWS_MAX; s = s->next) {
        struct cJSON *row = cJSON_CreateObject();
        char ago[32], when[40], took[32];

        snprintf(when, sizeof(when), "  %s", view_ago(v, view_int(s, "time_ms"), ago));
        add(row, "when", when);
        snprintf(took, sizeof(took), "%lld ms", (long long)view_int(s, "took_ms"));
        add(row, "took", took);
        add_text(row, "how", view_text(s, "how"));
        add_text(row, "outcome", view_text(s, "outcome"));
        add_text(row, "message", view_text(s, "message"));
        cJSON_AddItemToArray(rows, row);
    }
    print_rows(v, "Last starts", rows, columns, ARRAY_LEN(columns));
}

void state_view_failures(const struct view *v, const struct cJSON *state)
{
    static const struct column columns[] = {
            {"  WHEN", "when", NULL},
            {"END", "outcome", NULL},
            {"REQUEST", "request_id", NULL, .whole = true},
            {"WHAT", "message", NULL},
    };
    const struct cJSON *all = json_get(state, "failures");
    struct cJSON *rows = cJSON_CreateArray();
    size_t n = 0;

    for (const struct cJSON *f = all ? all->child : NULL; f && n++ < ROWS_MAX; f = f->next) {
        struct cJSON *row = cJSON_CreateObject();
        char ago[32], when[40];

        snprintf(when, sizeof(when), "  %s", view_ago(v, view_int(f, "time_ms"), ago));
        add(row, "when", when);
        add_text(row, "outcome", view_text(f, "outcome"));
        add_text(row, "request_id", view_text(f, "request_id"));
        add_text(row, "message", view_text(f, "message"));
        cJSON_AddItemToArray(rows, row);
    }
    print_rows(v, "Last failures", rows, columns, ARRAY_LEN(columns));
}
