/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/obj.h"
#include "t.h"

enum { WATCHDOG_MS = 10000 };

/* ---- the application ---- */

static bool path_is(const struct http_request *r, const char *path)
{
    return str_eq(r->path, str_of(path));
}

static void on_head(struct http_request *r)
{
    struct world *w = r->user;

    w->heads++;
    r->body_max = path_is(r, "/ten") ? 10 : path_is(r, "/nobody") ? 0 : 64 * 1024 * 1024;
    r->app = w;
    if (path_is(r, "/head"))
        http_reply(r, 401, S("text/plain"), S("who?"));
    if (path_is(r, "/early")) {
        http_reply_start(r, 401, S("text/plain"), -1);
        assert_true(http_reply_more(r, S("who?")));
        http_reply_end(r);
    }
}

static void reply_big(struct http_request *r, bool give_away)
{
    struct buf b;

    buf_init(&b, BIG_BYTES);
    memset(buf_room(&b, BIG_BYTES), 'b', BIG_BYTES);
    buf_grew(&b, BIG_BYTES);
    memcpy(b.p + BIG_BYTES - 4, "TAIL", 4);
    if (give_away) {
        http_reply_buf(r, 200, S("text/plain"), &b);
    } else {
        http_reply(r, 200, S("text/plain"), buf_str(&b));
        buf_done(&b);
    }
}

static void reply_headers(struct http_request *r)
{
    assert_int_equal(http_add_header(r, "X-One", S("1")), 0);
    assert_int_equal(http_add_header(r, "X-One", S("2")), 0);
    assert_int_equal(http_add_header(r, "X Bad", S("1")), -EINVAL);
    assert_int_equal(http_add_header(r, "", S("1")), -EINVAL);
    assert_int_equal(http_add_header(r, "X-Bad", S("a\r\nX-Smuggled: 1")), -EINVAL);
    assert_int_equal(http_add_header(r, "content-length", S("1")), -EINVAL);
    assert_int_equal(http_add_header(r, "Transfer-Encoding", S("chunked")), -EINVAL);
    http_reply(r, 299, S("a/b\r\nX-Smuggled: 1"), S("x"));
}

static void on_request(struct http_request *r)
{
    struct world *w = r->user;

    assert_ptr_equal(r->app, w);
    w->requests++;
    if (w->drain_in_request)
        world_drain(w);
    if (w->free_in_request) {
        w->server = http_server_free(w->server);
        return;
    }
    if (path_is(r, "/echo") || path_is(r, "/ten"))
        http_reply(r, 200, S("text/plain"), r->body);
    else if (path_is(r, "/park"))
        w->parked[w->nparked++] = r;
    else if (path_is(r, "/none"))
        http_reply(r, 204, S("text/plain"), S("not sent"));
    else if (path_is(r, "/big"))
        reply_big(r, false);
    else if (path_is(r, "/bigbuf"))
        reply_big(r, true);
    else if (path_is(r, "/headers"))
        reply_headers(r);
    else if (path_is(r, "/peer"))
        http_reply(r, 200, S("text/plain"), r->peer);
    else
        http_reply(r, 200, S("text/plain"), S("hello"));
}

static void on_cancel(struct http_request *r)
{
    struct world *w = r->user;

    w->cancels++;
    for (size_t i = 0; i < w->nparked; i++)
        if (w->parked[i] == r)
            w->parked[i] = NULL;
}

static void on_refuse(void *user, struct http_refusal *x)
{
    struct world *w = user;
    struct str path = x->req ? x->req->path : S("");

    w->refusals++;
    w->last_refusal = x->status;
    snprintf(w->last_path, sizeof w->last_path, "%.*s", STR_ARG(path));
    buf_addf(x->body, "{\"refused\":%d,\"why\":\"%s\"}", x->status, x->why);
    x->type = "application/json";
    if (x->req)
        assert_int_equal(http_add_header(x->req, "X-Refused", S("yes")), 0);
    if (x->status == 413 && w->refuse_as)
        x->status = w->refuse_as;
}

char world_letter(uint64_t at)
{
    return (char)('a' + at / 7 % 26);
}

static void on_room(struct http_request *r)
{
    struct world *w = r->user;
    char piece[16000];

    w->rooms++;
    while (w->pump) {
        size_t n = w->pump < sizeof piece ? (size_t)w->pump : sizeof piece;

        for (size_t i = 0; i < n; i++)
            piece[i] = world_letter(w->pump - i);
        w->pump -= n;
        if (!http_reply_more(r, (struct str){piece, n}))
            return;
    }
    w->parked[0] = NULL;
    http_reply_end(r);
}

void world_pump(struct world *w, uint64_t bytes)
{
    w->pump = bytes;
    on_room(w->parked[0]);
}

static const struct http_ops ops = {on_head, on_request, on_cancel, on_refuse, on_room};

/* ---- the world ---- */

static void check_done(struct world *w)
{
    struct client *c = w->waiting;

    if (c && w->wanted)
        w->done = w->done || strstr(c->got.p, w->wanted);
    else if (c)
        w->done = w->done || c->ended;
    if (w->condition)
        w->done = w->done || w->condition(w);
}

static void on_watchdog(void *user)
{
    struct world *w = user;

    fail_msg("waited too long for '%s', have '%.400s'", w->wanted ? w->wanted : "the end",
             w->waiting ? w->waiting->got.p : "");
}

