/* SPDX-License-Identifier: Apache-2.0 */
/* str.h - a borrowed view of bytes: passed by value, not terminated. All parsing uses it. */
#ifndef EVOKE_BASE_STR_H
#define EVOKE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* borrowed; may be NULL only when n is 0 */
    size_t n;
};

#define S(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : "" /* for "%.*s" */
#define STR_NONE   ((struct str){NULL, 0})

static inline struct str str_of(const char *s)
{
    return (struct str){s, s ? strlen(s) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_ieq(struct str a, struct str b); /* ASCII letters without case */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
int str_cmp(struct str a, struct str b);          /* byte order, shorter first on a tie */
struct str str_from(struct str s, size_t offset); /* the rest; empty past the end */
struct str str_trim(struct str s);                /* spaces and tabs off both ends */
/* Cut rest at the first sep: returns what stood before it, rest becomes what follows. Without
 * sep: returns all, rest becomes STR_NONE (p == NULL), which tells "last piece" apart. */
struct str str_cut(struct str *rest, char sep);
ptrdiff_t str_find(struct str s, struct str needle); /* offset or -1 */
bool str_has(struct str s, char c);
/* Decimal digits only, min..max inclusive. 0, or -EINVAL (not a number), -ERANGE. */
int str_u64(struct str s, uint64_t min, uint64_t max, uint64_t *ret);
int str_i64(struct str s, int64_t min, int64_t max, int64_t *ret);
enum { U64_TEXT = 20 };
struct str str_of_u64(uint64_t v, char room[U64_TEXT]); /* decimal, somewhere in room */
char *str_dup(struct str s);                            /* owned, terminated, never NULL */
bool str_utf8(struct str s);                            /* well-formed UTF-8 (RFC 3629) */

/* ASCII only, whatever the locale. */
static inline char str_lower(char c)
{
    if (c < 'A' || c > 'Z')
        return c;
    return (char)(c | 0x20);
}

static inline char str_upper(char c)
{
    if (c < 'a' || c > 'z')
        return c;
    return (char)(c & ~0x20);
}

#endif
