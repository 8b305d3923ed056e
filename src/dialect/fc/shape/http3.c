/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http3.c - HTTP triggers of Function Compute 3.0: the ordinary handler is given an event, and answers
 * with an object or with anything else.
 *
 *   {"version":"v1","rawPath":"/a","headers":{},"queryParameters":{},"body":"","isBase64Encoded":false,
 *    "requestContext":{"accountId","domainName","domainPrefix","requestId","time","timeEpoch",
 *                      "http":{"method","path","protocol","sourceIp","userAgent"}}}
 *   {"statusCode":200,"headers":{},"isBase64Encoded":false,"body":""}
 *
 * What is no such object is the body of a 200. How a function was made decides: one of 3.0 says so in
 * `extra` (fc/v3/parse.c). Custom runtimes are web servers in either version and see the request itself.
 */
#include "dialect/fc/shape/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "dialect/answer.h"
#include "dialect/pairs.h"
#include "fn/fn.h"

bool fc_trigger_as_event(const struct fn *f)
{
    /* Each request asks: a look at the text, which only we write, in place of a tree. */
    return strstr(f->extra, "\"fcVersion\":\"v3\"") && !str_starts(str_of(f->runtime), S("custom"));
}

static void put_http(struct jw *w, const struct shape_http *h)
{
    struct str agent = pairs_find(h->headers, S("user-agent"));

    jw_key(w, "http");
    jw_obj(w);
    jw_kstr(w, "method", h->method);
    jw_kstr(w, "path", h->path);
    jw_kstrz(w, "protocol", "HTTP/1.1");
    jw_kstr(w, "sourceIp", h->source_ip);
    jw_kstr(w, "userAgent", agent.p ? agent : S(""));
    jw_obj_end(w);
}

static void put_context(struct jw *w, const struct fn *f, const struct shape_http *h)
{
    struct str domain = h->host, rest;
    char time[CLOCK_TEXT], epoch[24];

    domain = str_cut(&domain, ':');
    rest = domain;
    (void)snprintf(epoch, sizeof(epoch), "%lld", (long long)h->now_ms);
    jw_key(w, "requestContext");
    jw_obj(w);
    jw_kstrz(w, "accountId", f->account);
    jw_kstr(w, "domainName", domain);
    jw_kstr(w, "domainPrefix", str_cut(&rest, '.'));
    jw_kstr(w, "requestId", h->request_id);
    jw_kstrz(w, "time", clock_iso(h->now_ms, time));
    jw_kstrz(w, "timeEpoch", epoch);
    put_http(w, h);
    jw_obj_end(w);
}

void fc_trigger_event(const struct fn *f, const struct shape_http *h, struct buf *out)
{
    const struct pairs_rules joined = {.again = PAIRS_JOIN, .headers = true, .cased = true};
    const struct pairs_rules last = {.again = PAIRS_LAST};
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "version", "v1");
    jw_kstr(&w, "rawPath", h->path);
    pairs_write(&w, "headers", h->headers, &joined);
    pairs_write(&w, "queryParameters", h->query, &last);
    pairs_body(&w, h->body, h->body.n > 0 && fc_http_in_base64(h));
    put_context(&w, f, h);
    jw_obj_end(&w);
}

/* Sets *ret to a 200 with these bytes. */
static void as_it_is(struct str answer, struct shape_answer *ret)
{
    *ret = (struct shape_answer){.status = 200};
    buf_init(&ret->texts, 1);
    buf_init(&ret->body, answer.n + 1);
    buf_adds(&ret->body, answer);
}

int fc_trigger_answer(struct str answer, struct shape_answer *ret, struct err *e)
{
    int r = answer_parse(answer, &(struct answer_rules){.body_json = true}, ret, e);

    if (r != -ENODATA && r != -EBADMSG)
        return r;
    as_it_is(answer, ret);
    return 0;
}
