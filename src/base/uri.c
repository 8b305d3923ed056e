/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uri.c - percent encoding as signatures and routers need it.
 *
 * Every cloud signs a canonical form of path and query, so the encoder has exactly one output for
 * each input (upper-case hex, nothing but the unreserved set left alone), and the decoder refuses
 * what two readers could understand in two ways: a broken escape, or a NUL that would end a C
 * string early. Decoded text therefore never holds a NUL, encoded or raw.
 *
 * Source: RFC 3986 sections 2.1 and 2.3.
 */
#include "base/uri.h"

#include <errno.h>

static const bool unreserved[256] = {
        ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['0' ... '9'] = true, ['-'] = true,
        ['.'] = true,         ['_'] = true,         ['~'] = true,
};

/* How many bytes at the start need no escape. */
static size_t plain_run(struct str s, const char *keep)
{
    size_t n = 0;

    while (n < s.n && (unreserved[(uint8_t)s.p[n]] || (s.p[n] && keep && strchr(keep, s.p[n]))))
        n++;
    return n;
}

void uri_encode(struct str s, const char *keep, struct buf *out)
{
    static const char hex[] = "0123456789ABCDEF";

    while (s.n > 0) {
        size_t plain = plain_run(s, keep);
        uint8_t c;

        buf_add(out, s.p, plain);
        if (plain == s.n)
            return;
        c = (uint8_t)s.p[plain];
        buf_add(out, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
        s = str_from(s, plain + 1);
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* The byte of the escape at the start of s, or -EINVAL. */
static int escape(struct str s)
{
    int high, low;

    if (s.n < 3)
        return -EINVAL;
    high = hex_value(s.p[1]);
    low = hex_value(s.p[2]);
    if (high < 0 || low < 0)
        return -EINVAL;
    return high << 4 | low;
}

/* How many bytes at the start stand for themselves. */
static size_t decoded_run(struct str s, bool plus)
{
    size_t n = 0;

    while (n < s.n && s.p[n] != '%' && s.p[n] != '\0' && !(s.p[n] == '+' && plus))
        n++;
    return n;
}

int uri_decode(struct str s, bool plus, struct buf *out)
{
    while (s.n > 0) {
        size_t run = decoded_run(s, plus);
        int c;

        buf_add(out, s.p, run);
        s = str_from(s, run);
        if (s.n == 0)
            break;
        c = s.p[0] == '%' ? escape(s) : s.p[0] == '+' ? ' ' : 0;
        if (c <= 0)
            return -EINVAL;
        buf_addc(out, (char)c);
        s = str_from(s, s.p[0] == '%' ? 3 : 1);
    }
    return buf_ok(out) ? 0 : -EMSGSIZE;
}

bool uri_query_next(struct str *query, struct str *ret_name, struct str *ret_value)
{
    while (query->p) {
        struct str pair = str_cut(query, '&');

        if (pair.n == 0)
            continue;
        *ret_name = str_cut(&pair, '=');
        *ret_value = pair;
        return true;
    }
    return false;
}
