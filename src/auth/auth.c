/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.c - is this request signed by a key we know, now?
 *
 * The head half is cheap and runs before a body is taken in; it trusts nothing, because a head
 * alone cannot prove a signature. The body half recomputes it over everything and compares in
 * constant time. Each scheme has one thing that clients do differently, and then both ways are
 * tried: older Huawei SDKs sign `{}` where they send no body; FC SDKs sign the path decoded, or as
 * the caller wrote it.
 *
 * A key is one of the installation's, or belongs to the role of a function: that one comes with a
 * security token, from which its secret is derived again (sign/role.h).
 *
 * We check the headers that were signed and no fixed list, except that one thing is never left to
 * the signer: a hash in x-sdk-content-sha256 must be the hash of the body we got.
 */
#include "auth/auth.h"

#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/uri.h"
#include "http/server.h"
#include "sign/role.h"
#include "sign/sign.h"

#define SDK_TOKEN "x-security-token"
#define FC_TOKEN  "x-fc-security-token"

enum { MAX_PATH_BYTES = 64 * 1024, MAX_SIGNATURE = 64 };

static struct str header(const struct http_request *r, const char *name)
{
    return http_header(r, str_of(name));
}

static enum auth_failure fail(enum auth_failure why, struct err *e, int code, const char *text)
{
    (void)err_set(e, ERR_CALLER, code, "%s", text);
    return why;
}

static enum auth_failure missing(struct err *e, const char *name)
{
    (void)err_set(e, ERR_CALLER, -EACCES, "required HTTP header %s was not specified", name);
    return AUTH_MISSING;
}

static enum auth_failure check_clock(int64_t date_ms, int64_t now_ms, struct err *e)
{
    if (date_ms > now_ms + AUTH_SKEW_MS || date_ms < now_ms - AUTH_SKEW_MS)
        return fail(AUTH_STALE, e, -ESTALE,
                    "the time of the request differs from the time here by more than 15 minutes");
    return AUTH_OK;
}

/* Who signed, and with which secret. */
struct signer {
    struct auth_caller caller;
    char role_secret[ROLE_SECRET];
    struct str secret; /* borrowed from the keys, or the role's above */
};

static enum auth_failure find_role(const struct keys *k, struct str access, struct str token,
                                   int64_t now_ms, struct signer *ret, struct err *e)
{
    struct role_root root = keys_role_root(k);
    struct role_claim claim;
    int r = role_check(&root, access, token, now_ms, &claim);

    if (r == -EKEYEXPIRED)
        return fail(AUTH_EXPIRED, e, r, "the security token has expired");
    if (r < 0)
        return fail(AUTH_BAD_TOKEN, e, r, "the security token is not one of this access key");
    memcpy(ret->caller.function, claim.function, sizeof(ret->caller.function));
    memcpy(ret->role_secret, claim.secret_key, sizeof(ret->role_secret));
    ret->secret = str_of(ret->role_secret);
    return AUTH_OK;
}

/* now_ms INT64_MIN: a role's keys may have expired (the head was looked at before). */
static enum auth_failure find_key(const struct keys *k, struct str access, struct str token,
                                  int64_t now_ms, struct signer *ret, struct err *e)
{
    struct key key;

    *ret = (struct signer){0};
    if (keys_find(k, access, &key) == 0) {
        ret->secret = str_of(key.secret_key);
        return AUTH_OK;
    }
    if (token.n)
        return find_role(k, access, token, now_ms, ret, e);
    (void)err_set(e, ERR_CALLER, -ENOENT, "unknown access key '%.*s'",
                  (int)(access.n < 128 ? access.n : 128), access.p ? access.p : "");
    return AUTH_UNKNOWN_KEY;
}

/* A key we know, a time that is now: all that a head can prove. */
static enum auth_failure admit(const struct keys *k, struct str access, struct str token,
                               int64_t date_ms, int64_t now_ms, struct auth_caller *ret,
                               struct err *e)
{
    struct signer signer;
    enum auth_failure why = find_key(k, access, token, now_ms, &signer, e);

    if (why == AUTH_OK)
        why = check_clock(date_ms, now_ms, e);
    if (why == AUTH_OK)
        *ret = signer.caller;
    return why;
}

/* The request as the arithmetic sees it; list is the caller's room for H1_MAX_HEADERS. */
static struct sign_request to_sign(const struct http_request *r, struct sign_header *list)
{
    uint32_t n = r->nheaders < H1_MAX_HEADERS ? r->nheaders : H1_MAX_HEADERS;

    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct sign_header){r->headers[i].name, r->headers[i].value};
    return (struct sign_request){.method = r->method,
                                 .path = r->path,
                                 .query = r->query,
                                 .headers = list,
                                 .nheaders = n,
                                 .body = r->body};
}

enum auth_failure auth_sdk_head(const struct keys *k, const struct http_request *r, int64_t now_ms,
                                struct auth_caller *ret, struct err *e)
{
    struct str authorization = header(r, "authorization"), date = header(r, "x-sdk-date");
    struct sign_sdk sign;
    int64_t date_ms;

    if (!authorization.p)
        return missing(e, "Authorization");
    if (!date.p)
        return missing(e, "X-Sdk-Date");
    if (sign_sdk_parse(authorization, &sign, e) < 0)
        return AUTH_MALFORMED;
    if (clock_parse_compact(date, &date_ms) < 0)
        return fail(AUTH_MALFORMED, e, -EINVAL, "X-Sdk-Date is not of the form 20261121T204758Z");

