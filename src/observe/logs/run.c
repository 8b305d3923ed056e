/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c - what the engine tells of runs, into records.
 *
 * A run keeps what it says, up to LOGS_HELD bytes, until it ends: then all of it is one record.
 * Before that it becomes a part when more is said than fits, and when the moment is over that a
 * line may wait (logs_cut_parts). Parts end with a whole line; the rest of a line waits for its end
 * until LOGS_HELD bytes of it are there or nearly a second is over (a prompt, dots), and goes on in
 * the next record then (LOG_CUT).
 *
 * No system call, no lock; a run's memory comes from those that ended.
 */
#include "observe/logs/internal.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "fn/fn.h"
#include "fn/key.h"
#include "loop/loop.h"

#define MS 1000000ull

enum { REST_MS = 800 }; /* a second, with what writing it takes */

static struct flog *flog_of(struct logs *s, const struct fn *fn)
{
    struct fn_key key = fn_key_of(fn);

    buf_reset(&s->path);
    fn_key_path(&key, &s->path);
    return buf_ok(&s->path) ? logs_flog(s, buf_str(&s->path)) : NULL;
}

static void copy_name(char to[LOG_NAME_MAX + 1], const char *from)
{
    size_t n = strnlen(from, LOG_NAME_MAX);

    memcpy(to, from, n);
    to[n] = '\0';
}

static struct log_record record_of(const struct logs_run *run, uint8_t flags)
{
    return (struct log_record){
            .time_ms = run->n > 0 ? run->first_ms : clock_wall_ms(),
            .kind = LOG_KIND_RUN,
            .flags = flags,
            .trigger = run->trigger,
            .request_hash = log_hash(str_of(run->request_id)),
            .request_id = str_of(run->request_id),
            .instance = str_of(run->instance),
            .version = str_of(run->version),
    };
}

/* The first `held` bytes of what it holds, and text, as a part; what it holds moves up. */
static void emit_part(struct logs_run *run, size_t held, struct str text, uint8_t flags)
{
    struct log_record r = record_of(run, LOG_PART | flags);

    (void)logs_emit(run->f, &r, (struct str){run->held, held}, text);
    run->parts = true;
    memmove(run->held, run->held + held, run->n - held);
    run->n -= (uint32_t)held;
    run->first_ms = r.time_ms;
}

static size_t whole_lines(const char *p, size_t n)
{
    const char *nl = memrchr(p, '\n', n);

    return nl ? (size_t)(nl - p) + 1 : 0;
}

/* More than it can hold. Takes some of text into a part; returns the rest. */
static struct str overflow(struct logs_run *run, struct str text)
{
    size_t take = text.n < LOG_TEXT_MAX - run->n ? text.n : LOG_TEXT_MAX - run->n;
    size_t lines = whole_lines(text.p, take);
    size_t held = lines > 0 ? run->n : whole_lines(run->held, run->n);

    if (lines > 0) {
        emit_part(run, held, (struct str){text.p, lines}, 0);
        return str_from(text, lines);
    }
    if (held > 0) {
        emit_part(run, held, STR_NONE, 0);
        return text;
    }
    emit_part(run, run->n, (struct str){text.p, take}, LOG_CUT);
    return str_from(text, take);
}

static void *on_begin(void *user, const struct run_facts *f)
{
    struct logs *s = OBJ(user, struct logs, LOGS_MAGIC);
    struct logs_run *run;
    struct flog *fl;

    fl = s->closed ? NULL : flog_of(s, f->fn);
    if (!fl)
        return NULL;
    run = s->nfree > 0 ? s->free_runs[--s->nfree] : xnew(struct logs_run);
    run->magic = LOGS_RUN_MAGIC;
    run->f = fl;
    run->n = 0;
    run->parts = false;
    run->trigger = (uint8_t)f->trigger;
    run->instance[0] = '\0';
    list_init(&run->talking);
    copy_name(run->request_id, f->request_id);
    copy_name(run->version, f->version);
    fl->runs++;
    logs_hot_set(fl);
    logs_hold(s);
    return run;
}

