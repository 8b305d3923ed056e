/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticate_hmac.c - SCF's key-pair signature.
 *
 *   text      = "x-date: Mon, 19 Mar 2018 12:08:40 GMT\nsource: anyvalue"   the named headers, lower
 *               case, in the order of the list, one per line, no line feed at the end
 *   signature = base64 of HMAC-SHA1, -SHA256, -SHA384 or -SHA512 of that text
 *
 * Neither path nor body is signed; the date is all that keeps an old request from being sent again,
 * so one must be among the signed headers: x-date, or date. Sentences are the gateway's own
 * (scf.md 5.2).
 */
#include "gateway/guard/authenticate_hmac.h"

#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "http/server.h"

#define CANNOT "HMAC signature cannot be verified, "

enum { NAMES = 32, SIGNATURE_TEXT = 128 };

static int refuse(struct err *e, const char *sentence)
{
    return err_set(e, ERR_CALLER, -EINVAL, "%s", sentence);
}

/* name="value" at the front of rest, up to a comma. */
static bool take_field(struct str *rest, struct str *ret_name, struct str *ret_value)
{
    struct str field = str_trim(*rest), value;

    *ret_name = str_trim(str_cut(&field, '='));
    field = str_trim(field);
    if (!field.n || field.p[0] != '"')
        return false;
    value = str_from(field, 1);
    *ret_value = str_cut(&value, '"');
    if (!value.p) /* no closing quote */
        return false;
    value = str_trim(value);
    if (value.n && value.p[0] != ',')
        return false;
    *rest = value.n ? str_from(value, 1) : STR_NONE;
    return true;
}

int hmac_parse(struct str authorization, struct hmac_claim *ret, struct err *e)
{
    struct str rest = str_trim(authorization), scheme = str_cut(&rest, ' '), name, value;
    struct hmac_claim found = {0};

    if (!str_ieq(scheme, S("hmac")) || !rest.p)
        return refuse(e, "HMAC authorization format error.");
    while (rest.p) {
        if (!take_field(&rest, &name, &value))
            return refuse(e, "HMAC authorization format error.");
        if (str_eq(name, S("id")))
            found.id = value;
        else if (str_eq(name, S("algorithm")))
            found.algorithm = value;
        else if (str_eq(name, S("headers")))
            found.headers = value;
        else if (str_eq(name, S("signature")))
            found.signature = value;
        else
            return refuse(e, "HMAC authorization format error.");
    }
    if (!found.id.n || !found.signature.n)
        return refuse(e, "HMAC id or signature missing.");
    if (!str_trim(found.headers).n)
        return refuse(e, "HMAC authorization headers is invalidate.");
    *ret = found;
    return 0;
}

/* The only header of that name: 0, -ENOENT, -EEXIST: there are more. */
static int find_only(const struct http_request *r, struct str name, struct str *ret)
{
    int found = -ENOENT;

    for (uint32_t i = 0; i < r->nheaders; i++)
        if (str_ieq(r->headers[i].name, name)) {
            if (found == 0)
                return -EEXIST;
            *ret = r->headers[i].value;
            found = 0;
        }
    return found;
}

static int check_date(struct str name, struct str value, int64_t now_ms, struct err *e)
{
    int64_t date_ms, off;

    if (clock_parse_http(value, &date_ms) < 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       CANNOT "a valid %.*s header is required for HMAC Authentication.",
                       STR_ARG(name));
    off = date_ms > now_ms ? date_ms - now_ms : now_ms - date_ms;
    if (off > HMAC_SKEW_MS)
        return err_set(e, ERR_CALLER, -ESTALE,
                       CANNOT "the %.*s header is out of date for HMAC Authentication.",
                       STR_ARG(name));
    return 0;
}

static int add_line(const struct http_request *r, struct str name, bool *dated, int64_t now_ms,
                    struct buf *out, struct err *e)
{
    bool is_date = str_ieq(name, S("x-date")) || str_ieq(name, S("date"));
    struct str value = STR_NONE;
    int found = find_only(r, name, &value);
    int bad = 0;

    if (found == -EEXIST)
        return refuse(e, "HMAC do not support multiple HTTP header.");
    if (found < 0)
        return err_set(e, ERR_CALLER, -EINVAL, CANNOT "a valid %.*s header is required.",
                       (int)(name.n < 64 ? name.n : 64), name.p);
    if (is_date)
        bad = check_date(name, str_trim(value), now_ms, e);
    if (bad < 0)
        return bad;
    *dated = *dated || is_date;
    if (out->n)
        buf_addc(out, '\n');
    for (size_t i = 0; i < name.n; i++)
        buf_addc(out, str_lower(name.p[i]));
    buf_addz(out, ": ");
    buf_adds(out, str_trim(value));
    return 0;
}

int hmac_text(const struct hmac_claim *claim, const struct http_request *r, int64_t now_ms,
              struct buf *ret, struct err *e)
{
    struct str rest = str_trim(claim->headers), name;
    bool dated = false;
    int names = 0, bad;

    while (rest.p) {
        name = str_trim(str_cut(&rest, ' '));
        if (!name.n)
            continue;
        if (++names > NAMES)
            return refuse(e, "HMAC authorization headers is invalidate.");
        bad = add_line(r, name, &dated, now_ms, ret, e);
        if (bad < 0)
            return bad;
    }
    if (!dated)
        return refuse(e, CANNOT "a valid date or x-date header is required.");
    return buf_ok(ret) ? 0 : refuse(e, "HMAC authorization headers is invalidate.");
}

int hmac_verify(const struct hmac_claim *claim, struct str text, struct str secret, struct err *e)
{
    cleanup_with(buf_done) struct buf want;
    uint8_t mac[HMAC_MOST];
    size_t n = str_starts(claim->algorithm, S("hmac-"))
                       ? hmac_named(str_from(claim->algorithm, 5), secret, text, mac)
                       : 0;

    buf_init(&want, SIGNATURE_TEXT);
    if (n == 0)
        return err_set(e, ERR_CALLER, -EINVAL, "HMAC algorithm %.*s not supported.",
                       (int)(claim->algorithm.n < 64 ? claim->algorithm.n : 64),
                       claim->algorithm.p ? claim->algorithm.p : "");
    base64_encode((struct str){(const char *)mac, n}, &want);
    if (!same_secret(buf_str(&want), claim->signature))
        return err_set(e, ERR_CALLER, -EACCES, "HMAC signature does not match.");
    return 0;
}
