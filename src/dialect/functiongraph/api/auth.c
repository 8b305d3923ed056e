/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - who may call: SDK-HMAC-SHA256 or a token, refused in the words of the cloud's front door. */
#include "auth/auth.h"

#include "base/clock.h"
#include "dialect/functiongraph/api/fg.h"

void fg_refuse_auth(struct call *c, enum auth_failure why, const struct err *e)
{
    call_fail(c, 401, "APIGW.0301", "Incorrect IAM authentication information: %s%s",
              why == AUTH_MISMATCH ? "verify aksk signature fail, " : "", e->msg);
}

bool fg_admit(struct call *c)
{
    struct err e = {0};
    struct auth_caller caller;
    enum auth_failure why;

    why = auth_iam_head(c->api->keys, c->req, clock_wall_ms(), &caller, &e);
    if (why == AUTH_OK)
        call_signed_by(c, &caller);
    else
        fg_refuse_auth(c, why, &e);
    return why == AUTH_OK;
}

/* Every path of this API begins with the project. */
void fg_realm(struct call *c, struct api_realm *ret)
{
    ret->dialect = DIALECT_FUNCTIONGRAPH;
    ret->account = c->captures[0];
}
