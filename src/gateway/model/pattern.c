/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.c - paths and the patterns of APIs, segment by segment.
 *
 * A path is decoded once, segment by segment: "%2f" is no separator, "%252e" is the text "%2e". What
 * could mean something else to whoever decodes it again is refused: ".", "..", NUL, bytes that are no
 * UTF-8 (overlong forms among them).
 */
#include "gateway/model/pattern.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/uri.h"

/* ---- taking apart ---- */

static bool may_mislead(struct str decoded)
{
    return str_eq(decoded, S(".")) || str_eq(decoded, S("..")) || str_has(decoded, '\0') ||
           !str_utf8(decoded);
}

int gw_segment_decode(struct str raw, struct arena *space, struct str *ret)
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

int gw_segments_of(struct str path, struct arena *space, struct gw_segments *ret)
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
        int r = gw_segment_decode(str_cut(&rest, '/'), space, &segment);

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

bool gw_is_capture(struct str segment)
{
    return segment.n > 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

bool gw_is_rest(struct str segment)
{
    return gw_is_capture(segment) && segment.p[segment.n - 2] == '+';
}

struct str gw_capture_name(struct str segment)
{
    return (struct str){segment.p + 1, segment.n - (gw_is_rest(segment) ? 3 : 2)};
}

/* ---- may it be one? ---- */

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
    if (!gw_is_capture(segment))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'%.*s' is neither a text nor a parameter: braces stand around a whole "
                       "segment",
                       STR_ARG(segment));
    if (!good_name(gw_capture_name(segment)))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'%.*s': a parameter's name is 1 to 32 letters, digits, '-', '_' or '.'",
                       STR_ARG(segment));
    if (gw_is_rest(segment) && !last)
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
    struct str rest = {pattern.p, (size_t)(segment.p - pattern.p)}, name = gw_capture_name(segment);

    while (name.p && rest.p) {
        struct str s = str_cut(&rest, '/');

        if (gw_is_capture(s) && str_eq(gw_capture_name(s), name))
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
