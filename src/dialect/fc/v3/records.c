/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records.c - settings that each version has for itself: which record a qualifier means for them, how it is
 * changed, and all of them in order.
 *
 * An alias has none of its own: its are those of the version it points to, now.
 */
#include <stdio.h>

#include "api/api.h"
#include "catalog/versions.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"

static const struct fn *aliased(const struct call *c, const struct fn_key *key, struct str name)
{
    const struct alias *a = catalog_alias(c->api->catalog, key, name);
    struct fn_key space = *key;

    space.name = STR_NONE;
    if (!a)
        a = catalog_alias(c->api->catalog, &space, name);
    return a ? catalog_version(c->api->catalog, key, str_of(a->version)) : NULL;
}

const struct fn *fc3_record(struct call *c, struct fn_key *ret)
{
    struct str qualifier = call_query(c, S("qualifier"));
    const struct fn *f = fc3_latest(c, ret);

    if (!f || qualifier_is_latest(qualifier))
        return f;
    f = catalog_version(c->api->catalog, ret, qualifier);
    if (!f)
        f = aliased(c, ret, qualifier);
    if (!f)
        (void)fc3_check_qualifier(c, ret, qualifier); /* it replies */
    return f;
}

void fc3_update_record(struct call *c, struct fn *draft, catalog_fn *done)
{
    if (str_ieq(str_of(draft->version), S("latest")))
        catalog_update(c->api->catalog, draft, done, c);
    else
        catalog_update_version(c->api->catalog, draft, done, c);
}

struct walk {
    struct call *call;
    fc3_record_fn *fn;
    void *user;
    struct str only; /* a function's name; empty: all */
    bool more;
};

static bool each_version(void *user, const struct fn *f)
{
    struct walk *w = user;
    char place[2 * FC3_NAME_TEXT];

    /* Versions are numbers: so many digits that they sort as such. */
    (void)snprintf(place, sizeof(place), "%s/%s/%20s", f->space, f->name,
                   str_ieq(str_of(f->version), S("latest")) ? "0" : f->version);
    for (char *at = place; *at; at++)
        if (*at == ' ')
            *at = '0';
    w->more = w->fn(w->user, f, str_of(place));
    return w->more;
}

static bool each_function(void *user, const struct fn *f)
{
    struct walk *w = user;
    char name[FC3_NAME_TEXT];
    struct fn_key key = fn_key_of(f);

    if (w->only.n && !str_eq(w->only, str_of(fc3_name(f, name, sizeof(name)))))
        return true;
    if (each_version(w, f))
        catalog_each_version(w->call->api->catalog, &key, each_version, w);
    return w->more;
}

void fc3_each_record(struct call *c, fc3_record_fn *fn, void *user)
{
    struct catalog_filter filter = {
            .dialect = DIALECT_FC, .account = fc3_account(c), .region = str_of(c->api->region)};
    struct walk w = {c, fn, user, call_query(c, S("functionName")), true};

    catalog_each(c->api->catalog, &filter, each_function, &w);
}
