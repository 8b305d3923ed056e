/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_alias.c - stored records of aliases. Property: what is decoded encodes to the same bytes, and
 * so does its copy. */
#include <errno.h>

#include "fn/alias.h"
#include "fuzz.h"

enum { MAX_INPUT = 16 * 1024, MAX_TEXT = 1024 * 1024 };

static void check_same(const struct alias *a, struct str text)
{
    struct buf again;

    buf_init(&again, MAX_TEXT);
    alias_encode(a, &again);
    holds(buf_ok(&again) && str_eq(buf_str(&again), text));
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    struct alias *a, *copy;
    int r;

    if (n > MAX_INPUT)
        return 0;
    r = alias_decode(text, 1, &a, NULL);
    holds(r == 0 || r == -EINVAL);
    if (r < 0)
        return 0;
    copy = alias_copy(a);
    check_same(a, text);
    alias_unref(a);
    check_same(copy, text);
    alias_unref(copy);
    return 0;
}
