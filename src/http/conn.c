/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.c - one connection, from its first byte to its burial.
 *
 *   HEAD   --head, body due--> BODY --last byte--> PARKED            [step_head, step_length, _chunks]
 *   HEAD   --head, no body--> PARKED                                 [step_head]
 *   PARKED --reply--> HEAD, or FLUSH until the client has taken it   [conn_answered]
 *   PARKED --start--> STREAM --end--> as above                       [stream.c]
 *   HEAD, BODY --refusal, or reply before the end of the body--> FLUSH or LINGER
 *   any    --end of file, error, deadline--> CLOSED                  [conn_close]
 *
 * What always holds:
 *   (1) a request exists in BODY, PARKED and STREAM only; leaving them means that it was answered or
 *       that on_cancel was called.
 *   (2) we go on reading while a request is parked: that is how a disconnect is seen at once. What
 *       arrives then is kept, up to limits.pipeline_bytes; more ends the connection.
 *   (3) callbacks are made by feed() alone, which never calls itself, and on_room by a socket that
 *       takes more: an answer given inside one only changes the state, and the loop in feed() goes
 *       on. An answer given later defers a feed().
 *   (4) a connection may be closed inside any callback; its struct stays until the turn is over, so
 *       after each callback the state tells what is left to do.
 *   (5) an idle connection holds this struct and its watcher, no buffer.
 *   (6) a deadline belongs to a state and is set where the state is entered.
 *
 * Read next: body.c, reply.c, stream.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/obj.h"
#include "http/internal.h"

enum { READS_PER_TURN = 4 };

static void on_ready(void *user, unsigned ready);

/* ---- birth and death ---- */

void conn_new(struct http_server *s, int fd, const char *peer)
{
    struct conn *c = xnew(struct conn);

    c->magic = CONN_MAGIC;
    c->server = s;
    c->fd = fd;
    (void)snprintf(c->peer, sizeof c->peer, "%s", peer);
    list_init(&c->due_node);
    buf_init(&c->in, SIZE_MAX); /* see take(): bounded by the limits of each state */
    buf_init(&c->out, SIZE_MAX);
    buf_init(&c->out_body, SIZE_MAX);
    list_push_back(&s->conns, &c->node);
    s->stats.accepted++;
    s->stats.connections++;
    c->io = loop_io_new(s->loop, fd, on_ready, c);
    loop_io_want(c->io, LOOP_READ);
    deadline_set(c, DL_HEAD);
}

static void bury(void *user)
{
    struct conn *c = OBJ(user, struct conn, CONN_MAGIC);

    buf_done(&c->in);
    buf_done(&c->out);
    buf_done(&c->out_body);
    c->magic = 0;
    free(c);
}

void conn_close(struct conn *c)
{
    struct http_server *s = c->server;
    struct req *r = TAKE_PTR(c->req);

    if (c->state == CONN_CLOSED)
        return;
    c->state = CONN_CLOSED;
    deadline_set(c, DL_NONE);
    c->io = loop_io_free(c->io);
    c->fd = fd_close(c->fd);
    list_remove(&c->node);
    s->stats.connections--;
    if (r) {
        s->stats.cancelled++;
        r->pub.ops->on_cancel(&r->pub);
        req_release(r);
    }
    loop_defer(s->loop, bury, c);
    server_conn_gone(s);
}

static bool wants_input(const struct conn *c)
{
    if (c->eof || c->state == CONN_CLOSED)
        return false;
    return (c->state != CONN_STREAM && c->state != CONN_FLUSH) ||
           c->in.n < c->server->limits.pipeline_bytes;
}

void conn_watch(struct conn *c)
{
    unsigned want = 0;

    if (c->state == CONN_CLOSED)
        return;
    if (wants_input(c))
        want |= LOOP_READ;
    if (conn_has_output(c))
        want |= LOOP_WRITE;
    loop_io_want(c->io, want);
}

/* ---- input ---- */

static void request_is_whole(struct conn *c)
{
    body_whole(c);
    if (!c->req)
        return; /* refused */
    deadline_set(c, DL_NONE);
    c->state = CONN_PARKED;
    c->req->pub.ops->on_request(&c->req->pub);
}

/* Is it pointless to parse again? Only if no line ended since the last time and no limit is near.
 */
static bool nothing_new(struct conn *c, struct str in)
{
    struct str fresh = str_from(in, c->searched);

    return c->searched && in.n < c->server->limits.head.line_bytes &&
           !memchr(fresh.p, '\n', fresh.n);
}

/* The steps return false when the rest of the input must wait. */
static bool step_head(struct conn *c, struct str *in)
{
    struct http_server *s = c->server;
    struct h1_head *h = &s->head;
    bool expect_continue;
    const char *why;
    int r = nothing_new(c, *in) ? 0 : h1_head(*in, &s->limits.head, h, &why);

    if (r == 0) {
        c->searched = in->n;
        if (c->due != DL_HEAD)
            deadline_set(c, DL_HEAD);
        return false;
    }
    c->searched = 0;
    if (r < 0) {
        conn_refuse(c, -r, why);
        *in = STR_NONE; /* what follows has no meaning any more */
        return false;
    }
    c->req = req_new(c, *in, h);
    *in = str_from(*in, h->bytes);
    deadline_set(c, DL_NONE);
    s->stats.requests++;
    c->state = h->body == H1_BODY_NONE ? CONN_PARKED : CONN_BODY;
    expect_continue = h->expect_continue && in->n == 0; /* else the body is here already */
    s->ops->on_head(&c->req->pub);
    if (c->req && c->state == CONN_PARKED)
        request_is_whole(c);
    else if (c->req && c->state == CONN_BODY)
        body_begin(c, expect_continue);
    return true;
}

