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

#include "auth/internal.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/obj.h"
#include "base/uri.h"
#include "http/server.h"
#include "sign/role.h"
#include "sign/sign.h"

#define SDK_TOKEN "x-security-token"
#define FC_TOKEN  "x-fc-security-token"

enum { MAX_SIGNATURE = 64 };

struct str auth_header(const struct http_request *r, const char *name)
{
    return http_header(r, str_of(name));
}

enum auth_failure auth_fail(enum auth_failure why, struct err *e, int code, const char *text)
{
    (void)err_set(e, ERR_CALLER, code, "%s", text);
    return why;
}

enum auth_failure auth_missing(struct err *e, const char *name)
{
    (void)err_set(e, ERR_CALLER, -EACCES, "required HTTP header %s was not specified", name);
    return AUTH_MISSING;
}

/* Both clocks and who is ahead: whoever reads it knows which of the two to set. */
static enum auth_failure check_clock(int64_t date_ms, int64_t now_ms, struct err *e)
{
    int64_t ahead_ms = date_ms - now_ms;
    char theirs[CLOCK_TEXT], ours[CLOCK_TEXT];

    if (ahead_ms <= AUTH_SKEW_MS && ahead_ms >= -AUTH_SKEW_MS)
        return AUTH_OK;
    (void)err_set(e, ERR_CALLER, -ESTALE,
                  "the request says it is %s, the clock here says %s: the client is %lld s %s, "
                  "%d are allowed",
                  clock_iso(date_ms, theirs), clock_iso(now_ms, ours),
                  (long long)(ahead_ms < 0 ? -ahead_ms : ahead_ms) / 1000,
                  ahead_ms < 0 ? "behind" : "ahead", AUTH_SKEW_MS / 1000);
    return AUTH_STALE;
}

void signer_done(struct signer *s)
{
    key_wipe(&s->key);
    explicit_bzero(s->role_secret, sizeof(s->role_secret));
}

/* The secrets it may have been signed with: the n-th, or nothing. */
struct str signer_secret(const struct signer *s, int n)
{
    if (s->role_secret[0])
        return n == 0 ? str_of(s->role_secret) : STR_NONE;
    if (n == 0)
        return str_of(s->key.secret_key);
    return n == 1 && s->key.old_secret[0] ? str_of(s->key.old_secret) : STR_NONE;
}

static enum auth_failure find_role(const struct keys *k, struct str access, struct str token,
                                   int64_t now_ms, struct signer *ret, struct err *e)
{
    struct role_root root = keys_role_root(k);
    struct role_claim claim;
    int r = role_check(&root, access, token, now_ms, &claim);

    if (r == -EBADMSG && keys_old_role_root(k, clock_wall_ms(), &root))
        r = role_check(&root, access, token, now_ms, &claim);
    if (r == -EKEYEXPIRED)
        return auth_fail(AUTH_EXPIRED, e, r, "the security token has expired");
    if (r < 0)
        return auth_fail(AUTH_BAD_TOKEN, e, r, "the security token is not one of this access key");
    memcpy(ret->caller.function, claim.function, sizeof(ret->caller.function));
    memcpy(ret->role_secret, claim.secret_key, sizeof(ret->role_secret));
    explicit_bzero(&claim, sizeof(claim));
    return AUTH_OK;
}

static void describe(const struct key *key, struct auth_caller *ret)
{
    memcpy(ret->name, key->name, sizeof(ret->name));
    memcpy(ret->account, key->account, sizeof(ret->account));
    memcpy(ret->dialect, key->dialect, sizeof(ret->dialect));
    ret->scope = key->scope;
}

/* now_ms INT64_MIN: a role's keys may have expired (the head was looked at before). */
enum auth_failure signer_find(const struct keys *k, struct str access, struct str token,
                              int64_t now_ms, struct signer *ret, struct err *e)
{
    ret->role_secret[0] = ret->key.access_key[0] = '\0';
    ret->caller = (struct auth_caller){0};
    if (access.n < sizeof(ret->caller.access_key))
        memcpy(ret->caller.access_key, access.p ? access.p : "", access.n);
    if (keys_find(k, access, &ret->key) == 0) {
        if (ret->key.old_secret[0] && ret->key.ends_ms <= clock_wall_ms())
            explicit_bzero(ret->key.old_secret, sizeof(ret->key.old_secret));
        describe(&ret->key, &ret->caller);
        return AUTH_OK;
    }
    if (token.n)
        return find_role(k, access, token, now_ms, ret, e);
    (void)err_set(e, ERR_CALLER, -ENOENT, "unknown access key '%.*s'",
                  (int)(access.n < 128 ? access.n : 128), access.p ? access.p : "");
    return AUTH_UNKNOWN_KEY;
}

