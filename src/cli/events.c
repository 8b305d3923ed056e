/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.c - asynchronous events, asked for and shown: what `deadletter`, `replay`, `cancel`, `get
 * invocation` and `list invocations` have in common.
 */
#include "cli/events.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/name.h"
#include "cli/output.h"
#include "cli/units.h"
#include "cli/view.h"
#include "cli/when.h"

enum { QUERY_MAX = 16 << 10, CALL_TIMEOUT_MS = 60000, PAYLOAD_SHOWN = 2000, WIDE = 100 };
enum { PREFIX = sizeof("/evoke/v1/functions/") - 1 }; /* what a path has before the name */

/* ---- questions ---- */

void events_query(struct buf *query, const char *key, struct str value)
{
    buf_addf(query, "%s%s=", query->n ? "&" : "", key);
    uri_encode(value, "", query);
}

int events_span(const struct args *args, int64_t *ret_since_ms, int64_t *ret_until_ms,
                struct err *e)
{
    const char *since = args_text(args, "since"), *until = args_text(args, "until");
    int64_t now_ms = clock_wall_ms();
    int r = 0;

    *ret_since_ms = *ret_until_ms = 0;
    if (since)
        r = when_parse("since", since, now_ms, ret_since_ms, e);
    if (until && r >= 0)
        r = when_parse("until", until, now_ms, ret_until_ms, e);
    return r;
}

int events_function(struct client *c, const char *word, struct buf *out, struct err *e)
{
    cleanup_with(buf_done) struct buf path;
    int r;

    buf_init(&path, QUERY_MAX);
    r = name_resolve(c, word, &path, e);
    if (r >= 0)
        buf_adds(out, str_from(buf_str(&path), PREFIX));
    return r;
}

int events_post(struct client *c, const char *method, struct str path, struct str body,
                struct cJSON **ret, struct err *e)
{
    struct client_request req = {
            .method = method, .path = path, .body = body, .timeout_ms = CALL_TIMEOUT_MS};
    cleanup_with(buf_done) struct buf answer;
    int status = client_call(c, &req, &answer, e), r = 0;

    if (status >= 0 && ret)
        r = client_json(&answer, ret, e);
    return r < 0 ? r : status;
}

/* ---- lists ---- */

/* One page, moved to the end of all. *before: where to go on; 0 at the end. */
static int add_page(struct client *c, struct str query, int64_t limit, int64_t *before,
                    struct cJSON *all, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *answer = NULL;
    cleanup_with(buf_done) struct buf q;
    struct cJSON *page, *event;
    int r;

    buf_init(&q, QUERY_MAX);
    buf_addf(&q, "%.*s%slimit=%lld", STR_ARG(query), query.n ? "&" : "", (long long)limit);
    if (*before)
        buf_addf(&q, "&before=%lld", (long long)*before);
    r = client_get(c, S("/evoke/v1/events"), buf_str(&q), &answer, e);
    if (r < 0)
        return r;
    page = cJSON_GetObjectItemCaseSensitive(answer, "events");
    while (page && (event = cJSON_DetachItemFromArray(page, 0)) != NULL)
        cJSON_AddItemToArray(all, event);
    *before = view_int(answer, "before");
    return 0;
}

int events_list(struct client *c, struct str query, int64_t most, struct cJSON **ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *all = cJSON_CreateArray();
    int64_t before = 0, left = most;
    int r;

    do {
        r = add_page(c, query, left < EVENTS_PAGE ? left : EVENTS_PAGE, &before, all, e);
        left = most - cJSON_GetArraySize(all);
    } while (r >= 0 && before && left > 0);
    if (r < 0)
        return r;
    *ret = all;
    all = NULL;
    return 0;
}

/* Of a path: how long is what stands before its last part. */
static size_t before_name(struct str path)
{
    size_t n = path.n;

    while (n > 0 && path.p[n - 1] != '/')
        n--;
    return n;
}

void events_shorten(struct cJSON *rows)
{
    struct str first = view_text(rows->child, "function");
    size_t n = before_name(first);

    for (const struct cJSON *row = rows->child; row; row = row->next) {
        struct str path = view_text(row, "function");

        if (before_name(path) != n || !str_starts(path, (struct str){first.p, n}))
            return;
    }
    for (struct cJSON *row = rows->child; row; row = row->next) {
        cleanup_free char *name = str_dup(str_from(view_text(row, "function"), n));

        cJSON_ReplaceItemInObjectCaseSensitive(row, "function", cJSON_CreateString(name));
    }
}

