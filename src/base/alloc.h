/* SPDX-License-Identifier: Apache-2.0 */
/* alloc.h - memory whose size *we* choose: running out aborts, and the keeper restarts us.
 * Sizes a user chooses go through struct buf or struct arena, which have a ceiling. */
#ifndef EVOKE_BASE_ALLOC_H
#define EVOKE_BASE_ALLOC_H

#include <stddef.h>

void *xcalloc(size_t n, size_t size);           /* zeroed; never NULL */
void *xrealloc(void *p, size_t n, size_t size); /* never NULL, checks n * size */
char *xstrdup(const char *s);                   /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define xnew(type) ((type *)xcalloc(1, sizeof(type)))

#endif
