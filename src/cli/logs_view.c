/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs_view.c - one record of the log store, written in one of three ways.
 *
 *   terminal   15:04:05.123 9f1c22d0 hello/text of the line        short, coloured, made safe
 *              15:04:05.123 9f1c22d0 = ok 12 ms, 34 MB             how the run ended, dim or red
 *   pipe       2026-11-22T15:04:05.123Z 6f1c...-9f1c22d0 text      every line whole, for grep
 *   json       the record as the daemon sent it, one a line
 *
 * The time of a line is its record's: when the run began, or this part of it.
 */
#include "cli/logs_view.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/output.h"

enum {
    ID_SHOWN = 8,
    RECORD_MAX = 1 << 30,
    WRITE_BYTES = 64 << 10,
    TELL_EACH_NS = 1000 * 1000 * 1000,
};

void logs_view_init(struct logs_view *v, enum output_format format, bool functions, bool ends)
{
    *v = (struct logs_view){
            .out = term_of(stdout), .format = format, .functions = functions, .ends = ends};
    buf_init(&v->text, RECORD_MAX);
}

void logs_view_done(struct logs_view *v)
{
    buf_done(&v->text);
    free(v->gap_function);
    free(v->gap_why);
}

static struct str text_of(const struct cJSON *obj, const char *key)
{
    struct str s = STR_NONE;

    (void)json_str(obj, key, false, &s, NULL);
    return s;
}

static int64_t number_of(const struct cJSON *obj, const char *key)
{
    int64_t v = 0;

    (void)json_int(obj, key, false, 0, INT64_MAX, &v, NULL);
    return v;
}

/* Milliseconds as people compare them: tenths where they count. */
static void add_ms(const struct cJSON *obj, const char *key, struct buf *out)
{
    const struct cJSON *v = json_get(obj, key);
    double ms = cJSON_IsNumber(v) ? v->valuedouble : 0;

    buf_addf(out, "%.*f ms", ms < 10 ? 1 : 0, ms);
}

/* ---- what stands in front of a line ---------------------------------------------------------- */

static void add_time(struct logs_view *v, int64_t time_ms, struct buf *out)
{
    time_t seconds = (time_t)(time_ms / 1000);
    char text[CLOCK_TEXT];
    struct tm tm;

    if (!v->out.tty) {
        buf_addz(out, clock_iso_ms(time_ms, text));
    } else if (localtime_r(&seconds, &tm)) {
        buf_addz(out, term_style(&v->out, TERM_DIM));
        buf_addf(out, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)(time_ms % 1000));
        buf_addz(out, term_style(&v->out, TERM_PLAIN));
    }
    buf_addc(out, ' ');
}

/* On a terminal times are without a date: a line of its own tells where another day begins. */
static void add_day(struct logs_view *v, int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000), now = time(NULL);
    struct tm tm, today;
    int day;

    if (!v->out.tty || !localtime_r(&seconds, &tm) || !localtime_r(&now, &today))
        return;
    if (v->day == 0)
        v->day = today.tm_year * 1000 + today.tm_yday;
    day = tm.tm_year * 1000 + tm.tm_yday;
    if (day != v->day)
        buf_addf(&v->text, "%s-- %04d-%02d-%02d --%s\n", term_style(&v->out, TERM_BOLD),
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, term_style(&v->out, TERM_PLAIN));
    v->day = day;
}

/* The same colour for all lines of a request, most often another one for the next. */
static enum term_style style_of(struct str id)
{
    static const enum term_style styles[] = {TERM_CYAN, TERM_GREEN, TERM_YELLOW, TERM_BLUE,
                                             TERM_MAGENTA};
    uint32_t hash = 2166136261U; /* FNV-1a */

    for (size_t i = 0; i < id.n; i++)
        hash = (hash ^ (uint8_t)id.p[i]) * 16777619U;
    return styles[hash % ARRAY_LEN(styles)];
}

/* A name of ours or the caller's; callers choose request ids and are not to be trusted. */
static void add_name(struct logs_view *v, struct str name, enum term_style style, struct buf *out)
{
    buf_addz(out, term_style(&v->out, style));
    term_safe(name, TERM_LINE, out);
    buf_addz(out, term_style(&v->out, TERM_PLAIN));
    buf_addc(out, ' ');
}

