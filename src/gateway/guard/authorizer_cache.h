/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorizer_cache.h - answers of authorizers that are good for a while, by key: least recently
 * used ones go first when there are too many, in number or bytes. Reads no clock.
 */
#ifndef EVOKE_GATEWAY_GUARD_AUTHORIZER_CACHE_H
#define EVOKE_GATEWAY_GUARD_AUTHORIZER_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct authorizer_answer;
struct authorizer_cache; /* opaque */

struct authorizer_cache *authorizer_cache_new(size_t most, size_t most_bytes);
struct authorizer_cache *authorizer_cache_free(struct authorizer_cache *c);
/* Borrowed until the next put, or NULL: none, or no longer good at now_ms. Allocates nothing. */
struct authorizer_answer *authorizer_cache_get(struct authorizer_cache *c, struct str key,
                                               int64_t now_ms);
/* Good from now_ms on for ttl_ms, and not before it either: a clock that was set back forgets. Takes
 * a reference of its own; replaces what was there. One that alone is over most_bytes is not kept. */
void authorizer_cache_put(struct authorizer_cache *c, struct str key, struct authorizer_answer *a,
                          int64_t now_ms, int64_t ttl_ms);
size_t authorizer_cache_count(const struct authorizer_cache *c);
size_t authorizer_cache_bytes(const struct authorizer_cache *c);

#endif
