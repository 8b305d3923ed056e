/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_router.c - a match means what it says: the row's pattern with the captures put back,
 * encoded, finds the same row and the same captures.
 *
 * The input is "METHOD path"; without a blank the method is GET.
 */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/uri.h"
#include "fuzz.h"
#include "http/router.h"

enum { MAX_INPUT = 4096, MAX_SPACE = 64 * 1024 };

static const struct route rows[] = {
        {"GET", "/"},          {"GET", "/a/{x}/c"},
        {"GET", "/{y}/b/d"},   {"POST", "/a/b"},
        {"GET", "/a/{x}"},     {"GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}"},
        {"PUT", "/a/{x}/{y}"}, {"GET", "/v2/{p}/fgs/functions/{urn}/config"},
};

static void rebuild(const struct route_match *m, struct buf *out)
{
    struct str rest = str_of(m->row->pattern);
    size_t i = 0;

    str_cut(&rest, '/');
    while (rest.p) {
        struct str segment = str_cut(&rest, '/');

        buf_addc(out, '/');
        if (segment.n && segment.p[0] == '{')
            uri_encode(m->captures[i++], "", out);
        else
            buf_adds(out, segment);
    }
    holds(i == m->ncaptures);
}

static void check_again(const struct router *r, struct str method, struct arena *space,
                        const struct route_match *m)
{
    struct route_match again;
    struct buf path;

    buf_init(&path, 4 * MAX_INPUT);
    rebuild(m, &path);
    holds(buf_ok(&path));
    holds(router_find(r, method, buf_str(&path), space, &again) == 0);
    holds(again.row == m->row && again.ncaptures == m->ncaptures);
    for (size_t i = 0; i < m->ncaptures; i++) {
        holds(m->captures[i].n > 0);
        holds(str_eq(again.captures[i], m->captures[i]));
    }
    buf_done(&path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str path = {(const char *)data, n}, method = S("GET");
    struct router *r;
    struct arena *space;
    struct route_match m;
    int found;

    if (n > MAX_INPUT)
        return 0;
    if (str_has(path, ' '))
        method = str_cut(&path, ' ');
    r = router_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        router_add(r, &rows[i]);
    space = arena_new(MAX_SPACE);
    found = router_find(r, method, path, space, &m);
    holds(found == 0 || found == -ENOENT || found == -EACCES || found == -EINVAL);
    if (found == 0) {
        holds(str_eq(str_of(m.row->method), method));
        check_again(r, method, space, &m);
    }
    arena_free(space);
    router_free(r);
    return 0;
}
