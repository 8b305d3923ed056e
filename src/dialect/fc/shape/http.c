/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - what a Function Compute function behind API Gateway is given, and what it may answer.
 *
 *   {"path":"/api/x","httpMethod":"GET","headers":{...},"queryParameters":{...},
 *    "pathParameters":{...},"body":"text or base64","isBase64Encoded":false}
 *
 * Forms and what is not text come in base64 (function-compute.md 4.7). Header names stay as they
 * were sent. HTTP triggers have no event: their handlers read the request itself.
 */
#include "dialect/fc/shape/parts.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/json.h"
#include "dialect/answer.h"
#include "dialect/pairs.h"

enum { WAY_MAX = 64 << 10 };

static const struct str in_base64[] = {
        {"application/x-www-form-urlencoded", 33},
        {"multipart/form-data", 19},
        {"application/octet-stream", 24},
};

/* By what it says it is, without parameters, or by what it is. */
bool fc_http_in_base64(const struct shape_http *h)
{
    struct str type = pairs_find(h->headers, S("content-type"));

    type = str_trim(str_cut(&type, ';'));
    for (size_t i = 0; i < sizeof(in_base64) / sizeof(in_base64[0]); i++)
        if (str_ieq(type, in_base64[i]))
            return true;
    return h->base64 || !str_utf8(h->body);
}

static void put_body(struct jw *w, const struct shape_http *h)
{
    pairs_body(w, h->body, h->body.n > 0 && fc_http_in_base64(h));
}

/* The way here gets one station longer. */
static void put_headers(struct jw *w, const struct shape_http *h)
{
    cleanup_with(buf_done) struct buf way;
    struct shape_pair extra[] = {
            {S("X-Forwarded-For"), STR_NONE},
            {S("X-Forwarded-Proto"), h->scheme},
            {S("X-Ca-Request-Id"), h->request_id},
    };

    buf_init(&way, WAY_MAX);
    extra[0].value = pairs_way(h->headers, h->source_ip, &way);
    pairs_write(w, "headers", h->headers,
                &(struct pairs_rules){.again = PAIRS_JOIN,
                                      .headers = true,
                                      .cased = true,
                                      .extra = {extra, sizeof(extra) / sizeof(extra[0])}});
}

void fc_http_event(const struct shape_http *h, struct buf *out)
{
    const struct pairs_rules plain = {.again = PAIRS_LAST};
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "path", h->path);
    jw_kstr(&w, "httpMethod", h->method);
    put_headers(&w, h);
    pairs_write(&w, "queryParameters", h->query, &plain);
    pairs_write(&w, "pathParameters", h->path_params, &plain);
    put_body(&w, h);
    jw_obj_end(&w);
}

int fc_http_answer(struct str answer, bool integrated, struct shape_answer *ret, struct err *e)
{
    int r = answer_parse(answer, &(struct answer_rules){0}, ret, e);

    (void)integrated; /* SCF's */
    return r == -ENODATA || r == -EBADMSG ? -EINVAL : r;
}
