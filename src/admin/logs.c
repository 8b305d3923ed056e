/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs.c - GET logs: what functions said, found or followed.
 *
 * The answer's text is written record by record as the store finds them, on a thread of its
 * choosing; the call is looked at on the loop only. docs/admin-api.md, "Seeing what happens".
 */
#include <errno.h>
#include <stdlib.h>

#include "admin/handlers.h"
#include "admin/query.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "fn/key.h"
#include "fn/outcome.h"
#include "observe/logs/logs.h"

enum {
    READING_MAGIC = 0x524c4f47,
    ANSWER_MAX = 64 << 20,
};

struct reading {
    uint32_t magic;
    struct call *call;
    struct buf body, base64;
    struct jw w;
    char account[KEY_ACCOUNT], dialect[KEY_DIALECT]; /* of the key that asks; "": any */
};

/* ---- one record ---- */

static void put_ms(struct jw *w, const char *key, uint64_t ns)
{
    jw_key(w, key);
    jw_fix(w, ns / 1000, 3);
}

static void put_end(struct jw *w, const struct log_record *r)
{
    enum outcome o = (enum outcome)r->outcome;

    jw_key(w, "end");
    jw_obj(w);
    jw_kstrz(w, "outcome", outcome_names[o]);
    jw_kstrz(w, "status", outcome_class_names[outcome_class(o)]);
    put_ms(w, "duration_ms", r->duration_ns);
    put_ms(w, "init_ms", r->init_ns);
    jw_kbool(w, "cold", r->flags & LOG_COLD);
    jw_kint(w, "memory_bytes", (int64_t)r->memory_bytes);
    jw_kint(w, "billed_ms", (int64_t)r->billed_ms);
    if (r->flags & LOG_REFUSED)
        jw_kstr(w, "reason", r->reason);
    jw_obj_end(w);
}

static void put_gap(struct jw *w, const struct log_record *r)
{
    jw_key(w, "gap");
    jw_obj(w);
    jw_kint(w, "lines", (int64_t)r->lost_lines);
    jw_kint(w, "bytes", (int64_t)r->lost_bytes);
    jw_kstr(w, "why", r->reason);
    jw_obj_end(w);
}

static struct str trigger_of(const struct log_record *r)
{
    static const char *const names[RUN_TRIGGERS] = {
            [RUN_HTTP] = "http",
            [RUN_TIMER] = "timer",
            [RUN_PUBSUB] = "pubsub",
            [RUN_OTHER] = "other",
    };

    if (r->kind == LOG_KIND_STRAY)
        return r->reason.n > 0 ? r->reason : S("late");
    return str_of(r->trigger < RUN_TRIGGERS ? names[r->trigger] : "other");
}

static void put_text(struct reading *rd, const struct log_record *r)
{
    if (str_utf8(r->text) && !str_has(r->text, '\0')) { /* many readers end a text at NUL */
        jw_kstr(&rd->w, "text", r->text);
        return;
    }
    buf_reset(&rd->base64);
    base64_encode(r->text, &rd->base64);
    jw_kstr(&rd->w, "base64", buf_str(&rd->base64));
}

static void on_record(void *user, struct str function, const struct log_record *r)
{
    struct reading *rd = OBJ(user, struct reading, READING_MAGIC);
    struct jw *w = &rd->w;

    jw_obj(w);
    jw_kint(w, "time_ms", r->time_ms);
    jw_kstr(w, "function", function);
    if (r->kind == LOG_KIND_GAP) {
        put_gap(w, r);
    } else {
        jw_kstr(w, "version", r->version);
        jw_kstr(w, "request_id", r->request_id);
        jw_kstr(w, "instance", r->instance);
        jw_kstr(w, "trigger", trigger_of(r));
        put_text(rd, r);
        jw_kbool(w, "part", r->flags & LOG_PART);
        if (r->flags & LOG_END)
            put_end(w, r);
    }
    jw_obj_end(w);
}

/* ---- the answer ---- */

static void bury(struct reading *rd)
{
    buf_done(&rd->body);
    buf_done(&rd->base64);
    rd->magic = 0;
    free(rd);
}

static void on_done(void *user, const struct logs_answer *a)
{
    struct reading *rd = OBJ(user, struct reading, READING_MAGIC);
    char cursor[LOGS_CURSOR_TEXT];
    struct jw *w = &rd->w;

    logs_cursor_print(a->cursor, cursor);
    jw_arr_end(w);
    jw_kstrz(w, "cursor", cursor);
    jw_kbool(w, "more", a->more);
    jw_key(w, "dropped");
    jw_obj(w);
    jw_kint(w, "lines", (int64_t)a->lost_lines);
    jw_kint(w, "bytes", (int64_t)a->lost_bytes);
    jw_obj_end(w);
    jw_obj_end(w);
    if (a->r < 0)
        call_fail_err(rd->call, NULL, a->err);
    else if (!buf_ok(&rd->body))
        call_fail(rd->call, 413, NULL, "the answer is too long, ask with a smaller limit");
    else
        call_reply_buf(rd->call, 200, S("application/json"), &rd->body);
    bury(rd);
}

