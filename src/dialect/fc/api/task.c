/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task.c - asynchronous calls with an id: begun, looked up, stopped. See task.h; the list is task_list.c.
 *
 * X-Fc-Request-Id of the answer names the call; what runs later has the event's id, which is the same
 * where the client chose no id of its own.
 */
#include "dialect/fc/api/task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "delivery/delivery.h"
#include "dialect/fc/api/task_parts.h"
#include "dialect/shape.h"
#include "fn/fn.h"
#include "invoke/invoke.h"
#include "store/queue.h"

enum { TASK_MAGIC = 0x46435441 };

#define BIT(state) (1u << (state))

/* ---- names ---- */

/* A name-based UUID (RFC 9562, version 8) of the function and the id that was chosen. */
static void event_id(const struct fn *f, struct str id, char out[UUID_TEXT])
{
    cleanup_with(buf_done) struct buf text;
    struct fn_key key = fn_key_of(f);
    char hex[SHA256_HEX];

    buf_init(&text, TASK_PATH);
    fn_key_path(&key, &text);
    buf_addc(&text, '#');
    buf_adds(&text, id);
    sha256_hex(buf_str(&text), hex);
    (void)snprintf(out, UUID_TEXT, "%.8s-%.4s-8%.3s-a%.3s-%.12s", hex, hex + 8, hex + 12, hex + 15,
                   hex + 18);
}

static bool is_task_id(struct str id)
{
    for (size_t i = 0; i < id.n; i++) {
        char ch = id.p[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';

        if (!letter && (i == 0 || !((ch >= '0' && ch <= '9') || ch == '-')))
            return false;
    }
    return id.n > 0 && id.n <= FC_TASK_ID;
}

/* ---- states ---- */

static const struct {
    const char *name;
    uint32_t states;
} statuses[] = {
        {"Enqueued", BIT(Q_WAITING)},
        {"Retrying", BIT(Q_WAITING)},
        {"Dequeued", 0},
        {"Running", BIT(Q_RUNNING)},
        {"Succeeded", BIT(Q_DONE)},
        {"Failed", BIT(Q_DEAD)},
        {"Stopping", 0},
        {"Stopped", BIT(Q_CANCELLED)},
        {"Expired", BIT(Q_EXPIRED)},
        {"Invalid", BIT(Q_PURGED)},
};

const char *task_status(const struct q_event *ev)
{
    if (ev->state == Q_WAITING)
        return ev->attempt > 0 ? "Retrying" : "Enqueued";
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].states & BIT(ev->state))
            return statuses[i].name;
    return "Invalid";
}

/* Of an event for the function itself, "latest" or nothing. */
struct str task_qualifier(struct str qualifier)
{
    return qualifier_is_latest(qualifier) ? S("LATEST") : qualifier;
}

static bool has_ended(const struct q_event *ev)
{
    return ev->state != Q_WAITING && ev->state != Q_RUNNING;
}

bool task_is_status(struct str s)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (str_eq(s, str_of(statuses[i].name)))
            return true;
    return false;
}

/* ---- as the cloud shows it ---- */

static void put_time_event(struct jw *w, int64_t *id, const char *status, int64_t at_ms,
                           struct str detail)
{
    jw_obj(w);
    jw_kint(w, "eventId", (*id)++);
    jw_kstrz(w, "status", status);
    jw_kint(w, "timestamp", at_ms);
    jw_kstr(w, "eventDetail", detail);
    jw_obj_end(w);
}

static void put_events(struct jw *w, const struct q_event *ev, const struct delivery_told *told)
{
    int64_t id = 1;

    jw_key(w, "events");
    jw_arr(w);
    put_time_event(w, &id, "Enqueued", ev->created_ms, S(""));
    for (uint32_t i = 0; i < told->ntries; i++) {
        const struct delivery_try *t = &told->tries[i];
        bool ok = str_eq(t->outcome, S("ok"));

        put_time_event(w, &id, "Running", t->start_ms, S(""));
        if (i + 1 < told->ntries || !has_ended(ev))
            put_time_event(w, &id, ok ? "Succeeded" : "Retrying", t->end_ms, t->error);
    }
    if (has_ended(ev))
        put_time_event(w, &id, task_status(ev), ev->at_ms, told->reason);
    jw_arr_end(w);
}

static void put_ends(struct jw *w, const struct q_event *ev, const struct delivery_try *last)
{
    int64_t duration = last ? last->end_ms - last->start_ms : 0;

    jw_kint(w, "startedTime", ev->created_ms);
    jw_kint(w, "endTime", has_ended(ev) ? ev->at_ms : 0);
    jw_kint(w, "durationMs", duration > 0 ? duration : 0);
    jw_kint(w, "alreadyRetriedTimes", ev->attempt > 1 ? ev->attempt - 1 : 0);
    jw_kstr(w, "instanceId", last ? last->instance : S(""));
}

