/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match.h - the compiled route table: host -> stage -> path and method -> API. Cost of a lookup is
 * that of the path's segments, however many APIs there are; adding and removing one API costs the
 * same.
 *
 * A path's segments are compared percent-decoded; a literal beats a parameter, an exact pattern a
 * prefix, a longer prefix a shorter one, a method by name ANY. "{p+}" takes the rest.
 */
#ifndef EVOKE_GATEWAY_MODEL_MATCH_H
#define EVOKE_GATEWAY_MODEL_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "gateway/model/model.h"
#include "gateway/model/pattern.h"

struct arena;
struct gw_table; /* opaque */

struct gw_table *gw_table_new(void);
struct gw_table *gw_table_free(struct gw_table *t);
/* A host (lower case, no port) is a name of that group; one group has several. -EEXIST: another
 * group's. */
int gw_table_add_host(struct gw_table *t, struct str host, struct gw_group *group);
void gw_table_drop_host(struct gw_table *t, struct str host);
struct gw_group *gw_table_host(const struct gw_table *t, struct str host); /* or NULL */
/* By group and stage of the API, whose pattern has been checked. -EEXIST: it has an API for this
 * method and pattern already; -ENAMETOOLONG: the stage's name. */
int gw_table_add(struct gw_table *t, struct gw_api *a); /* takes a reference */
void gw_table_drop(struct gw_table *t, const struct gw_api *a);
/* The one for which gw_table_add() would say -EEXIST; borrowed. NULL: there is none. */
const struct gw_api *gw_table_rival(const struct gw_table *t, const struct gw_api *a);
size_t gw_table_count(const struct gw_table *t);

struct gw_match {
    struct gw_api *api; /* borrowed */
    struct {
        struct str name, value; /* decoded; the rest behind a prefix has the name "" */
    } captures[GW_CAPTURES];
    size_t ncaptures;
    size_t visited; /* nodes of the table that were looked at: what a lookup costs */
};

/* 0; -ENOENT no such path (or stage); -EACCES the path, but not the method; -EINVAL malformed
 * escape, NUL, or "." and ".." segments (also encoded); -ENOMEM arena full. path is raw. */
int gw_table_find(const struct gw_table *t, const struct gw_group *group, struct str stage,
                  struct str method, struct str path, struct arena *space, struct gw_match *ret);
/* Is there a stage of that name in the group with an API in it? */
bool gw_table_has_stage(const struct gw_table *t, const struct gw_group *group, struct str stage);

#endif
