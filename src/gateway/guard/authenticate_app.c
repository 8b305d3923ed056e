/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticate_app.c - apps: how one shows who it is, and whether it may call this API.
 *
 *   X-Apig-AppCode: code                  where the API allows simple authentication (app_code)
 *   X-HW-ID: key, X-HW-AppKey: secret     likewise
 *   Authorization: Basic key:secret       likewise, or where the API allows this alone (basic)
 *   Authorization: hmac id="key", ...     SCF's key pairs (authenticate_hmac.c)
 *   Authorization: SDK-HMAC-SHA256 ...    always: the SDKs' signature with key and secret of the app
 *
 * The first that the request carries and the API allows decides; there is no second try. Dates may
 * be 15 minutes off. Whoever has shown who it is must be authorised for the API in this stage; an API
 * that is a trigger and no object of the control plane cannot be authorised for, and takes every app
 * of its account.
 *
 * Codes and keys are looked up by hash, secrets and signatures compared in constant time.
 */
#include "gateway/guard/authenticate_app.h"

#include <errno.h>

#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "catalog/resources.h"
#include "gateway/guard/authenticate_apps.h"
#include "gateway/guard/authenticate_hmac.h"
#include "gateway/guard/guard_parts.h"
#include "sign/sign.h"

enum { BASIC_BYTES = 1024, KEY_SHOWN = 128 };

/* Does it show an app? GW_GO_ON with *ret, or it has ended the call. */
typedef enum gw_step show_fn(struct gw_call *c, const struct gw_app **ret);

static enum gw_step unknown(struct gw_call *c, struct str key)
{
    gw_fail(c, GW_AUTH_FAILED, "app not found, appkey %.*s",
            (int)(key.n < KEY_SHOWN ? key.n : KEY_SHOWN), key.p ? key.p : "");
    return GW_ENDED;
}

static enum gw_step by_code(struct gw_call *c, const struct gw_app **ret)
{
    *ret = gw_apps_by_code(c->guard->apps, gw_header(c, S("x-apig-appcode")));
    if (*ret)
        return GW_GO_ON;
    gw_fail(c, GW_AUTH_FAILED, "app not found, appcode is not correct");
    return GW_ENDED;
}

static enum gw_step by_secret(struct gw_call *c, struct str key, struct str secret,
                              const struct gw_app **ret)
{
    *ret = gw_apps_by_key(c->guard->apps, key);
    if (!*ret)
        return unknown(c, key);
    if (same_secret(str_of((*ret)->secret), secret))
        return GW_GO_ON;
    gw_fail(c, GW_AUTH_FAILED, "app secret is not correct");
    return GW_ENDED;
}

static enum gw_step by_pair(struct gw_call *c, const struct gw_app **ret)
{
    return by_secret(c, gw_header(c, S("x-hw-id")), gw_header(c, S("x-hw-appkey")), ret);
}

static enum gw_step by_basic(struct gw_call *c, const struct gw_app **ret)
{
    struct str rest = gw_header(c, S("authorization")), key;
    enum gw_step step = GW_ENDED;
    struct buf text;

    (void)str_cut(&rest, ' ');
    buf_init(&text, BASIC_BYTES);
    if (base64_decode(str_trim(rest), &text) == 0) {
        rest = buf_str(&text);
        key = str_cut(&rest, ':');
        step = by_secret(c, key, rest, ret);
    } else {
        gw_fail(c, GW_AUTH_FAILED, "the basic authorization header is not base64");
    }
    explicit_bzero(text.p, text.n);
    buf_done(&text);
    return step;
}

/* A signature's date: 0, or it has ended the call. */
static enum gw_step check_date(struct gw_call *c)
{
    struct str date = gw_header(c, S("x-sdk-date"));
    int64_t date_ms, now_ms = clock_wall_ms();
    char now[CLOCK_TEXT];

    if (!date.p) {
        gw_fail(c, GW_AUTH_MISSING, "x-sdk-date header not found");
        return GW_ENDED;
    }
    if (clock_parse_compact(date, &date_ms) < 0) {
        gw_fail(c, GW_AUTH_FAILED, "x-sdk-date is not of the form 20261121T204758Z");
        return GW_ENDED;
    }
    if (date_ms - now_ms <= AUTH_SKEW_MS && now_ms - date_ms <= AUTH_SKEW_MS)
        return GW_GO_ON;
    gw_fail(c, GW_AUTH_STALE, "signature expired, signature time:%.*s,server time:%s",
            STR_ARG(date), clock_iso(now_ms, now));
    return GW_ENDED;
}

