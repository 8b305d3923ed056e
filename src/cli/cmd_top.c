/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_top.c - evoke top: the busiest functions, as figures of the last minute (or --window).
 *
 * On a terminal the table is drawn again every two seconds until q or Ctrl-C; anywhere else, or with
 * --once or --count, tables are printed one after the other and nothing is drawn over.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/screen.h"
#include "cli/term.h"
#include "cli/units.h"
#include "cli/view.h"

enum { PICTURE_MAX = 8 << 20, FUNCTION_MIN = 12 };

static const char *const sort_names[] = {"rate",      "errors", "p50",  "p99",
                                         "instances", "memory", "name", NULL};
static const char *const sort_keys[] = {"rate",      "errors",       "p50_ms", "p99_ms",
                                        "instances", "memory_bytes", NULL};

static const struct option options[] = {
        {.name = "sort",
         .letter = 's',
         .kind = OPTION_CHOICE,
         .arg = "BY",
         .help = "rate, errors, p50, p99, instances, memory or name",
         .def = "rate",
         .choices = sort_names},
        {.name = "window",
         .letter = 'w',
         .kind = OPTION_DURATION,
         .arg = "TIME",
         .help = "figures of the last so long",
         .def = "1m",
         .min = 1000,
         .max = 3600000},
        {.name = "interval",
         .letter = 'i',
         .kind = OPTION_DURATION,
         .arg = "TIME",
         .help = "time between two tables",
         .def = "2s",
         .min = 200,
         .max = 3600000},
        {.name = "count",
         .letter = 'n',
         .kind = OPTION_INT,
         .arg = "N",
         .help = "print so many tables, one below the other",
         .min = 1,
         .max = 1000000},
        {.name = "once",
         .letter = '1',
         .kind = OPTION_FLAG,
         .help = "print one table; what happens without a terminal anyway"},
};

struct top {
    struct client *client;
    const struct common *common;
    struct buf query;
    int64_t window_ms, interval_ms;
    size_t sort;
};

static double number(const struct cJSON *row, const char *key)
{
    const struct cJSON *v = json_get(row, key);
    char *end;
    double n;

    if (!v)
        return 0;
    if (cJSON_IsNumber(v))
        return v->valuedouble;
    /* The reader keeps numbers as they were written. */
    n = v->valuestring ? strtod(v->valuestring, &end) : 0;
    return n;
}

struct rows {
    const struct cJSON **rows; /* owned list of what is the answer's */
    size_t n, sort;
};

static int compare(const void *a, const void *b, void *user)
{
    const struct cJSON *x = *(const struct cJSON *const *)a, *y = *(const struct cJSON *const *)b;
    const char *key = sort_keys[*(size_t *)user];
    double p = key ? number(x, key) : 0, q = key ? number(y, key) : 0;

    if (p != q)
        return p < q ? 1 : -1;
    return str_cmp(view_text(x, "function"), view_text(y, "function"));
}

static void sort_rows(const struct cJSON *functions, size_t sort, struct rows *ret)
{
    size_t n = functions ? (size_t)cJSON_GetArraySize(functions) : 0;

    ret->rows = calloc(n + 1, sizeof(const struct cJSON *));
    ret->n = 0;
    for (const struct cJSON *f = functions ? functions->child : NULL; f && ret->rows; f = f->next)
        ret->rows[ret->n++] = f;
    if (ret->n)
        qsort_r(ret->rows, ret->n, sizeof(const struct cJSON *), compare, &sort);
}

/* "space/name" of the whole key: what tells functions apart on one machine, mostly. */
static struct str short_name(struct str full)
{
    size_t slashes = 0, i = full.n;

    for (; i > 0; i--)
        if (full.p[i - 1] == '/' && ++slashes == 2)
            break;
    return str_from(full, i);
}

static void add_time(double ms, char out[16])
{
    if (ms <= 0)
        snprintf(out, 16, "-");
    else if (ms < 10)
        snprintf(out, 16, "%.2f ms", ms);
    else if (ms < 10000)
        snprintf(out, 16, "%.0f ms", ms);
    else
        snprintf(out, 16, "%.0f s", ms / 1000);
}

