/* SPDX-License-Identifier: Apache-2.0 */
/* kin.h - resources by kind, parent and id: those with one parent are neighbours, so what is asked
 * about them (is the name taken? is there room?) costs what they are, and not what there is. */
#ifndef EVOKE_CATALOG_KIN_H
#define EVOKE_CATALOG_KIN_H

#include <stddef.h>

#include "base/str.h"

struct resource;
struct table;

/* Sorted; records are borrowed. Zeroed is empty. */
struct kin {
    const struct resource **rows;
    size_t n, cap;
};

void kin_done(struct kin *k);
/* All at once, from a table of resources: one sort instead of an insertion each. */
void kin_fill(struct kin *k, const struct table *resources);
/* now takes the place of old; NULL: was not, is no more. */
void kin_follow(struct kin *k, const struct resource *old, const struct resource *now);
/* Of one kind and parent ("": those without one): from the one returned, so many. */
const struct resource *const *kin_of(const struct kin *k, struct str kind, struct str parent,
                                     size_t *ret_n);

/* Of whatever kind, with this parent: into ret, at most `most`; how many it put there. */
size_t kin_of_any(const struct kin *k, struct str parent, const struct resource **ret, size_t most);

#endif
