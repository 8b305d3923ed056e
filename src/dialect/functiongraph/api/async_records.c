/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async_records.c - what became of asynchronous invocations: the list of them, and the list of those
 * that have not ended.
 *
 * Newest first. A marker is the place of an invocation in the store; the next page has older ones,
 * and what arrives meanwhile moves none of them. After the last page the marker stays, and the page
 * behind it is empty.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "delivery/delivery.h"
#include "dialect/functiongraph/api/fg.h"
#include "store/queue.h"

enum {
    LISTING_MAGIC = 0x46474c53,
    PATH_TEXT = 4096,
    ANSWER_MAX = 64 << 20,
    LIST_DEFAULT = 100,
    LIST_MAX = 500,
    IDS_MAX = 10,
    HOUR_MS = 3600 * 1000,
    CANCELED = 4208, /* error_code: "function invocation canceled" */
};

#define BIT(state)  (1u << (state))
#define ACTIVE      (BIT(Q_WAITING) | BIT(Q_RUNNING))
#define MESSAGE_MAX 4096 /* of a function's error that is shown */

/* ---- the cloud's words for states ---- */

static const struct {
    const char *name;
    uint32_t states;
} statuses[] = {
        {"WAIT", BIT(Q_WAITING)},
        {"RUNNING", BIT(Q_RUNNING)},
        {"SUCCESS", BIT(Q_DONE)},
        {"FAIL", BIT(Q_DEAD) | BIT(Q_CANCELLED)},
        {"DISCARD", BIT(Q_EXPIRED) | BIT(Q_PURGED)},
};

static const char *status_of(enum q_state state)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].states & BIT(state))
            return statuses[i].name;
    return "";
}

/* The same numbers as X-Func-Err-Code of a synchronous call. */
static int code_of(struct str outcome)
{
    static const struct {
        const char *outcome;
        int code;
    } codes[] = {
            {"error", 500}, {"init_error", 500},   {"timeout", 408},
            {"ok", 0},      {"init_timeout", 408}, {"too_large", 507},
    };

    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (str_eq(outcome, str_of(codes[i].outcome)))
            return codes[i].code;
    return 502;
}

static void put_error(struct jw *w, const struct q_event *ev)
{
    struct delivery_told told = {0};
    bool known = delivery_tell(ev, &told) == 0;
    const struct delivery_try *last = known && told.ntries ? &told.tries[told.ntries - 1] : NULL;
    struct str message = S("");
    int code = 0;

    if (ev->state == Q_CANCELLED) {
        code = CANCELED;
        message = S("function invocation canceled");
    } else if (ev->state == Q_DEAD) {
        code = last ? code_of(last->outcome) : 500;
        message = last && last->error.n ? last->error : known ? told.reason : S("");
    } else if (ev->state == Q_EXPIRED || ev->state == Q_PURGED) {
        code = ev->state == Q_EXPIRED ? 408 : 410;
        message = known && told.reason.n   ? told.reason
                  : ev->state == Q_EXPIRED ? S("the event was older than its function allows")
                                           : S("the event was removed");
    }
    message.n = message.n < MESSAGE_MAX ? message.n : MESSAGE_MAX;
    jw_kstr(w, "error_message", message);
    jw_kint(w, "error_code", code);
    if (known)
        delivery_told_done(&told);
}

static void put_event(struct jw *w, const struct q_event *ev)
{
    bool ended = !(BIT(ev->state) & ACTIVE);
    char text[CLOCK_TEXT];

    jw_obj(w);
    jw_kstr(w, "request_id", ev->id);
    jw_kstrz(w, "status", status_of(ev->state));
    put_error(w, ev);
    jw_kstrz(w, "start_time", clock_iso(ev->created_ms, text));
    jw_kstrz(w, "end_time", ended ? clock_iso(ev->at_ms, text) : "");
    jw_obj_end(w);
}

/* ---- list ---- */

struct listing {
    uint32_t magic;
    struct call *call;
    struct q_filter filter; /* queue and id: views of what is owned below */
    struct buf path;        /* of the function */
    char *ids;              /* owned; NULL, or what is left of `requests` is to be asked for */
    struct str left;        /* of ids; p NULL: no more */
    struct buf body;
    struct jw w;
    uint64_t marker, count;
};

static struct call *listing_free(struct listing *l)
{
    struct call *c = l->call;

    buf_done(&l->path);
    buf_done(&l->body);
    free(l->ids);
    l->magic = 0;
    free(l);
    return c;
}

static void finish(struct listing *l)
{
    struct buf body;
    struct call *c;

    jw_arr_end(&l->w);
    jw_kint(&l->w, "count", (int64_t)l->count);
    jw_kint(&l->w, "next_marker", (int64_t)l->marker);
    jw_obj_end(&l->w);
    buf_init(&body, ANSWER_MAX);
    buf_move(&body, &l->body);
    c = listing_free(l);
    fg_reply_json(c, 200, &body);
}

static void on_rows(void *user, int r, const struct q_event *events, uint32_t n, bool more);

/* -> on_rows, once; for each of the ids, if there are some */
static void ask(struct listing *l)
{
    if (l->ids)
        l->filter.id = str_cut(&l->left, ',');
    q_list(delivery_queue(l->call->api->delivery), &l->filter, on_rows, l);
}

