/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - a request of the API gateway as SCF's event, and what the function's answer says.
 *
 * The event is written straight into its buffer: nothing is copied that is not escaped on the way.
 * A name stands in it once. Repeated headers are joined as HTTP joins them; a repeated query key has
 * a list, and a key without '=' is true (captured). Headers have lower-case names, and the gateway's
 * own come after those of the client, who cannot bring one of these: `x-anonymous-consumer` says
 * whether somebody has proved who he is.
 *
 * The two ways of answering: integrated, where the function says status, headers and body, and
 * passed through, where whatever it returned is the JSON that the client gets.
 */
#include "dialect/scf/shape/parts.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/answer.h"

/* Headers that are the gateway's to set. */
static const char *const ours[] = {"endpoint-timeout", "x-anonymous-consumer", "x-api-requestid",
                                   "x-b3-traceid", "x-qualifier"};

/* ---- names that come several times ---- */

enum { LATER = 1u << 31 }; /* of next[i]: another of this name comes before i */

static int by_name(const void *a, const void *b, void *user)
{
    const struct shape_pair *at = user;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    struct str x = at[i].name, y = at[j].name;
    size_t n = x.n < y.n ? x.n : y.n;

    for (size_t k = 0; k < n; k++)
        if (str_lower(x.p[k]) != str_lower(y.p[k]))
            return (unsigned char)str_lower(x.p[k]) - (unsigned char)str_lower(y.p[k]);
    if (x.n != y.n)
        return x.n < y.n ? -1 : 1;
    return i < j ? -1 : 1;
}

static int by_exact_name(const void *a, const void *b, void *user)
{
    const struct shape_pair *at = user;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    int r = str_cmp(at[i].name, at[j].name);

    return r != 0 ? r : (i < j ? -1 : 1);
}

/*
 * Owned: for each pair the index of the next one of its name, list.n for none, with LATER where it
 * is not the first. Names may be as many as a query has room for, so they are sorted.
 */
static uint32_t *chain(struct shape_list list, bool nocase)
{
    uint32_t n = (uint32_t)list.n, *next = xcalloc(2 * list.n + 1, sizeof(*next));
    uint32_t *order = next + n;

    for (uint32_t i = 0; i < n; i++) {
        order[i] = i;
        next[i] = n;
    }
    qsort_r(order, n, sizeof(*order), nocase ? by_name : by_exact_name, (void *)list.at);
    for (uint32_t i = 1; i < n; i++) {
        struct str before = list.at[order[i - 1]].name, it = list.at[order[i]].name;

        if (nocase ? str_ieq(before, it) : str_eq(before, it)) {
            next[order[i - 1]] = (next[order[i - 1]] & LATER) | order[i];
            next[order[i]] |= LATER;
        }
    }
    return next;
}

static uint32_t after(const uint32_t *next, uint32_t i)
{
    return next[i] & ~LATER;
}

/* ---- the parts of the event; each writes behind `"name":` or a comma ---- */

static void put_name(struct buf *out, bool *first, struct str name)
{
    if (!*first)
        buf_addc(out, ',');
    *first = false;
    json_quote(out, name);
    buf_addc(out, ':');
}

static void put_lower_name(struct buf *out, bool *first, struct str name)
{
    size_t from = out->n;

    put_name(out, first, name);
    for (size_t i = from; i < out->n; i++)
        out->p[i] = str_lower(out->p[i]);
}

static bool is_ours(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_ieq(name, str_of(ours[i])))
            return true;
    return false;
}

static void put_joined(struct buf *out, struct shape_list list, const uint32_t *next, uint32_t i)
{
    cleanup_with(buf_done) struct buf all = {0};
    bool cookie = str_ieq(list.at[i].name, S("cookie"));

    if (after(next, i) == list.n) {
        json_quote(out, list.at[i].value);
        return;
    }
    buf_init(&all, out->max);
    buf_adds(&all, list.at[i].value);
    for (i = after(next, i); i < list.n; i = after(next, i)) {
        buf_adds(&all, cookie ? S("; ") : S(", "));
        buf_adds(&all, list.at[i].value);
    }
    json_quote(out, buf_str(&all));
}

