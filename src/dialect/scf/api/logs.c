/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs.c - GetFunctionLogs and GetRequestStatus, out of the log store: one item per run. What a run
 * returned is the RetMsg of its `Response` or `ERROR` line (shape/log.c).
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/object.h"
#include "dialect/scf/api/page.h"
#include "dialect/scf/api/scf_api.h"
#include "fn/fn.h"
#include "fn/outcome.h"
#include "observe/logs/logs.h"

enum {
    READ_MAGIC = 0x5343464c,
    RUN_TEXT = 1 << 20,
    LOGS_ANSWER_MAX = 16 << 20,
    DAY_MS = 24 * 3600 * 1000,
    RUNS_MAX = 10000,
};

struct run_log { /* of one run; parts are joined */
    char *request_id;
    int64_t start_ms;
    bool ended;
    uint8_t outcome;
    uint64_t duration_ns, billed_ms, memory_bytes;
    struct buf text;
};

struct reading {
    uint32_t magic;
    struct call *call;
    char *function; /* owned: its name */
    struct scf_page page;
    const char *ret_code; /* of Filter; NULL: any. A literal */
    bool status;          /* GetRequestStatus */
    struct run_log *runs;
    size_t n, room;
};

static struct call *reading_free(struct reading *r)
{
    struct call *c = r->call;

    for (size_t i = 0; i < r->n; i++) {
        buf_done(&r->runs[i].text);
        free(r->runs[i].request_id);
    }
    free(r->runs);
    free(r->function);
    r->magic = 0;
    free(r);
    return c;
}

/* Parts of a run come after each other, other runs between them. */
static struct run_log *run_of(struct reading *r, const struct log_record *rec)
{
    for (size_t i = r->n; i > 0; i--)
        if (str_eq(str_of(r->runs[i - 1].request_id), rec->request_id))
            return &r->runs[i - 1];
    if (r->n == r->room) {
        r->room = r->room ? 2 * r->room : 64;
        r->runs = xrealloc(r->runs, r->room, sizeof(*r->runs));
    }
    r->runs[r->n] =
            (struct run_log){.request_id = str_dup(rec->request_id), .start_ms = rec->time_ms};
    buf_init(&r->runs[r->n].text, RUN_TEXT);
    return &r->runs[r->n++];
}

static void on_record(void *user, struct str function, const struct log_record *rec)
{
    struct reading *r = OBJ(user, struct reading, READ_MAGIC);
    struct run_log *run;

    (void)function;
    if (rec->kind != LOG_KIND_RUN || rec->request_id.n == 0)
        return;
    run = run_of(r, rec);
    buf_adds(&run->text, rec->text);
    if (!(rec->flags & LOG_END))
        return;
    run->ended = true;
    run->outcome = rec->outcome;
    run->duration_ns = rec->duration_ns;
    run->billed_ms = rec->billed_ms;
    run->memory_bytes = rec->memory_bytes;
}

/* What stands behind " RetMsg:" or " Result:" in the line that has it. */
static struct str answer_of(const struct run_log *run)
{
    struct str text = buf_str(&run->text);
    ptrdiff_t at = str_find(text, S("\nResponse RequestId:"));

    if (at < 0)
        at = str_find(text, S("\nERROR RequestId:"));
    if (at < 0)
        return S("");
    text = str_from(text, (size_t)at + 1);
    text = str_cut(&text, '\n');
    at = str_find(text, S(" RetMsg:"));
    if (at < 0)
        at = str_find(text, S(" Result:"));
    return at < 0 ? S("") : str_from(text, (size_t)at + 8);
}