int world_listen_tcp(int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

struct world *world_new(void (*tweak)(struct http_limits *l))
{
    struct world *w = calloc(1, sizeof *w);
    struct err e = {0};

    assert_non_null(w);
    w->l = loop_new();
    http_limits_default(&w->limits);
    if (tweak)
        tweak(&w->limits);
    w->server = http_server_new(w->l, &w->limits, &ops, w);
    t_ok(http_server_listen(w->server, world_listen_tcp(&w->port), &e), &e);
    w->watchdog = loop_timer_new(w->l, on_watchdog, w);
    return w;
}

void world_free(struct world *w)
{
    for (size_t i = 0; i < w->nclients; i++) {
        client_close(&w->clients[i], false);
        buf_done(&w->clients[i].got);
        buf_done(&w->clients[i].to_send);
    }
    http_server_free(w->server);
    loop_timer_free(w->watchdog);
    loop_free(w->l);
    free(w);
}

static void on_drained(void *user)
{
    struct world *w = user;

    assert_false(w->drained);
    w->drained = true;
    check_done(w);
}

void world_drain(struct world *w)
{
    http_server_drain(w->server, on_drained, w);
}

struct http_stats world_stats(const struct world *w)
{
    struct http_stats s;

    http_server_stats(w->server, &s);
    return s;
}

static void on_turn(void *user)
{
    *(bool *)user = true;
}

/* One turn after the other, and a look at the condition between them. `tick` makes a turn end
 * although no client hears anything: conditions on the server's counters need that. */
static void run(struct world *w)
{
    w->done = false;
    check_done(w);
    loop_timer_start(w->watchdog, WATCHDOG_MS);
    while (!w->done) {
        bool turned = false;

        if (w->condition) {
            struct loop_timer *tick = loop_timer_new(w->l, on_turn, &turned);

            loop_timer_start(tick, 1);
            loop_run_until(w->l, &turned);
            loop_timer_free(tick);
            check_done(w);
        } else {
            loop_run_until(w->l, &w->done);
        }
    }
    loop_timer_stop(w->watchdog);
}

void world_until(struct world *w, bool (*condition)(struct world *w))
{
    w->condition = condition;
    run(w);
    w->condition = NULL;
}

/* ---- clients ---- */

static void watch(struct client *c)
{
    loop_io_want(c->io, (c->paused ? 0 : LOOP_READ) | (c->to_send.n ? LOOP_WRITE : 0));
}

static void stop(struct client *c, bool reset)
{
    c->ended = true;
    c->reset = reset;
    c->io = loop_io_free(c->io);
    buf_reset(&c->to_send);
}

static void send_more(struct client *c)
{
    ssize_t n = send(c->fd, c->to_send.p, c->to_send.n, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n > 0)
        buf_drop(&c->to_send, (size_t)n);
    else if (errno != EAGAIN)
        buf_reset(&c->to_send); /* the answer may still be there to read */
}

static void read_more(struct client *c)
{
    char *to = buf_room(&c->got, 256 * 1024);
    ssize_t n = recv(c->fd, to, 256 * 1024, MSG_DONTWAIT);

    if (n > 0)
        buf_grew(&c->got, (size_t)n);
    else if (n == 0 || errno != EAGAIN)
        stop(c, n < 0);
}

static void on_client(void *user, unsigned ready)
{
    struct client *c = user;

    if (c->to_send.n)
        send_more(c);
    if (ready & LOOP_READ)
        read_more(c);
    if (c->io)
        watch(c);
    check_done(c->w);
}

struct client *client_on(struct world *w, int connected_fd)
{
    struct client *c = &w->clients[w->nclients++];

    assert_true(w->nclients <= WORLD_CLIENTS);
    c->w = w;
    c->fd = connected_fd;
    buf_init(&c->got, 2 * BIG_BYTES);
    buf_init(&c->to_send, 2 * BIG_BYTES);
    c->io = loop_io_new(w->l, c->fd, on_client, c);
    watch(c);
    return c;
}

struct client *client_new(struct world *w)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)w->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return client_on(w, fd);
}

void client_send_bytes(struct client *c, struct str bytes)
{
    if (!c->io)
        return;
    buf_adds(&c->to_send, bytes);
    assert_true(buf_ok(&c->to_send));
    send_more(c);
    watch(c);
}

void client_send(struct client *c, const char *text)
{
    client_send_bytes(c, str_of(text));
}

void client_close(struct client *c, bool reset)
{
    struct linger now = {1, 0};

    if (c->fd < 0)
        return;
    if (reset)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    c->io = loop_io_free(c->io);
    c->fd = fd_close(c->fd);
}

void client_want(struct client *c, const char *text)
{
    c->w->waiting = c;
    c->w->wanted = text;
    run(c->w);
    c->w->waiting = NULL;
    c->w->wanted = NULL;
}

void client_want_end(struct client *c)
{
    c->w->waiting = c;
    run(c->w);
    c->w->waiting = NULL;
}

void client_forget(struct client *c)
{
    buf_reset(&c->got);
}

void client_pause(struct client *c, bool paused)
{
    c->paused = paused;
    if (c->io)
        watch(c);
}

size_t client_count(const struct client *c, const char *text)
{
    size_t n = 0;

    for (const char *p = c->got.p; (p = strstr(p, text)); p += strlen(text))
        n++;
    return n;
}
