/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destinations.c - the record of an event that has ended, for whom its function names.
 *
 * It is an event itself, in the queue of the function or endpoint it goes to, put in the transaction that
 * ends the first: so it is as sure as that end, and delivered by the same engine. Its attributes tell what
 * it is the record of, and how long the chain is; a chain of more than DEPTH_MOST is cut, and said.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "catalog/catalog.h"
#include "delivery/internal.h"
#include "dialect/shape.h"
#include "fn/async.h"
#include "fn/fn.h"

enum { TOLD_MOST = Q_PAYLOAD };
static_assert(Q_NAME >= FN_TARGET_TO + 5,
              "a destination that is accepted has a queue, \"http/\" and its URL");

static const char *const types[] = {
        [TOLD_SUCCESS] = "evoke.invocation.succeeded",
        [TOLD_FAILURE] = "evoke.invocation.failed",
};

static const struct fn_destination *wanted(const struct held *h)
{
    const struct fn_destination *to;

    if (!h->fn || !h->fn->async)
        return NULL;
    to = states_next(h->next)->told == TOLD_SUCCESS ? &h->fn->async->on_success
                                                    : &h->fn->async->on_failure;
    return to->kind != FN_TARGET_NONE && to->to ? to : NULL;
}

/* The queue it goes to. false: there can be none. */
static bool queue_of(const struct fn_destination *to, struct str *qualifier, struct buf *out)
{
    struct str path = str_of(to->to);

    *qualifier = STR_NONE;
    if (to->kind == FN_TARGET_HTTP) {
        buf_addz(out, "http/");
    } else {
        size_t n = 0;

        while (n < path.n && path.p[n] != '!' && path.p[n] != ':')
            n++;
        *qualifier = str_from(path, n);
        if (qualifier->n > 0 && qualifier->p[0] == ':')
            *qualifier = str_from(*qualifier, 1);
        path.n = n;
    }
    buf_adds(out, path);
    return buf_ok(out);
}

static void tell(const struct held *h, const struct attributes *a, const struct tried *t,
                 int64_t now_ms, struct buf *out)
{
    const struct shape_ops *shape = shape_of(h->fn->dialect);
    const struct shape_told told = {.fn = h->fn,
                                    .request_id = h->id,
                                    .qualifier = a->qualifier.n > 0 ? a->qualifier : S("latest"),
                                    .now_ms = now_ms,
                                    .outcome = t->of_run,
                                    .expired = h->next == NEXT_EXPIRED,
                                    .attempts = h->item.attempt,
                                    .payload = h->payload,
                                    .answer = t->answer};

    if (shape && shape->told)
        shape->told(&told, out);
}

/* One text for all that the record sees. */
static void keep(struct held *h, struct str queue, struct str attributes, struct str payload)
{
    char id[UUID_TEXT], *to;

    uuid7(clock_wall_ms(), id);
    to = h->record_text = xcalloc(1, queue.n + attributes.n + payload.n + UUID_TEXT);
    memcpy(to, queue.p, queue.n);
    h->record.queue = (struct str){to, queue.n};
    to += queue.n;
    memcpy(to, attributes.p, attributes.n);
    h->record.attributes = (struct str){to, attributes.n};
    to += attributes.n;
    memcpy(to, payload.p, payload.n);
    h->record.payload = (struct str){to, payload.n};
    to += payload.n;
    memcpy(to, id, UUID_TEXT);
    h->record.id = str_of(to);
}

void destination_record(struct held *h, const struct tried *t, int64_t now_ms)
{
    const struct fn_destination *to = wanted(h);
    cleanup_with(buf_done) struct buf queue = {0}, attributes = {0}, payload = {0};
    struct attributes a, next;
    struct cJSON *tree;
    const struct fn *fn;
    bool fits;

    if (!to)
        return;
    tree = attributes_read(h->attributes, &a);
    buf_init(&queue, Q_NAME);
    buf_init(&attributes, Q_ATTRIBUTES);
    buf_init(&payload, TOLD_MOST);
    next = (struct attributes){.trigger = RUN_PUBSUB,
                               .cause = h->id,
                               .depth = a.depth + 1,
                               .trace = a.trace,
                               .state = a.state,
                               .type = str_of(types[states_next(h->next)->told]),
                               .ce_source = str_of(h->lane->name)};
    fits = queue_of(to, &next.qualifier, &queue);
    attributes_write(&next, &attributes);
    tell(h, &a, t, now_ms, &payload);
    json_free(tree);
    if (!fits || !buf_ok(&attributes) || !buf_ok(&payload) || next.depth > DEPTH_MOST) {
        log_warn(&(struct log_cx){.component = "delivery",
                                  .function = h->lane->name,
                                  .request_id = h->text},
                 "the end of an event is not told to its destination, ignoring: %s",
                 next.depth > DEPTH_MOST ? "the chain of destinations is too long"
                                         : "its name or the record is too long");
        return;
    }
    keep(h, buf_str(&queue), buf_str(&attributes), buf_str(&payload));
    fn = catalog_find_path(h->d->env.catalog, h->record.queue);
    h->record.expires_ms = now_ms + (int64_t)retry_of(fn).age_ms;
}
