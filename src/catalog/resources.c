/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resources.c - the gateway's objects, answered from memory.
 *
 * A resource's row stands under "<kind>/<id>", so those of one kind are neighbours: looking one up
 * is a binary search, listing is one stretch of the table. What belongs to one parent stands together
 * in the index beside it (kin.h), which follows the table in changed(). The gateway itself asks none
 * of them: it watches and keeps what it needs compiled (gateway/compile/compile.c).
 */
#include "catalog/resources.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/uri.h"
#include "catalog/internal.h"
#include "loop/loop.h"

static int decode(struct str json, uint64_t revision, const void **ret, struct err *e)
{
    struct resource *res;
    int r = resource_decode(json, revision, &res, e);

    if (r == 0)
        *ret = res;
    return r;
}

void catalog_resource_path(struct str kind, struct str id, struct buf *out)
{
    uri_encode(kind, "", out);
    buf_addc(out, '/');
    uri_encode(id, "", out);
}

static void add_path(const void *record, struct buf *out)
{
    const struct resource *r = record;

    catalog_resource_path(str_of(r->kind), str_of(r->id), out);
}

static uint64_t revision_of(const void *record)
{
    return ((const struct resource *)record)->revision;
}

static void unref(const void *record)
{
    resource_unref(record);
}

static void stamp(void *draft, uint64_t revision)
{
    ((struct resource *)draft)->revision = revision;
}

static void release(void *user)
{
    resource_unref(user);
}

static void changed(struct catalog *c, struct str path, const void *old, const void *now)
{
    (void)path;
    if (c->has_kin)
        kin_follow(&c->kin, old, now);
    for (uint32_t i = 0; i < c->non_resource; i++)
        c->on_resource[i].fn(c->on_resource[i].user, old, now);
    if (old)
        loop_defer(c->loop, release, (void *)old);
}

const struct kind resource_kind = {
        .prefix = "gate/",
        .decode = decode,
        .path = add_path,
        .revision = revision_of,
        .unref = unref,
        .stamp = stamp,
        .changed = changed,
};

const struct resource *catalog_resource(const struct catalog *c, struct str kind, struct str id)
{
    buf_reset(c->scratch);
    catalog_resource_path(kind, id, c->scratch);
    return buf_ok(c->scratch) ? table_get(&c->resources, buf_str(c->scratch)) : NULL;
}

size_t catalog_resources_of(const struct catalog *c, struct str kind, size_t *ret_from)
{
    struct buf *prefix = c->scratch;

    buf_reset(prefix);
    uri_encode(kind, "", prefix);
    buf_addc(prefix, '/');
    *ret_from = 0;
    if (!buf_ok(prefix))
        return 0;
    *ret_from = table_from(&c->resources, buf_str(prefix));
    prefix->p[prefix->n - 1]++; /* '0': behind all that begin with it */
    return table_from(&c->resources, buf_str(prefix)) - *ret_from;
}

/* Those a filter may match: of its kind, and of its parent where it names one. */
struct candidates {
    const struct table_row *rows;      /* of the table, or */
    const struct resource *const *kin; /* of the index */
    size_t n;
};

static struct candidates candidates(const struct catalog *c, const struct resource_filter *want)
{
    struct candidates ret = {0};
    size_t from;

    if (want->parent.n > 0) {
        ret.kin = kin_of(&c->kin, want->kind, want->parent, &ret.n);
    } else {
        ret.n = catalog_resources_of(c, want->kind, &from);
        ret.rows = ret.n ? c->resources.rows + from : NULL;
    }
    return ret;
}

static const struct resource *candidate(const struct candidates *from, size_t i)
{
    return from->kin ? from->kin[i] : from->rows[i].record;
}

static bool matches(const struct resource_filter *want, const struct resource *r)
{
    return (want->dialect < 0 || (int)r->dialect == want->dialect) &&
           (want->account.n == 0 || str_eq(want->account, str_of(r->account))) &&
           (want->region.n == 0 || str_eq(want->region, str_of(r->region))) &&
           (want->parent.n == 0 || str_eq(want->parent, str_of(r->parent))) &&
           (want->name.n == 0 || str_eq(want->name, str_of(r->name)));
}

static int by_creation(const void *a, const void *b)
{
    const struct resource *x = *(const struct resource *const *)a;
    const struct resource *y = *(const struct resource *const *)b;

    if (x->created_ms != y->created_ms)
        return x->created_ms < y->created_ms ? -1 : 1;
    return strcmp(x->id, y->id);
}

void catalog_each_resource(const struct catalog *c, const struct resource_filter *filter,
                           bool (*fn)(void *user, const struct resource *r), void *user)
{
    struct candidates from = candidates(c, filter);
    const struct resource **sorted = xcalloc(from.n + 1, sizeof(const struct resource *));
    size_t found = 0;

    for (size_t i = 0; i < from.n; i++)
        if (matches(filter, candidate(&from, i)))
            sorted[found++] = candidate(&from, i);
    qsort(sorted, found, sizeof(const struct resource *), by_creation);
    for (size_t i = 0; i < found && fn(user, sorted[i]); i++)
        ;
    free(sorted);
}

size_t catalog_count_resources(const struct catalog *c, const struct resource_filter *filter)
{
    struct candidates from = candidates(c, filter);
    size_t found = 0;

    for (size_t i = 0; i < from.n; i++)
        found += matches(filter, candidate(&from, i));
    return found;
}

void catalog_watch_resources(struct catalog *c, catalog_resource_change_fn *fn, void *user)
{
    assert(c->non_resource < CATALOG_RESOURCE_WATCHERS);
    c->on_resource[c->non_resource].fn = fn;
    c->on_resource[c->non_resource++].user = user;
    for (size_t i = 0; i < c->resources.n; i++)
        fn(user, NULL, c->resources.rows[i].record);
}

void catalog_unwatch_resources(struct catalog *c, const void *user)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < c->non_resource; i++)
        if (c->on_resource[i].user != user)
            c->on_resource[kept++] = c->on_resource[i];
    c->non_resource = kept;
}