/* A key we know, a time that is now: all that a head can prove. */
enum auth_failure auth_admit(const struct keys *k, struct str access, struct str token,
                             int64_t date_ms, int64_t now_ms, struct auth_caller *ret,
                             struct err *e)
{
    struct signer signer;
    enum auth_failure why = signer_find(k, access, token, now_ms, &signer, e);

    if (why == AUTH_OK)
        why = check_clock(date_ms, now_ms, e);
    if (why == AUTH_OK)
        *ret = signer.caller;
    signer_done(&signer);
    return why;
}

/* The signature holds: the key was used. */
enum auth_failure signer_proved(const struct keys *k, const struct signer *s)
{
    if (!s->role_secret[0])
        keys_used(k, &s->key, clock_wall_ms());
    return AUTH_OK;
}

enum auth_failure auth_mismatch(struct err *e)
{
    return auth_fail(AUTH_MISMATCH, e, -EACCES,
                     "the signature does not match: secret key, or request changed on its way");
}

/* The request as the arithmetic sees it; list is the caller's room for H1_MAX_HEADERS. */
struct sign_request auth_to_sign(const struct http_request *r, struct sign_header *list)
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
    struct str authorization = auth_header(r, "authorization"), date = auth_header(r, "x-sdk-date");
    struct sign_sdk sign;
    int64_t date_ms;

    if (!authorization.p)
        return auth_missing(e, "Authorization");
    if (!date.p)
        return auth_missing(e, "X-Sdk-Date");
    if (sign_sdk_parse(authorization, &sign, e) < 0)
        return AUTH_MALFORMED;
    if (clock_parse_compact(date, &date_ms) < 0)
        return auth_fail(AUTH_MALFORMED, e, -EINVAL,
                         "X-Sdk-Date is not of the form 20261121T204758Z");

    return auth_admit(k, sign.access_key, auth_header(r, SDK_TOKEN), date_ms, now_ms, ret, e);
}

/* A hash that was named must be true. UNSIGNED-PAYLOAD says that the signer left the body out. */
static bool body_hash_holds(const struct http_request *r)
{
    struct str given = auth_header(r, "x-sdk-content-sha256");
    char hash[SHA256_HEX];

    if (!given.n || str_eq(given, S("UNSIGNED-PAYLOAD")))
        return true;
    sha256_hex(r->body, hash);
    return str_ieq(given, str_of(hash));
}

static bool sdk_matches(const struct http_request *r, const struct sign_sdk *sign,
                        struct sign_request *what, struct str body, struct str secret,
                        enum auth_failure *malformed, struct err *e)
{
    char want[65];

    what->body = body;
    if (sign_sdk_expect(what, sign, auth_header(r, "x-sdk-date"), secret, want, e) < 0) {
        *malformed = AUTH_MALFORMED;
        return false;
    }
    return same_secret(str_of(want), sign->signature);
}

/* With this secret? AUTH_MISMATCH, without words: perhaps with another one. */
static enum auth_failure try_sdk(const struct http_request *r, const struct sign_sdk *sign,
                                 struct sign_request *what, struct str secret, struct err *e)
{
    enum auth_failure malformed = AUTH_OK;

    if (sdk_matches(r, sign, what, r->body, secret, &malformed, e) ||
        (r->body.n == 0 && sdk_matches(r, sign, what, S("{}"), secret, &malformed, e)))
        return AUTH_OK;
    return malformed == AUTH_OK ? AUTH_MISMATCH : malformed;
}

static enum auth_failure check_sdk(const struct keys *k, const struct http_request *r,
                                   const struct sign_sdk *sign, const struct signer *signer,
                                   struct err *e)
{
    struct sign_header list[H1_MAX_HEADERS];
    struct sign_request what = auth_to_sign(r, list);

    if (!body_hash_holds(r))
        return auth_fail(AUTH_MISMATCH, e, -EACCES,
                         "X-Sdk-Content-Sha256 is not the hash of the body");
    for (int i = 0; signer_secret(signer, i).n; i++) {
        enum auth_failure why = try_sdk(r, sign, &what, signer_secret(signer, i), e);

        if (why == AUTH_OK)
            return signer_proved(k, signer);
        if (why != AUTH_MISMATCH)
            return why;
    }
    return auth_mismatch(e);
}

