/* SPDX-License-Identifier: Apache-2.0 */
/* queue_pages.h - the rows on the pages of a damaged store, read without SQLite. For salvage. */
#ifndef EVOKE_STORE_SQLITE_QUEUE_PAGES_H
#define EVOKE_STORE_SQLITE_QUEUE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum { PAGES_COLUMNS = 16, PAGES_ROW = 64 << 20 /* bytes of a row */ };

struct page_value {
    char type; /* '.': NULL, 'i': a number, 'b': bytes, 't': text; else something we never write */
    int64_t number;
    const uint8_t *p; /* borrowed from the row */
    size_t n;
};

struct page_row {
    bool keyed;  /* of a table with row numbers; else of one without, or of an index */
    int64_t key; /* its number */
    size_t ncolumns;
    struct page_value columns[PAGES_COLUMNS]; /* a row with more is none of ours */
};

struct pages_read {
    uint64_t mended; /* reads of a page with one wrong bit, which was turned back */
    uint64_t lost;   /* pages that were not what was written, beyond that */
    uint64_t broken; /* rows that go on on such a page */
};

/*
 * Every row on every page of the file and its log that is what was written: in no order. fn: 0 to
 * go on, negative ends it and is returned. Nothing is written to the files.
 */
typedef int pages_row_fn(void *user, const struct page_row *row, struct err *e);
int queue_pages(const char *path, pages_row_fn *fn, void *user, struct pages_read *ret,
                struct err *e);

#endif
