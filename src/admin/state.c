/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.c - how is this function? In figures, and in one sentence with what to do next.
 *
 * The sentence comes from a table of situations, the gravest first; the first that fits is told. Each
 * row looks at the same view: the record of the function, what its instances do and how its last
 * starts went (pool/state.h), what its runs left behind (observe/metrics/metrics.h).
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "admin/handlers.h"
#include "admin/object.h"
#include "admin/parse.h"
#include "api/api.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "fn/fn.h"
#include "observe/metrics/metrics.h"
#include "pool/launch.h"
#include "pool/state.h"

enum {
    STATE_MAX = 4 << 20,
    TEXT = 768,
    MESSAGE = 300,
    PATH_MAX_BYTES = 64 * 1024,
    FRESH_MS = 60 * 1000,       /* "at the moment" */
    RECENT_MS = 15 * 60 * 1000, /* "lately" */
    OFTEN = 2,
};

struct view {
    const struct fn *fn;
    const char *ready; /* admin_object_state() */
    bool launcher;
    int64_t now_ms;
    struct pool_state pool;
    struct metrics_past past;
    const struct pool_start *start;        /* the last one; or NULL */
    const struct metrics_failure *failure; /* the last one; or NULL */
    uint32_t memory, timeouts;             /* of the last failures, lately */
    char message[MESSAGE];                 /* of that start or failure, on one line */
};

struct words {
    char sentence[TEXT], next[TEXT];
};

