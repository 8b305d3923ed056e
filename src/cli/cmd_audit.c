/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_audit.c - evoke audit: who did what through the APIs.
 *
 * As evoke logs: one answer is asked for, written, and only then the next one, from its cursor on.
 * A follower's question waits in the daemon; while there is no daemon it is asked again.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/term.h"
#include "cli/when.h"

enum {
    WAIT_MS = 25000,   /* a question of a follower is held so long by the daemon */
    ANSWER_MS = 60000, /* and so long may an answer take */
    RECORDS = 1000,
    QUERY_MAX = 8192,
    LINE_MAX = 64 << 10,
    RETRY_MIN_MS = 100,
    RETRY_MAX_MS = 2000,
};

struct audit_run {
    struct client *client; /* owned */
    struct term out;
    enum output_format format;
    bool follow, away;
    struct buf filter; /* owned; of every question */
    char cursor[32];   /* "": of none yet */
    int64_t damaged;
};

/* ---- the question ---- */

static void add_text(struct buf *query, const char *key, const char *value)
{
    if (!value)
        return;
    buf_addf(query, "&%s=", key);
    uri_encode(str_of(value), "", query);
}

static int add_when(struct buf *query, const struct args *args, const char *option, const char *key,
                    struct err *e)
{
    const char *text = args_text(args, option);
    int64_t ms;
    int r;

    if (!text)
        return 0;
    r = when_parse(option, text, clock_wall_ms(), &ms, e);
    if (r == 0)
        buf_addf(query, "&%s=%lld", key, (long long)ms);
    return r;
}

static int make_query(struct audit_run *run, const struct args *args, struct err *e)
{
    int r;

    if (args_has(args, "until") && run->follow)
        return err_set(e, ERR_CALLER, -EINVAL, "--follow has no end, and --until is one");
    buf_addf(&run->filter, "limit=%d", RECORDS);
    add_text(&run->filter, "who", args_text(args, "who"));
    add_text(&run->filter, "op", args_text(args, "op"));
    add_text(&run->filter, "result", args_text(args, "result"));
    r = add_when(&run->filter, args, "since", "since_ms", e);
    if (r == 0)
        r = add_when(&run->filter, args, "until", "until_ms", e);
    return r;
}

static int ask(struct audit_run *run, struct cJSON **ret, struct err *e)
{
    cleanup_with(buf_done) struct buf query;
    cleanup_with(buf_done) struct buf body;
    struct client_request req = {.method = "GET",
                                 .path = S("/evoke/v1/audit"),
                                 .timeout_ms = ANSWER_MS + WAIT_MS,
                                 .watched = true};
    int r;

    buf_init(&query, 2 * QUERY_MAX);
    buf_adds(&query, buf_str(&run->filter));
    if (run->cursor[0])
        buf_addf(&query, "&after=%s", run->cursor);
    if (run->follow)
        buf_addf(&query, "&wait_ms=%d", WAIT_MS);
    req.query = buf_str(&query);
    r = client_call(run->client, &req, &body, e);
    return r < 0 ? r : client_json(&body, ret, e);
}

/* ---- the answer ---- */

static struct str text_of(const struct cJSON *record, const char *key)
{
    struct str s = S("");
    struct err e = {0};

    (void)json_str(record, key, false, &s, &e);
    return s;
}

static int64_t number_of(const struct cJSON *record, const char *key)
{
    int64_t v = 0;
    struct err e = {0};

    (void)json_int(record, key, false, 0, INT64_MAX, &v, &e);
    return v;
}

static void add_cell(struct audit_run *run, struct str text, size_t columns, struct buf *out)
{
    cleanup_with(buf_done) struct buf safe;

    buf_init(&safe, LINE_MAX);
    if (run->out.tty)
        term_safe(text, TERM_LINE, &safe);
    else
        buf_adds(&safe, text);
    if (columns > term_columns(buf_str(&safe)))
        term_cell(buf_str(&safe), columns, out);
    else
        buf_adds(out, buf_str(&safe));
    buf_addz(out, "  ");
}

/* time  status  who  operation  object  address  [code] */
static void add_line(struct audit_run *run, const struct cJSON *record, struct buf *out)
{
    int64_t status = number_of(record, "status");
    struct str name = text_of(record, "name"), code = text_of(record, "code");
    char ts[CLOCK_TEXT];

    buf_addf(out, "%s  ", clock_iso_ms(number_of(record, "time_ms"), ts));
    buf_addf(out, "%s%3lld%s  ", term_style(&run->out, status < 400 ? TERM_GREEN : TERM_RED),
             (long long)status, term_style(&run->out, TERM_PLAIN));
    add_cell(run, name.n ? name : text_of(record, "who"), 20, out);
    add_cell(run, text_of(record, "op"), 24, out);
    add_cell(run, text_of(record, "object"), 44, out);
    add_cell(run, text_of(record, "address"), 0, out);
    if (code.n)
        add_cell(run, code, 0, out);
    while (out->n > 0 && out->p[out->n - 1] == ' ')
        out->p[--out->n] = '\0';
    buf_addc(out, '\n');
}

static int write_record(struct audit_run *run, const struct cJSON *record)
{
    cleanup_with(buf_done) struct buf line;

    buf_init(&line, LINE_MAX);
    switch (run->format) {
    case OUTPUT_TABLE:
        add_line(run, record, &line);
        break;
    case OUTPUT_JSON:
        json_print(record, &line);
        buf_addc(&line, '\n');
        break;
    case OUTPUT_YAML:
        buf_addz(&line, "---\n");
        output_yaml(record, &line);
        break;
    }
    return term_put(&run->out, buf_str(&line));
}

