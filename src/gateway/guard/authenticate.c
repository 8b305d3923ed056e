/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticate.c - who calls? What the API asks for decides which file looks:
 *
 *   APP     app and its secret: authenticate_app.c
 *   SECRET  SCF's key pairs: authenticate_app.c, by authenticate_hmac.c
 *   IAM     the keys of this installation: here
 *   FC      the same keys, FC's signature: fc's own files
 *
 * IAM: signed like a call of the cloud's own API, by a key that may invoke and is good for the
 * group's account; or by the keys of a function's role, if that function has it still and is of the
 * same account.
 */
#include <errno.h>

#include "auth/auth.h"
#include "base/clock.h"
#include "base/err.h"
#include "catalog/catalog.h"
#include "fn/fn.h"
#include "gateway/call.h"
#include "gateway/guard/authenticate_app.h"
#include "gateway/guard/guard_parts.h"
#include "sign/sign.h"

static bool role_may(const struct gw_call *c, const struct auth_caller *by)
{
    const struct fn *own = catalog_find_path(c->guard->env.catalog, str_of(by->function));

    return own && own->role && str_eq(str_of(own->account), str_of(c->group->account));
}

static bool key_may(const struct gw_call *c, const struct auth_caller *by)
{
    return (by->scope & (KEY_INVOKE | KEY_ADMIN)) &&
           (!by->account[0] || str_eq(str_of(by->account), str_of(c->group->account))) &&
           (!by->dialect[0] ||
            str_eq(str_of(by->dialect), str_of(dialect_names[c->group->dialect])));
}

/* In the cloud's words where they are known; else ours. */
static enum gw_step refuse_iam(struct gw_call *c, enum auth_failure why, const struct err *e)
{
    switch (why) {
    case AUTH_MISSING:
        gw_fail(c, GW_IAM_MISSING, "%s", e->msg);
        break;
    case AUTH_UNKNOWN_KEY:
    case AUTH_MISMATCH:
        gw_fail(c, GW_IAM_FAILED, "verify aksk signature fail, %s", e->msg);
        break;
    case AUTH_STALE:
        gw_fail(c, GW_IAM_FAILED, "signature expired, %s", e->msg);
        break;
    case AUTH_OK:
    case AUTH_MALFORMED:
    case AUTH_BAD_TOKEN:
    case AUTH_EXPIRED:
        gw_fail(c, GW_IAM_FAILED, "%s", e->msg);
        break;
    }
    return GW_ENDED;
}

static enum gw_step check_iam(struct gw_call *c)
{
    struct auth_caller by;
    struct err e = {0};
    enum auth_failure why = auth_sdk_head(c->guard->env.keys, c->req, clock_wall_ms(), &by, &e);

    if (why == AUTH_OK)
        why = auth_sdk_body(c->guard->env.keys, c->req, &e);
    if (why != AUTH_OK)
        return refuse_iam(c, why, &e);
    if (by.function[0] ? !role_may(c, &by) : !key_may(c, &by)) {
        gw_fail(c, GW_NOT_ALLOWED, "this key may not call APIs of this account");
        return GW_ENDED;
    }
    c->user = str_of(arena_strdup(c->arena, str_of(by.access_key)));
    return GW_GO_ON;
}

enum gw_step gw_authenticate(struct gw_call *c)
{
    switch (c->api->auth) {
    case GW_AUTH_NONE:
    case GW_AUTH_AUTHORIZER:
        return GW_GO_ON;
    case GW_AUTH_APP:
    case GW_AUTH_SECRET:
        return gw_authenticate_app(c);
    case GW_AUTH_IAM:
        return check_iam(c);
    case GW_AUTH_FC:
        return gw_fc_authenticate(c);
    }
    gw_fail(c, GW_INTERNAL, NULL);
    return GW_ENDED;
}
