/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_urn.c - a URN that parses prints as its long form, and that form parses to the same parts.
 */
#include <assert.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "dialect/functiongraph/api/urn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct fg_urn *a, const struct fg_urn *b)
{
    assert(str_eq(a->region, b->region) && str_eq(a->project, b->project));
    assert(str_eq(a->package, b->package) && str_eq(a->name, b->name));
    assert(str_eq(a->version, b->version) && str_eq(a->alias, b->alias));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    cleanup_with(buf_done) struct buf printed;
    struct fg_urn u, again;
    struct err e = {0};
    int r;

    buf_init(&printed, 1024);
    r = fg_urn_parse(text, S("local-1"), S("project"), &u, &e);
    if (r < 0) {
        assert(e.kind == ERR_CALLER && e.msg[0] != '\0');
        return 0;
    }
    assert(fg_name_ok(u.name) && fg_name_ok(u.package));
    assert((u.version.n == 0) != (u.alias.n == 0));
    fg_urn_print(&u, &printed);
    assert(buf_ok(&printed));
    /* a short form may print longer than a URN may be written; its parts are still within theirs */
    if (printed.n > FG_URN_MAX)
        return 0;
    r = fg_urn_parse(buf_str(&printed), S(""), S(""), &again, &e);
    assert(r == 0 && again.qualified);
    same(&u, &again);
    return 0;
}