static void hear(struct logs_run *run, struct str text)
{
    struct logs *s = run->f->s;

    if (run->n == 0) {
        run->first_ms = clock_wall_ms();
        run->since_ns = loop_now_ns(s->loop);
    }
    while (run->n + text.n > LOGS_HELD)
        text = overflow(run, text);
    if (text.n > 0)
        memcpy(run->held + run->n, text.p, text.n);
    run->n += (uint32_t)text.n;
    if (run->n > 0 && list_empty(&run->talking)) {
        list_push_back(&s->talking, &run->talking);
        logs_schedule(s);
    }
}

static void on_log(void *user, void *p, const struct run_facts *f, struct str text)
{
    struct logs *s = OBJ(user, struct logs, LOGS_MAGIC);
    struct logs_run *run = p;

    if (!run || s->closed)
        return;
    assert(run->magic == LOGS_RUN_MAGIC);
    if (!run->instance[0])
        copy_name(run->instance, f->instance_id);
    hear(run, text);
}

static void bury(struct logs *s, struct logs_run *run)
{
    list_remove(&run->talking);
    run->magic = 0;
    run->f = NULL;
    if (s->nfree < ARRAY_LEN(s->free_runs))
        s->free_runs[s->nfree++] = run;
    else
        free(run);
    logs_unhold(s);
}

static void on_end(void *user, void *p, const struct run_facts *f)
{
    struct logs *s = OBJ(user, struct logs, LOGS_MAGIC);
    struct logs_run *run = p;
    struct flog *fl;
    struct log_record r;

    if (!run)
        return;
    assert(run->magic == LOGS_RUN_MAGIC);
    fl = run->f;
    copy_name(run->instance, f->instance_id);
    r = record_of(run, LOG_END);
    r.flags |= (f->cold ? LOG_COLD : 0) | (f->refused ? LOG_REFUSED : 0);
    r.outcome = (uint8_t)f->outcome;
    r.duration_ns = f->duration_ns;
    r.init_ns = f->init_ns;
    r.billed_ms = f->billed_ms;
    r.memory_bytes = f->memory_bytes;
    r.reason = str_of(f->reason);
    fl->runs--;
    if (!s->closed)
        (void)logs_emit(fl, &r, (struct str){run->held, run->n}, STR_NONE);
    bury(s, run);
}

static void on_stray(void *user, const struct fn *fn, const char *instance_id, const char *hook,
                     struct str text)
{
    struct logs *s = OBJ(user, struct logs, LOGS_MAGIC);
    struct flog *f = s->closed ? NULL : flog_of(s, fn);
    struct log_record r = {.time_ms = clock_wall_ms(),
                           .kind = LOG_KIND_STRAY,
                           .trigger = RUN_OTHER,
                           .instance = str_of(instance_id),
                           .version = str_of(fn->version),
                           .reason = str_of(hook)};

    while (f && text.n > 0) {
        size_t n = text.n <= LOG_TEXT_MAX ? text.n : whole_lines(text.p, LOG_TEXT_MAX);
        struct str part = {text.p, n > 0 ? n : LOG_TEXT_MAX};

        r.flags = n > 0 ? 0 : LOG_CUT;
        (void)logs_emit(f, &r, STR_NONE, part);
        text = str_from(text, part.n);
    }
}

void logs_cut_parts(struct logs *s, bool all)
{
    uint64_t now = all ? UINT64_MAX : loop_now_ns(s->loop);

    list_each (it, &s->talking) {
        struct logs_run *run = container_of(it, struct logs_run, talking);
        size_t lines = whole_lines(run->held, run->n);

        if (now - run->since_ns < s->conf.flush_ms * MS)
            continue; /* it may end within the moment, and be one record */
        if (lines > 0) {
            emit_part(run, lines, STR_NONE, 0);
            run->since_ns = now;
        } else if (now - run->since_ns >= REST_MS * MS) {
            emit_part(run, run->n, STR_NONE, LOG_CUT);
        }
        if (run->n == 0)
            list_remove(&run->talking);
    }
}

const struct run_watch logs_watch = {
        .begin = on_begin,
        .log = on_log,
        .end = on_end,
        .stray = on_stray,
};
