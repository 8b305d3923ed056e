/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async.c - GetAsyncEventStatus, ListAsyncEvents, TerminateAsyncEvent: what became of events that were
 * accepted. The cloud has four words for it; one that waits is RUNNING there.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/obj.h"
#include "catalog/versions.h"
#include "delivery/delivery.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/object.h"
#include "dialect/scf/api/page.h"
#include "dialect/scf/api/scf_api.h"
#include "fn/fn.h"
#include "store/queue.h"

enum { ASK_MAGIC = 0x53434641, EVENTS_LIMIT = 100, PATH_TEXT = 4096 };

#define BIT(state) (1u << (state))

static const struct {
    const char *name;
    uint32_t states;
} statuses[] = {
        {"RUNNING", BIT(Q_WAITING) | BIT(Q_RUNNING)},
        {"FINISHED", BIT(Q_DONE)},
        {"ABORTED", BIT(Q_CANCELLED) | BIT(Q_PURGED)},
        {"FAILED", BIT(Q_DEAD) | BIT(Q_EXPIRED)},
};

static const char *status_of(enum q_state state)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].states & BIT(state))
            return statuses[i].name;
    return "";
}

/* StatusCode: 0 while it runs, 200, or what the cloud calls the failure. */
static int code_of(enum q_state state)
{
    return state == Q_DONE                                  ? 200
           : BIT(state) & (BIT(Q_WAITING) | BIT(Q_RUNNING)) ? 0
           : state == Q_CANCELLED                           ? 499
                                                            : 430;
}

struct asking {
    uint32_t magic;
    struct call *call;
    struct scf_page page;
    struct buf path, id; /* owned */
    void (*then)(struct asking *a, const struct q_event *events, uint32_t n);
};

static struct call *asking_free(struct asking *a)
{
    struct call *c = a->call;

    buf_done(&a->path);
    buf_done(&a->id);
    a->magic = 0;
    free(a);
    return c;
}

static void fail_queue(struct call *c, int r)
{
    if (r == -ENOENT)
        scf_fail(c, "ResourceNotFound.AsyncEvent", "There is no such event.");
    else
        call_fail(c, 503, "InternalError", "The events cannot be read now: %s", strerror(-r));
}

static void on_rows(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct asking *a = OBJ(user, struct asking, ASK_MAGIC);

    (void)more;
    if (r < 0)
        fail_queue(asking_free(a), r);
    else
        a->then(a, events, n);
}

static struct asking *asking_new(struct call *c, const struct fn_key *key, struct str id)
{
    struct asking *a = xnew(struct asking);

    a->magic = ASK_MAGIC;
    a->call = c;
    buf_init(&a->path, PATH_TEXT);
    buf_init(&a->id, Q_ID);
    if (key)
        fn_key_path(key, &a->path);
    buf_adds(&a->id, id);
    return a;
}

/* ---- GetAsyncEventStatus ---- */

/* Another account's event is none. */
static bool is_ours(const struct call *c, struct str queue)
{
    struct str dialect = str_cut(&queue, '/'), account = str_cut(&queue, '/');

    return str_eq(dialect, S("scf")) && str_eq(account, scf_account(c));
}

static void tell_status(struct asking *a, const struct q_event *events, uint32_t n)
{
    bool known = n > 0 && is_ours(a->call, events[0].queue);
    struct call *c = asking_free(a);
    struct scf_answer answer;

    if (!known) {
        fail_queue(c, -ENOENT);
        return;
    }
    scf_begin(&answer, SCF_BODY_SMALL);
    jw_key(&answer.w, "Result");
    jw_obj(&answer.w);
    jw_kstrz(&answer.w, "Status", status_of(events[0].state));
    jw_kint(&answer.w, "StatusCode", code_of(events[0].state));
    jw_kstr(&answer.w, "InvokeRequestId", events[0].id);
    jw_obj_end(&answer.w);
    scf_send(c, &answer);
}

/* An id that may be one. False: it has replied. */
static bool check_id(struct call *c, struct str id)
{
    if (id.n > 0 && id.n <= Q_ID)
        return true;
    scf_fail(c, "InvalidParameterValue.FunctionRequestId", "There is no such request id.");
    return false;
}

void scf_get_async_status(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct q_filter filter = {.limit = 1};
    struct asking *a;

    if (!p || !check_id(c, scf_text(p, "InvokeRequestId")))
        return;
    a = asking_new(c, NULL, scf_text(p, "InvokeRequestId"));
    a->then = tell_status;
    filter.id = buf_str(&a->id);
    q_list(delivery_queue(c->api->delivery), &filter, on_rows, a); /* -> on_rows */
}

/* ---- ListAsyncEvents ---- */

