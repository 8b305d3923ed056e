/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.c - what functions there are, answered from memory.
 *
 * At start the whole store is read into six sorted tables; from then on a question costs a binary
 * search and the store is only written to (write.c). So when the disk is full or gone, everything
 * that was deployed goes on running.
 *
 * What always holds:
 *   (1) a record in a table is committed, and its revision is the store's.
 *   (2) a row's path is the key path of its record, and its store key is the kind's prefix + path:
 *       both sort alike, which is why loading appends.
 *   (3) a record that leaves a table is released one turn later: catalog_find() may have lent it.
 *
 * Read next: versions.c and resolve.c for versions and aliases, triggers.c for what calls functions, resources.c for the gateway, write.c for changes, code.c for packages, gc.c for what nobody names any more.
 */
#include "catalog/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/map.h"
#include "catalog/internal.h"
#include "catalog/write.h"
#include "loop/loop.h"
#include "store/kv.h"

enum { TRIES = 10, RETRY_MS = 20 };

static int decode_fn(struct str json, uint64_t revision, const void **ret, struct err *e)
{
    struct fn *f;
    int r = fn_decode(json, revision, &f, e);

    if (r == 0)
        *ret = f;
    return r;
}

static void path_fn(const void *record, struct buf *out)
{
    struct fn_key key = fn_key_of(record);

    fn_key_path(&key, out);
}

static uint64_t revision_fn(const void *record)
{
    return ((const struct fn *)record)->revision;
}

static void unref_fn(const void *record)
{
    fn_unref(record);
}

static void stamp_fn(void *draft, uint64_t revision)
{
    ((struct fn *)draft)->revision = revision;
}

static void changed_fn(struct catalog *c, struct str path, const void *old, const void *now)
{
    if (!now)
        catalog_forget_triggers(c, path);
    if (c->on_change)
        c->on_change(c->on_change_user, old, now);
    if (old)
        catalog_retire(c, old);
}

const struct kind fn_kind = {
        .prefix = "fn/",
        .decode = decode_fn,
        .path = path_fn,
        .revision = revision_fn,
        .unref = unref_fn,
        .stamp = stamp_fn,
        .changed = changed_fn,
};

static int decode_space(struct str json, uint64_t revision, const void **ret, struct err *e)
{
    struct space *s;
    int r = space_decode(json, revision, &s, e);

    if (r == 0)
        *ret = s;
    return r;
}

static void path_space(const void *record, struct buf *out)
{
    const struct space *s = record;
    struct fn_key key = {
            .dialect = s->dialect,
            .account = str_of(s->account),
            .region = str_of(s->region),
            .space = str_of(s->name),
    };

    fn_key_path(&key, out);
}

static uint64_t revision_space(const void *record)
{
    return ((const struct space *)record)->revision;
}

static void unref_space(const void *record)
{
    space_unref(record);
}

static void stamp_space(void *draft, uint64_t revision)
{
    ((struct space *)draft)->revision = revision;
}

static void release_space(void *user)
{
    space_unref(user);
}

static void changed_space(struct catalog *c, struct str path, const void *old, const void *now)
{
    (void)path;
    (void)now;
    if (old)
        loop_defer(c->loop, release_space, (void *)old);
}

const struct kind space_kind = {
        .prefix = "space/",
        .decode = decode_space,
        .path = path_space,
        .revision = revision_space,
        .unref = unref_space,
        .stamp = stamp_space,
        .changed = changed_space,
};

/* One kind on its way from the store into its table, a page at a time. */
struct load {
    struct catalog *c;
    const struct kind *kind;
    char *after; /* owned: the last key seen */
    size_t after_len;
    uint32_t tries;
    bool more, done;
    int r;
    struct err *e; /* borrowed, may be NULL */
};

static int load_item(struct load *ld, const struct kv_item *item)
{
    struct str path = str_from(item->key, strlen(ld->kind->prefix));
    const void *record;
    int r;

    r = ld->kind->decode(item->value, item->rev, &record, ld->e);
    if (r < 0)
        return err_wrap(ld->e, -EIO, "record '%.*s'", STR_ARG(item->key));

    buf_reset(ld->c->scratch);
    ld->kind->path(record, ld->c->scratch);
    if (!str_eq(buf_str(ld->c->scratch), path)) {
        ld->kind->unref(record);
        return err_set(ld->e, ERR_HOST, -EIO, "record '%.*s' names something else",
                       STR_ARG(item->key));
    }
    catalog_install(ld->c, ld->kind, path, record);
    return 0;
}

