/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tc3.c - is this request signed with TC3-HMAC-SHA256 by a key we know, now?
 *
 * The service in the credential is whatever the client made of the endpoint's name, so nobody looks
 * at it but the arithmetic. What has to be signed is what the cloud asks for: content type and host.
 * The host is tried as it was sent and without its port. The scheme has no nonce: within five minutes
 * the same request is the same request.
 */
#include <errno.h>

#include "auth/internal.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "http/server.h"

#define TOKEN     "x-tc-token"
#define TIMESTAMP "x-tc-timestamp"

enum auth_failure auth_tc_clock(int64_t date_ms, int64_t now_ms, struct err *e)
{
    int64_t ahead_ms = date_ms - now_ms;

    if (ahead_ms <= AUTH_TC_SKEW_MS && ahead_ms >= -AUTH_TC_SKEW_MS)
        return AUTH_OK;
    (void)err_set(e, ERR_CALLER, -ESTALE,
                  "the request's timestamp is %lld s %s the clock here, %d are allowed",
                  (long long)(ahead_ms < 0 ? -ahead_ms : ahead_ms) / 1000,
                  ahead_ms < 0 ? "behind" : "ahead of", AUTH_TC_SKEW_MS / 1000);
    return AUTH_STALE;
}

int auth_tc_seconds(struct str text, int64_t *ret_ms)
{
    int64_t s = 0;
    int r = str_i64(text, 0, INT64_MAX / 1000, &s);

    *ret_ms = s * 1000;
    return r;
}

/* The credential's day is the timestamp's, in UTC. */
static bool is_day(struct str date, int64_t date_ms)
{
    char text[CLOCK_TEXT];

    return str_eq(date, (struct str){clock_iso(date_ms, text), 10});
}

enum auth_failure auth_tc3_head(const struct keys *k, const struct http_request *r, int64_t now_ms,
                                struct auth_caller *ret, struct err *e)
{
    struct str authorization = auth_header(r, "authorization");
    struct sign_tc3 sign;
    enum auth_failure why;
    int64_t date_ms;

    if (!authorization.p)
        return auth_missing(e, "Authorization");
    if (!auth_header(r, TIMESTAMP).n)
        return auth_missing(e, "X-TC-Timestamp");
    if (sign_tc3_parse(authorization, &sign, e) < 0)
        return AUTH_MALFORMED;
    if (!sign_tc3_names(&sign, S("host")) || !sign_tc3_names(&sign, S("content-type")))
        return auth_fail(AUTH_MALFORMED, e, -EINVAL,
                         "SignedHeaders must name content-type and host");
    if (auth_tc_seconds(str_trim(auth_header(r, TIMESTAMP)), &date_ms) < 0)
        return auth_fail(AUTH_MALFORMED, e, -EINVAL, "X-TC-Timestamp is not a number of seconds");
    if (!is_day(sign.date, date_ms))
        return auth_fail(AUTH_MALFORMED, e, -EINVAL,
                         "the date of the credential is not that of X-TC-Timestamp in UTC");
    why = auth_admit(k, sign.access_key, auth_header(r, TOKEN), date_ms, now_ms, ret, e);
    return why == AUTH_OK ? auth_tc_clock(date_ms, now_ms, e) : why;
}

/* Without its port. A name in brackets has colons of its own. */
static struct str bare(struct str host)
{
    size_t n = host.n;

    while (n > 0 && host.p[n - 1] >= '0' && host.p[n - 1] <= '9')
        n--;
    return n > 0 && n < host.n && host.p[n - 1] == ':' ? (struct str){host.p, n - 1} : host;
}

static enum auth_failure try_secret(const struct sign_request *what, const struct sign_tc3 *sign,
                                    struct str timestamp, struct str host, struct str secret,
                                    struct err *e)
{
    const struct str hosts[] = {host, bare(host)};
    char want[65];

    for (size_t i = 0; i < (hosts[1].n == host.n ? 1 : 2); i++) {
        if (sign_tc3_expect(what, sign, timestamp, hosts[i], secret, want, e) < 0)
            return AUTH_MALFORMED;
        if (same_secret(str_of(want), sign->signature))
            return AUTH_OK;
    }
    return AUTH_MISMATCH;
}

static enum auth_failure check(const struct keys *k, const struct http_request *r,
                               const struct sign_tc3 *sign, const struct signer *signer,
                               struct err *e)
{
    struct sign_header list[H1_MAX_HEADERS];
    struct sign_request what = auth_to_sign(r, list);
    struct str timestamp = str_trim(auth_header(r, TIMESTAMP));
    enum auth_failure why = AUTH_MISMATCH;

    for (int i = 0; why == AUTH_MISMATCH && signer_secret(signer, i).n; i++)
        why = try_secret(&what, sign, timestamp, r->host, signer_secret(signer, i), e);
    if (why == AUTH_MISMATCH)
        return auth_mismatch(e);
    return why == AUTH_OK ? signer_proved(k, signer) : why;
}

enum auth_failure auth_tc3_body(const struct keys *k, const struct http_request *r, struct err *e)
{
    struct sign_tc3 sign;
    struct signer signer;
    enum auth_failure why;

    if (sign_tc3_parse(auth_header(r, "authorization"), &sign, e) < 0)
        return AUTH_MALFORMED;
    why = signer_find(k, sign.access_key, auth_header(r, TOKEN), INT64_MIN, &signer, e);
    if (why == AUTH_OK)
        why = check(k, r, &sign, &signer, e);
    signer_done(&signer);
    return why;
}
