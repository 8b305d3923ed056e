/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdk_hmac.c - SDK-HMAC-SHA256, the signature of Huawei Cloud's SDKs, and its derived form.
 *
 *   canonical = METHOD \n path/ \n sorted query \n "name:value\n" of each signed header \n
 *               names;of;them \n hex SHA-256 of the body
 *   signature = hex HMAC-SHA256(secret, "SDK-HMAC-SHA256\n" date "\n" hex SHA-256(canonical))
 *
 * The derived form, V11-HMAC-SHA256, has a line with its scope behind the date, and for a key the
 * hex text of HKDF-SHA256(secret, salt = access key, info = scope).
 *
 * The path is decoded first and encoded again, segment by segment: SDKs differ in what they escape
 * on the wire, and all of them sign the same fully escaped form, with a slash at the end. A value
 * of x-sdk-content-sha256 stands in place of the body's hash, whatever it says: whether it is true
 * of the body is a question for auth.c, not for the arithmetic.
 */
#include "sign/sign.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/uri.h"
#include "sign/canon.h"

#define SCHEME  "SDK-HMAC-SHA256"
#define DERIVED "V11-HMAC-SHA256"

enum { USUAL_CANONICAL = 1024 };

/* "Name=value" at the front of rest, up to a comma; blanks around are passed over. */
static bool take_field(struct str *rest, struct str name, struct str *ret)
{
    struct str field = str_trim(str_cut(rest, ','));

    if (!str_starts(field, name))
        return false;
    *ret = str_from(field, name.n);
    return ret->n > 0;
}

/* "Access=key", or "Credential=key/scope" where scope is three parts. */
static int take_key(struct str *rest, bool derived, struct sign_sdk *ret, struct err *e)
{
    struct str scope;

    if (!derived)
        return take_field(rest, S("Access="), &ret->access_key)
                       ? 0
                       : err_set(e, ERR_CALLER, -EINVAL, "Authorization has no Access");

    if (!take_field(rest, S("Credential="), &scope))
        return err_set(e, ERR_CALLER, -EINVAL, "Authorization has no Credential");
    ret->access_key = str_cut(&scope, '/');
    ret->scope = scope;
    if (ret->access_key.n == 0 || scope.n == 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "Credential is not of the form key/date/region/service");
    return 0;
}

int sign_sdk_parse(struct str authorization, struct sign_sdk *ret, struct err *e)
{
    struct str rest = str_trim(authorization);
    bool derived = str_starts(rest, S(DERIVED " "));
    struct sign_sdk found = {0};
    int r;

    if (!derived && !str_starts(rest, S(SCHEME " ")))
        return err_set(e, ERR_CALLER, -EINVAL, "Authorization is not of the form '" SCHEME " ...'");
    rest = str_from(rest, derived ? sizeof(DERIVED) : sizeof(SCHEME));

    r = take_key(&rest, derived, &found, e);
    if (r < 0)
        return r;
    if (!take_field(&rest, S("SignedHeaders="), &found.signed_headers))
        return err_set(e, ERR_CALLER, -EINVAL, "Authorization has no SignedHeaders");
    if (!take_field(&rest, S("Signature="), &found.signature) || rest.p)
        return err_set(e, ERR_CALLER, -EINVAL, "Authorization does not end with a Signature");
    if (!is_hex(found.signature, 64))
        return err_set(e, ERR_CALLER, -EINVAL, "Signature is not 64 lower-case hex digits");

    *ret = found;
    return 0;
}

static void add_path(const struct sign_request *r, struct buf *out)
{
    cleanup_with(buf_done) struct buf decoded;
    struct str path = r->path;

    buf_init(&decoded, CANON_MAX);
    if (str_has(path, '%') && uri_decode(path, false, &decoded) == 0)
        path = buf_str(&decoded);
    uri_encode(path, "/", out);
    if (!str_ends(path, S("/")))
        buf_addc(out, '/');
}

static void add_body_hash(const struct sign_request *r, struct buf *out)
{
    struct str given = canon_header(r, S("x-sdk-content-sha256"));
    char hash[SHA256_HEX];

    if (given.n) {
        buf_adds(out, given);
        return;
    }
    sha256_hex(r->body, hash);
    buf_addz(out, hash);
}

/* 0 and the canonical request in text. */
static int canonical(const struct sign_request *r, struct str signed_headers, struct buf *text,
                     struct err *e)
{
    int ret;

