/* SPDX-License-Identifier: Apache-2.0 */
/* due.h - what is due next: a heap of moments; inside source/. */
#ifndef EVOKE_SOURCE_DUE_H
#define EVOKE_SOURCE_DUE_H

#include <stddef.h>
#include <stdint.h>

/* Member of what is due. */
struct due {
    int64_t ms;
    size_t at; /* place in the heap, from 1; 0: not in one */
};

/* Zeroed is empty. */
struct due_heap {
    struct due **rows; /* from 1 */
    size_t n, cap;
};

void due_done(struct due_heap *h);
/* Puts it in, or moves it to its new moment. */
void due_set(struct due_heap *h, struct due *d, int64_t ms);
void due_remove(struct due_heap *h, struct due *d); /* also of one that is not in */
struct due *due_first(const struct due_heap *h);    /* or NULL */

#endif