void task_put(struct jw *w, const struct fn *f, const struct fc_task_words *words,
              const struct q_event *ev, bool payload)
{
    struct delivery_told told = {0};
    bool known = delivery_tell(ev, &told) == 0;
    const struct delivery_try *last = known && told.ntries ? &told.tries[told.ntries - 1] : NULL;
    struct str error = S("");

    if (ev->state == Q_DEAD || (ev->state == Q_WAITING && ev->attempt > 0))
        error = last && last->error.n ? last->error : told.reason;
    jw_obj(w);
    words->put_function(w, f);
    jw_kstr(w, "qualifier", task_qualifier(told.qualifier));
    jw_kstr(w, words->id, ev->dedup.n ? ev->dedup : ev->id);
    jw_kstr(w, "requestId", ev->id);
    jw_kstrz(w, "status", task_status(ev));
    put_ends(w, ev, last);
    if (payload)
        jw_kstr(w, words->payload, ev->payload);
    jw_kstr(w, words->error, error);
    jw_kstrz(w, "destinationStatus", "");
    put_events(w, ev, &told);
    jw_obj_end(w);
    if (known)
        delivery_told_done(&told);
}

/* ---- failures ---- */

static const struct {
    int r, status;
    const char *code, *message;
} failures[] = {
        {-ENOBUFS, 429, "ResourceExhausted", "as many events wait for this function as may"},
        {-ENODATA, 412, "CAExited", "The function cannot be started. it has no code"},
        {-ENOEXEC, 412, "CAExited", "The function cannot be started. its runtime is not there"},
        {-EAGAIN, 503, "ResourceThrottled", "the event store is busy and nothing was done"},
        {-ESHUTDOWN, 503, "ResourceThrottled", "the daemon is ending and nothing was done"},
        {-ENOSPC, 503, "ResourceThrottled", "the disk is full and nothing was done"},
};

void task_fail(struct call *c, int r, const struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        if (failures[i].r == r) {
            call_fail(c, failures[i].status, failures[i].code, "%s",
                      e && e->msg[0] ? e->msg : failures[i].message);
            return;
        }
    if (r == -EMSGSIZE || r == -E2BIG)
        call_fail(c, 400, "EntityTooLarge",
                  "payload size exceeds maximum allowed size (%llu bytes)",
                  (unsigned long long)shape_of(DIALECT_FC)->async_max);
    else
        call_fail(c, 500, "InternalServerError",
                  "an internal error has occurred. Please retry. (%s)",
                  e && e->msg[0] ? e->msg : strerror(-r));
}

bool task_served(struct call *c)
{
    if (c->api->delivery && delivery_queue(c->api->delivery))
        return true;
    call_fail(c, 503, "ResourceThrottled",
              "asynchronous invocation is not served now, see GET /readyz");
    return false;
}

/* ---- begin ---- */

struct beginning {
    uint32_t magic;
    struct call *call; /* borrowed; lives until its reply */
    const struct fc_task_words *words;
    char id[FC_TASK_ID + 1]; /* as it is answered */
};

static void on_begun(void *user, int r, const struct err *e)
{
    struct beginning *b = OBJ(user, struct beginning, TASK_MAGIC);
    struct call *c = b->call;

    if (r == -EEXIST) {
        call_fail(c, 409, b->words->exists, "the id '%s' has been used for this function already",
                  b->id);
    } else if (r < 0) {
        task_fail(c, r, e);
    } else {
        call_header(c, b->words->id_header, str_of(b->id));
        call_reply(c, 202, STR_NONE, STR_NONE);
    }
    b->magic = 0;
    free(b);
}

/* Seconds before the first run. False: it has replied. */
static bool read_delay(struct call *c, int64_t *ret_ms)
{
    struct str text = str_trim(http_header(c->req, S("X-Fc-Async-Delay")));
    uint64_t seconds = 0;

    if (text.n && str_u64(text, 0, FC_TASK_DELAY_MAX_S, &seconds) < 0) {
        call_fail(c, 400, "InvalidArgument",
                  "AsyncDelay is set to an invalid value (allowed: 0 to %d, actual: '%.*s')",
                  FC_TASK_DELAY_MAX_S, (int)(text.n < 32 ? text.n : 32), text.p);
        return false;
    }
    *ret_ms = seconds ? clock_store_ms() + (int64_t)seconds * 1000 : 0;
    return true;
}

