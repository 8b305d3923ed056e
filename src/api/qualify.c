/* SPDX-License-Identifier: Apache-2.0 */
/* qualify.c - which version a request is for: aliases may ask what it says. */
#include "api/api.h"
#include "catalog/versions.h"
#include "http/find.h"

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
    case ALIAS_ROUTING_KEY: /* SCF's own API has them, in the body */
    case ALIAS_PARTS:
        break;
    }
    return STR_NONE;
}

const struct fn *call_resolve(struct call *c, const struct fn_key *key, struct str qualifier)
{
    return catalog_resolve(c->api->catalog, key, qualifier,
                           &(struct qualify_ask){find, (void *)c->req});
}
