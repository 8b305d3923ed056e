/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_invoke.c - evoke invoke NAME [--event FILE|-|JSON]
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
#include "cli/client.h"
#include "cli/command.h"
#include "cli/name.h"
#include "cli/output.h"

enum { EVENT_MAX = 33 << 20, LOG_MAX = 64 << 10 };

/* How a run can end, in words. Source: docs/admin-api.md */
static const struct outcome {
    const char *name;
    int exit_code;
    const char *reason, *next;
} outcomes[] = {
        {"ok", EXIT_OK, "", ""},
        {"error", EXIT_FUNCTION, "the function reported an error",
         "the output above is its error; the log shows where it happened"},
        {"timeout", EXIT_TIMEOUT, "the function ran into its timeout",
         "raise 'timeout' in evoke.yaml, or find in the log what it waits for"},
        {"exited", EXIT_FUNCTION, "the process ended before it answered",
         "look in the log for an exit or a crash"},
        {"memory", EXIT_FUNCTION, "the function used more memory than it has",
         "raise 'memory' in evoke.yaml"},
        {"too_large", EXIT_LIMIT, "the answer is larger than the cloud allows",
         "return less, or store the result and return where it is"},
        {"protocol", EXIT_FUNCTION, "the worker broke off the conversation",
         "look at the daemon's log for this request id"},
        {"init_error", EXIT_FUNCTION, "the code did not load or its initializer failed",
         "check 'handler' in evoke.yaml and the error above"},
        {"init_timeout", EXIT_TIMEOUT, "loading or initialising took too long",
         "raise 'initializer_timeout' in evoke.yaml"},
        {"init_exited", EXIT_FUNCTION, "the process ended while it was loading the code",
         "look in the log for an exit or a crash"},
        {"cancelled", EXIT_FUNCTION, "the run was cancelled", "try again"},
};

static const struct outcome *outcome_of(struct str name)
{
    static const struct outcome unknown = {"unknown", EXIT_INTERNAL,
                                           "the endpoint did not say how the run ended",
                                           "check that --endpoint is an evoke daemon"};

    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        if (str_eq(name, str_of(outcomes[i].name)))
            return &outcomes[i];
    return &unknown;
}

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
        {"X-Evoke-Memory-Mb", "Memory configured", " MB", "memory_mb"},
        {"X-Evoke-Duration-Ms", "Execution duration", " ms", "duration_ms"},
        {"X-Evoke-Memory-Used-Mb", "Memory used", " MB", "memory_used_mb"},
        {"X-Evoke-Billed-Ms", "Billed duration", " ms", "billed_ms"},
        {"X-Evoke-Init-Ms", "Init duration", " ms", "init_ms"},
};

static void get_log(struct client *c, struct buf *log)
{
    buf_init(log, LOG_MAX);
    if (base64_decode(client_header(c, "X-Evoke-Log"), log) < 0)
        buf_reset(log);
}

static void print_summary(struct client *c)
{
    fputs("\nSummary:\n", stderr);
    for (size_t i = 0; i < ARRAY_LEN(summary); i++) {
        struct str v = client_header(c, summary[i].header);

        if (v.n)
            fprintf(stderr, "  %-18s %.*s%s\n", summary[i].title, STR_ARG(v), summary[i].unit);
    }
}

/* Output, summary, log: the three parts of an execution result, in the order of the consoles. */
static void print_people(struct client *c, const struct outcome *o, struct str answer)
{
    cleanup_with(buf_done) struct buf log;

    if (isatty(STDOUT_FILENO) && isatty(STDERR_FILENO))
        fputs("Output:\n", stderr);
    fwrite(answer.p, 1, answer.n, stdout);
    if (answer.n && answer.p[answer.n - 1] != '\n')
        putchar('\n');
    fflush(stdout);
    print_summary(c);
    get_log(c, &log);
    fputs("\nLog:\n", stderr);
    if (!log.n)
        fputs("(empty)", stderr);
    fwrite(log.p, 1, log.n, stderr); /* a function may print NUL bytes */
    if (!log.n || log.p[log.n - 1] != '\n')
        fputc('\n', stderr);
    if (o->exit_code != EXIT_OK)
        fprintf(stderr, "\nevoke: %s (%s)\n  next: %s\n", o->reason, o->name, o->next);
}

static void print_program(struct client *c, enum output_format format, const struct outcome *o,
                          struct str answer)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(buf_done) struct buf text, log, base64;
    bool is_text =
            str_utf8(answer) && !memchr(answer.n ? answer.p : "x", 0, answer.n ? answer.n : 1);
    struct jw w;

    get_log(c, &log);
    buf_init(&text, OUTPUT_MAX);
    buf_init(&base64, OUTPUT_MAX);
    jw_init(&w, &text);
    jw_obj(&w);
    jw_kstrz(&w, "outcome", o->name);
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
    if (is_text) {
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

static const struct option options[] = {
        {.name = "event",
         .letter = 'e',
         .kind = OPTION_TEXT,
         .arg = "FILE|-|JSON",
         .help = "what the function gets: JSON, a file, or - for stdin",
         .def = "{}",
         .complete = COMPLETE_FILE},
};

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf path, event, answer;
    struct client_request req = {.method = "POST"};
    const struct outcome *o;
    struct err e = {0};

    buf_init(&path, 8 << 10);
    buf_init(&event, EVENT_MAX);
    buf_init(&answer, 0);
    if (read_event(args_text(args, "event"), &event, &e) < 0 ||
        client_new(common, &client, &e) < 0 || name_resolve(client, args->words[0], &path, &e) < 0)
        return command_fail(&e);
    buf_addz(&path, "/invoke");
    req.path = buf_str(&path);
    req.body = buf_str(&event);
    if (client_call(client, &req, &answer, &e) < 0)
        return command_fail(&e);

    o = outcome_of(client_header(client, "X-Evoke-Outcome"));
    if (common->format == OUTPUT_TABLE)
        print_people(client, o, buf_str(&answer));
    else
        print_program(client, common->format, o, buf_str(&answer));
    return o->exit_code;
}

const struct command command_invoke = {
        .name = "invoke",
        .group = GROUP_RUN,
        .args = "NAME",
        .summary = "run a function and show its answer",
        .help = "The answer goes to stdout, log and summary to stderr. Exit code 1 when the\n"
                "function failed, 6 when it ran into its timeout.",
        .examples = "evoke invoke hello --event '{\"name\":\"you\"}'\n"
                    "evoke invoke hello --event event.json > answer.json\n",
        .options = OPTION_TABLE(options),
        .min_words = 1,
        .max_words = 1,
        .complete = COMPLETE_FUNCTION,
        .run = run,
};