static void on_rows(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct listing *l = OBJ(user, struct listing, LISTING_MAGIC);

    (void)more;
    if (r < 0) {
        fg_fail_queue(listing_free(l), r, NULL);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        put_event(&l->w, &events[i]);
    l->count += n;
    if (n > 0)
        l->marker = events[n - 1].seq;
    if (l->ids && l->left.p)
        ask(l);
    else
        finish(l);
}

/* YYYY-MM-DDTHH:MM:SS, UTC; a fraction and Z or +00:00 behind it may be there. */
static int parse_time(struct str text, int64_t *ret)
{
    struct str rest = str_from(text, 19);
    char compact[16];
    size_t n = 0;

    if (text.n < 19 || text.p[4] != '-' || text.p[7] != '-' || text.p[13] != ':' ||
        text.p[16] != ':')
        return -EINVAL;
    for (size_t i = 0; i < 19; i++)
        if (i != 4 && i != 7 && i != 13 && i != 16)
            compact[n++] = text.p[i];
    compact[n++] = 'Z';
    if (rest.n > 1 && rest.p[0] == '.')
        do
            rest = str_from(rest, 1);
        while (rest.n > 0 && rest.p[0] >= '0' && rest.p[0] <= '9');
    if (rest.n > 0 && !str_eq(rest, S("Z")) && !str_eq(rest, S("+00:00")))
        return -EINVAL;
    return clock_parse_compact((struct str){compact, n}, ret);
}

static bool take_time(struct call *c, const char *name, int64_t *ret)
{
    struct str text = call_query(c, str_of(name));

    if (text.n == 0 || parse_time(text, ret) == 0)
        return true;
    call_fail(c, 400, "FSS.0400", "%s is no UTC time like 2026-11-22T08:00:00", name);
    return false;
}

static bool take_times(struct call *c, bool last_hour, struct q_filter *f)
{
    if (!take_time(c, "query_begin_time", &f->since_ms) ||
        !take_time(c, "query_end_time", &f->until_ms))
        return false;
    if (f->until_ms)
        f->until_ms += 1000; /* its second belongs to it */
    if (last_hour && !f->since_ms)
        f->since_ms = (f->until_ms ? f->until_ms : clock_store_ms()) - HOUR_MS;
    if (f->until_ms == 0 || f->since_ms < f->until_ms)
        return true;
    call_fail(c, 400, "FSS.0400", "query_begin_time is after query_end_time");
    return false;
}

static bool take_status(struct call *c, uint32_t *states)
{
    struct str text = call_query(c, S("status"));

    if (text.n == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (str_eq(text, str_of(statuses[i].name))) {
            *states &= statuses[i].states;
            return true;
        }
    call_fail(c, 400, "FSS.0400", "status is not one of WAIT, RUNNING, SUCCESS, FAIL, DISCARD");
    return false;
}

static bool take_ids(struct call *c, struct str *ret)
{
    struct str rest, text = call_query(c, S("requests"));
    size_t n = 0;

    *ret = text;
    for (rest = text; rest.p && text.n > 0; n++) {
        struct str id = str_cut(&rest, ',');

        if (id.n == 0 || id.n > Q_ID) {
            call_fail(c, 400, "FSS.0400", "requests holds what is no request id");
            return false;
        }
    }
    if (n <= IDS_MAX)
        return true;
    call_fail(c, 400, "FSS.0400", "requests has %zu ids, %d are allowed", n, IDS_MAX);
    return false;
}

static bool take_page(struct call *c, struct listing *l)
{
    struct str text = call_query(c, S("marker"));
    uint64_t limit = LIST_DEFAULT;

    if (text.n > 0 && str_u64(text, 0, INT64_MAX, &l->marker) < 0) {
        call_fail(c, 400, "FSS.0400", "the query parameter marker is not a number from 0");
        return false;
    }
    if (!fg_query_u64(c, S("limit"), &limit))
        return false;
    if (limit == 0 || limit > LIST_MAX) {
        call_fail(c, 400, "FSS.0400", "limit is 1 to %d", LIST_MAX);
        return false;
    }
    l->filter.before = l->marker;
    l->filter.limit = (uint32_t)limit;
    return true;
}

static void start(struct listing *l, const struct fn *f)
{
    struct fn_key key = fn_key_of(f);

    fn_key_path(&key, &l->path);
    l->filter.queue = buf_str(&l->path);
    jw_init(&l->w, &l->body);
    jw_obj(&l->w);
    jw_key(&l->w, "invocations");
    jw_arr(&l->w);
    if (l->filter.states)
        ask(l);
    else
        finish(l); /* such a status among the active ones: none */
}

static void list(struct call *c, bool active)
{
    struct fg_urn urn;
    const struct fn *f = fg_target(c, &urn);
    struct str ids = STR_NONE;
    struct listing *l;

    if (!f || !fg_queue(c))
        return;
    l = xnew(struct listing);
    l->magic = LISTING_MAGIC;
    l->call = c;
    l->filter.states = active ? ACTIVE : BIT(Q_STATES) - 1;
    buf_init(&l->path, PATH_TEXT);
    buf_init(&l->body, ANSWER_MAX);
    l->filter.id = call_query(c, S("request_id"));
    if (!take_page(c, l) || !take_times(c, !active && l->filter.id.n == 0, &l->filter) ||
        !take_status(c, &l->filter.states) || (active && !take_ids(c, &ids))) {
        (void)listing_free(l); /* it has been answered */
        return;
    }
    if (ids.n > 0) {
        l->ids = str_dup(ids);
        l->left = str_of(l->ids);
    }
    start(l, f);
}

void fg_list_async(struct call *c)
{
    list(c, false);
}

void fg_list_active_async(struct call *c)
{
    list(c, true);
}
