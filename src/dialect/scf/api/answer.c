/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.c - {"Response":{..., "RequestId"}}, and failures in the same envelope:
 *
 *   {"Response":{"Error":{"Code":"ResourceNotFound.Function","Message":"..."},"RequestId":"..."}}
 *
 * Both with status 200: the Node SDK takes the code of no other.
 */

#include <stdio.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/obj.h"
#include "dialect/scf/api/scf_api.h"
#include "http/server.h"

#define JSON "application/json"

static const struct {
    int status;
    const char *code;
} by_status[] = {
        {400, "InvalidParameter"},         {401, "AuthFailure"},
        {403, "UnauthorizedOperation"},    {404, "ResourceNotFound"},
        {408, "RequestLimitExceeded"},     {413, "RequestSizeLimitExceeded"},
        {421, "UnsupportedProtocol"},      {429, "RequestLimitExceeded"},
        {431, "RequestSizeLimitExceeded"},
};

static const char *code_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(by_status); i++)
        if (by_status[i].status == status)
            return by_status[i].code;
    return status < 500 ? "InvalidParameter" : "InternalError";
}

const char *scf_error_body(struct http_request *r, const char *request_id, int status,
                           const char *code, const char *message, struct buf *out)
{
    struct jw w;

    (void)r;
    jw_init(&w, out);
    jw_obj(&w);
    jw_key(&w, "Response");
    jw_obj(&w);
    jw_key(&w, "Error");
    jw_obj(&w);
    jw_kstrz(&w, "Code", code ? code : code_of(status));
    jw_kstrz(&w, "Message", message);
    jw_obj_end(&w);
    jw_kstrz(&w, "RequestId", request_id);
    jw_obj_end(&w);
    jw_obj_end(&w);
    return JSON;
}

void scf_too_large(const struct api_op *op, struct api_too_large *x)
{
    x->code = "RequestSizeLimitExceeded";
    (void)snprintf(x->message, sizeof(x->message),
                   "The request size exceeds the limit of %llu bytes.",
                   (unsigned long long)op->body_max);
}

void scf_begin(struct scf_answer *a, size_t max)
{
    buf_init(&a->body, max);
    jw_init(&a->w, &a->body);
    jw_obj(&a->w);
    jw_key(&a->w, "Response");
    jw_obj(&a->w);
}

void scf_drop(struct scf_answer *a)
{
    buf_done(&a->body);
}

void scf_send(struct call *c, struct scf_answer *a)
{
    jw_kstrz(&a->w, "RequestId", c->request_id);
    jw_obj_end(&a->w);
    jw_obj_end(&a->w);
    if (buf_ok(&a->body)) {
        call_reply_buf(c, 200, S(JSON), &a->body);
        return;
    }
    scf_drop(a);
    call_fail(c, 500, "ResponseSizeLimitExceeded", "The answer is too large.");
}

void scf_ok(struct call *c)
{
    struct scf_answer a;

    scf_begin(&a, 1024);
    scf_send(c, &a);
}

void scf_unknown_action(struct call *c)
{
    scf_fail(c, "InvalidAction", "The action is invalid or not found in this version of the API.");
}