static int write_answer(struct audit_run *run, const struct cJSON *answer, bool *ret_more,
                        struct err *e)
{
    const struct cJSON *records = json_get(answer, "records");
    struct str cursor = STR_NONE;
    int r = 0;

    *ret_more = false;
    if (!cJSON_IsArray(records) || json_str(answer, "cursor", false, &cursor, e) < 0 ||
        json_bool(answer, "more", false, ret_more, e) < 0 || cursor.n == 0 ||
        cursor.n >= sizeof(run->cursor))
        return err_set(e, ERR_HOST, -EPROTO, "the daemon's answer is not one of GET audit");
    for (const struct cJSON *i = records->child; i && r >= 0; i = i->next)
        r = write_record(run, i);
    if (r >= 0)
        r = term_flush(&run->out);
    run->damaged += number_of(answer, "damaged");
    (void)snprintf(run->cursor, sizeof(run->cursor), "%.*s", STR_ARG(cursor));
    return r;
}

/* A daemon that restarts, drains or is stopped for a while: worth asking again? */
static bool may_come_back(const struct audit_run *run, int r)
{
    return run->follow && run->cursor[0] && (r == -ECONNREFUSED || r == -ETIMEDOUT || r == -EIO);
}

/* Says so once, and waits longer each time; -EINTR: Ctrl-C. */
static int wait_for_daemon(struct audit_run *run, int *wait_ms)
{
    struct pollfd p = {.fd = interrupt_fd(), .events = POLLIN};

    if (!run->away)
        (void)fputs("evoke: the daemon is away; reconnecting\n", stderr);
    run->away = true;
    (void)poll(&p, 1, *wait_ms);
    *wait_ms = *wait_ms * 2 < RETRY_MAX_MS ? *wait_ms * 2 : RETRY_MAX_MS;
    return interrupt_seen() ? -EINTR : 0;
}

static int go_on(struct audit_run *run, struct err *e)
{
    int wait_ms = RETRY_MIN_MS, r = 0;
    bool more = true;

    while (r >= 0 && (more || run->follow)) {
        cleanup_with(json_freep) struct cJSON *answer = NULL;

        r = ask(run, &answer, e);
        if (r < 0 && may_come_back(run, r)) {
            r = wait_for_daemon(run, &wait_ms);
            continue;
        }
        if (r < 0)
            break;
        run->away = false;
        wait_ms = RETRY_MIN_MS;
        r = write_answer(run, answer, &more, e);
    }
    return r;
}

static int run_audit(struct audit_run *run, const struct common *common, const struct args *args)
{
    struct err e = {0};
    int r = make_query(run, args, &e);

    if (r >= 0)
        r = client_new(common, &run->client, &e);
    if (r < 0)
        return command_fail(&e);
    interrupt_catch();
    r = go_on(run, &e);
    if (run->damaged)
        (void)fprintf(stderr, "evoke: %lld records are damaged and were left out\n",
                      (long long)run->damaged);
    if (r == -EINTR)
        return EXIT_INTERRUPT;
    /* What stdout could not take is told by whoever ends the program. */
    return r < 0 && e.code ? command_fail(&e) : EXIT_OK;
}

static int run(const struct common *common, const struct args *args)
{
    struct audit_run run = {
            .follow = args_has(args, "follow"), .format = common->format, .out = term_of(stdout)};
    int exit_code;

    buf_init(&run.filter, QUERY_MAX);
    exit_code = run_audit(&run, common, args);
    client_free(run.client);
    buf_done(&run.filter);
    return exit_code;
}

/* ---- the row ---- */

static const char *const results[] = {"ok", "denied", "failed", NULL};

static const struct option options[] = {
        {.name = "follow", .letter = 'f', .help = "go on as calls come, until Ctrl-C"},
        {.name = "since",
         .kind = OPTION_TEXT,
         .arg = "TIME",
         .help = "from then on: 10m, 2h, 2026-11-22T10:00:00Z",
         .min = 1,
         .max = 64},
        {.name = "until",
         .kind = OPTION_TEXT,
         .arg = "TIME",
         .help = "to then",
         .min = 1,
         .max = 64},
        {.name = "who",
         .kind = OPTION_TEXT,
         .arg = "KEY",
         .help = "by this access key, key name, or function (its role)",
         .min = 1,
         .max = 255},
        {.name = "op",
         .kind = OPTION_TEXT,
         .arg = "OPERATION",
         .help = "of this name: DeleteFunction, 'Create*'",
         .min = 1,
         .max = 255},
        {.name = "result",
         .kind = OPTION_CHOICE,
         .arg = "RESULT",
         .help = "that ended so",
         .choices = results},
};

const struct command command_audit = {
        .name = "audit",
        .group = GROUP_SEE,
        .args = "",
        .summary = "who did what through the APIs",
        .help = "Every call that changed something or was refused (--audit of `evoke serve` says\n"
                "which are recorded), oldest first: time, HTTP status, who, operation, what it\n"
                "was about, from where. With status 401 \"who\" is what the caller claimed.\n"
                "--output json: one record a line, as docs/admin-api.md describes it.",
        .examples = "evoke audit --since 1h\n"
                    "evoke audit --result denied -f\n"
                    "evoke audit --op 'Delete*' --output json\n",
        .options = OPTION_TABLE(options),
        .max_words = 0,
        .run = run,
};
