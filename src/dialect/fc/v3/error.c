/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.c - failures in the words of version 3.0: {"RequestId", "Code", "Message"}.
 *
 * The codes are those of the earlier API. A handler names its code; a refusal that came from below (no
 * such path, a body over the limit, HTTP that is not well-formed) has none, and the status chooses.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/fc/v3/handlers.h"
#include "dialect/fc/v3/v3.h"
#include "dialect/shape.h"

static const struct {
    int status;
    const char *code;
} by_status[] = {
        {400, "InvalidArgument"},     {403, "AccessDenied"},   {409, "ConcurrentUpdateError"},
        {412, "PreconditionFailed"},  {413, "EntityTooLarge"}, {429, "ResourceExhausted"},
        {499, "ClientClosedRequest"}, {502, "BadResponse"},    {503, "ResourceThrottled"},
};

/* What a write says, by what was written: codes of a thing that is there, and of one that is not. */
static const struct {
    const char *what, *exists, *missing;
} things[] = {
        {"function", "FunctionAlreadyExists", "FunctionNotFound"},
        {"trigger", "TriggerAlreadyExists", "TriggerNotFound"},
        {"alias", "AliasAlreadyExists", "AliasNotFound"},
        {"version", "VersionAlreadyExists", "VersionNotFound"},
        {"domain name", "DomainNameAlreadyExists", "DomainNameNotFound"},
        {"service", "ServiceAlreadyExists", "ServiceNotFound"},
        {"configuration", "ConcurrentUpdateError", "ConfigNotFound"},
};

static const char *code_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(by_status); i++)
        if (by_status[i].status == status)
            return by_status[i].code;
    return status < 500 ? "InvalidArgument" : "InternalServerError";
}

static int shown(struct str s)
{
    return (int)(s.n < 1024 ? s.n : 1024);
}

const char *fc3_error_body(struct http_request *r, const char *request_id, int status,
                           const char *code, const char *message, struct buf *out)
{
    cleanup_with(buf_done) struct buf text;
    struct jw w;

    buf_init(&text, 4096);
    /* Only the router refuses a request it has read with 400 and without a code. */
    if (!code && r && status == 400) {
        code = "PathNotSupported";
        buf_addf(&text, "'%.*s' against '%.*s' is not supported", shown(r->method), r->method.p,
                 shown(r->path), r->path.p);
    } else {
        code = code ? code : code_of(status);
        buf_addz(&text, message);
    }
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "RequestId", request_id);
    jw_kstrz(&w, "Code", code);
    jw_kstr(&w, "Message", buf_str(&text));
    jw_obj_end(&w);
    return "application/json";
}

void fc3_error_too_large(const struct api_op *op, struct api_too_large *x)
{
    uint64_t max = op->handle == fc3_invoke ? shape_of(DIALECT_FC)->payload_max : op->body_max;

    x->status = 400;
    x->code = "EntityTooLarge";
    (void)snprintf(x->message, sizeof(x->message),
                   "payload size exceeds maximum allowed size (%llu bytes)",
                   (unsigned long long)max);
}

void fc3_error_headers(struct call *c)
{
    call_header(c, "X-Fc-Request-Id", str_of(c->request_id));
}

void fc3_fail_invalid(struct call *c, const struct err *e)
{
    call_fail(c, 400, "InvalidArgument", "%s", e->msg);
}

void fc3_error_write(struct call *c, int r, const char *what, const char *name)
{
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(things) && strcmp(things[i].what, what) != 0)
        i++;
    switch (r) {
    case -EEXIST:
        call_fail(c, 409, things[i].exists, "%s '%s' already exists", what, name);
        break;
    case -ENOENT:
        call_fail(c, 404, things[i].missing, "%s '%s' does not exist", what, name);
        break;
    case -E2BIG:
        call_fail(c, 400, "InvalidArgument", "%s '%s' is longer than fits", what, name);
        break;
    case -EDQUOT:
        call_fail(c, 400, "LimitExceededError", "there are as many of this as there may be (%s)",
                  what);
        break;
    case -EBUSY:
        call_fail(c, 409, "VersionInUse", "%s '%s' is used by an alias", what, name);
        break;
    case -ESTALE:
        call_fail(c, 409, "ConcurrentUpdateError", "%s '%s' is being changed by another request",
                  what, name);
        break;
    default:
        call_fail(c, 500, "InternalServerError",
                  "an internal error has occurred. Please retry. (%s)", strerror(-r));
        break;
    }
}
