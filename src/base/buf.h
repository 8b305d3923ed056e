/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h - owned bytes that grow up to a ceiling set at birth. */
#ifndef EVOKE_BASE_BUF_H
#define EVOKE_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/*
 * What always holds: p is never NULL and p[n] is 0; n <= max. Errors are sticky: append freely,
 * test buf_ok() once. After a failed append (ceiling or memory) the contents stay as they were
 * before it and every later append does nothing.
 */
struct buf {
    char *p;
    size_t n;
    size_t cap; /* 0 while p is the shared empty string */
    size_t max;
    bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);  /* frees; b may be initialised again. Also the cleanup_with() hook */
void buf_reset(struct buf *b); /* empty, keeps memory and ceiling, clears the error */
bool buf_ok(const struct buf *b);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, struct str s);
void buf_addz(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addu(struct buf *b, uint64_t v);
/* v counts in units of 10^-decimals (1 to 9): 2049 with 3 is 2.049. Where printf costs too much. */
void buf_addfix(struct buf *b, uint64_t v, unsigned decimals);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Make room for n more bytes and return where they go; buf_grew() says how many were written.
 * NULL when over the ceiling (the buffer is then failed). */
char *buf_room(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);
void buf_drop(struct buf *b, size_t n);          /* remove n bytes from the front */
char *buf_take(struct buf *b);                   /* owned, terminated; b is empty afterwards */
void buf_move(struct buf *to, struct buf *from); /* to must be done or fresh; from becomes empty */

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->n};
}

#endif
