/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_ignore.c - rules of .evokeignore. Input: a path, a line break, rules. Any rules are taken or
 * refused with a reason; a path is covered exactly if it or a directory above it fits; and the walk
 * that remembers two stars agrees with a matcher that tries everything.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/ignore.h"
#include "fuzz.h"

enum { MAX_INPUT = 4096, SLOW_MAX = 24, SLOW_STARS = 6 };

static bool is_deep(const char *pattern, const char *p)
{
    return p[0] == '*' && p[1] == '*' && (p == pattern || p[-1] == '/') &&
           (p[2] == '/' || p[2] == 0);
}

/* By the definition, without classes and escapes. */
static bool slow(const char *pattern, const char *p, const char *s)
{
    if (is_deep(pattern, p)) {
        if (!p[2])
            return true;
        for (;; s++) {
            if (slow(pattern, p + 3, s))
                return true;
            s = strchr(s, '/');
            if (!s)
                return false;
        }
    }
    if (*p == '*')
        return slow(pattern, p + 1, s) || (*s && *s != '/' && slow(pattern, p, s + 1));
    if (!*p || !*s)
        return !*p && !*s;
    return (*p == '?' ? *s != '/' : *p == *s) && slow(pattern, p + 1, s + 1);
}

/* Each star doubles what a matcher that tries everything has to try. */
static bool is_bounded(const char *pattern)
{
    int stars = 0;

    for (const char *p = pattern; *p; p++)
        stars += *p == '*';
    return stars <= SLOW_STARS && strlen(pattern) <= SLOW_MAX;
}

static void agree(const char *pattern, const char *path)
{
    if (*path && path[strlen(path) - 1] != '/' && is_bounded(pattern) && strlen(path) <= SLOW_MAX &&
        !strpbrk(pattern, "[\\"))
        holds(ignore_glob(pattern, path) == slow(pattern, pattern, path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = {(const char *)data, n};
    struct ignore *ig;
    struct err e = {0};
    char *path, *rule;
    bool above = false;

    if (n > MAX_INPUT)
        return 0;
    path = str_dup(str_cut(&rest, '\n'));
    ig = ignore_new();
    if (ignore_add(ig, rest, &e) < 0)
        holds(e.msg[0]);
    for (size_t i = 0; path[i] && !above; i++)
        if (path[i] == '/') {
            path[i] = 0;
            above = ignore_fits(ig, path, true);
            path[i] = '/';
        }
    holds(ignore_covers(ig, path, false) == (above || ignore_fits(ig, path, false)));
    rule = str_dup(str_cut(&rest, '\n'));
    agree(rule, path);
    free(rule);
    free(path);
    ignore_free(ig);
    return 0;
}
