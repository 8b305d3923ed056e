/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.h - HTTP requests to somebody else's server, on our loop (libcurl), for answers that are
 * handed on while they come.
 *
 * No proxy, no redirect, no decoding: what the server says is what is told. Addresses of metadata
 * services are refused. Connections are kept and used again, until nothing is asked for some seconds.
 */
#ifndef EVOKE_GATEWAY_BACKEND_FETCH_H
#define EVOKE_GATEWAY_BACKEND_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct fetch;   /* one request; ends with on_end or fetch_cancel() */
struct fetcher; /* opaque */
struct loop;

enum fetch_end {
    FETCH_WHOLE,
    FETCH_NO_CONNECTION, /* the server has seen nothing of it */
    FETCH_BROKEN,        /* the connection was lost, or what came is not HTTP */
    FETCH_TOO_LARGE,     /* the head of the answer */
    FETCH_CLOSED,        /* an address to which nothing is sent */
    FETCH_REFUSED,       /* on_head said so */
};

enum { FETCH_HEAD_MAX = 128 << 10 };

/* None of them may end or begin a fetch, but on_end, which comes once, last, from the loop. */
struct fetch_ops {
    /* The head of the answer is there. lines: "Name: value\n", as they came, trimmed. length -1: not
     * known. False: no more of it. */
    bool (*on_head)(void *user, int status, struct str lines, int64_t length);
    void (*on_data)(void *user, struct str bytes); /* borrowed */
    void (*on_end)(void *user, enum fetch_end end, const char *why);
};

struct fetch_spec { /* texts are copied, the body is borrowed until the end */
    const char *method, *url;
    const char *const *headers; /* "Name: value"; Host, Content-Length are made here */
    size_t nheaders;
    struct str body;
    bool has_body; /* also one of no bytes */
    uint32_t connect_ms;
};

struct fetcher *fetcher_new(struct loop *l);
struct fetcher *fetcher_free(struct fetcher *o); /* nothing is under way any more (asserted) */

/* NULL: no memory, or not a URL. Nothing is called before it returns. */
struct fetch *fetch_begin(struct fetcher *o, const struct fetch_spec *spec,
                          const struct fetch_ops *ops, void *user);
/* No on_data until fetch_go_on(), also from within one: what has come meanwhile waits, a few KiB in
 * our memory, the rest on the way. */
void fetch_pause(struct fetch *f);
void fetch_go_on(struct fetch *f); /* may call on_data before it returns */
void fetch_cancel(struct fetch *f);

#endif
