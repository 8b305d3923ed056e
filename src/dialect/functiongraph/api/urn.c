/* SPDX-License-Identifier: Apache-2.0 */
/*
 * urn.c - one function, six spellings.
 *
 * The service splits on ':' and accepts 1, 2, 3, 4, 7 or 8 segments; what the middle ones mean is
 * published nowhere. We read each as the tail of the long form, which is the one reading under
 * which every documented example agrees (docs/compat/functiongraph-api.md).
 */
#include "dialect/functiongraph/api/urn.h"

#include <errno.h>

#include "base/err.h"

enum { SEGMENTS = 8 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9');
}

static bool made_of(struct str s, size_t max, const char *also)
{
    if (!s.p || s.n == 0 || s.n > max)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || !strchr(also, s.p[i])))
            return false;
    return true;
}

bool fg_name_ok(struct str s)
{
    return s.p && made_of(s, FG_NAME_MAX, "_-") && is_letter(s.p[0]) && is_alnum(s.p[s.n - 1]);
}

bool fg_project_ok(struct str s)
{
    return made_of(s, FG_PART_MAX, "_-");
}

bool fg_version_ok(struct str s)
{
    return made_of(s, FG_VERSION_MAX, "_-.") && is_alnum(s.p[0]) && is_alnum(s.p[s.n - 1]);
}

bool fg_alias_ok(struct str s)
{
    return made_of(s, FG_ALIAS_MAX, "_-.") && is_alnum(s.p[0]) && is_alnum(s.p[s.n - 1]);
}

static int wrong(struct err *e, const char *why, struct str part)
{
    return err_set(e, ERR_CALLER, -EINVAL, "the function URN %s: '%.*s'", why,
                   (int)(part.n < 80 ? part.n : 80), part.p ? part.p : "");
}

static int parse_qualifier(struct str s, struct fg_urn *u, struct err *e)
{
    u->qualified = true;
    if (s.n > 0 && s.p[0] == '!') {
        u->version = S("");
        u->alias = str_from(s, 1);
        return fg_alias_ok(u->alias) ? 0 : wrong(e, "has a malformed alias", s);
    }
    u->version = s;
    return fg_version_ok(s) ? 0 : wrong(e, "has a malformed version", s);
}

/* seg: n segments, 7 or 8. */
static int parse_head(const struct str *seg, struct fg_urn *u, struct err *e)
{
    if (!str_eq(seg[0], S("urn")) || !str_eq(seg[1], S("fss")))
        return wrong(e, "does not start with urn:fss", seg[0]);
    u->region = seg[2];
    if (!fg_project_ok(u->region))
        return wrong(e, "has a malformed region", u->region);
    u->project = seg[3];
    if (!fg_project_ok(u->project))
        return wrong(e, "has a malformed project id", u->project);
    return 0;
}

static int split(struct str text, struct str seg[SEGMENTS], size_t *ret_n, struct err *e)
{
    struct str rest = text;
    size_t n = 0;

    if (text.n == 0)
        return wrong(e, "is empty", text);
    if (text.n > FG_URN_MAX)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "the function URN has %zu characters, %d are allowed", text.n, FG_URN_MAX);
    while (rest.p) {
        if (n == SEGMENTS)
            return wrong(e, "has more than 8 segments", text);
        seg[n++] = str_cut(&rest, ':');
    }
    if (n == 5 || n == 6)
        return wrong(e, "has 5 or 6 segments, not 1, 2, 3, 4, 7 or 8", text);
    *ret_n = n;
    return 0;
}

int fg_urn_parse(struct str text, struct str region, struct str project, struct fg_urn *ret,
                 struct err *e)
{
    struct fg_urn u = {.region = region,
                       .project = project,
                       .package = S("default"),
                       .version = S("latest"),
                       .alias = S("")};
    struct str seg[SEGMENTS] = {{0}};
    size_t n = 0, name; /* place of the name */
    int r;

    r = split(text, seg, &n, e);
    if (r < 0)
        return r;

    name = n <= 2 ? 0 : n == 3 ? 1 : n == 4 ? 2 : 6;
    if (n >= 7) {
        r = parse_head(seg, &u, e);
        if (r < 0)
            return r;
    }
    if (name >= 2 && !str_eq(seg[name - 2], S("function")))
        return wrong(e, "does not say 'function'", seg[name - 2]);
    if (name >= 1)
        u.package = seg[name - 1];
    if (!fg_name_ok(u.package))
        return wrong(e, "has a malformed package", u.package);
    u.name = seg[name];
    if (!fg_name_ok(u.name))
        return wrong(e, "has a malformed function name", u.name);
    if (name + 1 < n) {
        r = parse_qualifier(seg[name + 1], &u, e);
        if (r < 0)
            return r;
    }
    *ret = u;
    return 0;
}

void fg_urn_print(const struct fg_urn *u, struct buf *out)
{
    buf_addf(out, "urn:fss:%.*s:%.*s:function:%.*s:%.*s:", STR_ARG(u->region), STR_ARG(u->project),
             STR_ARG(u->package), STR_ARG(u->name));
    if (u->alias.n > 0)
        buf_addc(out, '!');
    buf_adds(out, u->alias.n > 0 ? u->alias : u->version);
}
