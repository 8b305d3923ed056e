/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.c - the head of an answer, one system call to send it, and a queue for what did not fit.
 *
 * An answer is written at once with its body, by one sendmsg(2); usually the kernel takes all of
 * it. What is left is copied, or kept if the caller gave its buffer away. Nothing is read as a
 * request until the client has taken its answer, so there is never more than one answer in the
 * queue, with at most an interim "100 Continue" before it.
 *
 * The status line says HTTP/1.1 to everybody (RFC 9110 section 2.5); HTTP/1.0 clients are told
 * about keep-alive, because for them it is not the default.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/obj.h"
#include "http/internal.h"

enum { PIECES = 3 };

static const struct {
    int status;
    const char *reason;
} reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {207, "Multi-Status"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {418, "I'm a teapot"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {430, "Function Error"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

/* ---- bytes out ---- */

bool conn_has_output(const struct conn *c)
{
    return c->out.n || c->out_body.n;
}

size_t conn_queued(const struct conn *c)
{
    return c->out.n - c->out_done + c->out_body.n - c->out_body_done;
}

/* Bytes the kernel took (0: none just now) or -errno. */
static ssize_t send_pieces(int fd, const struct str *pieces, size_t n)
{
    struct iovec iov[PIECES];
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = n};
    ssize_t sent;

    assert(n <= PIECES);
    for (size_t i = 0; i < n; i++)
        iov[i] = (struct iovec){(void *)(uintptr_t)pieces[i].p, pieces[i].n};
    do {
        sent = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN ? 0 : -errno;
    return sent;
}

int conn_send(struct conn *c, const struct str *pieces, size_t n, struct buf *taken)
{
    bool try = !conn_has_output(c);
    ssize_t sent = try ? send_pieces(c->fd, pieces, n) : 0;
    size_t left;

    if (sent < 0)
        return (int)sent;
    left = (size_t)sent;
    for (size_t i = 0; i < n; i++) {
        size_t done = left < pieces[i].n ? left : pieces[i].n;

        left -= done;
        if (done < pieces[i].n && taken && i == n - 1) {
            buf_move(&c->out_body, taken);
            c->out_body.n = pieces[i].n;
            c->out_body_done = done;
        } else {
            buf_adds(&c->out, str_from(pieces[i], done));
        }
    }
    if (try)
        c->blocked = conn_has_output(c);
    return buf_ok(&c->out) ? 0 : -ENOMEM;
}

static void drop_output(struct conn *c)
{
    buf_done(&c->out);
    buf_done(&c->out_body);
    buf_init(&c->out, SIZE_MAX);
    buf_init(&c->out_body, SIZE_MAX);
    c->out_done = c->out_body_done = 0;
}

int conn_push(struct conn *c)
{
    struct str queued[2] = {str_from(buf_str(&c->out), c->out_done),
                            str_from(buf_str(&c->out_body), c->out_body_done)};
    ssize_t n = send_pieces(c->fd, queued, ARRAY_LEN(queued));
    size_t of_out;

    if (n < 0)
        return (int)n;
    c->blocked = (size_t)n < queued[0].n + queued[1].n;
    if (!c->blocked) {
        drop_output(c);
        return 0;
    }
    of_out = (size_t)n < queued[0].n ? (size_t)n : queued[0].n;
    c->out_done += of_out;
    c->out_body_done += (size_t)n - of_out;
    return 0;
}

void conn_flush(struct conn *c)
{
    size_t before = conn_queued(c);

    if (conn_push(c) < 0) {
        conn_close(c);
        return;
    }
    if (c->state != CONN_STREAM && c->state != CONN_FLUSH)
        return;
    if (!conn_has_output(c) && c->state == CONN_FLUSH) {
        conn_answered(c);
        return;
    }
    if (conn_queued(c) < before) /* it took something: the clock starts again */
        deadline_set(c, conn_has_output(c) ? DL_WRITE : DL_NONE);
    if (c->state == CONN_STREAM)
        stream_has_room(c);
}

void conn_send_continue(struct conn *c)
{
    if (conn_send(c, &S("HTTP/1.1 100 Continue\r\n\r\n"), 1, NULL) < 0)
        conn_close(c);
    else
        conn_watch(c);
}

/* ---- the head of an answer ---- */

static void add_number(struct buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_add(b, digits + at, sizeof digits - at);
}

static const char *date_now(struct http_server *s)
{
    int64_t now_ms = clock_wall_ms();

    if (now_ms / 1000 != s->date_s) {
        s->date_s = now_ms / 1000;
        clock_http(now_ms, s->date);
    }
    return s->date;
}

static void add_line(struct buf *b, struct str name, struct str value)
{
    buf_adds(b, name);
    buf_adds(b, S(": "));
    buf_adds(b, value);
    buf_adds(b, S("\r\n"));
}

bool status_has_no_body(int status)
{
    return status == 204 || status == 304;
}

void conn_build_head(struct conn *c, const struct answer *a)
{
    struct buf *b = &c->server->answer;

    buf_reset(b);
    buf_adds(b, S("HTTP/1.1 "));
    add_number(b, (uint64_t)a->status);
    buf_addc(b, ' ');
    buf_addz(b, reason_of(a->status));
    buf_adds(b, S("\r\n"));
    add_line(b, S("Date"), str_of(date_now(c->server)));
    if (!status_has_no_body(a->status)) {
        if (a->type.n)
            add_line(b, S("Content-Type"), a->type);
        if (a->length >= 0) {
            buf_adds(b, S("Content-Length: "));
            add_number(b, (uint64_t)a->length);
            buf_adds(b, S("\r\n"));
        } else if (!a->http10) {
            buf_adds(b, S("Transfer-Encoding: chunked\r\n"));
        }
    }
    buf_adds(b, a->extra);
    if (c->close_after)
        buf_adds(b, S("Connection: close\r\n"));
    else if (a->http10)
        buf_adds(b, S("Connection: keep-alive\r\n"));
    buf_adds(b, S("\r\n"));
}

/* Send the answer; the request, if there is one, is gone afterwards. */
static void send_answer(struct conn *c, const struct answer *a)
{
    struct req *r = c->req;
    bool with_body = !a->head_only && !status_has_no_body(a->status);
    struct str pieces[2] = {STR_NONE, with_body ? a->body : STR_NONE};
    int sent;

    conn_build_head(c, a);
    pieces[0] = buf_str(&c->server->answer);
    sent = conn_send(c, pieces, ARRAY_LEN(pieces), with_body ? a->taken : NULL);
    if (r) {
        c->req = NULL;
        req_release(r);
    }
    if (sent < 0) {
        conn_close(c);
    } else if (conn_has_output(c)) {
        c->state = CONN_FLUSH;
        deadline_set(c, DL_WRITE);
        conn_watch(c);
    } else {
        conn_answered(c);
    }
}

void conn_refuse(struct conn *c, int status, const char *why)
{
    struct http_server *s = c->server;
    struct req *r = c->req;
    struct http_refusal x = {.req = r ? &r->pub : NULL,
                             .why = why,
                             .status = status,
                             .type = "text/plain",
                             .body = &s->refusal};
    struct answer a = {.head_only = r && r->is_head};
    const struct http_ops *ops = r ? r->pub.ops : s->ops;

    s->stats.refused++;
    buf_reset(&s->refusal);
    if (ops->on_refuse)
        ops->on_refuse(r ? r->pub.user : s->user, &x);
    else
        buf_addf(&s->refusal, "%s\n", why);
    a.status = x.status;
    a.type = str_of(x.type);
    a.body = buf_str(&s->refusal);
    a.length = (int64_t)a.body.n;
    a.extra = r ? buf_str(&r->extra) : STR_NONE;
    if (r)
        ops->on_cancel(&r->pub);
    if (c->state == CONN_CLOSED)
        return; /* the application took the whole server down in on_cancel */
    c->close_after = c->linger_after = true;
    send_answer(c, &a);
}

/* ---- for the application ---- */

int http_add_header(struct http_request *r, const char *name, struct str value)
{
    return http_add_header_str(r, str_of(name), value);
}

int http_add_header_str(struct http_request *r, struct str n, struct str value)
{
    static const char *const ours[] = {"Connection", "Content-Length", "Date", "Transfer-Encoding"};
    struct req *q = OBJ(container_of(r, struct req, pub), struct req, REQ_MAGIC);

    if (!h1_is_token(n) || !h1_is_value(value))
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_ieq(n, str_of(ours[i])))
            return -EINVAL;
    if (!buf_room(&q->extra, n.n + value.n + 4))
        return -ENOSPC;
    add_line(&q->extra, n, value);
    return 0;
}

static void reply(struct http_request *pub, int status, struct str type, struct str body,
                  struct buf *taken)
{
    struct req *r = OBJ(container_of(pub, struct req, pub), struct req, REQ_MAGIC);
    struct conn *c = r->conn;
    bool early = c->state == CONN_BODY;
    struct answer a = {
            .status = status >= 200 && status <= 999 ? status : 500,
            .type = h1_is_value(type) ? type : STR_NONE,
            .extra = buf_str(&r->extra),
            .body = body,
            .length = (int64_t)body.n,
            .taken = taken,
            .head_only = r->is_head,
            .http10 = pub->minor == 0,
    };

    assert(c->req == r && !r->held && (early || c->state == CONN_PARKED));
    c->close_after = early || !r->keep_alive || c->server->draining;
    c->linger_after = early;
    send_answer(c, &a);
}

void http_reply(struct http_request *r, int status, struct str content_type, struct str body)
{
    reply(r, status, content_type, body, NULL);
}

void http_reply_buf(struct http_request *r, int status, struct str content_type, struct buf *body)
{
    reply(r, status, content_type, buf_str(body), body);
    buf_done(body); /* nothing, if it went into the queue */
}
