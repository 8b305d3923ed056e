/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_fn.c - stored records of functions.
 *
 * Properties: what is decoded encodes to the same bytes, if it is of today's format, and from then
 * on if it is of an older one; a record made from any UTF-8 text encodes to something that is
 * decoded to the same bytes again.
 */
#include <errno.h>

#include "fn/fn.h"
#include "fuzz.h"

enum { MAX_INPUT = 16 * 1024, MAX_TEXT = 1024 * 1024 };

static void check_decoded(struct str text)
{
    struct fn *f, *g = NULL;
    struct buf again, third;
    int r = fn_decode(text, 1, &f, NULL);

    holds(r == 0 || r == -EINVAL);
    if (r < 0)
        return;
    buf_init(&again, MAX_TEXT);
    buf_init(&third, MAX_TEXT);
    fn_encode(f, &again);
    holds(buf_ok(&again));
    holds(str_eq(buf_str(&again), text) == str_starts(text, S("{\"v\":5,")));
    holds(fn_decode(buf_str(&again), 1, &g, NULL) == 0);
    fn_encode(g, &third);
    holds(str_eq(buf_str(&again), buf_str(&third)));
    buf_done(&again);
    buf_done(&third);
    fn_unref(f);
    fn_unref(g);
}

static void check_made(struct str text)
{
    struct str account = str_cut(&text, '|'), name = str_cut(&text, '|');
    struct fn_key key = {DIALECT_SCF, account, STR_NONE, S("s"), name};
    struct fn *f = fn_new(&key), *g = NULL;
    struct buf first, second;

    buf_init(&first, MAX_TEXT);
    buf_init(&second, MAX_TEXT);
    fn_set(&f->description, str_cut(&text, '|'));
    while (text.p) {
        struct str var = str_cut(&text, '|');

        fn_add_var(f, str_cut(&var, '='), var);
    }
    fn_encode(f, &first);
    holds(buf_ok(&first));
    holds(fn_decode(buf_str(&first), 1, &g, NULL) == 0);
    fn_encode(g, &second);
    holds(str_eq(buf_str(&first), buf_str(&second)));
    fn_unref(f);
    fn_unref(g);
    buf_done(&first);
    buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};

    if (n > MAX_INPUT)
        return 0;
    check_decoded(text);
    if (str_utf8(text) && !str_has(text, '\0'))
        check_made(text);
    return 0;
}
