/* SPDX-License-Identifier: Apache-2.0 */
/* kept.c - small things kept beside a function: resources of the catalog whose parent is its path.
 * They are the function's and not a version's, and go with it. */
#include "base/clock.h"
#include "catalog/resources.h"
#include "dialect/functiongraph/api/fg.h"

void fg_path(const struct fg_urn *u, struct buf *out)
{
    struct fn_key key = fg_key(u);

    fn_key_path(&key, out);
}

struct resource *fg_resource_new(struct str kind, struct str id, const struct fg_urn *u)
{
    struct resource *r = resource_new(kind, id);
    struct buf path;

    buf_init(&path, FG_PATH);
    fg_path(u, &path);
    r->dialect = DIALECT_FUNCTIONGRAPH;
    fn_set(&r->account, u->project);
    fn_set(&r->region, u->region);
    fn_set(&r->parent, buf_str(&path));
    r->created_ms = r->modified_ms = clock_wall_ms();
    buf_done(&path);
    return r;
}

const struct resource *fg_resource_of(const struct call *c, struct str kind, struct str id,
                                      const struct fg_urn *u)
{
    const struct resource *r = catalog_resource(c->api->catalog, kind, id);
    struct buf path;
    bool ours;

    buf_init(&path, FG_PATH);
    fg_path(u, &path);
    ours = r && str_eq(str_of(r->parent), buf_str(&path));
    buf_done(&path);
    return ours ? r : NULL;
}
