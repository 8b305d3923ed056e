/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c - one block per request: the public struct, a copy of the head, its slices.
 *
 * The head is copied once, out of the read buffer that all connections share. Blocks go back to a
 * short free list together with their arena and buffers, so that a small request on a warm server
 * costs no allocation. A block with an unusual head is not kept, nor is a large body's memory.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"
#include "http/internal.h"

enum {
    BLOCK_TEXT = 3072,
    POOL_MAX = 64,
    KEEP_BUF_BYTES = 16 * 1024,
    KEEP_ARENA_BYTES = 32 * 1024,
    ARENA_MAX = 256 * 1024,
    EXTRA_MAX = 256 * 1024,
};

static struct req *block_new(size_t text)
{
    size_t cap = text > BLOCK_TEXT ? text : BLOCK_TEXT;
    struct req *r = xcalloc(1, sizeof *r + cap);

    r->cap = cap;
    buf_init(&r->body, 0); /* conn.c says how much may come */
    buf_init(&r->extra, EXTRA_MAX);
    r->pub.arena = arena_new(ARENA_MAX);
    return r;
}

static struct req *block_free(struct req *r)
{
    arena_free(r->pub.arena);
    buf_done(&r->body);
    buf_done(&r->extra);
    free(r);
    return NULL;
}

static struct req *block_get(struct http_server *s, size_t text)
{
    struct list *node = text <= BLOCK_TEXT ? list_pop_front(&s->free_reqs) : NULL;

    if (!node)
        return block_new(text);
    s->nfree_reqs--;
    return container_of(node, struct req, node);
}

/* The same slice of the copy; a slice of nothing, or of a literal, stays what it is. */
static struct str moved(struct str s, struct str from, const char *to)
{
    if (s.p >= from.p && s.p + s.n <= from.p + from.n)
        s.p = to + (s.p - from.p);
    return s;
}

struct req *req_new(struct conn *c, struct str in, const struct h1_head *h)
{
    struct http_server *s = c->server;
    struct str from = {in.p, h->bytes};
    size_t table = h->nheaders * sizeof(struct h1_header);
    struct req *r = block_get(s, table + from.n);
    struct h1_header *headers = (struct h1_header *)(void *)r->text;
    char *to = r->text + table;

    memcpy(to, from.p, from.n);
    for (uint32_t i = 0; i < h->nheaders; i++)
        headers[i] = (struct h1_header){moved(h->headers[i].name, from, to),
                                        moved(h->headers[i].value, from, to)};
    r->magic = REQ_MAGIC;
    r->conn = c;
    r->server = s;
    r->held = r->gone = false;
    r->keep_alive = h->keep_alive;
    r->is_head = str_eq(h->method, S("HEAD"));
    r->chunked = h->body == H1_BODY_CHUNKED;
    r->left = h->body == H1_BODY_LENGTH ? h->content_length : 0;
    r->announced = r->came = 0;
    r->chunks = (struct h1_chunks){0};
    r->stream = (struct stream){0};
    r->pub = (struct http_request){
            .method = moved(h->method, from, to),
            .target = moved(h->target, from, to),
            .path = moved(h->path, from, to),
            .query = moved(h->query, from, to),
            .host = moved(h->host, from, to),
            .headers = headers,
            .nheaders = h->nheaders,
            .minor = h->minor,
            .peer = str_of(c->peer),
            .arena = r->pub.arena,
            .received_ns = loop_now_ns(s->loop),
            .user = s->user,
            .ops = s->ops,
    };
    return r;
}

void req_release(struct req *r)
{
    struct http_server *s = r->server;

    if (r->held) {
        r->gone = true;
        return;
    }
    body_drop(r);
    r->magic = 0;
    if (s->freed || s->nfree_reqs == POOL_MAX || r->cap > BLOCK_TEXT ||
        r->body.cap > KEEP_BUF_BYTES || r->extra.cap > KEEP_BUF_BYTES ||
        arena_used(r->pub.arena) > KEEP_ARENA_BYTES) {
        block_free(r);
        return;
    }
    buf_reset(&r->body);
    buf_reset(&r->extra);
    arena_reset(r->pub.arena);
    list_push_front(&s->free_reqs, &r->node);
    s->nfree_reqs++;
}

void http_hold(struct http_request *pub)
{
    struct req *r = OBJ(container_of(pub, struct req, pub), struct req, REQ_MAGIC);

    assert(!r->held);
    r->held = true;
    r->server->held++;
}

void http_release(struct http_request *pub)
{
    struct req *r = OBJ(container_of(pub, struct req, pub), struct req, REQ_MAGIC);
    struct http_server *s = r->server;

    assert(r->held);
    r->held = false;
    s->held--;
    if (r->gone)
        req_release(r);
    if (s->bury_due && s->held == 0)
        server_bury(s);
}

void req_pool_done(struct http_server *s)
{
    struct list *node;

    while ((node = list_pop_front(&s->free_reqs)))
        block_free(container_of(node, struct req, node));
    s->nfree_reqs = 0;
}
