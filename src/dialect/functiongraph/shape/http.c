/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - what a FunctionGraph function behind API Gateway (APIG) is given, and what it may answer.
 *
 *   {"body":"","requestContext":{"requestId","apiId","stage","sourceIp"},
 *    "queryStringParameters":{"name":"me"},"httpMethod":"GET","pathParameters":{"proxy":"hello"},
 *    "headers":{"host":"...","x-stage":"RELEASE",...},"path":"/test/hello","isBase64Encoded":true,
 *    "user_data":"..."}
 *
 * What the documents leave open (docs/compat/apig.md): a header that comes several times is joined
 * as RFC 9110 has it; of a query key that does, the last value counts, as its object has room for
 * one. A body that the API wants plain, but is not UTF-8, comes in base64 all the same: the flag
 * says so, and nothing is lost.
 */
#include "dialect/functiongraph/shape/parts.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "dialect/answer.h"
#include "dialect/pairs.h"

enum { SHOWN = 64, WAY_MAX = 64 << 10 };

static void put_body(struct jw *w, const struct shape_http *h)
{
    pairs_body(w, h->body, h->base64 || !str_utf8(h->body));
}

/* Its own, or that of the scheme. */
static struct str port_of(const struct shape_http *h, struct str *ret_name)
{
    struct str host = h->host;
    size_t i = host.n;

    while (i > 0 && host.p[i - 1] >= '0' && host.p[i - 1] <= '9')
        i--;
    *ret_name = host;
    if (i == 0 || i == host.n || host.p[i - 1] != ':')
        return str_eq(h->scheme, S("https")) ? S("443") : S("80");
    ret_name->n = i - 1;
    return str_from(host, i);
}

/* Those that the gateway adds, and no client can put there. */
static void put_headers(struct jw *w, const struct shape_http *h)
{
    cleanup_with(buf_done) struct buf way;
    struct str name, port = port_of(h, &name);
    struct shape_pair extra[] = {
            {S("x-forwarded-for"), STR_NONE}, {S("x-forwarded-host"), name},
            {S("x-forwarded-port"), port},    {S("x-forwarded-proto"), h->scheme},
            {S("x-real-ip"), h->source_ip},   {S("x-request-id"), h->request_id},
            {S("x-stage"), h->stage},
    };

    buf_init(&way, WAY_MAX);
    extra[0].value = pairs_way(h->headers, h->source_ip, &way);
    pairs_write(w, "headers", h->headers,
                &(struct pairs_rules){.again = PAIRS_JOIN,
                                      .headers = true,
                                      .extra = {extra, sizeof(extra) / sizeof(extra[0])}});
}

static void put_context(struct jw *w, const struct shape_http *h)
{
    jw_key(w, "requestContext");
    jw_obj(w);
    jw_kstr(w, "apiId", h->api_id);
    jw_kstr(w, "requestId", h->request_id);
    jw_kstr(w, "stage", h->stage);
    jw_kstr(w, "sourceIp", h->source_ip);
    jw_obj_end(w);
}

void functiongraph_http_event(const struct shape_http *h, struct buf *out)
{
    const struct pairs_rules plain = {.again = PAIRS_LAST};
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    put_body(&w, h);
    put_context(&w, h);
    pairs_write(&w, "queryStringParameters", h->query, &plain);
    jw_kstr(&w, "httpMethod", h->method);
    pairs_write(&w, "pathParameters", h->path_params, &plain);
    put_headers(&w, h);
    jw_kstr(&w, "path", h->path);
    if (h->user_data.p)
        jw_kstr(&w, "user_data", h->user_data);
    jw_obj_end(&w);
}

/* The beginning of what was answered, cut where a character ends. */
static struct str shown(struct str answer)
{
    if (answer.n <= SHOWN)
        return answer;
    answer.n = SHOWN;
    while (answer.n > 0 && ((uint8_t)answer.p[answer.n] & 0xc0) == 0x80)
        answer.n--;
    return answer;
}

/* In the cloud's own words (FSS.1206). */
static int bad_result(struct err *e, struct str what)
{
    return err_set(e, ERR_FUNCTION, -EINVAL,
                   "invalid type of APIG trigger invocation result:[%.*s], type format must be: "
                   "{\"statusCode\":200,\"isBase64Encoded\":false,\"headers\":{},\"body\":\"\"}",
                   STR_ARG(what));
}

int functiongraph_http_answer(struct str answer, bool integrated, struct shape_answer *ret,
                              struct err *e)
{
    struct err why = {0};
    int r = answer_parse(answer, &(struct answer_rules){0}, ret, &why);

    (void)integrated; /* SCF's */
    switch (-r) {
    case ENODATA:
        return err_set(e, ERR_FUNCTION, -EINVAL,
                       "'statusCode' of APIG trigger invocation result not specified, statusCode "
                       "can not be 0");
    case EBADMSG:
        return bad_result(e, shown(answer));
    case EINVAL:
        return bad_result(e, str_of(why.msg));
    default:
        if (r < 0 && e)
            *e = why;
        return r;
    }
}
