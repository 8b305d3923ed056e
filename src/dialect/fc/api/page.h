/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - a page of a list: limit, prefix, startKey and nextToken of the query, and the answer
 * {"<plural>": [...], "nextToken": "..."}.
 *
 * Rows come in the order of their names. A token is the name of the row that the next page begins
 * with; what is no name at all is refused.
 */
#ifndef EVOKE_DIALECT_FC_API_PAGE_H
#define EVOKE_DIALECT_FC_API_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"

struct call;
struct resource;
struct resource_filter;

enum { FC_PAGE_DEFAULT = 20, FC_PAGE_MAX = 100 };

struct fc_page {
    struct jw w;
    struct str prefix, from;
    uint64_t limit, shown;
    struct buf body, next;
};

/* false: it has replied. Else fc_page_reply() or fc_page_drop(). */
bool fc_page_open(struct call *c, struct fc_page *p, const char *plural);
/* Is the row of this name on the page? Then write it. */
bool fc_page_has(struct fc_page *p, struct str name);
bool fc_page_full(const struct fc_page *p); /* and something comes after it */
void fc_page_reply(struct call *c, struct fc_page *p);
void fc_page_drop(struct fc_page *p);

/* catalog_each_resource(), in the order of their names. */
void fc_resources_by_name(struct call *c, const struct resource_filter *filter,
                          bool (*fn)(void *user, const struct resource *r), void *user);

/* 1 to most, or the given value stays; false: it has replied. */
bool fc_page_limit(struct call *c, uint64_t most, uint64_t *limit);

#endif
