/* SPDX-License-Identifier: Apache-2.0 */
/* find.c - cookies (RFC 6265 section 4.2) and query parameters by name. */
#include "http/find.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/uri.h"
#include "http/server.h"

static struct str cookie_of(struct str line, struct str name)
{
    while (line.p) {
        struct str pair = str_trim(str_cut(&line, ';')), rest = pair, key = str_cut(&rest, '=');

        if (rest.p && str_eq(str_trim(key), name))
            return str_trim(rest);
    }
    return STR_NONE;
}

struct str http_cookie(const struct http_request *r, struct str name)
{
    for (uint32_t i = 0; i < r->nheaders; i++) {
        struct str found = STR_NONE;

        if (str_ieq(r->headers[i].name, S("cookie")))
            found = cookie_of(r->headers[i].value, name);
        if (found.p)
            return found;
    }
    return STR_NONE;
}

static struct str decoded(const struct http_request *r, struct str raw)
{
    struct str ret = raw;
    struct buf b;
    char *copy;

    buf_init(&b, raw.n + 1);
    if (uri_decode(raw, true, &b) == 0 && b.n > 0) {
        copy = arena_alloc(r->arena, b.n);
        if (copy) {
            memcpy(copy, b.p, b.n);
            ret = (struct str){copy, b.n};
        }
    }
    buf_done(&b);
    return ret;
}

struct str http_query(const struct http_request *r, struct str name)
{
    struct str rest = r->query, key, value;

    while (uri_query_next(&rest, &key, &value))
        if (str_eq(key, name) || str_eq(decoded(r, key), name))
            return value.p ? decoded(r, value) : S("");
    return STR_NONE;
}
