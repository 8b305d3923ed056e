/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tc1.c - is this form signed with HmacSHA1 or HmacSHA256, Tencent Cloud's earlier scheme, by a key we
 * know, now?
 *
 * Everything stands in the form: who, when, how, and the signature. A form may name a field once; of two
 * the handler might read the one and we the other, so that is refused. A signature is good for one
 * request: what the client's Nonce is there for.
 */
#include <errno.h>

#include "auth/internal.h"
#include "auth/nonces.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/obj.h"
#include "base/uri.h"
#include "http/server.h"

enum { FIELD_MAX = 4096 };

struct form { /* the fields that tell who signs, decoded; each owned */
    struct buf secret_id, timestamp, nonce, signature, method, token;
};

static struct str text_of(const struct http_request *r)
{
    return str_eq(r->method, S("GET")) ? r->query : r->body;
}

static void form_done(struct form *f)
{
    buf_done(&f->secret_id);
    buf_done(&f->timestamp);
    buf_done(&f->nonce);
    buf_done(&f->signature);
    buf_done(&f->method);
    buf_done(&f->token);
}

static int read_field(struct str raw, struct buf *out)
{
    return out->n > 0 || uri_decode(raw, true, out) < 0 ? -EINVAL : 0;
}

/* False: one of them is there twice, malformed, or longer than any is. */
static bool form_read(const struct http_request *r, struct form *f)
{
    const struct {
        struct str name;
        struct buf *to;
    } wanted[] = {
            {S("SecretId"), &f->secret_id},
            {S("Timestamp"), &f->timestamp},
            {S("Nonce"), &f->nonce},
            {S("Signature"), &f->signature},
            {S("SignatureMethod"), &f->method},
            {S("Token"), &f->token},
    };
    struct str rest = text_of(r), name, value;
    bool good = true;

    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        buf_init(wanted[i].to, FIELD_MAX);
    while (good && uri_query_next(&rest, &name, &value))
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
            if (str_eq(name, wanted[i].name))
                good = good && read_field(value, wanted[i].to) == 0;
    return good;
}

static enum auth_failure check_form(const struct form *f, int64_t *ret_ms, struct err *e)
{
    const struct {
        const struct buf *field;
        const char *name;
    } needed[] = {
            {&f->secret_id, "SecretId"},
            {&f->signature, "Signature"},
            {&f->timestamp, "Timestamp"},
            {&f->nonce, "Nonce"},
    };

    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (needed[i].field->n == 0) {
            (void)err_set(e, ERR_CALLER, -EACCES, "The request is missing the parameter `%s`",
                          needed[i].name);
            return AUTH_MISSING;
        }
    if (auth_tc_seconds(buf_str(&f->timestamp), ret_ms) < 0)
        return auth_fail(AUTH_MALFORMED, e, -EINVAL, "Timestamp is not a number of seconds");
    if (f->method.n > 0 && !str_eq(buf_str(&f->method), S("HmacSHA1")) &&
        !str_eq(buf_str(&f->method), S("HmacSHA256")))
        return auth_fail(AUTH_MALFORMED, e, -EINVAL,
                         "SignatureMethod is neither HmacSHA1 nor HmacSHA256");
    return AUTH_OK;
}

enum auth_failure auth_tc1_form(const struct keys *k, const struct http_request *r, int64_t now_ms,
                                struct auth_caller *ret, struct err *e)
{
    cleanup_with(form_done) struct form f = {0};
    enum auth_failure why;
    int64_t date_ms;

    if (!form_read(r, &f))
        return auth_fail(AUTH_MALFORMED, e, -EINVAL,
                         "a field of the signature is malformed, or there twice");
    why = check_form(&f, &date_ms, e);
    if (why != AUTH_OK)
        return why;
    why = auth_admit(k, buf_str(&f.secret_id), buf_str(&f.token), date_ms, now_ms, ret, e);
    return why == AUTH_OK ? auth_tc_clock(date_ms, now_ms, e) : why;
}

/* Both spellings of names: see sign/tc1.c. */
static enum auth_failure try_secret(const struct http_request *r, const struct form *f,
                                    struct str secret, struct err *e)
{
    static const bool spellings[] = {false, true};
    bool use_sha256 = str_eq(buf_str(&f->method), S("HmacSHA256"));

    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        cleanup_with(buf_done) struct buf want;

        buf_init(&want, FIELD_MAX);
        if (sign_tc1_expect(r->method, r->host, text_of(r), use_sha256, spellings[i], secret, &want,
                            e) < 0)
            return AUTH_MALFORMED;
        if (same_secret(buf_str(&want), buf_str(&f->signature)))
            return AUTH_OK;
    }
    return AUTH_MISMATCH;
}

static enum auth_failure check(const struct keys *k, const struct http_request *r,
                               const struct form *f, const struct signer *signer, struct err *e)
{
    enum auth_failure why = AUTH_MISMATCH;

    for (int i = 0; why == AUTH_MISMATCH && signer_secret(signer, i).n; i++)
        why = try_secret(r, f, signer_secret(signer, i), e);
    if (why == AUTH_MISMATCH)
        return auth_mismatch(e);
    if (why != AUTH_OK)
        return why;
    if (!nonces_first(keys_nonces(k), buf_str(&f->secret_id), buf_str(&f->signature),
                      clock_wall_ms()))
        return auth_fail(AUTH_STALE, e, -EALREADY,
                         "Timestamp and Nonce were used by an earlier request");
    return signer_proved(k, signer);
}

enum auth_failure auth_tc1_body(const struct keys *k, const struct http_request *r, struct err *e)
{
    cleanup_with(form_done) struct form f = {0};
    struct signer signer;
    enum auth_failure why;

    if (!form_read(r, &f))
        return AUTH_MALFORMED;
    why = signer_find(k, buf_str(&f.secret_id), buf_str(&f.token), INT64_MIN, &signer, e);
    if (why == AUTH_OK)
        why = check(k, r, &f, &signer, e);
    signer_done(&signer);
    return why;
}
