/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match.c - the route table: a tree of path segments for each group and stage.
 *
 * A node has its literal children in a hash table, one child for "any segment", and the APIs that end
 * there, in three lists: those that want the path to end here too, those that take the rest of it by
 * name ("{rest+}", one segment at least), and those that are the beginning of a path. A search goes
 * down at most two ways per segment, and never where no pattern is; so it costs what the path's
 * segments cost, whatever else is in the table. (Who makes all patterns of a group ambiguous at every
 * depth pays for it, in that group.)
 *
 * What goes before what, from the strongest rule to the weakest:
 *   (1) a pattern that takes the whole path, before one that takes its beginning;
 *   (2) of beginnings the longest;
 *   (3) further left, a literal before a parameter;
 *   (4) of two that end at one place the one that names the rest;
 *   (5) a method by name before ANY.
 * An API whose method does not fit does not hide another one that does.
 *
 * How a path and a pattern fall into segments: pattern.c.
 *
 * What always holds:
 *   (1) a node but a root has an API or a child: dropping an API prunes what it leaves empty.
 *   (2) no two APIs of a list of a node take the same method by name, and at most one is for ANY.
 *   (3) an API is in the table under the pattern, stage and group it was added with: it is immutable.
 */
#include "gateway/model/match.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/map.h"
#include "gateway/model/pattern.h"

enum { STAGE_KEY = 320 };

enum ending { EXACT, REST, PREFIX, ENDINGS };

struct rows {
    struct gw_api **at; /* referenced */
    size_t n;
};

struct node {
    struct map *literals; /* NULL: none */
    struct node *any;
    struct rows rows[ENDINGS];
};

struct gw_table {
    struct map *hosts;  /* name -> struct gw_group, referenced */
    struct map *stages; /* stage_key() -> struct node, a root */
    size_t count;
};

/* ---- methods ---- */

enum fit { NOT, ANYWAY, BY_NAME };

static enum fit fits(const struct gw_api *a, struct str method)
{
    if (a->methods[0])
        return gw_lists_method(str_of(a->methods), method) ? BY_NAME : NOT;
    if (str_eq(str_of(a->method), method))
        return BY_NAME;
    return str_eq(str_of(a->method), S("ANY")) ? ANYWAY : NOT;
}

static bool same_methods(const struct gw_api *a, const struct gw_api *b)
{
    struct str list = str_of(a->methods[0] ? a->methods : a->method);

    while (list.p)
        if (fits(b, str_trim(str_cut(&list, ','))) == BY_NAME)
            return true;
    return false;
}

static struct gw_api *row_for(const struct rows *rows, struct str method)
{
    struct gw_api *best = NULL;

    for (size_t i = 0; i < rows->n; i++) {
        enum fit fit = fits(rows->at[i], method);

        if (fit == BY_NAME)
            return rows->at[i];
        if (fit == ANYWAY)
            best = rows->at[i];
    }
    return best;
}

/* ---- the tree ---- */

static struct node *node_free(struct node *n)
{
    struct str key;
    void *child;
    size_t cursor = 0;

    if (!n)
        return NULL;
    while (n->literals && map_next(n->literals, &cursor, &key, &child))
        node_free(child);
    map_free(n->literals);
    node_free(n->any);
    for (int e = 0; e < ENDINGS; e++) {
        for (size_t i = 0; i < n->rows[e].n; i++)
            gw_api_unref(n->rows[e].at[i]);
        free(n->rows[e].at);
    }
    free(n);
    return NULL;
}

static bool node_empty(const struct node *n)
{
    return !n->any && !n->literals && n->rows[EXACT].n + n->rows[REST].n + n->rows[PREFIX].n == 0;
}

static struct node *literal_child(const struct node *n, struct str segment)
{
    return n->literals ? map_get(n->literals, segment) : NULL;
}

/* The way a pattern takes through the tree, and which list it ends in. */
struct way {
    struct str steps[GW_SEGMENTS]; /* p NULL: any segment */
    size_t n;
    enum ending ending;
    struct arena *space; /* owned: way_done() */
};

static void way_of(const struct gw_api *a, struct way *ret)
{
    struct str pattern = str_of(a->pattern), rest = pattern;

    *ret = (struct way){.ending = a->prefix ? PREFIX : EXACT, .space = arena_new(16 << 10)};
    (void)str_cut(&rest, '/');
    while (rest.p) {
        struct str segment = str_cut(&rest, '/');

        if (gw_is_rest(segment)) {
            ret->ending = REST;
            return;
        }
        if (!rest.p && segment.n == 0 && ret->ending == PREFIX)
            return; /* "/a/" is the beginning of what "/a" is */
        assert(ret->n < GW_SEGMENTS);
        if (gw_is_capture(segment))
            ret->steps[ret->n++] = STR_NONE;
        else if (gw_segment_decode(segment, ret->space, &ret->steps[ret->n]) == 0)
            ret->n++;
    }
}