static bool passes(const struct reading *r, const struct run_log *run)
{
    if (!r->ret_code)
        return true;
    if (!run->ended)
        return false;
    if (strcmp(r->ret_code, "is0") == 0)
        return run->outcome == OUTCOME_OK;
    if (strcmp(r->ret_code, "TimeLimitExceeded") == 0)
        return run->outcome == OUTCOME_TIMEOUT || run->outcome == OUTCOME_INIT_TIMEOUT;
    if (strcmp(r->ret_code, "ResourceLimitExceeded") == 0)
        return run->outcome == OUTCOME_MEMORY;
    if (strcmp(r->ret_code, "UserCodeException") == 0)
        return run->outcome == OUTCOME_ERROR || run->outcome == OUTCOME_INIT_ERROR;
    return run->outcome != OUTCOME_OK;
}

static void put_memory(struct jw *w, const struct run_log *run)
{
    jw_key(w, "Duration");
    jw_fix(w, (run->duration_ns + 500) / 1000, 3);
    jw_kint(w, "MemUsage", (int64_t)run->memory_bytes);
}

static void put_run(struct jw *w, const struct reading *r, const struct run_log *run)
{
    char text[CLOCK_TEXT];

    jw_obj(w);
    jw_kstrz(w, "FunctionName", r->function);
    jw_kstrz(w, "RequestId", run->request_id);
    jw_kstrz(w, "StartTime", scf_time(run->start_ms, text));
    jw_kstr(w, "RetMsg", answer_of(run));
    put_memory(w, run);
    jw_kint(w, "RetryNum", 0);
    if (r->status) { /* 0 it went well, 1 it runs, -1 it did not */
        jw_kint(w, "RetCode", !run->ended ? 1 : run->outcome == OUTCOME_OK ? 0 : -1);
    } else {
        jw_kint(w, "RetCode", !run->ended ? 2 : run->outcome == OUTCOME_OK ? 0 : 1);
        jw_kint(w, "InvokeFinished", run->ended);
        jw_kint(w, "BillDuration", (int64_t)run->billed_ms);
        jw_kstr(w, "Log", buf_str(&run->text));
        jw_kstrz(w, "Level", "");
        jw_kstrz(w, "Source", "");
    }
    jw_obj_end(w);
}

static void answer(struct reading *r)
{
    struct scf_answer a;
    int64_t total = 0;
    struct call *c;

    scf_begin(&a, LOGS_ANSWER_MAX);
    jw_key(&a.w, "Data");
    jw_arr(&a.w);
    for (size_t i = 0; i < r->n; i++) {
        const struct run_log *run = &r->runs[r->page.descending ? r->n - 1 - i : i];

        if (!passes(r, run))
            continue;
        total++;
        if (scf_page_has(&r->page))
            put_run(&a.w, r, run);
    }
    jw_arr_end(&a.w);
    jw_kint(&a.w, "TotalCount", total);
    c = reading_free(r);
    scf_send(c, &a);
}

static void on_read(void *user, const struct logs_answer *a)
{
    struct reading *r = OBJ(user, struct reading, READ_MAGIC);

    if (a->r < 0)
        call_fail(reading_free(r), 500, "InternalError", "The logs cannot be read: %s",
                  a->err->msg);
    else
        answer(r);
}

static bool is_wanted(void *user)
{
    return OBJ(user, struct reading, READ_MAGIC)->call->req != NULL;
}

static const struct logs_reader_ops reader = {
        .record = on_record, .done = on_read, .wanted = is_wanted};

/* The function's logs that q asks for. Takes r. -> on_read */
static void ask(struct reading *r, const struct fn_key *key, struct logs_query *q)
{
    cleanup_with(buf_done) struct buf path;
    struct err e = {0};

    buf_init(&path, 4096);
    fn_key_path(key, &path);
    q->function = buf_str(&path);
    if (!logs_know(r->call->api->logs, q->function))
        answer(r);
    else if (logs_read(r->call->api->logs, q, &reader, r, &e) < 0)
        call_fail(reading_free(r), 429, "RequestLimitExceeded", "%s", e.msg);
}

static struct reading *reading_new(struct call *c, const struct fn_key *key)
{
    struct reading *r = xnew(struct reading);

    r->magic = READ_MAGIC;
    r->call = c;
    r->function = str_dup(key->name);
    return r;
}

