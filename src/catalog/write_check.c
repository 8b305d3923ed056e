/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write_check.c - does the table allow this change? Asked when its turn in the lane has come, so that
 * it is judged by what the one before has left. Changes in other lanes may be on their way: where
 * they count, they are counted too.
 */
#include <errno.h>

#include "catalog/write.h"
#include "store/kv.h"

/* Of a trigger, version or function's alias: the path of its function. */
static struct str function_of(const struct write *w)
{
    return str_from(buf_str(&w->owner), strlen(fn_kind.prefix));
}

static bool of_function(const struct write *w)
{
    return str_starts(buf_str(&w->owner), str_of(fn_kind.prefix));
}

/* The path of an alias's owner. */
static struct str owner_of(const struct write *w)
{
    const struct kind *kind = of_function(w) ? &fn_kind : &space_kind;

    return str_from(buf_str(&w->owner), strlen(kind->prefix));
}

struct naming {
    struct str version;
    bool found;
};

static bool look_at_alias(void *user, const struct table_row *row)
{
    struct naming *n = user;

    n->found |= alias_names(row->record, n->version);
    return !n->found;
}

/* An alias points at this version: in the table, or (of the space) on its way into it. */
static bool version_in_use(const struct write *w, const struct fn *version)
{
    struct naming naming = {.version = str_of(version->version)};
    struct str space = function_of(w);

    (void)catalog_aliases_of(w->c, function_of(w), look_at_alias, &naming);
    while (space.n > 0 && space.p[space.n - 1] != '/')
        space.n--;
    space.n--; /* a function's path has several parts */
    if (!naming.found)
        (void)catalog_aliases_of(w->c, space, look_at_alias, &naming);
    list_each (it, &w->c->writes) {
        const struct write *other = container_of(it, struct write, node);

        if (other->allowed && other->kind == &alias_kind && other->draft && !of_function(other) &&
            str_eq(owner_of(other), space))
            naming.found |= alias_names(other->draft, naming.version);
    }
    return naming.found;
}

/* None of the versions that a function's alias names was deleted before its turn. */
static bool versions_are_there(const struct write *w)
{
    const struct alias *a = w->draft;
    struct fn_key owner = alias_owner(a);
    bool all = true;

    if (!of_function(w))
        return true;
    all = catalog_version(w->c, &owner, str_of(a->version)) != NULL;
    for (uint32_t i = 0; i < a->nothers; i++)
        all = all && catalog_version(w->c, &owner, str_of(a->others[i].version));
    return all;
}

/* Functions of a space: in the table, or on their way into it. */
static bool space_in_use(const struct write *w)
{
    const struct catalog *c = w->c;
    struct buf prefix;
    bool used;
    size_t at;

    buf_init(&prefix, KV_KEY + 1);
    buf_adds(&prefix, write_path(w));
    buf_addc(&prefix, '/');
    at = table_from(&c->fns, buf_str(&prefix));
    used = at < c->fns.n && str_starts(c->fns.rows[at].path, buf_str(&prefix));
    list_each (it, &c->writes) {
        const struct write *other = container_of(it, struct write, node);

        if (other->kind == &fn_kind && other->verb == CREATE &&
            str_starts(write_path(other), buf_str(&prefix)))
            used = true;
    }
    buf_done(&prefix);
    return used;
}

/* Creations on their way count: a burst of them must not pass together. The triggers, versions and
 * aliases of one owner are in one lane, so there none is. */
static bool is_full(const struct write *w)
{
    size_t n = table_of(w->c, w->kind)->n, from;

    if (w->kind == &trigger_kind)
        return catalog_triggers_of(w->c, function_of(w), &from) >= TRIGGERS_PER_FUNCTION;
    if (w->kind == &frozen_kind)
        return catalog_versions_of(w->c, function_of(w), &from) >= CATALOG_VERSIONS;
    if (w->kind == &alias_kind)
        return catalog_aliases_of(w->c, owner_of(w), NULL, NULL) >= CATALOG_ALIASES;
    list_each (it, &w->c->writes) {
        const struct write *other = container_of(it, struct write, node);

        n += other != w && other->running && other->kind == w->kind && other->verb == CREATE;
    }
    return n >= (w->kind == &resource_kind ? CATALOG_RESOURCES : w->c->most);
}

