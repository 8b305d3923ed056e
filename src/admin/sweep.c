/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.c - many events at once: redrive and purge. docs/admin-api.md, "Events".
 *
 * What a key of one account redrives or purges belongs to a function that it names. Each event that
 * is redriven may grow as old as the rules of its own function say, counted from now: where no
 * function is named, that is done queue by queue.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/events.h"
#include "admin/handlers.h"
#include "admin/query.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "delivery/delivery.h"
#include "dialect/shape.h"
#include "fn/async.h"
#include "fn/fn.h"
#include "store/queue.h"

enum {
    REDRIVE_MAGIC = 0x52444956,
    QUEUES_MAX = 64 << 20,     /* names of those that have dead events */
    AGE_DEFAULT_S = 24 * 3600, /* where there is no function (any more); an endpoint has as much */
};

/* ---- what a body asks for ---- */

struct many { /* views into the body */
    struct q_filter filter;
    struct buf path;
};

static int known_keys(const struct cJSON *body, const char *const *known, size_t n, struct err *e)
{
    const struct cJSON *stranger;

    if (!cJSON_IsObject(body))
        return err_set(e, ERR_CALLER, -EINVAL, "the body must be a JSON object");
    stranger = json_stranger(body, known, n);
    if (stranger)
        return err_set(e, ERR_CALLER, -EINVAL, "unknown key '%.64s'", stranger->string);
    for (const struct cJSON *item = body->child; item; item = item->next)
        if (cJSON_IsNull(item)) /* whoever meant to name something has not */
            return err_set(e, ERR_CALLER, -EINVAL, "'%.64s' is null, leave it out to mean any",
                           item->string);
    return 0;
}

static int parse_many(const struct cJSON *body, struct many *m, struct err *e)
{
    struct q_filter *f = &m->filter;
    struct str function = STR_NONE, source = STR_NONE;
    int64_t limit = Q_LIST;

    if (json_str(body, "function", false, &function, e) < 0 ||
        json_str(body, "source", false, &source, e) < 0 ||
        json_str(body, "id", false, &f->id, e) < 0 ||
        json_int(body, "since_ms", false, 0, INT64_MAX, &f->since_ms, e) < 0 ||
        json_int(body, "until_ms", false, 0, INT64_MAX, &f->until_ms, e) < 0 ||
        json_int(body, "limit", false, 1, Q_LIST, &limit, e) < 0 ||
        (function.n > 0 && admin_query_path(function, &m->path, e) < 0))
        return -EINVAL;
    if (source.n > Q_SOURCE || f->id.n > Q_ID)
        return err_set(e, ERR_CALLER, -EINVAL, "source has at most %d bytes, id %d", Q_SOURCE,
                       Q_ID);
    if (source.p)
        f->source = admin_source_of(source);
    f->queue = buf_str(&m->path);
    f->limit = (uint32_t)limit;
    return 0;
}

static bool permit_many(struct call *c, const struct many *m)
{
    const struct fn *f = m->path.n ? catalog_find_path(c->api->catalog, buf_str(&m->path)) : NULL;
    struct fn_key key;

    if (f) { /* the audit trail tells of whom */
        key = fn_key_of(f);
        call_about(c, &key);
    }
    if (m->filter.queue.n == 0 && c->by.account[0]) {
        call_fail(c, 403, NULL, "key '%s' acts for account '%s' only: name a function of it",
                  c->by.name, c->by.account);
        return false;
    }
    return admin_permit_path(c, m->filter.queue);
}

static bool take_many(struct call *c, const struct cJSON *body, const char *const *known, size_t n,
                      struct many *m, struct err *e)
{
    if (!body || known_keys(body, known, n, e) < 0 || parse_many(body, m, e) < 0) {
        call_fail(c, 400, NULL, "%s", e->msg);
        return false;
    }
    return permit_many(c, m);
}

