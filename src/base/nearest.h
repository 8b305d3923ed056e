/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.h - what was probably meant: the nearest of a few names. */
#ifndef EVOKE_BASE_NEAREST_H
#define EVOKE_BASE_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *name; /* the best so far; NULL: nothing near enough */
    size_t distance;
};

/* Is candidate nearer to word than the best so far? Near enough are a prefix of three letters, or
 * as many edits (letter changed, added, left out, two swapped) as a third of the word has. */
void nearest_try(struct nearest *best, const char *word, const char *candidate);

#endif
