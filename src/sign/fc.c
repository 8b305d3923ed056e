/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fc.c - the signature of Function Compute, API version 2016-08-15.
 *
 *   METHOD \n Content-MD5 \n Content-Type \n Date \n  "x-fc-name:value\n" sorted  path
 *   and for HTTP triggers and custom domains:         \n sorted decoded "key=value" lines
 *
 * Content-MD5 takes part as it was sent and is never checked: one SDK sends base64 of hex, one hex,
 * one nothing. x-fc-date stands in place of Date. The body is not signed, except through
 * Content-MD5.
 */
#include "sign/sign.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/uri.h"

enum { MAX_TEXT = 256 * 1024, MAX_PAIRS = 4096, SIGNATURE_CHARS = 44 };

int sign_fc_parse(struct str authorization, struct sign_fc *ret, struct err *e)
{
    struct str rest = str_trim(authorization);
    struct sign_fc found;

    if (!str_starts(rest, S("FC ")))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "Authorization is not of the form 'FC id:signature'");
    rest = str_trim(str_from(rest, 3));
    found.access_key = str_cut(&rest, ':');
    if (!found.access_key.n || !rest.p)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "Authorization is not of the form 'FC id:signature'");
    found.signature = rest;
    if (rest.n != SIGNATURE_CHARS)
        return err_set(e, ERR_CALLER, -EINVAL, "the signature is not base64 of 32 bytes");

    *ret = found;
    return 0;
}

static struct str find_header(const struct sign_request *r, struct str name)
{
    for (uint32_t i = 0; i < r->nheaders; i++)
        if (str_ieq(r->headers[i].name, name))
            return str_trim(r->headers[i].value);
    return STR_NONE;
}

static int by_text(const void *a, const void *b)
{
    const struct str x = str_of(*(char *const *)a), y = str_of(*(char *const *)b);

    return str_cmp(x, y);
}

static char *header_line(const struct sign_header *h)
{
    struct buf line;

    buf_init(&line, MAX_TEXT);
    for (size_t i = 0; i < h->name.n; i++)
        buf_addc(&line, str_lower(h->name.p[i]));
    buf_addc(&line, ':');
    buf_adds(&line, str_trim(h->value));
    return buf_take(&line);
}

/* The name decides, not the whole line: '-' sorts below ':'. A name holds no ':'. */
static int by_header_name(const void *a, const void *b)
{
    struct str x = str_of(*(char *const *)a), y = str_of(*(char *const *)b);

    return str_cmp(str_cut(&x, ':'), str_cut(&y, ':'));
}

static void add_headers(const struct sign_request *r, struct buf *out)
{
    char **lines = xcalloc(r->nheaders + 1, sizeof(*lines));
    size_t n = 0;

    for (uint32_t i = 0; i < r->nheaders; i++) {
        struct str start = r->headers[i].name;

        start.n = start.n < 5 ? start.n : 5;
        if (str_ieq(start, S("x-fc-")))
            lines[n++] = header_line(&r->headers[i]);
    }
    qsort(lines, n, sizeof(*lines), by_header_name);
    for (size_t i = 0; i < n; i++) {
        buf_addz(out, lines[i]);
        buf_addc(out, '\n');
        free(lines[i]);
    }
    free(lines);
}

static void add_decoded(struct str raw, struct buf *out)
{
    if (uri_decode(raw, true, out) < 0)
        buf_adds(out, raw);
}

static int add_query(const struct sign_request *r, struct buf *out)
{
    struct str rest = r->query, name, value;
    size_t n = 0, i = 0;
    char **lines;

    while (uri_query_next(&rest, &name, &value))
        n++;
    if (n > MAX_PAIRS)
        return -EMSGSIZE;
    lines = xcalloc(n + 1, sizeof(*lines));

    rest = r->query;
    while (i < n && uri_query_next(&rest, &name, &value)) {
        struct buf line;

        buf_init(&line, MAX_TEXT);
        add_decoded(name, &line);
        if (value.p) {
            buf_addc(&line, '=');
            add_decoded(value, &line);
        }
        lines[i++] = buf_take(&line);
    }
    qsort(lines, n, sizeof(*lines), by_text);
    buf_addc(out, '\n');
    for (i = 0; i < n; i++) {
        if (i)
            buf_addc(out, '\n');
        buf_addz(out, lines[i]);
        free(lines[i]);
    }
    free(lines);
    return 0;
}

int sign_fc_compute(const struct sign_request *r, struct str path, bool with_query,
                    struct str secret_key, struct buf *out, struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    struct str date = find_header(r, S("x-fc-date"));
    uint8_t mac[SHA256_LEN];

    buf_init(&text, MAX_TEXT);
    buf_adds(&text, r->method);
    buf_addc(&text, '\n');
    buf_adds(&text, find_header(r, S("content-md5")));
    buf_addc(&text, '\n');
    buf_adds(&text, find_header(r, S("content-type")));
    buf_addc(&text, '\n');
    buf_adds(&text, date.n ? date : find_header(r, S("date")));
    buf_addc(&text, '\n');
    add_headers(r, &text);
    buf_adds(&text, path);
    if (with_query && add_query(r, &text) < 0)
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the query has more than %d parts", MAX_PAIRS);
    if (!buf_ok(&text))
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the request is too large to be signed");

    hmac_sha256(secret_key, buf_str(&text), mac);
    base64_encode((struct str){(const char *)mac, sizeof(mac)}, out);
    return buf_ok(out) ? 0 : err_set(e, ERR_LIMIT, -EMSGSIZE, "no room for the signature");
}
