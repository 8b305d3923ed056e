/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.c - asynchronous events: look at them, cancel, replay. docs/admin-api.md, "Events".
 *
 * Lists are paged by the sequence of the store: an answer's `before` is the place to go on from. A
 * key of one account is told of its own events only, so an answer may have fewer than were asked
 * for, or none, and still a `before`. An event of somebody else's is, to such a key, not there.
 */
#include "admin/events.h"

#include <errno.h>
#include <stdlib.h>

#include "admin/handlers.h"
#include "admin/query.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "delivery/delivery.h"
#include "store/queue.h"

enum {
    ACT_MAGIC = 0x41435445,
    ANSWER_MAX = 96 << 20,
    LIST_DEFAULT = 100,
};

bool admin_event_id(struct str id)
{
    for (size_t i = 0; i < id.n; i++) {
        char ch = str_lower(id.p[i]);

        if (!(ch >= 'a' && ch <= 'z') && !(ch >= '0' && ch <= '9') && ch != '.' && ch != '_' &&
            ch != '-')
            return false;
    }
    return id.n > 0 && id.n <= ADMIN_EVENT_ID;
}

struct queue *admin_queue(struct call *c)
{
    struct queue *q = c->api->delivery ? delivery_queue(c->api->delivery) : NULL;

    if (!q)
        call_fail(c, 503, NULL, "asynchronous events are not served now, see GET /readyz");
    return q;
}

static const struct {
    int r, status;
    const char *message;
} failures[] = {
        {-ENOENT, 404, "there is no such event, or no more"},
        {-EBUSY, 409, "the event has ended already"},
        {-ENOBUFS, 429, "as many events wait for this function as may"},
        {-E2BIG, 413, "the event is larger than a record of the store may be"},
        {-EAGAIN, 503, "the event store is busy and nothing was done, try again"},
        {-EINPROGRESS, 503, "whether it was done is not known: repeat it with the same id"},
        {-ESTALE, 503, "somebody else delivers events now and nothing was done, try again"},
        {-ESHUTDOWN, 503, "the daemon is ending and nothing was done"},
        {-ENOSPC, 503, "the disk is full and nothing was done"},
        {-EIO, 503, "the event store is damaged or its disk failed, the daemon's log says more"},
};

void admin_fail_delivery(struct call *c, int r, const struct err *e)
{
    bool told = e && e->msg[0];

    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        if (failures[i].r == r) {
            call_fail(c, failures[i].status, NULL, "%s", told ? e->msg : failures[i].message);
            return;
        }
    if (told)
        call_fail_err(c, NULL, e);
    else
        call_fail(c, 503, NULL, "the event store said: %s", strerror(-r));
}

void admin_fail_queue(struct call *c, int r)
{
    admin_fail_delivery(c, r, NULL);
}

/* ---- list ---- */

/* The store's completions bring the call back: what an answer needs of it, call_...() checks. */
static void on_list(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct call *c = user;
    struct buf body;
    struct jw w;

    if (r < 0) {
        admin_fail_queue(c, r);
        return;
    }
    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "events");
    jw_arr(&w);
    for (uint32_t i = 0; i < n; i++)
        if (admin_sees_path(c->by.account, c->by.dialect, events[i].queue))
            admin_object_event(&w, c, &events[i], false);
    jw_arr_end(&w);
    if (more && n > 0)
        jw_kint(&w, "before", (int64_t)events[n - 1].seq);
    jw_obj_end(&w);
    if (buf_ok(&body)) {
        call_reply_buf(c, 200, S("application/json"), &body);
        return;
    }
    buf_done(&body);
    call_fail(c, 413, NULL, "the answer is too long, ask with a smaller limit");
}

/* "waiting,dead" -> bits */
static int states_of(struct str text, uint32_t *ret, struct err *e)
{
    while (text.p) {
        struct str word = str_cut(&text, ',');
        enum q_state state;

        if (q_state_of(word, &state) < 0)
            return err_set(e, ERR_CALLER, -EINVAL,
                           "state is one or more of waiting, running, done, dead, expired, "
                           "cancelled, purged, not '%.*s'",
                           (int)(word.n < 32 ? word.n : 32), word.p ? word.p : "");
        *ret |= 1u << state;
    }
    return 0;
}

struct str admin_source_of(struct str word)
{
    return str_eq(word, S("invoked")) ? S("") : word;
}

