/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint.c - how a function reaches the clouds' APIs.
 *
 * Each instance that may has a listening socket on its own loopback, made by the launcher inside its
 * network namespace. We accept here, so a function calls us with no route to the host and no way to
 * any other listener of ours. What it finds is a second face: the same operations and the same
 * signatures as on the daemon's address, but not the admin API. All faces share one table; each
 * instance has an HTTP server of its own, so that its connections end with it and its bodies are
 * counted apart.
 *
 * These clients are code of users, so the limits are tighter than those of the front.
 */
#include "daemon/endpoint.h"

#include <errno.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/obj.h"
#include "dialect/fc/fc.h"
#include "dialect/functiongraph/functiongraph.h"
#include "dialect/scf/scf.h"
#include "http/server.h"
#include "loop/loop.h"

enum {
    ENDPOINTS_MAGIC = 0x0e4d0001,
    ENDPOINT_MAGIC = 0x0e4d0002,
    CONNECTIONS = 128,
    BODY_BYTES = 16 << 20,
    SPOOL_BYTES = 64 << 20, /* one package of code fits */
};

static const struct log_cx cx = {.component = "endpoint"};

struct endpoints {
    uint32_t magic;
    struct loop *loop;       /* borrowed */
    struct api_server *face; /* owned */
    struct http_limits limits;
    struct list open; /* endpoint.node */
};

struct endpoint { /* of one instance */
    uint32_t magic;
    struct http_server *http; /* owned; NULL when shut */
    bool shutting, closed;    /* shut_now() is to come; and is the last */
    struct list node;
};

struct endpoints *endpoints_new(struct loop *l, const struct api *api,
                                const struct http_limits *limits)
{
    static const struct api_set *const sets[] = {&functiongraph_api, &fc_api, &fc3_api, &scf_api};
    struct endpoints *eps = xnew(struct endpoints);

    eps->magic = ENDPOINTS_MAGIC;
    eps->loop = l;
    eps->face = api_server_new(api, sets, ARRAY_LEN(sets));
    api_server_inside(eps->face);
    eps->limits = *limits;
    eps->limits.connections = CONNECTIONS;
    eps->limits.body_budget_bytes = BODY_BYTES;
    eps->limits.spool_budget_bytes = SPOOL_BYTES;
    list_init(&eps->open);
    return eps;
}

/* listener is taken, whatever happens: without it the function has no endpoint, and runs. */
static void *on_open(void *user, const struct fn *fn, const char *instance_id, int listener)
{
    struct endpoints *eps = OBJ(user, struct endpoints, ENDPOINTS_MAGIC);
    struct endpoint *ep = xnew(struct endpoint);
    struct err e = {0};
    int r;

    (void)fn;
    ep->magic = ENDPOINT_MAGIC;
    ep->http = http_server_new(eps->loop, &eps->limits, &api_http_ops, eps->face);
    list_push_back(&eps->open, &ep->node);
    r = http_server_listen(ep->http, listener, &e);
    if (r == -EINVAL) /* it ended already, its box was cleaned: the next message says so */
        log_debug(&cx, "instance %s has no endpoint: %s", instance_id, e.msg);
    else if (r < 0)
        log_warn(&cx, "instance %s has no endpoint, ignoring: %s", instance_id, e.msg);
    if (r < 0)
        fd_close(listener);
    return ep;
}

static void shut_now(void *user)
{
    struct endpoint *ep = OBJ(user, struct endpoint, ENDPOINT_MAGIC);

    ep->shutting = false;
    ep->http = http_server_free(ep->http);
    if (!ep->closed)
        return;
    ep->magic = 0;
    free(ep);
}

/* Later: what ends by it may be another instance, and the pool is in the middle of this one. */
static void on_shut(void *user, void *handle)
{
    struct endpoints *eps = OBJ(user, struct endpoints, ENDPOINTS_MAGIC);
    struct endpoint *ep = OBJ(handle, struct endpoint, ENDPOINT_MAGIC);

    if (!ep->shutting)
        loop_defer(eps->loop, shut_now, ep);
    ep->shutting = true;
}

static void on_close(void *user, void *handle)
{
    struct endpoint *ep = OBJ(handle, struct endpoint, ENDPOINT_MAGIC);

    (void)user;
    list_remove(&ep->node);
    ep->http = http_server_free(ep->http);
    ep->closed = true;
    if (ep->shutting)
        return;
    ep->magic = 0;
    free(ep);
}

const struct pool_endpoint_ops endpoints_ops = {
        .open = on_open, .shut = on_shut, .close = on_close};

void endpoints_shut(struct endpoints *eps)
{
    if (!eps)
        return;
    list_each (it, &eps->open) {
        struct endpoint *ep = container_of(it, struct endpoint, node);

        ep->http = http_server_free(ep->http);
    }
}

struct endpoints *endpoints_free(struct endpoints *eps)
{
    if (!eps)
        return NULL;
    eps->face = api_server_free(eps->face);
    eps->magic = 0;
    free(eps);
    return NULL;
}