static void reply_count(struct call *c, int r, const char *key, uint64_t n)
{
    struct buf body;
    struct jw w;

    if (r < 0) {
        admin_fail_queue(c, r);
        return;
    }
    buf_init(&body, 128);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kint(&w, key, (int64_t)n);
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

static void many_done(struct many *m)
{
    buf_done(&m->path);
}

/* ---- redrive ---- */

struct redrive {
    uint32_t magic;
    struct call *call;
    struct q_filter filter; /* its texts are views into the three below */
    struct buf queue, source, id;
    struct buf queues; /* those to come, each with a zero byte behind */
    uint64_t moved;
};

static struct call *redrive_free(struct redrive *d)
{
    struct call *c = d->call;

    buf_done(&d->queue);
    buf_done(&d->source);
    buf_done(&d->id);
    buf_done(&d->queues);
    d->magic = 0;
    free(d);
    return c;
}

/* They are as new: the age they may reach counts from now. */
static int64_t expiry(const struct call *c, struct str queue)
{
    const struct fn *f = catalog_find_path(c->api->catalog, queue);
    const struct shape_ops *shape = f ? shape_of(f->dialect) : NULL;
    uint32_t age_s = shape && shape->retry ? shape->retry->age_s : AGE_DEFAULT_S;

    if (f && f->async)
        age_s = f->async->max_age_s;
    return clock_store_ms() + (int64_t)age_s * 1000;
}

static void end_redrive(struct redrive *d, int r)
{
    uint64_t moved = d->moved;
    struct call *c = redrive_free(d);

    if (moved > 0)
        delivery_look(c->api->delivery);
    reply_count(c, r, "moved", moved);
}

static void redrive_next(struct redrive *d);

static void on_redriven(void *user, int r, uint64_t n)
{
    struct redrive *d = OBJ(user, struct redrive, REDRIVE_MAGIC);

    if (r == 0) {
        d->moved += n;
        d->filter.limit -= (uint32_t)n;
    }
    if (r < 0 || d->filter.limit == 0)
        end_redrive(d, r);
    else
        redrive_next(d);
}

/* The next queue, or the end. */
static void redrive_next(struct redrive *d)
{
    size_t n = strnlen(d->queues.p, d->queues.n);
    struct queue *q;

    if (d->queues.n == 0) {
        end_redrive(d, 0);
        return;
    }
    buf_reset(&d->queue);
    buf_add(&d->queue, d->queues.p, n);
    buf_drop(&d->queues, n + 1);
    d->filter.queue = buf_str(&d->queue);
    q = delivery_queue(d->call->api->delivery);
    q_redrive(q, &d->filter, expiry(d->call, d->filter.queue), on_redriven, d); /* -> on_redriven */
}

static void add_queue(struct redrive *d, struct str queue)
{
    buf_adds(&d->queues, queue);
    buf_addc(&d->queues, '\0');
}

static void on_ledger(void *user, int r, const struct q_ledger *rows, uint32_t n)
{
    struct redrive *d = OBJ(user, struct redrive, REDRIVE_MAGIC);
    struct str last = STR_NONE; /* rows of one queue follow each other */

    for (uint32_t i = 0; r == 0 && i < n; i++)
        if (rows[i].counts[Q_DEAD] > 0 && !str_eq(rows[i].queue, last)) {
            last = rows[i].queue;
            add_queue(d, last);
        }
    if (r < 0 || !buf_ok(&d->queues))
        end_redrive(d, r < 0 ? r : -EAGAIN);
    else
        redrive_next(d);
}

static void on_named(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct redrive *d = OBJ(user, struct redrive, REDRIVE_MAGIC);

    (void)more;
    if (r == 0 && n > 0)
        add_queue(d, events[0].queue);
    if (r < 0)
        end_redrive(d, r);
    else
        redrive_next(d);
}

/* Which queues it is about: the one that was named, that of the event, or all that have dead ones. */
static void redrive_begin(struct redrive *d, struct queue *q, struct str named)
{
    if (named.n > 0) {
        add_queue(d, named);
        redrive_next(d);
    } else if (d->filter.id.n > 0) {
        q_list(q, &(struct q_filter){.id = d->filter.id, .limit = 1}, on_named,
               d); /* -> on_named */
    } else {
        q_counts(q, &(struct q_filter){0}, on_ledger, d); /* -> on_ledger */
    }
}

void admin_events_redrive(struct call *c)
{
    static const char *const known[] = {"function", "source",   "id",
                                        "since_ms", "until_ms", "limit"};
    struct err e = {0};
    cleanup_with(json_freep) struct cJSON *body = call_json(c, &e);
    cleanup_with(many_done) struct many m = {0};
    struct redrive *d;
    struct queue *q;

    buf_init(&m.path, ADMIN_PATH_TEXT);
    if (!take_many(c, body, known, ARRAY_LEN(known), &m, &e) || (q = admin_queue(c)) == NULL)
        return;
    d = xnew(struct redrive);
    d->magic = REDRIVE_MAGIC;
    d->call = c;
    d->filter = m.filter;
    buf_init(&d->queue, ADMIN_PATH_TEXT);
    buf_init(&d->source, Q_SOURCE + 1);
    buf_init(&d->id, Q_ID + 1);
    buf_init(&d->queues, QUEUES_MAX);
    buf_adds(&d->source, m.filter.source);
    buf_adds(&d->id, m.filter.id);
    if (m.filter.source.p)
        d->filter.source = (struct str){d->source.p ? d->source.p : "", d->source.n};
    d->filter.id = buf_str(&d->id);
    redrive_begin(d, q, m.filter.queue);
}

/* ---- purge ---- */

static void on_purged(void *user, int r, uint64_t n)
{
    struct call *c = user;

    if (r == 0)
        delivery_look(c->api->delivery);
    reply_count(c, r, "purged", n);
}

void admin_events_purge(struct call *c)
{
    static const char *const known[] = {"function", "source", "id",   "since_ms",
                                        "until_ms", "limit",  "state"};
    struct err e = {0};
    cleanup_with(json_freep) struct cJSON *body = call_json(c, &e);
    cleanup_with(many_done) struct many m = {0};
    struct str state = S("dead");
    struct queue *q;

    buf_init(&m.path, ADMIN_PATH_TEXT);
    if (!take_many(c, body, known, ARRAY_LEN(known), &m, &e))
        return;
    if (json_str(body, "state", false, &state, &e) < 0 ||
        (!str_eq(state, S("dead")) && !str_eq(state, S("waiting")))) {
        call_fail(c, 400, NULL, "state is dead or waiting");
        return;
    }
    m.filter.states = 1u << (str_eq(state, S("dead")) ? Q_DEAD : Q_WAITING);
    q = admin_queue(c);
    if (q)
        q_purge(q, &m.filter, on_purged, c); /* -> on_purged */
}
