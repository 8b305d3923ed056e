/* SPDX-License-Identifier: Apache-2.0 */
/* compile_authorizer.c - a custom authorizer as its resource says (functiongraph.md 5.4). */
#include "catalog/resources.h"
#include "gateway/compile_internal.h"
#include "gateway/internal.h"

const struct resource *compile_find_authorizer(struct compiler *c, const struct gw_group *group,
                                               struct str name_or_id)
{
    (void)c;
    (void)group;
    (void)name_or_id;
    return NULL;
}

const struct gw_authorizer *compile_authorizer(const struct resource *r)
{
    (void)r;
    return NULL;
}
