/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorizer_identity.c - are the identities there, and what key do they make?
 *
 * Every value of a name counts, not the first one only: what the function sees of a repeated header
 * or parameter is the shape's affair, and a key made of less than it sees would let one caller
 * answer for another. For the same reason a header that Connection names is not there: it stays on
 * our side (map/headers.c), so the function would be asked about somebody it does not see, and what
 * it says would be remembered for whoever that header names.
 *
 * The key: authorizer's id, NUL, revision, then for each identity its values, each with its length
 * in front and an end mark behind the last, so that no two lists of values look alike. It does not
 * name the API: the same identity is the same caller wherever the authorizer is asked, as the
 * cloud's documents describe the cache.
 */
#include "gateway/guard/authorizer_identity.h"

#include <errno.h>

#include "base/arena.h"
#include "base/err.h"
#include "dialect/shape.h"
#include "gateway/map/headers.h"
#include "gateway/model/model.h"
#include "http/server.h"

/* Goes over the values of one identity in order: false at the end. */
static bool next_value(const struct gw_identify *what, const struct gw_identity *id, size_t *cursor,
                       struct str *ret)
{
    struct str name = str_of(id->name);

    if (id->place == GW_IN_HEADER) {
        if (gw_header_is_named(http_header(what->req, S("connection")), name))
            return false;
        for (; *cursor < what->req->nheaders; ++*cursor)
            if (str_ieq(what->req->headers[*cursor].name, name)) {
                *ret = what->req->headers[(*cursor)++].value;
                return true;
            }
        return false;
    }
    for (; *cursor < what->nquery; ++*cursor)
        if (str_eq(what->query[*cursor].name, name)) {
            *ret = what->query[(*cursor)++].value;
            return true;
        }
    return false;
}

/* Bytes of its values in the key, or why not. */
static int check(const struct gw_identify *what, const struct gw_identity *id,
                 struct gw_patterns *patterns, size_t *bytes, struct err *e)
{
    size_t cursor = 0;
    struct str value;
    bool any = false;
    int r;

    while (next_value(what, id, &cursor, &value)) {
        any = any || value.n > 0;
        *bytes += sizeof(uint32_t) + value.n;
        if (!id->validation || !id->validation[0])
            continue;
        r = gw_patterns_match(patterns, str_of(id->validation), value, e);
        if (r < 0)
            return err_wrap(e, r, "identity '%s'", id->name);
        if (r == 0)
            return err_set(e, ERR_CALLER, -EACCES, "identity '%s' is not valid", id->name);
    }
    *bytes += sizeof(uint32_t);
    return any ? 0 : err_set(e, ERR_CALLER, -ENOENT, "identity '%s' is missing", id->name);
}

static char *put(char *at, const void *p, size_t n)
{
    if (n)
        memcpy(at, p, n);
    return at + n;
}

static void write_key(const struct gw_identify *what, char *at)
{
    const struct gw_authorizer *a = what->authorizer;
    const uint32_t end = UINT32_MAX;
    struct str value;

    at = put(at, a->id, strlen(a->id) + 1);
    at = put(at, &a->revision, sizeof(a->revision));
    for (uint32_t i = 0; i < a->nidentities; i++) {
        for (size_t cursor = 0; next_value(what, &a->identities[i], &cursor, &value);) {
            uint32_t n = (uint32_t)value.n;

            at = put(at, &n, sizeof(n));
            at = put(at, value.p, value.n);
        }
        at = put(at, &end, sizeof(end));
    }
}

int gw_identify(const struct gw_identify *what, struct gw_patterns *patterns, struct arena *arena,
                struct str *ret_key, struct err *e)
{
    const struct gw_authorizer *a = what->authorizer;
    size_t bytes = 0;
    char *key;
    int r;

    *ret_key = STR_NONE;
    gw_patterns_begin(patterns);
    for (uint32_t i = 0; i < a->nidentities; i++) {
        r = check(what, &a->identities[i], patterns, &bytes, e);
        if (r < 0)
            return r;
    }
    if (a->ttl_s == 0 || a->nidentities == 0 || bytes > GW_IDENTITY_BYTES)
        return 0;

    bytes += strlen(a->id) + 1 + sizeof(a->revision);
    key = arena_alloc(arena, bytes);
    if (!key)
        return 0;
    write_key(what, key);
    *ret_key = (struct str){key, bytes};
    return 0;
}
