/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acs3.c - ACS3-HMAC-SHA256, the signature of Alibaba Cloud's newer APIs: Function Compute 2023-03-30
 * (3.0) and 2021-04-06.
 *
 *   canonical = METHOD \n path \n sorted query \n "name:value\n" of each signed header \n
 *               names;of;them \n x-acs-content-sha256
 *   signature = hex HMAC-SHA256(secret, "ACS3-HMAC-SHA256\n" hex SHA-256(canonical))
 *
 * The path is signed as it is sent, escapes and all, in one of two spellings: the Node client escapes
 * '+' and '*' in what it signs and leaves them alone on the wire. `escape` chooses. Whether the hash in
 * x-acs-content-sha256 is true of the body is a question for auth.c, not for the arithmetic.
 */
#include "sign/sign.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/uri.h"
#include "sign/canon.h"

#define SCHEME "ACS3-HMAC-SHA256"

static bool take_field(struct str *rest, struct str name, struct str *ret)
{
    struct str field = str_trim(str_cut(rest, ','));

    if (!str_starts(field, name))
        return false;
    *ret = str_from(field, name.n);
    return ret->n > 0;
}

int sign_acs3_parse(struct str authorization, struct sign_acs3 *ret, struct err *e)
{
    struct str rest = str_trim(authorization);
    struct sign_acs3 found = {0};

    if (!str_starts(rest, S(SCHEME " ")))
        return err_set(e, ERR_CALLER, -EINVAL, "Authorization is not of the form '" SCHEME " ...'");
    rest = str_from(rest, sizeof(SCHEME));
    if (!take_field(&rest, S("Credential="), &found.access_key))
        return err_set(e, ERR_CALLER, -EINVAL, "Authorization has no Credential");
    if (!take_field(&rest, S("SignedHeaders="), &found.signed_headers))
        return err_set(e, ERR_CALLER, -EINVAL, "Authorization has no SignedHeaders");
    if (!take_field(&rest, S("Signature="), &found.signature) || rest.p)
        return err_set(e, ERR_CALLER, -EINVAL, "Authorization does not end with a Signature");
    if (!is_hex(found.signature, 64))
        return err_set(e, ERR_CALLER, -EINVAL, "Signature is not 64 lower-case hex digits");

    *ret = found;
    return 0;
}

bool sign_acs3_names(const struct sign_acs3 *how, struct str header)
{
    struct str rest = how->signed_headers;

    while (rest.p)
        if (str_eq(str_cut(&rest, ';'), header))
            return true;
    return false;
}

static void add_path(struct str path, bool escape, struct buf *out)
{
    cleanup_with(buf_done) struct buf decoded;

    buf_init(&decoded, CANON_MAX);
    if (escape && uri_decode(path, false, &decoded) == 0)
        uri_encode(buf_str(&decoded), "/", out);
    else
        buf_adds(out, path);
}

int sign_acs3_expect(const struct sign_request *r, const struct sign_acs3 *how, bool escape,
                     struct str secret_key, char out[65], struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    char hash[SHA256_HEX];
    uint8_t mac[SHA256_LEN];
    int ret;

    buf_init(&text, CANON_MAX);
    buf_adds(&text, r->method);
    buf_addc(&text, '\n');
    add_path(r->path, escape, &text);
    buf_addc(&text, '\n');
    ret = canon_query(r, &text);
    if (ret < 0)
        return err_set(e, ERR_LIMIT, ret, "the query has more than %d parts", CANON_PAIRS);
    buf_addc(&text, '\n');
    ret = canon_headers(r, how->signed_headers, &text, e);
    if (ret < 0)
        return ret;
    buf_addc(&text, '\n');
    buf_adds(&text, how->signed_headers);
    buf_addc(&text, '\n');
    buf_adds(&text, canon_header(r, S("x-acs-content-sha256")));
    if (!buf_ok(&text))
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the request is too large to be signed");

    sha256_hex(buf_str(&text), hash);
    buf_reset(&text);
    buf_addz(&text, SCHEME "\n");
    buf_addz(&text, hash);
    hmac_sha256(secret_key, buf_str(&text), mac);
    hex_encode(mac, sizeof(mac), out);
    return 0;
}
