/* SPDX-License-Identifier: Apache-2.0 */
/* pump.h - bytes both ways between two connections, one of which may be TLS. */
#ifndef EVOKE_PROXY_PUMP_H
#define EVOKE_PROXY_PUMP_H

#include <openssl/ssl.h>
#include <sys/types.h>

#include "http/h1.h"

struct end {  /* one connection; borrowed */
    int fd;   /* non-blocking */
    SSL *tls; /* NULL: plain */
};

/* Of what a client sends, the rest of one request's body. */
struct body {
    enum h1_body_kind kind;
    uint64_t left; /* LENGTH */
    struct h1_chunks chunks;
};

/* How many of these bytes, which come next, are the body's; -EBADMSG: a malformed chunk. */
ssize_t pump_body(struct body *b, struct str bytes);

/*
 * Until both have ended, or neither has sent anything for idle_ms. What one side ends is ended on
 * the other. body: only so much goes from client to server, and the server's end is the end of all;
 * NULL: everything. 0, or negative errno: -ETIMEDOUT, -EBADMSG (a malformed chunk, TLS).
 */
int pump(struct end client, struct end server, struct body *body, int idle_ms);

/* The TLS handshake as server. 0 or negative errno; -ETIMEDOUT after patience_ms. */
int pump_accept(struct end client, int patience_ms);

#endif
