/* SPDX-License-Identifier: Apache-2.0 */
/* situation.c - a table of situations, the gravest first; the first that fits is told. */
#include "admin/situation.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/obj.h"
#include "fn/fn.h"

enum {
    FRESH_MS = 60 * 1000,       /* "at the moment" */
    RECENT_MS = 15 * 60 * 1000, /* "lately" */
    OFTEN = 2,
};

static void say(char to[VERDICT_TEXT], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(char to[VERDICT_TEXT], const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(to, VERDICT_TEXT, fmt, ap);
    va_end(ap);
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* ---- it cannot run ---- */

static bool no_code(const struct situation *v)
{
    return v->fn->code.sha[0] == '\0';
}

static void say_no_code(const struct situation *v, struct verdict *w)
{
    say(w->sentence, "It has no code yet.");
    say(w->next, "Deploy some: evoke deploy DIR --name %s", v->fn->name);
}

static bool no_runtime(const struct situation *v)
{
    return strcmp(v->ready, "ready") != 0;
}

static void say_no_runtime(const struct situation *v, struct verdict *w)
{
    say(w->sentence, "It cannot run on this host: %s.", v->ready);
    say(w->next,
        "Install what is missing (evoke doctor lists all of it), or deploy it with a runtime "
        "that is there; no restart is needed.");
}

static bool no_launcher(const struct situation *v)
{
    return !v->launcher;
}

static void say_no_launcher(const struct situation *v, struct verdict *w)
{
    (void)v;
    say(w->sentence, "The launcher is not running, so no instance of any function can be started.");
    say(w->next, "It is restarted by itself within seconds. If it stays away, the daemon's own log "
                 "says why; evoke doctor checks what it needs.");
}

/* ---- it does not start ---- */

static bool backs_off(const struct situation *v)
{
    return v->pool.failures > 0 && v->pool.retry_ms > 0;
}

static void say_fix_start(const struct situation *v, struct verdict *w)
{
    switch (v->start->end) {
    case JOB_INIT_TIMEOUT:
        say(w->next, "Do less before the handler is called, or raise init_timeout_ms (it is %u).",
            v->fn->init_timeout_ms);
        break;
    case JOB_MEMORY:
        say(w->next, "Raise memory_mb (it is %u), or load less.", v->fn->memory_mb);
        break;
    case JOB_NO_START:
        say(w->next,
            "This is the host's doing, not the function's: evoke doctor and the daemon's own "
            "log say more.");
        break;
    case JOB_INIT_ERROR:
    case JOB_INIT_EXITED:
    case JOB_PROTOCOL:
    case JOB_DONE:
    case JOB_ERROR:
    case JOB_TIMEOUT:
    case JOB_EXITED:
    case JOB_TOO_LARGE:
        say(w->next,
            "Mend the code and deploy it: a new deployment is tried at once. What it printed: "
            "evoke logs %s --since 10m",
            v->fn->name);
        break;
    }
}

static void say_backs_off(const struct situation *v, struct verdict *w)
{
    say(w->sentence,
        "It does not start: %u start%s in a row failed, the last one like this: %s. The next is "
        "tried "
        "in %.1f s; until then every invocation is answered with that failure.",
        v->pool.failures, plural(v->pool.failures), v->message, (double)v->pool.retry_ms / 1000.0);
    say_fix_start(v, w);
}

static bool start_failed(const struct situation *v)
{
    return v->start && !v->start->ok;
}

static void say_start_failed(const struct situation *v, struct verdict *w)
{
    say(w->sentence, "Its last start failed: %s. The next invocation tries again.", v->message);
    say_fix_start(v, w);
}

/* ---- it runs, and not well ---- */

static bool lately(const struct situation *v, int64_t ms, int64_t within)
{
    return ms > 0 && v->now_ms - ms <= within;
}

static bool is_limited(const struct situation *v)
{
    return v->failure && v->failure->limited && lately(v, v->failure->wall_ms, FRESH_MS);
}

static void say_limited(const struct situation *v, struct verdict *w)
{
    say(w->sentence, "Invocations are being refused: %s.", v->message);
    if (v->fn->instance_concurrency == 1)
        say(w->next,
            "More comes in than %u instance%s get done. Raise max_instances, or "
            "instance_concurrency if the handler may run several at once.",
            v->fn->max_instances, plural(v->fn->max_instances));
    else
        say(w->next,
            "More comes in than %u instance%s of %u at once get done. Raise max_instances, "
            "or send less.",
            v->fn->max_instances, plural(v->fn->max_instances), v->fn->instance_concurrency);
}

static bool queues(const struct situation *v)
{
    return v->pool.use.waiting > 0 && v->pool.oldest_wait_ns > 1000000000;
}

static void say_queues(const struct situation *v, struct verdict *w)
{
    say(w->sentence,
        "%u invocation%s wait%s for an instance, the oldest for %.1f s; %u instance%s of at most "
        "%u "
        "%s there.",
        v->pool.use.waiting, plural(v->pool.use.waiting), v->pool.use.waiting == 1 ? "s" : "",
        (double)v->pool.oldest_wait_ns / 1e9, v->pool.use.instances, plural(v->pool.use.instances),
        v->fn->max_instances, v->pool.use.instances == 1 ? "is" : "are");
    if (v->pool.use.instances < v->fn->max_instances)
        say(w->next,
            "The host is at its own limit: free memory, or raise --instances or --memory-mb of "
            "evoke serve.");
    else
        say(w->next,
            "Raise max_instances (it is %u), or instance_concurrency (it is %u) if the handler "
            "may run several at once.",
            v->fn->max_instances, v->fn->instance_concurrency);
}

static bool lacks_memory(const struct situation *v)
{
    return v->memory >= OFTEN;
}

static void say_lacks_memory(const struct situation *v, struct verdict *w)
{
    say(w->sentence,
        "It ran out of its %u MB of memory %u times lately; each time the instance was "
        "ended and its runs were lost.",
        v->fn->memory_mb, v->memory);
    say(w->next, "Raise memory_mb, or look for what grows from run to run.");
}

static bool is_slow(const struct situation *v)
{
    return v->timeouts >= OFTEN;
}

static void say_slow(const struct situation *v, struct verdict *w)
{
    say(w->sentence, "%u of its last runs did not end within its timeout of %.1f s.", v->timeouts,
        (double)v->fn->timeout_ms / 1000.0);
    say(w->next, "Raise timeout_ms, or see where it waits: evoke logs %s --status timeout",
        v->fn->name);
}

static bool last_failed(const struct situation *v)
{
    return v->failure && v->failure->wall_ms > v->past.last_ok_ms;
}

static void say_last_failed(const struct situation *v, struct verdict *w)
{
    const struct metrics_failure *f = v->failure;

    if (f->refused)
        say(w->sentence, "Its last invocation was refused: %s.", v->message);
    else if (f->outcome == OUTCOME_TIMEOUT)
        say(w->sentence, "Its last run did not end within its timeout of %.1f s.",
            (double)v->fn->timeout_ms / 1000.0);
    else if (f->outcome == OUTCOME_MEMORY)
        say(w->sentence, "Its last run ran out of its %u MB of memory.", v->fn->memory_mb);
    else
        say(w->sentence, "Its last run failed: %s.", v->message);
    if (*f->request_id)
        say(w->next, "See what it printed: evoke logs %s --request %.128s", v->fn->name,
            f->request_id);
    else
        say(w->next, "See what it printed: evoke logs %s --since 10m", v->fn->name);
}

/* ---- it is well ---- */

static bool never_run(const struct situation *v)
{
    return v->past.runs == 0 && v->pool.use.running == 0;
}

static void say_never_run(const struct situation *v, struct verdict *w)
{
    if (v->pool.use.idle > 0)
        say(w->sentence,
            "It is ready, with %u warm instance%s, and was not invoked since the daemon "
            "started.",
            v->pool.use.idle, plural(v->pool.use.idle));
    else
        say(w->sentence, "It is ready and was not invoked since the daemon started.");
    say(w->next, "Try it: evoke invoke %s --event '{}'", v->fn->name);
}

static bool is_busy(const struct situation *v)
{
    return v->pool.use.running > 0;
}

static void say_busy(const struct situation *v, struct verdict *w)
{
    say(w->sentence, "It is well and at work: %u running on %u instance%s.", v->pool.use.running,
        v->pool.use.busy, plural(v->pool.use.busy));
}

static bool is_warm(const struct situation *v)
{
    return v->pool.use.idle > 0;
}

static void say_warm(const struct situation *v, struct verdict *w)
{
    say(w->sentence, "It is well: %u warm instance%s wait%s for the next invocation.",
        v->pool.use.idle, plural(v->pool.use.idle), v->pool.use.idle == 1 ? "s" : "");
}

static bool always(const struct situation *v)
{
    (void)v;
    return true;
}

static void say_idle(const struct situation *v, struct verdict *w)
{
    (void)v;
    say(w->sentence,
        "It is well and has no instance at the moment: the next invocation starts one.");
}

static const struct row {
    const char *code;
    bool (*fits)(const struct situation *v);
    void (*say)(const struct situation *v, struct verdict *w);
} rows[] = {
        {"no_code", no_code, say_no_code},
        {"no_runtime", no_runtime, say_no_runtime},
        {"no_launcher", no_launcher, say_no_launcher},
        {"backing_off", backs_off, say_backs_off},
        {"start_failed", start_failed, say_start_failed},
        {"limited", is_limited, say_limited},
        {"queueing", queues, say_queues},
        {"out_of_memory", lacks_memory, say_lacks_memory},
        {"timeouts", is_slow, say_slow},
        {"last_failed", last_failed, say_last_failed},
        {"never_run", never_run, say_never_run},
        {"busy", is_busy, say_busy},
        {"warm", is_warm, say_warm},
        {"idle", always, say_idle},
};

/* ---- what is known ---- */

/* One line, without a full stop: it stands inside a sentence. */
static void tidy(const char *text, char out[SITUATION_MESSAGE])
{
    size_t n = 0;

    for (; text && *text && n + 1 < SITUATION_MESSAGE; text++) {
        char c = *text;

        if ((uint8_t)c < 0x20)
            c = ' ';
        if (c != ' ' || (n > 0 && out[n - 1] != ' '))
            out[n++] = c;
    }
    while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == '.'))
        n--;
    out[n] = '\0';
}