void fc_task_start(struct call *c, const struct fn *f, struct str qualifier,
                   const struct fc_task_words *words)
{
    struct str chosen = str_trim(http_header(c->req, str_of(words->id_header)));
    struct delivery_event ev = {.fn = f, .trigger = RUN_OTHER};
    struct invoke_spec spec = {.fn = f};
    char id[UUID_TEXT];
    struct beginning *b;
    struct run_trace trace;
    struct err e = {0};
    int r;

    if (chosen.n && !is_task_id(chosen)) {
        call_fail(c, 400, "InvalidArgument",
                  "the id of an asynchronous invocation must match [A-Za-z_][A-Za-z0-9_-]* and "
                  "have 1 to %d characters",
                  FC_TASK_ID);
        return;
    }
    if (!read_delay(c, &ev.not_before_ms) || !task_served(c))
        return;
    b = xnew(struct beginning);
    *b = (struct beginning){.magic = TASK_MAGIC, .call = c, .words = words};
    (void)snprintf(b->id, sizeof(b->id), "%.*s", chosen.n ? (int)chosen.n : (int)(UUID_TEXT - 1),
                   chosen.n ? chosen.p : c->request_id);
    call_trace(c, &spec, &trace);
    event_id(f, chosen, id);
    ev.qualifier = qualifier_is_latest(qualifier) ? STR_NONE : qualifier;
    ev.trace = spec.trace;
    ev.id = chosen.n ? str_of(id) : str_of(c->request_id);
    ev.dedup = chosen;
    ev.by = str_of(c->by.role ? c->by.role : "");
    ev.payload = c->req->body;
    r = delivery_put(c->api->delivery, &ev, on_begun, b, &e); /* -> on_begun */
    if (r < 0) {
        free(b);
        task_fail(c, r, &e);
    }
}

/* ---- look one up ---- */

struct looking {
    uint32_t magic;
    struct call *call;   /* borrowed; lives until its reply */
    const struct fn *fn; /* shared */
    const struct fc_task_words *words;
    char id[FC_TASK_ID + 1];
    char event[Q_ID + 1]; /* the event's own id */
    bool chosen;          /* asked for as an id that a client chose; then as the event's own */
    void (*found)(struct looking *l, const struct q_event *ev);
};

static struct call *looking_free(struct looking *l)
{
    struct call *c = l->call;

    fn_unref(l->fn);
    l->magic = 0;
    free(l);
    return c;
}

static void ask(struct looking *l);

static void on_looked(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct looking *l = OBJ(user, struct looking, TASK_MAGIC);
    char id[FC_TASK_ID + 1];

    (void)more;
    if (r < 0) {
        task_fail(looking_free(l), r, NULL);
    } else if (n > 0) {
        l->found(l, &events[0]);
    } else if (l->chosen) {
        l->chosen = false;
        ask(l);
    } else {
        const char *code = l->words->missing;

        memcpy(id, l->id, sizeof(id));
        call_fail(looking_free(l), 404, code, "async invocation '%s' does not exist", id);
    }
}

/* -> on_looked */
static void ask(struct looking *l)
{
    cleanup_with(buf_done) struct buf path;
    struct q_filter filter = {.limit = 1, .payload = true};
    struct fn_key key = fn_key_of(l->fn);

    buf_init(&path, TASK_PATH);
    fn_key_path(&key, &path);
    filter.queue = buf_str(&path); /* another function's is not this one's */
    filter.id = str_of(l->chosen ? l->event : l->id);
    q_list(delivery_queue(l->call->api->delivery), &filter, on_looked, l);
}

static void look_up(struct call *c, const struct fn *f, struct str id,
                    const struct fc_task_words *words,
                    void (*found)(struct looking *l, const struct q_event *ev))
{
    struct looking *l;

    if (!task_served(c))
        return;
    if (id.n > FC_TASK_ID) {
        call_fail(c, 404, words->missing, "async invocation '%.*s' does not exist", FC_TASK_ID,
                  id.p);
        return;
    }
    l = xnew(struct looking);
    *l = (struct looking){.magic = TASK_MAGIC,
                          .call = c,
                          .fn = fn_ref(f),
                          .words = words,
                          .chosen = true,
                          .found = found};
    (void)snprintf(l->id, sizeof(l->id), "%.*s", STR_ARG(id));
    event_id(f, id, l->event);
    ask(l);
}

static void show(struct looking *l, const struct q_event *ev)
{
    struct buf body;
    struct jw w;

    buf_init(&body, 4 << 20);
    jw_init(&w, &body);
    task_put(&w, l->fn, l->words, ev, true);
    call_reply_buf(looking_free(l), 200, S("application/json"), &body);
}

void fc_task_get(struct call *c, const struct fn *f, struct str id,
                 const struct fc_task_words *words)
{
    look_up(c, f, id, words, show); /* -> show */
}

/* ---- stop ---- */

static void on_stopped(void *user, int r, const struct err *e)
{
    struct looking *l = OBJ(user, struct looking, TASK_MAGIC);
    int status = l->words->stopped;
    char id[FC_TASK_ID + 1];
    struct call *c;

    memcpy(id, l->id, sizeof(id));
    c = looking_free(l);
    if (r == -EBUSY || r == -ENOENT)
        call_fail(c, 400, "InvalidArgument", "async invocation '%s' has ended already", id);
    else if (r < 0)
        task_fail(c, r, e);
    else
        call_reply(c, status, STR_NONE, STR_NONE);
}

static void stop(struct looking *l, const struct q_event *ev)
{
    (void)snprintf(l->event, sizeof(l->event), "%.*s", STR_ARG(ev->id));
    delivery_cancel(l->call->api->delivery, str_of(l->event), DELIVERY_CANCEL, on_stopped, l);
}

void fc_task_stop(struct call *c, const struct fn *f, struct str id,
                  const struct fc_task_words *words)
{
    look_up(c, f, id, words, stop); /* -> stop -> on_stopped */
}
