/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport.c - how a request of Tencent Cloud's APIs says what it wants, and who signs it.
 *
 * Two ways, told apart by the header X-TC-Action (or an Authorization of TC3):
 *
 *   version 3     X-TC-Action, X-TC-Version, X-TC-Region in headers; parameters in JSON, or in the query
 *                 of a GET; TC3-HMAC-SHA256. Who signs is known at the head.
 *   version 1     all of it in one form, the body of a POST or the query of a GET; HmacSHA1 or HmacSHA256.
 *                 Who signs is known once the form is here, so that a stranger's is cut at SCF_FORM_MAX.
 *
 * Which service it is for: the first label of the host, if that is one of the cloud's, else the version,
 * which no two of them share. A request names no account. In the cloud it is the key's; here a key
 * may be for every account, and then it is "local", as in evoke.yaml.
 */
#include "auth/auth.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/obj.h"
#include "base/uri.h"
#include "dialect/scf/api/scf_api.h"
#include "fn/fn.h"
#include "http/server.h"

enum { REGION_MAX = 32, FIELD_MAX = 256 };

static bool is_tc3(const struct http_request *r)
{
    return http_header(r, S("X-TC-Action")).p ||
           str_starts(http_header(r, S("Authorization")), S("TC3-"));
}

bool scf_is_form(const struct http_request *r)
{
    return !is_tc3(r);
}

bool scf_claims(const struct http_request *r)
{
    if (!str_eq(r->path, S("/")))
        return false;
    if (str_eq(r->method, S("POST")))
        return true;
    return str_eq(r->method, S("GET")) && (is_tc3(r) || str_find(r->query, S("Action=")) >= 0);
}

/* ---- who signs ---- */

void scf_refuse(struct call *c, enum auth_failure why, const struct err *e)
{
    bool headers = is_tc3(c->req);

    switch (why) {
    case AUTH_OK:
        break;
    case AUTH_MISSING:
        if (headers && !http_header(c->req, S("Authorization")).p)
            call_fail(c, 401, "AuthFailure.InvalidAuthorization", "%s", e->msg);
        else
            call_fail(c, 400, "MissingParameter", "%s", e->msg);
        break;
    case AUTH_MALFORMED:
        call_fail(c, 401,
                  headers ? "AuthFailure.InvalidAuthorization" : "AuthFailure.SignatureFailure",
                  "%s", e->msg);
        break;
    case AUTH_UNKNOWN_KEY:
        call_fail(c, 401, "AuthFailure.SecretIdNotFound", "The SecretId is not found: %s", e->msg);
        break;
    case AUTH_STALE:
        call_fail(c, 401, "AuthFailure.SignatureExpire",
                  "The provided credentials have expired: %s", e->msg);
        break;
    case AUTH_BAD_TOKEN:
    case AUTH_EXPIRED:
        call_fail(c, 401, "AuthFailure.TokenFailure", "The provided token is not valid: %s",
                  e->msg);
        break;
    case AUTH_MISMATCH:
        call_fail(c, 401, "AuthFailure.SignatureFailure",
                  "The provided credentials could not be validated. Please check your signature "
                  "is correct.");
        break;
    }
}

static const struct api_op form_door = {
        .route = {"POST", "/"}, .name = "form", .scope = KEY_READ, .body_max = SCF_FORM_MAX};
const struct api_op scf_door = {
        .route = {"POST", "/"}, .name = "action", .scope = KEY_READ, .body_max = SCF_JSON_MAX};

bool scf_admit(struct call *c)
{
    struct auth_caller caller;
    enum auth_failure why;
    struct err e = {0};

    if (!is_tc3(c->req)) {
        c->op = &form_door;
        return true; /* scf_choose() */
    }
    why = auth_tc3_head(c->api->keys, c->req, clock_wall_ms(), &caller, &e);
    if (why == AUTH_OK)
        call_signed_by(c, &caller);
    else
        scf_refuse(c, why, &e);
    return why == AUTH_OK;
}

enum auth_failure scf_verify(const struct keys *k, const struct http_request *r, struct err *e)
{
    return is_tc3(r) ? auth_tc3_body(k, r, e) : auth_tc1_body(k, r, e);
}

struct str scf_account(const struct call *c)
{
    struct str path = c->by.role ? str_of(c->by.role) : STR_NONE;

    (void)str_cut(&path, '/');
    if (path.n)
        return str_cut(&path, '/');
    return c->by.account[0] ? str_of(c->by.account) : S("local");
}

