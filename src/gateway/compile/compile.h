/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compile.h - follows the catalog: what its resources and triggers say about the gateway is made into
 * groups and APIs (model.h) and kept in the route table (match.h), one change at a time.
 */
#ifndef EVOKE_GATEWAY_COMPILE_COMPILE_H
#define EVOKE_GATEWAY_COMPILE_COMPILE_H

#include "base/str.h"
#include "gateway/model/model.h"

struct buf;
struct compiler; /* opaque */
struct err;
struct gateway;

/* Takes in all there is before it returns. */
struct compiler *compiler_new(struct gateway *g);
struct compiler *compiler_free(struct compiler *c);

/* The API as it is edited, for a debug call: a new reference; NULL with a sentence. */
struct gw_api *compiler_draft(struct compiler *c, struct str api_id, struct err *e);

/* See gateway_rival(). */
int compiler_rival(const struct compiler *c, struct str key, struct buf *out);

#endif
