/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cancel.c - an event is cancelled: one that waits in the store, one that runs through its run.
 *
 * Who asked hears of it when it is on disk. An event that is on its way to the disk is waited for: it has
 * ended then, or waits again, and can be cancelled as one that waits.
 *
 * Recursive: what a run has put with its function's own keys is cancelled with it, and what those have put.
 * Keys tell the function, not the run: its run is known by the trace context the call carries, else only
 * while nothing else of that function runs, neither an event nor a call that somebody waits for; where it
 * cannot be told, the child is nobody's. Children are known in memory, for as long as the run lasts. What a
 * run that has ended left behind on its instance (a thread) is taken for its next run's.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/obj.h"
#include "delivery/internal.h"
#include "invoke/invoke.h"

enum { CANCELLING_MAGIC = 0x43414e43, CHILDREN = 1000 };

struct cancelling {
    uint32_t magic;
    struct list node; /* held->callers */
    struct delivery *d;
    char *id; /* owned */
    enum delivery_cancel how;
    delivery_fn *fn;
    void *user;
};

struct child {
    struct list node;
    char id[]; /* terminated */
};

static void end(struct cancelling *c, int r)
{
    put_tell(c->fn, c->user, r);
    list_remove(&c->node);
    c->magic = 0;
    free(c->id);
    free(c);
}

/* ---- who has put what ---- */

struct str cancel_cause(const struct delivery *d, const struct delivery_event *ev)
{
    const struct held *only = NULL;
    uint32_t n = 0;

    if (ev->by.n == 0)
        return STR_NONE;
    list_each (it, &d->trying) {
        const struct held *h = container_of(it, const struct held, node);

        if (!str_eq(str_of(h->lane->name), ev->by))
            continue;
        if (ev->trace && memcmp(h->span, ev->trace->parent_id, sizeof(h->span)) == 0)
            return h->id;
        only = h;
        n++;
    }
    return n == 1 && invoker_runs_of(d->env.invoker, ev->by) <= 1 ? only->id : STR_NONE;
}

void cancel_child(struct delivery *d, struct str cause, struct str id)
{
    struct held *h = map_get(d->held, cause);
    struct child *c;

    if (!h || h->nchildren == CHILDREN)
        return;
    c = xcalloc(1, sizeof(*c) + id.n + 1);
    memcpy(c->id, id.p, id.n);
    h->nchildren++;
    list_push_back(&h->children, &c->node);
}

static void cancel_children(struct held *h)
{
    for (struct list *it; (it = list_pop_front(&h->children));) {
        struct child *c = container_of(it, struct child, node);

        h->nchildren--;
        delivery_cancel(h->d, str_of(c->id), DELIVERY_CANCEL_RECURSIVE, NULL, NULL);
        free(c);
    }
}

/* ---- those that wait ---- */

static void ask(struct cancelling *c);

static void cancel_held(struct cancelling *c, struct held *h)
{
    list_push_back(&h->callers, &c->node);
    if (c->how == DELIVERY_CANCEL_RECURSIVE)
        cancel_children(h);
    if (h->state == HELD_LEAVING || h->cancelled)
        return; /* -> cancel_heard */
    h->cancelled = true;
    if (h->run) {
        invocation_cancel(h->run); /* -> its end */
        return;
    }
    post_forget(h->post);
    h->post = NULL;
    settle(h, RAN_CANCELLED, &(struct tried){.outcome = "cancelled"});
}

static void on_cancelled(void *user, int r, uint64_t n)
{
    struct cancelling *c = OBJ(user, struct cancelling, CANCELLING_MAGIC);
    struct delivery *d = c->d;
    struct held *h = d->dead ? NULL : map_get(d->held, str_of(c->id));

    (void)n;
    if (r == 0)
        d->stats.cancelled++;
    if (!d->dead && r != 0)
        (void)delivery_heard(d, r == -ENOENT || r == -EBUSY ? 0 : r, d->epoch);
    if (r == -EBUSY && h)
        cancel_held(c, h); /* it was leased in between */
    else
        end(c, r);
    (void)delivery_unhold(d);
}

static void ask(struct cancelling *c)
{
    delivery_hold(c->d);
    q_cancel(c->d->queue, str_of(c->id), STR_NONE, on_cancelled, c);
}

/* ---- those that were held ---- */

void cancel_heard(struct held *h, int r)
{
    const struct next_row *row = states_next(h->next);

    for (struct list *it; (it = list_pop_front(&h->callers));) {
        struct cancelling *c = container_of(it, struct cancelling, node);

        if (r == 0 && row->ends)
            end(c, row->state == Q_CANCELLED ? 0 : -EBUSY);
        else
            ask(c);
    }
}

/* It was given up: whoever takes it over can be asked. */
void cancel_forget(struct held *h)
{
    for (struct list *it; (it = list_pop_front(&h->callers));)
        end(container_of(it, struct cancelling, node), -EAGAIN);
    for (struct list *it; (it = list_pop_front(&h->children));)
        free(container_of(it, struct child, node));
}

void delivery_cancel(struct delivery *d, struct str id, enum delivery_cancel how, delivery_fn *fn,
                     void *user)
{
    struct held *h = map_get(d->held, id);
    struct cancelling *c = xnew(struct cancelling);

    c->magic = CANCELLING_MAGIC;
    c->d = d;
    c->id = str_dup(id);
    c->how = how;
    c->fn = fn;
    c->user = user;
    list_init(&c->node);
    if (h)
        cancel_held(c, h);
    else
        ask(c);
}
