/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - path to record, in the order of paths. Records are the caller's affair. */
#ifndef EVOKE_CATALOG_TABLE_H
#define EVOKE_CATALOG_TABLE_H

#include <stddef.h>

#include "base/str.h"

struct table_row {
    struct str path;    /* owned by the table */
    const void *record; /* never NULL */
};

/* Sorted, no path twice. Zeroed is empty. */
struct table {
    struct table_row *rows;
    size_t n, cap;
};

void table_done(struct table *t);
const void *table_get(const struct table *t, struct str path);
/* Put (record) or remove (NULL); returns the record that was there, or NULL. */
const void *table_set(struct table *t, struct str path, const void *record);
/* Index of the first row that does not sort before path: where a prefix begins. */
size_t table_from(const struct table *t, struct str path);

#endif
