/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.c - our own API, for the command line and the console.
 *
 * The clouds' APIs each show the functions of one cloud; this one shows them all, by their key:
 * dialect, account, region, space, name. Requests are signed like Huawei Cloud's
 * (SDK-HMAC-SHA256), with any key of this installation. Errors are
 * {"error":{"code":"not_found","message":"...","request_id":"..."}}.
 *
 * docs/admin-api.md
 */
#include "admin/admin.h"

#include <errno.h>
#include <string.h>

#include "admin/handlers.h"
#include "admin/parse.h"
#include "api/api.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"

enum {
    SMALL_BODY = 64 << 10,
    TRIGGER_BODY = 128 << 10,
    GATEWAY_BODY = 256 << 10,
    EVENT_BODY = 33 << 20
};

#define FUNCTION "/evoke/v1/functions/{dialect}/{account}/{region}/{space}/{name}"
#define KEYS     "/evoke/v1/keys"
#define BACKUP   "/evoke/v1/backup"
#define EVENTS   "/evoke/v1/events"
#define GATEWAY  "/evoke/v1/gateway"
#define TRIGGER  FUNCTION "/triggers/{trigger}"

static const struct api_op ops[] = {
        {{"GET", "/evoke/v1/functions"},
         "ListFunctions",
         SMALL_BODY,
         admin_list,
         .scope = KEY_READ,
         .each = true},
        {{"GET", FUNCTION}, "GetFunction", SMALL_BODY, admin_get, .scope = KEY_READ},
        {{"PUT", FUNCTION},
         "DeployFunction",
         ADMIN_BODY_MAX,
         admin_deploy,
         .scope = KEY_DEPLOY,
         .json = true},
        {{"DELETE", FUNCTION}, "DeleteFunction", SMALL_BODY, admin_delete, .scope = KEY_DEPLOY},
        {{"POST", FUNCTION "/invoke"},
         "InvokeFunction",
         EVENT_BODY,
         admin_invoke,
         .scope = KEY_INVOKE},
        {{"POST", FUNCTION "/probe"},
         "ProbeFunction",
         SMALL_BODY,
         admin_probe,
         .scope = KEY_DEPLOY},
        {{"GET", FUNCTION "/versions"},
         "ListVersions",
         SMALL_BODY,
         admin_versions,
         .scope = KEY_READ},
        {{"POST", FUNCTION "/versions"},
         "PublishVersion",
         SMALL_BODY,
         admin_version_publish,
         .scope = KEY_DEPLOY},
        {{"DELETE", FUNCTION "/versions/{version}"},
         "DeleteVersion",
         SMALL_BODY,
         admin_version_delete,
         .scope = KEY_DEPLOY},
        {{"PUT", FUNCTION "/aliases/{alias}"},
         "PutAlias",
         SMALL_BODY,
         admin_alias_put,
         .scope = KEY_DEPLOY},
        {{"DELETE", FUNCTION "/aliases/{alias}"},
         "DeleteAlias",
         SMALL_BODY,
         admin_alias_delete,
         .scope = KEY_DEPLOY},
        {{"GET", "/evoke/v1/audit"},
         "ListAudit",
         SMALL_BODY,
         admin_audit,
         .scope = KEY_ADMIN,
         .unrecorded = true},
        {{"GET", "/evoke/v1/status"}, "Status", SMALL_BODY, admin_status, .scope = KEY_READ},
        {{"GET", FUNCTION "/state"}, "State", SMALL_BODY, admin_state, .scope = KEY_READ},
        {{"GET", "/evoke/v1/top"}, "Top", SMALL_BODY, admin_top, .scope = KEY_READ, .each = true},
        {{"GET", "/evoke/v1/logs"},
         "Logs",
         SMALL_BODY,
         admin_logs,
         .scope = KEY_READ,
         .each = true},
        {{"GET", "/evoke/v1/history"},
         "History",
         SMALL_BODY,
         admin_history,
         .scope = KEY_READ,
         .by_query = true},
        {{"GET", EVENTS}, "ListEvents", SMALL_BODY, admin_events, .scope = KEY_READ, .each = true},
        {{"GET", EVENTS "/{id}"},
         "GetEvent",
         SMALL_BODY,
         admin_event,
         .scope = KEY_READ,
         .each = true},
        {{"DELETE", EVENTS "/{id}"},
         "CancelEvent",
         SMALL_BODY,
         admin_event_cancel,
         .scope = KEY_DEPLOY,
         .each = true},
        {{"POST", EVENTS "/{id}/replay"},
         "ReplayEvent",
         SMALL_BODY,
         admin_event_replay,
         .scope = KEY_DEPLOY,
         .each = true},
        {{"POST", EVENTS "/redrive"},
         "RedriveEvents",
         SMALL_BODY,
         admin_events_redrive,
         .scope = KEY_DEPLOY,
         .each = true},
        {{"POST", EVENTS "/purge"},
         "PurgeEvents",
         SMALL_BODY,
         admin_events_purge,
         .scope = KEY_DEPLOY,
         .each = true},
        {{"GET", "/evoke/v1/ledger"},
         "Ledger",
         SMALL_BODY,
         admin_ledger,
         .scope = KEY_READ,
         .each = true},
        {{"GET", "/evoke/v1/triggers"},
         "ListTriggers",
         SMALL_BODY,
         admin_triggers,
         .scope = KEY_READ,
         .each = true},
        {{"PUT", TRIGGER}, "PutTrigger", TRIGGER_BODY, admin_trigger_put, .scope = KEY_DEPLOY},
        {{"DELETE", TRIGGER},
         "DeleteTrigger",
         SMALL_BODY,
         admin_trigger_delete,
         .scope = KEY_DEPLOY},
        {{"GET", GATEWAY "/{kind}"},
         "ListGateway",
         SMALL_BODY,
         admin_gateway_list,
         .scope = KEY_READ,
         .each = true},
        {{"POST", GATEWAY "/{kind}"},
         "CreateGateway",
         GATEWAY_BODY,
         admin_gateway_create,
         .scope = KEY_DEPLOY,
         .each = true},
        {{"GET", GATEWAY "/{kind}/{id}"},
         "GetGateway",
         SMALL_BODY,
         admin_gateway_get,
         .scope = KEY_READ,
         .each = true},
        {{"PUT", GATEWAY "/{kind}/{id}"},
         "PutGateway",
         GATEWAY_BODY,
         admin_gateway_put,
         .scope = KEY_DEPLOY,
         .each = true},
        {{"DELETE", GATEWAY "/{kind}/{id}"},
         "DeleteGateway",
         SMALL_BODY,
         admin_gateway_delete,
         .scope = KEY_DEPLOY,
         .each = true},
        {{"POST", GATEWAY "/api/{id}/publish"},
         "PublishGateway",
         SMALL_BODY,
         admin_gateway_publish,
         .scope = KEY_DEPLOY,
         .each = true},
        {{"POST", GATEWAY "/api/{id}/offline"},
         "OfflineGateway",
         SMALL_BODY,
         admin_gateway_offline,
         .scope = KEY_DEPLOY,
         .each = true},
        {{"POST", GATEWAY "/api/{id}/switch"},
         "SwitchGateway",
         SMALL_BODY,
         admin_gateway_switch,
         .scope = KEY_DEPLOY,
         .each = true},
        {{"POST", GATEWAY "/api/{id}/debug"},
         "DebugGateway",
         EVENT_BODY,
         admin_gateway_debug,
         .scope = KEY_DEPLOY,
         .each = true,
         .json = true},
        {{"GET", KEYS}, "ListKeys", SMALL_BODY, admin_keys_list, .scope = KEY_ADMIN},
        {{"POST", KEYS}, "AddKey", SMALL_BODY, admin_keys_add, .scope = KEY_ADMIN},
        {{"POST", KEYS "/{access_key}/rotate"},
         "RotateKey",
         SMALL_BODY,
         admin_keys_rotate,
         .scope = KEY_ADMIN},
        {{"DELETE", KEYS "/{access_key}"},
         "RemoveKey",
         SMALL_BODY,
         admin_keys_remove,
         .scope = KEY_ADMIN},
        {{"POST", BACKUP}, "MakeBackup", SMALL_BODY, admin_backup_make, .scope = KEY_ADMIN},
        {{"GET", BACKUP "/{id}/{file}"},
         "ReadBackup",
         SMALL_BODY,
         admin_backup_read,
         .scope = KEY_ADMIN},
        {{"GET", BACKUP "/{id}/{dir}/{file}"},
         "ReadBackup",
         SMALL_BODY,
         admin_backup_read,
         .scope = KEY_ADMIN},
        {{"GET", BACKUP "/{id}/{dir}/{sub}/{file}"},
         "ReadBackup",
         SMALL_BODY,
         admin_backup_read,
         .scope = KEY_ADMIN},
        {{"DELETE", BACKUP "/{id}"},
         "ForgetBackup",
         SMALL_BODY,
         admin_backup_forget,
         .scope = KEY_ADMIN},
};