static void add_front(struct logs_view *v, const struct cJSON *record, struct buf *out)
{
    struct str id = text_of(record, "request_id"), function = text_of(record, "function");
    struct str cause = text_of(record, "trigger"); /* outside every run: which hook spoke */

    add_time(v, number_of(record, "time_ms"), out);
    if (v->functions && v->out.tty) { /* dialect/account/region/space/name: the last two say it */
        for (int i = 0; i < 3; i++)
            (void)str_cut(&function, '/');
    }
    if (v->functions)
        add_name(v, function, TERM_BOLD, out);
    if (v->out.tty && id.n > ID_SHOWN)
        add_name(v, str_from(id, id.n - ID_SHOWN), style_of(id), out);
    else
        add_name(v, id.n ? id : cause, style_of(id), out);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void add_lines(struct logs_view *v, struct str front, struct str text)
{
    while (text.n > 0) {
        struct str line = str_cut(&text, '\n');

        buf_adds(&v->text, front);
        if (v->out.tty) {
            if (str_ends(line, S("\r")))
                line.n--;
            term_safe(line, TERM_TEXT, &v->text);
        } else {
            buf_adds(&v->text, line);
        }
        buf_addc(&v->text, '\n');
    }
}

static void add_end(struct logs_view *v, struct str front, const struct cJSON *record)
{
    const struct cJSON *end = json_get(record, "end");
    struct str outcome = text_of(end, "outcome"), reason = text_of(end, "reason");
    const struct cJSON *init = json_get(end, "init_ms");
    int64_t memory = number_of(end, "memory_bytes");
    bool ok = str_eq(outcome, S("ok"));

    buf_adds(&v->text, front);
    buf_addz(&v->text, term_style(&v->out, ok ? TERM_DIM : TERM_RED));
    buf_addz(&v->text, "= ");
    term_safe(outcome, TERM_LINE, &v->text);
    buf_addc(&v->text, ' ');
    add_ms(end, "duration_ms", &v->text);
    if (cJSON_IsNumber(init) && init->valuedouble > 0) {
        buf_addz(&v->text, ", start ");
        add_ms(end, "init_ms", &v->text);
    }
    if (memory > 0)
        buf_addf(&v->text, ", %lld MB", (long long)((memory + (1 << 20) - 1) >> 20));
    if (reason.n) {
        buf_addz(&v->text, ": ");
        term_safe(reason, TERM_LINE, &v->text);
    }
    if (v->out.tty && !ok && json_get(record, "request_id")) { /* what to ask with, next */
        buf_addz(&v->text, "; request ");
        term_safe(text_of(record, "request_id"), TERM_LINE, &v->text);
    }
    buf_addz(&v->text, term_style(&v->out, TERM_PLAIN));
    buf_addc(&v->text, '\n');
}

static void add_table(struct logs_view *v, const struct cJSON *record)
{
    cleanup_with(buf_done) struct buf front, bytes;
    struct str text = text_of(record, "text");

    buf_init(&front, 8 << 10);
    buf_init(&bytes, RECORD_MAX);
    if (json_get(record, "base64") && base64_decode(text_of(record, "base64"), &bytes) == 0)
        text = buf_str(&bytes);
    if (text.n == 0 && !(v->ends && json_get(record, "end")))
        return;
    add_day(v, number_of(record, "time_ms"));
    add_front(v, record, &front);
    add_lines(v, buf_str(&front), text);
    if (v->ends && json_get(record, "end"))
        add_end(v, buf_str(&front), record);
}

/* ---- records --------------------------------------------------------------------------------- */

void logs_view_tell(struct logs_view *v)
{
    const struct term errors = term_of(stderr);
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, 4 << 10);
    if (v->untold.places == 0)
        return;
    buf_addz(&text, term_style(&errors, TERM_RED));
    buf_addz(&text, "evoke: missing here: ");
    if (v->untold.lines || v->untold.bytes)
        buf_addf(&text, "%llu lines, %llu bytes of ", (unsigned long long)v->untold.lines,
                 (unsigned long long)v->untold.bytes);
    else
        buf_addz(&text, "an unknown number of lines of ");
    term_safe(*v->gap_function ? str_of(v->gap_function) : S("several functions"), TERM_LINE,
              &text);
    buf_addz(&text, ": ");
    term_safe(str_of(v->gap_why), TERM_LINE, &text);
    buf_addz(&text, term_style(&errors, TERM_PLAIN));
    fprintf(stderr, "%s\n", text.p);
    v->untold = (struct lost){0};
    v->gap_ns = clock_mono_ns();
}

static void add_lost(struct lost *sum, int64_t lines, int64_t bytes)
{
    sum->places++;
    sum->lines += (uint64_t)lines;
    sum->bytes += (uint64_t)bytes;
}

static void take_gap(struct logs_view *v, const struct cJSON *record)
{
    const struct cJSON *gap = json_get(record, "gap");
    struct str function = text_of(record, "function"), why = text_of(gap, "why");
    int64_t lines = number_of(gap, "lines"), bytes = number_of(gap, "bytes");

    if (v->untold.places && !str_eq(why, str_of(v->gap_why)))
        logs_view_tell(v);
    if (v->untold.places == 0) {
        free(v->gap_function);
        free(v->gap_why);
        v->gap_function = str_dup(function);
        v->gap_why = str_dup(why);
    } else if (!str_eq(function, str_of(v->gap_function))) {
        v->gap_function[0] = 0;
    }
    add_lost(&v->untold, lines, bytes);
    add_lost(&v->lost, lines, bytes);
    if (v->gap_ns == 0 || clock_mono_ns() - v->gap_ns > TELL_EACH_NS)
        logs_view_tell(v);
}

int logs_view_flush(struct logs_view *v)
{
    int r = term_put(&v->out, buf_str(&v->text));

    buf_reset(&v->text);
    return r;
}

int logs_view_record(struct logs_view *v, const struct cJSON *record)
{
    int r = 0;

    if (json_get(record, "gap")) {
        r = logs_view_flush(v); /* what was before it stands before it */
        take_gap(v, record);
    }
    switch (v->format) {
    case OUTPUT_TABLE:
        add_table(v, record);
        break;
    case OUTPUT_JSON:
        output_json(record, &v->text);
        break;
    case OUTPUT_YAML:
        buf_addz(&v->text, "---\n");
        output_yaml(record, &v->text);
        break;
    }
    assert(buf_ok(&v->text));
    if (r >= 0 && v->text.n >= WRITE_BYTES)
        r = logs_view_flush(v);
    return r;
}

void logs_view_sum(struct logs_view *v)
{
    logs_view_tell(v);
    if (v->lost.places > 0)
        fprintf(stderr, "evoke: %llu lines (%llu bytes) are missing, in %llu place%s\n",
                (unsigned long long)v->lost.lines, (unsigned long long)v->lost.bytes,
                (unsigned long long)v->lost.places, v->lost.places == 1 ? "" : "s");
}