static void add_row(const struct cJSON *f, size_t width, struct buf *out)
{
    cleanup_with(buf_done) struct buf name;
    double runs = number(f, "runs"), bad = number(f, "errors") + number(f, "timeouts");
    char p50[16], p99[16], memory[UNITS_TEXT], errors[16];

    buf_init(&name, 64 << 10);
    term_safe(short_name(view_text(f, "function")), TERM_LINE, &name);
    term_cell(buf_str(&name), width, out);
    add_time(number(f, "p50_ms"), p50);
    add_time(number(f, "p99_ms"), p99);
    snprintf(errors, sizeof(errors), runs > 0 ? "%.1f%%" : "-", runs > 0 ? 100 * bad / runs : 0);
    buf_addf(out, " %8.1f %7s %8s %8s %4.0f %4.0f %5.0f %10s\n", number(f, "rate"), errors, p50,
             p99, number(f, "instances"), number(f, "busy"), number(f, "waiting"),
             units_bytes((uint64_t)number(f, "memory_bytes"), memory));
}

enum { FIGURES = 62 }; /* columns of all but the name */

/* The table as lines: at most `lines` of functions. */
static void add_table(const struct top *top, const struct cJSON *answer, const struct term *t,
                      size_t columns, size_t lines, struct buf *out)
{
    size_t width = columns > FIGURES + FUNCTION_MIN ? columns - FIGURES : FUNCTION_MIN;
    struct rows rows = {0};

    width = columns ? width : 40;
    width = width > 48 ? 48 : width;
    sort_rows(json_get(answer, "functions"), top->sort, &rows);
    buf_addf(out, "%s%-*s %8s %7s %8s %8s %4s %4s %5s %10s%s\n", term_style(t, TERM_BOLD),
             (int)width, "FUNCTION", "RUNS/S", "ERRORS", "P50", "P99", "INST", "BUSY", "WAIT",
             "MEMORY", term_style(t, TERM_PLAIN));
    for (size_t i = 0; i < rows.n && i < lines; i++)
        add_row(rows.rows[i], width, out);
    free(rows.rows);
}

static int ask(struct top *top, struct cJSON **ret, struct err *e)
{
    return client_get(top->client, S("/evoke/v1/top"), buf_str(&top->query), ret, e);
}

static void print_once(const struct top *top, const struct cJSON *answer)
{
    const struct term t = term_of(stdout);
    cleanup_with(buf_done) struct buf out;

    buf_init(&out, PICTURE_MAX);
    if (top->common->format != OUTPUT_TABLE) {
        output_object(top->common->format, answer);
        return;
    }
    add_table(top, answer, &t, term_width(&t), SIZE_MAX, &out);
    output_text(buf_str(&out));
}

/* Until the time is over or Ctrl-C; false: it is time to end. */
static bool wait_for_next(const struct top *top)
{
    struct pollfd interrupt = {.fd = interrupt_fd(), .events = POLLIN};
    uint64_t end = clock_mono_ns() + (uint64_t)top->interval_ms * 1000000, now;

    /* Not nanosleep(2): Ctrl-C just before it would be slept over. */
    while (!interrupt_seen() && (now = clock_mono_ns()) < end)
        (void)poll(&interrupt, 1, (int)((end - now + 999999) / 1000000));
    return !interrupt_seen() && term_heard();
}

static int print_tables(struct top *top, int64_t count)
{
    interrupt_catch();
    for (int64_t i = 0; i < count; i++) {
        cleanup_with(json_freep) struct cJSON *answer = NULL;
        struct err e = {0};

        if (i > 0 && !wait_for_next(top))
            return interrupt_seen() ? EXIT_INTERRUPT : EXIT_OK;
        if (i > 0 && top->common->format == OUTPUT_TABLE)
            putchar('\n');
        if (ask(top, &answer, &e) < 0)
            return command_fail(&e);
        print_once(top, answer);
        fflush(stdout);
    }
    return EXIT_OK;
}

/* ---- on a terminal --------------------------------------------------------------------------- */

static void add_head(const struct top *top, const struct cJSON *answer, const struct term *t,
                     struct buf *out)
{
    const struct cJSON *functions = json_get(answer, "functions");
    double rate = 0, runs = 0, bad = 0, memory = 0;
    char bytes[UNITS_TEXT], span[32];
    size_t n = 0;