static void way_done(struct way *w)
{
    w->space = arena_free(w->space);
}

static struct node *walk(struct node *n, struct str step, bool make)
{
    struct node *child = step.p ? literal_child(n, step) : n->any;

    if (child || !make)
        return child;
    child = xnew(struct node);
    if (!step.p) {
        n->any = child;
    } else {
        if (!n->literals)
            n->literals = map_new();
        (void)map_put(n->literals, step, child);
    }
    return child;
}

static void cut_off(struct node *n, struct str step)
{
    if (!step.p) {
        n->any = node_free(n->any);
        return;
    }
    node_free(map_del(n->literals, step));
    if (map_count(n->literals) == 0)
        n->literals = map_free(n->literals);
}

static void drop_row(struct rows *rows, const struct gw_api *a)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->at[i] != a)
            continue;
        gw_api_unref(rows->at[i]);
        rows->at[i] = rows->at[--rows->n];
        return;
    }
    assert(!"an API that is in the table");
}

static void drop_below(struct node *n, const struct way *w, size_t depth, const struct gw_api *a)
{
    struct node *child;

    if (depth == w->n) {
        drop_row(&n->rows[w->ending], a);
        return;
    }
    child = walk(n, w->steps[depth], false);
    assert(child);
    drop_below(child, w, depth + 1, a);
    if (node_empty(child))
        cut_off(n, w->steps[depth]);
}

/* ---- groups and stages ---- */

/* Empty: longer than any key we have. */
static struct str stage_key(const struct gw_group *group, struct str stage, char room[STAGE_KEY])
{
    size_t n = strlen(group->id);

    if (n + 1 + stage.n > STAGE_KEY)
        return S("");
    memcpy(room, group->id, n);
    room[n] = '\n'; /* in no id */
    if (stage.n > 0)
        memcpy(room + n + 1, stage.p, stage.n);
    return (struct str){room, n + 1 + stage.n};
}

struct gw_table *gw_table_new(void)
{
    struct gw_table *t = xnew(struct gw_table);

    t->hosts = map_new();
    t->stages = map_new();
    return t;
}

struct gw_table *gw_table_free(struct gw_table *t)
{
    struct str key;
    void *value;
    size_t cursor = 0;

    if (!t)
        return NULL;
    while (map_next(t->stages, &cursor, &key, &value))
        node_free(value);
    cursor = 0;
    while (map_next(t->hosts, &cursor, &key, &value))
        gw_group_unref(value);
    map_free(t->stages);
    map_free(t->hosts);
    free(t);
    return NULL;
}

int gw_table_add_host(struct gw_table *t, struct str host, struct gw_group *group)
{
    struct gw_group *there = map_get(t->hosts, host);

    if (there && strcmp(there->id, group->id) != 0)
        return -EEXIST;
    (void)map_put(t->hosts, host, gw_group_ref(group));
    gw_group_unref(there);
    return 0;
}

void gw_table_drop_host(struct gw_table *t, struct str host)
{
    gw_group_unref(map_del(t->hosts, host));
}

struct gw_group *gw_table_host(const struct gw_table *t, struct str host)
{
    return map_get(t->hosts, host);
}

static const struct gw_api *rival(const struct rows *rows, const struct gw_api *a)
{
    for (size_t i = 0; i < rows->n; i++)
        if (same_methods(a, rows->at[i]) || same_methods(rows->at[i], a))
            return rows->at[i];
    return NULL;
}

int gw_table_add(struct gw_table *t, struct gw_api *a)
{
    char room[STAGE_KEY];
    struct str key = stage_key(a->group, str_of(a->stage), room);
    struct node *n = map_get(t->stages, key);
    struct rows *rows;
    struct way w;

    if (key.n == 0)
        return -ENAMETOOLONG;
    if (!n) {
        n = xnew(struct node);
        (void)map_put(t->stages, key, n);
    }
    way_of(a, &w);
    for (size_t i = 0; i < w.n; i++)
        n = walk(n, w.steps[i], true);
    rows = &n->rows[w.ending];
    way_done(&w);
    if (rival(rows, a))
        return -EEXIST;
    rows->at = xrealloc(rows->at, rows->n + 1, sizeof(struct gw_api *));
    rows->at[rows->n++] = gw_api_ref(a);
    t->count++;
    return 0;
}

const struct gw_api *gw_table_rival(const struct gw_table *t, const struct gw_api *a)
{
    char room[STAGE_KEY];
    struct str key = stage_key(a->group, str_of(a->stage), room);
    struct node *n = key.n > 0 ? map_get(t->stages, key) : NULL;
    struct way w;

    way_of(a, &w);
    for (size_t i = 0; n && i < w.n; i++)
        n = walk(n, w.steps[i], false);
    way_done(&w);
    return n ? rival(&n->rows[w.ending], a) : NULL;
}