static enum gw_step by_signature(struct gw_call *c, const struct gw_app **ret)
{
    enum auth_failure why;
    struct sign_sdk sign;
    struct err e = {0};

    if (sign_sdk_parse(gw_header(c, S("authorization")), &sign, &e) < 0) {
        gw_fail(c, GW_AUTH_FAILED, "%s", e.msg);
        return GW_ENDED;
    }
    if (check_date(c) != GW_GO_ON)
        return GW_ENDED;
    *ret = gw_apps_by_key(c->guard->apps, sign.access_key);
    if (!*ret)
        return unknown(c, sign.access_key);
    why = auth_sdk_holds(c->req, str_of((*ret)->secret), &e);
    if (why == AUTH_OK)
        return GW_GO_ON;
    gw_fail(c, GW_AUTH_FAILED, "%s%s", why == AUTH_MISMATCH ? "verify signature fail, " : "",
            e.msg);
    return GW_ENDED;
}

static enum gw_step by_hmac(struct gw_call *c, const struct gw_app **ret)
{
    cleanup_with(buf_done) struct buf text;
    struct hmac_claim claim;
    struct err e = {0};
    int r = hmac_parse(gw_header(c, S("authorization")), &claim, &e);

    buf_init(&text, HMAC_SIGNED_MAX);
    if (r == 0)
        r = hmac_text(&claim, c->req, clock_wall_ms(), &text, &e);
    if (r < 0) {
        gw_fail(c, r == -ESTALE ? GW_AUTH_STALE : GW_AUTH_FAILED, "%s", e.msg);
        return GW_ENDED;
    }
    *ret = gw_apps_by_key(c->guard->apps, claim.id);
    if (!*ret) {
        gw_fail(c, GW_AUTH_FAILED, "HMAC apikey is invalid for API.");
        return GW_ENDED;
    }
    if (hmac_verify(&claim, buf_str(&text), str_of((*ret)->secret), &e) == 0)
        return GW_GO_ON;
    gw_fail(c, GW_AUTH_FAILED, "%s", e.msg);
    return GW_ENDED;
}

static bool has_scheme(struct str authorization, struct str scheme)
{
    return str_ieq(str_cut(&authorization, ' '), scheme);
}

/* Which way the request goes, of those that the API allows; NULL: it carries nothing. */
static show_fn *way_of(const struct gw_call *c)
{
    struct str authorization = gw_header(c, S("authorization"));
    const struct gw_api *a = c->api;

    if (a->app_code && gw_header(c, S("x-apig-appcode")).p)
        return by_code;
    if (a->app_code && gw_header(c, S("x-hw-id")).p && gw_header(c, S("x-hw-appkey")).p)
        return by_pair;
    if (!authorization.p)
        return NULL;
    if (a->auth == GW_AUTH_SECRET || has_scheme(authorization, S("hmac")))
        return by_hmac;
    if (a->app_code && has_scheme(authorization, S("basic")))
        return by_basic;
    return by_signature;
}

static bool may_call(const struct gw_call *c, const struct gw_app *app)
{
    if (gw_apps_allowed(c->guard->apps, app, c->api))
        return true;
    return !catalog_resource(c->guard->env.catalog, S("api"), str_of(c->api->id)) &&
           gw_app_is_neighbour(app, c->api);
}

static struct str kept(struct gw_call *c, const char *text)
{
    return str_of(arena_strdup(c->arena, str_of(text)));
}

enum gw_step gw_authenticate_app(struct gw_call *c)
{
    const struct gw_app *app = NULL;
    show_fn *show = way_of(c);

    if (!show) {
        gw_fail(c, GW_AUTH_MISSING, "%s",
                c->group->dialect == DIALECT_SCF
                        ? "HMAC signature cannot be verified, a validate authorization header is "
                          "required"
                        : "authorization header not found");
        return GW_ENDED;
    }
    if (show(c, &app) != GW_GO_ON)
        return GW_ENDED;
    if (!may_call(c, app)) {
        gw_fail(c, GW_NOT_ALLOWED, "Found no validate usage plan.");
        return GW_ENDED;
    }
    c->app_id = kept(c, app->id);
    c->app_name = kept(c, app->name);
    c->app_key = kept(c, app->key);
    return GW_GO_ON;
}
