/* SPDX-License-Identifier: Apache-2.0 */
/* error.c - refusals as FunctionGraph words them: {"error_code","error_msg"}, and the request id in
 * a header (and in the body, where the front door speaks). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "dialect/functiongraph/api/fg.h"

/* Codes for what never reached an operation. */
static void code_of(int status, char *out, size_t size)
{
    switch (status) {
    case 404:
    case 405:
        (void)snprintf(out, size, "APIGW.0101");
        return;
    case 400:
    case 414:
    case 431:
        (void)snprintf(out, size, "APIGW.0201");
        return;
    case 413:
        (void)snprintf(out, size, "FSS.1201");
        return;
    default:
        (void)snprintf(out, size, "FSS.%04d", status);
    }
}

const char *fg_error_body(struct http_request *r, const char *request_id, int status,
                          const char *code, const char *message, struct buf *out)
{
    char own[16];
    struct jw w;

    (void)r;
    if (!code) {
        code_of(status, own, sizeof(own));
        code = own;
    }
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "error_code", code);
    jw_kstrz(&w, "error_msg", message);
    if (str_starts(str_of(code), S("APIGW.")))
        jw_kstrz(&w, "request_id", request_id);
    jw_obj_end(&w);
    return "application/json";
}

void fg_too_large(const struct api_op *op, struct api_too_large *x)
{
    if (op->body_max == FG_CODE_BODY) {
        x->code = "FSS.1071";
        (void)snprintf(x->message, sizeof(x->message), "The code package is larger than %d MB",
                       FG_ZIP_MAX / (1024 * 1024));
    } else {
        x->code = "FSS.1201";
        (void)snprintf(x->message, sizeof(x->message), "The request body is larger than %llu bytes",
                       (unsigned long long)op->body_max);
    }
}

void fg_headers(struct call *c)
{
    call_header(c, "X-Request-Id", str_of(c->request_id));
}

int fg_refuse(struct fg_error *x, int status, const char *code, const char *fmt, ...)
{
    va_list ap;

    x->status = status;
    x->code = code;
    x->e.kind = ERR_CALLER;
    x->e.code = -EINVAL;
    va_start(ap, fmt);
    (void)vsnprintf(x->e.msg, sizeof(x->e.msg), fmt, ap);
    va_end(ap);
    return -EINVAL;
}

void fg_fail(struct call *c, const struct fg_error *x)
{
    call_fail(c, x->status, x->code, "%s", x->e.msg);
}

void fg_fail_catalog(struct call *c, int r)
{
    switch (r) {
    case -EEXIST:
        call_fail(c, 409, "FSS.1061", "The function has existed");
        return;
    case -ENOENT:
        call_fail(c, 404, "FSS.1051", "Not found the function");
        return;
    case -EDQUOT:
        call_fail(c, 403, "FSS.1041", "the number of functions is at its limit (--functions)");
        return;
    case -ESTALE:
        call_fail(c, 409, "FSS.0409", "the function was changed by somebody else meanwhile");
        return;
    case -E2BIG:
        call_fail(c, 400, "FSS.0400", "the function's configuration is too large to be stored");
        return;
    case -EAGAIN:
        call_fail(c, 503, "FSS.0503", "the metadata store is busy, try again");
        return;
    default:
        call_fail(c, 500, "FSS.1302", "the function was not saved: %s", strerror(-r));
    }
}

void fg_on_deleted(void *user, int r, const struct fn *f)
{
    struct call *c = user;

    (void)f;
    if (r < 0)
        fg_fail_catalog(c, r);
    else
        call_reply(c, 204, S(""), S(""));
}

void fg_reply_json(struct call *c, int status, struct buf *body)
{
    if (buf_ok(body)) {
        call_reply_buf(c, status, S("application/json"), body);
        return;
    }
    buf_done(body);
    call_fail(c, 500, "FSS.0500", "the answer is too large");
}