/* What the table has beside the event's own fields. */
static void add_words(struct cJSON *row, const struct view *v)
{
    struct str trigger = view_text(row, "trigger"), error = view_text(row, "error");
    struct str state = view_text(row, "state");
    bool failed = str_eq(state, S("dead")) || str_eq(state, S("waiting"));
    int64_t age_ms = v->now_ms - view_int(row, "created_ms");
    char time[CLOCK_TEXT], age[32];

    cJSON_AddStringToObject(row, "accepted", clock_iso(view_int(row, "created_ms"), time));
    cJSON_AddStringToObject(row, "age", view_span(age_ms > 0 ? age_ms : 0, age));
    cJSON_AddStringToObject(row, "from", trigger.n ? trigger.p : view_text(row, "source").p);
    cJSON_AddStringToObject(row, "why", failed && error.n ? error.p : view_text(row, "reason").p);
}

/* A terminal has room for the whole id, which everything else is asked for by; a wide one also for
 * where events came from, if that differs. */
static void print_on_terminal(struct cJSON *rows, bool wide)
{
    static const struct column columns[] = {
            {"AGE", "age", NULL},
            {"STATE", "state", NULL},
            {"FUNCTION", "function", NULL},
            {"FROM", "from", NULL},
            {"REQUEST ID", "id", NULL, .whole = true},
            {"WHY", "why", NULL},
    };
    struct column shown[ARRAY_LEN(columns)];
    size_t n = 0;

    if (output_none(rows, "no such events"))
        return;
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        if (strcmp(columns[i].key, "from") != 0 || (wide && !view_same(rows, "from")))
            shown[n++] = columns[i];
    events_shorten(rows);
    output_list(OUTPUT_TABLE, rows, shown, n);
}

void events_print(enum output_format format, const struct cJSON *events)
{
    static const struct column columns[] = {
            {"ACCEPTED", "accepted", NULL}, {"STATE", "state", NULL}, {"TRIES", "attempts", NULL},
            {"FUNCTION", "function", NULL}, {"FROM", "from", NULL},   {"REQUEST ID", "id", NULL},
            {"WHY", "why", NULL},
    };
    cleanup_with(json_freep) struct cJSON *rows = NULL;
    struct view v;

    if (format != OUTPUT_TABLE) {
        output_list(format, events, columns, ARRAY_LEN(columns));
        return;
    }
    view_init(&v);
    rows = cJSON_Duplicate(events, true);
    for (struct cJSON *row = rows->child; row; row = row->next)
        add_words(row, &v);
    if (v.term.tty)
        print_on_terminal(rows, term_width(&v.term) >= WIDE);
    else
        output_list(format, rows, columns, ARRAY_LEN(columns));
}

/* ---- one ---- */

void events_path(const char *id, const char *rest, struct buf *path)
{
    buf_addz(path, "/evoke/v1/events/");
    uri_encode(str_of(id), "", path);
    buf_addz(path, rest);
}

int events_get(struct client *c, const char *id, struct cJSON **ret, struct err *e)
{
    cleanup_with(buf_done) struct buf path;

    buf_init(&path, QUERY_MAX);
    events_path(id, "", &path);
    return client_get(c, buf_str(&path), STR_NONE, ret, e);
}

static void show_time(const struct view *v, const char *name, int64_t ms)
{
    char time[CLOCK_TEXT], span[32];

    if (ms > v->now_ms)
        view_fieldf(v, name, "%s, in %s", clock_iso_ms(ms, time), view_span(ms - v->now_ms, span));
    else if (ms > 0)
        view_fieldf(v, name, "%s, %s", clock_iso_ms(ms, time), view_ago(v, ms, span));
}

static void show_event(const struct view *v, const struct cJSON *ev)
{
    static const struct {
        const char *title, *key;
    } fields[] = {
            {"function", "function"},   {"qualifier", "qualifier"}, {"trigger", "trigger"},
            {"replay of", "replay_of"}, {"caused by", "cause"},     {"reason", "reason"},
    };
    struct str state = view_text(ev, "state");

    printf("%s%.*s%s  %.*s\n", term_style(&v->term, TERM_BOLD), STR_ARG(view_text(ev, "id")),
           term_style(&v->term, TERM_PLAIN), STR_ARG(state));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        view_key(v, fields[i].title, ev, fields[i].key, NULL);
    show_time(v, "accepted", view_int(ev, "created_ms"));
    show_time(v, "next try", view_int(ev, "next_ms"));
    show_time(v, "ended", view_int(ev, "ended_ms"));
    if (str_eq(state, S("waiting")) || str_eq(state, S("running")))
        show_time(v, "expires", view_int(ev, "expires_ms"));
}