void situation_message(const char *text, char out[SITUATION_MESSAGE])
{
    static const char *const keys[] = {"errorMessage", "message"};
    struct cJSON *tree = text ? json_parse(str_of(text), NULL) : NULL;
    char own[SITUATION_MESSAGE * 2];
    struct str s;

    tidy(text, out);
    for (size_t i = 0; tree && i < ARRAY_LEN(keys); i++)
        if (json_get(tree, keys[i]) && json_str(tree, keys[i], false, &s, NULL) == 0) {
            (void)snprintf(own, sizeof(own), "%.*s", STR_ARG(s));
            tidy(own, out);
            break;
        }
    json_free(tree);
    if (!*out)
        (void)snprintf(out, SITUATION_MESSAGE, "it said nothing");
}

static void count_failures(struct situation *v)
{
    for (uint32_t i = 0; i < v->past.nfailures; i++) {
        const struct metrics_failure *f = &v->past.failures[i];

        if (!lately(v, f->wall_ms, RECENT_MS) || f->wall_ms < v->fn->modified_ms)
            break;
        v->memory += f->outcome == OUTCOME_MEMORY;
        v->timeouts += f->outcome == OUTCOME_TIMEOUT;
    }
}

void situation_look(struct situation *v)
{
    v->start = v->pool.nstarts > 0 ? &v->pool.starts[0] : NULL;
    if (v->start && !v->start->ok && v->pool.failures == 0 &&
        v->start->wall_ms < v->fn->modified_ms)
        v->start = NULL;
    if (v->past.nfailures > 0 && v->past.failures[0].wall_ms >= v->fn->modified_ms)
        v->failure = &v->past.failures[0];
    count_failures(v);
    if (start_failed(v))
        situation_message(v->start->message, v->message);
    else if (v->failure)
        situation_message(v->failure->message, v->message);
}

void situation_judge(const struct situation *v, struct verdict *ret)
{
    const struct row *row = rows;

    while (!row->fits(v))
        row++;
    *ret = (struct verdict){.code = row->code};
    row->say(v, ret);
}
