/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - from the names of 3.0 to functions.
 *
 * There are no services: what is created here belongs to the service "default" of the earlier API, where
 * it is found under its own name. "svc$fn" reaches a function of another one, as in the cloud. Versions
 * and aliases stand in the query, and are the function's own; an alias of its service, made through the
 * earlier API, is found as well (catalog/versions.h).
 */
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "base/err.h"
#include "catalog/versions.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"

bool fc3_key(struct call *c, struct str name, struct fn_key *ret)
{
    struct fn_key key = {.dialect = DIALECT_FC,
                         .account = fc3_account(c),
                         .region = str_of(c->api->region),
                         .space = S("default"),
                         .name = name};
    struct err e = {0};

    if (str_has(name, '$')) {
        key.space = str_cut(&name, '$');
        key.name = name;
    }
    if (fc_parse_name(key.space, "serviceName", &e) < 0 ||
        fc_parse_name(key.name, "functionName", &e) < 0) {
        fc3_fail_invalid(c, &e);
        return false;
    }
    *ret = key;
    return call_permit(c, &key);
}

const char *fc3_name(const struct fn *f, char *out, size_t n)
{
    bool own = strcmp(f->space, "default") == 0;

    (void)snprintf(out, n, "%s%s%s", own ? "" : f->space, own ? "" : "$", f->name);
    return out;
}

void fc3_arn(const struct fn *f, struct str qualifier, struct buf *out)
{
    char name[FC3_NAME_TEXT];

    buf_addf(out, "acs:fc:%s:%s:functions/%s", f->region, f->account,
             fc3_name(f, name, sizeof(name)));
    if (qualifier.n)
        buf_addf(out, "/%.*s", STR_ARG(qualifier));
}

static void fail_missing(struct call *c, struct str name)
{
    call_fail(c, 404, "FunctionNotFound", "function '%.*s' does not exist", STR_ARG(name));
}

const struct fn *fc3_latest(struct call *c, struct fn_key *ret)
{
    const struct fn *f;

    if (!fc3_key(c, c->captures[0], ret))
        return NULL;
    f = catalog_find(c->api->catalog, ret);
    if (!f)
        fail_missing(c, c->captures[0]);
    return f;
}

static bool is_version(struct str s)
{
    uint64_t v;

    return str_u64(s, 0, UINT64_MAX, &v) == 0;
}

static void fail_qualifier(struct call *c, struct str qualifier)
{
    bool version = is_version(qualifier);

    call_fail(c, 404, version ? "VersionNotFound" : "AliasNotFound",
              "%s '%.*s' of function '%.*s' does not exist", version ? "version" : "alias",
              (int)(qualifier.n < 128 ? qualifier.n : 128), qualifier.p, STR_ARG(c->captures[0]));
}

bool fc3_check_qualifier(struct call *c, const struct fn_key *key, struct str qualifier)
{
    struct fn_key space = *key;

    space.name = STR_NONE;
    if (qualifier_is_latest(qualifier) || catalog_version(c->api->catalog, key, qualifier) ||
        catalog_alias(c->api->catalog, key, qualifier) ||
        catalog_alias(c->api->catalog, &space, qualifier))
        return true;
    fail_qualifier(c, qualifier);
    return false;
}

/* ---- what the rules of an alias look at ---- */

static struct str find_part(void *user, enum alias_part part, struct str key)
{
    struct call *c = user;

    switch (part) {
    case ALIAS_HEADER:
        return http_header(c->req, key);
    case ALIAS_QUERY:
        return call_query(c, key);
    case ALIAS_COOKIE:
    case ALIAS_ROUTING_KEY:
    case ALIAS_PARTS:
        break;
    }
    return STR_NONE;
}

const struct fn *fc3_qualified(struct call *c, struct fn_key *ret, struct str *ret_qualifier)
{
    struct qualify_ask ask = {.find = find_part, .user = c};
    struct str qualifier = call_query(c, S("qualifier"));
    const struct fn *f = fc3_latest(c, ret);

    if (!f)
        return NULL;
    f = catalog_resolve(c->api->catalog, ret, qualifier, &ask);
    if (!f)
        fail_qualifier(c, qualifier);
    if (ret_qualifier)
        *ret_qualifier = qualifier_is_latest(qualifier) ? S("LATEST") : qualifier;
    return f;
}
