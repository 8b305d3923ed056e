/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.c - groups, families, and the lines in which jobs wait.
 *
 * A group lives while it has an instance or a waiting job, or reserves instances, or is to remember
 * that it fails; a family while it has a group. So what
 * is known of a function here is gone soon after it was last used.
 */
#include "pool/group.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/map.h"
#include "fn/fn.h"
#include "pool/pool.h"

enum { PATH_MAX_BYTES = 64 * 1024 }; /* of a key; its parts are bounded by who made the function */

void lines_init(struct lines *ls)
{
    ls->groups = map_new();
    ls->families = map_new();
    list_init(&ls->hungry);
    list_init(&ls->waiting);
}

void lines_done(struct lines *ls)
{
    ls->groups = map_free(ls->groups);
    ls->families = map_free(ls->families);
}

/* The pointer is the key, not what it points to. */
static struct str group_key(const struct fn *const *fn)
{
    return (struct str){(const char *)fn, sizeof(*fn)}; /* NOLINT(bugprone-sizeof-expression) */
}

/* No path has a '#': its parts are percent-encoded. */
static void family_path(const struct fn *fn, bool house, struct buf *out)
{
    struct fn_key key = fn_key_of(fn);

    buf_init(out, PATH_MAX_BYTES);
    fn_key_path(&key, out);
    if (!house && fn->published_ms != 0) {
        buf_addc(out, '#');
        buf_addz(out, fn->version);
    }
}

static struct family *find(const struct lines *ls, const struct fn *fn, bool house)
{
    struct buf path;
    struct family *f;

    family_path(fn, house, &path);
    f = map_get(ls->families, buf_str(&path));
    buf_done(&path);
    return f;
}

struct family *family_find(const struct lines *ls, const struct fn *fn)
{
    return find(ls, fn, false);
}

static struct family *family_new(struct lines *ls, const struct fn *fn, bool house)
{
    struct family *f = xnew(struct family);
    struct buf path;

    f->house = f;
    list_init(&f->groups);
    list_init(&f->versions);
    list_init(&f->in_house);
    family_path(fn, house, &path);
    map_put(ls->families, buf_str(&path), f);
    buf_done(&path);
    return f;
}

static struct family *house_of(struct lines *ls, const struct fn *fn)
{
    struct family *f = find(ls, fn, true);

    return f ? f : family_new(ls, fn, true);
}

static struct family *family_of(struct lines *ls, const struct fn *fn)
{
    struct family *f = find(ls, fn, false);

    if (!f && fn->published_ms == 0) {
        f = family_new(ls, fn, true);
    } else if (!f) {
        f = family_new(ls, fn, false);
        f->house = house_of(ls, fn);
        list_push_back(&f->house->versions, &f->in_house);
    }
    if (fn->revision >= f->newest) {
        f->newest = fn->revision;
        f->max_instances = fn->max_instances;
    }
    return f;
}

static void family_unless_used(struct lines *ls, struct family *f, const struct fn *fn)
{
    struct family *house = f->house;
    struct buf path;

    if (!list_empty(&f->groups) || !list_empty(&f->versions))
        return;
    family_path(fn, f == house, &path);
    map_del(ls->families, buf_str(&path));
    buf_done(&path);
    list_remove(&f->in_house);
    if (f != house)
        family_unless_used(ls, house, fn);
    free(f);
}

struct group *group_of(struct pool *p, struct lines *ls, const struct fn *fn)
{
    struct group *g = map_get(ls->groups, group_key(&fn));

    if (g)
        return g;
    g = xnew(struct group);
    g->pool = p;
    g->fn = fn_ref(fn);
    g->family = family_of(ls, fn);
    list_init(&g->kin);
    list_init(&g->instances);
    list_init(&g->starting);
    list_init(&g->idle);
    list_init(&g->roomy);
    list_init(&g->waiting);
    list_init(&g->later);
    list_init(&g->loads);
    list_init(&g->hungry);
    list_init(&g->kept_node);
    list_init(&g->sick_node);
    list_init(&g->unused_node);
    list_push_back(&g->family->groups, &g->kin);
    map_put(ls->groups, group_key(&fn), g);
    return g;
}

bool group_is_outdated(const struct group *g)
{
    return g->fn->revision < g->family->newest;
}

struct group *group_free(struct lines *ls, struct group *g)
{
    list_remove(&g->kin);
    family_unless_used(ls, g->family, g->fn);
    list_remove(&g->kept_node);
    list_remove(&g->sick_node);
    list_remove(&g->unused_node);
    failure_free(g->failure);
    fn_unref(g->fn);
    free(g);
    return NULL;
}

void group_unless_used(struct lines *ls, struct group *g)
{
    if (g->ninstances > 0 || g->nwaiting > 0 || g->reserved > 0 || g->failures > 0)
        return;
    map_del(ls->groups, group_key(&g->fn));
    group_free(ls, g);
}

void wait_in_line(struct lines *ls, struct group *g, struct job *job, uint64_t now_ns)
{
    job->wait_ns = now_ns;
    list_push_back(job->background ? &g->later : &g->waiting, &job->node);
    list_push_back(&ls->waiting, &job->wait_node);
    g->nwaiting++;
    g->family->nwaiting++;
    ls->nwaiting++;
    g->nurgent += !job->background;
    g->family->nurgent += !job->background;
    ls->nurgent += !job->background;
    if (list_empty(&g->hungry))
        list_push_back(&ls->hungry, &g->hungry);
}

void leave_line(struct lines *ls, struct group *g, struct job *job)
{
    list_remove(&job->node);
    list_remove(&job->wait_node);
    g->family->nwaiting--;
    ls->nwaiting--;
    g->nurgent -= !job->background;
    g->family->nurgent -= !job->background;
    ls->nurgent -= !job->background;
    if (--g->nwaiting == 0)
        list_remove(&g->hungry);
}

const struct job *next_in_line(const struct group *g)
{
    const struct list *it = list_first(&g->waiting);

    if (!it)
        it = list_first(&g->later);
    return it ? container_of(it, const struct job, node) : NULL;
}

struct job *first_in_line(struct lines *ls, struct group *g)
{
    struct job *job = (struct job *)next_in_line(g);

    if (job)
        leave_line(ls, g, job);
    return job;
}
