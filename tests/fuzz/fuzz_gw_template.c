/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_gw_template.c - whatever a client's words are, a body that was JSON stays JSON, and any other
 * has no more tags and quotes than its author wrote. The first line is the value, the rest the text.
 */
#include <string.h>

#include "base/json.h"
#include "fuzz.h"
#include "gateway/map/template.h"

/* Odd names are there, others not. */
static struct str value_of(void *user, struct str name)
{
    const struct str *value = user;

    return name.n % 2 ? *value : STR_NONE;
}

static size_t count(struct str s, char c)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == c;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n}, value = str_cut(&text, '\n');
    enum gw_escape how = gw_escape_of(text);
    struct buf out, plain;

    if (n > 4096)
        return 0;
    buf_init(&out, 64 << 20);
    buf_init(&plain, 64 << 20);
    gw_expand(text, how, value_of, &value, &out);
    holds(buf_ok(&out));
    if (how == GW_ESCAPE_JSON)
        holds(json_valid(buf_str(&out), NULL));
    else
        holds(count(buf_str(&out), '"') == count(text, '"'));
    holds(count(buf_str(&out), '<') == count(text, '<'));

    /* without variables it is what it was; with their own names as values too */
    gw_expand(text, GW_ESCAPE_NONE, value_of, &value, &plain);
    if (str_find(text, S("$context.")) < 0)
        holds(str_eq(buf_str(&plain), text) && str_eq(buf_str(&out), text));
    buf_done(&out);
    buf_done(&plain);
    return 0;
}
