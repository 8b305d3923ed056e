/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorizer_identity.h - what of a request an authorizer goes by: its identities, whether they are
 * there and valid, and the key that they make.
 */
#ifndef EVOKE_GATEWAY_GUARD_AUTHORIZER_IDENTITY_H
#define EVOKE_GATEWAY_GUARD_AUTHORIZER_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct arena;
struct err;
struct gw_authorizer;
struct http_request;
struct shape_pair;

/* Compiled expressions by their text; bounded. Not shared between threads. */
struct gw_patterns; /* opaque */
enum { GW_PATTERN_TEXT = 1024 /* bytes of an expression */ };
struct gw_patterns *gw_patterns_new(void);
struct gw_patterns *gw_patterns_free(struct gw_patterns *p);
/* Another request: what its values may cost is counted from zero (model/expression.h). */
void gw_patterns_begin(struct gw_patterns *p);
/* Does the expression match somewhere in text? 1, 0 (also where it takes too long to tell), or
 * -EINVAL: it is none. */
int gw_patterns_match(struct gw_patterns *p, struct str expression, struct str text, struct err *e);

enum { GW_IDENTITY_BYTES = 8192 /* of all identities together; more are not remembered */ };

struct gw_identify {
    const struct gw_authorizer *authorizer;
    const struct http_request *req;
    const struct shape_pair *query; /* decoded */
    size_t nquery;
};
/*
 * 0: all are there and valid. *ret_key, in the arena, is then the same for two requests exactly if
 * authorizer, its revision and all identities are; STR_NONE where nothing is to be remembered (no
 * ttl, no identities, too long, arena full).
 * -ENOENT: one is missing or empty; -EACCES: not valid; -EINVAL: its expression is none; e names
 * it.
 */
int gw_identify(const struct gw_identify *what, struct gw_patterns *patterns, struct arena *arena,
                struct str *ret_key, struct err *e);

#endif