void scf_realm(struct call *c, struct api_realm *ret)
{
    ret->dialect = DIALECT_SCF;
    ret->account = scf_account(c);
}

/* ---- what is asked ---- */

/* A field of the form, decoded, in the request's arena; STR_NONE: it is not there. */
static struct str field(struct call *c, struct str name)
{
    struct str rest = str_eq(c->req->method, S("GET")) ? c->req->query : c->req->body, key, value;
    cleanup_with(buf_done) struct buf text;
    char *copy;

    buf_init(&text, FIELD_MAX);
    while (uri_query_next(&rest, &key, &value)) {
        if (!str_eq(key, name))
            continue;
        if (uri_decode(value, true, &text) < 0)
            return STR_NONE;
        copy = arena_strdup(c->req->arena, buf_str(&text));
        return copy ? (struct str){copy, text.n} : STR_NONE;
    }
    return STR_NONE;
}

static struct str said(struct call *c, const char *header, struct str name)
{
    return is_tc3(c->req) ? str_trim(http_header(c->req, str_of(header))) : field(c, name);
}

static const struct scf_service *by_host(struct str host)
{
    struct str label = str_cut(&host, '.');

    for (uint32_t i = 0; host.n && i < scf_nservices; i++) {
        const struct scf_service *s = scf_services[i];

        if (str_ieq(label, str_of(s->name)))
            return s;
    }
    return NULL;
}

/* NULL: it has replied. */
static const struct scf_service *service_of(struct call *c, struct str version)
{
    const struct scf_service *s = by_host(c->req->host);

    for (uint32_t i = 0; !s && i < scf_nservices; i++)
        if (str_eq(version, str_of(scf_services[i]->version)))
            s = scf_services[i];
    if (!version.n)
        scf_fail(c, "MissingParameter", "The request is missing a required parameter `Version`.");
    else if (!s || !str_eq(version, str_of(s->version)))
        scf_fail(c, "NoSuchVersion", "The API version `%.*s` does not exist.",
                 (int)(version.n < 32 ? version.n : 32), version.p);
    else
        return s;
    return NULL;
}

static const struct api_op *action_of(const struct scf_service *s, struct str name)
{
    static const struct api_op unknown = {.route = {"POST", "/"},
                                          .name = "unknown action",
                                          .handle = scf_unknown_action,
                                          .scope = KEY_READ,
                                          .body_max = SCF_JSON_MAX};

    for (uint32_t i = 0; i < s->nops; i++)
        if (str_eq(str_of(s->ops[i].name), name))
            return &s->ops[i];
    return &unknown;
}

/* "ap-guangzhou" */
static bool is_region(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
              s.p[i] == '-'))
            return false;
    return s.n > 0 && s.n <= REGION_MAX;
}

static bool admit_form(struct call *c)
{
    struct auth_caller caller;
    enum auth_failure why;
    struct err e = {0};

    why = auth_tc1_form(c->api->keys, c->req, clock_wall_ms(), &caller, &e);
    if (why == AUTH_OK)
        call_signed_by(c, &caller);
    else
        scf_refuse(c, why, &e);
    return why == AUTH_OK;
}

const struct api_op *scf_choose(struct call *c)
{
    struct str action = said(c, "X-TC-Action", S("Action"));
    struct str region = said(c, "X-TC-Region", S("Region"));
    const struct scf_service *service;
    struct scf_ask *ask;

    if (!action.n) {
        scf_fail(c, "MissingParameter", "The request is missing a required parameter `Action`.");
        return NULL;
    }
    if (!is_tc3(c->req) && !admit_form(c))
        return NULL;
    service = service_of(c, said(c, "X-TC-Version", S("Version")));
    if (!service)
        return NULL;
    if (region.n && !is_region(region)) {
        scf_fail(c, "UnsupportedRegion", "The region is not supported.");
        return NULL;
    }
    ask = arena_alloc(c->req->arena, sizeof(*ask));
    if (!ask) {
        call_fail(c, 503, "InternalError", "no memory for the request");
        return NULL;
    }
    *ask = (struct scf_ask){.service = service,
                            .region = region.n ? region : str_of(c->api->region),
                            .form = !is_tc3(c->req) || str_eq(c->req->method, S("GET"))};
    c->state = ask;
    return action_of(service, action);
}

struct str scf_region(const struct call *c)
{
    const struct scf_ask *ask = c->state;

    return ask->region;
}