/* The digits of a UUID without its dashes: how the gateway writes an id. */
static void put_hex(struct buf *out, struct str id)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < id.n; i++)
        if (id.p[i] != '-')
            buf_addc(out, id.p[i]);
    buf_addc(out, '"');
}

static void put_headers(struct buf *out, const struct shape_http *h)
{
    cleanup_free uint32_t *next = chain(h->headers, true);
    bool first = true;

    buf_addc(out, '{');
    for (uint32_t i = 0; i < h->headers.n; i++) {
        if (next[i] & LATER || is_ours(h->headers.at[i].name))
            continue;
        put_lower_name(out, &first, h->headers.at[i].name);
        put_joined(out, h->headers, next, i);
    }
    put_name(out, &first, S("endpoint-timeout"));
    buf_addf(out, "\"%u\"", (unsigned)((h->timeout_ms + 999) / 1000));
    if (h->secret_id.n == 0)
        buf_addz(out, ",\"x-anonymous-consumer\":\"true\"");
    put_name(out, &first, S("x-api-requestid"));
    put_hex(out, h->request_id);
    put_name(out, &first, S("x-b3-traceid"));
    put_hex(out, h->request_id);
    put_name(out, &first, S("x-qualifier"));
    json_quote(out, scf_qualifier(h->qualifier));
    buf_addc(out, '}');
}

static void put_query_value(struct buf *out, struct str value)
{
    if (value.p)
        json_quote(out, value);
    else
        buf_addz(out, "true");
}

static void put_query(struct buf *out, struct shape_list list)
{
    cleanup_free uint32_t *next = chain(list, false);
    bool first = true;

    buf_addc(out, '{');
    for (uint32_t i = 0; i < list.n; i++) {
        bool alone = after(next, i) == list.n;

        if (next[i] & LATER)
            continue;
        put_name(out, &first, list.at[i].name);
        if (!alone)
            buf_addc(out, '[');
        put_query_value(out, list.at[i].value);
        for (uint32_t k = after(next, i); k < list.n; k = after(next, k)) {
            buf_addc(out, ',');
            put_query_value(out, list.at[k].value);
        }
        if (!alone)
            buf_addc(out, ']');
    }
    buf_addc(out, '}');
}

/* Declared parameters and variables: a name comes once, and what it is called is its owner's. */
static void put_pairs(struct buf *out, const char *key, struct shape_list list)
{
    bool first = true;

    buf_addf(out, ",\"%s\":{", key);
    for (size_t i = 0; i < list.n; i++) {
        if (list.at[i].name.n == 0)
            continue; /* the rest of a path, which nobody named */
        put_name(out, &first, list.at[i].name);
        json_quote(out, list.at[i].value);
    }
    buf_addc(out, '}');
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
static void put_body(struct buf *out, const struct shape_http *h)
{
    if (h->body.n > 0) {
        buf_addz(out, ",\"body\":");
        if (h->base64) {
            buf_addc(out, '"');
            base64_encode(h->body, out);
            buf_addc(out, '"');
        } else {
            json_quote(out, h->body);
        }
    }
    buf_addz(out, h->base64 && h->body.n > 0 ? ",\"isBase64Encoded\":true"
                                             : ",\"isBase64Encoded\":false");
}

void scf_http_event(const struct shape_http *h, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    put_context(&w, h);
    jw_key(&w, "headers");
    put_headers(out, h);
    put_body(out, h);
    put_pairs(out, "pathParameters", h->path_params);
    put_pairs(out, "queryStringParameters", h->query_params);
    put_pairs(out, "headerParameters", h->header_params);
    put_pairs(out, "stageVariables", h->variables);
    buf_addz(out, ",\"path\":");
    json_quote(out, h->path);
    buf_addz(out, ",\"queryString\":");
    put_query(out, h->query);
    buf_addz(out, ",\"httpMethod\":");
    json_quote(out, h->method);
    buf_addc(out, '}');
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
