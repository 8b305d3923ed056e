/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resources.h - what else there is in the catalog: the gateway's objects, and what a cloud keeps
 * beside functions (test events, tags, layers, ...). A table in memory, written through like
 * functions and triggers. Store layout: "gate/<kind>/<id>", parts percent-encoded.
 *
 * They name functions and each other by id and are checked by who writes them; what a name leads to
 * is looked up where it is used, so no order of writes can break the table. One whose parent is the
 * path of a function or of a space (fn_key_path()) goes when that is deleted.
 */
#ifndef EVOKE_CATALOG_RESOURCES_H
#define EVOKE_CATALOG_RESOURCES_H

#include "catalog/catalog.h"
#include "fn/resource.h"

/* Borrowed until the next turn of the loop. NULL when unknown. */
const struct resource *catalog_resource(const struct catalog *c, struct str kind, struct str id);

/* Of one kind, in order of creation. Parts left empty match anything (dialect < 0: any); parent and
 * name likewise. fn returns false to stop. Looks at every row of the kind, or of the parent if it is
 * named. */
struct resource_filter {
    struct str kind; /* needed */
    int dialect;
    struct str account, region, parent, name;
};
void catalog_each_resource(const struct catalog *c, const struct resource_filter *filter,
                           bool (*fn)(void *user, const struct resource *r), void *user);
size_t catalog_count_resources(const struct catalog *c, const struct resource_filter *filter);

/* r: 0; -EEXIST: this id (create), or another one of its kind, dialect, account, region and parent
 * has this name (unless it is ""); -ENOENT (update, delete); -EDQUOT: CATALOG_RESOURCES; -E2BIG: a
 * limit of fn/resource.h; -ESTALE; or the store's. res: the record now in force, NULL on failure and after delete; borrowed. */
enum { CATALOG_RESOURCES = 200000 };
typedef void catalog_resource_fn(void *user, int r, const struct resource *res);
void catalog_create_resource(struct catalog *c, struct resource *draft, catalog_resource_fn *fn,
                             void *user); /* draft taken */
void catalog_update_resource(struct catalog *c, struct resource *draft, catalog_resource_fn *fn,
                             void *user); /* taken; its revision is the expected one */
void catalog_delete_resource(struct catalog *c, struct str kind, struct str id,
                             catalog_resource_fn *fn, void *user);

/* Called after each committed change, and by catalog_watch_resources() itself for each that is
 * there: before and after; NULL for "was not" and "is no more". Watchers are told in the order they came. */
enum { CATALOG_RESOURCE_WATCHERS = 4 };
typedef void catalog_resource_change_fn(void *user, const struct resource *before,
                                        const struct resource *after);
void catalog_watch_resources(struct catalog *c, catalog_resource_change_fn *fn, void *user);
void catalog_unwatch_resources(struct catalog *c, const void *user); /* not from a watcher */

#endif
