/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.c - the one spelling of a function's name that stores, caches and tables agree on.
 *
 * Every part is percent-encoded before the slashes are put in, so a part can hold a slash and two
 * keys never share a path. Only unreserved characters stay as they are: which means a path is also
 * plain ASCII and sorts the same everywhere.
 */
#include "fn/key.h"

#include <assert.h>
#include <errno.h>

#include "base/obj.h"
#include "base/uri.h"

const char *const dialect_names[DIALECTS] = {
        [DIALECT_FUNCTIONGRAPH] = "functiongraph",
        [DIALECT_FC] = "fc",
        [DIALECT_SCF] = "scf",
};

int dialect_of(struct str name, enum dialect *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(dialect_names); i++)
        if (str_eq(name, str_of(dialect_names[i]))) {
            *ret = (enum dialect)i;
            return 0;
        }
    return -EINVAL;
}

void fn_key_path(const struct fn_key *key, struct buf *out)
{
    const struct str parts[] = {key->account, key->region, key->space, key->name};
    size_t n = key->name.n > 0 ? 4 : 3;

    assert(key->dialect < DIALECTS);
    buf_addz(out, dialect_names[key->dialect]);
    for (size_t i = 0; i < n; i++) {
        buf_addc(out, '/');
        uri_encode(parts[i], "", out);
    }
}
