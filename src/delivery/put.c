/* SPDX-License-Identifier: Apache-2.0 */
/*
 * put.c - acceptance: on disk first, then "yes".
 *
 * What the store has not done, or does not know whether it has, is asked of it again with the same ids,
 * for REPEAT_MS at most; whoever waits hears then that it was not accepted, or not surely: a repetition
 * with the same id is harmless. An id that is known after an answer that was lost is our own.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "delivery/internal.h"
#include "dialect/shape.h"
#include "fn/fn.h"
#include "loop/loop.h"
#include "observe/trace/trace.h"

enum { PUTTING_MAGIC = 0x50555450, REPEAT_MS = 5000, STORE_MS = 10000 };

struct putting {
    uint32_t magic;
    struct list node; /* d->repeats while it waits to be asked again */
    struct delivery *d;
    uint64_t give_up_ns;
    bool unknown; /* it may be there already */
    struct q_record record;
    struct q_cursor cursor;
    bool has_cursor;
    struct buf text; /* what record and cursor see */
    delivery_fn *fn;
    void *user;
};

/* ---- what is told ---- */

static const struct {
    int r;
    enum err_kind kind;
    const char *why;
} failures[] = {
        {-ENOBUFS, ERR_LIMIT, "as many events wait for the function as may"},
        {-ESTALE, ERR_CALLER, "the place in the source has moved"},
        {-E2BIG, ERR_LIMIT, "the event is too large, or its names are too long"},
        {-ENOENT, ERR_CALLER, "there is no such event"},
        {-EBUSY, ERR_CALLER, "the event has ended"},
        {-ENOSPC, ERR_HOST, "the disk is full"},
        {-EAGAIN, ERR_HOST, "the queue of events is busy"},
        {-EINPROGRESS, ERR_HOST,
         "the queue of events did not say whether it took the event; with the same id it may be "
         "sent again"},
        {-EIO, ERR_HOST, "the queue of events cannot be written; see /readyz"},
        {-ESHUTDOWN, ERR_HOST, "the service is stopping"},
};

