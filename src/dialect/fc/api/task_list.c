/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task_list.c - the list of a function's asynchronous invocations, newest first or oldest first.
 *
 * The store tells the newest first, and knows neither chosen ids nor the cloud's states: rows are asked for
 * until the page is full. A token is the place of its last row. Oldest first is made of the newest 1000 that
 * fit, and there a token is how many came before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/obj.h"
#include "delivery/delivery.h"
#include "dialect/fc/api/task.h"
#include "dialect/fc/api/task_parts.h"
#include "fn/fn.h"
#include "store/queue.h"

enum {
    LIST_MAGIC = 0x4643544c,
    LIST_DEFAULT = 50,
    LIST_MAX = 100,
    LIST_BYTES = 32 << 20,
    ROWS = 100,
    ASCENDING_MOST = 1000
};

struct listing {
    uint32_t magic;
    struct call *call;   /* borrowed; lives until its reply */
    const struct fn *fn; /* shared */
    const struct fc_task_words *words;
    struct q_filter filter; /* views of what is owned below */
    struct buf path;
    char *status, *prefix, *qualifier; /* owned; "": any */
    bool ascending, payload;
    uint64_t limit, skip; /* skip: of the oldest, where they come first */
    char **rows;          /* owned: tasks as JSON, newest first */
    size_t n;
    uint64_t last; /* seq of the last row */
    uint64_t next; /* seq to go on before; 0: there is nothing more */
};

static struct call *listing_free(struct listing *l)
{
    struct call *c = l->call;

    for (size_t i = 0; i < l->n; i++)
        free(l->rows[i]);
    free(l->rows);
    free(l->status);
    free(l->prefix);
    free(l->qualifier);
    buf_done(&l->path);
    fn_unref(l->fn);
    l->magic = 0;
    free(l);
    return c;
}

static bool is_wanted(const struct listing *l, const struct q_event *ev)
{
    struct delivery_told told = {0};
    bool wanted = str_starts(ev->dedup.n ? ev->dedup : ev->id, str_of(l->prefix)) &&
                  (!l->status[0] || strcmp(l->status, task_status(ev)) == 0);

    if (wanted && l->qualifier[0] && delivery_tell(ev, &told) == 0) {
        wanted = str_eq(task_qualifier(told.qualifier), task_qualifier(str_of(l->qualifier)));
        delivery_told_done(&told);
    }
    return wanted;
}

static void take_row(struct listing *l, const struct q_event *ev)
{
    struct buf text;
    struct jw w;

    buf_init(&text, 4 << 20);
    jw_init(&w, &text);
    task_put(&w, l->fn, l->words, ev, l->payload);
    l->rows = xrealloc(l->rows, l->n + 1, sizeof(*l->rows));
    l->rows[l->n++] = buf_take(&text);
}

static void put_page(struct listing *l, struct jw *w)
{
    uint64_t shown = 0, end = l->n;

    for (uint64_t i = 0; i < l->n && shown < l->limit; i++) {
        if (l->ascending && i < l->skip)
            continue;
        jw_raw(w, str_of(l->rows[l->ascending ? l->n - 1 - i : i]));
        shown++;
        end = i + 1;
    }
    jw_arr_end(w);
    if (l->ascending && end < l->n) {
        char text[24];

        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)end);
        jw_kstrz(w, "nextToken", text);
    } else if (!l->ascending && l->next) {
        char text[24];

        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)l->next);
        jw_kstrz(w, "nextToken", text);
    }
}

static void finish(struct listing *l)
{
    struct buf body;
    struct jw w;

    buf_init(&body, LIST_BYTES);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, l->words->plural);
    jw_arr(&w);
    put_page(l, &w);
    jw_obj_end(&w);
    call_reply_buf(listing_free(l), 200, S("application/json"), &body);
}

