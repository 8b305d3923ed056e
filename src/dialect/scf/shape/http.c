/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - a request of the API gateway as SCF's event, and what the function's answer says.
 *
 * A name stands in the event once. Repeated headers are joined as HTTP joins them; a repeated query
 * key has a list, and a key without '=' is true (captured). Headers have lower-case names, and the
 * gateway's own come after those of the client, who cannot bring one of these:
 * `x-anonymous-consumer` says whether somebody has proved who he is.
 *
 * The two ways of answering: integrated, where the function says status, headers and body, and
 * passed through, where whatever it returned is the JSON that the client gets.
 */
#include "dialect/scf/shape/parts.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/answer.h"
#include "dialect/pairs.h"

enum { ID_TEXT = 64, TIMEOUT_TEXT = 16 };

/* How the gateway writes an id: a UUID without its dashes. */
static struct str hex_of(struct str id, char room[ID_TEXT])
{
    size_t n = 0;

    for (size_t i = 0; i < id.n && n < ID_TEXT; i++)
        if (id.p[i] != '-')
            room[n++] = id.p[i];
    return (struct str){room, n};
}

/* What the gateway adds takes the place of what a client calls by the same names. */
static void put_headers(struct jw *w, const struct shape_http *h)
{
    char id[ID_TEXT], seconds[TIMEOUT_TEXT];
    struct str trace = hex_of(h->request_id, id);
    int n = snprintf(seconds, sizeof(seconds), "%u",
                     h->timeout_ms / 1000 + (h->timeout_ms % 1000 > 0));
    const struct shape_pair ours[] = {
            {S("endpoint-timeout"), {seconds, (size_t)n}},
            {S("x-anonymous-consumer"), h->secret_id.n > 0 ? S("false") : S("true")},
            {S("x-api-requestid"), trace},
            {S("x-b3-traceid"), trace},
            {S("x-qualifier"), scf_qualifier(h->qualifier)},
    };
    const struct pairs_rules rules = {
            .again = PAIRS_JOIN, .headers = true, .extra = {ours, ARRAY_LEN(ours)}};

    pairs_write(w, "headers", h->headers, &rules);
}

static void put_context(struct jw *w, const struct shape_http *h)
{
    jw_key(w, "requestContext");
    jw_obj(w);
    jw_kstr(w, "serviceId", h->group_id);
    jw_kstr(w, "path", h->pattern);
    jw_kstr(w, "httpMethod", h->api_method);
    jw_kstr(w, "requestId", h->request_id);
    jw_key(w, "identity");
    jw_obj(w);
    if (h->secret_id.n > 0)
        jw_kstr(w, "secretId", h->secret_id);
    jw_obj_end(w);
    jw_kstr(w, "sourceIp", h->source_ip);
    jw_kstr(w, "stage", h->stage);
    jw_obj_end(w);
}

/* Without a body there is no such key (captured). */
static void put_body(struct jw *w, const struct shape_http *h)
{
    if (h->body.n > 0)
        pairs_body(w, h->body, h->base64);
    else
        jw_kbool(w, "isBase64Encoded", false);
}

void scf_http_event(const struct shape_http *h, struct buf *out)
{
    static const struct pairs_rules once = {.again = PAIRS_LAST}, query = {.again = PAIRS_VALUES};
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    put_context(&w, h);
    put_headers(&w, h);
    put_body(&w, h);
    pairs_write(&w, "pathParameters", h->path_params, &once);
    pairs_write(&w, "queryStringParameters", h->query_params, &once);
    pairs_write(&w, "headerParameters", h->header_params, &once);
    pairs_write(&w, "stageVariables", h->variables, &once);
    jw_kstr(&w, "path", h->path);
    pairs_write(&w, "queryString", h->query, &query);
    jw_kstr(&w, "httpMethod", h->method);
    jw_obj_end(&w);
}

/* ---- answers ---- */

static int pass_through(struct str answer, struct shape_answer *ret, struct err *e)
{
    *ret = (struct shape_answer){.status = 200, .nheaders = 1};
    buf_init(&ret->texts, 0);
    buf_init(&ret->body, answer.n);
    buf_adds(&ret->body, answer);
    if (!buf_ok(&ret->body)) {
        buf_done(&ret->body);
        return err_set(e, ERR_HOST, -ENOMEM, "no memory for the answer");
    }
    ret->headers = xnew(struct shape_pair);
    ret->headers[0] = (struct shape_pair){S("Content-Type"), S("application/json")};
    return 0;
}

int scf_http_answer(struct str answer, bool integrated, struct shape_answer *ret, struct err *e)
{
    static const struct answer_rules rules = {.status = 0, .body_json = false};

    return integrated ? answer_parse(answer, &rules, ret, e) : pass_through(answer, ret, e);
}
