/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.c - bytes that grow, but only so far.
 *
 * The ceiling is given at birth, so an unbounded buffer cannot be written by accident, and the
 * error is sticky, so a writer of fifty appends tests once. An empty buffer owns no memory: it
 * points at one shared terminated empty string, which nobody ever writes to (cap is 0 then).
 *
 * What always holds between calls:
 *   (1) p is not NULL, p[n] is 0, n <= max.
 *   (2) cap is 0 (p is the shared string, n is 0) or cap >= n + 1.
 *   (3) once failed, contents and length change only by buf_reset(), buf_done() or buf_take().
 */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

enum { FIRST_CAP = 64 };

static char shared_empty[1];

void buf_init(struct buf *b, size_t max)
{
    /* One byte for the terminator must always be countable. */
    *b = (struct buf){.p = shared_empty, .max = max < PTRDIFF_MAX ? max : PTRDIFF_MAX - 1};
}

void buf_done(struct buf *b)
{
    if (b->cap)
        free(b->p);
    buf_init(b, 0);
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->cap)
        b->p[0] = '\0';
}

bool buf_ok(const struct buf *b)
{
    return !b->failed;
}

static char *fail(struct buf *b)
{
    b->failed = true;
    return NULL;
}

char *buf_room(struct buf *b, size_t n)
{
    size_t need, cap;
    char *p;

    if (b->failed || n > b->max - b->n)
        return fail(b);
    need = b->n + n + 1;
    if (n == 0 || need <= b->cap)
        return b->p + b->n;

    cap = b->cap < FIRST_CAP / 2 ? FIRST_CAP : b->cap * 2;
    if (cap > b->max + 1)
        cap = b->max + 1;
    if (cap < need)
        cap = need;
    p = realloc(b->cap ? b->p : NULL, cap);
    if (!p)
        return fail(b);
    p[b->n] = '\0';
    b->p = p;
    b->cap = cap;
    return p + b->n;
}

void buf_grew(struct buf *b, size_t n)
{
    if (n == 0)
        return;
    assert(b->cap && n < b->cap - b->n && n <= b->max - b->n);
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    char *to;

    if (n == 0)
        return;
    to = !b->failed && n < b->cap - b->n ? b->p + b->n : buf_room(b, n);
    if (!to)
        return;
    memcpy(to, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_adds(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_addz(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
    if (b->failed || b->n == b->max || b->n + 1 >= b->cap) {
        buf_add(b, &c, 1); /* grows, or says no */
        return;
    }
    b->p[b->n++] = c;
    b->p[b->n] = '\0';
}

void buf_addu(struct buf *b, uint64_t v)
{
    char room[U64_TEXT];

    buf_adds(b, str_of_u64(v, room));
}

void buf_addfix(struct buf *b, uint64_t v, unsigned decimals)
{
    char text[U64_TEXT + 1], *to = text + sizeof(text);

    assert(decimals >= 1 && decimals <= 9);
    for (unsigned i = 0; i < decimals; i++, v /= 10)
        *--to = (char)('0' + v % 10);
    *--to = '.';
    do {
        *--to = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    buf_add(b, to, (size_t)(text + sizeof(text) - to));
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(b, fmt, ap);
    va_end(ap);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;
    char *to;
    int n;

    if (b->failed)
        return;
    va_copy(again, ap);
    n = vsnprintf(small, sizeof(small), fmt, ap);
    if (n >= 0 && (size_t)n < sizeof(small))
        buf_add(b, small, (size_t)n);
    else if (n >= 0 && (to = buf_room(b, (size_t)n)) &&
             vsnprintf(to, (size_t)n + 1, fmt, again) == n)
        buf_grew(b, (size_t)n);
    else
        fail(b);
    va_end(again);
}

void buf_drop(struct buf *b, size_t n)
{
    assert(n <= b->n);
    if (n == 0)
        return;
    b->n -= n;
    memmove(b->p, b->p + n, b->n + 1);
}

char *buf_take(struct buf *b)
{
    char *p = b->cap ? b->p : xstrdup("");

    buf_init(b, b->max);
    return p;
}

void buf_move(struct buf *to, struct buf *from)
{
    assert(to->cap == 0 && to != from);
    *to = *from;
    buf_init(from, from->max);
}
