/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.c - failures in the cloud's words: {"ErrorCode": ..., "ErrorMessage": ...}.
 *
 * The capitalised keys are what every SDK reads; the documents print them in lower case. A handler
 * names its code; a refusal that came from below (no such path, a body over the limit, HTTP that
 * is not well-formed) has none, and the status chooses.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/shape.h"

static const struct {
    int status;
    const char *code;
} by_status[] = {
        {400, "InvalidArgument"},     {403, "AccessDenied"},   {409, "ConcurrentUpdateError"},
        {412, "PreconditionFailed"},  {413, "EntityTooLarge"}, {429, "ResourceExhausted"},
        {499, "ClientClosedRequest"}, {502, "BadResponse"},    {503, "ResourceThrottled"},
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

const char *fc_error_body(struct http_request *r, const char *request_id, int status,
                          const char *code, const char *message, struct buf *out)
{
    cleanup_with(buf_done) struct buf text;
    struct jw w;

    (void)request_id; /* a header, never in the body */
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
    jw_kstrz(&w, "ErrorCode", code);
    jw_kstr(&w, "ErrorMessage", buf_str(&text));
    jw_obj_end(&w);
    return "application/json";
}

/* The cloud has one answer for all that is too large, and names the limit of what was sent. */
void fc_error_too_large(const struct api_op *op, struct api_too_large *x)
{
    uint64_t max = op->handle == fc_invoke ? shape_of(DIALECT_FC)->payload_max : op->body_max;

    x->status = 400;
    x->code = "EntityTooLarge";
    (void)snprintf(x->message, sizeof(x->message),
                   "payload size exceeds maximum allowed size (%llu bytes)",
                   (unsigned long long)max);
}

void fc_error_headers(struct call *c)
{
    call_header(c, "X-Fc-Request-Id", str_of(c->request_id));
}

void fc_error_write(struct call *c, int r, const char *what, struct str name)
{
    bool service = strcmp(what, "service") == 0;

    switch (r) {
    case -EEXIST:
        call_fail(c, 409, service ? "ServiceAlreadyExists" : "FunctionAlreadyExists",
                  "%s '%.*s' already exists", what, STR_ARG(name));
        break;
    case -ENOENT:
        call_fail(c, 404, service ? "ServiceNotFound" : "FunctionNotFound",
                  "%s '%.*s' does not exist", what, STR_ARG(name));
        break;
    case -ENOTEMPTY:
        call_fail(c, 409, "ServiceNotEmpty", "service '%.*s' has active 'functions'.",
                  STR_ARG(name));
        break;
    case -EDQUOT:
        call_fail(c, 400, "LimitExceededError", "the number of %ss is at its limit (--functions)",
                  what);
        break;
    case -ESTALE:
        call_fail(c, 409, "ConcurrentUpdateError", "%s '%.*s' is being changed by another request",
                  what, STR_ARG(name));
        break;
    default:
        call_fail(c, 500, "InternalServerError",
                  "an internal error has occurred. Please retry. (%s)", strerror(-r));
        break;
    }
}
