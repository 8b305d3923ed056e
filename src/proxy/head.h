/* SPDX-License-Identifier: Apache-2.0 */
/* head.h - what a client asks of a proxy: CONNECT, a whole URL, or nothing that a proxy does. Pure. */
#ifndef EVOKE_PROXY_HEAD_H
#define EVOKE_PROXY_HEAD_H

#include <stdint.h>

#include "base/buf.h"
#include "http/h1.h"

enum { PROXY_HEAD_MAX = 32 << 10, PROXY_HOST_MAX = 253 };

enum proxy_kind {
    PROXY_CONNECT, /* CONNECT host:port: bytes both ways */
    PROXY_FORWARD, /* POST http://host/path: one request */
    PROXY_SELF,    /* GET /path: somebody takes us for a web server */
};

struct proxy_request {
    enum proxy_kind kind;
    bool secure;         /* FORWARD of an https:// URL, as clients send that cannot CONNECT */
    struct str host;     /* borrowed from the input: a name or an address, no brackets */
    uint16_t port;       /* 1 to 65535 */
    struct h1_head head; /* FORWARD and SELF */
    size_t bytes;        /* of the head, blank line included */
};

/*
 * Parse a head at the start of `in`. Returns 1 when complete, 0 when more bytes are needed, or the
 * negative HTTP status of the refusal; *ret_why is a sentence. RFC 9110 section 9.3.6 (CONNECT),
 * RFC 9112 sections 3.2.2 and 3.2.3.
 */
int proxy_head(struct str in, struct proxy_request *ret, const char **ret_why);

/*
 * The head of a FORWARD as its server gets it: a path instead of the URL, the Host of the URL, the
 * fields that were for us left out, and Connection: close, because a proxy's next request may be
 * for somebody else (RFC 9110 section 7.6.1).
 */
void proxy_put_head(const struct proxy_request *r, struct buf *out);

#endif
