/* SPDX-License-Identifier: Apache-2.0 */
/*
 * send.c - the bytes of an object as an answer, in pieces: read by a worker, sent by the loop, the next
 * read when the client keeps up. One piece is in memory, whatever the object's size.
 *
 *   head -> [read] -> [more] -> room? -> [read] ... -> end        on_cancel: as soon as no worker reads
 *
 * A blob that cannot be read in the middle cuts the connection: the client sees that it is not whole.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"
#include "http/server.h"
#include "loop/loop.h"
#include "storage/internal.h"

enum { SENDER_MAGIC = 0x53454e44, PIECE = 256 << 10 };

struct sender {
    uint32_t magic;
    struct http_request *req; /* NULL: the client has gone */
    struct objects *objects;
    struct loop *loop;
    struct object ob;
    uint64_t at, end;
    struct buf piece;
    bool reading;
    int r;
};

static void bury(struct sender *s)
{
    struct objects *o = s->objects;

    object_done(&s->ob);
    buf_done(&s->piece);
    s->magic = 0;
    free(s);
    object_release(o);
}

static void work(void *user)
{
    struct sender *s = OBJ(user, struct sender, SENDER_MAGIC);
    uint64_t left = s->end - s->at;

    buf_reset(&s->piece);
    s->r = objects_read(s->objects, &s->ob, s->at, left < PIECE ? (size_t)left : PIECE, &s->piece);
    if (s->r == 0 && s->piece.n == 0)
        s->r = -EIO;
}

static void on_read(void *user);

static void go_on(struct sender *s)
{
    if (s->at < s->end) {
        s->reading = true;
        loop_work(s->loop, work, on_read, s);
        return;
    }
    http_reply_end(s->req);
    bury(s);
}

static void on_read(void *user)
{
    struct sender *s = OBJ(user, struct sender, SENDER_MAGIC);

    s->reading = false;
    if (!s->req) {
        bury(s);
        return;
    }
    if (s->r < 0) {
        http_reply_abort(s->req);
        bury(s);
        return;
    }
    s->at += s->piece.n;
    if (http_reply_more(s->req, buf_str(&s->piece)) || s->at == s->end)
        go_on(s); /* else on_room */
}

static void on_room(struct http_request *r)
{
    struct sender *s = OBJ(r->app, struct sender, SENDER_MAGIC);

    if (!s->reading)
        go_on(s);
}

static void on_cancel(struct http_request *r)
{
    struct sender *s = OBJ(r->app, struct sender, SENDER_MAGIC);

    s->req = NULL;
    if (!s->reading)
        bury(s);
}

static const struct http_ops sender_ops = {.on_room = on_room, .on_cancel = on_cancel};

void storage_send(struct call *c, int status, const struct object *ob, uint64_t from, uint64_t to)
{
    struct objects *o = c->api->objects;
    struct loop *l = c->api->loop;
    bool is_head = c->req && str_eq(c->req->method, S("HEAD"));
    struct http_request *req = call_hand_over(c, status);
    struct sender *s;

    if (!req)
        return;
    s = xnew(struct sender);
    s->magic = SENDER_MAGIC;
    s->req = req;
    s->objects = o;
    s->loop = l;
    object_copy(ob, &s->ob);
    s->at = from;
    s->end = is_head ? from : to;
    buf_init(&s->piece, PIECE);
    object_hold(o);
    req->ops = &sender_ops;
    req->app = s;
    http_reply_start(req, status,
                     str_of(ob->type && ob->type[0] ? ob->type : "application/octet-stream"),
                     (int64_t)(to - from));
    go_on(s);
}
