/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_invoke.c - evoke invoke NAME [--event FILE|-|JSON] [--repeat N --concurrency C]
 *
 * Three parts, as the clouds' consoles show them: the function's output (stdout, as it came), its
 * log and a summary (stderr). A failure adds its reason and what to do next.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/ending.h"
#include "cli/events.h"
#include "cli/name.h"
#include "cli/output.h"
#include "cli/repeat.h"
#include "cli/term.h"
#include "cli/units.h"

enum { EVENT_MAX = 33 << 20, LOG_MAX = 64 << 10 };

static int read_stdin(struct buf *out, struct err *e)
{
    for (;;) {
        char *room = buf_room(out, 64 << 10);
        ssize_t n = room ? read(STDIN_FILENO, room, 64 << 10) : 0;

        if (!room)
            return err_set(e, ERR_LIMIT, -EMSGSIZE, "the event is larger than %zu bytes", out->max);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, "read the event from stdin");
        if (n == 0)
            return 0;
        buf_grew(out, (size_t)n);
    }
}

/* What is valid JSON is the event itself; anything else names a file. */
static int read_event(const char *word, struct buf *out, struct err *e)
{
    int r;

    if (!word) {
        buf_addz(out, "{}");
        return 0;
    }
    if (strcmp(word, "-") == 0)
        return read_stdin(out, e);
    if (json_valid(str_of(word), NULL)) {
        buf_addz(out, word);
        return 0;
    }
    r = io_read_file(AT_FDCWD, word, out, e);
    if (r == -ENOENT)
        return err_set(e, ERR_CALLER, -EINVAL, "--event '%.100s' is neither JSON nor a file", word);
    return r;
}

static const struct { /* header, summary line, key in JSON */
    const char *header, *title, *unit, *key;
} summary[] = {
        {"X-Evoke-Request-Id", "Request id", "", "request_id"},
        {"X-Evoke-Instance", "Instance", "", "instance"},
        {"X-Evoke-Memory-Mb", "Memory configured", " MB", "memory_mb"},
        {"X-Evoke-Memory-Used-Mb", "Memory used", " MB", "memory_used_mb"},
        {"X-Evoke-Duration-Ms", "Execution duration", " ms", "duration_ms"},
        {"X-Evoke-Billed-Ms", "Billed duration", " ms", "billed_ms"},
        {"X-Evoke-Queue-Ms", "Queue time", " ms", "queue_ms"},
        {"X-Evoke-Start-Ms", "Start of instance", " ms", "start_ms"},
        {"X-Evoke-Init-Ms", "Init duration", " ms", "init_ms"},
};

static void get_log(struct client *c, struct buf *log)
{
    buf_init(log, LOG_MAX);
    if (base64_decode(client_header(c, "X-Evoke-Log"), log) < 0)
        buf_reset(log);
}

static void print_summary(struct client *c, const struct ending *ending)
{
    fprintf(stderr, "\nSummary:\n  %-18s %s\n", "Status", ending->name);
    for (size_t i = 0; i < ARRAY_LEN(summary); i++) {
        struct str v = client_header(c, summary[i].header);

        if (v.n)
            fprintf(stderr, "  %-18s %.*s%s\n", summary[i].title, STR_ARG(v), summary[i].unit);
    }
}

static bool is_text(struct str s)
{
    return str_utf8(s) && !(s.n && memchr(s.p, 0, s.n));
}

/* Byte for byte; but nobody wants a picture on a terminal, nor its cursor behind the last word. */
static void print_answer(struct str answer)
{
    struct term out = term_of(stdout);
    char size[UNITS_TEXT];

    if (out.tty && isatty(STDERR_FILENO))
        fputs("Output:\n", stderr);
    if (out.tty && !is_text(answer)) {
        fprintf(stderr, "(%s that are no text: redirect stdout to keep them)\n",
                units_bytes(answer.n, size));
        return;
    }
    (void)term_write(&out, answer);
    if (out.tty && answer.n && answer.p[answer.n - 1] != '\n')
        putchar('\n');
    fflush(stdout);
}

/* Output, summary, log: the three parts of an execution result, in the order of the consoles. */
static void print_people(struct client *c, const struct ending *ending, struct str answer)
{
    struct term err = term_of(stderr);
    cleanup_with(buf_done) struct buf log;

    print_answer(answer);
    print_summary(c, ending);
    get_log(c, &log);
    ending_print_log(&err, buf_str(&log));
    if (ending->exit_code != EXIT_OK)
        fprintf(stderr, "\nevoke: %s (%s)\n  next: %s\n", ending->reason, ending->name,
                ending->next);
}

static void print_program(struct client *c, enum output_format format, const struct ending *ending,
                          struct str answer)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(buf_done) struct buf text, log, base64;
    struct jw w;

    get_log(c, &log);
    buf_init(&text, OUTPUT_MAX);
    buf_init(&base64, OUTPUT_MAX);
    jw_init(&w, &text);
    jw_obj(&w);
    jw_kstrz(&w, "outcome", ending->name);
    for (size_t i = 0; i < ARRAY_LEN(summary); i++) {
        struct str v = client_header(c, summary[i].header);

        jw_key(&w, summary[i].key);
        if (v.n && i > 0 && json_valid(v, NULL))
            jw_raw(&w, v);
        else
            jw_str(&w, v);
    }
    jw_kbool(&w, "cold", str_eq(client_header(c, "X-Evoke-Cold"), S("true")));
    jw_kstr(&w, "log", buf_str(&log));
    if (is_text(answer)) {
        jw_kstr(&w, "body", answer);
    } else {
        base64_encode(answer, &base64);
        jw_kstr(&w, "body_base64", buf_str(&base64));
    }
    jw_obj_end(&w);
    tree = json_parse(buf_str(&text), NULL);
    if (tree && format == OUTPUT_YAML)
        output_object(format, tree);
    else
        puts(text.p);
}