static void say(char to[TEXT], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(char to[TEXT], const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(to, TEXT, fmt, ap);
    va_end(ap);
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* ---- it cannot run ---- */

static bool no_code(const struct view *v)
{
    return v->fn->code.sha[0] == '\0';
}

static void say_no_code(const struct view *v, struct words *w)
{
    say(w->sentence, "It has no code yet.");
    say(w->next, "Deploy some: evoke deploy DIR --name %s", v->fn->name);
}

static bool no_runtime(const struct view *v)
{
    return strcmp(v->ready, "ready") != 0;
}

static void say_no_runtime(const struct view *v, struct words *w)
{
    say(w->sentence, "It cannot run on this host: %s.", v->ready);
    say(w->next,
        "Install what is missing (evoke doctor lists all of it), or deploy it with a runtime "
        "that is there; no restart is needed.");
}

static bool no_launcher(const struct view *v)
{
    return !v->launcher;
}

static void say_no_launcher(const struct view *v, struct words *w)
{
    (void)v;
    say(w->sentence, "The launcher is not running, so no instance of any function can be started.");
    say(w->next, "It is restarted by itself within seconds. If it stays away, the daemon's own log "
                 "says why; evoke doctor checks what it needs.");
}

/* ---- it does not start ---- */

static bool backs_off(const struct view *v)
{
    return v->pool.failures > 0 && v->pool.retry_ms > 0;
}

static void say_fix_start(const struct view *v, struct words *w)
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

static void say_backs_off(const struct view *v, struct words *w)
{
    say(w->sentence,
        "It does not start: %u start%s in a row failed, the last one like this: %s. The next is "
        "tried "
        "in %.1f s; until then every invocation is answered with that failure.",
        v->pool.failures, plural(v->pool.failures), v->message, (double)v->pool.retry_ms / 1000.0);
    say_fix_start(v, w);
}

static bool start_failed(const struct view *v)
{
    return v->start && !v->start->ok;
}

static void say_start_failed(const struct view *v, struct words *w)
{
    say(w->sentence, "Its last start failed: %s. The next invocation tries again.", v->message);
    say_fix_start(v, w);
}

/* ---- it runs, and not well ---- */

static bool lately(const struct view *v, int64_t ms, int64_t within)
{
    return ms > 0 && v->now_ms - ms <= within;
}

static bool is_limited(const struct view *v)
{
    return v->failure && v->failure->limited && lately(v, v->failure->wall_ms, FRESH_MS);
}

static void say_limited(const struct view *v, struct words *w)
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

static bool queues(const struct view *v)
{
    return v->pool.use.waiting > 0 && v->pool.oldest_wait_ns > 1000000000;
}

static void say_queues(const struct view *v, struct words *w)
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

static bool lacks_memory(const struct view *v)
{
    return v->memory >= OFTEN;
}

static void say_lacks_memory(const struct view *v, struct words *w)
{
    say(w->sentence,
        "It ran out of its %u MB of memory %u times lately; each time the instance was "
        "ended and its runs were lost.",
        v->fn->memory_mb, v->memory);
    say(w->next, "Raise memory_mb, or look for what grows from run to run.");
}

static bool is_slow(const struct view *v)
{
    return v->timeouts >= OFTEN;
}

static void say_slow(const struct view *v, struct words *w)
{
    say(w->sentence, "%u of its last runs did not end within its timeout of %.1f s.", v->timeouts,
        (double)v->fn->timeout_ms / 1000.0);
    say(w->next, "Raise timeout_ms, or see where it waits: evoke logs %s --status timeout",
        v->fn->name);
}

static bool last_failed(const struct view *v)
{
    return v->failure && v->failure->wall_ms > v->past.last_ok_ms;
}

static void say_last_failed(const struct view *v, struct words *w)
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

static bool never_run(const struct view *v)
{
    return v->past.runs == 0 && v->pool.use.running == 0;
}

static void say_never_run(const struct view *v, struct words *w)
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

static bool is_busy(const struct view *v)
{
    return v->pool.use.running > 0;
}

static void say_busy(const struct view *v, struct words *w)
{
    say(w->sentence, "It is well and at work: %u running on %u instance%s.", v->pool.use.running,
        v->pool.use.busy, plural(v->pool.use.busy));
}

static bool is_warm(const struct view *v)
{
    return v->pool.use.idle > 0;
}

static void say_warm(const struct view *v, struct words *w)
{
    say(w->sentence, "It is well: %u warm instance%s wait%s for the next invocation.",
        v->pool.use.idle, plural(v->pool.use.idle), v->pool.use.idle == 1 ? "s" : "");
}

static bool always(const struct view *v)
{
    (void)v;
    return true;
}

static void say_idle(const struct view *v, struct words *w)
{
    (void)v;
    say(w->sentence,
        "It is well and has no instance at the moment: the next invocation starts one.");
}

static const struct situation {
    const char *code;
    bool (*fits)(const struct view *v);
    void (*say)(const struct view *v, struct words *w);
} situations[] = {
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

/* ---- the view ---- */

/* One line, without a full stop: it stands inside a sentence. */
static void tidy(const char *text, char out[MESSAGE])
{
    size_t n = 0;

    for (; text && *text && n + 1 < MESSAGE; text++) {
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

/* A failed start may have left the function's own error result: its sentence. */
static void message_of(const char *text, char out[MESSAGE])
{
    static const char *const keys[] = {"errorMessage", "message"};
    struct cJSON *tree = text ? json_parse(str_of(text), NULL) : NULL;
    char own[MESSAGE * 2];
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
        (void)snprintf(out, MESSAGE, "it said nothing");
}

static void count_failures(struct view *v)
{
    for (uint32_t i = 0; i < v->past.nfailures; i++) {
        const struct metrics_failure *f = &v->past.failures[i];

        if (!lately(v, f->wall_ms, RECENT_MS) || f->wall_ms < v->fn->modified_ms)
            break;
        v->memory += f->outcome == OUTCOME_MEMORY;
        v->timeouts += f->outcome == OUTCOME_TIMEOUT;
    }
}

/* What happened before the last deployment is told in the lists, and no longer judged. */
static void look(struct view *v)
{
    v->start = v->pool.nstarts > 0 ? &v->pool.starts[0] : NULL;
    if (v->start && !v->start->ok && v->pool.failures == 0 &&
        v->start->wall_ms < v->fn->modified_ms)
        v->start = NULL;
    if (v->past.nfailures > 0 && v->past.failures[0].wall_ms >= v->fn->modified_ms)
        v->failure = &v->past.failures[0];
    count_failures(v);
    if (start_failed(v))
        message_of(v->start->message, v->message);
    else if (v->failure)
        message_of(v->failure->message, v->message);
}

/* ---- JSON ---- */

static void put_instance(void *user, const struct pool_instance *in)
{
    struct jw *w = user;

    jw_obj(w);
    jw_kstrz(w, "id", in->id);
    jw_kstrz(w, "state", in->state);
    jw_kint(w, "revision", (int64_t)in->revision);
    jw_kint(w, "age_ms", (int64_t)(in->age_ns / 1000000));
    jw_kint(w, "idle_ms", (int64_t)(in->idle_ns / 1000000));
    jw_kint(w, "runs", (int64_t)in->runs);
    jw_kint(w, "running", in->running);
    jw_kint(w, "memory_bytes", (int64_t)in->memory_bytes);
    jw_obj_end(w);
}

static const char *const start_outcomes[] = {
        [JOB_DONE] = "ok",
        [JOB_ERROR] = "error",
        [JOB_TIMEOUT] = "timeout",
        [JOB_EXITED] = "exited",
        [JOB_MEMORY] = "memory",
        [JOB_PROTOCOL] = "protocol",
        [JOB_TOO_LARGE] = "too_large",
        [JOB_INIT_ERROR] = "init_error",
        [JOB_INIT_TIMEOUT] = "init_timeout",
        [JOB_INIT_EXITED] = "init_exited",
        [JOB_NO_START] = "no_start",
};

static void put_starts(struct jw *w, const struct pool_state *s)
{
    jw_key(w, "starts");
    jw_arr(w);
    for (uint32_t i = 0; i < s->nstarts; i++) {
        const struct pool_start *start = &s->starts[i];
        char message[MESSAGE] = "";

        if (!start->ok)
            message_of(start->message, message);
        jw_obj(w);
        jw_kint(w, "time_ms", start->wall_ms);
        jw_kint(w, "took_ms", (int64_t)(start->took_ns / 1000000));
        jw_kstrz(w, "how", start->spare ? "spare" : "demand");
        jw_kbool(w, "ok", start->ok);
        jw_kstrz(w, "outcome", start->ok ? "ok" : start_outcomes[start->end]);
        jw_kstrz(w, "message", message);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void put_failures(struct jw *w, const struct metrics_past *p)
{
    jw_key(w, "failures");
    jw_arr(w);
    for (uint32_t i = 0; i < p->nfailures; i++) {
        const struct metrics_failure *f = &p->failures[i];

        jw_obj(w);
        jw_kint(w, "time_ms", f->wall_ms);
        jw_kstrz(w, "request_id", f->request_id);
        jw_kstrz(w, "outcome", f->limited ? "throttled" : outcome_names[f->outcome]);
        jw_kstrz(w, "message", f->message);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void put_words(struct jw *w, const struct view *v)
{
    const struct situation *s = situations;
    struct words words = {0};

    while (!s->fits(v))
        s++;
    s->say(v, &words);
    jw_kstrz(w, "state", v->ready);
    jw_kstrz(w, "code", s->code);
    jw_kstrz(w, "sentence", words.sentence);
    jw_kstrz(w, "next", words.next);
}

static void put_rest(struct jw *w, const struct view *v)
{
    jw_kint(w, "waiting", v->pool.use.waiting);
    jw_kint(w, "running", v->pool.use.running);
    jw_kint(w, "reserved", v->fn->reserved);
    jw_kint(w, "runs", (int64_t)v->past.runs);
    jw_kint(w, "errors", (int64_t)v->past.errors);
    jw_kint(w, "timeouts", (int64_t)v->past.timeouts);
    jw_kint(w, "throttled", (int64_t)v->past.throttled);
    jw_kint(w, "last_run_ms", v->past.last_ms);
    jw_kint(w, "last_ok_ms", v->past.last_ok_ms);
    put_starts(w, &v->pool);
    put_failures(w, &v->past);
    if (v->pool.failures == 0)
        return;
    jw_key(w, "backoff");
    jw_obj(w);
    jw_kint(w, "failures", v->pool.failures);
    jw_kint(w, "retry_ms", (int64_t)v->pool.retry_ms);
    jw_obj_end(w);
}

void admin_state(struct call *c)
{
    char ready[ADMIN_STATE_TEXT];
    struct view v = {.now_ms = clock_wall_ms()};
    struct buf path, body;
    struct fn_key key;
    struct jw w;

    v.fn = admin_function(c, &key);
    if (!v.fn)
        return;
    v.ready = admin_object_state(c->api, v.fn, ready);
    v.launcher = launch_hello(c->api->launch) != NULL;
    buf_init(&path, PATH_MAX_BYTES);
    fn_key_path(&key, &path);
    buf_init(&body, STATE_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "instances");
    jw_arr(&w);
    pool_state(c->api->pool, buf_str(&path), &v.pool, put_instance, &w);
    jw_arr_end(&w);
    metrics_past(c->api->metrics, buf_str(&path), &v.past);
    look(&v);
    put_words(&w, &v);
    put_rest(&w, &v);
    jw_obj_end(&w);
    buf_done(&path);
    call_reply_buf(c, 200, S("application/json"), &body);
}
