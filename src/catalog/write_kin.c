/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write_kin.c - what goes with a function or a space when it is deleted: triggers, the small things a
 * cloud keeps beside it, aliases, versions.
 *
 * It may be more than one transaction holds. The first one deletes the function and what others act
 * on, and as much of the rest as fits; the rest follows, in the same lane. Whoever looks sees either
 * the whole function or none: what is left has no function and is not shown. If the daemon ends in
 * between, the next one deletes the rest when it starts; if the store fails, the rest goes before a
 * function of this name is made again (write.c). So nothing of an old function is ever the new one's.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "catalog/write.h"
#include "loop/loop.h"
#include "store/kv.h"

static bool add(struct write *w, const struct kind *kind, struct str path)
{
    w->doomed[w->ndoomed++] = (struct doomed){.kind = kind, .path = str_dup(path)};
    return w->ndoomed < KV_OPS;
}

struct adding {
    struct write *w;
    uint32_t most;
};

static bool add_alias(void *user, const struct table_row *row)
{
    const struct adding *a = user;

    if (a->w->ndoomed >= a->most)
        return false;
    return add(a->w, &alias_kind, row->path);
}

static void add_rows(struct write *w, const struct kind *kind, size_t from, size_t n, uint32_t most)
{
    for (size_t i = from; i < from + n && w->ndoomed < most; i++)
        add(w, kind, table_of(w->c, kind)->rows[i].path);
}

static void add_resources(struct write *w, uint32_t most)
{
    const struct resource *found[KV_OPS];
    size_t n = kin_of_any(&w->c->kin, write_path(w), found, most - w->ndoomed);

    for (size_t i = 0; i < n; i++) {
        struct buf path;

        buf_init(&path, KEY_ROOM);
        resource_kind.path(found[i], &path);
        add(w, &resource_kind, buf_str(&path));
        buf_done(&path);
    }
}

uint32_t write_doom(struct write *w, uint32_t most)
{
    bool function = w->kind == &fn_kind;
    struct adding adding = {w, most};
    size_t from, n;

    assert(most <= KV_OPS && (function || w->kind == &space_kind));
    write_doomed_done(w);
    w->doomed = xcalloc(KV_OPS, sizeof(*w->doomed));
    if (function) {
        n = catalog_triggers_of(w->c, write_path(w), &from);
        add_rows(w, &trigger_kind, from, n, most);
    }
    add_resources(w, most);
    (void)catalog_aliases_of(w->c, write_path(w), add_alias, &adding);
    if (function) {
        n = catalog_versions_of(w->c, write_path(w), &from);
        add_rows(w, &frozen_kind, from, n, most);
    }
    return w->ndoomed;
}

void write_doomed_ops(const struct write *w, struct buf *keys, struct kv_op *ops)
{
    size_t at = 0;

    for (uint32_t i = 0; i < w->ndoomed; i++) {
        buf_addz(keys, w->doomed[i].kind->prefix);
        buf_addz(keys, w->doomed[i].path);
    }
    for (uint32_t i = 0; i < w->ndoomed; i++) {
        size_t len = strlen(w->doomed[i].kind->prefix) + strlen(w->doomed[i].path);

        ops[i] = (struct kv_op){.del = true, .key = {keys->p + at, len}};
        at += len;
    }
}

void write_forget_doomed(struct write *w)
{
    for (uint32_t i = 0; i < w->ndoomed; i++)
        catalog_install(w->c, w->doomed[i].kind, str_of(w->doomed[i].path), NULL);
    write_doomed_done(w);
}

void write_doomed_done(struct write *w)
{
    for (uint32_t i = 0; i < w->ndoomed; i++)
        free(w->doomed[i].path);
    free(w->doomed);
    w->doomed = NULL;
    w->ndoomed = 0;
}

/* ---- at start ---- */

struct orphans {
    struct write write; /* only as the holder of a list */
    bool done;
    int r;
};

/* The path of a function has so many parts; a space's has one less. */
enum { FUNCTION_PARTS = 5 };

static bool is_orphan(const struct catalog *c, struct str path)
{
    size_t last = path.n, parts = 1;

    while (last > 0 && path.p[last - 1] != '/')
        last--;
    for (size_t i = 0; i + 1 < last; i++)
        parts += path.p[i] == '/';
    return parts == FUNCTION_PARTS && last > 0 &&
           !catalog_find_path(c, (struct str){path.p, last - 1});
}

static void find_orphans(struct write *w, const struct kind *kind)
{
    const struct table *t = table_of(w->c, kind);

    for (size_t i = 0; i < t->n && w->ndoomed < KV_OPS; i++)
        if (is_orphan(w->c, t->rows[i].path))
            add(w, kind, t->rows[i].path);
}

static void on_deleted(void *user, int r, uint64_t rev)
{
    struct orphans *o = user;

    (void)rev;
    o->r = r;
    o->done = true;
}

static int delete_orphans(struct orphans *o)
{
    struct kv_op ops[KV_OPS];
    struct buf keys;

    buf_init(&keys, (size_t)KV_OPS * KEY_ROOM);
    write_doomed_ops(&o->write, &keys, ops);
    o->done = false;
    kv_txn(o->write.c->kv, &(struct kv_txn){.ops = ops, .nops = o->write.ndoomed}, on_deleted, o);
    loop_run_until(o->write.c->loop, &o->done);
    buf_done(&keys);
    return o->r;
}

void write_orphans(struct catalog *c)
{
    struct orphans o = {.write = {.c = c}};

    for (;;) {
        o.write.doomed = xcalloc(KV_OPS, sizeof(*o.write.doomed));
        find_orphans(&o.write, &frozen_kind);
        find_orphans(&o.write, &alias_kind);
        if (o.write.ndoomed == 0 || delete_orphans(&o) < 0)
            break; /* what stays is not shown; it goes when there is a function of its name again */
        write_forget_doomed(&o.write);
    }
    write_doomed_done(&o.write);
}
