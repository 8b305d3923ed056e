/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gc.c - what no function names any more goes away: its blob and its code directory.
 *
 * A directory must not go while an instance runs on it: what is unlinked disappears from its mount
 * as well. An instance holds a reference to the record it was started for, so a record that leaves
 * the table stays in our list of retired ones until our reference is the last; the code of those
 * is kept like the code of records in the table.
 *
 * What is too young is kept as well: between catalog_put_code() and the record that will name it,
 * nothing but its age speaks for a package. Putting the same package again renews the age of both
 * copies (a directory's is its change time, since its other times are part of what we promise).
 *
 * The list of what is named is made on the loop and the looking is done on the worker pool. What is
 * put or named meanwhile is young. A directory that goes all the same is made again from its blob
 * (catalog_ready_code()); a blob cannot be, so blob.c lets no put come between look and removal.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/io.h"
#include "base/obj.h"
#include "catalog/internal.h"
#include "catalog/layers.h"
#include "loop/loop.h"
#include "store/blob.h"

enum { GC_MAGIC = 0x63676321 };

/* ---- records that left the table ---- */

static void bury(struct retired *rt)
{
    list_remove(&rt->node);
    fn_unref(rt->fn);
    free(rt);
}

static void prune(struct catalog *c)
{
    list_each (it, &c->retired) {
        struct retired *rt = container_of(it, struct retired, node);

        if (!rt->lent && rt->fn->refs == 1)
            bury(rt);
    }
}

static void on_next_turn(void *user)
{
    struct retired *rt = user;

    rt->lent = false;
    if (rt->fn->refs == 1 || list_empty(&rt->node)) /* nobody holds it, or the catalog is gone */
        bury(rt);
}

void catalog_retire(struct catalog *c, const struct fn *old)
{
    struct retired *rt = xnew(struct retired);

    rt->fn = old;
    rt->lent = true;
    prune(c);
    list_push_back(&c->retired, &rt->node);
    loop_defer(c->loop, on_next_turn, rt);
}

void catalog_retired_done(struct catalog *c)
{
    list_each (it, &c->retired) {
        struct retired *rt = container_of(it, struct retired, node);

        if (rt->lent)
            list_remove(&rt->node); /* on_next_turn() has it */
        else
            bury(rt);
    }
}

/* ---- collecting ---- */

struct gc {
    uint32_t magic;
    struct catalog *c;
    uint32_t grace_s;
    char (*named)[SHA256_HEX]; /* owned, sorted */
    size_t n, room;
    int r;
    struct catalog_gc removed;
    catalog_gc_fn *fn;
    void *user;
};

static int by_sha(const void *a, const void *b)
{
    return memcmp(a, b, SHA256_HEX);
}

static bool is_named(void *user, const char *sha)
{
    const struct gc *gc = user;

    return gc->n > 0 && bsearch(sha, gc->named, gc->n, SHA256_HEX, by_sha) != NULL;
}

static void name_sha(struct gc *gc, const char *sha)
{
    if (!sha[0])
        return;
    if (gc->n == gc->room) {
        gc->room = gc->room > 0 ? 2 * gc->room : 64;
        gc->named = xrealloc(gc->named, gc->room, SHA256_HEX);
    }
    memcpy(gc->named[gc->n++], sha, SHA256_HEX);
}

/* The union of its layers has a sha256 like any other, and no package's. */
static void name(struct gc *gc, const struct fn *f)
{
    char key[SHA256_HEX];

    name_sha(gc, f->code.sha);
    for (uint32_t i = 0; i < f->nlayers; i++)
        name_sha(gc, f->layers[i].sha);
    name_sha(gc, fn_layers_key(f, key));
}

static bool name_layer(void *user, const struct layer *l)
{
    name_sha(user, l->sha);
    return true;
}

void catalog_gc_spare(struct catalog *c, char (*shas)[SHA256_HEX], size_t n)
{
    free(c->spared);
    c->spared = shas;
    c->nspared = n;
}

static void list_named(struct gc *gc)
{
    struct catalog *c = gc->c;
    /* The analyzer does not see that prune() took what it freed out of the ring. */
    prune(c);
    for (size_t i = 0; i < c->fns.n; i++)
        name(gc, c->fns.rows[i].record);
    for (size_t i = 0; i < c->versions.n; i++)
        name(gc, c->versions.rows[i].record);
    catalog_each_layer(c, NULL, STR_NONE, name_layer, gc);
    for (size_t i = 0; i < c->nspared; i++)
        name_sha(gc, c->spared[i]);
    catalog_gc_spare(c, NULL, 0);
    list_each (it, &c->retired) { /* NOLINT(clang-analyzer-unix.Malloc) */
        name(gc, container_of(it, struct retired, node)->fn);
    }
    if (gc->n > 0)
        qsort(gc->named, gc->n, SHA256_HEX, by_sha);
}

/* Out of sight first, so that nobody finds half of it: catalog_open() sweeps this name too. */
static int remove_directory(int code_dir, const char *name)
{
    char aside[SHA256_HEX + 16];

    snprintf(aside, sizeof(aside), ".tmp-gc-%s", name);
    if (renameat(code_dir, name, code_dir, aside) < 0)
        return errno == ENOENT ? 0 : -errno;
    return io_remove_tree(code_dir, aside);
}

/* Of a package, "<sha>", or of a union of layers, "u-<sha>". */
static int collect_directory(struct gc *gc, const char *name, int64_t older_than_s)
{
    const char *sha = str_starts(str_of(name), S("u-")) ? name + 2 : name;
    struct stat st;
    int r;

    if (!is_hex(str_of(sha), SHA256_HEX - 1) || is_named(gc, sha))
        return 0;
    if (fstatat(gc->c->code_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (st.st_ctime > older_than_s)
        return 0;
    r = remove_directory(gc->c->code_dir, name);
    if (r == 0)
        gc->removed.directories++;
    return r;
}

static int collect_directories(struct gc *gc)
{
    int64_t older_than_s = (int64_t)time(NULL) - gc->grace_s;
    DIR *d = io_open_dir(gc->c->code_dir, ".");
    struct dirent *de;
    int r = 0, first = 0;

    if (!d)
        return -errno;
    while ((de = readdir(d))) {
        r = collect_directory(gc, de->d_name, older_than_s);
        if (r < 0 && first == 0)
            first = r; /* one that cannot be removed does not keep the others */
    }
    closedir(d);
    return first;
}

static void work_gc(void *user)
{
    struct gc *gc = OBJ(user, struct gc, GC_MAGIC);
    int r = collect_directories(gc);
    int blobs = blob_gc(gc->c->blobs, is_named, gc, gc->grace_s);

    if (blobs > 0)
        gc->removed.blobs = (uint32_t)blobs;
    gc->r = r < 0 ? r : blobs < 0 ? blobs : 0;
}

static void done_gc(void *user)
{
    struct gc *gc = OBJ(user, struct gc, GC_MAGIC);

    gc->fn(gc->user, gc->r, &gc->removed);
    catalog_ended(gc->c);
    free(gc->named);
    gc->magic = 0;
    free(gc);
}

void catalog_gc(struct catalog *c, uint32_t grace_s, catalog_gc_fn *fn, void *user)
{
    struct gc *gc = xnew(struct gc);

    gc->magic = GC_MAGIC;
    gc->c = c;
    gc->grace_s = grace_s;
    gc->fn = fn;
    gc->user = user;
    list_named(gc);
    catalog_began(c);
    loop_work(c->loop, work_gc, done_gc, gc);
}