    for (const struct cJSON *f = functions ? functions->child : NULL; f; f = f->next, n++) {
        rate += number(f, "rate");
        runs += number(f, "runs");
        bad += number(f, "errors") + number(f, "timeouts");
        memory += number(f, "memory_bytes");
    }
    buf_addf(out, "%sevoke top%s  %zu function%s  %.1f runs/s  %.1f%% errors  %s  last %s\n",
             term_style(t, TERM_BOLD), term_style(t, TERM_PLAIN), n, n == 1 ? "" : "s", rate,
             runs > 0 ? 100 * bad / runs : 0, units_bytes((uint64_t)memory, bytes),
             view_span(top->window_ms, span));
    buf_addf(out, "%sq quit  s sort: %s%s\n", term_style(t, TERM_DIM), sort_names[top->sort],
             term_style(t, TERM_PLAIN));
}

static void draw(const struct top *top, const struct cJSON *answer, const char *trouble)
{
    const struct term t = term_of(stdout);
    cleanup_with(buf_done) struct buf out;
    size_t rows = screen_rows(), columns = term_width(&t);

    buf_init(&out, PICTURE_MAX);
    add_head(top, answer, &t, &out);
    if (trouble[0]) {
        cleanup_with(buf_done) struct buf safe;

        buf_init(&safe, 4096);
        term_safe(str_of(trouble), TERM_LINE, &safe);
        buf_addz(&out, term_style(&t, TERM_RED));
        buf_adds(&out, term_cut(buf_str(&safe), columns));
        buf_addf(&out, "%s\n", term_style(&t, TERM_PLAIN));
    } else {
        buf_addc(&out, '\n');
    }
    add_table(top, answer, &t, columns, rows > 5 ? rows - 5 : 1, &out);
    screen_draw(&out);
}

/* A daemon that is restarted is waited for: the trouble is shown until it is over. */
static int watch(struct top *top)
{
    struct cJSON *answer = NULL;
    struct err e = {0};
    int key = 0, r;

    if (ask(top, &answer, &e) < 0)
        return command_fail(&e);
    r = screen_begin();
    if (r < 0) {
        screen_end();
        json_free(answer);
        (void)err_set(&e, ERR_HOST, r, "terminal: %s", strerror(-r));
        return command_fail(&e);
    }
    while (key >= 0 && key != 'q' && key != 'Q') {
        struct cJSON *fresh = NULL;

        draw(top, answer, e.code ? e.msg : "");
        key = screen_key((uint64_t)top->interval_ms);
        if (key == 's' || key == 'S')
            top->sort = (top->sort + 1) % (ARRAY_LEN(sort_names) - 1);
        if (key != 0)
            continue;
        e = (struct err){0};
        if (ask(top, &fresh, &e) >= 0) {
            json_free(answer);
            answer = fresh;
        }
    }
    screen_end();
    json_free(answer);
    return EXIT_OK;
}

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(client_freep) struct client *client = NULL;
    struct top top = {.common = common,
                      .sort = (size_t)args_number(args, "sort", 0),
                      .window_ms = args_number(args, "window", 60000),
                      .interval_ms = args_number(args, "interval", 2000)};
    struct err e = {0};
    int code;

    if (client_new(common, &client, &e) < 0)
        return command_fail(&e);
    top.client = client;
    buf_init(&top.query, 64);
    buf_addf(&top.query, "window_s=%lld", (long long)((top.window_ms + 999) / 1000));
    if (args_has(args, "once") || args_has(args, "count") || common->format != OUTPUT_TABLE ||
        !screen_possible())
        code = print_tables(&top, args_has(args, "once") ? 1 : args_number(args, "count", 1));
    else
        code = watch(&top);
    buf_done(&top.query);
    return code;
}

const struct command command_top = {
        .name = "top",
        .group = GROUP_SEE,
        .args = "",
        .summary = "show what functions do now: rate, errors, times, memory",
        .help = "On a terminal the table is drawn again every --interval; s changes the\n"
                "order, q or Ctrl-C ends it. In a pipe one table is printed, or --count.",
        .examples = "evoke top --sort p99\n"
                    "evoke top --window 5m --once --output json\n",
        .options = OPTION_TABLE(options),
        .run = run,
};
