/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_gw_rewrite.c - rewrite rules of custom domains: what is taken can be applied, and the result is
 * a path. First line: a rewriteConfig as JSON; the rest: a path.
 */
#include "fuzz.h"

#include "base/err.h"
#include "base/json.h"
#include "gateway/fc/fc_rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str path = {(const char *)data, size}, json = str_cut(&path, '\n');
    struct cJSON *tree = json_parse(json, NULL);
    struct fc_rules *rules = NULL;
    struct err e = {0};
    struct buf out, again;

    if (!tree)
        return 0;
    buf_init(&out, 1 << 20);
    buf_init(&again, 1 << 20);
    if (fc_rules_new(tree, &rules, &e) < 0) {
        holds(e.code < 0 && e.msg[0] && !rules);
    } else if (path.p && fc_rules_apply(rules, path, &out)) {
        holds(rules && out.n > 0 && out.p[0] == '/');
        holds(fc_rules_apply(rules, path, &again) && str_eq(buf_str(&out), buf_str(&again)));
    } else {
        holds(out.n == 0);
    }
    fc_rules_free(rules);
    buf_done(&out);
    buf_done(&again);
    json_free(tree);
    return 0;
}
