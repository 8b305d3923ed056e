/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - listening sockets, their connections, and how all of it ends.
 *
 * A server owns its listeners and connections and lives on one loop. It ends in two ways: drained
 * (nothing new, idle connections closed, the rest after their answer) or freed (everything closed
 * now, open requests cancelled). Both may be asked for inside a callback of ours, so the struct
 * itself goes only at the end of the turn.
 *
 * When accept(2) is out of descriptors, the waiting connection keeps the listener readable; instead
 * of spinning we look away for a moment.
 */
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/obj.h"
#include "http/internal.h"

enum { LISTENER_MAGIC = 0x484c5354, ACCEPTS_PER_TURN = 64, ACCEPT_RETRY_MS = 100 };

static const struct log_cx cx = {.component = "http"};

struct listener {
    uint32_t magic;
    struct http_server *server;
    struct list node;   /* server->listeners */
    int fd;             /* owned */
    struct loop_io *io; /* owned */
};

void http_limits_default(struct http_limits *l)
{
    *l = (struct http_limits){
            .head = {.line_bytes = 8 * 1024, .head_bytes = 32 * 1024, .headers = H1_MAX_HEADERS},
            .connections = 16384,
            .body_budget_bytes = 512ull * 1024 * 1024,
            .spool_dir = -1,
            .spool_budget_bytes = 8ull << 30,
            .pipeline_bytes = 64 * 1024,
            .header_timeout_ms = 10000,
            .idle_timeout_ms = 75000,
            .body_base_ms = 10000,
            .body_bytes_per_s = 16384,
            .write_timeout_ms = 30000,
    };
}

uint64_t server_now_ms(const struct http_server *s)
{
    return loop_now_ns(s->loop) / 1000000;
}

/* ---- accepting ---- */

static void format_peer(const struct sockaddr_storage *a, char out[PEER_TEXT])
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
    char text[INET6_ADDRSTRLEN] = "?";

    if (a->ss_family == AF_INET) {
        inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
        (void)snprintf(out, PEER_TEXT, "%s:%u", text, ntohs(v4->sin_port));
    } else if (a->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
        (void)snprintf(out, PEER_TEXT, "[%s]:%u", text, ntohs(v6->sin6_port));
    } else {
        (void)snprintf(out, PEER_TEXT, "unix");
    }
}

static void take_connection(struct http_server *s, int fd, const struct sockaddr_storage *from)
{
    char peer[PEER_TEXT];
    int on = 1;

    if (s->stats.connections >= s->limits.connections) {
        close(fd);
        return;
    }
    if (from->ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    format_peer(from, peer);
    conn_new(s, fd, peer);
}

static void want_accepts(struct http_server *s, unsigned what)
{
    list_each (it, &s->listeners)
        loop_io_want(container_of(it, struct listener, node)->io, what);
}

static void on_accept_retry(void *user)
{
    want_accepts(OBJ(user, struct http_server, SERVER_MAGIC), LOOP_READ);
}

/* 1 for one connection, 0 when there is no more for now. */
static int accept_one(struct listener *l)
{
    struct sockaddr_storage from = {.ss_family = AF_UNIX};
    socklen_t len = sizeof from;
    int fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        take_connection(l->server, fd, &from);
        return 1;
    }
    switch (errno) {
    case EAGAIN:
        return 0;
    case EINTR: /* the rest: this connection is broken (accept(2), "Error handling") */
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENETUNREACH:
    case ENOPROTOOPT:
    case ENONET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
        return 1;
    case EINVAL: /* ended from outside: the launcher cleans the namespace of a dead instance */
        loop_io_want(l->io, 0);
        return 0;
    default:
        log_warn(&cx, "cannot accept a connection, retrying in %d ms: %s", ACCEPT_RETRY_MS,
                 strerror(errno));
        want_accepts(l->server, 0);
        loop_timer_start(l->server->accept_retry, ACCEPT_RETRY_MS);
        return 0;
    }
}

static void on_acceptable(void *user, unsigned ready)
{
    struct listener *l = OBJ(user, struct listener, LISTENER_MAGIC);

    (void)ready;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++)
        if (accept_one(l) == 0)
            return;
}

