/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint.h - the clouds' APIs on the loopback of each instance, without the admin API. */
#ifndef EVOKE_DAEMON_ENDPOINT_H
#define EVOKE_DAEMON_ENDPOINT_H

#include "pool/pool.h"

struct api;
struct endpoints; /* opaque */
struct http_limits;
struct loop;

/* api borrowed; limits: the front's, of which ours are tighter */
struct endpoints *endpoints_new(struct loop *l, const struct api *api,
                                const struct http_limits *limits);
/* For pool_serve_endpoints(), with the struct as user. */
extern const struct pool_endpoint_ops endpoints_ops;
/* Close all of them; before the rooms that their requests are in end. */
void endpoints_shut(struct endpoints *eps);
struct endpoints *endpoints_free(struct endpoints *eps); /* after the pool */

#endif
