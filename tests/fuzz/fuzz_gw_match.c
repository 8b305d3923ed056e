/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The route table against a matcher that knows no tree: it looks at every API in turn and keeps the
 * best by the rules of match.h. Both must name the same API, with the same values, for every path; and
 * after all are dropped nothing is left.
 *
 * Input: lines. "GET /a/{x}" adds an API, "GET /a*" one that is a prefix, "=GET /a/b" asks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/obj.h"
#include "base/uri.h"
#include "fuzz.h"
#include "gateway/model/match.h"

enum { APIS = 64, PARTS = 256 };

struct world {
    struct gw_table *t;
    struct gw_group *group;
    struct gw_api *apis[APIS];
    size_t n;
};

/* ---- the plain matcher ---- */

struct parts {
    char *at[PARTS]; /* decoded, owned */
    size_t n;
};

static void parts_done(struct parts *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->at[i]);
}

/* False: it has a part that no path may have, or more than we look at. */
static bool take_apart(struct str path, struct parts *ret)
{
    struct str rest = str_from(path, 1);
    bool good = path.n > 0 && path.p[0] == '/';

    ret->n = 0;
    if (!good)
        return false;
    do {
        struct str raw = str_cut(&rest, '/');
        struct buf b;

        buf_init(&b, raw.n + 1);
        good = ret->n < PARTS && !memchr(raw.p, '\0', raw.n) && uri_decode(raw, false, &b) == 0 &&
               str_utf8(buf_str(&b)) && !str_eq(buf_str(&b), S(".")) &&
               !str_eq(buf_str(&b), S("..")) && strlen(b.p) == b.n;
        if (good)
            ret->at[ret->n++] = buf_take(&b);
        else
            buf_done(&b);
    } while (good && rest.p);
    return good;
}

/* What an API makes of a path; more is better, word by word. */
struct fit {
    bool fits, method;
    unsigned exact, length, named; /* rules 1 and 2 of match.c */
    uint64_t literals;             /* rule 3: a bit per segment, the first one highest */
    unsigned by_name;              /* rule 4 */
};

static struct fit fit_of(const struct gw_api *a, const struct parts *path, struct str method)
{
    struct str pattern = str_from(str_of(a->pattern), 1);
    struct fit f = {.exact = !a->prefix};
    size_t i = 0;

    do {
        struct str part = str_cut(&pattern, '/');
        bool capture = part.n > 2 && part.p[0] == '{' && part.p[part.n - 1] == '}';

        if (capture && part.p[part.n - 2] == '+') {
            f.exact = 0;
            f.named = 1;
            f.fits = i < path->n && (path->at[i][0] || i + 1 < path->n);
            break;
        }
        if (!pattern.p && part.n == 0 && a->prefix)
            break;
        if (i == path->n || (capture && !path->at[i][0]))
            return (struct fit){0};
        if (!capture) {
            struct buf b;
            bool same;

            buf_init(&b, part.n + 1);
            same = uri_decode(part, false, &b) == 0 && strcmp(b.p, path->at[i]) == 0;
            buf_done(&b);
            if (!same)
                return (struct fit){0};
            f.literals |= 1ull << (63 - i);
        }
        i++;
    } while (pattern.p);
    if (!f.named)
        f.fits = a->prefix || i == path->n;
    if (f.exact && path->n > GW_SEGMENTS)
        f.fits = false;
    f.length = (unsigned)i;
    f.by_name = str_eq(str_of(a->method), method);
    f.method = f.by_name || strcmp(a->method, "ANY") == 0;
    return f;
}

static bool better(const struct fit *x, const struct fit *y)
{
    if (x->exact != y->exact)
        return x->exact > y->exact;
    if (x->length != y->length)
        return x->length > y->length;
    if (x->exact == 0 && x->named != y->named && x->literals == y->literals)
        return x->named > y->named;
    if (x->literals != y->literals)
        return x->literals > y->literals;
    return x->by_name > y->by_name;
}

static int plain_find(const struct world *w, struct str method, struct str path,
                      const struct gw_api **ret)
{
    struct parts parts;
    struct fit best = {0};
    bool known = false;

    *ret = NULL;
    if (!take_apart(path, &parts)) {
        parts_done(&parts);
        return -EINVAL;
    }
    for (size_t i = 0; i < w->n; i++) {
        struct fit f = fit_of(w->apis[i], &parts, method);

        known |= f.fits;
        if (f.fits && f.method && (!*ret || better(&f, &best))) {
            best = f;
            *ret = w->apis[i];
        }
    }
    parts_done(&parts);
    return *ret ? 0 : known ? -EACCES : -ENOENT;
}

/* ---- lines ---- */

static void add(struct world *w, struct str method, struct str pattern)
{
    bool prefix = pattern.n > 1 && pattern.p[pattern.n - 1] == '*';
    struct gw_api *a;

    if (prefix)
        pattern.n--;
    if (w->n == APIS || method.n == 0 || str_has(method, '\0') || str_has(pattern, '\0') ||
        gw_pattern_check(pattern, NULL) < 0)
        return;
    a = gw_api_new(w->group);
    gw_set(&a->method, method);
    gw_set(&a->pattern, pattern);
    a->prefix = prefix && !str_ends(pattern, S("+}"));
    if (gw_table_add(w->t, a) == 0)
        w->apis[w->n++] = a;
    else
        gw_api_unref(a);
}

static void ask(const struct world *w, struct str method, struct str path)
{
    struct arena *space = arena_new(1 << 20);
    const struct gw_api *plain;
    struct gw_match m;
    int r = gw_table_find(w->t, w->group, S(""), method, path, space, &m);
    struct parts parts;
    bool few = take_apart(path, &parts) || parts.n < PARTS;

    parts_done(&parts);
    if (few && r != -ENOMEM) {
        int s = plain_find(w, method, path, &plain);

        holds(r == s);
        holds(r < 0 || m.api == plain);
    }
    for (size_t i = 0; r == 0 && i < m.ncaptures; i++)
        holds(str_utf8(m.captures[i].value) && !str_has(m.captures[i].value, '\0'));
    arena_free(space);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.t = gw_table_new(), .group = gw_group_new(DIALECT_FC, "g", "g")};
    struct str rest = {(const char *)data, size};

    while (rest.p && rest.n < 1 << 16) {
        struct str line = str_cut(&rest, '\n'), method;
        bool question = line.n > 0 && line.p[0] == '=';

        line = str_from(line, question);
        method = str_cut(&line, ' ');
        if (question && line.p)
            ask(&w, method, line);
        else if (line.p)
            add(&w, method, line);
    }
    holds(gw_table_count(w.t) == w.n);
    while (w.n > 0) {
        gw_table_drop(w.t, w.apis[--w.n]);
        holds(w.apis[w.n]->refs == 1);
        gw_api_unref(w.apis[w.n]);
    }
    holds(!gw_table_has_stage(w.t, w.group, S("")));
    gw_table_free(w.t);
    gw_group_unref(w.group);
    return 0;
}
