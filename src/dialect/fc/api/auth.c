/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.c - who is calling: the FC signature, in the cloud's order of complaints.
 *
 * First what is missing (400), then a key nobody has, a clock that is off, and last, with the whole
 * request at hand, the signature itself (all 403). The account is the header x-fc-account-id, which is
 * part of what is signed; the Python SDK sends none, because in the cloud the host names it: then it is
 * found as for the later version (fc3_account()). A key of this installation may act for any account named there, unless it
 * is one of a single account (api/permit.c).
 */
#include "auth/auth.h"
#include "api/api.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/obj.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/v3/v3.h"
#include "fn/key.h"
#include "sign/sign.h"

enum { ACCOUNT_MAX = 64 };

struct str fc_auth_account(const struct call *c)
{
    struct str account = c->req ? str_trim(http_header(c->req, S("x-fc-account-id"))) : STR_NONE;

    return account.n ? account : fc3_account(c);
}

void fc_auth_realm(struct call *c, struct api_realm *ret)
{
    ret->dialect = DIALECT_FC;
    ret->account = fc_auth_account(c);
}

static bool is_account(struct str s)
{
    if (s.n == 0 || s.n > ACCOUNT_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];

        if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
              ch == '-' || ch == '_'))
            return false;
    }
    return true;
}

static const char *missing_header(const struct http_request *r)
{
    if (http_header(r, S("Authorization")).n == 0)
        return "Authorization";
    if (http_header(r, S("Date")).n == 0 && http_header(r, S("x-fc-date")).n == 0)
        return "Date";
    return NULL;
}

/* Every way to fail has one answer. */
void fc_auth_refuse(struct call *c, enum auth_failure why, const struct err *e)
{
    struct sign_fc sign = {0};

    switch (why) {
    case AUTH_OK:
        break;
    case AUTH_MISSING:
    case AUTH_MALFORMED:
        call_fail(c, 400, "InvalidArgument", "%s", e->msg);
        break;
    case AUTH_UNKNOWN_KEY:
        (void)sign_fc_parse(http_header(c->req, S("Authorization")), &sign, NULL);
        call_fail(c, 403, "InvalidAccessKeyID", "invalid access key ID '%.*s'",
                  (int)(sign.access_key.n < 128 ? sign.access_key.n : 128),
                  sign.access_key.p ? sign.access_key.p : "");
        break;
    case AUTH_STALE:
    case AUTH_BAD_TOKEN:
    case AUTH_EXPIRED:
        call_fail(c, 403, "AccessDenied", "%s", e->msg);
        break;
    case AUTH_MISMATCH:
        call_fail(c, 403, "SignatureNotMatch",
                  "The request signature we calculated does not match the signature you provided. "
                  "Check your access key and signing method");
        break;
    }
}

bool fc_auth_admit(struct call *c)
{
    const char *missing = missing_header(c->req);
    enum auth_failure why;
    struct auth_caller caller;
    struct err e = {0};

    if (missing) {
        call_fail(c, 400, "MissingRequiredHeader", "required HTTP header %s was not specified",
                  missing);
        return false;
    }
    why = auth_fc_head(c->api->keys, c->req, clock_wall_ms(), &caller, &e);
    if (why != AUTH_OK) {
        fc_auth_refuse(c, why, &e);
        return false;
    }
    call_signed_by(c, &caller);
    if (!is_account(fc_auth_account(c))) {
        call_fail(c, 400, "InvalidArgument",
                  "X-Fc-Account-Id must have 1 to %d letters, digits, '-' or '_'", ACCOUNT_MAX);
        return false;
    }
    return true;
}