static void put_event(struct jw *w, const struct q_event *ev)
{
    struct delivery_told told = {0};
    bool known = delivery_tell(ev, &told) == 0;
    bool ended = !(BIT(ev->state) & (BIT(Q_WAITING) | BIT(Q_RUNNING)));
    char text[CLOCK_TEXT], whole[CLOCK_TEXT + 8];

    jw_obj(w);
    jw_kstr(w, "InvokeRequestId", ev->id);
    jw_kstrz(w, "InvokeType", ev->source.n ? "TRIGGER_TIMER" : "INVOKE_EVENT");
    jw_kstr(w, "Qualifier",
            known && !qualifier_is_latest(told.qualifier) ? told.qualifier : S("$LATEST"));
    jw_kstrz(w, "Status", status_of(ev->state));
    (void)snprintf(whole, sizeof(whole), "%s.%03d", scf_time(ev->created_ms, text),
                   (int)(ev->created_ms % 1000));
    jw_kstrz(w, "StartTime", whole);
    (void)snprintf(whole, sizeof(whole), "%s.%03d", scf_time(ev->at_ms, text),
                   (int)(ev->at_ms % 1000));
    jw_kstrz(w, "EndTime", ended ? whole : "");
    jw_obj_end(w);
    if (known)
        delivery_told_done(&told);
}

static void tell_list(struct asking *a, const struct q_event *events, uint32_t n)
{
    bool oldest_first = !a->page.descending;
    struct scf_page page = a->page;
    struct call *c = asking_free(a);
    struct scf_answer answer;

    scf_begin(&answer, SCF_ANSWER_MAX);
    jw_key(&answer.w, "EventList");
    jw_arr(&answer.w);
    for (uint32_t i = 0; i < n; i++)
        if (scf_page_has(&page))
            put_event(&answer.w, &events[oldest_first ? n - 1 - i : i]);
    jw_arr_end(&answer.w);
    jw_kint(&answer.w, "TotalCount", n);
    scf_send(c, &answer);
}

static bool read_status(struct call *c, const struct cJSON *p, struct q_filter *f)
{
    const struct cJSON *v;

    cJSON_ArrayForEach(v, json_get(p, "Status"))
    {
        size_t i = 0;

        while (i < ARRAY_LEN(statuses) && strcmp(statuses[i].name, v->valuestring) != 0)
            i++;
        if (i == ARRAY_LEN(statuses)) {
            scf_fail(c, "InvalidParameterValue.Status",
                     "Status is RUNNING, FINISHED, ABORTED or FAILED.");
            return false;
        }
        f->states |= statuses[i].states;
    }
    return true;
}

static bool read_times(struct call *c, const struct cJSON *p, struct q_filter *f)
{
    const struct cJSON *t = json_get(p, "StartTimeInterval");

    if (!t)
        return true;
    if (scf_parse_time(scf_text(t, "Start"), &f->since_ms) == 0 &&
        scf_parse_time(scf_text(t, "End"), &f->until_ms) == 0 && f->since_ms <= f->until_ms) {
        f->until_ms += 1000; /* its second belongs to it */
        return true;
    }
    scf_fail(c, "InvalidParameterValue.StartTimeOrEndTime",
             "Times are like 2020-12-01 08:35:00, the earlier one first.");
    return false;
}

void scf_list_async_events(struct call *c)
{
    static const char *const orders[] = {"StartTime", "EndTime", NULL};
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct q_filter filter = {.limit = Q_LIST};
    struct scf_page page;
    struct asking *a;
    struct fn_key key;

    if (!p || !scf_page_read(c, p, EVENTS_LIMIT, &page) ||
        !scf_one_of(c, p, "Orderby", "InvalidParameterValue.OrderBy", orders) ||
        !read_status(c, p, &filter) || !read_times(c, p, &filter) || !scf_function(c, p, &key))
        return;
    a = asking_new(c, &key, scf_text(p, "InvokeRequestId"));
    a->then = tell_list;
    a->page = page;
    filter.queue = buf_str(&a->path);
    filter.id = buf_str(&a->id);
    q_list(delivery_queue(c->api->delivery), &filter, on_rows, a); /* -> on_rows */
}

/* ---- TerminateAsyncEvent ---- */

static void on_cancelled(void *user, int r, const struct err *e)
{
    struct call *c = user;

    (void)e;
    if (r == -EBUSY)
        scf_fail(c, "FailedOperation.AsyncEventStatus", "The event has ended already.");
    else if (r < 0)
        fail_queue(c, r);
    else
        scf_ok(c);
}

static void terminate(struct asking *a, const struct q_event *events, uint32_t n)
{
    (void)events;
    if (n == 0) {
        fail_queue(asking_free(a), -ENOENT);
        return;
    }
    delivery_cancel(a->call->api->delivery, buf_str(&a->id), DELIVERY_CANCEL, on_cancelled,
                    a->call);
    (void)asking_free(a); /* -> on_cancelled */
}

void scf_terminate_async_event(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct q_filter filter = {.limit = 1};
    struct asking *a;
    struct fn_key key;

    if (!p || !scf_function(c, p, &key) || !check_id(c, scf_text(p, "InvokeRequestId")))
        return;
    a = asking_new(c, &key, scf_text(p, "InvokeRequestId"));
    a->then = terminate;
    filter.queue = buf_str(&a->path); /* another function's event is not this one's to end */
    filter.id = buf_str(&a->id);
    q_list(delivery_queue(c->api->delivery), &filter, on_rows, a); /* -> on_rows */
}
