/* SPDX-License-Identifier: Apache-2.0 */
/* router.h - which operation of a table does a method and path mean? Literals beat captures. */
#ifndef EVOKE_HTTP_ROUTER_H
#define EVOKE_HTTP_ROUTER_H

#include <stddef.h>

#include "base/str.h"

enum { ROUTE_CAPTURES = 8 };

/*
 * One row of a dialect's table, first member of its own row struct. Pattern:
 * "/v2/{project}/fgs/functions/{urn}/config"; a capture is one whole, non-empty segment,
 * percent-decoded before it is handed out ("a%2Fb" gives "a/b").
 */
struct route {
    const char *method;
    const char *pattern;
};

struct router; /* compiled; opaque */

struct router *router_new(void);
struct router *router_free(struct router *r);
/* Asserts that the pattern is well formed and new. `row` is borrowed and must outlive the router.
 */
void router_add(struct router *r, const struct route *row);

struct route_match {
    const struct route *row;
    struct str captures[ROUTE_CAPTURES]; /* in pattern order; live in `space` */
    size_t ncaptures;
};

struct arena;
/*
 * Find the row. A literal segment beats a capture at the same place. Returns 0; -ENOENT no such
 * path; -EACCES the path exists, the method does not; -EINVAL malformed escape in the path; -ENOMEM
 * arena full.
 */
int router_find(const struct router *r, struct str method, struct str path, struct arena *space,
                struct route_match *ret);

#endif