static bool take_filter(struct call *c, struct buf *path, struct q_filter *f)
{
    struct str source, states = call_query(c, S("state"));
    uint64_t since = 0, until = 0, limit = LIST_DEFAULT;
    struct err e = {0};

    if (!admin_query_function(c, path) || !admin_query_text(c, "source", Q_SOURCE, &source) ||
        !admin_query_number(c, "since_ms", 0, INT64_MAX, &since) ||
        !admin_query_number(c, "until_ms", 0, INT64_MAX, &until) ||
        !admin_query_number(c, "before", 1, INT64_MAX, &f->before) ||
        !admin_query_number(c, "limit", 1, Q_LIST, &limit))
        return false;
    if (states.p && states_of(states, &f->states, &e) < 0) {
        call_fail(c, 400, NULL, "%s", e.msg);
        return false;
    }
    f->queue = buf_str(path);
    if (source.p)
        f->source = admin_source_of(source);
    f->since_ms = (int64_t)since;
    f->until_ms = (int64_t)until;
    f->limit = (uint32_t)limit;
    return true;
}

void admin_events(struct call *c)
{
    cleanup_with(buf_done) struct buf path;
    struct q_filter filter = {0};
    struct queue *q;

    buf_init(&path, ADMIN_PATH_TEXT);
    if (!take_filter(c, &path, &filter) || !admin_permit_path(c, filter.queue))
        return;
    q = admin_queue(c);
    if (q)
        q_list(q, &filter, on_list, c); /* -> on_list */
}

/* ---- one event ---- */

struct act {
    uint32_t magic;
    struct call *call;
    char id[Q_ID + 1];
    enum delivery_cancel how;
    /* The event is there and the key may know of it. Takes the act. */
    void (*go)(struct act *a, const struct q_event *ev);
};

static struct call *act_free(struct act *a)
{
    struct call *c = a->call;

    a->magic = 0;
    free(a);
    return c;
}

static void on_found(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct act *a = OBJ(user, struct act, ACT_MAGIC);
    struct call *c = a->call;

    (void)more;
    if (r == 0 && (n == 0 || !admin_sees_path(c->by.account, c->by.dialect, events[0].queue)))
        r = -ENOENT;
    if (r < 0)
        admin_fail_queue(act_free(a), r);
    else
        a->go(a, &events[0]);
}

static void find_event(struct call *c, bool payload, enum delivery_cancel how,
                       void (*go)(struct act *a, const struct q_event *ev))
{
    struct str id = c->captures[0];
    struct q_filter filter = {.id = id, .limit = 1, .payload = payload};
    struct queue *q = admin_queue(c);
    struct act *a;

    if (!q)
        return;
    if (id.n > Q_ID) {
        admin_fail_queue(c, -ENOENT);
        return;
    }
    a = xnew(struct act);
    a->magic = ACT_MAGIC;
    a->call = c;
    a->how = how;
    a->go = go;
    memcpy(a->id, id.p, id.n);
    q_list(q, &filter, on_found, a); /* -> on_found */
}

static void show(struct act *a, const struct q_event *ev)
{
    struct call *c = act_free(a);
    struct buf body;
    struct jw w;

    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    admin_object_event(&w, c, ev, true);
    if (buf_ok(&body)) {
        call_reply_buf(c, 200, S("application/json"), &body);
        return;
    }
    buf_done(&body);
    call_fail(c, 413, NULL, "the event is too long to be shown");
}

void admin_event(struct call *c)
{
    find_event(c, true, DELIVERY_CANCEL, show); /* -> show */
}

static void on_cancelled(void *user, int r, const struct err *e)
{
    struct call *c = act_free(OBJ(user, struct act, ACT_MAGIC));

    if (r < 0)
        admin_fail_delivery(c, r, e);
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

static void cancel(struct act *a, const struct q_event *ev)
{
    (void)ev; /* -> on_cancelled */
    delivery_cancel(a->call->api->delivery, str_of(a->id), a->how, on_cancelled, a);
}

void admin_event_cancel(struct call *c)
{
    bool recursive = str_eq(call_query(c, S("recursive")), S("true"));

    find_event(c, false, recursive ? DELIVERY_CANCEL_RECURSIVE : DELIVERY_CANCEL, cancel);
}

void admin_reply_accepted(struct call *c, const char *id)
{
    struct buf body;
    struct jw w;

    buf_init(&body, 1024);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kstrz(&w, "request_id", id);
    jw_obj_end(&w);
    call_reply_buf(c, 202, S("application/json"), &body);
}

static void on_replayed(void *user, int r, const struct err *e)
{
    struct call *c = act_free(OBJ(user, struct act, ACT_MAGIC));

    if (r < 0)
        admin_fail_delivery(c, r, e);
    else
        admin_reply_accepted(c, c->request_id);
}

static void replay(struct act *a, const struct q_event *ev)
{
    (void)ev; /* -> on_replayed */
    delivery_replay(a->call->api->delivery, str_of(a->id), str_of(a->call->request_id), on_replayed,
                    a);
}

void admin_event_replay(struct call *c)
{
    find_event(c, false, DELIVERY_CANCEL, replay);
}
