/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str.c - looking at bytes without owning them.
 *
 * Views are not terminated and may hold any byte, so nothing here calls a function of <string.h>
 * that looks for a terminator, and nothing touches p while n is 0 (p may be NULL then). Letters
 * are ASCII letters: names in headers and manifests do not depend on anybody's locale.
 */
#include "base/str.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/utf8.h"

bool str_ieq(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (str_lower(a.p[i]) != str_lower(b.p[i]))
            return false;
    return true;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq((struct str){s.p, prefix.n}, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix);
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    if (order == 0)
        order = (a.n > b.n) - (a.n < b.n);
    return order;
}

struct str str_from(struct str s, size_t offset)
{
    if (!s.p)
        return s;
    if (offset > s.n)
        offset = s.n;
    return (struct str){s.p + offset, s.n - offset};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.n && is_blank(s.p[0]))
        s = str_from(s, 1);
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct str str_cut(struct str *rest, char sep)
{
    struct str all = *rest;
    const char *at = all.n ? memchr(all.p, sep, all.n) : NULL;

    if (!at) {
        *rest = STR_NONE;
        return all;
    }
    *rest = str_from(all, (size_t)(at - all.p) + 1);
    return (struct str){all.p, (size_t)(at - all.p)};
}

ptrdiff_t str_find(struct str s, struct str needle)
{
    const char *at;

    if (needle.n == 0)
        return 0;
    at = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return at ? at - s.p : -1;
}

bool str_has(struct str s, char c)
{
    return s.n && memchr(s.p, c, s.n);
}

/* Digits to a number that saturates: -EINVAL if it is not a number, -ERANGE past 64 bits. */
static int digits(struct str s, uint64_t *ret)
{
    uint64_t v = 0;
    bool over = false;

    if (s.n == 0)
        return -EINVAL;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return -EINVAL;
        over = over || __builtin_mul_overflow(v, 10, &v) ||
               __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v);
    }
    if (over)
        return -ERANGE;
    *ret = v;
    return 0;
}

int str_u64(struct str s, uint64_t min, uint64_t max, uint64_t *ret)
{
    uint64_t v;
    int r = digits(s, &v);

    if (r < 0)
        return r;
    if (v < min || v > max)
        return -ERANGE;
    *ret = v;
    return 0;
}

struct str str_of_u64(uint64_t v, char room[U64_TEXT])
{
    size_t at = U64_TEXT;

    do {
        room[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    return (struct str){room + at, U64_TEXT - at};
}

int str_i64(struct str s, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = s.n && s.p[0] == '-';
    uint64_t magnitude;
    int64_t v;
    int r = digits(negative ? str_from(s, 1) : s, &magnitude);

    if (r < 0)
        return r;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    /* -INT64_MIN does not exist, so negate before the conversion, where it is defined. */
    v = (int64_t)(negative ? 0 - magnitude : magnitude);
    if (v < min || v > max)
        return -ERANGE;
    *ret = v;
    return 0;
}

char *str_dup(struct str s)
{
    char *copy = xcalloc(1, s.n + 1);

    if (s.n)
        memcpy(copy, s.p, s.n);
    return copy;
}

bool str_utf8(struct str s)
{
    for (size_t i = 0, step; i < s.n; i += step) {
        step = utf8_step(s.p + i, s.n - i);
        if (step == 0)
            return false;
    }
    return true;
}
