/* SPDX-License-Identifier: Apache-2.0 */
/* page.h - Offset, Limit and Order of a list. */
#ifndef EVOKE_DIALECT_SCF_PAGE_H
#define EVOKE_DIALECT_SCF_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct cJSON;
struct call;

struct scf_page {
    int64_t offset, limit;
    bool descending;
    int64_t seen; /* that fit, so far */
};
enum { SCF_PAGE_DEFAULT = 20 };

/* False: it has replied. most: of Limit. */
bool scf_page_read(struct call *c, const struct cJSON *p, int64_t most, struct scf_page *ret);
/* Of one more that fits: is it on the page? */
bool scf_page_has(struct scf_page *page);
/* Is the text of the parameter `name` one of these (NULL ends them), or absent? False: it has replied. */
bool scf_one_of(struct call *c, const struct cJSON *p, const char *name, const char *code,
                const char *const *values);

/* Things in the order of a key, shown later: rows are sorted by text, then by what came first. */
struct scf_row {
    char *key; /* owned */
    const void *what;
};
struct scf_rows {
    struct scf_row *list;
    size_t n, room;
};
void scf_rows_add(struct scf_rows *rows, const char *key, const void *what);
void scf_rows_sort(struct scf_rows *rows, bool down);
void scf_rows_done(struct scf_rows *rows); /* a cleanup_with() hook */

#endif
