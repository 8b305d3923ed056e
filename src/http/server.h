/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - HTTP/1.1 server on a loop: connections, deadlines, requests, answers.
 *
 * The life of a request: on_head (headers are there; say how large the body may be, or answer at
 * once), on_request (the whole body is there), then exactly one answer at any later time,
 * or on_cancel (the client went away, or broke the protocol, before the answer). After the reply or
 * on_cancel the request is gone. on_head is called for every well-formed head; requests refused
 * by the grammar or a limit never reach the application but through on_refuse, which words the
 * body.
 */
#ifndef EVOKE_HTTP_SERVER_H
#define EVOKE_HTTP_SERVER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "http/h1.h"

struct arena;
struct err;
struct http_request;
struct http_server;
struct loop;

struct http_limits {
    struct h1_limits head;
    uint32_t connections; /* at once; more are closed at accept. default 16384 */
    /* All request bodies held in memory at once -> 503. Counted as they come in; a buffer may reserve as much
     * again, never more than was announced, which the kernel backs only when it is written to.
     * default 512 MiB */
    uint64_t body_budget_bytes;
    /* A body of more than 64 KiB is written to a nameless file in this directory (borrowed; -1:
     * none) and mapped when it is whole: memory stays flat however many are on their way. At most
     * spool_budget_bytes on disk at once -> 503, as when the disk is full. default -1, 8 GiB */
    int spool_dir;
    uint64_t spool_budget_bytes;
    uint32_t pipeline_bytes;    /* read ahead while a request is answered. default 64 KiB */
    uint32_t header_timeout_ms; /* whole head, from its first byte (or the accept). default 10000 */
    uint32_t idle_timeout_ms;   /* keep-alive between requests. default 75000 */
    uint32_t body_base_ms;      /* body deadline = base + bytes / least rate. default 10000 */
    uint32_t body_bytes_per_s;  /* least rate. default 16384 */
    uint32_t write_timeout_ms;  /* no byte taken by the client for so long. default 30000 */
};

/* One request, from on_head to its reply or on_cancel. */
struct http_request {
    /* read-only for the application, valid until the reply */
    struct str method, target, path, query, host; /* raw, as in h1_head */
    const struct h1_header *headers;
    uint32_t nheaders;
    int minor;
    struct str body;      /* whole, from on_request on */
    struct str peer;      /* "127.0.0.1:5555" or "unix" */
    struct arena *arena;  /* for the application, dropped with the request (limit 256 KiB) */
    uint64_t received_ns; /* monotonic, when the head was complete */
    void *user;           /* the server's user at first: see ops */

    /* for the application to set in on_head */
    const struct http_ops *ops; /* the server's at first: whose the request is from now on, with
                                   `user`; on_head is not called again */
    uint64_t body_max;          /* bytes; 0 at first: a body is then refused with 413 */
    void *app;                  /* whatever it needs to find again */
};

/* A refusal made by the server itself, to be worded by the application; on_cancel follows. */
struct http_refusal {
    /* Headers may be added to it; not to be answered. NULL: the head was not understood. */
    struct http_request *req;
    const char *why;  /* a sentence */
    int status;       /* may be changed */
    const char *type; /* of the body: "text/plain" at first */
    struct buf *body; /* empty: add to it */
};

struct http_ops {
    void (*on_head)(struct http_request *r);
    void (*on_request)(struct http_request *r);
    void (*on_cancel)(struct http_request *r);
    void (*on_refuse)(void *user, struct http_refusal *x); /* may be NULL: body is `why` */
    /* A streamed answer may go on; may be NULL: there are none. */
    void (*on_room)(struct http_request *r);
};

void http_limits_default(struct http_limits *l);
struct http_server *http_server_new(struct loop *l, const struct http_limits *limits,
                                    const struct http_ops *ops, void *user);
/* Take over a bound, listening socket (TCP or unix). taken on success. More than one is fine.
 * -EINVAL: it does not listen, or no more. */
int http_server_listen(struct http_server *s, int fd, struct err *e);
/* Accept no more, close idle connections, finish the rest with Connection: close; on_drained once.
 */
void http_server_drain(struct http_server *s, void (*on_drained)(void *user), void *user);
struct http_server *
http_server_free(struct http_server *s); /* closes everything, on_cancel for open requests */

struct str http_header(const struct http_request *r,
                       struct str name); /* first of that name or STR_NONE */

/*
 * The answer. Headers first, as many as wanted (a name or value that is not allowed in HTTP is
 * -EINVAL and not added, more than 256 KiB in all is -ENOSPC); then one of the replies.
 * Content-Length, Transfer-Encoding, Connection and Date are ours (-EINVAL).
 * HEAD, 204 and 304 never send a body. content_type empty: none is sent. A reply copies what is not
 * sent at once.
 */
int http_add_header(struct http_request *r, const char *name, struct str value);
int http_add_header_str(struct http_request *r, struct str name, struct str value);
void http_reply(struct http_request *r, int status, struct str content_type, struct str body);
void http_reply_buf(struct http_request *r, int status, struct str content_type,
                    struct buf *body); /* taken */

/*
 * An answer in pieces, for what is too large to hold or not there yet: start, any number of more,
 * end. length < 0: unknown (chunked; HTTP/1.0: until the connection closes). more() copies; false:
 * the client does not keep up, wait for on_room. More than was announced is cut off, less aborts.
 * http_reply_abort(): the connection is cut, so that the client sees that it is not whole; also
 * instead of start. After end, abort or on_cancel the request is gone. None of them calls back.
 */
void http_reply_start(struct http_request *pub, int status, struct str content_type,
                      int64_t length);
bool http_reply_more(struct http_request *pub, struct str bytes);
void http_reply_end(struct http_request *pub);
void http_reply_abort(struct http_request *pub);

/*
 * Keep the request and its bytes until http_release(), also after on_cancel and beyond the server:
 * for a worker thread that reads them. Not to be answered meanwhile.
 */
void http_hold(struct http_request *pub);
void http_release(struct http_request *pub);

/* Counters for metrics and tests; connections, body_bytes and spool_bytes tell what is held now. */
struct http_stats {
    uint64_t accepted, requests, refused, cancelled, connections, body_bytes, spool_bytes;
};
void http_server_stats(const struct http_server *s, struct http_stats *ret);

#endif
