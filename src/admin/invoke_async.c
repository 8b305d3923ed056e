/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invoke_async.c - POST .../invoke?async=true: the event is on disk, then the answer is 202.
 *
 * With X-Evoke-Event-Id the caller names the event, so that it may ask again after an answer it did
 * not get: the second time nothing new is put. Ids are unique in the whole store; one that another
 * function's event has is refused, since 202 would say that this event was kept.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/events.h"
#include "admin/handlers.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/obj.h"
#include "delivery/delivery.h"
#include "fn/fn.h"
#include "invoke/invoke.h"
#include "store/queue.h"

enum { PUTTING_MAGIC = 0x41505554, PATH_MAX_BYTES = 64 << 10 };

struct putting {
    uint32_t magic;
    struct call *call;
    char id[ADMIN_EVENT_ID + 1];
    char *path; /* owned: of the function */
};

static struct call *putting_free(struct putting *p)
{
    struct call *c = p->call;

    free(p->path);
    p->magic = 0;
    free(p);
    return c;
}

static void on_known(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct putting *p = OBJ(user, struct putting, PUTTING_MAGIC);
    bool own = r == 0 && n > 0 && str_eq(events[0].queue, str_of(p->path));

    (void)more;
    if (r < 0) {
        admin_fail_queue(putting_free(p), r);
    } else if (own) {
        call_header(p->call, "X-Evoke-Duplicate", S("true"));
        admin_reply_accepted(p->call, p->id);
        (void)putting_free(p);
    } else {
        call_fail(putting_free(p), 409, NULL,
                  "an event of another function has this X-Evoke-Event-Id: nothing was accepted");
    }
}

static void on_put(void *user, int r, const struct err *e)
{
    struct putting *p = OBJ(user, struct putting, PUTTING_MAGIC);
    struct q_filter filter = {.id = str_of(p->id), .limit = 1};

    if (r == -EEXIST) {
        q_list(delivery_queue(p->call->api->delivery), &filter, on_known, p); /* -> on_known */
    } else if (r == 0) {
        admin_reply_accepted(p->call, p->id);
        (void)putting_free(p);
    } else {
        admin_fail_delivery(putting_free(p), r, e);
    }
}

static bool take_id(struct call *c, struct str *ret)
{
    struct str given = http_header(c->req, S("X-Evoke-Event-Id"));

    *ret = given.p ? given : str_of(c->request_id);
    if (!given.p || admin_event_id(given))
        return true;
    call_fail(c, 400, NULL, "X-Evoke-Event-Id has 1 to %d characters of A-Za-z0-9._-",
              ADMIN_EVENT_ID);
    return false;
}

static struct putting *putting_new(struct call *c, const struct fn *f, struct str id)
{
    struct putting *p = xnew(struct putting);
    struct fn_key key = fn_key_of(f);
    struct buf path;

    buf_init(&path, PATH_MAX_BYTES);
    fn_key_path(&key, &path);
    p->magic = PUTTING_MAGIC;
    p->call = c;
    p->path = buf_take(&path);
    (void)snprintf(p->id, sizeof(p->id), "%.*s", STR_ARG(id));
    return p;
}

static void fail_put(struct call *c, int r, const struct fn *f, const struct err *e)
{
    if (r == -ENOBUFS || r == -ESHUTDOWN)
        admin_fail_delivery(c, r, e);
    else
        admin_fail_start(c, r, f, e);
}

void admin_invoke_async(struct call *c, const struct fn *f)
{
    struct invoke_spec spec = {.fn = f};
    struct delivery_event ev = {.fn = f, .trigger = RUN_OTHER};
    struct run_trace trace;
    struct putting *p;
    struct err e = {0};
    int r;

    if (!take_id(c, &ev.id) || !admin_queue(c))
        return;
    call_trace(c, &spec, &trace);
    ev.trace = spec.trace;
    ev.payload = c->req->body;
    p = putting_new(c, f, ev.id);
    r = delivery_put(c->api->delivery, &ev, on_put, p, &e); /* -> on_put */
    if (r < 0)
        fail_put(putting_free(p), r, f, &e);
}
