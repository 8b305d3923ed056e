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
 * A path is decoded once, segment by segment: "%2f" is no separator, "%252e" is the text "%2e". What
 * could mean something else to whoever decodes it again is refused: ".", "..", NUL, bytes that are no
 * UTF-8 (overlong forms among them).
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
#include "base/cleanup.h"
#include "base/err.h"
#include "base/map.h"
#include "base/uri.h"

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

/* A path or pattern, taken apart. */
struct segments {
    struct str at[GW_SEGMENTS]; /* decoded */
    size_t from[GW_SEGMENTS];   /* where each begins in the raw path */
    size_t n;
    bool more; /* there are more than fit */
};

/* ---- taking apart ---- */

static bool may_mislead(struct str decoded)
{
    return str_eq(decoded, S(".")) || str_eq(decoded, S("..")) || str_has(decoded, '\0') ||
           !str_utf8(decoded);
}

static int decode(struct str raw, struct arena *space, struct str *ret)
{
    cleanup_with(buf_done) struct buf b = {0};
    char *copy;

    buf_init(&b, raw.n);
    *ret = raw;
    if (!str_has(raw, '%'))
        return 0;
    if (uri_decode(raw, false, &b) < 0)
        return -EINVAL;
    copy = buf_ok(&b) ? arena_strdup(space, buf_str(&b)) : NULL;
    if (!copy)
        return -ENOMEM;
    *ret = (struct str){copy, b.n};
    return 0;
}

static int split(struct str path, struct arena *space, struct segments *ret)
{
    struct str rest = path;

    ret->n = 0;
    ret->more = false;
    if (path.n == 0 || path.p[0] != '/')
        return -EINVAL;
    (void)str_cut(&rest, '/');
    while (rest.p) {
        size_t from = (size_t)(rest.p - path.p);
        struct str segment;
        int r = decode(str_cut(&rest, '/'), space, &segment);

        if (r == 0 && may_mislead(segment))
            r = -EINVAL;
        if (r < 0)
            return r;
        ret->more = ret->n == GW_SEGMENTS;
        if (ret->more)
            continue; /* but look at all of them */
        ret->from[ret->n] = from;
        ret->at[ret->n++] = segment;
    }
    return 0;
}

static bool is_capture(struct str segment)
{
    return segment.n > 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

static bool is_rest(struct str segment)
{
    return is_capture(segment) && segment.p[segment.n - 2] == '+';
}

/* "{name}", "{name+}" -> name */
static struct str capture_name(struct str segment)
{
    return (struct str){segment.p + 1, segment.n - (is_rest(segment) ? 3 : 2)};
}

static bool good_name(struct str name)
{
    if (name.n == 0 || name.n > 32)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = str_lower(name.p[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
            return false;
    }
    return true;
}

static int check_capture(struct str segment, bool last, struct err *e)
{
    if (!is_capture(segment))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'%.*s' is neither a text nor a parameter: braces stand around a whole "
                       "segment",
                       STR_ARG(segment));
    if (!good_name(capture_name(segment)))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'%.*s': a parameter's name is 1 to 32 letters, digits, '-', '_' or '.'",
                       STR_ARG(segment));
    if (is_rest(segment) && !last)
        return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' takes the rest, so it must come last",
                       STR_ARG(segment));
    return 0;
}

static int check_literal(struct str segment, struct err *e)
{
    cleanup_with(buf_done) struct buf b;

    buf_init(&b, GW_PATTERN);
    if (uri_decode(segment, false, &b) < 0 || may_mislead(buf_str(&b)))
        return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' cannot be part of a path", STR_ARG(segment));
    for (size_t i = 0; i < segment.n; i++)
        if ((unsigned char)segment.p[i] <= ' ' || strchr("?#\\\x7f", segment.p[i]))
            return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' has a character no path can have",
                           STR_ARG(segment));
    return 0;
}

/* The same name twice would leave one of the two values nowhere to go. */
static bool named_before(struct str pattern, struct str segment)
{
    struct str rest = {pattern.p, (size_t)(segment.p - pattern.p)};

    while (rest.p) {
        struct str s = str_cut(&rest, '/');

        if (is_capture(s) && str_eq(capture_name(s), capture_name(segment)))
            return true;
    }
    return false;
}

int gw_pattern_check(struct str pattern, struct err *e)
{
    struct str rest = pattern;
    size_t segments = 0, captures = 0;

    if (pattern.n == 0 || pattern.p[0] != '/')
        return err_set(e, ERR_CALLER, -EINVAL, "a path begins with '/'");
    if (pattern.n > GW_PATTERN)
        return err_set(e, ERR_CALLER, -EINVAL, "a path has at most %d bytes", GW_PATTERN);
    (void)str_cut(&rest, '/');
    while (rest.p) {
        struct str segment = str_cut(&rest, '/');
        bool braces = str_has(segment, '{') || str_has(segment, '}');
        int r = braces ? check_capture(segment, !rest.p, e) : check_literal(segment, e);

        if (r < 0)
            return r;
        if (braces && named_before(pattern, segment))
            return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' is there twice", STR_ARG(segment));
        captures += braces;
        segments++;
    }
    if (segments > GW_SEGMENTS)
        return err_set(e, ERR_CALLER, -EINVAL, "a path has at most %d segments", GW_SEGMENTS);
    if (captures > GW_CAPTURES)
        return err_set(e, ERR_CALLER, -EINVAL, "a path has at most %d parameters", GW_CAPTURES);
    return 0;
}

/* ---- methods ---- */

static bool in_list(struct str list, struct str method)
{
    while (list.p)
        if (str_eq(str_trim(str_cut(&list, ',')), method))
            return true;
    return false;
}

enum fit { NOT, ANYWAY, BY_NAME };

static enum fit fits(const struct gw_api *a, struct str method)
{
    if (a->methods[0])
        return in_list(str_of(a->methods), method) ? BY_NAME : NOT;
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

        if (is_rest(segment)) {
            ret->ending = REST;
            return;
        }
        if (!rest.p && segment.n == 0 && ret->ending == PREFIX)
            return; /* "/a/" is the beginning of what "/a" is */
        assert(ret->n < GW_SEGMENTS);
        if (is_capture(segment))
            ret->steps[ret->n++] = STR_NONE;
        else if (decode(segment, ret->space, &ret->steps[ret->n]) == 0)
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
    rows->at = xrealloc(rows->at, rows->n + 1, sizeof(*rows->at));
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
    const struct segments *path;
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
    int r = decode(str_from(raw, from), space, &value);

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

        if (!is_capture(segment))
            continue;
        ret->captures[ret->ncaptures].name = capture_name(segment);
        ret->captures[ret->ncaptures++].value = s->path->at[i];
    }
    if (s->ending == REST)
        return add_rest(raw, from, capture_name(rest), space, ret);
    if (s->ending == PREFIX && ret->ncaptures < GW_CAPTURES)
        return add_rest(raw, from, S(""), space, ret);
    return 0;
}

int gw_table_find(const struct gw_table *t, const struct gw_group *group, struct str stage,
                  struct str method, struct str path, struct arena *space, struct gw_match *ret)
{
    struct segments segments;
    struct search s = {.path = &segments, .method = method, .ending = EXACT};
    char room[STAGE_KEY];
    struct str key = stage_key(group, stage, room);
    const struct node *root = key.n > 0 ? map_get(t->stages, key) : NULL;
    int r = split(path, space, &segments);

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
