/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - who may call: SDK-HMAC-SHA256, refused in the words of the cloud's front door. */
#include "auth/auth.h"

#include "base/clock.h"
#include "dialect/functiongraph/api/fg.h"

static bool refuse(struct call *c, enum auth_failure why, const struct err *e)
{
    call_fail(c, 401, "APIGW.0301", "Incorrect IAM authentication information: %s%s",
              why == AUTH_MISMATCH ? "verify aksk signature fail, " : "", e->msg);
    return false;
}

/* The server would refuse a large body in general words; here we still know which limit it was. */
static bool body_fits(struct call *c)
{
    struct str length = http_header(c->req, S("content-length"));
    uint64_t n;

    if (!length.p || str_u64(length, 0, c->op->body_max, &n) == 0)
        return true;
    if (c->op->body_max == FG_CODE_BODY)
        call_fail(c, 413, "FSS.1071", "The code package is larger than %d MB",
                  FG_ZIP_MAX / (1024 * 1024));
    else
        call_fail(c, 413, "FSS.1201", "The request body is larger than %llu bytes",
                  (unsigned long long)c->op->body_max);
    return false;
}

bool fg_admit(struct call *c)
{
    struct err e = {0};
    struct key key;
    enum auth_failure why;

    why = auth_sdk_head(c->api->keys, c->req, clock_wall_ms(), &key, &e);
    if (why != AUTH_OK)
        return refuse(c, why, &e);
    return body_fits(c);
}

bool fg_verify(struct call *c)
{
    struct err e = {0};
    enum auth_failure why = auth_sdk_body(c->api->keys, c->req, &e);

    return why == AUTH_OK || refuse(c, why, &e);
}