void gw_table_drop(struct gw_table *t, const struct gw_api *a)
{
    char room[STAGE_KEY];
    struct str key = stage_key(a->group, str_of(a->stage), room);
    struct node *root = map_get(t->stages, key);
    struct way w;

    assert(root);
    way_of(a, &w);
    drop_below(root, &w, 0, a); /* the last reference may go with it */
    way_done(&w);
    t->count--;
    if (node_empty(root)) {
        (void)map_del(t->stages, key);
        node_free(root);
    }
}

size_t gw_table_count(const struct gw_table *t)
{
    return t->count;
}

bool gw_table_has_stage(const struct gw_table *t, const struct gw_group *group, struct str stage)
{
    char room[STAGE_KEY];
    struct str key = stage_key(group, stage, room);

    return key.n > 0 && map_get(t->stages, key) != NULL;
}

/* ---- a search ---- */

struct search {
    const struct gw_segments *path;
    struct str method;
    size_t visited;
    bool path_known;     /* some API has the path, whatever its method */
    struct gw_api *best; /* of those that take a beginning: the deepest so far */
    enum ending ending;
    size_t depth;
};

static struct gw_api *ask(struct search *s, const struct rows *rows)
{
    s->path_known |= rows->n > 0;
    return row_for(rows, s->method);
}

static struct gw_api *find_exact(struct search *s, const struct node *n, size_t depth)
{
    struct gw_api *found = NULL;
    const struct node *child;

    s->visited++;
    if (depth == s->path->n)
        return ask(s, &n->rows[EXACT]);
    child = literal_child(n, s->path->at[depth]);
    if (child)
        found = find_exact(s, child, depth + 1);
    if (!found && n->any && s->path->at[depth].n > 0)
        found = find_exact(s, n->any, depth + 1);
    return found;
}

static void offer(struct search *s, struct gw_api *a, enum ending ending, size_t depth)
{
    if (!a || (s->best && depth <= s->depth))
        return;
    s->best = a;
    s->ending = ending;
    s->depth = depth;
}

/* Deeper ones first, and of two as deep the literal: it is offered first. */
static void find_beginning(struct search *s, const struct node *n, size_t depth)
{
    const struct node *child;
    bool more = depth < s->path->n;

    s->visited++;
    if (more) {
        child = literal_child(n, s->path->at[depth]);
        if (child)
            find_beginning(s, child, depth + 1);
        if (n->any && s->path->at[depth].n > 0)
            find_beginning(s, n->any, depth + 1);
    }
    if (more && (s->path->at[depth].n > 0 || depth + 1 < s->path->n))
        offer(s, ask(s, &n->rows[REST]), REST, depth);
    offer(s, ask(s, &n->rows[PREFIX]), PREFIX, depth);
}

static int add_rest(struct str raw, size_t from, struct str name, struct arena *space,
                    struct gw_match *ret)
{
    struct str value = STR_NONE;
    int r = gw_segment_decode(str_from(raw, from), space, &value);

    if (r < 0)
        return r;
    ret->captures[ret->ncaptures].name = name;
    ret->captures[ret->ncaptures++].value = value.p ? value : S("");
    return 0;
}

static int fill(const struct search *s, struct str raw, struct arena *space, struct gw_match *ret)
{
    struct str rest = str_of(ret->api->pattern);
    size_t taken = s->ending == EXACT ? s->path->n : s->depth;
    size_t from = taken < s->path->n ? s->path->from[taken] : raw.n;

    (void)str_cut(&rest, '/');
    for (size_t i = 0; i < taken && rest.p; i++) {
        struct str segment = str_cut(&rest, '/');

        if (!gw_is_capture(segment))
            continue;
        ret->captures[ret->ncaptures].name = gw_capture_name(segment);
        ret->captures[ret->ncaptures++].value = s->path->at[i];
    }
    if (s->ending == REST)
        return add_rest(raw, from, gw_capture_name(rest), space, ret);
    if (s->ending == PREFIX && ret->ncaptures < GW_CAPTURES)
        return add_rest(raw, from, S(""), space, ret);
    return 0;
}

int gw_table_find(const struct gw_table *t, const struct gw_group *group, struct str stage,
                  struct str method, struct str path, struct arena *space, struct gw_match *ret)
{
    struct gw_segments segments;
    struct search s = {.path = &segments, .method = method, .ending = EXACT};
    char room[STAGE_KEY];
    struct str key = stage_key(group, stage, room);
    const struct node *root = key.n > 0 ? map_get(t->stages, key) : NULL;
    int r = gw_segments_of(path, space, &segments);

    ret->api = NULL;
    ret->ncaptures = 0;
    ret->visited = 0;
    if (r < 0)
        return r;
    if (!root)
        return -ENOENT;
    if (!segments.more)
        ret->api = find_exact(&s, root, 0);
    if (!ret->api) {
        find_beginning(&s, root, 0);
        ret->api = s.best;
    }
    ret->visited = s.visited;
    if (!ret->api)
        return s.path_known ? -EACCES : -ENOENT;
    return fill(&s, path, space, ret);
}
