/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_deploy.c - a deploy request, as each cloud's function. A request that is taken makes a
 * record that can be stored: what is encoded is decoded, to the same bytes again. One that is
 * refused says why.
 */
#include <cjson/cJSON.h>

#include "admin/parse.h"
#include "base/err.h"
#include "base/json.h"
#include "fn/fn.h"
#include "fuzz.h"

enum { MAX_INPUT = 16 * 1024, MAX_TEXT = 1024 * 1024 };

static void can_be_stored(const struct fn *f)
{
    struct buf first, second;
    struct fn *again = NULL;
    struct err e = {0};

    buf_init(&first, MAX_TEXT);
    buf_init(&second, MAX_TEXT);
    fn_encode(f, &first);
    if (!buf_ok(&first) || fn_decode(buf_str(&first), 1, &again, &e) < 0)
        fprintf(stderr, "%s\n", e.msg);
    holds(again);
    fn_encode(again, &second);
    holds(str_eq(buf_str(&first), buf_str(&second)));
    fn_unref(again);
    buf_done(&first);
    buf_done(&second);
}

static void deploy(const struct cJSON *body, enum dialect dialect)
{
    const struct fn_key key = {dialect, S("1"), S("local-1"), S("s"), S("f")};
    struct admin_code code = {0};
    struct fn *f = fn_new(&key);
    struct err e = {0};

    buf_init(&code.zip, MAX_INPUT);
    if (admin_parse_deploy(body, f, &code, &e) < 0) {
        holds(e.code < 0 && e.kind == ERR_CALLER && e.msg[0]);
    } else {
        holds(code.source.p == NULL || code.zip.n == 0);
        can_be_stored(f);
    }
    buf_done(&code.zip);
    fn_unref(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    struct cJSON *body = n > MAX_INPUT ? NULL : json_parse(text, NULL);

    if (!body)
        return 0;
    for (int i = 0; i < DIALECTS; i++)
        deploy(body, (enum dialect)i);
    json_free(body);
    return 0;
}