enum auth_failure auth_sdk_holds(const struct http_request *r, struct str secret, struct err *e)
{
    struct sign_header list[H1_MAX_HEADERS];
    struct sign_request what = auth_to_sign(r, list);
    struct sign_sdk sign;
    enum auth_failure why;

    if (!auth_header(r, "x-sdk-date").p)
        return auth_missing(e, "X-Sdk-Date");
    if (sign_sdk_parse(auth_header(r, "authorization"), &sign, e) < 0)
        return AUTH_MALFORMED;
    if (!body_hash_holds(r))
        return auth_fail(AUTH_MISMATCH, e, -EACCES,
                         "X-Sdk-Content-Sha256 is not the hash of the body");
    why = try_sdk(r, &sign, &what, secret, e);
    return why == AUTH_MISMATCH ? auth_mismatch(e) : why;
}

enum auth_failure auth_sdk_body(const struct keys *k, const struct http_request *r, struct err *e)
{
    struct sign_sdk sign;
    struct signer signer;
    enum auth_failure why;

    if (sign_sdk_parse(auth_header(r, "authorization"), &sign, e) < 0)
        return AUTH_MALFORMED;
    why = signer_find(k, sign.access_key, auth_header(r, SDK_TOKEN), INT64_MIN, &signer, e);
    if (why == AUTH_OK)
        why = check_sdk(k, r, &sign, &signer, e);
    signer_done(&signer);
    return why;
}

enum auth_failure auth_fc_head(const struct keys *k, const struct http_request *r, int64_t now_ms,
                               struct auth_caller *ret, struct err *e)
{
    struct str authorization = auth_header(r, "authorization"), date = auth_header(r, "x-fc-date");
    struct sign_fc sign;
    int64_t date_ms;

    if (!date.n)
        date = auth_header(r, "date");
    if (!authorization.p)
        return auth_missing(e, "Authorization");
    if (!date.p)
        return auth_missing(e, "Date");
    if (sign_fc_parse(authorization, &sign, e) < 0)
        return AUTH_MALFORMED;
    if (clock_parse_http(date, &date_ms) < 0)
        return auth_fail(AUTH_MALFORMED, e, -EINVAL,
                         "Date is not of the form 'Sat, 21 Nov 2026 20:50:18 GMT'");

    return auth_admit(k, sign.access_key, auth_header(r, FC_TOKEN), date_ms, now_ms, ret, e);
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
bool auth_has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

/* with_query: else by the path. */
static enum auth_failure check_fc(const struct keys *k, const struct sign_request *what,
                                  bool with_query, struct str signature,
                                  const struct signer *signer, struct err *e)
{
    cleanup_with(buf_done) struct buf decoded;

    buf_init(&decoded, AUTH_PATH_MAX);
    if (uri_decode(what->path, false, &decoded) < 0 || auth_has_control(buf_str(&decoded)))
        return auth_fail(AUTH_MALFORMED, e, -EINVAL, "the path has a broken or unprintable escape");

    /* The router goes by the decoded path, and so do we: "/v/pro%78y/" is a proxy path as well. */
    with_query = with_query || is_proxy(buf_str(&decoded));
    for (int i = 0; signer_secret(signer, i).n; i++)
        if (fc_matches(what, buf_str(&decoded), with_query, signer_secret(signer, i), signature) ||
            fc_matches(what, what->path, with_query, signer_secret(signer, i), signature))
            return signer_proved(k, signer);
    return auth_mismatch(e);
}

static enum auth_failure fc_body(const struct keys *k, const struct http_request *r,
                                 bool with_query, struct err *e)
{
    struct sign_header list[H1_MAX_HEADERS];
    struct sign_request what = auth_to_sign(r, list);
    struct sign_fc sign;
    struct signer signer;
    enum auth_failure why;

    if (sign_fc_parse(auth_header(r, "authorization"), &sign, e) < 0)
        return AUTH_MALFORMED;
    why = signer_find(k, sign.access_key, auth_header(r, FC_TOKEN), INT64_MIN, &signer, e);
    if (why == AUTH_OK)
        why = check_fc(k, &what, with_query, sign.signature, &signer, e);
    signer_done(&signer);
    return why;
}

enum auth_failure auth_fc_body(const struct keys *k, const struct http_request *r, struct err *e)
{
    return fc_body(k, r, false, e);
}

enum auth_failure auth_fc_trigger(const struct keys *k, const struct http_request *r,
                                  int64_t now_ms, struct auth_caller *ret, struct err *e)
{
    enum auth_failure why = auth_fc_head(k, r, now_ms, ret, e);

    return why == AUTH_OK ? fc_body(k, r, true, e) : why;
}

/* ---- FC, signed URLs ---- */

struct fc_url {
    struct buf access, expires, token, signature; /* decoded */
    struct buf rest;                              /* the query without the signature, raw */
};

static void fc_url_init(struct fc_url *u)
{
    struct buf *all[] = {&u->access, &u->expires, &u->token, &u->signature, &u->rest};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_init(all[i], AUTH_PATH_MAX);
}

static void fc_url_done(struct fc_url *u)
{
    struct buf *all[] = {&u->access, &u->expires, &u->token, &u->signature, &u->rest};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_done(all[i]);
}

static void fc_url_read(struct str query, struct fc_url *u)
{
    const struct {
        struct str name;
        struct buf *to;
    } parts[] = {{S("x-fc-access-key-id"), &u->access},
                 {S("x-fc-expires"), &u->expires},
                 {S("x-fc-security-token"), &u->token},
                 {S("x-fc-signature"), &u->signature}};
    struct str name, value;

    while (uri_query_next(&query, &name, &value)) {
        for (size_t i = 0; i < ARRAY_LEN(parts); i++)
            if (str_eq(name, parts[i].name) && parts[i].to->n == 0)
                (void)uri_decode(value, true, parts[i].to);
        if (str_eq(name, S("x-fc-signature")))
            continue;
        if (u->rest.n > 0)
            buf_addc(&u->rest, '&');
        buf_adds(&u->rest, name);
        if (value.p) {
            buf_addc(&u->rest, '=');
            buf_adds(&u->rest, value);
        }
    }
}

static enum auth_failure fc_url_check(const struct keys *k, const struct http_request *r,
                                      const struct fc_url *u, int64_t now_ms,
                                      struct auth_caller *ret, struct err *e)
{
    struct sign_header date = {S("Date"), buf_str(&u->expires)};
    struct sign_request what = {.method = r->method,
                                .path = r->path,
                                .query = buf_str(&u->rest),
                                .headers = &date,
                                .nheaders = 1};
    struct signer signer;
    enum auth_failure why;
    uint64_t expires;

