/* SPDX-License-Identifier: Apache-2.0 */
/* qualify.c - which version a call of the gateway is for: aliases may ask what it says. */
#include "catalog/versions.h"
#include "gateway/call.h"
#include "gateway/gateway.h"
#include "http/find.h"
#include "http/server.h"

static struct str find(void *user, enum alias_part part, struct str key)
{
    const struct http_request *r = user;

    switch (part) {
    case ALIAS_HEADER:
        return http_header(r, key);
    case ALIAS_COOKIE:
        return http_cookie(r, key);
    case ALIAS_QUERY:
        return http_query(r, key);
    case ALIAS_ROUTING_KEY: /* of SCF's own API */
    case ALIAS_PARTS:
        break;
    }
    return STR_NONE;
}

const struct fn *gw_resolve(struct gw_call *c, struct catalog *catalog, const struct fn_key *key,
                            const char *qualifier)
{
    return catalog_resolve(catalog, key, str_of(qualifier),
                           &(struct qualify_ask){find, (void *)c->req});
}
