/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/kin.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/table.h"
#include "fn/resource.h"

void kin_done(struct kin *k)
{
    free(k->rows);
    *k = (struct kin){0};
}

static int compare(const struct resource *r, struct str kind, struct str parent)
{
    int order = str_cmp(str_of(r->kind), kind);

    return order ? order : str_cmp(str_of(r->parent), parent);
}

static int compare_both(const struct resource *a, const struct resource *b)
{
    int order = compare(a, str_of(b->kind), str_of(b->parent));

    return order ? order : strcmp(a->id, b->id);
}

static int by_kin(const void *a, const void *b)
{
    return compare_both(*(const struct resource *const *)a, *(const struct resource *const *)b);
}

static void grow(struct kin *k, size_t n)
{
    if (n <= k->cap)
        return;
    k->cap = n > 2 * k->cap ? n : 2 * k->cap;
    k->rows = xrealloc(k->rows, k->cap, sizeof(const struct resource *));
}

void kin_fill(struct kin *k, const struct table *resources)
{
    grow(k, resources->n);
    for (size_t i = 0; i < resources->n; i++)
        k->rows[i] = resources->rows[i].record;
    k->n = resources->n;
    if (k->n > 0)
        qsort(k->rows, k->n, sizeof(const struct resource *), by_kin);
}

/* Index of the first row that does not sort before r. */
static size_t place_of(const struct kin *k, const struct resource *r)
{
    size_t lo = 0, hi = k->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (compare_both(k->rows[mid], r) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void kin_follow(struct kin *k, const struct resource *old, const struct resource *now)
{
    size_t at;

    if (old) {
        at = place_of(k, old);
        assert(at < k->n && k->rows[at] == old);
        if (now && compare_both(old, now) == 0) {
            k->rows[at] = now;
            return;
        }
        k->n--;
        memmove(k->rows + at, k->rows + at + 1, (k->n - at) * sizeof(const struct resource *));
    }
    if (now) {
        at = place_of(k, now);
        grow(k, k->n + 1);
        memmove(k->rows + at + 1, k->rows + at, (k->n - at) * sizeof(const struct resource *));
        k->rows[at] = now;
        k->n++;
    }
}

/* How many of the rows sort before those of that kind and parent, or before what comes after them. */
static size_t border(const struct kin *k, struct str kind, struct str parent, bool behind)
{
    size_t lo = 0, hi = k->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = compare(k->rows[mid], kind, parent);

        if (order < 0 || (behind && order == 0))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct resource *const *kin_of(const struct kin *k, struct str kind, struct str parent,
                                     size_t *ret_n)
{
    size_t from = border(k, kind, parent, false);

    *ret_n = border(k, kind, parent, true) - from;
    return *ret_n > 0 ? k->rows + from : NULL;
}

/* The first row that sorts behind all of this kind. */
static size_t behind_kind(const struct kin *k, struct str kind)
{
    size_t lo = 0, hi = k->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (str_cmp(str_of(k->rows[mid]->kind), kind) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

size_t kin_of_any(const struct kin *k, struct str parent, const struct resource **ret, size_t most)
{
    size_t found = 0;

    for (size_t at = 0; at < k->n && found < most;) {
        struct str kind = str_of(k->rows[at]->kind);
        size_t n;
        const struct resource *const *rows = kin_of(k, kind, parent, &n);

        for (size_t i = 0; i < n && found < most; i++)
            ret[found++] = rows[i];
        at = behind_kind(k, kind);
    }
    return found;
}
