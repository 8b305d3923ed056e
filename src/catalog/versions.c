/* SPDX-License-Identifier: Apache-2.0 */
/*
 * versions.c - frozen versions and aliases, answered from memory.
 *
 * A version's row stands under "<key path of its function>/<version>", an alias's under "<path of its
 * owner>/<name>": those of one owner are neighbours. A function's path has one part more than a
 * space's, so the aliases of a space and those of its functions never share a row.
 *
 * When a function is deleted its row goes first, what stood under its path after it, in pieces if it
 * is much (write_kin.c). So there may be rows without a function for a while, also over a crash:
 * nothing here shows them, and they are gone before there can be a function of this name again.
 *
 * Read next: resolve.c for what a qualifier means.
 */
#include "catalog/versions.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/uri.h"
#include "catalog/internal.h"
#include "loop/loop.h"
#include "store/kv.h"

enum { PATH_ROOM = 4 * KV_KEY };

/* ---- versions ---- */

static int decode_version(struct str json, uint64_t revision, const void **ret, struct err *e)
{
    struct fn *f;
    int r = fn_decode(json, revision, &f, e);

    if (r == 0)
        *ret = f;
    return r;
}

void catalog_version_path(const struct fn_key *key, struct str version, struct buf *out)
{
    fn_key_path(key, out);
    buf_addc(out, '/');
    uri_encode(version, "", out);
}

static void path_version(const void *record, struct buf *out)
{
    const struct fn *f = record;
    struct fn_key key = fn_key_of(f);

    catalog_version_path(&key, str_of(f->version), out);
}

static uint64_t revision_version(const void *record)
{
    return ((const struct fn *)record)->revision;
}

static void unref_version(const void *record)
{
    fn_unref(record);
}

static void stamp_version(void *draft, uint64_t revision)
{
    ((struct fn *)draft)->revision = revision;
}

static void changed_version(struct catalog *c, struct str path, const void *old, const void *now)
{
    (void)path;
    if (c->on_change)
        c->on_change(c->on_change_user, old, now);
    if (old)
        catalog_retire(c, old);
}

const struct kind frozen_kind = {
        .prefix = "version/",
        .decode = decode_version,
        .path = path_version,
        .revision = revision_version,
        .unref = unref_version,
        .stamp = stamp_version,
        .changed = changed_version,
};

/* The rows under a path: from *ret_from, so many. */
static size_t rows_under(const struct table *t, struct str path, size_t *ret_from)
{
    struct buf prefix;
    size_t end;

    buf_init(&prefix, PATH_ROOM);
    buf_adds(&prefix, path);
    buf_addc(&prefix, '/');
    end = *ret_from = table_from(t, buf_str(&prefix));
    while (end < t->n && str_starts(t->rows[end].path, buf_str(&prefix)))
        end++;
    buf_done(&prefix);
    return end - *ret_from;
}

size_t catalog_versions_of(const struct catalog *c, struct str function, size_t *ret_from)
{
    return rows_under(&c->versions, function, ret_from);
}

const struct fn *catalog_version(const struct catalog *c, const struct fn_key *key,
                                 struct str version)
{
    const struct fn *f = catalog_find(c, key);

    if (!f || qualifier_is_latest(version))
        return f;
    buf_reset(c->scratch);
    catalog_version_path(key, version, c->scratch);
    return buf_ok(c->scratch) ? table_get(&c->versions, buf_str(c->scratch)) : NULL;
}

static int by_publication(const void *a, const void *b)
{
    const struct fn *x = *(const struct fn *const *)a, *y = *(const struct fn *const *)b;
    size_t nx = strlen(x->version), ny = strlen(y->version);

    if (x->published_ms != y->published_ms)
        return x->published_ms < y->published_ms ? -1 : 1;
    return nx != ny ? (nx < ny ? -1 : 1) : strcmp(x->version, y->version);
}

