/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - memory of one request, dropped whole at its end, bounded at birth. */
#ifndef EVOKE_BASE_ARENA_H
#define EVOKE_BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

struct arena; /* opaque; exactly one owner */

struct arena *arena_new(size_t limit_bytes);
struct arena *arena_free(struct arena *a); /* NULL is fine; returns NULL */
void arena_reset(struct arena *a);         /* forget everything, keep the first block */
/* Zeroed, aligned for any type; NULL when the limit is reached. */
void *arena_alloc(struct arena *a, size_t n);
char *arena_strdup(struct arena *a, struct str s); /* terminated copy, or NULL */
size_t arena_used(const struct arena *a);

#endif