    if (str_u64(buf_str(&u->expires), 0, INT64_MAX / 1000, &expires) < 0)
        return auth_fail(AUTH_MALFORMED, e, -EINVAL, "x-fc-expires is no Unix time in seconds");
    if (now_ms > (int64_t)expires * 1000)
        return auth_fail(AUTH_STALE, e, -ESTALE, "the signed URL has expired");
    why = signer_find(k, buf_str(&u->access), buf_str(&u->token), now_ms, &signer, e);
    if (why == AUTH_OK)
        why = check_fc(k, &what, true, buf_str(&u->signature), &signer, e);
    if (why == AUTH_OK)
        *ret = signer.caller;
    signer_done(&signer);
    return why;
}

enum auth_failure auth_fc_url(const struct keys *k, const struct http_request *r, int64_t now_ms,
                              struct auth_caller *ret, struct err *e)
{
    enum auth_failure why = AUTH_MISSING;
    struct fc_url u;

    fc_url_init(&u);
    fc_url_read(r->query, &u);
    if (u.signature.n > 0)
        why = fc_url_check(k, r, &u, now_ms, ret, e);
    fc_url_done(&u);
    return why;
}

bool auth_basic(const struct keys *k, const struct http_request *r, enum key_scope scope,
                int64_t now_ms)
{
    struct str rest = auth_header(r, "authorization"), scheme = str_cut(&rest, ' '), access;
    struct buf text;
    struct key key;
    bool holds = false;

    buf_init(&text, KEY_ACCESS + KEY_SECRET);
    if (str_ieq(scheme, S("Basic")) && rest.n && rest.n <= 2ul * (KEY_ACCESS + KEY_SECRET) &&
        base64_decode(str_trim(rest), &text) == 0) {
        rest = buf_str(&text);
        access = str_cut(&rest, ':');
        if (rest.n && keys_find(k, access, &key) == 0) {
            holds = same_secret(str_of(key.secret_key), rest) ||
                    (key.old_secret[0] && now_ms < key.ends_ms &&
                     same_secret(str_of(key.old_secret), rest));
            holds = holds && (key.scope & (scope | KEY_ADMIN)) && !key.account[0];
            if (holds)
                keys_used(k, &key, now_ms);
            key_wipe(&key);
        }
        explicit_bzero(text.p, text.n);
    }
    buf_done(&text);
    return holds;
}
