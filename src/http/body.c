/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.c - the body of a request on its way in: how much, how fast, and where it is kept.
 *
 * Up to SPOOL_FROM it is kept in memory, counted against the budget of memory; what is larger, or was
 * announced to be, goes to disk (spool.c), counted against that of the disk. Either way the
 * application sees one view of bytes. Memory and disk follow what has come, never what was announced.
 *
 * A write to the spool ends in the page cache. Where the kernel makes writers wait for the disk it
 * makes our loop wait; that is the price of a flat memory, and bodies of that size are rare.
 */
#include <errno.h>

#include "http/internal.h"

enum { SPOOL_FROM = 64 * 1024, PRESIZE_BYTES = 64 * 1024 };

static bool goes_to_disk(const struct req *r, uint64_t bytes)
{
    return r->server->spool.dir >= 0 && bytes > SPOOL_FROM;
}

static bool fits(const struct http_server *s, bool on_disk, uint64_t bytes)
{
    return on_disk ? bytes <= s->limits.spool_budget_bytes - s->stats.spool_bytes
                   : bytes <= s->limits.body_budget_bytes - s->stats.body_bytes;
}

static void refuse_budget(struct conn *c)
{
    conn_refuse(c, 503, "too many request bodies are being received");
}

static void refuse_disk(struct conn *c, int r)
{
    conn_refuse(c, 503,
                r == -ENOSPC || r == -EDQUOT ? "there is no room on the disk for the body"
                                             : "the body cannot be kept while it is received");
}

void body_begin(struct conn *c, bool expect_continue)
{
    struct http_server *s = c->server;
    struct req *r = c->req;
    uint64_t most;

    if (r->left > r->pub.body_max || (r->chunked && expect_continue && r->pub.body_max == 0)) {
        conn_refuse(c, 413, "the body is larger than this request allows");
        return;
    }
    if (!fits(s, goes_to_disk(r, r->left), r->left)) {
        refuse_budget(c);
        return;
    }
    most = r->chunked ? r->pub.body_max : r->left;
    r->announced = r->left;
    r->body.max = most < PTRDIFF_MAX ? (size_t)most : PTRDIFF_MAX - 1;
    c->body_start_ms = c->body_last_ms = server_now_ms(s);
    deadline_set(c, DL_BODY);
    if (expect_continue)
        conn_send_continue(c);
}

static void keep_in_memory(struct conn *c, struct str data)
{
    struct req *r = c->req;

    if (r->body.n == 0 && !r->chunked && r->body.max <= PRESIZE_BYTES)
        (void)buf_room(&r->body, r->body.max);
    buf_adds(&r->body, data);
    if (!buf_ok(&r->body)) {
        conn_refuse(c, 503, "there is no memory for the body");
        return;
    }
    c->server->stats.body_bytes += data.n;
}

/* What is in memory so far goes first; a chunked body is found to be large when it is. */
static void keep_on_disk(struct conn *c, struct str data)
{
    struct http_server *s = c->server;
    struct req *r = c->req;
    uint64_t before = r->spooled.n;
    int res = 0;

    if (!r->spooled.file)
        res = spool_begin(&s->spool, r->chunked ? r->pub.body_max : r->announced, &r->spooled);
    if (res == 0 && r->body.n) {
        res = spool_add(&r->spooled, buf_str(&r->body));
        s->stats.body_bytes -= r->body.n;
        buf_done(&r->body);
        buf_init(&r->body, 0);
    }
    if (res == 0)
        res = spool_add(&r->spooled, data);
    s->stats.spool_bytes += r->spooled.n - before;
    if (res < 0)
        refuse_disk(c, res);
}

void body_add(struct conn *c, struct str data)
{
    struct http_server *s = c->server;
    struct req *r = c->req;
    bool on_disk;

    if (data.n > r->pub.body_max - r->came) {
        conn_refuse(c, 413, "the body is larger than this request allows");
        return;
    }
    on_disk = r->spooled.file || goes_to_disk(r, r->announced) || goes_to_disk(r, r->came + data.n);
    if (!fits(s, on_disk, data.n + (on_disk ? r->body.n : 0))) {
        refuse_budget(c);
        return;
    }
    r->came += data.n;
    c->body_last_ms = server_now_ms(s);
    if (on_disk)
        keep_on_disk(c, data);
    else
        keep_in_memory(c, data);
}

void body_whole(struct conn *c)
{
    struct req *r = c->req;
    int res = 0;

    if (r->spooled.file)
        res = spool_map(&r->spooled, &r->pub.body);
    else
        r->pub.body = buf_str(&r->body);
    if (res < 0)
        refuse_disk(c, res);
}

/* A body may take base + bytes / least rate in all, and pause for base: a deadline that each byte
 * moves is none, and one that credit moves far away must not be slept through. */
bool body_is_late(const struct conn *c)
{
    const struct http_limits *l = &c->server->limits;
    uint64_t rate = l->body_bytes_per_s ? l->body_bytes_per_s : 1;
    uint64_t by_rate = c->body_start_ms + l->body_base_ms + c->req->came * 1000 / rate;
    uint64_t by_pause = c->body_last_ms + l->body_base_ms;

    return server_now_ms(c->server) >= (by_rate < by_pause ? by_rate : by_pause);
}

void body_drop(struct req *r)
{
    r->server->stats.body_bytes -= r->body.n;
    r->server->stats.spool_bytes -= r->spooled.n;
    spool_drop(&r->spooled);
}
