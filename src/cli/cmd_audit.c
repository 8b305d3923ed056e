/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_audit.c - evoke audit: who did what through the APIs. Read as logs are (follow.h). */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "cli/output.h"
#include "cli/term.h"

enum { RECORDS = 1000, LINE_MAX = 64 << 10 };

struct audit_run {
    struct term out;
    enum output_format format;
    int64_t damaged;
};

static int make_query(struct follow *f, const struct args *args, struct err *e)
{
    static const char *const texts[] = {"who", "op", "result"};

    follow_number(&f->filter, "limit", RECORDS);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (args_has(args, texts[i]))
            follow_text(&f->filter, texts[i], str_of(args_text(args, texts[i])));
    return follow_span(f, args, e);
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

static int write_records(void *user, const struct cJSON *answer, const struct cJSON *records,
                         struct err *e)
{
    struct audit_run *run = user;
    int r = 0;

    (void)e;
    for (const struct cJSON *i = records->child; i && r >= 0; i = i->next)
        r = write_record(run, i);
    run->damaged += number_of(answer, "damaged");
    return r < 0 ? r : term_flush(&run->out);
}

static int run_audit(struct follow *f, const struct common *common, const struct args *args)
{
    static const struct follow_ops ops = {.answer = write_records};
    cleanup_with(client_freep) struct client *client = NULL;
    struct audit_run run = {.format = common->format, .out = term_of(stdout)};
    struct err e = {0};
    int r = make_query(f, args, &e);

    if (r >= 0)
        r = client_new(common, &client, &e);
    if (r < 0)
        return command_fail(&e);
    r = follow_run(f, client, &ops, &run, &e);
    if (run.damaged)
        (void)fprintf(stderr, "evoke: %lld records are damaged and were left out\n",
                      (long long)run.damaged);
    return follow_exit(r, &e);
}

static int run(const struct common *common, const struct args *args)
{
    struct follow f;
    int exit_code;

    follow_init(&f, "audit", args_has(args, "follow"));
    exit_code = run_audit(&f, common, args);
    follow_done(&f);
    return exit_code;
}

/* ---- the row ---- */

static const char *const results[] = {"ok", "denied", "failed", NULL};

static const struct option options[] = {
        {.name = "follow", .letter = 'f', .help = "go on as calls come, until Ctrl-C"},
        FOLLOW_SPAN,
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
