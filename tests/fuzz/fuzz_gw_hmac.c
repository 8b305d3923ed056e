/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_gw_hmac.c - the signature in a header, from somebody who has none: whatever it is, it is refused
 * with a sentence or comes apart into views of the header, and what was signed with another secret is not
 * let in.
 */
#include <errno.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/obj.h"
#include "fuzz.h"
#include "gateway/guard/authenticate_hmac.h"
#include "http/server.h"

enum { MAX_INPUT = 8 * 1024 };

static const int64_t now_ms = 1700000000000;

static bool within(struct str part, struct str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct h1_header headers[] = {
            {S("Host"), S("a")},        {S("X-Date"), S("Tue, 14 Nov 2023 22:13:20 GMT")},
            {S("Source"), S(" here ")}, {S("Twice"), S("1")},
            {S("twice"), S("2")},
    };
    const struct http_request r = {.headers = headers, .nheaders = ARRAY_LEN(headers)};
    struct str text = {(const char *)data, n};
    struct hmac_claim claim;
    struct err e = {0};
    struct buf told;
    int res;

    if (n > MAX_INPUT)
        return 0;
    res = hmac_parse(text, &claim, &e);
    holds(res == 0 || (res == -EINVAL && e.msg[0]));
    if (res < 0)
        return 0;
    holds(claim.id.n > 0 && claim.signature.n > 0);
    holds(within(claim.id, text) && within(claim.algorithm, text) && within(claim.headers, text) &&
          within(claim.signature, text));
    buf_init(&told, HMAC_SIGNED_MAX);
    res = hmac_text(&claim, &r, now_ms, &told, &e);
    holds(res == 0 || ((res == -EINVAL || res == -ESTALE) && e.msg[0]));
    if (res == 0) {
        holds(buf_ok(&told) && str_find(buf_str(&told), S("x-date: Tue")) >= 0);
        holds(hmac_verify(&claim, buf_str(&told), S("a secret that nobody signed with"), &e) < 0);
    }
    buf_done(&told);
    return 0;
}
