/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canon.c - the parts that canonical requests of several clouds are made of. Huawei's, Alibaba's and
 * Tencent's later schemes all sign method, path, sorted query, named headers and a hash of the body,
 * one line each; they differ in what they do to the path, and in what they put around it.
 */
#include "sign/canon.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/uri.h"

struct str canon_header(const struct sign_request *r, struct str name)
{
    for (uint32_t i = 0; i < r->nheaders; i++)
        if (str_ieq(r->headers[i].name, name))
            return r->headers[i].value.n ? str_trim(r->headers[i].value) : S("");
    return STR_NONE;
}

struct pair {
    struct str name, value;
    char *text; /* owned: both, decoded */
};

static int by_name_then_value(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int r = str_cmp(x->name, y->name);

    return r ? r : str_cmp(x->value, y->value);
}

/* Decoded, or as it is when the escapes are malformed. */
static void add_decoded(struct str raw, struct buf *out)
{
    if (uri_decode(raw, true, out) < 0)
        buf_adds(out, raw);
}

static void read_pair(struct str name, struct str value, struct pair *ret)
{
    struct buf text;
    size_t cut;

    buf_init(&text, CANON_MAX);
    add_decoded(name, &text);
    cut = text.n;
    add_decoded(value, &text);
    ret->name.n = cut;
    ret->value.n = text.n - cut;
    ret->text = buf_take(&text);
    ret->name.p = ret->text;
    ret->value.p = ret->text + cut;
}

int canon_query(const struct sign_request *r, struct buf *out)
{
    struct str rest = r->query, name, value;
    struct pair *pairs;
    size_t n = 0, i = 0;

    while (uri_query_next(&rest, &name, &value))
        n++;
    if (n == 0)
        return 0;
    if (n > CANON_PAIRS)
        return -EMSGSIZE;
    pairs = xcalloc(n, sizeof(*pairs));

    rest = r->query;
    while (i < n && uri_query_next(&rest, &name, &value))
        read_pair(name, value, &pairs[i++]);
    qsort(pairs, n, sizeof(*pairs), by_name_then_value);
    for (i = 0; i < n; i++) {
        if (i)
            buf_addc(out, '&');
        uri_encode(pairs[i].name, "", out);
        buf_addc(out, '=');
        uri_encode(pairs[i].value, "", out);
        free(pairs[i].text);
    }
    free(pairs);
    return 0;
}

void canon_lower(struct str s, struct buf *out)
{
    char *to = buf_room(out, s.n);

    if (!to)
        return;
    for (size_t i = 0; i < s.n; i++)
        to[i] = str_lower(s.p[i]);
    buf_grew(out, s.n);
}

int canon_headers(const struct sign_request *r, struct str names, struct buf *out, struct err *e)
{
    struct str rest = names, before = STR_NONE;

    while (rest.p) {
        struct str name = str_cut(&rest, ';'), value = canon_header(r, name);

        if (before.p && str_cmp(before, name) >= 0)
            return err_set(e, ERR_CALLER, -EINVAL, "SignedHeaders is not sorted at '%.*s'",
                           STR_ARG(name));
        if (!value.p)
            return err_set(e, ERR_CALLER, -EINVAL, "signed header '%.*s' is missing",
                           STR_ARG(name));
        canon_lower(name, out);
        buf_addc(out, ':');
        buf_adds(out, value);
        buf_addc(out, '\n');
        before = name;
    }
    return 0;
}
