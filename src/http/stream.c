/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.c - an answer in pieces, and how its maker learns that the client does not keep up.
 *
 * What the kernel does not take is queued behind the head, up to the high mark; then more() says
 * false and on_room comes when the queue is down to the low mark. So a stream costs the same memory
 * whatever its length and however slow its reader. A reader that takes nothing for
 * limits.write_timeout_ms is cut off; while nothing is queued there is no deadline of ours.
 *
 * The head waits for the first piece, or for the end of the turn, so that both leave in one packet.
 *
 * A client that turns out to be gone inside more() is told of later, from the loop: the application
 * is never called back by what it calls.
 */
#include <stdio.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/obj.h"
#include "http/internal.h"

enum { HIGH_MARK = 256 * 1024, LOW_MARK = 64 * 1024 };

static void on_broken(void *user)
{
    conn_close(OBJ(user, struct conn, CONN_MAGIC));
}

/* Behind what is queued. The head, which nobody has tried to send, goes along. */
static void put(struct conn *c, const struct str *pieces, size_t n)
{
    struct stream *s = &c->req->stream;

    if (s->broken)
        return;
    if (c->out_done >= HIGH_MARK || c->out_done > c->out.n / 2) {
        buf_drop(&c->out, c->out_done);
        c->out_done = 0;
    }
    if (conn_send(c, pieces, n, NULL) < 0 ||
        (conn_has_output(c) && !c->blocked && conn_push(c) < 0)) {
        s->broken = true;
        loop_defer(c->server->loop, on_broken, c);
        return;
    }
    if (!conn_has_output(c))
        deadline_set(c, DL_NONE);
    else if (c->due != DL_WRITE)
        deadline_set(c, DL_WRITE);
    conn_watch(c);
}

static struct conn *streaming(struct http_request *pub)
{
    struct req *r = OBJ(container_of(pub, struct req, pub), struct req, REQ_MAGIC);

    assert(r->conn->req == r && r->conn->state == CONN_STREAM);
    return r->conn;
}

void http_reply_start(struct http_request *pub, int status, struct str content_type, int64_t length)
{
    struct req *r = OBJ(container_of(pub, struct req, pub), struct req, REQ_MAGIC);
    struct conn *c = r->conn;
    bool early = c->state == CONN_BODY;
    struct answer a = {
            .status = status >= 200 && status <= 999 ? status : 500,
            .type = h1_is_value(content_type) ? content_type : STR_NONE,
            .extra = buf_str(&r->extra),
            .length = length,
            .http10 = pub->minor == 0,
    };

    assert(c->req == r && !r->held && (early || c->state == CONN_PARKED));
    r->stream = (struct stream){
            .left = length > 0 ? (uint64_t)length : 0,
            .bounded = length >= 0,
            .chunked = length < 0 && !a.http10,
            .bodiless = r->is_head || status_has_no_body(a.status),
    };
    c->close_after = early || !r->keep_alive || c->server->draining ||
                     (length < 0 && a.http10 && !r->stream.bodiless);
    c->linger_after = early;
    conn_build_head(c, &a);
    c->state = CONN_STREAM;
    c->blocked = false;
    buf_adds(&c->out, buf_str(&c->server->answer));
    deadline_set(c, DL_WRITE);
    conn_watch(c);
}

bool http_reply_more(struct http_request *pub, struct str bytes)
{
    struct conn *c = streaming(pub);
    struct stream *s = &c->req->stream;
    char size[24];
    struct str chunk[3] = {{size, 0}, bytes, S("\r\n")};

    if (s->bounded && bytes.n > s->left)
        bytes.n = (size_t)s->left;
    if (s->bounded)
        s->left -= bytes.n;
    if (bytes.n && !s->bodiless && s->chunked) {
        chunk[0].n = (size_t)snprintf(size, sizeof size, "%zx\r\n", bytes.n);
        put(c, chunk, ARRAY_LEN(chunk));
    } else if (bytes.n && !s->bodiless) {
        put(c, &bytes, 1);
    }
    s->wants_room = s->broken || conn_queued(c) > HIGH_MARK;
    return !s->wants_room;
}

void stream_has_room(struct conn *c)
{
    struct req *r = c->req;

    if (!r->stream.wants_room || conn_queued(c) > LOW_MARK)
        return;
    r->stream.wants_room = false;
    if (r->pub.ops->on_room)
        r->pub.ops->on_room(&r->pub);
}

void http_reply_end(struct http_request *pub)
{
    struct conn *c = streaming(pub);
    struct stream *s = &c->req->stream;
    bool whole = s->bodiless || !s->bounded || s->left == 0;

    if (whole)
        put(c, &S("0\r\n\r\n"), s->chunked && !s->bodiless ? 1 : 0);
    if (!whole || s->broken) {
        http_reply_abort(pub);
        return;
    }
    req_release(TAKE_PTR(c->req));
    if (conn_has_output(c)) {
        c->state = CONN_FLUSH;
        conn_watch(c);
    } else {
        conn_answered(c);
    }
}

void http_reply_abort(struct http_request *pub)
{
    struct req *r = OBJ(container_of(pub, struct req, pub), struct req, REQ_MAGIC);
    struct conn *c = r->conn;
    struct linger reset = {.l_onoff = 1};

    assert(c->req == r && !r->held);
    /* Where the end of the connection is the end of the body, only a reset tells them apart. */
    if (c->state == CONN_STREAM && !r->stream.bounded && !r->stream.chunked)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    req_release(TAKE_PTR(c->req));
    conn_close(c);
}
