/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async.c - invocations-async: 202 as soon as the event is on disk, and not before.
 *
 * The event's id is the request id, so that whoever asked finds it again: in the list of
 * invocations, in the function's log and in what its destination is told.
 */
#include <errno.h>

#include "base/json.h"
#include "base/obj.h"
#include "delivery/delivery.h"
#include "dialect/functiongraph/api/fg.h"
#include "dialect/shape.h"
#include "invoke/invoke.h"

enum { ANSWER_MAX = 1024 };

struct queue *fg_queue(struct call *c)
{
    struct queue *q = c->api->delivery ? delivery_queue(c->api->delivery) : NULL;

    if (!q)
        call_fail(c, 503, "FSS.0503", "asynchronous invocation is not served now, see GET /readyz");
    return q;
}

static const struct {
    int r, status;
    const char *code, *message;
} failures[] = {
        {-ENOENT, 400, "FSS.0400", "Invalid RequestId"},
        {-EBUSY, 400, "FSS.0400", "Invalid RequestId: the invocation has ended"},
        {-ENOBUFS, 429, "FSS.0429", "as many events wait for this function as may"},
        {-EMSGSIZE, 413, "FSS.1201", "the event is too large"},
        {-E2BIG, 413, "FSS.1201", "the event is too large"},
        {-ENODATA, 400, "FSS.1012", "the function has no code"},
        {-ENOEXEC, 424, "FSS.0424", "the function's runtime is not there"},
        {-EEXIST, 409, "FSS.0409", "the request id is known already, nothing was put"},
        {-EAGAIN, 503, "FSS.0503", "the event store is busy and nothing was done, try again"},
        {-EINPROGRESS, 503, "FSS.0503", "whether it was done is not known"},
        {-ESTALE, 503, "FSS.0503", "somebody else delivers events now and nothing was done"},
        {-ESHUTDOWN, 503, "FSS.0503", "the daemon is ending and nothing was done"},
        {-ENOSPC, 503, "FSS.0503", "the disk is full and nothing was done"},
        {-EIO, 503, "FSS.0503", "the event store is damaged or its disk failed, see its log"},
};

void fg_fail_queue(struct call *c, int r, const struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        if (failures[i].r == r) {
            bool said = e && e->msg[0] && r != -ENOENT && r != -EBUSY;

            call_fail(c, failures[i].status, failures[i].code, "%s",
                      said ? e->msg : failures[i].message);
            return;
        }
    if (e && e->msg[0])
        call_fail_err(c, e->kind == ERR_CALLER ? "FSS.0400" : "FSS.0503", e);
    else
        call_fail(c, 503, "FSS.0503", "the event store said: %s", strerror(-r));
}

static void on_put(void *user, int r, const struct err *e)
{
    struct call *c = user;
    struct buf body;
    struct jw w;

    if (r < 0) {
        fg_fail_queue(c, r, e);
        return;
    }
    buf_init(&body, ANSWER_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kstrz(&w, "request_id", c->request_id);
    jw_obj_end(&w);
    call_header(c, "X-Cff-Request-Id", str_of(c->request_id));
    fg_reply_json(c, 202, &body);
}

void fg_invoke_async(struct call *c)
{
    struct fg_urn urn;
    const struct fn *f = fg_target(c, &urn);
    struct invoke_spec spec = {.fn = f};
    struct delivery_event ev = {.fn = f, .trigger = RUN_OTHER};
    struct run_trace trace;
    struct err e = {0};
    int r;

    if (!f || !fg_memory_header_ok(c) ||
        !fg_event_ok(c, shape_of(DIALECT_FUNCTIONGRAPH)->async_max) || !fg_enabled(c, f) ||
        !fg_queue(c))
        return;
    call_trace(c, &spec, &trace);
    ev.trace = spec.trace;
    ev.qualifier = fg_qualifier(&urn);
    ev.id = str_of(c->request_id);
    ev.by = str_of(c->by.role);
    ev.payload = c->req->body.n > 0 ? c->req->body : S("{}");
    r = delivery_put(c->api->delivery, &ev, on_put, c, &e); /* -> on_put */
    if (r < 0)
        fg_fail_queue(c, r, &e);
}
