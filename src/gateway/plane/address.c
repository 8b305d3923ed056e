/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.c - says of a trigger where it is called, as route.c will understand it.
 *
 *   apig    <group>.<domain>/path              /apigw/<group>/path
 *   apigw   <service>.<domain>/stage/path      /apigw/<service>/stage/path
 *   http    /2016-08-15/proxy/<service>[.<qualifier>]/<function>/
 */
#include "gateway/plane/address.h"

#include <errno.h>
#include <stdio.h>

#include "catalog/resources.h"
#include "fn/trigger.h"
#include "gateway/model/binding.h"

enum { TEXT_MAX = 4096 };

struct search {
    char *id; /* GW_ID bytes */
};

static bool take_id(void *user, const struct resource *r)
{
    struct search *s = user;

    (void)snprintf(s->id, GW_ID, "%s", r->id);
    return false;
}

/* The one somebody made, else the one that its name alone makes. */
static void find_group(const struct catalog *c, const struct trigger *t, struct str name,
                       char id[GW_ID])
{
    struct resource_filter named = {.kind = S("group"),
                                    .dialect = (int)t->dialect,
                                    .account = str_of(t->account),
                                    .region = str_of(t->region),
                                    .name = name};
    struct search s = {id};

    gw_id_of((int)t->dialect, named.account, named.region, name, id);
    catalog_each_resource(c, &named, take_id, &s);
}

static void put_group(const struct catalog *c, const char *domain, const struct trigger *t,
                      const struct binding *b, struct gw_address *a)
{
    char id[GW_ID];

    find_group(c, t, b->group, id);
    buf_addf(&a->host, "%s.%s", id, domain);
    if (b->source == BINDING_APIGW)
        buf_addf(&a->path, "/%.*s", STR_ARG(b->stage));
    if (b->path.p)
        buf_adds(&a->path, b->path);
    else
        buf_addf(&a->path, "/%s", t->function);
    buf_addf(&a->by_path, "/apigw/%s%s", id, a->path.p);
}

static void put_proxy(const struct trigger *t, struct gw_address *a)
{
    bool latest = str_ieq(str_of(t->qualifier), S("latest"));

    buf_addf(&a->path, "/2016-08-15/proxy/%s%s%s/%s/", t->space, latest ? "" : ".",
             latest ? "" : t->qualifier, t->function);
    buf_adds(&a->by_path, buf_str(&a->path));
}

int gw_address_of(const struct catalog *c, const char *domain, const struct trigger *t,
                  struct gw_address *ret)
{
    struct binding b;

    if (binding_parse(str_of(t->source), str_of(t->config), &b, NULL) < 0)
        return -ENOENT;
    buf_init(&ret->method, TEXT_MAX);
    buf_init(&ret->host, TEXT_MAX);
    buf_init(&ret->path, TEXT_MAX);
    buf_init(&ret->by_path, TEXT_MAX);
    buf_adds(&ret->method, b.methods.n > 0 ? buf_str(&b.methods) : b.method);
    if (b.source == BINDING_HTTP)
        put_proxy(t, ret);
    else
        put_group(c, domain, t, &b, ret);
    binding_done(&b);
    return 0;
}

void gw_address_done(struct gw_address *a)
{
    buf_done(&a->method);
    buf_done(&a->host);
    buf_done(&a->path);
    buf_done(&a->by_path);
}
