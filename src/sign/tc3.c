/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tc3.c - TC3-HMAC-SHA256, the signature of Tencent Cloud's APIs, version 3.
 *
 *   canonical = METHOD \n path \n query as sent \n "name:value\n" of each signed header \n
 *               names;of;them \n hex SHA-256(body)
 *   string    = TC3-HMAC-SHA256 \n timestamp \n date/service/tc3_request \n hex SHA-256(canonical)
 *   key       = HMAC(HMAC(HMAC("TC3" secret, date), service), "tc3_request")
 *
 * Names and values are signed in lower case, the names in the order of SignedHeaders. Which host was
 * signed is the client's choice: Node leaves the port out, Python does not. A body is left out by
 * X-TC-Content-SHA256: UNSIGNED-PAYLOAD, which nobody can add later: then these very words are hashed.
 */
#include "sign/sign.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "sign/canon.h"

#define SCHEME   "TC3-HMAC-SHA256"
#define SCOPE    "tc3_request"
#define UNSIGNED "UNSIGNED-PAYLOAD"

static bool take_field(struct str *rest, struct str name, struct str *ret)
{
    struct str field = str_trim(str_cut(rest, ','));

    if (!str_starts(field, name))
        return false;
    *ret = str_from(field, name.n);
    return ret->n > 0;
}

/* "<key>/<date>/<service>/tc3_request" */
static bool take_credential(struct str credential, struct sign_tc3 *ret)
{
    struct str rest = credential;

    ret->access_key = str_cut(&rest, '/');
    ret->date = str_cut(&rest, '/');
    ret->service = str_cut(&rest, '/');
    return ret->access_key.n && ret->date.n && ret->service.n && str_eq(rest, S(SCOPE));
}

int sign_tc3_parse(struct str authorization, struct sign_tc3 *ret, struct err *e)
{
    struct str rest = str_trim(authorization), credential = STR_NONE;
    struct sign_tc3 found = {0};

    if (!str_starts(rest, S(SCHEME " ")))
        return err_set(e, ERR_CALLER, -EINVAL, "Authorization is not of the form '" SCHEME " ...'");
    rest = str_from(rest, sizeof(SCHEME));
    if (!take_field(&rest, S("Credential="), &credential) || !take_credential(credential, &found))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "Authorization has no Credential=<id>/<date>/<service>/" SCOPE);
    if (!take_field(&rest, S("SignedHeaders="), &found.signed_headers))
        return err_set(e, ERR_CALLER, -EINVAL, "Authorization has no SignedHeaders");
    if (!take_field(&rest, S("Signature="), &found.signature) || rest.p)
        return err_set(e, ERR_CALLER, -EINVAL, "Authorization does not end with a Signature");
    *ret = found;
    return 0;
}

bool sign_tc3_names(const struct sign_tc3 *how, struct str header)
{
    struct str rest = how->signed_headers;

    while (rest.p)
        if (str_ieq(str_cut(&rest, ';'), header))
            return true;
    return false;
}

static int add_headers(const struct sign_request *r, const struct sign_tc3 *how, struct str host,
                       struct buf *out, struct err *e)
{
    struct str rest = how->signed_headers;

    while (rest.p) {
        struct str name = str_cut(&rest, ';');
        struct str value = str_ieq(name, S("host")) ? host : canon_header(r, name);

        if (!value.p)
            return err_set(e, ERR_CALLER, -EINVAL, "signed header '%.*s' is missing",
                           (int)(name.n < 64 ? name.n : 64), name.p);
        canon_lower(name, out);
        buf_addc(out, ':');
        canon_lower(value, out);
        buf_addc(out, '\n');
    }
    return 0;
}

/* To be hashed: the request, as both sides see it. */
static int add_canonical(const struct sign_request *r, const struct sign_tc3 *how, struct str host,
                         struct buf *out, struct err *e)
{
    struct str given = canon_header(r, S("x-tc-content-sha256"));
    char hash[SHA256_HEX];

    buf_adds(out, r->method);
    buf_addc(out, '\n');
    buf_adds(out, r->path);
    buf_addc(out, '\n');
    buf_adds(out, r->query);
    buf_addc(out, '\n');
    if (add_headers(r, how, host, out, e) < 0)
        return -EINVAL;
    buf_addc(out, '\n');
    canon_lower(how->signed_headers, out);
    buf_addc(out, '\n');
    sha256_hex(str_eq(given, S(UNSIGNED)) ? S(UNSIGNED) : r->body, hash);
    buf_addz(out, hash);
    return 0;
}

/* The key of a day and service. */
static void derive(struct str secret_key, const struct sign_tc3 *how, uint8_t out[SHA256_LEN])
{
    cleanup_with(buf_done) struct buf first;
    uint8_t date[SHA256_LEN], service[SHA256_LEN];

    buf_init(&first, 4096);
    buf_addz(&first, "TC3");
    buf_adds(&first, secret_key);
    hmac_sha256(buf_str(&first), how->date, date);
    hmac_sha256((struct str){(const char *)date, sizeof(date)}, how->service, service);
    hmac_sha256((struct str){(const char *)service, sizeof(service)}, S(SCOPE), out);
    explicit_bzero(first.p, first.n);
}

int sign_tc3_expect(const struct sign_request *r, const struct sign_tc3 *how, struct str timestamp,
                    struct str host, struct str secret_key, char out[65], struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    uint8_t key[SHA256_LEN], mac[SHA256_LEN];
    char hash[SHA256_HEX];

    buf_init(&text, CANON_MAX);
    if (add_canonical(r, how, host, &text, e) < 0)
        return -EINVAL;
    if (!buf_ok(&text))
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the request is too large to be signed");
    sha256_hex(buf_str(&text), hash);

    buf_reset(&text);
    buf_addf(&text, SCHEME "\n%.*s\n%.*s/%.*s/" SCOPE "\n%s", STR_ARG(timestamp),
             STR_ARG(how->date), STR_ARG(how->service), hash);
    derive(secret_key, how, key);
    hmac_sha256((struct str){(const char *)key, sizeof(key)}, buf_str(&text), mac);
    explicit_bzero(key, sizeof(key));
    hex_encode(mac, sizeof(mac), out);
    return 0;
}
