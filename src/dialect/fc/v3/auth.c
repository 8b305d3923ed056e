/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.c - who is calling: ACS3-HMAC-SHA256, in the cloud's order of complaints, and for whom.
 *
 * The requests of this version name no account: in the cloud it is the key's. Here a key may act for
 * every account, so that the first of these counts:
 *   - the host, "<account>.<region>.fc...." as the cloud's invocation endpoint is called;
 *   - X-Fc-Account-Id of the earlier API, if it is among the headers that are signed;
 *   - the account of the function whose role signs, or of the key;
 *   - "local", as in evoke.yaml.
 */
#include "auth/auth.h"

#include <errno.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/err.h"
#include "dialect/fc/v3/v3.h"
#include "sign/sign.h"

enum { ACCOUNT_MAX = 64 };

#define ACCOUNT_HEADER "x-fc-account-id"

/* "<account>.<region>[-internal].fc.<anything>" */
static struct str account_of_host(struct str host)
{
    struct str account = str_cut(&host, '.'), region = str_cut(&host, '.');

    return region.n && str_starts(host, S("fc.")) ? account : STR_NONE;
}

static struct str account_of_role(const struct call *c)
{
    struct str path = c->by.role ? str_of(c->by.role) : STR_NONE;

    (void)str_cut(&path, '/');
    return str_cut(&path, '/');
}

struct str fc3_account(const struct call *c)
{
    struct str account = c->req ? account_of_host(c->req->host) : STR_NONE;

    if (!account.n && c->req)
        account = str_trim(http_header(c->req, S(ACCOUNT_HEADER)));
    if (!account.n && c->by.role)
        account = account_of_role(c);
    if (!account.n)
        account = str_of(c->by.account);
    return account.n ? account : S("local");
}

void fc3_realm(struct call *c, struct api_realm *ret)
{
    ret->dialect = DIALECT_FC;
    ret->account = fc3_account(c);
}

static bool is_account(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];

        if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
              ch == '-' || ch == '_'))
            return false;
    }
    return s.n > 0 && s.n <= ACCOUNT_MAX;
}

/* Every way to fail has one answer. */
void fc3_refuse(struct call *c, enum auth_failure why, const struct err *e)
{
    struct sign_acs3 sign = {0};

    switch (why) {
    case AUTH_OK:
        break;
    case AUTH_MISSING:
        call_fail(c, 400, "MissingRequiredHeader", "%s", e->msg);
        break;
    case AUTH_MALFORMED:
        call_fail(c, 400, "InvalidArgument", "%s", e->msg);
        break;
    case AUTH_UNKNOWN_KEY:
        (void)sign_acs3_parse(http_header(c->req, S("Authorization")), &sign, NULL);
        call_fail(c, 403, "InvalidAccessKeyID", "invalid access key ID '%.*s'",
                  (int)(sign.access_key.n < 128 ? sign.access_key.n : 128),
                  sign.access_key.p ? sign.access_key.p : "");
        break;
    case AUTH_STALE:
        call_fail(c, 403, e->code == -EALREADY ? "SignatureNonceUsed" : "AccessDenied", "%s",
                  e->msg);
        break;
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

/* What is not signed decides nothing. */
static bool account_is_signed(const struct call *c)
{
    struct sign_acs3 sign;

    return !http_header(c->req, S(ACCOUNT_HEADER)).p ||
           (sign_acs3_parse(http_header(c->req, S("Authorization")), &sign, NULL) == 0 &&
            sign_acs3_names(&sign, S(ACCOUNT_HEADER)));
}

bool fc3_admit(struct call *c)
{
    enum auth_failure why;
    struct auth_caller caller;
    struct err e = {0};

    why = auth_acs3_head(c->api->keys, c->req, clock_wall_ms(), &caller, &e);
    if (why != AUTH_OK) {
        fc3_refuse(c, why, &e);
        return false;
    }
    call_signed_by(c, &caller);
    if (!account_is_signed(c)) {
        call_fail(c, 400, "InvalidArgument",
                  "X-Fc-Account-Id counts only where SignedHeaders names it");
        return false;
    }
    if (!is_account(fc3_account(c))) {
        call_fail(c, 400, "InvalidArgument", "an account has 1 to %d letters, digits, '-' or '_'",
                  ACCOUNT_MAX);
        return false;
    }
    return true;
}