static int once(struct client *c, const struct client_request *req, enum output_format format)
{
    cleanup_with(buf_done) struct buf answer = {0};
    const struct ending *ending;
    struct err e = {0};

    if (client_call(c, req, &answer, &e) < 0)
        return command_fail(&e);
    ending = ending_of(client_header(c, "X-Evoke-Outcome"));
    if (format == OUTPUT_TABLE)
        print_people(c, ending, buf_str(&answer));
    else
        print_program(c, format, ending, buf_str(&answer));
    return ending->exit_code;
}

/* It is on disk: no answer to wait for. */
static int accepted(struct client *c, const struct client_request *req, enum output_format format)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(buf_done) struct buf answer = {0};
    struct err e = {0};

    if (client_call(c, req, &answer, &e) < 0 || client_json(&answer, &tree, &e) < 0)
        return command_fail(&e);
    if (str_eq(client_header(c, "X-Evoke-Duplicate"), S("true")))
        fputs("evoke: an event with this id was accepted before; this one is not another\n",
              stderr);
    events_accepted(format, tree);
    return EXIT_OK;
}

static int check_options(const struct args *args, struct err *e)
{
    if (args_has(args, "concurrency") && !args_has(args, "repeat"))
        return err_set(e, ERR_CALLER, -EINVAL, "--concurrency goes with --repeat");
    if (args_has(args, "async") && args_has(args, "repeat"))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "--repeat measures answers, and --async has none to measure");
    if (args_has(args, "id") && !args_has(args, "async"))
        return err_set(e, ERR_CALLER, -EINVAL, "--id goes with --async");
    return 0;
}

static void make_query(const struct args *args, struct buf *query)
{
    if (args_has(args, "qualifier")) {
        buf_addz(query, "qualifier=");
        uri_encode(str_of(args_text(args, "qualifier")), "", query);
    }
    if (args_has(args, "async"))
        buf_addf(query, "%sasync=true", query->n ? "&" : "");
}

static const struct option options[] = {
        {.name = "event",
         .letter = 'e',
         .kind = OPTION_TEXT,
         .arg = "FILE|-|JSON",
         .help = "what the function gets: JSON, a file, or - for stdin",
         .def = "{}",
         .complete = COMPLETE_FILE},
        {.name = "qualifier",
         .letter = 'q',
         .kind = OPTION_TEXT,
         .arg = "VERSION",
         .help = "version or alias to run",
         .def = "latest",
         .min = 1,
         .max = 128},
        {.name = "async", .kind = OPTION_FLAG, .help = "do not wait: print the request id"},
        {.name = "id",
         .kind = OPTION_TEXT,
         .arg = "ID",
         .help = "with --async: its name; twice counts once",
         .min = 1,
         .max = 128},
        {.name = "timeout",
         .letter = 't',
         .kind = OPTION_DURATION,
         .arg = "TIME",
         .help = "how long to wait for the answer; the run goes on",
         .min = 1,
         .max = 7ll * 24 * 3600 * 1000},
        {.name = "repeat",
         .letter = 'n',
         .kind = OPTION_INT,
         .arg = "N",
         .help = "run it so many times and show latencies instead of answers",
         .min = 1,
         .max = REPEAT_RUNS},
        {.name = "concurrency",
         .letter = 'c',
         .kind = OPTION_INT,
         .arg = "C",
         .help = "with --repeat: so many at once",
         .def = "1",
         .min = 1,
         .max = REPEAT_AT_ONCE},
};

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path, query, event;
    struct client_request req = {.method = "POST"};
    struct err e = {0};

    buf_init(&path, 8 << 10);
    buf_init(&query, 1 << 10);
    buf_init(&event, EVENT_MAX);
    if (check_options(args, &e) < 0 || read_event(args_text(args, "event"), &event, &e) < 0 ||
        client_new(common, &client, &e) < 0 || name_resolve(client, args->words[0], &path, &e) < 0)
        return command_fail(&e);
    buf_addz(&path, "/invoke");
    make_query(args, &query);
    req.path = buf_str(&path);
    req.query = buf_str(&query);
    req.body = buf_str(&event);
    req.timeout_ms = (uint64_t)args_number(args, "timeout", 0);
    if (args_has(args, "repeat"))
        return repeat_run(client, &req, (size_t)args_number(args, "repeat", 1),
                          (size_t)args_number(args, "concurrency", 1), common->format);
    if (args_has(args, "async")) {
        req.event_id = args_text(args, "id");
        return accepted(client, &req, common->format);
    }
    return once(client, &req, common->format);
}

const struct command command_invoke = {
        .name = "invoke",
        .group = GROUP_RUN,
        .args = "NAME",
        .summary = "run a function and show its answer",
        .help = "The answer goes to stdout, byte for byte; summary and log go to stderr. Exit\n"
                "code 1 when the function failed, 5 when a limit said no, 6 after its timeout;\n"
                "with --repeat stdout has the latencies, and the code is of the first failure.",
        .examples = "evoke invoke hello --event '{\"name\":\"you\"}'\n"
                    "evoke invoke hello --async --id order-4711\n"
                    "evoke invoke hello --repeat 1000 --concurrency 8\n",
        .options = OPTION_TABLE(options),
        .min_words = 1,
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = run,
};