void put_tell(delivery_fn *fn, void *user, int r)
{
    struct err e = {0};

    if (!fn)
        return;
    if (r == 0 || r == -EEXIST) {
        fn(user, r, NULL);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        if (failures[i].r == r)
            err_set(&e, failures[i].kind, r, "%s", failures[i].why);
    if (e.code == 0)
        err_set(&e, ERR_HOST, r, "the queue of events: %s", strerror(-r));
    fn(user, r, &e);
}

static void end(struct putting *p, int r)
{
    struct delivery *d = p->d;

    /* This time it was not taken; the time before it may have been. */
    if (p->unknown && (r == -EIO || r == -EAGAIN || r == -ENOSPC || r == -ESHUTDOWN))
        r = -EINPROGRESS;
    if (r == 0)
        d->stats.accepted++;
    else if (r != -EEXIST)
        d->stats.refused++;
    put_tell(p->fn, p->user, r);
    buf_done(&p->text);
    p->magic = 0;
    free(p);
}

/* ---- to the disk ---- */

static void submit(struct putting *p);

static void waits(struct putting *p)
{
    struct delivery *d = p->d;
    struct lane *lane = lane_of(d, p->record.queue);

    lane->waiting++;
    lane_due(d, lane, p->record.not_before_ms);
}

static void on_put(void *user, int r, const int *ret, uint32_t n)
{
    struct putting *p = OBJ(user, struct putting, PUTTING_MAGIC);
    struct delivery *d = p->d;
    bool alive = !d->dead;

    if (r == 0 && n > 0)
        r = ret[0];
    if (r == -EEXIST && p->unknown)
        r = 0;
    if (alive && (r == -EAGAIN || r == -EINPROGRESS) && !d->draining &&
        clock_mono_ns() < p->give_up_ns) {
        p->unknown |= r == -EINPROGRESS;
        list_push_back(&d->repeats, &p->node);
        if (!loop_timer_running(d->again))
            loop_timer_start(d->again, PAUSE_MS);
    } else {
        if (alive && r == 0)
            waits(p);
        else if (alive && (r == -EEXIST || p->unknown)) /* who knows whether we know of it */
            lane_due(d, lane_of(d, p->record.queue), 0);
        if (alive && r == -EIO)
            (void)delivery_heard(d, r, d->epoch);
        end(p, r);
    }
    (void)delivery_unhold(d);
}

static void submit(struct putting *p)
{
    struct delivery *d = p->d;
    struct q_put put = {.records = &p->record,
                        .nrecords = 1,
                        .cursors = &p->cursor,
                        .ncursors = p->has_cursor,
                        .bound = d->conf.waiting,
                        .deadline_ns = clock_mono_ns() + STORE_MS * 1000000ull};

    delivery_hold(d);
    q_put(d->queue, &put, on_put, p);
}

void put_again(struct delivery *d)
{
    struct list again;

    list_init(&again);
    while (!list_empty(&d->repeats))
        list_push_back(&again, list_pop_front(&d->repeats));
    for (struct list *it; (it = list_pop_front(&again));) {
        struct putting *p = container_of(it, struct putting, node);

        if (d->broken)
            end(p, -EIO);
        else if (d->draining)
            end(p, -ESHUTDOWN);
        else
            submit(p);
    }
}

/* ---- what is put ---- */

static struct str keep(struct buf *text, struct str s)
{
    size_t at = text->n;

    buf_adds(text, s);
    return (struct str){text->p + at, s.n};
}

/* Room for all of it at once, so that views into it stay. */
static struct putting *putting_new(struct delivery *d, const struct q_record *r,
                                   const struct q_cursor *c, delivery_fn *fn, void *user)
{
    struct putting *p = xnew(struct putting);
    size_t n = r->queue.n + r->source.n + r->id.n + r->dedup.n + r->order.n + r->attributes.n +
               r->payload.n + (c ? c->name.n + c->expect.n + c->next.n : 0);

    p->magic = PUTTING_MAGIC;
    p->d = d;
    p->fn = fn;
    p->user = user;
    p->give_up_ns = clock_mono_ns() + REPEAT_MS * 1000000ull;
    list_init(&p->node);
    buf_init(&p->text, n + 1);
    (void)buf_room(&p->text, n);
    p->record = *r;
    p->record.queue = keep(&p->text, r->queue);
    p->record.source = keep(&p->text, r->source);
    p->record.id = keep(&p->text, r->id);
    p->record.dedup = keep(&p->text, r->dedup);
    p->record.order = keep(&p->text, r->order);
    p->record.attributes = keep(&p->text, r->attributes);
    p->record.payload = keep(&p->text, r->payload);
    if (c) {
        p->has_cursor = true;
        p->cursor.name = keep(&p->text, c->name);
        p->cursor.expect = keep(&p->text, c->expect);
        p->cursor.next = keep(&p->text, c->next);
    }
    return p;
}

static int check(const struct delivery *d, const struct fn *fn, size_t bytes, struct err *e)
{
    const struct shape_ops *shape = shape_of(fn->dialect);

    if (d->draining || d->dead)
        return err_set(e, ERR_HOST, -ESHUTDOWN, "the service is stopping");
    if (d->broken)
        return err_set(e, ERR_HOST, -EIO, "the queue of events cannot be written; see /readyz");
    if (!shape || shape->async_max == 0)
        return err_set(e, ERR_CALLER, -EOPNOTSUPP,
                       "functions of dialect '%s' have no asynchronous events",
                       dialect_names[fn->dialect]);
    if (fn->code.sha[0] == 0)
        return err_set(e, ERR_CALLER, -ENODATA, "function '%s' has no code yet", fn->name);
    if (bytes > shape->async_max)
        return err_set(e, ERR_LIMIT, -EMSGSIZE,
                       "the event has %zu bytes, the limit of asynchronous ones is %llu", bytes,
                       (unsigned long long)shape->async_max);
    return 0;
}

/* Its tries are below the span of whoever asked; with none, below one that stands for the event. */
static void write_trace(const struct run_trace *trace, char parent[TRACE_PARENT],
                        struct attributes *a)
{
    static const uint8_t none[8];
    struct run_trace t;

    if (!trace)
        return;
    t = *trace;
    if (memcmp(t.parent_id, none, sizeof(none)) != 0)
        memcpy(t.span_id, t.parent_id, sizeof(t.span_id));
    trace_print(&t, parent);
    a->trace = str_of(parent);
    a->state = t.state;
}

int delivery_put(struct delivery *d, const struct delivery_event *ev, delivery_fn *fn, void *user,
                 struct err *e)
{
    cleanup_with(buf_done) struct buf queue = {0}, attributes = {0};
    int64_t now = clock_store_ms();
    char parent[TRACE_PARENT];
    struct attributes a = {.qualifier = ev->qualifier,
                           .trigger = ev->trigger,
                           .replay_of = str_of(ev->replay_of),
                           .cause = cancel_cause(d, ev)};
    struct q_record record;
    struct fn_key key;
    int r = check(d, ev->fn, ev->payload.n, e);

    if (r < 0) {
        d->stats.refused++;
        return r;
    }
    key = fn_key_of(ev->fn);
    buf_init(&queue, Q_NAME);
    fn_key_path(&key, &queue);
    write_trace(ev->trace, parent, &a);
    buf_init(&attributes, Q_ATTRIBUTES);
    attributes_write(&a, &attributes);
    if (!buf_ok(&queue) || !buf_ok(&attributes))
        return err_set(e, ERR_CALLER, -E2BIG, "the names of function '%s' are too long for events",
                       ev->fn->name);
    record = (struct q_record){
            .queue = buf_str(&queue),
            .source = ev->source,
            .id = ev->id,
            .dedup = ev->dedup,
            .order = ev->order,
            .not_before_ms = ev->not_before_ms,
            .expires_ms = (ev->not_before_ms > now ? ev->not_before_ms : now) +
                          (int64_t)retry_of(ev->fn).age_ms,
            .attributes = buf_str(&attributes),
            .payload = ev->payload,
    };
    if (a.cause.n > 0)
        cancel_child(d, a.cause, ev->id);
    submit(putting_new(d, &record, ev->cursor, fn, user));
    return 0;
}

/* ---- replay ---- */

struct replaying {
    uint32_t magic;
    struct delivery *d;
    char *new_id; /* owned */
    delivery_fn *fn;
    void *user;
};

static int replay(struct replaying *p, const struct q_event *ev)
{
    struct delivery *d = p->d;
    cleanup_with(buf_done) struct buf attributes = {0};
    const struct fn *fn = catalog_find_path(d->env.catalog, ev->queue);
    struct attributes a;
    struct cJSON *tree;
    struct q_record record;

    if (!fn && !lane_is_http(ev->queue))
        return -ENOENT;
    if (d->draining || d->broken)
        return d->broken ? -EIO : -ESHUTDOWN;
    tree = attributes_read(ev->attributes, &a);
    a.replay_of = ev->id;
    buf_init(&attributes, Q_ATTRIBUTES);
    attributes_write(&a, &attributes);
    json_free(tree);
    if (!buf_ok(&attributes))
        return -E2BIG;
    record = (struct q_record){
            .queue = ev->queue,
            .source = ev->source,
            .id = str_of(p->new_id),
            .order = ev->order,
            .priority = ev->priority,
            .expires_ms = clock_store_ms() + (int64_t)retry_of(fn).age_ms,
            .attributes = buf_str(&attributes),
            .payload = ev->payload,
    };
    submit(putting_new(d, &record, NULL, p->fn, p->user));
    return 0;
}

static void on_found(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct replaying *p = OBJ(user, struct replaying, PUTTING_MAGIC);
    struct delivery *d = p->d;

    (void)more;
    if (r == 0 && n == 0)
        r = -ENOENT;
    if (r == 0 && d->dead)
        r = -ESHUTDOWN;
    if (r == 0)
        r = replay(p, &events[0]);
    if (r < 0)
        put_tell(p->fn, p->user, r);
    p->magic = 0;
    free(p->new_id);
    free(p);
    (void)delivery_unhold(d);
}

void delivery_replay(struct delivery *d, struct str id, struct str new_id, delivery_fn *fn,
                     void *user)
{
    struct replaying *p = xnew(struct replaying);

    p->magic = PUTTING_MAGIC;
    p->d = d;
    p->new_id = str_dup(new_id);
    p->fn = fn;
    p->user = user;
    delivery_hold(d);
    q_list(d->queue, &(struct q_filter){.id = id, .limit = 1, .payload = true}, on_found, p);
}
