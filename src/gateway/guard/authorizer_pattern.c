/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorizer_pattern.c - the expressions that identities are checked by, kept by their text, since a
 * request must not pay for compiling. When there are too many all of them go: whoever edits authorizers
 * that fast pays.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/map.h"
#include "gateway/guard/authorizer_identity.h"
#include "gateway/model/expression.h"

enum { MOST_PATTERNS = 512 };

struct gw_patterns {
    struct map *known; /* text -> struct gw_expression, owned */
    struct gw_matcher *matcher;
};

struct gw_patterns *gw_patterns_new(void)
{
    struct gw_patterns *p = xnew(struct gw_patterns);

    p->known = map_new();
    p->matcher = gw_matcher_new();
    return p;
}

static void forget_all(struct gw_patterns *p)
{
    size_t cursor = 0;
    struct str text;
    void *x;

    while (map_next(p->known, &cursor, &text, &x))
        gw_expression_free(x);
    p->known = map_free(p->known);
}

struct gw_patterns *gw_patterns_free(struct gw_patterns *p)
{
    if (!p)
        return NULL;
    forget_all(p);
    gw_matcher_free(p->matcher);
    free(p);
    return NULL;
}

static struct gw_expression *compile(struct gw_patterns *p, struct str text, struct err *e)
{
    struct gw_expression *x;

    if (text.n > GW_PATTERN_TEXT) {
        (void)err_set(e, ERR_CALLER, -EINVAL, "the expression has %zu bytes, at most %d are taken",
                      text.n, GW_PATTERN_TEXT);
        return NULL;
    }
    x = gw_expression_new(text, GW_OF_TEXT, e);
    if (!x) {
        (void)err_wrap(e, -EINVAL, "the expression is none");
        return NULL;
    }
    if (map_count(p->known) >= MOST_PATTERNS) {
        forget_all(p);
        p->known = map_new();
    }
    (void)map_put(p->known, text, x);
    return x;
}

void gw_patterns_begin(struct gw_patterns *p)
{
    gw_matcher_begin(p->matcher);
}

int gw_patterns_match(struct gw_patterns *p, struct str expression, struct str text, struct err *e)
{
    const struct gw_expression *x = map_get(p->known, expression);

    if (!x)
        x = compile(p, expression, e);
    if (!x)
        return -EINVAL;
    return gw_matcher_match(p->matcher, x, text) > 0;
}