static void refuse(struct call *c, enum auth_failure why, const struct err *e)
{
    (void)why; /* the message says it */
    call_fail(c, 401, "unauthorized", "%s", e->msg);
}

static bool admit(struct call *c)
{
    struct err e = {0};
    struct auth_caller caller;
    enum auth_failure why = auth_sdk_head(c->api->keys, c->req, clock_wall_ms(), &caller, &e);

    if (why == AUTH_OK)
        call_signed_by(c, &caller);
    else
        refuse(c, why, &e);
    return why == AUTH_OK;
}

/* Whose function: the path says it, or "function=dialect/account/..." where the handler heeds it. */
static void realm(struct call *c, struct api_realm *ret)
{
    struct str dialect = STR_NONE, rest;
    enum dialect d;

    if (str_starts(str_of(c->op->route.pattern), S(FUNCTION))) {
        dialect = c->captures[0];
        ret->account = c->captures[1];
    } else if (c->op->by_query) {
        rest = call_query(c, S("function"));
        dialect = str_cut(&rest, '/');
        ret->account = str_cut(&rest, '/');
    }
    if (dialect_of(dialect, &d) == 0)
        ret->dialect = (int)d;
}

static const struct {
    int status;
    const char *code;
} codes[] = {
        {400, "invalid_argument"},   {401, "unauthorized"}, {403, "forbidden"}, {404, "not_found"},
        {405, "method_not_allowed"}, {409, "conflict"},     {413, "too_large"}, {429, "limit"},
        {502, "function_error"},     {503, "unavailable"},
};

