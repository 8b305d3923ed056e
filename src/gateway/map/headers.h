/* SPDX-License-Identifier: Apache-2.0 */
/* headers.h - which headers belong to one connection only, or to the gateway, and go no further. */
#ifndef EVOKE_GATEWAY_MAP_HEADERS_H
#define EVOKE_GATEWAY_MAP_HEADERS_H

#include <stdbool.h>

#include "base/str.h"
#include "dialect/shape.h"

struct arena;
struct err;

enum {
    GW_HEADER_BYTES = 32 << 10,   /* of one of an answer, name and value */
    GW_HEADERS_BYTES = 128 << 10, /* of all of them */
};

/* Of one connection (RFC 9110 section 7.6.1): Connection, Keep-Alive, TE, Transfer-Encoding, ... */
bool gw_header_is_hop(struct str name);
/* Is the name in a value like "close, X-Mine" of Connection? */
bool gw_header_is_named(struct str connection, struct str name);

/*
 * The headers of a backend's answer that a client may see, in their order, and its Content-Type
 * (STR_NONE: it has none). Left out: those of the connection and those Connection names,
 * Content-Length, Date, what the gateway says itself (X-Request-Id, X-Apig-..., X-Fc-...,
 * X-Api-RequestId).
 *
 * 0; -EINVAL: one is not HTTP (a line end in a value, no token for a name); -EMSGSIZE: they are over
 * a limit; -ENOMEM: the arena is full. e says which.
 */
int gw_headers_pass(struct shape_list from, struct arena *space, struct shape_list *ret,
                    struct str *ret_type, struct err *e);

#endif
