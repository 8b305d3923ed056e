/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invoke_async.c - POST .../invoke?async=true: the event is on disk, then the answer is 202.
 *
 * With X-Evoke-Event-Id the caller names the event, so that it may ask again after an answer it did
 * not get: the second time nothing new is put. A name is its function's own: ids are unique in the
 * whole store, so the id is made of the name and of the function's path (a part of its digest).
 * Whoever takes a name for one function neither hears of nor stands in the way of another's events.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/events.h"
#include "admin/handlers.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/obj.h"
#include "delivery/delivery.h"
#include "fn/fn.h"
#include "invoke/invoke.h"

enum { PUTTING_MAGIC = 0x41505554, PATH_MAX_BYTES = 64 << 10, DIGEST = 16 };

static_assert(ADMIN_EVENT_NAME + 1 + DIGEST <= ADMIN_EVENT_ID, "an id can be asked for");

struct putting {
    uint32_t magic;
    struct call *call;
    char id[ADMIN_EVENT_ID + 1];
};

static struct call *putting_free(struct putting *p)
{
    struct call *c = p->call;

    p->magic = 0;
    free(p);
    return c;
}

static void on_put(void *user, int r, const struct err *e)
{
    struct putting *p = OBJ(user, struct putting, PUTTING_MAGIC);

    if (r == 0 || r == -EEXIST) {
        if (r == -EEXIST)
            call_header(p->call, "X-Evoke-Duplicate", S("true"));
        admin_reply_accepted(p->call, p->id);
        (void)putting_free(p);
    } else {
        admin_fail_delivery(putting_free(p), r, e);
    }
}

/* The name it was given, NULL: none; or false: it has replied. */
static bool take_name(struct call *c, struct str *ret)
{
    *ret = http_header(c->req, S("X-Evoke-Event-Id"));
    if (!ret->p || (ret->n <= ADMIN_EVENT_NAME && admin_event_id(*ret)))
        return true;
    call_fail(c, 400, NULL, "X-Evoke-Event-Id has 1 to %d characters of A-Za-z0-9._-",
              ADMIN_EVENT_NAME);
    return false;
}

static void write_id(struct call *c, const struct fn *f, struct str name,
                     char out[ADMIN_EVENT_ID + 1])
{
    char digest[SHA256_HEX];
    struct fn_key key = fn_key_of(f);
    struct buf path;

    if (!name.p) {
        (void)snprintf(out, ADMIN_EVENT_ID + 1, "%s", c->request_id);
        return;
    }
    buf_init(&path, PATH_MAX_BYTES);
    fn_key_path(&key, &path);
    sha256_hex(buf_str(&path), digest);
    (void)snprintf(out, ADMIN_EVENT_ID + 1, "%.*s.%.*s", STR_ARG(name), DIGEST, digest);
    buf_done(&path);
}

static void fail_put(struct call *c, int r, const struct fn *f, const struct err *e)
{
    if (r == -ENOBUFS || r == -ESHUTDOWN)
        admin_fail_delivery(c, r, e);
    else
        admin_fail_start(c, r, f, e);
}

void admin_invoke_async(struct call *c, const struct fn *f, struct str qualifier)
{
    struct invoke_spec spec = {.fn = f};
    struct delivery_event ev = {.fn = f, .qualifier = qualifier, .trigger = RUN_OTHER};
    struct run_trace trace;
    struct putting *p;
    struct str name;
    struct err e = {0};
    int r;

    if (!take_name(c, &name) || !admin_queue(c))
        return;
    call_trace(c, &spec, &trace);
    ev.trace = spec.trace;
    ev.by = str_of(c->by.role);
    ev.payload = c->req->body;
    p = xnew(struct putting);
    p->magic = PUTTING_MAGIC;
    p->call = c;
    write_id(c, f, name, p->id);
    ev.id = str_of(p->id);
    r = delivery_put(c->api->delivery, &ev, on_put, p, &e); /* -> on_put */
    if (r < 0)
        fail_put(putting_free(p), r, f, &e);
}