static struct listener *listener_free(struct listener *l)
{
    list_remove(&l->node);
    loop_io_free(l->io);
    fd_close(l->fd);
    l->magic = 0;
    free(l);
    return NULL;
}

static void stop_accepting(struct http_server *s)
{
    loop_timer_stop(s->accept_retry);
    list_each (it, &s->listeners)
        listener_free(container_of(it, struct listener, node));
}

int http_server_listen(struct http_server *s, int fd, struct err *e)
{
    int listening = 0, flags;
    socklen_t len = sizeof listening;
    struct listener *l;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0)
        return err_sys(e, "listen on descriptor %d", fd);
    if (!listening)
        return err_set(e, ERR_HOST, -EINVAL, "descriptor %d is not a listening socket", fd);
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return err_sys(e, "make listening descriptor %d non-blocking", fd);

    l = xnew(struct listener);
    l->magic = LISTENER_MAGIC;
    l->server = s;
    l->fd = fd;
    l->io = loop_io_new(s->loop, fd, on_acceptable, l);
    list_push_back(&s->listeners, &l->node);
    loop_io_want(l->io, LOOP_READ);
    return 0;
}

/* ---- beginning and end ---- */

struct http_server *http_server_new(struct loop *l, const struct http_limits *limits,
                                    const struct http_ops *ops, void *user)
{
    struct http_server *s = xnew(struct http_server);

    assert(ops->on_head && ops->on_request && ops->on_cancel);
    s->magic = SERVER_MAGIC;
    s->loop = l;
    s->limits = *limits;
    s->ops = ops;
    s->user = user;
    s->date_s = -1;
    list_init(&s->listeners);
    list_init(&s->conns);
    list_init(&s->free_reqs);
    buf_init(&s->answer, SIZE_MAX); /* holds what http_add_header() bounded */
    buf_init(&s->refusal, 64 << 10);
    s->accept_retry = loop_timer_new(l, on_accept_retry, s);
    spool_init(&s->spool, limits->spool_dir);
    deadlines_init(s);
    return s;
}

static void on_drained_due(void *user)
{
    struct http_server *s = OBJ(user, struct http_server, SERVER_MAGIC);

    if (!s->freed)
        s->on_drained(s->drained_user);
}

void server_conn_gone(struct http_server *s)
{
    if (!s->draining || s->freed || s->drained_due || !list_empty(&s->conns))
        return;
    s->drained_due = true;
    loop_defer(s->loop, on_drained_due, s);
}

void http_server_drain(struct http_server *s, void (*on_drained)(void *user), void *user)
{
    assert(!s->draining);
    s->draining = true;
    s->on_drained = on_drained;
    s->drained_user = user;
    stop_accepting(s);
    list_each (it, &s->conns) {
        struct conn *c = container_of(it, struct conn, node);

        if (c->state == CONN_HEAD && c->in.n == 0 && !c->feeding)
            conn_close(c);
    }
    server_conn_gone(s);
}

void server_bury(struct http_server *s)
{
    s->bury_due = true;
    if (s->held > 0)
        return;
    req_pool_done(s);
    spool_done(&s->spool);
    buf_done(&s->answer);
    buf_done(&s->refusal);
    s->magic = 0;
    free(s);
}

static void on_bury_due(void *user)
{
    server_bury(OBJ(user, struct http_server, SERVER_MAGIC));
}

struct http_server *http_server_free(struct http_server *s)
{
    if (!s)
        return NULL;
    assert(!s->freed);
    s->freed = true;
    stop_accepting(s);
    while (!list_empty(&s->conns))
        conn_close(container_of(s->conns.next, struct conn, node));
    s->accept_retry = loop_timer_free(s->accept_retry);
    s->deadlines.timer = loop_timer_free(s->deadlines.timer);
    loop_defer(s->loop, on_bury_due, s);
    return NULL;
}

struct str http_header(const struct http_request *r, struct str name)
{
    for (uint32_t i = 0; i < r->nheaders; i++)
        if (str_ieq(r->headers[i].name, name))
            return r->headers[i].value;
    return STR_NONE;
}

void http_server_stats(const struct http_server *s, struct http_stats *ret)
{
    *ret = s->stats;
}
