/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_error.c - refusals as API Gateway's control plane words them: {"error_code","error_msg"}.
 *
 * Codes and sentences are those of its error code table and of the examples of its reference
 * (docs/compat/apig-api.md); behind a colon stands what is wrong in particular, since the cloud's own
 * sentence seldom says. What the cloud has and one machine has not is APIG.1005, which each of its
 * operations may answer.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/fg.h"

enum { DETAIL = 512 };

const struct apig_said apig_said[APIG_WHYS] = {
        [APIG_PARAMETER_ERROR] = {400, "APIG.2000", "Parameter error: %s"},
        [APIG_UNSUPPORTED] = {403, "APIG.1005",
                              "No permissions to request this method: %s not supported here"},
        [APIG_NO_INSTANCE] = {404, "APIG.3030", "The instance does not exist;id:%s"},
        [APIG_NO_FUNCTION] = {404, "APIG.3019", "The function URN does not exist: %s"},
        [APIG_NO_ENVIRONMENT] = {404, "APIG.3003", "The environment does not exist;id:%s"},
        [APIG_NO_RELEASE] = {404, "APIG.3015", "The API publication record does not exist"},
        [APIG_SAME_API] = {400, "APIG.3301", "The API already exists: %s"},
        [APIG_FIXED] = {403, "APIG.3400", "The resource cannot be changed: %s"},
        [APIG_NOT_APP_AUTH] = {403, "APIG.3408",
                               "The API is not accessed through App authentication"},
        [APIG_GROUP_FULL] = {403, "APIG.3415",
                             "The API group cannot be deleted because it contains APIs"},
        [APIG_API_PUBLISHED] = {403, "APIG.3416",
                                "The API cannot be deleted because it has been published"},
        [APIG_ENV_PUBLISHED] = {403, "APIG.3418", "The environment contains published APIs"},
        [APIG_BUSY] = {503, "APIG.9999", "System error: %s"},
        [APIG_SYSTEM] = {500, "APIG.9999", "System error: %s"},
};

void apig_fail(struct call *c, enum apig_why why, const char *detail, ...)
{
    const struct apig_said *s = &apig_said[why];
    char text[DETAIL], message[2 * DETAIL];
    const char *at = strstr(s->message, "%s");
    va_list ap;

    va_start(ap, detail);
    (void)vsnprintf(text, sizeof(text), detail, ap);
    va_end(ap);
    if (at)
        (void)snprintf(message, sizeof(message), "%.*s%s%s", (int)(at - s->message), s->message,
                       text, at + 2);
    else
        (void)snprintf(message, sizeof(message), "%s", s->message);
    call_fail(c, s->status, s->code, "%s", message);
}

void apig_fail_parameter(struct call *c, const char *name, const char *fmt, ...)
{
    char text[DETAIL];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    call_fail(c, 400, "APIG.2011",
              "Invalid parameter value,parameterName:%s. Please refer to the support "
              "documentation: %s",
              name, text);
}

void apig_fail_missing(struct call *c, const struct apig_kind *k, struct str id)
{
    call_fail(c, 404, k->missing, "%s %.*s does not exist", k->what, STR_ARG(id));
}

void apig_fail_catalog(struct call *c, const struct apig_kind *k, int r)
{
    switch (r) {
    case -EEXIST:
        call_fail(c, 400, k->exists, "The %s already exists", k->what);
        return;
    case -ENOENT:
        call_fail(c, 404, k->missing, "The %s does not exist", k->what);
        return;
    case -EDQUOT:
        call_fail(c, 403, "APIG.3100",
                  "The number of resources exceeds the maximum allowed limit: %d",
                  CATALOG_RESOURCES);
        return;
    case -ESTALE:
        apig_fail(c, APIG_BUSY, "the %s was changed by somebody else meanwhile, try again",
                  k->what);
        return;
    case -E2BIG:
        apig_fail(c, APIG_PARAMETER_ERROR, "the %s is larger than %d bytes", k->what,
                  RESOURCE_BODY);
        return;
    case -EAGAIN:
        apig_fail(c, APIG_BUSY, "the metadata store is busy, try again");
        return;
    default:
        apig_fail(c, APIG_SYSTEM, "the %s was not saved: %s", k->what, strerror(-r));
    }
}

/* Codes for what never reached an operation. */
static const char *code_of(int status)
{
    switch (status) {
    case 404:
    case 405:
        return "APIGW.0101";
    case 400:
    case 413:
    case 414:
    case 431:
        return "APIGW.0201";
    case 403:
        return "APIG.1005";
    default:
        return "APIG.9999";
    }
}

const char *apig_error_body(struct http_request *r, const char *request_id, int status,
                            const char *code, const char *message, struct buf *out)
{
    return fg_error_body(r, request_id, status, code ? code : code_of(status), message, out);
}

void apig_too_large(const struct api_op *op, struct api_too_large *x)
{
    x->code = "APIGW.0201";
    (void)snprintf(x->message, sizeof(x->message), "The request body is larger than %llu bytes",
                   (unsigned long long)op->body_max);
}