    return admit(k, sign.access_key, header(r, SDK_TOKEN), date_ms, now_ms, ret, e);
}

/* A hash that was named must be true. UNSIGNED-PAYLOAD says that the signer left the body out. */
static bool body_hash_holds(const struct http_request *r)
{
    struct str given = header(r, "x-sdk-content-sha256");
    char hash[SHA256_HEX];

    if (!given.n || str_eq(given, S("UNSIGNED-PAYLOAD")))
        return true;
    sha256_hex(r->body, hash);
    return str_ieq(given, str_of(hash));
}

enum auth_failure auth_sdk_body(const struct keys *k, const struct http_request *r, struct err *e)
{
    struct sign_header list[H1_MAX_HEADERS];
    struct sign_request what = to_sign(r, list);
    struct sign_sdk sign;
    struct signer signer;
    enum auth_failure why;
    char want[65];
    bool same;

    if (sign_sdk_parse(header(r, "authorization"), &sign, e) < 0)
        return AUTH_MALFORMED;
    why = find_key(k, sign.access_key, header(r, SDK_TOKEN), INT64_MIN, &signer, e);
    if (why != AUTH_OK)
        return why;
    if (!body_hash_holds(r))
        return fail(AUTH_MISMATCH, e, -EACCES, "X-Sdk-Content-Sha256 is not the hash of the body");

    if (sign_sdk_expect(&what, &sign, header(r, "x-sdk-date"), signer.secret, want, e) < 0)
        return AUTH_MALFORMED;
    same = same_secret(str_of(want), sign.signature);
    if (!same && r->body.n == 0) {
        what.body = S("{}");
        same = sign_sdk_expect(&what, &sign, header(r, "x-sdk-date"), signer.secret, want, e) ==
                       0 &&
               same_secret(str_of(want), sign.signature);
    }
    return same ? AUTH_OK
                : fail(AUTH_MISMATCH, e, -EACCES,
                       "the signature does not match: secret key, or request changed on its way");
}

enum auth_failure auth_fc_head(const struct keys *k, const struct http_request *r, int64_t now_ms,
                               struct auth_caller *ret, struct err *e)
{
    struct str authorization = header(r, "authorization"), date = header(r, "x-fc-date");
    struct sign_fc sign;
    int64_t date_ms;

    if (!date.n)
        date = header(r, "date");
    if (!authorization.p)
        return missing(e, "Authorization");
    if (!date.p)
        return missing(e, "Date");
    if (sign_fc_parse(authorization, &sign, e) < 0)
        return AUTH_MALFORMED;
    if (clock_parse_http(date, &date_ms) < 0)
        return fail(AUTH_MALFORMED, e, -EINVAL,
                    "Date is not of the form 'Sat, 21 Nov 2026 20:50:18 GMT'");

    return admit(k, sign.access_key, header(r, FC_TOKEN), date_ms, now_ms, ret, e);
}

static bool fc_matches(const struct sign_request *what, struct str path, bool with_query,
                       struct str secret, struct str signature)
{
    struct buf want;
    bool same;

    buf_init(&want, MAX_SIGNATURE);
    same = sign_fc_compute(what, path, with_query, secret, &want, NULL) == 0 &&
           same_secret(buf_str(&want), signature);
    buf_done(&want);
    return same;
}

/* "/<version>/proxy/...": an HTTP trigger, whose query is signed too. */
static bool is_proxy(struct str path)
{
    struct str rest = path, root = str_cut(&rest, '/'), version = str_cut(&rest, '/');

    return root.n == 0 && version.n && rest.p && str_starts(rest, S("proxy/"));
}

/* In the text that is signed a line feed separates path and query: with one in the path, what was
 * signed as a query could be sent as a path. */
static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

enum auth_failure auth_fc_body(const struct keys *k, const struct http_request *r, struct err *e)
{
    struct sign_header list[H1_MAX_HEADERS];
    struct sign_request what = to_sign(r, list);
    cleanup_with(buf_done) struct buf decoded;
    struct sign_fc sign;
    struct signer signer;
    enum auth_failure why;
    bool proxy, same;

    buf_init(&decoded, MAX_PATH_BYTES);

    if (sign_fc_parse(header(r, "authorization"), &sign, e) < 0)
        return AUTH_MALFORMED;
    why = find_key(k, sign.access_key, header(r, FC_TOKEN), INT64_MIN, &signer, e);
    if (why != AUTH_OK)
        return why;

    if (uri_decode(r->path, false, &decoded) < 0 || has_control(buf_str(&decoded)))
        return fail(AUTH_MALFORMED, e, -EINVAL, "the path has a broken or unprintable escape");

    /* The router goes by the decoded path, and so do we: "/v/pro%78y/" is a proxy path as well. */
    proxy = is_proxy(buf_str(&decoded));
    same = fc_matches(&what, buf_str(&decoded), proxy, signer.secret, sign.signature) ||
           fc_matches(&what, r->path, proxy, signer.secret, sign.signature);
    return same ? AUTH_OK
                : fail(AUTH_MISMATCH, e, -EACCES,
                       "the signature does not match: secret key, or request changed on its way");
}
