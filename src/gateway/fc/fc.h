/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fc.h - Function Compute's HTTP triggers: by path ("/2016-08-15/proxy/<service>[.<qualifier>]/
 * <function>/...") and behind custom domains. Their rules differ from those of the API gateways:
 * function-compute.md 6 of our reference, docs/compat/fc.md.
 */
#ifndef EVOKE_GATEWAY_FC_FC_H
#define EVOKE_GATEWAY_FC_FC_H

#include <stdbool.h>

#include "gateway/call.h"

struct fc_routes; /* opaque */
struct gateway;
struct resource;

/* ---- steps and parts of steps ---- */

/* Beside gw_fc_proxy(), gw_fc_routed() and gw_fc_authenticate() of call.h. */
enum gw_step gw_fc_cors(struct gw_call *c);    /* a preflight is answered here */
enum gw_step gw_backend_fc(struct gw_call *c); /* GW_ANSWER_HTTP: the handler itself answers */

/* ---- what is called where: fc_routes.c ---- */

/* Follows triggers of source "http" from now on; g->table is there. */
struct fc_routes *fc_routes_new(struct gateway *g);
struct fc_routes *fc_routes_free(struct fc_routes *f); /* NULL is fine */
/* A custom domain has changed (compile.c's watch): kind "fc_domain". */
void fc_routes_domain(struct fc_routes *f, const struct resource *before,
                      const struct resource *after);

/* The trigger of a function for that qualifier ("" and "LATEST" alike); borrowed. Account and region
 * may be empty: any, if only one has such a function. -ENOENT, -ENOTUNIQ. */
int fc_routes_proxy(const struct fc_routes *f, const struct fn_key *key, struct str qualifier,
                    struct gw_api **ret);

/* A route of a custom domain. Texts borrowed until the next turn of the loop. */
struct fc_route {
    struct fn_key key; /* of its function */
    struct str qualifier;
    const struct fc_rules *rules; /* of rewriting; NULL: none */
};
/* -ENOENT no such path; -EACCES the path, but not the method. path: decoded. */
int fc_routes_find(const struct fc_routes *f, struct str domain, struct str method, struct str path,
                   struct fc_route *ret);

#endif
