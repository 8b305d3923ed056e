/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc.c - allocation that cannot fail, for sizes we choose ourselves.
 *
 * A daemon that checks every small malloc() grows a second, untested program of error paths. When a
 * few hundred bytes are not to be had the machine is past saving by us: we say so and abort, and
 * the keeper starts a fresh process. Sizes that come from outside never get here; they live in
 * struct buf and struct arena, whose ceilings turn them into an answer instead.
 */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
    static const char text[] = "evoke: out of memory, aborting\n";

    /* write(2), because stdio may want memory itself. */
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        abort();
    abort();
}

void *xcalloc(size_t n, size_t size)
{
    /* calloc(0) may be NULL in some libraries; ours never is. */
    void *p = n && size ? calloc(n, size) : calloc(1, 1);

    if (!p)
        out_of_memory();
    return p;
}

void *xrealloc(void *p, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        out_of_memory();
    p = realloc(p, bytes ? bytes : 1);
    if (!p)
        out_of_memory();
    return p;
}

char *xstrdup(const char *s)
{
    return s ? xstrndup(s, strlen(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy;

    if (len == SIZE_MAX)
        out_of_memory();
    copy = xrealloc(NULL, len + 1, 1);
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *xasprintf(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        out_of_memory();
    return text;
}
