/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fc_auth.c - HTTP triggers with authType function: FC's signature over path and query, in the header
 * Authorization or, for links, in the query itself; or ACS3-HMAC-SHA256, as the API of 3.0 has it. The
 * key must be one that may invoke, or that of a role of the same account.
 */
#include "auth/auth.h"
#include "base/clock.h"
#include "base/err.h"
#include "catalog/catalog.h"
#include "fn/fn.h"
#include "gateway/fc/fc.h"
#include "gateway/internal.h"
#include "sign/sign.h"

enum { SHOWN = 128 };

/* Unlike FC's, this signature covers the body. */
static bool is_acs3(const struct gw_call *c)
{
    return str_starts(gw_header(c, S("authorization")), S("ACS3-HMAC-SHA256 "));
}

/* As the request names it: in its signed URL, else in its header. */
static struct str named_key(const struct gw_call *c, bool by_url)
{
    struct sign_acs3 acs3;
    struct sign_fc sign;

    for (size_t i = 0; by_url && i < c->nquery; i++)
        if (str_eq(c->query[i].name, S("x-fc-access-key-id")))
            return c->query[i].value;
    if (!by_url && is_acs3(c))
        return sign_acs3_parse(gw_header(c, S("authorization")), &acs3, NULL) < 0 ? S("")
                                                                                  : acs3.access_key;
    if (by_url || sign_fc_parse(gw_header(c, S("authorization")), &sign, NULL) < 0)
        return S("");
    return sign.access_key;
}

static enum auth_failure by_acs3(const struct gw_call *c, struct auth_caller *by, struct err *e)
{
    const struct keys *keys = c->gw->env.keys;
    enum auth_failure why = auth_acs3_head(keys, c->req, clock_wall_ms(), by, e);

    return why == AUTH_OK ? auth_acs3_body(keys, c->req, e) : why;
}

static enum gw_step unknown_key(struct gw_call *c, bool by_url)
{
    struct str key = named_key(c, by_url);

    gw_fail(c, GW_UNKNOWN_KEY, "'%.*s'", (int)(key.n < SHOWN ? key.n : SHOWN), key.p ? key.p : "");
    return GW_ENDED;
}

static enum gw_step refuse(struct gw_call *c, enum auth_failure why, const struct err *e)
{
    switch (why) {
    case AUTH_MISSING:
        gw_fail(c, GW_AUTH_MISSING, "%s",
                gw_header(c, S("authorization")).p ? "Date" : "Authorization");
        break;
    case AUTH_MALFORMED:
        gw_fail(c, GW_BAD_REQUEST, "%s", e->msg);
        break;
    case AUTH_STALE:
        gw_fail(c, GW_AUTH_STALE, "%s", e->msg);
        break;
    case AUTH_BAD_TOKEN:
    case AUTH_EXPIRED:
        gw_fail(c, GW_ACCESS_DENIED, "%s", e->msg);
        break;
    case AUTH_OK:
    case AUTH_UNKNOWN_KEY:
    case AUTH_MISMATCH:
        gw_fail(c, GW_AUTH_FAILED, NULL);
        break;
    }
    return GW_ENDED;
}

static bool may(const struct gw_call *c, const struct auth_caller *by)
{
    struct str account = str_of(c->group->account);

    if (by->function[0]) {
        const struct fn *own = catalog_find_path(c->gw->env.catalog, str_of(by->function));

        return own && own->role && str_eq(str_of(own->account), account);
    }
    return (by->scope & (KEY_INVOKE | KEY_ADMIN)) &&
           (!by->account[0] || str_eq(str_of(by->account), account)) &&
           (!by->dialect[0] || str_eq(str_of(by->dialect), str_of(dialect_names[DIALECT_FC])));
}

enum gw_step gw_fc_authenticate(struct gw_call *c)
{
    const struct keys *keys = c->gw->env.keys;
    struct auth_caller by;
    struct err e = {0};
    enum auth_failure why = auth_fc_url(keys, c->req, clock_wall_ms(), &by, &e);
    bool by_url = why != AUTH_MISSING;

    if (!by_url && is_acs3(c))
        why = by_acs3(c, &by, &e);
    else if (!by_url)
        why = auth_fc_trigger(keys, c->req, clock_wall_ms(), &by, &e);
    if (why == AUTH_UNKNOWN_KEY)
        return unknown_key(c, by_url);
    if (why != AUTH_OK)
        return refuse(c, why, &e);
    if (!may(c, &by)) {
        gw_fail(c, GW_NOT_ALLOWED, NULL);
        return GW_ENDED;
    }
    c->user = str_of(arena_strdup(c->arena, str_of(by.access_key)));
    return GW_GO_ON;
}