static void on_page(void *user, int r, const struct kv_page *page)
{
    struct load *ld = user;

    for (uint32_t i = 0; r == 0 && i < page->n; i++)
        r = load_item(ld, &page->items[i]);
    if (r == 0 && page->n > 0) {
        free(ld->after);
        ld->after = str_dup(page->items[page->n - 1].key);
        ld->after_len = page->items[page->n - 1].key.n;
    }
    ld->r = r;
    ld->more = page->more;
    ld->done = true;
}

static void on_pause(void *user)
{
    struct load *ld = user;

    ld->done = true;
}

static void pause_load(struct load *ld)
{
    struct loop_timer *t = loop_timer_new(ld->c->loop, on_pause, ld);

    ld->done = false;
    loop_timer_start(t, RETRY_MS);
    loop_run_until(ld->c->loop, &ld->done);
    loop_timer_free(t);
}

static int load(struct catalog *c, const struct kind *kind, struct err *e)
{
    struct load ld = {.c = c, .kind = kind, .more = true, .e = e};

    while (ld.more) {
        ld.done = false;
        kv_list(c->kv,
                &(struct kv_range){.prefix = str_of(kind->prefix),
                                   .after = {ld.after, ld.after_len},
                                   .limit = KV_LIST},
                on_page, &ld);
        loop_run_until(c->loop, &ld.done);
        if ((ld.r == -EAGAIN || ld.r == -EINPROGRESS) && ++ld.tries < TRIES) {
            ld.more = true;
            pause_load(&ld);
        } else if (ld.r < 0) {
            break;
        }
    }
    free(ld.after);
    if (ld.r < 0)
        return err_wrap(e, ld.r, "load '%s' from the store", kind->prefix);
    return 0;
}

/* What a crash left of unpacking. Nothing else unpacks here yet. */
static void sweep(int code_dir)
{
    DIR *d = io_open_dir(code_dir, ".");
    struct dirent *de;

    if (!d)
        return;
    while ((de = readdir(d)))
        if (str_starts(str_of(de->d_name), S(".tmp-")))
            (void)io_remove_tree(code_dir, de->d_name);
    closedir(d);
}

int catalog_open(struct loop *l, struct kv *kv, struct blobs *blobs, const char *code_dir,
                 struct catalog **ret, struct err *e)
{
    struct catalog *c;
    int r;

    r = io_mkdir_p(code_dir, 0755, e);
    if (r < 0)
        return r;

    c = xnew(struct catalog);
    c->magic = CATALOG_MAGIC;
    c->loop = l;
    c->kv = kv;
    c->blobs = blobs;
    c->idle = true;
    c->most = SIZE_MAX;
    c->by_id = map_new();
    list_init(&c->writes);
    list_init(&c->retired);
    c->scratch = xnew(struct buf);
    buf_init(c->scratch, KV_KEY);
    c->code_dir = open(code_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->code_dir < 0)
        r = err_sys(e, "open code directory '%s'", code_dir);
    else
        sweep(c->code_dir);

    if (r == 0)
        r = load(c, &fn_kind, e);
    if (r == 0)
        r = load(c, &space_kind, e);
    if (r == 0)
        r = load(c, &trigger_kind, e);
    if (r == 0)
        r = load(c, &resource_kind, e);
    if (r == 0)
        r = load(c, &frozen_kind, e);
    if (r == 0)
        r = load(c, &alias_kind, e);
    if (r < 0) {
        catalog_free(c);
        return r;
    }
    kin_fill(&c->kin, &c->resources);
    c->has_kin = true;
    write_orphans(c);
    *ret = c;
    return 0;
}

struct catalog *catalog_free(struct catalog *c)
{
    if (!c)
        return NULL;
    if (!c->idle)
        loop_run_until(c->loop, &c->idle);

