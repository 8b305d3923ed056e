/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1.h - the HTTP/1 grammar and nothing else: bytes in, slices out, no input or output of its own.
 * RFC 9112 and RFC 9110, on the strict side wherever servers disagree (request smuggling).
 */
#ifndef EVOKE_HTTP_H1_H
#define EVOKE_HTTP_H1_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { H1_MAX_HEADERS = 100 };

struct h1_limits {
    uint32_t line_bytes; /* request line, default 8 KiB -> 414 */
    uint32_t head_bytes; /* whole head, default 32 KiB -> 431 */
    uint32_t headers;    /* count, at most H1_MAX_HEADERS -> 431 */
};

struct h1_header {
    struct str name, value; /* value trimmed; both point into the input */
};

enum h1_body_kind { H1_BODY_NONE, H1_BODY_LENGTH, H1_BODY_CHUNKED };

struct h1_head {
    struct str method, target; /* target as sent: origin-form, absolute-form or "*" */
    struct str path, query;    /* raw; query without '?', p == NULL when there is none */
    struct str host;           /* of an absolute-form target, else of Host; "" only for HTTP/1.0 */
    int minor;                 /* HTTP/1.<minor>: 0 or 1 */
    bool keep_alive, expect_continue;
    enum h1_body_kind body;
    uint64_t content_length;
    uint32_t nheaders;
    struct h1_header headers[H1_MAX_HEADERS];
    size_t bytes; /* length of the head, blank line included */
};

/*
 * Parse a head at the start of `in`. Returns 1 when complete, 0 when more bytes are needed, or the
 * negative HTTP status of the refusal (-400, -414, -417, -431, -505); *ret_why (never NULL then) is
 * a sentence. The same input gives the same result however it was split.
 */
int h1_head(struct str in, const struct h1_limits *limits, struct h1_head *ret,
            const char **ret_why);

/* First header of that name (any case), or STR_NONE. */
struct str h1_header(const struct h1_head *h, struct str name);

struct h1_chunks { /* decoder state; zero it to start */
    uint8_t state;
    uint8_t digits;
    uint64_t left;
    uint32_t line_bytes; /* of the current size line or trailer line */
    uint32_t trailer_bytes;
};

/*
 * Eat encoded bytes from *in and hand out one run of data (ret_data borrowed from in, maybe empty).
 * Returns 1 at the end of the body (trailers checked and dropped), 0 to be called again (with the
 * rest of *in if it is not empty, else with new bytes), or -400 with *ret_why.
 */
int h1_chunk(struct h1_chunks *c, struct str *in, struct str *ret_data, const char **ret_why);

/* token of RFC 9110: header names, methods */
bool h1_is_token(struct str s);
/* allowed inside a header value: no control bytes but tab */
bool h1_is_value(struct str s);

#endif