static bool wanted(void *user)
{
    return OBJ(user, struct reading, READING_MAGIC)->call->req != NULL;
}

static bool sees(void *user, struct str function)
{
    const struct reading *rd = OBJ(user, struct reading, READING_MAGIC);

    return admin_sees_path(rd->account, rd->dialect, function);
}

static const struct logs_reader_ops everything = {
        .record = on_record, .done = on_done, .wanted = wanted};
static const struct logs_reader_ops of_one_account = {
        .record = on_record, .done = on_done, .wanted = wanted, .sees = sees};

/* ---- the question ---- */

/* The path of the function asked for; one that nobody knows is refused. False: it has replied. */
static bool take_function(struct call *c, struct buf *path)
{
    if (!admin_query_function(c, path))
        return false;
    if (path->n == 0 || catalog_find_path(c->api->catalog, buf_str(path)) ||
        logs_know(c->api->logs, buf_str(path)))
        return true;
    call_fail(c, 404, NULL, "there is no function %.*s, and no log of one",
              STR_ARG(call_query(c, S("function"))));
    return false;
}

static bool take_after(struct call *c, struct logs_query *q)
{
    struct str after = call_query(c, S("after"));

    q->has_after = after.p != NULL;
    if (!after.p || logs_cursor_parse(after, &q->after) == 0)
        return true;
    call_fail(c, 400, NULL, "after is not the cursor of an earlier answer");
    return false;
}

static bool take_status(struct call *c, struct logs_query *q)
{
    struct str status = call_query(c, S("status"));
    enum outcome_class which;

    if (!status.p)
        return true;
    if (outcome_class_of(status, &which) < 0) {
        call_fail(c, 400, NULL, "status must be ok, error or timeout");
        return false;
    }
    q->status = (int)which;
    return true;
}

static bool take_numbers(struct call *c, struct logs_query *q)
{
    uint64_t since = 0, until = INT64_MAX, limit = LOGS_LIMIT, last = 0, wait = 0;

    if (!admin_query_number(c, "since_ms", 0, INT64_MAX, &since) ||
        !admin_query_number(c, "until_ms", 0, INT64_MAX, &until) ||
        !admin_query_number(c, "limit", 1, LOGS_LIMIT_MAX, &limit) ||
        !admin_query_number(c, "last", 0, LOGS_LIMIT_MAX, &last) ||
        !admin_query_number(c, "wait_ms", 0, LOGS_WAIT_MAX_MS, &wait))
        return false;
    q->since_ms = since > 0 ? (int64_t)since : INT64_MIN;
    q->until_ms = (int64_t)until;
    q->limit = (uint32_t)limit;
    q->last = (uint32_t)last;
    q->wait_ms = (uint32_t)wait;
    if (call_query(c, S("last")).p && last == 0 && !q->has_after) { /* only what is new */
        q->has_after = true;
        q->after = logs_now(c->api->logs);
    }
    return true;
}

static struct reading *reading_new(struct call *c)
{
    struct reading *rd = xnew(struct reading);

    rd->magic = READING_MAGIC;
    rd->call = c;
    memcpy(rd->account, c->by.account, sizeof(rd->account));
    memcpy(rd->dialect, c->by.dialect, sizeof(rd->dialect));
    buf_init(&rd->body, ANSWER_MAX);
    buf_init(&rd->base64, 2ul * LOG_TEXT_MAX);
    jw_init(&rd->w, &rd->body);
    jw_obj(&rd->w);
    jw_key(&rd->w, "records");
    jw_arr(&rd->w);
    return rd;
}

void admin_logs(struct call *c)
{
    cleanup_with(buf_done) struct buf path;
    struct err e = {0};
    struct logs_query q;
    struct reading *rd;

    buf_init(&path, ADMIN_PATH_TEXT);
    logs_query_init(&q);
    if (!take_function(c, &path) || !take_after(c, &q) || !take_numbers(c, &q) ||
        !take_status(c, &q) || !admin_query_text(c, "request", LOGS_REQUEST_MAX, &q.request_id) ||
        !admin_query_text(c, "version", LOG_NAME_MAX, &q.version) ||
        !admin_query_text(c, "grep", LOGS_GREP_MAX, &q.grep))
        return;
    q.function = buf_str(&path);
    if (!admin_permit_path(c, q.function))
        return;
    rd = reading_new(c);
    if (logs_read(c->api->logs, &q, rd->account[0] ? &of_one_account : &everything, rd, &e) == 0)
        return; /* -> on_done */
    bury(rd);
    call_fail_err(c, NULL, &e);
}
