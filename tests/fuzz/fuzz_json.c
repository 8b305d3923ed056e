/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_json.c - the scan and the tree builder agree.
 *
 * Properties: whatever the scan accepts, the tree builder builds, but for what the tree cannot hold
 * (it then says so, with -EINVAL); whatever is built is printed as valid JSON; and printing that
 * again changes nothing.
 */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "fuzz.h"

enum { MAX_INPUT = 16 * 1024, MAX_TEXT = 1024 * 1024 };

static void check_round_trip(const struct cJSON *tree)
{
    struct err e = {0};
    struct cJSON *again;
    struct buf a, b;

    buf_init(&a, MAX_TEXT);
    buf_init(&b, MAX_TEXT);
    json_print(tree, &a);
    holds(buf_ok(&a));
    holds(json_valid(buf_str(&a), NULL));
    again = json_parse(buf_str(&a), &e);
    holds(again);
    json_print(again, &b);
    holds(str_eq(buf_str(&a), buf_str(&b)));
    json_free(again);
    buf_done(&a);
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    struct err e = {0};
    struct cJSON *tree;
    size_t offset = 0;
    bool valid;

    if (n > MAX_INPUT)
        return 0;
    valid = json_valid(text, &offset);
    holds(valid || offset <= n);
    tree = json_parse(text, &e);
    holds(tree || e.code == -EINVAL);
    holds(valid || !tree);
    if (tree)
        check_round_trip(tree);
    json_free(tree);
    return 0;
}