static const char *code_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].status == status)
            return codes[i].code;
    return status < 500 ? "invalid_argument" : "internal";
}

static const char *error_body(struct http_request *r, const char *request_id, int status,
                              const char *code, const char *message, struct buf *out)
{
    struct jw w;

    (void)r;
    jw_init(&w, out);
    jw_obj(&w);
    jw_key(&w, "error");
    jw_obj(&w);
    jw_kstrz(&w, "code", code ? code : code_of(status));
    jw_kstrz(&w, "message", message);
    jw_kstrz(&w, "request_id", request_id);
    jw_obj_end(&w);
    jw_obj_end(&w);
    return "application/json";
}

static void headers(struct call *c)
{
    call_header(c, "X-Evoke-Request-Id", str_of(c->request_id));
    call_header(c, "X-Evoke-Version", S(EVOKE_VERSION));
}

const struct api_set admin_api = {
        .name = "admin",
        .prefix = "/evoke/v1/",
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .admit = admit,
        .verify = auth_sdk_body,
        .refuse = refuse,
        .realm = realm,
        .error = error_body,
        .headers = headers,
};

bool admin_key(struct call *c, struct fn_key *ret)
{
    struct err e = {0};

    if (admin_parse_key(c->captures, ret, &e) == 0)
        return true;
    call_fail(c, 400, NULL, "%s", e.msg);
    return false;
}

const struct fn *admin_function(struct call *c, struct fn_key *ret_key)
{
    const struct fn *f;

    if (!admin_key(c, ret_key))
        return NULL;
    f = catalog_find(c->api->catalog, ret_key);
    if (!f)
        call_fail(c, 404, NULL, "there is no function %s/%.*s/%.*s/%.*s/%.*s",
                  dialect_names[ret_key->dialect], STR_ARG(ret_key->account),
                  STR_ARG(ret_key->region), STR_ARG(ret_key->space), STR_ARG(ret_key->name));
    return f;
}

void admin_fail_write(struct call *c, int r)
{
    switch (r) {
    case -ENOENT:
        call_fail(c, 404, NULL, "the function is gone");
        break;
    case -EEXIST:
    case -ESTALE:
        call_fail(c, 409, NULL, "somebody else changed the function at the same time, try again");
        break;
    case -EDQUOT:
        call_fail(c, 403, NULL, "the number of functions is at its limit (--functions)");
        break;
    default:
        call_fail(c, 503, NULL, "the store said: %s", strerror(-r));
        break;
    }
}