/* StartTime and EndTime, at most a day apart; without them the last day. False: it has replied. */
static bool read_times(struct call *c, const struct cJSON *p, struct logs_query *q)
{
    struct str since = scf_text(p, "StartTime"), until = scf_text(p, "EndTime");

    q->until_ms = clock_wall_ms();
    if (until.n && scf_parse_time(until, &q->until_ms) < 0) {
        scf_fail(c, "InvalidParameterValue.DateTime", "EndTime is not like 2017-05-16 20:59:59.");
        return false;
    }
    q->until_ms += until.n ? 999 : 0;
    q->since_ms = q->until_ms - DAY_MS;
    if (since.n && scf_parse_time(since, &q->since_ms) < 0) {
        scf_fail(c, "InvalidParameterValue.DateTime", "StartTime is not like 2017-05-16 20:00:00.");
        return false;
    }
    if (q->since_ms > q->until_ms || q->until_ms - q->since_ms > DAY_MS + 999) {
        scf_fail(c, "InvalidParameterValue.StartTimeOrEndTime",
                 "EndTime is after StartTime, by a day at most.");
        return false;
    }
    return true;
}

/* One of the filter's words, as a literal. False: it has replied. */
static bool read_filter(struct call *c, const struct cJSON *p, const char **ret)
{
    static const char *const words[] = {"not0", "is0", "TimeLimitExceeded", "ResourceLimitExceeded",
                                        "UserCodeException"};
    struct str v = scf_text(json_get(p, "Filter"), "RetCode");

    *ret = NULL;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(v, str_of(words[i])))
            *ret = words[i];
    if (*ret || !v.n)
        return true;
    scf_fail(c, "InvalidParameterValue.RetCode", "RetCode has no value '%.*s'.",
             (int)(v.n < 32 ? v.n : 32), v.p);
    return false;
}

void scf_get_function_logs(struct call *c)
{
    static const char *const orders[] = {"function_name", "duration", "mem_usage", "start_time",
                                         NULL};
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    const char *ret_code;
    struct logs_query q;
    struct scf_page page;
    struct reading *r;
    struct fn_key key;

    if (!p || !scf_page_read(c, p, RUNS_MAX, &page))
        return;
    logs_query_init(&q);
    if (page.offset + page.limit > RUNS_MAX) {
        scf_fail(c, "InvalidParameterValue.Limit", "Offset and Limit are %d at most.", RUNS_MAX);
        return;
    }
    if (!scf_one_of(c, p, "OrderBy", "InvalidParameterValue.OrderBy", orders) ||
        !read_filter(c, p, &ret_code) || !read_times(c, p, &q) || !scf_function(c, p, &key))
        return;
    r = reading_new(c, &key);
    r->page = page;
    r->page.descending = page.descending || !scf_text(p, "Order").n; /* the newest first */
    r->ret_code = ret_code;
    q.request_id = scf_text(p, "FunctionRequestId");
    if (q.request_id.n > LOGS_REQUEST_MAX)
        q.request_id.n = LOGS_REQUEST_MAX;
    q.limit = LOGS_LIMIT_MAX;
    q.last = LOGS_LIMIT_MAX;
    ask(r, &key, &q);
}

void scf_get_request_status(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct logs_query q;
    struct reading *r;
    struct fn_key key;

    logs_query_init(&q);
    if (!p || !scf_function(c, p, &key))
        return;
    q.request_id = scf_text(p, "FunctionRequestId");
    if (!q.request_id.n || q.request_id.n > LOGS_REQUEST_MAX) {
        scf_fail(c, "InvalidParameterValue.FunctionRequestId", "There is no such request id.");
        return;
    }
    if ((scf_text(p, "StartTime").n || scf_text(p, "EndTime").n) && !read_times(c, p, &q))
        return;
    r = reading_new(c, &key);
    r->status = true;
    r->page.limit = RUNS_MAX;
    ask(r, &key, &q);
}
