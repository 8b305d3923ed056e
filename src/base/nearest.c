/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.c - edit distance with swaps (optimal string alignment), three rows at a time. */
#include "base/nearest.h"

#include <string.h>

#include "base/obj.h"

enum { WORD_MAX = 64 };

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t room[3][WORD_MAX + 1], *before = room[0], *above = room[1], *row = room[2];

    for (size_t j = 0; j <= nb; j++)
        above[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *free_row = before;

        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], row[j], before[j - 2] + 1);
        }
        before = above;
        above = row;
        row = free_row;
    }
    return above[nb];
}

void nearest_try(struct nearest *best, const char *word, const char *candidate)
{
    size_t n = strlen(word), m = strlen(candidate), d;

    if (n == 0 || n > WORD_MAX || m > WORD_MAX)
        return;
    d = distance(word, n, candidate, m);
    if (n >= 3 && strncmp(word, candidate, n) == 0)
        d = 1;
    if (d > (n + 2) / 3 || (best->name && d >= best->distance))
        return;
    *best = (struct nearest){candidate, d};
}
