/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusing.c - a queue that is not there: every call completes with -EIO, from the loop. It stands in
 * while the real one is closed after a failure and not open again, so that nobody needs to know.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"
#include "delivery/delivery.h"
#include "loop/loop.h"
#include "store/queue.h"

enum { REFUSAL_MAGIC = 0x5246534c };

struct refusing {
    struct queue queue; /* first */
    struct loop *loop;
};

/* Whoever waits: one of these, as they differ in what they are told. */
struct refusal {
    uint32_t magic;
    q_put_fn *put; /* also q_items_fn: the same type */
    q_events_fn *events;
    q_count_fn *count; /* also lease_fn */
    q_ledger_fn *ledger;
    q_ready_fn *ready;
    q_cursor_fn *cursor;
    q_backup_fn *backup;
    void *user;
};

static void on_turn(void *user)
{
    struct refusal *x = OBJ(user, struct refusal, REFUSAL_MAGIC);

    if (x->put)
        x->put(x->user, -EIO, NULL, 0);
    if (x->events)
        x->events(x->user, -EIO, NULL, 0, false);
    if (x->count)
        x->count(x->user, -EIO, 0);
    if (x->ledger)
        x->ledger(x->user, -EIO, NULL, 0);
    if (x->ready)
        x->ready(x->user, -EIO, NULL, 0);
    if (x->cursor)
        x->cursor(x->user, -EIO, STR_NONE);
    if (x->backup)
        x->backup(x->user, -EIO);
    free(x);
}

static void refuse(struct queue *q, struct refusal x)
{
    struct refusal *copy = xnew(struct refusal);

    *copy = x;
    copy->magic = REFUSAL_MAGIC;
    loop_defer(container_of(q, struct refusing, queue)->loop, on_turn, copy);
}

/* NOLINTBEGIN(misc-unused-parameters): one signature each, given by queue.h */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"

static void no_put(struct queue *q, const struct q_put *put, q_put_fn *fn, void *user)
{
    refuse(q, (struct refusal){.put = fn, .user = user});
}

static void no_lease(struct queue *q, const struct q_lease *lease, q_events_fn *fn, void *user)
{
    refuse(q, (struct refusal){.events = fn, .user = user});
}

static void no_extend(struct queue *q, uint64_t token, const struct q_item *items, uint32_t n,
                      uint32_t visible_ms, q_items_fn *fn, void *user)
{
    refuse(q, (struct refusal){.put = fn, .user = user});
}

static void no_again(struct queue *q, uint64_t token, const struct q_again *items, uint32_t n,
                     q_items_fn *fn, void *user)
{
    refuse(q, (struct refusal){.put = fn, .user = user});
}

static void no_finish(struct queue *q, uint64_t token, const struct q_end *items, uint32_t n,
                      q_items_fn *fn, void *user)
{
    refuse(q, (struct refusal){.put = fn, .user = user});
}

static void no_cancel(struct queue *q, struct str id, struct str note, q_count_fn *fn, void *user)
{
    refuse(q, (struct refusal){.count = fn, .user = user});
}

static void no_redrive(struct queue *q, const struct q_filter *which, int64_t expires_ms,
                       q_count_fn *fn, void *user)
{
    refuse(q, (struct refusal){.count = fn, .user = user});
}

static void no_purge(struct queue *q, const struct q_filter *which, q_count_fn *fn, void *user)
{
    refuse(q, (struct refusal){.count = fn, .user = user});
}

static void no_list(struct queue *q, const struct q_filter *which, q_events_fn *fn, void *user)
{
    refuse(q, (struct refusal){.events = fn, .user = user});
}

static void no_counts(struct queue *q, const struct q_filter *which, q_ledger_fn *fn, void *user)
{
    refuse(q, (struct refusal){.ledger = fn, .user = user});
}

static void no_ready(struct queue *q, q_ready_fn *fn, void *user)
{
    refuse(q, (struct refusal){.ready = fn, .user = user});
}

static void no_cursor(struct queue *q, struct str name, q_cursor_fn *fn, void *user)
{
    refuse(q, (struct refusal){.cursor = fn, .user = user});
}

static void no_pass(struct queue *q, struct str queue, struct str source, uint64_t n,
                    const struct q_cursor *cursor, q_count_fn *fn, void *user)
{
    refuse(q, (struct refusal){.count = fn, .user = user});
}

static void no_trim(struct queue *q, int64_t ended_before_ms, uint64_t keep, uint32_t most,
                    q_count_fn *fn, void *user)
{
    refuse(q, (struct refusal){.count = fn, .user = user});
}

static void no_campaign(struct queue *q, struct str name, uint32_t ttl_ms, lease_fn *fn, void *user)
{
    refuse(q, (struct refusal){.count = fn, .user = user});
}

static void no_keep(struct queue *q, struct str name, uint64_t token, uint32_t ttl_ms, lease_fn *fn,
                    void *user)
{
    refuse(q, (struct refusal){.count = fn, .user = user});
}

static void no_revoke(struct queue *q, struct str name, uint64_t token, lease_fn *fn, void *user)
{
    refuse(q, (struct refusal){.count = fn, .user = user});
}

static void no_backup(struct queue *q, struct str path, q_backup_fn *fn, void *user)
{
    refuse(q, (struct refusal){.backup = fn, .user = user});
}

#pragma GCC diagnostic pop
/* NOLINTEND(misc-unused-parameters) */

static void close_refusing(struct queue *q)
{
    free(container_of(q, struct refusing, queue));
}

static const struct queue_ops ops = {
        .put = no_put,
        .lease = no_lease,
        .extend = no_extend,
        .again = no_again,
        .finish = no_finish,
        .cancel = no_cancel,
        .redrive = no_redrive,
        .purge = no_purge,
        .list = no_list,
        .counts = no_counts,
        .ready = no_ready,
        .cursor = no_cursor,
        .pass = no_pass,
        .trim = no_trim,
        .campaign = no_campaign,
        .keep = no_keep,
        .revoke = no_revoke,
        .backup = no_backup,
        .close = close_refusing,
};

struct queue *queue_refusing(struct loop *l)
{
    struct refusing *x = xnew(struct refusing);

    x->queue.ops = &ops;
    x->loop = l;
    return &x->queue;
}