static void step_length(struct conn *c, struct str *in)
{
    struct req *r = c->req;
    struct str data = {in->p, in->n < r->left ? in->n : (size_t)r->left};

    *in = str_from(*in, data.n);
    r->left -= data.n;
    body_add(c, data);
    if (c->state == CONN_BODY && r->left == 0)
        request_is_whole(c);
}

static void step_chunks(struct conn *c, struct str *in)
{
    const char *why;
    struct str data;
    int r = h1_chunk(&c->req->chunks, in, &data, &why);

    if (r < 0) {
        conn_refuse(c, -r, why);
        return;
    }
    if (data.n)
        body_add(c, data);
    if (r == 1 && c->state == CONN_BODY)
        request_is_whole(c);
}

/* Eat input until it is used up or must wait for an answer. */
static void feed(struct conn *c, struct str *in)
{
    bool more = true;

    assert(!c->feeding);
    c->feeding = true;
    while (more && in->n) {
        switch (c->state) {
        case CONN_HEAD:
            more = step_head(c, in);
            break;
        case CONN_BODY:
            if (c->req->chunked)
                step_chunks(c, in);
            else
                step_length(c, in);
            break;
        case CONN_LINGER:
            *in = STR_NONE;
            break;
        case CONN_PARKED:
        case CONN_STREAM:
        case CONN_FLUSH:
        case CONN_CLOSED:
            more = false;
            break;
        }
    }
    c->feeding = false;
}

static void release_input(struct conn *c)
{
    buf_done(&c->in);
    buf_init(&c->in, SIZE_MAX);
}

/* Settle what is left after feed(): bounds, a drain asked for meanwhile, and what to watch. */
static void after_feed(struct conn *c)
{
    struct http_server *s = c->server;

    if (c->in.n == 0)
        release_input(c);
    if (!buf_ok(&c->in) || (c->state == CONN_PARKED && c->in.n > s->limits.pipeline_bytes) ||
        (c->state == CONN_HEAD && c->in.n == 0 && s->draining))
        conn_close(c);
    conn_watch(c);
}

static void feed_kept(struct conn *c)
{
    struct str in = buf_str(&c->in);

    feed(c, &in);
    if (c->state == CONN_CLOSED)
        return;
    buf_drop(&c->in, c->in.n - in.n);
    after_feed(c);
}

static void take(struct conn *c, struct str data)
{
    if (c->in.n) {
        buf_adds(&c->in, data);
        feed_kept(c);
        return;
    }
    feed(c, &data);
    if (c->state == CONN_CLOSED)
        return;
    buf_adds(&c->in, data);
    after_feed(c);
}

static void on_feed_due(void *user)
{
    struct conn *c = OBJ(user, struct conn, CONN_MAGIC);

    c->feed_due = false;
    if (c->state == CONN_HEAD && c->in.n)
        feed_kept(c);
}

static void on_end_of_input(struct conn *c)
{
    if (c->state != CONN_FLUSH) {
        conn_close(c);
        return;
    }
    c->eof = true; /* the answer was given: let the client have it */
    c->close_after = true;
    c->linger_after = false;
    conn_watch(c);
}

static void read_some(struct conn *c)
{
    struct http_server *s = c->server;

    for (int i = 0; i < READS_PER_TURN && wants_input(c); i++) {
        ssize_t n = read(c->fd, s->read_buf, sizeof s->read_buf);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0)
            conn_close(c);
        else if (n == 0)
            on_end_of_input(c);
        else
            take(c, (struct str){s->read_buf, (size_t)n});
        if (n < (ssize_t)sizeof s->read_buf)
            return; /* the socket is empty; reading again would only say so */
    }
}

static void on_ready(void *user, unsigned ready)
{
    struct conn *c = OBJ(user, struct conn, CONN_MAGIC);

    if (conn_has_output(c)) /* also on a mere error, which is told as readable */
        conn_flush(c);
    if (ready & LOOP_READ)
        read_some(c);
    if (c->state != CONN_CLOSED)
        conn_watch(c); /* an error made the loop forget what we want */
}

/* ---- after an answer ---- */

void conn_answered(struct conn *c)
{
    if (c->close_after || c->server->draining) {
        if ((c->linger_after || c->in.n) && shutdown(c->fd, SHUT_WR) == 0) {
            c->state = CONN_LINGER;
            deadline_set(c, DL_LINGER);
            conn_watch(c);
        } else {
            conn_close(c);
        }
        return;
    }
    c->state = CONN_HEAD;
    deadline_set(c, DL_IDLE);
    conn_watch(c);
    if (!c->feeding && c->in.n && !c->feed_due) {
        c->feed_due = true;
        loop_defer(c->server->loop, on_feed_due, c);
    }
}

/* ---- deadlines ---- */

void conn_expired(struct conn *c)
{
    switch (c->due) {
    case DL_HEAD:
        if (c->in.n)
            conn_refuse(c, 408, "the head of the request took too long");
        else
            conn_close(c);
        return;
    case DL_BODY:
        if (body_is_late(c))
            conn_refuse(c, 408, "the body of the request came too slowly");
        else
            deadline_set(c, DL_BODY);
        return;
    case DL_IDLE:
    case DL_WRITE:
    case DL_LINGER:
        conn_close(c);
        return;
    case DL_NONE:
    case DL_KINDS:
        break;
    }
    assert(!"a deadline that was set");
}
