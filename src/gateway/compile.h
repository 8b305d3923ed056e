/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compile.h - follows the catalog: what its resources and triggers say about the gateway is made into
 * groups and APIs (model.h) and kept in the route table (match.h), one change at a time.
 */
#ifndef EVOKE_GATEWAY_COMPILE_H
#define EVOKE_GATEWAY_COMPILE_H

#include "base/str.h"
#include "gateway/model.h"

struct compiler; /* opaque */
struct fn_key;
struct gateway;

/* Takes in all there is before it returns. */
struct compiler *compiler_new(struct gateway *g);
struct compiler *compiler_free(struct compiler *c);

/* The API of a function's HTTP trigger of FC for that qualifier ("LATEST"); borrowed, NULL: it has
 * none. */
struct gw_api *compiler_proxy(const struct compiler *c, const struct fn_key *function,
                              struct str qualifier);

#endif
