/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acs3.c - is this request signed with ACS3-HMAC-SHA256 by a key we know, now?
 *
 * What the signer has to name among the signed headers is what decides what a request means: host,
 * x-acs-date, x-acs-content-sha256, x-acs-signature-nonce, and a token if there is one. The hash must be
 * that of the body we got. A nonce is good for one request: one that was proved before is refused, as long
 * as its date would be taken (nonces.h): AUTH_STALE with -EALREADY.
 *
 * Node signs the path with '+' and '*' escaped, Python as it is sent: both spellings are tried.
 */
#include <errno.h>

#include "auth/internal.h"
#include "auth/nonces.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/obj.h"
#include "http/server.h"

#define TOKEN "x-acs-security-token"

enum { NONCE_MAX = 256 };

static const char *const needed[] = {"x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"};

enum auth_failure auth_acs3_head(const struct keys *k, const struct http_request *r, int64_t now_ms,
                                 struct auth_caller *ret, struct err *e)
{
    struct str authorization = auth_header(r, "authorization");
    struct sign_acs3 sign;
    int64_t date_ms;

    if (!authorization.p)
        return auth_missing(e, "Authorization");
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!auth_header(r, needed[i]).n)
            return auth_missing(e, needed[i]);
    if (sign_acs3_parse(authorization, &sign, e) < 0)
        return AUTH_MALFORMED;
    if (clock_parse_iso(auth_header(r, "x-acs-date"), &date_ms) < 0)
        return auth_fail(AUTH_MALFORMED, e, -EINVAL,
                         "x-acs-date is not of the form 2026-11-21T20:51:35Z");
    if (auth_header(r, "x-acs-signature-nonce").n > NONCE_MAX)
        return auth_fail(AUTH_MALFORMED, e, -EINVAL,
                         "x-acs-signature-nonce has more than 256 characters");

    return auth_admit(k, sign.access_key, auth_header(r, TOKEN), date_ms, now_ms, ret, e);
}

/* Everything that must not change on the way is signed. */
static enum auth_failure check_names(const struct http_request *r, const struct sign_acs3 *sign,
                                     struct err *e)
{
    bool all = sign_acs3_names(sign, S("host"));

    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        all = all && sign_acs3_names(sign, str_of(needed[i]));
    if (auth_header(r, TOKEN).p)
        all = all && sign_acs3_names(sign, S(TOKEN));
    return all ? AUTH_OK
               : auth_fail(AUTH_MALFORMED, e, -EINVAL,
                           "SignedHeaders must name host and every x-acs- header of the request");
}

static bool body_hash_holds(const struct http_request *r)
{
    char hash[SHA256_HEX];

    sha256_hex(r->body, hash);
    return str_ieq(str_trim(auth_header(r, "x-acs-content-sha256")), str_of(hash));
}

static enum auth_failure try_secret(const struct sign_request *what, const struct sign_acs3 *sign,
                                    struct str secret, struct err *e)
{
    static const bool spellings[] = {false, true};
    char want[65];

    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        if (sign_acs3_expect(what, sign, spellings[i], secret, want, e) < 0)
            return AUTH_MALFORMED;
        if (same_secret(str_of(want), sign->signature))
            return AUTH_OK;
    }
    return AUTH_MISMATCH;
}

static enum auth_failure check(const struct keys *k, const struct http_request *r,
                               const struct sign_acs3 *sign, const struct signer *signer,
                               struct err *e)
{
    struct sign_header list[H1_MAX_HEADERS];
    struct sign_request what = auth_to_sign(r, list);
    enum auth_failure why = check_names(r, sign, e);

    if (why != AUTH_OK)
        return why;
    if (!body_hash_holds(r))
        return auth_fail(AUTH_MISMATCH, e, -EACCES,
                         "x-acs-content-sha256 is not the hash of the body");
    why = AUTH_MISMATCH;
    for (int i = 0; why == AUTH_MISMATCH && signer_secret(signer, i).n; i++)
        why = try_secret(&what, sign, signer_secret(signer, i), e);
    if (why == AUTH_MISMATCH)
        return auth_mismatch(e);
    if (why != AUTH_OK)
        return why;
    if (!nonces_first(keys_nonces(k), sign->access_key, auth_header(r, "x-acs-signature-nonce"),
                      clock_wall_ms()))
        return auth_fail(AUTH_STALE, e, -EALREADY,
                         "x-acs-signature-nonce was used by an earlier request");
    return signer_proved(k, signer);
}

enum auth_failure auth_acs3_body(const struct keys *k, const struct http_request *r, struct err *e)
{
    struct sign_acs3 sign;
    struct signer signer;
    enum auth_failure why;

    if (sign_acs3_parse(auth_header(r, "authorization"), &sign, e) < 0)
        return AUTH_MALFORMED;
    why = signer_find(k, sign.access_key, auth_header(r, TOKEN), INT64_MIN, &signer, e);
    if (why == AUTH_OK)
        why = check(k, r, &sign, &signer, e);
    signer_done(&signer);
    return why;
}
