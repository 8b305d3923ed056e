/* SPDX-License-Identifier: Apache-2.0 */
/* ending.c - one row per way a run can end. */
#include "cli/ending.h"

#include <assert.h>
#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/command.h"
#include "cli/term.h"

const struct ending endings[ENDINGS] = {
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
        {"unknown", EXIT_INTERNAL, "the endpoint did not say how the run ended",
         "check that --endpoint is an evoke daemon"},
};

const struct ending *ending_of(struct str outcome)
{
    for (size_t i = 0; i < ENDINGS; i++)
        if (str_eq(outcome, str_of(endings[i].name)))
            return &endings[i];
    return &endings[ENDINGS - 1];
}

/* Its lines, each indented. */
static void print_text(const struct term *t, const char *key, struct str text)
{
    bool first = true;

    while (text.p) {
        struct str line = str_cut(&text, '\n');

        if (line.n == 0 && !text.p)
            break;
        fprintf(t->out, "  %s%s", first ? key : "  ", first && *key ? ": " : "");
        (void)term_write(t, line);
        fputc('\n', t->out);
        first = false;
    }
}

static void print_value(const struct term *t, const char *key, const struct cJSON *value)
{
    cleanup_with(buf_done) struct buf text = {0};

    if (cJSON_IsArray(value)) {
        for (const struct cJSON *v = value->child; v; v = v->next)
            print_value(t, "", v);
    } else if (cJSON_IsString(value)) {
        print_text(t, key, str_of(value->valuestring));
    } else {
        buf_init(&text, 1 << 20);
        json_print(value, &text);
        print_text(t, key, buf_str(&text));
    }
}

void ending_print_error(const struct term *t, const struct cJSON *error)
{
    if (!cJSON_IsObject(error)) {
        if (error)
            print_value(t, "", error);
        return;
    }
    for (const struct cJSON *v = error->child; v; v = v->next)
        print_value(t, v->string, v);
}

void ending_print_log(const struct term *t, struct str log)
{
    fputs("\nLog:\n", t->out);
    if (!log.n)
        fputs("(empty)", t->out);
    (void)term_write(t, log);
    if (!log.n || log.p[log.n - 1] != '\n')
        fputc('\n', t->out);
}