/* Of two triggers of a function with one name, people could not tell which is meant. */
static bool name_taken(const struct write *w)
{
    const struct trigger *draft = w->draft;
    size_t from, n = catalog_triggers_of(w->c, function_of(w), &from);

    for (size_t i = 0; i < n; i++) {
        const struct trigger *t = w->c->triggers.rows[from + i].record;

        if (draft->name[0] && strcmp(t->name, draft->name) == 0)
            return true;
    }
    return false;
}

/* Same kind, same owner, same name: one of them could not be meant. */
static bool same_name(const struct resource *a, const struct resource *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->kind, b->kind) == 0 &&
           strcmp(a->parent, b->parent) == 0 && strcmp(a->account, b->account) == 0 &&
           strcmp(a->region, b->region) == 0 && a->dialect == b->dialect;
}

/* Another resource has this one's name, or is being given it. */
static bool resource_name_taken(const struct write *w)
{
    const struct resource *draft = w->draft;
    const struct resource *const *kin;
    size_t n;

    if (!draft->name[0])
        return false;
    kin = kin_of(&w->c->kin, str_of(draft->kind), str_of(draft->parent), &n);
    for (size_t i = 0; i < n; i++)
        if (same_name(kin[i], draft) && strcmp(kin[i]->id, draft->id) != 0)
            return true;
    list_each (it, &w->c->writes) {
        const struct write *other = container_of(it, struct write, node);

        if (other->allowed && other->kind == &resource_kind && other->draft &&
            same_name(other->draft, draft))
            return true;
    }
    return false;
}

/* The decoder's limits: what it would not read again must not be written. */
static bool too_long(const struct resource *r)
{
    return strlen(r->kind) > RESOURCE_KIND || strlen(r->id) > RESOURCE_ID ||
           strlen(r->parent) > RESOURCE_ID || strlen(r->name) > RESOURCE_NAME ||
           strlen(r->body) > RESOURCE_BODY;
}

/* What must be there for this to be created, and what not. */
static int check_owner(struct write *w)
{
    if (w->kind == &fn_kind) {
        struct fn_key key = fn_key_of(w->draft);
        const struct space *space = catalog_find_space(w->c, &key);

        w->owner_rev = space ? space->revision : 0;
    } else if (w->kind == &trigger_kind) {
        const struct fn *f = catalog_find_path(w->c, function_of(w));

        if (!f)
            return -ENOENT;
        if (name_taken(w))
            return -EEXIST;
        w->owner_rev = f->revision;
    } else if (w->kind == &frozen_kind || (w->kind == &alias_kind && of_function(w))) {
        const struct fn *f = catalog_find_path(w->c, function_of(w));

        if (!f)
            return -ENOENT;
        w->owner_rev = f->revision;
    } else if (w->kind == &alias_kind) {
        const struct space *space = table_get(&w->c->spaces, owner_of(w));

        w->owner_rev = space ? space->revision : 0;
    }
    return 0;
}

/* What has lost its function is as good as gone (write_kin.c). */
static const void *there(const struct write *w)
{
    if ((w->kind == &frozen_kind || (w->kind == &alias_kind && of_function(w))) &&
        !catalog_find_path(w->c, function_of(w)))
        return NULL;
    return table_get(table_of(w->c, w->kind), write_path(w));
}

int write_check(struct write *w)
{
    const void *have = there(w);
    int r = w->verb == CREATE && !have ? check_owner(w) : 0;

    if (r < 0)
        return r;
    if (!buf_ok(&w->key) || !buf_ok(&w->value) || w->key.n > KV_KEY)
        return -E2BIG;
    if (w->kind == &resource_kind && w->draft && too_long(w->draft))
        return -E2BIG;
    if (w->verb == CREATE && have)
        return -EEXIST;
    if (w->verb == CREATE && is_full(w))
        return -EDQUOT;
    if (w->verb != CREATE && !have)
        return -ENOENT;
    if (w->verb == UPDATE && w->expect != w->kind->revision(have))
        return -ESTALE;
    if (w->kind == &alias_kind && w->draft && !versions_are_there(w))
        return -ESTALE;
    if (w->kind == &resource_kind && w->draft && resource_name_taken(w))
        return -EEXIST;
    if (w->verb == DELETE) {
        if (w->kind == &space_kind && space_in_use(w))
            return -ENOTEMPTY;
        if (w->kind == &frozen_kind && version_in_use(w, have))
            return -EBUSY;
        w->expect = w->kind->revision(have);
    }
    return 0;
}