    for (size_t i = 0; i < r->method.n; i++)
        buf_addc(text, str_upper(r->method.p[i]));
    buf_addc(text, '\n');
    add_path(r, text);
    buf_addc(text, '\n');
    ret = canon_query(r, text);
    if (ret < 0)
        return err_set(e, ERR_LIMIT, ret, "the query has more than %d parts", CANON_PAIRS);
    buf_addc(text, '\n');
    ret = canon_headers(r, signed_headers, text, e);
    if (ret < 0)
        return ret;
    buf_addc(text, '\n');
    buf_adds(text, signed_headers);
    buf_addc(text, '\n');
    add_body_hash(r, text);
    return buf_ok(text) ? 0
                        : err_set(e, ERR_LIMIT, -EMSGSIZE, "the request is too large to be signed");
}

/* HKDF-SHA256 of 32 bytes is one block: HMAC(HMAC(salt, secret), info 0x01). RFC 5869. */
static void derive(struct str secret, struct str access_key, struct str scope, char out[65])
{
    cleanup_with(buf_done) struct buf info;
    uint8_t prk[SHA256_LEN], okm[SHA256_LEN];

    buf_init(&info, scope.n + 1);
    buf_adds(&info, scope);
    buf_addc(&info, '\x01');
    hmac_sha256(access_key, secret, prk);
    hmac_sha256((struct str){(const char *)prk, sizeof(prk)}, buf_str(&info), okm);
    hex_encode(okm, sizeof(okm), out);
}

int sign_sdk_expect(const struct sign_request *r, const struct sign_sdk *how, struct str date,
                    struct str secret_key, char out[65], struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    char hash[SHA256_HEX], derived[65];
    uint8_t mac[SHA256_LEN];
    int ret;

    buf_init(&text, CANON_MAX);
    (void)buf_room(&text, USUAL_CANONICAL); /* one allocation for most */
    ret = canonical(r, how->signed_headers, &text, e);
    if (ret < 0)
        return ret;

    sha256_hex(buf_str(&text), hash);
    buf_reset(&text);
    buf_addz(&text, how->scope.p ? DERIVED "\n" : SCHEME "\n");
    buf_adds(&text, date);
    buf_addc(&text, '\n');
    if (how->scope.p) {
        buf_adds(&text, how->scope);
        buf_addc(&text, '\n');
        derive(secret_key, how->access_key, how->scope, derived);
        secret_key = str_of(derived);
    }
    buf_addz(&text, hash);
    hmac_sha256(secret_key, buf_str(&text), mac);
    hex_encode(mac, sizeof(mac), out);
    explicit_bzero(derived, sizeof(derived));
    return 0;
}

int sign_sdk_compute(const struct sign_request *r, struct str signed_headers, struct str date,
                     struct str secret_key, char out[65], struct err *e)
{
    struct sign_sdk plain = {.signed_headers = signed_headers};

    return sign_sdk_expect(r, &plain, date, secret_key, out, e);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every header the request has, lower case, sorted: "host;x-sdk-date". */
static void name_headers(const struct sign_request *r, struct buf *out)
{
    char **names = xcalloc(r->nheaders + 1, sizeof(*names));

    for (uint32_t i = 0; i < r->nheaders; i++) {
        struct buf name;

        buf_init(&name, CANON_MAX);
        canon_lower(r->headers[i].name, &name);
        names[i] = buf_take(&name);
    }
    qsort(names, r->nheaders, sizeof(*names), by_name);
    for (uint32_t i = 0; i < r->nheaders; i++) {
        if (i == 0 || strcmp(names[i - 1], names[i]) != 0)
            buf_addf(out, "%s%s", i ? ";" : "", names[i]);
    }
    for (uint32_t i = 0; i < r->nheaders; i++)
        free(names[i]);
    free(names);
}

int sign_sdk_authorize(const struct sign_request *r, struct str access_key, struct str secret_key,
                       struct buf *out, struct err *e)
{
    cleanup_with(buf_done) struct buf names;
    struct str date = canon_header(r, S("x-sdk-date"));
    char signature[65];
    int ret;

    buf_init(&names, CANON_MAX);
    if (!date.p || !canon_header(r, S("host")).p)
        return err_set(e, ERR_CALLER, -EINVAL, "a request to sign needs host and x-sdk-date");
    name_headers(r, &names);
    ret = sign_sdk_compute(r, buf_str(&names), date, secret_key, signature, e);
    if (ret < 0)
        return ret;
    buf_addz(out, SCHEME " Access=");
    buf_adds(out, access_key);
    buf_addz(out, ", SignedHeaders=");
    buf_adds(out, buf_str(&names));
    buf_addf(out, ", Signature=%s", signature);
    return buf_ok(out) ? 0 : err_set(e, ERR_LIMIT, -EMSGSIZE, "no room for Authorization");
}
