/* SPDX-License-Identifier: Apache-2.0 */
/* triggers.c - triggers and the state of asynchronous events, as list, why and describe show them. */
#include "cli/triggers.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/events.h"
#include "cli/output.h"

enum { QUERY_MAX = 16 << 10 };

int triggers_get(struct client *c, struct str function, struct cJSON **ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *answer = NULL;
    cleanup_with(buf_done) struct buf query;
    int r;

    buf_init(&query, QUERY_MAX);
    if (function.n)
        events_query(&query, "function", function);
    r = client_get(c, S("/evoke/v1/triggers"), buf_str(&query), &answer, e);
    if (r < 0)
        return r;
    *ret = cJSON_DetachItemFromObjectCaseSensitive(answer, "triggers");
    if (!*ret)
        *ret = cJSON_CreateArray();
    return 0;
}

/* "schedule": what it listens to, "GET /release/page"; "next": that it does. */
static void add_where(struct cJSON *row)
{
    const struct cJSON *address = json_get(row, "address");
    bool shadowed = json_get(row, "shadowed_by") != NULL;
    cleanup_with(buf_done) struct buf text;
    bool enabled = true;

    buf_init(&text, 4096);
    buf_addf(&text, "%.*s %.*s", STR_ARG(view_text(address, "method")),
             STR_ARG(view_text(address, "by_path")));
    cJSON_AddStringToObject(row, "schedule", text.p);
    (void)json_bool(row, "enabled", false, &enabled, NULL);
    cJSON_AddStringToObject(row, "next",
                            !enabled   ? "disabled"
                            : shadowed ? "never: the route is another's"
                                       : "when called");
}

/* "schedule": with its zone; "next": when, in the words of a table. */
static void add_when(struct cJSON *row, const struct view *v)
{
    const struct cJSON *config = json_get(row, "config");
    struct str zone = view_text(config, "zone");
    int64_t next_ms = view_int(row, "next_ms");
    bool enabled = true, waits = false;
    cleanup_with(buf_done) struct buf text = {0};
    char time[CLOCK_TEXT], span[32];

    if (json_get(row, "address")) {
        add_where(row);
        return;
    }
    buf_init(&text, 4096);
    buf_adds(&text, view_text(config, "schedule"));
    if (zone.n)
        buf_addf(&text, " (%.*s)", STR_ARG(zone));
    cJSON_AddStringToObject(row, "schedule", text.p);
    (void)json_bool(row, "enabled", false, &enabled, NULL);
    (void)json_bool(row, "waits_for_source", false, &waits, NULL);
    buf_reset(&text);
    if (!enabled)
        buf_addz(&text, "disabled");
    else if (waits)
        buf_addz(&text, "waiting for its source");
    else if (next_ms <= 0)
        buf_addz(&text, "never");
    else
        buf_addf(&text, "in %s, %s", view_span(next_ms > v->now_ms ? next_ms - v->now_ms : 0, span),
                 clock_iso(next_ms, time));
    cJSON_AddStringToObject(row, "next", text.p);
}

void triggers_print(enum output_format format, const struct cJSON *triggers)
{
    static const struct column columns[] = {
            {"NAME", "name", NULL},     {"FUNCTION", "function", NULL},
            {"SOURCE", "source", NULL}, {"SCHEDULE", "schedule", NULL},
            {"NEXT", "next", NULL},
    };
    cleanup_with(json_freep) struct cJSON *rows = NULL;
    struct view v;

    if (format != OUTPUT_TABLE) {
        output_list(format, triggers, columns, ARRAY_LEN(columns));
        return;
    }
    if (output_none(triggers, "no triggers; next: `evoke help trigger create`"))
        return;
    view_init(&v);
    rows = cJSON_Duplicate(triggers, true);
    for (struct cJSON *row = rows->child; row; row = row->next)
        add_when(row, &v);
    if (v.term.tty)
        events_shorten(rows);
    output_list(format, rows, columns, ARRAY_LEN(columns));
}

/* ---- why, describe ---- */

void triggers_add(struct client *c, struct str function, struct cJSON *obj)
{
    cleanup_with(json_freep) struct cJSON *ledger = NULL;
    cleanup_with(buf_done) struct buf query;
    struct cJSON *triggers = NULL, *rows;

    buf_init(&query, QUERY_MAX);
    events_query(&query, "function", function);
    if (client_get(c, S("/evoke/v1/ledger"), buf_str(&query), &ledger, NULL) >= 0 &&
        (rows = cJSON_DetachItemFromObjectCaseSensitive(ledger, "rows")) != NULL)
        cJSON_AddItemToObject(obj, "events", rows);
    if (triggers_get(c, function, &triggers, NULL) >= 0)
        cJSON_AddItemToObject(obj, "triggers", triggers);
}

static int64_t sum(const struct cJSON *rows, const char *key)
{
    int64_t n = 0;

    for (const struct cJSON *row = rows->child; row; row = row->next)
        n += view_int(row, key);
    return n;
}

/* The function's name: as a rule it is the only one of that name, and fits into a line. */
static struct str last_part(struct str path)
{
    size_t n = path.n;

    while (n > 0 && path.p[n - 1] != '/')
        n--;
    return str_from(path, n);
}

static void view_events(const struct view *v, const struct cJSON *rows, struct str name)
{
    int64_t dead = sum(rows, "dead"), expired = sum(rows, "expired");

    view_section(v, "Asynchronous events");
    view_fieldf(v, "now", "%lld waiting, %lld running", (long long)sum(rows, "waiting"),
                (long long)sum(rows, "running"));
    view_fieldf(v, "so far", "%lld accepted, %lld done, %lld cancelled, %lld purged",
                (long long)sum(rows, "accepted"), (long long)sum(rows, "done"),
                (long long)sum(rows, "cancelled"), (long long)sum(rows, "purged"));
    if (dead)
        view_fieldf(v, "dead", "%lld; `evoke deadletter list %.*s` shows them", (long long)dead,
                    STR_ARG(name));
    if (expired)
        view_fieldf(v, "expired", "%lld were too old before they could be run", (long long)expired);
}

static void view_triggers(const struct view *v, const struct cJSON *triggers)
{
    cleanup_with(json_freep) struct cJSON *rows = cJSON_Duplicate(triggers, true);

    view_section(v, "Triggers");
    for (struct cJSON *row = rows->child; row; row = row->next) {
        if (!view_text(row, "source").n)
            continue;
        add_when(row, v);
        view_fieldf(v, view_text(row, "source").p, "%.*s: %.*s; next: %.*s",
                    STR_ARG(view_text(row, "name")), STR_ARG(view_text(row, "schedule")),
                    STR_ARG(view_text(row, "next")));
    }
}

void triggers_view(const struct view *v, const struct cJSON *obj, struct str function)
{
    const struct cJSON *rows = json_get(obj, "events"), *triggers = json_get(obj, "triggers");

    if (rows && rows->child)
        view_events(v, rows, last_part(function));
    if (triggers && triggers->child)
        view_triggers(v, triggers);
}
