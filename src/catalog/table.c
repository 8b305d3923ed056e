/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c - a sorted array. A lookup is ten comparisons for a thousand functions, a listing walks
 * memory in order, loading appends (the store lists in the same order), and an insertion moves a
 * few kilobytes, which beside the fsync of the same change is nothing.
 */
#include "catalog/table.h"

#include <stdlib.h>

#include "base/alloc.h"

void table_done(struct table *t)
{
    for (size_t i = 0; i < t->n; i++)
        free((char *)t->rows[i].path.p);
    free(t->rows);
    *t = (struct table){0};
}

size_t table_from(const struct table *t, struct str path)
{
    size_t lo = 0, hi = t->n;

    if (t->n > 0 && str_cmp(t->rows[t->n - 1].path, path) < 0)
        return t->n; /* loading comes in order */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (str_cmp(t->rows[mid].path, path) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct table_row *find(const struct table *t, struct str path, size_t at)
{
    return at < t->n && str_eq(t->rows[at].path, path) ? &t->rows[at] : NULL;
}

const void *table_get(const struct table *t, struct str path)
{
    const struct table_row *row = find(t, path, table_from(t, path));

    return row ? row->record : NULL;
}

static void insert(struct table *t, size_t at, struct str path, const void *record)
{
    if (t->n == t->cap) {
        t->cap = t->cap > 0 ? 2 * t->cap : 64;
        t->rows = xrealloc(t->rows, t->cap, sizeof(*t->rows));
    }
    memmove(t->rows + at + 1, t->rows + at, (t->n - at) * sizeof(*t->rows));
    t->rows[at] = (struct table_row){{str_dup(path), path.n}, record};
    t->n++;
}

const void *table_set(struct table *t, struct str path, const void *record)
{
    size_t at = table_from(t, path);
    struct table_row *row = find(t, path, at);
    const void *old = row ? row->record : NULL;

    if (row && record) {
        row->record = record;
    } else if (row) {
        free((char *)row->path.p);
        memmove(row, row + 1, (t->n - at - 1) * sizeof(*row));
        t->n--;
    } else if (record) {
        insert(t, at, path, record);
    }
    return old;
}