static void show_try(const struct view *v, const struct cJSON *try, size_t n)
{
    struct str error = view_text(try, "error"), log = view_text(try, "log");
    int64_t start = view_int(try, "start_ms"), end = view_int(try, "end_ms");
    char title[32], time[CLOCK_TEXT], span[32] = "";

    (void)snprintf(title, sizeof(title), "Try %zu", n);
    view_section(v, title);
    view_key(v, "outcome", try, "outcome", NULL);
    view_fieldf(v, "began", "%s%s%s", clock_iso_ms(start, time), end ? ", took " : "",
                end ? view_span(end > start ? end - start : 0, span) : "");
    view_key(v, "instance", try, "instance", NULL);
    view_field(v, "error", error);
    if (log.n == 0)
        return;
    printf("  log\n");
    for (struct str rest = log; rest.p && rest.n;) {
        fputs("    ", stdout);
        (void)term_write(&v->term, str_cut(&rest, '\n'));
        putchar('\n');
    }
}

static void show_payload(const struct view *v, const struct cJSON *ev)
{
    struct str payload = view_text(ev, "payload");
    char bytes[UNITS_TEXT];

    view_section(v, "Event");
    view_fieldf(v, "size", "%s", units_bytes((uint64_t)view_int(ev, "bytes"), bytes));
    if (payload.n > PAYLOAD_SHOWN)
        payload.n = PAYLOAD_SHOWN;
    view_field(v, "payload", payload);
}

/* What to do, by state: text, the function, text, the id, text. A command is never broken. */
static const struct {
    const char *state, *before, *between, *after;
    bool short_name; /* there is no room for all of it */
} nexts[] = {
        {"done", "`evoke logs ", " --request ", "`", true},
        {"waiting", "`evoke why ", "` says why\n        `evoke cancel ", "` gives it up"},
        {"running", "`evoke logs -f ", "`\n        `evoke cancel ", "` ends its run"},
        {"dead", "`evoke why ", "`, then\n        `evoke deadletter redrive ", "`"},
        {"expired", "`evoke why ", "`\n        `evoke replay ", "` runs it all the same"},
};

static void print_next(const struct cJSON *ev)
{
    struct str state = view_text(ev, "state"), function = view_text(ev, "function");
    struct str name = str_from(function, before_name(function));
    struct term t = term_of(stderr);

    for (size_t i = 0; i < ARRAY_LEN(nexts); i++) {
        if (!str_eq(state, str_of(nexts[i].state)))
            continue;
        fprintf(stderr, "\n  next: %s", nexts[i].before);
        (void)term_write(&t, nexts[i].short_name ? name : function);
        fputs(nexts[i].between, stderr);
        (void)term_write(&t, view_text(ev, "id"));
        fprintf(stderr, "%s\n", nexts[i].after);
    }
}

void events_show(enum output_format format, const struct cJSON *event)
{
    const struct cJSON *tries = json_get(event, "tries");
    size_t n = 0;
    struct view v;

    if (format != OUTPUT_TABLE) {
        output_object(format, event);
        return;
    }
    view_init(&v);
    show_event(&v, event);
    for (const struct cJSON *t = tries ? tries->child : NULL; t; t = t->next)
        show_try(&v, t, ++n);
    show_payload(&v, event);
    (void)fflush(stdout);
    print_next(event);
}

void events_accepted(enum output_format format, const struct cJSON *answer)
{
    struct term t = term_of(stderr);
    struct str id = view_text(answer, "request_id");

    if (format != OUTPUT_TABLE) {
        output_object(format, answer);
        return;
    }
    printf("%.*s\n", STR_ARG(id));
    (void)fflush(stdout);
    fputs("accepted, and on disk\n  next: `evoke get invocation ", stderr);
    (void)term_write(&t, id);
    fputs("`\n", stderr);
}

bool events_agreed(const char *question)
{
    char answer[16] = "";

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return true;
    fprintf(stderr, "%s [y/N] ", question);
    fflush(stderr);
    if (!fgets(answer, sizeof(answer), stdin))
        answer[0] = 0;
    return strcmp(answer, "y\n") == 0 || strcmp(answer, "Y\n") == 0 || strcmp(answer, "yes\n") == 0;
}
