/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticate_hmac.h - the key-pair signature of SCF's gateway: hmac id="...", algorithm="...",
 * headers="x-date source", signature="...". Pure. docs/compat/apig.md
 */
#ifndef EVOKE_GATEWAY_GUARD_AUTHENTICATE_HMAC_H
#define EVOKE_GATEWAY_GUARD_AUTHENTICATE_HMAC_H

#include <stdint.h>

#include "base/str.h"

struct buf;
struct err;
struct http_request;

enum {
    HMAC_SKEW_MS = 900 * 1000,
    HMAC_SIGNED_MAX = 64 << 10 /* bytes of the text that is signed */
};

struct hmac_claim { /* views into the header */
    struct str id, algorithm, headers, signature;
};
/* 0, or -EINVAL and e->msg is the gateway's own sentence (as in all of these). */
int hmac_parse(struct str authorization, struct hmac_claim *ret, struct err *e);
/* The headers that it names, each there once, with a date among them that is now: 0 and the text
 * that was signed; -EINVAL; -ESTALE: the date is too far off. */
int hmac_text(const struct hmac_claim *claim, const struct http_request *r, int64_t now_ms,
              struct buf *ret, struct err *e);
/* 0, or -EACCES: the signature is another one. Constant time in the signature. */
int hmac_verify(const struct hmac_claim *claim, struct str text, struct str secret, struct err *e);

#endif
