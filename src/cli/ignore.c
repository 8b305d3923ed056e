/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ignore.c - rules as gitignore(5) has them, because everybody knows these.
 *
 * A pattern without a slash is stored with "**" and a slash in front, so there is one kind of pattern:
 * anchored. ignore_glob() walks it once and remembers two places to come back to, the last "*" and
 * the last "**": what an earlier star could still try, the later one can too. So a hostile pattern costs
 * pattern x path steps and no more.
 *
 * Source: https://git-scm.com/docs/gitignore
 */
#include "cli/ignore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"

struct rule {
    char *pattern; /* owned */
    bool take_back, directory;
};

struct ignore {
    struct rule rules[IGNORE_RULES];
    size_t n;
};

const char ignore_name[] = ".evokeignore";
const char ignore_built_in[] = ".git\n"
                               ".hg\n"
                               ".svn\n"
                               "__pycache__\n"
                               ".DS_Store\n"
                               "*.swp\n"
                               "*~\n"
                               ".#*\n"
                               "/.evokeignore\n"
                               "/evoke.yaml\n";

/* ---- does a path fit a pattern ---- */

/* "[...]" at p, which is not a slash's. Returns what follows it, or NULL: there is no ']'. */
static const char *fit_class(const char *p, unsigned char c, bool *ret)
{
    bool negated = p[1] == '!' || p[1] == '^', found = false;
    const char *from = p + 1 + negated;

    for (p = from; *p && (*p != ']' || p == from); p++) {
        unsigned char low = (unsigned char)*p, high;

        if (low == '\\' && p[1])
            low = (unsigned char)*++p;
        high = low;
        if (p[1] == '-' && p[2] && p[2] != ']') {
            p += 2;
            if (*p == '\\' && p[1])
                p++;
            high = (unsigned char)*p;
        }
        found |= c >= low && c <= high;
    }
    *ret = found != negated && c != '/';
    return *p ? p + 1 : NULL;
}

/* One character of the path by one thing of the pattern; NULL: it does not fit. */
static const char *fit_one(const char *p, char c)
{
    const char *behind;
    bool fits;

    switch (*p) {
    case '?':
        return c != '/' ? p + 1 : NULL;
    case '[':
        behind = fit_class(p, (unsigned char)c, &fits);
        if (behind)
            return fits ? behind : NULL;
        break;
    case '\\':
        if (p[1])
            p++;
        break;
    default:
        break;
    }
    return *p && *p == c ? p + 1 : NULL;
}

/* "**" as a whole name, here. */
static bool is_deep(const char *pattern, const char *p)
{
    return p[0] == '*' && p[1] == '*' && (p == pattern || p[-1] == '/') &&
           (p[2] == '/' || p[2] == 0);
}

bool ignore_glob(const char *pattern, const char *path)
{
    const char *p = pattern, *s = path, *star = NULL, *star_s = NULL, *deep = NULL, *deep_s = NULL;

    while (*s) {
        const char *next;

        if (is_deep(pattern, p)) {
            p += 2;
            if (!*p)
                return true;
            deep = ++p;
            deep_s = s;
            star = NULL;
        } else if (*p == '*') {
            while (*p == '*')
                p++;
            star = p;
            star_s = s;
        } else if ((next = fit_one(p, *s))) {
            p = next;
            s++;
        } else if (star && *star_s != '/') {
            p = star;
            s = ++star_s;
        } else if (deep && (deep_s = strchr(deep_s, '/'))) {
            p = deep;
            s = ++deep_s;
            star = NULL;
        } else {
            return false;
        }
    }
    while (*p == '*')
        p++;
    return !*p;
}

/* ---- rules ---- */

static struct str without_end(struct str line)
{
    if (str_ends(line, S("\r")))
        line.n--;
    while (str_ends(line, S(" ")) && !str_ends(line, S("\\ ")))
        line.n--;
    return line;
}

static int add_rule(struct ignore *ig, struct str line, struct err *e)
{
    struct rule rule = {0};
    bool anchored;

    line = without_end(line);
    if (line.n == 0 || str_starts(line, S("#")))
        return 0;
    if (str_starts(line, S("!"))) {
        rule.take_back = true;
        line = str_from(line, 1);
    }
    if (str_ends(line, S("/"))) {
        rule.directory = true;
        line.n--;
    }
    anchored = str_has(line, '/');
    if (str_starts(line, S("/")))
        line = str_from(line, 1);
    if (line.n == 0)
        return 0;
    if (ig->n == IGNORE_RULES)
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "more than %d rules", IGNORE_RULES);
    rule.pattern = xasprintf("%s%.*s", anchored ? "" : "**/", STR_ARG(line));
    ig->rules[ig->n++] = rule;
    return 0;
}

int ignore_add(struct ignore *ig, struct str text, struct err *e)
{
    size_t number = 0;

    while (text.p) {
        struct str line = str_cut(&text, '\n');
        int r;

        number++;
        if (line.n > IGNORE_LINE || memchr(line.p ? line.p : "", 0, line.n))
            return err_set(e, ERR_CALLER, -EINVAL, "line %zu: %s", number,
                           line.n > IGNORE_LINE ? "a rule has at most 1024 bytes"
                                                : "a rule is text");
        r = add_rule(ig, line, e);
        if (r < 0)
            return err_wrap(e, r, "line %zu", number);
    }
    return 0;
}

struct ignore *ignore_new(void)
{
    struct ignore *ig = xnew(struct ignore);

    (void)ignore_add(ig, str_of(ignore_built_in), NULL);
    return ig;
}

struct ignore *ignore_free(struct ignore *ig)
{
    for (size_t i = 0; ig && i < ig->n; i++)
        free(ig->rules[i].pattern);
    free(ig);
    return NULL;
}

void ignore_freep(struct ignore **ig)
{
    *ig = ignore_free(*ig);
}

bool ignore_fits(const struct ignore *ig, const char *path, bool directory)
{
    for (size_t i = ig->n; i-- > 0;) {
        const struct rule *rule = &ig->rules[i];

        if ((directory || !rule->directory) && ignore_glob(rule->pattern, path))
            return !rule->take_back;
    }
    return false;
}

bool ignore_covers(const struct ignore *ig, const char *path, bool directory)
{
    cleanup_free char *part = xstrdup(path);

    for (char *slash = strchr(part, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (ignore_fits(ig, part, true))
            return true;
        *slash = '/';
    }
    return ignore_fits(ig, path, directory);
}
