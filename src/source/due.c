/* SPDX-License-Identifier: Apache-2.0 */
/* due.c - a binary heap whose members know their places, so that one in the middle can be moved. */
#include "source/due.h"

#include <stdlib.h>

#include "base/alloc.h"

static void place(struct due_heap *h, struct due *d, size_t at)
{
    h->rows[at] = d;
    d->at = at;
}

static void up(struct due_heap *h, struct due *d, size_t at)
{
    for (; at > 1 && h->rows[at / 2]->ms > d->ms; at /= 2)
        place(h, h->rows[at / 2], at);
    place(h, d, at);
}

static void down(struct due_heap *h, struct due *d, size_t at)
{
    for (;;) {
        size_t child = 2 * at;

        if (child < h->n && h->rows[child + 1]->ms < h->rows[child]->ms)
            child++;
        if (child > h->n || h->rows[child]->ms >= d->ms)
            break;
        place(h, h->rows[child], at);
        at = child;
    }
    place(h, d, at);
}

void due_done(struct due_heap *h)
{
    free(h->rows);
    *h = (struct due_heap){0};
}

void due_set(struct due_heap *h, struct due *d, int64_t ms)
{
    due_remove(h, d);
    if (h->n + 1 >= h->cap) {
        h->cap = h->cap > 0 ? 2 * h->cap : 16;
        h->rows = xrealloc(h->rows, h->cap, sizeof(struct due *));
    }
    d->ms = ms;
    up(h, d, ++h->n);
}

void due_remove(struct due_heap *h, struct due *d)
{
    size_t at = d->at;
    struct due *last;

    if (at == 0)
        return;
    d->at = 0;
    last = h->rows[h->n--];
    if (last == d)
        return;
    if (at > 1 && h->rows[at / 2]->ms > last->ms)
        up(h, last, at);
    else
        down(h, last, at);
}

struct due *due_first(const struct due_heap *h)
{
    return h->n > 0 ? h->rows[1] : NULL;
}
