/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internal.h - what the files of the server share: server, connection, request.
 *
 * server.c accepts and drains, conn.c reads and moves a connection from state to state, reply.c
 * words and writes answers, stream.c those in pieces, request.c keeps request blocks, body.c what
 * comes with them, deadline.c ends what takes too long.
 */
#ifndef EVOKE_HTTP_INTERNAL_H
#define EVOKE_HTTP_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "http/server.h"
#include "http/spool.h"
#include "loop/loop.h"

enum {
    SERVER_MAGIC = 0x48535256,
    CONN_MAGIC = 0x48434f4e,
    REQ_MAGIC = 0x48524551,
    READ_BYTES = 64 * 1024,
    PEER_TEXT = 64,
};

/* What a connection waits for that must not take for ever. One queue per kind: within a kind every
 * wait is equally long, so the queue is in order of expiry without sorting. */
enum deadline_kind { DL_NONE, DL_HEAD, DL_IDLE, DL_BODY, DL_WRITE, DL_LINGER, DL_KINDS };

struct deadlines {
    struct list queues[DL_KINDS];
    uint64_t wait_ms[DL_KINDS];
    struct loop_timer *timer; /* owned */
    uint64_t armed_ms;        /* when the timer fires; 0 while it does not run */
};

enum conn_state {
    CONN_HEAD,   /* between requests, or in the middle of a head */
    CONN_BODY,   /* the application knows the request, its body is arriving */
    CONN_PARKED, /* the request is whole and with the application */
    CONN_STREAM, /* the application answers it piece by piece */
    CONN_FLUSH,  /* answered; the client has not taken all of it yet */
    CONN_LINGER, /* answered for the last time, half-closed; what still arrives is thrown away */
    CONN_CLOSED, /* descriptor closed; the struct waits for its burial at the end of the turn */
};

struct conn {
    uint32_t magic;
    enum conn_state state;
    struct http_server *server;
    struct list node;   /* server->conns */
    int fd;             /* owned; -EBADF when closed */
    struct loop_io *io; /* owned */
    struct req *req;    /* owned; in BODY, PARKED and STREAM, and nowhere else */

    struct list due_node; /* deadlines->queues[due] */
    uint64_t due_ms;
    enum deadline_kind due;

    struct buf in;       /* a partial head, or what was pipelined; empty and unallocated if idle */
    size_t searched;     /* of in: no line ends in these bytes that the parser has not seen */
    struct buf out;      /* bytes to send, copied */
    struct buf out_body; /* bytes to send behind them, taken */
    size_t out_done, out_body_done;

    uint64_t body_start_ms, body_last_ms;
    bool blocked;      /* the kernel takes no more until it says so */
    bool feeding;      /* conn.c is eating input further up the stack */
    bool feed_due;     /* a deferred call will eat input */
    bool eof;          /* the client half-closed while its answer is still being taken */
    bool close_after;  /* no request after this answer */
    bool linger_after; /* the client may still be sending: do not reset its answer away */
    char peer[PEER_TEXT];
};

struct req {
    struct http_request pub;
    uint32_t magic;
    bool keep_alive, is_head, chunked;
    bool held; /* a worker reads it: see http_hold() */
    bool gone; /* to be released as soon as it is not held any more */
    struct conn *conn;
    struct http_server *server;
    struct list node; /* server->free_reqs */
    uint64_t left;    /* of a body with a length */
    struct h1_chunks chunks;
    uint64_t announced, came; /* of the body, wherever it is; announced 0: not known */
    struct buf body;          /* owned, counted in server->stats.body_bytes */
    struct spooled spooled;   /* instead of it, counted in server->stats.spool_bytes */
    struct buf extra;         /* response header lines */
    struct stream {           /* of the answer; see stream.c */
        uint64_t left;
        bool bounded, chunked, bodiless, wants_room, broken;
    } stream;
    size_t cap;
    _Alignas(struct h1_header) char text[]; /* headers, then the bytes they point into */
};

struct http_server {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    struct http_limits limits;
    const struct http_ops *ops; /* borrowed */
    void *user;
    struct list listeners, conns;
    struct loop_timer *accept_retry; /* runs while we are out of descriptors */
    struct deadlines deadlines;
    struct http_stats stats;
    struct spool spool;

    struct list free_reqs;
    size_t nfree_reqs;
    struct h1_head head; /* scratch of one parse */
    struct buf answer;   /* scratch of one answer's head */
    struct buf refusal;  /* scratch of one refusal's body */
    int64_t date_s;
    char date[CLOCK_TEXT];

    size_t held; /* requests that are */
    bool draining, freed, drained_due;
    bool bury_due; /* freed, and only held requests keep the struct */
    void (*on_drained)(void *user);
    void *drained_user;
    char read_buf[READ_BYTES];
};

/* server.c */
uint64_t server_now_ms(const struct http_server *s);
void server_conn_gone(struct http_server *s);
void server_bury(struct http_server *s); /* now, or when nothing is held any more */

/* conn.c */
void conn_new(struct http_server *s, int fd, const char *peer); /* fd taken */
void conn_close(struct conn *c);   /* on_cancel for an open request; the struct outlives the turn */
void conn_expired(struct conn *c); /* its deadline has passed */
void conn_answered(struct conn *c); /* the whole answer is with the kernel */
void conn_watch(struct conn *c);    /* tell the loop what this state waits for */

/* body.c: after each, the state tells whether the body was refused. */
void body_begin(struct conn *c, bool expect_continue); /* its head was let pass: may it come? */
void body_add(struct conn *c, struct str data);
void body_whole(struct conn *c); /* request.body is there now */
bool body_is_late(const struct conn *c);
void body_drop(struct req *r);

/* reply.c */
struct answer {
    int status;
    struct str type, extra, body;
    struct buf *taken; /* the buffer body lies in, or NULL */
    int64_t length;    /* of the body, also of one that is not here; -1: not known */
    bool head_only;    /* asked with HEAD */
    bool http10;
};
bool status_has_no_body(int status);
/* Into server->answer. */
void conn_build_head(struct conn *c, const struct answer *a);
/* Send the pieces, or queue them; 0 or -errno: the client is gone. taken (may be NULL): the buffer
 * the last one lies in, given away. */
int conn_send(struct conn *c, const struct str *pieces, size_t n, struct buf *taken);
int conn_push(struct conn *c); /* send what is queued; 0 or -errno */
void conn_refuse(struct conn *c, int status, const char *why); /* answer by ourselves and close */
void conn_send_continue(struct conn *c);
bool conn_has_output(const struct conn *c);
size_t conn_queued(const struct conn *c);
void conn_flush(struct conn *c); /* send queued output; may close */

/* stream.c */
void stream_has_room(struct conn *c); /* some output went: tell the application, if it waits */

/* request.c */
struct req *req_new(struct conn *c, struct str in, const struct h1_head *h);
void req_release(struct req *r);
void req_pool_done(struct http_server *s);

/* deadline.c */
void deadlines_init(struct http_server *s);
void deadline_set(struct conn *c, enum deadline_kind kind); /* DL_NONE: nothing to wait for */

#endif
