/* SPDX-License-Identifier: Apache-2.0 */
/* map.h - byte string to pointer, for tables that live long. Keys are copied; the hash is seeded
 * per process, so that keys a stranger chooses cannot pile up. */
#ifndef EVOKE_BASE_MAP_H
#define EVOKE_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct map; /* opaque */

struct map *map_new(void);
struct map *map_free(struct map *m); /* values are the caller's affair */
void *map_get(const struct map *m, struct str key);
void *map_put(struct map *m, struct str key, void *value); /* value not NULL; returns the old one */
void *map_del(struct map *m, struct str key);              /* returns the old one or NULL */
size_t map_count(const struct map *m);
/* Walk in no order: start with *cursor = 0; false at the end. The map must not change meanwhile. */
bool map_next(const struct map *m, size_t *cursor, struct str *ret_key, void **ret_value);

#endif
