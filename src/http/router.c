/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router.c - a tree of path segments, compiled once from a dialect's table.
 *
 * Each node has literal children, at most one capture child, and the rows that end there (one per
 * method). A search tries the literal child first and comes back for the capture if nothing was
 * found below, so "/a/b/d" finds "/{x}/b/d" although "/a/{y}/c" exists. Segments are decoded before
 * they are compared: "/v2%2e0" and "/v2.0" are the same resource, while "a%2Fb" is one segment.
 *
 * Tables have tens of rows; children are a plain list. Depth is bounded, and so is the cost: a path
 * visits a node at most once per way to reach it, and every way needs a row of the table.
 */
#include "http/router.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/obj.h"
#include "base/uri.h"

enum { MAX_SEGMENTS = 32, MAX_SEGMENT_BYTES = 64 * 1024 };

struct node {
    struct str literal;        /* borrowed from the row's pattern; unused in a capture */
    struct node *sibling;      /* owned; next literal child of the same parent */
    struct node *literals;     /* owned */
    struct node *capture;      /* owned */
    const struct route **rows; /* owned array of borrowed rows */
    size_t nrows;
};

struct router {
    struct node *root; /* owned */
};

struct path {
    struct str segments[MAX_SEGMENTS]; /* decoded */
    size_t n;
};

static struct node *node_free(struct node *n)
{
    while (n) {
        struct node *next = n->sibling;

        node_free(n->literals);
        node_free(n->capture);
        free(n->rows);
        free(n);
        n = next;
    }
    return NULL;
}

struct router *router_new(void)
{
    struct router *r = xnew(struct router);

    r->root = xnew(struct node);
    return r;
}

struct router *router_free(struct router *r)
{
    if (r) {
        node_free(r->root);
        free(r);
    }
    return NULL;
}

static struct node *find_literal(const struct node *parent, struct str segment)
{
    for (struct node *n = parent->literals; n; n = n->sibling)
        if (str_eq(n->literal, segment))
            return n;
    return NULL;
}

static struct node *add_child(struct node *parent, struct str segment)
{
    struct node *n;

    if (segment.n && segment.p[0] == '{') {
        assert(segment.n > 2 && segment.p[segment.n - 1] == '}');
        if (!parent->capture)
            parent->capture = xnew(struct node);
        return parent->capture;
    }
    assert(!str_has(segment, '{') && !str_has(segment, '}'));
    n = find_literal(parent, segment);
    if (!n) {
        n = xnew(struct node);
        n->literal = segment;
        n->sibling = parent->literals;
        parent->literals = n;
    }
    return n;
}

static const struct route *row_of(const struct node *n, struct str method)
{
    for (size_t i = 0; i < n->nrows; i++)
        if (str_eq(str_of(n->rows[i]->method), method))
            return n->rows[i];
    return NULL;
}

void router_add(struct router *r, const struct route *row)
{
    struct str rest = str_of(row->pattern);
    struct node *n = r->root;
    size_t captures = 0, segments = 0;

    assert(rest.n && rest.p[0] == '/');
    str_cut(&rest, '/');
    while (rest.p) {
        struct str segment = str_cut(&rest, '/');

        captures += segment.n && segment.p[0] == '{';
        segments++;
        n = add_child(n, segment);
    }
    assert(captures <= ROUTE_CAPTURES && segments <= MAX_SEGMENTS);
    assert(!row_of(n, str_of(row->method)));
    n->rows = xrealloc(n->rows, n->nrows + 1, sizeof(const struct route *));
    n->rows[n->nrows++] = row;
}

static int decode_segment(struct str raw, struct arena *space, struct str *ret)
{
    cleanup_with(buf_done) struct buf b;
    char *copy;
    int r;

    buf_init(&b, MAX_SEGMENT_BYTES);
    *ret = raw;
    if (str_has(raw, '\0')) /* encoded or not: behind us it would end a string */
        return -EINVAL;
    if (!str_has(raw, '%'))
        return 0;
    r = uri_decode(raw, false, &b);
    if (r < 0)
        return r;
    copy = buf_ok(&b) ? arena_strdup(space, buf_str(&b)) : NULL;
    if (!copy)
        return -ENOMEM;
    *ret = (struct str){copy, b.n};
    return 0;
}

/* A malformed escape counts even in a path that is too deep for any row. */
static int split(struct str path, struct arena *space, struct path *ret)
{
    bool too_deep = false;

    ret->n = 0;
    if (path.n == 0 || path.p[0] != '/')
        return -ENOENT;
    str_cut(&path, '/');
    while (path.p) {
        struct str segment;
        int r = decode_segment(str_cut(&path, '/'), space, &segment);

        if (r < 0)
            return r;
        if (ret->n == MAX_SEGMENTS)
            too_deep = true;
        else
            ret->segments[ret->n++] = segment;
    }
    return too_deep ? -ENOENT : 0;
}

/* -ENOENT, or -EACCES once some row had this path: the better news of two branches wins. */
static int find(const struct node *n, const struct path *path, size_t depth, struct str method,
                struct route_match *m)
{
    size_t ncaptures = m->ncaptures;
    const struct node *literal;
    int r = -ENOENT, s;

    if (depth == path->n) {
        m->row = row_of(n, method);
        return m->row ? 0 : n->nrows ? -EACCES : -ENOENT;
    }
    literal = find_literal(n, path->segments[depth]);
    if (literal)
        r = find(literal, path, depth + 1, method, m);
    if (r == 0 || !n->capture || path->segments[depth].n == 0)
        return r;
    m->ncaptures = ncaptures;
    m->captures[m->ncaptures++] = path->segments[depth];
    s = find(n->capture, path, depth + 1, method, m);
    if (s < 0)
        m->ncaptures = ncaptures;
    return s == -ENOENT ? r : s;
}

int router_find(const struct router *r, struct str method, struct str path, struct arena *space,
                struct route_match *ret)
{
    struct route_match m = {0};
    struct path segments;
    int s;

    s = split(path, space, &segments);
    if (s == 0)
        s = find(r->root, &segments, 0, method, &m);
    if (s < 0)
        return s;
    for (size_t i = 0; i < m.ncaptures; i++) {
        char *copy = arena_strdup(space, m.captures[i]);

        if (!copy)
            return -ENOMEM;
        m.captures[i].p = copy;
    }
    *ret = m;
    return 0;
}