    for (size_t i = 0; i < c->fns.n; i++)
        fn_unref(c->fns.rows[i].record);
    for (size_t i = 0; i < c->spaces.n; i++)
        space_unref(c->spaces.rows[i].record);
    for (size_t i = 0; i < c->triggers.n; i++)
        trigger_unref(c->triggers.rows[i].record);
    for (size_t i = 0; i < c->resources.n; i++)
        resource_unref(c->resources.rows[i].record);
    catalog_gc_spare(c, NULL, 0);
    for (size_t i = 0; i < c->versions.n; i++)
        fn_unref(c->versions.rows[i].record);
    for (size_t i = 0; i < c->aliases.n; i++)
        alias_unref(c->aliases.rows[i].record);
    catalog_retired_done(c);
    catalog_turns_done(c);
    table_done(&c->versions);
    table_done(&c->aliases);
    table_done(&c->fns);
    table_done(&c->spaces);
    table_done(&c->triggers);
    table_done(&c->resources);
    kin_done(&c->kin);
    map_free(c->by_id);
    buf_done(c->scratch);
    free(c->scratch);
    fd_close(c->code_dir);
    c->magic = 0;
    free(c);
    return NULL;
}

void catalog_began(struct catalog *c)
{
    c->busy++;
    c->idle = false;
}

void catalog_ended(struct catalog *c)
{
    assert(c->busy > 0);
    c->idle = --c->busy == 0;
}

static const void *lookup(const struct catalog *c, const struct table *t, const struct fn_key *key)
{
    buf_reset(c->scratch);
    fn_key_path(key, c->scratch);
    return buf_ok(c->scratch) ? table_get(t, buf_str(c->scratch)) : NULL;
}

const struct fn *catalog_find(const struct catalog *c, const struct fn_key *key)
{
    return key->name.n > 0 ? lookup(c, &c->fns, key) : NULL;
}

const struct fn *catalog_find_path(const struct catalog *c, struct str path)
{
    return table_get(&c->fns, path);
}

const struct space *catalog_find_space(const struct catalog *c, const struct fn_key *key)
{
    struct fn_key space = *key;

    space.name = STR_NONE;
    return lookup(c, &c->spaces, &space);
}

static bool matches(const struct catalog_filter *want, const struct fn *f)
{
    return (want->dialect < 0 || (int)f->dialect == want->dialect) &&
           (want->account.n == 0 || str_eq(want->account, str_of(f->account))) &&
           (want->region.n == 0 || str_eq(want->region, str_of(f->region))) &&
           (want->space.n == 0 || str_eq(want->space, str_of(f->space)));
}

void catalog_each(const struct catalog *c, const struct catalog_filter *filter,
                  bool (*fn)(void *user, const struct fn *f), void *user)
{
    for (size_t i = 0; i < c->fns.n; i++) {
        const struct fn *f = c->fns.rows[i].record;

        if (matches(filter, f) && !fn(user, f))
            return;
    }
}

void catalog_each_space(const struct catalog *c, const struct catalog_filter *filter,
                        bool (*fn)(void *user, const struct space *s), void *user)
{
    for (size_t i = 0; i < c->spaces.n; i++) {
        const struct space *s = c->spaces.rows[i].record;

        if ((filter->dialect < 0 || (int)s->dialect == filter->dialect) &&
            (filter->account.n == 0 || str_eq(filter->account, str_of(s->account))) &&
            (filter->region.n == 0 || str_eq(filter->region, str_of(s->region))) && !fn(user, s))
            return;
    }
}

size_t catalog_count(const struct catalog *c)
{
    return c->fns.n;
}

void catalog_limit(struct catalog *c, size_t most)
{
    c->most = most;
}

size_t catalog_most(const struct catalog *c)
{
    return c->most;
}

void catalog_on_change(struct catalog *c, catalog_change_fn *fn, void *user)
{
    c->on_change = fn;
    c->on_change_user = user;
}

void catalog_install(struct catalog *c, const struct kind *kind, struct str path,
                     const void *record)
{
    const void *old = table_set(table_of(c, kind), path, record);

    if (old || record)
        kind->changed(c, path, old, record);
}
