/* SPDX-License-Identifier: Apache-2.0 */
/*
 * triggers.c - which source calls which function, answered from memory.
 *
 * A trigger's row stands under "<key path of its function>/<id>", so the triggers of a function are
 * neighbours: listing them, counting them and letting them go with it is one stretch of the table.
 * Whoever has only the id goes by the map beside it, which follows the table in changed().
 *
 * What always holds: a trigger is in the table if and only if it is in the map, and then its
 * function is in the table as well (write.c sees to it in one transaction).
 */
#include "catalog/triggers.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/map.h"
#include "catalog/internal.h"
#include "loop/loop.h"
#include "store/kv.h"

static int decode(struct str json, uint64_t revision, const void **ret, struct err *e)
{
    struct trigger *t;
    int r = trigger_decode(json, revision, &t, e);

    if (r == 0)
        *ret = t;
    return r;
}

static void add_path(const void *record, struct buf *out)
{
    const struct trigger *t = record;
    struct fn_key function = trigger_key(t);

    fn_key_path(&function, out);
    buf_addc(out, '/');
    buf_addz(out, t->id);
}

static uint64_t revision_of(const void *record)
{
    return ((const struct trigger *)record)->revision;
}

static void unref(const void *record)
{
    trigger_unref(record);
}

static void stamp(void *draft, uint64_t revision)
{
    ((struct trigger *)draft)->revision = revision;
}

static void release(void *user)
{
    trigger_unref(user);
}

static void changed(struct catalog *c, struct str path, const void *old, const void *now)
{
    (void)path;
    if (now)
        (void)map_put(c->by_id, str_of(((const struct trigger *)now)->id), (void *)now);
    else
        (void)map_del(c->by_id, str_of(((const struct trigger *)old)->id));
    for (uint32_t i = 0; i < c->non_trigger; i++)
        c->on_trigger[i].fn(c->on_trigger[i].user, old, now);
    if (old)
        loop_defer(c->loop, release, (void *)old);
}

const struct kind trigger_kind = {
        .prefix = "trigger/",
        .decode = decode,
        .path = add_path,
        .revision = revision_of,
        .unref = unref,
        .stamp = stamp,
        .changed = changed,
};

const struct trigger *catalog_trigger(const struct catalog *c, struct str id)
{
    return map_get(c->by_id, id);
}

size_t catalog_triggers_of(const struct catalog *c, struct str function, size_t *ret_from)
{
    struct buf prefix;
    size_t end;

    buf_init(&prefix, function.n + 1);
    buf_adds(&prefix, function);
    buf_addc(&prefix, '/');
    end = *ret_from = table_from(&c->triggers, buf_str(&prefix));
    while (end < c->triggers.n && str_starts(c->triggers.rows[end].path, buf_str(&prefix)))
        end++;
    buf_done(&prefix);
    return end - *ret_from;
}

void catalog_forget_triggers(struct catalog *c, struct str function)
{
    size_t from, n = catalog_triggers_of(c, function, &from);

    while (n-- > 0) {
        char *path = str_dup(c->triggers.rows[from].path); /* the table frees its own */

        catalog_install(c, &trigger_kind, str_of(path), NULL);
        free(path);
    }
}

static int by_creation(const void *a, const void *b)
{
    const struct trigger *x = *(const struct trigger *const *)a;
    const struct trigger *y = *(const struct trigger *const *)b;

    if (x->created_ms != y->created_ms)
        return x->created_ms < y->created_ms ? -1 : 1;
    return strcmp(x->id, y->id);
}

void catalog_each_trigger(const struct catalog *c, const struct fn_key *key,
                          bool (*fn)(void *user, const struct trigger *t), void *user)
{
    size_t from = 0, n = c->triggers.n;
    const struct trigger **sorted;

    if (key) {
        struct buf path;

        buf_init(&path, 4ul * KV_KEY);
        fn_key_path(key, &path);
        n = buf_ok(&path) ? catalog_triggers_of(c, buf_str(&path), &from) : 0;
        buf_done(&path);
    }
    sorted = xcalloc(n + 1, sizeof(const struct trigger *));
    for (size_t i = 0; i < n; i++)
        sorted[i] = c->triggers.rows[from + i].record;
    qsort(sorted, n, sizeof(const struct trigger *), by_creation);
    for (size_t i = 0; i < n && fn(user, sorted[i]); i++)
        ;
    free(sorted);
}

void catalog_watch_triggers(struct catalog *c, catalog_trigger_change_fn *fn, void *user)
{
    assert(c->non_trigger < CATALOG_TRIGGER_WATCHERS);
    c->on_trigger[c->non_trigger].fn = fn;
    c->on_trigger[c->non_trigger++].user = user;
    for (size_t i = 0; i < c->triggers.n; i++)
        fn(user, NULL, c->triggers.rows[i].record);
}

void catalog_unwatch_triggers(struct catalog *c, const void *user)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < c->non_trigger; i++)
        if (c->on_trigger[i].user != user)
            c->on_trigger[kept++] = c->on_trigger[i];
    c->non_trigger = kept;
}