void catalog_each_version(const struct catalog *c, const struct fn_key *key,
                          bool (*fn)(void *user, const struct fn *f), void *user)
{
    const struct fn **sorted;
    struct buf path;
    size_t from, n;

    if (!catalog_find(c, key))
        return;
    buf_init(&path, PATH_ROOM);
    fn_key_path(key, &path);
    n = catalog_versions_of(c, buf_str(&path), &from);
    buf_done(&path);
    sorted = xcalloc(n + 1, sizeof(const struct fn *));
    for (size_t i = 0; i < n; i++)
        sorted[i] = c->versions.rows[from + i].record;
    qsort(sorted, n, sizeof(const struct fn *), by_publication);
    for (size_t i = 0; i < n && fn(user, sorted[i]); i++)
        ;
    free(sorted);
}

void catalog_each_version_of_all(const struct catalog *c,
                                 bool (*fn)(void *user, const struct fn *f), void *user)
{
    for (size_t i = 0; i < c->versions.n && fn(user, c->versions.rows[i].record); i++)
        ;
}

/* ---- aliases ---- */

static int decode_alias(struct str json, uint64_t revision, const void **ret, struct err *e)
{
    struct alias *a;
    int r = alias_decode(json, revision, &a, e);

    if (r == 0)
        *ret = a;
    return r;
}

static void path_alias(const void *record, struct buf *out)
{
    const struct alias *a = record;
    struct fn_key owner = alias_owner(a);

    catalog_version_path(&owner, str_of(a->name), out);
}

static uint64_t revision_alias(const void *record)
{
    return ((const struct alias *)record)->revision;
}

static void unref_alias(const void *record)
{
    alias_unref(record);
}

static void stamp_alias(void *draft, uint64_t revision)
{
    ((struct alias *)draft)->revision = revision;
}

static void release_alias(void *user)
{
    alias_unref(user);
}

static void changed_alias(struct catalog *c, struct str path, const void *old, const void *now)
{
    (void)now;
    catalog_forget_turns(c, path);
    if (old)
        loop_defer(c->loop, release_alias, (void *)old);
}

const struct kind alias_kind = {
        .prefix = "alias/",
        .decode = decode_alias,
        .path = path_alias,
        .revision = revision_alias,
        .unref = unref_alias,
        .stamp = stamp_alias,
        .changed = changed_alias,
};

/* Those below: of a space, its functions' stand among them. */
static bool is_own(const struct table_row *row, size_t owner_len)
{
    return !str_has(str_from(row->path, owner_len + 1), '/');
}

size_t catalog_aliases_of(const struct catalog *c, struct str owner,
                          bool (*fn)(void *user, const struct table_row *row), void *user)
{
    size_t from, n = rows_under(&c->aliases, owner, &from), found = 0;

    for (size_t i = from; i < from + n; i++)
        if (is_own(&c->aliases.rows[i], owner.n)) {
            found++;
            if (fn && !fn(user, &c->aliases.rows[i]))
                break;
        }
    return found;
}

static bool owner_is_there(const struct catalog *c, const struct fn_key *owner)
{
    return owner->name.n == 0 || catalog_find(c, owner);
}

const struct alias *catalog_alias(const struct catalog *c, const struct fn_key *owner,
                                  struct str name)
{
    if (name.n == 0 || !owner_is_there(c, owner))
        return NULL;
    buf_reset(c->scratch);
    catalog_version_path(owner, name, c->scratch);
    return buf_ok(c->scratch) ? table_get(&c->aliases, buf_str(c->scratch)) : NULL;
}

struct walk {
    bool (*fn)(void *user, const struct alias *a);
    void *user;
};

static bool walk_alias(void *user, const struct table_row *row)
{
    const struct walk *walk = user;

    return walk->fn(walk->user, row->record);
}

void catalog_each_alias(const struct catalog *c, const struct fn_key *owner,
                        bool (*fn)(void *user, const struct alias *a), void *user)
{
    struct walk walk = {fn, user};
    struct buf path;

    if (!owner_is_there(c, owner))
        return;
    buf_init(&path, PATH_ROOM);
    fn_key_path(owner, &path);
    (void)catalog_aliases_of(c, buf_str(&path), walk_alias, &walk);
    buf_done(&path);
}

bool alias_names(const struct alias *a, struct str version)
{
    if (str_eq(str_of(a->version), version))
        return true;
    for (uint32_t i = 0; i < a->nothers; i++)
        if (str_eq(str_of(a->others[i].version), version))
            return true;
    return false;
}