static void on_rows(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct listing *l = OBJ(user, struct listing, LIST_MAGIC);
    size_t most = l->ascending ? ASCENDING_MOST : l->limit;

    if (r < 0) {
        task_fail(listing_free(l), r, NULL);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!is_wanted(l, &events[i]))
            continue;
        if (l->n == most) { /* one more than the page has: there is another */
            l->next = l->last;
            finish(l);
            return;
        }
        take_row(l, &events[i]);
        l->last = events[i].seq;
    }
    if (n > 0 && more) {
        l->filter.before = events[n - 1].seq;
        q_list(delivery_queue(l->call->api->delivery), &l->filter, on_rows, l);
        return;
    }
    finish(l);
}

static bool refuse(struct call *c, const char *name, const char *allowed, struct str text)
{
    call_fail(c, 400, "InvalidArgument",
              "%s is set to an invalid value (allowed: %s, actual: '%.*s')", name, allowed,
              (int)(text.n < 64 ? text.n : 64), text.p);
    return false;
}

static bool read_times(struct call *c, struct q_filter *filter)
{
    struct str from = call_query(c, S("startedTimeBegin")), to = call_query(c, S("startedTimeEnd"));
    uint64_t ms = 0;

    if (from.n && str_u64(from, 0, INT64_MAX, &ms) < 0)
        return refuse(c, "startedTimeBegin", "Unix time in ms", from);
    filter->since_ms = (int64_t)ms;
    ms = 0;
    if (to.n && str_u64(to, 0, INT64_MAX - 1, &ms) < 0)
        return refuse(c, "startedTimeEnd", "Unix time in ms", to);
    filter->until_ms = to.n ? (int64_t)ms + 1 : 0;
    return true;
}

/* False: it has replied. */
static bool read_query(struct call *c, struct listing *l)
{
    struct str order = call_query(c, S("sortOrderByTime")), limit = call_query(c, S("limit")),
               token = call_query(c, S("nextToken")), status = call_query(c, S("status")),
               payload = call_query(c, S("includePayload"));
    uint64_t at = 0;

    l->limit = LIST_DEFAULT;
    if (limit.n && str_u64(limit, 1, LIST_MAX, &l->limit) < 0)
        return refuse(c, "limit", "1 to 100", limit);
    if (order.n && !str_eq(order, S("asc")) && !str_eq(order, S("desc")))
        return refuse(c, "sortOrderByTime", "asc | desc", order);
    if (status.n && !task_is_status(status))
        return refuse(c, "status", "a status of an asynchronous invocation", status);
    if (payload.n && !str_eq(payload, S("true")) && !str_eq(payload, S("false")))
        return refuse(c, "includePayload", "true | false", payload);
    if (token.n && str_u64(token, 1, INT64_MAX, &at) < 0)
        return refuse(c, "nextToken", "one of a page before", token);
    l->ascending = str_eq(order, S("asc"));
    l->payload = str_eq(payload, S("true"));
    l->filter.before = l->ascending ? 0 : at;
    l->skip = l->ascending ? at : 0;
    l->status = str_dup(status);
    l->prefix = str_dup(call_query(c, str_of(l->words->id_prefix)));
    l->qualifier = str_dup(call_query(c, S("qualifier")));
    return read_times(c, &l->filter);
}

void fc_task_list(struct call *c, const struct fn *f, const struct fc_task_words *words)
{
    struct fn_key key = fn_key_of(f);
    struct listing *l;

    if (!task_served(c))
        return;
    l = xnew(struct listing);
    *l = (struct listing){.magic = LIST_MAGIC, .call = c, .fn = fn_ref(f), .words = words};
    buf_init(&l->path, TASK_PATH);
    fn_key_path(&key, &l->path);
    if (!read_query(c, l)) {
        (void)listing_free(l);
        return;
    }
    l->filter.queue = buf_str(&l->path);
    l->filter.limit = ROWS;
    l->filter.payload = l->payload;
    q_list(delivery_queue(c->api->delivery), &l->filter, on_rows, l); /* -> on_rows */
}
