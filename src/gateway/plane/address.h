/* SPDX-License-Identifier: Apache-2.0 */
/* address.h - where a trigger that is HTTP is called, for people who ask. */
#ifndef EVOKE_GATEWAY_PLANE_ADDRESS_H
#define EVOKE_GATEWAY_PLANE_ADDRESS_H

#include "base/buf.h"

struct catalog;
struct trigger;

struct gw_address {
    struct buf method;  /* "GET"; "ANY"; "GET,POST" */
    struct buf host;    /* "service-1a2b3c4d.apigw.localhost"; empty: any that is the daemon's */
    struct buf path;    /* at that host: "/release/page/{name}" */
    struct buf by_path; /* at the daemon's own: "/apigw/service-1a2b3c4d/release/page/{name}" */
};

/* 0; -ENOENT: it is not HTTP. domain: of the gateway's hosts. */
int gw_address_of(const struct catalog *c, const char *domain, const struct trigger *t,
                  struct gw_address *ret);
void gw_address_done(struct gw_address *a); /* of one that was had */

#endif
